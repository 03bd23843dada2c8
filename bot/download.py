"""The bytes behind a link that a provider handed us: guarded, bounded, continued where they broke off, kept as they are."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import httpcore

from bot.guard import GuardedBackend, Target, check_link
from bot.proxies import Proxies

_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 2.0)
_CONNECT_S, _READ_S = 5.0, 20.0
_IDLE_S = 15.0
_REDIRECTS = 3
_BLOCK_BYTES = 1 << 20
_ELSEWHERE = {301, 302, 303, 307, 308}
_NOT_NOW = {408, 425, 429}
_BROKEN = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "stillmotion"}
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_RANGE = re.compile(r"bytes (?:(?P<start>[0-9]{1,18})-[0-9]+|\*)/(?:(?P<total>[0-9]{1,18})|\*)")

P = ParamSpec("P")
T = TypeVar("T")


class LinkDead(Exception):
    """The link gives nothing and will not; a fresh one might."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the link answers {status}")
        self.status = status


class Unfinished(Exception):
    """Not all has come, but it still may; what has come stays for the next time. `why` holds no link."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class TooLarge(Exception):
    """The file is longer than the caller takes; nothing of it stays."""


class _Interrupted(Exception):
    """This attempt came to nothing or not to the end; the next one may."""


class Downloader:
    """Fetches files for the life of a process; close it at the end.

    `ssl_context` is its own: what it offers to servers is set to HTTP/1.1.
    """

    def __init__(
        self,
        guard: GuardedBackend,
        ssl_context: ssl.SSLContext,
        proxies: Proxies,
        *,
        pauses_s: tuple[float, ...] = _PAUSES_S,
    ) -> None:
        self._guard, self._ssl_context, self._proxies, self._pauses_s = guard, ssl_context, proxies, pauses_s
        self._direct = self._pool(network_backend=guard)
        self._through: dict[str, httpcore.AsyncConnectionPool] = {}

    async def aclose(self) -> None:
        for pool in (self._direct, *self._through.values()):
            await pool.aclose()

    async def fetch(self, link: str, into: Path, *, most_bytes: int, within_s: float) -> None:
        """Fetch the whole file; what an earlier call left of it is continued, if the server has the same file still.

        While it is not whole, `into` with `.tag` behind its name says what it is a part of.

        Raises:
            Blocked: the guard refuses the link, or where it leads.
            LinkDead: there is nothing behind the link.
            Unfinished: not now; call again.
            TooLarge: there are more than `most_bytes`.
            OSError: the disk does not take it.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._persist(link, into, most_bytes)
        except TimeoutError:
            raise Unfinished(f"not all came within {within_s:g} s") from None

    async def put(self, link: str, path: Path, mime: str) -> None:
        """Send a file, once, to a place that we were handed; nothing in it is followed elsewhere.

        Raises:
            Blocked: the guard refuses the link.
            LinkDead: the place does not take it.
            Unfinished: not all arrived.
            OSError: the file cannot be read.
        """
        content = await _aside(path.read_bytes)
        told = {"Content-Type": mime, "Content-Length": str(len(content))}
        target = check_link(link, self._guard.trusted)
        try:
            with _translated(target.host):
                async with self._asked(target, told, content) as response:
                    status = response.status
        except _Interrupted as broken:
            raise Unfinished(str(broken)) from broken
        if not 200 <= status < 300:
            raise LinkDead(status)

    async def _persist(self, link: str, into: Path, most_bytes: int) -> None:
        for pause_s in (*self._pauses_s, None):
            try:
                await self._attempt(link, into, most_bytes)
            except _Interrupted as broken:
                if pause_s is None:
                    raise Unfinished(str(broken)) from broken
                await asyncio.sleep(pause_s)
            else:
                return

    async def _attempt(self, link: str, into: Path, most_bytes: int) -> None:
        part = await _aside(Part.found, into)
        try:
            if not part.is_whole:
                async with self._answered(link, part.wish()) as response:
                    await _take(part, response, most_bytes)
        except TooLarge:
            await _aside(part.drop)
            raise
        await _aside(part.finish)

    @contextlib.asynccontextmanager
    async def _answered(self, link: str, wish: Mapping[str, str]) -> AsyncIterator[httpcore.Response]:
        """Follow the link to the answer that leads no further, whatever it says."""
        for _ in range(1 + _REDIRECTS):
            target = check_link(link, self._guard.trusted)
            with _translated(target.host):
                async with self._asked(target, wish) as response:
                    if response.status not in _ELSEWHERE:
                        yield response
                        return
            place = _headers(response).get("location")
            if place is None:
                break
            link = _onward(target, place)
        raise LinkDead(response.status)

    @contextlib.asynccontextmanager
    async def _asked(
        self, target: Target, wish: Mapping[str, str], content: bytes | None = None
    ) -> AsyncIterator[httpcore.Response]:
        """Ask once, or put the content there, with the link's own bytes and nothing that says who we are."""
        proxy = self._proxies.for_host(target.scheme, target.host, target.port)
        pool = self._direct if proxy is None else await self._way_through(proxy, target)
        url = httpcore.URL(
            scheme=target.scheme,
            host=target.host if proxy is None else target.bracketed,  # a proxy is told the host in a line of text
            port=target.port,
            target=target.resource,
        )
        headers = list({"Host": target.authority, **_HEADERS, **wish}.items())
        patience = {"connect": _CONNECT_S, "read": _READ_S, "write": _READ_S}
        method, given = ("GET" if content is None else "PUT"), {"timeout": patience}
        async with pool.stream(method, url, headers=headers, content=content, extensions=given) as response:
            yield response

    async def _way_through(self, proxy: str, target: Target) -> httpcore.AsyncConnectionPool:
        """Return the way through a proxy; it judges the names that do not resolve here."""
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_CONNECT_S):
                await self._guard.addresses(target.host, target.port)
        if proxy not in self._through:
            self._through[proxy] = self._pool(proxy=_proxy(proxy, self._ssl_context))
        return self._through[proxy]

    def _pool(
        self, proxy: httpcore.Proxy | None = None, network_backend: httpcore.AsyncNetworkBackend | None = None
    ) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._ssl_context,
            proxy=proxy,
            max_connections=None,
            keepalive_expiry=_IDLE_S,
            network_backend=network_backend,
        )


@dataclass(slots=True)
class Part:
    """What has come of a file so far, and of which file, as far as the server names it; not for the event loop."""

    path: Path
    size_bytes: int = 0
    validator: str | None = None
    total_bytes: int | None = None

    @classmethod
    def found(cls, path: Path) -> Part:
        """Return what an earlier attempt left; what nobody can tell the origin of is as good as nothing."""
        try:
            told = json.loads(_tag(path).read_text("utf-8"))
            return cls(path, path.stat().st_size, told["validator"], told["total_bytes"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return cls(path)

    @property
    def is_whole(self) -> bool:
        """Tell whether every byte is there."""
        return self.size_bytes == self.total_bytes

    def wish(self) -> dict[str, str]:
        """Return the headers that ask for what is missing, if it is of the same file still."""
        if not self.size_bytes or self.validator is None:
            return {}
        return {"Range": f"bytes={self.size_bytes}-", "If-Range": self.validator}

    def begin(self, answer: Answer) -> None:
        """Start over with a file that the server has just named."""
        self.drop()
        self.path.touch(mode=0o600)
        self.size_bytes, self.validator, self.total_bytes = 0, answer.validator, answer.total_bytes
        if answer.validator is not None:
            told = {"validator": answer.validator, "total_bytes": answer.total_bytes}
            _tag(self.path).write_text(json.dumps(told), "utf-8")

    def add(self, block: bytearray) -> None:
        """Take the next bytes."""
        with self.path.open("ab") as file:
            file.write(block)
        self.size_bytes += len(block)

    def finish(self) -> None:
        _tag(self.path).unlink(missing_ok=True)

    def drop(self) -> None:
        self.finish()
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the head of an answer says of the file; None where it does not say."""

    status: int
    start_bytes: int | None = None
    total_bytes: int | None = None
    validator: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, response: httpcore.Response) -> Answer:
        headers = _headers(response)
        validator = _validator(headers)
        if response.status == 200:
            length = headers.get("content-length", "")
            total_bytes = int(length) if length.isdecimal() else None
            return cls(status=200, start_bytes=0, total_bytes=total_bytes, validator=validator)
        said = _RANGE.fullmatch(headers.get("content-range", ""))
        start, total = (said["start"], said["total"]) if said else (None, None)
        return cls(
            status=response.status,
            start_bytes=int(start) if start else None,
            total_bytes=int(total) if total else None,
            validator=validator,
        )

    def continues(self, part: Part) -> bool:
        """Tell whether this is the rest of the very file."""
        return (
            self.start_bytes == part.size_bytes
            and (None in {self.total_bytes, part.total_bytes} or self.total_bytes == part.total_bytes)
            and self.validator in {part.validator, None}
        )

    def says_complete(self, part: Part) -> bool:
        """Tell whether there is nothing behind what has come already."""
        return self.status == 416 and 0 < part.size_bytes == self.total_bytes


async def _take(part: Part, response: httpcore.Response, most_bytes: int) -> None:
    """Write what the answer brings, where it belongs."""
    match Answer.read(response):
        case Answer(status=200 | 206, total_bytes=int(total_bytes)) if total_bytes > most_bytes:
            raise TooLarge
        case Answer(status=200) as whole:
            await _aside(part.begin, whole)
        case Answer(status=206) as rest if rest.continues(part):
            part.total_bytes = part.total_bytes or rest.total_bytes
        case Answer(status=416) as end if end.says_complete(part):
            return
        case Answer(status=206 | 416) if part.size_bytes:
            await _aside(part.drop)
            raise _Interrupted("the rest that came is of another file")
        case Answer(status=status) if 300 <= status < 500 and status not in _NOT_NOW:
            raise LinkDead(status)
        case Answer(status=status):
            raise _Interrupted(f"the answer is {status}")
    await _pour(part, response, most_bytes)
    if part.total_bytes not in {None, part.size_bytes}:
        raise _Interrupted("the answer ended early")


async def _pour(part: Part, response: httpcore.Response, most_bytes: int) -> None:
    """Write the body in blocks; what came before it broke off, too."""
    block = bytearray()
    try:
        async for chunk in response.aiter_stream():
            block += chunk
            if part.size_bytes + len(block) > most_bytes:
                raise TooLarge
            if len(block) >= _BLOCK_BYTES:
                full, block = block, bytearray()
                await _aside(part.add, full)
    finally:
        await _aside(part.add, block)


async def _aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do it in a thread and see the end of it in any case: what comes next must not find it writing still."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.gather(working, return_exceptions=True)
        raise


@contextlib.contextmanager
def _translated(host: str) -> Iterator[None]:
    """Turn the library's errors into ours; only a certificate is not worth another attempt."""
    try:
        yield
    except _BROKEN as error:
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in error.args):
            why = f"the certificate of {host} is not trusted; SSL_CERT_FILE names the authorities that are"
            raise Unfinished(why) from error
        raise _Interrupted(f"the connection broke: {type(error).__name__}") from error


def _validator(headers: Mapping[str, str]) -> str | None:
    """Return what tells this file from others: If-Range takes no weak tag, and no request takes more than ASCII."""
    tag = headers.get("etag", "")
    validator = tag if tag.startswith('"') else headers.get("last-modified", "")
    return validator if validator and validator.isascii() else None


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _onward(target: Target, place: str) -> str:
    """Return the link that a redirect names; where it is spelled out, its bytes stay as they are."""
    origin = f"{target.scheme}://{target.authority}"
    if _ABSOLUTE.match(place):
        return place
    if place.startswith("//"):
        return f"{target.scheme}:{place}"
    return f"{origin}{place}" if place.startswith("/") else urljoin(f"{origin}{target.resource}", place)


def _proxy(url: str, ssl_context: ssl.SSLContext) -> httpcore.Proxy:
    parts = urlsplit(url)
    name, password = unquote_to_bytes(parts.username or ""), unquote_to_bytes(parts.password or "")
    return httpcore.Proxy(
        url,
        auth=(name, password) if parts.username is not None else None,
        ssl_context=ssl_context if parts.scheme == "https" else None,
    )


def _tag(path: Path) -> Path:
    return path.with_name(f"{path.name}.tag")
