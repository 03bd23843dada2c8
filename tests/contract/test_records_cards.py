"""A job's card: owed at once and with every move worth a line, crossed out only as it was shown, its place remembered."""

from __future__ import annotations

import pytest

from storage.contract import DELETED, Accepted, Job, Owed
from storage.states import TABLE, Event, Notice, Row, State
from tests.fakes.story import ANA, DAY_MS, HOUR_MS, MINUTE_MS, Story, request

STANDING = '{"channel": "20", "card": "7"}'


async def due(story: Story) -> list[Owed]:
    """Take the cards that are due."""
    owed = await story.store.owed(platforms=["discord"], most=100)
    return [each for each in owed if each.notice is Notice.CARD]


async def shown(story: Story, job: Job) -> None:
    """Show a job's card as it is now; it must be due."""
    (owed,) = [each for each in await due(story) if each.job.id == job.id]
    await story.store.said(job.id, Notice.CARD, STANDING, version=owed.version)


async def test_an_accepted_job_owes_its_card_at_once(story: Story) -> None:
    """Whoever accepted it may die before it is posted."""
    job = await story.accept(has_card=True)
    assert [(each.job, each.version, each.is_old) for each in await due(story)] == [(job, 0, False)]


async def test_a_held_job_owes_its_card_too(story: Story) -> None:
    """It is what an admin approves or declines."""
    job = await story.hold(has_card=True)
    assert [each.job.id for each in await due(story)] == [job.id]


async def test_a_held_job_owes_its_admins_a_question(story: Story) -> None:
    """Once, in the commit that holds it; one that needs no approval, or has no card, asks nobody."""
    job = await story.hold(has_card=True)
    await story.hold()
    await story.accept(has_card=True)
    owed = await story.store.owed(platforms=["discord"], most=10)
    assert [each.job.id for each in owed if each.notice is Notice.APPROVAL] == [job.id]
    await story.store.said(job.id, Notice.APPROVAL, "message 8")
    story.clock.forward(DAY_MS)
    assert Notice.APPROVAL not in {each.notice for each in await story.store.owed(platforms=["discord"], most=10)}
    assert (await story.store.references(job.id))["approval"] == "message 8"


async def test_a_deleted_video_is_noted_once_with_who_took_it_away(story: Story) -> None:
    """Its card is owed anew, and nothing leads to where it was."""
    job = await story.at(State.DELIVERING, has_card=True)
    job = await story.work(job, Event.POSTED, message="message 9")
    await shown(story, job)
    story.clock.forward(MINUTE_MS)
    for by in ("Maya", "Ada"):
        await story.store.deleted(job.id, by=by)
    said = (await story.store.trail(job.id))[-1]
    assert (said.event, said.target, said.detail, said.at_ms) == (DELETED, State.DELIVERED, "Maya", story.clock())
    assert [each.job for each in await due(story)] == [job]
    assert await story.store.references(job.id) == {"card": STANDING}


async def test_where_no_video_stands_none_is_deleted(story: Story) -> None:
    """A job that failed, one that is not over, and one that nobody knows."""
    jobs = [await story.at(State.FAILED, has_card=True), await story.at(State.KEPT, has_card=True)]
    before = [await story.store.trail(job.id) for job in jobs]
    for job in (jobs[0].id, jobs[1].id, "00000000"):
        await story.store.deleted(job, by="Maya")
    assert [await story.store.trail(job.id) for job in jobs] == before


async def test_a_command_that_comes_again_owes_nothing_anew(story: Story) -> None:
    """Its one card stands already."""
    first = await story.store.accept(request("command", has_card=True))
    assert isinstance(first, Accepted)
    await shown(story, first.job)
    await story.store.accept(request("command", has_card=True))
    assert await due(story) == []


@pytest.mark.parametrize("state", State)
async def test_a_job_without_a_card_never_owes_one(story: Story, state: State) -> None:
    """A terminal writes lines instead."""
    await story.at(state)
    assert await due(story) == []


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: f"{row.source}-{row.event}-{row.when}")
async def test_every_move_but_a_quiet_one_makes_the_card_due(story: Story, row: Row) -> None:
    """Wishes too, and those of a discarded job, whose card says that it is gone."""
    job = await story.at(row.source, row.when, has_card=True)
    await shown(story, job)
    moved = await story.make(job, row.event)
    assert [each.job for each in await due(story)] == ([] if row.quiet else [moved])


async def test_what_was_shown_meanwhile_as_it_was_before_is_still_owed(story: Story) -> None:
    """The job moved while its card was on its way to the platform."""
    job = await story.accept(has_card=True)
    (before,) = await due(story)
    job = await story.work(job, Event.PREPARED)
    (after,) = await due(story)
    await story.store.said(job.id, Notice.CARD, STANDING, version=before.version)
    story.clock.forward(MINUTE_MS)
    assert [each.version for each in await due(story)] == [after.version] == [before.version + 1]
    await story.store.said(job.id, Notice.CARD, STANDING, version=after.version)
    story.clock.forward(DAY_MS)
    assert await due(story) == []


async def test_a_card_that_only_got_its_place_noted_is_still_owed(story: Story) -> None:
    """Who shows progress in between does not know what is owed."""
    job = await story.accept(has_card=True)
    await story.store.said(job.id, Notice.CARD, STANDING)
    assert await story.store.references(job.id) == {"card": STANDING}
    await shown(story, job)
    await story.store.said(job.id, Notice.CARD, "elsewhere")
    assert await story.store.references(job.id) == {"card": "elsewhere"}
    assert await due(story) == []


async def test_a_card_is_given_to_one_at_a_time_until_it_was_shown(story: Story) -> None:
    """Whoever took it may die; but a move makes it due at once."""
    job = await story.accept(has_card=True)
    assert len(await due(story)) == 1
    assert await due(story) == []
    await story.work(job, Event.PREPARED)
    assert len(await due(story)) == 1
    assert await due(story) == []
    story.clock.forward(MINUTE_MS)
    assert len(await due(story)) == 1


@pytest.mark.parametrize("state", [State.DELIVERED, State.FAILED, State.CANCELLED])
async def test_an_ended_job_s_card_is_owed_until_it_was_shown(story: Story, state: State) -> None:
    """Also by the process that comes after the one that died."""
    job = await story.at(state, has_card=True)
    await story.store.close()
    story.store = story.backend.open(story.folder, story.clock)
    await shown(story, job)
    story.clock.forward(DAY_MS)
    assert await due(story) == []
    await story.store.close()


async def test_a_card_is_old_a_day_after_it_was_first_owed_and_not_shown(story: Story) -> None:
    """Moves in between do not make it younger; one after it was shown begins anew."""
    job = await story.accept(has_card=True)
    story.clock.forward(DAY_MS)
    job = await story.work(job, Event.PREPARED)
    assert [each.is_old for each in await due(story)] == [False]
    story.clock.forward(HOUR_MS)
    assert [each.is_old for each in await due(story)] == [True]
    story.clock.forward(MINUTE_MS)
    await shown(story, job)
    await story.by_hand(job, Event.CANCEL)
    assert [each.is_old for each in await due(story)] == [False]


async def test_a_forgotten_person_s_card_is_owed_never(story: Story) -> None:
    """Of an ended job at once, of a running one from its end, and where it stood is forgotten too."""
    ended = await story.at(State.FAILED, has_card=True)
    running = await story.at(State.GENERATING, has_card=True)
    await story.store.said(ended.id, Notice.CARD, STANDING)
    await story.store.forget(ANA, secret=b"k")
    assert [each.job.id for each in await due(story)] == [running.id]
    await story.work(running, Event.REFUSED)
    story.clock.forward(MINUTE_MS)
    assert await story.store.owed(platforms=["discord"], most=10) == []
    assert await story.store.references(ended.id) == {}


async def test_a_card_and_what_must_not_be_missed_are_owed_apart(story: Story) -> None:
    """To say one does not cross out the other."""
    job = await story.at(State.FAILED, has_card=True)
    owed = await story.store.owed(platforms=["discord"], most=10)
    assert {each.notice for each in owed} == {Notice.CARD, Notice.OUTCOME}
    await story.store.said(job.id, Notice.OUTCOME, "message 8")
    story.clock.forward(MINUTE_MS)
    assert [each.notice for each in await story.store.owed(platforms=["discord"], most=10)] == [Notice.CARD]


async def test_a_job_s_messages_are_found_by_what_they_are(story: Story) -> None:
    """The card, the video, what was told; what is not said yet stands nowhere."""
    job = await story.at(State.DELIVERING, has_card=True)
    await shown(story, job)
    job = await story.work(job, Event.UNPLACED)
    assert await story.store.references(job.id) == {"card": STANDING}
    await story.store.said(job.id, Notice.KEPT, "message 8")
    await story.by_hand(job, Event.COLLECTED, message="message 9")
    assert await story.store.references(job.id) == {"card": STANDING, "kept": "message 8", "video": "message 9"}


async def test_a_job_that_nobody_knows_has_no_messages(story: Story) -> None:
    """A button of another installation leads nowhere."""
    assert await story.store.references("00000000") == {}


async def test_older_jobs_follow_page_by_page(story: Story) -> None:
    """The newest first, each once."""
    jobs = [await story.accept() for _ in range(5)]
    pages = [await story.store.jobs(user=ANA, most=2, skip=skip) for skip in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert [job for page in pages for job in page] == jobs[::-1]
