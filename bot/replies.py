"""Every sentence a person reads: what happened, what it means for the video and the money, what to do now."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.media.contract import Change, UnfitReason
from bot.refusals import Refused
from bot.wording import about, counted, cut, money, provider, quoted, size, span
from providers.kit.spec import Spec
from storage.contract import Input, Job
from storage.limits import usd
from storage.states import FINAL, Kind, State

_ALT_CHARS = 120


_CHANGES: Mapping[str, str] = {
    "turned": "turned upright",
    "scaled": "scaled from {from_width}x{from_height} to {to_width}x{to_height}",
    "flattened": "see-through parts made white",
    "first_frame": "only its first frame is used",
    "converted": "converted from {from_format} to {to_format}",
    "colours": "colours converted to sRGB",
    "profile_dropped": "a colour profile that does not fit it was dropped",
    "cut": "cut from {from_s:.1f} to {to_s:.1f} s",
    "recompressed": "compressed further",
}


def change(code: str, facts: Mapping[str, Any]) -> str:
    """Return one thing that was done to a picture or sound."""
    return _CHANGES[code].format(**facts)


def changes(made: tuple[Change, ...]) -> list[str]:
    return [change(each.code, each.facts) for each in made]


def changed(inputs: tuple[Input, ...]) -> str | None:
    """Return a sentence on everything that was done to what a person sent, or None where nothing was."""
    told = []
    for each in inputs:
        done = [change(fact["code"], fact) for fact in each.changes]
        if done:
            told.append(f"Your {'picture' if each.role == 'image' else 'sound'} was changed to fit: {', '.join(done)}.")
    return " ".join(told) or None


_PICTURES = "Send a JPEG, PNG, WEBP, HEIC, GIF, TIFF or BMP."
_SOUNDS = "Send a WAV, MP3, M4A, OGG, FLAC or WEBM."


def _unfit(facts: Mapping[str, Any]) -> str:
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
        return _unfit({"reason": refused.code, **facts})
    return _REFUSALS[refused.code](facts, now_ms, zone)


def _limit(facts: Mapping[str, Any], now_ms: int, zone: ZoneInfo) -> str:
    amount, _, window = facts["limit"].partition("/")
    whose = _whose(facts)
    used = counted(amount, facts["used"])
    head = (
        f"{whose} limit is {counted(amount)} {_per(window)}, and {used} {'is' if facts['used'] == 1 else 'are'} used."
    )
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


def _per(window: str) -> str:
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
        f"{_whose(facts)} budget of {amount} {_per(window)} has no room for this: ${usd(facts['used'])} of it is used or reserved, "
        f"and this asks for about ${usd(facts['asked'])}. {who} can raise it.{frees} Nothing was charged."
    )


_Sentence = Callable[[Mapping[str, Any], int, ZoneInfo], str]
_REFUSALS: Mapping[str, _Sentence] = {
    "limit": _limit,
    "open": _open,
    "budget": _budget,
    "unpriced": lambda f, _n, _z: (
        f"Nobody knows what this costs, and a limit in dollars ({f['limit']}) applies, so it cannot be used. Choose another model."
    ),
    "no_image": lambda _f, _n, _z: "Add a picture first: it is what will move.",
    "prompt_missing": lambda f, _n, _z: f"{f['offer']} needs a sentence that says what should happen. Add one.",
    "prompt_long": lambda f, _n, _z: (
        f"The sentence has {f['length']} characters; {f['offer']} takes {f['most']}. Shorten it by {f['length'] - f['most']}."
    ),
    "model_unknown": lambda f, _n, _z: (
        f"There is no model {quoted(f['given'])}. Choose one of {', '.join(f['known'])}."
    ),
    "offer_off": lambda f, _n, _z: f"{f['offer']} is off here: {f['why']}. `stillmotion offers` lists what is on.",
    "option_unknown": lambda f, _n, _z: (
        f"{f['offer']} has no option {quoted(f['option'])}. It has {', '.join(f['known'])}."
    ),
    "option_bad": lambda f, _n, _z: (
        f"{f['option']} cannot be {quoted(f['given'])} at {f['offer']}. It takes {f['wanted']}."
    ),
    "option_audience": lambda f, _n, _z: (
        f"{f['option']} can be set by {f['audience']}s only. Leave it out, or ask one."
    ),
    "sound_unsupported": lambda f, _n, _z: (
        f"{f['offer']} takes no sound. Leave the sound out, or choose another model."
    ),
    "place_unusable": lambda f, _n, _z: (
        f"The video cannot be written to {f['path']}: {f['why']}. Choose another file with -o."
    ),
    "scope_denied": lambda f, _n, _z: f"This bot may not be used in {f['scope']}. Its operator can allow it.",
}


def progress(job: Job, spec: Spec, ahead: int) -> str:
    """Return where a job stands, in a few words."""
    match job.state:
        case State.HELD:
            return "Waiting for an admin"
        case State.PREPARING:
            return "Preparing"
        case State.QUEUED:
            return "Next in line" if ahead == 0 else f"{ahead + 1}. in line"
        case State.SUBMITTING:
            return "Starting"
        case State.UNSURE:
            return "No answer from the provider yet; asking what became of it"
        case State.GENERATING:
            return "Rendering" if spec.renders_here else f"Being made at {provider(job.offer)}"
        case State.LATE:
            return "Taking much longer than usual; still looking"
        case State.FETCHING | State.DELIVERING:
            return "Almost there"
        case State.KEPT:
            return "Ready to be collected"
    return "Done"


def took(job: Job) -> str:
    """Return how long a job took from being asked for to now or its end."""
    end_ms = job.ended_at_ms or job.state_since_ms
    return span((end_ms - job.created_at_ms) / 1000)


def alt(job: Job) -> str:
    """Return what is read out in place of the video."""
    return f"Video, {job.seconds} s: {cut(job.request['prompt'], _ALT_CHARS)}"


def delivered(job: Job) -> str:
    """Return the line beside a finished video."""
    seed = "" if job.seed is None else f", seed {job.seed}"
    preview = " A preview, not AI." if job.offer.startswith("preview@") else ""
    return f"Done in {took(job)}: {job.offer}, {_cost(job)}{seed}.{preview}"


def _cost(job: Job) -> str:
    price = job.price_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
    return "free" if price == 0 else f"cost {money(price)}" if price is not None else money(None)


def ended(job: Job) -> str:
    """Return what became of a job that brought no video, or not yet: what happened, the money, what to do."""
    match job.state:
        case State.FAILED:
            return f"{_failure(job)} (job {job.id})"
        case State.CANCELLED:
            return _cancelled(job)
        case State.UNSURE:
            return (
                f"{provider(job.offer)} never answered, so nobody knows whether this video is being made. It is not sent again, as it "
                f"could be paid twice. `stillmotion resolve {job.id}` settles it, `stillmotion collect {job.id} -o FILE` looks again."
            )
        case State.LATE:
            return (
                f"Still not there. It is looked for until the provider forgets it; nothing is charged to you unless it comes. "
                f"`stillmotion collect {job.id} -o FILE` looks again."
            )
        case State.KEPT:
            why = f": {job.detail}" if job.detail else ""
            return f"The video is ready and kept, but it is not where it was asked for{why}. `stillmotion collect {job.id} -o {_file(job)}` gets it."
        case State.HELD:
            return f"It waits for an admin: `stillmotion approve {job.id}` or `stillmotion decline {job.id}`."
        case State.DELIVERED:
            return delivered(job)
    return f"It is not over: `stillmotion collect {job.id} -o {_file(job)}` goes on with it, `stillmotion cancel {job.id}` ends it."


def _file(job: Job) -> str:
    """Return the file that was asked for as it is typed in a shell, or a word in its place."""
    return shlex.quote(job.place.channel) if job.place.channel.startswith("/") else "FILE"


def _cancelled(job: Job) -> str:
    if job.cost_usd_micros:
        return (
            f"Discarded. {provider(job.offer)} charges {money(job.cost_usd_micros)} for it all the same. (job {job.id})"
        )
    return f"Cancelled. Nothing was charged. (job {job.id})"


def _failure(job: Job) -> str:
    if job.failure == Kind.BAD_INPUT and job.detail.startswith("{"):
        return f"{_unfit(json.loads(job.detail))} Nothing was charged."
    who = provider(job.offer)
    return _FAILURES[Kind(job.failure or Kind.INTERNAL)].format(who=who, billed=_billed(job, who))


def _billed(job: Job, who: str) -> str:
    if job.cost_usd_micros:
        return f"Your limit was given back; {who} charged {money(job.cost_usd_micros)} for it all the same."
    return "Nothing was charged."


_FAILURES: Mapping[Kind, str] = {
    Kind.MODERATED: "{who} refused this picture or these words under its content rules. {billed} Change the prompt or the picture and try again.",
    Kind.BAD_INPUT: "{who} refused this request as it is. {billed} Change the prompt, the picture or the options and try again.",
    Kind.MEDIA_UNREACHABLE: "{who} could not fetch the picture from here. That is not your fault. {billed} The operator must check the public address.",
    Kind.CREDENTIALS: "The account at {who} does not work just now. {billed} The people who run this bot were told. Another model may work.",
    Kind.NO_CREDIT: "The account at {who} has no credit left. {billed} The people who run this bot were told. Another model may work.",
    Kind.PROVIDER_ERROR: "{who} failed to make it. {billed} Trying again often works.",
    Kind.NO_OUTPUT: "{who} reported success, but no whole video came. {billed} Try again; the people who run this bot were told.",
    Kind.TIMED_OUT: "{who} never finished it. Your limit was given back. Try again.",
    Kind.LOST: "The video cannot be found at {who}, and there is no way left to ask. Your limit was given back. Try again.",
    Kind.BUSY: "There was no room at any provider for 24 hours. {billed} Try again later.",
    Kind.DECLINED: "An admin declined it. {billed}",
    Kind.EXPIRED: "Nobody decided about it within 7 days. {billed} Ask again if you still want it.",
    Kind.UNCOLLECTED: "It was kept, and nobody collected it in time; it is gone now. Your limit was given back.",
    Kind.INTERNAL: "Something here broke on this request. {billed} The people who run this bot were told.",
}


def cancel_too_late(job: Job) -> str:
    """Return why a job cannot be cancelled any more, and what can be done with its video."""
    head = f"Job {job.id} is {job.state}: it is too late to cancel it."
    if job.state in FINAL:
        return head
    gone = f", and `stillmotion cancel {job.id} --discard` lets it go" if job.state is State.KEPT else ""
    return f"{head} The video is made: `stillmotion collect {job.id} -o {_file(job)}` gets it{gone}."


def not_there(job: Job, media: Path, keep_days: int) -> str:
    """Return why a finished video's file is not there to be collected."""
    return (
        f"The video of job {job.id} is not in {media}. It is swept there after {keep_days} days; where the database was put back "
        f"from a copy, put the media folder back too."
    )


def cannot_stop(job: Job) -> str:
    """Return the choice where a provider cannot stop what it began."""
    return (
        f"{provider(job.offer)} cannot stop a video that has started{_either_way(job.price_usd_micros)}. It is kept and "
        f"delivered when ready, unless you discard it: `stillmotion cancel {job.id} --discard`."
    )


def _either_way(usd_micros: int | None) -> str:
    return f"; it costs {about(usd_micros)} either way" if usd_micros else ""
