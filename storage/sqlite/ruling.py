"""Limits, grants, scopes and choices as operators and admins set them."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from storage.contract import APPROVALS, HouseRules, Rule, ScopeRule
from storage.errors import Unknown
from storage.limits import Amount, Limit, Unit, parse_amount, parse_limits, write_limits
from storage.sqlite.quota import OPERATOR, takes_house_budget
from storage.sqlite.rows import dump
from storage.states import FINAL

_FINAL = ", ".join(f"'{state}'" for state in sorted(FINAL))


def set_limits(db: sqlite3.Connection, now: int, subject: str, limits: str, by: str) -> None:
    """Replace the subject's whole set."""
    db.execute(
        "INSERT INTO limits (subject, set_by, limits, at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET limits = excluded.limits, at = excluded.at",
        (subject, by, write_limits(parse_limits(limits)), now),
    )


def clear_limits(db: sqlite3.Connection, subject: str, by: str) -> bool:
    """Remove the subject's set."""
    return db.execute("DELETE FROM limits WHERE subject = ? AND set_by = ?", (subject, by)).rowcount == 1


def grant(db: sqlite3.Connection, now: int, subject: str, amount: str, rules: HouseRules, by: str) -> tuple[str, ...]:
    """Raise each limit of that unit in the subject's set once."""
    raised = parse_amount(amount)
    limits = tuple(limit for limit in _set_of(db, subject, rules, by) if limit.amount.unit is raised.unit)
    if not limits:
        raise Unknown(subject)
    db.execute(
        "INSERT INTO grants (subject, set_by, unit, number, at) VALUES (?, ?, ?, ?, ?)",
        (subject, by, raised.unit, raised.number, now),
    )
    return tuple(map(str, limits))


def _set_of(db: sqlite3.Connection, subject: str, rules: HouseRules, by: str) -> tuple[Limit, ...]:
    """Return what the same hand set: the subject's own rows, or what may apply to a person without any; an operator's include the settings'."""
    row = db.execute("SELECT limits FROM limits WHERE subject = ? AND set_by = ?", (subject, by)).fetchone()
    own = None if row is None else parse_limits(row["limits"])
    if own is None and subject.startswith("user:"):
        roles = db.execute("SELECT limits FROM limits WHERE subject LIKE 'role:%' AND set_by = ?", (by,))
        default = parse_limits(rules.user_limits) if by == OPERATOR else ()
        return tuple(limit for role in roles for limit in parse_limits(role["limits"])) + default
    budget = rules.scope_budget_usd_micros
    if subject.startswith("scope:") and by == OPERATOR and budget is not None and takes_house_budget(own):
        return (own or ()) + parse_limits(f"{Amount(Unit.USD, budget)}/month")
    return own or ()


def limits(db: sqlite3.Connection, subject: str | None) -> list[Rule]:
    """Return the rows of one subject, or of all, with their grants."""
    rows = db.execute(
        "SELECT subject, set_by, limits FROM limits WHERE ? IS NULL OR subject = ? ORDER BY subject, set_by",
        (subject, subject),
    )
    granted: dict[tuple[str, str], list[str]] = {}
    for g in db.execute("SELECT * FROM grants WHERE ? IS NULL OR subject = ? ORDER BY id", (subject, subject)):
        granted.setdefault((g["subject"], g["set_by"]), []).append(str(Amount(Unit(g["unit"]), g["number"])))
    rules = [
        Rule(
            subject=r["subject"],
            limits=r["limits"],
            set_by=r["set_by"],
            grants=tuple(granted.pop((r["subject"], r["set_by"]), ())),
        )
        for r in rows
    ]
    return rules + [Rule(subject=of, limits="", set_by=by, grants=tuple(each)) for (of, by), each in granted.items()]


def set_scope(db: sqlite3.Connection, scope: str, *, allowed: bool, approvals: bool | None) -> list[str]:
    """Allow or deny a scope; the jobs of a denied one that are not over."""
    db.execute(
        """INSERT INTO scopes (scope, allowed, approvals) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET allowed = excluded.allowed, approvals = coalesce(?, approvals)""",
        (scope, allowed, bool(approvals), approvals),
    )
    if allowed:
        return []
    rows = db.execute(f"SELECT id FROM jobs WHERE scope = ? AND state NOT IN ({_FINAL}) ORDER BY id", (scope,))  # noqa: S608
    return [row["id"] for row in rows]


def takes_approvals(db: sqlite3.Connection, scope: str) -> bool:
    """Tell whether a request over its budget may be put to an admin: as the scope's own admins chose, else as an operator did."""
    row = db.execute("SELECT allowed, approvals FROM scopes WHERE scope = ?", (scope,)).fetchone()
    own = choices(db, scope).get(APPROVALS)
    return bool(row and row["approvals"] if own is None else own) and not (row and not row["allowed"])


def scopes(db: sqlite3.Connection) -> list[ScopeRule]:
    """Return every scope that somebody decided on."""
    rows = db.execute("SELECT * FROM scopes ORDER BY scope")
    return [ScopeRule(scope=r["scope"], allowed=bool(r["allowed"]), approvals=bool(r["approvals"])) for r in rows]


def choices(db: sqlite3.Connection, scope: str) -> dict[str, Any]:
    """Return what a scope's admins chose."""
    rows = db.execute("SELECT name, value FROM choices WHERE scope = ?", (scope,))
    return {row["name"]: json.loads(row["value"]) for row in rows}


def choose(db: sqlite3.Connection, now: int, scope: str, name: str, value: Any, by: str) -> Any:
    """Put a choice in place of what it was, which is returned; None removes it."""
    row = db.execute("SELECT value FROM choices WHERE scope = ? AND name = ?", (scope, name)).fetchone()
    if value is None:
        db.execute("DELETE FROM choices WHERE scope = ? AND name = ?", (scope, name))
    else:
        db.execute(
            "INSERT OR REPLACE INTO choices (scope, name, value, set_by, at) VALUES (?, ?, ?, ?, ?)",
            (scope, name, dump(value), by, now),
        )
    return None if row is None else json.loads(row["value"])
