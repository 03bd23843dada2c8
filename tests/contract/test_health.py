"""The side that faces this machine alone, on a real socket: what makes the service not ready, and what a scraper reads."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.health import Statuses, health_app, serve_health
from bot.serving import serving
from storage.sqlite import SqliteStore
from storage.states import FINAL, State
from tests.chaos.harness import Bot, Setting, started
from tests.fakes.backends import Sqlite
from tests.fakes.platform import Board
from tests.fakes.provider import imagined
from tests.fakes.story import BILL, FAL, PRICE, Clock, Story

NOWHERE = "http://127.0.0.1:9"
ALL_WELL = {"ok": True, "parts": {"store": "ok", "disk": "ok", "sweep": "ok"}}


@dataclass(kw_only=True)
class Side:
    """A bot's side for this machine; `platforms` and `swept_ago_s` are what it is told of the rest."""

    bot: Bot
    story: Story
    client: httpx.AsyncClient
    platforms: dict[str, str | None] = field(default_factory=dict)
    swept_ago_s: float = 1.0

    async def told(self) -> tuple[int, dict[str, Any]]:
        """Return the status and the document of /healthz."""
        answer = await self.client.get("/healthz")
        return answer.status_code, answer.json()

    async def wrong(self) -> dict[str, str]:
        """Return the parts that are not well, which must make it not ready."""
        status, told = await self.told()
        assert (status, told["ok"]) == (503, False)
        return {name: why for name, why in told["parts"].items() if why != "ok"}

    async def scraped(self) -> dict[tuple[str, ...], float]:
        """Return each sample by name and labels."""
        return samples((await self.client.get("/metrics")).text)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Read a page as a scraper does."""
    return {
        (sample.name.removeprefix("stillmotion_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@asynccontextmanager
async def side(folder: Path, **given: Any) -> AsyncIterator[Side]:
    """Start one."""
    clock = Clock()
    setting = Setting(folder=folder, providers=(imagined(NOWHERE, "fal"),), platform=Board(folder), clock=clock)
    (folder / "media").mkdir()
    async with started(setting) as bot, httpx.AsyncClient(trust_env=False) as client:
        found = Side(bot=bot, story=Story(bot.store, clock, Sqlite(), folder, count(1)), client=client)
        app = health_app(bot.ports, found.platforms, lambda: found.swept_ago_s, **{"free_floor_bytes": 0} | given)
        async with serving(app, "127.0.0.1", 0) as port:
            client.base_url = httpx.URL(f"http://127.0.0.1:{port}")
            yield found


async def test_where_all_is_well_it_says_so_of_each_part(tmp_path: Path) -> None:
    """Also of a platform that has nothing to complain of."""
    async with side(tmp_path) as here:
        assert await here.told() == (200, ALL_WELL)
        here.platforms["discord"] = None
        assert await here.told() == (200, {"ok": True, "parts": {**ALL_WELL["parts"], "discord": "ok"}})  # type: ignore[dict-item] # a document


async def test_a_head_tells_the_same_without_the_words(tmp_path: Path) -> None:
    """Some watchers ask so."""
    async with side(tmp_path) as here:
        well = await here.client.head("/healthz")
        here.swept_ago_s = 31
        ill = await here.client.head("/healthz")
    assert [(each.status_code, each.content) for each in (well, ill)] == [(200, b""), (503, b"")]


async def test_a_platform_that_is_down_makes_it_not_ready_until_it_is_back(tmp_path: Path) -> None:
    """Each has its own word."""
    async with side(tmp_path) as here:
        here.platforms |= {"discord": "the token is not accepted", "slack": None}
        assert await here.wrong() == {"discord": "the token is not accepted"}
        here.platforms["discord"] = None
        assert (await here.told())[0] == 200


@dataclass
class Reporting:
    """A platform that says how it is."""

    status: str | None


def test_statuses_are_those_of_the_moment() -> None:
    """Nobody has to tell of a change."""
    chat = Reporting("the token is not accepted")
    statuses = Statuses({"discord": chat})
    assert dict(statuses) == {"discord": "the token is not accepted"}
    chat.status = None
    assert dict(statuses) == {"discord": None}
    assert len(statuses) == 1


@pytest.mark.parametrize("reason", ["see https://canary.example", "canary1234", "canary: no", "", "canary " * 20])
async def test_a_platform_word_that_might_hold_more_than_words_is_not_passed_on(reason: str, tmp_path: Path) -> None:
    """A link, an id or a key would stand in somebody's dashboard."""
    async with side(tmp_path) as here:
        here.platforms["slack"] = reason
        assert await here.wrong() == {"slack": "it is down"}


async def test_a_sweep_that_stopped_makes_it_not_ready(tmp_path: Path) -> None:
    """Without it, nobody takes up what was left."""
    async with side(tmp_path) as here:
        here.swept_ago_s = 30
        assert (await here.told())[0] == 200
        here.swept_ago_s = 90
        assert await here.wrong() == {"sweep": "it was last made 90 s ago"}


async def test_a_full_disk_makes_it_not_ready(tmp_path: Path) -> None:
    """Nothing is submitted then."""
    async with side(tmp_path, free_floor_bytes=1 << 62) as here:
        assert list(await here.wrong()) == ["disk"]


async def test_a_folder_that_is_gone_makes_it_not_ready(tmp_path: Path) -> None:
    """Somebody took the volume away."""
    async with side(tmp_path) as here:
        (tmp_path / "media").rename(tmp_path / "elsewhere")
        assert await here.wrong() == {"disk": "it cannot be looked at"}


async def test_a_store_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    """Whoever asks has no time."""
    async with side(tmp_path, answer_s=0.1) as here:
        store, free = here.bot.store, threading.Event()
        assert isinstance(store, SqliteStore)
        hanging = asyncio.create_task(store._read(lambda _: free.wait()))
        await asyncio.sleep(0)
        try:
            assert await here.wrong() == {"store": "it does not answer"}
        finally:
            free.set()
            await hanging
        assert await here.told() == (200, ALL_WELL)


async def test_a_store_that_cannot_be_used_is_told_and_gives_no_numbers(tmp_path: Path) -> None:
    """No page at all, rather than one of zeros."""
    async with side(tmp_path) as here:
        await here.bot.store.close()
        assert await here.wrong() == {"store": "it cannot be read"}
        answer = await here.client.get("/metrics")
    assert (answer.status_code, answer.content) == (503, b"")


async def test_nothing_else_is_there(tmp_path: Path) -> None:
    """Neither a page nor a way to change anything."""
    async with side(tmp_path) as here:
        paths = ["/", "/healthz/", "/metrics/", "/media/x/image/y.png", "/hooks/fal/x/y", "/docs"]
        found = [(await here.client.get(path)).status_code for path in paths]
        changing = [
            (await here.client.request(method, path)).status_code
            for path in ("/healthz", "/metrics")
            for method in ("POST", "PUT", "DELETE", "OPTIONS")
        ]
    assert (set(found), set(changing)) == ({404}, {405})


async def test_jobs_are_counted_by_offer_and_state(tmp_path: Path) -> None:
    """The line and the places taken, too; an offer that has nothing to do is there with zeros."""
    async with side(tmp_path) as here:
        for state in (State.QUEUED, State.QUEUED, State.GENERATING, State.UNSURE, State.KEPT):
            await here.story.at(state)
        told = await here.scraped()
    standing = {key: number for key, number in told.items() if key[0] == "jobs" and number}
    assert standing == {
        ("jobs", FAL, "queued"): 2,
        ("jobs", FAL, "generating"): 1,
        ("jobs", FAL, "unsure"): 1,
        ("jobs", FAL, "kept"): 1,
    }
    assert {key[2] for key in told if key[0] == "jobs"} == {state for state in State if state not in FINAL}
    assert (told["queue_length", FAL], told["in_flight_jobs", FAL]) == (2, 2)


async def test_an_empty_installation_has_zeros_for_its_offers(tmp_path: Path) -> None:
    """So that an alarm has something to look at from the start."""
    async with side(tmp_path) as here:
        offers, told = set(here.bot.ports.catalogue.offers), await here.scraped()
    assert {key[1] for key in told if key[0] == "queue_length"} == offers
    assert set(told.values()) == {0}


async def test_the_places_taken_are_those_that_the_store_counts(tmp_path: Path) -> None:
    """Whatever states jobs are in."""
    async with side(tmp_path) as here:
        for state in State:
            await here.story.at(state)
        told = await here.scraped()
        in_flight = here.story.in_flight()
    assert {key[1]: number for key, number in told.items() if key[0] == "in_flight_jobs" and number} == in_flight


async def test_the_month_money_is_told_in_dollars(tmp_path: Path) -> None:
    """What was billed, and what is still reserved."""
    async with side(tmp_path) as here:
        await here.story.at(State.DELIVERED)
        reserved = (await here.story.at(State.GENERATING)).reserved_usd_micros
        told = await here.scraped()
    assert reserved >= PRICE
    assert told["spend_month_dollars",] == (BILL + reserved) / 1_000_000


async def test_alerts_are_counted(tmp_path: Path) -> None:
    """Once a cause, as doctor lists them."""
    async with side(tmp_path) as here:
        for cause in ("no_credit:fal", "no_credit:fal", "blocked:fal"):
            await here.bot.store.warn(cause)
        assert (await here.scraped())["alerts",] == 2


async def test_labels_are_offers_and_states_and_nothing_else_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No person, place, sentence, link or job, on the pages or in a log line; nor anything of this process."""
    caplog.set_level(logging.WARNING, "httpx")  # the caller's own word
    caplog.set_level(logging.INFO)
    async with side(tmp_path) as here:
        jobs = [await here.story.at(state, user="user:discord/canary") for state in (State.KEPT, State.GENERATING)]
        await here.bot.store.warn("no_credit:fal", job=jobs[0].id, told="canary")
        text = (await here.client.get("/metrics?canary")).text + (await here.client.get("/healthz?canary")).text
        offers = set(here.bot.ports.catalogue.offers) | {FAL}
    families = list(text_string_to_metric_families(text.partition('{"ok"')[0]))
    labels = [sample.labels for family in families for sample in family.samples]
    assert {name for each in labels for name in each} == {"offer", "state"}
    assert {value for each in labels for value in each.values()} <= offers | set(State)
    assert all(family.name.startswith("stillmotion_") for family in families)
    for word in ("canary", "cat", "discord", *(job.id for job in jobs)):
        assert word not in text
        assert word not in caplog.text


async def test_the_month_is_the_calendar_month_of_the_operators_zone(story: Story) -> None:
    """A job of its last hour counts there, and is over in a zone where the next month has begun."""
    story.clock.now_ms = int(datetime.fromisoformat("2026-09-30T22:30:00+00:00").timestamp() * 1000)
    await story.at(State.DELIVERED)
    assert (await story.store.overview(zone="UTC")).month_usd_micros == BILL
    assert (await story.store.overview(zone="Europe/Berlin")).month_usd_micros == 0


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


async def answers(port: int) -> bool:
    """Tell whether somebody answers there."""
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_it_is_served_until_the_stop(tmp_path: Path) -> None:
    """At once after it, so that the stop is not the longer for it."""
    async with side(tmp_path) as here:
        port, stop = free_port(), asyncio.Event()
        app = health_app(here.bot.ports, {}, lambda: 0.0, free_floor_bytes=0)
        running = asyncio.create_task(serve_health(app, port, stop))
        async with asyncio.timeout(5):
            while not await answers(port):  # noqa: ASYNC110 - what is waited for is a socket
                await asyncio.sleep(0.01)
        stop.set()
        async with asyncio.timeout(2):
            await running
        assert not await answers(port)


@pytest.mark.parametrize("taken", [True, False])
async def test_a_port_that_is_taken_or_none_lets_the_bot_work(
    taken: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Several processes may work on one database; the second one says so and goes on."""
    async with side(tmp_path) as here:
        port = here.client.base_url.port
        app = health_app(here.bot.ports, {}, lambda: 0.0)
        assert port is not None
        await serve_health(app, port if taken else 0, asyncio.Event())
    assert ("the port is taken" in caplog.text) is taken
