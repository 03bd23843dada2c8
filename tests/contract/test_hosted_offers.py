"""Every hosted offer against its provider's stand-in, from its spec alone: what is sent, what a reply proves, what a look tells."""

from __future__ import annotations

import io
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.network import Network
from bot.settings import load
from providers.kit.errors import (
    BadCredentials,
    BadInput,
    Moderated,
    NoCredit,
    NoJob,
    ProviderError,
    RateLimited,
    TicketUnknown,
    Unanswered,
    Unreachable,
)
from providers.kit.provider import Connection, Finished, Media, Order, Provider, Refused, Running, Ticket
from providers.kit.spec import Option, Spec, Value
from tests.e2e.hosted import FAKES, PROVIDERS, trusting
from tests.fakes.fal import FalFake
from tests.fakes.hosted import Fake, Fault, File
from tests.fakes.provider_video import sound

SPECS = [spec for provider in PROVIDERS.values() for spec in provider.specs]
OPTIONS = [(spec, option) for spec in SPECS for option in spec.options]
NO_JOB = (400, 401, 402, 403, 404, 405, 413, 415, 422, 429)
NOBODY_KNOWS = (302, 408, 409, 425, 499, 500, 501, 502, 503, 504, 520)

each_spec = pytest.mark.parametrize("spec", SPECS, ids=[spec.offer for spec in SPECS])
each_provider = pytest.mark.parametrize("name", list(PROVIDERS))


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A provider's stand-in, the provider's file, and a way from one to the other."""

    fake: Fake
    provider: Provider
    connection: Connection

    def media(self, name: str, content: bytes, mime: str, *, inline: bool) -> Media:
        """Return a file as the provider would get it: inside the body where that is taken, else from a public link."""
        path = Path(self.connection.workdir, name)
        path.write_bytes(content)
        link = "data:" if inline else self.fake.publish(f"/files/{name}", File(content=content, content_type=mime))
        plain = Media(path=path, mime=mime, sha256="a" * 64, size_bytes=len(content), width_px=400, height_px=400)
        return replace(plain, link=_inline(content, mime) if inline else link)

    def order(self, spec: Spec, key: str = "7K3Q9FD2", side_px: int = 400, **changes: Any) -> Order:
        """Return an order with nothing but the defaults, for a small picture."""
        image = self.media("picture.jpg", picture(side_px), "image/jpeg", inline=spec.image.inline)
        plain = Order(key=key, spec=spec, prompt="a cat walks", options=spec.defaults(), image=image)
        return replace(plain, **changes)

    async def submit(self, order: Order) -> Ticket:
        return await self.provider.submit(self.connection, order)


def _inline(content: bytes, mime: str) -> str:
    import base64

    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def picture(side_px: int) -> bytes:
    """Return a square JPEG."""
    written = io.BytesIO()
    Image.new("RGB", (side_px, side_px), (90, 120, 60)).save(written, "JPEG")
    return written.getvalue()


@asynccontextmanager
async def shop(folder: Path, name: str, **settings: str) -> AsyncIterator[Shop]:
    """Open a provider's stand-in and connect to it as the bot does."""
    with FAKES[name].serving(folder / name) as fake:
        given = {setting.lower().removeprefix("stillmotion_"): value for setting, value in trusting([fake]).items()}
        network = Network(load(**given | settings), {name: PROVIDERS[name]})
        try:
            connection = Connection(workdir=folder, api=network.apis[name])
            yield Shop(fake=fake, provider=PROVIDERS[name], connection=connection)
        finally:
            await network.close()


# -- what is sent


@pytest.mark.parametrize(("spec", "option"), OPTIONS, ids=[f"{spec.offer}-{each.name}" for spec, each in OPTIONS])
async def test_every_value_of_every_option_is_taken_as_it_is_sent(tmp_path: Path, spec: Spec, option: Option) -> None:
    """Both ends of a range, zero and off included: the stand-in refuses whatever its provider would."""
    async with shop(tmp_path, spec.provider) as there:
        for value in option.samples():
            order = there.order(spec, options={**spec.defaults(), option.name: value})
            ticket = await there.submit(order)
            call = there.fake.paid()[-1]
            assert (call.ticket, call.body) == (ticket, there.provider.body(order))
            assert _reaches(option, value, call.body, spec)


def _reaches(option: Option, value: Value, body: dict[str, Any], spec: Spec) -> bool:
    """Tell whether the value stands where the option's wire says; one without a wire has a single value or its own form."""
    if not option.wire:
        return len(option.samples()) == 1 or {"width", "height"} <= body.keys()
    found: Any = body
    for key in option.wire.split("."):
        found = found[key]
    return bool(found == option.sent(value))


@each_spec
async def test_what_would_be_dear_by_default_is_always_sent(tmp_path: Path, spec: Spec) -> None:
    """Resolution, length, sound and rewriting are never left to a provider."""
    async with shop(tmp_path, spec.provider) as there:
        body = there.provider.body(there.order(spec))
    sent = body.get("parameters", body)
    if spec.offer == "wan2.1@novita":
        assert (sent["width"], sent["height"]) == (832, 480)
        return
    assert sent["resolution"].lower() == "720p"
    assert int(sent["duration"]) == 5
    assert {"prompt_extend", "enhance_prompt", "enable_prompt_expansion"} & sent.keys()
    assert ("audio" in sent) == (spec.provider == "novita")


@each_spec
async def test_a_sentence_as_long_as_may_be_is_neither_refused_nor_cut(tmp_path: Path, spec: Spec) -> None:
    """Counted in code points, as providers do."""
    async with shop(tmp_path, spec.provider) as there:
        for letter in ("x", "猫", "👩"):
            ticket = await there.submit(there.order(spec, prompt=letter * spec.prompt_max_chars))
            assert not there.fake.jobs[ticket].cut


@each_spec
async def test_a_picture_alone_is_sent_where_that_is_enough(tmp_path: Path, spec: Spec) -> None:
    """And only there: the key is left out, not sent blank."""
    async with shop(tmp_path, spec.provider) as there:
        order = there.order(spec, prompt="")
        if spec.prompt_required:
            with pytest.raises(BadInput):
                await there.submit(order)
        else:
            await there.submit(order)
            assert "prompt" not in there.fake.paid()[-1].body["input"]


@each_spec
async def test_pictures_are_taken_up_to_the_declared_sides_and_not_beyond(tmp_path: Path, spec: Spec) -> None:
    """So that what we scale to is right, and no narrower than it need be."""
    low, high = spec.image.min_side_px, spec.image.max_side_px
    async with shop(tmp_path, spec.provider) as there:
        for side_px in (low, high):
            assert await there.submit(there.order(spec, side_px=side_px))
        if spec.provider != "fal":  # its pictures are judged later, see the looks
            for side_px in (low - 1, high + 1):
                with pytest.raises(BadInput):
                    await there.submit(there.order(spec, side_px=side_px))


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.audio], ids=lambda spec: spec.offer)
async def test_a_sound_is_taken_from_a_link_at_both_ends_of_its_length(tmp_path: Path, spec: Spec) -> None:
    """Three seconds and thirty."""
    assert spec.audio is not None
    async with shop(tmp_path, spec.provider) as there:
        for seconds in (spec.audio.min_s, spec.audio.max_s):
            audio = there.media("sound.wav", sound(seconds), "audio/wav", inline=False)
            ticket = await there.submit(there.order(spec, audio=audio))
            assert isinstance(await _ended(there, ticket), Finished)


# -- what a reply to the paid call proves


@each_provider
@pytest.mark.parametrize("status", NO_JOB)
async def test_these_replies_prove_that_there_is_no_job(tmp_path: Path, name: str, status: int) -> None:
    """Whatever they say besides."""
    async with shop(tmp_path, name) as there:
        there.fake.faults.append(Fault("http_error", "submit", status=status, body={"odd": ["shape"]}))
        with pytest.raises(NoJob) as proof:
            await there.submit(there.order(PROVIDERS[name].specs[-1]))
        assert proof.value.may_move == (status in {401, 402, 403, 429})
        assert [call.made for call in there.fake.paid()] == [False]


@each_provider
@pytest.mark.parametrize("status", NOBODY_KNOWS)
async def test_these_replies_prove_nothing(tmp_path: Path, name: str, status: int) -> None:
    """A job may be there and be paid for: behind a gateway's error page, too."""
    async with shop(tmp_path, name) as there:
        there.fake.faults.append(Fault("http_error", "submit", status=status, html=True, after_job=True))
        with pytest.raises(Unanswered):
            await there.submit(there.order(PROVIDERS[name].specs[-1]))
        assert [call.made for call in there.fake.paid()] == [True]


@each_provider
@pytest.mark.parametrize("fault", ["reset_after_job", "reset_before_job", "html_for_json"])
async def test_a_lost_answer_is_asked_for_once(tmp_path: Path, name: str, fault: str) -> None:
    """No library below us tries again."""
    async with shop(tmp_path, name) as there:
        there.fake.faults.append(Fault(fault, "submit"))
        with pytest.raises(Unanswered):
            await there.submit(there.order(PROVIDERS[name].specs[-1]))
        assert len(there.fake.paid()) == 1


@each_provider
async def test_a_ticket_in_the_headers_is_as_good(tmp_path: Path, name: str) -> None:
    """Where the body lost it and the provider names it there."""
    async with shop(tmp_path, name) as there:
        there.fake.faults.append(Fault("no_ticket"))
        order = there.order(PROVIDERS[name].specs[-1])
        try:
            assert await there.submit(order) == there.fake.paid()[0].ticket
        except Unanswered:
            assert name == "novita"


@each_provider
async def test_a_connection_that_never_opened_proves_that_nothing_was_sent(tmp_path: Path, name: str) -> None:
    """The one loss of an answer that costs nothing."""
    async with shop(tmp_path, name) as there:
        order = there.order(PROVIDERS[name].specs[-1])
        there.fake.close()
        with pytest.raises(Unreachable):
            await there.submit(order)


@each_provider
@pytest.mark.parametrize(("told", "wait_s"), [(None, None), ("7", 7.0), ("0", 0.0), ("soon", None), (10**9, 3600.0)])
async def test_a_provider_that_asks_to_wait_is_waited_for(
    tmp_path: Path, name: str, told: str | int | None, wait_s: float | None
) -> None:
    """And the next paid call is not made before."""
    async with shop(tmp_path, name) as there:
        there.fake.faults.append(Fault("rate_limited", "submit", retry_after=told))
        order = there.order(PROVIDERS[name].specs[-1])
        with pytest.raises(RateLimited) as limited:
            await there.submit(order)
        assert limited.value.retry_after_s == wait_s
        if wait_s is not None and wait_s > 2:
            with pytest.raises(RateLimited):
                await there.submit(order)
            assert len(there.fake.paid()) == 1


@pytest.mark.parametrize(
    ("name", "fault", "raised"),
    [
        ("novita", Fault("bad_key", "submit", status=400), BadCredentials),
        ("novita", Fault("bad_key", "submit", status=401), BadCredentials),
        ("novita", Fault("bad_key", "submit", status=403), BadCredentials),
        ("novita", Fault("balance", status=400), NoCredit),
        ("novita", Fault("balance", status=403), NoCredit),
        ("novita", Fault("balance", status=409), NoCredit),
        ("novita", Fault("moderated", "submit"), Moderated),
        ("aimlapi", Fault("bad_key", "submit", status=401), BadCredentials),
        ("aimlapi", Fault("balance"), NoCredit),
        ("fal", Fault("bad_key", "submit", status=401), BadCredentials),
        ("fal", Fault("bad_key", "submit", status=403), BadCredentials),
        ("fal", Fault("balance"), NoCredit),
        ("fal", Fault("moderated", "submit"), Moderated),
        ("fal", Fault("detail", "submit", body="a text"), BadInput),
        ("fal", Fault("detail", "submit", body={"msg": "an object"}), BadInput),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
async def test_a_refusal_is_of_the_right_kind(tmp_path: Path, name: str, fault: Fault, raised: type[NoJob]) -> None:
    """The operator's, the person's, or nobody's."""
    async with shop(tmp_path, name) as there:
        there.fake.faults.append(fault)
        with pytest.raises(raised):
            await there.submit(there.order(PROVIDERS[name].specs[-1]))


# -- what a look tells


async def _ended(there: Shop, ticket: Ticket) -> Any:
    """Look until it is over."""
    outcome: Any = Running()
    for _ in range(there.fake.looks + 3):
        outcome = await there.provider.look(there.connection, ticket)
        if not isinstance(outcome, Running):
            return outcome
    return outcome


@each_spec
async def test_a_finished_video_has_a_link_and_what_the_provider_tells_of_it(tmp_path: Path, spec: Spec) -> None:
    """Only reads are made while looking, and never at another place than the provider's own."""
    async with shop(tmp_path, spec.provider) as there:
        ticket = await there.submit(there.order(spec))
        before = len(there.fake.seen)
        outcome = await _ended(there, ticket)
        assert isinstance(outcome, Finished)
        assert outcome.link.startswith(there.fake.base)
        assert {seen.method for seen in there.fake.seen[before:]} == {"GET"}
        assert not [
            seen for seen in there.fake.seen if seen.path.startswith("/files/") and "authorization" in seen.headers
        ]


@each_provider
@pytest.mark.parametrize("word", ["FAILED", "PAUSED", "TASK_STATUS_SUCCEEDED", "succeeded", "\x1b[31m"])
async def test_a_word_that_nobody_documented_ends_nothing(tmp_path: Path, name: str, word: str) -> None:
    """It is running; the next look may tell more."""
    async with shop(tmp_path, name) as there:
        ticket = await there.submit(there.order(PROVIDERS[name].specs[-1]))
        there.fake.looks = 100
        there.fake.faults.append(Fault("unknown_status", status=word, polls=3))
        for _ in range(3):
            outcome = await there.provider.look(there.connection, ticket)
            assert isinstance(outcome, Running)
            assert outcome.odd_word == word


@each_provider
@pytest.mark.parametrize(
    "fault",
    [
        Fault("http_error", "look", status=404),
        Fault("http_error", "look", status=500),
        Fault("http_error", "look", status=502, html=True),
        Fault("http_error", "look", status=429),
        Fault("http_error", "look", status=401),
        Fault("html_for_json", "look"),
        Fault("reset", "look"),
        Fault("http_error", "look", status=200, body=[]),
        Fault("http_error", "look", status=200, body={"status": None, "task": "odd", "video": 7}),
    ],
    ids=lambda fault: f"{fault.name} {fault.status or ''}",
)
async def test_no_error_while_looking_ends_a_job(tmp_path: Path, name: str, fault: Fault) -> None:
    """It may be finished all the same."""
    async with shop(tmp_path, name) as there:
        ticket = await there.submit(there.order(PROVIDERS[name].specs[-1]))
        there.fake.faults.append(replace(fault))
        with pytest.raises(ProviderError):
            await there.provider.look(there.connection, ticket)


@each_provider
async def test_a_ticket_that_the_provider_does_not_know_is_told_as_that(tmp_path: Path, name: str) -> None:
    """It counts for a ticket given by hand; one that came from the provider may be known a moment later."""
    async with shop(tmp_path, name) as there:
        with pytest.raises(TicketUnknown):
            await there.provider.look(there.connection, Ticket("nobody/knows:it"))


@each_provider
async def test_the_key_is_in_no_log_and_no_error(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not at any level that is kept, whatever goes wrong; nor are the sentence and the link."""
    caplog.set_level(logging.INFO)
    errors = []
    async with shop(tmp_path, name) as there:
        secret = there.fake.key
        for fault in ("bad_key", "html_for_json", "reset_after_job", "no_ticket"):
            there.fake.faults.append(Fault(fault, "submit"))
            try:
                await there.submit(there.order(PROVIDERS[name].specs[-1], prompt="a secret wish"))
            except ProviderError as error:
                errors.append(f"{error} {error!r}")
    told = "\n".join([*errors, *(record.getMessage() for record in caplog.records if record.name.startswith("bot"))])
    assert len(errors) >= 3
    assert not [word for word in (secret, "secret wish", "data:") if word in told]


# -- gateways and hosts


@pytest.mark.parametrize("host", ["queue.fal.run", "evil.example"])
async def test_addresses_that_a_provider_hands_out_are_asked_at_our_own_base(tmp_path: Path, host: str) -> None:
    """Its known host is a gateway's behind ours; any other never sees the key."""
    async with shop(tmp_path, "fal") as there:
        assert isinstance(there.fake, FalFake)
        there.fake.hand_out_host = host
        ticket = await there.submit(there.order(PROVIDERS["fal"].specs[0]))
        there.fake.hand_out_host = None
        assert isinstance(await _ended(there, ticket), Finished)


@each_provider
async def test_a_working_key_and_a_wrong_one_are_told_apart_for_nothing(tmp_path: Path, name: str) -> None:
    """As `doctor` asks; no paid call is made."""
    check = PROVIDERS[name].check
    assert check is not None
    async with shop(tmp_path, name) as there:
        await check(there.connection)
        access = PROVIDERS[name].access
        assert access is not None
        there.fake.faults.append(Fault("bad_key", "look", status=401))
        if name != "aimlapi":  # its balance is no look
            with pytest.raises(BadCredentials):
                await check(there.connection)
        assert there.fake.paid() == []


async def test_prices_come_from_the_list_and_the_bill_from_the_answer(tmp_path: Path) -> None:
    """In millionths of a dollar; what is no price by the second is passed over."""
    async with shop(tmp_path, "aimlapi") as there:
        [spec] = there.provider.specs
        assert there.provider.prices is not None
        price = await there.provider.prices(there.connection, spec)
        assert price is not None
        assert price.usd_micros_per_s == {"480p": 60_000, "720p": 120_000, "1080p": 180_000}
        outcome = await _ended(there, await there.submit(there.order(spec)))
        assert outcome.billed_usd_micros == 600_000 == there.fake.billed_usd_micros()


async def test_the_log_finds_what_was_never_answered(tmp_path: Path) -> None:
    """By our own name for it, once its end is there; before that nobody knows."""
    async with shop(tmp_path, "aimlapi") as there:
        order = there.order(there.provider.specs[0])
        there.fake.faults.append(Fault("reset_after_job", "submit"))
        with pytest.raises(Unanswered):
            await there.submit(order)
        assert there.provider.reconcile is not None
        found = [await there.provider.reconcile(there.connection, order) for _ in range(there.fake.looks + 2)]
        assert found[0] is None
        assert found[-1] == there.fake.paid()[0].ticket
        other = replace(order, key="OTHER")
        assert await there.provider.reconcile(there.connection, other) is None


@pytest.mark.parametrize(
    ("name", "fault", "kind"),
    [
        ("novita", Fault("moderated", "look"), "moderated"),
        ("novita", Fault("media_unreachable"), "media_unreachable"),
        ("novita", Fault("empty_videos"), "no_output"),
        ("novita", Fault("failed_upstream", reason=""), "provider_error"),
        ("novita", Fault("failed_upstream", reason=None), "provider_error"),
        ("aimlapi", Fault("moderated", "look"), "moderated"),
        ("aimlapi", Fault("failed_upstream", reason=None), "provider_error"),
        ("fal", Fault("moderated", "look"), "moderated"),
        ("fal", Fault("media_unreachable"), "media_unreachable"),
        ("fal", Fault("completed_with_error"), "provider_error"),
        ("fal", Fault("failed_upstream"), "provider_error"),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)
async def test_how_a_job_failed_is_sorted_by_what_the_provider_says(
    tmp_path: Path, name: str, fault: Fault, kind: str
) -> None:
    """Alibaba's words leak through everywhere; what they quote of the person's words goes no further."""
    async with shop(tmp_path, name) as there:
        there.fake.faults.append(fault)
        outcome = await _ended(there, await there.submit(there.order(PROVIDERS[name].specs[-1])))
        assert isinstance(outcome, Refused)
        assert outcome.kind == kind
        assert "a cat walks" not in outcome.detail
