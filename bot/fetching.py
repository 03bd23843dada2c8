"""The finished video's bytes: fetched at once, checked to be a whole video, and kept."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bot import trouble
from bot.asking import asked
from bot.catalogue import Offer
from bot.media.contract import BadVideo, Unjudged, VideoFacts
from bot.ports import Ports
from bot.standing import BLOCKED, NO_SOUND, OTHER_LENGTH, UNASKED_SOUND
from providers.kit.errors import ProviderError
from providers.kit.provider import Finished, Ticket
from storage.contract import Facts, Job, Move
from storage.states import Event, Kind

MOST_BYTES = 1_000_000_000
_DAY_MS = 86_400_000
_RETRY_MS, _BLOCKED_RETRY_MS = 10_000, 300_000
_DEAD, _DEAD_FOR_GOOD_MS = "the link is dead", 60_000
_LOOK_S = 30.0
_WITHIN_S = 600.0
_LINKS = 2
_JUDGEMENTS = 2
_OFF_BY_S = 1.0


async def fetch(ports: Ports, job: Job, offer: Offer) -> Move:
    """Ask for a fresh link and fetch from it; only links that truly give no whole video, one after the other, end the job."""
    flaw = ""
    for _ in range(_LINKS):
        link = await _fresh_link(job, offer)
        if link is None:
            break
        try:
            video = await _brought(ports, job, offer, link)
            return await _keep(ports, job, offer, video)
        except BadVideo as bad:
            flaw = bad.detail
            _forget(ports, job)
        except _NotYet as not_yet:
            return await _later(ports, job, str(not_yet), not_yet.wait_ms)
    if flaw and not _may_still_appear(job, flaw):
        return await _never(ports, job, flaw)
    return await _later(ports, job, flaw, _RETRY_MS)


async def _never(ports: Ports, job: Job, why: str) -> Move:
    """Give the video up."""
    _forget(ports, job)
    await trouble.of_fetch(ports, job, Kind.NO_OUTPUT, why)
    return _move(job, Event.NO_OUTPUT, Facts(kind=Kind.NO_OUTPUT, detail=why))


async def _later(ports: Ports, job: Job, why: str, wait_ms: int) -> Move:
    """Try again after a while, as long as the provider keeps it."""
    if job.clock_due:
        return await _never(ports, job, why)
    if why.startswith(BLOCKED):
        await trouble.of_fetch(ports, job, "blocked", why)
    return replace(_move(job, Event.RUNNING, Facts(detail=why)), due_in_ms=wait_ms)


def _may_still_appear(job: Job, flaw: str) -> bool:
    """Tell whether a dead link may be one that is not live yet: files reach a provider's edge with a delay."""
    return flaw.startswith(_DEAD) and job.age_ms < _DEAD_FOR_GOOD_MS


class _NotYet(Exception):
    """The video could not be fetched now, and may be later."""

    def __init__(self, why: str, wait_ms: int = _RETRY_MS) -> None:
        super().__init__(why)
        self.wait_ms = wait_ms


async def _fresh_link(job: Job, offer: Offer) -> str | None:
    """Return where the video is now; links die, so none is kept."""
    try:
        outcome = await asked(offer.provider.look(offer.connection, Ticket(job.ticket or "")), _LOOK_S)
    except ProviderError:
        return None
    return outcome.link if isinstance(outcome, Finished) else None


async def _brought(ports: Ports, job: Job, offer: Offer, link: str) -> Path:
    """Return the video's file on this machine.

    Raises:
        BadVideo: there is no video behind the link.
        _NotYet: it did not all come.
    """
    if offer.spec.renders_here:
        return _local_path(offer, link)
    from bot.download import LinkDead, TooLarge, Unfinished
    from bot.guard import Blocked

    into = _arriving(ports, job)
    try:
        await ports.network.downloader.fetch(link, into, most_bytes=MOST_BYTES, within_s=_WITHIN_S)
    except LinkDead as error:
        raise BadVideo(f"{_DEAD} ({error.status})") from error
    except TooLarge as error:
        raise BadVideo(str(error)) from error
    except Blocked as error:
        raise _NotYet(f"{BLOCKED}: {error.reason}", _BLOCKED_RETRY_MS) from error
    except (Unfinished, OSError) as error:
        raise _NotYet(str(error) if isinstance(error, Unfinished) else type(error).__name__) from error
    return into


def _arriving(ports: Ports, job: Job) -> Path:
    return ports.arriving / f"{job.order_key}.mp4"


def _forget(ports: Ports, job: Job) -> None:
    """Remove what came of a video, and what the downloader keeps beside it."""
    for path in ports.arriving.glob(f"{job.order_key}.mp4*"):
        path.unlink(missing_ok=True)


def _local_path(offer: Offer, link: str) -> Path:
    """Return the file that a renderer on this machine names; no other offer's link may name a file.

    Raises:
        BadVideo: the link leads anywhere else.
    """
    parts = urlsplit(link)
    path = Path(unquote(parts.path)).resolve()
    inside = path.is_relative_to(offer.connection.workdir.resolve())
    if not (offer.spec.renders_here and parts.scheme == "file" and inside):
        raise BadVideo("the link is not one to fetch from")
    return path


async def _judged(ports: Ports, video: Path) -> VideoFacts | None:
    """Check the video and tell what is in it; None where nobody can tell, as it is paid for all the same.

    Raises:
        BadVideo: it is no whole video.
    """
    for _ in range(_JUDGEMENTS):
        with contextlib.suppress(Unjudged):
            return await ports.workbench.inspect_video(video)
    return None


async def _keep(ports: Ports, job: Job, offer: Offer, video: Path) -> Move:
    found = await _judged(ports, video)
    blob, detail = await ports.blobs.put(video), ""
    if found is None:
        detail = "taken as it is: the decoder gave out over it"
    elif not found.index_first:
        blob, detail = await _index_moved(ports, job, video, blob)
    _forget(ports, job)
    facts = Facts(
        result=blob,
        result_bytes=ports.blobs.path(blob).stat().st_size,
        keep_ms=ports.settings.keep_days * _DAY_MS,
        detail="; ".join([*([] if found is None else _unlike(job, offer, found)), *([detail] if detail else [])]),
    )
    return _move(job, Event.FETCHED, facts)


def _unlike(job: Job, offer: Offer, found: VideoFacts) -> list[str]:
    """Return in what the video is not what was asked for. It is a video all the same, and paid for."""
    options = offer.options(job.request["options"])
    given = any(each.role == "audio" for each in job.inputs)
    switch = offer.spec.option("sound")
    promised = given or options.get("sound", offer.spec.always_sounds) is True
    told = []
    if promised and found.audio_codec is None:
        told.append(NO_SOUND)
    if switch is not None and not promised and found.audio_codec is not None:
        told.append(UNASKED_SOUND)
    if abs(found.duration_s - float(options["duration"])) > _OFF_BY_S:
        told.append(f"{OTHER_LENGTH} ({found.duration_s:.1f} s)")
    return told


async def _index_moved(ports: Ports, job: Job, video: Path, original: str) -> tuple[str, str]:
    """Return the blob that starts at once and what was done; a whole video that cannot be mended so is taken as it is."""
    streamable = ports.spare / f"{job.id}.mp4"
    try:
        await ports.workbench.make_streamable(video, streamable)
    except (BadVideo, Unjudged):
        return original, "taken as it is: its index could not be moved"
    blob = await ports.blobs.put(streamable)
    streamable.unlink()
    return blob, f"index moved to the front of {original}"


def _move(job: Job, event: Event, facts: Facts) -> Move:
    return Move(job=job.id, expected=job.state, event=event, facts=facts, fence=job.fence)
