"""Where a job stands, as its card says it: one phrase that stands out, and what follows from it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot import replies
from bot.catalogue import Offer
from bot.language import later, told, tr
from bot.platforms.contract import Answering, Moment, Named, Picture, Text
from bot.schedule import Usual
from bot.standing import BLOCKED, SENT, SLOW_TO_ANSWER
from bot.wording import money, provider, roughly
from storage.contract import Job, Trail
from storage.states import FINAL, Event, Kind, State

Phrase = tuple[str, Text]
_HELD_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a card tells beside its job. Without an `offer`, because it is not installed any more, less is known.

    `ahead` counts those before it in its line, `ready_ms` is when those that its offer makes now should be ready, `said` is where its other messages stand, `moved` a sentence on why
    another offer makes it, `elsewhere` why the video went to its person alone, `deleted` when and by whom it was,
    `decided` how a request that was put to an admin was decided.
    """

    now_ms: int
    offer: Offer | None = None
    usual: Usual | None = None
    ahead: int = 0
    ready_ms: tuple[int, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    moved: str = ""
    elsewhere: str = ""
    deleted: Trail | None = None
    decided: Trail | None = None
    answering: Answering = Answering.THREAD
    picture: Picture | None = None

    @property
    def can_stop(self) -> bool:
        """Whether the provider stops what it began when asked."""
        return self.offer is not None and self.offer.provider.cancel is not None


def phrase(job: Job, around: Around) -> Phrase:
    """Return where the job stands; what follows the phrase may begin with a comma."""
    if job.hidden:
        return tr("Discarded."), (_all_the_same(job),)
    if job.state in FINAL:
        return _ended(job, around)
    if job.state is State.GENERATING:
        return _being_made(job, around)
    return _waiting(job, around)


def rendering() -> str:
    """Return the one phrase that a true number may follow."""
    return tr("Rendering")


def _starting() -> Phrase:
    return tr("Starting"), ()


def held_until(job: Job) -> Moment:
    """Return when a held job ends unless somebody decides."""
    return Moment(job.created_at_ms + _HELD_MS)


def _waiting(job: Job, around: Around) -> Phrase:
    who = provider(job.offer)
    match job.state:
        case State.HELD:
            past = told(": it goes past the budget. Without an answer it ends {at}.", at=held_until(job))
            return tr("Waiting for an admin") if job.is_for_admins else tr(
                "Waiting for the people who run this bot"
            ), past
        case State.QUEUED:
            return _in_line(job, around)
        case State.UNSURE:
            return tr("Waiting for an answer from {who}.", who=who), (tr("Nothing is sent again without you."),)
        case State.LATE:
            return tr("Overdue"), _still_looking(job)
        case State.FETCHING if job.detail.startswith(BLOCKED):
            return tr("It is ready"), (tr(", but lies where this bot may not fetch from."),)
        case State.FETCHING if job.detail:
            return tr("It is ready"), (tr(", but cannot be fetched yet. It is tried again."),)
        case State.FETCHING | State.DELIVERING:
            return tr("Almost there"), ()
        case State.KEPT:
            return tr("Kept."), (tr("It could not be posted here."),)
    return _starting()


def _in_line(job: Job, around: Around) -> Phrase:
    in_the_way = replies.in_the_way(job)
    if in_the_way:
        head, _, rest = in_the_way.partition("; ")
        return head, (f"; {rest}",) if rest else ()
    head = tr("Next in line") if around.ahead == 0 else tr("{ordinal} in line", ordinal=_ordinal(around.ahead + 1))
    starts_ms = _starts_ms(around)
    return head, told(", starts {at}", at=Moment(starts_ms)) if starts_ms > around.now_ms else ()


def _ordinal(number: int) -> str:
    """Return `2nd`, `3rd`, `11th`."""
    last = number % 10 if number % 100 not in {11, 12, 13} else 0
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(last, 'th')}"


def _starts_ms(around: Around) -> int:
    """Return when its turn should come, if all before it take as long as is usual; 0 where nobody knows."""
    if around.offer is None or around.usual is None:
        return 0
    bound = around.offer.bound
    free = [around.now_ms] * (bound - len(around.ready_ms))
    places = sorted([*around.ready_ms, *free])[-bound:]
    for _ in range(around.ahead):
        heapq.heapreplace(places, places[0] + int(around.usual.likely_s * 1000))
    return places[0]


def _being_made(job: Job, around: Around) -> Phrase:
    who = provider(job.offer)
    here = around.offer is not None and around.offer.spec.renders_here
    if job.wished and around.can_stop:
        return tr("Cancelling at {who}", who=who), ()
    if job.detail == SENT and not here:
        return _starting()
    if job.detail == SLOW_TO_ANSWER:
        return tr("{who} is slow to answer", who=who), (tr(", still looking."),)
    if job.provider_place is not None:
        return tr("Waiting at {who}, place {place}", who=who, place=job.provider_place + 1), ()
    return _rendering(job, around.usual)


def _rendering(job: Job, usual: Usual | None) -> Phrase:
    """Say when it should be ready; from the last look before that on, that it takes longer."""
    if usual is None:
        return rendering(), ()
    ready_ms = job.state_since_ms + int(usual.likely_s * 1000)
    if (job.due_at_ms or 0) > ready_ms:
        return tr("Taking longer than usual"), (
            tr(", still running. Most take under {time}.", time=roughly(usual.slow_s)),
        )
    return rendering(), told(", ready {at}", at=Moment(ready_ms))


def _still_looking(job: Job) -> Text:
    if job.retention_at_ms is None:
        return (tr(", still looking."),)
    return told(", still looking. That ends {at}; it counts only if it comes.", at=Moment(job.retention_at_ms))


def _ended(job: Job, around: Around) -> Phrase:
    if around.deleted is not None:
        return tr("Deleted"), _by_whom(around.deleted)
    match job.state:
        case State.DELIVERED if around.elsewhere:
            return tr("Sent directly."), (f"{_capital(tr(around.elsewhere))}.",)
        case State.DELIVERED:
            return tr("Done in {time}", time=replies.took(job)), ()
        case State.CANCELLED:
            return tr("Cancelled."), (_all_the_same(job),)
    head = tr(_FAILED[Kind(job.failure or Kind.INTERNAL)], who=provider(job.offer))
    if job.failure == Kind.DECLINED and around.decided is not None:
        return tr("Declined."), (*by_whom_decided(job, around.decided), " ", _all_the_same(job))
    return head, (_all_the_same(job),)


def decision(trail: Iterable[Trail]) -> Trail | None:
    """Return the line of a history that says how a request that was put to an admin was decided, if it was."""
    return next((each for each in trail if each.source == State.HELD != each.target), None)


def how_decided(job: Job, line: Trail) -> Text:
    """Return how a request that was put to an admin was decided, by whom and when."""
    match line.event:
        case Event.APPROVED:
            return tr("It was approved."), " ", *by_whom_decided(job, line)
        case Event.DECLINED:
            return tr("It was declined."), " ", *by_whom_decided(job, line)
        case Event.EXPIRED:
            return told("Nobody decided in time. It ended {at}.", at=Moment(line.at_ms))
    return told("It was withdrawn {at}.", at=Moment(line.at_ms))


def by_whom_decided(job: Job, line: Trail) -> Text:
    """Return who decided, and when: an admin of the place by name, an operator elsewhere as one of those."""
    at, by = Moment(line.at_ms), line.detail
    if by.startswith(f"user:{job.place.platform}/"):
        return told("{by} decided so {at}.", by=Named(by), at=at)
    if by.startswith("user:"):
        return told("The people who run this bot decided so {at}.", at=at)
    return told("That was decided {at}.", at=at)


def approved(job: Job, around: Around) -> Text:
    """Return that an admin let it through; nothing where nobody had to."""
    line = around.decided
    return how_decided(job, line) if line is not None and line.event == Event.APPROVED else ()


def _by_whom(deleted: Trail) -> Text:
    """Return who took a video away, and when; nothing but a subject is a person."""
    at = Moment(deleted.at_ms)
    if deleted.detail.startswith("user:"):
        return told("by {by}, {at}.", by=Named(deleted.detail), at=at)
    return told(", {at}.", at=at)


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _all_the_same(job: Job) -> str:
    """Return what of the money is lost on a job that brought nothing."""
    over = job.state in FINAL
    cost = job.cost_usd_micros if over else job.cost_usd_micros or job.price_usd_micros
    if not cost:
        return tr("Nothing was charged.")
    who, price = provider(job.offer), money(cost)
    if over:
        return tr("{who} charged {price} for it all the same.", who=who, price=price)
    return tr("{who} charges {price} for it all the same.", who=who, price=price)


_FAILED: Mapping[Kind, str] = {
    Kind.MODERATED: later("Refused by {who}."),
    Kind.BAD_INPUT: later("It cannot be made like this."),
    Kind.MEDIA_UNREACHABLE: later("{who} could not fetch the picture."),
    Kind.CREDENTIALS: later("{who} does not work here just now."),
    Kind.NO_CREDIT: later("{who} does not work here just now."),
    Kind.PROVIDER_ERROR: later("{who} failed to make it."),
    Kind.NO_OUTPUT: later("{who} brought no whole video."),
    Kind.TIMED_OUT: later("{who} never finished it."),
    Kind.LOST: later("Lost at {who}."),
    Kind.BUSY: later("There was no room anywhere."),
    Kind.DECLINED: later("Declined by an admin."),
    Kind.EXPIRED: later("Nobody decided about it."),
    Kind.UNCOLLECTED: later("Nobody collected it."),
    Kind.INTERNAL: later("Something here broke."),
}
