"""The world behind the stand-in for Discord: who is where, what they may do and what was said, in Discord's own forms."""

from __future__ import annotations

import hashlib
import io
import itertools
import mimetypes
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from PIL import Image, UnidentifiedImageError

Json = dict[str, Any]
Tell = Callable[[str, Callable[[int], Json | None]], None]
"""Sends an event of this name to the bot; what it says may depend on the bot's intents, and None is silence."""

_EPOCH_MS = 1_420_070_400_000
_MIB = 1024 * 1024
TEXT, DM, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 11, 12
EPHEMERAL, LOADING, SUPPRESS_EMBEDS, SILENT, IS_V2 = 1 << 6, 1 << 7, 1 << 2, 1 << 12, 1 << 15
GUILDS, GUILD_MESSAGES, DIRECT_MESSAGES, MESSAGE_CONTENT = 1 << 0, 1 << 9, 1 << 12, 1 << 15
LINK_LIVES_S = 24 * 3600

PERMISSIONS = {
    "administrator": 1 << 3,
    "manage_channels": 1 << 4,
    "manage_guild": 1 << 5,
    "add_reactions": 1 << 6,
    "view_channel": 1 << 10,
    "send_messages": 1 << 11,
    "manage_messages": 1 << 13,
    "embed_links": 1 << 14,
    "attach_files": 1 << 15,
    "read_message_history": 1 << 16,
    "mention_everyone": 1 << 17,
    "manage_roles": 1 << 28,
    "use_application_commands": 1 << 31,
    "manage_threads": 1 << 34,
    "create_public_threads": 1 << 35,
    "create_private_threads": 1 << 36,
    "send_messages_in_threads": 1 << 38,
    "use_external_apps": 1 << 50,
}
EVERYTHING = sum(PERMISSIONS.values())
_MEMBERS_MAY = EVERYTHING & ~sum(
    PERMISSIONS[name]
    for name in (
        "administrator",
        "manage_channels",
        "manage_guild",
        "manage_messages",
        "mention_everyone",
        "manage_roles",
        "manage_threads",
    )
)


def bits(names: Iterable[str]) -> int:
    """Return permissions that are named as one number."""
    return sum({PERMISSIONS[name] for name in names})


def walk(components: Iterable[Json]) -> Iterator[Json]:
    """Yield every component of a tree, each before its children."""
    for component in components:
        yield component
        yield from walk(component.get("components", ()))
        yield from walk([component[key] for key in ("accessory", "component") if key in component])


def media(component: Json) -> Iterator[Json]:
    """Yield the media of one component: a thumbnail's, a file's, a gallery's."""
    yield from (component[key] for key in ("media", "file") if isinstance(component.get(key), dict))
    yield from (item["media"] for item in component.get("items", ()))


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()


@dataclass(kw_only=True, eq=False)
class User:
    """A person, or the bot. `dms`: takes direct messages; `upload_bytes`: what a subscription allows; `locale`: what they read."""

    id: int
    name: str
    bot: bool = False
    dms: bool = True
    upload_bytes: int = 10 * _MIB
    locale: str = "en-US"

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"

    def json(self) -> Json:
        return {
            "id": str(self.id),
            "username": re.sub(r"\W+", ".", self.name.lower()),
            "global_name": None if self.bot else self.name,
            "discriminator": "0",
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
            "flags": 0,
            "primary_guild": None,
        }


@dataclass(kw_only=True, eq=False)
class Role:
    id: int
    name: str
    permissions: int
    position: int = 0

    def json(self) -> Json:
        return {
            "id": str(self.id),
            "name": self.name,
            "permissions": str(self.permissions),
            "position": self.position,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "managed": False,
            "mentionable": False,
            "icon": None,
            "unicode_emoji": None,
            "description": None,
            "flags": 0,
        }


@dataclass(kw_only=True, eq=False, repr=False)
class Guild:
    """A server. `blocked_words` and `blocked_links` are what its AutoMod and its harmful-links filter refuse.

    One that `is_away` is out of Discord's own reach.
    """

    id: int
    name: str
    owner: User
    tier: int = 0
    has_bot: bool = False
    is_away: bool = False
    locale: str = "en-US"
    joined_s: float = 0
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, User] = field(default_factory=dict)
    roles_of: dict[int, list[Role]] = field(default_factory=dict)
    blocked_words: list[str] = field(default_factory=list)
    blocked_links: list[str] = field(default_factory=list)

    def member_json(self, user: User, *, user_too: bool = True) -> Json:
        told: Json = {
            "roles": [str(role.id) for role in self.roles_of.get(user.id, ())],
            "nick": None,
            "avatar": None,
            "banner": None,
            "joined_at": _iso(self.joined_s),
            "premium_since": None,
            "communication_disabled_until": None,
            "pending": False,
            "deaf": False,
            "mute": False,
            "flags": 0,
        }
        return told | ({"user": user.json()} if user_too else {})

    def json(self) -> Json:
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.owner.id),
            "roles": [role.json() for role in self.roles.values()],
            "premium_tier": self.tier,
            "premium_subscription_count": 0,
            "preferred_locale": self.locale,
            "features": [],
            "emojis": [],
            "stickers": [],
            "verification_level": 0,
            "default_message_notifications": 1,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw": False,
            "nsfw_level": 0,
            "afk_timeout": 300,
            "system_channel_flags": 0,
            "max_members": 500_000,
            "max_video_channel_users": 25,
            "max_stage_video_channel_users": 50,
            "premium_progress_bar_enabled": False,
            "widget_enabled": False,
            "region": "deprecated",
            "approximate_member_count": len(self.members),
            "approximate_presence_count": 1,
            **dict.fromkeys(_NOTHING_SET),
        }


_NOTHING_SET = (
    "icon",
    "description",
    "home_header",
    "splash",
    "discovery_splash",
    "banner",
    "application_id",
    "afk_channel_id",
    "system_channel_id",
    "widget_channel_id",
    "vanity_url_code",
    "max_presences",
    "rules_channel_id",
    "public_updates_channel_id",
    "safety_alerts_channel_id",
    "incidents_data",
)


@dataclass(kw_only=True, eq=False, repr=False)
class Channel:
    """A text channel, a thread or a direct message; `overwrites` are allow and deny by role or member."""

    id: int
    kind: int = TEXT
    name: str = ""
    guild: Guild | None = None
    parent: Channel | None = None
    recipient: User | None = None
    owner: User | None = None
    nsfw: bool = False
    archived: bool = False
    locked: bool = False
    auto_archive_min: int = 1440
    made_s: float = 0
    deleted: bool = False
    members: dict[int, User] = field(default_factory=dict)
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    @property
    def is_thread(self) -> bool:
        return self.kind in {PUBLIC_THREAD, PRIVATE_THREAD}

    def json(self) -> Json:
        last = next((str(message.id) for message in reversed(self.messages) if not message.private_to), None)
        told: Json = {"id": str(self.id), "type": self.kind, "last_message_id": last, "flags": 0}
        if self.recipient is not None:
            return told | {"recipients": [self.recipient.json()]}
        assert self.guild is not None
        told |= {"guild_id": str(self.guild.id), "name": self.name, "rate_limit_per_user": 0}
        return told | (self._thread_json() if self.is_thread else self._text_json())

    def _text_json(self) -> Json:
        assert self.guild is not None
        return {
            "position": 0,
            "topic": None,
            "nsfw": self.nsfw,
            "parent_id": None,
            "last_pin_timestamp": None,
            "permission_overwrites": [
                {"id": str(each), "type": int(each not in self.guild.roles), "allow": str(allow), "deny": str(deny)}
                for each, (allow, deny) in self.overwrites.items()
            ],
        }

    def _thread_json(self) -> Json:
        assert self.parent is not None
        assert self.owner is not None
        return {
            "parent_id": str(self.parent.id),
            "owner_id": str(self.owner.id),
            "message_count": min(len(self.messages), 50),
            "member_count": len(self.members),
            "total_message_sent": len(self.messages),
            "thread_metadata": {
                "archived": self.archived,
                "locked": self.locked,
                "auto_archive_duration": self.auto_archive_min,
                "archive_timestamp": _iso(self.made_s),
                "create_timestamp": _iso(self.made_s),
            },
        }

    def member_json(self, user: User) -> Json:
        return {"id": str(self.id), "user_id": str(user.id), "join_timestamp": _iso(self.made_s), "flags": 0}


@dataclass(kw_only=True, eq=False)
class Attachment:
    """A file that was uploaded; `gone` ones answer 404."""

    id: int
    filename: str
    content: bytes = field(repr=False)
    channel_id: int
    description: str | None = None
    ephemeral: bool = False
    spoiler: bool = False
    gone: bool = False

    @property
    def path(self) -> str:
        folder = "ephemeral-attachments" if self.ephemeral else "attachments"
        return f"/{folder}/{self.channel_id}/{self.id}/{self.filename}"

    @property
    def content_type(self) -> str | None:
        return mimetypes.guess_type(self.filename)[0]

    def size_px(self) -> Json:
        """Return width and height of a picture, or nothing."""
        try:
            with Image.open(io.BytesIO(self.content)) as picture:
                return {"width": picture.width, "height": picture.height}
        except (UnidentifiedImageError, OSError):
            return {}

    def signature(self, expires: int) -> str:
        """Return what proves that a link was made here."""
        return hashlib.sha256(f"{self.path} {expires} {len(self.content)}".encode()).hexdigest()

    def url(self, origin: str, now_s: float) -> str:
        expires = int(now_s) + LINK_LIVES_S
        return f"{origin}{self.path}?ex={expires:x}&is={int(now_s):x}&hm={self.signature(expires)}"

    def json(self, origin: str, now_s: float) -> Json:
        url = self.url(origin, now_s)
        told: Json = {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.content),
            "url": url,
            "proxy_url": url,
            "flags": (1 << 5) * self.spoiler,
            **self.size_px(),
        }
        extra = {"content_type": self.content_type, "description": self.description, "ephemeral": self.ephemeral}
        return told | {key: value for key, value in extra.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button as a person sees it."""

    label: str
    custom_id: str | None
    url: str | None
    style: int
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of a message, as it was sent."""

    at_s: float
    body: Json


@dataclass(kw_only=True, eq=False, repr=False)
class Message:
    """What stands in a channel. `rings` are the ids of users and roles it rang, or "everyone".

    `private_to` is whom an ephemeral one is shown to; `edits` are in order.
    """

    id: int
    channel: Channel
    author: User
    at_s: float
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    kind: int = 0
    nonce: str | None = None
    reply_to: Message | None = None
    thread: Channel | None = None
    private_to: User | None = None
    rings: frozenset[int | str] = frozenset()
    by_interaction: Json | None = None
    edits: list[Edit] = field(default_factory=list)
    edited_s: float | None = None
    deleted: bool = False

    @property
    def is_v2(self) -> bool:
        return bool(self.flags & IS_V2)

    @property
    def texts(self) -> list[str]:
        """The words of its text displays, from top to bottom."""
        return [each["content"] for each in walk(self.components) if each["type"] == 10]

    @property
    def text(self) -> str:
        """All that can be read: the content, then every text display on lines of its own."""
        return "\n".join(filter(None, [self.content, *self.texts]))

    @property
    def buttons(self) -> list[Button]:
        return [
            Button(
                label=each.get("label") or "",
                custom_id=each.get("custom_id"),
                url=each.get("url"),
                style=each["style"],
                disabled=each.get("disabled") or False,
            )
            for each in walk(self.components)
            if each["type"] == 2
        ]

    def button(self, word: str) -> Button:
        """Return the button with this custom id, label or link."""
        return next(button for button in self.buttons if word in {button.custom_id, button.label, button.url})

    @property
    def attachment(self) -> Attachment:
        """The one file that it has."""
        (only,) = self.attachments
        return only

    def json(self, origin: str, now_s: float, *, content: bool = True) -> Json:
        """Return it as Discord tells it; without `content` as it is told to a bot that may not read it."""
        guild = self.channel.guild
        told: Json = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "type": self.kind,
            "author": self.author.json(),
            "timestamp": _iso(self.at_s),
            "edited_timestamp": _iso(self.edited_s) if self.edited_s else None,
            "tts": False,
            "pinned": False,
            "flags": self.flags,
            "content": self.content if content else "",
            "embeds": self.embeds if content else [],
            "attachments": [each.json(origin, now_s) for each in self.attachments] if content else [],
            "components": [self._shown(each, origin, now_s) for each in self.components] if content else [],
            "mention_everyone": "everyone" in self.rings,
            "mentions": [user.json() for each, user in guild.members.items() if each in self.rings] if guild else [],
            "mention_roles": [str(each) for each in guild.roles if each in self.rings] if guild else [],
        }
        return told | self._rest_json()

    def _rest_json(self) -> Json:
        told: Json = {} if self.nonce is None else {"nonce": self.nonce}
        if self.reply_to is not None:
            reference = {"message_id": str(self.reply_to.id), "channel_id": str(self.reply_to.channel.id), "type": 0}
            told["message_reference"] = reference
        if self.thread is not None:
            told["thread"] = self.thread.json()
        if self.by_interaction is not None:
            bot_id = str(self.author.id)
            told |= {"interaction_metadata": self.by_interaction, "application_id": bot_id, "webhook_id": bot_id}
        return told

    def _shown(self, component: Json, origin: str, now_s: float) -> Json:
        """Return a component as it comes back: its media are links now."""
        shown = _UNSAID.get(component["type"], {}) | component
        if "components" in shown:
            shown["components"] = [self._shown(each, origin, now_s) for each in shown["components"]]
        if "accessory" in shown:
            shown["accessory"] = self._shown(shown["accessory"], origin, now_s)
        for key in ("media", "file"):
            if key in shown:
                shown[key] = self._link(shown[key], origin, now_s)
        if "items" in shown:
            shown["items"] = [each | {"media": self._link(each["media"], origin, now_s)} for each in shown["items"]]
        return shown

    def _link(self, medium: Json, origin: str, now_s: float) -> Json:
        name = medium["url"].removeprefix("attachment://")
        found = next((each for each in self.attachments if name == each.filename), None)
        url = medium["url"] if found is None else found.url(origin, now_s)
        told = {"id": "0", "url": url, "proxy_url": url, "loading_state": 2, "flags": 0, "placeholder": ""}
        if found is None:
            return told
        size = {"width": None, "height": None} | found.size_px()
        return told | size | {"attachment_id": str(found.id), "content_type": found.content_type or ""}


_UNSAID: dict[int, Json] = {
    11: {"description": None, "spoiler": False},
    14: {"divider": True, "spacing": 1},
    17: {"accent_color": None, "spoiler": False},
}
"""What comes back with a component although nobody said it."""


class World:
    """All that there is. Whoever reads or changes it from a thread of its own holds `lock`.

    `tell` sends an event to the bot; `old_edits` is how often a message older than an hour may still be edited;
    `tier_bytes` is how large a file may be by a server's boost tier; `dead_token` answers one older than 15 minutes.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tell: Tell = lambda event, make: None
        self.origin = ""
        self.ahead_s = 0.0
        self._counter = itertools.count()
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.uploads: dict[int, Attachment] = {}
        self.nonces: dict[str, Message] = {}
        self.interactions: dict[int, Any] = {}
        self.commands: dict[int | None, list[Json]] = {}
        self.team: list[User] | None = None
        self.may_read_content = False
        self.tier_bytes = {0: 10 * _MIB, 1: 10 * _MIB, 2: 50 * _MIB, 3: 100 * _MIB}
        self.starts_left = 1000
        self.old_edits, self.old_edit_wait_s = 3, 0.3
        self.dead_token = (401, 50027, "Invalid Webhook Token")
        self.bot = self.user("Stillmotion", bot=True)
        self.owner = self.user("Olga Operator")

    # -- time and names

    def now_s(self) -> float:
        """Return the time here: the real one and what it was moved on by."""
        return time.time() + self.ahead_s

    def snowflake(self) -> int:
        ms = int(self.now_s() * 1000) - _EPOCH_MS
        return (ms << 22) | (next(self._counter) & 0x3FFFFF)

    # -- what there is

    def user(self, name: str, *, bot: bool = False, dms: bool = True, upload_bytes: int = 10 * _MIB) -> User:
        user = User(id=self.snowflake(), name=name, bot=bot, dms=dms, upload_bytes=upload_bytes)
        self.users[user.id] = user
        return user

    def guild(self, name: str, owner: User, *, tier: int = 0) -> Guild:
        guild = Guild(id=self.snowflake(), name=name, owner=owner, tier=tier, joined_s=self.now_s())
        guild.roles[guild.id] = Role(id=guild.id, name="@everyone", permissions=_MEMBERS_MAY)
        guild.members[owner.id] = owner
        self.guilds[guild.id] = guild
        return guild

    def role(self, guild: Guild, name: str, permissions: Iterable[str] = ()) -> Role:
        role = Role(id=self.snowflake(), name=name, permissions=bits(permissions), position=len(guild.roles))
        guild.roles[role.id] = role
        return role

    def channel(self, guild: Guild, name: str, *, nsfw: bool = False) -> Channel:
        channel = Channel(id=self.snowflake(), name=name, guild=guild, nsfw=nsfw, made_s=self.now_s())
        self.channels[channel.id] = channel
        return channel

    def thread(self, parent: Channel, name: str, owner: User, *, kind: int = PUBLIC_THREAD, id: int = 0) -> Channel:  # noqa: A002 - Discord's word
        thread = Channel(
            id=id or self.snowflake(), kind=kind, name=name, guild=parent.guild, parent=parent, owner=owner
        )
        thread.made_s, thread.members[owner.id] = self.now_s(), owner
        self.channels[thread.id] = thread
        return thread

    def dm(self, user: User) -> Channel:
        """Return the bot's direct messages with a person; they begin when first asked for."""
        found = next((each for each in self.channels.values() if each.recipient is user), None)
        if found is None:
            found = Channel(id=self.snowflake(), kind=DM, recipient=user, made_s=self.now_s())
            self.channels[found.id] = found
        return found

    def upload(self, channel: Channel, filename: str, content: bytes, *, ephemeral: bool = False) -> Attachment:
        made = Attachment(
            id=self.snowflake(), filename=filename, content=content, channel_id=channel.id, ephemeral=ephemeral
        )
        made.spoiler = filename.startswith("SPOILER_")
        self.uploads[made.id] = made
        return made

    # -- what they may do

    def permissions(self, user: User, channel: Channel) -> int:
        """Return what somebody may do in a channel, as Discord computes it; in a direct message everything."""
        guild = channel.guild
        if guild is None:
            return EVERYTHING
        if user.id not in guild.members:
            return 0
        if user is guild.owner:
            return EVERYTHING
        roles = [guild.roles[guild.id], *guild.roles_of.get(user.id, ())]
        may = 0
        for role in roles:
            may |= role.permissions
        if may & PERMISSIONS["administrator"]:
            return EVERYTHING
        overwrites = (channel.parent or channel).overwrites
        named = [overwrites.get(role.id, (0, 0)) for role in roles[1:]]
        allow, deny = (_union(pair[at] for pair in named) for at in (0, 1))
        for allowed, denied in (overwrites.get(guild.id, (0, 0)), (allow, deny), overwrites.get(user.id, (0, 0))):
            may = may & ~denied | allowed
        return may if may & PERMISSIONS["view_channel"] else 0

    def may(self, user: User, channel: Channel, permission: str) -> bool:
        return bool(self.permissions(user, channel) & PERMISSIONS[permission])

    def upload_bytes(self, channel: Channel, user: User | None = None) -> int:
        """Return how large a file may be here; an interaction also counts what its user may."""
        guild = self.tier_bytes[channel.guild.tier if channel.guild else 0]
        return guild if user is None else max(guild, user.upload_bytes)

    def shared(self, user: User) -> bool:
        """Tell whether somebody is in a server where the bot is."""
        return any(guild.has_bot and user.id in guild.members for guild in self.guilds.values())

    # -- how it is told

    def message_json(self, message: Message, *, readable: bool = True) -> Json:
        """Return a message for the bot; a person's words in a server are blank unless they were meant for it."""
        meant = message.author is self.bot or message.channel.kind == DM or self.bot.id in message.rings
        return message.json(self.origin, self.now_s(), content=readable or meant)

    def tell_guild(self, event: str, told: Json) -> None:
        """Send an event that every bot gets which asked for servers."""
        self.tell(event, lambda intents: told if intents & GUILDS else None)

    def tell_message(self, event: str, message: Message) -> None:
        """Send an event about a message to a bot that asked for such."""
        guild = message.channel.guild
        wanted = DIRECT_MESSAGES if guild is None else GUILD_MESSAGES
        if message.private_to is not None or (
            guild is not None and not self.may(self.bot, message.channel, "view_channel")
        ):
            return

        def make(intents: int) -> Json | None:
            if not intents & wanted:
                return None
            told = self.message_json(message, readable=bool(intents & MESSAGE_CONTENT))
            if guild is None:
                return told
            return told | {"guild_id": str(guild.id), "member": guild.member_json(message.author, user_too=False)}

        self.tell(event, make)

    def guild_json(self, guild: Guild) -> Json:
        """Return a server as GUILD_CREATE tells it."""
        channels = [each for each in self.channels.values() if each.guild is guild and not each.deleted]
        return guild.json() | {
            "member_count": len(guild.members),
            "joined_at": _iso(guild.joined_s),
            "large": False,
            "unavailable": False,
            "members": [guild.member_json(self.bot)],
            "channels": [each.json() for each in channels if not each.is_thread],
            "threads": [each.json() for each in channels if each.is_thread and not each.archived],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }


def _union(numbers: Iterable[int]) -> int:
    total = 0
    for number in numbers:
        total |= number
    return total
