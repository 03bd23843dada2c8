"""When a job is looked at next: often while it is young, at its offer's pace, rarely once it is late or lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.pace import next_look_ms, next_reconcile_ms
from providers.kit.spec import Pace
from storage.contract import Job
from storage.states import State
from tests.unit.test_replies import JOB, NOON_MS
from tests.unit.test_spec import SPEC

HOSTED = replace(SPEC, pace=Pace(usual_s=90, slow_s=240, first_look_s=3, every_s=5, young_s=15))
FLAT = replace(SPEC, pace=Pace(usual_s=90, slow_s=240, first_look_s=1.5, every_s=0.25))


def job(age_ms: int, state: State = State.GENERATING, **changes: Any) -> Job:
    """Return a job that is due so long after it came into its state."""
    return replace(JOB, state=state, state_since_ms=NOON_MS, due_at_ms=NOON_MS + age_ms, **changes)


@pytest.mark.parametrize(
    ("age_ms", "wait_ms"),
    [(0, 3000), (3000, 3000), (14_999, 3000), (15_000, 5000), (90_000, 5000), (1_800_000, 5000)],
)
def test_a_young_job_is_looked_at_often_and_an_older_one_at_its_offer_s_pace(age_ms: int, wait_ms: int) -> None:
    """Refusals and places in a queue come early."""
    assert next_look_ms(HOSTED, job(age_ms)) == wait_ms


def test_an_offer_without_a_youth_has_one_pace() -> None:
    """From the first look on, to the millisecond."""
    assert [next_look_ms(FLAT, job(age_ms)) for age_ms in (0, 1, 10_000)] == [250, 250, 250]


@pytest.mark.parametrize("age_ms", [0, 10_000, 86_400_000])
def test_a_late_job_is_looked_at_every_five_minutes(age_ms: int) -> None:
    """Until the provider forgets it; its state is new, but the job is not young."""
    assert next_look_ms(HOSTED, job(age_ms, State.LATE)) == 300_000
    assert next_look_ms(HOSTED, job(age_ms, clock_due=True)) == 300_000


def test_a_job_whose_due_nobody_knows_is_young() -> None:
    """A look too many does no harm."""
    assert next_look_ms(HOSTED, replace(job(0), due_at_ms=None)) == 3000
    assert next_reconcile_ms(replace(job(0, State.UNSURE), due_at_ms=None)) == 1000


@pytest.mark.parametrize(
    ("age_ms", "wait_ms"),
    [
        (0, 1000),
        (9_999, 1000),
        (10_000, 5000),
        (49_999, 5000),
        (50_000, 30_000),
        (299_999, 30_000),
        (300_000, 120_000),
        (1_199_999, 120_000),
        (1_200_000, 600_000),
        (7 * 86_400_000, 600_000),
    ],
)
def test_a_lost_answer_is_asked_for_less_often_the_longer_it_is_lost(age_ms: int, wait_ms: int) -> None:
    """The provider's log has it soon or late; its key is not worn out meanwhile."""
    assert next_reconcile_ms(job(age_ms, State.UNSURE)) == wait_ms


def test_a_day_without_an_answer_costs_few_questions() -> None:
    """Counted as they come, each from the due that the one before set."""
    age_ms, asked = 0, 0
    while age_ms < 86_400_000:
        age_ms += next_reconcile_ms(job(age_ms, State.UNSURE))
        asked += 1
    assert 140 < asked < 200
