"""Webhooks on a real socket: what each does to a job, and which are not believed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bot.hooks import Replays
from bot.links import Links
from bot.public import HOOK_MAX_BYTES, public_app
from bot.serving import serving
from providers import fal
from providers.kit.api import HttpApi
from providers.kit.provider import Connection, Hook, Media, Ticket
from storage.contract import Job, Move, Store
from storage.errors import Stale, Unavailable
from storage.states import Event, State
from tests.chaos.harness import Clock as HarnessClock
from tests.chaos.harness import Setting, started
from tests.contract.test_public import NOWHERE, PUBLIC, Front, front, plain, provider
from tests.fakes import provider_server
from tests.fakes.hosted_media import Answer, Server
from tests.fakes.platform import Board
from tests.fakes.provider import imagined
from tests.fakes.provider_server import Script
from tests.fakes.provider_video import video
from tests.fakes.story import DEADLINE_MS, MINUTE_MS

KEY, OTHER_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
REQUEST = "a5b7c2d4-0000-4000-8000-000000000001"


def body_of(request: str = REQUEST) -> bytes:
    """Return what fal tells of a request that is over."""
    return json.dumps({"request_id": request, "status": "OK", "payload": {}}).encode()


def signed(body: bytes, *, key: Ed25519PrivateKey = KEY, sent_s: float | None = None) -> dict[str, str]:
    """Return the headers with which fal signs a body, by the rules of its documentation."""
    heads = [REQUEST, "a-user", str(int(time.time() if sent_s is None else sent_s))]
    message = "\n".join([*heads, hashlib.sha256(body).hexdigest()]).encode()
    names = ("Request-Id", "User-Id", "Timestamp", "Signature")
    values = [*heads, key.sign(message).hex()]
    return {f"X-Fal-Webhook-{name}": value for name, value in zip(names, values, strict=True)}


async def _no_upload(url: str, media: Media) -> None:
    raise AssertionError("nothing is uploaded here")


def fal_api(url: str) -> HttpApi:
    """Return fal's API where its hosts are at this address."""
    assert fal.PROVIDER.access is not None

    def client(timeout: httpx.Timeout, limits: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False)

    return HttpApi(fal.PROVIDER.access, "key", (url, url), new_client=client, upload=_no_upload)


@dataclass
class Keys:
    """fal's public keys at a socket; `asked` counts how often they were fetched."""

    asked: int = 0
    url: str = ""

    def respond(self, request: object) -> Answer:
        self.asked += 1
        x = base64.urlsafe_b64encode(KEY.public_key().public_bytes_raw()).rstrip(b"=").decode()
        return Answer(200, {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x}]})


@asynccontextmanager
async def hooked(folder: Path, *, body_s: float = 10.0, reachable: bool = True) -> AsyncIterator[Front]:
    """Start a front whose jobs are made by fal, with fal's own way to read webhooks."""
    keys = Keys()
    server = Server("127.0.0.1", None, keys.respond)
    api = fal_api(server.url if reachable else NOWHERE)

    async def read_hook(connection: Connection, hook: Hook) -> Ticket:
        return await fal.read_hook(replace(connection, api=api), hook)

    try:
        async with front(folder, provider(read_hook=read_hook), body_s=body_s) as side:
            yield side
    finally:
        await api.close()
        server.close()


async def tell(side: Front, job: Job, body: bytes | None = None, **how: Any) -> int:
    """Send a webhook about a job's order as fal does; the status."""
    sent = body_of() if body is None else body
    answer = await side.client.post(side.hook(job), content=sent, headers=signed(sent, **how))
    return answer.status_code


async def test_a_webhook_before_the_answer_to_the_submit_leaves_its_ticket(tmp_path: Path) -> None:
    """The answer that then comes with the same ticket changes nothing, and nobody is alarmed."""
    async with hooked(tmp_path) as side:
        submitting = await side.story.at(State.SUBMITTING)
        assert await tell(side, submitting) == 200
        job = await side.bot.store.job(submitting.id)
        with pytest.raises(Stale):
            await side.story.answer(submitting, Event.TICKET, ticket=REQUEST)
        assert await side.bot.store.alerts() == []
        assert (await side.bot.store.job(job.id)).ticket == REQUEST
    assert (job.state, job.ticket, job.due_in_ms, job.lease_left_ms) == (State.GENERATING, REQUEST, 0, 0)
    assert side.woken == [job.id]


@pytest.mark.parametrize(("when", "then"), [("any", State.GENERATING), ("overdue", State.LATE)])
async def test_a_webhook_settles_an_unsure_job(when: str, then: State, tmp_path: Path) -> None:
    """The answer was lost, but here is the ticket; past its deadline the job is late."""
    async with hooked(tmp_path) as side:
        unsure = await side.story.at(State.UNSURE, when)
        assert await tell(side, unsure) == 200
        job = await side.bot.store.job(unsure.id)
    assert (job.state, job.ticket, side.woken) == (then, REQUEST, [job.id])


@pytest.mark.parametrize("state", [State.GENERATING, State.LATE])
async def test_a_webhook_about_a_job_that_is_being_made_makes_it_due(state: State, tmp_path: Path) -> None:
    """It is a hint and never the truth: the ticket stays, and only a look ends the job."""
    async with hooked(tmp_path) as side:
        job = await side.story.at(State.SUBMITTING)
        job = await side.story.answer(job, Event.TICKET, ticket='{"id": "of the submit"}', due_in_ms=50 * MINUTE_MS)
        if state is State.LATE:
            side.story.clock.forward(DEADLINE_MS)
            job = await side.story.work(job, Event.DEADLINE, due_in_ms=50 * MINUTE_MS)
        assert await tell(side, job) == 200
        after = await side.bot.store.job(job.id)
        trail = [each.event for each in await side.bot.store.trail(job.id)]
    assert (after.state, after.ticket, after.due_in_ms) == (state, '{"id": "of the submit"}', 0)
    assert "late_answer" not in trail
    assert side.woken == [job.id]


async def test_a_webhook_in_any_other_state_changes_nothing(tmp_path: Path) -> None:
    """It is accepted, so that it is not sent again."""
    states = set(State) - {State.SUBMITTING, State.UNSURE, State.GENERATING, State.LATE}
    async with hooked(tmp_path) as side:
        before = {state: await side.story.at(state) for state in states}
        assert {await tell(side, job) for job in before.values()} == {200}
        for job in before.values():
            assert (await side.bot.store.job(job.id)).fence == job.fence
            assert (await side.bot.store.job(job.id)).due_at_ms == job.due_at_ms
    assert side.woken == []


async def test_a_webhook_about_an_order_that_made_no_job_changes_nothing(tmp_path: Path) -> None:
    """The order that is out now is another one."""
    async with hooked(tmp_path) as side:
        first = await side.story.at(State.SUBMITTING)
        second = cast("Job", await side.story.admit(await side.story.answer(first, Event.VOID_WAIT)))
        assert await tell(side, first) == 200
        job = await side.bot.store.job(second.id)
    assert (job.state, job.ticket, side.woken) == (State.SUBMITTING, None, [])


@pytest.mark.parametrize(
    "how",
    [{"key": OTHER_KEY}, {"sent_s": time.time() - 400}, {"sent_s": time.time() + 900}],
    ids=["wrong key", "too old", "from the future"],
)
async def test_a_forged_webhook_is_refused(how: dict[str, Any], tmp_path: Path) -> None:
    """Whoever knows the address must still be fal, just now."""
    async with hooked(tmp_path) as side:
        unsure = await side.story.at(State.UNSURE)
        assert await tell(side, unsure, **how) == 401
        assert await side.bot.store.job(unsure.id) == unsure
        assert await tell(side, unsure) == 200


async def test_a_webhook_whose_body_was_changed_is_refused(tmp_path: Path) -> None:
    """And one that says nothing at all, or is not signed."""
    async with hooked(tmp_path) as side:
        unsure = await side.story.at(State.UNSURE)
        for body, headers in [
            (body_of("another"), signed(body_of())),
            (b"", signed(body_of())),
            (b"{}", signed(b"{}")),
            (body_of(), {}),
            (body_of(), signed(body_of()) | {"X-Fal-Webhook-Signature": "é".encode()}),
        ]:
            answer = await side.client.post(side.hook(unsure), content=body, headers=cast("Any", headers))
            assert answer.status_code == 401
        assert await side.bot.store.job(unsure.id) == unsure
    assert side.woken == []


async def test_a_webhook_that_comes_twice_does_nothing_the_second_time(tmp_path: Path) -> None:
    """A copy of a good one is no news, whoever sends it."""
    async with hooked(tmp_path) as side:
        job = await side.story.at(State.GENERATING)
        headers = signed(body_of())
        sent = [await side.client.post(side.hook(job), content=body_of(), headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in sent] == [200, 409, 409]
    assert side.woken == [job.id]


def test_a_replay_is_known_for_ten_minutes_by_what_is_signed() -> None:
    """What a proxy adds makes no new webhook of it; another order's is another one."""
    now_s = 1000.0
    replays = Replays(lambda: now_s)
    hook = Hook(headers={"x-fal-webhook-signature": "ab", "x-request-id": "1"}, body=b"{}", at_s=0)
    replays.remember("7K3Q9FD2", hook)
    assert replays.knows("7K3Q9FD2", replace(hook, headers=dict(hook.headers) | {"x-request-id": "2"}))
    assert not replays.knows("7K3Q9FD3", hook)
    assert not replays.knows("7K3Q9FD2", replace(hook, body=b"{ }"))
    assert not replays.knows("7K3Q9FD2", replace(hook, headers={"x-fal-webhook-signature": "cd"}))
    now_s += 600
    assert not replays.knows("7K3Q9FD2", hook)
    replays.remember("7K3Q9FD2", hook)
    assert (replays.knows("7K3Q9FD2", hook), len(replays._taken)) == (True, 1)


async def test_a_wrong_address_learns_nothing(tmp_path: Path) -> None:
    """It answers like any path that does not exist, however the webhook is signed and however long it is."""
    async with hooked(tmp_path) as side:
        job = await side.story.at(State.GENERATING)
        good = side.hook(job)
        wrong = ["/", f"{good}a", good.replace("/fal/", "/novita/"), side.hook(replace(job, id="A" * 8))]
        answers = [plain(await side.client.post(path, content=body_of(), headers=signed(body_of()))) for path in wrong]
        answers.append(plain(await side.client.post(wrong[1], content=bytes(HOOK_MAX_BYTES + 1))))
    assert answers == [(404, {"connection": "close", "content-length": "0"}, b"")] * 5


async def test_a_webhook_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    """One of just a megabyte is; neither moves a job."""
    async with hooked(tmp_path) as side:
        unsure = await side.story.at(State.UNSURE)
        lengths = (HOOK_MAX_BYTES, HOOK_MAX_BYTES + 1, 3 * HOOK_MAX_BYTES)
        sent = [(await side.client.post(side.hook(unsure), content=bytes(length))).status_code for length in lengths]
        endless = f"POST {side.hook(unsure)} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = await side.sent(endless.encode() + b"f4241\r\n" + bytes(HOOK_MAX_BYTES + 1))
        assert await side.bot.store.job(unsure.id) == unsure
    assert sent == [401, 413, 413]
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_slow_sender_is_not_waited_for(tmp_path: Path) -> None:
    """Half a body holds nothing up, and a sender that goes away is no error."""
    async with hooked(tmp_path, body_s=0.2) as side:
        unsure = await side.story.at(State.UNSURE)
        half = f"POST {side.hook(unsure)} HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf".encode()
        answer = await side.sent(half)
        _, writer = await asyncio.open_connection("127.0.0.1", side.port)
        writer.write(half)
        writer.close()
        await writer.wait_closed()
        assert await tell(side, unsure) == 200
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_webhook_that_cannot_be_checked_may_come_again(tmp_path: Path) -> None:
    """Where fal's keys are not to be had, nothing is believed and nothing is forgotten."""
    async with hooked(tmp_path, reachable=False) as side:
        unsure = await side.story.at(State.UNSURE)
        assert [await tell(side, unsure), await tell(side, unsure)] == [503, 503]
        assert await side.bot.store.job(unsure.id) == unsure


class FullDisk:
    """Stands before a store whose disk has no room for the first record."""

    def __init__(self, store: Store) -> None:
        self._store, self._full = store, True

    def __getattr__(self, call: str) -> Any:
        return getattr(self._store, call)

    async def record(self, move: Move) -> Job:
        if self._full:
            self._full = False
            raise Unavailable("database or disk is full")
        return await self._store.record(move)


async def test_a_webhook_that_could_not_be_stored_may_come_again(tmp_path: Path) -> None:
    """A second one, as good as the first, is no replay."""

    async def read_hook(connection: Connection, hook: Hook) -> Ticket:
        return Ticket(hook.body.decode())

    async with front(tmp_path, provider(read_hook=read_hook)) as side:
        unsure = await side.story.at(State.UNSURE)
        ports = replace(side.bot.ports, store=cast("Store", FullDisk(side.bot.store)))
        async with serving(public_app(ports, side.links, side.woken.append), "127.0.0.1", 0) as port:
            url = f"http://127.0.0.1:{port}{side.hook(unsure)}"
            sent = [(await side.client.post(url, content=b"T9")).status_code for _ in range(3)]
        assert (await side.bot.store.job(unsure.id)).ticket == "T9"
    assert sent == [503, 200, 409]


async def test_a_provider_file_that_breaks_or_reads_no_webhooks_moves_nothing(tmp_path: Path) -> None:
    """What it broke on says nothing of the job."""

    async def breaks(connection: Connection, hook: Hook) -> Ticket:
        raise ZeroDivisionError

    async with front(tmp_path, provider(read_hook=breaks)) as side:
        unsure = await side.story.at(State.UNSURE)
        assert await tell(side, unsure) == 503
        deaf = replace(provider(), read_hook=None)
        offer = side.bot.ports.catalogue.offers["wan2.5@fal"]
        side.bot.ports.catalogue.offers["wan2.5@fal"] = replace(offer, provider=deaf)
        assert await tell(side, unsure) == 200
        assert await side.bot.store.job(unsure.id) == unsure
    assert side.woken == []


async def test_a_webhook_while_the_submit_is_out_is_delivered_once_and_paid_once(tmp_path: Path) -> None:
    """The whole bot: the ticket comes by webhook, the answer to the submit later, and the job goes on under it."""

    async def read_hook(connection: Connection, hook: Hook) -> Ticket:
        return Ticket(hook.body.decode())

    with provider_server.serving(tmp_path / "p", Script(posts=["held ticket"], video=video())) as server:
        known = replace(imagined(server.url), read_hook=read_hook)
        setting = Setting(folder=tmp_path, providers=(known,), platform=Board(tmp_path), clock=HarnessClock())
        async with started(setting) as bot, httpx.AsyncClient(trust_env=False) as client:
            links = Links(b"k", PUBLIC)
            app = public_app(bot.ports, links, lambda _: None)
            async with serving(app, "127.0.0.1", 0) as port:
                job = await bot.until(await bot.ask(), State.QUEUED)
                submitting = asyncio.create_task(bot.worker.step(job.id))
                while not server.paid():  # noqa: ASYNC110 - only the server knows
                    await asyncio.sleep(0.01)
                job = await bot.store.job(job.id)
                ticket = server.ticket(job.order_key)
                hook = links.hook("imagined", job.order_key).replace(PUBLIC, f"http://127.0.0.1:{port}")
                answer = await client.post(hook, content=ticket.encode())
                known_by_now = await bot.store.job(job.id)
                server.release.set()
                assert await submitting is None
                await bot.until(job, State.DELIVERED)
                alerts = await bot.store.alerts()
    assert (answer.status_code, known_by_now.state, known_by_now.ticket) == (200, State.GENERATING, ticket)
    assert (len(server.paid()), alerts) == (1, [])
