"""Every move a job can make, as data: what is not in TABLE is refused as stale.

The book rows and the outcome row of a move follow from this table, never from whoever records it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain


class State(StrEnum):
    """Where a job stands."""

    HELD = "held"
    PREPARING = "preparing"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    UNSURE = "unsure"
    GENERATING = "generating"
    LATE = "late"
    FETCHING = "fetching"
    DELIVERING = "delivering"
    KEPT = "kept"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({State.DELIVERED, State.FAILED, State.CANCELLED})
OPEN = frozenset(
    {State.PREPARING, State.QUEUED, State.SUBMITTING, State.GENERATING, State.FETCHING, State.DELIVERING},
)
"""The states that count against a person's cap of open jobs, unless the job was discarded."""
OCCUPYING = frozenset({State.SUBMITTING, State.UNSURE, State.GENERATING})
"""The states that take one of an offer's places in flight."""


class Kind(StrEnum):
    """Why a job failed; bot/replies.py has a sentence for each."""

    MODERATED = "moderated"
    BAD_INPUT = "bad_input"
    MEDIA_UNREACHABLE = "media_unreachable"
    CREDENTIALS = "credentials"
    NO_CREDIT = "no_credit"
    PROVIDER_ERROR = "provider_error"
    NO_OUTPUT = "no_output"
    TIMED_OUT = "timed_out"
    LOST = "lost"
    BUSY = "busy"
    DECLINED = "declined"
    EXPIRED = "expired"
    UNCOLLECTED = "uncollected"
    INTERNAL = "internal"


class Event(StrEnum):
    """What happened to a job."""

    APPROVED = "approved"
    DECLINED = "declined"
    EXPIRED = "expired"
    CANCEL = "cancel"
    KEEP = "keep"
    DISCARDED = "discarded"
    PREPARED = "prepared"
    UNFIT = "unfit"
    INTERNAL = "internal"
    BUSY = "busy"
    RESTORED = "restored"
    SUBMIT = "submit"
    REROUTED = "rerouted"
    EXHAUSTED = "exhausted"
    TICKET = "ticket"
    VOID_WAIT = "void_wait"
    VOID_REROUTED = "void_rerouted"
    VOID_FAILED = "void_failed"
    NO_ANSWER = "no_answer"
    LOST = "lost"
    UNPAID = "unpaid"
    RUNNING = "running"
    DEADLINE = "deadline"
    FINISHED = "finished"
    REFUSED = "refused"
    STOPPED = "stopped"
    TICKET_UNKNOWN = "ticket_unknown"
    RETENTION_OVER = "retention_over"
    FETCHED = "fetched"
    NO_OUTPUT = "no_output"
    POSTED = "posted"
    UNPLACED = "unplaced"
    COLLECTED = "collected"
    UNCOLLECTED = "uncollected"


class Notice(StrEnum):
    """What is owed to people: the card, whenever the job moves, and what they must not miss, as messages of their own.

    A finished video is one by itself; an approval is for the scope's admins.
    """

    CARD = "card"
    APPROVAL = "approval"
    OUTCOME = "outcome"
    UNSURE = "unsure"
    LATE = "late"
    KEPT = "kept"


WISHES = frozenset({Event.CANCEL, Event.KEEP, Event.DISCARDED})
BY_HAND = WISHES | {
    Event.APPROVED,
    Event.DECLINED,
    Event.EXPIRED,
    Event.TICKET,
    Event.LOST,
    Event.UNPAID,
    Event.COLLECTED,
    Event.RESTORED,
}
"""The moves that a person makes without a lease; they raise the fence."""
ANSWERS = frozenset({Event.TICKET, Event.VOID_WAIT, Event.VOID_REROUTED, Event.VOID_FAILED})
"""What a paid call can answer: never thrown away, however late."""


class Allowance(StrEnum):
    """What a move does to the book of what people used."""

    RELEASE = "release"
    CHARGE = "charge"
    CHARGE_OWN_DISCARD = "charge if its requester discarded it, else release"


class Spend(StrEnum):
    """What a move does to the book of what providers bill."""

    RESERVE = "reserve"
    RELEASE = "release"
    BILL = "bill"
    ASSUME = "bill assumed"


class When(StrEnum):
    """Which jobs a row is for; a row for the job as it is goes before the row for any."""

    ANY = "any"
    WISHED = "wished"
    HIDDEN = "hidden"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `kind` is None where the fact of the move names the failure."""

    source: State
    event: Event
    target: State
    allowance: Allowance | None = None
    spend: Spend | None = None
    kind: Kind | None = None
    when: When = When.ANY
    quiet: bool = False

    @property
    def notice(self) -> Notice | None:
        """What its person is told of it; one's own cancel or discard needs no telling."""
        if self.target is State.FAILED:
            return Notice.OUTCOME
        return _NOTICES.get((self.event, self.target))

    @property
    def wish(self) -> bool:
        """Whether it only leaves a flag that the next record reads, and raises no fence."""
        return self.source is self.target and self.event in WISHES


_NOTICES = {
    (Event.NO_ANSWER, State.UNSURE): Notice.UNSURE,
    (Event.DEADLINE, State.LATE): Notice.LATE,
    (Event.UNPLACED, State.KEPT): Notice.KEPT,
}
_RELEASE_BOTH = (Allowance.RELEASE, Spend.RELEASE)


def _waiting() -> Iterator[Row]:
    s, e, a, m, k = State, Event, Allowance, Spend, Kind
    yield Row(s.HELD, e.APPROVED, s.PREPARING, None, m.RESERVE)
    yield Row(s.HELD, e.DECLINED, s.FAILED, a.RELEASE, None, k.DECLINED)
    yield Row(s.HELD, e.EXPIRED, s.FAILED, a.RELEASE, None, k.EXPIRED)
    yield Row(s.HELD, e.CANCEL, s.CANCELLED, a.RELEASE)
    yield Row(s.PREPARING, e.PREPARED, s.QUEUED)
    yield Row(s.PREPARING, e.UNFIT, s.FAILED, *_RELEASE_BOTH, k.BAD_INPUT)
    yield Row(s.PREPARING, e.INTERNAL, s.FAILED, *_RELEASE_BOTH, k.INTERNAL)
    yield Row(s.QUEUED, e.SUBMIT, s.SUBMITTING)
    yield Row(s.QUEUED, e.REROUTED, s.PREPARING)
    yield Row(s.QUEUED, e.EXHAUSTED, s.FAILED, *_RELEASE_BOTH)
    for waiting in (s.PREPARING, s.QUEUED):
        yield Row(waiting, e.BUSY, s.FAILED, *_RELEASE_BOTH, k.BUSY)
        yield Row(waiting, e.CANCEL, s.CANCELLED, *_RELEASE_BOTH)
        yield Row(waiting, e.RESTORED, s.UNSURE)


def _asked() -> Iterator[Row]:
    s, e, a, m, k, w = State, Event, Allowance, Spend, Kind, When
    yield Row(s.SUBMITTING, e.NO_ANSWER, s.UNSURE)
    yield Row(s.SUBMITTING, e.TICKET, s.GENERATING)
    yield Row(s.UNSURE, e.TICKET, s.GENERATING)
    yield Row(s.UNSURE, e.TICKET, s.LATE, when=w.OVERDUE)
    for asked in (s.SUBMITTING, s.UNSURE):
        yield Row(asked, e.CANCEL, asked)
        yield Row(asked, e.VOID_WAIT, s.QUEUED)
        yield Row(asked, e.VOID_REROUTED, s.PREPARING)
        yield Row(asked, e.VOID_FAILED, s.FAILED, *_RELEASE_BOTH)
        for void in (e.VOID_WAIT, e.VOID_REROUTED, e.VOID_FAILED):
            yield Row(asked, void, s.CANCELLED, *_RELEASE_BOTH, when=w.WISHED)
    yield Row(s.UNSURE, e.RUNNING, s.UNSURE, quiet=True)
    yield Row(s.UNSURE, e.DEADLINE, s.UNSURE)
    yield Row(s.UNSURE, e.LOST, s.FAILED, a.RELEASE, m.ASSUME, k.LOST)
    yield Row(s.UNSURE, e.LOST, s.CANCELLED, a.RELEASE, m.ASSUME, when=w.WISHED)
    yield Row(s.UNSURE, e.UNPAID, s.FAILED, *_RELEASE_BOTH, k.PROVIDER_ERROR)
    yield Row(s.UNSURE, e.UNPAID, s.CANCELLED, *_RELEASE_BOTH, when=w.WISHED)


def _being_made() -> Iterator[Row]:
    s, e, a, m, k, w = State, Event, Allowance, Spend, Kind, When
    yield Row(s.GENERATING, e.DEADLINE, s.LATE)
    for making in (s.GENERATING, s.LATE):
        yield Row(making, e.RUNNING, making, quiet=True)
        for wish in (e.CANCEL, e.KEEP, e.DISCARDED):
            yield Row(making, wish, making)
        yield Row(making, e.FINISHED, s.FETCHING, None, m.BILL)
        yield Row(making, e.FINISHED, s.CANCELLED, a.CHARGE_OWN_DISCARD, m.BILL, when=w.HIDDEN)
        yield Row(making, e.REFUSED, s.FAILED, a.RELEASE, m.BILL)
        yield Row(making, e.REFUSED, s.CANCELLED, a.RELEASE, m.BILL, when=w.HIDDEN)
        yield Row(making, e.STOPPED, s.CANCELLED, a.RELEASE, m.BILL)
        yield Row(making, e.TICKET_UNKNOWN, s.UNSURE)
        yield Row(making, e.RETENTION_OVER, s.FAILED, a.RELEASE, m.ASSUME, k.TIMED_OUT)
        yield Row(making, e.RETENTION_OVER, s.CANCELLED, a.RELEASE, m.ASSUME, when=w.HIDDEN)


def _made() -> Iterator[Row]:
    s, e, a, k = State, Event, Allowance, Kind
    yield Row(s.FETCHING, e.RUNNING, s.FETCHING, quiet=True)
    yield Row(s.FETCHING, e.FETCHED, s.DELIVERING)
    yield Row(s.FETCHING, e.NO_OUTPUT, s.FAILED, a.RELEASE, None, k.NO_OUTPUT)
    yield Row(s.DELIVERING, e.RUNNING, s.DELIVERING, quiet=True)
    yield Row(s.DELIVERING, e.POSTED, s.DELIVERED, a.CHARGE)
    yield Row(s.DELIVERING, e.UNPLACED, s.KEPT)
    yield Row(s.KEPT, e.COLLECTED, s.DELIVERED, a.CHARGE)
    yield Row(s.KEPT, e.DISCARDED, s.CANCELLED, a.CHARGE_OWN_DISCARD)
    yield Row(s.KEPT, e.UNCOLLECTED, s.FAILED, a.RELEASE, None, k.UNCOLLECTED)


TABLE: dict[tuple[State, Event, When], Row] = {
    (row.source, row.event, row.when): row for row in chain(_waiting(), _asked(), _being_made(), _made())
}


def find(state: State, event: Event, *, hidden: bool, wished: bool, overdue: bool) -> Row | None:
    """Return the row for this event on a job that stands like this, or None where no such move exists."""
    as_it_is = ((hidden, When.HIDDEN), (wished, When.WISHED), (overdue, When.OVERDUE), (True, When.ANY))
    rows = (TABLE.get((state, event, when)) for holds, when in as_it_is if holds)
    return next((row for row in rows if row is not None), None)
