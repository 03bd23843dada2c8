"""The terminal as a platform: a command is typed once, its place is a file, and progress is a bar."""

from __future__ import annotations

import asyncio
import errno
import filecmp
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bot.platforms.contract import Abilities, Command, Handler, Parcel, Progress, Spot
from bot.platforms.errors import PlaceGone, PlatformDown

NAME = "cli"
SCOPE = "cli/local"
_NEVER = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


class TerminalPlatform:
    """Delivers to files: a video is whole under its name or not there at all.

    `write` takes a line for the person, `draw` shows progress; `redirected` sends a job's video to another file.
    """

    name = NAME
    abilities = Abilities(
        ack_s=None, text_max_chars=100_000, upload_max_bytes=None, threads=False, files_in_command=True
    )

    def __init__(
        self,
        write: Callable[[str], None],
        draw: Callable[[Progress], None] = lambda _: None,
        *,
        commands: Sequence[Command] = (),
        redirected: Mapping[str, Path] | None = None,
    ) -> None:
        self._write, self._draw = write, draw
        self._commands, self._redirected = commands, redirected or {}

    async def run(self, handler: Handler) -> None:
        for command in self._commands:
            await handler(command)

    async def say(self, spot: Spot, text: str) -> str:
        self._write(text)
        return spot.channel

    async def tell(self, user: str, text: str) -> None:
        self._write(text)

    async def show_progress(self, spot: Spot, progress: Progress) -> None:
        self._draw(progress)

    async def show_video(self, parcel: Parcel) -> str:
        target = self._target(parcel)
        try:
            await asyncio.to_thread(_write_whole, parcel.video, target, parcel.job)
        except _NEVER as error:
            raise PlaceGone(f"{target.parent}: {error.strerror}") from error
        except OSError as error:
            raise PlatformDown(f"{target}: {error.strerror}") from error
        self._write(parcel.text)
        return str(target)

    async def find(self, parcel: Parcel) -> str | None:
        target = self._target(parcel)
        try:
            same = target.is_file() and await asyncio.to_thread(filecmp.cmp, parcel.video, target, shallow=False)
        except OSError:
            return None
        return str(target) if same else None

    def _target(self, parcel: Parcel) -> Path:
        return self._redirected.get(parcel.job, Path(parcel.spot.channel))


def _write_whole(source: Path, target: Path, job: str) -> None:
    """Copy under another name, then rename, so that nobody ever meets half a video."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    part = target.with_name(f".{job}.part")
    try:
        with part.open("wb") as copy, source.open("rb") as original:
            shutil.copyfileobj(original, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
