"""Lets steps run together, but a job that silenced its workers runs alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Many shared passages, or one alone."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._inside = 0
        self._closed = False

    @asynccontextmanager
    async def passage(self, *, alone: bool) -> AsyncIterator[None]:
        """Wait until it may be passed; one that is alone keeps new ones out, then waits for those inside."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._closed, self._inside = alone, self._inside + 1
        try:
            if alone:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._inside == 1)
            yield
        finally:
            async with self._changed:
                self._closed, self._inside = self._closed and not alone, self._inside - 1
                self._changed.notify_all()
