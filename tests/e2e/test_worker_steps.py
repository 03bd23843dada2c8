"""Steps of one job against a provider at the socket: refusals, deadlines, wishes, full disks and places that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from bot.media.workbench import Workbench
from bot.worker import Worker
from providers.kit.provider import Connection, Order, Outcome, Running, Ticket
from providers.kit.spec import Pace
from storage.contract import Job, Move, Store
from storage.errors import Unavailable
from storage.states import Event, State
from tests.chaos.harness import ANA, Bot, Clock, Killed, Tripwire, Wire, started
from tests.chaos.harness_life import Life, World, world
from tests.fakes.backends import Inside, Sqlite
from tests.fakes.provider import imagined
from tests.fakes.provider_server import PRICE
from tests.fakes.provider_video import video

HOUR_MS = 3_600_000
RARELY = Pace(usual_s=60.0, slow_s=600.0, first_look_s=0.0, every_s=300.0)
SPEC: dict[str, Any] = {"pace": RARELY, "retention_s": 2 * 3600}
BEN = "board/ben"


def plain(**changes: Any) -> Life:
    """Return a life of which a test checks the end itself."""
    return Life(**({"name": "plain", "end": "delivered", "spec": SPEC} | changes))


def inside(there: World, job: Job) -> Inside:
    """Return what the store holds of a job beyond its port."""
    return Sqlite().inside(there.setting.folder, job.id)


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait for the server's threads; 10 s at most."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - a thread of the server has no event of this loop
            await asyncio.sleep(0.005)


async def test_a_cancel_while_submitting_stops_the_job_once_its_ticket_is_there(tmp_path: Path) -> None:
    """The wish waits for the answer; then the provider is asked to stop, confirms, and nothing is charged."""
    with world(plain(posts=("held ticket",), script={"end": "never"}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.QUEUED)
            submitting = asyncio.create_task(bot.worker.step(job.id))
            await eventually(lambda: bool(there.paid()))
            assert (await bot.by_hand(job, Event.CANCEL, by=f"user:{ANA}")).state is State.SUBMITTING
            there.servers[0].release.set()
            job = cast("Job", await submitting)
            assert (job.state, job.wished) == (State.GENERATING, True)
            job = await bot.until(job, State.CANCELLED)
    assert (inside(there, job).used_usd_micros, job.cost_usd_micros) == (0, 0)


async def test_a_cancel_while_submitting_ends_the_job_where_none_was_made(tmp_path: Path) -> None:
    """A proof of no job makes a wished job cancelled, and it is not sent again."""
    with world(plain(posts=("held 429",)), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.QUEUED)
            submitting = asyncio.create_task(bot.worker.step(job.id))
            await eventually(lambda: bool(there.servers[0].calls()))
            await bot.by_hand(job, Event.CANCEL, by=f"user:{ANA}")
            there.servers[0].release.set()
            job = cast("Job", await submitting)
    assert (job.state, there.paid()) == (State.CANCELLED, [])
    assert inside(there, job).spent_usd_micros == 0


async def test_a_submit_under_way_is_not_given_up_by_its_own_bot(tmp_path: Path) -> None:
    """A second wake for a job that is being sent changes nothing as long as its lease holds."""
    with world(plain(posts=("held ticket",)), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.QUEUED)
            submitting = asyncio.create_task(bot.worker.admit(job.offer))
            await eventually(lambda: bool(there.paid()))
            assert await bot.worker.step(job.id) is None
            there.servers[0].release.set()
            await submitting
            trail = [line.event for line in await bot.store.trail(job.id)]
    assert trail == ["accepted", "prepared", "submit", "ticket"]


async def test_a_cancel_that_the_provider_cannot_follow_keeps_the_video(tmp_path: Path) -> None:
    """No answer to Keep or Discard means Keep: it is delivered and charged."""
    with world(plain(able=False, script={"looks": 2}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.GENERATING)
            await bot.by_hand(job, Event.CANCEL, by=f"user:{ANA}")
            job = await bot.until(job, State.DELIVERED)
    assert inside(there, job).used_usd_micros == PRICE


@pytest.mark.parametrize(("by", "charged"), [(f"user:{ANA}", PRICE), (f"user:{BEN}", 0)])
async def test_a_discarded_job_tells_nothing_more_and_is_charged_to_its_own_discard_only(
    by: str, charged: int, tmp_path: Path
) -> None:
    """What the provider made is billed whoever discarded it; the allowance pays only for one's own."""
    with world(plain(able=False, script={"looks": 2}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.GENERATING)
            await bot.by_hand(job, Event.DISCARDED, by=by)
            shown = len(there.board.shown)
            job = await bot.until(job, State.CANCELLED)
    assert (inside(there, job).used_usd_micros, inside(there, job).spent_usd_micros) == (charged, PRICE)
    assert (inside(there, job).outcomes, there.board.posted()) == (("discarded",), [])
    assert len(there.board.shown) == shown


async def test_a_late_success_is_delivered_and_charged(tmp_path: Path) -> None:
    """Past the deadline looks go on, rarely, and what comes is as good as ever."""
    with world(plain(script={"end": "never"}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.LATE)
            assert job.due_in_ms == 5 * 60_000
            there.servers[0].script.end = "finished"
            job = await bot.until(job, State.DELIVERED)
    assert inside(there, job).used_usd_micros == PRICE


async def test_at_its_deadline_a_job_is_looked_at_before_it_is_called_late(tmp_path: Path) -> None:
    """A bot that slept over the deadline finds the finished video first."""
    with world(plain(script={"end": "never"}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.GENERATING)
            there.servers[0].script.end = "finished"
            cast("Clock", there.setting.clock).forward(2 * HOUR_MS)
            after = await bot.worker.step(job.id)
    assert after is not None
    assert after.state is State.FETCHING


@pytest.mark.parametrize("script", [{"end": "never"}, {"end": "thinking it over"}, {"garbage": True}], ids=str)
async def test_nothing_but_the_end_of_its_retention_fails_a_job_that_never_ends(
    script: dict[str, Any], tmp_path: Path
) -> None:
    """Running for ever, an unknown word and a page of HTML all mean still running; then the bill is assumed."""
    with world(plain(script=script), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.LATE)
            asked_at_ms = job.created_at_ms
            job = await bot.until(job, State.FAILED)
    assert (job.failure, job.cost_usd_micros, job.cost_assumed) == ("timed_out", PRICE, True)
    assert cast("int", job.ended_at_ms) - asked_at_ms >= 2 * HOUR_MS
    assert inside(there, job).used_usd_micros == 0


async def test_a_job_whose_offer_was_uninstalled_still_ends_by_the_clock(tmp_path: Path) -> None:
    """Deadline and retention are every bot's business, whatever it serves."""
    with world(plain(script={"end": "never"}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.GENERATING)
        there.setting.providers = ()
        clock = cast("Clock", there.setting.clock)
        async with started(there.setting) as bot:
            for hours, state in ((1, State.LATE), (2, State.FAILED)):
                clock.forward(hours * HOUR_MS)
                assert await bot.store.overdue(offers=[], platforms=[], most=9) == [job.id]
                assert cast("Job", await bot.worker.step(job.id)).state is state
    assert inside(there, job).spent_usd_micros == PRICE


async def test_a_link_that_gives_no_whole_video_twice_ends_in_no_output(tmp_path: Path) -> None:
    """A fresh link is asked for once more; then it has failed, the allowance is given back and the bill stays."""
    with world(plain(script={"video": video()[:-200]}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.FAILED)
    server = there.servers[0]
    assert server.asked.count(f"GET /jobs/{job.ticket}/video") == 3
    assert (job.failure, inside(there, job).used_usd_micros, job.cost_usd_micros) == ("no_output", 0, PRICE)


async def test_a_link_that_is_whole_the_second_time_is_delivered(tmp_path: Path) -> None:
    """A download cut short is no reason to lose what was paid."""
    with world(plain(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.FETCHING)
            there.servers[0].videos = [video()[:-200]]
            job = await bot.until(job, State.DELIVERED)
    assert there.servers[0].videos == []


async def test_a_video_over_which_the_decoder_gives_out_is_delivered_as_it_is(tmp_path: Path) -> None:
    """A decoder that is too slow says nothing against a video that was paid for."""
    with world(plain(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            impatient = Workbench(bot.ports.spare, video_s=0.001)
            hasty = replace(bot, worker=Worker(replace(bot.ports, workbench=impatient), lease_s=there.setting.lease_s))
            job = await hasty.until(await bot.ask(), State.DELIVERED)
            (fetched,) = [each for each in await bot.store.trail(job.id) if each.event == "fetched"]
    assert fetched.detail == "taken as it is: the decoder gave out over it"
    assert bot.ports.blobs.path(job.result or "").read_bytes() == video()


async def test_a_success_that_turns_into_a_failure_is_waited_for(tmp_path: Path) -> None:
    """A finished job whose link is not to be had is asked for again, not failed, until its retention ends."""
    with world(plain(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.FETCHING)
            render = there.servers[0].renders[cast("str", job.ticket)]
            render.end = "refused"
            assert cast("Job", await bot.worker.step(job.id)).state is State.FETCHING
            render.end = "finished"
            await bot.until(job, State.DELIVERED)
    assert len(there.board.posted()) == 1


async def test_a_platform_that_is_down_gets_the_video_once_when_it_is_up(tmp_path: Path) -> None:
    """It is down at first; then the post arrives but its answer is lost: the earlier message is found."""
    with world(plain(troubles=("down", "down", "lost")), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.DELIVERED)
    assert [post["job"] for post in there.board.posted()] == [job.id]


async def test_a_platform_that_never_answers_holds_up_no_paid_call_and_the_video_is_kept(tmp_path: Path) -> None:
    """Notices that cannot be shown are let go; after a day without an answer the video waits to be collected."""
    with world(plain(), tmp_path / "w") as there:
        there.board.silent = True
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.DELIVERING)
            assert (await bot.worker.step(job.id), job.submits) == (await bot.store.job(job.id), 1)
            cast("Clock", there.setting.clock).forward(24 * HOUR_MS)
            job = await bot.until(job, State.KEPT)
            assert await bot.worker.step(job.id) is None
            assert inside(there, job).outcomes == ("video",)
            job = await bot.until(job, State.FAILED)
    assert (job.failure, inside(there, job).outcomes) == ("uncollected", ("failed",))
    assert (inside(there, job).used_usd_micros, inside(there, job).spent_usd_micros) == (0, PRICE)


async def test_a_video_too_big_for_every_place_is_kept_until_it_is_collected(tmp_path: Path) -> None:
    """However small it is made, there, in the channel and privately; collecting charges it, once."""
    with world(plain(troubles=("too big",) * 6), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.KEPT)
            assert inside(there, job).used_usd_micros == PRICE
            job = await bot.by_hand(job, Event.COLLECTED, by=f"user:{ANA}")
    assert job.state is State.DELIVERED
    assert [line.entry for line in inside(there, job).allowance] == ["reserve", "charge"]


@pytest.mark.parametrize("answer", ["429", "503", "401", "402"])
async def test_only_rate_capacity_credentials_and_credit_move_a_job(answer: str, tmp_path: Path) -> None:
    """The next offer of the route makes it, and it is paid once."""
    with world(plain(posts=(answer,), other=("ticket",)), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.DELIVERED)
    assert (job.offer, there.paid()) == ("wan2.5@other", [f"{job.id}.2"])
    assert inside(there, job).spent_usd_micros == PRICE


async def test_a_connection_that_never_opened_counts_as_capacity(tmp_path: Path) -> None:
    """A provider that is down moves the job on, and is no reason to be unsure."""
    with world(plain(other=("ticket",)), tmp_path / "w") as there:
        there.setting.providers = (imagined("http://127.0.0.1:9"), there.setting.providers[1])
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.DELIVERED)
    assert job.offer == "wan2.5@other"


@pytest.mark.parametrize(("answer", "kind"), [("moderated", "moderated"), ("bad input", "bad_input")])
async def test_a_refusal_of_the_content_never_moves_a_job(answer: str, kind: str, tmp_path: Path) -> None:
    """What one provider will not make is not tried at another."""
    with world(plain(posts=(answer,), other=("ticket",)), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.FAILED)
    assert (job.failure, there.paid(), there.servers[1].calls()) == (kind, [], [])


@pytest.mark.parametrize("answer", ["500", "empty 500", "no ticket", "dropped"])
async def test_a_reply_that_proves_nothing_is_never_sent_again(answer: str, tmp_path: Path) -> None:
    """A 5xx, a 2xx without a ticket and silence leave the job unsure, though another offer stands ready."""
    with world(plain(posts=(answer,), other=("ticket",), able=False), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.UNSURE)
            await bot.until(job, State.FAILED)
    assert [len(server.calls()) for server in there.servers] == [1, 0]


async def test_a_queued_job_leaves_an_offer_that_went_off(tmp_path: Path) -> None:
    """It goes to the next offer of its route, and ends as busy where there is none."""
    with world(plain(other=("ticket",)), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.QUEUED)
            lonely = await bot.until(await bot.ask(2, model="wan2.5@imagined"), State.QUEUED)
        first, second = there.setting.providers
        there.setting.providers = (imagined(there.servers[0].url, needs_key=True), second)
        assert first.id == "imagined"
        async with started(there.setting) as bot:
            assert set(
                await bot.store.overdue(offers=["wan2.5@other"], platforms=[], closed=["wan2.5@imagined"], most=9)
            ) == {job.id, lonely.id}
            assert (await bot.until(job, State.DELIVERED)).offer == "wan2.5@other"
            lonely = await bot.until(lonely, State.FAILED)
    assert (lonely.failure, inside(there, lonely).spent_usd_micros) == ("busy", 0)


async def test_a_job_that_finds_no_room_for_a_day_ends_as_busy(tmp_path: Path) -> None:
    """The provider says 429 all day; nothing was made and nothing is charged."""
    with world(plain(posts=("429",), script={}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.QUEUED)
            assert cast("Job", await bot.worker.step(job.id)).due_in_ms == 7_000
            cast("Clock", there.setting.clock).forward(24 * HOUR_MS)
            job = await bot.until(job, State.FAILED)
    assert (job.failure, inside(there, job).spent_usd_micros, there.paid()) == ("busy", 0, [])


async def test_nothing_is_submitted_on_a_disk_without_room_for_its_ticket(tmp_path: Path) -> None:
    """The job waits in the line; once there is room it goes on."""
    with world(plain(), tmp_path / "w") as there:
        there.setting.free_floor_bytes = 1 << 62
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.QUEUED)
            assert await bot.worker.step(job.id) is None
            assert there.servers[0].calls() == []
        there.setting.free_floor_bytes = 0
        async with started(there.setting) as bot:
            await bot.until(job, State.DELIVERED)


class FullDisk:
    """Stands before a store whose disk has no room for the first few records of one event."""

    def __init__(self, store: Store, event: Event, times: int) -> None:
        self._store, self._event, self.left = store, event, times

    def __getattr__(self, call: str) -> Any:
        return getattr(self._store, call)

    async def record(self, move: Move) -> Job:
        if move.event is self._event and self.left:
            self.left -= 1
            raise Unavailable("database or disk is full")
        return await self._store.record(move)


async def test_a_ticket_that_finds_the_disk_full_is_written_as_soon_as_there_is_room(tmp_path: Path) -> None:
    """The paid answer is held on to, and the job goes on under the same ticket."""
    with world(plain(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.QUEUED)
            disk = FullDisk(bot.store, Event.TICKET, 2)
            worker = Worker(replace(bot.ports, store=cast("Store", disk)), free_floor_bytes=0)
            assert cast("Job", await worker.step(job.id)).state is State.GENERATING
            await bot.until(job, State.DELIVERED)
    assert (disk.left, len(there.paid())) == (0, 1)


def stalling(bot: Bot, call: str, stall: Callable[..., Awaitable[Any]]) -> Worker:
    """Return a second worker on the same store, whose provider stalls in one call."""
    catalogue = bot.ports.catalogue
    offers = {
        name: replace(offer, provider=replace(offer.provider, **cast("dict[str, Any]", {call: stall})))
        for name, offer in catalogue.offers.items()
    }
    other = type(catalogue).__new__(type(catalogue))
    other.offers = offers
    return Worker(replace(bot.ports, catalogue=other), free_floor_bytes=0)


async def test_a_worker_that_stalled_in_a_look_writes_nothing_once_another_went_on(tmp_path: Path) -> None:
    """Its lease lapsed and the job was delivered meanwhile: its late word changes nothing."""
    woken = asyncio.Event()

    async def stall(connection: Connection, ticket: Ticket) -> Outcome:
        await woken.wait()
        return Running(progress=0.1)

    with world(plain(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.GENERATING)
            stalled = asyncio.create_task(stalling(bot, "look", stall).step(job.id))
            await eventually_leased(bot, job)
            delivered = await bot.until(job, State.DELIVERED)
            woken.set()
            assert await stalled is None
            assert await bot.store.job(job.id) == replace(
                delivered, lease_left_ms=(await bot.store.job(job.id)).lease_left_ms
            )


async def test_a_ticket_that_comes_after_its_lease_lapsed_still_moves_the_job(tmp_path: Path) -> None:
    """Another bot gave the submit up as unsure; the answer is late, but it is the truth."""
    woken = asyncio.Event()
    with world(plain(able=False), tmp_path / "w") as there:
        submit = there.setting.providers[0].submit

        async def stall(connection: Connection, order: Order) -> Ticket:
            ticket = await submit(connection, order)
            await woken.wait()
            return ticket

        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.QUEUED)
            stalled = asyncio.create_task(stalling(bot, "submit", stall).step(job.id))
            await eventually(lambda: bool(there.paid()))
            await bot.until(job, State.UNSURE)
            woken.set()
            assert cast("Job", await stalled).state is State.GENERATING
            await bot.until(job, State.DELIVERED)
    assert len(there.paid()) == 1


async def eventually_leased(bot: Bot, job: Job) -> None:
    """Wait until somebody holds a job."""
    async with asyncio.timeout(10):
        while not (await bot.store.job(job.id)).lease_left_ms:  # noqa: ASYNC110 - only the store knows
            await asyncio.sleep(0.005)


async def test_a_job_that_kills_its_worker_each_time_runs_alone_and_ends_as_internal(tmp_path: Path) -> None:
    """Three deaths while it is being prepared; the fourth bot ends it, gives all back and tells an operator."""
    with world(plain(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.ask()
        alone = []
        for _ in range(3):
            async with started(there.setting, Wire("workbench.prepare_image <")) as bot:
                with pytest.raises(Killed):
                    await bot.until(job, State.QUEUED)
                now = await bot.store.job(job.id)
                alone.append(now.alone)
                bot.let_pass(now)
        async with started(there.setting) as bot:
            assert await bot.worker.step(job.id) is None
            job = await bot.store.job(job.id)
            causes = [alert.cause for alert in await bot.store.alerts()]
    assert alone == [False, False, True]
    assert (job.state, job.failure, causes) == (State.FAILED, "internal", [f"poison:{job.id}"])
    assert (inside(there, job).used_usd_micros, inside(there, job).spent_usd_micros) == (0, 0)


async def test_a_bug_while_preparing_ends_the_job_before_anything_is_paid(tmp_path: Path) -> None:
    """What breaks on one request is told as internal, and all is given back."""

    async def breaks(*_: object) -> None:
        raise ZeroDivisionError

    with world(plain(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.ask()
            bench = Tripwire(bot.ports.workbench, Wire(), "workbench")
            bench.prepare_image = breaks  # type: ignore[attr-defined] # it stands before the port, and answers as it likes
            worker = Worker(replace(bot.ports, workbench=cast("Any", bench)))
            job = cast("Job", await worker.step(job.id))
    assert (job.state, job.failure) == (State.FAILED, "internal")
