"""Progress at a terminal: one live line with a bar where progress is true, plain lines in a pipe, nothing for JSON."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Column

from bot.commands.console import say
from bot.platforms.contract import Progress

_WORDS_CHARS = 14


class Meter(AbstractContextManager[object], Protocol):
    """Takes progress while it is entered, and lines to print at any time."""

    def draw(self, progress: Progress) -> None: ...

    def write(self, text: str) -> None: ...


class Silent(nullcontext[None]):
    """Shows nothing: the JSON document says it all."""

    def draw(self, progress: Progress) -> None:
        """Let it go."""

    def write(self, text: str) -> None:
        """Let it go."""


class Lines(nullcontext[None]):
    """One line a change of state, for a pipe or a log."""

    def __init__(self) -> None:
        super().__init__()
        self._last = ""

    def draw(self, progress: Progress) -> None:
        if progress.text != self._last:
            self._last = progress.text
            say(progress.text)

    def write(self, text: str) -> None:
        say(text)


class LiveBar:
    """A line that redraws itself, and is gone when it is left."""

    def __init__(self, console: Console) -> None:
        words = TextColumn("{task.description}", markup=False, table_column=Column(min_width=_WORDS_CHARS))
        columns = (SpinnerColumn("line"), words, _TrueBar(32), TimeElapsedColumn())
        self._bars = Bars(*columns, console=console, transient=True)
        self._task = self._bars.add_task("Looking", total=None)
        self._entered = False

    def __enter__(self) -> Self:
        self._entered = True
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._entered = False
        self._bars.stop()

    def draw(self, progress: Progress) -> None:
        total = None if progress.fraction is None else 1
        self._bars.update(self._task, description=progress.text, total=total, completed=progress.fraction or 0)

    def write(self, text: str) -> None:
        """Print a line above the bar."""
        self._bars.stop()
        say(text)
        if self._entered:
            self._bars.start()


class _TrueBar(BarColumn):
    """A bar where progress is known, nothing where it is not."""

    def render(self, task: Task) -> RenderableType:  # type: ignore[override] # what is not a bar is drawn all the same
        return "" if task.total is None else super().render(task)


def meter(*, quiet: bool) -> Meter:
    """Return what shows progress as fits the stream that messages go to."""
    if quiet:
        return Silent()
    console = Console(stderr=True)
    if not sys.stderr.isatty() or console.is_dumb_terminal:
        return Lines()
    return LiveBar(console)
