"""The engines that hold the store's contract, and a look inside each where the port itself shows too little."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.contract import Store
from storage.sqlite import SqliteStore


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a book."""

    entry: str
    videos: int
    seconds: int
    usd_micros: int


@dataclass(frozen=True, slots=True)
class Inside:
    """What an engine holds of one job beyond what the port tells."""

    outcomes: tuple[str, ...]
    calls_that_may_be_paid: int
    allowance: tuple[Line, ...]
    spend: tuple[Line, ...]

    @property
    def used_usd_micros(self) -> int:
        """What the allowance has of the job."""
        return sum(line.usd_micros for line in self.allowance)

    @property
    def spent_usd_micros(self) -> int:
        """What the spend has of the job."""
        return sum(line.usd_micros for line in self.spend)


class Backend(Protocol):
    """An engine under test, on a folder of its own."""

    def open(self, folder: Path, clock: Callable[[], int]) -> Store:
        """Open the store that lives in a folder."""

    def inside(self, folder: Path, job: str) -> Inside:
        """Look at what the port does not tell of a job."""

    def in_flight(self, folder: Path) -> dict[str, int]:
        """Return the places taken, by offer."""


class Sqlite:
    """The SQLite engine."""

    def open(self, folder: Path, clock: Callable[[], int]) -> Store:
        """Open the file in the folder."""
        return SqliteStore(folder / "stillmotion.db", clock)

    def inside(self, folder: Path, job: str) -> Inside:
        """Read the job's rows."""
        with closing(sqlite3.connect(folder / "stillmotion.db")) as db:
            lines = db.execute(
                "SELECT book, entry, videos, seconds, usd_micros FROM books WHERE job = ? ORDER BY id", (job,)
            ).fetchall()
            return Inside(
                outcomes=tuple(row[0] for row in db.execute("SELECT outcome FROM outcomes WHERE job = ?", (job,))),
                calls_that_may_be_paid=db.execute(
                    "SELECT count(*) FROM submits WHERE job = ? AND void = 0", (job,)
                ).fetchone()[0],
                allowance=tuple(Line(*line) for book, *line in lines if book == "allowance"),
                spend=tuple(Line(*line) for book, *line in lines if book == "spend"),
            )

    def in_flight(self, folder: Path) -> dict[str, int]:
        """Read the counters, which must agree."""
        with closing(sqlite3.connect(folder / "stillmotion.db")) as db:
            loads = dict(db.execute("SELECT offer, in_flight FROM loads WHERE in_flight != 0"))
            lanes = dict(db.execute("SELECT offer, sum(in_flight) AS n FROM lanes GROUP BY offer HAVING n != 0"))
        assert loads == lanes
        return loads


BACKENDS: dict[str, Backend] = {"sqlite": Sqlite()}
