"""A person's words, files and messages are erased, while the books keep a keyed hash in place of the id."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3

from storage.sqlite import books
from storage.states import FINAL

_FINAL = ", ".join(f"'{state}'" for state in sorted(FINAL))


def pseudonym(user: str, secret: bytes) -> str:
    """Return what stands in place of a person's id; only who holds the key can tell whose it was."""
    platform = user.partition(":")[2].partition("/")[0]
    digest = hmac.new(secret, user.encode(), hashlib.sha256).hexdigest()
    return f"user:{platform}/~{digest[:20]}"


def forget(db: sqlite3.Connection, user: str, secret: bytes) -> int:
    """Erase what a person's ended jobs hold and rename the person; return how many jobs still run, erased at their end."""
    name = pseudonym(user, secret)
    jobs = [row["id"] for row in db.execute(f"SELECT id FROM jobs WHERE user = ? AND state IN ({_FINAL})", (user,))]  # noqa: S608
    for job in jobs:
        erase(db, job, name)
    db.execute(
        """UPDATE blobs SET at = 0 WHERE hash IN (
            SELECT json_extract(value, '$.blob') FROM drafts, json_each(asked, '$.inputs') WHERE user = ?)""",
        (user,),
    )
    db.execute("DELETE FROM drafts WHERE user = ?", (user,))
    db.execute("UPDATE choices SET set_by = ? WHERE set_by = ?", (name, user))
    db.execute("UPDATE events SET detail = ? WHERE detail = ?", (name, user))
    running = db.execute("UPDATE jobs SET forget_as = ? WHERE user = ?", (name, user)).rowcount
    if not running:
        _forget_rules(db, user)
    return running


_OWN_BLOBS = f"""WITH held AS (
    SELECT blob, user, state IN ({_FINAL}) AS ended FROM inputs JOIN jobs ON jobs.id = job
    UNION ALL SELECT result, user, state IN ({_FINAL}) FROM jobs WHERE result IS NOT NULL
    UNION ALL SELECT json_extract(value, '$.blob'), user, TRUE FROM drafts, json_each(asked, '$.inputs'))
DELETE FROM blobs WHERE hash IN (SELECT blob FROM held WHERE user = :user)
AND hash NOT IN (SELECT blob FROM held WHERE user != :user OR NOT ended) RETURNING hash"""  # noqa: S608 - our own words


def own_blobs(db: sqlite3.Connection, user: str) -> list[str]:
    """Return blobs that only a person's ended jobs and drafts hold, and forget them."""
    return [row["hash"] for row in db.execute(_OWN_BLOBS, {"user": user}).fetchall()]


def erase(db: sqlite3.Connection, job: str, name: str) -> None:
    """Erase one ended job's content and rename its person, and drop the person's rules once no other job is left."""
    user = db.execute("SELECT user FROM jobs WHERE id = ?", (job,)).fetchone()["user"]
    db.execute(
        """UPDATE blobs SET at = 0
        WHERE hash IN (SELECT blob FROM inputs WHERE job = :job UNION SELECT result FROM jobs WHERE id = :job)""",
        {"job": job},
    )
    db.execute(
        """UPDATE jobs SET user = :name, request = '{}', place = json_replace(place, '$.channel', '', '$.thread', ''),
        channel = NULL, actual_prompt = NULL, detail = '', roles = '[]', forget_as = NULL,
        discarded_by = CASE discarded_by WHEN user THEN :name ELSE discarded_by END WHERE id = :job""",
        {"name": name, "job": job},
    )
    books.rename(db, job, user, name)
    for table in ("inputs", "messages"):
        db.execute(f"DELETE FROM {table} WHERE job = ?", (job,))  # noqa: S608 - our own table names
    db.execute("UPDATE events SET detail = '' WHERE job = ?", (job,))
    if db.execute("SELECT 1 FROM jobs WHERE user = ? LIMIT 1", (user,)).fetchone() is None:
        _forget_rules(db, user)


def _forget_rules(db: sqlite3.Connection, user: str) -> None:
    for table, column in (("limits", "subject"), ("grants", "subject"), ("lanes", "user")):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (user,))  # noqa: S608 - our own table names
