"""Tells operators what they must hear, once a cause: in a place of a chat platform, or by a webhook."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.app import App
from bot.commands.alerts import sentence
from bot.network import Network
from bot.platforms.contract import ChatPlatform, Spot
from bot.platforms.errors import PlatformDown, PlatformError
from storage.contract import Store
from storage.errors import StorageError

log = logging.getLogger(__name__)

EVERY_S = 60.0
_WITHIN_S = 15.0

Send = Callable[[str], Awaitable[None]]
"""Says a sentence to operators.

Raises:
    PlatformError: they did not hear it.
"""


def way(app: App) -> Send | None:
    """Return how operators are told; None where nobody says so."""
    if app.settings.alerts is None:
        return None
    where = app.settings.alerts.get_secret_value()
    if where.startswith("https://"):
        return by_webhook(app.ports.network, where)
    return in_a_place(app.chats, where)


def in_a_place(platforms: Mapping[str, ChatPlatform], where: str) -> Send:
    """Return the way to a channel, written PLATFORM/ID."""
    name, _, channel = where.partition("/")

    async def send(text: str) -> None:
        if name not in platforms:
            raise PlatformDown(f"{name} is off")
        await platforms[name].say(Spot(server="", channel=channel), text)

    return send


def by_webhook(network: Network, url: str) -> Send:
    """Return the way to a webhook: Discord's look for the words in `content`, Slack's and most others' in `text`."""
    import httpx

    async def send(text: str) -> None:
        try:
            async with network.client((url,), httpx.Timeout(_WITHIN_S), httpx.Limits()) as client:
                reply = await client.post(url, json={"text": text, "content": text})
        except httpx.HTTPError as error:
            raise PlatformDown(type(error).__name__) from None
        if not reply.is_success:
            raise PlatformDown(f"status {reply.status_code}")

    return send


class Teller:
    """Remembers in a file what was told, so that a restart repeats nothing; what was not heard is said again."""

    def __init__(self, store: Store, send: Send, memory: Path, zone: ZoneInfo) -> None:
        self._store, self._send, self._memory, self._zone = store, send, memory, zone

    async def run(self, every_s: float = EVERY_S) -> None:
        """Tell until cancelled."""
        while True:
            with contextlib.suppress(StorageError):
                await self.tell()
            await asyncio.sleep(every_s)

    async def tell(self) -> None:
        """Say what was not said yet, the oldest first; a cause that came back after it was mended is said again."""
        alerts = sorted(await self._store.alerts(), key=lambda alert: alert.at_ms)
        told = self._told()
        heard = {alert.cause: alert.at_ms for alert in alerts if told.get(alert.cause) == alert.at_ms}
        for alert in alerts:
            if alert.cause in heard:
                continue
            try:
                await self._send(sentence(alert, self._zone))
            except PlatformError as error:
                log.warning("operators could not be told and are told later", extra={"why": str(error)})
                return
            heard[alert.cause] = alert.at_ms
            self._memory.write_text(json.dumps(heard))

    def _told(self) -> dict[str, int]:
        try:
            return dict(json.loads(self._memory.read_text()))
        except (OSError, ValueError, TypeError):
            return {}
