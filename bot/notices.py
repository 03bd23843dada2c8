"""The messages of their own that a job's person gets beside the video: that it failed, hangs, is late or is kept."""

from __future__ import annotations

from bot import replies
from bot.wording import provider
from storage.contract import Job
from storage.states import Notice, State

_HOLDS_IN = {
    Notice.OUTCOME: State.FAILED,
    Notice.UNSURE: State.UNSURE,
    Notice.LATE: State.LATE,
    Notice.KEPT: State.KEPT,
}


def text(job: Job, notice: Notice) -> str | None:
    """Return what is said; None where it is not so any more."""
    if job.state is not _HOLDS_IN[notice]:
        return None
    who = provider(job.offer)
    match notice:
        case Notice.OUTCOME:
            return replies.ended(job)
        case Notice.UNSURE:
            return (
                f"{who} never answered, so nobody knows whether your video is being made. It is not sent again, as it could "
                f"be paid twice. It is being looked into; an operator can settle it. You may ask for a new one, knowing that "
                f"both may be paid. (job {job.id})"
            )
        case Notice.LATE:
            return (
                f"Your video is still not there. It is looked for until {who} forgets it; if it comes, you get it here. "
                f"Nothing is charged to you unless it does. (job {job.id})"
            )
        case Notice.KEPT:
            return f"Your video is ready, but it could not be posted. It is kept for you to collect. (job {job.id})"
