"""Whether every limit and budget holds for one more video, and if not, which one to wait for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from storage.contract import HouseRules, Left, Subjects
from storage.limits import Amount, Limit, Unit, Window, parse_limits
from storage.sqlite.books import INSTALLATION, used, within
from storage.windows import HOUR_MS, first_day, local_day, next_start_ms

OPERATOR = "operator"
SETTINGS = "settings"
_NEVER = 1 << 62
_MONTH = Window("month")


class Ask(NamedTuple):
    """What one more video takes."""

    seconds: int
    usd_micros: int | None

    def number(self, unit: Unit) -> int | None:
        match unit:
            case Unit.VIDEOS:
                return 1
            case Unit.SECONDS:
                return self.seconds
            case Unit.USD:
                return self.usd_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A limit that does not hold; `frees_at_ms` is None where waiting does not help."""

    reason: str
    limit: Limit
    subject: str
    set_by: str
    used: int
    asked: int
    frees_at_ms: int | None

    @property
    def order(self) -> int:
        return _NEVER if self.frees_at_ms is None else self.frees_at_ms

    @property
    def name(self) -> str:
        """How a held job remembers the budget that it was asked for."""
        return f"{self.subject} {self.limit} {self.set_by}"

    def is_the(self, budget: str | None) -> bool:
        """Whether this is the budget of that name, whatever its amount was then."""
        return budget is not None and _without_amount(budget) == _without_amount(self.name)


def _without_amount(budget: str) -> tuple[str, str, str]:
    subject, limit, set_by = budget.split(" ")
    return subject, limit.partition("/")[2], set_by


class _Set(NamedTuple):
    """Limits of one subject that all hold together, and what they count."""

    subject: str
    set_by: str
    limits: tuple[Limit, ...]
    counted: str
    granted_to: str = ""
    book: str = "allowance"
    scope: str | None = None


class _Grant(NamedTuple):
    """What somebody gave a subject once, on top of its limits of that unit."""

    subject: str
    set_by: str
    unit: str
    number: int
    at: int


class _Standing(NamedTuple):
    """One limit of a set, how much of it is used, and how much may be, with what was granted on top."""

    set: _Set
    limit: Limit
    used: int
    allowed: int

    @property
    def share_left(self) -> float:
        return max(0, self.allowed - self.used) / self.allowed if self.allowed else 0


@dataclass(frozen=True)
class Evaluation:
    """One look at the books, each limit read once however many offers are asked about: the instant, the zone, the rows and grants of these subjects."""

    db: sqlite3.Connection
    now: int
    zone: ZoneInfo
    subjects: Subjects
    rules: HouseRules
    rows: dict[tuple[str, str], tuple[Limit, ...]]
    grants: list[_Grant]

    @cached_property
    def today(self) -> date:
        return local_day(self.now, self.zone)

    @cached_property
    def _standings(self) -> list[list[list[_Standing]]]:
        return [[self._standing(each) for each in alternatives] for alternatives in self._groups() if alternatives]

    def violations(self, ask: Ask) -> list[Violation]:
        """Return, for each group of limits that must hold and does not, the limit to wait for."""
        found = []
        for alternatives in self._standings:
            violated = [self._violated(standings, ask) for standings in alternatives]
            if all(violated):
                found.append(min((max(each, key=lambda v: v.order) for each in violated), key=lambda v: v.order))
        return found

    def budgets(self, usd_micros: int) -> list[Violation]:
        """Return the budgets that would not hold for that much more spend."""
        ask = Ask(seconds=0, usd_micros=usd_micros)
        sets = [each for set_by in (OPERATOR, self.subjects.scope) for each in self._budgets(set_by)]
        return [violation for each in sets for violation in self._violated(self._standing(each), ask)]

    def left(self) -> list[Left]:
        """Return each limit that must hold, the one with the least left first; of alternatives the set with the most room."""
        standings = [standing for alternatives in self._standings for standing in max(alternatives, key=self._room)]
        return [self._left(standing) for standing in sorted(standings, key=lambda standing: standing.share_left)]

    def _room(self, standings: list[_Standing]) -> tuple[float, int]:
        """Say how much room a set has: what its tightest limit leaves, and where that is nothing, how early it frees."""
        full = [standing for standing in standings if not standing.share_left]
        least = min((standing.share_left for standing in standings), default=float("inf"))
        return least, -max((self._comes_back_ms(standing) or _NEVER for standing in full), default=0)

    def _left(self, standing: _Standing) -> Left:
        return Left(
            limit=str(standing.limit),
            subject=standing.set.subject,
            set_by=standing.set.set_by,
            used=standing.used,
            most=standing.allowed,
            frees_at_ms=self._comes_back_ms(standing),
        )

    def _comes_back_ms(self, standing: _Standing) -> int | None:
        """Return when some of what is used comes back; None where nothing is."""
        window = standing.limit.window
        if standing.used <= 0:
            return None
        if window.rolling_h is None:
            return next_start_ms(window, self.now, self.zone)
        recent = self._recent(standing.set, standing.limit)
        return next(at for at, number in recent if number > 0) + window.rolling_h * HOUR_MS

    def _groups(self) -> Iterator[list[_Set]]:
        """Yield sets of alternatives: of each yielded list it is enough that one set holds."""
        scope = self.subjects.scope
        admins_have_rows = any(set_by == scope for _, set_by in self.rows)
        yield self._personal(OPERATOR, None) or [self._default()]
        if admins_have_rows:
            yield self._personal(scope, scope)
        for set_by in (OPERATOR, scope) if admins_have_rows else (OPERATOR,):
            if self.subjects.channel is not None:
                yield self._ceiling(self.subjects.channel, set_by)
            yield self._ceiling(scope, set_by)
            for budget in self._budgets(set_by):
                yield [budget]

    def _personal(self, set_by: str, scope: str | None) -> list[_Set]:
        user = self.subjects.user
        counted = user if scope is None else within(user, scope)
        owners = (
            [user]
            if (user, set_by) in self.rows
            else [role for role in self.subjects.roles if (role, set_by) in self.rows]
        )
        return [
            _Set(
                subject=owner,
                set_by=set_by,
                limits=self.rows[owner, set_by],
                counted=counted,
                granted_to=user,
                scope=scope,
            )
            for owner in owners
        ]

    def _default(self) -> _Set:
        user = self.subjects.user
        return _Set(subject=user, set_by=SETTINGS, limits=parse_limits(self.rules.user_limits), counted=user)

    def _ceiling(self, subject: str, set_by: str) -> list[_Set]:
        limits = self.rows.get((subject, set_by), ())
        if subject == self.subjects.scope:
            limits = tuple(limit for limit in limits if limit.amount.unit is not Unit.USD)
        return [_Set(subject=subject, set_by=set_by, limits=limits, counted=subject)] if limits else []

    def _budgets(self, set_by: str) -> Iterator[_Set]:
        scope = self.subjects.scope
        rows = self.rows.get((scope, set_by))
        own = dollars(rows or ())
        if own:
            yield _Set(subject=scope, set_by=set_by, limits=own, counted=scope, book="spend")
        if set_by != OPERATOR:
            return
        for subject, budget in (
            (scope, self.rules.scope_budget_usd_micros),
            (INSTALLATION, self.rules.budget_usd_micros),
        ):
            if budget is not None and (subject != scope or takes_house_budget(rows)):
                limit = Limit(Amount(Unit.USD, budget), _MONTH)
                yield _Set(subject=subject, set_by=SETTINGS, limits=(limit,), counted=subject, book="spend")

    def _standing(self, limits: _Set) -> list[_Standing]:
        return [
            _Standing(limits, limit, self._used(limits, limit), limit.amount.number + self._granted(limits, limit))
            for limit in limits.limits
        ]

    def _violated(self, standings: list[_Standing], ask: Ask) -> list[Violation]:
        return [found for standing in standings if (found := self._violation(standing, ask)) is not None]

    def _violation(self, standing: _Standing, ask: Ask) -> Violation | None:
        limits, limit = standing.set, standing.limit
        asked = ask.number(limit.amount.unit)
        if asked is not None and standing.used + asked <= standing.allowed:
            return None
        budget = "budget" if limits.book == "spend" else "limit"
        return Violation(
            reason="unpriced" if asked is None else budget,
            limit=limit,
            subject=limits.subject,
            set_by=limits.set_by,
            used=standing.used,
            asked=asked or 0,
            frees_at_ms=None
            if asked is None or asked > limit.amount.number
            else self._frees_at_ms(limits, limit, standing.used + asked),
        )

    def _used(self, limits: _Set, limit: Limit) -> int:
        if limit.window.rolling_h is None:
            since = first_day(limit.window, self.today).isoformat()
            return used(self.db, limits.book, limits.counted, limit.amount.unit, since)
        return sum(number for _, number in self._recent(limits, limit))

    def _recent(self, limits: _Set, limit: Limit) -> list[tuple[int, int]]:
        """Return (when accepted, how much) of each job in a rolling window, oldest first."""
        kind = limits.counted.partition(":")[0]
        column = kind if kind in {"user", "channel", "scope"} else "'all'"
        subject = self.subjects.user if limits.scope else limits.counted
        return self.db.execute(
            f"""SELECT accepted_at, sum({limit.amount.unit}) FROM books
            WHERE book = ? AND {column} = ? AND (? IS NULL OR scope = ?) AND accepted_at > ?
            GROUP BY job ORDER BY accepted_at""",  # noqa: S608 - a column's and a Unit's own names
            (limits.book, subject, limits.scope, limits.scope, self.now - (limit.window.rolling_h or 0) * HOUR_MS),
        ).fetchall()

    def _granted(self, limits: _Set, limit: Limit) -> int:
        """Return what was granted in the limit's current window."""
        grants = self._grants(limits, limit)
        if not grants:
            return 0
        since = self._window_start_ms(limit.window)
        return sum(grant.number for grant in grants if grant.at > since)

    def _grants(self, limits: _Set, limit: Limit) -> list[_Grant]:
        """Return each grant to the subject, or to the person it applies to."""
        set_by = OPERATOR if limits.set_by == SETTINGS else limits.set_by
        return [
            grant
            for grant in self.grants
            if grant.subject in {limits.subject, limits.granted_to}
            and (grant.set_by, grant.unit) == (set_by, limit.amount.unit)
        ]

    def _window_start_ms(self, window: Window) -> int:
        if window.rolling_h is not None:
            return self.now - window.rolling_h * HOUR_MS
        day = first_day(window, self.today)
        return next_start_ms(Window("day"), _noon_before_ms(day, self.zone), self.zone) - 1

    def _frees_at_ms(self, limits: _Set, limit: Limit, wanted: int) -> int:
        """Return when that much fits; in a rolling window what was used leaves it, and what was granted does too."""
        if limit.window.rolling_h is None:
            return next_start_ms(limit.window, self.now, self.zone)
        length, grants = limit.window.rolling_h * HOUR_MS, self._grants(limits, limit)
        for accepted_at, number in self._recent(limits, limit):
            wanted -= number
            if wanted <= limit.amount.number + sum(grant.number for grant in grants if grant.at > accepted_at):
                return accepted_at + length
        raise AssertionError("a rolling window that is over its limit frees when it empties")


def dollars(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    """Return the limits of a set that count dollars."""
    return tuple(limit for limit in limits if limit.amount.unit is Unit.USD)


def takes_house_budget(rows: tuple[Limit, ...] | None) -> bool:
    """Whether the settings' budget holds for a scope with these rows: not where they have dollars of their own, or `none`."""
    return rows is None or (rows != () and not dollars(rows))


def _noon_before_ms(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day - timedelta(days=1), time(12), zone).timestamp() * 1000)


def look(db: sqlite3.Connection, subjects: Subjects, rules: HouseRules, now: int) -> Evaluation:
    """Read the limits that concern these subjects."""
    names = [subjects.user, subjects.scope, *subjects.roles, *([subjects.channel] if subjects.channel else [])]
    among = f"subject IN ({', '.join('?' * len(names))})"
    rows = db.execute(f"SELECT subject, set_by, limits FROM limits WHERE {among}", names)  # noqa: S608 - placeholders
    limits = {(subject, set_by): parse_limits(text) for subject, set_by, text in rows}
    granted = db.execute(f"SELECT subject, set_by, unit, number, at FROM grants WHERE {among}", names)  # noqa: S608 - placeholders
    grants = [_Grant(*grant) for grant in granted]
    return Evaluation(db, now, ZoneInfo(rules.zone), subjects, rules, limits, grants)


def tightest(violations: Iterable[Violation]) -> Violation:
    """Return the one to wait for: the last to free."""
    return max(violations, key=lambda violation: violation.order)
