"""A front that speaks TLS for a server on loopback that does not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.fakes.ending import let_all_go, stop_taking


@contextmanager
def tls_front(port: int, certificate: ssl.SSLContext) -> Iterator[int]:
    """Pass connections on to the port, in a thread of its own; yields the front's own port."""
    loop = asyncio.new_event_loop()
    front = _Front(port)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(front.open(certificate), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(front.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Front:
    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self, certificate: ssl.SSLContext) -> int:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=certificate)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        await stop_taking(self._server.sockets)
        self._server.close()
        await let_all_go()

    async def _pass_on(self, read: asyncio.StreamReader, write: asyncio.StreamWriter) -> None:
        behind_read, behind_write = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(_pump(read, behind_write), _pump(behind_read, write))
        finally:
            behind_write.close()
            write.close()


async def _pump(read: asyncio.StreamReader, write: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await read.read(1 << 16):
            write.write(piece)
            await write.drain()
    with contextlib.suppress(ConnectionError, RuntimeError):
        write.close()
