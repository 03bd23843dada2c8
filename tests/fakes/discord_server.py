"""A stand-in for Discord at the socket: REST, gateway and files in one, which discord.py takes for the real one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote

from aiohttp import BodyPartReader, web

from tests.fakes import discord_rest, discord_schema
from tests.fakes.discord_gateway import Gateway
from tests.fakes.discord_interactions import File, Interaction, People
from tests.fakes.discord_rest import Call, Refused, Upload
from tests.fakes.discord_world import Channel, Guild, Json, Message, Role, User, World, bits
from tests.fakes.ending import let_all_go, stop_taking

T = TypeVar("T")
_API = "/api/v10"
_OPEN_PATHS = ("/gateway", "/webhooks/", "/interactions/")
_CLOUDFLARE = "<html><head><title>Access denied</title></head><body>error code: 1015</body></html>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request and how it ended; `status` 0 is one whose connection was cut."""

    method: str
    path: str
    query: Mapping[str, str]
    json: Any
    files: tuple[Upload, ...]
    status: int
    answer: Any


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with the next `times` requests of a kind; `after` the effect, or instead of it.

    Status 0 cuts the connection; `html` is Cloudflare's page; `delay_s` alone only makes it late.
    """

    method: str
    pattern: re.Pattern[str]
    status: int
    code: int
    message: str
    after: bool
    times: int
    retry_after_s: float
    scope: str
    html: bool
    delay_s: float

    def meets(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in {method, "*"} and bool(self.pattern.fullmatch(path))


@dataclass(frozen=True, slots=True)
class _Reply:
    """What goes back: a status and JSON, or a page; status 0 is nothing at all."""

    status: int
    body: Any = None
    page: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class DiscordServer:
    """Serves on a free port until closed, in a thread of its own; every method may be called from any thread.

    `violations` are the things that Discord would refuse or that would ring a whole server: a good bot leaves it empty.
    """

    def __init__(self, token: str = "a.discord.token") -> None:
        self.token = token
        self.world = World()
        self.bot, self.owner = self.world.bot, self.world.owner
        self.requests: list[Asked] = []
        self.violations: list[str] = []
        self.broken: list[BaseException] = []
        self._faults: list[Fault] = []
        self._people = People(self.world)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.gateway = Gateway(self.world, token, self._loop)
        self.world.tell = self.gateway.tell
        self.port = self._await(self._start())
        self.world.origin = self.origin
        self.gateway.url = self.gateway_url

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base of the REST API."""
        return self.origin + _API

    @property
    def gateway_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/gateway"

    def close(self) -> None:
        """Stop serving.

        Raises:
            RuntimeError: the stand-in itself broke over a request.
        """
        self._await(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self.broken:
            raise RuntimeError("the stand-in for Discord broke") from self.broken[0]

    def _await(self, work: Awaitable[T]) -> T:
        async def waited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(waited(), self._loop).result(10)

    async def _end(self) -> None:
        """Close what is open."""
        await stop_taking([self._listening])
        await self._runner.cleanup()
        await let_all_go()

    async def _start(self) -> int:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handle_signals=False)
        await self._runner.setup()
        self._listening = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(self._runner, self._listening).start()
        port: int = self._listening.getsockname()[1]
        return port

    # -- building the world

    def user(self, name: str, *, dms: bool = True, upload_bytes: int = 10 * 1024 * 1024) -> User:
        with self.world.lock:
            return self.world.user(name, dms=dms, upload_bytes=upload_bytes)

    def guild(self, name: str, owner: User | None = None, *, tier: int = 0, bot: bool = True) -> Guild:
        """Make a server; `tier` is its boosts, which say how large a file may be."""
        with self.world.lock:
            made = self.world.guild(name, owner or self.owner, tier=tier)
            if bot:
                self.add_bot(made)
            return made

    def add_bot(self, guild: Guild) -> None:
        with self.world.lock:
            guild.has_bot = True
            guild.members[self.bot.id] = self.bot
            self.world.tell_guild("GUILD_CREATE", self.world.guild_json(guild))

    def remove_bot(self, guild: Guild) -> None:
        with self.world.lock:
            discord_rest.remove_bot(self.world, guild)

    def outage(self, guild: Guild) -> None:
        """Have Discord lose sight of a server of its own."""
        with self.world.lock:
            self.world.tell_guild("GUILD_DELETE", {"id": str(guild.id), "unavailable": True})
            guild.is_away = True

    def role(self, guild: Guild, name: str, permissions: Iterable[str] = ()) -> Role:
        with self.world.lock:
            made = self.world.role(guild, name, permissions)
            self.world.tell_guild("GUILD_ROLE_CREATE", {"guild_id": str(guild.id), "role": made.json()})
            return made

    def join(self, user: User, guild: Guild, *roles: Role) -> User:
        """Make somebody a member with just these roles."""
        with self.world.lock:
            guild.members[user.id] = user
            guild.roles_of[user.id] = list(roles)
            return user

    def member(self, guild: Guild, name: str, *roles: Role, dms: bool = True) -> User:
        """Make a person who is a member."""
        return self.join(self.user(name, dms=dms), guild, *roles)

    def channel(self, guild: Guild, name: str, *, nsfw: bool = False) -> Channel:
        with self.world.lock:
            made = self.world.channel(guild, name, nsfw=nsfw)
            if guild.has_bot:
                discord_rest.tell_channel(self.world, made, "CREATE")
            return made

    def permissions(
        self, channel: Channel, who: User | Role | None = None, *, allow: Iterable[str] = (), deny: Iterable[str] = ()
    ) -> None:
        """Say what somebody, a role, or without either everybody, may and may not do in a channel, by name."""
        with self.world.lock:
            assert channel.guild is not None
            channel.overwrites[who.id if who else channel.guild.id] = (bits(allow), bits(deny))
            discord_rest.tell_channel(self.world, channel, "UPDATE")

    def delete_channel(self, channel: Channel) -> None:
        with self.world.lock:
            discord_rest.delete_channel(self.world, channel)

    delete_thread = delete_channel

    def delete_message(self, message: Message) -> None:
        with self.world.lock:
            discord_rest.delete(self.world, message)

    def archive(self, thread: Channel, archived: bool = True) -> None:
        self._change(thread, archived=archived)

    def lock(self, thread: Channel, locked: bool = True) -> None:
        """Close a thread to all who may not manage threads."""
        self._change(thread, locked=locked)

    def restrict(self, channel: Channel, nsfw: bool = True) -> None:
        """Mark a channel as for adults."""
        self._change(channel, nsfw=nsfw)

    def _change(self, channel: Channel, **changes: bool) -> None:
        with self.world.lock:
            for name, value in changes.items():
                setattr(channel, name, value)
            discord_rest.tell_channel(self.world, channel, "UPDATE")

    def block(self, guild: Guild, *, words: Iterable[str] = (), links: Iterable[str] = ()) -> None:
        """Have a server's filters refuse words (200000) and links (240000)."""
        with self.world.lock:
            guild.blocked_words += words
            guild.blocked_links += links

    def advance(self, seconds: float) -> None:
        """Move Discord's clock on; nobody else's."""
        with self.world.lock:
            self.world.ahead_s += seconds

    # -- what people do

    def slash(self, user: User, channel: Channel, command: str, /, **options: Any) -> Interaction:
        """Send `/command` with its options; a file is a pair of name and bytes. Words after a space are subcommands."""
        with self.world.lock:
            return self._people.command(user, channel, command, options)

    def autocomplete(
        self, user: User, channel: Channel, command: str, /, option: str, typed: str, **others: Any
    ) -> Interaction:
        """Type into an option, and ask for suggestions."""
        with self.world.lock:
            return self._people.command(user, channel, command, others, focused=(option, typed))

    def message_command(self, user: User, message: Message, name: str) -> Interaction:
        with self.world.lock:
            return self._people.message_command(user, message, name)

    def press(
        self, user: User, message: Message | Interaction, word: str, *, values: Sequence[str] | None = None
    ) -> Interaction:
        """Press a button by its custom id or label, or choose `values` in a menu; of an interaction, in its answer."""
        with self.world.lock:
            shown = message.message if isinstance(message, Interaction) else message
            assert shown is not None, "there is no answer yet"
            return self._people.press(user, shown, word, values)

    def submit_modal(
        self,
        form: Interaction,
        values: Mapping[str, Any] = {},
        files: Mapping[str, Sequence[File]] = {},
    ) -> Interaction:
        """Send the form that an interaction opened."""
        with self.world.lock:
            return self._people.submit(form, values, files)

    def redeliver(self, interaction: Interaction) -> None:
        """Tell the bot of an interaction once more."""
        with self.world.lock:
            self._people.deliver(interaction)

    def post(
        self,
        user: User,
        channel: Channel,
        content: str = "",
        files: Sequence[File] = (),
        *,
        mentions_bot: bool = False,
        reply_to: Message | None = None,
    ) -> Message:
        """Write a message as a person."""
        with self.world.lock:
            text = f"{self.bot.mention} {content}".strip() if mentions_bot else content
            sent = tuple(Upload(at=at, filename=name, content=data) for at, (name, data) in enumerate(files))
            kind = 19 if reply_to else 0
            return discord_rest.post(
                self.world, channel, user, {"content": text}, sent, 1 << 40, reply_to=reply_to, kind=kind
            )

    # -- what there is to see

    def messages(self, channel: Channel, *, deleted: bool = False) -> list[Message]:
        """Return what all can see in a channel, oldest first; with `deleted` also what is gone."""
        with self.world.lock:
            return [each for each in channel.messages if each.private_to is None and (deleted or not each.deleted)]

    def threads(self, channel: Channel) -> list[Channel]:
        with self.world.lock:
            return [each for each in self.world.channels.values() if each.parent is channel and not each.deleted]

    def dm_channel(self, user: User) -> Channel:
        with self.world.lock:
            return self.world.dm(user)

    def dm(self, user: User) -> list[Message]:
        """Return what stands in somebody's direct messages with the bot."""
        return self.messages(self.dm_channel(user))

    def commands(self, guild: Guild | None = None) -> list[Json]:
        """Return the commands that the bot registered, for all or for one server."""
        with self.world.lock:
            return self.world.commands.get(guild.id if guild else None, [])

    def offered(self, user: User, channel: Channel) -> list[str]:
        """Return the names of the commands that somebody is shown in a channel."""
        with self.world.lock:
            return [each["name"] for each in self._people.offered(user, channel)]

    @property
    def identifies(self) -> list[Json]:
        return self.gateway.identifies

    def asked(self, method: str, path_pattern: str) -> list[Asked]:
        """Return the requests of a kind; `*` in the path stands for one part."""
        pattern = _pattern(path_pattern)
        return [each for each in list(self.requests) if each.method == method and pattern.fullmatch(each.path)]

    def wait(self, condition: Callable[[], T], within_s: float = 5) -> T:
        """Wait until a condition holds, and return what it gave. For threads that do not run the bot."""
        until = time.monotonic() + within_s
        while not (value := condition()):
            assert time.monotonic() < until, "it never came to be so"
            time.sleep(0.005)
        return value

    async def until(self, condition: Callable[[], T], within_s: float = 5) -> T:
        """Wait like `wait`, and let the loop go on."""
        until = time.monotonic() + within_s
        while not (value := condition()):
            assert time.monotonic() < until, "it never came to be so"
            await asyncio.sleep(0.005)
        return value

    # -- what goes wrong

    def fault(
        self,
        method: str,
        path_pattern: str,
        *,
        status: int | None = None,
        code: int = 0,
        message: str = "",
        after: bool = False,
        times: int = 1,
        retry_after: float = 0.05,
        scope: str = "user",
        html: bool = False,
        delay_s: float = 0,
    ) -> Fault:
        """Have requests go wrong: `*` in the path stands for one part, `scope` of a 429 is user, global or shared.

        Without a status it is 429 for a page of Cloudflare's, else an answer that is only late by `delay_s`.
        """
        status = status if status is not None else (429 if html else -1)
        made = Fault(
            method=method,
            pattern=_pattern(path_pattern),
            status=status,
            code=code,
            message=message,
            after=after,
            times=times,
            retry_after_s=retry_after,
            scope=scope,
            html=html,
            delay_s=delay_s,
        )
        with self.world.lock:
            self._faults.append(made)
        return made

    def _fault_of(self, method: str, path: str) -> Fault | None:
        with self.world.lock:
            found = next((each for each in self._faults if each.meets(method, path)), None)
            if found is not None:
                found.times -= 1
            return found

    # -- serving

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            path = unquote(request.path).removeprefix(_API)
            call = await _read(request, path)
            fault = self._fault_of(call.method, path)
            if fault is not None:
                await asyncio.sleep(fault.delay_s)
            if not request.path.startswith(_API):
                return self._file(request, fault)
            return await self._send(request, call, self._answer(request, call, fault))
        except ConnectionError:
            raise
        except Exception as broken:
            self.broken.append(broken)
            raise

    def _answer(self, request: web.Request, call: Call, fault: Fault | None) -> _Reply:
        instead = None if fault is None or fault.status == -1 else _faulty(fault, call)
        if instead is not None and fault is not None and not fault.after:
            return instead
        if not call.path.startswith(_OPEN_PATHS) and request.headers.get("Authorization") != f"Bot {self.token}":
            return _Reply(401, {"message": "401: Unauthorized", "code": 0})
        with self.world.lock:
            self._inspect(call)
            reply = self._respond(call)
        return instead or reply

    def _respond(self, call: Call) -> _Reply:
        try:
            discord_rest.refuse_flaws(discord_schema.body_flaws(call.method, call.path, call.body))
            return _Reply(*discord_rest.respond(self.world, call))
        except Refused as refused:
            self._blame(call, [f"{where}: {word}: {sentence}" for where, word, sentence in refused.flaws])
            if refused.status == 429:
                headers = {"Retry-After": "1", "X-RateLimit-Scope": "shared"}
                return _Reply(429, refused.body, headers=headers)
            return _Reply(refused.status, refused.body)

    def _inspect(self, call: Call) -> None:
        """Write down what Discord would not mind, and we do."""
        if not discord_schema.is_endpoint(call.method, call.path):
            self._blame(call, ["no endpoint of Discord"])
        if isinstance(call.body, dict):
            data = call.body.get("data") or {} if call.path.endswith("/callback") else call.body
            is_message = (
                "/messages" in call.path or call.path.startswith("/webhooks/") or call.body.get("type") in {4, 7}
            )
            if is_message:
                self._blame(call, discord_schema.wrong_manners(data, [each.filename for each in call.files]))

    def _blame(self, call: Call, wrongs: list[str]) -> None:
        self.violations += [f"{call.method} {call.path}: {wrong}" for wrong in wrongs]

    async def _send(self, request: web.Request, call: Call, reply: _Reply) -> web.StreamResponse:
        self.requests.append(
            Asked(
                method=call.method,
                path=call.path,
                query=call.query,
                json=call.body,
                files=call.files,
                status=reply.status,
                answer=reply.body,
            )
        )
        if reply.status == 0:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if reply.page is not None:
            return web.Response(status=reply.status, text=reply.page, content_type="text/html", headers=reply.headers)
        headers = {"Via": "1.1 google", **_plenty(call), **reply.headers}
        if reply.body is None:
            return web.Response(status=reply.status, headers=headers)
        body = json.dumps(reply.body).encode()
        return web.Response(status=reply.status, body=body, content_type="application/json", headers=headers)

    def _file(self, request: web.Request, fault: Fault | None) -> web.Response:
        """Serve an attachment to whom has a link that was signed here and is not over."""
        if fault is not None and fault.status > 0:
            return web.Response(status=fault.status)
        parts = request.path.split("/")
        with self.world.lock:
            found = self.world.uploads.get(int(parts[3])) if len(parts) == 5 and parts[3].isdigit() else None
            with contextlib.suppress(KeyError, ValueError):
                expires = int(request.query["ex"], 16)
                signed = found is not None and request.query["hm"] == found.signature(expires)
                if found is not None and signed and not found.gone and expires > self.world.now_s():
                    kind = found.content_type or "application/octet-stream"
                    return web.Response(body=found.content, content_type=kind, headers={"Accept-Ranges": "none"})
        return web.Response(status=404, text="This content is no longer available.")


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\*", "[^/]+"))


def _plenty(call: Call) -> dict[str, str]:
    """Return the headers of a rate limit that nobody comes near."""
    bucket = re.sub(r"\d{6,}", "id", call.path)
    return {
        "X-RateLimit-Limit": "50",
        "X-RateLimit-Remaining": "49",
        "X-RateLimit-Reset": f"{time.time() + 1:.3f}",
        "X-RateLimit-Reset-After": "1.000",
        "X-RateLimit-Bucket": f"{call.method}:{bucket}",
    }


def _faulty(fault: Fault, call: Call) -> _Reply:
    if fault.html:
        return _Reply(fault.status, page=_CLOUDFLARE, headers={"Retry-After": f"{max(1, int(fault.retry_after_s))}"})
    if fault.status == 429:
        is_global = fault.scope == "global"
        body = {"message": "You are being rate limited.", "retry_after": fault.retry_after_s, "global": is_global}
        headers = {
            "Retry-After": f"{fault.retry_after_s:.3f}",
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset-After": f"{fault.retry_after_s:.3f}",
            "X-RateLimit-Scope": fault.scope,
            **({"X-RateLimit-Global": "true"} if is_global else {}),
        }
        return _Reply(429, body | ({"code": fault.code} if fault.code else {}), headers=headers)
    return _Reply(fault.status, {"message": fault.message or f"{fault.status}: as told", "code": fault.code})


async def _read(request: web.Request, path: str) -> Call:
    """Read a request, whatever form its body has."""
    body: Any = None
    files: list[Upload] = []
    if request.content_type == "multipart/form-data":
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            content = bytes(await part.read())
            if part.name == "payload_json":
                body = json.loads(content)
            else:
                number = int(re.sub(r"\D", "", part.name or "") or len(files))
                files.append(Upload(at=number, filename=part.filename or "file", content=content))
    elif request.can_read_body:
        body = json.loads(await request.read() or b"null")
    return Call(method=request.method, path=path, query=dict(request.query), body=body, files=tuple(files))


@contextmanager
def serving(token: str = "a.discord.token") -> Iterator[DiscordServer]:
    """Serve for the length of a block.

    A test starts the bot with `url`, `gateway_url` and `token`, does something as a person, such as
    `asked = server.slash(maya, general, "animate", image=("a.png", png), prompt="waves")`, waits for what it expects,
    such as `server.wait(lambda: asked.text)`, and in the end finds `server.violations` empty.
    """
    server = DiscordServer(token)
    try:
        yield server
    finally:
        server.close()
