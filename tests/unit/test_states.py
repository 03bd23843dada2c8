"""The table of moves: it says what the design says, line by line."""

from __future__ import annotations

import pytest

from storage.states import ANSWERS, BY_HAND, FINAL, OCCUPYING, OPEN, TABLE, WISHES, Event, Kind, Notice, State, find
from tests.fakes.life import LIFE

_ALLOWANCE = {
    "": None,
    "release": "release",
    "charge": "charge",
    "own": "charge if its requester discarded it, else release",
}
_SPEND = {"": None, "reserve": "reserve", "release": "release", "bill": "bill", "assumed": "bill assumed"}


def test_the_code_s_table_is_the_design_s() -> None:
    """Every line of the design is a row of the code, with the same effects, and there is no other row."""
    design = {
        (each.source, each.event, each.when): (
            each.target,
            _ALLOWANCE[each.allowance],
            _SPEND[each.spend],
            None if each.kind in {"", "told"} else each.kind,
        )
        for each in LIFE
    }
    code = {
        (str(row.source), str(row.event), str(row.when)): (row.target, row.allowance, row.spend, row.kind)
        for row in TABLE.values()
    }
    assert code == design


def test_no_line_of_the_design_stands_twice() -> None:
    """A second line for the same state, event and circumstance would hide the first."""
    assert len({each.name for each in LIFE}) == len(LIFE)


def test_nothing_leads_out_of_a_final_state() -> None:
    """A delivered, failed or cancelled job has no row to go on from."""
    assert {row.source for row in TABLE.values()} == set(State) - FINAL


def test_a_job_that_ends_settles_its_allowance_exactly_once() -> None:
    """Every row into a final state charges or gives back, and no other row touches the allowance."""
    assert all((row.target in FINAL) == (row.allowance is not None) for row in TABLE.values())


def test_no_row_tells_of_the_card() -> None:
    """It is owed with every move that is not quiet, and only by a job that has one."""
    assert Notice.CARD not in {row.notice for row in TABLE.values()}


def test_a_wish_only_leaves_a_flag() -> None:
    """A cancel, keep or discard from submitting on changes neither state nor books, but a discard of a kept job ends it."""
    wishes = {(str(row.source), str(row.event)) for row in TABLE.values() if row.wish}
    flags = {(state, "cancel") for state in ("submitting", "unsure", "generating", "late")}
    assert wishes == flags | {(state, event) for state in ("generating", "late") for event in ("keep", "discarded")}


def test_the_words_of_the_design_are_the_words_of_the_code() -> None:
    """The failure kinds, the open states and those that take a place are the design's lists."""
    assert {str(kind) for kind in Kind} == {
        "moderated", "bad_input", "media_unreachable", "credentials", "no_credit", "provider_error", "no_output",
        "timed_out", "lost", "busy", "declined", "expired", "uncollected", "internal",
    }  # fmt: skip
    assert {str(state) for state in set(State) - OPEN - FINAL} == {"held", "unsure", "late", "kept"}
    assert {str(state) for state in OCCUPYING} == {"submitting", "unsure", "generating"}


def test_only_a_worker_s_events_need_a_fence() -> None:
    """What a person does needs none; what a paid call proves to be void does, as only its caller can know."""
    assert WISHES < BY_HAND
    assert {Event.APPROVED, Event.DECLINED, Event.TICKET, Event.LOST, Event.UNPAID, Event.COLLECTED} < BY_HAND
    assert not (ANSWERS - {Event.TICKET}) & BY_HAND


@pytest.mark.parametrize(
    ("state", "event", "flags", "target"),
    [
        (State.GENERATING, Event.FINISHED, {"hidden"}, State.CANCELLED),
        (State.GENERATING, Event.FINISHED, {"wished"}, State.FETCHING),
        (State.GENERATING, Event.REFUSED, {"hidden", "wished"}, State.CANCELLED),
        (State.UNSURE, Event.TICKET, {"overdue", "wished"}, State.LATE),
        (State.UNSURE, Event.VOID_WAIT, {"overdue", "wished"}, State.CANCELLED),
        (State.UNSURE, Event.VOID_WAIT, {"overdue"}, State.QUEUED),
        (State.SUBMITTING, Event.TICKET, {"wished", "overdue"}, State.GENERATING),
    ],
)
def test_a_row_for_the_job_as_it_is_goes_before_the_row_for_any(
    state: State, event: Event, flags: set[str], target: State
) -> None:
    """The circumstance that has a row of its own decides, the others are passed over."""
    row = find(state, event, **{flag: flag in flags for flag in ("hidden", "wished", "overdue")})
    assert row is not None
    assert row.target is target


def test_a_move_that_is_not_in_the_table_is_none() -> None:
    """There is no way from held straight to delivered."""
    assert find(State.HELD, Event.POSTED, hidden=False, wished=False, overdue=False) is None
