"""A whole bot on a folder, each of whose outside calls is a place where its process can end."""

from __future__ import annotations

import asyncio
import inspect
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NoReturn, cast

from bot.breaker import Breakers
from bot.cards import Cards
from bot.catalogue import Catalogue
from bot.intake import Intake
from bot.links import Links
from bot.media import child, lane
from bot.media.contract import Unfit, UnfitReason
from bot.media.source import Source
from bot.media.workbench import Workbench
from bot.network import Network
from bot.pace import Paces
from bot.platforms.contract import ChatPlatform, Command, Spot
from bot.ports import Ports
from bot.publishing import Publisher
from bot.settings import Settings, load
from bot.waker import Waker
from bot.worker import Worker
from providers.kit.provider import Provider
from storage.blobs import DirectoryBlobs
from storage.contract import Blobs, Facts, Job, Move, Store
from storage.sqlite import SqliteStore
from storage.states import Event, State
from tests.fakes.provider_video import picture

ANA = "board/ana"
_WHILE_MS = 10 * 60_000
_READS = frozenset(
    {
        "job",
        "jobs",
        "scopes",
        "trail",
        "ahead",
        "overdue",
        "next_due_in_ms",
        "alerts",
        "renew",
        "choices",
        "references",
        "left",
    }
)
"""Calls that decide nothing: to end at one is to end at its neighbour."""


class Killed(BaseException):
    """The process ended here; nothing of ours catches it."""


def _raise(name: str) -> NoReturn:
    raise Killed(name)


@dataclass
class Wire:
    """Counts the calls that have an effect, once before and once after it, and ends the bot at one of them.

    The place is a number, counted from 1, or a name like `provider.submit >`, whose sign tells before or after.
    """

    at: int | str | None = None
    end: Callable[[str], NoReturn] = _raise
    passed: list[str] = field(default_factory=list)
    dead: bool = False

    def touch(self, name: str) -> None:
        if not self.dead:
            self.passed.append(name)
            self.dead = self.at in {len(self.passed), name}
        if self.dead:
            self.end(name)

    def around(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return the call between two touches, also where it fails."""

        async def touched(*given: Any, **named: Any) -> Any:
            self.touch(f"{name} <")
            try:
                result = await call(*given, **named)
            except Exception:
                self.touch(f"{name} >")
                raise
            self.touch(f"{name} >")
            return result

        return touched


class Tripwire:
    """Stands before a port: each of its calls that has an effect touches the wire."""

    def __init__(self, port: object, wire: Wire, name: str) -> None:
        self._port, self._wire, self._name = port, wire, name

    def __getattr__(self, call: str) -> Any:
        inner = getattr(self._port, call)
        if not inspect.iscoroutinefunction(inner) or call in _READS:
            return inner
        return self._wire.around(f"{self._name}.{call}", inner)


def wired(provider: Provider, wire: Wire) -> Provider:
    """Return the provider with each of its calls on the wire."""
    names = ("submit", "look", "cancel", "reconcile", "erase", "sweep")
    there = {name: call for name in names if (call := getattr(provider, name)) is not None}
    calls: dict[str, Any] = {name: wire.around(f"provider.{name}", call) for name, call in there.items()}
    return replace(provider, **calls)


class NearLane(lane.Lane):
    """Does media work in a thread of this process, where to start a child would cost more than all the rest."""

    async def run(self, task: lane.Task, path: Path, max_bytes: int | None = None) -> dict[str, Any]:
        return await asyncio.to_thread(_done_here, task, path, max_bytes)


def _done_here(task: lane.Task, path: Path, max_bytes: int | None) -> dict[str, Any]:
    with lane._regular(task.role, path, max_bytes) as (descriptor, size_bytes):
        answer, blocks = child._attempt(task.role, task.verb, Source(descriptor), dict(task.arguments))
        if task.out and "done" in answer:
            task.out.write_bytes(b"".join(blocks))
    if "unfit" in answer:
        raise Unfit(task.role, UnfitReason(answer["unfit"]), **answer["facts"])
    return {**json.loads(json.dumps(answer["done"])), "size_bytes": size_bytes}


class NearWorkbench(Workbench):
    """The workbench without its child processes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._looks = self._work = NearLane(2)


@dataclass
class Clock:
    """The store's clock; it moves only when told."""

    now_ms: int = 1_788_264_000_000

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, ms: float) -> None:
        self.now_ms += int(ms)


def wall_clock() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(kw_only=True)
class Setting:
    """What outlives a bot: its folder, the providers and the platform it meets, and the clock."""

    folder: Path
    providers: tuple[Provider, ...]
    platform: ChatPlatform
    clock: Callable[[], int] = wall_clock
    lease_s: float = 15.0
    near: bool = True
    free_floor_bytes: int = 0
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.folder / "stillmotion.db"

    @property
    def picture(self) -> Path:
        return self.folder / "picture.jpg"

    @cached_property
    def loaded(self) -> Settings:
        """The settings, read once."""
        given: dict[str, Any] = {"user_limit": "none", "user_max_open": 1000} | self.settings
        return load(database_url=f"sqlite:///{self.database}", **given)

    def furnish(self) -> None:
        """Put a new database and a picture into the folder, where there are none."""
        if not self.database.exists():
            self.database.write_bytes(_new_database())
        if not self.picture.exists():
            self.picture.write_bytes(picture())

    def command(self, number: int = 1, **changes: Any) -> Command:
        """Return what a person asks; the same number is the same command."""
        plain = Command(
            id=f"command-{number}",
            user=ANA,
            scope="board/1",
            channel="board/2",
            scope_is_own=True,
            spot=Spot(server="1", channel="2", thread="3"),
            prompt="a slow zoom",
            image=self.picture,
            model="wan2.5",
        )
        return replace(plain, **changes)


@dataclass(frozen=True, kw_only=True)
class Bot:
    """One life of a bot; `store` is not on the wire."""

    ports: Ports
    intake: Intake
    worker: Worker
    store: Store
    setting: Setting

    def waker(self, **given: Any) -> Waker:
        return Waker(self.ports, self.worker, **given)

    async def ask(self, number: int = 1, **changes: Any) -> Job:
        return await self.intake.ask(self.setting.platform.name, self.setting.command(number, **changes))

    async def by_hand(self, job: Job, event: Event, **facts: Any) -> Job:
        """Make a person's move on a job as it now stands."""
        now = await self.store.job(job.id)
        return await self.ports.store.record(Move(job=job.id, expected=now.state, event=event, facts=Facts(**facts)))

    async def until(self, job: Job, *wanted: State) -> Job:
        """Make a job's steps, letting the clock run to each, until it stands where wanted."""
        async with asyncio.timeout(30):
            while (now := await self.store.job(job.id)).state not in wanted:
                if await self.worker.step(job.id) is None:
                    self.let_pass(now)
        return now

    def let_pass(self, job: Job) -> None:
        """Let the clock run to a job's next due, or until its lease has lapsed; a while where only the clock decides."""
        assert isinstance(self.setting.clock, Clock)
        due_in_ms = _WHILE_MS if job.due_in_ms is None else job.due_in_ms
        self.setting.clock.forward(max(job.lease_left_ms, due_in_ms, 1))


@asynccontextmanager
async def started(setting: Setting, wire: Wire | None = None) -> AsyncIterator[Bot]:
    """Start a bot, on the wire if there is one; it is put together as bot.app does."""
    setting.furnish()
    settings = setting.loaded
    workroom = settings.media / "work"
    arriving = workroom / "arriving"
    arriving.mkdir(parents=True, exist_ok=True)
    spare = Path(tempfile.mkdtemp(dir=workroom, prefix="spare-"))
    store = SqliteStore(setting.database, setting.clock)
    bench = (NearWorkbench if setting.near else Workbench)(spare)
    providers = {each.id: each if wire is None else wired(each, wire) for each in setting.providers}
    network, links = Network(settings, providers), Links(b"a secret", settings.public_url)

    def on_wire(port: Any, name: str) -> Any:
        return port if wire is None else Tripwire(port, wire, name)

    try:
        ports = Ports(
            store=cast("Store", on_wire(store, "store")),
            blobs=cast("Blobs", on_wire(DirectoryBlobs(settings.media), "blobs")),
            catalogue=Catalogue(providers, settings, workroom, apis=network.apis),
            workbench=cast("Workbench", on_wire(bench, "workbench")),
            platforms={setting.platform.name: cast("ChatPlatform", on_wire(setting.platform, "platform"))},
            settings=settings,
            network=network,
            links=links,
            publisher=Publisher(links, None, ()),
            breakers=Breakers(time.monotonic),
            paces=Paces(store, time.monotonic),
            monotonic=time.monotonic,
            spare=spare,
            arriving=arriving,
        )
        worker = Worker(ports, lease_s=setting.lease_s, free_floor_bytes=setting.free_floor_bytes)
        worker.cards = Cards(ports, setting.clock)
        try:
            yield Bot(ports=ports, intake=Intake(ports), worker=worker, store=store, setting=setting)
        finally:
            await worker.cards.close()
    finally:
        await network.close()
        await store.close()


@cache
def _new_database() -> bytes:
    """Return a database as the first start makes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        store = SqliteStore(path)
        store._write.close()
        store._read.close()
        return path.read_bytes()
