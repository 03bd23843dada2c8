"""The messages of their own beside the video: that it failed, hangs, is late or is kept, and what admins are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.cards import decisions
from bot.failing import failure
from bot.language import told, tr
from bot.phrases import by_whom_decided, decision, held_until, how_decided
from bot.platforms.contract import Action, Message, Moment, Picture, Text
from bot.sayings import budget_with
from bot.wording import about, provider
from storage.contract import Job, Left, Trail
from storage.states import Kind, Notice, State

_HOLDS_IN = {
    Notice.APPROVAL: State.HELD,
    Notice.OUTCOME: State.FAILED,
    Notice.UNSURE: State.UNSURE,
    Notice.LATE: State.LATE,
    Notice.KEPT: State.KEPT,
}
_AGAIN_HELPS = frozenset(
    {
        Kind.PROVIDER_ERROR,
        Kind.NO_OUTPUT,
        Kind.TIMED_OUT,
        Kind.LOST,
        Kind.BUSY,
        Kind.EXPIRED,
        Kind.UNCOLLECTED,
        Kind.INTERNAL,
    }
)
"""Why the very same request may well succeed the next time."""


def holds(job: Job, notice: Notice) -> bool:
    """Tell whether it is still so."""
    return job.state is _HOLDS_IN[notice]


def message(job: Job, notice: Notice, trail: Iterable[Trail] = ()) -> Message | None:
    """Return what its person is told, of a decline with who decided so; None where it is not so any more."""
    if not holds(job, notice):
        return None
    match notice:
        case Notice.OUTCOME:
            return _failed(job, trail)
        case Notice.UNSURE:
            return _unsure(job)
        case Notice.LATE:
            return _late(job)
        case Notice.KEPT:
            return _kept(job)
    return None


def approval(job: Job, recipe: str, left: Sequence[Left], picture: Picture | None) -> Message:
    """Return what admins are asked: whether this one video may go past the budget; `left` says how that stands."""
    return Message(
        head=tr("asks for a video over the budget."),
        text=(budget_with(job, left),),
        quote=job.request.get("prompt", ""),
        small=told(
            "{recipe}, {price}. Without an answer it ends {at}.",
            recipe=recipe,
            price=about(job.price_usd_micros),
            at=held_until(job),
        ),
        actions=(*decisions(job), _details(job)),
        picture=picture,
    )


def answered(job: Job, recipe: str, trail: Iterable[Trail], picture: Picture | None) -> Message:
    """Return what admins were asked, once there is nothing to decide any more."""
    return Message(
        head=tr("asks for a video over the budget."),
        text=_how(job, trail),
        quote=job.request.get("prompt", ""),
        small=(f"{recipe}, {about(job.price_usd_micros)}",),
        actions=(_details(job),),
        picture=picture,
    )


def decided(job: Job, trail: Iterable[Trail]) -> Message:
    """Return what whoever decides too late is told."""
    return Message(head=tr("This was decided already."), text=_how(job, trail))


def _how(job: Job, trail: Iterable[Trail]) -> Text:
    line = decision(trail)
    return (tr("It ended."),) if line is None else how_decided(job, line)


def _failed(job: Job, trail: Iterable[Trail]) -> Message:
    head, dot, rest = failure(job).partition(". ")
    line = decision(trail)
    by_whom: Text = ()
    if line is not None and job.failure == Kind.DECLINED:
        head, dot, by_whom = tr("It was declined."), "", (*by_whom_decided(job, line), " ")
    edit = Action(label=tr("Edit and try again"), verb="edit", of=job.id)
    again = (Action(label=tr("Again"), verb="again", of=job.id),) if job.failure in _AGAIN_HELPS else ()
    return _message(job, head + dot.strip(), (*by_whom, rest) if rest else by_whom, edit, *again, _details(job))


def _unsure(job: Job) -> Message:
    return _message(
        job,
        tr("{who} never answered, so nobody knows whether your video is being made.", who=provider(job.offer)),
        (
            tr(
                "It is not sent again by itself, as it could be paid twice. It is being looked into; an operator can "
                "settle it. It holds one of your videos until that is known."
            ),
        ),
        Action(label=tr("Leave it"), verb="leave", of=job.id),
        Action(label=tr("Run it again (may be paid twice)"), verb="twice", of=job.id),
    )


def _late(job: Job) -> Message:
    return _message(
        job,
        tr("Your video is late."),
        _looked_for(job),
        Action(label=tr("Cancel"), verb="cancel", of=job.id),
        _details(job),
    )


def _kept(job: Job) -> Message:
    return _message(
        job,
        tr("Your video is ready, but it could not be posted."),
        _kept_until(job),
        Action(label=tr("Collect"), verb="collect", of=job.id),
        _details(job),
    )


def _looked_for(job: Job) -> Text:
    if job.retention_at_ms is None:
        return (
            tr(
                "It is looked for until {who} forgets it; if it comes, you get it here. Nothing is charged to you "
                "unless it does.",
                who=provider(job.offer),
            ),
        )
    return told(
        "It is still looked for; that ends {at}. If it comes, you get it here. Nothing is charged to you unless it does.",
        at=Moment(job.retention_at_ms),
    )


def _kept_until(job: Job) -> Text:
    if job.keep_until_ms is None:
        return (tr("It is kept for you to collect."),)
    return told(
        "It is kept for you: `/collect` gets it where you ask. It is deleted {at}.", at=Moment(job.keep_until_ms)
    )


def _message(job: Job, head: str, text: Text, *actions: Action) -> Message:
    return Message(head=head, text=text, small=(tr("job {job}", job=job.id),), actions=actions)


def _details(job: Job) -> Action:
    return Action(label=tr("Details"), verb="more", of=job.id)
