"""Discord with a channel and a person in it, a provider, and a bot of its own between them, one life after the other."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import discord

from bot.desk import Desk
from bot.platforms.contract import Spot
from bot.platforms.discord.client import DiscordPlatform
from bot.speaking import speak
from storage.contract import Job
from storage.states import FINAL, State
from tests.chaos.harness import Bot, Clock, Setting, Wire, started
from tests.fakes.discord_interactions import Interaction
from tests.fakes.discord_server import DiscordServer, serving
from tests.fakes.discord_world import Channel, Guild, Message, User
from tests.fakes.provider import imagined
from tests.fakes.provider_server import ProviderServer, Script
from tests.fakes.provider_server import serving as providing
from tests.fakes.provider_video import video

_MEMORY = Path("/dev/shm")
_NOTHING: Mapping[State, Callable[[], object]] = {}
WITHIN_S = 20.0
T = TypeVar("T")


def _nothing() -> None:
    """Let nothing come about."""


async def eventually(ask: Callable[[], Awaitable[T]]) -> T:
    """Return the first answer that says anything."""
    async with asyncio.timeout(WITHIN_S):
        while not (answer := await ask()):  # noqa: ASYNC110 - a store rings no bell
            await asyncio.sleep(0.02)
    return answer


@dataclass(frozen=True, kw_only=True)
class Town:
    """A channel on Discord, a person in it, and a provider that can be asked what became of a call, unless it tells nothing."""

    server: DiscordServer
    general: Channel
    maya: User
    provider: ProviderServer
    folder: Path
    clock: Clock
    reconciles: bool

    @asynccontextmanager
    async def bot(self, wire: Wire | None = None) -> AsyncIterator[Bot]:
        """Start a process that lives until it is left, or ends at the wire; it hears nothing of what people do."""
        platform = DiscordPlatform(self.server.token, self.server.url, self.folder)
        await platform.open()
        async with self._with(platform, wire) as bot:
            yield bot

    @asynccontextmanager
    async def hearing(self) -> AsyncIterator[Bot]:
        """Start a process that hears what people do, and answers them."""
        platform = DiscordPlatform(self.server.token, self.server.url, self.folder, guild_ready_s=0.05)
        async with self._with(platform, None) as bot:
            task = asyncio.create_task(platform.run(Desk(bot.ports, bot.intake, platform.name)))
            try:
                await self.server.until(lambda: platform.status is None and self.server.commands(), WITHIN_S)
                yield bot
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    @asynccontextmanager
    async def _with(self, platform: DiscordPlatform, wire: Wire | None) -> AsyncIterator[Bot]:
        setting = Setting(
            folder=self.folder,
            providers=(imagined(self.provider.url, reconciles=self.reconciles, cancels=True),),
            platform=platform,
            clock=self.clock,
        )
        try:
            async with started(setting, wire) as bot:
                yield bot
        finally:
            await platform.close()

    @property
    def guild(self) -> Guild:
        """The server in which the channel is."""
        assert self.general.guild is not None
        return self.general.guild

    @property
    def thread(self) -> Channel:
        """The one thread that there is."""
        [thread] = self.server.threads(self.general)
        return thread

    def videos(self, channel: Channel | None = None) -> list[Message]:
        """Return the videos that stand somewhere, or in all places, deleted ones too."""
        channels = [*self.server.world.channels.values()] if channel is None else [channel]
        messages = [each for channel in channels for each in channel.messages]
        return [each for each in messages if any(file.filename.endswith(".mp4") for file in each.attachments)]

    def animate(self, bot: Bot) -> Interaction:
        """Have Maya type `/animate`."""
        image = ("bay.jpg", bot.setting.picture.read_bytes())
        return self.server.slash(self.maya, self.general, "animate", image=image, prompt="a slow zoom")

    async def typed(self, bot: Bot) -> Job:
        """Have Maya type `/animate`, and return the job once she is answered."""
        await self.answered(self.animate(bot))
        return await self.newest(bot)

    async def answered(self, asked: Interaction) -> Interaction:
        """Return what somebody did once it is answered."""
        await self.server.until(lambda: asked.text and not asked.thinking, WITHIN_S)
        return asked

    async def newest(self, bot: Bot) -> Job:
        """Return Maya's only job."""
        [job] = await eventually(lambda: bot.store.jobs(user=f"user:discord/{self.maya.id}"))
        return job

    async def asked(self, bot: Bot) -> Job:
        """Ask, as a platform that redelivers does."""
        return await bot.ask(
            user=f"discord/{self.maya.id}",
            scope=f"discord/{self.guild.id}",
            channel=f"discord/{self.general.id}",
            spot=Spot(server=str(self.guild.id), channel=str(self.general.id)),
        )

    async def live(self, bot: Bot) -> Job:
        """Ask, and go on until it is over."""
        return await self.to_its_end(bot, await self.asked(bot))

    async def to_its_end(self, bot: Bot, job: Job, meanwhile: Mapping[State, Callable[[], object]] = _NOTHING) -> Job:
        """Make every step, and say all that is owed after each, until nothing is any more.

        What comes about `meanwhile` does so in a state, before the step that leaves it.
        """
        coming = dict(meanwhile)
        for _ in range(200):
            coming.pop(job.state, _nothing)()
            stepped = await bot.worker.step(job.id)
            told = await self._told(bot)
            job = await bot.store.job(job.id)
            if job.state in FINAL | {State.KEPT} and not told:
                return job
            if stepped is None and not told:
                bot.let_pass(job)
        raise AssertionError(f"job {job.id} does not end: {job.state}")

    async def _told(self, bot: Bot) -> int:
        """Say what is due, or what whoever ended had taken upon itself; how much there was."""
        told = await speak(bot.ports, bot.worker.cards)
        if not told:
            self.clock.forward(61_000)
            told = await speak(bot.ports, bot.worker.cards)
        return told


@contextmanager
def town(*, reconciles: bool = True) -> Iterator[Town]:
    """Open a world of its own, in memory where there is room; all that the bot sent is as Discord would take it."""
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    try:
        with (
            tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as name,
            serving() as server,
            providing(Path(name) / "imagined", Script(video=video())) as provider,
        ):
            guild = server.guild("Harbour")
            general = server.channel(guild, "general")
            maya = server.member(guild, "Maya")
            yield Town(
                server=server,
                general=general,
                maya=maya,
                provider=provider,
                folder=Path(name),
                clock=Clock(),
                reconciles=reconciles,
            )
            assert server.violations == []
    finally:
        discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = base, gateway
