"""Everything between the ticket and the video at the hosted providers: odd words, trouble on the way, endings and cancels."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.wording import provider
from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import ANA
from tests.e2e.shop import OFFERS, PRICES, Seen, Shop, everywhere, fal_of, shop
from tests.fakes.hosted import Fault

PROMPT = "the red fox of Ana's own yard"
SLOW = "is slow to answer; still looking"


def delivered(name: str, *told: str) -> Seen:
    """Return what is seen of a video that came as it should."""
    return Seen(state=State.DELIVERED, told=told, used_usd_micros=PRICES[name], spent_usd_micros=PRICES[name])


def failed(kind: str, *told: str, **changes: Any) -> Seen:
    """Return what is seen of a job that the provider ended without a bill."""
    return replace(Seen(state=State.FAILED, kind=kind, told=told), **changes)


async def seen_alike(there: Shop, job: Job, expected: Seen) -> None:
    """Compare, with a bill at the provider that is the same as ours."""
    assert await there.seen(job, *expected.told) == expected
    assert there.fake.billed_usd_micros() == (expected.spent_usd_micros if expected.state is State.DELIVERED else 0)


# -- odd words on the way to a video

ON_THE_WAY: dict[str, tuple[str, tuple[Fault, ...], tuple[str, ...]]] = {
    "an unknown word at fal": ("fal", (Fault("unknown_status", times=2),), ()),
    "an unknown word at novita": ("novita", (Fault("unknown_status", times=2),), ()),
    "an unknown word at aimlapi": ("aimlapi", (Fault("unknown_status", times=2),), ()),
    "a word that is a paragraph": ("novita", (Fault("unknown_status", times=2, status="soon! " * 99),), ()),
    "waiting at aimlapi": ("aimlapi", (Fault("waiting", times=3),), ("Being made at AI/ML API",)),
    "no error and no meta at aimlapi": (
        "aimlapi",
        (Fault("missing_keys", "look", 9), Fault("missing_keys", "result", 9)),
        (),
    ),
    "keys missing at fal": ("fal", (Fault("missing_keys", "look", 9), Fault("missing_keys", "result", 9)), ()),
    "keys missing at novita": ("novita", (Fault("missing_keys", "look", 9), Fault("missing_keys", "result", 9)), ()),
    "a life in text": ("novita", (Fault("ttl", times=9, body="3600"),), ()),
    "a life in numbers": ("novita", (Fault("ttl", times=9, body=3600),), ()),
    "no life at all": ("novita", (Fault("ttl", times=9, body=None),), ()),
    "no progress on success": ("novita", (Fault("progress_zero", times=9),), ()),
    "back into fal's queue": ("fal", (Fault("requeue", times=2),), ("Waiting at fal, place 4",)),
    "back into novita's queue": ("novita", (Fault("requeue", times=2),), ("Being made at Novita",)),
}


@pytest.mark.parametrize(("name", "faults", "told"), ON_THE_WAY.values(), ids=ON_THE_WAY)
async def test_nothing_that_a_status_says_meanwhile_keeps_a_video_away(
    name: str, faults: tuple[Fault, ...], told: tuple[str, ...], tmp_path: Path
) -> None:
    """It is made at the pace of its looks, delivered, and paid once."""
    async with shop(tmp_path, name) as there:
        there.fake.looks = 3
        there.fail(*map(replace, faults))
        job = await there.bot.until(await there.ask(), State.DELIVERED)
        await seen_alike(there, job, delivered(name, *told, f"cost ${PRICES[name] / 1_000_000:.2f}"))


async def test_ai_ml_api_s_ids_are_asked_for_as_they_were_given(tmp_path: Path) -> None:
    """They hold a colon and a slash, which a query must carry whole."""
    async with shop(tmp_path, "aimlapi") as there:
        job = await there.bot.until(await there.ask(), State.DELIVERED)
        asked = {each.query["generation_id"] for each in there.fake.seen if "generation_id" in each.query}
        assert asked == {job.ticket}
        assert str(job.ticket).endswith(":alibaba/wan2.5-i2v-preview")
        await seen_alike(there, job, delivered("aimlapi"))


async def test_fal_s_202_means_that_it_runs_and_its_place_in_line_is_told(tmp_path: Path) -> None:
    """A status other than 200 is an answer all the same."""
    async with shop(tmp_path, "fal") as there:
        there.fake.looks = 4
        job = await there.bot.until(await there.ask(), State.DELIVERED)
        await seen_alike(there, job, delivered("fal", "Waiting at fal, place 4", "Being made at fal"))


@pytest.mark.parametrize("host", ["queue.fal.run", "elsewhere.example"])
async def test_fal_s_own_addresses_are_followed_on_our_host_only(host: str, tmp_path: Path) -> None:
    """The key goes nowhere else, whatever host the queue hands out."""
    async with shop(tmp_path, "fal") as there:
        fal_of(there).hand_out_host = host
        job = await there.bot.until(await there.ask(), State.DELIVERED)
        await seen_alike(there, job, delivered("fal"))


# -- trouble on the way


TROUBLES: dict[str, tuple[Fault, ...]] = {
    "time-outs, then 502s in HTML": (
        Fault("reset", "look", 3),
        Fault("http_error", "look", 5, status=502, html=True),
    ),
    "pages for JSON": (Fault("html_for_json", "look", 4),),
    "404s": (Fault("http_error", "look", 4, status=404),),
    "429s": (Fault("rate_limited", "look", 2, retry_after="0"),),
    "500s": (Fault("http_error", "look", 4, status=500),),
    "a slow answer": (Fault("hang", "look", 1, seconds=0.3),),
}


@everywhere
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_b28_no_error_of_a_look_ends_a_job(trouble: str, name: str, tmp_path: Path) -> None:
    """The person reads that the provider is slow, unless fal's response told instead; the video is paid and posted once."""
    async with shop(tmp_path, name) as there:
        job = await there.bot.until(await there.ask(), State.GENERATING)
        there.fail(*map(replace, TROUBLES[trouble]))
        at_response = name == "fal" and trouble != "time-outs, then 502s in HTML"
        told = () if at_response or trouble == "a slow answer" else (SLOW,)
        if told:
            job = await looked_at(there, job, 2)
            assert await there.seen(job, SLOW) == replace(
                delivered(name, SLOW), state=State.GENERATING, detail="slow to answer"
            )
        job = await there.bot.until(job, State.DELIVERED)
        await seen_alike(there, job, delivered(name, *told))
        assert len(there.board.posted()) == 1


@everywhere
async def test_a_result_that_cannot_be_read_at_once_is_asked_for_again(name: str, tmp_path: Path) -> None:
    """The job has ended well, and only the telling of it goes wrong."""
    async with shop(tmp_path, name) as there:
        job = await there.bot.until(await there.ask(), State.GENERATING)
        there.fail(Fault("http_error", "result", 2, status=503, html=True), Fault("reset", "result"))
        job = await there.bot.until(job, State.DELIVERED)
        await seen_alike(there, job, delivered(name, SLOW))


@everywhere
async def test_a_key_that_stops_working_while_a_video_is_made_pauses_it_and_calls_the_operator(
    name: str, tmp_path: Path
) -> None:
    """The video may be made all the same: once the key works it is delivered."""
    async with shop(tmp_path, name) as there:
        job = await there.bot.until(await there.ask(), State.GENERATING)
        there.fail(Fault("bad_key", "look", 4))
        job = await looked_at(there, job, 2)
        assert job.state is State.GENERATING
        job = await there.bot.until(job, State.DELIVERED)
        await seen_alike(there, job, replace(delivered(name), alerts=(f"credentials:{name}",)))


# -- a word that nobody documented, for ever

GONE_ON = {"fal": 30 * 24, "novita": 7 * 24, "aimlapi": 7 * 24}
"""How many hours each provider keeps a job."""


@everywhere
async def test_b30_an_undocumented_failed_is_taken_for_running_until_the_provider_forgets_the_job(
    name: str, tmp_path: Path
) -> None:
    """Late, told once, and nothing is given back before the end is sure; then the spend is assumed."""
    async with shop(tmp_path, name, job_deadline_s=20) as there:
        there.fake.looks = 9999
        there.fail(Fault("unknown_status", status="FAILED", polls=9999))
        job = await there.bot.until(await there.ask(), State.LATE)
        late = "Still not there. It is looked for until the provider forgets it; nothing is charged to you unless it comes."
        assert await there.seen(job, late) == Seen(
            state=State.LATE, told=(late,), used_usd_micros=PRICES[name], spent_usd_micros=PRICES[name]
        )
        if name == "fal":
            truths = [each for each in there.fake.seen if each.path.endswith(f"/requests/{job.ticket}")]
            assert len(truths) >= 3
        there.forward(GONE_ON[name])
        job = await there.bot.until(job, State.FAILED)
        told = f"{provider(OFFERS[name])} never finished it. Your limit was given back."
        assert await there.seen(job, told) == failed(
            "timed_out", told, alerts=("spend_assumed:ID",), spent_usd_micros=PRICES[name]
        )
        assert [each.event for each in await there.bot.store.trail(job.id)].count("deadline") == 1


@pytest.mark.parametrize(("ending", "state"), [(None, State.DELIVERED), (Fault("moderated", "end"), State.FAILED)])
async def test_b30_fal_s_response_settles_a_word_that_its_queue_does_not_explain(
    ending: Fault | None, state: State, tmp_path: Path
) -> None:
    """The response alone tells the truth, so it is asked before the job can be late."""
    async with shop(tmp_path, "fal", job_deadline_s=20) as there:
        there.fail(Fault("unknown_status", status="FAILED", polls=9999), *([] if ending is None else [ending]))
        job = await there.bot.until(await there.ask(), State.DELIVERED, State.FAILED)
        expected = delivered("fal") if ending is None else failed("moderated", detail="content_policy_violation")
        assert state is expected.state
        await seen_alike(there, job, expected)


@everywhere
async def test_b30_an_unknown_word_is_logged_once_and_not_at_every_look(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator reads it, and can still read everything else."""
    word = f"NEVER_HEARD_{name}".upper()
    with caplog.at_level(logging.WARNING):
        async with shop(tmp_path, name) as there:
            there.fake.looks = 6
            there.fail(Fault("unknown_status", status=word, polls=5))
            await there.bot.until(await there.ask(), State.DELIVERED)
    assert [vars(each)["word"] for each in caplog.records if "status word" in each.message] == [word]


# -- how a job ends without a video

ALIBABA = {
    "moderated": ("DataInspectionFailed: Input data may contain inappropriate content.", "content rules"),
    "media_unreachable": (
        "InvalidParameter.DataInspection: Unable to download the media resource during the data inspection process.",
        "could not fetch the picture or the sound from here. That is not your fault. Nothing was charged.",
    ),
    "bad_input": ("InvalidParameter: the image is broken", "refused this request as it is. Nothing was charged."),
    "provider_error": ("InternalError.Algo: the task gave out", "failed to make it. Nothing was charged."),
}
"""By the kind, Alibaba's words, which its resellers pass on, and what a person reads."""


@pytest.mark.parametrize("name", ["novita", "aimlapi"])
@pytest.mark.parametrize("kind", ALIBABA)
async def test_alibaba_s_words_are_sorted_by_whose_matter_they_are(kind: str, name: str, tmp_path: Path) -> None:
    """The operator finds them, the person reads a sentence of ours, and all is given back."""
    words, told = ALIBABA[kind]
    async with shop(tmp_path, name) as there:
        there.fail(Fault("failed_upstream", reason=words))
        job = await there.bot.until(await there.ask(), State.FAILED)
        alerts = (f"media_unreachable:{name}",) if kind == "media_unreachable" else ()
        # AI/ML API has the code and the message apart.
        detail = words if name == "novita" else words.replace(": ", " ", 1)
        await seen_alike(there, job, failed(kind, told, detail=detail, alerts=alerts))


FAL_ENDS: dict[str, tuple[Fault, Seen]] = {
    "422 with everything echoed": (
        Fault("moderated", "end"),
        failed("moderated", "under its content rules. Nothing was charged.", detail="content_policy_violation"),
    ),
    "file_download_error": (
        Fault("media_unreachable"),
        failed(
            "media_unreachable",
            "could not fetch the picture or the sound from here",
            detail="file_download_error",
            alerts=("media_unreachable:fal",),
        ),
    ),
    "an error on the status": (
        Fault("completed_with_error", body="request_timeout"),
        failed("provider_error", "failed to make it. Nothing was charged.", detail="request_timeout"),
    ),
    "500 on the response": (
        Fault("failed_upstream"),
        failed("provider_error", "failed to make it. Nothing was charged.", detail="downstream_service_error"),
    ),
    "504 on the response": (
        Fault("failed_upstream", status=504, body="generation_timeout"),
        failed("provider_error", "failed to make it. Nothing was charged.", detail="generation_timeout"),
    ),
    "detail is text": (
        Fault("detail", body="That is no picture."),
        failed("bad_input", "refused this request as it is. Nothing was charged.", detail="bad_request"),
    ),
    "detail is a list": (
        Fault("detail", body=[{"loc": ["body", "image_url"], "msg": "too small", "type": "image_too_small"}]),
        failed("bad_input", "refused this request as it is. Nothing was charged.", detail="image_too_small"),
    ),
    "detail is an object": (
        Fault("detail", body={"type": "face_detection_error", "msg": "no face"}),
        failed(
            "bad_input",
            "refused this request as it is. Nothing was charged.",
            detail="bad_request face_detection_error",
        ),
    ),
}


@pytest.mark.parametrize(("fault", "expected"), FAL_ENDS.values(), ids=FAL_ENDS)
async def test_fal_s_completed_is_no_success_where_the_response_says_otherwise(
    fault: Fault, expected: Seen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever shape the refusal has; and the prompt that it echoes stays out of the record, the alerts and the log."""
    with caplog.at_level(logging.INFO):
        async with shop(tmp_path, "fal") as there:
            there.fail(replace(fault))
            job = await there.bot.until(await there.ask(prompt=PROMPT), State.FAILED)
            await seen_alike(there, job, expected)
            kept = [await there.bot.store.trail(job.id), await there.bot.store.alerts(), job.detail]
    logged = [(each.getMessage(), {**vars(each)}) for each in caplog.records]
    assert PROMPT not in repr(kept) + repr(logged)


@everywhere
async def test_success_without_a_video_is_told_as_such_and_to_operators_with_the_ticket(
    name: str, tmp_path: Path
) -> None:
    """The person pays nothing of it; who bills it all the same is booked as billing it."""
    async with shop(tmp_path, name) as there:
        there.fail(Fault("empty_videos"))
        job = await there.bot.until(await there.ask(), State.FAILED)
        spent = 0 if name == "fal" else PRICES[name]
        money = "Your limit was given back" if spent else "Nothing was charged."
        told = ("reported success, but no whole video came.", money)
        assert await there.seen(job, *told) == failed(
            "no_output", *told, alerts=(f"no_output:{name}",), spent_usd_micros=spent
        )
        (alert,) = await there.bot.store.alerts()
        assert alert.facts["ticket"] == job.ticket


@pytest.mark.parametrize("name", ["novita", "aimlapi"])
@pytest.mark.parametrize("reason", ["", None], ids=["an empty reason", "no reason"])
async def test_b31_a_failure_without_a_reason_is_told_as_one(reason: str | None, name: str, tmp_path: Path) -> None:
    """The provider gave none, nothing was charged; and no word of a program stands in its place."""
    async with shop(tmp_path, name) as there:
        there.fail(Fault("failed_upstream", reason=reason))
        job = await there.bot.until(await there.ask(), State.FAILED)
        who = provider(OFFERS[name])
        told = (
            f"{who} failed to make it and gave no reason. Nothing was charged. Trying again often works. (job {job.id})"
        )
        await seen_alike(there, job, failed("provider_error", told, alerts=(f"no_reason:{name}",)))


async def test_ai_ml_api_s_failed_is_as_good_as_its_error(tmp_path: Path) -> None:
    """Its documents name the one, its own clients the other."""
    async with shop(tmp_path, "aimlapi") as there:
        there.fail(Fault("unknown_status", status="failed"))
        job = await there.bot.until(await there.ask(), State.FAILED)
        await seen_alike(
            there, job, failed("provider_error", "failed to make it and gave no reason.", alerts=("no_reason:aimlapi",))
        )


async def test_b31_a_type_of_fal_s_is_reason_enough(tmp_path: Path) -> None:
    """Its text is blank, but an operator can look the type up."""
    async with shop(tmp_path, "fal") as there:
        there.fail(Fault("failed_upstream", reason=""))
        job = await there.bot.until(await there.ask(), State.FAILED)
        told = f"fal failed to make it. Nothing was charged. Trying again often works. (job {job.id})"
        await seen_alike(there, job, failed("provider_error", told, detail="downstream_service_error"))


async def test_b31_a_bare_500_for_a_job_that_fal_calls_completed_is_its_end(tmp_path: Path) -> None:
    """It says so each time it is asked: the person hears that it failed, and not that it is late."""
    async with shop(tmp_path, "fal") as there:
        there.fail(Fault("failed_upstream", reason=None))
        job = await looked_at(there, await there.ask(), 12)
        await seen_alike(
            there, job, failed("provider_error", "and gave no reason. Nothing was charged.", alerts=("no_reason:fal",))
        )


async def looked_at(there: Shop, job: Job, times: int) -> Job:
    """Make so many steps of a job, each when it is due."""
    for _ in range(times):
        there.bot.let_pass(job)
        job = await there.bot.worker.step(job.id) or job
    return job


@pytest.mark.parametrize(("name", "status"), [("novita", "TASK_STATUS_FAILED"), ("aimlapi", "error")])
async def test_b31_operators_find_the_ticket_and_the_raw_status_of_a_failure_without_a_reason(
    name: str, status: str, tmp_path: Path
) -> None:
    """With those two they can ask the provider."""
    async with shop(tmp_path, name) as there:
        there.fail(Fault("failed_upstream", reason=None))
        job = await there.bot.until(await there.ask(), State.FAILED)
        kept = repr([await there.bot.store.trail(job.id), await there.bot.store.alerts()])
    assert re.search(rf"\b{status}\b", kept)
    assert str(job.ticket) in kept


# -- cancels


async def cancelled(there: Shop) -> Job:
    """Cancel a job that is being made, as its own person."""
    job = await there.bot.until(await there.ask(), State.GENERATING)
    return await there.bot.by_hand(job, Event.CANCEL, by=f"user:{ANA}")


async def test_a_cancel_that_fal_confirms_costs_nothing(tmp_path: Path) -> None:
    """It was stopped before it ended: fal bills nothing, and the person reads so."""
    async with shop(tmp_path, "fal") as there:
        there.fake.looks = 9
        job = await there.bot.until(await cancelled(there), State.CANCELLED)
        told = "Cancelled. Nothing was charged."
        await seen_alike(there, job, Seen(state=State.CANCELLED, told=(told,)))
        assert [each.method for each in there.fake.seen].count("PUT") == 1


async def test_while_fal_is_asked_to_stop_its_person_reads_so(tmp_path: Path) -> None:
    """Between the wish and the answer nobody should think that it was not heard."""
    async with shop(tmp_path, "fal") as there:
        there.fake.looks = 9
        there.fail(Fault("http_error", "cancel", 2))
        await looked_at(there, await cancelled(there), 2)
        assert "Cancelling at fal" in there.board.shown[-1].text


async def test_a_cancel_that_comes_too_late_at_fal_brings_the_video(tmp_path: Path) -> None:
    """ALREADY_COMPLETED: it was made, is delivered, and is charged."""
    async with shop(tmp_path, "fal") as there:
        there.fake.looks = 9
        there.fail(Fault("already_completed"))
        job = await there.bot.until(await cancelled(there), State.DELIVERED)
        await seen_alike(there, job, delivered("fal", "cost $0.50"))


@pytest.mark.parametrize(
    "fault", [Fault("http_error", "cancel", 99), Fault("reset", "cancel", 99)], ids=["503", "reset"]
)
async def test_a_cancel_that_fal_does_not_take_leaves_the_job_to_be_made(fault: Fault, tmp_path: Path) -> None:
    """Nothing is called stopped that was not: the video comes, and is charged."""
    async with shop(tmp_path, "fal") as there:
        there.fake.looks = 3
        there.fail(replace(fault))
        job = await there.bot.until(await cancelled(there), State.DELIVERED)
        await seen_alike(there, job, delivered("fal", "cost $0.50"))


@pytest.mark.parametrize("name", ["novita", "aimlapi"])
async def test_where_a_provider_cannot_stop_no_answer_means_keep(name: str, tmp_path: Path) -> None:
    """The video is delivered and charged, and no call was made that the provider does not know."""
    async with shop(tmp_path, name) as there:
        there.fake.looks = 3
        job = await there.bot.until(await cancelled(there), State.DELIVERED)
        await seen_alike(there, job, delivered(name))
        assert {each.method for each in there.fake.seen} == {"GET", "POST"}


@pytest.mark.parametrize("name", ["novita", "aimlapi"])
async def test_a_discarded_video_is_charged_to_whom_had_it_made_and_nothing_more_is_told(
    name: str, tmp_path: Path
) -> None:
    """The provider bills it all the same, and that is said."""
    async with shop(tmp_path, name) as there:
        there.fake.looks = 3
        job = await there.bot.until(await there.ask(), State.GENERATING)
        job = await there.bot.by_hand(job, Event.DISCARDED, by=f"user:{ANA}")
        shown = len(there.board.shown)
        job = await there.bot.until(job, State.CANCELLED)
        told = f"Discarded. {provider(OFFERS[name])} charges ${PRICES[name] / 1_000_000:.2f} for it all the same."
        assert await there.seen(job, told) == replace(delivered(name, told), state=State.CANCELLED)
        assert (there.board.posted(), len(there.board.shown)) == ([], shown)


@pytest.mark.parametrize("name", ["novita", "fal"])
async def test_a_discarded_job_that_fails_costs_nobody_anything(name: str, tmp_path: Path) -> None:
    """There is nothing to pay for, whatever its person wished."""
    async with shop(tmp_path, name) as there:
        job = await there.bot.until(await there.ask(), State.GENERATING)
        there.fail(Fault("failed_upstream"), *([Fault("http_error", "cancel", 99)] if name == "fal" else []))
        job = await there.bot.by_hand(job, Event.DISCARDED, by=f"user:{ANA}")
        job = await there.bot.until(job, State.CANCELLED)
        told = "Cancelled. Nothing was charged."
        seen = await there.seen(job, told)
        assert replace(seen, detail="") == Seen(state=State.CANCELLED, told=(told,))
