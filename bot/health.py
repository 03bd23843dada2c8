"""The side that faces this machine alone: whether the service is well, and numbers for a scraper."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bot import metrics
from bot.ports import Ports
from bot.serving import PortTaken, serving
from bot.worker import FREE_FLOOR_BYTES
from storage.errors import StorageError

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
ANSWER_S = 2.0
SWEPT_WITHIN_S = 30.0
_HEADERS = {"Cache-Control": "no-store"}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z ,'-]{0,99}")


class Reporting(Protocol):
    """A platform that knows how it is."""

    @property
    def status(self) -> str | None:
        """Why it is down, in plain words, or None."""


class Statuses(Mapping[str, str | None]):
    """How each platform is, at the moment of looking."""

    def __init__(self, platforms: Mapping[str, Reporting]) -> None:
        self._platforms = platforms

    def __getitem__(self, name: str) -> str | None:
        return self._platforms[name].status

    def __iter__(self) -> Iterator[str]:
        return iter(self._platforms)

    def __len__(self) -> int:
        return len(self._platforms)


async def serve_health(app: Starlette, port: int, stop: asyncio.Event) -> None:
    """Serve on loopback until told to stop; port 0 is not at all.

    A port that is taken is no reason not to work: another process on the same database may tell its own health there.
    """
    if not port:
        return
    try:
        async with serving(app, LOOPBACK, port):
            log.info("health and metrics are served", extra={"port": port})
            await stop.wait()
    except PortTaken:
        told = {"port": port, "setting": "STILLMOTION_METRICS_PORT"}
        log.warning("health and metrics are not served: the port is taken", extra=told)


def health_app(
    ports: Ports,
    platforms_health: Mapping[str, str | None],
    swept_ago_s: Callable[[], float],
    *,
    answer_s: float = ANSWER_S,
    free_floor_bytes: int = FREE_FLOOR_BYTES,
) -> Starlette:
    """Return the app.

    `platforms_health` is read at each request: why a platform is down, in plain words, or None. `swept_ago_s` tells how
    long ago the waker swept. The store must answer within `answer_s`.
    """
    side = _Side(ports, platforms_health, swept_ago_s, answer_s, free_floor_bytes)
    routes = [Route("/healthz", side.healthz, methods=["GET"]), Route("/metrics", side.metrics, methods=["GET"])]
    app = Starlette(routes=routes, exception_handlers={StorageError: _unread})
    app.router.redirect_slashes = False
    return app


class _Side:
    """What is answered."""

    def __init__(
        self,
        ports: Ports,
        platforms_health: Mapping[str, str | None],
        swept_ago_s: Callable[[], float],
        answer_s: float,
        free_floor_bytes: int,
    ) -> None:
        self._ports, self._platforms, self._swept_ago_s = ports, platforms_health, swept_ago_s
        self._answer_s, self._free_floor_bytes = answer_s, free_floor_bytes

    async def healthz(self, _: Request) -> Response:
        """Tell of each part that it is ok, or what is wrong with it; one that is not well makes all of it not ready."""
        wrong = {
            "store": await self._store(),
            "disk": await asyncio.to_thread(self._disk),
            "sweep": self._sweep(),
            **{name: _plain(why) for name, why in self._platforms.items()},
        }
        well = not any(wrong.values())
        told = {"ok": well, "parts": {name: why or "ok" for name, why in wrong.items()}}
        return JSONResponse(told, 200 if well else 503, _HEADERS)

    async def metrics(self, _: Request) -> Response:
        """Read the store and tell."""
        reading = await self._ports.store.overview(zone=self._ports.settings.timezone)
        text = metrics.page(reading, self._ports.catalogue.offers)
        return Response(text, headers=_HEADERS, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    async def _store(self) -> str | None:
        try:
            async with asyncio.timeout(self._answer_s):
                await self._ports.store.next_due_in_ms()
        except TimeoutError:
            return "it does not answer"
        except StorageError:
            return "it cannot be read"
        return None

    def _disk(self) -> str | None:
        folders: tuple[Path, ...] = (self._ports.settings.database.parent, self._ports.settings.media)
        try:
            free_bytes = min(shutil.disk_usage(folder).free for folder in folders)
        except OSError:
            return "it cannot be looked at"
        return (
            None
            if free_bytes >= self._free_floor_bytes
            else f"{free_bytes // 1_000_000} MB are free, which is too little"
        )

    def _sweep(self) -> str | None:
        ago_s = self._swept_ago_s()
        return None if ago_s <= SWEPT_WITHIN_S else f"it was last made {ago_s:.0f} s ago"


def _plain(why: str | None) -> str | None:
    """Return a reason as it is where it is words alone; what might hold a link, an id or a key is not passed on."""
    return why if why is None or _PLAIN.fullmatch(why) else "it is down"


async def _unread(_: Request, __: Exception) -> Response:
    log.error("a scrape met a store that cannot be used")
    return Response(status_code=503)
