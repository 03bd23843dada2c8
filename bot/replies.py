"""Every sentence a person reads: what happened, what it means for the video and the money, what to do now."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.media.contract import Change
from bot.refusing import unfit
from bot.schedule import Usual
from bot.standing import BLOCKED, NO_SOUND, OTHER_LENGTH, SENT, SLOW_TO_ANSWER, TICKET_UNKNOWN, UNASKED_SOUND, WITHDRAWN
from bot.wording import about, cut, money, provider, roughly, span
from providers.kit.spec import Spec
from storage.contract import Input, Job
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


def progress(job: Job, spec: Spec, usual: Usual, ahead: int, *, can_stop: bool = False) -> str:
    """Return where a job stands, in a few words; `can_stop` tells whether its provider stops what it began when asked."""
    match job.state:
        case State.QUEUED:
            return _waiting(job, ahead)
        case State.GENERATING:
            return f"Cancelling at {provider(job.offer)}" if job.wished and can_stop else _being_made(job, spec, usual)
        case State.FETCHING if job.detail.startswith(BLOCKED):
            return "It is ready, but lies where this bot may not fetch from"
        case State.FETCHING if job.detail:
            return "It is ready, but cannot be fetched yet; trying again"
    return _STANDING.get(job.state, "Done")


_STANDING = {
    State.HELD: "Waiting for an admin",
    State.PREPARING: "Preparing",
    State.SUBMITTING: "Starting",
    State.UNSURE: "No answer from the provider yet; asking what became of it",
    State.LATE: "Taking much longer than usual; still looking",
    State.FETCHING: "Almost there",
    State.DELIVERING: "Almost there",
    State.KEPT: "Ready to be collected",
}
_IN_THE_WAY = {
    "busy": "{who} is busy; waiting for a turn",
    "no room": "{who} has no room just now; waiting for a turn",
    "unreachable": "{who} cannot be reached just now; trying again",
    "certificate not trusted": "{who} cannot be reached: its certificate is not trusted. SSL_CERT_FILE can name its authority",
    "no public link": "The picture could not be put where {who} can fetch it; trying again",
}


def _waiting(job: Job, ahead: int) -> str:
    """Return what a queued job waits for: what stands in its way, else its turn."""
    blocked = in_the_way(job)
    if blocked:
        return blocked
    return "Next in line" if ahead == 0 else f"{ahead + 1}. in line"


def in_the_way(job: Job) -> str:
    """Return what keeps a queued job from its turn, or nothing."""
    return _IN_THE_WAY.get(job.detail, "").format(who=provider(job.offer))


def _being_made(job: Job, spec: Spec, usual: Usual) -> str:
    who = provider(job.offer)
    if spec.renders_here:
        return "Rendering"
    if job.detail == SENT:
        return f"Sent to {who}"
    if job.detail == SLOW_TO_ANSWER:
        return f"{who} is slow to answer; still looking"
    if job.provider_place is not None:
        return f"Waiting at {who}, place {job.provider_place + 1}"
    if job.age_ms > usual.slow_s * 1000:
        return f"Taking longer than usual at {who}; most take under {roughly(usual.slow_s)}"
    return f"Being made at {who}, usually {roughly(usual.median_s)}"


def moved(before: Job, job: Job, why: str) -> str:
    """Return that another offer makes it, why, and what that does to the price."""
    told = _MOVED.get(why, "{who} had no capacity").format(who=provider(before.offer))
    same = before.price_usd_micros == job.price_usd_micros
    price = "Price unchanged." if same else f"It is {about(job.price_usd_micros)} now."
    return f"{told}, so {provider(job.offer)} makes it. {price}"


_MOVED = {
    "credentials": "{who} is not working right now",
    "no credit": "{who} is not working right now",
    "no_credit": "{who} is not working right now",
    "faults": "{who} does not answer right now",
    "unreachable": "{who} cannot be reached right now",
    "certificate not trusted": "{who} cannot be reached right now",
    "no public link": "The picture could not be put where {who} can fetch it",
}


def took(job: Job) -> str:
    """Return how long a job took from being asked for to now or its end."""
    end_ms = job.ended_at_ms or job.state_since_ms
    return span((end_ms - job.created_at_ms) / 1000)


def alt(job: Job) -> str:
    """Return what is read out in place of the video."""
    return f"Video, {job.seconds} s: {cut(job.request['prompt'], _ALT_CHARS)}"


def delivered(job: Job) -> str:
    """Return the line beside a finished video, where nothing else stands there."""
    seed = "" if job.seed is None else f", seed {job.seed}"
    preview = " A preview, not AI." if is_preview(job) else ""
    return f"Done in {took(job)}: {job.offer}, {_cost(job)}{seed}.{preview}{unlike(job)}"


def is_preview(job: Job) -> bool:
    """Tell whether nothing but the picture's framing moves."""
    return job.offer.startswith("preview@")


def recipe(job: Job, resolution: object) -> str:
    """Return what makes a video and of what kind: `wan2.5@fal, 720p, 5 s, with your sound`."""
    sound = "with your sound" if any(each.role == "audio" for each in job.inputs) else ""
    return ", ".join(filter(None, [job.offer, str(resolution or ""), f"{job.seconds} s", sound]))


def unlike(job: Job) -> str:
    """Return in what the video is not what was asked for, as it was found when it came; with a space before it."""
    found = [part for part in job.detail.split("; ") if part.startswith((NO_SOUND, UNASKED_SOUND, OTHER_LENGTH))]
    return f" {provider(job.offer)} made it {' and '.join(found)}." if found else ""


def _cost(job: Job) -> str:
    price = job.price_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
    return "free" if price == 0 else f"cost {money(price)}" if price is not None else money(None)


def ended(job: Job) -> str:
    """Return what became of a job that brought no video, or not yet: what happened, the money, what to do."""
    match job.state:
        case State.FAILED:
            return f"{failure(job)} (job {job.id})"
        case State.CANCELLED:
            return _cancelled(job)
        case State.UNSURE:
            unknown = (
                f"{provider(job.offer)} does not know the ticket that was given. "
                if job.detail == TICKET_UNKNOWN
                else ""
            )
            return (
                f"{unknown}{provider(job.offer)} never answered, so nobody knows whether this video is being made. It is not sent again, "
                f"as it could be paid twice. {_settles(job)} You may ask for a new one, knowing that both may be paid."
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
        case State.FETCHING if job.detail.startswith(BLOCKED):
            return (
                f"The video is ready, but it lies where this bot may not fetch from ({job.detail.removeprefix(BLOCKED).strip(': ')}). "
                f"If you know that place, name it in STILLMOTION_TRUSTED_HOSTS; then `stillmotion collect {job.id} -o {_file(job)}` gets it."
            )
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


def failure(job: Job) -> str:
    """Return why there is no video, what that means for the money, and what to do."""
    if job.failure == Kind.BAD_INPUT and job.detail.startswith("{"):
        return f"{unfit(json.loads(job.detail))} Nothing was charged."
    who = provider(job.offer)
    if job.detail == WITHDRAWN:
        return f"{who} does not have {job.offer.partition('@')[0]} any more. Nothing was charged. The people who run this bot were told. Choose another model."
    return _FAILURES[Kind(job.failure or Kind.INTERNAL)].format(
        who=who, billed=_billed(job, who), silent="" if job.detail else " and gave no reason"
    )


def _billed(job: Job, who: str) -> str:
    if job.cost_usd_micros:
        return f"Your limit was given back; {who} charged {money(job.cost_usd_micros)} for it all the same."
    return "Nothing was charged."


_FAILURES: Mapping[Kind, str] = {
    Kind.MODERATED: "{who} refused this picture or these words under its content rules. {billed} Change the prompt or the picture and try again.",
    Kind.BAD_INPUT: "{who} refused this request as it is. {billed} Change the prompt, the picture or the options and try again.",
    Kind.MEDIA_UNREACHABLE: "{who} could not fetch the picture or the sound from here. That is not your fault. {billed} The operator must check the public address.",
    Kind.CREDENTIALS: "The account at {who} does not work just now. {billed} The people who run this bot were told. Another model may work.",
    Kind.NO_CREDIT: "The account at {who} has no credit left. {billed} The people who run this bot were told. Another model may work.",
    Kind.PROVIDER_ERROR: "{who} failed to make it{silent}. {billed} Trying again often works.",
    Kind.NO_OUTPUT: "{who} reported success, but no whole video came. {billed} Try again; the people who run this bot were told.",
    Kind.TIMED_OUT: "{who} never finished it. Your limit was given back. Try again.",
    Kind.LOST: "The video cannot be found at {who}, and there is no way left to ask. Your limit was given back. Try again.",
    Kind.BUSY: "There was no room at any provider for 24 hours. {billed} Try again later.",
    Kind.DECLINED: "An admin declined it. {billed}",
    Kind.EXPIRED: "Nobody decided about it within 7 days. {billed} Ask again if you still want it.",
    Kind.UNCOLLECTED: "It was kept, and nobody collected it in time; it is gone now. Your limit was given back.",
    Kind.INTERNAL: "Something here broke on this request. {billed} The people who run this bot were told.",
}


def cancel_unsure(job: Job) -> str:
    """Return what a cancel means where nobody knows whether there is anything to stop."""
    return (
        f"Your cancel is kept. Nobody knows yet whether {provider(job.offer)} is making job {job.id}: if not, it ends without any cost; "
        f"if so, it is stopped where that can be. {_settles(job)}"
    )


def _settles(job: Job) -> str:
    """Return how an operator settles an unsure job."""
    return (
        f"Look at {provider(job.offer)}'s own site. If it is there: `stillmotion resolve {job.id} --as paid --ticket TICKET`. "
        f"If it is not: `stillmotion resolve {job.id} --as unpaid`."
    )


def resolved(job: Job) -> str:
    """Return what settling an unsure job by hand led to."""
    match job.state:
        case State.FAILED | State.CANCELLED if job.cost_usd_micros:
            return (
                f"Settled as paid: {money(job.cost_usd_micros)} is booked as spent, there is no video, and the person's limit "
                f"was given back. (job {job.id})"
            )
        case State.FAILED | State.CANCELLED:
            return f"Settled as unpaid: it is over, and nothing was charged. (job {job.id})"
    return f"Job {job.id} goes on with that ticket: `stillmotion collect {job.id} -o {_file(job)}` gets its video."


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
