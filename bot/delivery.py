"""The finished video on its way, once: looked for before it is posted, made smaller or sent elsewhere where it must be, else kept."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from bot import replies, sayings
from bot.cards import resolution_of, spot_of, standing_of, user_of
from bot.choices import Choices, chosen_around
from bot.language import later, speaking, told, tr
from bot.media.contract import BadVideo, Unjudged
from bot.platforms.contract import (
    Abilities,
    Action,
    ChatPlatform,
    Message,
    Moment,
    Named,
    Notice,
    Parcel,
    Rung,
    Spot,
    Standing,
)
from bot.platforms.errors import PlaceGone, PlatformDown, TooBig
from bot.ports import Ports
from bot.scopes import is_denied
from bot.standing import NOT_HERE, NOT_IN_CHANNEL
from bot.wording import money, size, together
from storage.contract import Facts, Job, Left, Move
from storage.states import Event

_RETRY_MS = 15_000
_LINKED_MS = 86_400_000
"""How long a link to a video that is too big for its place is good."""
_NAME_CHARS = 40
_PASSED = {Rung.HERE: NOT_HERE, Rung.CHANNEL: NOT_IN_CHANNEL}
DENIED = "the bot may not post here"
"""Why nothing more is posted in a scope that an operator denied, in words that platforms say and that are translated there."""
_NO_STANDING: Standing = {}


def rungs(abilities: Abilities) -> list[Rung]:
    """Return where an outcome can be tried, one after the other."""
    can = {Rung.HERE: True, Rung.CHANNEL: abilities.threads, Rung.PRIVATELY: abilities.private}
    return [rung for rung in Rung if can[rung]]


def parcel(ports: Ports, job: Job, *, left: Sequence[Left] = (), standing: Standing = _NO_STANDING) -> Parcel:
    """Return a job's video on its way."""
    assert job.result is not None
    platform = ports.platforms.get(job.place.platform)
    has_card = platform is not None and platform.abilities.cards
    return Parcel(
        job=job.id,
        spot=spot_of(job),
        user=user_of(job),
        video=ports.blobs.path(job.result),
        message=_done(ports, job, left) if has_card else Message(text=(replies.delivered(job),)),
        alt=replies.alt(job),
        file_name=file_name(job.request.get("prompt", "")),
        standing=standing,
    )


def _done(ports: Ports, job: Job, left: Sequence[Left]) -> Message:
    """Return what stands beside the video: what it cost and what is left, how it was made, what can be done next."""
    cost = job.price_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
    own = sayings.personal(left)
    recipe = replies.recipe(job, resolution_of(ports.catalogue.get(job.offer), job))
    made = ", ".join(filter(None, [recipe, replies.seed(job)]))
    by = later("A preview, not AI: {recipe}.") if replies.is_preview(job) else later("Made by AI: {recipe}.")
    return Message(
        head=tr("Done in {time}.", time=replies.took(job)),
        text=(priced(cost, "" if own is None else sayings.room(own)),),
        small=(together(tr(by, recipe=made), replies.unlike(job)),),
        actions=tuple(Action(label=tr(label), verb=verb, of=job.id) for label, verb in _NEXT.items()),
    )


_NEXT = {later("Continue"): "continue", later("Again"): "again", later("Edit"): "edit", later("More"): "more"}


def priced(cost: int | None, room: str = "") -> str:
    """Return what it cost, and what is left where that is told."""
    price = money(cost)
    if not room:
        return tr("It cost {price}.", price=price) if cost else tr("It is {price}.", price=price)
    if cost:
        return tr("It cost {price}; you have {room}.", price=price, room=room)
    return tr("It is {price}; you have {room}.", price=price, room=room)


def file_name(prompt: str) -> str:
    """Return a video's name: the sentence's first words in plain letters, where it has any."""
    letters = unicodedata.normalize("NFKD", prompt).encode("ascii", "ignore").decode().lower()
    name = ""
    for word in re.findall(r"[a-z0-9]+", letters):
        if len(name) + len(word) >= _NAME_CHARS:
            break
        name = f"{name}-{word}" if name else word
    return f"{name or 'video'}.mp4"


async def deliver(ports: Ports, job: Job) -> Move:
    """Post the video unless it is there already; each place that will never take it is left behind for good, then it is kept."""
    platform = ports.platforms.get(job.place.platform)
    if platform is None:
        return _unplaced(job, "nobody who serves its platform took it for 24 h")
    choices = await chosen_around(ports.store, job)
    with speaking(choices.language):
        return await _down_the_ladder(ports, platform, job, choices)


async def _down_the_ladder(ports: Ports, platform: ChatPlatform, job: Job, choices: Choices) -> Move:
    there = rungs(platform.abilities)
    passed = _passed(job)
    tried = there[: len(passed) + 1]
    try:
        reference = await _placed(ports, platform, job, tried, passed, choices)
    except (PlaceGone, TooBig) as error:
        if len(tried) == len(there):
            return _unplaced(job, str(error))
        gone = f"{_PASSED[tried[-1]]}: {str(error).replace(';', ',')}"
        return _move(job, Event.RUNNING, Facts(detail="; ".join(filter(None, [job.detail, gone]))))
    except PlatformDown:
        if job.clock_due:
            return _unplaced(job, "no answer for 24 h")
        return _move(job, Event.RUNNING, Facts(detail=job.detail), due_in_ms=_RETRY_MS)
    detail = f"{tried[-1]}: {passed[0]}" if passed else ""
    return _move(job, Event.POSTED, Facts(message=reference, detail=detail))


def _passed(job: Job) -> list[str]:
    """Return why each place that was tried will never take it."""
    noted = [part.partition(": ") for part in job.detail.split("; ")]
    return [why for place, _, why in noted if place in _PASSED.values()]


async def _placed(
    ports: Ports, platform: ChatPlatform, job: Job, tried: Sequence[Rung], passed: Sequence[str], choices: Choices
) -> str:
    """Return the message that carries the video: wherever it may have been posted by one who died, else posted now.

    Raises:
        PlaceGone, TooBig, PlatformDown: as the platform does; a scope that was denied meanwhile is gone as well.
    """
    left = await ports.store.left(job.subjects, ports.settings.rules) if platform.abilities.cards else []
    standing = standing_of(await ports.store.references(job.id))
    carried = replace(parcel(ports, job, left=left, standing=standing), is_spoiler=choices.spoiler)
    for rung in reversed(tried):
        found = await platform.find(replace(carried, rung=rung))
        if found is not None:
            return found
    if tried[-1] is not Rung.PRIVATELY and await is_denied(ports.store, job):
        raise PlaceGone(DENIED)
    if passed and tried[-1] is Rung.PRIVATELY:
        carried = _with_small(carried, tr("Sent to you directly: {why}.", why=tr(passed[0])))
    until_ms = job.state_since_ms + _LINKED_MS
    return await _posted(ports, platform, replace(carried, rung=tried[-1]), until_ms)


async def collected(ports: Ports, job: Job, spot: Spot, *, is_spoiler: bool, now_ms: int) -> str:
    """Post a kept video at this spot unless it is there already; a reference to its message.

    Raises:
        PlaceGone, TooBig, PlatformDown: as the platform does.
    """
    platform = ports.platforms[job.place.platform]
    carried = replace(parcel(ports, job), spot=spot, is_spoiler=is_spoiler)
    return await platform.find(carried) or await _posted(ports, platform, carried, now_ms + _LINKED_MS)


async def _posted(ports: Ports, platform: ChatPlatform, carried: Parcel, until_ms: int) -> str:
    """Post it; where it is too big make it smaller, else say where the world can watch it.

    Raises:
        PlaceGone, TooBig, PlatformDown: as the platform does.
    """
    try:
        return await platform.show_video(carried)
    except TooBig as big:
        smaller = await _shrunk(ports, carried, big.max_bytes or platform.abilities.upload_max_bytes)
    if smaller is not None:
        with contextlib.suppress(TooBig):
            reference = await platform.show_video(_linked(ports, smaller, until_ms))
            smaller.video.unlink(missing_ok=True)
            return reference
    if ports.links.public is None:
        raise TooBig
    large = _with_small(carried, tr("It is too large for this place."))
    return await platform.announce(_as_notice(_linked(ports, large, until_ms)))


def _linked(ports: Ports, carried: Parcel, until_ms: int) -> Parcel:
    """Return it with a link to the whole file, where the world can reach us; the same link however often it is made."""
    if ports.links.public is None:
        return carried
    link = Action(label=tr("Full quality"), link=ports.links.video(carried.job, until_ms // 1000))
    message = _with_small(carried, *told("The link to its full quality ends {at}.", at=Moment(until_ms))).message
    return replace(carried, message=replace(message, actions=(*message.actions, link)))


def _as_notice(carried: Parcel) -> Notice:
    """Return the same words without a file."""
    return Notice(
        job=carried.job,
        what="done",
        spot=carried.spot,
        user=carried.user,
        message=carried.message,
        standing=carried.standing,
        rung=carried.rung,
    )


async def _shrunk(ports: Ports, carried: Parcel, most_bytes: int | None) -> Parcel | None:
    """Return it made small enough, which is told; made once, however often it is tried to post it."""
    if most_bytes is None:
        return None
    path = ports.spare / f"smaller-{carried.video.name}-{most_bytes}.mp4"
    try:
        if not path.is_file():
            (await ports.workbench.shrink(carried.video, most_bytes)).replace(path)
    except (BadVideo, Unjudged):
        return None
    before, after = (size(each.stat().st_size) for each in (carried.video, path))
    from_size = before.partition(" ")[0] if before.partition(" ")[2] == after.partition(" ")[2] else before
    shrunk = tr("Shrunk from {before} to {after} to fit the limit here.", before=from_size, after=after)
    return replace(_with_small(carried, shrunk), video=path)


def _with_small(carried: Parcel, *more: str | Moment | Named) -> Parcel:
    """Add to the small print."""
    small = (*carried.message.small, *([" "] if carried.message.small else []), *more)
    return replace(carried, message=replace(carried.message, small=small))


def _unplaced(job: Job, why: str) -> Move:
    """Keep the video; from then on nothing is due but the end of its days."""
    return _move(job, Event.UNPLACED, Facts(detail=why), due_in_ms=None)


def _move(job: Job, event: Event, facts: Facts, due_in_ms: int | None = 0) -> Move:
    return Move(job=job.id, expected=job.state, event=event, facts=facts, fence=job.fence, due_in_ms=due_in_ms)
