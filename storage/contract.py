"""The store's port: plain data in, plain data out, one call one atomic decision.

Durations go in, in milliseconds; the store's own clock decides leases, dues and days. Money is in millionths of a US dollar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from storage.states import Event, Notice, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to answer: plain strings, never a token that expires. A terminal's channel is the file's absolute path."""

    platform: str
    server: str
    channel: str
    thread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Whom limits are about, each written KIND:PLATFORM/ID; a terminal has no channel."""

    user: str
    scope: str
    channel: str | None = None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Priced:
    """An offer that can serve a request and what it asks; None where nobody knows."""

    offer: str
    usd_micros: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A picture or sound of a job: the bytes as they came, then as they are sent; a sound has no sides."""

    role: str
    blob: str
    mime: str
    size_bytes: int
    changes: tuple[dict[str, Any], ...] = ()
    width_px: int | None = None
    height_px: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseRules:
    """What the settings say, for subjects that have no rows of their own; limits as storage.limits reads them."""

    zone: str = "UTC"
    user_limits: str = "5/day"
    user_max_open: int = 2
    scope_budget_usd_micros: int | None = None
    budget_usd_micros: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A request to be accepted or refused. `route` is in order of preference; `command_id` is the platform's own, whole.

    A job that `has_card` owes it at once and with every move that is not quiet. What comes of a person's own `draft` is
    noted there, and is the same job however many commands bring that.
    """

    command_id: str
    subjects: Subjects
    place: Place
    request: dict[str, Any]
    seconds: int
    route: tuple[Priced, ...]
    inputs: tuple[Input, ...]
    rules: HouseRules
    lease_ms: int = 0
    holder: str = ""
    has_card: bool = False
    draft: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A request that was refused, or that is still being filled in, with its files; `job` is what became of it."""

    id: str
    user: str
    place: Place
    request: dict[str, Any]
    inputs: tuple[Input, ...]
    refusal: Refusal | None
    job: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """How much of one limit is used, in its own unit; `frees_at_ms` is when some of it comes back, None where it is not known.

    `subject` and `set_by` are as in a refusal.
    """

    limit: str
    subject: str
    set_by: str
    used: int
    most: int
    frees_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The job, new or already there under the same command id."""

    job: Job
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a limit says no. `reason` is limit, open, budget or unpriced; `frees_at_ms` is None where waiting does not help.

    `subject` is whom the limit is about, `set_by` is `settings`, `operator` or a scope; `used` counts in the limit's unit.
    """

    reason: str
    limit: str
    subject: str
    set_by: str
    used: int
    asked: int
    frees_at_ms: int | None
    draft: str
    can_ask: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as the store holds it, at one reading. Times are milliseconds since 1970; what is left counts from the reading.

    `detail` says why it failed or is kept, or, while it waits or is being made, what stands in the way just now.
    """

    id: str
    state: State
    failure: str | None
    detail: str
    fence: int
    lease_until_ms: int
    lease_left_ms: int
    holder: str
    due_at_ms: int | None
    due_in_ms: int | None
    alone: bool
    clock_due: bool
    subjects: Subjects
    place: Place
    request: dict[str, Any]
    seconds: int
    route: tuple[Priced, ...]
    offer: str
    reserved_usd_micros: int
    budget: str | None
    ticket: str | None
    ticket_by_hand: bool
    submits: int
    wished: bool
    hidden: bool
    discarded_by: str | None
    gave_place_back: bool
    progress: float | None
    provider_place: int | None
    inputs: tuple[Input, ...]
    prepared: tuple[Input, ...]
    result: str | None
    result_bytes: int | None
    cost_usd_micros: int | None
    cost_assumed: bool
    seed: int | None
    actual_prompt: str | None
    created_at_ms: int
    state_since_ms: int
    preparing_since_ms: int | None
    submitted_at_ms: int | None
    deadline_at_ms: int | None
    retention_at_ms: int | None
    ended_at_ms: int | None
    keep_until_ms: int | None = None

    @property
    def price_usd_micros(self) -> int | None:
        """What the offer that makes it asks."""
        return next((priced.usd_micros for priced in self.route if priced.offer == self.offer), None)

    @property
    def is_for_admins(self) -> bool:
        """Whether the budget in its way was set by its scope's own admins, who may let it past; else operators alone may."""
        return (self.budget or "").rpartition(" ")[2].startswith("scope:")

    @property
    def age_ms(self) -> int:
        """How long it has been in its state, as far as its own dues tell."""
        return (self.due_at_ms or self.state_since_ms) - self.state_since_ms

    @property
    def order_key(self) -> str:
        """The name of its newest submit, unique over all submits."""
        return self.id if self.submits <= 1 else f"{self.id}.{self.submits}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a move learned; only what its event can know is given. A ticket that was `heard` is the provider's own word.

    `place` is where a video was collected: the job's own from then on.
    """

    kind: str | None = None
    detail: str = ""
    offer: str | None = None
    prepared: tuple[Input, ...] | None = None
    ticket: str | None = None
    deadline_ms: int | None = None
    retention_ms: int | None = None
    progress: float | None = None
    provider_place: int | None = None
    billed_usd_micros: int | None = None
    seed: int | None = None
    actual_prompt: str | None = None
    result: str | None = None
    result_bytes: int | None = None
    keep_ms: int | None = None
    message: str | None = None
    place: Place | None = None
    by: str | None = None
    heard: bool = False
    rules: HouseRules | None = None


NOTHING = Facts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One recorded move. `fence` is a worker's; a person's move has none. `hold_ms` renews the lease, 0 gives it up."""

    job: str
    expected: State
    event: Event
    facts: Facts = NOTHING
    fence: int | None = None
    due_in_ms: int | None = 0
    hold_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What admitting to an offer needs of its spec."""

    offer: str
    bound: int
    deadline_ms: int
    retention_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """Something that a job's person is still to be told; `is_old` where nobody could for a day.

    A card's `version` grows each time that it is owed anew.
    """

    job: Job
    notice: Notice
    is_old: bool
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """One line of a job's history."""

    at_ms: int
    event: str
    source: str
    target: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One line of a book, summed."""

    key: str
    videos: int
    seconds: int
    usd_micros: int
    reserved_usd_micros: int
    assumed_usd_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The limits of one subject as somebody set them, and what was granted on top."""

    subject: str
    limits: str
    set_by: str
    grants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRule:
    """Whether the bot may work in a scope, and whether a request over budget may be put to an admin."""

    scope: str
    allowed: bool
    approvals: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The installation at one reading: jobs that are not over by offer and state, and places taken by offer.

    `month_usd_micros` is what this calendar month's jobs were billed, or may still be; `alerts` are how many.
    """

    jobs: Mapping[tuple[str, State], int]
    in_flight: Mapping[str, int]
    month_usd_micros: int
    alerts: int


@dataclass(frozen=True, slots=True)
class Ran:
    """How long a job was in the making, and how long a video it was for."""

    video_s: int
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something an operator must hear, once per cause."""

    cause: str
    at_ms: int
    job: str | None
    facts: dict[str, Any] = field(default_factory=dict)


class Records(Protocol):
    """Jobs and both books: every decision, and who is due."""

    async def accept(self, acceptance: Acceptance) -> Accepted | Refusal:
        """Check every limit, write both reservations and store the job; the same command id gives the same answer."""

    async def correct(self, job: str, billed_usd_micros: int) -> None:
        """Book what a provider billed after the job was settled, whatever its state."""

    async def hold(self, draft: str) -> Job | Refusal:
        """Make a job, held, from a draft that only a budget refused; at most once a draft. A limit, by then, still refuses.

        Raises:
            Unknown: no such draft, or it may not be put to an admin.
        """

    async def keep_draft(self, draft: Draft) -> None:
        """Keep a request for a day under an id that its caller made, in place of an earlier one of that id.

        What is kept so was never judged, and cannot be held.
        """

    async def claim(self, job: str, *, lease_ms: int, holder: str) -> Job | None:
        """Lease a job that nobody else holds; None where somebody does or it is over."""

    async def admit(self, terms: Terms, *, lease_ms: int, holder: str, only: str | None = None) -> Job | None:
        """Take the fairest queued job of the offer, or `only` that one, to submitting if the bound leaves room, claimed."""

    async def record(self, move: Move) -> Job:
        """Write one move with all that follows from it; the job as it then is.

        Raises:
            Stale: the job is not where the move expects it, or the fence was passed by.
            OverBudget: an approval would pass another budget.
        """

    async def renew(self, job: str, *, fence: int, lease_ms: int) -> bool:
        """Prolong a lease that still holds."""

    async def nudge(self, job: str) -> None:
        """Make a job due now; a hint, never the truth itself."""

    async def overdue(
        self, *, offers: Sequence[str], platforms: Sequence[str], most: int, closed: Sequence[str] = ()
    ) -> list[str]:
        """Return due, unleased jobs that this process may serve, or that only the clock decides.

        A queued job waits for admit, and is due only where its offer is closed.
        """

    async def owed(self, *, platforms: Sequence[str], most: int) -> list[Owed]:
        """Take what is to be said on these platforms; what is not said within a minute is given out again."""

    async def said(self, job: str, notice: Notice, reference: str, *, version: int | None = None) -> None:
        """Cross a notice out; `reference` is where it stands, empty where it need not be said any more.

        A card that was owed anew since that `version` stays owed; without one only its reference is noted.
        """

    async def deleted(self, job: str, *, by: str) -> None:
        """Note once that a job's video is gone from where it stood, and who took it away, as people call them.

        Its card is owed anew; where it has no such message nothing happens.
        """

    async def next_due_in_ms(self) -> int | None:
        """Return how long until the store's next due job, 0 where one is overdue, None where nothing waits."""


class Queries(Protocol):
    """What people and operators look at."""

    async def job(self, job: str) -> Job:
        """Return a job.

        Raises:
            Unknown: there is none of this id.
        """

    async def draft(self, draft: str) -> Draft:
        """Return a draft.

        Raises:
            Unknown: there is none, or its day is over.
        """

    async def jobs(
        self, *, state: str | None = None, user: str | None = None, most: int = 100, skip: int = 0
    ) -> list[Job]:
        """Return the newest jobs first, without the first `skip`."""

    async def left(self, subjects: Subjects, rules: HouseRules) -> list[Left]:
        """Return every limit that a request of these subjects must hold, the one with the least left first.

        Of roles whose sets are alternatives it is the set with the most left.
        """

    async def references(self, job: str) -> dict[str, str]:
        """Return where a job's messages stand, by purpose: `video`, or a notice's name. What stands nowhere is left out."""

    async def trail(self, job: str) -> list[Trail]:
        """Return a job's history, oldest first."""

    async def usage(self, *, book: str, by: str, since_ms: int, scope: str | None = None) -> list[Usage]:
        """Sum a book since that long ago, by user, channel, scope, offer or day; of one scope where one is given."""

    async def ahead(self, job: str) -> int:
        """Return how many queued jobs of the same offer were accepted before this one."""

    async def alerts(self) -> list[Alert]:
        """Return what operators must hear, oldest first."""

    async def overview(self, *, zone: str) -> Overview:
        """Return what a scraper is told, at a cost that does not grow with the jobs that are over."""

    async def ran_s(self) -> dict[str, list[Ran]]:
        """Return how long each offer's newest jobs were in the making, from ticket to end, the newest first."""


DELETED = "deleted"
"""The line of a history that says that the video was taken away where it stood; its detail is by whom."""
APPROVALS = "approvals"
"""The one choice of a scope's admins that the store reads itself: whether a request over its budget may be put to an admin."""


class Rules(Protocol):
    """Limits, grants and scopes."""

    async def set_limits(self, subject: str, limits: str, *, by: str = "operator") -> None:
        """Replace the subject's whole set."""

    async def clear_limits(self, subject: str, *, by: str = "operator") -> bool:
        """Remove the subject's set; False where it had none."""

    async def grant(self, subject: str, amount: str, *, rules: HouseRules, by: str = "operator") -> tuple[str, ...]:
        """Raise each limit of that unit in the subject's set once; the limits raised.

        Raises:
            Unknown: nothing in the subject's set counts in that unit.
        """

    async def limits(self, subject: str | None = None) -> list[Rule]:
        """Return the rows of one subject, or of all."""

    async def set_scope(self, scope: str, *, allowed: bool, approvals: bool | None) -> list[str]:
        """Allow or deny a scope; a denied scope's jobs that are not over are returned."""

    async def scopes(self) -> list[ScopeRule]:
        """Return every scope that somebody decided on."""

    async def choices(self, scope: str) -> dict[str, Any]:
        """Return what a scope's admins chose, by name."""

    async def choose(self, scope: str, name: str, value: Any, *, by: str) -> Any:
        """Set what a scope's admins choose, None to leave it to the bot again; what it was."""


class Upkeep(Protocol):
    """What keeps the store itself well."""

    async def backup(self, target: Path) -> None:
        """Write a consistent, marked copy while others work."""

    async def forget(self, user: str, *, secret: bytes) -> int:
        """Erase a person's ended jobs' content and put a keyed hash in place of the id; the jobs that still run."""

    async def own_blobs(self, user: str) -> list[str]:
        """Return blobs that only this person's ended jobs and drafts hold, and forget them."""

    async def unneeded_blobs(self, *, keep_ms: int) -> list[str]:
        """Return blobs older than that which no job needs any more, and forget them."""

    async def strays(self, blobs: Sequence[str]) -> list[str]:
        """Return those of these blobs that the store does not know, as a crash between keeping and accepting leaves them."""

    async def warn(self, cause: str, *, job: str | None = None, **facts: Any) -> None:
        """Remember something that an operator must hear; a cause already there stays as it is."""

    async def unwarn(self, cause: str) -> None:
        """Forget what is mended; where it comes back, operators hear of it again."""

    async def check(self) -> str | None:
        """Return what is wrong with the database's own structure, or None."""

    async def restored(self) -> list[Job]:
        """Return the jobs that a restored copy must settle before anything else: held and not yet submitted ones."""

    async def settled_restoring(self) -> None:
        """Remove the mark of a restored copy."""


class Store(Records, Queries, Rules, Upkeep, Protocol):
    """One engine behind all four."""

    async def close(self) -> None:
        """Finish what waits and give the engine back."""


class Blobs(Protocol):
    """Bytes we keep under their content hash."""

    async def put(self, source: Path) -> str:
        """Keep a copy of the file's bytes, durably; their sha256."""

    def path(self, blob: str) -> Path:
        """Return where a blob's bytes are; the file may be gone after its retention."""

    async def remove(self, blob: str) -> None:
        """Delete a blob; nothing happens where it is already gone."""

    async def older_than(self, age_s: float) -> list[str]:
        """Return the blobs kept longer ago than that; half-written ones of that age are removed."""
