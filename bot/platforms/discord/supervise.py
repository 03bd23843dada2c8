"""What keeps the bot at Discord's gateway: when to try again, how often at most, and what to tell of it meanwhile."""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import discord

FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, AttributeError)
"""What ends a connection. The AttributeError is discord.py's own: it looks at a first connection that never was."""
AT_ONCE, APART_S, WITHIN_S = 4, 720.0, 3600.0
_FIRST_S, _LONGEST_S = 1.0, 60.0
_BANNED_LEAST_S, _BANNED_MOST_S = 60.0, 3600.0
_FOR_GOOD_S = 900.0
_JITTER = 0.1
_QUIET_S = 60.0
_UNAUTHORISED, _TOO_MANY = 401, 429
_BAD_TOKEN = 4004

REFUSED = "Discord refuses the bot's token"
INTENT = "Discord does not grant the bot an intent it asks for"
ENDED = "Discord ended the connection for good"
BANNED = "Discord's edge turns this address away for now"
LIMITED = "Discord asks the bot to wait before it starts again"
AWAY = "Discord does not answer"
OFTEN = "the bot connected too often, and waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why there is no connection, in plain words, and how long to wait before the next try."""

    why: str
    wait_s: float


class TooOften(discord.DiscordException):
    """Another IDENTIFY now would be one too many."""

    def __init__(self, wait_s: float) -> None:
        super().__init__("too many sessions were begun")
        self.wait_s = wait_s


class Starts:
    """Counts the sessions that were begun, in a file, so that no loop of crashes begins ten in an hour.

    Some may follow at once; then one every twelve minutes.
    """

    def __init__(self, path: Path, now_s: Callable[[], float] = time.time) -> None:
        self._path, self._now_s = path, now_s

    def wait_s(self, shard: int) -> float:
        """Return how long to wait before a shard's next session."""
        recent = [at_s for of, at_s in self._recent() if of == shard]
        return 0.0 if len(recent) < AT_ONCE else max(0.0, recent[-1] + APART_S - self._now_s())

    def begin(self, shard: int) -> None:
        """Count one.

        Raises:
            TooOften: it would be one too many.
        """
        wait_s = self.wait_s(shard)
        if wait_s > 0:
            raise TooOften(wait_s)
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps([*self._recent(), (shard, self._now_s())]))
            part.replace(self._path)

    def _recent(self) -> list[tuple[int, float]]:
        now_s = self._now_s()
        try:
            told = [(int(shard), float(at_s)) for shard, at_s in json.loads(self._path.read_text())]
        except (OSError, ValueError, TypeError):
            return []
        return [(shard, at_s) for shard, at_s in told if now_s - WITHIN_S < at_s <= now_s]


class Watch:
    """Says how the connection is, and what to do about a failure."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._why: str | None = AWAY
        self._gone_s: float | None = None
        self._failures = 0

    @property
    def status(self) -> str | None:
        """Why Discord is off, in plain words; None while it is on, or only a moment away."""
        if self._why is None and self._gone_s is not None and self._monotonic() - self._gone_s > _QUIET_S:
            return AWAY
        return self._why

    def connected(self) -> None:
        """People can use the bot now."""
        self._why, self._gone_s, self._failures = None, None, 0

    def disconnected(self) -> None:
        """Discord.py goes on by itself; it is told of only where that takes long."""
        if self._gone_s is None:
            self._gone_s = self._monotonic()

    def failed(self, error: Exception) -> Trouble:
        """Note a failure, and return what follows."""
        self._failures += 1
        trouble = self._trouble(error)
        self._why = trouble.why
        return trouble

    def _trouble(self, error: Exception) -> Trouble:
        match error:
            case TooOften():
                return Trouble(why=OFTEN, wait_s=error.wait_s)
            case discord.RateLimited():
                return Trouble(why=LIMITED, wait_s=error.retry_after)
            case discord.LoginFailure():
                return Trouble(why=REFUSED, wait_s=_FOR_GOOD_S)
            case discord.PrivilegedIntentsRequired():
                return Trouble(why=INTENT, wait_s=_FOR_GOOD_S)
            case discord.ConnectionClosed():
                return Trouble(why=REFUSED if error.code == _BAD_TOKEN else ENDED, wait_s=_FOR_GOOD_S)
            case discord.HTTPException(status=status) if status == _UNAUTHORISED:
                return Trouble(why=REFUSED, wait_s=_FOR_GOOD_S)
            case discord.HTTPException(status=status) if status == _TOO_MANY:
                told_s = min(max(_told_s(error), _BANNED_LEAST_S), _BANNED_MOST_S)
                return Trouble(why=LIMITED if error.code else BANNED, wait_s=told_s * (1 + _JITTER * random.random()))  # noqa: S311 - no secret
        longest_s = min(_FIRST_S * 2 ** min(self._failures - 1, 10), _LONGEST_S)
        return Trouble(why=AWAY, wait_s=longest_s * (1 - random.random() / 2))  # noqa: S311 - no secret


def _told_s(error: discord.HTTPException) -> float:
    """Return for how long Discord asks to be left alone."""
    with contextlib.suppress(ValueError):
        return float(error.response.headers.get("Retry-After", 0))
    return 0.0


class _Counted:
    """A client that counts every session before it begins one."""

    starts: Starts

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        self.starts.begin(shard_id or 0)
        await super().before_identify_hook(shard_id, initial=initial)  # type: ignore[misc] # a mixin of a client


class Single(_Counted, discord.Client):
    """One connection."""


class Sharded(_Counted, discord.AutoShardedClient):
    """As many connections as Discord recommends."""


def client(
    starts: Starts,
    *,
    is_sharded: bool,
    guild_ready_s: float,
    proxy: str | None = None,
    tls: ssl.SSLContext | None = None,
) -> discord.Client:
    """Return a client that keeps only what is needed: no members, no messages, no privileged intents."""
    told: dict[str, Any] = {
        "connector": aiohttp.TCPConnector(limit=0, ssl=tls or True),
        "proxy": proxy,
        "intents": discord.Intents(guilds=True, guild_messages=True, dm_messages=True),
        "allowed_mentions": discord.AllowedMentions.none(),
        "member_cache_flags": discord.MemberCacheFlags.none(),
        "chunk_guilds_at_startup": False,
        "max_messages": None,
        "max_ratelimit_timeout": _LONGEST_S,
        "guild_ready_timeout": guild_ready_s,
    }
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # it never speaks, and need not say so
    made = Sharded(**told) if is_sharded else Single(**told)
    made.starts = starts
    return made
