"""Rows of the database and the plain data of the contract, one into the other."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from storage.contract import Input, Job, Place, Priced, Subjects
from storage.errors import Unknown
from storage.states import State

HOUR_MS = 3_600_000
HELD_MS = 7 * 24 * HOUR_MS
BUSY_MS = 24 * HOUR_MS
UNDELIVERABLE_MS = 24 * HOUR_MS
DRAFT_MS = 24 * HOUR_MS
_PLAIN = (
    "id", "detail", "fence", "holder", "seconds", "offer", "reserved_usd_micros", "budget", "ticket", "submits",
    "discarded_by", "progress", "failure", "result", "result_bytes", "cost_usd_micros", "seed", "actual_prompt",
)  # fmt: skip
_TIMES = (
    "due_at",
    "created_at",
    "state_since",
    "preparing_since",
    "submitted_at",
    "deadline_at",
    "retention_at",
    "ended_at",
)


def dump(value: Any) -> str:
    """Return compact JSON, as it stands in the database."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def dump_route(route: Iterable[Priced]) -> str:
    return dump([[priced.offer, priced.usd_micros] for priced in route])


def job_of(row: sqlite3.Row, inputs: Iterable[sqlite3.Row], now: int) -> Job:
    """Return a job from its row and its inputs' rows."""
    by_stage: dict[str, list[Input]] = defaultdict(list)
    for each in inputs:
        by_stage[each["stage"]].append(_input_of(each))
    clock_at = row["clock_at"]
    return Job(
        **{name: row[name] for name in _PLAIN},
        **{f"{name}_ms": row[name] for name in _TIMES},
        state=State(row["state"]),
        lease_until_ms=row["lease_until"],
        lease_left_ms=max(0, row["lease_until"] - now),
        due_in_ms=None if row["due_at"] is None else max(0, row["due_at"] - now),
        alone=row["stale_claims"] > 2,
        clock_due=clock_at is not None and clock_at <= now,
        subjects=Subjects(
            user=row["user"], scope=row["scope"], channel=row["channel"], roles=tuple(json.loads(row["roles"]))
        ),
        place=Place(**json.loads(row["place"])),
        request=json.loads(row["request"]),
        route=tuple(Priced(*pair) for pair in json.loads(row["route"])),
        wished=bool(row["wished"]),
        hidden=bool(row["hidden"]),
        gave_place_back=bool(row["gave_place_back"]),
        cost_assumed=bool(row["cost_assumed"]),
        inputs=tuple(by_stage["original"]),
        prepared=tuple(by_stage["prepared"]),
    )


def _input_of(row: sqlite3.Row) -> Input:
    return Input(
        role=row["role"],
        blob=row["blob"],
        mime=row["mime"],
        size_bytes=row["size_bytes"],
        changes=tuple(json.loads(row["changes"])),
    )


def read_job(db: sqlite3.Connection, job: str, now: int) -> Job:
    """Return a job.

    Raises:
        Unknown: there is none of this id.
    """
    row = db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
    if row is None:
        raise Unknown(job)
    return with_inputs(db, row, now)


def with_inputs(db: sqlite3.Connection, row: sqlite3.Row, now: int) -> Job:
    inputs = db.execute("SELECT * FROM inputs WHERE job = ? ORDER BY role DESC", (row["id"],))
    return job_of(row, inputs, now)


def write_inputs(db: sqlite3.Connection, job: str, stage: str, inputs: Iterable[Input]) -> None:
    db.execute("DELETE FROM inputs WHERE job = ? AND stage = ?", (job, stage)) if stage == "prepared" else None
    db.executemany(
        "INSERT INTO inputs (job, stage, role, blob, mime, size_bytes, changes) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(job, stage, i.role, i.blob, i.mime, i.size_bytes, dump(i.changes)) for i in inputs],
    )


def remember_blobs(db: sqlite3.Connection, blobs: Iterable[str], now: int) -> None:
    db.executemany(
        "INSERT INTO blobs (hash, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
        [(blob, now) for blob in blobs],
    )


def write_event(
    db: sqlite3.Connection, job: str, now: int, event: str, source: str, target: str, detail: str = ""
) -> None:
    db.execute(
        "INSERT INTO events (job, at, event, source, target, detail) VALUES (?, ?, ?, ?, ?, ?)",
        (job, now, event, source, target, detail),
    )


def alert(db: sqlite3.Connection, cause: str, now: int, job: str | None, **facts: Any) -> None:
    """Remember something that an operator must hear; a cause already there stays as it is."""
    db.execute(
        "INSERT INTO alerts (cause, at, job, facts) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (cause, now, job, dump(facts)),
    )


def clock_at(state: State, row: sqlite3.Row) -> int | None:
    """Return when the clock alone moves a job that enters or stands in this state; `row` is the job as it then is."""
    at: int | None
    match state:
        case State.HELD:
            at = row["created_at"] + HELD_MS
        case State.PREPARING | State.QUEUED:
            at = row["preparing_since"] + BUSY_MS
        case State.UNSURE:
            at = row["retention_at"] if row["gave_place_back"] else row["deadline_at"]
        case State.GENERATING:
            at = row["deadline_at"]
        case State.LATE | State.FETCHING:
            at = row["retention_at"]
        case State.DELIVERING:
            at = row["state_since"] + UNDELIVERABLE_MS
        case State.KEPT:
            at = row["keep_until"]
        case _:
            at = None
    return at


def plain(value: Any) -> dict[str, Any]:
    """Return a dataclass of the contract as JSON takes it."""
    return asdict(value)
