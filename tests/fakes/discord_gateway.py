"""The stand-in's gateway: HELLO, IDENTIFY, READY, heartbeats, RESUME, and every way in which a connection may end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.fakes.discord_world import MESSAGE_CONTENT, Json, World

_PRIVILEGED = 1 << 1 | 1 << 8 | MESSAGE_CONTENT
DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, INVALID, HELLO, ACK = 0, 1, 2, 6, 7, 9, 10, 11


@dataclass(kw_only=True, eq=False)
class Session:
    """What a bot that said IDENTIFY is told; it outlives its connection, which may come back and ask for the rest."""

    id: str
    intents: int
    frames: list[str] = field(default_factory=list)
    sent: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, event: str, told: Json) -> None:
        self.frames.append(json.dumps({"op": DISPATCH, "t": event, "s": len(self.frames) + 1, "d": told}))


@dataclass(kw_only=True, eq=False)
class Connection:
    """One socket and, once it has said who it is, its session; `ours` tells that we closed it."""

    socket: web.WebSocketResponse
    request: web.Request
    session: Session | None = None
    writer: asyncio.Task[None] | None = None
    ours: bool = False

    async def send(self, op: int, told: Any = None) -> None:
        await self.socket.send_json({"op": op, "d": told})

    async def close(self, code: int) -> None:
        self.ours = True
        await self.socket.close(code=code)

    async def cut(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


class Gateway:
    """Speaks with every connection. `acks` off withholds heartbeat acknowledgements; `refusing` connections get a 503."""

    def __init__(self, world: World, token: str, loop: asyncio.AbstractEventLoop) -> None:
        self._world, self._token, self._loop = world, token, loop
        self.url = ""
        self.heartbeat_interval_s = 41.25
        self.acks = True
        self.refusing = 0
        self.identifies: list[Json] = []
        self.resumes: list[Json] = []
        self.heartbeats = 0
        self.connections = 0
        self.sessions: dict[str, Session] = {}
        self._open: list[Connection] = []

    # -- from any thread

    def tell(self, event: str, make: Callable[[int], Json | None]) -> None:
        """Send an event to every session that wants it, now or when it resumes."""
        with self._world.lock:
            for session in self.sessions.values():
                told = make(session.intents)
                if told is not None:
                    session.add(event, told)
                    self._loop.call_soon_threadsafe(session.wake.set)

    def drop(self) -> None:
        """Cut every connection without a word."""
        self._each(Connection.cut)

    def close(self, code: int) -> None:
        """Close every connection with a code; 4004, 4010 to 4014 are for good."""
        self._each(lambda connection: connection.close(code))

    def reconnect(self) -> None:
        """Ask every connection to come back, as Discord does when a machine is taken down."""
        self._each(lambda connection: connection.send(RECONNECT))

    def invalidate(self, *, resumable: bool = False) -> None:
        """Tell every connection that its session is no more."""
        if not resumable:
            self.forget()
        self._each(lambda connection: connection.send(INVALID, resumable))

    def forget(self) -> None:
        """Forget every session, so that a RESUME is answered with INVALID_SESSION."""
        with self._world.lock:
            self.sessions.clear()

    @property
    def connected(self) -> bool:
        return any(connection.session is not None for connection in list(self._open))

    # -- in the loop

    def _each(self, act: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
        """Do something with every connection, soon: nobody waits, as it may be the bot's own thread that asks."""

        async def do() -> None:
            for connection in list(self._open):
                with contextlib.suppress(ConnectionError):
                    await act(connection)

        asyncio.run_coroutine_threadsafe(do(), self._loop)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self.refusing:
            self.refusing -= 1
            return web.Response(status=503)
        socket = web.WebSocketResponse(autoping=True, max_msg_size=0)
        await socket.prepare(request)
        self.connections += 1
        connection = Connection(socket=socket, request=request)
        self._open.append(connection)
        try:
            await connection.send(HELLO, {"heartbeat_interval": int(self.heartbeat_interval_s * 1000)})
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    await self._hear(connection, json.loads(frame.data))
        finally:
            self._end(connection)
        return socket

    def _end(self, connection: Connection) -> None:
        """Let go of a connection; one that the bot closed by 1000 or 1001 ends its session too."""
        self._open.remove(connection)
        if connection.writer is not None:
            connection.writer.cancel()
        session = connection.session
        if session is not None and not connection.ours and connection.socket.close_code in {1000, 1001}:
            self.sessions.pop(session.id, None)

    async def _hear(self, connection: Connection, said: Json) -> None:
        """Answer one frame."""
        opened: Session | None = None
        match said["op"]:
            case op if op == HEARTBEAT:
                self.heartbeats += 1
                if self.acks:
                    await connection.send(ACK)
            case op if op == IDENTIFY:
                opened = await self._identify(connection, said["d"])
            case op if op == RESUME:
                opened = await self._resume(connection, said["d"])
            case _ if connection.session is None:
                await connection.close(4003)
        if opened is not None:
            connection.session = opened
            connection.writer = asyncio.create_task(self._write(connection.socket, opened))

    async def _identify(self, connection: Connection, said: Json) -> Session | None:
        self.identifies.append({key: value for key, value in said.items() if key != "token"})
        self._world.starts_left -= 1
        if said["token"] != self._token:
            await connection.close(4004)
            return None
        granted = MESSAGE_CONTENT if self._world.may_read_content else 0
        if said["intents"] & _PRIVILEGED & ~granted:
            await connection.close(4014)
            return None
        session = Session(id=uuid.uuid4().hex, intents=said["intents"])
        with self._world.lock:
            self._greet(session, said.get("shard"))
            self.sessions[session.id] = session
        return session

    def _greet(self, session: Session, shard: list[int] | None) -> None:
        """Say READY, and which servers there are."""
        world = self._world
        at, count = shard or [0, 1]
        guilds = [each for each in world.guilds.values() if each.has_bot and (each.id >> 22) % count == at]
        ready: Json = {
            "v": 10,
            "user": world.bot.json() | {"verified": True, "mfa_enabled": True, "email": None},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "application": {"id": str(world.bot.id), "flags": 0},
        }
        session.add("READY", ready | ({"shard": shard} if shard else {}))
        for guild in (each for each in guilds if not each.is_away):
            session.add("GUILD_CREATE", world.guild_json(guild))

    async def _resume(self, connection: Connection, said: Json) -> Session | None:
        self.resumes.append({key: value for key, value in said.items() if key != "token"})
        session = self.sessions.get(said["session_id"])
        if session is None or said["token"] != self._token:
            await connection.send(INVALID, False)
            return None
        with self._world.lock:
            session.sent = said["seq"]
            session.add("RESUMED", {})
        return session

    async def _write(self, socket: web.WebSocketResponse, session: Session) -> None:
        """Send whatever the session has that its bot has not seen."""
        with contextlib.suppress(ConnectionError):
            while not socket.closed:
                session.wake.clear()
                while session.sent < len(session.frames):
                    frame, session.sent = session.frames[session.sent], session.sent + 1
                    await socket.send_str(frame)
                await session.wake.wait()
