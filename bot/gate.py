"""Lets steps run together, but a job that silenced its workers runs alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Many shared passages, or one alone."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._shared = 0
        self._alone = False

    @asynccontextmanager
    async def passage(self, *, alone: bool) -> AsyncIterator[None]:
        """Wait until it may be passed; one that is alone waits for all others and keeps new ones out."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone and not (alone and self._shared))
            self._alone, self._shared = alone, self._shared + 1
        try:
            yield
        finally:
            async with self._changed:
                self._alone, self._shared = False, self._shared - 1
                self._changed.notify_all()
