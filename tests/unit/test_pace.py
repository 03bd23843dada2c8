"""When a job is looked at next: by its offer's declaration at first, as it was learned later, rarely once it is late or lost."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace
from statistics import mean
from typing import Any, cast

import pytest

from bot.pace import Paces, declared, next_reconcile_ms
from bot.schedule import LOOK_IS_WORTH_S, Schedule, Usual, best, law
from providers.kit.spec import Pace, Spec
from storage.contract import Job, Ran, Store
from storage.states import State
from tests.unit.test_replies import JOB, NOON_MS
from tests.unit.test_spec import SPEC

HOSTED = replace(SPEC, pace=Pace(usual_s=90, slow_s=240, first_look_s=3, every_s=5, young_s=15))
FLAT = replace(SPEC, pace=Pace(usual_s=90, slow_s=240, first_look_s=1.5, every_s=0.25))
BELIEVED = Usual(median_s=90, slow_s=240)


@dataclass
class Remembers:
    """A store that knows how long jobs took, and counts how often it is asked."""

    ran: dict[str, list[Ran]] = field(default_factory=dict)
    asked: int = 0

    async def ran_s(self) -> dict[str, list[Ran]]:
        self.asked += 1
        return self.ran


@dataclass
class Now:
    """A clock that moves when told."""

    s: float = 0.0

    def __call__(self) -> float:
        return self.s


def paces(ran: dict[str, list[Ran]] | None = None, now: Now | None = None) -> Paces:
    """Return what is learned from these."""
    return Paces(cast("Store", Remembers(ran or {})), now or Now())


def job(age_ms: int, state: State = State.GENERATING, **changes: Any) -> Job:
    """Return a job that is due so long after it came into its state."""
    return replace(JOB, state=state, state_since_ms=NOON_MS, due_at_ms=NOON_MS + age_ms, **changes)


# -- before anything was learned


@pytest.mark.parametrize(
    ("age_ms", "wait_ms"),
    [(0, 3000), (3000, 3000), (14_999, 3000), (15_000, 5000), (90_000, 5000), (1_800_000, 5000)],
)
def test_a_young_job_is_looked_at_often_and_an_older_one_at_its_offer_s_pace(age_ms: int, wait_ms: int) -> None:
    """Refusals and places in a queue come early."""
    assert paces().next_look_ms(HOSTED, job(age_ms)) == wait_ms


def test_an_offer_without_a_youth_has_one_pace() -> None:
    """From the first look on, to the millisecond."""
    assert [paces().next_look_ms(FLAT, job(age_ms)) for age_ms in (0, 1, 10_000)] == [250, 250, 250]
    assert paces().first_look_ms(FLAT, 5) == 1500


@pytest.mark.parametrize("age_ms", [0, 10_000, 86_400_000])
def test_a_late_job_is_looked_at_every_five_minutes(age_ms: int) -> None:
    """Until the provider forgets it; its state is new, but the job is not young."""
    assert paces().next_look_ms(HOSTED, job(age_ms, State.LATE)) == 300_000
    assert paces().next_look_ms(HOSTED, job(age_ms, clock_due=True)) == 300_000


def test_a_job_whose_due_nobody_knows_is_young() -> None:
    """A look too many does no harm."""
    assert paces().next_look_ms(HOSTED, replace(job(0), due_at_ms=None)) == 3000
    assert next_reconcile_ms(replace(job(0, State.UNSURE), due_at_ms=None)) == 1000


@pytest.mark.parametrize(
    ("age_ms", "wait_ms"),
    [
        (0, 1000),
        (9_999, 1000),
        (10_000, 5000),
        (49_999, 5000),
        (50_000, 30_000),
        (300_000, 120_000),
        (1_200_000, 600_000),
        (86_400_000, 600_000),
    ],
)
def test_a_lost_answer_is_asked_for_less_and_less_often(age_ms: int, wait_ms: int) -> None:
    """A log may tell it late."""
    assert next_reconcile_ms(job(age_ms, State.UNSURE)) == wait_ms


def test_a_longer_video_takes_longer_before_anybody_saw_one() -> None:
    """Twice the length is 1.7 times the time."""
    assert declared(HOSTED, 5) == Usual(median_s=90, slow_s=240)
    assert declared(HOSTED, 10).median_s == pytest.approx(156.7, abs=0.1)


# -- what was learned


def slept(of: Spec, took_s: list[float], video_s: int = 5) -> dict[str, list[Ran]]:
    """Return these times as an offer's."""
    return {of.offer: [Ran(video_s, each) for each in took_s]}


async def test_what_is_usual_follows_what_videos_took() -> None:
    """After a few the spec still counts, after many it does not; a length of its own has its own."""
    few = paces(slept(HOSTED, [30.0] * 3))
    many = paces(slept(HOSTED, [29.0, 30.0, 31.0] * 33))
    for each in (few, many):
        await each.refresh([HOSTED])
    assert 31 < few.usual(HOSTED, 5).median_s < 90
    assert many.usual(HOSTED, 5).median_s == pytest.approx(30, abs=1)
    assert many.usual(HOSTED, 10) == declared(HOSTED, 10)


async def test_with_much_learned_nobody_looks_before_anything_can_be_over() -> None:
    """And looks come closer where ends do."""
    random.seed(7)
    learned = paces(slept(HOSTED, [random.lognormvariate(math.log(180), 0.1) for _ in range(100)]))
    await learned.refresh([HOSTED])
    assert learned.first_look_ms(HOSTED, 5) > 60_000
    assert learned.next_look_ms(HOSTED, job(175_000)) < 10_000


async def test_with_little_learned_a_young_job_is_still_looked_at_for_refusals() -> None:
    """They come early, and few have been seen."""
    learned = paces(slept(HOSTED, [180.0, 200.0, 170.0]))
    await learned.refresh([HOSTED])
    assert learned.first_look_ms(HOSTED, 5) == 3000
    assert learned.next_look_ms(HOSTED, job(3000)) == 3000


async def test_a_renderer_on_this_machine_keeps_its_declared_pace() -> None:
    """A look at it costs nothing."""
    near = replace(FLAT, renders_here=True)
    learned = paces(slept(near, [60.0] * 50))
    await learned.refresh([near])
    assert (learned.first_look_ms(near, 5), learned.next_look_ms(near, job(5000))) == (1500, 250)


async def test_the_store_is_asked_once_a_minute() -> None:
    """However many steps there are."""
    now, remembers = Now(), Remembers(slept(HOSTED, [30.0]))
    learned = Paces(cast("Store", remembers), now)
    for second in range(61):
        now.s = float(second)
        await learned.refresh([HOSTED])
    assert remembers.asked == 2


# -- the schedule itself


def _cost(schedule: Schedule, took_s: float) -> float:
    age_s, looks = 0.0, 0
    while age_s < took_s:
        age_s += schedule.next_s(age_s)
        looks += 1
    return age_s - took_s + LOOK_IS_WORTH_S * looks


def _log_normal() -> float:
    return random.lognormvariate(math.log(180), 0.35)


def _two_modes() -> float:
    return random.lognormvariate(math.log(random.choice((110, 260))), 0.12)


def _early_failures() -> float:
    return random.lognormvariate(math.log(8), 0.3) if random.random() < 0.06 else _log_normal()


def _storms() -> float:
    return random.lognormvariate(math.log(500), 0.3) if random.random() < 0.1 else _log_normal()


@pytest.mark.parametrize("truth", [_log_normal, _two_modes, _early_failures, _storms])
def test_after_a_hundred_jobs_looks_and_delay_are_close_to_the_best_there_is(truth: Any) -> None:
    """Within a tenth of a schedule that saw three thousand, and well below a look every five seconds."""
    random.seed(3)
    coming = [truth() for _ in range(2000)]
    known = best(law([truth() for _ in range(3000)], BELIEVED))
    learned = best(law([truth() for _ in range(100)], BELIEVED))
    fixed = Schedule(tuple(5.0 * number for number in range(1, 400)))
    cost = {each: mean(_cost(each, took_s) for took_s in coming) for each in (known, learned, fixed)}
    assert cost[learned] < 1.1 * cost[known]
    assert cost[learned] < 0.7 * cost[fixed]


def test_a_schedule_never_ends_and_never_stands_still() -> None:
    """Whatever the age, the next look is ahead, and not for ever away."""
    schedule = best(law([5.0] * 100, BELIEVED))
    for age_s in (0.0, 0.1, 4.99, 5.0, 100.0, 1e6):
        assert 0.01 < schedule.next_s(age_s) <= max(0.1 * age_s, 400.0)


@pytest.mark.parametrize("observed_s", [[], [0.0], [1e-9, 1e9], [60.0] * 100, [1.0, 2.0]])
def test_odd_observations_make_a_law_all_the_same(observed_s: list[float]) -> None:
    """A clock that jumped leaves times that cannot be."""
    found = law(observed_s, BELIEVED)
    assert 0 < found.usual.median_s < found.usual.slow_s
    looks = best(found).looks_s
    assert list(looks) == sorted(looks)
    assert len(looks) > 2
