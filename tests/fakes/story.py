"""A driver that brings jobs to any state through real moves, on a clock that moves only when told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from storage.contract import (
    Acceptance,
    Accepted,
    Facts,
    HouseRules,
    Input,
    Job,
    Move,
    Place,
    Priced,
    Refusal,
    Store,
    Subjects,
    Terms,
)
from storage.states import Event, State
from tests.fakes.backends import Backend, Inside

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
NOON_MS = 1_788_264_000_000
"""2026-09-01 12:00 UTC, a Tuesday."""

FAL, NOVITA = "wan2.5@fal", "wan2.1@novita"
PRICE, DEAREST, BILL = 500_000, 700_000, 450_000
ROUTE = (Priced(FAL, PRICE), Priced(NOVITA, DEAREST))
DEADLINE_MS, RETENTION_MS, KEEP_MS = 30 * MINUTE_MS, 20 * HOUR_MS, 7 * DAY_MS
LEASE_MS = 15_000
ANA, BEN = "user:discord/1", "user:discord/2"
SCOPE, OTHER_SCOPE = "scope:discord/10", "scope:discord/11"
CHANNEL = "channel:discord/20"
PICTURE = Input(role="image", blob="a1" * 32, mime="image/png", size_bytes=1000)
FREE = HouseRules(user_limits="none", user_max_open=1000)
"""Rules that never say no."""

_HAND = {
    Event.APPROVED,
    Event.DECLINED,
    Event.CANCEL,
    Event.KEEP,
    Event.DISCARDED,
    Event.COLLECTED,
    Event.LOST,
    Event.UNPAID,
    Event.RESTORED,
}
_PATHS: dict[State, tuple[Event, ...]] = {
    State.PREPARING: (),
    State.QUEUED: (Event.PREPARED,),
    State.SUBMITTING: (Event.PREPARED, Event.SUBMIT),
    State.UNSURE: (Event.PREPARED, Event.SUBMIT, Event.NO_ANSWER),
    State.GENERATING: (Event.PREPARED, Event.SUBMIT, Event.TICKET),
    State.LATE: (Event.PREPARED, Event.SUBMIT, Event.TICKET, Event.DEADLINE),
    State.FETCHING: (Event.PREPARED, Event.SUBMIT, Event.TICKET, Event.FINISHED),
    State.DELIVERING: (Event.PREPARED, Event.SUBMIT, Event.TICKET, Event.FINISHED, Event.FETCHED),
    State.KEPT: (Event.PREPARED, Event.SUBMIT, Event.TICKET, Event.FINISHED, Event.FETCHED, Event.UNPLACED),
    State.DELIVERED: (Event.PREPARED, Event.SUBMIT, Event.TICKET, Event.FINISHED, Event.FETCHED, Event.POSTED),
    State.FAILED: (Event.UNFIT,),
    State.CANCELLED: (Event.CANCEL,),
}


@dataclass(slots=True)
class Clock:
    """The store's clock."""

    now_ms: int = NOON_MS

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, ms: int) -> None:
        """Let time pass."""
        self.now_ms += ms


def request(command: str, user: str = ANA, **changes: Any) -> Acceptance:
    """Return a request as intake hands it in; `scope`, `channel` and `roles` are the subjects'."""
    subjects = Subjects(
        user=user,
        scope=changes.pop("scope", SCOPE),
        channel=changes.pop("channel", CHANNEL),
        roles=changes.pop("roles", ()),
    )
    plain = Acceptance(
        command_id=command,
        subjects=subjects,
        place=Place(platform="discord", server="10", channel="20", thread="30"),
        request={"prompt": "a cat walks", "options": {}},
        seconds=5,
        route=ROUTE,
        inputs=(PICTURE,),
        rules=FREE,
    )
    return replace(plain, **changes)


def facts_for(event: Event) -> Facts:
    """Return what a move of this event usually learns."""
    match event:
        case Event.PREPARED:
            return Facts(prepared=(PICTURE,))
        case Event.TICKET:
            return Facts(ticket="T1", deadline_ms=DEADLINE_MS)
        case Event.REROUTED | Event.VOID_REROUTED:
            return Facts(offer=NOVITA)
        case Event.EXHAUSTED | Event.VOID_FAILED | Event.REFUSED:
            return Facts(kind="moderated", billed_usd_micros=BILL if event is Event.REFUSED else None)
        case Event.FINISHED | Event.STOPPED:
            return Facts(billed_usd_micros=BILL)
        case Event.FETCHED:
            return Facts(result="b2" * 32, result_bytes=9000, keep_ms=KEEP_MS)
        case Event.DISCARDED:
            return Facts(by=ANA)
        case Event.APPROVED:
            return Facts(rules=FREE)
        case Event.RESTORED:
            return Facts(deadline_ms=DEADLINE_MS, retention_ms=RETENTION_MS)
        case _:
            return Facts()


@dataclass(slots=True)
class Story:
    """One store under test, with its clock and a look inside."""

    store: Store
    clock: Clock
    backend: Backend
    folder: Path
    commands: count[int]

    def inside(self, job: Job) -> Inside:
        """Look at what the port does not tell of a job."""
        return self.backend.inside(self.folder, job.id)

    def in_flight(self) -> dict[str, int]:
        """The places taken, by offer."""
        return self.backend.in_flight(self.folder)

    async def ask(self, user: str = ANA, **changes: Any) -> Accepted | Refusal:
        """Hand in one more request."""
        return await self.store.accept(request(f"command-{next(self.commands)}", user, **changes))

    async def accept(self, user: str = ANA, **changes: Any) -> Job:
        """Hand in one more request, which must be accepted."""
        answer = await self.ask(user, **changes)
        assert isinstance(answer, Accepted), answer
        return answer.job

    async def refuse(self, user: str = ANA, **changes: Any) -> Refusal:
        """Hand in one more request, which must be refused."""
        answer = await self.ask(user, **changes)
        assert isinstance(answer, Refusal), answer
        return answer

    async def hold(self, user: str = ANA, **changes: Any) -> Job:
        """Put one more request, which only the scope's budget refuses, to an admin."""
        await self.store.set_scope(SCOPE, allowed=True, approvals=True)
        changes.setdefault("rules", replace(FREE, scope_budget_usd_micros=PRICE - 1))
        refusal = await self.refuse(user, **changes)
        held = await self.store.hold(refusal.draft)
        assert isinstance(held, Job), held
        return held

    async def claim(self, job: Job, holder: str = "worker") -> Job:
        """Lease a job, which must be free."""
        claimed = await self.store.claim(job.id, lease_ms=LEASE_MS, holder=holder)
        assert claimed is not None
        return claimed

    async def admit(self, job: Job | None = None, *, bound: int = 1000, offer: str = FAL) -> Job | None:
        """Let in the fairest job of an offer, or this one."""
        terms = Terms(offer=offer, bound=bound, deadline_ms=DEADLINE_MS, retention_ms=RETENTION_MS)
        return await self.store.admit(terms, lease_ms=LEASE_MS, holder="worker", only=None if job is None else job.id)

    async def by_hand(self, job: Job, event: Event, **facts: Any) -> Job:
        """Make a person's move."""
        given = replace(facts_for(event), **facts)
        return await self.store.record(Move(job=job.id, expected=job.state, event=event, facts=given))

    async def work(self, job: Job, event: Event, *, due_in_ms: int | None = 0, **facts: Any) -> Job:
        """Claim a job and make a worker's move, which gives the lease up."""
        return await self.answer(await self.claim(job), event, due_in_ms=due_in_ms, **facts)

    async def answer(self, job: Job, event: Event, *, due_in_ms: int | None = 0, **facts: Any) -> Job:
        """Make a worker's move under the fence that it has."""
        given = replace(facts_for(event), **facts)
        return await self.store.record(
            Move(job=job.id, expected=job.state, event=event, facts=given, fence=job.fence, due_in_ms=due_in_ms)
        )

    async def make(self, job: Job, event: Event, **facts: Any) -> Job:
        """Make a move as whoever makes it."""
        if event in _HAND:
            return await self.by_hand(job, event, **facts)
        if event is Event.SUBMIT:
            admitted = await self.admit(job, offer=job.offer)
            assert admitted is not None
            return admitted
        return await self.work(job, event, **facts)

    async def at(self, state: State, when: str = "any", **changes: Any) -> Job:
        """Bring a new job to a state; `when` is wished, hidden (by its requester) or overdue."""
        if state is State.HELD:
            return await self.hold(**changes)
        job = await self.accept(**changes)
        for event in _PATHS[state]:
            job = await self.make(job, event)
        if when == "wished":
            job = await self.by_hand(job, Event.CANCEL)
        if when == "hidden":
            job = await self.by_hand(job, Event.DISCARDED, by=job.subjects.user)
        if when == "overdue":
            self.clock.forward(DEADLINE_MS)
        return job

    async def used(self, book: str = "allowance", by: str = "user") -> dict[str, tuple[int, int, int]]:
        """Return a book by key: videos, settled dollars and reserved dollars."""
        lines = await self.store.usage(book=book, by=by, since_ms=1000 * DAY_MS)
        return {line.key: (line.videos, line.usd_micros, line.reserved_usd_micros) for line in lines}
