"""What people are owed is said where they asked, else privately, else it is left to `jobs`."""

from __future__ import annotations

import contextlib
import logging

from bot import notices
from bot.platforms.contract import ChatPlatform, Notice, Spot
from bot.platforms.errors import PlaceGone, PlatformDown, PlatformError
from bot.ports import Ports
from storage.contract import Owed
from storage.errors import StorageError

log = logging.getLogger(__name__)

_AT_ONCE = 20
_PRIVATELY = "privately"


async def speak(ports: Ports) -> int:
    """Say what is due; return how much there was. What cannot be said now is due again in a minute, for a day."""
    found = await ports.store.owed(platforms=list(ports.platforms), most=_AT_ONCE)
    for owed in found:
        with contextlib.suppress(StorageError):
            await _say(ports, owed)
    return len(found)


async def _say(ports: Ports, owed: Owed) -> None:
    text = notices.text(owed.job, owed.notice)
    reference = "" if text is None else await _placed(ports.platforms[owed.job.place.platform], owed, text)
    if reference is not None or owed.is_old:
        await ports.store.said(owed.job.id, owed.notice, reference or "")


async def _placed(platform: ChatPlatform, owed: Owed, text: str) -> str | None:
    """Return where it stands now; None where nobody can say it just now."""
    job, user = owed.job, owed.job.subjects.user.removeprefix("user:")
    spot = Spot(server=job.place.server, channel=job.place.channel, thread=job.place.thread)
    try:
        return await platform.announce(Notice(job=job.id, what=owed.notice, spot=spot, user=user, text=text))
    except PlaceGone:
        return await _privately(platform, user, text)
    except PlatformDown as down:
        log.warning("a notice waits for its platform", extra={"job": job.id, "why": type(down).__name__})
        return None


async def _privately(platform: ChatPlatform, user: str, text: str) -> str:
    """Tell the person alone; who cannot be told so either finds it among their jobs."""
    try:
        await platform.tell(user, text)
    except PlatformError:
        return ""
    return _PRIVATELY
