"""Progress at a terminal: one live line with a bar where progress is true, plain lines in a pipe, nothing for JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from bot.commands.console import say
from bot.platforms.contract import Progress


class Meter(Protocol):
    """Takes progress as it comes, and lines to print beside it."""

    def draw(self, progress: Progress) -> None: ...

    def write(self, text: str) -> None: ...


class Silent:
    """Shows nothing: the JSON document says it all."""

    def draw(self, progress: Progress) -> None:
        """Let it go."""

    def write(self, text: str) -> None:
        """Let it go."""


class Lines:
    """One line a change of state, for a pipe or a log."""

    def __init__(self) -> None:
        self._last = ""

    def draw(self, progress: Progress) -> None:
        if progress.text != self._last:
            self._last = progress.text
            say(progress.text)

    def write(self, text: str) -> None:
        say(text)


class LiveBar:
    """A line that redraws itself."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID = bars.add_task("Starting", total=None)

    def draw(self, progress: Progress) -> None:
        done = None if progress.fraction is None else progress.fraction * 100
        total = None if done is None else 100
        self._bars.update(self._task, description=progress.text, total=total, completed=done or 0)

    def write(self, text: str) -> None:
        self._bars.stop()
        say(text)
        self._bars.start()


@contextmanager
def meter(*, quiet: bool) -> Iterator[Meter]:
    """Show progress as fits the stream that messages go to."""
    if quiet:
        yield Silent()
    elif not sys.stderr.isatty() or Console(stderr=True).is_dumb_terminal:
        yield Lines()
    else:
        columns = (SpinnerColumn("line"), TextColumn("{task.description}"), BarColumn(32), TimeElapsedColumn())
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            yield LiveBar(bars)
