"""The hosted providers under a bot that ends at any of its outside calls: one paid call, one video, both books right."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from storage.contract import Job
from storage.states import FINAL, Event, State
from tests.chaos.harness import Bot, Killed, Setting, Wire, started
from tests.e2e.hosted import FAKES, setting
from tests.fakes.backends import Sqlite
from tests.fakes.hosted import Fake, Fault
from tests.fakes.platform import Board

_MEMORY = Path("/dev/shm")
MODELS = {"fal": "wan2.5", "aimlapi": "wan2.5", "novita": "wan2.6"}


@dataclass(frozen=True, kw_only=True)
class Deal:
    """One job at one provider."""

    fake: Fake
    setting: Setting

    @property
    def board(self) -> Board:
        assert isinstance(self.setting.platform, Board)
        return self.setting.platform


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory where there is one: no power fails here, so no disk need be waited for."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


async def live(bot: Bot, name: str) -> Job:
    """Ask, and make every step until it is over or only a person can go on."""
    job = await bot.ask(model=MODELS[name])
    for _ in range(100):
        job = await bot.store.job(job.id)
        if job.state in FINAL or (job.state is State.UNSURE and _nobody_can_tell(job)):
            return job
        if await bot.worker.step(job.id) is None:
            bot.let_pass(job)
    raise AssertionError(f"job {job.id} does not end: {job.state}")


def _nobody_can_tell(job: Job) -> bool:
    """Tell whether there is no log to ask, or it was asked for long."""
    return job.due_in_ms is None or job.age_ms > 20 * 60_000


async def settled(deal: Deal, name: str, job: Job) -> Job:
    """Settle an unsure job as an operator does who looks at the provider's site."""
    made = [call.ticket for call in deal.fake.paid() if call.made]
    async with started(deal.setting) as bot:
        if not made:
            return await bot.by_hand(job, Event.UNPAID)
        await bot.by_hand(job, Event.TICKET, ticket=made[0])
        return await live(bot, name)


async def ended_at(deal: Deal, name: str, boundary: int | None) -> list[str]:
    """Live until the bot ends at this boundary, or to the end; return what was passed."""
    wire = Wire(boundary)
    with suppress(Killed):
        async with started(deal.setting, wire) as bot:
            await live(bot, name)
    assert boundary is None or wire.dead
    return wire.passed


def assert_right(deal: Deal, job: Job) -> None:
    """Check what must hold at the end, whatever happened on the way."""
    inside = Sqlite().inside(deal.setting.folder, job.id)
    made = [call for call in deal.fake.paid() if call.made]
    assert len(made) == inside.calls_that_may_be_paid <= 1
    assert inside.spent_usd_micros == deal.fake.billed_usd_micros() == (job.cost_usd_micros or 0)
    assert (job.state is State.DELIVERED) == bool(made)
    assert [post["job"] for post in deal.board.posted()] == [job.id] * len(made)
    assert inside.used_usd_micros == ((job.price_usd_micros or 0) if made else 0)
    assert len(inside.outcomes) == 1
    assert Sqlite().in_flight(deal.setting.folder) == {}


async def _one_deal(folder: Path, name: str, boundary: int | None, *faults: Fault) -> list[str]:
    with FAKES[name].serving(folder / "fake") as fake:
        fake.faults += [replace(fault) for fault in faults]
        deal = Deal(fake=fake, setting=setting(folder / "bot", fake))
        passed = await ended_at(deal, name, boundary)
        async with started(deal.setting) as bot:
            job = await live(bot, name)
        if job.state is State.UNSURE:
            assert name != "aimlapi" or not fake.jobs, "its log could have been asked"
            job = await settled(deal, name, job)
        assert_right(deal, job)
    return passed


@pytest.mark.parametrize("name", list(MODELS))
async def test_whichever_call_it_ends_at_one_video_is_paid_for_and_delivered(quick: Path, name: str) -> None:
    """Every boundary from the paid call on, in order; before it the lives of all offers are the same."""
    passed = await _one_deal(quick / "whole", name, None)
    first = passed.index("provider.submit <") + 1
    for boundary in range(first, len(passed) + 1):
        await _one_deal(quick / f"{boundary}", name, boundary)


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("fault", ["reset_before_job", "reset_after_job", "no_ticket", "http_error"])
async def test_a_lost_answer_is_paid_for_once_whoever_asks(quick: Path, name: str, fault: str) -> None:
    """Whether there was a job or not, the call is not made again; a log or an operator settles it."""
    await _one_deal(quick, name, None, Fault(fault, "submit", after_job=fault == "http_error"))
