"""What `doctor` asks of Discord: whether the token works, how the bot is invited, and who may use it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from bot.app import open_api, open_store
from bot.asking import asked
from bot.commands.findings import Finding
from bot.settings import Settings
from bot.values import EVERYWHERE
from providers.kit.errors import BadCredentials, ProviderError, Unanswered, Untrusted
from providers.kit.provider import Access, Api, Host
from providers.kit.reply import Document
from storage.contract import ScopeRule
from storage.errors import StorageError

PERMISSIONS = {
    "View Channel": 1 << 10,
    "Send Messages": 1 << 11,
    "Embed Links": 1 << 14,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Create Public Threads": 1 << 35,
    "Send Messages in Threads": 1 << 38,
}
"""All that the bot asks for in a server (https://discord.com/developers/docs/topics/permissions, read 2026-11-25)."""
_ACCESS = Access(
    key_setting="DISCORD_BOT_TOKEN",
    scheme="Bot",
    hosts=(Host(setting="DISCORD_API_BASE_URL", default="https://discord.com/api/v10"),),
)
_AGENT = "DiscordBot (stillmotion, 0.1)"
_INVITATION = "https://discord.com/oauth2/authorize?client_id={id}&scope=bot+applications.commands&permissions={bits}"
_ELSEWHERE = "Commands go to an Interactions Endpoint URL, and so never here. Remove it in the developer portal, under General Information."
_ANYBODY = "Anybody may invite it to a server of theirs and use it at your cost. Make the bot private, or list servers in STILLMOTION_SCOPES."
_CHECK_S = 15.0
_UNAUTHORIZED = 401


async def discord(settings: Settings) -> list[Finding]:
    """Ask Discord who the bot is, where there is a token."""
    host = urlsplit(settings.discord_api_base_url).netloc
    async with open_api(settings, _ACCESS) as api:
        if api is None:
            return [_found("note", "Discord is off: DISCORD_BOT_TOKEN is not set")]
        try:
            application = await asked(_application(api), _CHECK_S)
        except BadCredentials:
            return [_found("fault", "Discord does not accept the token. Put a valid one into DISCORD_BOT_TOKEN.")]
        except Untrusted:
            why = f"Nobody trusted here vouches for the certificate of {host}. Name its authority in SSL_CERT_FILE."
            return [_found("fault", f"Discord cannot be asked. {why}")]
        except ProviderError as error:
            why = f"Discord cannot be asked at {host} ({error}). Check the network and proxies."
            return [_found("fault", why)]
    bits = sum(PERMISSIONS.values())
    return [
        _found("ok", f"Discord accepts the token of {application.text('name')}"),
        _found("ok", f"Invite it: {_INVITATION.format(id=application.text('id'), bits=bits)}"),
        _found("ok", f"It asks for {', '.join(PERMISSIONS)}, and for no privileged intent"),
        *_users(settings, application, await _ruled(settings)),
        *([_found("fault", _ELSEWHERE)] if application.text("interactions_endpoint_url") else []),
    ]


def _found(state: str, message: str) -> Finding:
    return Finding("discord", state, message)


async def _application(api: Api) -> Document:
    """Return what Discord calls the application behind the token.

    Raises:
        BadCredentials, Unanswered: it does not tell.
    """
    reply = await api.ask("GET", "/applications/@me", user_agent=_AGENT)
    if reply.status == _UNAUTHORIZED:
        raise BadCredentials("the token")
    if reply.document.text("id") is None:
        raise Unanswered(f"status {reply.status}")
    return reply.document


async def _ruled(settings: Settings) -> list[ScopeRule]:
    """Return what was allowed and denied; a store that cannot be read is told of elsewhere."""
    try:
        store = await asyncio.to_thread(open_store, settings)
    except StorageError:
        return []
    try:
        return [rule for rule in await store.scopes() if rule.scope.startswith("scope:discord/")]
    finally:
        await store.close()


def _users(settings: Settings, application: Document, rules: Sequence[ScopeRule]) -> list[Finding]:
    """Tell which servers may use the bot, and at whose cost."""
    allowed = [rule.scope.removeprefix("scope:") for rule in rules if rule.allowed]
    denied = [rule.scope.removeprefix("scope:") for rule in rules if not rule.allowed]
    besides = f", and {', '.join(allowed)}" if allowed else ""
    told = [f"{_servers(settings, application)}{besides} may use it"]
    told += [f"{', '.join(denied)} may not use it"] if denied else []
    told += ["Direct messages may be used too"] if settings.allow_dm else []
    is_open = settings.scopes is not None and EVERYWHERE in settings.scopes
    anybody = [] if not (is_open and application.at("bot_public").value) else [_found("note", _ANYBODY)]
    return [*(_found("ok", each) for each in told), *anybody]


def _servers(settings: Settings, application: Document) -> str:
    if settings.scopes is None:
        return f"Servers owned by {_owners(application)}"
    if EVERYWHERE in settings.scopes:
        return "All servers"
    return ", ".join(each for each in settings.scopes if each.startswith("discord/")) or "No server"


def _owners(application: Document) -> str:
    """Return who the application belongs to, by name."""
    if (team := application.text("team.name")) is not None:
        return f"members of the team {team}"
    return application.text("owner.username") or "whoever owns the application"
