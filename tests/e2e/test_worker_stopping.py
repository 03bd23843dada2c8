"""Being told to stop: within seconds, with jobs in every state, and nothing lost for the next start."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from providers.kit.spec import Pace
from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import Bot, started, wall_clock
from tests.chaos.harness_life import Life, world
from tests.fakes.backends import Sqlite
from tests.fakes.provider_video import picture

STOP_WITHIN_S = 8.0
SLOW = Pace(usual_s=60.0, slow_s=600.0, first_look_s=0.0, every_s=30.0)
QUICK = Pace(usual_s=0.1, slow_s=1.0, first_look_s=0.0, every_s=0.02)


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait for another thread or process; 30 s at most."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of this loop
            await asyncio.sleep(0.02)


async def states(bot: Bot) -> dict[str, State]:
    return {job.id: job.state for job in await bot.store.jobs()}


async def brought(bot: Bot, number: int, *wanted: State) -> Job:
    """Ask for one more and make its steps in real time until it stands where wanted."""
    job = await bot.ask(number)
    return await bot.worker.drive(job.id, until=lambda now: now.state in wanted, stop=asyncio.Event())


async def test_a_bot_told_to_stop_with_jobs_in_each_state_stops_in_time_and_the_next_one_ends_them_all(
    tmp_path: Path,
) -> None:
    """One is kept, one cannot be posted, one is being made, one hangs in its submit, two wait in the line, one is unprepared."""
    life = Life(name="all states", end="", posts=("ticket",), script={"end": "finished"}, spec={"pace": QUICK})
    with world(life, tmp_path / "w") as there:
        there.setting.clock = wall_clock
        server, board = there.servers[0], there.board
        async with started(there.setting) as bot:
            board.troubles = ["gone", "gone", "gone", "down"]
            kept = await brought(bot, 1, State.KEPT)
            delivering = await brought(bot, 2, State.DELIVERING)
            server.script.end = "never"
            await brought(bot, 3, State.GENERATING)
            await brought(bot, 4, State.GENERATING)
            server.script.posts = ["hang"]
            waiting = [await bot.ask(number) for number in (5, 6, 7)]
            for job in waiting:
                await bot.worker.step(job.id)
            last = await bot.ask(8)
            stop, waker = asyncio.Event(), bot.waker(sweep_s=0.1)
            running = asyncio.create_task(waker.run(stop))
            await eventually(lambda: server.calls()[-1]["key"] == waiting[0].id)
            since_s = time.monotonic()
            stop.set()
            await running
            assert time.monotonic() - since_s < STOP_WITHIN_S
            left = await states(bot)
        assert Counter(left.values())[State.UNSURE] == 1
        assert (left[kept.id], left[delivering.id]) == (State.KEPT, State.DELIVERING)
        assert {left[last.id], left[waiting[1].id], left[waiting[2].id]} <= {State.PREPARING, State.QUEUED}
        assert State.SUBMITTING not in left.values()
        server.script.end, server.script.posts = "finished", ["ticket"]
        async with started(there.setting) as bot:
            await bot.store.nudge(delivering.id)
            stop = asyncio.Event()
            running = asyncio.create_task(bot.waker(sweep_s=0.1).run(stop))
            async with asyncio.timeout(40):
                while set((await states(bot)).values()) != {State.KEPT, State.DELIVERED}:  # noqa: ASYNC110 - the store knows
                    await asyncio.sleep(0.05)
            stop.set()
            await running
            await bot.by_hand(kept, Event.COLLECTED)
        assert Counter(there.paid()) == Counter(dict.fromkeys(left, 1))
        assert Counter(post["job"] for post in board.posted()) == Counter(dict.fromkeys(left.keys() - {kept.id}, 1))
        assert Sqlite().in_flight(there.setting.folder) == {}


async def test_a_bot_told_to_stop_lets_nobody_in_any_more(tmp_path: Path) -> None:
    """The submit under way is brought to its end and written down; the rest of the line is left to the next start."""
    life = Life(name="a line", end="", posts=("held ticket",), spec={"pace": SLOW})
    with world(life, tmp_path / "w") as there:
        there.setting.clock = wall_clock
        server = there.servers[0]
        async with started(there.setting) as bot:
            for number in range(3):
                await bot.worker.step((await bot.ask(number)).id)
            stop = asyncio.Event()
            running = asyncio.create_task(bot.waker(sweep_s=30.0).run(stop))
            await eventually(lambda: bool(server.calls()))
            stop.set()
            server.release.set()
            await running
            left = await states(bot)
    assert sorted(left.values()) == [State.GENERATING, State.QUEUED, State.QUEUED]
    assert len(server.calls()) == 1


def stillmotion(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start the real program in a folder of its own."""
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(Path.cwd())}
    return subprocess.Popen(
        [sys.executable, "-m", "bot", *words],
        cwd=folder,
        env=plain,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def state_of(folder: Path) -> str:
    """Return where the only job stands, or that there is none."""
    if not (folder / "stillmotion.db").exists():
        return "none"
    with closing(sqlite3.connect(f"file:{folder}/stillmotion.db?mode=ro", uri=True)) as db:
        try:
            row = db.execute("SELECT state FROM jobs").fetchone()
        except sqlite3.OperationalError:
            return "none"
    return "none" if row is None else str(row[0])


def stopped(process: subprocess.Popen[str]) -> tuple[int, float, str, str]:
    """Send SIGTERM and return the exit code, how long it took, and what was printed."""
    since_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, told = process.communicate(timeout=30)
    return process.returncode, time.monotonic() - since_s, out, told


async def test_the_program_told_to_stop_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    """`animate` is stopped while it renders, `run` takes the job over and is stopped, `collect` gets the video."""
    (tmp_path / "picture.jpg").write_bytes(picture())
    words = ("picture.jpg", "slow zoom", "--model", "preview", "--resolution", "480p", "-o", "out.mp4", "--json")
    animate = stillmotion(tmp_path, "animate", *words)
    await eventually(lambda: state_of(tmp_path) == "generating")
    code, took_s, out, told = stopped(animate)
    assert (code, took_s < STOP_WITHIN_S) == (6, True), told
    job: dict[str, Any] = json.loads(out)
    run = stillmotion(tmp_path, "run")
    await eventually(lambda: state_of(tmp_path) in {"delivering", "kept"})
    code, took_s, _, told = stopped(run)
    assert (code, took_s < STOP_WITHIN_S) == (0, True), told
    collect = stillmotion(tmp_path, "collect", job["id"], "-o", "out.mp4", "--json")
    out, told = collect.communicate(timeout=60)
    assert collect.returncode == 0, told
    assert (tmp_path / "out.mp4").stat().st_size > 10_000
    assert json.loads(out)["state"] == "delivered"
