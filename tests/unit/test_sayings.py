"""What a chat says of a refusal: a phrase and what would do, and no command line that a member could not type."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import sayings
from bot.media.contract import UnfitReason
from bot.platforms.contract import Moment, Style
from bot.refusals import Refused
from storage.contract import Left
from tests.unit.test_refusing import ALONE, OTHERS, SENTENCES
from tests.unit.test_replies import FACTS

UTC = ZoneInfo("UTC")
LIMIT = {"limit": "5/day", "subject": "user:x/1", "set_by": "settings", "used": 5, "asked": 1, "frees_at_ms": 9}


def said(code: str, **facts: Any) -> str:
    """Return a refusal in one piece, moments as [ms]."""
    head, text = sayings.refused(Refused(code, **facts), UTC)
    return f"{head} {''.join(f'[{part.at_ms}]' if isinstance(part, Moment) else str(part) for part in text)}".strip()


TERMINAL_ONLY = "place_unusable"
CASES = [(code, facts) for code, facts, *_ in (*SENTENCES, *ALONE) if code != TERMINAL_ONLY]
CASES += [(reason, {"role": "image", "offer": "a@b"} | FACTS[reason]) for reason in UnfitReason]


@pytest.mark.parametrize(("code", "facts"), CASES)
def test_a_refusal_has_a_phrase_of_its_own_and_no_command_line(code: str, facts: dict[str, Any]) -> None:
    """The money is said once, beside what is kept."""
    head, _ = sayings.refused(Refused(code, **facts, others=OTHERS), UTC)
    assert head.endswith(".")
    told = said(code, **facts, others=OTHERS)
    assert "stillmotion " not in told
    assert "Nothing was charged" not in told


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "You have used your 5 videos for today. There is room again [9]."),
        ({"subject": "role:x/1"}, "You have used your role's 5 videos for today. There is room again [9]."),
        ({"subject": "channel:x/1"}, "This channel has used its 5 videos for today. There is room again [9]."),
        ({"subject": "scope:x/1", "limit": "5/24h"}, "This server has used its 5 videos for 24 hours. There is room again [9]."),
        (
            {"limit": "60s/week", "used": 55, "asked": 10},
            "5 s of video left for this week, and this needs 10 s of video. There is room again [9].",
        ),
        (
            {"limit": "4s/day", "used": 0, "asked": 5, "frees_at_ms": None},
            "4 s of video left for today, and this needs 5 s of video. One like this never fits. Ask for a shorter video, or ask an admin for more.",
        ),
    ],
)  # fmt: skip
def test_a_limit_says_whose_it_is_and_when_there_is_room(changes: dict[str, Any], sentence: str) -> None:
    """In the reader's own time."""
    assert said("limit", **LIMIT | changes) == sentence


@pytest.mark.parametrize(
    ("subject", "set_by", "sentence"),
    [
        (
            "user:x/1",
            "settings",
            "You may not ask for videos: your limit is 0. The people who run this bot can raise it.",
        ),
        ("role:x/1", "scope:x/1", "Your role may not ask for videos: its limit is 0. An admin can raise it."),
        (
            "channel:x/1",
            "scope:x/1",
            "Nobody may ask for videos in this channel: its limit is 0. An admin can raise it.",
        ),
    ],
)
def test_a_limit_of_0_sends_nobody_to_wait(subject: str, set_by: str, sentence: str) -> None:
    """No shorter video would help."""
    changes = {"limit": "0/day", "subject": subject, "set_by": set_by, "used": 0, "frees_at_ms": None}
    assert said("limit", **LIMIT | changes) == sentence


def test_what_may_spend_money_stands_out_and_nothing_else() -> None:
    """One coloured button at most says: this is the one that costs."""
    for code in ("limit", "unpriced", "open", "paused", "option_bad", "prompt_long", "no_image"):
        assert all(action.style is Style.PLAIN for action in sayings.helps(Refused(code, draft="D1")))
    [ask, _] = sayings.helps(Refused("budget", draft="D1", can_ask=True))
    assert ask.style is Style.MAIN
    assert sayings.helps(Refused("scope_denied")) == ()
    assert len(sayings.switches((f"m{number}", "D1") for number in range(9))) == 3


@pytest.mark.parametrize(
    ("limit", "used", "most", "room", "taken"),
    [
        ("5/day", 2, 5, "3 of 5 videos left today", "You: 2 of 5 videos used today."),
        ("1/24h", 1, 1, "0 of 1 video left in 24 hours", "You: 1 of 1 video used in 24 hours."),
        ("60s/week", 15, 60, "45 of 60 s of video left this week", "You: 15 of 60 s of video used this week."),
        (
            "$20.00/month",
            500_000,
            20_000_000,
            "$19.50 of $20.00 left this month",
            "You: $0.50 of $20.00 used this month.",
        ),
        ("5/day", 7, 5, "0 of 5 videos left today", "You: 7 of 5 videos used today."),
    ],
)
def test_what_is_left_is_told_in_its_own_unit(limit: str, used: int, most: int, room: str, taken: str) -> None:
    """With the number that a grant made of it."""
    left = Left(limit=limit, subject="user:x/1", set_by="settings", used=used, most=most, frees_at_ms=None)
    assert sayings.room(left) == room
    assert sayings.taken(left) == taken
