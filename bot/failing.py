"""Why a job brought no video, what that means for the money, and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping

from bot.language import later, tr
from bot.refusing import unfit
from bot.standing import WITHDRAWN
from bot.wording import money, provider, together
from storage.contract import Job
from storage.states import Kind


def failure(job: Job) -> str:
    """Return why there is no video, what that means for the money, and what to do."""
    kind, who = Kind(job.failure or Kind.INTERNAL), provider(job.offer)
    if kind == Kind.BAD_INPUT and job.detail.startswith("{"):
        return together(unfit(json.loads(job.detail)), tr("Nothing was charged."))
    if job.detail == WITHDRAWN:
        gone = tr("{who} does not have {model} any more.", who=who, model=job.offer.partition("@")[0])
        return together(gone, tr("Nothing was charged."), tr(_WERE_TOLD), tr("Choose another model."))
    why, then = _FAILURES[kind]
    if kind == Kind.PROVIDER_ERROR and not job.detail:
        why = later("{who} failed to make it and gave no reason.")
    billed = tr("Your limit was given back.") if kind in _GIVEN_BACK else _billed(job, who)
    return together(tr(why, who=who), billed, tr(then))


def _billed(job: Job, who: str) -> str:
    if job.cost_usd_micros:
        return tr(
            "Your limit was given back; {who} charged {price} for it all the same.",
            who=who,
            price=money(job.cost_usd_micros),
        )
    return tr("Nothing was charged.")


_WERE_TOLD = later("The people who run this bot were told.")
_ANOTHER_MODEL = later("The people who run this bot were told. Another model may work.")
_TRY_AGAIN = later("Try again.")
_FAILURES: Mapping[Kind, tuple[str, str]] = {
    Kind.MODERATED: (
        later("{who} refused this picture or these words under its content rules."),
        later("Change the prompt or the picture and try again."),
    ),
    Kind.BAD_INPUT: (
        later("{who} refused this request as it is."),
        later("Change the prompt, the picture or the options and try again."),
    ),
    Kind.MEDIA_UNREACHABLE: (
        later("{who} could not fetch the picture or the sound from here. That is not your fault."),
        later("The operator must check the public address."),
    ),
    Kind.CREDENTIALS: (later("The account at {who} does not work just now."), _ANOTHER_MODEL),
    Kind.NO_CREDIT: (later("The account at {who} has no credit left."), _ANOTHER_MODEL),
    Kind.PROVIDER_ERROR: (later("{who} failed to make it."), later("Trying again often works.")),
    Kind.NO_OUTPUT: (
        later("{who} reported success, but no whole video came."),
        later("Try again; the people who run this bot were told."),
    ),
    Kind.TIMED_OUT: (later("{who} never finished it."), _TRY_AGAIN),
    Kind.LOST: (later("The video cannot be found at {who}, and there is no way left to ask."), _TRY_AGAIN),
    Kind.BUSY: (later("There was no room at any provider for 24 hours."), later("Try again later.")),
    Kind.DECLINED: (later("An admin declined it."), ""),
    Kind.EXPIRED: (later("Nobody decided about it within 7 days."), later("Ask again if you still want it.")),
    Kind.UNCOLLECTED: (later("It was kept, and nobody collected it in time; it is gone now."), ""),
    Kind.INTERNAL: (later("Something here broke on this request."), _WERE_TOLD),
}
"""Why there is no video, and what to do; between them stands what that means for the money."""
_GIVEN_BACK = frozenset({Kind.TIMED_OUT, Kind.LOST, Kind.UNCOLLECTED})
"""What may have been paid, and no bill tells."""
