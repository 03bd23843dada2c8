"""When to look next, as it was learned from the jobs before, and how long it usually takes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.schedule import Law, Schedule, Usual, best, law
from providers.kit.spec import Spec
from storage.contract import Job, Ran, Store
from storage.states import State

_LATE_LOOK_MS = 5 * 60_000
_RECONCILE_MS = (1_000, 5_000, 30_000, 120_000)
_RECONCILE_RARELY_MS = 600_000
_AGAIN_S = 60.0
_KNOWN_BY = 20
"""From so many jobs on, what was learned is believed alone."""
_MOST = 100
_EXPONENT = 0.8
"""How much longer a longer video takes, where none of its length was seen: twice the length, 1.7 times the time."""


def declared(spec: Spec, video_s: int) -> Usual:
    """Return how long it takes before anything was learned: what the spec says, for a video of that length."""
    shortest = min(int(value) for value in _lengths(spec))
    longer = (video_s / shortest) ** _EXPONENT if video_s > shortest else 1.0
    return Usual(median_s=spec.pace.usual_s * longer, slow_s=spec.pace.slow_s * longer)


def _lengths(spec: Spec) -> Iterable[int]:
    duration = spec.option("duration")
    return [5] if duration is None else [int(value) for value in duration.samples()]


@dataclass(frozen=True, slots=True)
class _Learned:
    """What is known of an offer's videos of one length."""

    seen: int
    usual: Usual
    schedule: Schedule


class Paces:
    """The pace of every offer and length. It reads the store once a minute, and computes in a thread."""

    def __init__(self, store: Store, monotonic: Callable[[], float]) -> None:
        self._store, self._monotonic = store, monotonic
        self._read_at_s = float("-inf")
        self._ran: dict[str, list[Ran]] = {}
        self._learned: dict[tuple[str, int], _Learned] = {}

    async def refresh(self, specs: Iterable[Spec]) -> None:
        """Learn from what has ended since; nothing happens within a minute of the last time."""
        if self._monotonic() - self._read_at_s < _AGAIN_S:
            return
        self._read_at_s = self._monotonic()
        self._ran = await self._store.ran_s()
        for spec in specs:
            for video_s in {ran.video_s for ran in self._ran.get(spec.offer, ())}:
                await self._learn(spec, video_s)

    async def _learn(self, spec: Spec, video_s: int) -> None:
        observed_s = self._observed_s(spec, video_s)
        known = self._learned.get((spec.offer, video_s))
        if known is None or len(observed_s) != known.seen or len(observed_s) == _MOST:
            self._learned[spec.offer, video_s] = await asyncio.to_thread(_learned, spec, video_s, observed_s)

    def _observed_s(self, spec: Spec, video_s: int) -> list[float]:
        return [ran.took_s for ran in self._ran.get(spec.offer, ()) if ran.video_s == video_s][:_MOST]

    def usual(self, spec: Spec, video_s: int) -> Usual:
        """Return how long it takes, and what only one in twenty takes longer than."""
        known = self._learned.get((spec.offer, video_s))
        return declared(spec, video_s) if known is None else known.usual

    def next_look_ms(self, spec: Spec, job: Job) -> int:
        """Return how long to wait before the next look; rarely once the job is late."""
        if job.state is State.LATE or job.clock_due:
            return _LATE_LOOK_MS
        known, pace = self._learned.get((spec.offer, job.seconds)), spec.pace
        if known is None or spec.renders_here:
            return int((pace.first_look_s if job.age_ms < pace.young_s * 1000 else pace.every_s) * 1000)
        return max(1, round(1000 * known.schedule.next_s(job.age_ms / 1000)))

    def first_look_ms(self, spec: Spec, video_s: int) -> int:
        """Return how long to wait for the first look after the ticket."""
        known = self._learned.get((spec.offer, video_s))
        first_s = spec.pace.first_look_s if known is None or spec.renders_here else known.schedule.next_s(0.0)
        return int(first_s * 1000)


def _learned(spec: Spec, video_s: int, observed_s: Sequence[float]) -> _Learned:
    found: Law = law(observed_s, declared(spec, video_s))
    schedule = best(found)
    if len(observed_s) < _KNOWN_BY:
        schedule = schedule.also(_young(spec))
    return _Learned(len(observed_s), found.usual, schedule)


def _young(spec: Spec) -> list[float]:
    """Return the looks at a young job, when refusals come and places in a queue are told."""
    pace = spec.pace
    return [pace.first_look_s * number for number in range(1, int(pace.young_s // max(pace.first_look_s, 0.1)) + 1)]


def next_reconcile_ms(job: Job) -> int:
    """Return how long to wait before asking again for a lost answer, longer the longer it is lost."""
    return next((gap for gap in _RECONCILE_MS if job.age_ms < 10 * gap), _RECONCILE_RARELY_MS)
