"""Who asks on Discord, where, and with which files, as the core wants to know it."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import discord

from bot.platforms.contract import Spot
from bot.platforms.discord import commands
from bot.platforms.discord.commands import Json

NAME = "discord"
DIRECT = "@me"
_NEEDED = {
    "view_channel": "View Channel",
    "attach_files": "Attach Files",
    "read_message_history": "Read Message History",
    "embed_links": "Embed Links",
}
_NEEDED_BESIDE_THREADS = {"send_messages": "Send Messages"}
_NEEDED_IN_THREADS = {"send_messages_in_threads": "Send Messages in Threads"}
_NEEDED_FOR_THREADS = {"create_public_threads": "Create Public Threads"} | _NEEDED_IN_THREADS
_HAS_THREADS = frozenset({discord.ChannelType.text, discord.ChannelType.news})
_UNNAMED_IMAGES = frozenset({".heic", ".heif", ".avif", ".webp", ".jxl"})


# -- who, and where


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """Whose bot it is: the ids of the application's owner or team, and the operators, written PLATFORM/ID."""

    owners: frozenset[int] = frozenset()
    operators: frozenset[str] = frozenset()


def of_interaction(asked: discord.Interaction[Any], circle: Circle, owner: int | None) -> dict[str, Any]:
    """Return the fields of an Asking; `owner` is whose the server is."""
    may = asked.permissions
    lacks = missing(asked.channel, asked.app_permissions) if asked.guild_id is not None else ()
    told = _of(str(asked.id), asked.user, asked.channel, asked.guild_id, may, circle, owner)
    there = asked.guild_locale.value if asked.guild_locale else ""
    return told | {"lacks": lacks, "locale": asked.locale.value, "scope_locale": there}


def of_message(message: discord.Message, circle: Circle) -> dict[str, Any]:
    """Return the fields of an Asking for whoever wrote a message."""
    guild, author = message.guild, message.author
    if guild is None or not isinstance(author, discord.Member):
        return _of(str(message.id), author, message.channel, None, discord.Permissions(), circle, None)
    channel: Any = message.channel
    told = _of(str(message.id), author, channel, guild.id, channel.permissions_for(author), circle, guild.owner_id)
    there = guild.preferred_locale.value  # a message does not tell what its author reads
    lacks = missing(channel, channel.permissions_for(guild.me))
    return told | {"lacks": lacks, "locale": there, "scope_locale": there}


def _roles(user: discord.User | discord.Member, server: int | None) -> list[int]:
    """Return a member's roles, everybody's included, as they came: before the gateway told of a server it has no others."""
    if server is None or not isinstance(user, discord.Member):
        return []
    return [server, *(number for number in user._roles if number != server)]  # noqa: SLF001 - `roles` leaves out what is not known yet


def _of(
    own_id: str,
    user: discord.User | discord.Member,
    channel: Any,
    server: int | None,
    may: discord.Permissions,
    circle: Circle,
    owner: int | None,
) -> dict[str, Any]:
    place = DIRECT if server is None else str(server)
    asker = f"{NAME}/{user.id}"
    spot = _spot(place, channel)
    return {
        "id": own_id,
        "user": asker,
        "scope": f"{NAME}/{place}",
        "channel": f"{NAME}/{spot.channel}",
        "spot": spot,
        "roles": tuple(f"{NAME}/{each}" for each in _roles(user, server)),
        "name": user.display_name,
        "scope_is_own": owner in circle.owners,
        "is_admin": may.manage_guild or may.administrator,
        "is_moderator": may.manage_messages or may.administrator,
        "is_operator": asker in circle.operators,
        "is_age_restricted": _is_age_restricted(channel),
        "is_private": server is None,
    }


def _spot(server: str, channel: Any) -> Spot:
    if isinstance(channel, discord.Thread):
        return Spot(server=server, channel=str(channel.parent_id), thread=str(channel.id))
    return Spot(server=server, channel=str(channel.id) if channel is not None else "")


def _is_age_restricted(channel: Any) -> bool:
    outer = channel.parent if isinstance(channel, discord.Thread) else channel
    return bool(getattr(outer, "nsfw", False))


def missing(channel: Any, may: discord.Permissions) -> tuple[str, ...]:
    """Return the permissions that the bot needs in a channel and has not, as Discord's settings name them."""
    if may.administrator:
        return ()
    if isinstance(channel, discord.Thread):
        needed = _NEEDED | _NEEDED_IN_THREADS
    else:
        opens = getattr(channel, "type", discord.ChannelType.text) in _HAS_THREADS
        needed = _NEEDED | _NEEDED_BESIDE_THREADS | (_NEEDED_FOR_THREADS if opens else {})
    return tuple(words for permission, words in needed.items() if not getattr(may, permission))


# -- with which files


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A file that somebody attached, not fetched yet; its link ends after some time."""

    name: str
    url: str
    size_bytes: int
    mime: str = ""
    width_px: int = 0
    height_px: int = 0

    @property
    def is_picture(self) -> bool:
        """Whether it says that it is a picture, by type or name."""
        return self.mime.startswith("image/") or PurePath(self.name).suffix.lower() in _UNNAMED_IMAGES

    @property
    def is_sound(self) -> bool:
        """Whether it says that it is a sound."""
        return self.mime.startswith("audio/")


def offered(told: Mapping[str, Any]) -> Offered:
    """Return an attachment as Discord told of it."""
    name = told["filename"]
    mime = told.get("content_type") or mimetypes.guess_type(name)[0] or ""
    width, height = told.get("width") or 0, told.get("height") or 0
    return Offered(name=name, url=told["url"], size_bytes=told["size"], mime=mime, width_px=width, height_px=height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What of a message can be used: its pictures, the first of which counts, and its first sound."""

    pictures: tuple[Offered, ...] = ()
    sound: Offered | None = None
    is_forward: bool = False

    @property
    def picture(self) -> Offered | None:
        """The picture that counts."""
        return self.pictures[0] if self.pictures else None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to use."""
        return not self.pictures and self.sound is None


def media_of(message: Mapping[str, Any]) -> Media:
    """Return the media of a message as Discord told of it; of a forwarded one those of what it shows."""
    shown = [each["message"] for each in message.get("message_snapshots") or ()]
    files = [offered(each) for inner in (message, *shown) for each in inner.get("attachments") or ()]
    return Media(
        pictures=tuple(each for each in files if each.is_picture),
        sound=next((each for each in files if each.is_sound), None),
        is_forward=bool(shown),
    )


def media_in(message: discord.Message) -> Media:
    """Return the media of a message that the gateway told of."""
    shown = [{"message": _with_files(each.attachments)} for each in message.message_snapshots]
    return media_of(_with_files(message.attachments) | {"message_snapshots": shown})


def _with_files(attachments: Iterable[discord.Attachment]) -> Json:
    return {"attachments": [each.to_dict() for each in attachments]}


# -- with which words


def given(data: Json) -> tuple[str, list[Json]]:
    """Return the subcommand, empty where there is none, and the options that were given."""
    options: list[Json] = data.get("options") or []
    if options and options[0]["type"] == commands.SUBCOMMAND:
        return options[0]["name"], options[0].get("options") or []
    return "", options


def as_typed(value: Any) -> str:
    """Return an option's value as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom or what an order names: `kind` is user, role or channel, `id` is Discord's own."""

    kind: str
    id: str
    name: str


def named(option: Json, resolved: Json) -> Named | None:
    """Return whom an option names, with how people call them; None where its value is a word."""
    own_id = str(option["value"])
    match option["type"]:
        case commands.CHANNEL:
            return Named(kind="channel", id=own_id, name=f"#{_called(resolved, 'channels', own_id)}")
        case commands.USER:
            return _person(own_id, resolved)
        case commands.ROLE:
            return _role(own_id, resolved)
        case commands.WHO:
            return (_role if own_id in resolved.get("roles", {}) else _person)(own_id, resolved)
    return None


def _person(own_id: str, resolved: Json) -> Named:
    member = resolved.get("members", {}).get(own_id, {})
    user = resolved.get("users", {}).get(own_id, {})
    name = member.get("nick") or user.get("global_name") or user.get("username") or own_id
    return Named(kind="user", id=own_id, name=f"@{name}")


def _role(own_id: str, resolved: Json) -> Named:
    return Named(kind="role", id=own_id, name=f"@{_called(resolved, 'roles', own_id).removeprefix('@')}")


def _called(resolved: Json, kind: str, own_id: str) -> str:
    name: str = resolved.get(kind, {}).get(own_id, {}).get("name") or own_id
    return name


_ABOUT_SUBJECTS = frozenset({"limit", "grant", "clear"})


def words_of(verb: str, options: Sequence[Json], resolved: Json) -> dict[str, str]:
    """Return an order's words: those typed as they are, whom it is about as the core writes them."""
    words: dict[str, str] = {}
    for option in options:
        words |= dict(_words(verb, option, named(option, resolved)))
    return words


def _words(verb: str, option: Json, about: Named | None) -> Iterator[tuple[str, str]]:
    if about is None:
        yield option["name"], as_typed(option["value"])
        return
    subject = verb in _ABOUT_SUBJECTS
    written = f"{NAME}/{about.id}"
    yield ("subject", f"{about.kind}:{written}") if subject else (about.kind, written)
    yield "name", about.name
    if about.kind == "user":
        yield "members", "1"
