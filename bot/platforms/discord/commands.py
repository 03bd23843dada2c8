"""The commands as Discord is told of them, the options of `/animate` from the specs; told again only when they changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import discord

from bot.language import speaking, tr
from bot.platforms.contract import Answering, Field
from bot.platforms.text import cut

Json = dict[str, Any]
ANIMATE, ANIMATE_THIS = "animate", "Animate this image"
QUOTA, JOBS, COLLECT, HELP, ADMIN = "quota", "jobs", "collect", "help", "animate-admin"
SUBCOMMAND, TEXT, WHOLE, SWITCH, USER, CHANNEL, ROLE, WHO, NUMBER, FILE = 1, 3, 4, 5, 6, 7, 8, 9, 10, 11
_SLASH, _MESSAGE = 1, 3
_IN_SERVERS, _IN_DIRECT_MESSAGES = 0, 1
_MOST_OPTIONS = _MOST_CHOICES = 25
PROMPT_CHARS = 4000
"""What a form takes: a sentence that came as an option must fit there too, once it is edited."""
_MOST_CHARS, _ABOUT_CHARS, _NAME_CHARS = 6000, 100, 32
_IS_NAME = re.compile(r"[-_'\w]+")
_FARTHEST = 2**53
_WRITTEN_IN = [0, 2, 5, 13]
_TYPES = {"integer": WHOLE, "number": NUMBER, "switch": SWITCH}
_MATTERS = [
    *("name", "type", "description", "required", "options", "choices", "value", "autocomplete", "channel_types"),
    *("min_value", "max_value", "min_length", "max_length"),
    *("contexts", "integration_types", "default_member_permissions", "name_localizations", "description_localizations"),
]


def wanted(fields: Callable[[], Sequence[Field]], *, allow_dm: bool) -> list[Json]:
    """Return every command, with its names and words in each of Discord's languages that there is."""
    told = definitions(fields(), allow_dm=allow_dm)
    for locale in discord.Locale:
        with speaking(locale.value):
            _localise(told, definitions(fields(), allow_dm=allow_dm), locale.value)
    return told


def _localise(told: Sequence[Json], spoken: Sequence[Json], locale: str) -> None:
    """Add what is spoken where it differs; a name that two of them would have is left out, as Discord takes it once."""
    names = [_name(one) for one in told]
    for one, other, name in zip(told, spoken, names, strict=True):
        words = {"name": name if names.count(name) == 1 else "", "description": other.get("description")}
        for word, found in words.items():
            if found and found != one[word]:
                one.setdefault(f"{word}_localizations", {})[locale] = found
        for inner in ("options", "choices"):
            _localise(one.get(inner, ()), other.get(inner, ()), locale)


def _name(told: Json) -> str:
    """Return a name as it is spoken, unless Discord would not take it."""
    spoken = tr(told["name"])
    is_free = "value" in told or (told.get("type") == _MESSAGE and "contexts" in told)
    is_name = spoken == spoken.lower() and _IS_NAME.fullmatch(spoken)
    return spoken if len(spoken) <= _NAME_CHARS and (is_free or is_name) else str(told["name"])


def definitions(fields: Sequence[Field], *, allow_dm: bool) -> list[Json]:
    """Return every command in the language that is spoken; outside of servers only where direct messages are allowed."""
    where = [_IN_SERVERS, *([_IN_DIRECT_MESSAGES] if allow_dm else [])]
    job = _option(TEXT, "job", tr("One video, by its job's name; without it all that wait."))
    page = _option(WHOLE, "page", tr("Further back."), min_value=1, max_value=9999)
    return [
        _slash(ANIMATE, tr("Turn a picture and a sentence into a video."), _asked(fields), where),
        {"name": ANIMATE_THIS, "type": _MESSAGE, "contexts": where, "integration_types": [0]},
        _slash(QUOTA, tr("What is left to you, and when it comes back."), [], where),
        _slash(JOBS, tr("Your videos, the newest first."), [page], where),
        _slash(COLLECT, tr("Get the videos that could not be posted."), [job], where),
        _slash(HELP, tr("What this bot does, in five lines."), [], where),
        _slash(ADMIN, tr("Limits, budget, and who may use the bot where."), list(_orders()), [_IN_SERVERS])
        | {"default_member_permissions": discord.Permissions(manage_guild=True).value},
    ]


def _slash(name: str, about: str, options: list[Json], contexts: list[int]) -> Json:
    told = {"name": name, "type": _SLASH, "description": cut(about, _ABOUT_CHARS), "options": options}
    return told | {"contexts": contexts, "integration_types": [0]}


def _option(kind: int, name: str, about: str, **more: Any) -> Json:
    return {"type": kind, "name": name, "description": cut(about, _ABOUT_CHARS), **more}


def _asked(fields: Iterable[Field]) -> list[Json]:
    """Return the options of a request: what everybody needs first, then what the offers declare."""
    first = [
        _option(FILE, "image", tr("The picture that is to move."), required=True),
        _option(TEXT, "prompt", tr("What moves, what the camera does."), required=True, max_length=PROMPT_CHARS),
        _option(FILE, "audio", tr("A sound for the video to follow, where the model takes one.")),
        _option(TEXT, "model", tr("Who makes it; without one the usual."), autocomplete=True),
    ]
    taken = {each["name"] for each in first}
    declared = [_declared(each) for each in fields if each.name not in taken]
    return [*first, *declared][:_MOST_OPTIONS]


def _declared(field: Field) -> Json:
    about = field.help or field.name
    match field.kind:
        case "integer" | "number":
            ends = {"min_value": field.low, "max_value": field.high}
            known = {end: value for end, value in ends.items() if value is not None and abs(value) < _FARTHEST}
            return _option(_TYPES[field.kind], field.name, about, **known)
        case "switch":
            return _option(SWITCH, field.name, about)
        case "choice" if len(field.choices) <= _MOST_CHOICES:
            return _option(TEXT, field.name, about, choices=_choices(field.choices))
    return _option(TEXT, field.name, about, max_length=min(field.max_chars or _MOST_CHARS, _MOST_CHARS))


def _choices(values: Iterable[str]) -> list[Json]:
    return [{"name": value, "value": value} for value in values]


def _orders() -> Iterator[Json]:
    """Yield what admins can order; whom it is about is a member, a role, a channel, or the server where none is named."""
    amount = _option(
        TEXT, "amount", tr("Like 5/day, 60s/week, $20/month, several with commas, or none."), required=True
    )
    grant = _option(TEXT, "amount", tr("Once more: 3 for videos, 30s or $5."), required=True)
    dollars = _option(TEXT, "amount", tr("Dollars a month like 50, or none."), required=True)
    about = [
        _option(WHO, "who", tr("A member or a role.")),
        _option(CHANNEL, "channel", tr("A channel."), channel_types=_WRITTEN_IN),
    ]
    member = _option(USER, "user", tr("The member."), required=True)
    switch = _option(TEXT, "switch", tr("On or off."), required=True, choices=_choices(["on", "off"]))
    do = _option(
        TEXT, "do", tr("Add one, remove one, or allow all."), required=True, choices=_choices(["add", "remove", "all"])
    )
    how = _option(TEXT, "how", tr("How videos come."), required=True, choices=_choices(Answering))
    channel, role, model = about[1], _option(ROLE, "role", tr("The role.")), _model()
    since = _option(TEXT, "since", tr("How far back, like 30d or 24h."), max_length=8)
    by = _option(TEXT, "by", tr("Summed by this."), choices=_choices(["user", "channel", "offer", "day"]))
    yield _order("limit", tr("Set how much may be used."), amount, *about)
    yield _order("grant", tr("Allow more, once."), grant, *about)
    yield _order("clear", tr("Take a limit away."), *about)
    yield _order("block", tr("Keep a member from asking for videos."), member)
    yield _order("unblock", tr("Let a member ask for videos again."), member)
    yield _order("budget", tr("Set what this server may cost in a month."), dollars)
    yield _order("approvals", tr("Let requests over the budget be put to an admin."), switch)
    yield _order("channels", tr("Say in which channels the bot is used."), do, channel)
    yield _order("roles", tr("Say which roles may use the bot."), do, role)
    yield _order("models", tr("Say which models may be used."), do, model)
    yield _order("thread", tr("Say how videos come: in a thread, as a reply, or by themselves."), how, channel)
    yield _order("alerts", tr("Say where approvals are asked for; without a channel on the card."), channel)
    yield _order("spoiler", tr("Say whether videos come covered, as spoilers."), switch)
    yield _order("pause", tr("Take no more requests."))
    yield _order("resume", tr("Take requests again."))
    yield _order("usage", tr("What was used here, and what it cost."), since, by)
    yield _order("show", tr("How this bot is set here."))


def _model() -> Json:
    return _option(TEXT, "model", tr("The model, or one offer of it."), autocomplete=True)


def _order(verb: str, about: str, *options: Json) -> Json:
    return _option(SUBCOMMAND, verb, about, options=list(options))


async def sync(client: discord.Client, wanted: list[Json]) -> bool:
    """Tell Discord of the commands, unless it knows just these; whether it was told.

    Raises:
        discord.HTTPException: Discord does not answer, or takes one of them amiss.
    """
    assert client.application_id is not None, "the client is not logged in"
    asks = discord.http.Route("GET", "/applications/{id}/commands", id=client.application_id)
    known = await client.http.request(asks, params={"with_localizations": "true"})
    if _by_name(known) == _by_name(wanted):
        return False
    await client.http.bulk_upsert_global_commands(client.application_id, wanted)
    return True


def _by_name(commands: Iterable[Any]) -> dict[tuple[str, int], Any]:
    return {(each["name"], each.get("type", _SLASH)): _essence(each) for each in commands}


def _essence(told: Any) -> Any:
    """Return what matters of a command: not what Discord adds, nor what is as good as nothing; a number may come as text."""
    if isinstance(told, list):
        return [_essence(each) for each in told]
    if not isinstance(told, dict):
        return int(told) if isinstance(told, str) and told.isdecimal() else told
    kept = {name: _essence(told[name]) for name in _MATTERS if name in told}
    return {name: value for name, value in kept.items() if not (value is None or value is False or value in ([], ""))}
