"""A bot in a process of its own, which kills itself at one of its outside calls."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path
from typing import Any, NoReturn

import pytest

from providers import local
from storage.contract import Job
from storage.states import State
from tests.chaos.harness import Setting, Wire, started
from tests.fakes.platform import Board
from tests.fakes.provider import imagined

_CHILD_S = 60
_ENDS = threading.Lock()
"""Whoever starts a process reads how all others ended: two threads that did so at once would lose an exit code."""
_PRELOADED = [__name__, pytest.__name__, "bot.media.picture", "bot.media.video"]
LEASE_S, SUBMIT_S = 0.25, 0.8
"""Short, so that the next bot need not wait long for a dead one's leases."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What a child is told: without a `url` preview@local renders; every boundary passed is written to `passed`, if given."""

    folder: Path
    url: str | None
    at: int | str | None = None
    near: bool = True
    passed: Path | None = None


def kill(name: str) -> NoReturn:
    """End this process as a power button would: nothing of it runs any more."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(name)


def setting(folder: Path, url: str | None, *, near: bool = True) -> Setting:
    """Return the plain life's setting, as a process finds it."""
    return Setting(
        folder=folder,
        providers=(local.PROVIDER if url is None else imagined(url, submit_s=SUBMIT_S),),
        platform=Board(folder),
        lease_s=LEASE_S,
        near=near,
    )


def run(orders: Orders) -> int | None:
    """Run a child to its end and return its exit code; a server that has everything loaded forks it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    process = context.Process(target=main, args=(orders,))
    with _ENDS:
        process.start()
    connection.wait([process.sentinel], _CHILD_S)
    with _ENDS:
        process.join(0)
    return process.exitcode


def main(orders: Orders) -> None:
    """Ask and drive the job to its end, or to the boundary where this process ends."""
    wire = Wire(orders.at, kill)
    offer = {"model": "preview", "options": {"resolution": "480p"}} if orders.url is None else {}
    asyncio.run(_live(setting(orders.folder, orders.url, near=orders.near), wire, offer))
    if orders.passed is not None:
        orders.passed.write_text("\n".join(wire.passed))


async def _live(found: Setting, wire: Wire, offer: dict[str, Any]) -> None:
    def until(job: Job) -> bool:
        return job.state is State.KEPT

    async with started(found, wire) as bot:
        job = await bot.ask(**offer)
        await bot.worker.drive(job.id, until=until, stop=asyncio.Event())
