"""What people are still to be told: owed in the commit that made it so, and crossed out once it was said."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from storage.contract import DELETED, Owed
from storage.sqlite.rows import Columns, read_job, write_event
from storage.states import Notice, State

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


def owe_card(db: sqlite3.Connection, job: str, now: int) -> None:
    """Have a job's card shown anew; whoever shows it as it was before does not cross this out."""
    db.execute(
        """UPDATE messages SET at = CASE WHEN due_at IS NULL THEN :now ELSE at END, due_at = :now, version = version + 1
        WHERE job = :job AND purpose = 'card'""",
        {"job": job, "now": now},
    )


def owe_anew(db: sqlite3.Connection, job: str, notice: Notice, now: int) -> None:
    """Have a notice that stands somewhere say what has become of it."""
    db.execute(
        "UPDATE messages SET at = ?, due_at = ? WHERE job = ? AND purpose = ? AND reference != ''",
        (now, now, job, notice),
    )


def is_any_due(db: sqlite3.Connection, now: int) -> bool:
    """Tell whether anything is due to be said anywhere: a look that costs no write."""
    return db.execute("SELECT 1 FROM messages WHERE due_at <= ? LIMIT 1", (now,)).fetchone() is not None


def owed(db: sqlite3.Connection, now: int, *, platforms: Sequence[str], most: int) -> list[Owed]:
    """Take what is due to be said on these platforms; nobody else is given it for a while."""
    marks = ", ".join("?" * len(platforms))
    rows = db.execute(
        f"""UPDATE messages SET due_at = ? WHERE id IN (SELECT id FROM messages
            WHERE platform IN ({marks}) AND due_at <= ? ORDER BY due_at LIMIT ?) RETURNING job, purpose, at, version""",  # noqa: S608
        (now + _AGAIN_MS, *platforms, now, most),
    ).fetchall()
    return [
        Owed(
            job=read_job(db, row["job"], now),
            notice=Notice(row["purpose"]),
            is_old=now - row["at"] > _LONG_AGO_MS,
            version=row["version"],
        )
        for row in rows
    ]


def said(db: sqlite3.Connection, job: str, notice: Notice, reference: str, version: int | None, now: int) -> None:
    """Note where it stands now and cross it out, a card only where it is still owed as that version.

    A question that was decided while it was being asked is due at once to say so.
    """
    db.execute(
        """UPDATE messages SET reference = :reference, due_at = CASE
            WHEN purpose = 'card' AND version IS NOT :version THEN due_at
            WHEN purpose = 'approval' AND reference = '' AND :reference != ''
                AND (SELECT state FROM jobs WHERE id = job) != 'held' THEN :now END
        WHERE job = :job AND purpose = :purpose""",
        {"reference": reference, "version": version, "now": now, "job": job, "purpose": notice},
    )


def deleted(db: sqlite3.Connection, job: str, by: str, now: int) -> None:
    """Note that a job's video stands nowhere any more; who does so again changes nothing."""
    gone = db.execute(
        "UPDATE messages SET reference = '' WHERE job = ? AND purpose = 'video' AND reference != ''", (job,)
    )
    if gone.rowcount:
        write_event(db, job, now, DELETED, State.DELIVERED, State.DELIVERED, by)
        owe_card(db, job, now)
