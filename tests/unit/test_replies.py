"""Every sentence, with every fact that can come with it: none has a hole, and each tells what it must."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot import refusing, replies
from bot.media.contract import Change, UnfitReason
from bot.refusals import Refused
from bot.schedule import Usual
from providers.local import SPEC
from storage.contract import Input, Job, Place, Priced, Subjects
from storage.limits import Window
from storage.states import FINAL, Kind, State
from storage.windows import DAY_MS, next_start_ms

UTC = ZoneInfo("UTC")
NOON_MS = 1_788_264_000_000
HOLES = re.compile(r"\bNone\b|\bnull\b|''|\"\"|[{}]|  |\bnan\b|\binf\b|object at 0x|Traceback|\(\)")
JOB = Job(
    id="7K3Q9FD2",
    state=State.DELIVERED,
    failure=None,
    detail="",
    fence=1,
    lease_until_ms=0,
    lease_left_ms=0,
    holder="",
    due_at_ms=None,
    due_in_ms=None,
    alone=False,
    clock_due=False,
    subjects=Subjects(user="user:cli/ana", scope="scope:cli/local"),
    place=Place(platform="cli", server="local", channel="/tmp/out.mp4"),
    request={"prompt": "a cat walks", "options": {}},
    seconds=5,
    route=(Priced("wan2.5@fal", 500_000),),
    offer="wan2.5@fal",
    reserved_usd_micros=500_000,
    budget=None,
    ticket=None,
    ticket_by_hand=False,
    submits=0,
    wished=False,
    hidden=False,
    discarded_by=None,
    gave_place_back=False,
    progress=None,
    provider_place=None,
    inputs=(),
    prepared=(),
    result=None,
    result_bytes=None,
    cost_usd_micros=None,
    cost_assumed=False,
    seed=None,
    actual_prompt=None,
    created_at_ms=NOON_MS,
    state_since_ms=NOON_MS + 108_000,
    preparing_since_ms=NOON_MS,
    submitted_at_ms=None,
    deadline_at_ms=None,
    retention_at_ms=None,
    ended_at_ms=None,
)
FACTS: dict[UnfitReason, dict[str, Any]] = {reason: {} for reason in UnfitReason} | {
    UnfitReason.TOO_BIG: {"size_bytes": 60_000_000, "max_bytes": 50_000_000},
    UnfitReason.WRONG_MEDIA: {"found": "video"},
    UnfitReason.BOMB: {"width": 60_000, "height": 60_000},
    UnfitReason.RATIO: {"width": 1290, "height": 19_854, "min_px": 360, "max_px": 2000},
    UnfitReason.TOO_SHORT: {"seconds": 0.4, "min_s": 3.0},
}


def whole(sentence: str) -> str:
    """Return a sentence that has no hole and is one for people."""
    assert not HOLES.search(sentence), sentence
    assert sentence == sentence.strip()
    assert "!" not in sentence
    return sentence


def refused(code: str, **facts: Any) -> str:
    """Return why a request was not taken."""
    return whole(refusing.refusal(Refused(code, **facts), NOON_MS, UTC))


@pytest.mark.parametrize(("reason", "role"), list(product(UnfitReason, ("image", "audio"))))
def test_every_reason_has_its_sentence_at_once_and_from_the_record(reason: UnfitReason, role: str) -> None:
    """The same words whether it shows at the first look or while the job is prepared."""
    at_once = refused(reason, role=role, **FACTS[reason])
    detail = json.dumps({"role": role, "reason": reason, **FACTS[reason]})
    failed = replace(JOB, state=State.FAILED, failure=Kind.BAD_INPUT, detail=detail)
    assert whole(replies.ended(failed)) == f"{at_once} Nothing was charged. (job 7K3Q9FD2)"
    assert at_once.endswith(".")


def test_what_was_found_in_place_of_media_is_told_where_it_is_known() -> None:
    """And left out where it is not."""
    assert "It looks like text." in refused("not_media", role="image", found="text")
    assert "looks like" not in refused("not_media", role="image")


def test_a_long_screenshot_learns_its_ratio_the_limit_and_the_way_out() -> None:
    """All three, in numbers."""
    told = refused("ratio", role="image", **FACTS[UnfitReason.RATIO])
    assert all(part in told for part in ("1290x19854", "15.4:1", "360 to 2000", "5.6:1", "Crop"))


REFUSALS: dict[str, dict[str, Any]] = {
    "no_image": {},
    "open": {"used": 2},
    "unpriced": {"limit": "$5.00/day"},
    "prompt_missing": {"offer": "wan2.5@fal"},
    "prompt_long": {"offer": "wan2.5@fal", "length": 801, "most": 800},
    "model_unknown": {"given": "wan9", "known": ["wan2.5", "preview"]},
    "offer_off": {"offer": "wan2.5@fal", "why": "no key"},
    "option_unknown": {"offer": "wan2.5@fal", "option": "colour", "known": ["resolution", "duration"]},
    "option_bad": {"offer": "wan2.5@fal", "option": "resolution", "given": "999p", "wanted": "480p, 720p"},
    "option_audience": {"option": "draft", "audience": "operator"},
    "sound_unsupported": {"offer": "wan2.5@fal"},
    "place_unusable": {"path": "/tmp/x", "why": "it is a folder"},
    "scope_denied": {"scope": "discord/1"},
}


@pytest.mark.parametrize("code", REFUSALS)
def test_every_refusal_has_a_sentence_that_names_its_facts(code: str) -> None:
    """Each number and name that was learned is told."""
    told = refused(code, **REFUSALS[code])
    assert told.endswith(".")
    for fact in REFUSALS[code].values():
        for part in fact if isinstance(fact, list) else [fact]:
            assert str(part) in told


@pytest.mark.parametrize("code", ["model_unknown", "option_unknown", "option_bad"])
@pytest.mark.parametrize("typed", ["", "  ", "x" * 3000, "a\nb", "{}", "%s", "None of it"])
def test_whatever_was_typed_a_refusal_stays_short_and_in_one_line(code: str, typed: str) -> None:
    """People's text is cut, and never read as a format."""
    facts = REFUSALS[code] | {"given" if code != "option_unknown" else "option": typed}
    told = refusing.refusal(Refused(code, **facts), NOON_MS, UTC)
    assert len(told) < 250
    assert "\n" not in told
    assert "''" not in told


def limits() -> some.SearchStrategy[dict[str, Any]]:
    """Every limit that the store can name, with what it counts."""
    amounts = some.one_of(
        some.integers(0, 999).map(lambda n: (str(n), 1)),
        some.integers(0, 999).map(lambda n: (f"{n}s", 1)),
        some.integers(0, 99_999).map(lambda cents: (f"${cents / 100:.2f}", 10_000)),
    )
    windows = some.sampled_from(["day", "week", "month", "1h", "24h", "8784h"])
    return some.builds(
        lambda amount, window, used, asked, frees, subject, setter: {
            "limit": f"{amount[0]}/{window}",
            "used": used * amount[1],
            "asked": asked * amount[1],
            "frees_at_ms": None if frees is None else NOON_MS + frees,
            "subject": subject,
            "set_by": setter,
        },
        amounts,
        windows,
        some.integers(0, 5000),
        some.integers(0, 60),
        some.none() | some.integers(0, 40 * DAY_MS),
        some.sampled_from(["user:cli/ana", "role:discord/1", "channel:discord/2", "scope:slack/T1", "all"]),
        some.sampled_from(["settings", "operator", "scope:discord/1"]),
    )


@given(limits())
def test_every_limit_says_how_much_of_what_and_when_it_frees(facts: dict[str, Any]) -> None:
    """Whatever it counts, whomever it is about, whoever set it."""
    told = refused("limit", **facts)
    assert ("It has room again in" in told) == (facts["frees_at_ms"] is not None)
    assert "limit is" in told


@given(limits().filter(lambda facts: facts["limit"].startswith("$")))
def test_every_budget_says_what_is_left_and_who_can_raise_it(facts: dict[str, Any]) -> None:
    """An admin may raise what an admin set, the operator all else."""
    told = refused("budget", **facts)
    assert ("An admin can raise it." in told) == facts["set_by"].startswith("scope:")
    assert "Nothing was charged." in told


def test_a_limit_reads_as_a_person_would_say_it() -> None:
    """The whole sentence, once."""
    facts = {"limit": "5/day", "used": 5, "asked": 1, "subject": "user:cli/ana", "set_by": "settings"}
    told = refused("limit", **facts, frees_at_ms=NOON_MS + 12 * 3_600_000)
    assert told == (
        "Your limit is 5 videos a day, with 5 videos used. It has room again in 12 h, at 00:00 on 2 September. "
        "Nothing was charged."
    )
    assert "with 1 video used" in refused("limit", **{**facts, "used": 1}, frees_at_ms=None)


@pytest.mark.parametrize(
    ("zone", "before", "told"),
    [
        ("America/Santiago", (2026, 9, 5, 12), "at 01:00 on 6 September"),
        ("Africa/Cairo", (2026, 10, 29, 12), "at 00:00 on 30 October"),
        ("Australia/Lord_Howe", (2026, 10, 4, 12), "at 00:00 on 5 October"),
    ],
)
def test_a_limit_frees_at_the_first_moment_of_the_day_that_exists(
    zone: str, before: tuple[int, int, int, int], told: str
) -> None:
    """Around a change of the clock, too; a day may begin at one."""
    there = ZoneInfo(zone)
    now_ms = int(datetime(*before, tzinfo=there).timestamp() * 1000)
    facts = {"limit": "5/day", "used": 5, "asked": 1, "subject": "user:cli/ana", "set_by": "settings"}
    frees_at_ms = next_start_ms(Window("day"), now_ms, there)
    assert told in refusing.refusal(Refused("limit", **facts, frees_at_ms=frees_at_ms), now_ms, there)


USUAL = Usual(median_s=90, slow_s=240)
MONEY = [None, 0, 450_000]


@pytest.mark.parametrize(("kind", "billed"), list(product(Kind, MONEY)))
def test_every_failure_says_what_became_of_the_money(kind: Kind, billed: int | None) -> None:
    """And carries the job's id, so that an operator can find it."""
    told = whole(replies.ended(replace(JOB, state=State.FAILED, failure=kind, cost_usd_micros=billed)))
    assert told.endswith("(job 7K3Q9FD2)")
    assert "charged" in told or "given back" in told


def test_a_provider_that_bills_a_failure_is_named_with_the_sum() -> None:
    """Without it, nothing was charged."""
    failed = replace(JOB, state=State.FAILED, failure=Kind.MODERATED)
    assert "fal charged $0.45 for it all the same" in replies.ended(replace(failed, cost_usd_micros=450_000))
    assert "Nothing was charged." in replies.ended(failed)


@pytest.mark.parametrize(
    ("detail", "silent"), [("", " and gave no reason"), ("None", ""), ("null", ""), ("GPU on fire", "")]
)
def test_a_failure_tells_whether_there_was_a_reason_but_not_which(detail: str, silent: str) -> None:
    """What a provider wrote is for operators, never part of the sentence."""
    told = replies.ended(replace(JOB, state=State.FAILED, failure=Kind.PROVIDER_ERROR, detail=detail))
    assert told == f"fal failed to make it{silent}. Nothing was charged. Trying again often works. (job 7K3Q9FD2)"


@pytest.mark.parametrize(("state", "cost", "ahead"), list(product(State, MONEY, (0, 1, 11))))
def test_every_state_has_words_for_where_it_stands_and_how_it_ended(state: State, cost: int | None, ahead: int) -> None:
    """Short ones for progress, a sentence with what to do for the rest."""
    job = replace(JOB, state=state, cost_usd_micros=cost, failure=Kind.INTERNAL if state is State.FAILED else None)
    assert 3 < len(whole(replies.progress(job, SPEC, USUAL, ahead))) < 60
    told = whole(replies.ended(job))
    assert state in FINAL or "`stillmotion " in told


@pytest.mark.parametrize(("seed", "cost", "price"), list(product((None, 0, 7), MONEY, MONEY)))
def test_a_delivered_video_tells_time_cost_and_seed(seed: int | None, cost: int | None, price: int | None) -> None:
    """A seed of 0 is a seed; what is free is said to be."""
    job = replace(JOB, seed=seed, cost_usd_micros=cost, route=(Priced("wan2.5@fal", price),))
    told = whole(replies.delivered(job))
    assert told.startswith("Done in 1 min 48 s: wan2.5@fal, ")
    assert ("seed" in told) == (seed is not None)
    known = price if cost is None else cost
    assert {None: "at an unknown price", 0: "free", 450_000: "cost $0.45"}[known] in told


def test_a_preview_says_that_it_is_none_of_ai() -> None:
    """Nobody shall take a camera move for more."""
    assert replies.delivered(replace(JOB, offer="preview@local")).endswith("A preview, not AI.")


@pytest.mark.parametrize("price", MONEY)
def test_the_choice_where_a_provider_cannot_stop_is_whole(price: int | None) -> None:
    """With the price where it is known and not nothing."""
    told = whole(replies.cannot_stop(replace(JOB, route=(Priced("wan2.5@fal", price),))))
    assert ("it costs about $0.45 either way" in told) == (price == 450_000)
    assert "`stillmotion cancel 7K3Q9FD2 --discard`" in told


@pytest.mark.parametrize("state", State)
def test_a_cancel_that_comes_too_late_says_where_the_job_stands(state: State) -> None:
    """And, where there is one, that the video comes."""
    assert f"is {state}" in whole(replies.cancel_too_late(replace(JOB, state=state)))


CHANGES = [
    Change("turned"),
    Change("scaled", {"from_width": 4032, "from_height": 3024, "to_width": 2000, "to_height": 1500}),
    Change("flattened"),
    Change("first_frame"),
    Change("converted", {"from_format": "HEIC", "to_format": "JPEG"}),
    Change("colours"),
    Change("profile_dropped"),
    Change("cut", {"from_s": 12.34, "to_s": 5.0}),
    Change("recompressed", {"from_bytes": 2, "to_bytes": 1}),
]


@pytest.mark.parametrize("made", CHANGES, ids=lambda made: made.code)
def test_every_change_has_words(made: Change) -> None:
    """Every code that the media contract names, with its numbers."""
    [told] = replies.changes((made,))
    assert not HOLES.search(told)


def test_every_change_that_has_words_is_tried_here() -> None:
    """A new one joins the list above."""
    assert {made.code for made in CHANGES} == replies._CHANGES.keys()


def test_what_was_done_to_picture_and_sound_is_one_paragraph() -> None:
    """And nothing where nothing was done."""
    plain = Input(role="image", blob="a", mime="image/png", size_bytes=1)
    turned = replace(plain, changes=({"code": "turned"}, {"code": "flattened"}))
    shorter = replace(plain, role="audio", changes=({"code": "cut", "from_s": 12.0, "to_s": 5.0},))
    assert replies.changed((plain,)) is None
    assert replies.changed((turned, shorter)) == (
        "Your picture was changed to fit: turned upright, see-through parts made white. "
        "Your sound was changed to fit: cut from 12.0 to 5.0 s."
    )


def test_the_alternative_text_is_short() -> None:
    """What is read out in place of the video."""
    assert replies.alt(JOB) == "Video, 5 s: a cat walks"
    assert len(replies.alt(replace(JOB, request={"prompt": "cat " * 500}))) < 140
