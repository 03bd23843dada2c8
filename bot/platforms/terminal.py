"""The terminal as a platform: a command is typed once, its place is a file, and progress is a bar."""

from __future__ import annotations

import asyncio
import errno
import filecmp
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, count, takewhile
from pathlib import Path

from bot.platforms.contract import (
    Abilities,
    Card,
    Command,
    Desk,
    Message,
    Notice,
    Parcel,
    Progress,
    Spot,
    Standing,
)
from bot.platforms.errors import PlaceGone, PlatformDown
from bot.platforms.text import cut, plain

NAME = "cli"
SCOPE = "cli/local"
NUMBERED = "numbered"
"""The thread of a file whose name nobody chose: where another file has the name by then, the next number is taken."""
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

    async def run(self, desk: Desk) -> None:
        for command in self._commands:
            await desk.ask(command)

    async def say(self, spot: Spot, text: str) -> str:
        self._write(cut(text, self.abilities.text_max_chars))
        return spot.channel

    async def tell(self, user: str, message: Message) -> None:
        self._write(cut(plain(message), self.abilities.text_max_chars))

    async def announce(self, notice: Notice) -> str:
        return "told by the command that asked, and by `jobs`"

    async def show_card(self, card: Card, standing: Standing) -> Standing:
        self._draw(Progress(job=card.job, text=card.line, fraction=card.fraction))
        return standing

    async def remove(self, reference: str) -> None:
        raise PlaceGone("a file belongs to whoever asked for it")

    async def show_video(self, parcel: Parcel) -> str:
        target = self._target(parcel)
        names = numbered(target) if self._is_numbered(parcel) else None
        try:
            written = await asyncio.to_thread(_write_whole, parcel.video, target, parcel.job, names)
        except _NEVER as error:
            raise PlaceGone(f"{target.parent}: {error.strerror}") from error
        except OSError as error:
            raise PlatformDown(f"{target}: {error.strerror}") from error
        self._write(plain(parcel.message))
        return str(written)

    async def find(self, parcel: Parcel) -> str | None:
        try:
            found = await asyncio.to_thread(self._found, parcel)
        except OSError:
            return None
        return None if found is None else str(found)

    def _found(self, parcel: Parcel) -> Path | None:
        target = self._target(parcel)
        names = takewhile(Path.exists, numbered(target)) if self._is_numbered(parcel) else [target]
        return next((each for each in names if each.is_file() and _is_same(parcel.video, each)), None)

    def _is_numbered(self, parcel: Parcel) -> bool:
        return parcel.job not in self._redirected and parcel.spot.thread == NUMBERED

    def _target(self, parcel: Parcel) -> Path:
        return self._redirected.get(parcel.job, Path(parcel.spot.channel))


class DepartedTerminal(TerminalPlatform):
    """Stands in for terminals whose command ended: it sees whether a video was written, and writes none."""

    def __init__(self) -> None:
        super().__init__(write=lambda _: None)

    async def show_video(self, parcel: Parcel) -> str:
        raise PlaceGone("the command that asked for it has ended")


def numbered(path: Path) -> Iterator[Path]:
    """Yield the path itself, then its name with -2, -3 and so on."""
    return chain([path], (path.with_stem(f"{path.stem}-{number}") for number in count(2)))


def _is_same(video: Path, other: Path) -> bool:
    return filecmp.cmp(video, other, shallow=False)


def _write_whole(source: Path, target: Path, job: str, names: Iterator[Path] | None) -> Path:
    """Copy under another name, then rename, so that nobody ever meets half a video; the name that it got.

    With `names` the first of them that is free is taken, else whatever has the name is replaced.
    """
    if target.is_dir() and names is None:
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    part = target.with_name(f".{job}.part")
    try:
        with part.open("wb") as copy, source.open("rb") as original:
            shutil.copyfileobj(original, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        return part.replace(target) if names is None else next(name for name in names if _taken(part, name))
    finally:
        part.unlink(missing_ok=True)


def _taken(part: Path, name: Path) -> bool:
    """Give the copy this name unless something has it; a disk without hard links is asked beforehand."""
    try:
        name.hardlink_to(part)
    except FileExistsError:
        return False
    except OSError:
        if name.exists():
            return False
        part.replace(name)
    return True
