"""When to look at something whose length nobody knows: the looks that cost least, counting each look and each second of delay.

The optimal inspection problem (Barlow, Hunter and Proschan, 1963), solved exactly on a grid over what was observed.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist, median, stdev

LOOK_IS_WORTH_S = 0.5
"""How many seconds of delay one look is worth."""
_CELLS = 400
_REACH = 120
"""How many cells two looks may be apart."""
_PRIOR_WEIGHT = 5.0
"""How many observations the prior counts for."""
_GUARD = 0.1
_WIDER = 0.5
"""A tenth is kept for what was never seen: the same law, spread wider."""
_TAIL = 0.999
_BEYOND = 0.1
"""Beyond the law the next look comes after a tenth of the age."""
_P80, _P95 = NormalDist().inv_cdf(0.8), NormalDist().inv_cdf(0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """How long it takes in the middle, and what only one in twenty takes longer than."""

    median_s: float
    slow_s: float

    @property
    def likely_s(self) -> float:
        """By when four in five are over, where the logarithm of the length lies about the middle as a bell does."""
        return self.median_s * math.pow(self.slow_s / self.median_s, _P80 / _P95)


@dataclass(frozen=True, slots=True)
class _Bell:
    """A part of the law: a normal distribution of the length's logarithm, and how much it counts."""

    weight: float
    normal: NormalDist


@dataclass(frozen=True)
class Law:
    """How long it may take: a mixture over the logarithm of the length."""

    bells: tuple[_Bell, ...]

    def ended_by(self, age_s: float) -> float:
        """Return the probability that it is over at that age."""
        if age_s <= 0:
            return 0.0
        at = math.log(age_s)
        return math.fsum(bell.weight * bell.normal.cdf(at) for bell in self.bells)

    def quantile_s(self, share: float) -> float:
        """Return the age by which that share is over."""
        low, high = 1e-3, 1e7
        while high / low > 1.001:
            middle = math.sqrt(low * high)
            low, high = (low, middle) if self.ended_by(middle) >= share else (middle, high)
        return high

    @cached_property
    def usual(self) -> Usual:
        return Usual(median_s=self.quantile_s(0.5), slow_s=self.quantile_s(0.95))


def law(observed_s: Sequence[float], prior: Usual) -> Law:
    """Return the law: a kernel density over what was observed, the prior for a few observations, and a guard."""
    logs = [math.log(max(each, 1e-3)) for each in observed_s]
    believed = NormalDist(math.log(prior.median_s), max(math.log(prior.slow_s / prior.median_s) / _P95, 0.05))
    total = len(logs) + _PRIOR_WEIGHT
    bells = [_Bell((1 - _GUARD) * _PRIOR_WEIGHT / total, believed)]
    width = _bandwidth(logs)
    bells += [_Bell((1 - _GUARD) / total, NormalDist(each, width)) for each in logs]
    middle = median(logs) if logs else believed.mean
    spread = (stdev(logs) if len(logs) > 1 else believed.stdev) + _WIDER
    return Law((*bells, _Bell(_GUARD, NormalDist(middle, spread))))


def _bandwidth(logs: Sequence[float]) -> float:
    """Return Silverman's width of a kernel, never so narrow that a few alike hide all others."""
    if len(logs) < 2:
        return 0.3
    ordered = sorted(logs)
    quartiles = ordered[(3 * len(logs)) // 4] - ordered[len(logs) // 4]
    spread = min(stdev(logs), quartiles / 1.34) if quartiles > 0 else stdev(logs)
    return max(0.9 * spread / math.pow(len(logs), 0.2), 0.02)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The ages at which to look, in seconds, and how to go on after the last of them."""

    looks_s: tuple[float, ...]

    def next_s(self, age_s: float) -> float:
        """Return how long to wait for the next look at that age."""
        number = bisect_right(self.looks_s, age_s + _soon_s(age_s))
        return self.looks_s[number] - age_s if number < len(self.looks_s) else max(age_s * _BEYOND, 1.0)

    def also(self, looks_s: Iterable[float]) -> Schedule:
        """Return the schedule with more looks."""
        return Schedule(tuple(sorted({*self.looks_s, *looks_s})))


def _soon_s(age_s: float) -> float:
    """Return what is too soon for another look: a wake that came a little early must not look twice."""
    return min(0.25, 0.02 * age_s)


def best(of: Law, look_is_worth_s: float = LOOK_IS_WORTH_S) -> Schedule:
    """Return the schedule with the least expected delay plus what its looks are worth."""
    cell_s = of.quantile_s(_TAIL) / _CELLS
    ages_s = [number * cell_s for number in range(_CELLS + 1)]
    ended = [of.ended_by(age_s) for age_s in ages_s]
    moment = _moments(ages_s, ended)
    cost, following = [0.0] * (_CELLS + 1), [_CELLS] * (_CELLS + 1)
    for here in range(_CELLS - 1, -1, -1):
        # Waiting for `there` costs the look, if it is still running here, and the delay of all that ends on the way.
        look, since, sooner = look_is_worth_s * (1 - ended[here]), ended[here], moment[here]
        cost[here], following[here] = min(
            (look + ages_s[there] * (ended[there] - since) - (moment[there] - sooner) + cost[there], there)
            for there in range(here + 1, min(here + _REACH, _CELLS) + 1)
        )
    return Schedule(tuple(_walked(ages_s, following)))


def _moments(ages_s: Sequence[float], ended: Sequence[float]) -> list[float]:
    """Return the sum of lengths up to each age, each cell's at its middle."""
    sums = [0.0]
    for number in range(1, len(ages_s)):
        middle_s = (ages_s[number - 1] + ages_s[number]) / 2
        sums.append(sums[-1] + middle_s * (ended[number] - ended[number - 1]))
    return sums


def _walked(ages_s: Sequence[float], following: Sequence[int]) -> Iterable[float]:
    here = 0
    while here < len(ages_s) - 1:
        here = following[here]
        yield ages_s[here]
