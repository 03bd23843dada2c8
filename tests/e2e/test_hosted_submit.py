"""The paid call at the hosted providers: refused before it, refused by it, lost on the way; what everybody sees of each."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from bot import replies
from bot.public import public_app
from bot.refusals import Refused
from bot.serving import serving
from bot.wording import provider
from storage.contract import Job
from storage.states import State
from tests.e2e.hosted import FAKES, setting
from tests.e2e.shop import (
    OFFERS,
    PRICES,
    Seen,
    Shop,
    drawn,
    everywhere,
    fal_of,
    free_port,
    opened,
    shop,
    spoken,
)
from tests.fakes.fal import FalFake
from tests.fakes.hosted import Fault
from tests.fakes.hosted import Job as Made

# -- what a reply to the paid call proves


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a status says that can only mean that no job was made."""

    kind: str
    told: str
    alert: str = ""


BAD_INPUT = Proof(kind="bad_input", told="{who} refused this request as it is. Nothing was charged.")
BAD_KEY = Proof(
    kind="credentials",
    told="The account at {who} does not work just now. Nothing was charged.",
    alert="credentials:{name}",
)
EMPTY = Proof(
    kind="no_credit", told="The account at {who} has no credit left. Nothing was charged.", alert="no_credit:{name}"
)
GONE = Proof(kind="provider_error", told="Nothing was charged.", alert="withdrawn:{offer}")
MODERATED = Proof(
    kind="moderated",
    told="{who} refused this picture or these words under its content rules. Nothing was charged.",
)
PROOFS = {400: BAD_INPUT, 401: BAD_KEY, 402: EMPTY, 403: BAD_KEY, 404: GONE, 422: BAD_INPUT}


def refused(name: str, proof: Proof, detail: str) -> Seen:
    """Return what is seen of a job that this reply ends; `detail` is what operators find beside it."""
    words = {"who": provider(OFFERS[name]), "name": name, "offer": OFFERS[name]}
    return Seen(
        state=State.FAILED,
        kind=proof.kind,
        told=(proof.told.format(**words),),
        detail=detail,
        alerts=tuple(filter(None, [proof.alert.format(**words)])),
    )


@everywhere
@pytest.mark.parametrize("status", PROOFS)
async def test_a_status_that_proves_that_there_is_no_job_ends_it_and_gives_all_back(
    status: int, name: str, tmp_path: Path
) -> None:
    """One call, nothing in either book, and an operator hears of what only an operator can mend."""
    async with shop(tmp_path, name) as there:
        there.fail(Fault("http_error", "submit", status=status))
        job = await there.bot.until(await there.ask(), State.FAILED)
        expected = refused(name, PROOFS[status], "withdrawn" if status == 404 else f"status {status}")
        assert await there.seen(job, *expected.told) == expected


SPOKEN = {
    "novita: no balance under 400": ("novita", Fault("balance", status=400), EMPTY, "BILLING_BALANCE_NOT_ENOUGH"),
    "novita: no balance under 403": ("novita", Fault("balance", status=403), EMPTY, "NOT_ENOUGH_BALANCE"),
    "novita: no balance under 409": ("novita", Fault("balance", status=409), EMPTY, "DE_BALANCE_NOT_ENOUGH"),
    "novita: bad key under 401": ("novita", Fault("bad_key", "submit", status=401), BAD_KEY, "status 401"),
    "novita: bad key under 403": ("novita", Fault("bad_key", "submit", status=403), BAD_KEY, "status 403"),
    "novita: no key under 400": ("novita", Fault("bad_key", "submit", status=400), BAD_KEY, "MISSING_API_KEY"),
    "novita: prompt not allowed": ("novita", Fault("moderated"), MODERATED, "status 400"),
    "fal: exhausted balance": ("fal", Fault("balance"), EMPTY, "status 403"),
    "fal: bad key": ("fal", Fault("bad_key", "submit"), BAD_KEY, "status 401"),
    "fal: content policy": ("fal", Fault("moderated"), MODERATED, "status 422"),
    "fal: detail is text": ("fal", Fault("detail", "submit", body="no such thing"), BAD_INPUT, "status 422"),
    "fal: detail is a list": (
        "fal",
        Fault("detail", "submit", body=[{"loc": ["body"], "msg": "no", "type": "one_of"}]),
        BAD_INPUT,
        "status 422",
    ),
    "fal: detail is an object": ("fal", Fault("detail", "submit", body={"type": "one_of"}), BAD_INPUT, "status 422"),
    "aimlapi: out of credits": ("aimlapi", Fault("balance"), EMPTY, "status 403"),
    "aimlapi: bad key": ("aimlapi", Fault("bad_key", "submit"), BAD_KEY, "status 401"),
    "aimlapi: safety system": ("aimlapi", Fault("moderated"), MODERATED, "status 400"),
}


@pytest.mark.parametrize(("name", "fault", "proof", "detail"), SPOKEN.values(), ids=SPOKEN)
async def test_a_provider_s_own_words_say_whose_matter_a_refusal_is(
    name: str, fault: Fault, proof: Proof, detail: str, tmp_path: Path
) -> None:
    """The same status is the person's matter or the operator's, by what is said under it."""
    async with shop(tmp_path, name) as there:
        there.fail(replace(fault))
        job = await there.bot.until(await there.ask(), State.FAILED)
        expected = refused(name, proof, detail)
        assert await there.seen(job, *expected.told) == expected


ECHOED = {
    "she keeps her balance on a rope": BAD_INPUT,
    "a locked door opens": BAD_INPUT,
    "an illegal race through the night": BAD_INPUT,
}


@pytest.mark.parametrize("prompt", ECHOED)
async def test_a_prompt_that_fal_echoes_in_its_refusal_is_not_read_as_the_reason(prompt: str, tmp_path: Path) -> None:
    """Words of a person's own must not shut an account off, nor call what they asked for indecent."""
    async with shop(tmp_path, "fal") as there:
        flaw = {"loc": ["body", "image_url"], "msg": "too small", "type": "image_too_small"}
        there.fail(Fault("detail", "submit", body=[flaw]))
        job = await there.bot.until(await there.ask(prompt=prompt), State.FAILED)
        expected = refused("fal", ECHOED[prompt], "status 422")
        assert await there.seen(job, *expected.told) == expected


async def test_a_key_that_is_not_the_account_s_is_told_to_operators_once(tmp_path: Path) -> None:
    """The first job learns it at the provider; the next is refused before anything is sent."""
    async with shop(tmp_path, "fal", fal_key="another-key") as there:
        job = await there.bot.until(await there.ask(), State.FAILED)
        expected = refused("fal", BAD_KEY, "status 401")
        assert await there.seen(job, *expected.told) == expected
        with pytest.raises(Refused) as again:
            await there.ask(2)
        assert again.value.code == "account_trouble"
        assert await there.seen(job, *expected.told) == expected


async def test_a_wrong_path_at_novita_is_the_operator_s_matter(tmp_path: Path) -> None:
    """A 404 to a submit means a wrong base address or a model that was withdrawn; no video is behind it."""
    with FAKES["novita"].serving(tmp_path / "novita") as fake:
        wrong = setting(tmp_path / "bot", fake, novita_base_url=f"{fake.url}/no-such-place")
        async with opened(wrong, fake) as there:
            job = await there.bot.until(await there.ask(), State.FAILED)
            assert await there.seen(job, "Nothing was charged.") == Seen(
                state=State.FAILED,
                kind="provider_error",
                told=("Nothing was charged.",),
                detail="withdrawn",
                alerts=("withdrawn:wan2.6@novita",),
                paid_calls=0,
            )
        assert [each.path for each in fake.seen] == ["/novita/no-such-place/v3/async/wan2.6-i2v"]


async def test_a_model_that_was_withdrawn_is_not_advised_to_be_tried_again(tmp_path: Path) -> None:
    """Trying again cannot help; the sentence should say that the model is not to be had there now."""
    async with shop(tmp_path, "novita") as there:
        there.fail(Fault("http_error", "submit", status=404))
        job = await there.bot.until(await there.ask(), State.FAILED)
    assert "Trying again often works" not in replies.ended(job)


# -- the provider is busy


@everywhere
async def test_a_provider_that_is_busy_keeps_the_job_in_line_for_as_long_as_it_asks(name: str, tmp_path: Path) -> None:
    """Busy is not a failure: the person reads what it waits for, and the reservation stands."""
    async with shop(tmp_path, name) as there:
        there.fail(Fault("rate_limited", retry_after="7"))
        job = await there.bot.until(await there.ask(), State.QUEUED)
        job = cast("Job", await there.bot.worker.step(job.id))
        assert job.due_in_ms == 7_000
        busy = f"{provider(OFFERS[name])} is busy; waiting for a turn"
        assert await there.seen(job, busy) == Seen(
            state=State.QUEUED,
            told=(busy,),
            detail="busy",
            used_usd_micros=PRICES[name],
            spent_usd_micros=PRICES[name],
        )


async def test_a_429_that_names_no_time_is_waited_out_and_made_once(tmp_path: Path) -> None:
    """Two calls, the first of which proved that it made nothing; one video, paid once."""
    async with shop(tmp_path, "novita") as there:
        there.fail(Fault("rate_limited"))
        job = await there.bot.until(await there.ask(), State.DELIVERED)
        assert await there.seen(job, "Novita is busy", "cost $0.50") == Seen(
            state=State.DELIVERED,
            told=("Novita is busy", "cost $0.50"),
            used_usd_micros=PRICES["novita"],
            spent_usd_micros=there.fake.billed_usd_micros(),
            paid_calls=2,
        )
        assert [call.made for call in there.fake.paid()] == [False, True]


@everywhere
async def test_a_connection_that_never_opened_leaves_the_job_in_line(name: str, tmp_path: Path) -> None:
    """Nothing was sent, so that it can be sent later."""
    with FAKES[name].serving(tmp_path / name) as fake:
        base = "fal_queue_base_url" if name == "fal" else f"{name}_base_url"
        async with opened(setting(tmp_path / "bot", fake, **{base: f"http://127.0.0.1:{free_port()}"}), fake) as there:
            job = await there.bot.until(await there.ask(), State.QUEUED)
            job = cast("Job", await there.bot.worker.step(job.id))
            told = f"{provider(OFFERS[name])} cannot be reached just now; trying again"
            seen = await there.seen(job, told)
            assert (seen.state, seen.told, seen.alerts, seen.paid_calls) == (State.QUEUED, (told,), (), 0)
            there.forward(24)
            job = await there.bot.until(job, State.FAILED)
            assert await there.seen(job, "no room at any provider for 24 hours. Nothing was charged.") == Seen(
                state=State.FAILED,
                kind="busy",
                told=("no room at any provider for 24 hours. Nothing was charged.",),
                detail="",
                paid_calls=0,
            )


# -- the answer to the paid call is lost

UNSURE = "so nobody knows whether this video is being made. It is not sent again"
SILENCES = {
    **{str(code): Fault("http_error", "submit", status=code) for code in (408, 409, 499, 500, 502, 503, 504)},
    "a page under 502": Fault("http_error", "submit", status=502, html=True),
    "a page under 200": Fault("html_for_json", "submit"),
    "a redirect": Fault("http_error", "submit", status=307),
    "half a document": Fault("http_error", "submit", status=200, body='{"id": "1", "request_id": "1", "task_'),
    "no body": Fault("http_error", "submit", status=200, body=""),
    "reset": Fault("reset_before_job"),
    "500 after the job was made": Fault("http_error", "submit", status=500, after_job=True),
    "reset after the job was made": Fault("reset_after_job"),
}


def unsure(name: str) -> Seen:
    """Return what is seen of a job of which nobody knows whether it is being made."""
    return Seen(state=State.UNSURE, told=(UNSURE,), used_usd_micros=PRICES[name], spent_usd_micros=PRICES[name])


async def why_unsure(there: Shop, job: Job) -> str:
    """Return what operators find in a job's history."""
    (line,) = [each for each in await there.bot.store.trail(job.id) if each.event == "no_answer"]
    return line.detail


@everywhere
@pytest.mark.parametrize("silence", SILENCES)
async def test_a_reply_that_proves_nothing_leaves_the_job_unsure_after_one_call(
    silence: str, name: str, tmp_path: Path
) -> None:
    """It may be being made and paid for: it keeps its reservations, is told so, and is never sent again by itself."""
    async with shop(tmp_path, name) as there:
        there.fail(replace(SILENCES[silence]))
        job = await there.bot.until(await there.ask(), State.UNSURE)
        assert await there.seen(job, UNSURE) == unsure(name)
        assert await why_unsure(there, job) != ""
        for _ in range(3):
            there.forward(1)
            await there.bot.worker.step(job.id)
        assert len(there.fake.paid()) == 1


@everywhere
async def test_an_answer_that_does_not_come_in_time_leaves_the_job_unsure(name: str, tmp_path: Path) -> None:
    """The call is given up, but not what it may have made."""
    with FAKES[name].serving(tmp_path / name) as fake:
        home = setting(tmp_path / "bot", fake)
        (seller,) = home.providers
        hurried = replace(seller, specs=tuple(replace(spec, submit_s=0.6) for spec in seller.specs))
        async with opened(replace(home, providers=(hurried,)), fake) as there:
            there.fail(Fault("hang", "submit", after_job=True))
            job = await there.bot.until(await there.ask(), State.UNSURE)
            assert await there.seen(job, UNSURE) == unsure(name)
            assert await why_unsure(there, job) == "TimeoutError"


@everywhere
async def test_an_answer_that_nobody_finds_ends_as_lost_with_its_price_assumed(name: str, tmp_path: Path) -> None:
    """The allowance is given back, the spend stands, the operator hears of it, and there was one call."""
    async with shop(tmp_path, name) as there:
        there.fail(Fault("reset_before_job"))
        job = await there.bot.until(await there.ask(), State.UNSURE)
        there.forward(31 * 24)
        while job.state is State.UNSURE:
            job = cast("Job", await there.bot.worker.step(job.id))
        assert replace(await there.seen(job, "there is no way left to ask"), detail="") == Seen(
            state=State.FAILED,
            kind="lost",
            told=("there is no way left to ask",),
            alerts=("spend_assumed:ID",),
            spent_usd_micros=PRICES[name],
        )


@pytest.mark.parametrize("fault", [Fault("no_ticket"), Fault("status_201")], ids=["no ticket in the body", "201"])
@everywhere
async def test_any_2xx_with_a_ticket_anywhere_is_a_ticket(fault: Fault, name: str, tmp_path: Path) -> None:
    """A header that names the job is as good as the body; where neither does, nobody knows."""
    async with shop(tmp_path, name) as there:
        there.fail(replace(fault))
        nameless = (name, fault.name) == ("novita", "no_ticket")
        job = await there.bot.until(await there.ask(), State.UNSURE if nameless else State.DELIVERED)
        cost = "It is not sent again" if nameless else f"cost ${PRICES[name] / 1_000_000:.2f}"
        assert replace(await there.seen(job, cost), detail="") == Seen(
            state=job.state, told=(cost,), used_usd_micros=PRICES[name], spent_usd_micros=PRICES[name]
        )


@pytest.mark.parametrize("silence", ["500 after the job was made", "reset after the job was made"])
@pytest.mark.parametrize("early", [False, True])
async def test_ai_ml_api_s_own_log_gives_a_lost_ticket_back(early: bool, silence: str, tmp_path: Path) -> None:
    """Nobody need settle it by hand: the row that carries our name leads to the video, paid once."""
    async with shop(tmp_path, "aimlapi") as there:
        there.fake.logs_early = early  # type: ignore[attr-defined] # only this stand-in has logs
        there.fail(replace(SILENCES[silence]))
        job = await there.bot.until(await there.ask(), State.UNSURE)
        job = await there.bot.until(job, State.DELIVERED)
        assert await there.seen(job, "asking what became of it", "cost $0.60") == Seen(
            state=State.DELIVERED,
            told=("asking what became of it", "cost $0.60"),
            used_usd_micros=PRICES["aimlapi"],
            spent_usd_micros=there.fake.billed_usd_micros(),
        )


def made_elsewhere(there: Shop, count: int) -> None:
    """Let others of the same account make so many videos."""
    for number in range(count):
        made = Made(model="", body={}, seconds=5, sound=True, usd_micros=0, ticket=f"other-{number}", end="done")
        there.fake.jobs[made.ticket] = made


async def test_a_row_on_a_later_page_of_the_log_is_found(tmp_path: Path) -> None:
    """An account that others use, or a busy day, puts our row behind a page of newer ones."""
    async with shop(tmp_path, "aimlapi") as there:
        there.fail(Fault("reset_after_job"))
        job = await there.bot.until(await there.ask(), State.UNSURE)
        made_elsewhere(there, 120)
        for _ in range(4):
            there.bot.let_pass(job)
            job = await there.bot.worker.step(job.id) or job
        assert job.state is not State.UNSURE


async def test_the_log_is_asked_as_far_back_as_the_call(tmp_path: Path) -> None:
    """A bot that was stopped for a night must still find what it may have paid for before."""
    async with shop(tmp_path, "aimlapi") as there:
        there.fail(Fault("reset_after_job"))
        job = await there.bot.until(await there.ask(), State.UNSURE)
        there.forward(9)
        await there.bot.worker.step(job.id)
        period = next(each.query["period"] for each in there.fake.seen if each.path.endswith("/logs"))
        assert int(period[:-1]) * {"h": 1, "d": 24}[period[-1]] >= 9


# -- webhooks


@asynccontextmanager
async def heard_by(there: Shop) -> AsyncIterator[list[str]]:
    """Serve the public side of a bot; yields the jobs that were called due."""
    woken = list[str]()
    port = int(str(there.bot.ports.settings.public_url).rpartition(":")[2])
    async with serving(public_app(there.bot.ports, there.bot.ports.links, woken.append), "127.0.0.1", port):
        yield woken


async def test_fal_s_webhook_brings_a_lost_ticket_and_neither_forgery_nor_repetition_does_harm(tmp_path: Path) -> None:
    """Only what fal signed just now is believed, once; the video is made and paid once."""
    async with (
        shop(tmp_path, "fal", public_url=f"http://127.0.0.1:{free_port()}") as there,
        heard_by(there) as woken,
    ):
        fal = fal_of(there)
        there.fail(Fault("reset_after_job"))
        job = await there.bot.until(await there.ask(), State.UNSURE)
        (made,) = fal.jobs.values()
        made.end = "done"
        wrong: tuple[dict[str, Any], ...] = ({"forged": 1}, {"tampered": 1}, {"age_s": 900})
        sent = [await asyncio.to_thread(fal.send_webhook, made.ticket, **each) for each in wrong]
        assert (sent, (await there.bot.store.job(job.id)).state, woken) == ([401] * 3, State.UNSURE, [])
        assert await asyncio.to_thread(fal.send_webhook, made.ticket) == 200
        assert (await there.bot.store.job(job.id)).ticket == made.ticket
        job = await there.bot.until(job, State.DELIVERED)
        assert await asyncio.to_thread(fal.send_webhook, made.ticket) in {200, 409}
        assert await there.seen(job, "cost $0.50") == Seen(
            state=State.DELIVERED,
            told=("cost $0.50",),
            used_usd_micros=PRICES["fal"],
            spent_usd_micros=fal.billed_usd_micros(),
        )
        assert (woken, len(there.board.posted())) == ([job.id], 1)


async def test_novita_s_unsigned_webhook_is_a_hint_to_look_and_nothing_more(tmp_path: Path) -> None:
    """Whoever knows the address can call a job due; what became of it is asked at Novita."""
    async with (
        shop(tmp_path, "novita", public_url=f"http://127.0.0.1:{free_port()}") as there,
        heard_by(there) as woken,
    ):
        job = await there.bot.until(await there.ask(model="wan2.1"), State.GENERATING)
        failed = {"task": {"task_id": job.ticket, "status": "TASK_STATUS_FAILED", "reason": "made up"}}
        answer = await asyncio.to_thread(there.fake.send_webhook, str(job.ticket), payload=failed)
        assert (answer, woken) == (200, [job.id])
        job = await there.bot.until(job, State.DELIVERED)
        assert await there.seen(job, "cost $0.20") == Seen(
            state=State.DELIVERED,
            told=("cost $0.20",),
            used_usd_micros=200_000,
            spent_usd_micros=there.fake.billed_usd_micros(),
        )


# -- what is sent


SENT: dict[str, tuple[str, dict[str, str], dict[str, Any]]] = {
    "fal": (
        "wan2.5@fal",
        {"resolution": "1080p", "duration": "10", "seed": "7"},
        {"resolution": "1080p", "duration": "10", "seed": 7},
    ),
    "fal's defaults": ("wan2.5@fal", {}, {"resolution": "720p", "duration": "5"}),
    "aimlapi": ("wan2.5@aimlapi", {"duration": "10"}, {"resolution": "720p", "duration": 10}),
    "aimlapi's defaults": ("wan2.5@aimlapi", {}, {"resolution": "720p", "duration": 5}),
    "novita 2.5": (
        "wan2.5@novita",
        {"resolution": "480p", "sound": "off"},
        {"parameters.resolution": "480P", "parameters.duration": 5, "parameters.audio": False},
    ),
    "novita 2.6": (
        "wan2.6@novita",
        {"resolution": "1080p", "duration": "15"},
        {"parameters.resolution": "1080P", "parameters.duration": 15, "parameters.shot_type": "single"},
    ),
    "novita 2.1": (
        "wan2.1@novita",
        {"resolution": "720p", "seed": "-1"},
        {"width": 1280, "height": 720, "seed": -1, "duration": None},
    ),
}
PATHS = {
    "wan2.5@novita": "/novita/v3/async/wan-2.5-i2v-preview",
    "wan2.6@novita": "/novita/v3/async/wan2.6-i2v",
    "wan2.1@novita": "/novita/v3/async/wan-i2v",
    "wan2.5@fal": "/fal/fal-ai/wan-25-preview/image-to-video",
    "wan2.5@aimlapi": "/aimlapi/v2/video/generations",
}


@pytest.mark.parametrize(("offer", "options", "sent"), SENT.values(), ids=SENT)
async def test_each_provider_gets_the_words_and_types_that_it_takes(
    offer: str, options: dict[str, str], sent: dict[str, Any], tmp_path: Path
) -> None:
    """A duration is text at fal and a number elsewhere, Novita's resolutions are in capitals, and no dear default is left to chance."""
    async with shop(tmp_path, "fal", "novita", "aimlapi") as there:
        job = await there.bot.until(await there.ask(model=offer, options=options), State.DELIVERED)
        seller = next(fake for fake in there.fakes if fake.prefix == offer.partition("@")[2])
        (call,) = seller.paid()
        found = {path: _at(call.body, path) for path in sent}
        assert (found, [type(value) for value in found.values()]) == (sent, [type(value) for value in sent.values()])
        assert [each.path for each in seller.seen if each.method == "POST" and "storage" not in each.path] == [
            PATHS[offer]
        ]
        seen = await there.seen(job)
        assert seen == Seen(
            state=State.DELIVERED,
            used_usd_micros=seller.billed_usd_micros(),
            spent_usd_micros=seller.billed_usd_micros(),
        )


def _at(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name)
    return body


def sent_picture(reference: str, fal: FalFake | None = None) -> Image.Image:
    """Return a picture as a provider gets it: out of the body, or out of fal's storage."""
    if fal is not None:
        return Image.open(io.BytesIO(fal.files[reference.removeprefix(fal.base)].content))
    return Image.open(io.BytesIO(base64.b64decode(reference.partition(",")[2])))


PICTURES = {
    "see-through": ((800, 600), "LA", (800, 600), "see-through parts made white"),
    "300 px": ((300, 400), "RGB", (360, 480), "scaled from 300x400 to 360x480"),
    "2400 px": ((2400, 1200), "RGB", (2000, 1000), "scaled from 2400x1200 to 2000x1000"),
}


@pytest.mark.parametrize("offer", ["wan2.5@fal", "wan2.5@novita"])
@pytest.mark.parametrize(("size", "mode", "sent_size", "told"), PICTURES.values(), ids=PICTURES)
async def test_a_picture_that_would_be_refused_is_made_to_fit_first_and_told(
    size: tuple[int, int], mode: str, sent_size: tuple[int, int], told: str, offer: str, tmp_path: Path
) -> None:
    """The person reads what was done to it; the provider gets one that it takes, and is paid once."""
    async with shop(tmp_path, "fal", "novita") as there:
        job = await there.ask(model=offer, image=drawn(tmp_path, *size, mode=mode))
        job = await there.bot.until(job, State.DELIVERED)
        (call,) = (call for fake in there.fakes for call in fake.paid())
        reference = call.body.get("image_url") or call.body["input"]["img_url"]
        assert reference.startswith("http" if offer == "wan2.5@novita" else "data:image/")
        with sent_picture(reference, fal_of(there) if offer == "wan2.5@novita" else None) as image:
            assert (image.size, image.has_transparency_data) == (sent_size, False)
        seen = await there.seen(job, told)
        assert seen == Seen(
            state=State.DELIVERED,
            told=(told,),
            used_usd_micros=seen.spent_usd_micros,
            spent_usd_micros=sum(fake.billed_usd_micros() for fake in there.fakes),
        )


async def test_a_sound_of_two_seconds_is_refused_with_its_length_and_nothing_leaves_the_house(tmp_path: Path) -> None:
    """The provider would take the job, and then fail it."""
    async with shop(tmp_path, "fal") as there:
        job = await there.bot.until(await there.ask(audio=spoken(tmp_path, 2)), State.FAILED)
        told = "The sound lasts 2.0 s; at least 3 s are needed. Send a longer one. Nothing was charged."
        assert replace(await there.seen(job, told), detail="") == Seen(
            state=State.FAILED, kind="bad_input", told=(told,), paid_calls=0
        )
        assert (fal_of(there).uploads, there.fake.seen) == ({}, [])


@pytest.mark.parametrize("offer", ["wan2.5@fal", "wan2.5@novita", "wan2.6@novita"])
async def test_a_sound_goes_by_a_link_out_of_fal_s_storage_where_nothing_else_is_set(
    offer: str, tmp_path: Path
) -> None:
    """No provider promises to take a sound inside the body."""
    async with shop(tmp_path, "fal", "novita") as there:
        job = await there.ask(model=offer, audio=spoken(tmp_path, 4))
        job = await there.bot.until(job, State.DELIVERED)
        (call,) = (call for fake in there.fakes for call in fake.paid())
        link = call.body.get("audio_url") or call.body["input"]["audio_url"]
        assert fal_of(there).files[link.removeprefix(fal_of(there).base)].content_type in {"audio/mpeg", "audio/wav"}
        assert await there.seen(job, "cost $0.50") == Seen(
            state=State.DELIVERED, told=("cost $0.50",), used_usd_micros=500_000, spent_usd_micros=500_000
        )


async def test_picture_and_sound_are_fetched_from_us_where_the_world_reaches_us(tmp_path: Path) -> None:
    """The links are good while the job is made, and dead once it is over."""
    async with (
        shop(tmp_path, "novita", public_url=f"http://127.0.0.1:{free_port()}") as there,
        heard_by(there),
    ):
        job = await there.ask(model="wan2.5@novita", audio=spoken(tmp_path, 4))
        job = await there.bot.until(job, State.DELIVERED)
        (call,) = there.fake.paid()
        public = str(there.bot.ports.settings.public_url)
        assert call.body["input"]["img_url"].startswith(f"{public}/media/{job.id}/image/")
        assert call.body["input"]["audio_url"].startswith(f"{public}/media/{job.id}/audio/")
        assert await there.seen(job, "cost $0.50") == Seen(
            state=State.DELIVERED, told=("cost $0.50",), used_usd_micros=500_000, spent_usd_micros=500_000
        )


@pytest.mark.parametrize(("name", "offer"), [("novita", "wan2.5@novita"), ("fal", "wan2.5@fal")])
async def test_a_link_that_the_provider_cannot_fetch_is_on_our_side(name: str, offer: str, tmp_path: Path) -> None:
    """Behind the public address nobody answers: the operator hears of it, and the person pays nothing."""
    async with shop(tmp_path, name, public_url=f"http://127.0.0.1:{free_port()}") as there:
        sound: dict[str, Any] = {} if name == "novita" else {"audio": spoken(tmp_path, 4)}
        job = await there.bot.until(await there.ask(model=offer, **sound), State.FAILED)
        told = "from here. That is not your fault. Nothing was charged. The operator must check the public address."
        assert replace(await there.seen(job, told), detail="") == Seen(
            state=State.FAILED, kind="media_unreachable", told=(told,), alerts=(f"media_unreachable:{name}",)
        )


# -- what is refused before anything is sent


@pytest.mark.parametrize("offer", ["wan2.5@fal", "wan2.5@aimlapi", "wan2.5@novita", "wan2.6@novita"])
async def test_a_seed_of_minus_one_is_refused_where_none_is_taken(offer: str, tmp_path: Path) -> None:
    """Only Wan 2.1 takes it, and that is said."""
    async with shop(tmp_path, "fal", "novita", "aimlapi") as there:
        told = await there.refusal(model=offer, options={"seed": "-1"})
    assert told.startswith(f"seed cannot be '-1' at {offer}. It takes a whole number from 0 to 2147483647.")
    assert told.endswith("It can be at wan2.1.")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"model": "wan2.6", "options": {"resolution": "480p"}}, "resolution cannot be '480p' at wan2.6@novita."),
        ({"model": "wan2.5@fal", "options": {"duration": "15"}}, "It takes 5, 10 s. It can be at wan2.6."),
        ({"model": "wan2.5@fal", "options": {"sound": "off"}}, "wan2.5@fal has no option 'sound'."),
        ({"model": "wan2.5@fal", "prompt": "  "}, "needs a sentence that says what should happen."),
        ({"model": "wan2.5@fal", "prompt": "a" * 801}, "The sentence has 801 characters; wan2.5@fal takes 800."),
    ],
    ids=["480p at 2.6", "15 s at fal", "silence at fal", "no prompt", "801 letters"],
)
async def test_what_a_provider_would_refuse_is_refused_here(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    """Before anything is stored, reserved or sent; the sentence says what would do."""
    async with shop(tmp_path, "fal", "novita") as there:
        assert told in await there.refusal(**changes)


async def test_a_sound_where_none_is_taken_is_refused_with_who_takes_one(tmp_path: Path) -> None:
    """AI/ML API has no field for it."""
    async with shop(tmp_path, "aimlapi", "fal") as there:
        told = await there.refusal(audio=spoken(tmp_path, 4))
    assert told == "wan2.5@aimlapi takes no sound. Sound input needs wan2.5@fal."


async def test_a_picture_of_no_possible_shape_is_refused(tmp_path: Path) -> None:
    """No scaling brings both sides within the bounds."""
    async with shop(tmp_path, "fal") as there:
        told = await there.refusal(image=drawn(tmp_path, 2400, 300))
    assert "This picture is 2400x300, which is 8.0:1" in told
