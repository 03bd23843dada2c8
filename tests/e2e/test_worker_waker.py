"""Many jobs at once: bounded, fair, one timer, and nothing left behind by those who died."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.waker import Waker
from providers.kit.spec import Pace
from storage.contract import Job
from storage.states import State
from tests.chaos.harness import Bot, Killed, Wire, started, wall_clock
from tests.chaos.harness_life import Life, world
from tests.fakes.backends import Sqlite
from tests.fakes.platform import WITH_CARDS

QUICK = Pace(usual_s=0.1, slow_s=1.0, first_look_s=0.01, every_s=0.02)
SLOW = Pace(usual_s=60.0, slow_s=600.0, first_look_s=30.0, every_s=30.0)


def life(**changes: Any) -> Life:
    """Return a life in real time."""
    return Life(**({"name": "plain", "end": "delivered", "spec": {"pace": QUICK}} | changes))


@asynccontextmanager
async def waking(bot: Bot, **given: Any) -> AsyncIterator[Waker]:
    """Let a waker serve for the length of a block."""
    stop, waker = asyncio.Event(), bot.waker(**given)
    serving = asyncio.create_task(waker.run(stop))
    try:
        yield waker
    finally:
        stop.set()
        await serving


async def eventually(bot: Bot, holds: Callable[[Counter[State]], bool]) -> None:
    """Wait until the states of all jobs are as wished; 50 s at most."""
    async with asyncio.timeout(50):
        while not holds(Counter(job.state for job in await bot.store.jobs(most=1000))):  # noqa: ASYNC110 - it is the store that knows
            await asyncio.sleep(0.02)


async def queued(bot: Bot, users: list[str]) -> dict[str, str]:
    """Bring one job a user, in this order, into the line; users by job."""
    jobs: dict[str, str] = {}
    for number, user in enumerate(users):
        job = await bot.ask(number, user=user)
        await bot.worker.step(job.id)
        jobs[job.id] = user
    return jobs


async def test_thirty_jobs_pass_a_bound_of_three_and_each_requester_gets_an_equal_share(tmp_path: Path) -> None:
    """One person's twenty do not stand in the way of two others' five; never are more than three in flight."""
    users = ["board/ana"] * 20 + ["board/ben"] * 5 + ["board/cem"] * 5
    with world(life(script={"looks": 1}), tmp_path / "w") as there:
        there.setting.clock = wall_clock
        async with started(there.setting) as bot:
            jobs = await queued(bot, users)
            async with waking(bot):
                await eventually(bot, lambda states: states[State.DELIVERED] == len(users))
        assert there.servers[0].most_at_once == 3
        assert sorted(there.paid()) == sorted(post["job"] for post in there.board.posted()) == sorted(jobs)
        first = Counter(jobs[key] for key in there.paid()[:15])
        assert max(first.values()) - min(first.values()) <= 2, first
        assert Sqlite().in_flight(there.setting.folder) == {}


async def test_waiting_jobs_share_one_timer(tmp_path: Path) -> None:
    """Thirty jobs that wait for their next look cost no task and no timer each."""
    with world(life(script={"end": "never"}, spec={"pace": SLOW, "in_flight": 30}), tmp_path / "w") as there:
        there.setting.clock = wall_clock
        async with started(there.setting) as bot:
            await queued(bot, ["board/ana"] * 30)
            before = len(asyncio.all_tasks())
            async with waking(bot, sweep_s=30.0):
                await eventually(bot, lambda states: states[State.GENERATING] == 30)
                async with asyncio.timeout(10):
                    while len(asyncio.all_tasks()) > before + 3:  # noqa: ASYNC110 - the last steps are just ending
                        await asyncio.sleep(0.01)


async def test_a_sweep_finds_what_a_dead_bot_left(tmp_path: Path) -> None:
    """Nobody asks again: the next bot's waker finds jobs in each state by itself."""
    with world(life(), tmp_path / "w") as there:
        there.setting.clock, there.setting.lease_s = wall_clock, 0.2
        ends = ["workbench.prepare_image <", "provider.look <", "blobs.put <", "platform.show_video >"]
        for number, end in enumerate(ends):
            wire = Wire()
            async with started(there.setting, wire) as bot:
                job = await bot.ask(number)
                wire.at = end
                try:
                    await asyncio.wait_for(driven(bot, job), 10)
                except Killed:
                    continue
        async with started(there.setting) as bot, waking(bot, sweep_s=0.1):
            await eventually(bot, lambda states: states[State.DELIVERED] == len(ends))
    assert len(there.paid()) == len(there.board.posted()) == len(ends)


async def driven(bot: Bot, job: Job) -> Job:
    """Make a job's steps in real time."""
    return await bot.worker.drive(job.id, until=lambda _: False, stop=asyncio.Event())


async def test_a_provider_without_room_is_asked_once_a_round_and_not_once_a_job(tmp_path: Path) -> None:
    """Twenty queued jobs do not become twenty refused calls in a row."""
    with world(life(posts=("429",)), tmp_path / "w") as there:
        there.setting.clock = wall_clock
        async with started(there.setting) as bot:
            await queued(bot, ["board/ana"] * 20)
            await bot.waker()._fill("wan2.5@imagined")
    assert len(there.servers[0].calls()) == 1


async def test_waking_a_job_too_often_changes_nothing(tmp_path: Path) -> None:
    """A hint is a hint: a hundred of them make one video."""
    with world(life(script={"looks": 2}), tmp_path / "w") as there:
        there.setting.clock = wall_clock
        async with started(there.setting) as bot:
            job = await bot.ask()
            async with waking(bot, sweep_s=0.05) as waker:
                async with asyncio.timeout(20):
                    while (await bot.store.job(job.id)).state is not State.DELIVERED:
                        await bot.store.nudge(job.id)
                        for _ in range(10):
                            waker.wake(job.id)
                        await asyncio.sleep(0.01)
            trail = [line.event for line in await bot.store.trail(job.id)]
    assert trail == ["accepted", "prepared", "submit", "ticket", "finished", "fetched", "posted"]
    assert (len(there.paid()), len(there.board.posted())) == (1, 1)


async def test_what_a_step_owes_is_said_without_waiting_for_a_sweep(tmp_path: Path) -> None:
    """The card at once, the failure as soon as it is known: the next sweep is half a minute away."""
    with world(life(posts=("moderated",)), tmp_path / "w") as there:
        there.setting.clock, there.board.abilities = wall_clock, WITH_CARDS
        async with started(there.setting) as bot, waking(bot, sweep_s=30.0) as waker:
            await asyncio.sleep(0.1)
            job = await bot.ask()
            waker.wake(job.id)
            async with asyncio.timeout(10):
                while not there.board.cards(job.id):  # noqa: ASYNC110 - the board is a file
                    await asyncio.sleep(0.02)
                await bot.worker.step(job.id)
                waker.wake(job.id)
                while not there.board.announced():  # noqa: ASYNC110 - the board is a file
                    await asyncio.sleep(0.02)
    assert there.board.cards(job.id)[-1]["state"].startswith("Refused by imagined.")
