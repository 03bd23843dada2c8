"""What an undo leaves: the order's own change is gone, everybody else's stays, and nothing newer is ever lost."""

from __future__ import annotations

from typing import Any

import pytest

from bot.undoing import Overtaken, choice_undone, limits_undone

BEN, ANA = {"board/ben": "@Ben"}, {"board/ana": "@Ana"}
BOTH = BEN | ANA

# A choice, what it was, what the order made of it, what it is now, and what the undo makes of that.
CHOICES: list[tuple[str, Any, Any, Any, Any]] = [
    ("blocked", None, BEN, BEN, None),
    ("blocked", None, BEN, BOTH, ANA),
    ("blocked", BEN, BOTH, ANA, None),
    ("blocked", BEN, None, ANA, BOTH),
    ("blocked", None, BEN, None, None),
    ("channels", None, BEN, BOTH, ANA),
    ("channels", BOTH, None, None, BOTH),
    ("channels", BOTH, BEN, BEN, BOTH),
    ("thread", {"": "reply"}, {"": "thread"}, {"": "thread", "board/2": "reply"}, {"": "reply", "board/2": "reply"}),
    ("spoiler", None, True, True, None),
    ("alerts", "board/4", "board/5", "board/5", "board/4"),
    ("approvals", False, True, False, False),
    ("models", ["wan2.5"], None, None, {"wan2.5": "wan2.5"}),
]


@pytest.mark.parametrize(("name", "before", "after", "now", "back"), CHOICES, ids=range(len(CHOICES)))
def test_an_undo_takes_back_what_its_order_changed_and_no_more(
    name: str, before: Any, after: Any, now: Any, back: Any
) -> None:
    """A second undo of the same changes nothing."""
    assert choice_undone(name, before, after, now) == back
    assert choice_undone(name, before, after, back) == back


@pytest.mark.parametrize(
    ("name", "before", "after", "now"),
    [
        ("blocked", None, BEN, {"board/ben": "@Benny"}),
        ("alerts", None, "board/4", "board/5"),
        ("spoiler", None, True, False),
        ("thread", None, {"": "reply"}, {"": "channel"}),
        ("paused", None, {"at_ms": 1, "by_operator": False}, {"at_ms": 2, "by_operator": False}),
        ("channels", BOTH, BEN, None),
        ("channels", BOTH, None, BEN),
        ("channels", BEN, BOTH, ANA),
    ],
)
def test_what_was_changed_since_stays(name: str, before: Any, after: Any, now: Any) -> None:
    """Nor does one name close again what was opened to all, or the loss of the last one open it."""
    with pytest.raises(Overtaken):
        choice_undone(name, before, after, now)


@pytest.mark.parametrize(
    ("before", "after", "now", "back"),
    [
        (None, "5/day", "5/day", None),
        (None, "5/day", "5/day,$50.00/month", "$50.00/month"),
        ("5/day", "5/day,$50.00/month", "9/day,$50.00/month", "9/day"),
        ("5/day,$50.00/month", None, None, "5/day,$50.00/month"),
        ("5/day,$50.00/month", "$50.00/month", "$60.00/month", "5/day,$60.00/month"),
        ("none", "5/day", "5/day", "none"),
        (None, "none", "none", None),
        ("3/day", "none", "none", "3/day"),
    ],
)
def test_counts_and_dollars_are_taken_back_apart(
    before: str | None, after: str | None, now: str | None, back: str | None
) -> None:
    """A limit and a budget of one server stand in one row."""
    assert limits_undone(before, after, now) == back
    assert limits_undone(before, after, back) == back


@pytest.mark.parametrize(
    ("before", "after", "now"),
    [
        (None, "5/day", "6/day"),
        ("3/day", "5/day", None),
        (None, "$50.00/month", "5/day,$60.00/month"),
        ("5/day", None, "$5.00/month,6/day"),
    ],
)
def test_a_limit_that_was_changed_since_stays(before: str | None, after: str | None, now: str | None) -> None:
    """Whoever set it last meant it."""
    with pytest.raises(Overtaken):
        limits_undone(before, after, now)
