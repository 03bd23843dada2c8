"""What people do with the bot on the stand-in for Discord, and how the bot answers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import discord_schema
from tests.fakes.discord_rest import Answer, Call, Refused, delete, edit, need_open, post, refuse_flaws, rings, route
from tests.fakes.discord_world import (
    DM,
    EPHEMERAL,
    LOADING,
    Attachment,
    Channel,
    Json,
    Message,
    Role,
    User,
    World,
    bits,
    walk,
)

ACK_WITHIN_S, TOKEN_LIVES_S = 3, 15 * 60
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
_FOLLOWUPS_OF_USER_APP = 5
_USER_APP_MAY = bits(["attach_files", "embed_links", "mention_everyone"])
File = tuple[str, bytes]
"""A file's name and its bytes."""


@dataclass(kw_only=True, eq=False, repr=False)
class Interaction:
    """One thing that somebody did. `delivered` is False where Discord never told the bot.

    `responses` are the bot's answers as sent, `type` and `data`; `errors` the codes that it was refused with.
    """

    id: int
    kind: int
    user: User
    channel: Channel
    payload: Json
    at_s: float
    delivered: bool = False
    pressed: Message | None = None
    acked_s: float | None = None
    responses: list[Json] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    message: Message | None = None
    followups: list[Message] = field(default_factory=list)
    from_user_app: bool = False

    @property
    def token(self) -> str:
        return f"token-{self.id}"

    @property
    def acked_after_s(self) -> float | None:
        """How long the bot took to answer first; None while it has not."""
        return None if self.acked_s is None else self.acked_s - self.at_s

    @property
    def acked(self) -> bool:
        return self.acked_s is not None

    @property
    def private(self) -> bool:
        """Whether the answer is shown to this user only."""
        return self.message is not None and self.message.private_to is not None

    @property
    def thinking(self) -> bool:
        """Whether the person still reads that the bot is thinking."""
        return self.message is not None and bool(self.message.flags & LOADING)

    @property
    def text(self) -> str:
        """All that the answer says; blank while there is none."""
        return "" if self.message is None else self.message.text

    @property
    def modal(self) -> Json | None:
        """The form that the bot opened."""
        return next((each["data"] for each in self.responses if each["type"] == 9), None)

    @property
    def choices(self) -> list[Json]:
        """The suggestions that the bot made for an option."""
        return [choice for each in self.responses if each["type"] == 8 for choice in each["data"]["choices"]]


class People:
    """What people can do, as their clients let them; what a client would not offer is an AssertionError."""

    def __init__(self, world: World) -> None:
        self._world = world

    # -- what is on offer

    def offered(self, user: User, channel: Channel) -> list[Json]:
        """Return the commands that somebody is shown in a channel."""
        guild = channel.guild
        commands = [*self._world.commands.get(None, ()), *(self._world.commands.get(guild.id, ()) if guild else ())]
        return [each for each in commands if self._fits(each, user, channel)]

    def _fits(self, command: Json, user: User, channel: Channel) -> bool:
        contexts = command.get("contexts")
        if contexts is not None and (1 if channel.kind == DM else 0) not in contexts:
            return False
        if channel.guild is None:
            return True
        if not channel.guild.has_bot and 1 not in command["integration_types"]:
            return False
        may = self._world.permissions(user, channel)
        needed = int(command.get("default_member_permissions") or 0)
        hidden = command.get("default_member_permissions") == "0" and not may & bits(["administrator"])
        age = command.get("nsfw") and not (channel.parent or channel).nsfw
        return bool(may & bits(["use_application_commands"])) and may & needed == needed and not hidden and not age

    def _command(self, user: User, channel: Channel, name: str, kind: int) -> Json:
        found = [each for each in self.offered(user, channel) if each["name"] == name and each["type"] == kind]
        assert found, f"{user.name} sees no command {name!r} here"
        return found[-1]

    # -- commands

    def command(
        self, user: User, channel: Channel, words: str, given: Mapping[str, Any], focused: tuple[str, str] | None = None
    ) -> Interaction:
        """Send a slash command, by its words and options; with `focused`, an option that is being typed, ask for choices."""
        name, *path = words.split()
        command = self._command(user, channel, name, 1)
        resolved: Json = {}
        told = self._options(channel, command, path, dict(given), resolved, focused)
        data = {"id": command["id"], "name": name, "type": 1, "options": told} | _some(resolved=resolved)
        data |= _some(guild_id=command.get("guild_id"))
        return self._send(user, channel, AUTOCOMPLETE if focused else COMMAND, data)

    def _options(
        self,
        channel: Channel,
        command: Json,
        path: Sequence[str],
        given: dict[str, Any],
        resolved: Json,
        focused: tuple[str, str] | None,
    ) -> list[Json]:
        """Return options as a client sends them, subcommands around them."""
        known = {each["name"]: each for each in command.get("options") or ()}
        if path:
            inner = self._options(channel, known[path[0]], path[1:], given, resolved, focused)
            return [{"name": path[0], "type": known[path[0]]["type"], "options": inner}]
        given = {
            key if key in known else key.replace("_", "-"): value for key, value in given.items() if value is not None
        }
        assert given.keys() <= known.keys(), f"no such options: {given.keys() - known.keys()}"
        missing = {name for name, each in known.items() if each.get("required")} - given.keys()
        assert focused or not missing, f"options are missing: {missing}"
        told = [self._option(channel, known[name], value, resolved) for name, value in given.items()]
        if focused is not None:
            told.append({"name": focused[0], "type": known[focused[0]]["type"], "value": focused[1], "focused": True})
        return told

    def _option(self, channel: Channel, option: Json, value: Any, resolved: Json) -> Json:
        choices = [each["value"] for each in option.get("choices") or ()]
        assert not choices or value in choices, f"{value!r} is no choice of {option['name']}"
        if option["type"] == 3:
            assert option.get("min_length", 0) <= len(value) <= option.get("max_length", 6000), "too long or too short"
        if option["type"] in {4, 10}:
            assert option.get("min_value", value) <= value <= option.get("max_value", value), "out of range"
        return {"name": option["name"], "type": option["type"], "value": self._value(channel, value, resolved)}

    def _value(self, channel: Channel, value: Any, resolved: Json) -> Any:
        """Return a value as a client sends it: of what has an id, that, and the rest aside."""
        if isinstance(value, tuple):
            value = self._world.upload(channel, *value, ephemeral=True)
        match value:
            case Attachment():
                told = value.json(self._world.origin, self._world.now_s())
                resolved.setdefault("attachments", {})[str(value.id)] = told
            case User():
                resolved.setdefault("users", {})[str(value.id)] = value.json()
                if channel.guild is not None and value.id in channel.guild.members:
                    member = channel.guild.member_json(value, user_too=False)
                    member["permissions"] = str(self._world.permissions(value, channel))
                    resolved.setdefault("members", {})[str(value.id)] = member
            case Role():
                resolved.setdefault("roles", {})[str(value.id)] = value.json()
            case Channel():
                may = {"permissions": str(self._world.permissions(self._world.bot, value))}
                resolved.setdefault("channels", {})[str(value.id)] = value.json() | may
            case _:
                return value
        return str(value.id)

    def message_command(self, user: User, message: Message, name: str) -> Interaction:
        """Choose an entry of the menu on a message."""
        command = self._command(user, message.channel, name, 3)
        told = message.json(self._world.origin, self._world.now_s())
        target = {"target_id": str(message.id), "resolved": {"messages": {str(message.id): told}}}
        return self._send(user, message.channel, COMMAND, {"id": command["id"], "name": name, "type": 3, **target})

    # -- components and forms

    def press(self, user: User, message: Message, word: str, values: Sequence[str] | None = None) -> Interaction:
        """Press the button, or choose in the menu, with this custom id or label."""
        shown = [each for each in walk(message.components) if word in {each.get("custom_id"), each.get("label")}]
        assert shown, f"nothing here is called {word!r}"
        assert not message.deleted, "the message is gone"
        assert message.private_to in {None, user}, f"{user.name} does not see this message"
        assert not shown[0].get("disabled"), "it is greyed out"
        assert shown[0].get("custom_id"), "a link does not reach the bot"
        data = {"component_type": shown[0]["type"], "custom_id": shown[0]["custom_id"], "id": shown[0]["id"]}
        data |= _some(values=values)
        return self._send(user, message.channel, COMPONENT, data, message)

    def submit(
        self, form: Interaction, values: Mapping[str, Any], files: Mapping[str, Sequence[File]] | None = None
    ) -> Interaction:
        """Fill in the form that an interaction opened: text or chosen values, and files, by custom id."""
        assert form.modal is not None, "no form is open"
        known = {each["custom_id"] for each in walk(form.modal["components"]) if "custom_id" in each}
        assert {*values, *(files or {})} <= known, f"the form has only {sorted(known)}"
        resolved: Json = {}
        filled = [self._filled(form.channel, each, values, files or {}, resolved) for each in form.modal["components"]]
        data = {"custom_id": form.modal["custom_id"], "components": filled} | _some(resolved=resolved)
        return self._send(form.user, form.channel, MODAL_SUBMIT, data, form.pressed)

    def _filled(
        self,
        channel: Channel,
        part: Json,
        values: Mapping[str, Any],
        files: Mapping[str, Sequence[File]],
        resolved: Json,
    ) -> Json:
        told = {"type": part["type"], "id": part["id"]}
        if part["type"] == 18:
            return told | {"component": self._filled(channel, part["component"], values, files, resolved)}
        if part["type"] == 1:
            inner = [self._filled(channel, each, values, files, resolved) for each in part["components"]]
            return told | {"components": inner}
        if part["type"] == 10:
            return told
        told["custom_id"] = name = part["custom_id"]
        if part["type"] == 19:
            given: list[Any] = [self._value(channel, each, resolved) for each in files.get(name, ())]
            return told | {"values": _enough(part, given)}
        if part["type"] in {4, 21, 23}:
            return told | {"value": _typed(part, values.get(name))}
        chosen = values.get(name, [each["value"] for each in part.get("options") or () if each.get("default")])
        return told | {"values": _enough(part, [chosen] if isinstance(chosen, str) else list(chosen))}

    # -- how it reaches the bot

    def _send(self, user: User, channel: Channel, kind: int, data: Json, pressed: Message | None = None) -> Interaction:
        world = self._world
        assert channel.guild is None or user.id in channel.guild.members, f"{user.name} is not in this server"
        made = Interaction(
            id=world.snowflake(), kind=kind, user=user, channel=channel, payload={}, at_s=world.now_s(), pressed=pressed
        )
        made.from_user_app = channel.guild is not None and not channel.guild.has_bot
        made.payload = self._payload(made, data)
        world.interactions[made.id] = made
        if not (kind == COMPONENT and channel.locked and not world.may(user, channel, "manage_threads")):
            self.deliver(made)
        return made

    def deliver(self, interaction: Interaction) -> None:
        """Tell the bot of it, once more if it already knows."""

        def make(intents: int) -> Json:
            interaction.delivered = True
            return interaction.payload

        self._world.tell("INTERACTION_CREATE", make)

    def _payload(self, made: Interaction, data: Json) -> Json:
        world, channel = self._world, made.channel
        told: Json = {
            "id": str(made.id),
            "application_id": str(world.bot.id),
            "type": made.kind,
            "data": data,
            "token": made.token,
            "version": 1,
            "channel_id": str(channel.id),
            "channel": channel.json() | {"permissions": str(world.permissions(made.user, channel))},
            "app_permissions": str(world.permissions(world.bot, channel)),
            "locale": made.user.locale,
            "entitlements": [],
            "attachment_size_limit": world.upload_bytes(channel, made.user),
            "context": 1 if channel.kind == DM else 0,
            "authorizing_integration_owners": {"0": str(channel.guild.id) if channel.guild else "0"},
        }
        if made.from_user_app:
            told["authorizing_integration_owners"] = {"1": str(made.user.id)}
            told["app_permissions"] = str(_USER_APP_MAY)
        if made.pressed is not None:
            told["message"] = made.pressed.json(world.origin, world.now_s())
        if channel.guild is None:
            return told | {"user": made.user.json()}
        member = channel.guild.member_json(made.user) | {"permissions": str(world.permissions(made.user, channel))}
        guild = {"id": str(channel.guild.id), "locale": channel.guild.locale, "features": []}
        return told | {"guild_id": guild["id"], "guild": guild, "guild_locale": channel.guild.locale, "member": member}


def _some(**things: Any) -> Json:
    """Return only what there is."""
    return {key: value for key, value in things.items() if value}


def _typed(part: Json, value: Any) -> Any:
    """Return what was typed into a field, or stood there."""
    if part["type"] != 4:
        return value
    text = part.get("value") or "" if value is None else value
    assert text or not part.get("required", True), f"{part['custom_id']} is empty"
    assert not text or (part.get("min_length") or 0) <= len(text) <= (part.get("max_length") or 4000), (
        "too long or too short"
    )
    return text


def _enough(part: Json, values: list[Any]) -> list[Any]:
    """Return values that were chosen, as many as may be."""
    assert values or not part.get("required", True), f"{part['custom_id']} is empty"
    assert not values or (part.get("min_values") or 0) <= len(values) <= (part.get("max_values") or 1), (
        "too many or too few"
    )
    options = {each["value"] for each in part.get("options") or ()}
    assert not options or options >= set(values), f"{values} is not on the list"
    return values


# -- how the bot answers


def _by_token(world: World, token: str) -> Interaction:
    """Return the interaction of a token that is alive and was answered."""
    found: Interaction | None = next((each for each in world.interactions.values() if each.token == token), None)
    if found is None:
        raise Refused(404, 10015, "Unknown Webhook")
    if world.now_s() - found.at_s > TOKEN_LIVES_S:
        raise Refused(*world.dead_token)
    if not found.acked:
        raise Refused(404, 10015, "Unknown Webhook")
    return found


@route("POST", "/interactions/{id}/{token}/callback")
def callback(world: World, call: Call, id: str, token: str) -> Answer:  # noqa: A002 - Discord's word
    made: Interaction | None = world.interactions.get(int(id))
    if made is None:
        raise Refused(404, 10062, "Unknown interaction")
    try:
        _respond(world, made, call, token)
    except Refused as refused:
        made.errors.append(refused.code)
        raise
    if call.query.get("with_response") not in {"1", "true"}:
        return 204, None
    return 200, _told(world, made)


def _respond(world: World, made: Interaction, call: Call, token: str) -> None:
    """Take the bot's first answer."""
    if made.token != token or (not made.acked and world.now_s() - made.at_s > ACK_WITHIN_S):
        raise Refused(404, 10062, "Unknown interaction")
    if made.acked:
        raise Refused(400, 40060, "Interaction has already been acknowledged.")
    kind, data = call.body["type"], call.body.get("data") or {}
    if kind not in _ALLOWED[made.kind] or (kind in {6, 7} and made.pressed is None):
        refuse_flaws([("type", "BASE_TYPE_CHOICES", f"Type {kind} does not answer this")])
    match kind:
        case 4:
            _need_open(made)
            made.message = _say(world, made, data, call)
        case 5:
            _need_open(made)
            made.message = _think(world, made, data)
        case 6:
            made.message = made.pressed
        case 7 if made.pressed is not None:
            made.message = edit(world, made.pressed, data, call.files, world.upload_bytes(made.channel, made.user))
        case 8:
            refuse_flaws(discord_schema.choices(data))
        case 9:
            refuse_flaws(discord_schema.modal(data))
            _number_form(data)
    made.acked_s = world.now_s()
    made.responses.append(call.body)


_ALLOWED = {COMMAND: {4, 5, 9}, COMPONENT: {4, 5, 6, 7, 9}, AUTOCOMPLETE: {8}, MODAL_SUBMIT: {4, 5, 6, 7}}


def _number_form(data: Json) -> None:
    for at, each in enumerate(walk(data["components"]), 1):
        each["id"] = each.get("id") or at


def _need_open(made: Interaction) -> None:
    """Refuse to answer where nobody may write any more."""
    if made.channel.deleted:
        raise Refused(404, 10003, "Unknown Channel")
    if made.channel.locked:
        raise Refused(403, 50083, "Thread is archived")


def _say(
    world: World, made: Interaction, data: Json, call: Call, *, private: bool | None = None, **more: Any
) -> Message:
    """Post an answer; who else sees it is up to its flags, or to an answer that was begun."""
    private = bool((data.get("flags") or 0) & EPHEMERAL) if private is None else private
    body = data | {"flags": (data.get("flags") or 0) & ~EPHEMERAL | (EPHEMERAL if private else 0)}
    limit = world.upload_bytes(made.channel, made.user)
    whom = made.user if private else None
    about = _about(made)
    return post(world, made.channel, world.bot, body, call.files, limit, private_to=whom, by_interaction=about, **more)


def _about(made: Interaction) -> Json:
    """Return what a message says of the interaction that it answers."""
    told: Json = {
        "id": str(made.id),
        "type": made.kind,
        "user": made.user.json(),
        "authorizing_integration_owners": made.payload["authorizing_integration_owners"],
    }
    if made.kind == COMPONENT and made.pressed is not None:
        told["interacted_message_id"] = str(made.pressed.id)
    if made.kind == MODAL_SUBMIT:
        told["triggering_interaction_metadata"] = told | {"type": COMMAND}
        if made.pressed is not None:
            told["triggering_interaction_metadata"] |= {
                "type": COMPONENT,
                "interacted_message_id": str(made.pressed.id),
            }
    return told


def _think(world: World, made: Interaction, data: Json) -> Message:
    """Put down the message that says the bot is thinking."""
    private = bool((data.get("flags") or 0) & EPHEMERAL)
    thinking = Message(
        id=world.snowflake(),
        channel=made.channel,
        author=world.bot,
        at_s=world.now_s(),
        flags=LOADING | (EPHEMERAL if private else 0),
        kind=20,
        private_to=made.user if private else None,
        by_interaction=_about(made),
    )
    world.messages[thinking.id] = thinking
    made.channel.messages.append(thinking)
    world.tell_message("MESSAGE_CREATE", thinking)
    return thinking


def _told(world: World, made: Interaction) -> Json:
    """Return what a callback is answered with where the response was asked for."""
    kind = made.responses[-1]["type"]
    told: Json = {"interaction": {"id": str(made.id), "type": made.kind}}
    if made.message is not None and kind in {4, 5, 6, 7}:
        told["interaction"] |= {
            "response_message_id": str(made.message.id),
            "response_message_loading": made.thinking,
            "response_message_ephemeral": made.private,
        }
    if made.message is not None and kind in {4, 5, 7}:
        told["resource"] = {"type": kind, "message": world.message_json(made.message)}
    return told


def _answer_of(world: World, made: Interaction, id_text: str) -> Message:
    """Return one of the messages that answer an interaction."""
    mine = [each for each in [made.message, *made.followups] if each is not None and not each.deleted]
    found = [each for each in mine if str(each.id) == id_text or (id_text == "@original" and each is made.message)]
    if not found:
        raise Refused(404, 10008, "Unknown Message")
    if found[0].channel.deleted:
        raise Refused(404, 10003, "Unknown Channel")
    return found[0]


@route("POST", "/webhooks/{app}/{token}")
def follow_up(world: World, call: Call, app: str, token: str) -> Answer:
    made = _by_token(world, token)
    _need_open(made)
    if made.thinking:
        assert made.message is not None
        return 200, world.message_json(_fill(world, made, made.message, call))
    if made.from_user_app and len(made.followups) >= _FOLLOWUPS_OF_USER_APP:
        raise Refused(400, 40094, "This interaction has reached the maximum number of follow-up messages")
    made.followups.append(_say(world, made, call.body, call))
    return 200, world.message_json(made.followups[-1])


def _fill(world: World, made: Interaction, message: Message, call: Call) -> Message:
    """Write into an answer, the first time for good: then it is no longer thinking, and may ring."""
    limit = world.upload_bytes(made.channel, made.user)
    was_thinking = bool(message.flags & LOADING)
    filled = edit(world, message, call.body, call.files, limit)
    if was_thinking and message.private_to is None:
        filled.rings = rings(world, made.channel, world.bot, call.body, filled.text, None)
    return filled


@route("GET", "/webhooks/{app}/{token}/messages/{message}")
def get_answer(world: World, call: Call, app: str, token: str, message: str) -> Answer:
    return 200, world.message_json(_answer_of(world, _by_token(world, token), message))


@route("PATCH", "/webhooks/{app}/{token}/messages/{message}")
def edit_answer(world: World, call: Call, app: str, token: str, message: str) -> Answer:
    made = _by_token(world, token)
    found = _answer_of(world, made, message)
    need_open(world, found.channel)
    return 200, world.message_json(_fill(world, made, found, call))


@route("DELETE", "/webhooks/{app}/{token}/messages/{message}")
def delete_answer(world: World, call: Call, app: str, token: str, message: str) -> Answer:
    delete(world, _answer_of(world, _by_token(world, token), message))
    return 204, None
