"""The store against a plain model of it, written from the design and not from the code: anything, in any order."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from storage.contract import Accepted, HouseRules, Job, Refusal
from storage.errors import Stale, Unknown
from storage.states import Event
from tests.fakes.backends import BACKENDS
from tests.fakes.story import (
    ANA,
    BEN,
    DAY_MS,
    DEADLINE_MS,
    DEAREST,
    FAL,
    HOUR_MS,
    LEASE_MS,
    NOVITA,
    PRICE,
    SCOPE,
    Clock,
    Story,
)

T = TypeVar("T")
PRICES = {FAL: PRICE, NOVITA: DEAREST}
A_DAY, OPEN, BOUND, BUDGET = 6, 4, 3, 3_500_000
RULES = HouseRules(user_limits=f"{A_DAY}/day", user_max_open=OPEN, scope_budget_usd_micros=BUDGET)
START_MS = int(datetime(2026, 9, 29, 20, tzinfo=UTC).timestamp() * 1000)
USERS = (ANA, BEN, "user:discord/3")
BILLS = (None, 0, 450_000, 900_000)
LUCK = st.integers(0, 2**32 - 1)
"""One draw decides a whole step: choices drawn one by one come out too alike to reach the rarer moves."""
ANSWERS = (Event.TICKET, Event.TICKET, Event.VOID_WAIT, Event.VOID_REROUTED, Event.VOID_FAILED, Event.NO_ANSWER)
_TO_FETCHING = (Event.PREPARED, Event.SUBMIT, Event.TICKET, Event.FINISHED)
PATHS: dict[str, tuple[Event, ...]] = {
    "preparing": (),
    "queued": _TO_FETCHING[:1],
    "submitting": _TO_FETCHING[:2],
    "unsure": (*_TO_FETCHING[:2], Event.NO_ANSWER),
    "generating": _TO_FETCHING[:3],
    "late": (*_TO_FETCHING[:3], Event.DEADLINE),
    "fetching": _TO_FETCHING,
    "delivering": (*_TO_FETCHING, Event.FETCHED),
    "kept": (*_TO_FETCHING, Event.FETCHED, Event.UNPLACED),
    "delivered": (*_TO_FETCHING, Event.FETCHED, Event.POSTED),
}
OVER = {"delivered", "failed", "cancelled"}
COUNTED_OPEN = {"preparing", "queued", "submitting", "generating", "fetching", "delivering"}


MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a file costs no sync: thousands of moves are made here, and none of these tests pulls the plug."""
WORK: dict[str, tuple[Event, ...]] = {
    "held": (Event.EXPIRED,),
    "preparing": (Event.PREPARED, Event.PREPARED, Event.PREPARED, Event.UNFIT, Event.INTERNAL, Event.BUSY),
    "queued": (Event.SUBMIT, Event.SUBMIT, Event.SUBMIT, Event.REROUTED, Event.EXHAUSTED, Event.BUSY),
    "submitting": (Event.NO_ANSWER,),
    "unsure": (Event.TICKET, Event.VOID_WAIT, Event.VOID_REROUTED, Event.VOID_FAILED, Event.RUNNING, Event.DEADLINE),
    "generating": (
        Event.FINISHED, Event.FINISHED, Event.RUNNING, Event.DEADLINE, Event.REFUSED, Event.STOPPED,
        Event.TICKET_UNKNOWN, Event.RETENTION_OVER,
    ),
    "late": (Event.FINISHED, Event.FINISHED, Event.RUNNING, Event.REFUSED, Event.STOPPED, Event.TICKET_UNKNOWN, Event.RETENTION_OVER),
    "fetching": (Event.FETCHED, Event.FETCHED, Event.RUNNING, Event.NO_OUTPUT),
    "delivering": (Event.POSTED, Event.UNPLACED, Event.RUNNING),
    "kept": (Event.UNCOLLECTED,),
}  # fmt: skip
"""What a worker may find in each state; what is likelier stands more often."""
DECISIONS: dict[str, tuple[Event, ...]] = {
    "held": (Event.APPROVED, Event.APPROVED, Event.DECLINED),
    "submitting": (Event.TICKET,),
    "unsure": (Event.TICKET, Event.LOST, Event.UNPAID),
    "kept": (Event.COLLECTED,),
}
"""What a person, or a webhook, may settle in each state."""
ONWARD = {
    Event.PREPARED: "queued",
    Event.NO_ANSWER: "unsure",
    Event.FETCHED: "delivering",
    Event.UNPLACED: "kept",
}
UNPAID = {Event.UNFIT, Event.INTERNAL, Event.BUSY, Event.EXHAUSTED}
UNDELIVERED = {Event.NO_OUTPUT, Event.UNCOLLECTED, Event.EXPIRED}


@dataclass
class Book:
    """What one book has of one job: open until it is settled."""

    videos: int = 0
    usd_micros: int = 0
    open: bool = False
    day: str = ""


@dataclass
class Call:
    """One paid call: whose fence it was made under, and whether it is proven that it made no job."""

    fence: int
    void: bool = False


@dataclass
class Sketch:
    """A job as the model has it."""

    id: str
    user: str
    state: str
    offer: str
    reserved: int
    fence: int = 0
    lease_until: int = 0
    holder: str = ""
    silent: int = 0
    due_at: int = 0
    allowance: Book = field(default_factory=Book)
    spend: Book = field(default_factory=Book)
    calls: list[Call] = field(default_factory=list)
    cost: int | None = None
    ticket: str | None = None
    deadline: int | None = None
    gave_back: bool = False
    wished: bool = False
    hidden: bool = False
    own: bool = False
    outcomes: int = 0
    end: Job | None = None

    @property
    def in_flight(self) -> bool:
        """Whether it takes one of its offer's places."""
        return self.state in {"submitting", "generating"} or (self.state == "unsure" and not self.gave_back)

    def reserve(self, book: Book, day: str) -> None:
        """Open a book for the job, on that day."""
        book.videos, book.usd_micros, book.open, book.day = 1, self.reserved, True, day

    def release(self, book: Book) -> None:
        """Give back what a book has of the job."""
        book.videos, book.usd_micros, book.open = 0, 0, False

    def finish(self, state: str, *, charge: bool = False) -> None:
        """End the job: its allowance is charged or given back, and it has its outcome."""
        self.state = state
        self.release(self.allowance)
        if charge:
            self.allowance.videos, self.allowance.usd_micros = 1, min(PRICES[self.offer], self.reserved)
        self.outcomes = 1

    def free(self, state: str) -> None:
        """End the job with nothing to pay for, unless a bill was told."""
        self.finish(state)
        self.release(self.spend)
        self.spend.usd_micros = self.cost or 0

    def bill(self, told: int | None) -> None:
        """Book what was billed: as told now, else as told earlier, else the price."""
        known = self.cost if told is None else told
        self.cost = PRICES[self.offer] if known is None else known
        self.spend.usd_micros, self.spend.open = self.cost, False

    def failed_or_cancelled(self) -> str:
        """How it ends, by whether somebody wanted it no more."""
        return "cancelled" if self.wished or self.hidden else "failed"

    def void(self, event: Event) -> None:
        """A proof that the newest call made no job."""
        self.calls[-1].void = True
        if self.wished or self.hidden:
            self.free("cancelled")
        elif event is Event.VOID_FAILED:
            self.free("failed")
        elif event is Event.VOID_WAIT:
            self.state = "queued"
        else:
            self.state, self.offer = "preparing", NOVITA

    def found(self, ticket: str, now: int) -> None:
        """The newest call made a job."""
        late = self.state == "unsure" and (self.gave_back or (self.deadline is not None and self.deadline <= now))
        if self.state != "unsure" or self.deadline is None:
            self.deadline = now + DEADLINE_MS
        self.state, self.ticket = ("late" if late else "generating"), ticket


class StoreMachine(RuleBasedStateMachine):
    """People, workers, providers, operators and crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.home = tempfile.TemporaryDirectory(prefix="stillmotion-model-", dir=MEMORY)
        self.clock = Clock(START_MS)
        self.backend = BACKENDS["sqlite"]
        self.folder = Path(self.home.name)
        self.story = Story(self.backend.open(self.folder, self.clock), self.clock, self.backend, self.folder, count(1))
        self.jobs: dict[str, Sketch] = {}
        self.drafts: dict[str, tuple[Refusal, str, int]] = {}
        self.held: dict[str, str] = {}
        self.slow: list[tuple[Job, int]] = []
        self.grants: Counter[tuple[str, str]] = Counter()
        self.served: dict[tuple[str, str], int] = {}
        self.run(self.story.store.set_scope(SCOPE, allowed=True, approvals=True))

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        """Wait for one call to the store."""
        return self.runner.run(call)

    def teardown(self) -> None:
        """Check all of it once more, and leave nothing behind."""
        try:
            self.everything_is_as_in_the_model()
        finally:
            self.run(self.story.store.close())
            self.runner.close()
            self.home.cleanup()

    # -- what the model knows

    @property
    def now(self) -> int:
        """The store's clock."""
        return self.clock()

    @property
    def day(self) -> str:
        """The day on that clock."""
        return datetime.fromtimestamp(self.now / 1000, UTC).date().isoformat()

    def used_today(self, user: str) -> int:
        """How many videos of today count for a person."""
        return sum(
            job.allowance.videos for job in self.jobs.values() if (job.user, job.allowance.day) == (user, self.day)
        )

    def within_limit(self, user: str) -> bool:
        """Whether the daily limit, with what was granted today, has room for one more."""
        return self.used_today(user) < A_DAY + self.grants[user, self.day]

    def within_cap(self, user: str) -> bool:
        """Whether one more may be open."""
        mine = [job for job in self.jobs.values() if job.user == user and job.state in COUNTED_OPEN and not job.hidden]
        return len(mine) < OPEN

    def affordable(self) -> list[str]:
        """The offers that this month's budget has room for."""
        spent = sum(job.spend.usd_micros for job in self.jobs.values() if job.spend.day[:7] == self.day[:7])
        return [offer for offer, price in PRICES.items() if spent + price <= BUDGET]

    def luck(self, draw: int) -> Random:
        """Return what decides a step: the draw, and where the story stands, so that a draw repeated is another step."""
        return Random(f"{draw}-{len(self.jobs)}-{self.now}-{sum(job.fence for job in self.jobs.values())}")

    def some(self, *states: str) -> list[Sketch]:
        """The jobs in these states."""
        return [job for job in self.jobs.values() if job.state in states]

    def busy(self) -> set[str]:
        """Return the states of jobs that are not over; all states where there is none."""
        return {job.state for job in self.jobs.values()} - OVER or OVER

    def stored(self, job: Sketch) -> Job:
        """A job as the store has it."""
        return self.run(self.story.store.job(job.id))

    def claim(self, job: Sketch) -> Job | None:
        """Claim a job as the worker, in the store and in the model."""
        claimed = self.run(self.story.store.claim(job.id, lease_ms=LEASE_MS, holder="worker"))
        free = job.state not in OVER and (job.lease_until <= self.now or job.holder == "worker")
        if free:
            job.fence, job.silent, job.holder, job.lease_until = (
                job.fence + 1,
                job.silent + 1,
                "worker",
                self.now + LEASE_MS,
            )
        if free and job.state == "preparing" and job.silent > 3:
            job.free("failed")
            free = False
        assert (claimed is not None) == free
        return claimed

    def seen(self, job: Sketch, moved: Job, *, due_in_ms: int = 0) -> None:
        """A move was recorded: the lease is given up, the claim was not silent, and the job is as in the model."""
        job.lease_until, job.silent, job.due_at = self.now, 0, self.now + due_in_ms
        self.same(job, moved)

    def same(self, job: Sketch, stored: Job) -> None:
        """Hold what the store says of a job against the model."""
        inside = self.story.inside(stored)
        assert (stored.state, stored.offer, stored.fence) == (job.state, job.offer, job.fence)
        assert (stored.wished, stored.hidden, stored.ticket) == (job.wished, job.hidden, job.ticket)
        assert (stored.cost_usd_micros, stored.submits) == (job.cost, len(job.calls))
        assert (stored.failure is not None) == (job.state == "failed")
        assert inside.used_usd_micros == job.allowance.usd_micros
        assert inside.spent_usd_micros == job.spend.usd_micros
        assert inside.calls_that_may_be_paid == sum(not call.void for call in job.calls) <= 1
        assert len(inside.outcomes) == job.outcomes <= 1
        assert job.outcomes == 1 or job.state not in OVER
        if job.state in OVER:
            job.end = job.end or stored
            assert replace(stored, cost_usd_micros=job.cost, cost_assumed=False) == replace(
                job.end, cost_usd_micros=job.cost, cost_assumed=False
            )

    # -- people

    @initialize(draws=st.lists(LUCK, min_size=3, max_size=6))
    def some_jobs_are_under_way(self, draws: list[int]) -> None:
        """What there is to begin with."""
        for draw in draws:
            self.bring(draw)

    @rule(draw=LUCK)
    def bring(self, draw: int) -> None:
        """Somebody asks for a video, all goes well up to this state, and then it is wanted no more, or it is.

        Where it is refused, it is put to an admin; which only a budget's refusal can be.
        """
        luck = self.luck(draw)
        user = luck.choice(USERS)
        job = self.ask(user)
        if job is None:
            self.put_to_an_admin(list(self.drafts)[-1])
            return
        for event in PATHS[luck.choice(list(PATHS))]:
            if job.state in WORK:
                self.on_its_way(job, event)
        if luck.random() < 0.5:
            self.wished(job, luck.choice((Event.CANCEL, Event.DISCARDED)), user)

    def on_its_way(self, job: Sketch, event: Event) -> None:
        """Make the next move of a job that nothing happens to; whose turn it is at an offer may be another's."""
        if event is Event.SUBMIT:
            if job.state == "queued":
                self.admit(job.offer)
        elif job.state == "submitting" and job.calls[-1].fence == job.fence:
            self.answer_that(next(call for call in reversed(self.slow) if call[0].id == job.id), event)
        elif event in WORK[job.state]:
            self.find(job, event, None, 0)

    def ask(self, user: str) -> Sketch | None:
        """Hand in a request; it is accepted, or refused and kept as a draft, as limit, cap and budget say."""
        limit, cap, offers = self.within_limit(user), self.within_cap(user), self.affordable()
        answer = self.run(self.story.ask(user, rules=RULES))
        assert isinstance(answer, Accepted) == bool(limit and cap and offers)
        if isinstance(answer, Refusal):
            assert answer.can_ask == (limit and cap)
            self.drafts[answer.draft] = (answer, user, self.now)
            return None
        reserved = max(PRICES[offer] for offer in offers)
        job = Sketch(answer.job.id, user, "preparing", offers[0], reserved, due_at=self.now)
        job.reserve(job.allowance, self.day)
        job.reserve(job.spend, self.day)
        self.jobs[job.id] = job
        self.same(job, answer.job)
        return job

    @precondition(lambda self: self.drafts)
    @rule(draw=LUCK)
    def ask_an_admin(self, draw: int) -> None:
        """Somebody asks for approval of what was refused, some time ago."""
        luck = self.luck(draw)
        self.put_to_an_admin(luck.choice(list(self.drafts)))

    def put_to_an_admin(self, draft: str) -> None:
        """Hold a draft, which can be done for a day where a budget refused it, and within the limits."""
        refusal, user, at = self.drafts[draft]
        if self.now - at >= DAY_MS or not refusal.can_ask:
            with pytest.raises(Unknown):
                self.run(self.story.store.hold(draft))
            return
        fits = self.within_limit(user)
        held = self.run(self.story.store.hold(draft))
        if draft in self.held:
            assert isinstance(held, Job)
            assert held.id == self.held[draft]
            return
        assert isinstance(held, Job) == fits
        if isinstance(held, Job):
            job = Sketch(held.id, user, "held", FAL, DEAREST)
            job.reserve(job.allowance, self.day)
            self.jobs[held.id], self.held[draft] = job, held.id
            self.same(job, held)

    @precondition(lambda self: self.jobs)
    @rule(draw=LUCK)
    def wish(self, draw: int) -> None:
        """Somebody wants it no more, or again, wherever it stands."""
        luck = self.luck(draw)
        job = luck.choice(self.some(*self.busy()))
        self.wished(job, luck.choice((Event.CANCEL, Event.KEEP, Event.DISCARDED)), luck.choice((job.user, *USERS)))

    def wished(self, job: Sketch, event: Event, by: str) -> None:
        """Cancel, keep or discard a job, or be refused to."""
        if not self.there_is(job, event):
            self.refused(job, event)
            return
        moved = self.run(self.story.by_hand(self.stored(job), event, by=by))
        flag = job.state in {"submitting", "unsure", "generating", "late"}
        if event is Event.DISCARDED:
            job.hidden, job.own, job.outcomes = True, by == job.user, 1
        elif flag:
            job.wished = event is Event.CANCEL
        if flag:
            job.due_at = self.now
            self.same(job, moved)
            return
        job.fence += 1
        if job.state == "kept":
            job.finish("cancelled", charge=job.own)
        elif job.state == "held":
            job.finish("cancelled")
        else:
            job.free("cancelled")
        self.seen(job, moved)

    def there_is(self, job: Sketch, event: Event) -> bool:
        """Whether a wish can be made of a job that stands like this."""
        if event is Event.DISCARDED and job.state == "kept":
            return True
        if event is Event.CANCEL and job.state in {"held", "preparing", "queued", "submitting", "unsure"}:
            return not job.hidden
        return job.state in {"generating", "late"} and not job.hidden

    @precondition(lambda self: self.some(*DECISIONS))
    @rule(draw=LUCK)
    def decide(self, draw: int) -> None:
        """An admin answers who asked, an operator or a webhook settles what is unsure, somebody collects what was kept."""
        luck = self.luck(draw)
        job = luck.choice(self.some(*DECISIONS))
        event = luck.choice(DECISIONS[job.state])
        facts: dict[str, Any] = {"ticket": "by hand"} if event is Event.TICKET else {}
        moved = self.run(self.story.by_hand(self.stored(job), event, rules=RULES, **facts))
        job.fence += 1
        match event:
            case Event.APPROVED:
                job.state = "preparing"
                job.reserve(job.spend, self.day)
            case Event.DECLINED:
                job.finish("failed")
            case Event.TICKET:
                job.found("by hand", self.now)
            case Event.LOST:
                job.bill(None)
                job.finish(job.failed_or_cancelled())
            case Event.UNPAID:
                job.calls[-1].void = True
                job.free(job.failed_or_cancelled())
            case Event.COLLECTED:
                job.finish("delivered", charge=True)
        self.seen(job, moved)

    def refused(self, job: Sketch, event: Event) -> None:
        """A move that there is not: it is stale, and leaves no trace in the job."""
        stored = self.stored(job)
        with pytest.raises(Stale):
            self.run(self.story.by_hand(stored, event))
        assert self.stored(job) == stored
        self.same(job, stored)

    # -- workers and providers

    def admit(self, offer: str) -> None:
        """A place may be free at an offer: whose turn it is follows from fairness alone."""
        flying = Counter(job.user for job in self.jobs.values() if job.in_flight and job.offer == offer)
        queued = [job for job in self.jobs.values() if (job.state, job.offer) == ("queued", offer)]
        oldest = {user: min(job.id for job in queued if job.user == user) for user in {job.user for job in queued}}
        able = [job for job in queued if max(job.due_at, job.lease_until) <= self.now]
        able.sort(key=lambda job: (flying[job.user], self.served.get((offer, job.user), 0), oldest[job.user], job.id))
        admitted = self.run(self.story.admit(bound=BOUND, offer=offer))
        if flying.total() >= BOUND or not able:
            assert admitted is None
            return
        job = able[0]
        assert admitted is not None
        assert admitted.id == job.id
        job.fence += 1
        job.state, job.gave_back, job.ticket = "submitting", False, None
        job.calls.append(Call(job.fence))
        job.deadline = self.now + DEADLINE_MS
        self.served[offer, job.user] = self.now
        self.slow.append((admitted, len(job.calls)))
        self.seen(job, admitted)
        job.holder, job.lease_until = "worker", self.now + LEASE_MS

    @precondition(lambda self: self.slow)
    @rule(draw=LUCK)
    def answer_a_call(self, draw: int) -> None:
        """Paid calls are answered: in time, late, twice, or when all is over."""
        luck = self.luck(draw)
        waiting = [call for call in self.slow if self.jobs[call[0].id].state in {"submitting", "unsure"}]
        for call in luck.sample(waiting, min(len(waiting), 3)) or [luck.choice(self.slow)]:
            self.answer_that(call, luck.choice(ANSWERS))

    def answer_that(self, call: tuple[Job, int], event: Event) -> None:
        """Answer one call, under the fence that it was made under."""
        asked, made = call
        job = self.jobs[asked.id]
        in_time = (job.state, job.fence) == ("submitting", asked.fence)
        late = job.state == "unsure" and made == len(job.calls) and not job.calls[-1].void
        facts: dict[str, Any] = {"ticket": f"T{made}"} if event is Event.TICKET else {}
        if not in_time and not (late and event is not Event.NO_ANSWER):
            with pytest.raises(Stale):
                self.run(self.story.answer(asked, event, **facts))
            self.same(job, self.stored(job))
            return
        moved = self.run(self.story.answer(asked, event, **facts))
        job.fence += not in_time
        if event is Event.NO_ANSWER:
            job.state = "unsure"
        elif event is Event.TICKET:
            job.found(f"T{made}", self.now)
        else:
            job.void(event)
        self.seen(job, moved)

    @precondition(lambda self: self.some(*WORK))
    @rule(draw=LUCK)
    def work(self, draw: int) -> None:
        """A worker takes one job after the other and records what it found, or is never heard of again."""
        luck = self.luck(draw)
        for _ in range(luck.randint(2, 8)):
            job = luck.choice(self.some(*WORK) or list(self.jobs.values()))
            event = luck.choice((*WORK.get(job.state, ()), None))
            if event is None:
                self.claim(job)
                self.same(job, self.stored(job))
            elif event is Event.SUBMIT:
                self.admit(job.offer)
            else:
                self.find(job, event, luck.choice(BILLS), luck.choice((0, 0, 60_000)))

    def find(self, job: Sketch, event: Event, bill: int | None, due_in_ms: int) -> None:
        """Claim a job and record what was found, if it can be claimed."""
        claimed = self.claim(job)
        if claimed is None:
            return
        facts: dict[str, Any] = {}
        if event in {Event.FINISHED, Event.REFUSED, Event.STOPPED}:
            facts["billed_usd_micros"] = bill
        if event is Event.TICKET:
            facts["ticket"] = "found"
        moved = self.run(self.story.answer(claimed, event, due_in_ms=due_in_ms, **facts))
        self.found_by_worker(job, event, bill)
        self.seen(job, moved, due_in_ms=due_in_ms)

    def found_by_worker(self, job: Sketch, event: Event, bill: int | None) -> None:
        """Move the model as the design's table says."""
        if event in ONWARD:
            job.state = ONWARD[event]
            job.outcomes = int(job.state in {"delivering", "kept"})
        elif event in UNPAID:
            job.free("failed")
        elif event in UNDELIVERED:
            job.finish("failed")
        elif event is Event.REROUTED:
            job.state, job.offer = "preparing", NOVITA
        elif event is Event.POSTED:
            job.finish("delivered", charge=True)
        elif job.state == "unsure":
            self.found_in_the_log(job, event)
        else:
            self.seen_at_the_provider(job, event, bill)

    def found_in_the_log(self, job: Sketch, event: Event) -> None:
        """What became of a call that was not answered."""
        if event is Event.TICKET:
            job.found("found", self.now)
        elif event is Event.DEADLINE:
            job.gave_back = True
        elif event is not Event.RUNNING:
            job.void(event)

    def seen_at_the_provider(self, job: Sketch, event: Event, bill: int | None) -> None:
        """What a look showed."""
        if event is Event.DEADLINE:
            job.state = "late"
        elif event is Event.TICKET_UNKNOWN:
            job.state, job.ticket = "unsure", None
            job.gave_back = job.deadline is None or job.deadline <= self.now
        elif event is not Event.RUNNING:
            job.bill(None if event is Event.RETENTION_OVER else bill)
            if event is not Event.FINISHED:
                job.finish("cancelled" if job.hidden or event is Event.STOPPED else "failed")
            elif job.hidden:
                job.finish("cancelled", charge=job.own)
            else:
                job.state = "fetching"

    # -- operators and the world

    @rule(draw=LUCK)
    def operate(self, draw: int) -> None:
        """An operator is generous, or a provider's bill comes, whenever."""
        luck = self.luck(draw)
        user, bill = luck.choice(USERS), luck.choice(BILLS)
        if bill is None or not self.jobs:
            self.run(self.story.store.grant(user, "1", rules=RULES))
            self.grants[user, self.day] += 1
            return
        job = luck.choice(list(self.jobs.values()))
        if not job.calls:
            with pytest.raises(Unknown):
                self.run(self.story.store.correct(job.id, bill))
            return
        self.run(self.story.store.correct(job.id, bill))
        job.cost = job.spend.usd_micros = bill
        self.same(job, self.stored(job))

    @rule(draw=LUCK)
    def time_passes(self, draw: int) -> None:
        """A moment, a lease, a deadline, a day, a month's end; or the process ends and another opens the same store."""
        luck = self.luck(draw)
        if luck.random() < 0.8:
            self.clock.forward(luck.choice((1, 1000, LEASE_MS, LEASE_MS, DEADLINE_MS, 5 * HOUR_MS, DAY_MS)))
            return
        self.run(self.story.store.close())
        self.story.store = self.backend.open(self.folder, self.clock)
        self.everything_is_as_in_the_model()

    # -- what always holds

    @invariant()
    def both_books_are_as_in_the_model(self) -> None:
        """By user: videos, what is settled, what is reserved."""
        for name in ("allowance", "spend"):
            sums: dict[str, list[int]] = {}
            for job in self.jobs.values():
                book: Book = getattr(job, name)
                if book.day:
                    line = sums.setdefault(job.user, [0, 0, 0])
                    line[0] += book.videos
                    line[1 + book.open] += book.usd_micros
            assert self.run(self.story.used(name)) == {user: tuple(line) for user, line in sums.items()}

    @invariant()
    def the_places_in_flight_are_as_in_the_model(self) -> None:
        """By offer, and never more than the bound let in plus what was found later."""
        assert self.story.in_flight() == Counter(job.offer for job in self.jobs.values() if job.in_flight)

    def everything_is_as_in_the_model(self) -> None:
        """Every job, final ones too, is what it should be."""
        for job in self.jobs.values():
            self.same(job, self.stored(job))


TestStore = StoreMachine.TestCase
TestStore.__doc__ = "Forty walks of forty moves, the same ones each time."
TestStore.settings = settings(
    max_examples=40, stateful_step_count=40, derandomize=True, deadline=None, database=None, print_blob=True
)


@pytest.mark.torture
class TestStoreLong(StoreMachine.TestCase):  # type: ignore[misc,valid-type] # a class that Hypothesis makes
    """Many long walks, new ones each time."""


TestStoreLong.settings = settings(max_examples=1500, stateful_step_count=120, deadline=None)
