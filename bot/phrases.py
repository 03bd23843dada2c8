"""Where a job stands, as its card says it: one phrase that stands out, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot import replies
from bot.catalogue import Offer
from bot.platforms.contract import Answering, Moment, Picture, Text
from bot.schedule import Usual
from bot.standing import BLOCKED, SENT, SLOW_TO_ANSWER
from bot.wording import money, provider, roughly
from storage.contract import Job, Trail
from storage.states import FINAL, Kind, State

Phrase = tuple[str, Text]
RENDERING = "Rendering"
"""The one phrase that a true number may follow."""
_STARTING: Phrase = ("Starting", ())
_NOT_CHARGED = "Nothing was charged."
_HELD_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a card tells beside its job. Without an `offer`, because it is not installed any more, less is known.

    `ahead` counts those before it in its line, `said` is where its other messages stand, `moved` a sentence on why
    another offer makes it, `elsewhere` why the video went to its person alone, `deleted` when and by whom it was.
    """

    now_ms: int
    offer: Offer | None = None
    usual: Usual | None = None
    ahead: int = 0
    said: Mapping[str, str] = field(default_factory=dict)
    moved: str = ""
    elsewhere: str = ""
    deleted: Trail | None = None
    answering: Answering = Answering.THREAD
    picture: Picture | None = None

    @property
    def can_stop(self) -> bool:
        """Whether the provider stops what it began when asked."""
        return self.offer is not None and self.offer.provider.cancel is not None


def phrase(job: Job, around: Around) -> Phrase:
    """Return where the job stands; what follows the phrase may begin with a comma."""
    if job.hidden:
        return "Discarded.", (_all_the_same(job),)
    if job.state in FINAL:
        return _ended(job, around)
    if job.state is State.GENERATING:
        return _being_made(job, around)
    return _waiting(job, around)


def held_until(job: Job) -> Moment:
    """Return when a held job ends unless somebody decides."""
    return Moment(job.created_at_ms + _HELD_MS)


def _waiting(job: Job, around: Around) -> Phrase:
    who = provider(job.offer)
    match job.state:
        case State.HELD:
            past = ": it goes past the budget. Without an answer it ends "
            return "Waiting for an admin", (past, held_until(job), ".")
        case State.QUEUED:
            return _in_line(job, around)
        case State.UNSURE:
            return f"Waiting for an answer from {who}.", ("Nothing is sent again without you.",)
        case State.LATE:
            return "Overdue", _still_looking(job)
        case State.FETCHING if job.detail.startswith(BLOCKED):
            return "It is ready", (", but lies where this bot may not fetch from.",)
        case State.FETCHING if job.detail:
            return "It is ready", (", but cannot be fetched yet. It is tried again.",)
        case State.FETCHING | State.DELIVERING:
            return "Almost there", ()
        case State.KEPT:
            return "Kept.", ("It could not be posted here.",)
    return _STARTING


def _in_line(job: Job, around: Around) -> Phrase:
    in_the_way = replies.in_the_way(job)
    if in_the_way:
        head, _, rest = in_the_way.partition("; ")
        return head, (f"; {rest}",) if rest else ()
    head = "Next in line" if around.ahead == 0 else f"{_ordinal(around.ahead + 1)} in line"
    starts_ms = _starts_ms(job, around)
    return head, (", starts ", Moment(starts_ms)) if starts_ms > around.now_ms else ()


def _ordinal(number: int) -> str:
    """Return `2nd`, `3rd`, `11th`."""
    last = number % 10 if number % 100 not in {11, 12, 13} else 0
    return f"{number}{({1: 'st', 2: 'nd', 3: 'rd'}).get(last, 'th')}"


def _starts_ms(job: Job, around: Around) -> int:
    """Return when its turn should have come: as many go at once as its offer takes. 0 where nobody knows."""
    if around.offer is None or around.usual is None:
        return 0
    turns = around.ahead // around.offer.bound + 1
    return job.state_since_ms + int(turns * around.usual.likely_s * 1000)


def _being_made(job: Job, around: Around) -> Phrase:
    who = provider(job.offer)
    here = around.offer is not None and around.offer.spec.renders_here
    if job.wished and around.can_stop:
        return f"Cancelling at {who}", ()
    if job.detail == SENT and not here:
        return _STARTING
    if job.detail == SLOW_TO_ANSWER:
        return f"{who} is slow to answer", (", still looking.",)
    if job.provider_place is not None:
        return f"Waiting at {who}, place {job.provider_place + 1}", ()
    return _rendering(job, around.usual)


def _rendering(job: Job, usual: Usual | None) -> Phrase:
    """Say when it should be ready; from the last look before that on, that it takes longer."""
    if usual is None:
        return RENDERING, ()
    ready_ms = job.state_since_ms + int(usual.likely_s * 1000)
    if (job.due_at_ms or 0) > ready_ms:
        return "Taking longer than usual", (f", still running. Most take under {roughly(usual.slow_s)}.",)
    return RENDERING, (", ready ", Moment(ready_ms))


def _still_looking(job: Job) -> Text:
    if job.retention_at_ms is None:
        return (", still looking.",)
    return (", still looking. That ends ", Moment(job.retention_at_ms), "; it counts only if it comes.")


def _ended(job: Job, around: Around) -> Phrase:
    if around.deleted is not None:
        by = around.deleted.detail
        return f"Deleted by {by}" if by else "Deleted", (", ", Moment(around.deleted.at_ms))
    match job.state:
        case State.DELIVERED if around.elsewhere:
            return "Sent directly.", (f"{around.elsewhere[0].upper()}{around.elsewhere[1:]}.",)
        case State.DELIVERED:
            return f"Done in {replies.took(job)}", ()
        case State.CANCELLED:
            return "Cancelled.", (_all_the_same(job),)
    head = _FAILED[Kind(job.failure or Kind.INTERNAL)].format(who=provider(job.offer))
    return head, (_all_the_same(job),)


def _all_the_same(job: Job) -> str:
    """Return what of the money is lost on a job that brought nothing."""
    over = job.state in FINAL
    cost = job.cost_usd_micros if over else job.cost_usd_micros or job.price_usd_micros
    if not cost:
        return _NOT_CHARGED
    return f"{provider(job.offer)} {'charged' if over else 'charges'} {money(cost)} for it all the same."


_FAILED: Mapping[Kind, str] = {
    Kind.MODERATED: "Refused by {who}.",
    Kind.BAD_INPUT: "It cannot be made like this.",
    Kind.MEDIA_UNREACHABLE: "{who} could not fetch the picture.",
    Kind.CREDENTIALS: "{who} does not work here just now.",
    Kind.NO_CREDIT: "{who} does not work here just now.",
    Kind.PROVIDER_ERROR: "{who} failed to make it.",
    Kind.NO_OUTPUT: "{who} brought no whole video.",
    Kind.TIMED_OUT: "{who} never finished it.",
    Kind.LOST: "Lost at {who}.",
    Kind.BUSY: "There was no room anywhere.",
    Kind.DECLINED: "Declined by an admin.",
    Kind.EXPIRED: "Nobody decided about it.",
    Kind.UNCOLLECTED: "Nobody collected it.",
    Kind.INTERNAL: "Something here broke.",
}
