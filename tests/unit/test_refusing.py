"""Each refusal's sentence, whole: what is wrong, what would do, and who could do it instead where somebody can."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot import refusing
from bot.media.contract import UnfitReason
from bot.refusals import CONFIGURATION, LIMITS, Refused
from tests.unit.test_replies import FACTS, NOON_MS, whole

UTC = ZoneInfo("UTC")
OTHERS = ["wan2.5@fal", "wan2.6"]
OFFER = "wan2.5@novita"

# A code, its facts, what is said where nobody else can, and what is added where others can.
SENTENCES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "prompt_missing",
        {"offer": OFFER},
        "wan2.5@novita needs a sentence that says what should happen. Add one.",
        " A picture alone is enough for wan2.5@fal or wan2.6.",
    ),
    (
        "prompt_long",
        {"offer": OFFER, "length": 801, "most": 800},
        "The sentence has 801 characters; wan2.5@novita takes 800. Shorten it by 1.",
        " It fits wan2.5@fal or wan2.6.",
    ),
    (
        "account_trouble",
        {"offer": OFFER},
        "This bot's account at Novita is not working right now; the people who run it have been told. Nothing was charged.",
        " Another model that works now: wan2.5@fal or wan2.6.",
    ),
    (
        "option_unknown",
        {"offer": OFFER, "option": "shot_type", "known": ["resolution", "seed"]},
        "wan2.5@novita has no option 'shot_type'. It has resolution, seed.",
        " That needs wan2.5@fal or wan2.6.",
    ),
    (
        "option_bad",
        {"offer": OFFER, "option": "duration", "given": "15", "wanted": "5, 10 s"},
        "duration cannot be '15' at wan2.5@novita. It takes 5, 10 s.",
        " It can be at wan2.5@fal or wan2.6.",
    ),
    (
        "sound_unreachable",
        {"offer": OFFER, "why": "it fetches sounds from a public link, and there is none here"},
        "wan2.5@novita takes no sound here: it fetches sounds from a public link, and there is none here. Leave the sound out.",
        " Sound input needs wan2.5@fal or wan2.6.",
    ),
]
# What is said whoever else could: there is nothing to choose, or the choice is named already.
ALONE: list[tuple[str, dict[str, Any], str]] = [
    ("no_image", {}, "Add a picture first: it is what will move."),
    (
        "model_unknown",
        {"given": "wan9", "known": ["wan2.5", "preview"]},
        "There is no model 'wan9'. Choose one of wan2.5, preview.",
    ),
    ("model_unknown", {"given": " ", "known": ["wan2.5"]}, "There is no model nothing. Choose one of wan2.5."),
    (
        "offer_off",
        {"offer": OFFER, "why": "no key (NOVITA_API_KEY is not set)"},
        "wan2.5@novita is off here: no key (NOVITA_API_KEY is not set). `stillmotion offers` lists what is on.",
    ),
    (
        "option_audience",
        {"option": "steps", "audience": "admin"},
        "steps can be set by admins only. Leave it out, or ask one.",
    ),
    (
        "safety_place",
        {},
        "The safety check can be turned off in age-restricted channels only. Leave it on here, or ask there.",
    ),
    (
        "place_unusable",
        {"path": "/tmp/x", "why": "it is a folder"},
        "The video cannot be written to /tmp/x: it is a folder. Choose another file with -o.",
    ),
    ("scope_denied", {"scope": "discord/1"}, "This bot may not be used in discord/1. Its operator can allow it."),
    (
        "private_place",
        {},
        "This bot makes no videos in direct messages. Ask in a server where it is, or ask its operator to allow it here.",
    ),
    ("blocked", {}, "An admin here does not let you use this bot. Only an admin can change that."),
    (
        "paused",
        {"since_ms": NOON_MS, "by_operator": False},
        "This bot is paused here since 12:00 on 1 September. An admin can resume it.",
    ),
    (
        "paused",
        {"since_ms": NOON_MS, "by_operator": True},
        "This bot is paused here since 12:00 on 1 September. The people who run it can resume it.",
    ),
    (
        "channel_closed",
        {"names": ["#videos", "#play"]},
        "This bot is not used in this channel. It is in #videos or #play.",
    ),
    (
        "role_closed",
        {"names": ["@Makers"]},
        "Your roles do not let you use this bot here. It is for @Makers; an admin can change that.",
    ),
    ("model_closed", {"names": ["wan2.1"]}, "That model may not be used here. Choose wan2.1, or ask an admin."),
    (
        "lacks_permission",
        {"names": ["Attach Files"]},
        "I may not do all that is needed here. Missing is Attach Files; whoever manages this channel can give it.",
    ),
    (
        "lacks_permission",
        {"names": ["Attach Files", "Send Messages in Threads", "Embed Links"]},
        "I may not do all that is needed here. Missing are Attach Files, Send Messages in Threads and Embed Links; whoever manages this channel can give it.",
    ),
    (
        "unpriced",
        {"limit": "$5.00/day"},
        "Nobody knows what this costs, and a limit in dollars ($5.00/day) applies, so it cannot be used. Choose another model.",
    ),
    (
        "open",
        {"used": 1},
        (
            "You have 1 video in the making, and that is as many as you may have. Wait for one; one that was interrupted goes on "
            "with `stillmotion collect ID -o FILE`, and `stillmotion cancel ID` ends one. Nothing was charged."
        ),
    ),
    (
        "open",
        {"used": 2, "jobs": ["7K3Q9FD2", "7K3Q9FD3"]},
        (
            "You have 2 videos in the making (7K3Q9FD2, 7K3Q9FD3), and that is as many as you may have. Wait for one; one that was "
            "interrupted goes on with `stillmotion collect ID -o FILE`, and `stillmotion cancel ID` ends one. Nothing was charged."
        ),
    ),
]


def said(code: str, **facts: Any) -> str:
    """Return why a request is not taken, which has no hole."""
    return whole(refusing.refusal(Refused(code, **facts), NOON_MS, UTC))


@pytest.mark.parametrize(("code", "facts", "alone", "with_others"), SENTENCES, ids=[each[0] for each in SENTENCES])
def test_who_could_do_it_is_named_and_nobody_where_there_is_nobody(
    code: str, facts: dict[str, Any], alone: str, with_others: str
) -> None:
    """A person is not sent to look for what is not there."""
    assert said(code, **facts) == alone
    assert said(code, **facts, others=[]) == alone
    assert said(code, **facts, others=None) == alone
    assert said(code, **facts, others=OTHERS) == alone + with_others


@pytest.mark.parametrize(
    ("others", "named"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c@d"], "a, b or c@d"), (("a", "b"), "a or b")]
)  # fmt: skip
def test_others_are_a_choice(others: Any, named: str) -> None:
    """One, two or many."""
    assert said("prompt_missing", offer=OFFER, others=others).endswith(f"A picture alone is enough for {named}.")


def test_where_no_sound_is_taken_the_way_out_is_another_offer_or_no_sound() -> None:
    """One of both, always."""
    head = "wan2.5@novita takes no sound."
    assert said("sound_unsupported", offer=OFFER) == f"{head} Leave the sound out, or choose another model."
    assert said("sound_unsupported", offer=OFFER, others=[]) == f"{head} Leave the sound out, or choose another model."
    assert said("sound_unsupported", offer=OFFER, others=OTHERS) == f"{head} Sound input needs wan2.5@fal or wan2.6."


@pytest.mark.parametrize(("code", "facts", "sentence"), ALONE, ids=[each[0] for each in ALONE])
def test_all_other_refusals_are_the_same_whoever_else_could(code: str, facts: dict[str, Any], sentence: str) -> None:
    """The sentence, once, as it is read."""
    assert said(code, **facts) == sentence
    assert said(code, **facts, others=OTHERS) == sentence


@pytest.mark.parametrize("others", [[], OTHERS])
@pytest.mark.parametrize("reason", list(UnfitReason))
def test_a_file_s_refusal_is_whole_with_and_without_others(reason: UnfitReason, others: list[str]) -> None:
    """The router hands them along with every refusal."""
    assert said(reason, role="image", offer=OFFER, **FACTS[reason], others=others).endswith(".")


def test_every_code_that_there_is_has_a_sentence() -> None:
    """Read from where they are declared: a new one without a sentence would break in front of a person."""
    tested = {code for code, *_ in (*SENTENCES, *ALONE)} | {"sound_unsupported"} | LIMITS | CONFIGURATION
    assert Refused.__doc__ is not None
    [named] = re.findall(r"and (no_image.*?)\.", Refused.__doc__, re.DOTALL)
    assert set(re.findall(r"[a-z_]+", named)) == tested - LIMITS


def test_what_was_typed_is_quoted_and_cut() -> None:
    """As text, in one line, however long it is, whether or not others are named."""
    typed = "no\n`such` {thing} " * 100
    for others in ([], OTHERS):
        told = refusing.refusal(
            Refused("option_bad", offer=OFFER, option="seed", given=typed, wanted="x", others=others), NOON_MS, UTC
        )
        assert "\n" not in told
        assert len(told) < 250
        assert "'no `such` {thing} no" in told
