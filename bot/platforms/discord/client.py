"""Discord as a chat platform: one client for what comes in, and the same for what goes out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import discord
import yarl

from bot.platforms.contract import Card, Desk, Message, Notice, Parcel, Spot, Standing
from bot.platforms.discord import commands, supervise
from bot.platforms.discord.answering import SLOW_S, Front
from bot.platforms.discord.asking import Circle
from bot.platforms.discord.bringing import Bringer, tidy
from bot.platforms.discord.meeting import Meeting
from bot.platforms.discord.posting import Posting
from bot.platforms.discord.replying import Begun
from bot.platforms.discord.supervise import Starts, Trouble, Watch
from bot.platforms.errors import PlatformDown

log = logging.getLogger(__name__)

_READY_S, _READY_PER_SHARD_S = 600.0, 10.0
_HEARTBEAT_S, _CANCELLED_S = 1.0, 0.5
_STARTS = "discord-starts.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Login:
    """A client that is logged in, what posts with it, and whose application it is."""

    client: discord.Client
    posting: Posting
    circle: Circle

    async def close(self) -> None:
        """Log out, and let what still runs end."""
        await self.posting.close()
        await self.client.close()
        await _close_begun()


class DiscordPlatform:
    """`open` is enough to post; `run` brings what people want as well, and lasts through every failure.

    `folder` takes files that people send, until the desk answered, and the count of sessions. `operators` are written
    PLATFORM/ID. `proxy` is a URL that may hold a password, `tls` what is trusted. `sleep` waits between two tries to connect.
    """

    name = Posting.name
    abilities = Posting.abilities

    def __init__(
        self,
        token: str,
        base_url: str,
        folder: Path,
        *,
        operators: Collection[str] = (),
        allow_dm: bool = False,
        proxy: str | None = None,
        tls: ssl.SSLContext | None = None,
        slow_s: float = SLOW_S,
        guild_ready_s: float = 2.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token, self._folder = token, folder
        self._operators, self._allow_dm, self._slow_s = frozenset(operators), allow_dm, slow_s
        self._guild_ready_s, self._sleep = guild_ready_s, sleep
        self._proxy, self._tls = proxy, tls
        self._starts, self._watch = Starts(folder / _STARTS), Watch(monotonic)
        self._login: _Login | None = None
        self._is_synced = False
        discord.http.Route.BASE = base_url.rstrip("/")

    @property
    def status(self) -> str | None:
        """Why Discord is off, in plain words; None while people can use the bot."""
        return self._watch.status

    # -- logging in

    async def open(self) -> None:
        """Log in, so that all but `run` works; `close` ends it.

        Raises:
            PlatformDown: Discord does not let the bot in, or does not answer; it says which.
        """
        try:
            await self._logged_in()
        except supervise.FAILURES as error:
            raise PlatformDown(self._watch.failed(error).why) from None

    async def close(self) -> None:
        login, self._login = self._login, None
        if login is not None:
            await login.close()

    async def _logged_in(self, *, is_sharded: bool = False) -> _Login:
        """Return the login that there is, else a new one; one of the wrong kind is given up."""
        if self._login is not None and isinstance(self._login.client, supervise.Sharded) >= is_sharded:
            return self._login
        await self.close()
        client = supervise.client(
            self._starts,
            is_sharded=is_sharded,
            guild_ready_s=self._guild_ready_s,
            proxy=self._proxy,
            tls=self._tls,
        )
        try:
            await client.login(self._token)
            circle = await self._circle(client)
        except BaseException:
            await client.close()
            raise
        self._login = _Login(client=client, posting=Posting(client), circle=circle)
        return self._login

    async def _circle(self, client: discord.Client) -> Circle:
        application = client.application or await client.application_info()
        members = application.team.members if application.team is not None else [application.owner]
        return Circle(owners=frozenset(each.id for each in members), operators=self._operators)

    # -- what comes in

    async def run(self, desk: Desk) -> NoReturn:
        await asyncio.to_thread(tidy, self._folder)
        try:
            while True:
                trouble = await self._connected(desk)
                log.warning("Discord is off", extra={"why": trouble.why, "wait_s": round(trouble.wait_s)})
                await self._sleep(trouble.wait_s)
        finally:
            await self.close()

    async def _connected(self, desk: Desk) -> Trouble:
        """Connect, and return why that ended."""
        try:
            await self._connect(desk)
        except supervise.FAILURES as error:
            return await self._ended(error)
        return await self._ended(ConnectionResetError())

    async def _ended(self, error: Exception) -> Trouble:
        """Keep a client that can still post; what is left of a connection is closed with its client."""
        given_up = isinstance(error, supervise.TooOften | TimeoutError)
        if self._login is not None and (given_up or self._login.client.is_closed()):
            await self.close()
        return self._watch.failed(error)

    async def _connect(self, desk: Desk) -> None:
        login = await self._logged_in()
        shards, address = await self._gateway(login.client)
        login = await self._logged_in(is_sharded=shards > 1)
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(address)
        await self._tell_commands(login.client, desk)
        begun = Begun()
        try:
            async with asyncio.timeout(_READY_S + shards * _READY_PER_SHARD_S) as limit:
                self._bring(login, desk, begun, limit)
                await _stay_connected(login.client)
        finally:
            await begun.end()
            await _close_begun()

    async def _gateway(self, client: discord.Client) -> tuple[int, str]:
        """Return how many connections Discord recommends, and where.

        Raises:
            TooOften: there is no session left to begin.
        """
        wait_s = self._starts.wait_s(0)
        told = await client.http.request(discord.http.Route("GET", "/gateway/bot"))
        limit = told["session_start_limit"]
        if limit["remaining"] < told["shards"]:
            wait_s = max(wait_s, limit["reset_after"] / 1000)
        if wait_s > 0:
            raise supervise.TooOften(wait_s)
        return told["shards"], told["url"]

    async def _tell_commands(self, client: discord.Client, desk: Desk) -> None:
        """Tell Discord of the commands once; where it does not take them the old ones go on."""
        if self._is_synced:
            return
        wanted = await asyncio.to_thread(commands.wanted, desk.fields, allow_dm=self._allow_dm)
        try:
            if await commands.sync(client, wanted):
                log.info("commands were told to Discord", extra={"commands": len(wanted)})
            self._is_synced = True
        except discord.HTTPException as error:
            log.warning("commands were not told to Discord", extra={"status": error.status, "code": error.code})

    def _bring(self, login: _Login, desk: Desk, begun: Begun, limit: asyncio.Timeout) -> None:
        """Have what people do heard; `begun` takes what they then wait for."""
        client, circle = login.client, login.circle
        bringer = Bringer(client, desk, self._folder)
        front = Front(client, desk, circle, bringer, begun, slow_s=self._slow_s)
        meeting = Meeting(client, desk, login.posting, circle, bringer, begun)
        for heard in (front.on_interaction, meeting.on_message, meeting.on_guild_join, meeting.on_guild_remove):
            client.event(heard)
        self._listen(client, limit, meeting.on_ready)

    def _listen(
        self, client: discord.Client, limit: asyncio.Timeout, when_ready: Callable[[], Awaitable[None]]
    ) -> None:
        """Watch the connection, and lift the limit once it is ready."""

        async def on_ready() -> None:
            self._watch.connected()
            with contextlib.suppress(RuntimeError):  # it has run out this moment
                limit.reschedule(None)
            await when_ready()

        async def on_resumed() -> None:
            self._watch.connected()

        async def on_disconnect() -> None:
            self._watch.disconnected()

        for heard in (on_ready, on_resumed, on_disconnect):
            client.event(heard)

    # -- what goes out

    @property
    def _posting(self) -> Posting:
        if self._login is None:
            raise PlatformDown("not logged in")
        return self._login.posting

    async def say(self, spot: Spot, text: str) -> str:
        return await self._posting.say(spot, text)

    async def tell(self, user: str, message: Message) -> None:
        await self._posting.tell(user, message)

    async def announce(self, notice: Notice) -> str:
        return await self._posting.announce(notice)

    async def show_card(self, card: Card, standing: Standing) -> Standing:
        return await self._posting.show_card(card, standing)

    async def show_video(self, parcel: Parcel) -> str:
        return await self._posting.show_video(parcel)

    async def find(self, parcel: Parcel) -> str | None:
        return await self._posting.find(parcel)

    async def remove(self, reference: str) -> None:
        await self._posting.remove(reference)


async def _stay_connected(client: discord.Client) -> None:
    """Connect; being cancelled ends that for certain: below 3.12 `asyncio.wait_for` in discord.py may let one cancel pass."""
    connecting = asyncio.create_task(client.connect())
    connecting.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        await asyncio.wait([connecting])
    finally:
        while not connecting.done():
            connecting.cancel()
            await asyncio.wait([connecting], timeout=_CANCELLED_S)
    await connecting


async def _close_begun() -> None:
    """Close the sessions that were given up while they began: discord.py lets go of them, and their heartbeats go on."""
    loop = asyncio.get_running_loop()
    for thread in threading.enumerate():
        if isinstance(thread, discord.gateway.KeepAliveHandler) and thread.ws.loop is loop:
            with contextlib.suppress(*supervise.FAILURES):
                await thread.ws.close()
            await asyncio.to_thread(thread.join, _HEARTBEAT_S)
