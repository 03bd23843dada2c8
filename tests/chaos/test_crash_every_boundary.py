"""A bot that ends at any of its outside calls, and starts again, makes one video, pays once and delivers once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import Killed, Wire, started
from tests.chaos.harness_life import LIVES, Life, World, assert_settled, live, lived, world
from tests.fakes.backends import Sqlite
from tests.fakes.provider_server import PRICE

_MEMORY = Path("/dev/shm")


@pytest.fixture
def quick() -> Iterator[Path]:
    """A folder in memory where there is one: no power fails here, so no disk need be waited for."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


async def boundaries(life: Life, folder: Path) -> list[str]:
    """Live without an end on the way, and return every boundary that was passed."""
    wire = Wire()
    with world(life, folder) as whole:
        async with started(whole.setting, wire) as bot:
            job = await live(bot, life.meddle)
        if job.state is not State.UNSURE:
            assert_settled(whole, job)
    return wire.passed


async def ended_at(there: World, boundary: int) -> None:
    """Live until the bot ends at this boundary."""
    wire = Wire(boundary)
    try:
        async with started(there.setting, wire) as bot:
            await live(bot, there.life.meddle)
    except Killed:
        pass
    assert wire.dead, f"boundary {boundary} was not met: {wire.passed[-1]}"


async def assert_each_resolution_ends_it(there: World, job: Job) -> None:
    """Settle copies of an unsure job by hand in all three ways."""
    await assert_a_ticket_goes_on(there.copied("ticket"), job)
    for event, end, spent in ((Event.LOST, "lost", PRICE), (Event.UNPAID, "provider_error", 0)):
        copy = there.copied(event)
        async with started(copy.setting) as bot:
            ended = await bot.by_hand(job, event)
        inside = Sqlite().inside(copy.setting.folder, job.id)
        assert (ended.failure, inside.used_usd_micros, inside.spent_usd_micros) == (end, 0, spent)
        assert len(inside.outcomes) == 1
        assert Sqlite().in_flight(copy.setting.folder) == {}


async def assert_a_ticket_goes_on(there: World, job: Job) -> None:
    """Give an unsure job its ticket where there is one, else one that nobody knows: then it is unsure again."""
    made = [server.ticket(key) for server in there.servers for key in server.paid()]
    async with started(there.setting) as bot:
        await bot.by_hand(job, Event.TICKET, ticket=made[0] if made else "T-nobody")
        ended = await live(bot, there.life.meddle)
    if made:
        assert_settled(there, ended, "delivered" if there.life.end == "unsure" else there.life.end)
    else:
        assert (ended.state, ended.ticket) == (State.UNSURE, None)


def shared(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many boundaries two lives have in common from their beginning."""
    return next(
        (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def parting(passed: list[str], plain: list[str]) -> range:
    """Return the boundaries, counted from 1, between where a life parts from the plain one and where it joins it again."""
    first = shared(passed, plain)
    last = shared(passed[:first:-1], plain[:first:-1])
    return range(max(first, 1), min(len(passed) - last + 1, len(passed)) + 1)


async def visit(life: Life, folder: Path, passed: list[str], numbers: Iterable[int]) -> None:
    """End the bot at each of these boundaries in turn, in a world of its own, and let another bot go on."""
    for number in numbers:
        with world(life, folder / f"{number}") as there:
            await ended_at(there, number)
            job = await lived(there)
            if job.state is State.UNSURE:
                assert not life.able, f"unsure after {number}, {passed[number - 1]}, though the provider can be asked"
                await assert_each_resolution_ends_it(there, job)
            else:
                assert_settled(there, job)


@pytest.mark.parametrize("life", LIVES[:2], ids=str)
async def test_whichever_call_it_ends_at_the_next_bot_brings_the_job_to_its_one_end(life: Life, quick: Path) -> None:
    """Every boundary is visited in order; a job that nobody can know the truth of is unsure, and settles as a person says."""
    passed = await boundaries(life, quick / "whole")
    await visit(life, quick, passed, range(1, len(passed) + 1))


@pytest.mark.parametrize("life", LIVES[2:], ids=str)
async def test_a_life_that_parts_from_the_plain_one_is_ended_at_each_call_where_it_differs(
    life: Life, quick: Path
) -> None:
    """Refusals, cancels, lost answers and places that are gone are each met at every boundary that the plain life lacks."""
    passed, plain = await boundaries(life, quick / "whole"), await boundaries(LIVES[0], quick / "plain")
    await visit(life, quick, passed, parting(passed, plain))


@pytest.mark.torture
@pytest.mark.parametrize("life", LIVES[2:], ids=str)
async def test_every_life_is_ended_at_each_of_its_calls(life: Life, quick: Path) -> None:
    """No boundary of any life is left out, also where it is the plain one's."""
    passed = await boundaries(life, quick / "whole")
    await visit(life, quick, passed, range(1, len(passed) + 1))
