"""When to look next."""

from __future__ import annotations

from providers.kit.spec import Spec
from storage.contract import Job
from storage.states import State

_LATE_LOOK_MS = 5 * 60_000
_RECONCILE_MS = (1_000, 5_000, 30_000, 120_000)
_RECONCILE_RARELY_MS = 600_000


def next_look_ms(spec: Spec, job: Job) -> int:
    """Return how long to wait before the next look: the offer's own pace, and rarely once the job is late."""
    if job.state is State.LATE or job.clock_due:
        return _LATE_LOOK_MS
    pace = spec.pace
    return int((pace.first_look_s if job.age_ms < pace.young_s * 1000 else pace.every_s) * 1000)


def next_reconcile_ms(job: Job) -> int:
    """Return how long to wait before asking again for a lost answer, longer the longer it is lost."""
    return next((gap for gap in _RECONCILE_MS if job.age_ms < 10 * gap), _RECONCILE_RARELY_MS)
