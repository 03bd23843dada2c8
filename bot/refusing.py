"""The sentences of refusals: what is wrong, what would do, who could do it instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.language import later, tr
from bot.media.contract import UnfitReason
from bot.refusals import Refused
from bot.wording import counted, every, listed, provider, quoted, size, span, together
from providers.kit.spec import Audience
from storage.limits import usd

_PICTURES = later("Send a JPEG, PNG, WEBP, HEIC, GIF, TIFF or BMP.")
_NOTHING = later("Nothing was charged.")
_SOUNDS = later("Send a WAV, MP3, M4A, OGG, FLAC or WEBM.")


def unfit(facts: Mapping[str, Any]) -> str:
    """Return what about a file is wrong, and what would do."""
    is_sound = facts["role"] == "audio"
    thing, send = (tr("sound"), tr(_SOUNDS)) if is_sound else (tr("picture"), tr(_PICTURES))
    return _UNFIT[UnfitReason(facts["reason"])](facts, thing, send)


def _ratio(facts: Mapping[str, Any]) -> str:
    long, short = max(facts["width"], facts["height"]), min(facts["width"], facts["height"])
    most = facts["max_px"] / facts["min_px"]
    return tr(
        "This picture is {width}x{height}, which is {ratio:.1f}:1; its sides must fit {min_px} to {max_px} "
        "pixels, so {most:.1f}:1 is the longest shape that can be used. Crop it and send it again.",
        width=facts["width"],
        height=facts["height"],
        ratio=long / short,
        min_px=facts["min_px"],
        max_px=facts["max_px"],
        most=most,
    )


_UNFIT: Mapping[UnfitReason, Callable[[Mapping[str, Any], str, str], str]] = {
    UnfitReason.MISSING: lambda _f, thing, _s: tr("There is no such {thing} file. Check the path.", thing=thing),
    UnfitReason.EMPTY: lambda _f, thing, _s: tr("The {thing} file is empty (0 bytes). Send it again.", thing=thing),
    UnfitReason.TOO_BIG: lambda f, thing, _s: tr(
        "The {thing} file is {size}; at most {most} can be taken. Send a smaller one.",
        thing=thing,
        size=size(f["size_bytes"]),
        most=size(f["max_bytes"]),
    ),
    UnfitReason.NOT_MEDIA: lambda f, thing, send: together(
        tr("This file is not a {thing}.", thing=thing),
        tr("It looks like {found}.", found=f["found"]) if f.get("found") else "",
        send,
    ),
    UnfitReason.WRONG_MEDIA: lambda f, thing, send: together(
        tr("This file is a {found}, where a {thing} is needed.", found=f["found"], thing=thing), send
    ),
    UnfitReason.CORRUPT: lambda _f, thing, _s: tr(
        "The {thing} file is damaged and cannot be read. Save it again, or send another one.", thing=thing
    ),
    UnfitReason.TRUNCATED: lambda _f, thing, _s: tr(
        "The {thing} file ends too early, as if it had not been uploaded whole. Send it again.", thing=thing
    ),
    UnfitReason.BOMB: lambda f, thing, _s: tr(
        "The {thing} unpacks to {width}x{height} pixels, more than can be taken. Send a smaller one.",
        thing=thing,
        width=f.get("width", "?"),
        height=f.get("height", "?"),
    ),
    UnfitReason.TOO_SLOW: lambda _f, thing, _s: tr(
        "The {thing} takes too long to decode. Save it in a simpler format and send it again.", thing=thing
    ),
    UnfitReason.RATIO: lambda f, _t, _s: _ratio(f),
    UnfitReason.NO_SOUND: lambda _f, _t, _s: tr("The recording is empty: there is no sound in it. Record it again."),
    UnfitReason.TOO_SHORT: lambda f, _t, _s: tr(
        "The sound lasts {seconds:.1f} s; at least {min_s:g} s are needed. Send a longer one.",
        seconds=f["seconds"],
        min_s=f["min_s"],
    ),
}


def refusal(refused: Refused, now_ms: int, zone: ZoneInfo) -> str:
    """Return why a request was not taken, and what to do."""
    facts = refused.facts
    if refused.code in set(UnfitReason):
        return unfit({"reason": refused.code, **facts})
    return _REFUSALS[refused.code](facts, now_ms, zone)


def _limit(facts: Mapping[str, Any], now_ms: int, zone: ZoneInfo) -> str:
    amount, _, window = facts["limit"].partition("/")
    head = tr(_LIMIT[_kind(facts)], amount=counted(amount), window=per(window), used=counted(amount, facts["used"]))
    if facts["frees_at_ms"] is not None:
        frees = tr("It has room again {when}.", when=_when(facts["frees_at_ms"], now_ms, zone))
        return together(head, frees, tr(_NOTHING))
    never = tr("One request of {amount} never fits it.", amount=counted(amount, facts["asked"]))
    could = tr("Ask for a shorter video, or ask an operator to raise it.")
    raised = tr("Ask an operator to raise it.")
    return together(head, never, raised if facts["asked"] == 1 else could, tr(_NOTHING))


def _kind(facts: Mapping[str, Any]) -> str:
    """Return what a limit is about: a user, a role, a channel, a scope, or all."""
    return str(facts["subject"]).partition(":")[0]


_LIMIT = {
    "user": later("Your limit is {amount} {window}, with {used} used."),
    "role": later("Your role's limit is {amount} {window}, with {used} used."),
    "channel": later("This channel's limit is {amount} {window}, with {used} used."),
    "scope": later("This server's limit is {amount} {window}, with {used} used."),
    "all": later("This bot's limit is {amount} {window}, with {used} used."),
}
_BUDGET = {
    "user": later(
        "Your budget of {amount} {window} has no room for this: ${used} of it is used or reserved, and "
        "this asks for about ${asked}."
    ),
    "role": later(
        "Your role's budget of {amount} {window} has no room for this: ${used} of it is used or reserved, and "
        "this asks for about ${asked}."
    ),
    "channel": later(
        "This channel's budget of {amount} {window} has no room for this: ${used} of it is used or reserved, and "
        "this asks for about ${asked}."
    ),
    "scope": later(
        "This server's budget of {amount} {window} has no room for this: ${used} of it is used or reserved, and "
        "this asks for about ${asked}."
    ),
    "all": later(
        "This bot's budget of {amount} {window} has no room for this: ${used} of it is used or reserved, and "
        "this asks for about ${asked}."
    ),
}


def per(window: str) -> str:
    """Return how often a limit's window comes: `a day`, `in 24 hours`."""
    return tr(_PER[window]) if window in _PER else tr("in {hours} hours", hours=window.removesuffix("h"))


_PER = {"day": later("a day"), "week": later("a week"), "month": later("a month")}


def _when(at_ms: int, now_ms: int, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(-(-at_ms // 1000), zone)
    return tr("in {time}, at {at:%H:%M} on {day} {at:%B}", time=span((at_ms - now_ms) / 1000), at=at, day=at.day)


def _open(facts: Mapping[str, Any], now_ms: int, zone: ZoneInfo) -> str:
    making = counted("1", facts["used"])
    which = f" ({', '.join(facts['jobs'])})" if facts.get("jobs") else ""
    return tr(
        "You have {making} in the making{which}, and that is as many as you may have. Wait for one; one that "
        "was interrupted goes on with `stillmotion collect ID -o FILE`, and `stillmotion cancel ID` ends "
        "one. Nothing was charged.",
        making=making,
        which=which,
    )


def _budget(facts: Mapping[str, Any], now_ms: int, zone: ZoneInfo) -> str:
    amount, _, window = facts["limit"].partition("/")
    by_admin, at_ms = facts["set_by"].startswith("scope:"), facts["frees_at_ms"]
    full = tr(
        _BUDGET[_kind(facts)],
        amount=amount,
        window=per(window),
        used=usd(facts["used"]),
        asked=usd(facts["asked"]),
    )
    can = tr("An admin can raise it.") if by_admin else tr("The operator can raise it.")
    frees = "" if at_ms is None else tr("It begins anew {when}.", when=_when(at_ms, now_ms, zone))
    return together(full, can, frees, tr(_NOTHING))


def _clock(at_ms: int, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, zone)
    return tr("{at:%H:%M} on {day} {at:%B}", at=at, day=at.day)


def _resumes(facts: Mapping[str, Any]) -> str:
    """Return who ends a pause: what an operator began no admin ends."""
    return tr("The people who run it can resume it.") if facts["by_operator"] else tr("An admin can resume it.")


def _missing(facts: Mapping[str, Any]) -> str:
    names = every(facts["names"])
    if len(facts["names"]) == 1:
        return tr("Missing is {name}; whoever manages this channel can give it.", name=names)
    return tr("Missing are {names}; whoever manages this channel can give it.", names=names)


def _or_else(facts: Mapping[str, Any], sentence: str) -> str:
    """Return a sentence that names who could, or nothing where nobody can."""
    others = list(facts.get("others") or ())
    return tr(sentence, offers=listed(others)) if others else ""


def _too_long(facts: Mapping[str, Any]) -> str:
    return tr(
        "The sentence has {length} characters; {offer} takes {most}. Shorten it by {more}.",
        length=facts["length"],
        offer=facts["offer"],
        most=facts["most"],
        more=facts["length"] - facts["most"],
    )


def _no_account(facts: Mapping[str, Any]) -> str:
    return tr(
        "This bot's account at {who} is not working right now; the people who run it have been told.",
        who=provider(facts["offer"]),
    )


def _no_option(facts: Mapping[str, Any]) -> str:
    return tr(
        "{offer} has no option {option}. It has {names}.",
        offer=facts["offer"],
        option=quoted(facts["option"]),
        names=", ".join(facts["known"]),
    )


def _no_value(facts: Mapping[str, Any]) -> str:
    return tr(
        "{option} cannot be {given} at {offer}. It takes {wanted}.",
        option=facts["option"],
        given=quoted(facts["given"]),
        offer=facts["offer"],
        wanted=facts["wanted"],
    )


_SOUND_NEEDS = later("Sound input needs {offers}.")
_FOR = {
    Audience.ADMIN: later("{option} can be set by admins only. Leave it out, or ask one."),
    Audience.OPERATOR: later("{option} can be set by operators only. Leave it out, or ask one."),
}
_Sentence = Callable[[Mapping[str, Any], int, ZoneInfo], str]
_REFUSALS: Mapping[str, _Sentence] = {
    "limit": _limit,
    "open": _open,
    "budget": _budget,
    "unpriced": lambda f, _n, _z: tr(
        "Nobody knows what this costs, and a limit in dollars ({limit}) applies, so it cannot be used. "
        "Choose another model.",
        limit=f["limit"],
    ),
    "no_image": lambda _f, _n, _z: tr("Add a picture first: it is what will move."),
    "prompt_missing": lambda f, _n, _z: together(
        tr("{offer} needs a sentence that says what should happen. Add one.", offer=f["offer"]),
        _or_else(f, later("A picture alone is enough for {offers}.")),
    ),
    "prompt_long": lambda f, _n, _z: together(_too_long(f), _or_else(f, later("It fits {offers}."))),
    "model_unknown": lambda f, _n, _z: tr(
        "There is no model {given}. Choose one of {names}.", given=quoted(f["given"]), names=", ".join(f["known"])
    ),
    "offer_off": lambda f, _n, _z: tr(
        "{offer} is off here: {why}. `stillmotion offers` lists what is on.", offer=f["offer"], why=f["why"]
    ),
    "account_trouble": lambda f, _n, _z: together(
        _no_account(f), tr(_NOTHING), _or_else(f, later("Another model that works now: {offers}."))
    ),
    "option_unknown": lambda f, _n, _z: together(_no_option(f), _or_else(f, later("That needs {offers}."))),
    "option_bad": lambda f, _n, _z: together(_no_value(f), _or_else(f, later("It can be at {offers}."))),
    "option_audience": lambda f, _n, _z: tr(_FOR[Audience(f["audience"])], option=f["option"]),
    "safety_place": lambda _f, _n, _z: tr(
        "The safety check can be turned off in age-restricted channels only. Leave it on here, or ask there."
    ),
    "sound_unsupported": lambda f, _n, _z: together(
        tr("{offer} takes no sound.", offer=f["offer"]),
        _or_else(f, _SOUND_NEEDS) or tr("Leave the sound out, or choose another model."),
    ),
    "sound_unreachable": lambda f, _n, _z: together(
        tr("{offer} takes no sound here: {why}. Leave the sound out.", offer=f["offer"], why=tr(f["why"])),
        _or_else(f, _SOUND_NEEDS),
    ),
    "place_unusable": lambda f, _n, _z: tr(
        "The video cannot be written to {path}: {why}. Choose another file with -o.", path=f["path"], why=f["why"]
    ),
    "scope_denied": lambda f, _n, _z: tr(
        "This bot may not be used in {scope}. Its operator can allow it.", scope=f["scope"]
    ),
    "private_place": lambda _f, _n, _z: tr(
        "This bot makes no videos in direct messages. Ask in a server where it is, or ask its operator to "
        "allow it here."
    ),
    "blocked": lambda _f, _n, _z: tr("An admin here does not let you use this bot. Only an admin can change that."),
    "paused": lambda f, _n, zone: together(
        tr("This bot is paused here since {when}.", when=_clock(f["since_ms"], zone)), _resumes(f)
    ),
    "channel_closed": lambda f, _n, _z: tr(
        "This bot is not used in this channel. It is in {names}.", names=listed(f["names"])
    ),
    "role_closed": lambda f, _n, _z: tr(
        "Your roles do not let you use this bot here. It is for {names}; an admin can change that.",
        names=listed(f["names"]),
    ),
    "model_closed": lambda f, _n, _z: tr(
        "That model may not be used here. Choose {names}, or ask an admin.", names=listed(f["names"])
    ),
    "lacks_permission": lambda f, _n, _z: together(tr("I may not do all that is needed here."), _missing(f)),
}
