"""A request becomes a job or a refusal, in one transaction that checks every limit and writes both reservations."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from functools import cache
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from storage.contract import Acceptance, Accepted, Job, Priced, Refusal
from storage.errors import Unknown
from storage.limits import Amount, Limit, Unit, Window
from storage.sqlite import books, drafts, notices, quota, ruling
from storage.sqlite.rows import (
    BUSY_MS,
    DRAFT_MS,
    HELD_MS,
    NEW_JOB,
    Columns,
    alert,
    dump,
    dump_place,
    dump_route,
    job_of,
    plain,
    read_job,
    remember_blobs,
    write_event,
    write_inputs,
)
from storage.states import OPEN, Notice, State
from storage.windows import local_day

_EPOCH_MS = 946_684_800_000
_OPEN_STATES = ", ".join(f"'{state}'" for state in sorted(OPEN))
_OPEN_JOBS = f"SELECT count(*) FROM jobs WHERE user = ? AND hidden = 0 AND state IN ({_OPEN_STATES})"  # noqa: S608 - our own words
_ANSWER_WITH_JOB = "INSERT INTO commands (id, job) VALUES (?, ?) ON CONFLICT DO UPDATE SET job = excluded.job"
_NOTE_JOB = "UPDATE drafts SET job = ? WHERE id = ? AND user = ?"
_INSERT = f"INSERT INTO jobs ({', '.join(NEW_JOB)}) VALUES ({', '.join('?' * len(NEW_JOB))})"  # noqa: S608 - column names
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_AS_PYTHON_READS = str.maketrans(_ALPHABET, "0123456789ABCDEFGHIJKLMNOPQRSTUV")


def accept(db: sqlite3.Connection, acceptance: Acceptance, now: int) -> Accepted | Refusal:
    """Return the job or the refusal of a command, the same one however often the command comes."""
    earlier = _answered(db, acceptance.command_id, now) or _made_of(db, acceptance, now)
    if earlier is not None:
        return earlier
    route, found = _affordable(db, acceptance, now)
    if all(violation.reason == "budget" for violation in found):
        found = _open_cap(db, acceptance) or found
    if found:
        return _refuse(db, acceptance, found, now)
    job = _insert_job(db, acceptance, route, State.PREPARING, now)
    db.execute(_ANSWER_WITH_JOB, (acceptance.command_id, job.id))
    db.execute(_NOTE_JOB, (job.id, acceptance.draft, acceptance.subjects.user))
    return Accepted(job=job)


def _answered(db: sqlite3.Connection, command_id: str, now: int) -> Accepted | Refusal | None:
    row = db.execute("SELECT job, draft FROM commands WHERE id = ?", (command_id,)).fetchone()
    if row is None or (row["job"] is None and row["draft"] is None):
        return None
    if row["job"] is not None:
        return Accepted(job=read_job(db, row["job"], now), again=True)
    draft = db.execute("SELECT refusal FROM drafts WHERE id = ?", (row["draft"],)).fetchone()
    refusal = drafts.refusal_of(draft)
    return None if refusal is None else replace(refusal, again=True)


def _made_of(db: sqlite3.Connection, acceptance: Acceptance, now: int) -> Accepted | None:
    """Return the job that came of the same draft already."""
    of_draft = "SELECT job FROM drafts WHERE id = ? AND user = ? AND job IS NOT NULL"
    row = db.execute(of_draft, (acceptance.draft, acceptance.subjects.user)).fetchone()
    return None if row is None else Accepted(job=read_job(db, row["job"], now), again=True)


@cache
def _acceptances() -> TypeAdapter[Acceptance]:
    return TypeAdapter(Acceptance)


def _affordable(
    db: sqlite3.Connection, acceptance: Acceptance, now: int, *, but: str | None = None
) -> tuple[tuple[Priced, ...], list[quota.Violation]]:
    """Drop the offers that do not fit a limit, `but` that budget; where none is left, say what keeps out the nearest."""
    evaluation = quota.look(db, acceptance.subjects, acceptance.rules, now)
    fitting: list[Priced] = []
    nearest: list[quota.Violation] = []
    for priced in acceptance.route:
        ask = quota.Ask(seconds=acceptance.seconds, usd_micros=priced.usd_micros)
        found = [violation for violation in evaluation.violations(ask) if not violation.is_the(but)]
        if not found:
            fitting.append(priced)
        elif not nearest or quota.tightest(found).order < quota.tightest(nearest).order:
            nearest = found
    return tuple(fitting), [] if fitting else nearest


def _open_cap(db: sqlite3.Connection, acceptance: Acceptance) -> list[quota.Violation]:
    user, most = acceptance.subjects.user, acceptance.rules.user_max_open
    count = db.execute(_OPEN_JOBS, (user,)).fetchone()[0]
    if count < most:
        return []
    limit = Limit(Amount(Unit.VIDEOS, most), Window("at once"))
    return [
        quota.Violation(
            reason="open", limit=limit, subject=user, set_by=quota.SETTINGS, used=count, asked=1, frees_at_ms=None
        )
    ]


def _refuse(db: sqlite3.Connection, acceptance: Acceptance, found: list[quota.Violation], now: int) -> Refusal:
    """Keep the request as a draft, with its files and the answer; only where one budget alone is in the way can it be put to an admin."""
    one_budget = len(found) == 1 and found[0].reason == "budget"
    can_ask = one_budget and ruling.takes_approvals(db, acceptance.subjects.scope)
    refusal = replace(_refusal(found, _next_draft(db, now)), can_ask=can_ask)
    db.execute(
        "INSERT INTO drafts (id, user, asked, refusal, created_at) VALUES (?, ?, ?, ?, ?)",
        (refusal.draft, acceptance.subjects.user, dump(plain(acceptance)), dump(plain(refusal)), now),
    )
    db.execute("INSERT OR REPLACE INTO commands (id, draft) VALUES (?, ?)", (acceptance.command_id, refusal.draft))
    remember_blobs(db, [each.blob for each in acceptance.inputs], now)
    return refusal


def _refusal(found: list[quota.Violation], draft: str) -> Refusal:
    """Name the limit to wait for."""
    violation = quota.tightest(found)
    return Refusal(
        reason=violation.reason,
        limit=str(violation.limit),
        subject=violation.subject,
        set_by=violation.set_by,
        used=violation.used,
        asked=violation.asked,
        frees_at_ms=violation.frees_at_ms,
        draft=draft,
    )


def hold(db: sqlite3.Connection, draft: str, now: int) -> Job | Refusal:
    """Make a held job from a draft that only one budget refused, the same job however often it is asked; a limit still says no.

    Nobody is asked where approvals were switched off since.
    """
    row = drafts.find(db, draft, now)
    if row["job"] is not None:
        return read_job(db, row["job"], now)
    refusal = drafts.refusal_of(row)
    if refusal is None or not refusal.can_ask:
        raise Unknown(draft)
    budget = f"{refusal.subject} {refusal.limit} {refusal.set_by}"
    acceptance = _acceptances().validate_json(row["asked"])
    if not ruling.takes_approvals(db, acceptance.subjects.scope):
        raise Unknown(draft)
    route, found = _affordable(db, acceptance, now, but=budget)
    if found:
        return _refusal(found, draft)
    job = _insert_job(db, acceptance, route, State.HELD, now, budget)
    db.execute(_NOTE_JOB, (job.id, draft, acceptance.subjects.user))
    db.execute("UPDATE commands SET job = ? WHERE draft = ?", (job.id, draft))
    if not job.is_for_admins:
        alert(db, f"held:{job.id}", now, job.id)
    return job


def _insert_job(
    db: sqlite3.Connection,
    acceptance: Acceptance,
    route: tuple[Priced, ...],
    state: State,
    now: int,
    budget: str | None = None,
) -> Job:
    job, subjects, place = _next_job(db, now), acceptance.subjects, acceptance.place
    reserved = max((priced.usd_micros or 0 for priced in route), default=0)
    day = local_day(now, ZoneInfo(acceptance.rules.zone)).isoformat()
    held = state is State.HELD
    row = NEW_JOB | {
        "id": job,
        "state": state.value,
        "lease_until": now + acceptance.lease_ms,
        "holder": acceptance.holder,
        "due_at": None if held else now,
        "clock_at": now + (HELD_MS if held else BUSY_MS),
        "user": subjects.user,
        "scope": subjects.scope,
        "channel": subjects.channel,
        "roles": dump(subjects.roles),
        "platform": place.platform,
        "place": dump_place(place),
        "request": dump(acceptance.request),
        "seconds": acceptance.seconds,
        "route": dump_route(route),
        "offer": route[0].offer,
        "day": day,
        "reserved_usd_micros": reserved,
        "budget": budget,
        "created_at": now,
        "state_since": now,
        "preparing_since": None if held else now,
        "has_card": int(acceptance.has_card),
    }
    db.execute(_INSERT, tuple(row.values()))
    write_inputs(db, job, "original", acceptance.inputs)
    remember_blobs(db, [each.blob for each in acceptance.inputs], now)
    _reserve(db, row, now, both=not held)
    write_event(db, job, now, "asked" if held else "accepted", "", state)
    if acceptance.has_card:
        for notice in (Notice.CARD, Notice.APPROVAL) if held else (Notice.CARD,):
            notices.owe(db, row, notice, now)
    return job_of(row, now, inputs=acceptance.inputs, prepared=())


def _reserve(db: sqlite3.Connection, job: Columns, now: int, *, both: bool) -> None:
    entry = books.Entry(
        book="allowance", job=job["id"], entry="reserve", accepted_at=now, day=job["day"], user=job["user"], scope=job["scope"],
        channel=job["channel"], offer=job["offer"], videos=1, seconds=job["seconds"], usd_micros=job["reserved_usd_micros"],
    )  # fmt: skip
    books.write(db, now, *([entry, entry._replace(book="spend")] if both else [entry]))


def _next_job(db: sqlite3.Connection, now: int) -> str:
    """Return a new id, greater than every earlier one."""
    return _id_after(db.execute("SELECT max(id) FROM jobs").fetchone()[0], now)


def _next_draft(db: sqlite3.Connection, now: int) -> str:
    """Return a new id that no draft has; those that callers made stand anywhere, so only what is near is passed by."""
    near = ["D" + _written(_moment(at)) for at in (now, now + DRAFT_MS)]
    last = db.execute("SELECT max(id) FROM drafts WHERE id BETWEEN ? AND ?", near).fetchone()[0]
    return "D" + _id_after(last, now)


def _id_after(last: str | None, now: int) -> str:
    """Return eight characters: the moment, or one more than the last."""
    return _written(_moment(now) if last is None else max(_moment(now), _number(last[-8:]) + 1))


def _moment(now: int) -> int:
    """Return the time in 1/256 s since 2000."""
    return (now - _EPOCH_MS) * 256 // 1000


def _written(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(35, -1, -5))


def _number(text: str) -> int:
    return int(text.translate(_AS_PYTHON_READS), 32)
