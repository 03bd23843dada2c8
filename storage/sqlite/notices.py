"""What people are still to be told: owed in the commit that made it so, and crossed out once it was said."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from storage.contract import Owed
from storage.sqlite.rows import Columns, read_job
from storage.states import Notice

_AGAIN_MS = 60_000
"""How long whoever took a notice may take to say it, before another does."""
_LONG_AGO_MS = 24 * 3_600_000
_PATIENCE_MS = {Notice.UNSURE: 30_000}
"""What often settles itself is not told at once."""


def owe(db: sqlite3.Connection, job: Columns, notice: Notice, now: int) -> None:
    """Write down that a job's person is to be told; what was owed already stays as it is."""
    db.execute(
        """INSERT INTO messages (job, purpose, place, platform, reference, at, due_at) VALUES (?, ?, ?, ?, '', ?, ?)
        ON CONFLICT DO NOTHING""",
        (job["id"], notice, job["place"], job["platform"], now, now + _PATIENCE_MS.get(notice, 0)),
    )


def is_any_due(db: sqlite3.Connection, now: int) -> bool:
    """Tell whether anything is due to be said anywhere: a look that costs no write."""
    return db.execute("SELECT 1 FROM messages WHERE due_at <= ? LIMIT 1", (now,)).fetchone() is not None


def owed(db: sqlite3.Connection, now: int, *, platforms: Sequence[str], most: int) -> list[Owed]:
    """Take what is due to be said on these platforms; nobody else is given it for a while."""
    marks = ", ".join("?" * len(platforms))
    rows = db.execute(
        f"""UPDATE messages SET due_at = ? WHERE id IN (SELECT id FROM messages
            WHERE platform IN ({marks}) AND due_at <= ? ORDER BY due_at LIMIT ?) RETURNING job, purpose, at""",  # noqa: S608
        (now + _AGAIN_MS, *platforms, now, most),
    ).fetchall()
    return [
        Owed(job=read_job(db, row["job"], now), notice=Notice(row["purpose"]), is_old=now - row["at"] > _LONG_AGO_MS)
        for row in rows
    ]


def said(db: sqlite3.Connection, job: str, notice: Notice, reference: str) -> None:
    """Cross a notice out, with where it stands now."""
    db.execute(
        "UPDATE messages SET due_at = NULL, reference = ? WHERE job = ? AND purpose = ?", (reference, job, notice)
    )
