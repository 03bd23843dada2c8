"""Who may know of a job, look into it, and decide about it, by where they ask and what they are there."""

from __future__ import annotations

from bot.platforms.contract import Asking
from storage.contract import Job


def may_know(asking: Asking, job: Job) -> bool:
    """Tell whether somebody may know of a job from where they ask: its own scope, or its requester in private."""
    if asking.is_private:
        return _is_theirs(asking, job)
    return job.subjects.scope == f"scope:{asking.scope}"


def may_see(asking: Asking, job: Job) -> bool:
    """Tell whether somebody may look into a job, or start from it: whoever reads its channel, and those who may steer it."""
    return may_know(asking, job) and (_in_its_channel(asking, job) or may_steer(asking, job))


def may_steer(asking: Asking, job: Job) -> bool:
    """Tell whether somebody may stop a job or delete its video: its requester and those who keep order there.

    A moderator does so in a channel of theirs, where that was read off; an admin in the whole scope.
    """
    keeps_order = asking.is_admin or asking.is_operator or (asking.is_moderator and _in_its_channel(asking, job))
    return keeps_order or _is_theirs(asking, job)


def _is_theirs(asking: Asking, job: Job) -> bool:
    return job.subjects.user == f"user:{asking.user}"


def _in_its_channel(asking: Asking, job: Job) -> bool:
    """Tell whether they ask in the channel where it was asked for, or where its video was collected."""
    was_asked = asking.channel is not None and job.subjects.channel == f"channel:{asking.channel}"
    return was_asked or (job.place.server, job.place.channel) == (asking.spot.server, asking.spot.channel)
