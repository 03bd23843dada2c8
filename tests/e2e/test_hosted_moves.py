"""The router over several hosted providers: who is tried first, what moves a job on and what never does, and who is left alone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from bot import refusing, replies
from bot.refusals import Refused
from storage.contract import Job
from storage.states import State
from tests.e2e.shop import Seen, Shop, free_port, shop
from tests.fakes.hosted import Fault

ROUTE = "wan2.5@fal,wan2.5@novita,wan2.5@aimlapi"
NO_ROOM, NOT_WORKING = "had no capacity", "is not working right now"


@asynccontextmanager
async def three(folder: Path, **given: Any) -> AsyncIterator[Shop]:
    """Open a bot with all three keys, which tries fal, then Novita, then AI/ML API."""
    async with shop(folder, "fal", "novita", "aimlapi", **{"route": ROUTE} | given) as there:
        yield there


def calls(there: Shop) -> list[int]:
    """Return how many paid calls each provider had."""
    return [len(fake.paid()) for fake in there.fakes]


def made(there: Shop) -> list[int]:
    """Return how many videos each provider made."""
    return [sum(call.made for call in fake.paid()) for fake in there.fakes]


async def delivered(there: Shop, number: int = 1, **changes: Any) -> Job:
    """Ask for Wan 2.5, wherever it is made, and have it delivered."""
    return await there.bot.until(await there.ask(number, **{"model": "wan2.5"} | changes), State.DELIVERED)


async def names(there: Shop, number: int = 1, **changes: Any) -> list[str]:
    """Return a new job's route."""
    job = await there.ask(number, **{"model": "wan2.5"} | changes)
    return [priced.offer for priced in job.route]


# -- what moves a job

MOVES: dict[str, tuple[Fault, str, tuple[str, ...]]] = {
    "rate limit": (Fault("rate_limited", retry_after="0"), NO_ROOM, ()),
    "credentials": (Fault("bad_key", "submit"), NOT_WORKING, ("credentials:fal",)),
    "credentials under 403": (Fault("bad_key", "submit", status=403), NOT_WORKING, ("credentials:fal",)),
    "credit": (Fault("balance"), NOT_WORKING, ("no_credit:fal",)),
    "credit under 402": (Fault("http_error", "submit", status=402), NOT_WORKING, ("no_credit:fal",)),
}


@pytest.mark.parametrize(("fault", "why", "alerts"), MOVES.values(), ids=MOVES)
async def test_a_proof_that_is_nobody_s_fault_moves_the_job_on_and_its_person_is_told(
    fault: Fault, why: str, alerts: tuple[str, ...], tmp_path: Path
) -> None:
    """Made once, paid once, at the price that was shown."""
    async with three(tmp_path) as there:
        there.fail(replace(fault))
        job = await delivered(there)
        told = (f"fal {why}, so Novita makes it. Price unchanged.", "wan2.5@novita, cost $0.50")
        assert await there.seen(job, *told) == Seen(
            state=State.DELIVERED,
            told=told,
            alerts=alerts,
            used_usd_micros=500_000,
            spent_usd_micros=500_000,
            paid_calls=2,
        )
        assert (calls(there), made(there)) == ([1, 1, 0], [0, 1, 0])


async def test_a_provider_that_cannot_be_reached_moves_the_job_on(tmp_path: Path) -> None:
    """Nothing was sent there."""
    async with three(tmp_path, fal_queue_base_url=f"http://127.0.0.1:{free_port()}") as there:
        job = await delivered(there)
        told = "fal cannot be reached right now, so Novita makes it. Price unchanged."
        assert await there.seen(job, told) == Seen(
            state=State.DELIVERED, told=(told,), used_usd_micros=500_000, spent_usd_micros=500_000
        )
        assert calls(there) == [0, 1, 0]


async def test_a_picture_that_cannot_be_published_moves_the_job_to_who_takes_it_inside(tmp_path: Path) -> None:
    """The way to publish is broken, so that an offer which needs none makes it."""
    gone = f"http://127.0.0.1:{free_port()}"
    async with three(tmp_path, fal_rest_base_url=gone, route="wan2.5@novita,wan2.5@fal") as there:
        job = await delivered(there)
        told = "so fal makes it. Price unchanged."
        assert await there.seen(job, told) == Seen(
            state=State.DELIVERED, told=(told,), used_usd_micros=500_000, spent_usd_micros=500_000
        )
        assert calls(there) == [1, 0, 0]


async def test_a_picture_that_cannot_be_published_is_not_told_as_the_provider_s_fault(tmp_path: Path) -> None:
    """The way out of here was broken, and Novita was never asked."""
    gone = f"http://127.0.0.1:{free_port()}"
    async with three(tmp_path, fal_rest_base_url=gone, route="wan2.5@novita,wan2.5@fal") as there:
        await delivered(there)
        assert f"Novita {NO_ROOM}, so fal makes it. Price unchanged." not in there.board.told


async def test_a_dearer_offer_s_price_is_told_and_is_what_is_charged(tmp_path: Path) -> None:
    """The reservation was for the dearest of the route, so that it fits."""
    async with three(tmp_path) as there:
        there.fail(Fault("balance"))
        there.fakes[1].faults.append(Fault("bad_key", "submit"))
        job = await delivered(there)
        told = (
            "fal is not working right now, so Novita makes it. Price unchanged.",
            "Novita is not working right now, so AI/ML API makes it. It is about $0.60 now.",
            "cost $0.60",
        )
        assert await there.seen(job, *told) == Seen(
            state=State.DELIVERED,
            told=told,
            alerts=("credentials:novita", "no_credit:fal"),
            used_usd_micros=600_000,
            spent_usd_micros=600_000,
            paid_calls=3,
        )
        assert made(there) == [0, 0, 1]


async def test_where_no_account_works_the_job_ends_and_all_is_given_back(tmp_path: Path) -> None:
    """Each was tried once, and operators hear of each."""
    async with three(tmp_path) as there:
        for fake in there.fakes:
            fake.faults.append(Fault("bad_key", "submit"))
        job = await there.bot.until(await there.ask(model="wan2.5"), State.FAILED)
        told = "The account at AI/ML API does not work just now. Nothing was charged."
        assert await there.seen(job, told) == Seen(
            state=State.FAILED,
            kind="credentials",
            told=(told,),
            detail="status 401",
            alerts=("credentials:aimlapi", "credentials:fal", "credentials:novita"),
            paid_calls=3,
        )


# -- what never moves one

STAYS: dict[str, tuple[Fault, State, str | None]] = {
    "moderated": (Fault("moderated"), State.FAILED, "moderated"),
    "bad input": (Fault("http_error", "submit", status=422), State.FAILED, "bad_input"),
    "nobody there by that name": (Fault("http_error", "submit", status=404), State.FAILED, "provider_error"),
    "moderated after the ticket": (Fault("moderated", "end"), State.FAILED, "moderated"),
    "failed after the ticket": (Fault("failed_upstream"), State.FAILED, "provider_error"),
    "no picture after the ticket": (Fault("media_unreachable"), State.FAILED, "media_unreachable"),
    "no video after the ticket": (Fault("empty_videos"), State.FAILED, "no_output"),
    "500": (Fault("http_error", "submit", status=500), State.UNSURE, None),
    "reset": (Fault("reset_after_job"), State.UNSURE, None),
}


@pytest.mark.parametrize(("fault", "state", "kind"), STAYS.values(), ids=STAYS)
async def test_what_may_be_paid_or_is_the_person_s_own_matter_never_moves_a_job(
    fault: Fault, state: State, kind: str | None, tmp_path: Path
) -> None:
    """Two others stand ready, and neither hears of it."""
    async with three(tmp_path) as there:
        there.fail(replace(fault))
        job = await there.bot.until(await there.ask(model="wan2.5"), state)
        there.forward(1)
        await there.bot.worker.step(job.id)
        seen = await there.seen(job)
        assert (seen.state, seen.kind, calls(there)) == (state, kind, [1, 0, 0])
        assert seen.used_usd_micros == seen.spent_usd_micros == (600_000 if state is State.UNSURE else 0)
        assert not [said for said in there.board.told if "makes it" in said]


async def test_a_key_that_stops_working_after_the_ticket_moves_nothing(tmp_path: Path) -> None:
    """The video is being made where it is."""
    async with three(tmp_path) as there:
        there.fail(Fault("bad_key", "look", 2))
        job = await delivered(there)
        seen = await there.seen(job, "wan2.5@fal, cost $0.50")
        assert (seen.told, seen.alerts) == (("wan2.5@fal, cost $0.50",), ("credentials:fal",))
        assert calls(there) == [1, 0, 0]


# -- who is left alone


async def refusal(there: Shop, number: int, **changes: Any) -> str:
    """Ask for what is refused; the sentence."""
    with pytest.raises(Refused) as refused:
        await there.ask(number, **changes)
    return refusing.refusal(refused.value, there.bot.setting.clock(), ZoneInfo("UTC"))


async def test_an_account_that_does_not_work_is_left_alone_and_tried_again_later(tmp_path: Path) -> None:
    """The next job goes past it without a word; after five minutes one tries, and where it works all do."""
    async with three(tmp_path) as there:
        there.fail(Fault("bad_key", "submit"))
        await delivered(there)
        told = len(there.board.told)
        assert (await delivered(there, 2)).offer == "wan2.5@novita"
        assert (calls(there), len(there.board.told)) == ([1, 2, 0], told)
        there.forward(0.1)
        assert (await delivered(there, 3)).offer == "wan2.5@fal"
        assert await names(there, 4) == ROUTE.split(",")


async def test_a_refusal_for_an_account_s_sake_names_what_works_now(tmp_path: Path) -> None:
    """Whichever of them is chosen is taken, and goes elsewhere."""
    async with shop(tmp_path, "fal", "novita") as there:
        there.fail(Fault("balance"))
        await there.bot.until(await there.ask(), State.FAILED)
        head, _, others = (await refusal(there, 2)).partition("Another model that works now: ")
        assert head == (
            "This bot's account at fal is not working right now; the people who run it have been told. Nothing was charged. "
        )
        for number, name in enumerate(re.split(", | or ", others.removesuffix(".")), 3):
            assert (await names(there, number, model=name))[0].endswith("@novita")
        assert calls(there) == [1, 0]


async def test_a_refusal_for_an_account_s_sake_names_nobody_where_nobody_works(tmp_path: Path) -> None:
    """To be sent from one closed door to the same door is worse than to hear nothing."""
    async with shop(tmp_path, "fal", "aimlapi") as there:
        for fake in there.fakes:
            fake.faults.append(Fault("bad_key", "submit"))
        await there.bot.until(await there.ask(model="wan2.5"), State.FAILED)
        told = await refusal(there, 2, model="wan2.5")
    assert told.endswith("Nothing was charged.")


async def test_one_bad_key_closes_every_model_of_its_account(tmp_path: Path) -> None:
    """It is the account that does not work, not the model: the next is not sent there to learn the same."""
    async with shop(tmp_path, "novita", "aimlapi", public_url="http://127.0.0.1:9") as there:
        there.fail(Fault("bad_key", "submit"))
        await there.bot.until(await there.ask(), State.FAILED)
        assert "Another model that works now: wan2.5" in await refusal(there, 2, model="wan2.1")
        assert calls(there) == [1, 0]


async def test_a_busy_queue_at_fal_does_not_keep_pictures_from_others(tmp_path: Path) -> None:
    """Its storage is another service, and Novita needs it for the very job that fal has no room for."""
    async with three(tmp_path) as there:
        there.fail(Fault("rate_limited", retry_after="60"))
        assert (await delivered(there)).offer == "wan2.5@novita"


async def test_an_offer_that_keeps_failing_is_tried_last_for_a_while(tmp_path: Path) -> None:
    """Three calls without an answer; then others come first, until half a minute has passed."""
    async with three(tmp_path, max_in_flight="fal=9") as there:
        there.fail(Fault("http_error", "submit", 3, status=500))
        for number in range(3):
            await there.bot.until(await there.ask(number, model="wan2.5@fal"), State.UNSURE)
        assert await names(there, 4) == ["wan2.5@novita", "wan2.5@aimlapi", "wan2.5@fal"]
        there.forward(0.01)
        assert await names(there, 5) == ROUTE.split(",")


async def test_a_job_in_line_leaves_an_account_that_stopped_working_and_is_told_why(tmp_path: Path) -> None:
    """Another job learned it; this one is not sent there."""
    async with three(tmp_path) as there:
        first, second = [await there.bot.until(await there.ask(n, model="wan2.5"), State.QUEUED) for n in (1, 2)]
        there.fail(Fault("bad_key", "submit"))
        await there.bot.until(first, State.DELIVERED)
        before = len(there.board.told)
        second = await there.bot.until(second, State.DELIVERED)
        assert (second.offer, calls(there)) == ("wan2.5@novita", [1, 2, 0])
        assert there.board.told[before:] == ["fal is not working right now, so Novita makes it. Price unchanged."]


async def test_whoever_was_passed_over_is_not_named_as_the_one_that_failed(tmp_path: Path) -> None:
    """Novita was left alone; it is fal that did not take the job, and fal's price that it is compared with."""
    async with three(tmp_path) as there:
        job = await there.bot.until(await there.ask(model="wan2.5"), State.QUEUED)
        there.fakes[1].faults.append(Fault("bad_key", "submit"))
        await there.bot.until(await there.ask(2, model="wan2.5@novita"), State.FAILED)
        there.fail(Fault("balance"))
        job = await there.bot.until(job, State.DELIVERED)
        told = "fal is not working right now, so AI/ML API makes it. It is about $0.60 now."
        seen = await there.seen(job, told)
        assert (job.offer, seen.told) == ("wan2.5@aimlapi", (told,))


# -- who is tried first


async def test_by_price_the_cheapest_is_first_and_an_operator_s_own_price_counts(tmp_path: Path) -> None:
    """Where prices are the same the name decides, so that it is the same each time."""
    async with three(tmp_path / "listed", route="price") as there:
        assert await names(there) == ["wan2.5@fal", "wan2.5@novita", "wan2.5@aimlapi"]
        assert await names(there, 2, options={"resolution": "480p", "duration": "10"}) == ROUTE.split(",")
    own = tmp_path / "prices.toml"
    own.write_text('["wan2.5@aimlapi"."720p"]\n5 = 0.30\n["wan2.5@fal"."720p"]\n5 = 0.55\n')
    async with three(tmp_path / "own", route="price", prices=own) as there:
        job = await delivered(there)
        assert [priced.offer for priced in job.route] == ["wan2.5@aimlapi", "wan2.5@novita", "wan2.5@fal"]
        seen = await there.seen(job, "cost $0.60")
        assert (seen.used_usd_micros, seen.spent_usd_micros) == (300_000, 600_000)
        assert seen.alerts == ("billed_above_reservation:ID",)


async def test_by_list_the_operator_decides_and_the_rest_follows(tmp_path: Path) -> None:
    """A provider, a model or an offer may be named."""
    async with three(tmp_path, route="aimlapi,wan2.5@novita") as there:
        assert await names(there) == ["wan2.5@aimlapi", "wan2.5@novita", "wan2.5@fal"]


async def test_by_speed_what_was_learned_goes_before_what_was_declared(tmp_path: Path) -> None:
    """The declared paces stand until enough videos have come; then the one that was quick here is first."""
    async with three(tmp_path, route="speed") as there:
        assert (await names(there))[-1] == "wan2.5@aimlapi"
        for number in range(2, 12):
            await delivered(there, number, model="wan2.5@aimlapi")
        assert (await names(there, 20))[0] == "wan2.5@aimlapi"


# -- prompts that others count otherwise

CAT, ASTRONAUT, ACCENTED = "猫", "👩\u200d🚀", "e\u0301"
PROMPTS = {"801 letters": "a" * 801, "cats": CAT * 800, "astronauts": ASTRONAUT * 400, "accents": ACCENTED * 800}
LENGTHS = {"801 letters": 801, "cats": 800, "astronauts": 1200, "accents": 1600}
"""In code points, as the providers count."""


@pytest.mark.parametrize("which", ["801 letters", "astronauts", "accents"])
async def test_b33_too_long_for_fal_is_refused_with_both_numbers_and_who_takes_it(which: str, tmp_path: Path) -> None:
    """Before anything is stored, reserved or paid, and never cut."""
    async with shop(tmp_path, "fal", "novita") as there:
        told = await there.refusal(model="wan2.5@fal", prompt=PROMPTS[which])
    length = LENGTHS[which]
    assert told == (
        f"The sentence has {length} characters; wan2.5@fal takes 800. Shorten it by {length - 800}. "
        f"It fits wan2.5@novita, wan2.6 or wan2.1."
    )


@pytest.mark.parametrize(("offer", "which"), [("wan2.5@fal", "cats"), *(("wan2.6@novita", which) for which in PROMPTS)])
async def test_b33_what_fits_is_sent_whole(offer: str, which: str, tmp_path: Path) -> None:
    """Every code point arrives, and no provider had to cut."""
    name = offer.partition("@")[2]
    async with shop(tmp_path, name) as there:
        job = await there.bot.until(await there.ask(model=offer, prompt=PROMPTS[which]), State.DELIVERED)
        (call,) = there.fake.paid()
        assert (call.body.get("input") or call.body)["prompt"] == PROMPTS[which]
        assert not there.fake.jobs[cast("str", job.ticket)].cut
        seen = await there.seen(job)
        assert seen == Seen(state=State.DELIVERED, used_usd_micros=500_000, spent_usd_micros=500_000)


@pytest.mark.parametrize("which", ["801 letters", "astronauts", "accents"])
async def test_b33_where_only_the_model_is_named_an_offer_that_fits_makes_it(which: str, tmp_path: Path) -> None:
    """It goes to the one whose limit it keeps, and the person reads which."""
    async with shop(tmp_path, "fal", "novita") as there:
        job = await delivered(there, prompt=PROMPTS[which])
        assert [priced.offer for priced in job.route] == ["wan2.5@novita"]
        assert (await there.seen(job, "wan2.5@novita, cost")).told == ("wan2.5@novita, cost",)


async def test_b33_2001_letters_are_too_long_for_everybody(tmp_path: Path) -> None:
    """Novita would cut it without a word."""
    async with shop(tmp_path, "novita") as there:
        told = await there.refusal(prompt="a" * 2001)
    assert told == "The sentence has 2001 characters; wan2.6@novita takes 2000. Shorten it by 1."


@pytest.mark.parametrize("unit", [CAT, ASTRONAUT, ACCENTED])
async def test_b33_what_is_shown_of_a_long_prompt_is_not_cut_inside_a_letter(unit: str, tmp_path: Path) -> None:
    """The words that are read out end with a whole sign."""
    async with shop(tmp_path, "novita") as there:
        job = await there.ask(prompt=unit * 500)
    shown = replies.alt(job).removeprefix("Video, 5 s: ").removesuffix("…")
    assert shown == unit * (len(shown) // len(unit))
