"""The sentences of refusals: what is wrong, what would do, who could do it instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.media.contract import UnfitReason
from bot.refusals import Refused
from bot.wording import counted, listed, provider, quoted, size, span
from storage.limits import usd

_PICTURES = "Send a JPEG, PNG, WEBP, HEIC, GIF, TIFF or BMP."
_SOUNDS = "Send a WAV, MP3, M4A, OGG, FLAC or WEBM."


def unfit(facts: Mapping[str, Any]) -> str:
    """Return what about a file is wrong, and what would do."""
    thing = "sound" if facts["role"] == "audio" else "picture"
    what_to_send = _SOUNDS if thing == "sound" else _PICTURES
    return _UNFIT[UnfitReason(facts["reason"])](facts, thing, what_to_send)


def _ratio(facts: Mapping[str, Any]) -> str:
    long, short = max(facts["width"], facts["height"]), min(facts["width"], facts["height"])
    most = facts["max_px"] / facts["min_px"]
    return (
        f"This picture is {facts['width']}x{facts['height']}, which is {long / short:.1f}:1; its sides must fit {facts['min_px']} to "
        f"{facts['max_px']} pixels, so {most:.1f}:1 is the longest shape that can be used. Crop it and send it again."
    )


_UNFIT: Mapping[UnfitReason, Callable[[Mapping[str, Any], str, str], str]] = {
    UnfitReason.MISSING: lambda _f, thing, _s: f"There is no such {thing} file. Check the path.",
    UnfitReason.EMPTY: lambda _f, thing, _s: f"The {thing} file is empty (0 bytes). Send it again.",
    UnfitReason.TOO_BIG: lambda f, thing, _s: (
        f"The {thing} file is {size(f['size_bytes'])}; at most {size(f['max_bytes'])} can be taken. Send a smaller one."
    ),
    UnfitReason.NOT_MEDIA: lambda f, thing, send: (
        f"This file is not a {thing}." + (f" It looks like {f['found']}. " if f.get("found") else " ") + send
    ),
    UnfitReason.WRONG_MEDIA: lambda f, thing, send: f"This file is a {f['found']}, where a {thing} is needed. {send}",
    UnfitReason.CORRUPT: lambda _f, thing, _s: (
        f"The {thing} file is damaged and cannot be read. Save it again, or send another one."
    ),
    UnfitReason.TRUNCATED: lambda _f, thing, _s: (
        f"The {thing} file ends too early, as if it had not been uploaded whole. Send it again."
    ),
    UnfitReason.BOMB: lambda f, thing, _s: (
        f"The {thing} unpacks to {f.get('width', '?')}x{f.get('height', '?')} pixels, more than can be taken. Send a smaller one."
    ),
    UnfitReason.TOO_SLOW: lambda _f, thing, _s: (
        f"The {thing} takes too long to decode. Save it in a simpler format and send it again."
    ),
    UnfitReason.RATIO: lambda f, _t, _s: _ratio(f),
    UnfitReason.NO_SOUND: lambda _f, _t, _s: "The recording is empty: there is no sound in it. Record it again.",
    UnfitReason.TOO_SHORT: lambda f, _t, _s: (
        f"The sound lasts {f['seconds']:.1f} s; at least {f['min_s']:g} s are needed. Send a longer one."
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
    whose = _whose(facts)
    used = counted(amount, facts["used"])
    head = f"{whose} limit is {counted(amount)} {per(window)}, and {used} {'is' if facts['used'] == 1 else 'are'} used."
    if facts["frees_at_ms"] is None:
        shorter = "" if facts["asked"] == 1 else "Ask for a shorter video, or "
        raise_it = "ask an operator to raise it" if shorter else "Ask an operator to raise it"
        return f"{head} One request of {counted(amount, facts['asked'])} never fits it. {shorter}{raise_it}. Nothing was charged."
    return f"{head} It has room again {_when(facts['frees_at_ms'], now_ms, zone)}. Nothing was charged."


def _whose(facts: Mapping[str, Any]) -> str:
    kind = facts["subject"].partition(":")[0]
    return {
        "user": "Your",
        "role": "Your role's",
        "channel": "This channel's",
        "scope": "This server's",
        "all": "This bot's",
    }[kind]


def per(window: str) -> str:
    """Return how often a limit's window comes: `a day`, `in 24 hours`."""
    return {"day": "a day", "week": "a week", "month": "a month"}.get(window, f"in {window.removesuffix('h')} hours")


def _when(at_ms: int, now_ms: int, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(-(-at_ms // 1000), zone)
    return f"in {span((at_ms - now_ms) / 1000)}, at {at:%H:%M} on {at.day} {at:%B}"


def _open(facts: Mapping[str, Any], now_ms: int, zone: ZoneInfo) -> str:
    count = facts["used"]
    making = "1 video" if count == 1 else f"{count} videos"
    which = f" ({', '.join(facts['jobs'])})" if facts.get("jobs") else ""
    return (
        f"You have {making} in the making{which}, and that is as many as you may have. Wait for one; one that was interrupted goes on "
        f"with `stillmotion collect ID -o FILE`, and `stillmotion cancel ID` ends one. Nothing was charged."
    )


def _budget(facts: Mapping[str, Any], now_ms: int, zone: ZoneInfo) -> str:
    amount, _, window = facts["limit"].partition("/")
    who = "An admin" if facts["set_by"].startswith("scope:") else "The operator"
    frees = "" if facts["frees_at_ms"] is None else f" It begins anew {_when(facts['frees_at_ms'], now_ms, zone)}."
    return (
        f"{_whose(facts)} budget of {amount} {per(window)} has no room for this: ${usd(facts['used'])} of it is used or reserved, "
        f"and this asks for about ${usd(facts['asked'])}. {who} can raise it.{frees} Nothing was charged."
    )


def _clock(at_ms: int, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, zone)
    return f"{at:%H:%M} on {at.day} {at:%B}"


def _resumes(facts: Mapping[str, Any]) -> str:
    """Return who ends a pause: what an operator began no admin ends."""
    return "The people who run it" if facts["by_operator"] else "An admin"


def _missing(facts: Mapping[str, Any]) -> str:
    *first, last = facts["names"]
    return f"Missing are {', '.join(first)} and {last}" if first else f"Missing is {last}"


def _or_else(facts: Mapping[str, Any], sentence: str) -> str:
    """Return a sentence that names who could, or nothing where nobody can."""
    others = list(facts.get("others") or ())
    return f" {sentence.format(listed(others))}" if others else ""


_Sentence = Callable[[Mapping[str, Any], int, ZoneInfo], str]
_REFUSALS: Mapping[str, _Sentence] = {
    "limit": _limit,
    "open": _open,
    "budget": _budget,
    "unpriced": lambda f, _n, _z: (
        f"Nobody knows what this costs, and a limit in dollars ({f['limit']}) applies, so it cannot be used. Choose another model."
    ),
    "no_image": lambda _f, _n, _z: "Add a picture first: it is what will move.",
    "prompt_missing": lambda f, _n, _z: (
        f"{f['offer']} needs a sentence that says what should happen. Add one."
        f"{_or_else(f, 'A picture alone is enough for {}.')}"
    ),
    "prompt_long": lambda f, _n, _z: (
        f"The sentence has {f['length']} characters; {f['offer']} takes {f['most']}. Shorten it by {f['length'] - f['most']}."
        f"{_or_else(f, 'It fits {}.')}"
    ),
    "model_unknown": lambda f, _n, _z: (
        f"There is no model {quoted(f['given'])}. Choose one of {', '.join(f['known'])}."
    ),
    "offer_off": lambda f, _n, _z: f"{f['offer']} is off here: {f['why']}. `stillmotion offers` lists what is on.",
    "account_trouble": lambda f, _n, _z: (
        f"This bot's account at {provider(f['offer'])} is not working right now; the people who run it have been told. "
        f"Nothing was charged.{_or_else(f, 'Another model that works now: {}.')}"
    ),
    "option_unknown": lambda f, _n, _z: (
        f"{f['offer']} has no option {quoted(f['option'])}. It has {', '.join(f['known'])}.{_or_else(f, 'That needs {}.')}"
    ),
    "option_bad": lambda f, _n, _z: (
        f"{f['option']} cannot be {quoted(f['given'])} at {f['offer']}. It takes {f['wanted']}."
        f"{_or_else(f, 'It can be at {}.')}"
    ),
    "option_audience": lambda f, _n, _z: (
        f"{f['option']} can be set by {f['audience']}s only. Leave it out, or ask one."
    ),
    "safety_place": lambda _f, _n, _z: (
        "The safety check can be turned off in age-restricted channels only. Leave it on here, or ask there."
    ),
    "sound_unsupported": lambda f, _n, _z: (
        f"{f['offer']} takes no sound.{_or_else(f, 'Sound input needs {}.') or ' Leave the sound out, or choose another model.'}"
    ),
    "sound_unreachable": lambda f, _n, _z: (
        f"{f['offer']} takes no sound here: {f['why']}. Leave the sound out.{_or_else(f, 'Sound input needs {}.')}"
    ),
    "place_unusable": lambda f, _n, _z: (
        f"The video cannot be written to {f['path']}: {f['why']}. Choose another file with -o."
    ),
    "scope_denied": lambda f, _n, _z: f"This bot may not be used in {f['scope']}. Its operator can allow it.",
    "private_place": lambda _f, _n, _z: (
        "This bot makes no videos in direct messages. Ask in a server where it is, or ask its operator to allow it here."
    ),
    "blocked": lambda _f, _n, _z: "An admin here does not let you use this bot. Only an admin can change that.",
    "paused": lambda f, _n, zone: (
        f"This bot is paused here since {_clock(f['since_ms'], zone)}. {_resumes(f)} can resume it."
    ),
    "channel_closed": lambda f, _n, _z: f"This bot is not used in this channel. It is in {listed(f['names'])}.",
    "role_closed": lambda f, _n, _z: (
        f"Your roles do not let you use this bot here. It is for {listed(f['names'])}; an admin can change that."
    ),
    "model_closed": lambda f, _n, _z: f"That model may not be used here. Choose {listed(f['names'])}, or ask an admin.",
    "lacks_permission": lambda f, _n, _z: (
        f"I may not do all that is needed here. {_missing(f)}; whoever manages this channel can give it."
    ),
}
