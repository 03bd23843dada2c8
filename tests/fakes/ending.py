"""How a stand-in's own loop ends: whatever is still open on it is closed, so that nothing is left to the garbage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

_LAST_S = 0.02


class _Socket(Protocol):
    def fileno(self) -> int: ...


async def stop_taking(listening: Iterable[_Socket]) -> None:
    """Take up no more connections, and let those come in whole that are about to.

    A server that is closed in that very moment would leave them open for good: CPython takes them up halfway.
    """
    for socket in listening:
        asyncio.get_running_loop().remove_reader(socket.fileno())
    await asyncio.sleep(_LAST_S)


async def let_all_go() -> None:
    """Cancel every other task of this loop and cut every connection."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for transport in list(asyncio.get_running_loop()._transports.values()):  # type: ignore[attr-defined] # what nobody reads from any more
        transport.abort()
    await asyncio.sleep(0)
