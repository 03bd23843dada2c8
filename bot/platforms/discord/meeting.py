"""Mentions of the bot, and the servers that it meets and leaves."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import aiohttp
import discord

from bot.platforms.contract import Answer, Asking, Desk
from bot.platforms.discord import asking
from bot.platforms.discord.asking import Circle, Media
from bot.platforms.discord.bringing import Bringer
from bot.platforms.discord.posting import Posting
from bot.platforms.discord.replying import Begun, post, reply, safely
from bot.platforms.errors import PlatformError

log = logging.getLogger(__name__)

_JUST_WRITTEN = frozenset({discord.MessageType.default, discord.MessageType.reply})


class Meeting:
    """Hears what one client is told beside interactions; its `on_` methods are the client's events."""

    def __init__(
        self, client: discord.Client, desk: Desk, posting: Posting, circle: Circle, bringer: Bringer, begun: Begun
    ) -> None:
        self._client, self._desk, self._posting, self._circle = client, desk, posting, circle
        self._bringer, self._begun = bringer, begun

    async def on_message(self, message: discord.Message) -> None:
        """Make a video of a picture that mentions the bot; without one say what the bot does."""
        if message.author.bot or message.type not in _JUST_WRITTEN or not self._is_meant(message):
            return
        self._begun.note()
        media = asking.media_in(message)
        try:
            about = asking.of_message(message, self._circle)
            if media.picture is None:
                await reply(message, await self._desk.help(Asking(**about)))
            else:
                await self._answer(message, await safely(self._mentioned(message, about, media)))
        except (discord.DiscordException, aiohttp.ClientError, OSError, PlatformError) as error:
            log.warning("a mention was not answered", extra={"error": type(error).__name__})

    def _is_meant(self, message: discord.Message) -> bool:
        """Tell whether a message speaks to the bot: a reply that rings it does not by itself."""
        return message.guild is None or any(mark in message.content for mark in self._marks)

    @property
    def _marks(self) -> tuple[str, str]:
        assert self._client.user is not None, "the client is not logged in"
        return f"<@{self._client.user.id}>", f"<@!{self._client.user.id}>"

    async def _mentioned(self, message: discord.Message, about: dict[str, Any], media: Media) -> Answer:
        prompt = message.content
        for mark in self._marks:
            prompt = prompt.replace(mark, " ")
        apart = message.guild is not None
        return await self._bringer.ask(
            about | {"is_told_apart": apart}, media.picture, media.sound, prompt=prompt.strip()
        )

    async def _answer(self, message: discord.Message, answer: Answer) -> None:
        """Say privately why not, or what goes to whom; what was accepted shows by its card.

        Whoever takes no direct message reads it below.
        """
        if answer.message is None or (answer.job and not answer.message.small):
            return
        if message.guild is None:
            await reply(message, answer.message)
            return
        try:
            await self._posting.tell(f"{asking.NAME}/{message.author.id}", answer.message)
        except PlatformError:
            await reply(message, answer.message)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Say what was added to whoever owns the server, else in the channel where it tells of itself."""
        lacks = asking.missing(None, guild.me.guild_permissions)
        spoken = guild.preferred_locale.value
        is_own = guild.owner_id in self._circle.owners
        message = await self._desk.installed(f"{asking.NAME}/{guild.id}", guild.name, lacks, spoken, is_own=is_own)
        try:
            await self._posting.tell(f"{asking.NAME}/{guild.owner_id}", message)
        except PlatformError:
            if guild.system_channel is not None:
                with contextlib.suppress(discord.HTTPException):
                    await post(guild.system_channel, message)

    async def on_ready(self) -> None:
        """Tell where the bot is, as servers may have removed it while it was away; one that is in an outage is there."""
        self._begun.note()
        servers = {f"{asking.NAME}/{guild.id}" for guild in self._client.guilds}
        await self._desk.present(servers | {f"{asking.NAME}/{asking.DIRECT}"})

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self._desk.removed(f"{asking.NAME}/{guild.id}")
