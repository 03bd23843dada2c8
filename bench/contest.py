"""One round after another of baseline and subject in turn, so that whatever slows the machine slows both."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

Run = Callable[[], float]
"""Does its work once and returns how much of it a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a contest: the subject's throughput over the baseline's, round by round."""

    name: str
    target: float | None
    baseline_per_s: float
    subject_per_s: float
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median over the rounds; more is better."""
        return statistics.median(self.ratios)

    def line(self) -> str:
        """Return the result as one line under HEAD."""
        spread = f"{min(self.ratios):.2f} to {max(self.ratios):.2f}"
        rates = f"{self.baseline_per_s:>9,.0f}{self.subject_per_s:>9,.0f}"
        target = "none" if self.target is None else f"{self.target:.1f}x"
        return f"{self.name:<46}{rates}{self.ratio:>8.2f}x{target:>8}   {spread}"


HEAD = f"{'':<46}{'floor/s':>9}{'ours/s':>9}{'ratio':>9}{'target':>8}   spread over the rounds"


def contest(name: str, target: float | None, *, baseline: Run, subject: Run, rounds: int) -> Result:
    """Let both run in turn, one round to warm up and then so many that count, each going first in every other."""
    pairs = [_round(baseline, subject, subject_first=number % 2 == 1) for number in range(rounds + 1)][1:]
    return Result(
        name=name,
        target=target,
        baseline_per_s=statistics.median(floor for floor, _ in pairs),
        subject_per_s=statistics.median(ours for _, ours in pairs),
        ratios=tuple(ours / floor for floor, ours in pairs),
    )


def _round(baseline: Run, subject: Run, *, subject_first: bool) -> tuple[float, float]:
    if subject_first:
        ours = subject()
        return baseline(), ours
    floor = baseline()
    return floor, subject()
