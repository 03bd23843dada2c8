"""An HTTP server inside the running loop, which leaves signals to others and tells nobody of what it is asked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

_BACKLOG = 128
_LET_END_S = 1
_TAKEN_UP_S = 0.01


class PortTaken(Exception):
    """Nothing can be served there; the message is a sentence for operators."""


class _Server(uvicorn.Server):
    """A server that is stopped by us alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def drop(self) -> None:
        """End the connections that would not end by themselves."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the end of the block, which takes two seconds at most; yields the port, a free one where 0 was asked.

    Raises:
        PortTaken: it cannot be listened on.
    """
    listening = await asyncio.to_thread(_listening, host.strip("[]"), port)
    server = _Server(_config(app))
    running = asyncio.create_task(server.serve([listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        await _stop_taking(listening)
        server.should_exit = True
        await running
        await server.drop()
        listening.close()


async def _stop_taking(listening: socket.socket) -> None:
    """Take up no more connections, and let those come in whole that are about to: closed now, they would stay open halfway."""
    asyncio.get_running_loop().remove_reader(listening)
    await asyncio.sleep(_TAKEN_UP_S)


def _config(app: ASGIApp) -> uvicorn.Config:
    """Return what serves two small routes: no log of requests, no word about itself, no upgrade to anything."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LET_END_S,
    )


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise PortTaken(
            f"The HTTP side cannot listen on {place}: {error.strerror}. Change STILLMOTION_HTTP_HOST or STILLMOTION_HTTP_PORT."
        ) from error
