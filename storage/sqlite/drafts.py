"""Requests that became no job, refused or still being filled in: kept for a day, with their files."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from storage.contract import Draft, Input, Place, Refusal
from storage.errors import Unknown
from storage.sqlite.rows import DRAFT_MS, dump, plain, remember_blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What stands under `asked`; of a refused request the whole acceptance does, of which this is a part."""

    place: Place
    request: dict[str, Any]
    inputs: tuple[Input, ...]


@cache
def _askeds() -> TypeAdapter[_Asked]:
    return TypeAdapter(_Asked)


@cache
def _refusals() -> TypeAdapter[Refusal | None]:
    return TypeAdapter(Refusal | None)


def keep(db: sqlite3.Connection, draft: Draft, now: int) -> None:
    """Keep a draft in place of an earlier one of its id; it is no acceptance, so nobody can be asked to let it pass."""
    asked = _Asked(place=draft.place, request=draft.request, inputs=draft.inputs)
    refusal = None if draft.refusal is None else plain(replace(draft.refusal, can_ask=False))
    db.execute(
        """INSERT INTO drafts (id, user, asked, refusal, job, created_at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET user = excluded.user, asked = excluded.asked, refusal = excluded.refusal,
        job = excluded.job, created_at = excluded.created_at""",
        (draft.id, draft.user, dump(plain(asked)), dump(refusal), draft.job, now),
    )
    remember_blobs(db, [each.blob for each in draft.inputs], now)


def find(db: sqlite3.Connection, draft: str, now: int) -> sqlite3.Row:
    """Return a draft's row.

    Raises:
        Unknown: there is none, or its day is over.
    """
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM drafts WHERE id = ? AND created_at > ?", (draft, now - DRAFT_MS)
    ).fetchone()
    if row is None:
        raise Unknown(draft)
    return row


def read(db: sqlite3.Connection, draft: str, now: int) -> Draft:
    """Return a draft that is not older than a day."""
    row = find(db, draft, now)
    asked = _askeds().validate_json(row["asked"])
    return Draft(
        id=row["id"],
        user=row["user"],
        place=asked.place,
        request=asked.request,
        inputs=asked.inputs,
        refusal=refusal_of(row),
        job=row["job"],
    )


def refusal_of(row: sqlite3.Row) -> Refusal | None:
    """Return why a draft was refused; None where nobody has judged it yet."""
    return _refusals().validate_json(row["refusal"])
