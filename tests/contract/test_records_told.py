"""What the store tells of a job beside its state: what stands in the way, shapes, alerts, usual times; and that old files keep theirs."""

from __future__ import annotations

import importlib.resources
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Migrations

from storage.contract import Input, Job, Priced, Ran
from storage.sqlite import SqliteStore, opening
from storage.states import Event, State
from tests.fakes.story import ANA, BEN, FAL, FREE, NOVITA, PICTURE, PRICE, Story

SLOW, FULL, FLAWED = "slow to answer", "no room", "without sound"

# -- what stands in the way


def _told(job: Job) -> tuple[str, int | None]:
    return job.detail, job.provider_place


async def _now(story: Story, job: Job) -> tuple[str, int | None]:
    return _told(await story.store.job(job.id))


@pytest.mark.parametrize("state", [State.GENERATING, State.LATE])
async def test_what_a_look_tells_stands_until_the_next_look(story: Story, state: State) -> None:
    """A place in the provider's queue, nought included, and what is wrong; then that there is neither."""
    job = await story.at(state)
    assert _told(job) == ("", None)
    for detail, place in ((SLOW, 3), ("", 0), (SLOW, None), ("", None)):
        job = await story.work(job, Event.RUNNING, detail=detail, provider_place=place)
        assert _told(job) == await _now(story, job) == (detail, place)


async def test_what_tells_nothing_takes_nothing_away(story: Story) -> None:
    """A lease, a hint or a wish is no news of the provider."""
    job = await story.work(await story.at(State.GENERATING), Event.RUNNING, detail=SLOW, provider_place=3)
    await story.store.nudge(job.id)
    assert await _now(story, job) == (SLOW, 3)
    for event in (Event.CANCEL, Event.KEEP, Event.DISCARDED):
        job = await story.by_hand(job, event)
        assert await _now(story, job) == (SLOW, 3)
    claimed = await story.claim(job)
    assert _told(claimed) == (SLOW, 3)
    assert await story.store.renew(job.id, fence=claimed.fence, lease_ms=1000)
    assert await _now(story, job) == (SLOW, 3)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.GENERATING, Event.DEADLINE),
        (State.GENERATING, Event.FINISHED),
        (State.LATE, Event.FINISHED),
    ],
)
async def test_a_job_that_goes_on_leaves_the_provider_s_queue(story: Story, state: State, event: Event) -> None:
    """What was so before is not so any more."""
    job = await story.work(await story.at(state), Event.RUNNING, detail=SLOW, provider_place=3)
    assert _told(await story.work(job, event)) == ("", None)


async def test_why_a_queued_job_waits_stands_while_it_waits_and_until_it_is_made(story: Story) -> None:
    """The next submit may find the same; its ticket ends it."""
    job = await story.work(await story.at(State.SUBMITTING), Event.VOID_WAIT, detail=FULL)
    assert (job.state, *_told(job)) == (State.QUEUED, FULL, None)
    submitted = await story.make(job, Event.SUBMIT)
    again = await story.work(submitted, Event.VOID_WAIT, detail="unreachable")
    assert await _now(story, again) == ("unreachable", None)
    made = await story.work(await story.make(again, Event.SUBMIT), Event.TICKET)
    assert await _now(story, made) == ("", None)


async def test_what_stood_in_the_way_at_one_offer_does_not_stand_at_the_next(story: Story) -> None:
    """Else people read that the offer which just took the job over has no room."""
    job = await story.work(await story.at(State.SUBMITTING), Event.VOID_REROUTED, detail=FULL)
    job = await story.work(job, Event.PREPARED)
    assert (job.state, job.offer, *_told(job)) == (State.QUEUED, NOVITA, "", None)


async def test_why_it_moved_is_in_its_history(story: Story) -> None:
    """Whatever stands on the job."""
    job = await story.work(await story.at(State.SUBMITTING), Event.VOID_REROUTED, detail=FULL)
    last = (await story.store.trail(job.id))[-1]
    assert (last.event, last.detail) == (Event.VOID_REROUTED, FULL)


async def test_what_is_wrong_with_a_video_stands_until_it_is_delivered(story: Story) -> None:
    """The line beside the video tells it."""
    job = await story.work(await story.at(State.FETCHING), Event.RUNNING, detail="trying again")
    assert await _now(story, job) == ("trying again", None)
    job = await story.work(job, Event.FETCHED, detail=FLAWED)
    assert await _now(story, job) == (FLAWED, None)
    assert _told(await story.work(job, Event.POSTED)) == (FLAWED, None)


async def test_why_a_video_is_kept_stands_while_it_is_kept(story: Story) -> None:
    """It is told to whoever asks for it."""
    job = await story.work(await story.at(State.DELIVERING), Event.UNPLACED, detail="the disk is full")
    assert await _now(story, job) == ("the disk is full", None)


@pytest.mark.parametrize(
    ("event", "facts"),
    [(Event.REFUSED, {"kind": "moderated", "detail": "nsfw"}), (Event.RETENTION_OVER, {"detail": ""})],
)
async def test_a_failure_s_own_reason_replaces_what_stood_in_the_way(
    story: Story, event: Event, facts: dict[str, Any]
) -> None:
    """If only that there is none: a slow look is no reason."""
    job = await story.work(await story.at(State.LATE), Event.RUNNING, detail=SLOW, provider_place=3)
    failed = await story.work(job, event, **facts)
    assert (failed.state, failed.detail) == (State.FAILED, facts["detail"])
    assert (await story.store.job(job.id)).detail == facts["detail"]


async def test_a_cancelled_job_has_nothing_in_its_way(story: Story) -> None:
    """A detail is why a job failed or is kept, or what is in the way just now."""
    job = await story.work(await story.at(State.GENERATING), Event.RUNNING, detail=SLOW, provider_place=3)
    assert _told(await story.work(job, Event.STOPPED)) == ("", None)


# -- shapes


@pytest.mark.parametrize("sides", [(400, 500), (1, 1), (None, None)])
async def test_inputs_keep_their_sides_as_they_came_and_as_they_are_sent(
    story: Story, sides: tuple[int | None, int | None]
) -> None:
    """A sound has none; each keeps its own."""
    width_px, height_px = sides
    raw = replace(PICTURE, width_px=4032, height_px=3024)
    sound = Input(role="audio", blob="c3" * 32, mime="audio/wav", size_bytes=5)
    sent = replace(PICTURE, blob="d4" * 32, width_px=width_px, height_px=height_px)
    job = await story.accept(inputs=(raw, sound))
    assert job.inputs == (raw, sound)
    await story.work(job, Event.PREPARED, prepared=(sent, sound))
    kept = await story.store.job(job.id)
    assert (kept.inputs, kept.prepared) == ((raw, sound), (sent, sound))


async def test_a_picture_prepared_again_has_its_new_sides(story: Story) -> None:
    """Another offer may take less."""
    job = await story.work(await story.accept(), Event.PREPARED, prepared=(replace(PICTURE, width_px=9, height_px=8),))
    job = await story.work(job, Event.REROUTED)
    smaller = replace(PICTURE, blob="e5" * 32, width_px=5, height_px=4)
    await story.work(job, Event.PREPARED, prepared=(smaller,))
    assert (await story.store.job(job.id)).prepared == (smaller,)


async def test_a_held_job_s_picture_keeps_its_sides_through_its_draft(story: Story) -> None:
    """It was a draft before it became a job."""
    shaped = replace(PICTURE, width_px=400, height_px=500)
    assert (await story.hold(inputs=(shaped,))).inputs == (shaped,)


# -- alerts


async def test_a_cause_is_remembered_once(story: Story) -> None:
    """With the facts and the moment of the first time: an account that is empty is one thing to mend, not one a job."""
    first, second = await story.accept(), await story.accept(BEN)
    began_ms = story.clock()
    await story.store.warn("no_credit:fal", job=first.id, told="status 402")
    story.clock.forward(1000)
    await story.store.warn("no_credit:fal", job=second.id, told="status 403")
    await story.store.warn("no_credit:novita", job=second.id)
    await story.store.warn("disk", free_bytes=0)
    found = [(each.cause, each.at_ms, each.job, each.facts) for each in await story.store.alerts()]
    assert found[0] == ("no_credit:fal", began_ms, first.id, {"told": "status 402"})
    assert sorted(found[1:]) == [
        ("disk", began_ms + 1000, None, {"free_bytes": 0}),
        ("no_credit:novita", began_ms + 1000, second.id, {}),
    ]


async def test_what_is_mended_is_forgotten_and_heard_of_again_where_it_comes_back(story: Story) -> None:
    """Only that cause, and from the moment of its return."""
    for cause in ("no_credit:fal", "no_credit:novita"):
        await story.store.warn(cause)
    await story.store.unwarn("no_credit:fal")
    assert [each.cause for each in await story.store.alerts()] == ["no_credit:novita"]
    story.clock.forward(1000)
    await story.store.warn("no_credit:fal")
    assert [(each.cause, each.at_ms) for each in await story.store.alerts()][1:] == [("no_credit:fal", story.clock())]


async def test_a_warning_changes_no_job(story: Story) -> None:
    """It is beside the job's own record."""
    job = await story.at(State.GENERATING)
    await story.store.warn("no_output:fal", job=job.id, ticket=None)
    assert await story.store.job(job.id) == job


# -- usual times


async def _made(story: Story, took_s: float, **changes: Any) -> Job:
    """Make a video that takes so long from its ticket to its end, and is fetched and posted a minute later each."""
    job = await story.at(State.GENERATING, **changes)
    story.clock.forward(int(took_s * 1000))
    for event in (Event.FINISHED, Event.FETCHED, Event.POSTED):
        job = await story.work(job, event)
        story.clock.forward(60_000)
    return job


async def test_how_long_jobs_were_in_the_making_is_remembered_newest_first(story: Story) -> None:
    """From ticket to end, of a video or a refusal: neither the queue before nor the fetching after."""
    assert await story.store.ran_s() == {}
    for took_s in (30, 20, 40.5):
        await _made(story, took_s)
    refused = await story.at(State.GENERATING)
    story.clock.forward(8000)
    await story.work(refused, Event.REFUSED)
    assert await story.store.ran_s() == {FAL: [Ran(5, 8.0), Ran(5, 40.5), Ran(5, 20.0), Ran(5, 30.0)]}


async def test_each_offer_has_its_own_times_and_jobs_that_never_ran_have_none(story: Story) -> None:
    """Nor those that run still."""
    await _made(story, 10)
    await _made(story, 100, route=(Priced(NOVITA, PRICE),), seconds=10)
    for state in set(State) - {State.DELIVERED}:
        await story.at(state)
    ran = await story.store.ran_s()
    assert ran == {FAL: [Ran(5, 10.0)], NOVITA: [Ran(10, 100.0)]}


async def test_a_second_submit_counts_from_its_own_ticket(story: Story) -> None:
    """An earlier ticket that nobody knew is not when this video began."""
    job = await story.at(State.GENERATING)
    story.clock.forward(100_000)
    job = await story.work(job, Event.TICKET_UNKNOWN)
    job = await story.work(job, Event.TICKET, ticket="T2")
    story.clock.forward(7000)
    for event in (Event.FINISHED, Event.FETCHED, Event.POSTED):
        job = await story.work(job, event)
    assert await story.store.ran_s() == {FAL: [Ran(5, 7.0)]}


async def test_an_offer_that_is_used_rarely_keeps_its_times(story: Story) -> None:
    """Behind any number of newer videos of another one."""
    await _made(story, 30)
    busy = await _made(story, 10, route=(Priced(NOVITA, PRICE),))
    with closing(opening.connect(story.folder / "stillmotion.db")) as db:
        _copied(db, busy.id, 500)
    ran = await story.store.ran_s()
    assert (ran[FAL], ran[NOVITA][0], len(ran[NOVITA])) == ([Ran(5, 30.0)], Ran(5, 10.0), 200)


def _copied(db: sqlite3.Connection, job: str, times: int) -> None:
    """Write a finished job down so many times more, under newer ids."""
    for table, key in (("jobs", "id"), ("events", "job")):
        names = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if not (row[5] and key == "job")]
        values = ", ".join("'ZZ' || printf('%06d', number)" if name == key else name for name in names)
        db.execute(
            f"""WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?)
            INSERT INTO {table} ({", ".join(names)}) SELECT {values} FROM {table}, numbers WHERE {key} = ?""",
            (times, job),
        )


# -- a file of the first shape


def _first_shape(path: Path) -> sqlite3.Connection:
    """Make a database by the first migration alone."""
    name = "0001_jobs_and_books"
    only = Migrations("stillmotion")
    script = (importlib.resources.files("storage.migrations") / f"{name}.sql").read_text(encoding="utf-8")
    only(name=name)(opening._runner(script))
    db = opening.connect(path)
    opening.migrate(db, only)
    return db


_RENAMED = {"acceptance": "asked"}
"""What a column of the first shape is called today."""


def _fill(old: sqlite3.Connection, new: Path) -> None:
    """Copy every row of a database of today into one of the first shape, as far as that has columns for it."""
    old.execute("ATTACH ? AS new", (str(new),))
    old.execute("PRAGMA foreign_keys = OFF")
    tables = [row[0] for row in old.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
    for table in tables:
        if table.startswith(("sqlite_", "_sqlite")):
            continue
        names = [row[1] for row in old.execute(f"PRAGMA main.table_info({table})")]
        now = ", ".join(_RENAMED.get(name, name) for name in names)
        old.execute(f"INSERT INTO main.{table} ({', '.join(names)}) SELECT {now} FROM new.{table}")
    later = "'$.inputs[0].width_px', '$.inputs[0].height_px', '$.has_card'"
    old.execute(f"UPDATE drafts SET acceptance = json_remove(acceptance, {later})")
    old.execute("DETACH new")


async def test_a_database_of_the_first_shape_opens_and_keeps_its_jobs(story: Story, tmp_path: Path) -> None:
    """In every state, with their inputs, books, alerts and drafts; and each goes on from where it was."""
    jobs = [await story.at(state) for state in State]
    await story.store.warn("no_credit:fal")
    await story.store.set_scope("scope:discord/10", allowed=True, approvals=True)
    draft = (await story.refuse(rules=replace(FREE, scope_budget_usd_micros=PRICE - 1))).draft
    before, path = await story.used(), tmp_path / "first.db"
    with closing(_first_shape(path)) as old:
        columns = [row[1] for row in old.execute("PRAGMA table_info(jobs)")]
        assert "provider_place" not in columns
        _fill(old, story.folder / "stillmotion.db")
    moved = replace(story, store=SqliteStore(path, story.clock))
    try:
        assert [await moved.store.job(job.id) for job in jobs] == [await story.store.job(job.id) for job in jobs]
        assert await moved.store.alerts() == await story.store.alerts()
        assert await moved.used() == before
        assert await moved.store.check() is None
        making = await moved.store.job(jobs[list(State).index(State.GENERATING)].id)
        assert _told(await moved.work(making, Event.RUNNING, provider_place=2)) == ("", 2)
        held = await moved.store.hold(draft)
        assert isinstance(held, Job)
        assert (held.state, held.subjects.user, held.inputs) == (State.HELD, ANA, (PICTURE,))
        shaped = replace(PICTURE, width_px=400, height_px=500)
        assert (await moved.accept(inputs=(shaped,))).inputs == (shaped,)
    finally:
        await moved.store.close()


async def test_a_database_of_the_first_shape_is_brought_up_to_date_once(tmp_path: Path) -> None:
    """A second start finds nothing to do."""
    path = tmp_path / "first.db"
    _first_shape(path).close()
    for _ in range(2):
        await SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as db:
        names = [row[0] for row in db.execute("SELECT name FROM _sqlite_migrations ORDER BY id")]
    assert names == sorted(set(names))
    assert names[0] == "0001_jobs_and_books"
    assert len(names) > 1
