"""Imaginary file servers and proxies at the socket: they write down what they are asked, and break off where a test says so."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.fakes.ending import stop_taking

ETAG = '"first"'

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer that differs from the honest one: other status, more headers, another body, its end cut off, or very slow.

    A header of None is left out.
    """

    status: int | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    cut_at: int | None = None
    pause_s: float = 0


@dataclass
class FileServer:
    """Serves one file whatever the path, in ranges; each reply of the script is used once, in turn, before honest ones."""

    body: bytes
    etag: str = ETAG
    script: list[Reply] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[str]:
        """Return the first line of every request, as it came."""
        return [head.split(b"\r\n")[0].decode() for head in self.heads]

    def asked(self, header: str) -> list[str | None]:
        """Return what every request said under this name."""
        return [_header(head, header) for head in self.heads]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            reply = self.script.pop(0) if self.script else Reply()
            status, headers, body = self._honest(head)
            body = body if reply.body is None else reply.body
            headers |= {"Content-Length": str(len(body))} | reply.headers
            lines = [
                f"HTTP/1.1 {reply.status or status} So",
                *(f"{k}: {v}" for k, v in headers.items() if v is not None),
            ]
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            await _send(writer, body[: reply.cut_at], reply.pause_s)
            if reply.cut_at is not None:
                return

    def _honest(self, head: bytes) -> tuple[int, dict[str, str | None], bytes]:
        wanted, condition = _header(head, "Range"), _header(head, "If-Range")
        headers: dict[str, str | None] = {"ETag": self.etag}
        if wanted is None or condition != self.etag:
            return 200, headers, self.body
        start, size = int(wanted.removeprefix("bytes=").rstrip("-")), len(self.body)
        if start >= size:
            return 416, headers | {"Content-Range": f"bytes */{size}"}, b""
        return 206, headers | {"Content-Range": f"bytes {start}-{size - 1}/{size}"}, self.body[start:]


@dataclass
class Tunnel:
    """A proxy that leads every tunnel to one port on this machine, whatever name was asked for."""

    to_port: int
    heads: list[bytes] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 Go on\r\n\r\n")
        back, forth = await asyncio.open_connection("127.0.0.1", self.to_port)
        try:
            await asyncio.gather(_pipe(reader, forth), _pipe(back, writer))
        finally:
            forth.close()


@asynccontextmanager
async def listening(
    server: FileServer | Tunnel, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    """Serve on a free port for the length of a block; whoever hangs is let go."""
    running: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await server.serve(reader, writer)
        running.discard(task)
        writer.close()

    socket = await asyncio.start_server(handle, host, 0, ssl=tls)
    server.port = socket.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        await stop_taking(socket.sockets)
        socket.close()
        for task in running:
            task.cancel()
        await socket.wait_closed()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


async def _send(writer: asyncio.StreamWriter, body: bytes, pause_s: float) -> None:
    if not pause_s:
        writer.write(body)
    for at in range(len(body) if pause_s else 0):
        writer.write(body[at : at + 1])
        await asyncio.sleep(pause_s)
    await writer.drain()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()
    writer.close()


def _header(head: bytes, name: str) -> str | None:
    found = re.search(rf"\r\n{name}: ([^\r]*)".encode(), head, re.IGNORECASE)
    return found[1].decode() if found else None
