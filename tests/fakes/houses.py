"""The platforms under one contract, each with the world behind it: what was said and shown there, and how it goes wrong."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from bot.platforms.contract import ChatPlatform, Command, Progress, Spot
from bot.platforms.terminal import TerminalPlatform


class House(Protocol):
    """A world that outlives the platform's own process: opened again, it is the same world."""

    def open(self, commands: Sequence[Command] = ()) -> ChatPlatform:
        """Return the platform as a new process has it, with these commands to come."""

    def spot(self, name: str) -> Spot:
        """Return a place that can be answered."""

    def said(self) -> list[str]:
        """Return every text a person could read, oldest first."""

    def progress(self) -> list[Progress]:
        """Return every progress that was shown, oldest first."""

    def shown(self, spot: Spot) -> list[bytes]:
        """Return the videos that stand in a place, as a person would get them now."""

    def lose(self, spot: Spot) -> None:
        """Let the place be gone for good."""

    def down(self) -> AbstractContextManager[None]:
        """Return a context in which the platform does not answer or has no room."""


class Desk:
    """A terminal: texts are lines, a place is a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: list[str] = []
        self._drawn: list[Progress] = []

    def open(self, commands: Sequence[Command] = ()) -> TerminalPlatform:
        """A new process's terminal, on the same desk."""
        return TerminalPlatform(self._lines.append, self._drawn.append, commands=commands)

    def spot(self, name: str) -> Spot:
        """A file in a drawer of its own."""
        drawer = self._folder / name
        drawer.mkdir(parents=True, exist_ok=True)
        return Spot(server="local", channel=str(drawer / "out.mp4"))

    def said(self) -> list[str]:
        """The lines, as they were written."""
        return self._lines

    def progress(self) -> list[Progress]:
        """Every state of the bar."""
        return self._drawn

    def shown(self, spot: Spot) -> list[bytes]:
        """Whatever lies in the drawer, half a video included."""
        drawer = Path(spot.channel).parent
        return [path.read_bytes() for path in sorted(drawer.glob("*"))] if drawer.is_dir() else []

    def lose(self, spot: Spot) -> None:
        """The drawer goes, with all that is in it."""
        shutil.rmtree(Path(spot.channel).parent)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Leave room for a few bytes a file only, as a full disk would."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


PLATFORMS: dict[str, Callable[[Path], House]] = {"terminal": Desk}
