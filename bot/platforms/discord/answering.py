"""What people do on Discord, brought to the desk and answered in time: the acknowledgement first, then the words."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import aiohttp
import discord

from bot.language import speaking, tr
from bot.platforms.contract import Answer, Asking, Desk, Form, Message, Order, Pick, Press
from bot.platforms.discord import asking, commands
from bot.platforms.discord import form as forms
from bot.platforms.discord.asking import Circle, Media, Offered
from bot.platforms.discord.bringing import Bringer, Unfetched
from bot.platforms.discord.commands import Json
from bot.platforms.discord.replying import ANSWERED, TOO_LATE, Asked, Begun, Modal, respond, safely, think, write

log = logging.getLogger(__name__)

SLOW_S = 2.0
_SEEN = 2000
_BUTTON = "sm"
_NAME_CHARS = 100
_MOST_CHOICES = 25


def _no_media() -> Message:
    choose = tr("Choose one that has a picture, or use `/animate` with a picture of yours.")
    return Message(head=tr("There is no picture in that message."), text=(choose,))


def _one_of_two() -> Message:
    about = tr("A limit is about a member, a role or a channel, not about two.")
    return Message(head=tr("Name one of them."), text=(about,))


class Front:
    """Answers the interactions that one client is told of; `on_interaction` is the client's event.

    `slow_s` is how long a press may take before it is acknowledged without its answer.
    """

    def __init__(
        self,
        client: discord.Client,
        desk: Desk,
        circle: Circle,
        bringer: Bringer,
        begun: Begun,
        *,
        slow_s: float = SLOW_S,
    ) -> None:
        self._client, self._desk, self._circle = client, desk, circle
        self._bringer, self._begun, self._slow_s = bringer, begun, slow_s
        self._seen: deque[int] = deque(maxlen=_SEEN)
        self._owners: dict[int, int | None] = {}
        self._coming: dict[str, asyncio.Task[None]] = {}

    # -- interactions

    async def on_interaction(self, asked: Asked) -> None:
        """Answer an interaction; one that is delivered twice, or too late to be answered, is let go."""
        if asked.id in self._seen:
            return
        self._seen.append(asked.id)
        self._begun.note()
        try:
            with speaking(asked.locale.value):
                await self._heard(asked, _data(asked))
        except discord.HTTPException as error:
            if error.code not in TOO_LATE | {ANSWERED}:
                log.warning("an interaction was not answered", extra={"status": error.status, "code": error.code})
        except (aiohttp.ClientError, OSError) as error:
            log.warning("an interaction was not answered", extra={"error": type(error).__name__})

    async def _heard(self, asked: Asked, data: Json) -> None:
        match asked.type:
            case discord.InteractionType.autocomplete:
                await self._suggest(asked, data)
            case discord.InteractionType.application_command if data["name"] == commands.ANIMATE_THIS:
                await self._open_form(asked, data)
            case discord.InteractionType.application_command:
                await think(asked)
                await write(asked, await safely(self._done(asked, data)))
            case discord.InteractionType.component:
                await self._press(asked, data)
            case discord.InteractionType.modal_submit:
                await think(asked)
                await write(asked, await safely(self._submitted(asked, data)))

    async def _about(self, asked: Asked) -> dict[str, Any]:
        return asking.of_interaction(asked, self._circle, await self._owner(asked.guild))

    async def _owner(self, guild: discord.Guild | None) -> int | None:
        """Return whose a server is; before the gateway told of it, it is asked for once."""
        if guild is None or guild.owner_id is not None:
            return None if guild is None else guild.owner_id
        if guild.id not in self._owners:
            self._owners[guild.id] = (await self._client.fetch_guild(guild.id, with_counts=False)).owner_id
        return self._owners[guild.id]

    async def _soon(self, asked: Asked, answering: Awaitable[Answer], draw: Callable[[Form], Modal]) -> None:
        """Give an answer as the first response, so that it may open a form; where it is slow acknowledge before."""
        waiting = asyncio.ensure_future(safely(answering))
        done, _ = await asyncio.wait([waiting], timeout=self._slow_s)
        if done:
            await respond(asked, waiting.result(), draw)
        else:
            await think(asked)
            await write(asked, await waiting)

    # -- commands

    async def _done(self, asked: Asked, data: Json) -> Answer:
        """Do what a slash command says."""
        about, desk = await self._about(asked), self._desk
        _, options = asking.given(data)
        typed = {each["name"]: asking.as_typed(each["value"]) for each in options}
        match data["name"]:
            case commands.ANIMATE:
                return await self._animated(about, data, typed)
            case commands.ADMIN:
                return await self._ordered(about, data, asked.guild)
            case commands.QUOTA:
                return Answer(message=await desk.quota(Asking(**about)))
            case commands.JOBS:
                return Answer(message=await desk.jobs(Asking(**about), int(typed.get("page", "1"))))
            case commands.COLLECT:
                return Answer(message=await desk.collect(Asking(**about), typed.get("job", "").strip()))
        return Answer(message=await desk.help(Asking(**about)))

    async def _animated(self, about: dict[str, Any], data: Json, typed: dict[str, str]) -> Answer:
        files = (data.get("resolved") or {}).get("attachments") or {}
        image, audio = (_attached(files, typed.pop(name, "")) for name in ("image", "audio"))
        prompt, model = typed.pop("prompt", ""), typed.pop("model", None)
        return await self._bringer.ask(about, image, audio, prompt=prompt, model=model, options=typed)

    async def _ordered(self, about: dict[str, Any], data: Json, guild: discord.Guild | None) -> Answer:
        verb, options = asking.given(data)
        resolved = data.get("resolved") or {}
        if sum(asking.named(each, resolved) is not None for each in options) > 1:
            return Answer(message=_one_of_two())
        words = asking.words_of(verb, options, resolved)
        if words.get("subject", "").startswith("role:") and guild is not None:
            words |= await _counted(guild, words["subject"])
        return await self._desk.order(Order(**about, verb=verb, words=words))

    async def _suggest(self, asked: Asked, data: Json) -> None:
        _, options = asking.given(data)
        typed = next((str(each["value"]) for each in options if each.get("focused")), "")
        found: list[Pick] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._slow_s):
                found = await self._desk.picks(Asking(**await self._about(asked)), typed)
        choices = [
            discord.app_commands.Choice(name=each.label[:_NAME_CHARS], value=each.value)
            for each in found[:_MOST_CHOICES]
            if len(each.value) <= _NAME_CHARS
        ]
        await asked.response.autocomplete(choices)

    # -- buttons and forms

    async def _press(self, asked: Asked, data: Json) -> None:
        """Answer a button by its custom id alone, so that those of messages before a restart work too."""
        mark, verb, of = [*data["custom_id"].split(":", 2), "", ""][:3]
        if mark == _BUTTON:
            await self._soon(asked, self._pressed(asked, verb, of), forms.modal)

    async def _pressed(self, asked: Asked, verb: str, of: str) -> Answer:
        return await self._desk.press(Press(**await self._about(asked), verb=verb, of=of))

    async def _open_form(self, asked: Asked, data: Json) -> None:
        """Open the form for a message's picture and sound, which come while the person writes."""
        message = data["resolved"]["messages"][data["target_id"]]
        media = asking.media_of(message)
        if media.is_forward and media.is_empty:
            await respond(asked, Answer(message=_no_media()), forms.modal)
            return
        key = "" if media.is_empty else f"D{asked.id}"
        words = forms.about_media(media, _author(message))

        def draw(form: Form) -> Modal:
            ours = replace(form, origin=key, needs_picture=media.picture is None, title=commands.ANIMATE_THIS)
            return forms.modal(ours, words)

        await self._soon(asked, self._form(asked), draw)
        if key and asked.response.type is discord.InteractionResponseType.modal:
            task = self._coming[key] = asyncio.create_task(self._bring(asked, key, media))
            task.add_done_callback(lambda _: self._coming.pop(key, None))
            self._begun.note(task)

    async def _form(self, asked: Asked) -> Answer:
        return await self._desk.form(Asking(**await self._about(asked)))

    async def _bring(self, asked: Asked, key: str, media: Media) -> None:
        """Keep what a form is about; where it does not come, the core asks for it once the form is sent."""
        try:
            await self._bringer.keep(Asking(**await self._about(asked)), key, media)
        except Unfetched:
            log.info("what a form is about did not come")
        except Exception:
            log.exception("what a form is about was not kept")

    async def _submitted(self, asked: Asked, data: Json) -> Answer:
        """Ask for what a form says, once what it is about has come."""
        told = forms.filled(data)
        coming = self._coming.get(told.origin)
        if coming is not None:
            await asyncio.wait([coming])
        about = await self._about(asked)
        asks = {"prompt": told.prompt, "model": told.model, "options": told.options, "origin": told.origin}
        return await self._bringer.ask(about, told.image, told.audio, **asks)


# -- what Discord sends


def _data(asked: Asked) -> Json:
    return cast("Json", asked.data or {})


def _author(message: Json) -> str:
    name: str = message["author"].get("global_name") or message["author"]["username"]
    return name


def _attached(files: Json, own_id: str) -> Offered | None:
    return asking.offered(files[own_id]) if own_id in files else None


async def _counted(guild: discord.Guild, subject: str) -> dict[str, str]:
    """Return how many members a role has, where Discord says so."""
    own_id = int(subject.rpartition("/")[2])
    if own_id == guild.id:
        return {"members": str(guild.member_count)} if guild.member_count else {}
    try:
        counts = await guild.role_member_counts()
    except (discord.HTTPException, aiohttp.ClientError, OSError):
        return {}
    found = next((count for role, count in counts.items() if role.id == own_id), 0)
    return {"members": str(found)}
