"""What `doctor` asks of providers: whether each key works, and whether a webhook finds its way here."""

from __future__ import annotations

import asyncio
import secrets
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.app import open_network, secret_key
from bot.asking import asked
from bot.commands.findings import Finding
from bot.links import Links
from bot.settings import Settings
from bot.wording import provider as called
from providers.kit.errors import BadCredentials, NoCredit, ProviderError, Untrusted
from providers.kit.provider import Connection, Media, Order, Provider

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_CHECK_S = 15.0
_PROBE_S = 30.0


async def accounts(settings: Settings, *, probes: bool) -> tuple[list[Finding], list[str]]:
    """Ask each provider that has a key here one question that costs nothing; with `probes` for a mock webhook too.

    Returns what was found, and the providers whose accounts work.
    """
    async with open_network(settings) as catalogue:
        there = [(each, catalogue.connections[name]) for name, each in catalogue.providers.items()]
        keyed = [(provider, connection) for provider, connection in there if connection.api is not None]
        checkable = [each for each in keyed if each[0].check is not None]
        checked = await asyncio.gather(*(_checked(settings, *each) for each in checkable))
        probed = [await _probed(settings, *each) for each in keyed if probes and each[0].probe is not None]
    named = zip(checkable, checked, strict=True)
    return [*checked, *probed], [provider.id for (provider, _), finding in named if finding.state == "ok"]


async def _checked(settings: Settings, provider: Provider, connection: Connection) -> Finding:
    access, who = provider.access, called(f"@{provider.id}")
    assert access is not None
    assert provider.check is not None
    host = urlsplit(settings.bases(access)[0]).netloc
    try:
        await asked(provider.check(connection), _CHECK_S)
    except BadCredentials:
        return Finding("account", "fault", f"{who} does not accept the key. Put a valid one into {access.key_setting}.")
    except NoCredit:
        return Finding("account", "fault", f"The account at {who} has no credit left. Add some.")
    except Untrusted:
        why = f"Nobody trusted here vouches for the certificate of {host}. Name its authority in SSL_CERT_FILE."
        return Finding("account", "fault", f"{who} cannot be asked. {why}")
    except ProviderError as error:
        return Finding("account", "fault", f"{who} cannot be asked at {host} ({error}). Check the network and proxies.")
    return Finding("account", "ok", f"{who} accepts the key")


def public_address(settings: Settings) -> list[Finding]:
    """Tell whether providers out there could reach us at all."""
    public = settings.public_url
    if public is None:
        return []
    url = urlsplit(public)
    if _is_private(url.hostname or ""):
        why = f"{public} is an address of this machine or network: providers elsewhere cannot reach it."
        return [Finding("public", "note", f"{why} Give STILLMOTION_PUBLIC_URL one that the world knows.")]
    if url.scheme != "https":
        return [Finding("public", "note", f"{public} is not https: pictures and webhooks travel in the open.")]
    return [Finding("public", "ok", public)]


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost" or "." not in host


async def _probed(settings: Settings, provider: Provider, connection: Connection) -> Finding:
    """Have a provider send a mock webhook, and wait for it. No video is made."""
    if settings.public_url is None:
        return Finding("webhook", "note", "No webhook can come: STILLMOTION_PUBLIC_URL is not set.")
    from bot.serving import PortTaken, serving

    assert provider.probe is not None
    arrived, who = asyncio.Event(), called(f"@{provider.id}")
    order = _probe(settings, provider)
    listener = _listener(urlsplit(order.webhook or "").path, arrived)
    try:
        async with serving(listener, settings.http_host, settings.http_port):
            await asked(provider.probe(connection, order), _CHECK_S)
            await asyncio.wait_for(arrived.wait(), _PROBE_S)
    except PortTaken as taken:
        return Finding("webhook", "fault", f"{taken} If `run` listens there, stop it while this is tried.")
    except ProviderError as error:
        return Finding("webhook", "fault", f"{who} was asked for a mock webhook and did not agree ({error}).")
    except TimeoutError:
        way = f"{settings.public_url} to {settings.http_host}:{settings.http_port}"
        return Finding("webhook", "fault", f"{who} sent no webhook within {_PROBE_S:.0f} s. Check the way from {way}.")
    return Finding("webhook", "ok", f"A mock webhook of {who} found its way here")


def _probe(settings: Settings, provider: Provider) -> Order:
    key = f"probe-{secrets.token_hex(8)}"
    return Order(
        key=key,
        spec=next(spec for spec in provider.specs if spec.webhook),
        prompt="probe",
        options={},
        image=Media(path=Path(), mime="image/jpeg", sha256="", size_bytes=0, link=settings.public_url),
        webhook=Links(secret_key(settings), settings.public_url).hook(provider.id, key),
    )


def _listener(path: str, arrived: asyncio.Event) -> ASGIApp:
    """Return an app that waits for one path; a proxy in front may have taken off its beginning."""
    tail = path[path.index("/hooks/") :]

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        right = scope["path"].endswith(tail)
        if right:
            arrived.set()
        await send({"type": "http.response.start", "status": 200 if right else 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return listen
