"""Discord as the platform of a bot that ends at any of its outside calls: one card, one thread, one video in it, shown once."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import discord
import pytest

from bot.platforms.contract import Spot
from bot.platforms.discord.client import DiscordPlatform
from bot.speaking import speak
from storage.contract import Job
from storage.states import FINAL, State
from tests.chaos.harness import Bot, Clock, Killed, Setting, Wire, started
from tests.fakes.discord_server import DiscordServer, serving
from tests.fakes.discord_world import Channel, User
from tests.fakes.provider import imagined
from tests.fakes.provider_server import ProviderServer, Script
from tests.fakes.provider_server import serving as providing
from tests.fakes.provider_video import video

_MEMORY = Path("/dev/shm")
MORE_OR_LESS = 10
"""By how many calls two lives may differ: progress is shown as there is time."""


@dataclass(frozen=True, kw_only=True)
class Town:
    """A channel on Discord, a person in it, and a provider that can be asked what became of a call."""

    server: DiscordServer
    general: Channel
    maya: User
    provider: ProviderServer
    folder: Path
    clock: Clock

    @asynccontextmanager
    async def bot(self, wire: Wire | None = None) -> AsyncIterator[Bot]:
        """Start a process that lives until it is left, or ends at the wire."""
        platform = DiscordPlatform(self.server.token, self.server.url, self.folder)
        await platform.open()
        setting = Setting(
            folder=self.folder,
            providers=(imagined(self.provider.url, reconciles=True, cancels=True),),
            platform=platform,
            clock=self.clock,
        )
        try:
            async with started(setting, wire) as bot:
                yield bot
        finally:
            await platform.close()

    async def asked(self, bot: Bot) -> Job:
        """Ask, as a platform that redelivers does."""
        guild = self.general.guild
        assert guild is not None
        return await bot.ask(
            user=f"discord/{self.maya.id}",
            scope=f"discord/{guild.id}",
            channel=f"discord/{self.general.id}",
            spot=Spot(server=str(guild.id), channel=str(self.general.id)),
        )

    async def live(self, bot: Bot) -> Job:
        """Make every step, and say all that is owed after each, until the job is over and nothing is owed any more."""
        job = await self.asked(bot)
        for _ in range(200):
            stepped = await bot.worker.step(job.id)
            told = await self._told(bot)
            job = await bot.store.job(job.id)
            if job.state in FINAL and not told:
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
def town(folder: Path) -> Iterator[Town]:
    """Open a world of its own."""
    folder.mkdir()
    with serving() as server, providing(folder / "imagined", Script(video=video())) as provider:
        guild = server.guild("Harbour")
        general = server.channel(guild, "general")
        maya = server.member(guild, "Maya")
        yield Town(server=server, general=general, maya=maya, provider=provider, folder=folder, clock=Clock())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in memory where there is one; where Discord is stands as before afterwards."""
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def assert_told_once(there: Town, job: Job) -> None:
    """Check what people see at the end: a card that says so, one thread on it, and the video there once."""
    assert job.state is State.DELIVERED
    assert len(there.provider.paid()) == 1
    [card] = there.server.messages(there.general)
    assert "Done in" in card.text
    [thread] = there.server.threads(there.general)
    assert card.thread is thread
    [shown] = there.server.messages(thread)
    assert shown.attachment.filename.endswith(f"{job.id}.mp4")
    assert shown.rings == {there.maya.id}
    assert card.button("Watch").url == f"https://discord.com/channels/{job.place.server}/{thread.id}/{shown.id}"
    assert there.server.violations == []


async def test_whichever_call_it_ends_at_the_video_is_in_the_thread_once(quick: Path) -> None:
    """Every boundary in order, those between a message and writing down where it stands included."""
    wire = Wire()
    with town(quick / "whole") as there:
        async with there.bot(wire) as bot:
            assert_told_once(there, await there.live(bot))
    assert {"platform.show_card >", "platform.show_video >", "store.said <"} <= set(wire.passed)
    for boundary in count(1):
        with town(quick / f"{boundary}") as there:
            ending = Wire(boundary)
            with suppress(Killed):
                async with there.bot(ending) as bot:
                    await there.live(bot)
            async with there.bot() as bot:
                assert_told_once(there, await there.live(bot))
        if not ending.dead:
            break
    assert boundary > len(wire.passed) - MORE_OR_LESS
