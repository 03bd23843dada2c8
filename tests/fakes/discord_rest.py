"""The stand-in's REST endpoints for a bot: messages, threads, direct messages, servers, commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import discord_schema
from tests.fakes.discord_schema import Flaw
from tests.fakes.discord_world import (
    DM,
    EPHEMERAL,
    IS_V2,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    SILENT,
    SUPPRESS_EMBEDS,
    Attachment,
    Channel,
    Edit,
    Guild,
    Json,
    Message,
    User,
    World,
    media,
    walk,
)

NONCE_LIVES_S = 300
_HOUR_S = 3600
_MAY_BE_SET = SUPPRESS_EMBEDS | SILENT | EPHEMERAL | IS_V2


class Refused(Exception):
    """What Discord answers instead."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.flaws: list[Flaw] = []
        self.body: Json = {"message": message, "code": code, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One file of a multipart request; `at` is its number."""

    at: int
    filename: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, read."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    files: tuple[Upload, ...] = ()


Answer = tuple[int, Any]
Handler = Callable[..., Answer]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Serve a path; its `{names}` come to the handler as text."""
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))

    def put(handler: Handler) -> Handler:
        ROUTES.append((method, pattern, handler))
        return handler

    return put


def respond(world: World, call: Call) -> Answer:
    """Answer a request."""
    for method, pattern, handler in ROUTES:
        found = pattern.fullmatch(call.path)
        if method == call.method and found:
            return handler(world, call, **found.groupdict())
    raise Refused(404, 0, "404: Not Found")


def refuse_flaws(flaws: Iterable[Flaw]) -> None:
    """Refuse a body that has flaws.

    Raises:
        Refused: as a 50035, with the tree of what is wrong.
    """
    found = list(flaws)
    if found:
        refused = Refused(400, 50035, "Invalid Form Body", errors=discord_schema.error_tree(found))
        refused.flaws = found
        raise refused


# -- finding what a request is about


def channel_of(world: World, id_text: str) -> Channel:
    """Return a channel that the bot can see."""
    channel = world.channels.get(int(id_text))
    if channel is None or channel.deleted or (channel.parent is not None and channel.parent.deleted):
        raise Refused(404, 10003, "Unknown Channel")
    guild = channel.guild
    if guild is not None and not (guild.has_bot and world.may(world.bot, channel, "view_channel")):
        raise Refused(403, 50001, "Missing Access")
    return channel


def message_of(world: World, channel: Channel, id_text: str) -> Message:
    """Return a message that stands in a channel for all."""
    message = world.messages.get(int(id_text))
    if message is None or message.deleted or message.channel is not channel or message.private_to is not None:
        raise Refused(404, 10008, "Unknown Message")
    return message


def guild_of(world: World, id_text: str) -> Guild:
    guild = world.guilds.get(int(id_text))
    if guild is None or not guild.has_bot:
        raise Refused(404, 10004, "Unknown Guild")
    return guild


def need(world: World, channel: Channel, *permissions: str) -> None:
    """Refuse what the bot may not do here."""
    if not all(world.may(world.bot, channel, each) for each in permissions):
        raise Refused(403, 50013, "Missing Permissions")


def need_open(world: World, channel: Channel) -> None:
    """Refuse to change what stands in a thread that is over."""
    if channel.locked and not world.may(world.bot, channel, "manage_threads"):
        raise Refused(400, 160005, "Thread is locked")
    if channel.archived:
        raise Refused(400, 50083, "Thread is archived")


# -- a message, made and changed


def rings(
    world: World, channel: Channel, author: User, body: Json, text: str, reply: Message | None
) -> frozenset[int | str]:
    """Return whom a message rings, by its text and what its mentions are allowed to do."""
    allowed = body.get("allowed_mentions")
    parse = {"users", "roles", "everyone"} if allowed is None else set(allowed.get("parse") or ())
    rung: set[int | str] = set()
    for kind, pattern in (("users", r"<@!?(\d+)>"), ("roles", r"<@&(\d+)>")):
        named = {int(each) for each in (allowed or {}).get(kind) or ()}
        rung |= {int(each) for each in re.findall(pattern, text) if kind in parse or int(each) in named}
    may_ring_all = channel.guild is not None and world.may(author, channel, "mention_everyone")
    if "everyone" in parse and may_ring_all and re.search(r"@(everyone|here)\b", text):
        rung.add("everyone")
    if reply is not None and (allowed is None or allowed.get("replied_user")):
        rung.add(reply.author.id)
    return frozenset(rung)


def number(components: list[Json]) -> list[Json]:
    """Give every component that has none its own id, as Discord does."""
    taken = {each["id"] for each in walk(components) if each.get("id")}
    free = (each for each in range(1, 1000) if each not in taken)
    for each in walk(components):
        each["id"] = each.get("id") or next(free)
    return components


def files_of(
    world: World,
    channel: Channel,
    body: Json,
    files: tuple[Upload, ...],
    limit_bytes: int,
    old: list[Attachment],
    *,
    private: bool,
) -> list[Attachment]:
    """Return a message's attachments: what was uploaded, and what the body keeps of the old ones."""
    if any(len(each.content) > limit_bytes for each in files):
        raise Refused(413, 40005, "Request entity too large")
    listed = body.get("attachments")
    if listed is None:
        return old + [world.upload(channel, each.filename, each.content, ephemeral=private) for each in files]
    by_number = {each.at: each for each in files}
    by_id = {each.id: each for each in old}
    refuse_flaws(
        (f"attachments.{at}.id", "ATTACHMENT_NOT_FOUND", f"The attachment {entry['id']} was not found")
        for at, entry in enumerate(listed)
        if int(entry["id"]) not in by_number.keys() | by_id.keys()
    )
    kept = []
    for entry in listed:
        sent = by_number.get(int(entry["id"]))
        if sent is None:
            made = by_id[int(entry["id"])]
        else:
            made = world.upload(channel, entry.get("filename") or sent.filename, sent.content, ephemeral=private)
        made.description = entry.get("description", made.description)
        made.spoiler = entry.get("is_spoiler", made.spoiler)
        kept.append(made)
    return kept


def need_files(components: list[Json], attachments: list[Attachment]) -> None:
    """Refuse components that show a file which is not there."""
    names = {each.filename for each in attachments}
    urls = {medium["url"] for each in walk(components) for medium in media(each)}
    missing = {
        url for url in urls if url.startswith("attachment://") and url.removeprefix("attachment://") not in names
    }
    word = "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND"
    refuse_flaws(("components.media.url", word, f"The referenced attachment {url} was not found") for url in missing)


def moderate(channel: Channel, text: str) -> None:
    """Refuse words and links that the server filters."""
    guild = channel.guild
    if guild is not None and any(word.lower() in text.lower() for word in guild.blocked_words):
        raise Refused(400, 200000, "Message was blocked by automatic moderation")
    if guild is not None and any(link in text for link in guild.blocked_links):
        raise Refused(400, 240000, "Message blocked by harmful links filter")


def post(
    world: World,
    channel: Channel,
    author: User,
    body: Json,
    files: tuple[Upload, ...] = (),
    limit_bytes: int | None = None,
    **more: Any,
) -> Message:
    """Make a message of a body, tell of it, and return it; `more` are fields of a message."""
    is_v2 = bool((body.get("flags") or 0) & IS_V2)
    refuse_flaws(discord_schema.message(body, len(files), is_v2=is_v2))
    if not files and not any(body.get(key) for key in ("content", "embeds", "components", "sticker_ids", "poll")):
        raise Refused(400, 50006, "Cannot send an empty message")
    limit_bytes = world.upload_bytes(channel) if limit_bytes is None else limit_bytes
    private = more.get("private_to") is not None
    attachments = files_of(world, channel, body, files, limit_bytes, [], private=private)
    components = number(body.get("components") or [])
    need_files(components, attachments)
    made = Message(
        id=more.pop("id", 0) or world.snowflake(),
        channel=channel,
        author=author,
        at_s=world.now_s(),
        content=body.get("content") or "",
        embeds=body.get("embeds") or [],
        components=components,
        attachments=attachments,
        flags=(body.get("flags") or 0) & _MAY_BE_SET,
        nonce=None if body.get("nonce") is None else str(body["nonce"]),
        **more,
    )
    moderate(channel, f"{made.text}\n" + "\n".join(each.filename for each in attachments))
    if not private:
        made.rings = rings(world, channel, author, body, made.text, made.reply_to)
    return put(world, made)


def put(world: World, made: Message) -> Message:
    """Set a message down in its channel; a thread wakes up, and whom it rings joins it."""
    channel = made.channel
    world.messages[made.id] = made
    channel.messages.append(made)
    if channel.is_thread and made.private_to is None:
        channel.archived = False
        channel.members |= {
            each: world.users[each] for each in made.rings if isinstance(each, int) and each in world.users
        }
    world.tell_message("MESSAGE_CREATE", made)
    return made


def edit(world: World, message: Message, body: Json, files: tuple[Upload, ...], limit_bytes: int) -> Message:
    """Change a message by a body, tell of it, and return it; a V2 message stays one."""
    flags = message.flags & (IS_V2 | EPHEMERAL) | (body.get("flags") or 0) & (IS_V2 | SUPPRESS_EMBEDS)
    flags |= message.flags & SUPPRESS_EMBEDS if body.get("flags") is None else 0
    refuse_flaws(discord_schema.message(body, len(files), is_v2=bool(flags & IS_V2)))
    private = message.private_to is not None
    attachments = files_of(world, message.channel, body, files, limit_bytes, message.attachments, private=private)
    components = number(body["components"] or []) if "components" in body else message.components
    need_files(components, attachments)
    content = body["content"] or "" if "content" in body else message.content
    if not (content or components or attachments or body.get("embeds", message.embeds)):
        raise Refused(400, 50006, "Cannot send an empty message")
    moderate(
        message.channel, "\n".join([content, *(each["content"] for each in walk(components) if each["type"] == 10)])
    )
    message.content, message.components, message.attachments = content, components, attachments
    message.embeds = body.get("embeds", message.embeds) or []
    message.flags, message.edited_s = flags, world.now_s()
    message.edits.append(Edit(at_s=message.edited_s, body=body))
    world.tell_message("MESSAGE_UPDATE", message)
    return message


def delete(world: World, message: Message) -> None:
    message.deleted = True
    for each in message.attachments:
        each.gone = True
    told = {"id": str(message.id), "channel_id": str(message.channel.id)}
    guild = message.channel.guild
    if message.private_to is None:
        world.tell_guild("MESSAGE_DELETE", told | ({"guild_id": str(guild.id)} if guild else {}))


# -- who we are


@route("GET", "/users/@me")
def me(world: World, call: Call) -> Answer:
    return 200, world.bot.json() | {"verified": True, "mfa_enabled": True, "locale": "en-US", "email": None}


@route("GET", "/oauth2/applications/@me")
@route("GET", "/applications/@me")
def application(world: World, call: Call) -> Answer:
    told: Json = {
        "id": str(world.bot.id),
        "name": world.bot.name,
        "description": "",
        "icon": None,
        "bot_public": False,
        "bot_require_code_grant": False,
        "owner": world.owner.json(),
        "team": None if world.team is None else _team(world, world.team),
        "verify_key": "0" * 64,
        "flags": 0,
        "flags_new": "0",
        "type": None,
        "bot": world.bot.json(),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": ["bot", "applications.commands"],
        "approximate_guild_count": sum(guild.has_bot for guild in world.guilds.values()),
        "integration_types_config": {"0": {}},
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
    }
    return 200, told


def _team(world: World, members: list[User]) -> Json:
    team_id = str(world.bot.id + 1)
    return {
        "id": team_id,
        "name": "Team",
        "icon": None,
        "owner_user_id": str(members[0].id),
        "members": [
            {"user": each.json(), "team_id": team_id, "membership_state": 2, "role": "admin", "permissions": ["*"]}
            for each in members
        ],
    }


@route("GET", "/users/@me/guilds")
def my_guilds(world: World, call: Call) -> Answer:
    mine = [each for each in world.guilds.values() if each.has_bot]
    return 200, [
        {
            "id": str(each.id),
            "name": each.name,
            "icon": None,
            "banner": None,
            "owner": False,
            "permissions": "0",
            "features": [],
        }
        for each in mine
    ]


@route("DELETE", "/users/@me/guilds/{guild}")
def leave(world: World, call: Call, guild: str) -> Answer:
    remove_bot(world, guild_of(world, guild))
    return 204, None


def remove_bot(world: World, guild: Guild) -> None:
    """Take the bot out of a server."""
    guild.has_bot = False
    guild.members.pop(world.bot.id, None)
    world.tell_guild("GUILD_DELETE", {"id": str(guild.id)})


@route("POST", "/users/@me/channels")
def open_dm(world: World, call: Call) -> Answer:
    user = world.users.get(int(call.body["recipient_id"]))
    if user is None:
        raise Refused(404, 10013, "Unknown User")
    return 200, world.dm(user).json()


@route("GET", "/users/{user}")
def user(world: World, call: Call, user: str) -> Answer:
    if int(user) not in world.users:
        raise Refused(404, 10013, "Unknown User")
    return 200, world.users[int(user)].json()


# -- servers


@route("GET", "/guilds/{guild}")
def guild(world: World, call: Call, guild: str) -> Answer:
    return 200, guild_of(world, guild).json()


@route("GET", "/guilds/{guild}/members/{user}")
def member(world: World, call: Call, guild: str, user: str) -> Answer:
    found = guild_of(world, guild)
    who = world.bot if user == "@me" else world.users.get(int(user))
    if who is None or who.id not in found.members:
        raise Refused(404, 10007, "Unknown Member")
    return 200, found.member_json(who)


@route("GET", "/guilds/{guild}/roles")
def roles(world: World, call: Call, guild: str) -> Answer:
    return 200, [role.json() for role in guild_of(world, guild).roles.values()]


@route("GET", "/guilds/{guild}/roles/member-counts")
def role_counts(world: World, call: Call, guild: str) -> Answer:
    found = guild_of(world, guild)
    held = [role.id for roles in found.roles_of.values() for role in roles]
    return 200, {str(each): held.count(each) for each in found.roles if each != found.id}


@route("GET", "/guilds/{guild}/channels")
def channels(world: World, call: Call, guild: str) -> Answer:
    found = guild_of(world, guild)
    return 200, [
        each.json()
        for each in world.channels.values()
        if each.guild is found and not each.is_thread and not each.deleted
    ]


@route("GET", "/guilds/{guild}/threads/active")
def active_threads(world: World, call: Call, guild: str) -> Answer:
    found = guild_of(world, guild)
    threads = [each for each in world.channels.values() if each.guild is found and each.is_thread]
    return 200, {"threads": [each.json() for each in threads if not (each.archived or each.deleted)], "members": []}


# -- channels and threads


@route("GET", "/channels/{channel}")
def channel(world: World, call: Call, channel: str) -> Answer:
    return 200, channel_of(world, channel).json()


@route("PATCH", "/channels/{channel}")
def change_channel(world: World, call: Call, channel: str) -> Answer:
    found = channel_of(world, channel)
    if found.is_thread and call.body == {"archived": False} and not found.locked:
        need(world, found, "send_messages_in_threads")
    elif not (found.is_thread and found.owner is world.bot):
        need(world, found, "manage_threads" if found.is_thread else "manage_channels")
    if found.archived and call.body.get("archived") is not False:
        raise Refused(400, 50083, "Thread is archived")
    refuse_flaws(discord_schema.thread({"name": found.name} | call.body))
    for key in ("name", "archived", "locked", "nsfw"):
        setattr(found, key, call.body.get(key, getattr(found, key)))
    found.auto_archive_min = call.body.get("auto_archive_duration", found.auto_archive_min)
    tell_channel(world, found, "UPDATE")
    return 200, found.json()


@route("DELETE", "/channels/{channel}")
def drop_channel(world: World, call: Call, channel: str) -> Answer:
    found = channel_of(world, channel)
    need(world, found, "manage_threads" if found.is_thread else "manage_channels")
    delete_channel(world, found)
    return 200, found.json()


def delete_channel(world: World, channel: Channel) -> None:
    channel.deleted = True
    tell_channel(world, channel, "DELETE")


def tell_channel(world: World, channel: Channel, what: str) -> None:
    """Send CHANNEL_ or THREAD_ and what happened to it."""
    world.tell_guild(f"{'THREAD' if channel.is_thread else 'CHANNEL'}_{what}", channel.json())


@route("POST", "/channels/{channel}/typing")
def typing(world: World, call: Call, channel: str) -> Answer:
    need(world, channel_of(world, channel), "send_messages")
    return 204, None


@route("POST", "/channels/{channel}/messages/{message}/threads")
def thread_on_message(world: World, call: Call, channel: str, message: str) -> Answer:
    parent = channel_of(world, channel)
    start = message_of(world, parent, message)
    if start.thread is not None:
        raise Refused(400, 160004, "A thread has already been created for this message")
    made = _start_thread(world, parent, call.body, PUBLIC_THREAD, id=start.id)
    start.thread, start.flags = made, start.flags | 1 << 5
    return 201, made.json() | {"member": made.member_json(world.bot)}


@route("POST", "/channels/{channel}/threads")
def thread_alone(world: World, call: Call, channel: str) -> Answer:
    parent = channel_of(world, channel)
    made = _start_thread(world, parent, call.body, call.body.get("type") or PRIVATE_THREAD)
    if made.kind == PUBLIC_THREAD:
        notice = Message(id=world.snowflake(), channel=parent, author=world.bot, at_s=world.now_s(), content=made.name)
        notice.kind, notice.thread = 18, made
        put(world, notice)
    return 201, made.json() | {"member": made.member_json(world.bot)}


def _start_thread(world: World, parent: Channel, body: Json, kind: int, **more: Any) -> Channel:
    if parent.kind == DM or parent.is_thread:
        raise Refused(400, 50024, "Cannot execute action on this channel type")
    need(world, parent, "create_public_threads" if kind == PUBLIC_THREAD else "create_private_threads")
    refuse_flaws(discord_schema.thread(body))
    if parent.guild is not None and any(word.lower() in body["name"].lower() for word in parent.guild.blocked_words):
        raise Refused(400, 220001, "Title was blocked by automatic moderation")
    made = world.thread(parent, body["name"], world.bot, kind=kind, **more)
    made.auto_archive_min = body.get("auto_archive_duration") or 1440
    world.tell_guild("THREAD_CREATE", made.json() | {"newly_created": True, "member": made.member_json(world.bot)})
    return made


def _thread_of(world: World, id_text: str) -> Channel:
    thread = channel_of(world, id_text)
    if not thread.is_thread:
        raise Refused(400, 50024, "Cannot execute action on this channel type")
    return thread


@route("GET", "/channels/{thread}/thread-members")
def thread_members(world: World, call: Call, thread: str) -> Answer:
    found = _thread_of(world, thread)
    return 200, [found.member_json(each) for each in found.members.values()]


@route("PUT", "/channels/{thread}/thread-members/{user}")
def join_thread(world: World, call: Call, thread: str, user: str) -> Answer:
    found = _thread_of(world, thread)
    who = world.bot if user == "@me" else world.users.get(int(user))
    if found.archived:
        raise Refused(400, 50083, "Thread is archived")
    if who is None or found.guild is None or who.id not in found.guild.members:
        raise Refused(404, 10007, "Unknown Member")
    found.members[who.id] = who
    return 204, None


@route("DELETE", "/channels/{thread}/thread-members/{user}")
def leave_thread(world: World, call: Call, thread: str, user: str) -> Answer:
    who = world.bot.id if user == "@me" else int(user)
    _thread_of(world, thread).members.pop(who, None)
    return 204, None


# -- messages


@route("GET", "/channels/{channel}/messages")
def messages(world: World, call: Call, channel: str) -> Answer:
    found = channel_of(world, channel)
    if not world.may(world.bot, found, "read_message_history"):
        return 200, []
    before, after = int(call.query.get("before", 1 << 63)), int(call.query.get("after", 0))
    told = [each for each in found.messages if not each.deleted and each.private_to is None]
    told = [each for each in told if after < each.id < before]
    limit = int(call.query.get("limit", 50))
    part = told[:limit] if "after" in call.query else told[-limit:]
    return 200, [world.message_json(each, readable=world.may_read_content) for each in reversed(part)]


@route("GET", "/channels/{channel}/messages/{message}")
def one_message(world: World, call: Call, channel: str, message: str) -> Answer:
    found = channel_of(world, channel)
    need(world, found, "read_message_history")
    return 200, world.message_json(message_of(world, found, message), readable=world.may_read_content)


@route("POST", "/channels/{channel}/messages")
def create_message(world: World, call: Call, channel: str) -> Answer:
    found = channel_of(world, channel)
    _need_welcome(world, found)
    if found.locked and not world.may(world.bot, found, "manage_threads"):
        raise Refused(400, 160005, "Thread is locked")
    need(world, found, "send_messages_in_threads" if found.is_thread else "send_messages")
    need(world, found, *(["attach_files"] if call.files else []))
    nonce = str(call.body.get("nonce"))
    first = world.nonces.get(nonce) if call.body.get("enforce_nonce") else None
    if first is not None and world.now_s() - first.at_s < NONCE_LIVES_S:
        return 200, world.message_json(first)
    reply = _replied(world, found, call.body.get("message_reference"))
    made = post(world, found, world.bot, call.body, call.files, reply_to=reply, kind=19 if reply else 0)
    if made.nonce is not None:
        world.nonces[nonce] = made
    return 200, world.message_json(made)


def _need_welcome(world: World, channel: Channel) -> None:
    """Refuse a direct message to whom takes none, or shares no server with the bot."""
    user = channel.recipient
    if user is not None and not world.shared(user):
        raise Refused(403, 50278, "Cannot send messages to this user due to having no mutual guilds")
    if user is not None and not user.dms:
        raise Refused(403, 50007, "Cannot send messages to this user")


def _replied(world: World, channel: Channel, reference: Json | None) -> Message | None:
    if reference is None:
        return None
    found = world.messages.get(int(reference["message_id"]))
    if found is not None and not found.deleted and found.channel is channel:
        return found
    if reference.get("fail_if_not_exists", True):
        refuse_flaws([("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")])
    return None


@route("PATCH", "/channels/{channel}/messages/{message}")
def edit_message(world: World, call: Call, channel: str, message: str) -> Answer:
    found = channel_of(world, channel)
    old = message_of(world, found, message)
    if old.author is not world.bot:
        raise Refused(403, 50005, "Cannot edit a message authored by another user")
    need_open(world, found)
    need(world, found, *(["attach_files"] if call.files else []))
    _need_young(world, old)
    return 200, world.message_json(edit(world, old, call.body, call.files, world.upload_bytes(found)))


def _need_young(world: World, message: Message) -> None:
    """Refuse the edits of an old message that are too many; it comes as a rate limit."""
    now_s = world.now_s()
    if now_s - message.at_s <= _HOUR_S:
        return
    late = sum(1 for each in message.edits if each.at_s - message.at_s > _HOUR_S)
    if late >= world.old_edits:
        sentence = "Maximum number of edits to messages older than 1 hour reached. Try again later."
        raise Refused(429, 30046, sentence, retry_after=world.old_edit_wait_s, **{"global": False})


@route("DELETE", "/channels/{channel}/messages/{message}")
def delete_message(world: World, call: Call, channel: str, message: str) -> Answer:
    found = channel_of(world, channel)
    old = message_of(world, found, message)
    if old.author is not world.bot:
        need(world, found, "manage_messages")
    if found.archived:
        raise Refused(400, 50083, "Thread is archived")
    delete(world, old)
    return 204, None


# -- commands


@route("GET", "/applications/{app}/commands")
@route("GET", "/applications/{app}/guilds/{guild}/commands")
def get_commands(world: World, call: Call, app: str, guild: str | None = None) -> Answer:
    return 200, world.commands.get(int(guild) if guild else None, [])


@route("PUT", "/applications/{app}/commands")
@route("PUT", "/applications/{app}/guilds/{guild}/commands")
def put_commands(world: World, call: Call, app: str, guild: str | None = None) -> Answer:
    refuse_flaws(discord_schema.commands(call.body))
    scope = None if guild is None else guild_of(world, guild).id
    old = {(each["name"], each["type"]): each["id"] for each in world.commands.get(scope, ())}
    kept = [_command(world, body, old, scope) for body in call.body]
    world.commands[scope] = kept
    return 200, kept


def _command(world: World, body: Json, old: dict[tuple[str, int], str], scope: int | None) -> Json:
    kind = body.get("type", 1)
    told: Json = {
        "id": old.get((body["name"], kind)) or str(world.snowflake()),
        "application_id": str(world.bot.id),
        "version": str(world.snowflake()),
        "default_member_permissions": None,
        "nsfw": False,
        "description": "",
        "integration_types": [0],
        "contexts": None,
    }
    told |= {key: value for key, value in body.items() if value is not None} | {"type": kind}
    if told["default_member_permissions"] is not None:
        told["default_member_permissions"] = str(told["default_member_permissions"])
    return told | ({"guild_id": str(scope)} if scope else {})


# -- the gateway's address


@route("GET", "/gateway")
def gateway(world: World, call: Call) -> Answer:
    return 200, {"url": world.origin.replace("http", "ws", 1) + "/gateway"}


@route("GET", "/gateway/bot")
def gateway_for_bots(world: World, call: Call) -> Answer:
    limit = {"total": 1000, "remaining": world.starts_left, "reset_after": 86_400_000, "max_concurrency": 1}
    return 200, gateway(world, call)[1] | {"shards": 1, "session_start_limit": limit}
