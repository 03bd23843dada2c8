"""What people are owed: written in the commit that made it so, given out once at a time, crossed out once."""

from __future__ import annotations

import pytest

from storage.states import Event, Notice, State
from tests.fakes.story import BEN, DAY_MS, HOUR_MS, MINUTE_MS, Story


async def owed(story: Story) -> list[tuple[str, Notice]]:
    """Take what is due."""
    return [(each.job.id, each.notice) for each in await story.store.owed(platforms=["discord"], most=10)]


@pytest.mark.parametrize(
    ("state", "event", "notice"),
    [
        (State.PREPARING, Event.UNFIT, Notice.OUTCOME),
        (State.SUBMITTING, Event.VOID_FAILED, Notice.OUTCOME),
        (State.SUBMITTING, Event.NO_ANSWER, Notice.UNSURE),
        (State.GENERATING, Event.REFUSED, Notice.OUTCOME),
        (State.GENERATING, Event.DEADLINE, Notice.LATE),
        (State.LATE, Event.RETENTION_OVER, Notice.OUTCOME),
        (State.FETCHING, Event.NO_OUTPUT, Notice.OUTCOME),
        (State.DELIVERING, Event.UNPLACED, Notice.KEPT),
        (State.UNSURE, Event.LOST, Notice.OUTCOME),
    ],
)
async def test_what_a_person_must_not_miss_is_owed_in_the_same_commit(
    story: Story, state: State, event: Event, notice: Notice
) -> None:
    """A failure, a lost answer, a delay and a video that found no place."""
    job = await story.at(state)
    story.clock.forward(MINUTE_MS)
    await owed(story)
    await story.make(job, event)
    story.clock.forward(MINUTE_MS)
    assert (job.id, notice) in await owed(story)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.PREPARING, Event.PREPARED),
        (State.PREPARING, Event.CANCEL),
        (State.GENERATING, Event.FINISHED),
        (State.GENERATING, Event.STOPPED),
        (State.DELIVERING, Event.POSTED),
    ],
)
async def test_what_needs_no_telling_is_not_owed(story: Story, state: State, event: Event) -> None:
    """Progress, a video that speaks for itself, and one's own cancel."""
    await story.make(await story.at(state), event)
    story.clock.forward(MINUTE_MS)
    assert await owed(story) == []


async def test_a_discarded_job_tells_nothing_more(story: Story) -> None:
    """Its person let it go."""
    job = await story.at(State.GENERATING, "hidden")
    await story.work(job, Event.DEADLINE)
    story.clock.forward(MINUTE_MS)
    assert await owed(story) == []


async def test_a_notice_is_given_to_one_at_a_time_until_it_was_said(story: Story) -> None:
    """Whoever took it may die: after a minute another is given it, and after it was said nobody."""
    job = await story.at(State.FAILED)
    assert await owed(story) == [(job.id, Notice.OUTCOME)]
    assert await owed(story) == []
    story.clock.forward(MINUTE_MS)
    assert await owed(story) == [(job.id, Notice.OUTCOME)]
    await story.store.said(job.id, Notice.OUTCOME, "message 7")
    story.clock.forward(DAY_MS)
    assert await owed(story) == []


async def test_only_what_this_process_can_say_is_given_to_it(story: Story) -> None:
    """A bot without Discord leaves Discord's notices to one that has it."""
    await story.at(State.FAILED)
    assert await story.store.owed(platforms=["slack"], most=10) == []
    assert await story.store.owed(platforms=[], most=10) == []
    assert len(await owed(story)) == 1


async def test_a_notice_that_nobody_could_say_for_a_day_is_old(story: Story) -> None:
    """Then it is left to the list of jobs."""
    await story.at(State.FAILED)
    assert [each.is_old for each in await story.store.owed(platforms=["discord"], most=10)] == [False]
    story.clock.forward(DAY_MS + HOUR_MS)
    assert [each.is_old for each in await story.store.owed(platforms=["discord"], most=10)] == [True]


async def test_a_lost_answer_is_told_only_once_it_did_not_settle_itself(story: Story) -> None:
    """A provider's log or a webhook often settles it within seconds."""
    job = await story.at(State.UNSURE)
    assert await owed(story) == []
    story.clock.forward(MINUTE_MS)
    assert await owed(story) == [(job.id, Notice.UNSURE)]


@pytest.mark.parametrize("event", [Event.APPROVED, Event.DECLINED, Event.EXPIRED, Event.CANCEL])
async def test_what_admins_were_asked_is_owed_anew_once_it_is_decided(story: Story, event: Event) -> None:
    """Where it stands somewhere, it says so there; and the history says by whom."""
    for reference in ("message 7", ""):
        job = await story.hold(has_card=True)
        await owed(story)
        await story.store.said(job.id, Notice.APPROVAL, reference)
        await story.make(job, event, **({"by": BEN} if event in {Event.APPROVED, Event.DECLINED} else {}))
        assert ((job.id, Notice.APPROVAL) in await owed(story)) is bool(reference)
        line = (await story.store.trail(job.id))[-1]
        assert line.detail == (BEN if event in {Event.APPROVED, Event.DECLINED} else "")


async def test_a_forgotten_person_is_told_nothing_more(story: Story) -> None:
    """Neither the words nor the debt to say them stay."""
    job = await story.at(State.FAILED)
    await story.store.forget(job.subjects.user, secret=b"k")
    assert await owed(story) == []
