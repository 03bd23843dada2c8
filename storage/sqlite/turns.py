"""Who works on what: leases, what is due, and the fairest queued job."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from storage.contract import Facts, Job, Move, Terms
from storage.sqlite import lanes
from storage.sqlite.recording import record
from storage.sqlite.rows import alert, columns_of, dump, with_inputs
from storage.states import FINAL, Event, State

_FINAL = ", ".join(f"'{state}'" for state in sorted(FINAL))
_MOST_SILENT_CLAIMS = 3


def claim(db: sqlite3.Connection, job: str, now: int, *, lease_ms: int, holder: str) -> Job | None:
    """Lease a job that nobody else holds; one that silenced three workers while being prepared ends instead."""
    row = db.execute(
        f"""UPDATE jobs SET fence = fence + 1, lease_until = ?, holder = ?, stale_claims = stale_claims + 1
        WHERE id = ? AND state NOT IN ({_FINAL}) AND (lease_until <= ? OR holder = ?) RETURNING *""",  # noqa: S608
        (now + lease_ms, holder, job, now, holder),
    ).fetchone()
    if row is None:
        return None
    if row["stale_claims"] > _MOST_SILENT_CLAIMS and row["state"] == State.PREPARING:
        facts = Facts(detail=f"{_MOST_SILENT_CLAIMS} workers fell silent over it")
        record(db, Move(job=job, expected=State.PREPARING, event=Event.INTERNAL, facts=facts, fence=row["fence"]), now)
        alert(db, f"poison:{job}", now, job)
        return None
    return with_inputs(db, columns_of(row), now)


def admit(
    db: sqlite3.Connection, terms: Terms, now: int, *, lease_ms: int, holder: str, only: str | None
) -> Job | None:
    """Take a queued job to submitting where the offer has room."""
    if lanes.in_flight(db, terms.offer) >= terms.bound:
        return None
    job = lanes.fairest(db, terms.offer, now) if only is None else _own(db, terms.offer, only, now, holder)
    if job is None:
        return None
    row = db.execute(
        "UPDATE jobs SET fence = fence + 1, holder = ? WHERE id = ? RETURNING fence, user", (holder, job)
    ).fetchone()
    facts = Facts(deadline_ms=terms.deadline_ms, retention_ms=terms.retention_ms)
    move = Move(job=job, expected=State.QUEUED, event=Event.SUBMIT, facts=facts, fence=row["fence"], hold_ms=lease_ms)
    admitted = record(db, move, now)
    lanes.served(db, terms.offer, row["user"], now)
    return admitted


def _own(db: sqlite3.Connection, offer: str, job: str, now: int, holder: str) -> str | None:
    row = db.execute(
        """SELECT id FROM jobs WHERE id = ? AND offer = ? AND state = 'queued' AND due_at <= ?
        AND (lease_until <= ? OR holder = ?)""",
        (job, offer, now, now, holder),
    ).fetchone()
    return None if row is None else str(row["id"])


def renew(db: sqlite3.Connection, job: str, now: int, *, fence: int, lease_ms: int) -> bool:
    """Prolong a lease that still holds; with 0 it is given back, and whoever does that was not silent."""
    changed = db.execute(
        """UPDATE jobs SET lease_until = ?, stale_claims = CASE WHEN ? THEN stale_claims ELSE max(stale_claims - 1, 0) END
        WHERE id = ? AND fence = ? AND lease_until > ?""",
        (now + lease_ms, lease_ms > 0, job, fence, now),
    )
    return changed.rowcount == 1


def nudge(db: sqlite3.Connection, job: str, now: int) -> None:
    """Make a job due now."""
    db.execute(f"UPDATE jobs SET due_at = ? WHERE id = ? AND state NOT IN ({_FINAL})", (now, job))  # noqa: S608 - our own words


_OVERDUE = """SELECT id FROM (
    SELECT id, clock_at AS at FROM jobs WHERE clock_at <= :now AND lease_until <= :now
    UNION ALL
    SELECT id, due_at AS at FROM jobs WHERE due_at <= :now AND lease_until <= :now AND CASE state
        WHEN 'delivering' THEN platform IN (SELECT value FROM json_each(:platforms))
        WHEN 'queued' THEN offer IN (SELECT value FROM json_each(:closed))
        ELSE offer IN (SELECT value FROM json_each(:offers)) END
) GROUP BY id ORDER BY min(at), id LIMIT :most"""


def overdue(
    db: sqlite3.Connection,
    now: int,
    *,
    offers: Sequence[str],
    platforms: Sequence[str],
    most: int,
    closed: Sequence[str] = (),
) -> list[str]:
    """Return due jobs that nobody holds, the longest due first: what this process can serve, and what only the clock decides."""
    names = {"offers": dump(list(offers)), "platforms": dump(list(platforms)), "closed": dump(list(closed))}
    return [row["id"] for row in db.execute(_OVERDUE, {"now": now, "most": most, **names})]


def next_due_in_ms(db: sqlite3.Connection, now: int) -> int | None:
    """Return how long until the next due job or lapsing lease, 0 where one is overdue."""
    row = db.execute(
        "SELECT min(max(coalesce(min(due_at, clock_at), due_at, clock_at), lease_until)) FROM jobs WHERE due_at IS NOT NULL OR clock_at IS NOT NULL",
    ).fetchone()
    return None if row[0] is None else max(0, row[0] - now)
