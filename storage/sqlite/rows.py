"""Rows of the database and the plain data of the contract, one into the other."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from storage.contract import Input, Job, Place, Priced, Subjects
from storage.errors import Unknown
from storage.states import State

Columns = dict[str, Any]
HOUR_MS = 3_600_000
HELD_MS = 7 * 24 * HOUR_MS
BUSY_MS = 24 * HOUR_MS
UNDELIVERABLE_MS = 24 * HOUR_MS
DRAFT_MS = 24 * HOUR_MS
NEW_JOB: Columns = {
    "id": None, "state": None, "fence": 0, "lease_until": 0, "holder": "", "stale_claims": 0, "due_at": None, "clock_at": None,
    "user": None, "scope": None, "channel": None, "roles": None, "platform": None, "place": None, "request": None, "seconds": None,
    "route": None, "offer": None, "day": None, "submits": 0, "reserved_usd_micros": None, "budget": None, "ticket": None,
    "wished": 0, "hidden": 0, "discarded_by": None, "gave_place_back": 0, "provider_place": None, "ticket_by_hand": 0, "progress": None, "failure": None, "detail": "",
    "result": None, "result_bytes": None, "cost_usd_micros": None, "cost_assumed": 0, "seed": None, "actual_prompt": None,
    "created_at": None, "state_since": None, "preparing_since": None, "submitted_at": None, "deadline_at": None,
    "retention_at": None, "keep_until": None, "ended_at": None, "forget_as": None, "has_card": 0,
}  # fmt: skip
"""Every column of a job, with what it holds before anything happened; None also where it must be given."""


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def dump(value: Any) -> str:
    """Return compact JSON, as it stands in the database."""
    return _ENCODER.encode(value)


def dump_place(place: Place) -> str:
    """Return a place as it is stored."""
    return dump({"platform": place.platform, "server": place.server, "channel": place.channel, "thread": place.thread})


def columns_of(row: sqlite3.Row) -> Columns:
    """Return a row as a dict: a Row goes through its names for every value that is asked of it."""
    return dict(zip(row.keys(), row, strict=True))


def dump_route(route: Iterable[Priced]) -> str:
    """Return a route as it is stored."""
    return dump([[priced.offer, priced.usd_micros] for priced in route])


def job_of(row: Columns, now: int, *, inputs: Iterable[Input], prepared: Iterable[Input]) -> Job:
    """Return a job from its row and its inputs."""
    lease_until, due_at, clock_at = row["lease_until"], row["due_at"], row["clock_at"]
    return Job(
        id=row["id"],
        state=State(row["state"]),
        failure=row["failure"],
        detail=row["detail"],
        fence=row["fence"],
        lease_until_ms=lease_until,
        lease_left_ms=max(0, lease_until - now),
        holder=row["holder"],
        due_at_ms=due_at,
        due_in_ms=None if due_at is None else max(0, due_at - now),
        alone=row["stale_claims"] > 2,
        clock_due=clock_at is not None and clock_at <= now,
        subjects=Subjects(user=row["user"], scope=row["scope"], channel=row["channel"], roles=_roles_of(row["roles"])),
        place=_place_of(row["place"]),
        request=json.loads(row["request"]),
        seconds=row["seconds"],
        route=route_of(row["route"]),
        offer=row["offer"],
        reserved_usd_micros=row["reserved_usd_micros"],
        budget=row["budget"],
        ticket=row["ticket"],
        ticket_by_hand=bool(row["ticket_by_hand"]),
        submits=row["submits"],
        wished=bool(row["wished"]),
        hidden=bool(row["hidden"]),
        discarded_by=row["discarded_by"],
        gave_place_back=bool(row["gave_place_back"]),
        progress=row["progress"],
        provider_place=row["provider_place"],
        inputs=tuple(inputs),
        prepared=tuple(prepared),
        result=row["result"],
        result_bytes=row["result_bytes"],
        cost_usd_micros=row["cost_usd_micros"],
        cost_assumed=bool(row["cost_assumed"]),
        seed=row["seed"],
        actual_prompt=row["actual_prompt"],
        created_at_ms=row["created_at"],
        state_since_ms=row["state_since"],
        preparing_since_ms=row["preparing_since"],
        submitted_at_ms=row["submitted_at"],
        deadline_at_ms=row["deadline_at"],
        retention_at_ms=row["retention_at"],
        keep_until_ms=row["keep_until"],
        ended_at_ms=row["ended_at"],
    )


@lru_cache(maxsize=1024)
def _roles_of(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


@lru_cache(maxsize=1024)
def _place_of(text: str) -> Place:
    return Place(**json.loads(text))


@lru_cache(maxsize=1024)
def route_of(text: str) -> tuple[Priced, ...]:
    """Return a route from its column; the same text, which many jobs share, is read once."""
    return tuple(Priced(*pair) for pair in json.loads(text))


def _input_of(row: sqlite3.Row) -> Input:
    return Input(
        role=row["role"],
        blob=row["blob"],
        mime=row["mime"],
        size_bytes=row["size_bytes"],
        changes=tuple(json.loads(row["changes"])),
        width_px=row["width_px"],
        height_px=row["height_px"],
    )


_INPUTS = "SELECT stage, role, blob, mime, size_bytes, changes, width_px, height_px FROM inputs WHERE job = ? ORDER BY role DESC"


def read_job(db: sqlite3.Connection, job: str, now: int) -> Job:
    """Return a job.

    Raises:
        Unknown: there is none of this id.
    """
    row = db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
    if row is None:
        raise Unknown(job)
    return with_inputs(db, columns_of(row), now)


def with_inputs(db: sqlite3.Connection, row: Columns, now: int) -> Job:
    """Return a job from its row and the inputs that are kept with it."""
    stages: dict[str, list[Input]] = {"original": [], "prepared": []}
    for each in db.execute(_INPUTS, (row["id"],)):
        stages[each["stage"]].append(_input_of(each))
    return job_of(row, now, inputs=stages["original"], prepared=stages["prepared"])


def write_inputs(db: sqlite3.Connection, job: str, stage: str, inputs: Iterable[Input]) -> None:
    """Write a job's inputs of one stage in place of those there are."""
    db.execute("DELETE FROM inputs WHERE job = ? AND stage = ?", (job, stage)) if stage == "prepared" else None
    db.executemany(
        "INSERT INTO inputs (job, stage, role, blob, mime, size_bytes, changes, width_px, height_px) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(job, stage, i.role, i.blob, i.mime, i.size_bytes, dump(i.changes), i.width_px, i.height_px) for i in inputs],
    )


def remember_blobs(db: sqlite3.Connection, blobs: Iterable[str], now: int) -> None:
    """Note when blobs were last needed."""
    db.executemany(
        "INSERT INTO blobs (hash, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
        [(blob, now) for blob in blobs],
    )


def write_event(
    db: sqlite3.Connection, job: str, now: int, event: str, source: str, target: str, detail: str = ""
) -> None:
    """Add a line to a job's history."""
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


def clock_at(state: State, row: Columns) -> int | None:
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
