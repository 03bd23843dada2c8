"""The finished video where it was asked for, once: looked for before it is posted, kept where no place takes it."""

from __future__ import annotations

from bot import replies
from bot.platforms.contract import Parcel, Spot
from bot.platforms.errors import PlaceGone, PlatformDown, TooBig
from bot.ports import Ports
from storage.contract import Facts, Job, Move
from storage.states import Event

_RETRY_MS = 15_000


def parcel(ports: Ports, job: Job) -> Parcel:
    """Return a job's video on its way."""
    assert job.result is not None
    place = job.place
    return Parcel(
        job=job.id,
        spot=Spot(server=place.server, channel=place.channel, thread=place.thread),
        user=job.subjects.user.removeprefix("user:"),
        video=ports.blobs.path(job.result),
        text=replies.delivered(job),
        alt=replies.alt(job),
    )


async def deliver(ports: Ports, job: Job) -> Move:
    """Post the video unless it is there already; what a place will never take is kept."""
    platform = ports.platforms.get(job.place.platform)
    if platform is None:
        return _unplaced(job, "nobody who serves its platform took it for 24 h")
    carried = parcel(ports, job)
    try:
        message = await platform.find(carried) or await platform.show_video(carried)
    except (PlaceGone, TooBig) as error:
        return _unplaced(job, str(error))
    except PlatformDown:
        if job.clock_due:
            return _unplaced(job, "no answer for 24 h")
        return _move(job, Event.RUNNING, Facts(), due_in_ms=_RETRY_MS)
    return _move(job, Event.POSTED, Facts(message=message))


def _unplaced(job: Job, why: str) -> Move:
    """Keep the video; from then on nothing is due but the end of its days."""
    return _move(job, Event.UNPLACED, Facts(detail=why), due_in_ms=None)


def _move(job: Job, event: Event, facts: Facts, due_in_ms: int | None = 0) -> Move:
    return Move(job=job.id, expected=job.state, event=event, facts=facts, fence=job.fence, due_in_ms=due_in_ms)
