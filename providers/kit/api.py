"""A provider's API over httpx: the key goes to the configured hosts only, and the paid call is told apart from all others."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx

from providers.kit.errors import RateLimited, Unanswered, Unreachable, Untrusted
from providers.kit.limiter import Limiter
from providers.kit.provider import Access, Media
from providers.kit.reply import Reply, document_of, retry_after_s

REPLY_MAX_BYTES = 4_000_000
_NEVER_OPENED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_PAY_WITHIN = httpx.Timeout(connect=10.0, write=60.0, read=120.0, pool=10.0)
_ASK_WITHIN = httpx.Timeout(connect=5.0, write=20.0, read=20.0, pool=5.0)
_MOST_WAIT_TO_PAY_S = 2.0
_MOST_WAIT_TO_ASK_S = 20.0

Upload = Callable[[str, Media], Awaitable[None]]
NewClient = Callable[[httpx.Timeout, httpx.Limits], httpx.AsyncClient]


@dataclass(frozen=True, slots=True)
class _Kept:
    until_s: float
    reply: Reply


class HttpApi:
    """One key at one provider. Clients are opened when they are first needed; `bases` stand in the order of the hosts."""

    def __init__(
        self,
        access: Access,
        key: str,
        bases: tuple[str, ...],
        *,
        new_client: NewClient,
        upload: Upload,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access, self._authorization = access, f"{access.scheme} {key}"
        self._bases = tuple(base.rstrip("/") for base in bases)
        self._new_client, self._upload, self._monotonic = new_client, upload, monotonic
        self._limiters = [Limiter(access.calls_per_min, monotonic) for _ in bases]
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._kept: dict[str, _Kept] = {}

    async def close(self) -> None:
        """Close what was opened."""
        while self._clients:
            await self._clients.popitem()[1].aclose()

    async def pay(
        self, path: str, body: Mapping[str, Any], *, query: Mapping[str, str] | None = None, **headers: str
    ) -> Reply:
        limiter = self._limiters[0]
        wait_s = limiter.wait_s()
        if wait_s > _MOST_WAIT_TO_PAY_S:
            raise RateLimited("the key's turn comes later", retry_after_s=wait_s)
        await asyncio.sleep(limiter.take())
        try:
            return await self._send(limiter, "POST", self._url(path), query, body, headers, paid=True)
        except _NEVER_OPENED as error:
            raise (Untrusted if _is_untrusted(error) else Unreachable)(type(error).__name__) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unanswered(type(error).__name__) from error

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        host: int = 0,
        keep_s: float = 0.0,
        **headers: str,
    ) -> Reply:
        url, named = self._url(path, host), _named(method, self._url(path, host), query, body)
        kept = self._kept.get(named)
        if keep_s and kept is not None and kept.until_s > self._monotonic():
            return kept.reply
        limiter = self._limiters[host]
        if limiter.wait_s() > _MOST_WAIT_TO_ASK_S:
            raise Unanswered("the key's turn comes later")
        await asyncio.sleep(limiter.take())
        try:
            reply = await self._send(limiter, method, url, query, body, headers, paid=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise (Untrusted if _is_untrusted(error) else Unanswered)(type(error).__name__) from error
        if keep_s and reply.ok:
            self._kept[named] = _Kept(self._monotonic() + keep_s, reply)
        return reply

    def path_of(self, url: str, host: int = 0) -> str | None:
        for base in (self._bases[host], self._access.hosts[host].default):
            if url.startswith(f"{base}/") and _is_plain(url.removeprefix(base)):
                return url.removeprefix(base)
        return None

    async def put_file(self, url: str, media: Media) -> None:
        await self._upload(url, media)

    def _url(self, path: str, host: int = 0) -> str:
        if not _is_plain(path):
            raise Unanswered("no path of this API")
        return self._bases[host] + path

    async def _send(
        self,
        limiter: Limiter,
        method: str,
        url: str,
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        *,
        paid: bool,
    ) -> Reply:
        """Make one call, and read its reply up to a bound.

        Raises:
            httpx.HTTPError: no whole reply came.
        """
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": self._authorization, "Content-Type": "application/json"}
        asked = self._client(paid=paid).stream(method, url, params=query, json=body, headers=sent)
        async with asked as response:
            read = bytearray()
            async for piece in response.aiter_bytes():
                read += piece
                if len(read) > REPLY_MAX_BYTES:
                    raise httpx.DecodingError("the reply has no end")
            asked_to_wait_s = retry_after_s(response.headers.get("Retry-After", ""), time.time())
            reply = Reply(response.status_code, _lower(response.headers), document_of(bytes(read)), asked_to_wait_s)
        if reply.status == 429:
            limiter.pause(reply.retry_after_s)
        elif reply.ok:
            limiter.resume()
        return reply

    def _client(self, *, paid: bool) -> httpx.AsyncClient:
        """Return the client for paid calls, whose connections are new each time, as one that is kept may die unseen."""
        if paid not in self._clients:
            within = _PAY_WITHIN if paid else _ASK_WITHIN
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=0 if paid else 20)
            self._clients[paid] = self._new_client(within, limits)
        return self._clients[paid]


def _is_plain(path: str) -> bool:
    """Tell whether a path stays below the base it is put behind: it neither changes the host nor climbs up."""
    segments = unquote(path.partition("?")[0]).split("/")
    return path.startswith("/") and path.isascii() and path.isprintable() and not {".", ".."} & set(segments)


def _named(method: str, url: str, query: Mapping[str, str] | None, body: Mapping[str, Any] | None) -> str:
    return json.dumps([method, url, dict(query or {}), dict(body or {})], sort_keys=True)


def _lower(headers: httpx.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _is_untrusted(error: BaseException) -> bool:
    """Tell whether nothing but the server's certificate stood in the way."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None
