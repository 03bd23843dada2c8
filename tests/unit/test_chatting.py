"""The chat platforms beside the jobs: what breaks is started again, and what does not end is not waited for."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from bot.chatting import Chat as Account
from bot.chatting import chatting
from bot.platforms.contract import Desk
from bot.platforms.errors import PlatformDown


class Chat:
    """A platform that breaks as often as it is told to, and clings to life for so long once it is to end."""

    name = "chat"

    def __init__(self, breaks: int = 0, clings_s: float = 0.0, *, is_down: bool = False) -> None:
        self.breaks, self.clings_s, self.is_down = breaks, clings_s, is_down
        self.desks: list[Any] = []
        self.runs = asyncio.Event()
        self.over = asyncio.Event()

    async def open(self) -> None:
        if self.is_down:
            raise PlatformDown("away")

    async def run(self, desk: Desk) -> None:
        self.desks.append(desk)
        if len(self.desks) <= self.breaks:
            raise RuntimeError("canary")
        self.runs.set()
        try:
            await self.over.wait()
        except asyncio.CancelledError:
            await asyncio.sleep(self.clings_s)
            self.over.set()
            raise


def named(*made: Chat) -> dict[str, Account]:
    """Return them as platforms by name."""
    return {f"chat{at}": cast("Account", chat) for at, chat in enumerate(made)}


def desk(name: str) -> Desk:
    """Return a desk that can be told from others."""
    return cast("Desk", f"desk of {name}")


async def test_each_runs_with_a_desk_of_its_own_until_the_end() -> None:
    """And is over then."""
    first, second = Chat(), Chat()
    async with chatting(named(first, second), desk):
        await asyncio.gather(first.runs.wait(), second.runs.wait())
    assert (first.desks, second.desks) == (["desk of chat0"], ["desk of chat1"])
    assert first.over.is_set()
    assert second.over.is_set()


async def test_one_that_cannot_log_in_is_run_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """It is up to the platform to try again."""
    chat = Chat(is_down=True)
    async with chatting(named(chat), desk):
        await chat.runs.wait()
    assert "a platform is down and is tried again" in caplog.text


async def test_one_that_breaks_is_started_again_and_disturbs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """The jobs and the others never notice."""
    broken, well = Chat(breaks=2), Chat()
    async with chatting(named(broken, well), desk, pause_s=0.0):
        async with asyncio.timeout(5):
            await broken.runs.wait()
        assert len(well.desks) == 1
    assert len(broken.desks) == 3
    assert caplog.text.count("a platform broke and is started again") == 2


async def test_one_that_does_not_end_is_left() -> None:
    """A stop has eight seconds for everything."""
    chat, since_s = Chat(clings_s=3.0), time.monotonic()
    async with chatting(named(chat), desk):
        await chat.runs.wait()
    assert time.monotonic() - since_s < 2.5
    await chat.over.wait()
