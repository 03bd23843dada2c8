"""The side that faces the world: inputs for providers to fetch, videos too large for a chat, webhooks, nothing else."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from bot.hooks import Replays, heard
from bot.links import PROBE, Links, job_of
from bot.ports import Ports
from providers.kit.errors import ProviderError
from providers.kit.provider import Forged, Hook
from storage.contract import DELETED, Input, Job
from storage.errors import StorageError, Unknown
from storage.states import State

log = logging.getLogger(__name__)

HOOK_MAX_BYTES = 1_000_000
BODY_S = 10.0
FETCHABLE = frozenset({State.SUBMITTING, State.UNSURE, State.GENERATING, State.LATE})
"""The states in which a provider may still want the inputs."""
_MEDIA_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def public_app(ports: Ports, links: Links, wake: Callable[[str], None], *, body_s: float = BODY_S) -> Starlette:
    """Return the app, under `/` and under the public address' own path: a proxy in front may or may not strip it.

    `wake` is told of a job that is due now; a webhook's body must be here within `body_s`.
    """
    side = _Side(ports, links, wake, body_s)
    routes = [route for base in {"", unquote(links.prefix)} for route in side.routes(base)]
    refused = dict.fromkeys((404, 405, ClientDisconnect, Unknown), _refused)
    app = Starlette(routes=routes, exception_handlers={**refused, StorageError: _later})
    app.router.redirect_slashes = False
    return app


class _Side:
    """What is answered."""

    def __init__(self, ports: Ports, links: Links, wake: Callable[[str], None], body_s: float) -> None:
        self._ports, self._links, self._wake, self._body_s = ports, links, wake, body_s
        self._replays = Replays(ports.monotonic)

    def routes(self, base: str) -> Iterator[Route]:
        """Yield the only paths there are."""
        yield Route(f"{base}/media/{{order_key}}/{{role}}/{{file}}", self.media, methods=["GET"])
        yield Route(f"{base}/videos/{{job}}/{{until_s}}/{{file}}", self.video, methods=["GET"])
        yield Route(f"{base}/hooks/{{provider}}/{{order_key}}/{{token}}", self.hook, methods=["POST"])

    async def media(self, request: Request) -> Response:
        """Serve an input, whole or in ranges, as long as a provider may be making the job."""
        order_key, role, file = (request.path_params[name] for name in ("order_key", "role", "file"))
        if not self._links.is_media(order_key, role, file):
            return _bare(404)
        if order_key == PROBE:
            return _bare(204)
        wanted = _fetchable(await self._ports.store.job(job_of(order_key)), order_key, role)
        if wanted is None:
            return _bare(404)
        return await self._file(wanted.blob, wanted.mime)

    async def video(self, request: Request) -> Response:
        """Serve a finished video, whole or in ranges, until its link ends or somebody deleted it where it stood."""
        job, until_s, file = (request.path_params[name] for name in ("job", "until_s", "file"))
        if not self._links.is_video(job, until_s, file) or int(until_s) < time.time():
            return _bare(404)
        found, trail = await self._ports.store.job(job), await self._ports.store.trail(job)
        is_gone = found.hidden or any(each.event == DELETED for each in trail)
        return _bare(404) if found.result is None or is_gone else await self._file(found.result, "video/mp4")

    async def _file(self, blob: str, mime: str) -> Response:
        path = self._ports.blobs.path(blob)
        status = await asyncio.to_thread(_status, path)
        if status is None:
            return _bare(404)
        return FileResponse(path, media_type=mime, headers=_MEDIA_HEADERS, stat_result=status)

    async def hook(self, request: Request) -> Response:
        """Take a webhook; one that says nothing new is accepted all the same, so that it is not sent again."""
        provider, order_key, token = (request.path_params[name] for name in ("provider", "order_key", "token"))
        if not self._links.is_hook(provider, order_key, token):
            return _bare(404)
        try:
            async with asyncio.timeout(self._body_s):
                body = await _body(request)
        except TimeoutError:
            return _bare(408)
        if len(body) > HOOK_MAX_BYTES:
            return _bare(413)
        hook = Hook(headers=dict(request.headers), body=body, at_s=time.time())
        return _bare(409) if self._replays.knows(order_key, hook) else await self._taken(order_key, hook)

    async def _taken(self, order_key: str, hook: Hook) -> Response:
        try:
            job = await heard(self._ports, order_key, hook)
        except Forged as forged:
            log.warning("a webhook is not believed", extra={"why": str(forged)})
            return _bare(401)
        except ProviderError as error:
            log.warning("a webhook could not be checked", extra={"why": type(error).__name__})
            return _bare(503)
        self._replays.remember(order_key, hook)
        if job is not None:
            self._wake(job.id)
        return Response()


def _fetchable(job: Job, order_key: str, role: str) -> Input | None:
    """Return the input of this role that the job's newest order was sent with, while that order may be being made."""
    if job.order_key != order_key or job.state not in FETCHABLE:
        return None
    return next((each for each in job.prepared if each.role == role), None)


def _status(path: Path) -> os.stat_result | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


async def _body(request: Request) -> bytes:
    """Read the body, and of one that is too long no more than shows it."""
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > HOOK_MAX_BYTES:
            break
    return bytes(read)


def _bare(status: int) -> Response:
    """Return a status and nothing else; the connection ends, whatever is still being sent over it."""
    return Response(status_code=status, headers={"Connection": "close"})


async def _refused(_: Request, __: Exception) -> Response:
    return _bare(404)


async def _later(_: Request, __: Exception) -> Response:
    log.error("a link or a webhook met a store that cannot be used")
    return _bare(503)
