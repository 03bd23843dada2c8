"""The side that faces the world, on a real socket: which links work when, and that nothing else is there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from bot.links import Links
from bot.public import public_app
from bot.serving import PortTaken, serving
from providers.kit.provider import Provider
from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import Bot, Setting, started
from tests.fakes.backends import Sqlite
from tests.fakes.platform import Board
from tests.fakes.provider import imagined
from tests.fakes.story import PICTURE, Clock, Story

BYTES = bytes(range(256)) * 1000
PUBLIC = "https://bot.example.org"
NOWHERE = "http://127.0.0.1:9"


@dataclass(kw_only=True)
class Front:
    """A bot's public side, with jobs that are brought to any state; `woken` are the jobs that it called due."""

    bot: Bot
    story: Story
    links: Links
    port: int
    client: httpx.AsyncClient
    woken: list[str]

    def media(self, job: Job, role: str = "image", mime: str = PICTURE.mime) -> str:
        """Return the path of an input's link."""
        return urlsplit(self.links.media(job.order_key, role, mime)).path

    def hook(self, job: Job, provider: str = "fal") -> str:
        """Return the path of a webhook's address."""
        return urlsplit(self.links.hook(provider, job.order_key)).path

    async def status(self, path: str) -> int:
        return (await self.client.get(path)).status_code

    async def sent(self, raw: bytes) -> bytes:
        """Send bytes as they are; all that comes back until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(raw)
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()
            await writer.wait_closed()


def provider(**calls: object) -> Provider:
    """Return the provider of the story's jobs."""
    return replace(imagined(NOWHERE, "fal"), **calls)  # type: ignore[arg-type] # any call of the port


@asynccontextmanager
async def front(
    folder: Path, fal: Provider | None = None, *, public: str = PUBLIC, body_s: float = 10.0
) -> AsyncIterator[Front]:
    """Start one, with the story's picture among the blobs."""
    clock, woken = Clock(), list[str]()
    setting = Setting(folder=folder, providers=(fal or provider(),), platform=Board(folder), clock=clock)
    async with started(setting) as bot:
        picture = bot.ports.blobs.path(PICTURE.blob)
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(BYTES)
        links = Links(b"of this installation", public)
        app = public_app(bot.ports, links, woken.append, body_s=body_s)
        async with (
            serving(app, "127.0.0.1", 0) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        ):
            story = Story(bot.store, clock, Sqlite(), folder, count(1))
            yield Front(bot=bot, story=story, links=links, port=port, client=client, woken=woken)


def plain(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """Return all of an answer but when it was made."""
    return answer.status_code, {name: it for name, it in answer.headers.items() if name != "date"}, answer.content


async def test_an_input_is_there_only_while_a_provider_may_be_making_the_job(tmp_path: Path) -> None:
    """Not before the submit, not once there is a video, never after the end."""
    async with front(tmp_path) as side:
        jobs = {state: await side.story.at(state) for state in State}
        there = {state for state, job in jobs.items() if await side.status(side.media(job)) == 200}
    assert there == {State.SUBMITTING, State.UNSURE, State.GENERATING, State.LATE}


async def test_a_job_that_was_discarded_is_still_made_from_its_input(tmp_path: Path) -> None:
    """What cannot stop goes on."""
    async with front(tmp_path) as side:
        assert await side.status(side.media(await side.story.at(State.GENERATING, "hidden"))) == 200


async def test_a_new_order_ends_the_links_of_the_one_before(tmp_path: Path) -> None:
    """Whoever had the first one can fetch nothing more."""
    async with front(tmp_path) as side:
        first = await side.story.at(State.SUBMITTING)
        waiting = await side.story.answer(first, Event.VOID_WAIT)
        assert await side.status(side.media(first)) == 404
        second = await side.story.admit(waiting)
        assert second is not None
        assert (second.order_key, await side.status(side.media(second))) == (f"{first.id}.2", 200)
        assert await side.status(side.media(first)) == 404


async def test_a_video_is_there_until_its_link_ends(tmp_path: Path) -> None:
    """Whole or in ranges; not a second longer, not by another name, and not once its bytes are swept."""
    async with front(tmp_path) as side:
        job = await side.story.at(State.DELIVERED)
        assert job.result is not None
        path, now_s = side.bot.ports.blobs.path(job.result), int(time.time())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(BYTES)
        good, old = (side.links.video(job.id, now_s + in_s).removeprefix(PUBLIC) for in_s in (60, -1))
        answer = await side.client.get(good, headers={"Range": "bytes=1-3"})
        assert (answer.status_code, answer.content) == (206, BYTES[1:4])
        assert answer.headers["content-type"] == "video/mp4"
        assert [await side.status(path) for path in (good, old, good.replace(job.id, "7K3Q9FD2"))] == [200, 404, 404]
        path.unlink()
        assert await side.status(good) == 404


async def test_a_video_that_somebody_deleted_is_not_there_any_more(tmp_path: Path) -> None:
    """Who deletes it for everybody means the link as well."""
    async with front(tmp_path) as side:
        job = await side.story.at(State.DELIVERING)
        job = await side.story.work(job, Event.POSTED, message="1/2/3")
        assert job.result is not None
        path = side.bot.ports.blobs.path(job.result)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(BYTES)
        good = side.links.video(job.id, int(time.time()) + 60).removeprefix(PUBLIC)
        assert await side.status(good) == 200
        await side.bot.store.deleted(job.id, by="Maya")
        assert await side.status(good) == 404


async def test_an_input_comes_whole_and_as_what_it_is(tmp_path: Path) -> None:
    """With its length, for no cache, and for nobody to guess at its type."""
    async with front(tmp_path) as side:
        answer = await side.client.get(side.media(await side.story.at(State.GENERATING)))
    assert answer.content == BYTES
    wanted = {
        "content-type": "image/png",
        "content-length": str(len(BYTES)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "accept-ranges": "bytes",
    }
    assert wanted.items() <= dict(answer.headers).items()
    assert "server" not in answer.headers


async def test_a_head_tells_the_same_without_the_bytes(tmp_path: Path) -> None:
    """Some providers ask for it first."""
    async with front(tmp_path) as side:
        path = side.media(await side.story.at(State.GENERATING))
        head, whole = await side.client.head(path), await side.client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert plain(head)[1] == plain(whole)[1]


RANGES = {
    "bytes=0-99": (206, BYTES[:100]),
    "bytes=100-": (206, BYTES[100:]),
    "bytes=-7": (206, BYTES[-7:]),
    "bytes=999999-": (416, b""),
}


async def test_a_range_can_be_asked_for(tmp_path: Path) -> None:
    """A download that broke off goes on where it was."""
    async with front(tmp_path) as side:
        path = side.media(await side.story.at(State.GENERATING))
        answers = {asked: await side.client.get(path, headers={"Range": asked}) for asked in RANGES}
    assert {asked: (answer.status_code, answer.content) for asked, answer in answers.items()} == RANGES


async def test_whatever_is_wrong_the_answer_is_the_same(tmp_path: Path) -> None:
    """A guess learns nothing, not even whether a job exists."""
    async with front(tmp_path) as side:
        job, over = await side.story.at(State.GENERATING), await side.story.at(State.DELIVERED)
        good = side.media(job)
        token = good.rpartition("/")[2]
        wrong = [
            "/",
            good[:-5] + "7.png",
            f"/media/{over.id}/image/{token}",
            f"/media/{job.id}.2/image/{token}",
            f"/media/{job.id}/audio/{token}",
            f"/media/{job.id}/image/%C3%A9%FF.png",
            f"/media/{job.id}/image/{token[:-3]}jpg",
            side.media(over),
            side.media(job, "audio", "audio/mpeg"),
            side.media(replace(job, id="AAAAAAAA")),
            side.media(replace(job, submits=2)),
        ]
        answers = [plain(await side.client.get(path)) for path in wrong]
        side.bot.ports.blobs.path(PICTURE.blob).unlink()
        answers.append(plain(await side.client.get(good)))
    assert answers == [(404, {"connection": "close", "content-length": "0"}, b"")] * 12


@pytest.mark.parametrize("path", ["/stillmotion", "/media", "/a%20b/c"])
async def test_a_proxy_in_front_may_strip_the_public_address_own_path_or_not(path: str, tmp_path: Path) -> None:
    """Both are how people set proxies up; any other path leads nowhere."""
    async with front(tmp_path, public=f"https://bot.example.org{path}") as side:
        whole = side.media(await side.story.at(State.GENERATING))
        assert whole.startswith(f"{path}/media/")
        stripped = whole.removeprefix(path)
        told = [await side.status(each) for each in (whole, stripped, f"/other{stripped}", f"{path}{whole}")]
    assert told == [200, 200, 404, 404]


NOWHERE_HERE = [
    "/media",
    "/media/",
    "/hooks/",
    "/docs",
    "/openapi.json",
    "/.env",
    "*",
    "//GOOD",
    "GOOD/",
    "GOOD/..",
    "/media/../GOOD",
    "/media/%2e%2e/%2e%2e/stillmotion.db",
    "/media/../../../../etc/passwd",
    "http://127.0.0.1/GOOD",
]


async def test_nothing_else_is_reachable(tmp_path: Path) -> None:
    """No directory, no page, no way up; and no redirect that would tell of a path."""
    async with front(tmp_path) as side:
        good = side.media(await side.story.at(State.GENERATING))
        for target in NOWHERE_HERE:
            line = f"GET {target.replace('/GOOD', good).replace('GOOD', good)} HTTP/1.1\r\nHost: h\r\n\r\n"
            answer = await side.sent(line.encode())
            assert answer.startswith(b"HTTP/1.1 404 "), target
            assert answer.endswith(b"\r\n\r\n"), target


async def test_other_methods_find_nothing(tmp_path: Path) -> None:
    """Not even that there is something for another one."""
    async with front(tmp_path) as side:
        job = await side.story.at(State.GENERATING)
        on_media = [await side.client.request(each, side.media(job)) for each in ("POST", "PUT", "DELETE", "OPTIONS")]
        on_hook = [await side.client.request(each, side.hook(job)) for each in ("GET", "HEAD", "PUT", "OPTIONS")]
    assert {(answer.status_code, answer.headers.get("allow")) for answer in on_media + on_hook} == {(404, None)}


async def test_no_request_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither ours nor the server's words hold a path, whatever comes."""
    caplog.set_level(logging.WARNING, "httpx")  # the caller's own word
    caplog.set_level(logging.INFO)
    async with front(tmp_path) as side:
        job = await side.story.at(State.GENERATING)
        good = side.media(job)
        await side.client.get(f"{good}?canary")
        await side.client.get(f"{good}canary")
        await side.client.post(side.hook(job), content=b"canary")
        await side.sent(
            f"GET {good} HTTP/1.1\r\nHost: h\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n".encode()
        )
        await side.sent(f"GET {good} canary HTTP/9\r\n\r\n".encode())
    assert "Shutting down" in caplog.text  # what is listened to is what the server says
    assert "canary" not in caplog.text
    assert job.id not in caplog.text
    assert good.rpartition("/")[2] not in caplog.text


async def test_a_port_that_is_taken_is_told_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    """Before anything is served."""
    async with front(tmp_path) as side:
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{side.port}.*STILLMOTION_HTTP_PORT"):
            async with serving(public_app(side.bot.ports, side.links, side.woken.append), "127.0.0.1", side.port):
                pass


async def test_another_process_can_tell_that_a_side_is_of_the_same_installation(tmp_path: Path) -> None:
    """It answers to a path made from the secret, and to no other's."""
    async with front(tmp_path) as side:
        assert await side.status(side.links.probe_path()) == 204
        assert await side.status(Links(b"of another", PUBLIC).probe_path()) == 404


@pytest.mark.parametrize("host", ["::1", "[::1]"])
async def test_it_listens_on_ipv6(host: str, tmp_path: Path) -> None:
    """Written with brackets or without."""
    async with front(tmp_path) as side, httpx.AsyncClient(trust_env=False) as client:
        job = await side.story.at(State.GENERATING)
        async with serving(public_app(side.bot.ports, side.links, side.woken.append), host, 0) as port:
            answer = await client.get(f"http://[::1]:{port}{side.media(job)}")
    assert answer.content == BYTES


async def _asks_and_never_reads(writer: asyncio.StreamWriter, path: str) -> None:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode() * 50)
    await writer.drain()


async def _sends_half_a_head(writer: asyncio.StreamWriter, path: str) -> None:
    writer.write(f"GET {path} HTTP/1.1\r\nHos".encode())
    await writer.drain()


async def _is_idle(writer: asyncio.StreamWriter, path: str) -> None:
    """Keep a connection open, and nothing else."""


@pytest.mark.parametrize("caller", [_asks_and_never_reads, _sends_half_a_head, _is_idle])
async def test_it_stops_within_two_seconds_whoever_is_connected(
    caller: Callable[[asyncio.StreamWriter, str], Awaitable[None]], tmp_path: Path
) -> None:
    """A stop of the bot waits for nobody."""
    async with front(tmp_path) as side:
        job = await side.story.at(State.GENERATING)
        side.bot.ports.blobs.path(PICTURE.blob).write_bytes(BYTES * 40)
        async with serving(public_app(side.bot.ports, side.links, side.woken.append), "127.0.0.1", 0) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await caller(writer, side.media(job))
            await asyncio.sleep(0.1)
            since_s = time.monotonic()
        took_s = time.monotonic() - since_s
        writer.transport.abort()
    assert took_s < 2
