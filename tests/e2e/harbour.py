"""A Discord server with people in it and the bot at work, for the tests of what comes in from Discord."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import discord
from PIL import Image

from bot.platforms.discord.client import DiscordPlatform
from tests.fakes.desk import Desk
from tests.fakes.discord_interactions import Interaction
from tests.fakes.discord_server import DiscordServer, serving
from tests.fakes.discord_world import Channel, Guild, User

OGG = b"OggS and some sound"


def png(width: int = 4, height: int = 3) -> bytes:
    """Return a small picture."""
    page = io.BytesIO()
    Image.new("RGB", (width, height)).save(page, "PNG")
    return page.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Harbour:
    """The server of the tests: Maya is a member, Ada manages it; `desk` writes down what the platform brings."""

    server: DiscordServer
    guild: Guild
    general: Channel
    maya: User
    ada: User
    desk: Desk
    platform: DiscordPlatform

    async def answered(self, asked: Interaction) -> str:
        """Return what an interaction was answered with, once it was; privately, as everything that is no card."""
        await self.server.until(lambda: asked.text and not asked.thinking)
        assert asked.private
        return asked.text

    async def ready(self) -> None:
        await self.server.until(lambda: self.platform.status is None and self.server.commands())


@contextmanager
def discord_here() -> Iterator[DiscordServer]:
    """Serve, and find afterwards that nothing was sent which Discord would not have taken."""
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    try:
        with serving() as server:
            yield server
            assert server.violations == []
    finally:
        discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = base, gateway


@asynccontextmanager
async def running(platform: DiscordPlatform, desk: Desk) -> AsyncIterator[None]:
    """Run the platform for the length of a block."""
    task = asyncio.create_task(platform.run(desk))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def people(server: DiscordServer) -> tuple[Guild, Channel, User, User]:
    """Make the server of the tests, its channel, a member and one who manages it."""
    guild = server.guild("Harbour")
    managers = server.role(guild, "Managers", ["manage_guild", "manage_messages"])
    maya, ada = server.member(guild, "Maya"), server.member(guild, "Ada", managers)
    return guild, server.channel(guild, "general"), maya, ada


def invite(server: DiscordServer, guild: Guild) -> None:
    """Add the bot to a server: what is new is told without a word on whether it was away."""
    with server.world.lock:
        guild.has_bot = True
        guild.members[server.bot.id] = server.bot
        told = server.world.guild_json(guild)
        server.world.tell_guild("GUILD_CREATE", {key: value for key, value in told.items() if key != "unavailable"})


def platform_at(server: DiscordServer, folder: Path, **told: Any) -> DiscordPlatform:
    """Return the platform as it is set up for the stand-in."""
    return DiscordPlatform(server.token, server.url, folder, **{"guild_ready_s": 0.05} | told)


@asynccontextmanager
async def harbour_in(folder: Path, **told: Any) -> AsyncIterator[Harbour]:
    """Yield the server of the tests with the bot at work in it."""
    with discord_here() as server:
        guild, general, maya, ada = people(server)
        desk, platform = Desk(), platform_at(server, folder, **told)
        harbour = Harbour(server=server, guild=guild, general=general, maya=maya, ada=ada, desk=desk, platform=platform)
        async with running(platform, desk):
            await harbour.ready()
            yield harbour
