"""Whose turn it is: per offer and requester, how many jobs are ready and in flight, kept in the same commit as the jobs."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from storage.states import OCCUPYING, State


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a job stands in its lane."""

    offer: str
    user: str
    state: State
    gave_place_back: bool = False

    @property
    def ready(self) -> int:
        return int(self.state is State.QUEUED)

    @property
    def in_flight(self) -> int:
        return int(self.state in OCCUPYING and not self.gave_place_back)


def move(db: sqlite3.Connection, before: Stand | None, after: Stand) -> None:
    """Count a job, whose row is already written, out of where it stood and into where it stands."""
    if before is not None and (before.offer, before.ready, before.in_flight) == (
        after.offer,
        after.ready,
        after.in_flight,
    ):
        return
    if before is not None and before.offer == after.offer:
        _add(db, after, after.ready - before.ready, after.in_flight - before.in_flight)
        return
    if before is not None:
        _add(db, before, -before.ready, -before.in_flight)
    _add(db, after, after.ready, after.in_flight)


_MOVE = """INSERT INTO lanes (offer, user, ready, in_flight, oldest) VALUES (:offer, :user, :ready, :in_flight,
    coalesce((SELECT min(id) FROM jobs WHERE state = 'queued' AND offer = :offer AND user = :user), ''))
ON CONFLICT DO UPDATE SET ready = ready + excluded.ready, in_flight = in_flight + excluded.in_flight, oldest = excluded.oldest"""


def _add(db: sqlite3.Connection, stand: Stand, ready: int, in_flight: int) -> None:
    if ready or in_flight:
        db.execute(_MOVE, {"offer": stand.offer, "user": stand.user, "ready": ready, "in_flight": in_flight})
    if (
        in_flight
        and not db.execute(
            "UPDATE loads SET in_flight = in_flight + ? WHERE offer = ?", (in_flight, stand.offer)
        ).rowcount
    ):
        db.execute("INSERT INTO loads (offer, in_flight) VALUES (?, ?)", (stand.offer, in_flight))


def in_flight(db: sqlite3.Connection, offer: str) -> int:
    """Return how many of an offer's places are taken, over all processes."""
    row = db.execute("SELECT in_flight FROM loads WHERE offer = ?", (offer,)).fetchone()
    return row[0] if row else 0


def fairest(db: sqlite3.Connection, offer: str, now: int) -> str | None:
    """Return the queued job to serve next.

    The requester with the fewest in flight at the offer, then the one served longest ago, then the oldest job.
    """
    lanes = db.execute(
        "SELECT user FROM lanes WHERE offer = ? AND ready > 0 ORDER BY in_flight, served_at, oldest",
        (offer,),
    )
    for (user,) in lanes:
        job = db.execute(
            """SELECT id FROM jobs WHERE state = 'queued' AND offer = ? AND user = ? AND lease_until <= ? AND due_at <= ?
            ORDER BY id LIMIT 1""",
            (offer, user, now, now),
        ).fetchone()
        if job is not None:
            return str(job[0])
    return None


def served(db: sqlite3.Connection, offer: str, user: str, now: int) -> None:
    db.execute("UPDATE lanes SET served_at = ? WHERE offer = ? AND user = ?", (now, offer, user))
