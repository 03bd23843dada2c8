"""Lives of one job, and what must hold at the end of each however often its bot was ended on the way."""

from __future__ import annotations

import hashlib
import io
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.media.boxes import index_first
from storage.contract import Job
from storage.states import FINAL, Event, State
from tests.chaos.harness import ANA, Bot, Clock, Setting, started
from tests.fakes.backends import Sqlite
from tests.fakes.platform import Board
from tests.fakes.provider import imagined
from tests.fakes.provider_server import PRICE, ProviderServer, Script, serving
from tests.fakes.provider_video import picture, video

Meddle = Callable[[Bot, Job], Awaitable[object]]
OFFER, OTHER = "wan2.5@imagined", "wan2.5@other"


async def _nobody(bot: Bot, job: Job) -> None:
    """Leave the job alone."""


async def _cancels(bot: Bot, job: Job) -> None:
    if job.state is State.GENERATING and not job.wished:
        await bot.by_hand(job, Event.CANCEL, by=f"user:{ANA}")


async def _discards(bot: Bot, job: Job) -> None:
    if job.state is State.GENERATING and not job.hidden:
        await bot.by_hand(job, Event.DISCARDED, by=f"user:{ANA}")


async def _collects(bot: Bot, job: Job) -> None:
    if job.state is State.KEPT:
        await bot.by_hand(job, Event.COLLECTED, by=f"user:{ANA}")


@dataclass(frozen=True, kw_only=True)
class Life:
    """What a job meets, what people do meanwhile, and how it ends if its bot is never ended on the way."""

    name: str
    end: str
    posts: tuple[str, ...] = ("ticket",)
    script: dict[str, Any] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()
    able: bool = True
    other: tuple[str, ...] | None = None
    damaged: bool = False
    meddle: Meddle = _nobody
    charged: bool = False
    spec: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


LIVES = (
    Life(name="plain", end="delivered"),
    Life(name="plain where nothing can be asked", end="delivered", able=False),
    Life(name="refused at the submit", end="failed moderated", posts=("moderated",)),
    Life(name="refused after the ticket", end="failed provider_error", script={"end": "refused"}),
    Life(name="damaged picture", end="failed bad_input", damaged=True),
    Life(name="cancelled while generating", end="cancelled", script={"end": "never"}, meddle=_cancels),
    Life(
        name="discarded where it cannot stop",
        end="cancelled",
        able=False,
        script={"looks": 1},
        meddle=_discards,
        charged=True,
    ),
    Life(name="answer lost", end="delivered", posts=("lost",)),
    Life(name="answer lost where nothing can be asked", end="unsure", posts=("lost",), able=False),
    Life(name="call lost", end="delivered", posts=("dropped", "ticket")),
    Life(name="busy at first", end="delivered", posts=("429", "ticket")),
    Life(name="moved to another offer", end="delivered", posts=("402",), other=("ticket",)),
    Life(name="post lost", end="delivered", troubles=("lost",)),
    Life(name="place gone", end="delivered", troubles=("gone",) * 9, meddle=_collects),
    Life(name="index last", end="delivered", script={"video": video(index_first=False)}),
)


@dataclass(kw_only=True)
class World:
    """What a life is lived in: the setting of its bots, and the servers that they meet."""

    life: Life
    setting: Setting
    servers: tuple[ProviderServer, ...]
    board: Board

    def paid(self) -> list[str]:
        return [key for server in self.servers for key in server.paid()]

    def billed(self) -> int:
        return sum(server.billed() for server in self.servers)

    def copied(self, name: str) -> World:
        """Return the same world in a copy of its folder; the servers are shared."""
        folder = self.setting.folder.with_name(f"{self.setting.folder.name}-{name}")
        shutil.copytree(self.setting.folder, folder)
        board = Board(folder)
        return replace(self, setting=replace(self.setting, folder=folder, platform=board), board=board)


@contextmanager
def world(life: Life, folder: Path) -> Iterator[World]:
    """Open a world for one life in a new folder."""
    folder.mkdir()
    image = picture()
    (folder / "picture.jpg").write_bytes(image[: len(image) // 2] if life.damaged else image)
    script = Script(posts=list(life.posts), **{"video": video()} | life.script)
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(folder / "imagined", script))]
        providers = [imagined(servers[0].url, reconciles=life.able, cancels=life.able, **life.spec)]
        if life.other is not None:
            servers.append(stack.enter_context(serving(folder / "other", Script(list(life.other), video=video()))))
            providers.append(imagined(servers[1].url, "other"))
        board = Board(folder, list(life.troubles))
        setting = Setting(folder=folder, providers=tuple(providers), platform=board, clock=Clock())
        yield World(life=life, setting=setting, servers=tuple(servers), board=board)


async def live(bot: Bot, meddle: Meddle) -> Job:
    """Ask, as a platform that redelivers does, and make every step until only a person can go on."""
    job = await bot.ask()
    for _ in range(200):
        await meddle(bot, job)
        job = await bot.store.job(job.id)
        if job.state in FINAL | {State.KEPT} or (job.state is State.UNSURE and job.due_in_ms is None):
            return job
        if await bot.worker.step(job.id) is None:
            bot.let_pass(job)
        job = await bot.store.job(job.id)
    raise AssertionError(f"job {job.id} does not end: {job.state}")


async def lived(world: World) -> Job:
    """Live in a new bot, to the end."""
    async with started(world.setting) as bot:
        return await live(bot, world.life.meddle)


def assert_settled(world: World, job: Job, end: str | None = None) -> None:
    """Check I1 to I4 of a job that is over: one outcome, one paid call at most, both books, one video, nothing left open."""
    assert f"{job.state} {job.failure or ''}".strip() == (end or world.life.end)
    inside = Sqlite().inside(world.setting.folder, job.id)
    assert len(inside.outcomes) == 1
    assert len(world.paid()) == inside.calls_that_may_be_paid <= 1
    delivered = job.state is State.DELIVERED
    charged = delivered or world.life.charged
    assert [line.entry for line in inside.allowance] == ["reserve", "charge" if charged else "release"]
    assert inside.used_usd_micros == (PRICE if charged else 0)
    assert len(inside.spend) == 2
    assert inside.spent_usd_micros == world.billed() == (job.cost_usd_micros or 0)
    assert Sqlite().in_flight(world.setting.folder) == {}
    assert_totals(world.setting.database)
    posted = world.board.posted()
    assert [post["job"] for post in posted] == [job.id] * (delivered and "gone" not in world.life.troubles)
    if delivered:
        assert job.result == hashlib.sha256(streamable(world.life)).hexdigest()
        assert all(post["sha256"] == job.result for post in posted)


def streamable(life: Life) -> bytes:
    """Return what is delivered of what the provider made."""
    return b"".join(index_first(io.BytesIO(life.script.get("video", video()))))


def assert_totals(database: Path) -> None:
    """Check that the totals are what the books' rows add up to."""
    with closing(sqlite3.connect(database)) as db:
        rows = dict(db.execute("SELECT book, sum(usd_micros) FROM books GROUP BY book"))
        totals = dict(
            db.execute(
                "SELECT book, sum(usd_micros) FROM totals WHERE subject IN ('all', ?) GROUP BY book", (f"user:{ANA}",)
            )
        )
    assert rows == totals
