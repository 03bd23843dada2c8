"""The same with real deaths: a process killed at any of its outside calls, and one started after it."""

from __future__ import annotations

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from storage.contract import Job
from tests.chaos.harness import Setting, started
from tests.chaos.harness_child import Orders, run, setting
from tests.chaos.harness_life import LIVES, World, assert_settled
from tests.fakes.platform import Board
from tests.fakes.provider_server import Script, serving
from tests.fakes.provider_video import video

_AT_ONCE = 3


async def only_job(found: Setting) -> Job:
    """Return the job that the children left; there must be one and no more."""
    async with started(found) as bot:
        (job,) = await bot.store.jobs()
    return job


def end_at(boundary: int, *, folder: Path, near: bool) -> None:
    """Let a child die at the boundary, let another go on, and check what they leave."""
    home = folder / f"{boundary}"
    home.mkdir()
    with serving(home / "imagined", Script(video=video())) as server:
        found = setting(home, server.url)
        found.furnish()
        orders = partial(Orders, folder=home, url=server.url, near=near)
        assert run(orders(at=boundary)) == -signal.SIGKILL, f"boundary {boundary} was not met"
        assert run(orders()) == 0, f"after {boundary} the next process did not come to its end"
        world = World(life=LIVES[0], setting=found, servers=(server,), board=Board(home))
        assert_settled(world, asyncio.run(only_job(found)))


def boundaries(folder: Path) -> int:
    """Return how many boundaries a whole life passes."""
    passed = folder / "passed"
    with serving(folder / "imagined", Script(video=video())) as server:
        assert run(Orders(folder=folder, url=server.url, passed=passed)) == 0
    return len(passed.read_text().splitlines())


def test_a_process_killed_at_any_call_leaves_one_video_paid_once_and_delivered_once(tmp_path: Path) -> None:
    """SIGKILL before and after every outside call of a plain life, in order; each time a new process ends it rightly."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(partial(end_at, folder=tmp_path, near=True), range(1, boundaries(tmp_path) + 1)))


@pytest.mark.torture
def test_the_same_holds_with_decoders_in_processes_of_their_own(tmp_path: Path) -> None:
    """Children that decode for a bot that was killed disturb nobody."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(partial(end_at, folder=tmp_path, near=False), range(1, boundaries(tmp_path) + 1)))
