"""The small picture on a job's card: what is to be animated, grey at first, and the video's first frame once it is made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.language import later, tr
from bot.media.contract import BadVideo, Unfit, Unjudged
from bot.platforms.contract import Picture
from bot.ports import Ports
from storage.contract import Job
from storage.states import State

log = logging.getLogger(__name__)

_WITHIN_S = 5.0
_QUARTERS = (
    later("Picture to animate, still grey"),
    later("Picture to animate, a quarter in colour"),
    later("Picture to animate, half in colour"),
    later("Picture to animate, three quarters in colour"),
)


class Stills:
    """Keeps each that was made, under what it is of, among the files that go with this process."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._never: set[Path] = set()

    async def of(self, job: Job) -> Picture | None:
        """Return a job's picture as it stands now; None where there is none, or not soon."""
        is_made = job.state is State.DELIVERED and job.result is not None
        return (await self._beginning(job.result or "") if is_made else None) or await self._still(job)

    async def _beginning(self, blob: str) -> Picture | None:
        bench, video = self._ports.workbench, self._ports.blobs.path(blob)
        path = await self._kept(self._named(blob, "beginning"), lambda: bench.beginning(video))
        return None if path is None else Picture(path=path, alt=tr("First frame of the video"))

    async def _still(self, job: Job) -> Picture | None:
        blob, quarter = _image(job), _quarter(job)
        if blob is None:
            return None
        bench, picture = self._ports.workbench, self._ports.blobs.path(blob)
        path = await self._kept(self._named(blob, str(quarter)), lambda: bench.still(picture, colour=quarter / 4))
        return None if path is None else Picture(path=path, alt=tr(_QUARTERS[quarter]))

    def forget(self, job: Job) -> None:
        """Remove what was made for a job that is over: it is made again in the rare case that it is needed."""
        for blob in filter(None, (_image(job), job.result)):
            for path in self._ports.spare.glob(f"still-{blob}-*"):
                path.unlink(missing_ok=True)
                self._never.discard(path)

    def _named(self, blob: str, kind: str) -> Path:
        return self._ports.spare / f"still-{blob}-{kind}.jpg"

    async def _kept(self, path: Path, make: Callable[[], Awaitable[Path]]) -> Path | None:
        """Return the still that is there already, or make it now; what cannot be made once is not tried again."""
        if path in self._never or path.is_file():
            return None if path in self._never else path
        try:
            async with asyncio.timeout(_WITHIN_S):
                return (await make()).replace(path)
        except (Unfit, BadVideo, Unjudged) as error:
            self._never.add(path)
            log.info("a card has no picture", extra={"why": type(error).__name__})
        except (TimeoutError, OSError, RuntimeError) as error:
            log.warning("a card has no picture yet", extra={"why": type(error).__name__})
        return None


def _image(job: Job) -> str | None:
    """Return the picture as it is sent, or as it came until that is made."""
    return next((each.blob for each in (*job.prepared, *job.inputs) if each.role == "image"), None)


def _quarter(job: Job) -> int:
    """Return how many quarters are surely made."""
    made = job.progress if job.state is State.GENERATING and job.progress is not None else 0.0
    return min(3, int(made * 4))
