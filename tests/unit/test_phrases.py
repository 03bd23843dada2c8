"""What a card says in each state: one phrase that stands out, what follows, the buttons that help, and nothing untrue."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bot.cards import card
from bot.catalogue import Catalogue
from bot.phrases import Around
from bot.platforms.contract import Card, Moment, Style
from bot.platforms.text import headed
from bot.schedule import Usual
from bot.settings import load
from bot.standing import BLOCKED, SENT, SLOW_TO_ANSWER
from storage.contract import DELETED, Input, Job, Priced, Trail
from storage.states import FINAL, Kind, Notice, State
from tests.fakes.provider import imagined
from tests.unit.test_replies import HOLES, JOB, NOON_MS

USUAL = Usual(median_s=90, slow_s=240)
LIKELY_S = int(USUAL.likely_s * 1000) / 1000
AROUND = Around(now_ms=NOON_MS, usual=USUAL)
OFFER = Catalogue({"imagined": imagined("http://127.0.0.1:9")}, load(), Path("work")).offers["wan2.5@imagined"]


def made(state: State, around: Around = AROUND, **facts: Any) -> Card:
    """Return the card of a job that stands like this since noon."""
    return card(replace(JOB, state=state, state_since_ms=NOON_MS, **facts), around)


def words(of: Card) -> str:
    """Return what stands out and what follows, with a dot where a moment is."""
    return headed(of.head, tuple("." if isinstance(part, Moment) else part for part in of.text))


STATES: list[tuple[State, dict[str, Any], str]] = [
    (State.PREPARING, {}, "Starting"),
    (State.QUEUED, {}, "Next in line"),
    (State.QUEUED, {"detail": "busy"}, "fal is busy; waiting for a turn"),
    (State.SUBMITTING, {}, "Starting"),
    (State.GENERATING, {"detail": SENT}, "Starting"),
    (State.GENERATING, {"provider_place": 2}, "Waiting at fal, place 3"),
    (State.GENERATING, {"detail": SLOW_TO_ANSWER}, "fal is slow to answer, still looking."),
    (State.GENERATING, {}, "Rendering, ready ."),
    (
        State.GENERATING,
        {"due_at_ms": NOON_MS + 200_000},
        "Taking longer than usual, still running. Most take under 4 min.",
    ),
    (State.LATE, {}, "Overdue, still looking."),
    (
        State.LATE,
        {"retention_at_ms": NOON_MS},
        "Overdue, still looking. That ends .; it counts only if it comes.",
    ),
    (State.UNSURE, {}, "Waiting for an answer from fal. Nothing is sent again without you."),
    (State.FETCHING, {}, "Almost there"),
    (State.FETCHING, {"detail": f"{BLOCKED}: x.example"}, "It is ready, but lies where this bot may not fetch from."),
    (State.DELIVERING, {}, "Almost there"),
    (State.KEPT, {}, "Kept. It could not be posted here."),
    (State.DELIVERED, {"ended_at_ms": NOON_MS + 58_000}, "Done in 58 s"),
    (State.CANCELLED, {}, "Cancelled. Nothing was charged."),
    (
        State.CANCELLED,
        {"hidden": True, "cost_usd_micros": 500_000},
        "Discarded. fal charged $0.50 for it all the same.",
    ),
    (State.GENERATING, {"hidden": True}, "Discarded. fal charges $0.50 for it all the same."),
    (State.FAILED, {"failure": Kind.MODERATED}, "Refused by fal. Nothing was charged."),
    (
        State.FAILED,
        {"failure": Kind.MODERATED, "cost_usd_micros": 450_000},
        "Refused by fal. fal charged $0.45 for it all the same.",
    ),
    (
        State.HELD,
        {"budget": "scope:discord/1 $0.30/month settings"},
        "Waiting for the people who run this bot: it goes past the budget. Without an answer it ends ..",
    ),
    (
        State.HELD,
        {"budget": "scope:discord/1 $0.30/month scope:discord/1"},
        "Waiting for an admin: it goes past the budget. Without an answer it ends ..",
    ),
]


@pytest.mark.parametrize(("state", "facts", "told"), STATES, ids=range(len(STATES)))
def test_each_state_reads_as_it_should(state: State, facts: dict[str, Any], told: str) -> None:
    """The whole of it."""
    assert words(made(state, **facts)) == told


@pytest.mark.parametrize(("state", "cost"), list(product(State, (None, 0, 450_000))))
def test_no_card_has_a_hole(state: State, cost: int | None) -> None:
    """Also where the offer is not installed any more."""
    failure = Kind.INTERNAL if state is State.FAILED else None
    told = made(state, Around(now_ms=NOON_MS), cost_usd_micros=cost, failure=failure)
    for sentence in (words(told), told.line, *told.small):
        assert not HOLES.search(str(sentence)), sentence


@pytest.mark.parametrize("kind", Kind)
def test_every_failure_is_named_in_a_few_words(kind: Kind) -> None:
    """The sentence with what to do stands in the thread."""
    told = made(State.FAILED, failure=kind)
    assert told.head.endswith(".")
    assert len(told.head) < 40


@pytest.mark.parametrize(
    ("ahead", "place"), [(0, "Next in line"), (1, "2nd in line"), (2, "3rd in line"), (10, "11th"), (21, "22nd")]
)
def test_a_place_in_the_line_is_an_ordinal(ahead: int, place: str) -> None:
    """As one says it."""
    assert made(State.QUEUED, replace(AROUND, ahead=ahead)).head.startswith(place)


@pytest.mark.parametrize(
    ("bound", "ahead", "ready_s", "starts_s"),
    [
        (1, 0, [60], 60),
        (1, 2, [60], 60 + 2 * LIKELY_S),
        (2, 0, [60, 20], 20),
        (2, 1, [60, 20], 60),
        (2, 2, [60, 20], 20 + LIKELY_S),
        (1, 0, [60, 20], 60),
        (2, 0, [60], None),
        (1, 0, [-20], None),
    ],
)
def test_a_turn_comes_when_a_place_is_free(bound: int, ahead: int, ready_s: list[int], starts_s: int | None) -> None:
    """Never before those are ready that it waits for; where one is free or overdue nobody says when."""
    offer = replace(OFFER, bound=bound)
    ready_ms = tuple(NOON_MS + each * 1000 for each in ready_s)
    told = made(State.QUEUED, replace(AROUND, offer=offer, ahead=ahead, ready_ms=ready_ms))
    moments = [part.at_ms for part in told.text if isinstance(part, Moment)]
    assert moments == ([] if starts_s is None else [NOON_MS + starts_s * 1000])


def test_a_number_is_told_only_where_it_is_true_and_never_a_hundred_before_it_is_whole() -> None:
    """The card's own phrase stays, as every change of it is an edit."""
    told = made(State.GENERATING, progress=0.999)
    assert (told.head, told.fraction) == ("Rendering", 0.999)
    assert told.progress is not None
    assert told.progress.head == "Rendering 99 %"
    unknown = made(State.GENERATING)
    assert unknown.progress is not None
    assert (unknown.progress.head, unknown.fraction) == ("Rendering", None)


@pytest.mark.parametrize(("by", "told"), [("user:discord/7", "Deleted by 7, .."), ("", "Deleted, ..")])
def test_a_deleted_video_s_card_has_neither_words_nor_picture(by: str, told: str) -> None:
    """Only who took it away and when; not even that, once that person's words are forgotten."""
    trail = Trail(at_ms=NOON_MS, event=DELETED, source="delivered", target="delivered", detail=by)
    card = made(State.DELIVERED, replace(AROUND, deleted=trail))
    assert (words(card), card.prompt, card.link) == (told, "", "")


def test_admins_who_were_asked_elsewhere_are_not_asked_on_the_card() -> None:
    """One place to decide is enough."""
    said = replace(AROUND, said={Notice.APPROVAL: "1/2/3"})
    assert [action.verb for action in made(State.HELD).actions] == ["approve", "decline", "cancel", "more"]
    assert [action.verb for action in made(State.HELD, said).actions] == ["cancel", "more"]


def test_it_is_ready_when_four_in_five_are() -> None:
    """The middle would be missed by every second one."""
    told = made(State.GENERATING)
    [moment] = [part for part in told.text if isinstance(part, Moment)]
    assert USUAL.median_s < (moment.at_ms - NOON_MS) / 1000 < USUAL.slow_s
    assert (moment.at_ms - NOON_MS) / 1000 == pytest.approx(148.7, abs=0.1)


MOVING = {State.PREPARING, State.SUBMITTING, State.GENERATING, State.FETCHING, State.DELIVERING}


@pytest.mark.parametrize("state", State)
def test_only_what_moves_has_colour_and_only_what_is_over_is_over(state: State) -> None:
    """Waiting, done, failed and cancelled cards are quiet."""
    told = made(state)
    assert told.is_moving == (state in MOVING)
    assert told.is_over == (state in FINAL | {State.KEPT})


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        (State.HELD, ["approve", "decline", "cancel", "more"]),
        *((state, ["cancel", "more"]) for state in (State.PREPARING, State.QUEUED, State.GENERATING, State.LATE)),
        (State.DELIVERING, ["more"]),
        (State.KEPT, ["collect", "more"]),
        *((state, []) for state in sorted(FINAL)),
    ],
)
def test_the_buttons_are_those_that_still_help(state: State, verbs: list[str]) -> None:
    """Nothing can be cancelled that is made already."""
    assert [action.verb for action in made(state).actions] == verbs


def test_an_approval_says_what_it_spends_and_stands_out() -> None:
    """It is the one button that spends money."""
    approve = made(State.HELD).actions[0]
    assert (approve.label, approve.style) == ("Approve for $0.50", Style.MAIN)


@pytest.mark.parametrize(
    ("state", "price", "told"),
    [
        (State.QUEUED, 500_000, "wan2.5@fal, 720p, 5 s, with your sound, about $0.50"),
        (State.QUEUED, 0, "wan2.5@fal, 720p, 5 s, with your sound, free"),
        (State.DELIVERED, 500_000, "wan2.5@fal, 720p, 5 s, with your sound, $0.50"),
        (State.FAILED, 500_000, "wan2.5@fal, 720p, 5 s, with your sound"),
    ],
)
def test_the_small_print_says_what_makes_it_and_what_it_costs(state: State, price: int, told: str) -> None:
    """About that much before, exactly after, nothing where there is no video."""
    sound = Input(role="audio", blob="a", mime="audio/mpeg", size_bytes=1)
    request = {"prompt": "a cat walks", "options": {"resolution": "720p"}}
    assert made(state, inputs=(sound,), request=request, route=(Priced("wan2.5@fal", price),)).small == (told,)


def test_what_was_changed_stays_in_the_thread() -> None:
    """Under the progress first, alone at the end."""
    turned = Input(role="image", blob="a", mime="image/jpeg", size_bytes=1, changes=({"code": "turned"},))
    around = replace(AROUND, moved="Novita had no capacity, so fal makes it. Price unchanged.")
    note = (
        "Your picture was changed to fit: turned upright. Novita had no capacity, so fal makes it. Price unchanged.",
    )
    going, done = (made(state, around, prepared=(turned,)) for state in (State.GENERATING, State.DELIVERED))
    assert going.progress is not None
    assert going.progress.small == done.note == note
    assert done.progress is None


@pytest.mark.parametrize(
    ("state", "said", "link"),
    [
        (State.DELIVERED, {"video": "1/2/3"}, ("Watch", "1/2/3")),
        (State.FAILED, {Notice.OUTCOME: "1/2/4"}, ("Why", "1/2/4")),
        (State.FAILED, {Notice.OUTCOME: "privately"}, ("", "")),
        (State.FAILED, {}, ("", "")),
    ],
)
def test_the_card_leads_to_the_message_in_the_thread(state: State, said: dict[str, str], link: tuple[str, str]) -> None:
    """Unless that is for one person alone."""
    told = made(state, replace(AROUND, said=said))
    assert (told.link_label, told.link) == link


def test_what_went_to_its_person_alone_says_why_and_leads_nowhere() -> None:
    """Nobody else could open it."""
    told = made(State.DELIVERED, replace(AROUND, elsewhere="the thread is locked", said={"video": "@me/2/3"}))
    assert (words(told), told.link) == ("Sent directly. The thread is locked.", "")


def test_a_job_without_words_is_a_card_all_the_same() -> None:
    """Its person was forgotten."""
    forgotten: Job = replace(JOB, request={})
    assert card(forgotten, AROUND).prompt == ""
