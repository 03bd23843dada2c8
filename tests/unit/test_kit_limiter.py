"""A key's limiter on a simulated clock: no minute holds too many calls, and a provider that asks to wait is waited for."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as some

from providers.kit.limiter import Limiter


@dataclass
class Clock:
    """A monotonic clock that moves only when told."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@given(some.integers(1, 7), some.lists(some.sampled_from([0, 0, 0, 1, 7, 30, 59, 60, 61, 200]), max_size=60))
def test_no_minute_ever_holds_more_calls_than_the_bound(most: int, gaps_s: list[int]) -> None:
    """Whenever they are asked for: every window of a minute is looked at, not only the clock's own."""
    clock = Clock()
    limiter = Limiter(most, clock)
    made_s = []
    for gap_s in gaps_s:
        clock.now_s += gap_s
        made_s.append(clock.now_s + limiter.take())
    assert made_s == sorted(made_s)
    assert all(later - earlier >= 60 for earlier, later in zip(made_s, made_s[most:], strict=False))


@given(some.integers(1, 7))
def test_no_call_waits_longer_than_the_bound_asks(most: int) -> None:
    """A full minute is let through at once, and a call is due as soon as the oldest one is a minute old."""
    clock = Clock()
    limiter = Limiter(most, clock)
    assert [limiter.take() for _ in range(most)] == [0.0] * most
    clock.now_s += 59
    assert limiter.wait_s() == 1.0
    clock.now_s += 1
    assert [limiter.take() for _ in range(most)] == [0.0] * most


def test_asking_how_long_counts_nothing() -> None:
    """Only a call that is made does."""
    limiter = Limiter(1, Clock())
    assert [limiter.wait_s() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert limiter.take() == 0.0
    assert [limiter.wait_s() for _ in range(3)] == [60.0, 60.0, 60.0]


def test_calls_that_wait_stand_in_line() -> None:
    """Two at once do not both take the same free place."""
    limiter = Limiter(2, Clock())
    assert [limiter.take() for _ in range(6)] == [0, 0, 60, 60, 120, 120]


def test_without_a_bound_nothing_waits() -> None:
    """Some providers name none."""
    limiter = Limiter(None, Clock())
    assert {limiter.take() for _ in range(1000)} == {0.0}


def test_a_provider_that_says_how_long_is_waited_for_exactly() -> None:
    """Bound or no bound."""
    for most in (None, 5):
        clock = Clock()
        limiter = Limiter(most, clock)
        limiter.pause(30.0)
        assert (limiter.wait_s(), limiter.take()) == (30.0, 30.0)
        clock.now_s += 29.5
        assert limiter.wait_s() == 0.5
        clock.now_s += 1
        assert limiter.wait_s() == 0.0


def test_asked_to_wait_no_time_at_all_nothing_waits() -> None:
    """0 is an answer, not a missing one."""
    limiter = Limiter(None, Clock())
    limiter.pause(0.0)
    assert limiter.wait_s() == 0.0


def test_refusals_that_say_nothing_are_waited_for_twice_as_long_each_time_up_to_a_minute() -> None:
    """Novita tells no time."""
    clock = Clock()
    limiter = Limiter(None, clock)
    waits_s = []
    for _ in range(8):
        limiter.pause(None)
        waits_s.append(limiter.wait_s())
        clock.now_s += limiter.wait_s()
    assert waits_s == [2, 4, 8, 16, 32, 60, 60, 60]


def test_a_call_that_went_well_makes_the_next_pause_short_again_and_ends_none() -> None:
    """One that was under way may come back after the refusal of another."""
    clock = Clock()
    limiter = Limiter(None, clock)
    for _ in range(4):
        limiter.pause(None)
    limiter.resume()
    assert limiter.wait_s() == 16.0
    clock.now_s += 16
    limiter.pause(None)
    assert limiter.wait_s() == 2.0


@pytest.mark.parametrize("told_s", [None, 1.0, 0.0])
def test_a_shorter_wait_never_ends_a_longer_one(told_s: float | None) -> None:
    """Two calls are refused side by side, and only one of the refusals says how long."""
    limiter = Limiter(None, Clock())
    limiter.pause(30.0)
    limiter.pause(told_s)
    assert limiter.wait_s() == 30.0


def test_a_pause_and_the_bound_hold_together() -> None:
    """The longer of both counts."""
    limiter = Limiter(1, Clock())
    limiter.take()
    limiter.pause(5.0)
    assert limiter.wait_s() == 60.0
    limiter.pause(90.0)
    assert limiter.wait_s() == 90.0


@pytest.mark.parametrize("start_s", [0.0, 0.5, 1e9])
def test_the_clock_may_start_anywhere(start_s: float) -> None:
    """A monotonic clock near zero right after a machine's start is no pause."""
    limiter = Limiter(1, Clock(start_s))
    assert (limiter.take(), limiter.take()) == (0.0, 60.0)
