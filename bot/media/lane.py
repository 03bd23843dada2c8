"""A lane: so many child processes at once, each with one task, bounded in memory and time, and ended when unwanted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

from bot.media.contract import Unfit, UnfitReason

_ROOT = Path(__file__).parents[2]
_THREADS = 32
"""More than children: one that was ended still holds its thread for a moment, in which the next may start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a child is to do: a verb of the module for this role; what it makes is written to `out`.

    `memory_bytes` bounds its address space, of which about half is ever touched.
    """

    role: str
    verb: str
    timeout_s: float
    memory_bytes: int = 640_000_000
    arguments: Mapping[str, Any] = field(default_factory=dict)
    out: Path | None = None


class Lane:
    """Runs tasks in children, at most so many at once; others wait their turn."""

    def __init__(self, max_children: int) -> None:
        self._places = asyncio.Semaphore(max_children)
        self._threads = ThreadPoolExecutor(_THREADS, "media")

    async def run(self, task: Task, path: Path, max_bytes: int | None = None) -> dict[str, Any]:
        """Return the facts that the child found, and `size_bytes` of the file.

        Raises:
            Unfit: of any reason.
            OSError: what was made could not be written.
            RuntimeError: the process could not do its work, whatever the file.
        """
        async with self._places:
            with _regular(task.role, path, max_bytes) as (descriptor, size_bytes):
                answer = await self.ask(task, descriptor)
        if "errno" in answer:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        if "unfit" in answer:
            raise Unfit(task.role, UnfitReason(answer["unfit"]), **answer["facts"])
        return {**answer["done"], "size_bytes": size_bytes}

    async def ask(self, task: Task, descriptor: int) -> dict[str, Any]:
        """Have a child of its own answer, and end it when it takes too long or nobody waits any more."""
        child = _started(task, descriptor)
        answering = asyncio.wrap_future(self._threads.submit(child.communicate))
        try:
            async with asyncio.timeout(task.timeout_s):
                answer, _ = await asyncio.shield(answering)  # its thread must see the end of the child in any case
        except TimeoutError:
            raise Unfit(task.role, UnfitReason.TOO_SLOW) from None
        finally:
            child.kill()  # nothing happens where it has ended; its thread then sees the end of it
        return _read(task.role, answer, child.returncode)


def _started(task: Task, descriptor: int) -> Popen[bytes]:
    # Not asyncio's own subprocess: cancelled while it starts one, it waits for ever (CPython 3.11.7).
    command = [sys.executable, "-m", "bot.media.child", json.dumps(asdict(task), default=str)]
    return Popen(command, stdin=descriptor, stdout=PIPE, stderr=DEVNULL, cwd=_ROOT, env={}, start_new_session=True)


@contextmanager
def _regular(role: str, path: Path, max_bytes: int | None) -> Iterator[tuple[int, int]]:
    """Open a file that is one, without waiting where it is a pipe; yield its descriptor and size."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (OSError, ValueError):
        raise Unfit(role, UnfitReason.MISSING) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unfit(role, UnfitReason.MISSING)
        if not status.st_size:
            raise Unfit(role, UnfitReason.EMPTY)
        if max_bytes is not None and status.st_size > max_bytes:
            raise Unfit(role, UnfitReason.TOO_BIG, size_bytes=status.st_size, max_bytes=max_bytes)
        yield descriptor, status.st_size
    finally:
        os.close(descriptor)


def _read(role: str, answer: bytes, code: int | None) -> dict[str, Any]:
    if code == -signal.SIGXCPU:
        raise Unfit(role, UnfitReason.TOO_SLOW)
    if code is None or code > 0:
        raise RuntimeError(f"the media process ended with {code}")
    if code:
        raise Unfit(role, UnfitReason.CORRUPT, detail=f"decoder ended with {code}", gave_out=True)
    told: dict[str, Any] = json.loads(answer)
    return told
