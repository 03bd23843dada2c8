"""Files that people attach on Discord come whole to a folder, few at once, and are gone once the desk has answered."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.platforms.contract import Spot
from bot.platforms.discord import supervise
from bot.platforms.discord.asking import Offered
from bot.platforms.discord.bringing import FILE_MAX_BYTES, Bringer, Unfetched
from tests.fakes.desk import Desk
from tests.fakes.discord_server import DiscordServer, serving

ABOUT: dict[str, Any] = {
    "id": "1",
    "user": "discord/2",
    "scope": "discord/3",
    "channel": "discord/4",
    "spot": Spot(server="3", channel="4"),
}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[tuple[DiscordServer, discord.Client]]:
    """A stand-in for Discord and a client that is logged in there."""
    base = discord.http.Route.BASE
    with serving() as server:
        discord.http.Route.BASE = server.url
        starts = supervise.Starts(tmp_path / "starts")
        found = supervise.client(starts, is_sharded=False, guild_ready_s=0.0)
        await found.login(server.token)
        yield server, found
        await found.close()
        discord.http.Route.BASE = base


def offered(server: DiscordServer, content: bytes, says_bytes: int | None = None) -> Offered:
    """Have somebody attach a file; what came of it, which may say less of its size than is true."""
    guild = server.guild("Harbour")
    place, maya = server.channel(guild, "general"), server.member(guild, "Maya")
    [attached] = server.post(maya, place, "look", [("bay.png", content)]).attachments
    return Offered(
        name="bay.png",
        url=attached.url(server.origin, time.time()),
        size_bytes=len(content) if says_bytes is None else says_bytes,
    )


async def test_a_file_is_there_while_the_desk_looks_and_gone_afterwards(
    client: tuple[DiscordServer, discord.Client], tmp_path: Path
) -> None:
    """Byte for byte, in several blocks."""
    server, found = client
    content = bytes(range(256)) * 4096
    desk, folder = Desk(), tmp_path / "asked"
    await Bringer(found, desk, folder).ask(ABOUT, offered(server, content), None, prompt="waves")
    assert [(image, audio) for _, image, audio in desk.commands] == [(content, None)]
    assert list(folder.iterdir()) == []


async def test_a_file_that_is_larger_than_it_says_is_let_go_as_soon_as_that_shows(
    client: tuple[DiscordServer, discord.Client], tmp_path: Path
) -> None:
    """The disk is not filled by one who lies."""
    server, found = client
    large = offered(server, bytes(FILE_MAX_BYTES + 1), says_bytes=10)
    desk, folder = Desk(), tmp_path / "asked"
    with pytest.raises(Unfetched, match="too large"):
        await Bringer(found, desk, folder).ask(ABOUT, large, None, prompt="waves")
    assert desk.commands == []
    assert list(folder.iterdir()) == []
