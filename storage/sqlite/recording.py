"""The one function that moves a job: the state, both books, the outcome and the lanes follow from the table."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from zoneinfo import ZoneInfo

from storage.contract import Facts, HouseRules, Job, Move
from storage.errors import OverBudget, Stale, Unknown
from storage.sqlite import books, forgetting, lanes, notices, quota
from storage.sqlite.rows import (
    Columns,
    alert,
    clock_at,
    columns_of,
    dump_place,
    read_job,
    remember_blobs,
    route_of,
    with_inputs,
    write_event,
    write_inputs,
)
from storage.sqlite.writer import Kept
from storage.states import ANSWERS, BY_HAND, FINAL, Allowance, Event, Kind, Notice, Row, Spend, State, find
from storage.windows import local_day

_TELLS = frozenset(
    {
        Event.PREPARED,
        Event.VOID_WAIT,
        Event.VOID_REROUTED,
        Event.REROUTED,
        Event.TICKET,
        Event.RUNNING,
        Event.DEADLINE,
        Event.FINISHED,
        Event.FETCHED,
        Event.TICKET_UNKNOWN,
        Event.UNPLACED,
    }
)
"""The moves whose detail, if only that there is none, stands on the job until the next one says otherwise."""


_DECISIONS = frozenset({Event.APPROVED, Event.DECLINED})
"""The moves whose line in the history says by whom."""


def record(db: sqlite3.Connection, move: Move, now: int) -> Job:
    """Write one move with all that follows from it.

    Raises:
        Stale: the job is elsewhere, or the fence was passed by; an answer to a paid call is kept all the same.
    """
    found = db.execute("SELECT * FROM jobs WHERE id = ?", (move.job,)).fetchone()
    if found is None:
        raise Unknown(move.job)
    before = columns_of(found)
    if move.fence is None and move.event not in BY_HAND:
        raise ValueError(f"{move.event} is made under a fence")
    row = _row(before, move.event, now)
    if row is not None and before["state"] == move.expected and move.fence in {None, before["fence"]}:
        return _apply(db, before, row, move, now)
    if move.event not in ANSWERS:
        raise Stale(f"{move.job} is {before['state']} under fence {before['fence']}: no {move.event}")
    return _late(db, before, row, move, now)


def _row(before: Columns, event: Event, now: int) -> Row | None:
    """Return the table's row for a job that stands like this; a discarded job takes no more wishes."""
    overdue = before["gave_place_back"] or (before["deadline_at"] is not None and before["deadline_at"] <= now)
    hidden, wished = bool(before["hidden"]), bool(before["wished"] or before["hidden"])
    row = find(State(before["state"]), event, hidden=hidden, wished=wished, overdue=bool(overdue))
    return None if row is not None and row.wish and hidden else row


def _late(db: sqlite3.Connection, before: Columns, row: Row | None, move: Move, now: int) -> Job:
    """Take a late answer to a paid call: it moves a job that is unsure of this very call, else it is remembered.

    Raises:
        Stale: the job is elsewhere; what the answer says, if it is not known already, was kept.
    """
    call = db.execute(
        "SELECT number, void FROM submits WHERE job = ? AND fence <= ? ORDER BY number DESC LIMIT 1",
        (move.job, before["fence"] if move.fence is None else move.fence),
    ).fetchone()
    newest = call is not None and call["number"] == before["submits"]
    if row is not None and before["state"] == State.UNSURE and newest:
        return _apply(db, before, row, replace(move, hold_ms=0), now, raise_fence=True)
    by_ticket = move.event is Event.TICKET
    if (by_ticket and move.facts.ticket == before["ticket"]) or (not by_ticket and call is not None and call["void"]):
        raise Stale(f"{move.job} knows that already")
    write_event(db, move.job, now, "late_answer", before["state"], before["state"], move.facts.ticket or move.event)
    alert(db, f"late_answer:{move.job}", now, move.job, event=move.event, ticket=move.facts.ticket)
    raise Kept(Stale(f"{move.job} is {before['state']}; the answer was kept"))


def _apply(
    db: sqlite3.Connection, before: Columns, row: Row, move: Move, now: int, *, raise_fence: bool = False
) -> Job:
    """Write a row of the table with all that follows from it."""
    by_hand = move.fence is None and not row.wish
    columns = {**_stand(before, row, now), **_learned(before, row, move.facts, now, by_hand=by_hand)}
    if row.wish:
        columns["due_at"] = now
    else:
        columns |= {"fence": before["fence"] + (by_hand or raise_fence), "stale_claims": 0}
        columns |= {
            "lease_until": now + move.hold_ms,
            "due_at": None if move.due_in_ms is None else now + move.due_in_ms,
        }
    if row.target in FINAL:
        columns |= {"due_at": None, "lease_until": now, "ended_at": now, "wished": before["wished"]}
    columns["clock_at"] = clock_at(row.target, before | columns)
    _update(db, before, columns)
    after = before | columns
    if row.event is Event.APPROVED:
        _within_other_budgets(db, after, move.facts.rules or HouseRules(), now)
    _submits(db, after, row, now)
    _books(db, before, after, row, move.facts, now)
    _outcome(db, row, after, now)
    lanes.move(db, _stand_of(before), _stand_of(after))
    if move.facts.prepared is not None:
        write_inputs(db, move.job, "prepared", move.facts.prepared)
        remember_blobs(db, [each.blob for each in move.facts.prepared], now)
    if move.facts.result is not None:
        remember_blobs(db, [move.facts.result], now)
    if move.facts.message is not None:
        db.execute(
            "INSERT INTO messages (job, purpose, place, reference, at) VALUES (?, 'video', ?, ?, ?)",
            (move.job, after["place"], move.facts.message, now),
        )
    _tell(db, after, row, move.facts, now)
    if row.target in FINAL and after["forget_as"] is not None:
        forgetting.erase(db, move.job, after["forget_as"])
        return read_job(db, move.job, now)
    return with_inputs(db, after, now)


def _tell(db: sqlite3.Connection, after: Columns, row: Row, facts: Facts, now: int) -> None:
    """Write down what people are owed of a move, and its line in the history."""
    if row.notice is not None and not after["hidden"]:
        notices.owe(db, after, row.notice, now)
    if row.quiet:
        return
    detail = facts.by if row.event in _DECISIONS else None
    write_event(db, after["id"], now, row.event, row.source, row.target, detail or facts.detail)
    if row.source is State.HELD:
        db.execute("DELETE FROM alerts WHERE cause = ?", (f"held:{after['id']}",))
        notices.owe_anew(db, after["id"], Notice.APPROVAL, now)
    if after["has_card"]:
        notices.owe_card(db, after["id"], now)


def _update(db: sqlite3.Connection, before: Columns, columns: dict[str, object]) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    changed = db.execute(
        f"UPDATE jobs SET {names} WHERE id = ? AND state = ? AND fence = ?",  # noqa: S608 - column names from this file
        (*columns.values(), before["id"], before["state"], before["fence"]),
    )
    if changed.rowcount != 1:
        raise Stale(before["id"])


def _stand(before: Columns, row: Row, now: int) -> dict[str, object]:
    """Return where the job stands after the move."""
    columns: dict[str, object] = {}
    if row.source is not row.target:
        columns |= {"state": row.target, "state_since": now}
    match row.event:
        case Event.CANCEL:
            columns["wished"] = 1
        case Event.KEEP:
            columns["wished"] = 0
        case Event.DISCARDED:
            columns["hidden"] = 1
        case Event.SUBMIT:
            columns |= {"submits": before["submits"] + 1, "submitted_at": now, "gave_place_back": 0, "ticket": None}
        case Event.RESTORED:
            columns |= {"submits": before["submits"] + 1, "submitted_at": now}
        case Event.APPROVED:
            columns["preparing_since"] = now
        case Event.DEADLINE if row.target is State.UNSURE:
            columns["gave_place_back"] = 1
        case Event.TICKET_UNKNOWN:
            columns |= {
                "ticket": None,
                "gave_place_back": int(before["deadline_at"] is None or before["deadline_at"] <= now),
            }
    return columns


def _learned(before: Columns, row: Row, facts: Facts, now: int, *, by_hand: bool) -> dict[str, object]:
    """Return what the move tells of the job."""
    columns: dict[str, object] = {
        name: value
        for name in ("ticket", "offer", "progress", "seed", "actual_prompt", "result", "result_bytes")
        if (value := getattr(facts, name)) is not None
    }
    if row.event is Event.TICKET:
        columns["ticket_by_hand"] = int(by_hand and not facts.heard)
    if row.event in _TELLS or row.target is State.CANCELLED:
        columns |= {"detail": facts.detail, "provider_place": facts.provider_place}
    if row.target in FINAL:
        columns.pop("offer", None)
    if row.target is State.FAILED:
        columns |= {"failure": (row.kind or Kind(facts.kind or "")).value, "detail": facts.detail}
    if row.event is Event.DISCARDED:
        columns["discarded_by"] = facts.by
    if facts.place is not None:
        columns["place"] = dump_place(facts.place)
    if row.spend in {Spend.BILL, Spend.ASSUME}:
        columns["cost_usd_micros"], columns["cost_assumed"] = _bill(before, row, facts)
    return columns | _clocks(before, row, facts, now)


def _clocks(before: Columns, row: Row, facts: Facts, now: int) -> dict[str, object]:
    """Return until when the move gives anybody time; an unsure job's deadline is not put off."""
    given = {"deadline_at": facts.deadline_ms, "retention_at": facts.retention_ms, "keep_until": facts.keep_ms}
    if row.source is State.UNSURE and before["deadline_at"] is not None:
        del given["deadline_at"]
    return {name: now + span_ms for name, span_ms in given.items() if span_ms is not None}


def _price(job: Columns) -> int:
    return next((priced.usd_micros or 0 for priced in route_of(job["route"]) if priced.offer == job["offer"]), 0)


def _bill(before: Columns, row: Row, facts: Facts) -> tuple[int, bool]:
    """Return what was billed, as told now or earlier, else the offer's price; and whether that is assumed."""
    told = facts.billed_usd_micros if row.spend is Spend.BILL else None
    known = before["cost_usd_micros"] if told is None else told
    return (_price(before), row.spend is Spend.ASSUME) if known is None else (known, False)


def _submits(db: sqlite3.Connection, after: Columns, row: Row, now: int) -> None:
    """Keep the rows whose unique index makes a second submit, while an earlier one may be paid, impossible."""
    if row.event in {Event.SUBMIT, Event.RESTORED}:
        db.execute(
            "INSERT INTO submits (job, number, fence, offer, at) VALUES (?, ?, ?, ?, ?)",
            (after["id"], after["submits"], after["fence"], after["offer"], now),
        )
    elif row.event in ANSWERS - {Event.TICKET} or row.event is Event.UNPAID:
        db.execute("UPDATE submits SET void = 1 WHERE job = ? AND number = ?", (after["id"], after["submits"]))


def _books(db: sqlite3.Connection, before: Columns, after: Columns, row: Row, facts: Facts, now: int) -> None:
    if row.allowance is not None:
        reservation = books.reservation(db, "allowance", after["id"])
        charged = row.allowance is Allowance.CHARGE or (
            row.allowance is Allowance.CHARGE_OWN_DISCARD and _discarder(after, facts) == after["user"]
        )
        owed = min(_price(after), reservation.usd_micros) if charged else 0
        books.settle(db, reservation, "charge" if charged else "release", owed, now)
    if row.spend is Spend.RESERVE:
        day = local_day(now, ZoneInfo((facts.rules or HouseRules()).zone)).isoformat()
        reservation = books.reservation(db, "allowance", after["id"])
        books.write(db, now, reservation._replace(book="spend", accepted_at=now, day=day))
    elif row.spend is not None:
        _settle_spend(db, before, row, facts, now)


def _discarder(after: Columns, facts: Facts) -> str | None:
    return facts.by or after["discarded_by"]


def _settle_spend(db: sqlite3.Connection, before: Columns, row: Row, facts: Facts, now: int) -> None:
    job, known = before["id"], before["cost_usd_micros"]
    reservation = books.reservation(db, "spend", job)
    if row.spend is Spend.RELEASE:
        books.settle(db, reservation, "release", known or 0, now, booked=known)
        return
    billed, assumed = _bill(before, row, facts)
    books.settle(db, reservation, "bill", billed, now, booked=known, assumed=assumed)
    _alert_above(db, job, billed, reservation.usd_micros, now)
    if assumed:
        alert(db, f"spend_assumed:{job}", now, job, assumed=billed, ticket=before["ticket"])


def _alert_above(db: sqlite3.Connection, job: str, billed: int, reserved: int, now: int) -> None:
    if billed > reserved:
        alert(db, f"billed_above_reservation:{job}", now, job, billed=billed, reserved=reserved)


def correct(db: sqlite3.Connection, job: str, billed_usd_micros: int, now: int) -> None:
    """Book what a provider billed, outside of the move that settles it; the same bill again changes nothing.

    Raises:
        Unknown: there is no such job, or it was never sent to a provider.
    """
    before = read_job(db, job, now)
    if before.submits == 0:
        raise Unknown(job)
    if before.cost_usd_micros == billed_usd_micros and not before.cost_assumed:
        return
    reservation = books.reservation(db, "spend", job)
    booked = before.cost_usd_micros
    if booked is None:
        booked = 0 if books.is_settled(db, "spend", job) else reservation.usd_micros
    delta = billed_usd_micros - booked
    books.write(db, now, reservation._replace(entry="correct", videos=0, seconds=0, usd_micros=delta))
    db.execute("UPDATE jobs SET cost_usd_micros = ?, cost_assumed = 0 WHERE id = ?", (billed_usd_micros, job))
    write_event(db, job, now, "corrected", before.state, before.state)
    _alert_above(db, job, billed_usd_micros, reservation.usd_micros, now)


def _outcome(db: sqlite3.Connection, row: Row, after: Columns, now: int) -> None:
    """Write the one outcome: a second one is an IntegrityError, but a kept job's is rewritten and a discard's stands."""
    job = after["id"]
    if row.event is Event.DISCARDED and row.target is not State.CANCELLED:
        _insert_outcome(db, job, "discarded", now)
    elif row.target is State.DELIVERING and row.source is State.FETCHING:
        _insert_outcome(db, job, "video", now)
    elif row.source is State.KEPT and row.target in {State.FAILED, State.CANCELLED}:
        db.execute("UPDATE outcomes SET outcome = ?, at = ? WHERE job = ?", (row.target, now, job))
    elif row.target in {State.FAILED, State.CANCELLED} and not after["hidden"]:
        _insert_outcome(db, job, row.target, now)


def _insert_outcome(db: sqlite3.Connection, job: str, outcome: str, now: int) -> None:
    db.execute("INSERT INTO outcomes (job, outcome, at) VALUES (?, ?, ?)", (job, outcome, now))


def _stand_of(job: Columns) -> lanes.Stand:
    return lanes.Stand(job["offer"], job["user"], State(job["state"]), bool(job["gave_place_back"]))


def _within_other_budgets(db: sqlite3.Connection, job: Columns, rules: HouseRules, now: int) -> None:
    """Check, before an approval reserves, every budget but the one that was asked for, in the month that it counts in."""
    subjects = read_job(db, job["id"], now).subjects
    for budget in quota.look(db, subjects, rules, now).budgets(job["reserved_usd_micros"]):
        if not budget.is_the(job["budget"]):
            raise OverBudget(f"{budget.subject} {budget.limit}")
