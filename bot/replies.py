"""Every sentence a person reads: what happened, what it means for the video and the money, what to do now."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.failing import failure
from bot.language import later, tr
from bot.media.contract import Change
from bot.schedule import Usual
from bot.standing import BLOCKED, NO_SOUND, OTHER_LENGTH, SENT, SLOW_TO_ANSWER, TICKET_UNKNOWN, UNASKED_SOUND
from bot.wording import about, cut, every, money, provider, roughly, span, together
from providers.kit.spec import Spec
from storage.contract import Input, Job
from storage.states import FINAL, State

_ALT_CHARS = 120


_CHANGES: Mapping[str, str] = {
    "turned": later("turned upright"),
    "scaled": later("scaled from {from_width}x{from_height} to {to_width}x{to_height}"),
    "flattened": later("see-through parts made white"),
    "first_frame": later("only its first frame is used"),
    "converted": later("converted from {from_format} to {to_format}"),
    "colours": later("colours converted to sRGB"),
    "profile_dropped": later("a colour profile that does not fit it was dropped"),
    "cut": later("cut from {from_s:.1f} to {to_s:.1f} s"),
    "recompressed": later("compressed further"),
}
_CHANGED = {
    "image": later("Your picture was changed to fit: {changes}."),
    "audio": later("Your sound was changed to fit: {changes}."),
}


def change(code: str, facts: Mapping[str, Any]) -> str:
    """Return one thing that was done to a picture or sound."""
    return tr(_CHANGES[code], **facts)


def changes(made: tuple[Change, ...]) -> list[str]:
    return [change(each.code, each.facts) for each in made]


def changed(inputs: tuple[Input, ...]) -> str | None:
    """Return a sentence on everything that was done to what a person sent, or None where nothing was."""
    told = []
    for each in inputs:
        done = [change(fact["code"], fact) for fact in each.changes]
        if done:
            told.append(tr(_CHANGED[each.role], changes=", ".join(done)))
    return together(*told) or None


def progress(job: Job, spec: Spec, usual: Usual, ahead: int, *, can_stop: bool = False) -> str:
    """Return where a job stands, in a few words; `can_stop` tells whether its provider stops what it began when asked."""
    match job.state:
        case State.QUEUED:
            return _waiting(job, ahead)
        case State.GENERATING:
            return (
                tr("Cancelling at {who}", who=provider(job.offer))
                if job.wished and can_stop
                else _being_made(job, spec, usual)
            )
        case State.FETCHING if job.detail.startswith(BLOCKED):
            return tr("It is ready, but lies where this bot may not fetch from")
        case State.FETCHING if job.detail:
            return tr("It is ready, but cannot be fetched yet; trying again")
    return tr(_STANDING.get(job.state, _DONE))


_DONE = later("Done")
_STANDING = {
    State.HELD: later("Waiting for an admin"),
    State.PREPARING: later("Preparing"),
    State.SUBMITTING: later("Starting"),
    State.UNSURE: later("No answer from the provider yet; asking what became of it"),
    State.LATE: later("Taking much longer than usual; still looking"),
    State.FETCHING: later("Almost there"),
    State.DELIVERING: later("Almost there"),
    State.KEPT: later("Ready to be collected"),
}
_IN_THE_WAY = {
    "busy": later("{who} is busy; waiting for a turn"),
    "no room": later("{who} has no room just now; waiting for a turn"),
    "unreachable": later("{who} cannot be reached just now; trying again"),
    "certificate not trusted": later(
        "{who} cannot be reached: its certificate is not trusted. SSL_CERT_FILE can name its authority"
    ),
    "no public link": later("The picture could not be put where {who} can fetch it; trying again"),
}


def _waiting(job: Job, ahead: int) -> str:
    """Return what a queued job waits for: what stands in its way, else its turn."""
    blocked = in_the_way(job)
    if blocked:
        return blocked
    return tr("Next in line") if ahead == 0 else tr("{place}. in line", place=ahead + 1)


def in_the_way(job: Job) -> str:
    """Return what keeps a queued job from its turn, or nothing."""
    known = _IN_THE_WAY.get(job.detail)
    return "" if known is None else tr(known, who=provider(job.offer))


def _being_made(job: Job, spec: Spec, usual: Usual) -> str:
    who = provider(job.offer)
    if spec.renders_here:
        return tr("Rendering")
    if job.detail == SENT:
        return tr("Sent to {who}", who=who)
    if job.detail == SLOW_TO_ANSWER:
        return tr("{who} is slow to answer; still looking", who=who)
    if job.provider_place is not None:
        return tr("Waiting at {who}, place {place}", who=who, place=job.provider_place + 1)
    if job.age_ms > usual.slow_s * 1000:
        return tr("Taking longer than usual at {who}; most take under {time}", who=who, time=roughly(usual.slow_s))
    return tr("Being made at {who}, usually {time}", who=who, time=roughly(usual.median_s))


def moved(before: Job, job: Job, why: str) -> str:
    """Return that another offer makes it, why, and what that does to the price."""
    why_moved = tr(_MOVED.get(why, _NO_CAPACITY), who=provider(before.offer), now=provider(job.offer))
    same = before.price_usd_micros == job.price_usd_micros
    price = tr("Price unchanged.") if same else tr("It is {price} now.", price=about(job.price_usd_micros))
    return together(why_moved, price)


_NO_CAPACITY = later("{who} had no capacity, so {now} makes it.")
_NOT_WORKING = later("{who} is not working right now, so {now} makes it.")
_NOT_REACHED = later("{who} cannot be reached right now, so {now} makes it.")
_MOVED = {
    "credentials": _NOT_WORKING,
    "no credit": _NOT_WORKING,
    "no_credit": _NOT_WORKING,
    "faults": later("{who} does not answer right now, so {now} makes it."),
    "unreachable": _NOT_REACHED,
    "certificate not trusted": _NOT_REACHED,
    "no public link": later("The picture could not be put where {who} can fetch it, so {now} makes it."),
}


def took(job: Job) -> str:
    """Return how long a job took from being asked for to now or its end."""
    end_ms = job.ended_at_ms or job.state_since_ms
    return span((end_ms - job.created_at_ms) / 1000)


def alt(job: Job) -> str:
    """Return what is read out in place of the video."""
    return tr("Video, {seconds} s: {prompt}", seconds=job.seconds, prompt=cut(job.request["prompt"], _ALT_CHARS))


def delivered(job: Job) -> str:
    """Return the line beside a finished video, where nothing else stands there."""
    facts = ", ".join(filter(None, [job.offer, _cost(job), seed(job)]))
    preview = tr("A preview, not AI.") if is_preview(job) else ""
    return together(tr("Done in {time}: {facts}.", time=took(job), facts=facts), preview, unlike(job))


def seed(job: Job) -> str:
    """Return the number that made it, or nothing."""
    return "" if job.seed is None else tr("seed {seed}", seed=job.seed)


def is_preview(job: Job) -> bool:
    """Tell whether nothing but the picture's framing moves."""
    return job.offer.startswith("preview@")


def recipe(job: Job, resolution: object) -> str:
    """Return what makes a video and of what kind: `wan2.5@fal, 720p, 5 s, with your sound`."""
    sound = tr("with your sound") if any(each.role == "audio" for each in job.inputs) else ""
    return ", ".join(filter(None, [job.offer, str(resolution or ""), f"{job.seconds} s", sound]))


def unlike(job: Job) -> str:
    """Return in what the video is not what was asked for, as it was found when it came."""
    parts = [part.partition(" (") for part in job.detail.split("; ")]
    found = [tr(what) + bracket + length for what, bracket, length in parts if what in _UNLIKE]
    return tr("{who} made it {found}.", who=provider(job.offer), found=every(found)) if found else ""


_UNLIKE = frozenset({NO_SOUND, UNASKED_SOUND, OTHER_LENGTH})


def _cost(job: Job) -> str:
    price = job.price_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
    return tr("cost {price}", price=money(price)) if price else money(price)


def ended(job: Job) -> str:
    """Return what became of a job that brought no video, or not yet: what happened, the money, what to do."""
    match job.state:
        case State.FAILED:
            return together(failure(job), tr("(job {job})", job=job.id))
        case State.CANCELLED:
            return _cancelled(job)
        case State.UNSURE:
            return _unsure(job)
        case State.LATE:
            return tr(
                "Still not there. It is looked for until the provider forgets it; nothing is charged to you unless "
                "it comes. `stillmotion collect {job} -o FILE` looks again.",
                job=job.id,
            )
        case State.KEPT:
            why = tr("The video is ready and kept, but it is not where it was asked for: {why}.", why=tr(job.detail))
            kept = tr("The video is ready and kept, but it is not where it was asked for.")
            gets = tr("`stillmotion collect {job} -o {file}` gets it.", job=job.id, file=_file(job))
            return together(why if job.detail else kept, gets)
        case State.HELD:
            return tr("It waits for an admin: `stillmotion approve {job}` or `stillmotion decline {job}`.", job=job.id)
        case State.DELIVERED:
            return delivered(job)
        case State.FETCHING if job.detail.startswith(BLOCKED):
            return tr(
                "The video is ready, but it lies where this bot may not fetch from ({place}). If you know that "
                "place, name it in STILLMOTION_TRUSTED_HOSTS; then `stillmotion collect {job} -o {file}` gets it.",
                place=job.detail.removeprefix(BLOCKED).strip(": "),
                job=job.id,
                file=_file(job),
            )
    return tr(
        "It is not over: `stillmotion collect {job} -o {file}` goes on with it, `stillmotion cancel {job}` ends it.",
        job=job.id,
        file=_file(job),
    )


def _unsure(job: Job) -> str:
    who = provider(job.offer)
    return together(
        tr("{who} does not know the ticket that was given.", who=who) if job.detail == TICKET_UNKNOWN else "",
        tr("{who} never answered, so nobody knows whether this video is being made.", who=who),
        tr("It is not sent again, as it could be paid twice."),
        _settles(job),
        tr("You may ask for a new one, knowing that both may be paid."),
    )


def _file(job: Job) -> str:
    """Return the file that was asked for as it is typed in a shell, or a word in its place."""
    return shlex.quote(job.place.channel) if job.place.channel.startswith("/") else "FILE"


def _cancelled(job: Job) -> str:
    if job.cost_usd_micros:
        return tr(
            "Discarded. {who} charges {price} for it all the same. (job {job})",
            who=provider(job.offer),
            price=money(job.cost_usd_micros),
            job=job.id,
        )
    return tr("Cancelled. Nothing was charged. (job {job})", job=job.id)


def cancel_unsure(job: Job) -> str:
    """Return what a cancel means where nobody knows whether there is anything to stop."""
    kept = tr(
        "Your cancel is kept. Nobody knows yet whether {who} is making job {job}: if not, it ends without any cost; "
        "if so, it is stopped where that can be.",
        who=provider(job.offer),
        job=job.id,
    )
    return together(kept, _settles(job))


def _settles(job: Job) -> str:
    """Return how an operator settles an unsure job."""
    return tr(
        "Look at {who}'s own site. If it is there: `stillmotion resolve {job} --as paid --ticket TICKET`. If "
        "it is not: `stillmotion resolve {job} --as unpaid`.",
        who=provider(job.offer),
        job=job.id,
    )


def resolved(job: Job) -> str:
    """Return what settling an unsure job by hand led to."""
    match job.state:
        case State.FAILED | State.CANCELLED if job.cost_usd_micros:
            return tr(
                "Settled as paid: {price} is booked as spent, there is no video, and the person's limit was given "
                "back. (job {job})",
                price=money(job.cost_usd_micros),
                job=job.id,
            )
        case State.FAILED | State.CANCELLED:
            return tr("Settled as unpaid: it is over, and nothing was charged. (job {job})", job=job.id)
    return tr(
        "Job {job} goes on with that ticket: `stillmotion collect {job} -o {file}` gets its video.",
        job=job.id,
        file=_file(job),
    )


def cancel_too_late(job: Job) -> str:
    """Return why a job cannot be cancelled any more, and what can be done with its video."""
    late = tr("Job {job} is {state}: it is too late to cancel it.", job=job.id, state=job.state)
    if job.state in FINAL:
        return late
    gets = later("The video is made: `stillmotion collect {job} -o {file}` gets it.")
    if job.state is State.KEPT:
        gets = later(
            "The video is made: `stillmotion collect {job} -o {file}` gets it, and `stillmotion cancel {job} --discard` "
            "lets it go."
        )
    return together(late, tr(gets, job=job.id, file=_file(job)))


def not_there(job: Job, media: Path, keep_days: int) -> str:
    """Return why a finished video's file is not there to be collected."""
    return tr(
        "The video of job {job} is not in {media}. It is swept there after {keep_days} days; where the "
        "database was put back from a copy, put the media folder back too.",
        job=job.id,
        media=media,
        keep_days=keep_days,
    )


def cannot_stop(job: Job) -> str:
    """Return the choice where a provider cannot stop what it began."""
    who, price = provider(job.offer), job.price_usd_micros
    goes_on = tr("{who} cannot stop a video that has started.", who=who)
    costs = tr("{who} cannot stop a video that has started; it costs {price} either way.", who=who, price=about(price))
    kept = tr(
        "It is kept and delivered when ready, unless you discard it: `stillmotion cancel {job} --discard`.", job=job.id
    )
    return together(costs if price else goes_on, kept)
