"""Where posted files are screened and prepared and finished videos inspected, each in a child process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bot.media.contract import BadVideo, Change, Prepared, Screened, Unfit, UnfitReason, Unjudged, VideoFacts
from bot.media.lane import Lane, Task
from providers.kit.spec import AudioLimits, ImageLimits

_SUFFIXES = {"image/jpeg": ".jpg", "audio/mpeg": ".mp3", "audio/wav": ".wav"}
_VIDEO_MEMORY_BYTES = 2_000_000_000


class Workbench:
    """Does media work in at most `max_children` processes at once; looks at headers have as many of their own.

    What it prepares are new files in `folder`, which exists; they are the caller's to remove.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_children: int = 2,
        screen_s: float = 5.0,
        prepare_s: float = 40.0,
        video_s: float = 90.0,
        shrink_s: float = 300.0,
        lane: type[Lane] = Lane,
    ) -> None:
        self._folder = folder.absolute()
        self._screen_s, self._prepare_s, self._video_s, self._shrink_s = screen_s, prepare_s, video_s, shrink_s
        # A look that waits behind two large pictures would come too late for whoever typed the command.
        self._looks, self._work = lane(max_children), lane(max_children)

    async def screen_image(self, path: Path, max_bytes: int) -> Screened:
        """Tell what a picture is by its header.

        Raises:
            Unfit: MISSING, EMPTY, TOO_BIG, NOT_MEDIA, WRONG_MEDIA, TRUNCATED, CORRUPT, BOMB or TOO_SLOW.
        """
        return await self._screened("image", path, max_bytes)

    async def screen_audio(self, path: Path, max_bytes: int) -> Screened:
        """Tell what a sound is by its header and first packet.

        Raises:
            Unfit: as for a picture, or NO_SOUND.
        """
        return await self._screened("audio", path, max_bytes)

    async def prepare_image(self, path: Path, limits: ImageLimits) -> Prepared:
        """Make a JPEG within the limits that holds nothing but pixels.

        Raises:
            Unfit: as for screening, or RATIO.
        """
        return await self._prepared("image", path, "image/jpeg", asdict(limits))

    async def prepare_audio(self, path: Path, limits: AudioLimits, cut_s: float | None = None) -> Prepared:
        """Make an MP3 (a WAV where only that is taken) within the limits, cut to the video's length `cut_s`.

        Raises:
            Unfit: as for screening, or TOO_SHORT.
        """
        mime = "audio/mpeg" if "audio/mpeg" in limits.mimes else "audio/wav"
        return await self._prepared("audio", path, mime, asdict(limits) | {"mimes": (mime,), "cut_s": cut_s})

    async def inspect_video(self, path: Path) -> VideoFacts:
        """Read a whole video and tell what is in it.

        Raises:
            BadVideo: it is none, or not whole.
            Unjudged: nobody can tell.
        """
        with _as_bad_video():
            facts = await self._work.run(self._video("inspect"), path)
        del facts["size_bytes"]
        return VideoFacts(**facts)

    async def make_streamable(self, path: Path, out: Path) -> None:
        """Write a copy that plays before it is all loaded: the index goes first, streams stay as they are.

        Raises:
            BadVideo: it is no whole MP4.
            Unjudged: nobody can tell.
        """
        with _as_bad_video(), _new_file(out.parent, out.suffix) as made:
            await self._work.run(self._video("make_streamable", made), path)
            made.replace(out)

    async def last_frame(self, path: Path) -> Path:
        """Make a PNG of a video's last frame.

        Raises:
            BadVideo: it has none.
            Unjudged: nobody can tell.
        """
        with _as_bad_video(), _new_file(self._folder, ".png") as out:
            task = Task(role="frame", verb="last", timeout_s=self._video_s, memory_bytes=_VIDEO_MEMORY_BYTES, out=out)
            await self._work.run(task, path)
            return out

    async def still(self, path: Path, *, colour: float = 0.0) -> Path:
        """Make a small square JPEG of a picture: grey at 0, in colour at 1.

        Raises:
            Unfit: as for preparing it.
        """
        task = Task(role="still", verb="picture", timeout_s=self._screen_s, arguments={"colour": colour})
        return await self._made_still(task, path)

    async def beginning(self, path: Path) -> Path:
        """Make a small square JPEG of a video's first frame.

        Raises:
            BadVideo: it has none.
            Unjudged: nobody can tell.
        """
        task = Task(role="still", verb="beginning", timeout_s=self._screen_s, memory_bytes=_VIDEO_MEMORY_BYTES)
        with _as_bad_video():
            return await self._made_still(task, path)

    async def shrink(self, path: Path, max_bytes: int) -> Path:
        """Make an MP4 of at most so many bytes, with the sound as it is and no more pixels than that can fill.

        Raises:
            BadVideo: it cannot be made that small.
            Unjudged: the encoder gave out over it.
        """
        arguments = {"max_bytes": max_bytes, "folder": str(self._folder)}
        with _as_bad_video(), _new_file(self._folder, ".mp4") as out:
            task = Task(role="smaller", verb="fit", timeout_s=self._shrink_s, arguments=arguments, out=out)
            await self._work.run(replace(task, memory_bytes=_VIDEO_MEMORY_BYTES), path)
            return out

    async def _made_still(self, task: Task, path: Path) -> Path:
        with _new_file(self._folder, ".jpg") as out:
            await self._work.run(replace(task, out=out), path)
            return out

    async def _screened(self, role: str, path: Path, max_bytes: int) -> Screened:
        task = Task(role=role, verb="screen", timeout_s=self._screen_s)
        return Screened(**await self._looks.run(task, path, max_bytes))

    async def _prepared(self, role: str, path: Path, mime: str, arguments: Mapping[str, Any]) -> Prepared:
        with _new_file(self._folder, _SUFFIXES[mime]) as out:
            task = Task(role=role, verb="prepare", timeout_s=self._prepare_s, arguments=arguments, out=out)
            facts = await self._work.run(task, path)
            changes = tuple(Change(code, told) for code, told in facts.pop("changes"))
            return Prepared(path=out, changes=changes, **facts | {"size_bytes": out.stat().st_size})

    def _video(self, verb: str, out: Path | None = None) -> Task:
        return Task(role="video", verb=verb, timeout_s=self._video_s, memory_bytes=_VIDEO_MEMORY_BYTES, out=out)


@contextmanager
def _new_file(folder: Path, suffix: str) -> Iterator[Path]:
    """Make an empty file that only we may read, and remove it if what should fill it fails."""
    descriptor, name = tempfile.mkstemp(dir=folder.absolute(), suffix=suffix)
    os.close(descriptor)
    try:
        yield Path(name)
    except BaseException:
        Path(name).unlink()
        raise


@contextmanager
def _as_bad_video() -> Iterator[None]:
    try:
        yield
    except Unfit as unfit:
        if unfit.reason is UnfitReason.TOO_SLOW or unfit.facts.get("gave_out"):
            raise Unjudged(unfit.reason) from None
        raise BadVideo(str(unfit.facts.get("detail", unfit.reason))) from None
