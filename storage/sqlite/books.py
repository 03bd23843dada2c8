"""The two books: append-only signed rows, with totals per subject and local day kept in the same commit."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

INSTALLATION = "all"


class Entry(NamedTuple):
    """One signed row of a book, on the day its job was accepted."""

    book: str
    job: str
    entry: str
    accepted_at: int
    day: str
    user: str
    scope: str
    channel: str | None
    offer: str
    videos: int
    seconds: int
    usd_micros: int
    assumed: bool = False


def within(user: str, scope: str) -> str:
    """Return the name under which a user's use inside one scope is totalled."""
    return f"{user} in {scope}"


def _subjects(entry: Entry) -> tuple[str, ...]:
    if entry.book == "spend":
        return (entry.scope, INSTALLATION)
    own = (entry.user, within(entry.user, entry.scope), entry.scope)
    return own if entry.channel is None else (*own, entry.channel)


_INSERT = """INSERT INTO books (book, job, entry, at, accepted_at, day, user, scope, channel, offer, videos, seconds, usd_micros, assumed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_TOTAL = """INSERT INTO totals (book, subject, day, videos, seconds, usd_micros) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET videos = videos + excluded.videos, seconds = seconds + excluded.seconds,
usd_micros = usd_micros + excluded.usd_micros"""


def write(db: sqlite3.Connection, now: int, *entries: Entry) -> None:
    """Append rows and move the totals with them; a second reservation or settlement of a job is an IntegrityError."""
    db.executemany(
        _INSERT,
        [
            (e.book, e.job, e.entry, now, e.accepted_at, e.day, e.user, e.scope, e.channel, e.offer, e.videos, e.seconds, e.usd_micros, e.assumed)
            for e in entries
        ],
    )  # fmt: skip
    moved = [e for e in entries if e.videos or e.seconds or e.usd_micros]
    db.executemany(
        _TOTAL,
        [(e.book, subject, e.day, e.videos, e.seconds, e.usd_micros) for e in moved for subject in _subjects(e)],
    )


def settle(
    db: sqlite3.Connection,
    reservation: Entry,
    entry: str,
    usd_micros: int,
    now: int,
    *,
    booked: int | None = None,
    assumed: bool = False,
) -> None:
    """Close a job's reservation: nothing is left of it, or of what was `booked` in its stead, but the amount truly used or billed."""
    used = entry in {"charge", "bill"}
    videos, seconds = (0, 0) if used else (-reservation.videos, -reservation.seconds)
    delta = usd_micros - (reservation.usd_micros if booked is None else booked)
    changed = reservation._replace(entry=entry, videos=videos, seconds=seconds, usd_micros=delta, assumed=assumed)
    write(db, now, changed)


# `+?`: a bare `?` beside a partial index's column has the planner look at the value, and prepare the statement anew each time.


def reservation(db: sqlite3.Connection, book: str, job: str) -> Entry:
    """Return a job's reservation in a book."""
    row = db.execute(
        """SELECT book, job, entry, accepted_at, day, user, scope, channel, offer, videos, seconds, usd_micros
        FROM books WHERE job = ? AND book = +? AND entry = 'reserve'""",
        (job, book),
    ).fetchone()
    return Entry(*row)


_NOTHING_LEFT = """DELETE FROM totals
WHERE book = ? AND subject = ? AND day = ? AND videos = 0 AND seconds = 0 AND usd_micros = 0"""
_OF_A_JOB = ("entry = 'reserve'", "entry IN ('charge', 'release', 'bill')", "entry = 'correct'")
"""Every row of a job, said so that each part has its index."""


def rename(db: sqlite3.Connection, job: str, user: str, name: str) -> None:
    """Put another name in place of a job's person, in the rows and in the totals."""
    for entries in _OF_A_JOB:
        rows = db.execute(
            f"""UPDATE books SET user = ? WHERE job = ? AND book IN ('allowance', 'spend') AND {entries}
            RETURNING book, scope, day, videos, seconds, usd_micros""",  # noqa: S608 - our own words
            (name, job),
        ).fetchall()
        for book, scope, day, *amounts in rows:
            if book == "allowance":
                for old, new in ((user, name), (within(user, scope), within(name, scope))):
                    db.execute(_TOTAL, (book, new, day, *amounts))
                    db.execute(_TOTAL, (book, old, day, *(-amount for amount in amounts)))
                    db.execute(_NOTHING_LEFT, (book, old, day))


def is_settled(db: sqlite3.Connection, book: str, job: str) -> bool:
    """Whether a job's reservation is closed."""
    row = db.execute(
        "SELECT 1 FROM books WHERE job = ? AND book = +? AND entry IN ('charge', 'release', 'bill')", (job, book)
    ).fetchone()
    return row is not None


def used(db: sqlite3.Connection, book: str, subject: str, unit: str, first_day: str) -> int:
    """Return a subject's total since a local day, that day included."""
    row = db.execute(
        f"SELECT total({unit}) FROM totals WHERE book = ? AND subject = ? AND day >= ?",  # noqa: S608 - a Unit's own value
        (book, subject, first_day),
    ).fetchone()
    return int(row[0])
