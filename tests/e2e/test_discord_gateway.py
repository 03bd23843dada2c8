"""The bot's connection to Discord: dropped, refused, banned and begun too often; and what is told of it meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import discord
import pytest

from bot.platforms.contract import Message, Spot
from bot.platforms.discord import supervise
from bot.platforms.discord.client import DiscordPlatform
from bot.platforms.discord.supervise import AT_ONCE, Starts, TooOften, Watch
from bot.platforms.errors import PlatformDown
from tests.e2e.harbour import discord_here, harbour_in, people, platform_at, running
from tests.fakes import discord_rest
from tests.fakes.desk import Desk
from tests.fakes.discord_rest import Answer, Call, gateway_for_bots
from tests.fakes.discord_server import DiscordServer
from tests.fakes.discord_world import World


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    """Discord, with no bot yet."""
    with discord_here() as server:
        yield server


@dataclass
class Patience:
    """Writes down how long the platform wants to wait, and does not; after `most` tries it waits for ever."""

    most: int = 100
    waited_s: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        await asyncio.sleep(3600 if len(self.waited_s) >= self.most else 0)


def well(platform: DiscordPlatform) -> bool:
    return platform.status is None


# -- what discord.py does by itself


@pytest.mark.parametrize("way", ["drop", "reconnect", "invalidate", "close"])
async def test_a_lost_connection_comes_back_and_misses_nothing(tmp_path: Path, way: str) -> None:
    """In the same session: what was asked in between is answered, and nobody is told that Discord is off."""
    async with harbour_in(tmp_path) as harbour:
        server = harbour.server
        match way:
            case "drop":
                server.gateway.drop()
            case "reconnect":
                server.gateway.reconnect()
            case "invalidate":
                server.gateway.invalidate(resumable=True)
            case _:
                server.gateway.close(4000)
        asked = server.slash(harbour.maya, harbour.general, "quota")
        assert "quota." in await harbour.answered(asked)
        assert (len(server.identifies), len(server.gateway.resumes)) == (1, 1)
        assert well(harbour.platform)


# -- what it does not


async def test_the_gateway_is_where_discord_says(server: DiscordServer, tmp_path: Path) -> None:
    """Never where it usually is."""
    people(server)
    platform = platform_at(server, tmp_path)
    async with running(platform, Desk()):
        await server.until(lambda: well(platform))
    assert len(server.asked("GET", "/gateway/bot")) == 1
    assert str(discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY) == server.gateway_url
    intents = discord.Intents._from_value(server.identifies[0]["intents"])
    assert not any((intents.members, intents.presences, intents.message_content))


async def test_it_has_as_many_connections_as_discord_recommends(
    server: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bot of many servers may not have all of them on one; the login that was there before is given up."""

    def two(world: World, call: Call) -> Answer:
        status, told = gateway_for_bots(world, call)
        return status, told | {"shards": 2}

    monkeypatch.setattr(discord_rest, "ROUTES", [("GET", re.compile("/gateway/bot"), two), *discord_rest.ROUTES])
    guild, general, _, _ = people(server)
    platform = platform_at(server, tmp_path)
    async with running(platform, Desk()):
        await server.until(lambda: server.identifies)
        await platform.say(Spot(server=str(guild.id), channel=str(general.id)), "here")
    assert server.identifies[0]["shard"] == [0, 2]


async def test_a_refused_first_connection_is_tried_again(server: DiscordServer, tmp_path: Path) -> None:
    """It would end discord.py; meanwhile the bot can post."""
    guild, general, _, _ = people(server)
    server.gateway.refusing = 2
    patience = Patience(most=2)
    platform = platform_at(server, tmp_path, sleep=patience.sleep)
    async with running(platform, Desk()):
        await server.until(lambda: len(patience.waited_s) == 2, 20)
        assert platform.status == supervise.AWAY
        await platform.say(Spot(server=str(guild.id), channel=str(general.id)), "still here")
        assert [message.text for message in server.messages(general)] == ["still here"]
    first_s, second_s = patience.waited_s
    assert 0.5 <= first_s <= 1 <= second_s <= 2
    assert len(server.asked("GET", "/users/@me")) == 1


async def test_after_refused_connections_it_is_on_again(server: DiscordServer, tmp_path: Path) -> None:
    """By itself, and with one session."""
    people(server)
    server.gateway.refusing = 1
    platform = platform_at(server, tmp_path, sleep=Patience().sleep)
    async with running(platform, Desk()):
        await server.until(lambda: well(platform), 20)
    assert len(server.identifies) == 1


@pytest.mark.parametrize(("path", "told_s", "least_s"), [("/users/@me", 3600, 3600), ("/gateway/bot", 5, 60)])
async def test_a_ban_at_the_edge_is_waited_for(
    server: DiscordServer, tmp_path: Path, path: str, told_s: float, least_s: float
) -> None:
    """A page of Cloudflare's, error 1015: the process stays, waits as it is told, a minute at least, and says so."""
    people(server)
    server.fault("GET", path, html=True, retry_after=told_s, times=2)
    patience = Patience(most=2)
    platform = platform_at(server, tmp_path, sleep=patience.sleep)
    async with running(platform, Desk()):
        await server.until(lambda: len(patience.waited_s) == 2, 20)
        assert platform.status == supervise.BANNED
    assert all(least_s <= waited <= 1.1 * least_s for waited in patience.waited_s)
    assert len(server.asked("GET", path)) == 2
    assert server.identifies == []


async def test_after_a_ban_it_is_on_again(server: DiscordServer, tmp_path: Path) -> None:
    """Nobody has to restart it."""
    people(server)
    server.fault("GET", "/users/@me", html=True, retry_after=3600)
    platform = platform_at(server, tmp_path, sleep=Patience().sleep)
    async with running(platform, Desk()):
        await server.until(lambda: well(platform))


async def test_a_wrong_token_is_told_and_seldom_tried(server: DiscordServer, tmp_path: Path) -> None:
    """Ten thousand refusals in ten minutes would shut this address out."""
    patience = Patience(most=1)
    platform = DiscordPlatform("another.token", server.url, tmp_path, sleep=patience.sleep)
    async with running(platform, Desk()):
        await server.until(lambda: patience.waited_s)
        assert platform.status == supervise.REFUSED
    assert patience.waited_s[0] >= 600
    assert "another.token" not in supervise.REFUSED


@pytest.mark.parametrize(
    ("code", "why"), [(4004, supervise.REFUSED), (4014, supervise.INTENT), (4011, supervise.ENDED)]
)
async def test_a_connection_that_ends_for_good_is_told(tmp_path: Path, code: int, why: str) -> None:
    """A token that was changed, an intent that was taken away; tried again after a good while."""
    patience = Patience(most=1)
    async with harbour_in(tmp_path, sleep=patience.sleep) as harbour:
        harbour.server.gateway.close(code)
        await harbour.server.until(lambda: patience.waited_s)
        assert harbour.platform.status == why
        assert patience.waited_s[0] >= 600


async def test_commands_that_are_not_taken_leave_the_bot_at_work(server: DiscordServer, tmp_path: Path) -> None:
    """The old ones go on."""
    people(server)
    server.fault("PUT", "/applications/*/commands", status=400, code=50035)
    platform = platform_at(server, tmp_path)
    async with running(platform, Desk()):
        await server.until(lambda: well(platform))


# -- without the gateway


async def test_logged_in_it_can_post_without_the_gateway(server: DiscordServer, tmp_path: Path) -> None:
    """As a command line does that ends soon after."""
    _, _, maya, _ = people(server)
    platform = platform_at(server, tmp_path)
    with pytest.raises(PlatformDown, match="not logged in"):
        await platform.tell(f"discord/{maya.id}", Message(head="Hello."))
    await platform.open()
    await platform.tell(f"discord/{maya.id}", Message(head="Hello."))
    await platform.close()
    assert [message.text for message in server.dm(maya)] == ["**Hello.**"]
    assert server.gateway.connections == 0


async def test_a_token_that_does_not_open_is_told_at_once(server: DiscordServer, tmp_path: Path) -> None:
    """In words that have no token in them."""
    platform = DiscordPlatform("another.token", server.url, tmp_path)
    with pytest.raises(PlatformDown, match=supervise.REFUSED):
        await platform.open()


# -- how often a session begins


def test_no_loop_of_crashes_begins_ten_sessions_in_an_hour(tmp_path: Path) -> None:
    """Each new process reads what the earlier ones began; the shards count apart."""
    now_s, begun = 1_000_000.0, list[float]()
    while now_s < 1_000_000.0 + 3 * 3600:
        starts = Starts(tmp_path / "starts.json", lambda: now_s)  # noqa: B023 - it is over within this round
        wait_s = starts.wait_s(0)
        if wait_s:
            with pytest.raises(TooOften):
                starts.begin(0)
        else:
            starts.begin(0)
            begun.append(now_s)
        now_s += max(wait_s, 10.0)
    assert begun[AT_ONCE - 1] - begun[0] == 30.0
    assert max(sum(1 for other in begun if 0 <= other - at < 3600) for at in begun) < 10
    assert Starts(tmp_path / "starts.json", lambda: now_s).wait_s(1) == 0


@pytest.mark.parametrize("content", ["", "{", "[1]", '[["a", "b"]]', "null"])
def test_a_broken_count_is_begun_anew(tmp_path: Path, content: str) -> None:
    """Better one session too many than none at all."""
    path = tmp_path / "starts.json"
    path.write_text(content)
    Starts(path).begin(0)
    assert Starts(path, lambda: 0.0).wait_s(0) == 0


async def test_sessions_that_discord_ends_at_once_are_spaced_out(tmp_path: Path) -> None:
    """One that is invalid again and again would use up the day's."""
    folder = tmp_path / "bot"
    earlier = Starts(folder / "discord-starts.json")
    for _ in range(AT_ONCE - 1):
        earlier.begin(0)
    patience = Patience(most=1)
    async with harbour_in(folder, sleep=patience.sleep) as harbour:
        harbour.server.gateway.invalidate()
        await harbour.server.until(lambda: patience.waited_s, 8)
        assert harbour.platform.status == supervise.OFTEN
        assert patience.waited_s[0] > 600
        assert len(harbour.server.identifies) == 1


async def test_when_no_session_is_left_none_is_begun(server: DiscordServer, tmp_path: Path) -> None:
    """Discord says when there will be."""
    people(server)
    server.world.starts_left = 0
    patience = Patience(most=1)
    platform = platform_at(server, tmp_path, sleep=patience.sleep)
    async with running(platform, Desk()):
        await server.until(lambda: patience.waited_s)
    assert (patience.waited_s, server.identifies) == ([86_400.0], [])


# -- what is told


def test_a_moment_away_is_not_told() -> None:
    """Discord moves connections about all day; only what lasts is worth an alarm."""
    now_s = 0.0
    watch = Watch(lambda: now_s)
    assert watch.status == supervise.AWAY
    watch.connected()
    watch.disconnected()
    now_s = 59.0
    watch.disconnected()
    assert watch.status is None
    now_s = 61.0
    assert watch.status == supervise.AWAY
    watch.connected()
    assert watch.status is None


@pytest.mark.parametrize(
    "why", [supervise.REFUSED, supervise.INTENT, supervise.ENDED, supervise.BANNED, supervise.LIMITED, supervise.OFTEN]
)
def test_what_is_told_is_plain_words(why: str) -> None:
    """It stands in what anybody can read who asks whether the bot is well."""
    assert all(letter.isalpha() or letter in " ,'-" for letter in why)
