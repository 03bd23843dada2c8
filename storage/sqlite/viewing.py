"""What people and operators look at; nothing here decides or writes."""

from __future__ import annotations

import json
import sqlite3
from zoneinfo import ZoneInfo

from storage.contract import Alert, Job, Overview, Ran, Trail, Usage
from storage.sqlite.rows import columns_of, read_job, with_inputs
from storage.states import State
from storage.windows import local_day

_KEYS = {"user": "user", "channel": "coalesce(channel, '')", "scope": "scope", "day": "day"}
_KEYS["offer"] = "(SELECT offer FROM jobs WHERE id = books.job)"


def jobs(
    db: sqlite3.Connection, now: int, *, state: str | None, user: str | None, most: int, skip: int = 0
) -> list[Job]:
    """Return the newest jobs first."""
    asked = {name: value for name, value in (("state", state), ("user", user)) if value is not None}
    where = " AND ".join(f"{name} = ?" for name in asked) or "TRUE"
    rows = db.execute(
        f"SELECT * FROM jobs WHERE {where} ORDER BY id DESC LIMIT ? OFFSET ?",  # noqa: S608 - our own words
        (*asked.values(), most, skip),
    ).fetchall()
    return [with_inputs(db, columns_of(row), now) for row in rows]


def references(db: sqlite3.Connection, job: str) -> dict[str, str]:
    """Return where a job's messages stand, by purpose."""
    rows = db.execute("SELECT purpose, reference FROM messages WHERE job = ? AND reference != ''", (job,))
    return {row["purpose"]: row["reference"] for row in rows}


def trail(db: sqlite3.Connection, job: str, now: int) -> list[Trail]:
    """Return a job's history, oldest first."""
    read_job(db, job, now)
    rows = db.execute("SELECT * FROM events WHERE job = ? ORDER BY id", (job,))
    return [
        Trail(at_ms=r["at"], event=r["event"], source=r["source"], target=r["target"], detail=r["detail"]) for r in rows
    ]


def usage(
    db: sqlite3.Connection, now: int, *, book: str, by: str, since_ms: int, scope: str | None = None
) -> list[Usage]:
    """Sum a book by key: what is settled, and what is still reserved; under the offer that makes a job, whichever was first."""
    rows = db.execute(
        f"""SELECT key, sum(videos) AS videos, sum(seconds) AS seconds, sum(usd_micros) AS usd_micros,
            sum(usd_micros * (1 - settled)) AS reserved, sum(usd_micros * (assumed AND NOT corrected)) AS assumed
        FROM (SELECT {_KEYS[by]} AS key, sum(videos) AS videos, sum(seconds) AS seconds, sum(usd_micros) AS usd_micros,
                max(entry IN ('charge', 'release', 'bill')) AS settled, max(assumed) AS assumed,
                max(entry = 'correct') AS corrected
            FROM books WHERE book = ? AND accepted_at > ? AND (? IS NULL OR scope = ?) GROUP BY job, key)
        GROUP BY key ORDER BY key""",  # noqa: S608 - a column's own name
        (book, now - since_ms, scope, scope),
    )
    return [
        Usage(
            key=r["key"],
            videos=r["videos"],
            seconds=r["seconds"],
            usd_micros=r["usd_micros"] - r["reserved"],
            reserved_usd_micros=r["reserved"],
            assumed_usd_micros=r["assumed"],
        )
        for r in rows
    ]


def ahead(db: sqlite3.Connection, job: str) -> int:
    """Return how many queued jobs of the same offer were accepted before this one."""
    row = db.execute(
        "SELECT count(*) FROM jobs WHERE state = ? AND id < ? AND offer = (SELECT offer FROM jobs WHERE id = ?)",
        (State.QUEUED, job, job),
    ).fetchone()
    return int(row[0])


def overview(db: sqlite3.Connection, now: int, *, zone: str) -> Overview:
    """Count jobs that are not over, by the index of those that a clock waits for, and sum the month by its days."""
    first_day = local_day(now, ZoneInfo(zone)).replace(day=1).isoformat()
    standing = db.execute("SELECT offer, state, count(*) FROM jobs WHERE clock_at IS NOT NULL GROUP BY offer, state")
    month = db.execute(
        "SELECT sum(usd_micros) FROM totals WHERE book = 'spend' AND subject = 'all' AND day >= ?", (first_day,)
    ).fetchone()
    return Overview(
        jobs={(offer, State(state)): number for offer, state, number in standing},
        in_flight={row["offer"]: row["in_flight"] for row in db.execute("SELECT * FROM loads")},
        month_usd_micros=month[0] or 0,
        alerts=db.execute("SELECT count(*) FROM alerts").fetchone()[0],
    )


_NEWEST = 200


def ran_s(db: sqlite3.Connection) -> dict[str, list[Ran]]:
    """Return how long each offer's newest jobs were in the making, from ticket to end, the newest first."""
    offers = db.execute("SELECT offer FROM loads").fetchall()
    return {offer: _newest(db, offer) for (offer,) in offers}


def _newest(db: sqlite3.Connection, offer: str) -> list[Ran]:
    rows = db.execute(
        """SELECT seconds, (SELECT min(at) FROM events WHERE job = newest.id AND event IN ('finished', 'refused'))
            - (SELECT max(at) FROM events WHERE job = newest.id AND event = 'ticket') AS took
        FROM (SELECT id, seconds FROM jobs WHERE state IN ('delivered', 'failed') AND offer = ?
            ORDER BY id DESC LIMIT ?) AS newest""",
        (offer, _NEWEST),
    )
    return [Ran(row["seconds"], row["took"] / 1000) for row in rows if row["took"] is not None]


def alerts(db: sqlite3.Connection) -> list[Alert]:
    """Return what operators must hear, oldest first."""
    rows = db.execute("SELECT * FROM alerts ORDER BY at")
    return [Alert(cause=r["cause"], at_ms=r["at"], job=r["job"], facts=json.loads(r["facts"])) for r in rows]
