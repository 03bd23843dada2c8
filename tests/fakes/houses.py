"""The platforms under one contract, each with the world behind it: what was said and shown there, and how it goes wrong."""

from __future__ import annotations

import re
import resource
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import discord

from bot.platforms.contract import Abilities, Card, Command, Message, Notice, Parcel, Progress, Spot, Standing
from bot.platforms.discord.posting import Posting
from bot.platforms.terminal import TerminalPlatform
from tests.fakes.discord_server import DiscordServer
from tests.fakes.discord_world import Channel
from tests.fakes.discord_world import Message as Posted


class Speaking(Protocol):
    """A platform as far as it answers; bringing what people ask is each one's own affair."""

    name: str
    abilities: Abilities

    async def say(self, spot: Spot, text: str) -> str: ...
    async def tell(self, user: str, message: Message) -> None: ...
    async def announce(self, notice: Notice) -> str: ...
    async def show_card(self, card: Card, standing: Standing) -> Standing: ...
    async def show_video(self, parcel: Parcel) -> str: ...
    async def find(self, parcel: Parcel) -> str | None: ...


class House(Protocol):
    """A world that outlives the platform's own process: opened again, it is the same world. `user` lives in it."""

    user: str

    async def open(self) -> Speaking:
        """Return the platform as a new process has it."""

    async def close(self) -> None:
        """End it all, and find that nothing was sent which such a platform would refuse."""

    def spot(self, name: str) -> Spot:
        """Return a place that can be answered."""

    def said(self) -> list[str]:
        """Return every text a person could read but the cards, oldest first, without who is mentioned."""

    def cards(self, spot: Spot) -> list[str]:
        """Return what the cards in a place say now."""

    def shown(self, spot: Spot) -> list[bytes]:
        """Return the videos that stand in a place, as a person would get them now."""

    def lose(self, spot: Spot) -> None:
        """Let the place be gone for good."""

    def down(self) -> AbstractContextManager[None]:
        """Return a context in which the platform does not answer or has no room."""


class Terminal:
    """Texts are lines, a place is a file, the card is a bar; all of one test's jobs share it."""

    user = "cli/ana"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: list[str] = []
        self.drawn: list[Progress] = []

    async def open(self) -> TerminalPlatform:
        """A new process's terminal, on the same desk."""
        return self.opened()

    def opened(self, commands: Sequence[Command] = ()) -> TerminalPlatform:
        """The same, with commands to come."""
        return TerminalPlatform(self._lines.append, self.drawn.append, commands=commands)

    async def close(self) -> None:
        """Nothing runs on."""

    def spot(self, name: str) -> Spot:
        """A file in a drawer of its own."""
        drawer = self._folder / name
        drawer.mkdir(parents=True, exist_ok=True)
        return Spot(server="local", channel=str(drawer / "out.mp4"))

    def said(self) -> list[str]:
        """The lines, as they were written."""
        return self._lines

    def cards(self, spot: Spot) -> list[str]:
        """The newest state of the bar."""
        return [each.text for each in self.drawn[-1:]]

    def shown(self, spot: Spot) -> list[bytes]:
        """Whatever lies in the drawer, half a video included."""
        drawer = Path(spot.channel).parent
        return [path.read_bytes() for path in sorted(drawer.glob("*"))] if drawer.is_dir() else []

    def lose(self, spot: Spot) -> None:
        """The drawer goes, with all that is in it."""
        shutil.rmtree(Path(spot.channel).parent)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Leave room for a few bytes a file only, as a full disk would."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Discord:
    """A server at Discord's stand-in: a place is a channel, with whatever threads are opened in it."""

    def __init__(self, folder: Path) -> None:
        self.server = DiscordServer()
        self._base, discord.http.Route.BASE = discord.http.Route.BASE, self.server.url
        self.guild = self.server.guild("Harbour")
        self.ana = self.server.member(self.guild, "Ana")
        self.user = f"discord/{self.ana.id}"
        self._channels: dict[str, Channel] = {}
        self._opened: list[tuple[discord.Client, Posting]] = []

    async def open(self) -> Posting:
        """A client that is logged in, and has no gateway."""
        client = discord.Client(intents=discord.Intents(guilds=True))
        await client.login(self.server.token)
        self._opened.append((client, Posting(client)))
        return self._opened[-1][1]

    async def close(self) -> None:
        """Nothing was sent that Discord refuses, and no mention could ring a whole server."""
        for client, posting in self._opened:
            await posting.close()
            await client.close()
        discord.http.Route.BASE = self._base
        self.server.close()
        assert self.server.violations == []

    def channel(self, name: str) -> Channel:
        """The channel of this name, made when first asked for."""
        if name not in self._channels:
            self._channels[name] = self.server.channel(self.guild, name)
        return self._channels[name]

    def spot(self, name: str) -> Spot:
        """A text channel of its own."""
        return Spot(server=str(self.guild.id), channel=str(self.channel(name).id))

    def said(self) -> list[str]:
        """Every plain message in any channel, thread and direct message."""
        everywhere = [each for channel in list(self.server.world.channels.values()) for each in self._in(channel)]
        return [read(each.content) for each in sorted(everywhere, key=lambda each: each.id) if not each.is_v2]

    def cards(self, spot: Spot) -> list[str]:
        """The frames that stand in the channel."""
        return [read(each.text) for each in self._in(self._of(spot)) if each.is_v2]

    def shown(self, spot: Spot) -> list[bytes]:
        """The videos in the channel and its threads."""
        channel = self._of(spot)
        posted = [each for place in (channel, *self.server.threads(channel)) for each in self._in(place)]
        return [file.content for each in posted for file in each.attachments if file.filename.endswith(".mp4")]

    def lose(self, spot: Spot) -> None:
        """The channel is deleted."""
        self.server.delete_channel(self._of(spot))

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nothing can be posted: Discord has an outage."""
        fault = self.server.fault("*", "/channels/*/messages", status=503, times=1000)
        yield
        fault.times = 0

    def _of(self, spot: Spot) -> Channel:
        return self.server.world.channels[int(spot.channel)]

    def _in(self, channel: Channel) -> list[Posted]:
        return [] if channel.deleted else self.server.messages(channel)


def read(text: str) -> str:
    """Return what Discord's markup looks like, without a leading mention."""
    plain = re.sub(r"\\(.)", r"\1", re.sub(r"^<@\d+> ", "", text))
    return plain.replace("\u200b", "")


PLATFORMS: dict[str, Callable[[Path], House]] = {"terminal": Terminal, "discord": Discord}
