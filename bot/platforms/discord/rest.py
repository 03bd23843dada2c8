"""What is asked of Discord with the bot's token alone: each call is bounded, and what fails is sorted into later and never."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import discord
from discord.http import MultipartParameters, handle_message_parameters

from bot.language import later
from bot.platforms.errors import PlaceGone, PlatformDown, PlatformError, TooBig

T = TypeVar("T")
Json = dict[str, Any]
TALK_S, UPLOAD_S = 10.0, 120.0
NONCE_CHARS = 25
HAS_THREAD = 160004
_ARCHIVED = 50083
_FILTERED = frozenset({200000, 200001, 220001, 240000})
_TOO_BIG_STATUS, _TOO_BIG = 413, 40005
_PASSING = frozenset({401, 408, 429})
_NEVER = {
    10003: later("the place is gone"),
    10004: later("the server is gone"),
    10013: later("this person has no account any more"),
    40094: later("only the person who asked can be answered here"),
    50001: later("the bot may not see this place"),
    50007: later("this person takes no direct messages"),
    50008: later("nothing can be posted in this place"),
    50013: later("the bot may not post here"),
    50083: later("the thread is archived"),
    50278: later("this person shares no server with the bot"),
    160005: later("the thread is locked"),
} | dict.fromkeys(_FILTERED, later("this server's filter refuses it"))
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """A file that goes along, from this machine or from memory."""

    name: str
    source: Path | bytes
    alt: str = ""
    is_spoiler: bool = False

    def opened(self) -> discord.File:
        """Return it as discord.py uploads it."""
        source = self.source if isinstance(self.source, Path) else io.BytesIO(self.source)
        return discord.File(source, self.name, description=self.alt or None, spoiler=self.is_spoiler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as it is sent: with `content` a plain one without previews, else components alone.

    `rings` is the id of the one person that it may ring, `reply_to` the message that it answers.
    """

    content: str | None = None
    view: discord.ui.View | discord.ui.LayoutView | None = None
    files: tuple[Enclosed, ...] = ()
    rings: str = ""
    reply_to: str = ""

    def parameters(self, **more: Any) -> MultipartParameters:
        """Open the files and return what discord.py sends; leaving it closes them."""
        if self.content is not None:
            more |= {"content": self.content, "flags": discord.MessageFlags(suppress_embeds=True)}
        if self.view is not None:
            more["view"] = self.view
        if self.reply_to:
            more["message_reference"] = {"message_id": self.reply_to, "fail_if_not_exists": False}
        people = [discord.Object(int(self.rings))] if self.rings else False
        allowed = discord.AllowedMentions(everyone=False, roles=False, users=people, replied_user=False)
        return handle_message_parameters(allowed_mentions=allowed, **more)


class Rest:
    """Calls over a client that is logged in; the gateway need not be there. Talk has `talk_s`, an upload longer.

    Every call raises PlatformDown where it may succeed later, and discord.HTTPException where it never will.
    """

    def __init__(self, client: discord.Client, talk_s: float) -> None:
        self._client, self._http, self._talk_s = client, client.http, talk_s
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._is_closed = False

    async def close(self) -> None:
        """End what still runs; whoever waits for it is told that it may succeed later."""
        self._is_closed = True
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    @property
    def me(self) -> str:
        """The bot's own id."""
        return str(self._client.user.id) if self._client.user else ""

    async def post(self, channel: str, letter: Letter, *, nonce: str, within_s: float | None = None) -> str:
        """Post a message once under its nonce, and return its id; while one is on its way, that is the message."""
        key = f"{channel} {nonce}"
        return await self._bounded(key, lambda: self._post(channel, letter, nonce), within_s, joins=True)

    async def edit(self, channel: str, message: str, letter: Letter, *, within_s: float | None = None) -> None:
        """Change a message and its files as a whole."""
        await self._bounded(message, lambda: self._edit(channel, message, letter), within_s)

    async def delete(self, channel: str, message: str) -> None:
        """Delete a message of ours."""
        await self._bounded(message, lambda: self._http.delete_message(channel, message))

    async def awake(self, channel: str, change: Callable[[], Awaitable[T]]) -> T:
        """Change what stands in a channel; a thread that was archived is woken for it, as Discord changes nothing in one."""
        try:
            return await change()
        except discord.HTTPException as error:
            if error.code != _ARCHIVED:
                raise
        await self._bounded(f"{channel} awake", lambda: self._http.edit_channel(channel, archived=False))
        return await change()

    async def open_thread(self, channel: str, message: str, name: str) -> str:
        """Open a thread on a message, for as long as the channel's threads are; its id is the message's."""
        known = self._client.get_channel(int(channel))
        minutes = known.default_auto_archive_duration if isinstance(known, discord.TextChannel) else 1440

        def start() -> Coroutine[Any, Any, Any]:
            return self._http.start_thread_with_message(channel, message, name=name, auto_archive_duration=minutes)

        made = await self._bounded(f"{message} thread", start)
        return str(made["id"])

    async def direct(self, user: str) -> str:
        """Return the channel of a person's direct messages."""
        made = await self._bounded(f"{user} direct", lambda: self._http.start_private_message(user))
        return str(made["id"])

    async def guild(self, server: str) -> discord.Guild:
        """Return a server, from memory where the gateway told of it."""
        known = self._client.get_guild(int(server))
        if known is not None:
            return known
        return await self._bounded(f"{server} server", lambda: self._client.fetch_guild(int(server), with_counts=False))

    async def mine(self, channel: str, after: str = "", most_pages: int = 3) -> list[Json]:
        """Return our own messages since another one, newest first, as far back as the pages go."""
        found: list[Json] = []
        before: str | None = None
        for _ in range(most_pages):
            page = await self._page(channel, before)
            found += [each for each in page if each["author"]["id"] == self.me and int(each["id"]) > int(after or 0)]
            if len(page) < _PAGE or int(page[-1]["id"]) <= int(after or 0):
                break
            before = str(page[-1]["id"])
        return found

    async def _page(self, channel: str, before: str | None) -> list[Any]:
        def ask() -> Coroutine[Any, Any, list[Any]]:
            return self._http.logs_from(channel, _PAGE, before=before)

        return await self._bounded(f"{channel} page", ask)

    async def _post(self, channel: str, letter: Letter, nonce: str) -> str:
        files = [each.opened() for each in letter.files]
        with letter.parameters(nonce=nonce, **({"files": files} if files else {})) as parameters:
            posted = await self._http.send_message(channel, params=parameters)
        return str(posted["id"])

    async def _edit(self, channel: str, message: str, letter: Letter) -> None:
        with letter.parameters(attachments=[each.opened() for each in letter.files]) as parameters:
            await self._http.edit_message(channel, message, params=parameters)

    async def _bounded(
        self,
        key: str,
        make: Callable[[], Coroutine[Any, Any, T]],
        within_s: float | None = None,
        *,
        joins: bool = False,
    ) -> T:
        """Give a call so long; then it goes on alone, and the next one under its key waits for it first, or `joins` it.

        It is never cancelled: in a limit on everything discord.py would keep its gate shut for good.
        """
        try:
            async with asyncio.timeout(within_s or self._talk_s):
                call = await self._begun(key, make, joins=joins)
                await asyncio.wait([call])
            if call.cancelled():
                raise PlatformDown("it was closed meanwhile")
            return call.result()
        except discord.HTTPException as error:
            if is_passing(error):
                raise PlatformDown(f"Discord answered {error.status}") from None
            raise
        except (discord.RateLimited, aiohttp.ClientError, OSError) as error:
            raise PlatformDown(type(error).__name__) from None

    async def _begun(self, key: str, make: Callable[[], Coroutine[Any, Any, T]], *, joins: bool) -> asyncio.Task[T]:
        """Return the call that runs: a key has one at a time."""
        while (earlier := self._running.get(key)) is not None:
            if joins:
                return earlier
            await asyncio.wait([earlier])
        if self._is_closed or self._client.user is None or self._client.is_closed():
            raise PlatformDown("not logged in")
        return self._started(key, make())

    def _started(self, key: str, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        def forget(task: asyncio.Task[T]) -> None:
            if self._running.get(key) is task:
                del self._running[key]
            if not task.cancelled():
                task.exception()  # nobody may be waiting any more

        task = self._running[key] = asyncio.create_task(call)
        task.add_done_callback(forget)
        return task


async def unfiltered(send: Callable[[bool], Awaitable[T]], *, is_hidden: bool = False) -> tuple[T, bool]:
    """Send, and once more with people's words hidden where a server's own filter refuses them; whether they are."""
    try:
        return await send(is_hidden), is_hidden
    except discord.HTTPException as error:
        if is_hidden or error.code not in _FILTERED:
            raise
    return await send(True), True


def jobs_of(message: Json) -> set[str]:
    """Return the jobs that a message's buttons are about."""
    return {word.rpartition(":")[2] for word in custom_ids(message)}


def custom_ids(part: Json) -> list[str]:
    """Return the custom ids of a message or component and of all in it, from top to bottom."""
    inner = [*part.get("components", ()), *filter(None, [part.get("accessory")])]
    return [*filter(None, [part.get("custom_id")]), *(word for each in inner for word in custom_ids(each))]


def is_passing(error: discord.HTTPException) -> bool:
    """Tell whether it may be otherwise later; a page of Cloudflare's has no code."""
    if error.status == _TOO_BIG_STATUS:
        return False
    return error.status in _PASSING or error.status >= 500 or error.code == 0


def sorted_out(error: discord.HTTPException) -> PlatformError:
    """Return what the core is told of a refusal."""
    if error.status == _TOO_BIG_STATUS or error.code == _TOO_BIG:
        return TooBig()
    return PlaceGone(_NEVER.get(error.code, f"Discord does not take it, code {error.code}"))
