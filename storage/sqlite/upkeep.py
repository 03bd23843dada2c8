"""Copies, retention and a look at the database's own health."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from storage.contract import Job
from storage.errors import Unavailable
from storage.sqlite.rows import DRAFT_MS, dump, read_job
from storage.states import FINAL

_FINAL = ", ".join(f"'{state}'" for state in sorted(FINAL))
_MARK = "restored"


def backup(path: Path, target: Path) -> None:
    """Write a consistent copy, marked so that its first start asks what became of the jobs it does not know about.

    Raises:
        Unavailable: there is a file already, or the copy cannot be written.
    """
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise Unavailable(f"The backup {target} cannot be written: {error.strerror}. Name a new file.") from error
    source, copy = sqlite3.connect(path), sqlite3.connect(target)
    try:
        source.backup(copy)
        copy.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, 'yes')", (_MARK,))
        copy.commit()
        copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise Unavailable(f"The backup {target} cannot be written: {error}.") from error
    finally:
        source.close()
        copy.close()


def restored(db: sqlite3.Connection, now: int) -> list[Job]:
    """Return what a restored copy must settle first: held jobs, and those not submitted when it was made."""
    if db.execute("SELECT 1 FROM meta WHERE name = ?", (_MARK,)).fetchone() is None:
        return []
    rows = db.execute("SELECT id FROM jobs WHERE state IN ('held', 'preparing', 'queued') ORDER BY id").fetchall()
    return [read_job(db, row["id"], now) for row in rows]


def settled_restoring(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM meta WHERE name = ?", (_MARK,))


def unneeded_blobs(db: sqlite3.Connection, now: int, *, keep_ms: int) -> list[str]:
    """Return blobs older than that which no running job and no draft needs, and forget them; old drafts go too."""
    db.execute("DELETE FROM drafts WHERE created_at <= ?", (now - DRAFT_MS,))
    rows = db.execute(
        f"""DELETE FROM blobs WHERE at <= ?
        AND hash NOT IN (SELECT blob FROM inputs JOIN jobs ON jobs.id = job WHERE state NOT IN ({_FINAL}))
        AND hash NOT IN (SELECT json_extract(value, '$.blob') FROM drafts, json_each(asked, '$.inputs'))
        AND hash NOT IN (SELECT result FROM jobs WHERE result IS NOT NULL AND state NOT IN ({_FINAL}))
        RETURNING hash""",  # noqa: S608 - our own words
        (now - keep_ms,),
    )
    return [row["hash"] for row in rows.fetchall()]


def wipe(db: sqlite3.Connection) -> None:
    """Empty the write-ahead log, where what was erased from the database may still be read."""
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def strays(db: sqlite3.Connection, blobs: Sequence[str]) -> list[str]:
    """Return those of these blobs that no row names."""
    rows = db.execute(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT hash FROM blobs)", (dump(list(blobs)),)
    )
    return [row["value"] for row in rows]


def check(db: sqlite3.Connection) -> str | None:
    """Return what is wrong with the database's own structure, or None."""
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if found == "ok" else str(found)
