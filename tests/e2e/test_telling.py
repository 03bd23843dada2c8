"""Operators hear once of each cause, in a place or by a webhook, and again only where it came back."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import trustme
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.commands.telling import Teller, by_webhook, in_a_place
from bot.network import Network
from bot.platforms.errors import PlatformDown
from bot.serving import serving
from bot.settings import load
from storage.sqlite import SqliteStore
from tests.fakes.tls_front import tls_front


@dataclass(kw_only=True)
class Office:
    """A store, and operators who hear what is sent unless they are `away`."""

    store: SqliteStore
    memory: Path
    heard: list[str] = field(default_factory=list)
    away: bool = False

    async def send(self, text: str) -> None:
        if self.away:
            raise PlatformDown("away")
        self.heard.append(text)

    async def tell(self) -> list[str]:
        """Have a new process tell, and return what was heard since."""
        self.heard.clear()
        await Teller(self.store, self.send, self.memory, ZoneInfo("UTC")).tell()
        return list(self.heard)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = SqliteStore(tmp_path / "jobs.db")
    yield Office(store=store, memory=tmp_path / "told.json")
    await store.close()


async def test_each_cause_is_told_once_over_restarts(office: Office) -> None:
    """A new cause is told, the old one is not repeated."""
    await office.store.warn("no_credit:fal")
    [told] = await office.tell()
    assert "the account at fal had no credit left" in told
    await office.store.warn("no_credit:fal")
    await office.store.warn("removed:discord/7")
    [told] = await office.tell()
    assert "discord/7 removed the bot" in told
    assert await office.tell() == []


async def test_what_was_not_heard_is_said_later(office: Office) -> None:
    """All of it, the oldest first."""
    office.away = True
    await office.store.warn("no_credit:fal")
    await office.store.warn("credentials:novita")
    assert await office.tell() == []
    office.away = False
    assert len(await office.tell()) == 2


async def test_a_cause_that_came_back_is_told_again(office: Office) -> None:
    """It was mended in between."""
    await office.store.warn("no_credit:fal")
    await office.tell()
    await office.store.unwarn("no_credit:fal")
    assert await office.tell() == []
    await office.store.warn("credentials:fal")
    await office.store.warn("no_credit:fal")
    assert len(await office.tell()) == 2


async def test_a_memory_that_cannot_be_read_repeats_rather_than_hides(office: Office) -> None:
    """Twice is better than never."""
    await office.store.warn("no_credit:fal")
    await office.tell()
    office.memory.write_text("{")
    assert len(await office.tell()) == 1


async def test_a_webhook_gets_the_words_in_both_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TLS that is checked; one that does not take them, or is not there, counts as not heard."""
    authority, certificate = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(certificate)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    taken: list[dict[str, str]] = []

    async def take(request: Request) -> Response:
        taken.append(json.loads(await request.body()))
        return Response(status_code=204)

    app = Starlette(routes=[Route("/hooks/secret", take, methods=["POST"])])
    async with serving(app, "127.0.0.1", 0) as behind:
        with tls_front(behind, certificate) as port:
            network, base = Network(load(), {}), f"https://127.0.0.1:{port}"
            await by_webhook(network, f"{base}/hooks/secret")("hello")
            with pytest.raises(PlatformDown, match="status 404"):
                await by_webhook(network, f"{base}/hooks/other")("hello")
        with pytest.raises(PlatformDown, match="ConnectError"):
            await by_webhook(network, f"{base}/hooks/secret")("hello")
    assert taken == [{"text": "hello", "content": "hello"}]


async def test_a_place_of_a_platform_that_is_off_counts_as_not_heard() -> None:
    """It is said once the platform is on."""
    with pytest.raises(PlatformDown, match="slack is off"):
        await in_a_place({}, "slack/C1")("hello")
