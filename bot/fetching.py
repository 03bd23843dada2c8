"""The finished video's bytes: fetched at once, checked to be a whole video, and kept."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bot.asking import asked
from bot.catalogue import Offer
from bot.media.contract import BadVideo, Unjudged
from bot.ports import Ports
from providers.kit.errors import ProviderError
from providers.kit.provider import Finished, Ticket
from storage.contract import Facts, Job, Move
from storage.states import Event, Kind

_DAY_MS = 86_400_000
_RETRY_MS = 10_000
_LOOK_S = 30.0
_LINKS = 2
_JUDGEMENTS = 2


async def fetch(ports: Ports, job: Job, offer: Offer) -> Move:
    """Ask for a fresh link and fetch from it; only a link that truly gives no whole video, twice, ends the job."""
    flaw = ""
    for _ in range(_LINKS):
        link = await _fresh_link(job, offer)
        if link is None:
            break
        try:
            return await _keep(ports, job, _local_path(offer, link))
        except BadVideo as bad:
            flaw = bad.detail
    if flaw or job.clock_due:
        return _move(job, Event.NO_OUTPUT, Facts(kind=Kind.NO_OUTPUT, detail=flaw))
    return replace(_move(job, Event.RUNNING, Facts()), due_in_ms=_RETRY_MS)


async def _fresh_link(job: Job, offer: Offer) -> str | None:
    """Return where the video is now; links die, so none is kept."""
    try:
        outcome = await asked(offer.provider.look(offer.connection, Ticket(job.ticket or "")), _LOOK_S)
    except ProviderError:
        return None
    return outcome.link if isinstance(outcome, Finished) else None


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


async def _starts_at_once(ports: Ports, video: Path) -> bool | None:
    """Check the video and tell whether its index comes first; None where nobody can tell, as it is paid for all the same.

    Raises:
        BadVideo: it is no whole video.
    """
    for _ in range(_JUDGEMENTS):
        with contextlib.suppress(Unjudged):
            return (await ports.workbench.inspect_video(video)).index_first
    return None


async def _keep(ports: Ports, job: Job, video: Path) -> Move:
    index_first = await _starts_at_once(ports, video)
    blob, detail = await ports.blobs.put(video), ""
    if index_first is None:
        detail = "taken as it is: the decoder gave out over it"
    elif not index_first:
        blob, detail = await _index_moved(ports, job, video, blob)
    size_bytes = ports.blobs.path(blob).stat().st_size
    keep_ms = ports.settings.keep_days * _DAY_MS
    return _move(job, Event.FETCHED, Facts(result=blob, result_bytes=size_bytes, keep_ms=keep_ms, detail=detail))


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
