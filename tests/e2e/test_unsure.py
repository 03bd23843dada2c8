"""Jobs whose submit was never answered: held on to, asked about, settled, and never sent again on a guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from bot import app
from bot.commands import jobs as commands
from bot.commands.console import Exit, Stop
from providers.kit.spec import Pace
from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import ANA, Bot, Clock, started
from tests.chaos.harness_life import Life, World, world
from tests.fakes.backends import Inside, Sqlite
from tests.fakes.provider_server import PRICE

HOUR_MS = 3_600_000
RARELY = Pace(usual_s=60.0, slow_s=600.0, first_look_s=0.0, every_s=300.0)


def unanswered(**changes: Any) -> Life:
    """Return a life whose paid call is made but never answered, at a provider that cannot be asked."""
    usual: dict[str, Any] = {
        "name": "unsure",
        "end": "unsure",
        "posts": ("lost", "ticket"),
        "able": False,
        "spec": {"pace": RARELY},
    }
    return Life(**(usual | changes))


def inside(there: World, job: Job) -> Inside:
    """Return what the store holds of a job beyond its port."""
    return Sqlite().inside(there.setting.folder, job.id)


def forward(there: World, hours: float) -> None:
    cast("Clock", there.setting.clock).forward(hours * HOUR_MS)


async def unsure(bot: Bot) -> Job:
    """Ask for a video whose paid call stays unanswered."""
    return await bot.until(await bot.ask(), State.UNSURE)


async def test_an_unsure_job_is_never_sent_again_and_ends_as_lost_with_its_retention(tmp_path: Path) -> None:
    """Its price is assumed, as nobody can know; its allowance is given back."""
    with world(unanswered(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await unsure(bot), State.FAILED)
            causes = [alert.cause for alert in await bot.store.alerts()]
    assert (job.failure, job.cost_usd_micros, job.cost_assumed) == ("lost", PRICE, True)
    assert causes == [f"spend_assumed:{job.id}"]
    assert (len(there.servers[0].calls()), inside(there, job).used_usd_micros) == (1, 0)


async def test_resolved_as_paid_with_its_ticket_the_job_goes_on(tmp_path: Path) -> None:
    """The operator found it at the provider: it is delivered, and paid once."""
    with world(unanswered(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await unsure(bot)
        code = await commands.resolve(there.setting.loaded, job.id, "paid", there.servers[0].ticket(job.id))
        async with started(there.setting) as bot:
            job = await bot.until(job, State.DELIVERED)
    assert (code, len(there.paid()), inside(there, job).spent_usd_micros) == (Exit.DONE, 1, PRICE)


async def test_a_ticket_that_the_provider_does_not_know_leads_back_to_unsure(tmp_path: Path) -> None:
    """A slip of the pen costs nothing: the right ticket can still be given."""
    with world(unanswered(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await unsure(bot)
            await bot.by_hand(job, Event.TICKET, ticket="T-of-another")
            job = await bot.until(job, State.UNSURE)
            assert job.ticket is None
            await bot.by_hand(job, Event.TICKET, ticket=there.servers[0].ticket(job.id))
            await bot.until(job, State.DELIVERED)
    assert len(there.paid()) == 1


@pytest.mark.parametrize(("outcome", "failure", "spent"), [("paid", "lost", PRICE), ("unpaid", "provider_error", 0)])
@pytest.mark.parametrize("wished", [False, True])
async def test_resolved_without_a_ticket_it_is_over(
    outcome: str, failure: str, spent: int, wished: bool, tmp_path: Path
) -> None:
    """Paid books the price and unpaid gives all back; where its person had cancelled, it is cancelled."""
    with world(unanswered(), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await unsure(bot)
            if wished:
                await bot.by_hand(job, Event.CANCEL, by=f"user:{ANA}")
        await commands.resolve(there.setting.loaded, job.id, outcome, None)
        async with started(there.setting) as bot:
            job = await bot.store.job(job.id)
            assert await bot.worker.step(job.id) is None
    assert (job.state, job.failure) == ((State.CANCELLED, None) if wished else (State.FAILED, failure))
    assert (inside(there, job).used_usd_micros, inside(there, job).spent_usd_micros) == (0, spent)


async def test_only_an_unsure_job_can_be_resolved(tmp_path: Path) -> None:
    """Anything else says where it stands, and stays there."""
    with world(unanswered(posts=("ticket",)), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.GENERATING)
        with pytest.raises(Stop, match="not unsure"):
            await commands.resolve(there.setting.loaded, job.id, "unpaid", None)


async def test_past_its_deadline_an_unsure_job_gives_its_place_to_another(tmp_path: Path) -> None:
    """It counts in flight until then; its ticket found later makes it late, and it is delivered."""
    with world(unanswered(spec={"pace": RARELY, "in_flight": 1}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await unsure(bot)
            other = await bot.until(await bot.ask(2), State.QUEUED)
            assert await bot.worker.admit(job.offer) is None
            forward(there, 1)
            assert cast("Job", await bot.worker.step(job.id)).gave_place_back
            await bot.until(other, State.DELIVERED)
            late = await bot.by_hand(job, Event.TICKET, ticket=there.servers[0].ticket(job.id))
            assert late.state is State.LATE
            await bot.until(job, State.DELIVERED)
    assert sorted(there.paid()) == sorted([job.id, other.id])


async def test_the_provider_s_own_log_gives_the_ticket_back(tmp_path: Path) -> None:
    """Where it can be asked, nobody need be: the job goes on by itself."""
    with world(unanswered(able=True), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await unsure(bot), State.DELIVERED)
            trail = [line.event for line in await bot.store.trail(job.id)]
    assert trail == ["accepted", "prepared", "submit", "no_answer", "ticket", "finished", "fetched", "posted"]


async def test_a_proof_that_no_job_exists_sends_it_again_and_ends_it_where_that_is_not_wanted(tmp_path: Path) -> None:
    """The call never arrived and its key was given up: only then is there a second call; a cancelled job has none."""
    with world(unanswered(able=True, posts=("dropped", "dropped", "ticket")), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            wished = await unsure(bot)
            await bot.by_hand(wished, Event.CANCEL, by=f"user:{ANA}")
            wished = await bot.until(wished, State.CANCELLED)
            job = await bot.until(await bot.ask(2), State.DELIVERED)
    assert [call["key"] for call in there.servers[0].calls()] == [wished.id, job.id, f"{job.id}.2"]
    assert there.paid() == [f"{job.id}.2"]
    assert inside(there, wished).spent_usd_micros == 0


async def test_a_call_that_arrives_after_its_key_was_given_up_makes_nothing(tmp_path: Path) -> None:
    """The proof holds: whoever sends it late is told that there is no job."""
    with world(unanswered(able=True, posts=("dropped", "ticket")), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await unsure(bot)
            await bot.until(job, State.QUEUED)
            assert there.servers[0].post(job.id) == "void"
            await bot.until(job, State.DELIVERED)
    assert there.paid() == [f"{job.id}.2"]


async def test_a_restored_backup_sends_nothing_on_a_guess(tmp_path: Path) -> None:
    """What it does not know of was perhaps submitted since: those jobs are unsure, and end by hand or with their retention."""
    with world(unanswered(posts=("ticket",)), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            queued = await bot.until(await bot.ask(), State.QUEUED)
            preparing = await bot.ask(2)
            await bot.store.backup(tmp_path / "backup.db")
            await bot.until(queued, State.DELIVERED)
        (tmp_path / "backup.db").replace(there.setting.database)
        async with started(there.setting) as bot:
            await app._settle_restored(bot.store, bot.ports.catalogue)
            left = [await bot.store.job(job.id) for job in (queued, preparing)]
            assert [job.state for job in left] == [State.UNSURE, State.UNSURE]
            await bot.by_hand(queued, Event.TICKET, ticket=there.servers[0].ticket(queued.id))
            await bot.until(queued, State.DELIVERED)
            lost = await bot.until(preparing, State.FAILED)
            assert await bot.store.restored() == []
    assert (lost.failure, there.paid()) == ("lost", [queued.id])
    assert len(there.board.posted()) == 1


async def test_a_restored_backup_finds_by_itself_what_the_provider_can_tell(tmp_path: Path) -> None:
    """A job that was submitted after the copy was made is found there; one that never was is sent, once."""
    with world(unanswered(able=True, posts=("ticket",)), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            sent, unsent = await bot.until(await bot.ask(), State.QUEUED), await bot.ask(2)
            await bot.store.backup(tmp_path / "backup.db")
            await bot.until(sent, State.DELIVERED)
        (tmp_path / "backup.db").replace(there.setting.database)
        async with started(there.setting) as bot:
            await app._settle_restored(bot.store, bot.ports.catalogue)
            await bot.until(sent, State.DELIVERED)
            await bot.until(unsent, State.DELIVERED)
    assert there.paid() == [sent.id, f"{unsent.id}.2"]
    assert sorted(post["job"] for post in there.board.posted()) == sorted([sent.id, unsent.id])
