"""The SQLite store: the port's calls, each a plain function on the writer's or the reader's thread."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from storage.contract import (
    Acceptance,
    Accepted,
    Alert,
    Draft,
    HouseRules,
    Job,
    Left,
    Move,
    Overview,
    Owed,
    Ran,
    Refusal,
    Rule,
    ScopeRule,
    Subjects,
    Terms,
    Trail,
    Usage,
)
from storage.sqlite import (
    accepting,
    drafts,
    forgetting,
    notices,
    opening,
    quota,
    recording,
    ruling,
    turns,
    upkeep,
    viewing,
)
from storage.sqlite.rows import alert, read_job
from storage.sqlite.writer import Writer
from storage.states import Notice

T = TypeVar("T")


def wall_clock_ms() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class SqliteStore:
    """Records, queries, rules and upkeep on one SQLite file; opened, it is up to date and readable by its owner only.

    Raises:
        Unavailable: the file cannot be opened or written.
    """

    def __init__(self, path: Path, clock: Callable[[], int] = wall_clock_ms) -> None:
        self._path, self._clock = path.absolute(), clock
        opening.prepare(self._path)
        self._write = Writer(self._path)
        self._read = Writer(self._path, reads_only=True)

    async def close(self) -> None:
        """Finish what waits and give the file back."""
        await asyncio.to_thread(self._write.close)
        await asyncio.to_thread(self._read.close)

    # -- records

    async def accept(self, acceptance: Acceptance) -> Accepted | Refusal:
        return await self._write(lambda db: accepting.accept(db, acceptance, self._clock()))

    async def hold(self, draft: str) -> Job | Refusal:
        return await self._write(lambda db: accepting.hold(db, draft, self._clock()))

    async def keep_draft(self, draft: Draft) -> None:
        await self._write(lambda db: drafts.keep(db, draft, self._clock()))

    async def claim(self, job: str, *, lease_ms: int, holder: str) -> Job | None:
        return await self._write(lambda db: turns.claim(db, job, self._clock(), lease_ms=lease_ms, holder=holder))

    async def admit(self, terms: Terms, *, lease_ms: int, holder: str, only: str | None = None) -> Job | None:
        return await self._write(
            lambda db: turns.admit(db, terms, self._clock(), lease_ms=lease_ms, holder=holder, only=only)
        )

    async def record(self, move: Move) -> Job:
        return await self._write(lambda db: recording.record(db, move, self._clock()))

    async def correct(self, job: str, billed_usd_micros: int) -> None:
        await self._write(lambda db: recording.correct(db, job, billed_usd_micros, self._clock()))

    async def renew(self, job: str, *, fence: int, lease_ms: int) -> bool:
        return await self._write(lambda db: turns.renew(db, job, self._clock(), fence=fence, lease_ms=lease_ms))

    async def nudge(self, job: str) -> None:
        await self._write(lambda db: turns.nudge(db, job, self._clock()))

    async def overdue(
        self, *, offers: Sequence[str], platforms: Sequence[str], most: int, closed: Sequence[str] = ()
    ) -> list[str]:
        return await self._reading(
            lambda db, now: turns.overdue(db, now, offers=offers, platforms=platforms, most=most, closed=closed),
        )

    async def owed(self, *, platforms: Sequence[str], most: int) -> list[Owed]:
        if not await self._reading(notices.is_any_due):
            return []
        return await self._write(lambda db: notices.owed(db, self._clock(), platforms=platforms, most=most))

    async def said(self, job: str, notice: Notice, reference: str, *, version: int | None = None) -> None:
        await self._write(lambda db: notices.said(db, job, notice, reference, version, self._clock()))

    async def deleted(self, job: str, *, by: str) -> None:
        await self._write(lambda db: notices.deleted(db, job, by, self._clock()))

    async def next_due_in_ms(self) -> int | None:
        return await self._reading(turns.next_due_in_ms)

    # -- queries

    async def job(self, job: str) -> Job:
        return await self._reading(lambda db, now: read_job(db, job, now))

    async def draft(self, draft: str) -> Draft:
        return await self._reading(lambda db, now: drafts.read(db, draft, now))

    async def jobs(
        self, *, state: str | None = None, user: str | None = None, most: int = 100, skip: int = 0
    ) -> list[Job]:
        return await self._reading(lambda db, now: viewing.jobs(db, now, state=state, user=user, most=most, skip=skip))

    async def left(self, subjects: Subjects, rules: HouseRules) -> list[Left]:
        return await self._reading(lambda db, now: quota.look(db, subjects, rules, now).left())

    async def references(self, job: str) -> dict[str, str]:
        return await self._reading(lambda db, _: viewing.references(db, job))

    async def trail(self, job: str) -> list[Trail]:
        return await self._reading(lambda db, now: viewing.trail(db, job, now))

    async def usage(self, *, book: str, by: str, since_ms: int, scope: str | None = None) -> list[Usage]:
        return await self._reading(
            lambda db, now: viewing.usage(db, now, book=book, by=by, since_ms=since_ms, scope=scope)
        )

    async def ahead(self, job: str) -> int:
        return await self._reading(lambda db, _: viewing.ahead(db, job))

    async def alerts(self) -> list[Alert]:
        return await self._reading(lambda db, _: viewing.alerts(db))

    async def overview(self, *, zone: str) -> Overview:
        return await self._reading(lambda db, now: viewing.overview(db, now, zone=zone))

    async def ran_s(self) -> dict[str, list[Ran]]:
        return await self._reading(lambda db, _: viewing.ran_s(db))

    # -- rules

    async def set_limits(self, subject: str, limits: str, *, by: str = "operator") -> None:
        await self._write(lambda db: ruling.set_limits(db, self._clock(), subject, limits, by))

    async def clear_limits(self, subject: str, *, by: str = "operator") -> bool:
        return await self._write(lambda db: ruling.clear_limits(db, subject, by))

    async def grant(self, subject: str, amount: str, *, rules: HouseRules, by: str = "operator") -> tuple[str, ...]:
        return await self._write(lambda db: ruling.grant(db, self._clock(), subject, amount, rules, by))

    async def limits(self, subject: str | None = None) -> list[Rule]:
        return await self._reading(lambda db, _: ruling.limits(db, subject))

    async def set_scope(self, scope: str, *, allowed: bool, approvals: bool | None) -> list[str]:
        return await self._write(lambda db: ruling.set_scope(db, scope, allowed=allowed, approvals=approvals))

    async def scopes(self) -> list[ScopeRule]:
        return await self._reading(lambda db, _: ruling.scopes(db))

    async def choices(self, scope: str) -> dict[str, Any]:
        return await self._reading(lambda db, _: ruling.choices(db, scope))

    async def choose(self, scope: str, name: str, value: Any, *, by: str) -> Any:
        return await self._write(lambda db: ruling.choose(db, self._clock(), scope, name, value, by))

    # -- upkeep

    async def backup(self, target: Path) -> None:
        await asyncio.to_thread(upkeep.backup, self._path, target)

    async def forget(self, user: str, *, secret: bytes) -> int:
        running = await self._write(lambda db: forgetting.forget(db, user, secret))
        await self._read(upkeep.wipe)
        return running

    async def own_blobs(self, user: str) -> list[str]:
        return await self._write(lambda db: forgetting.own_blobs(db, user))

    async def unneeded_blobs(self, *, keep_ms: int) -> list[str]:
        unneeded = await self._write(lambda db: upkeep.unneeded_blobs(db, self._clock(), keep_ms=keep_ms))
        await self._read(upkeep.wipe)
        return unneeded

    async def strays(self, blobs: Sequence[str]) -> list[str]:
        return await self._reading(lambda db, _: upkeep.strays(db, blobs))

    async def warn(self, cause: str, *, job: str | None = None, **facts: Any) -> None:
        await self._write(lambda db: alert(db, cause, self._clock(), job, **facts))

    async def unwarn(self, cause: str) -> None:
        await self._write(lambda db: db.execute("DELETE FROM alerts WHERE cause = ?", (cause,)))

    async def check(self) -> str | None:
        return await self._reading(lambda db, _: upkeep.check(db))

    async def restored(self) -> list[Job]:
        return await self._reading(upkeep.restored)

    async def settled_restoring(self) -> None:
        await self._write(upkeep.settled_restoring)

    async def _reading(self, work: Callable[[sqlite3.Connection, int], T]) -> T:
        return await self._read(lambda db: work(db, self._clock()))
