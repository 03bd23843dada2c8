"""Runs the chat platforms beside the jobs: one that breaks is started again, and none stops the process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from bot.platforms.contract import ChatPlatform, Desk
from bot.platforms.errors import PlatformDown

log = logging.getLogger(__name__)

PAUSE_S = 10.0
_OPEN_S = 4.0
_LET_END_S = 1.0


class Chat(ChatPlatform, Protocol):
    """A platform behind an account."""

    async def open(self) -> None:
        """Log in, which is enough to post.

        Raises:
            PlatformDown: not now; `run` tries again.
        """


@asynccontextmanager
async def chatting(
    platforms: Mapping[str, Chat], desk: Callable[[str], Desk], *, pause_s: float = PAUSE_S
) -> AsyncIterator[None]:
    """Run each platform with a desk of its own until the end of the block, which takes a second at most.

    The block begins once all can post, or soon without those that cannot: what is owed since the last stop would
    otherwise be tried too early, and then later than need be.
    """
    await asyncio.gather(*(_opened(each) for each in platforms.values()))
    running = [asyncio.create_task(_kept(each, desk(name), pause_s)) for name, each in platforms.items()]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_LET_END_S)


async def _opened(platform: Chat) -> None:
    try:
        async with asyncio.timeout(_OPEN_S):
            await platform.open()
    except (PlatformDown, TimeoutError) as error:
        told = {"platform": platform.name, "why": str(error) or "it does not answer"}
        log.warning("a platform is down and is tried again", extra=told)


async def _kept(platform: ChatPlatform, desk: Desk, pause_s: float) -> None:
    """Start it again whenever it ends: what it can mend by itself, it does not end over."""
    while True:
        try:
            await platform.run(desk)
        except Exception:
            log.exception("a platform broke and is started again", extra={"platform": platform.name})
        await asyncio.sleep(pause_s)
