"""Every move there is, line by line of the design; every other move is refused as stale."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage.contract import Job, Move, Priced
from storage.errors import Stale, Unknown
from storage.states import FINAL, Event, State
from tests.fakes.backends import Inside, Line
from tests.fakes.life import LIFE, Expected
from tests.fakes.story import (
    ANA,
    BEN,
    BILL,
    DEADLINE_MS,
    DEAREST,
    FAL,
    FREE,
    KEEP_MS,
    NOVITA,
    PRICE,
    Story,
    facts_for,
    request,
)

_TAKES_A_PLACE = {"submitting", "unsure", "generating"}
_WISHES = {"cancel", "keep", "discarded"}


def _allowance(line: Expected, before: int) -> tuple[int, list[str]]:
    """Return what is left in the allowance of a line's job, and the entries that led there."""
    settled = {"": (before, []), "release": (0, ["release"]), "charge": (PRICE, ["charge"]), "own": (PRICE, ["charge"])}
    left, entries = settled[line.allowance]
    return left, ["reserve", *entries]


def _spend(line: Expected, before: Inside) -> tuple[int, list[str]]:
    entries = [each.entry for each in before.spend]
    match line.spend:
        case "reserve":
            return before.used_usd_micros, [*entries, "reserve"]
        case "release":
            return 0, [*entries, "release"]
        case "bill":
            return BILL, [*entries, "bill"]
        case "assumed":
            return PRICE, [*entries, "bill"]
    return before.spent_usd_micros, entries


def _outcomes(line: Expected, before: Inside) -> tuple[str, ...]:
    if line.source == "kept" and line.target in {"failed", "cancelled"}:
        return (line.target,)
    if before.outcomes:
        return before.outcomes
    if line.event == "discarded":
        return ("discarded",)
    if line.target == "delivering":
        return ("video",)
    return (line.target,) if line.target in {"failed", "cancelled"} else ()


def _in_flight(line: Expected, job: Job) -> dict[str, int]:
    gone = line.event == "deadline" and line.source == "unsure"
    return {job.offer: 1} if line.target in _TAKES_A_PLACE and not gone else {}


@pytest.mark.parametrize("line", LIFE, ids=[line.name for line in LIFE])
async def test_a_move_does_all_that_its_line_of_the_design_says(story: Story, line: Expected) -> None:
    """State, failure, both books, the outcome, the places in flight and the next due follow from the line."""
    job = await story.at(State(line.source), line.when)
    before = story.inside(job)

    moved = await story.make(job, Event(line.event))

    after = story.inside(moved)
    told = facts_for(Event(line.event)).kind
    assert (moved.state, moved.failure) == (line.target, told if line.kind == "told" else line.kind or None)
    allowance, spend = _allowance(line, before.used_usd_micros), _spend(line, before)
    assert (after.used_usd_micros, [each.entry for each in after.allowance]) == allowance
    assert (after.spent_usd_micros, [each.entry for each in after.spend]) == spend
    assert moved.cost_usd_micros == {"bill": BILL, "assumed": PRICE}.get(line.spend, job.cost_usd_micros)
    assert moved.cost_assumed == (line.spend == "assumed")
    assert after.outcomes == _outcomes(line, before)
    assert story.in_flight() == _in_flight(line, moved)
    assert moved.due_at_ms == (None if moved.state in FINAL else story.clock())
    assert moved.ended_at_ms == (story.clock() if moved.state in FINAL else None)


@pytest.mark.parametrize("state", State)
async def test_every_move_without_a_line_is_refused_as_stale_and_changes_nothing(story: Story, state: State) -> None:
    """Whoever makes it, under the right fence or by hand, the job and both books stay as they are."""
    job = await story.at(state)
    if state not in FINAL:
        job = await story.claim(job)
    before = story.inside(job)
    there_is = {line.event for line in LIFE if line.source == state}
    for event in set(Event) - there_is:
        with pytest.raises(Stale):
            await story.answer(job, event)
        with pytest.raises((Stale, ValueError)):
            await story.by_hand(job, event)
    assert await story.store.job(job.id) == job
    assert story.inside(job) == before


@pytest.mark.parametrize("state", [State.GENERATING, State.LATE])
async def test_a_discarded_job_takes_no_more_wishes(story: Story, state: State) -> None:
    """It is shown as gone: a second discard, a cancel or a keep is refused."""
    job = await story.at(state, "hidden")
    for event in (Event.CANCEL, Event.KEEP, Event.DISCARDED):
        with pytest.raises(Stale):
            await story.by_hand(job, event)
    assert await story.store.job(job.id) == job


async def test_a_move_from_another_state_than_expected_is_refused(story: Story) -> None:
    """A write made for the job as it was does not touch the job as it is."""
    queued = await story.at(State.QUEUED)
    with pytest.raises(Stale):
        await story.by_hand(replace(queued, state=State.PREPARING), Event.CANCEL)
    assert await story.store.job(queued.id) == queued


async def test_a_move_under_a_passed_fence_is_refused(story: Story) -> None:
    """Who lost its lease to another cannot write, though the state is still the expected one."""
    first = await story.claim(await story.accept())
    story.clock.forward(60_000)
    second = await story.claim(first, holder="another")
    with pytest.raises(Stale):
        await story.answer(first, Event.PREPARED)
    assert (await story.answer(second, Event.PREPARED)).state is State.QUEUED


async def test_a_worker_s_move_without_a_fence_is_a_mistake_of_ours(story: Story) -> None:
    """Only a person's move may come without one."""
    job = await story.accept()
    with pytest.raises(ValueError, match="fence"):
        await story.by_hand(job, Event.PREPARED)


async def test_a_failure_always_has_a_kind_that_is_known(story: Story) -> None:
    """A move that ends a job without saying why, or with a word that nobody knows, is a mistake of ours."""
    for kind in (None, "whatever"):
        job = await story.at(State.GENERATING)
        with pytest.raises(ValueError, match="Kind"):
            await story.work(job, Event.REFUSED, kind=kind)
        assert (await story.store.job(job.id)).state is State.GENERATING


async def test_a_move_of_a_job_that_does_not_exist_is_unknown(story: Story) -> None:
    """There is nothing to be stale about."""
    with pytest.raises(Unknown):
        await story.store.record(Move(job="00000000", expected=State.HELD, event=Event.CANCEL))
    with pytest.raises(Unknown):
        await story.store.job("00000000")


async def test_a_final_job_never_changes(story: Story) -> None:
    """No claim, nudge or move touches a job that is over."""
    job = await story.at(State.DELIVERED)
    assert await story.store.claim(job.id, lease_ms=1000, holder="worker") is None
    await story.store.nudge(job.id)
    assert not await story.store.renew(job.id, fence=job.fence, lease_ms=1000)
    assert await story.store.job(job.id) == job


async def test_what_a_look_tells_is_kept(story: Story) -> None:
    """Ticket, progress, seed, rewritten prompt, result and detail are all in the job, a seed of 0 too."""
    job = await story.work(await story.at(State.GENERATING), Event.RUNNING, progress=0.5)
    assert (job.ticket, job.progress) == ("T1", 0.5)
    job = await story.work(job, Event.FINISHED, seed=0, actual_prompt="a cat")
    assert (job.seed, job.actual_prompt) == (0, "a cat")
    job = await story.work(job, Event.FETCHED)
    assert (job.result, job.result_bytes) == ("b2" * 32, 9000)
    failed = await story.work(await story.accept(), Event.UNFIT, detail="too wide")
    assert failed.detail == "too wide"


async def test_the_trail_tells_every_move_but_not_every_look(story: Story) -> None:
    """A job's history has its states in order; thousands of looks would drown them."""
    job = await story.at(State.GENERATING)
    await story.work(job, Event.RUNNING)
    await story.work(job, Event.FINISHED)
    trail = await story.store.trail(job.id)
    assert [(each.event, each.target) for each in trail] == [
        ("accepted", "preparing"),
        ("prepared", "queued"),
        ("submit", "submitting"),
        ("ticket", "generating"),
        ("finished", "fetching"),
    ]


# -- whose discard, and the one outcome


@pytest.mark.parametrize("state", [State.GENERATING, State.LATE])
@pytest.mark.parametrize(("by", "charged"), [(ANA, PRICE), (BEN, 0), (None, 0)])
async def test_a_discard_is_charged_only_where_its_requester_made_it(
    story: Story, state: State, by: str | None, charged: int
) -> None:
    """Whoever starts and discards pays with the own limit; an admin's discard or a denied scope gives it back."""
    job = await story.by_hand(await story.at(state), Event.DISCARDED, by=by)
    over = await story.work(job, Event.FINISHED)
    assert over.state is State.CANCELLED
    assert story.inside(over).used_usd_micros == charged
    assert story.inside(over).spent_usd_micros == BILL
    assert story.inside(over).outcomes == ("discarded",)


@pytest.mark.parametrize(("by", "charged"), [(ANA, PRICE), (BEN, 0)])
async def test_a_kept_video_s_discard_is_charged_only_where_its_requester_made_it(
    story: Story, by: str, charged: int
) -> None:
    """The video is there: to throw it away is to have had it, but only for whoever asked for it."""
    over = await story.by_hand(await story.at(State.KEPT), Event.DISCARDED, by=by)
    assert over.state is State.CANCELLED
    assert story.inside(over).used_usd_micros == charged
    assert story.inside(over).outcomes == ("cancelled",)


@pytest.mark.parametrize("state", State)
async def test_a_job_has_one_outcome_from_when_people_are_told_and_none_before(story: Story, state: State) -> None:
    """None while it is under way, exactly one from delivering or the end on."""
    outcomes = story.inside(await story.at(state)).outcomes
    told = FINAL | {State.DELIVERING, State.KEPT}
    assert len(outcomes) == (state in told)


@pytest.mark.parametrize("event", [Event.VOID_WAIT, Event.VOID_REROUTED, Event.VOID_FAILED])
async def test_a_discarded_job_that_turns_out_never_sent_is_not_sent_again(story: Story, event: Event) -> None:
    """Its people were told that it is gone: a proof of no job ends it, as a cancel would."""
    job = await story.work(await story.at(State.GENERATING, "hidden"), Event.TICKET_UNKNOWN)
    assert (job.state, job.hidden, job.ticket) == (State.UNSURE, True, None)
    over = await story.work(job, event)
    assert over.state is State.CANCELLED
    assert story.inside(over).spent_usd_micros == 0
    assert story.inside(over).outcomes == ("discarded",)


async def test_keep_takes_a_cancel_back(story: Story) -> None:
    """A wish stands until its requester says Keep."""
    job = await story.by_hand(await story.at(State.GENERATING), Event.CANCEL)
    assert job.wished
    assert not (await story.by_hand(job, Event.KEEP)).wished


async def test_a_wish_stays_through_the_answer_that_it_waits_for(story: Story) -> None:
    """A cancel while submitting is still there once the ticket is, so that the provider's cancel is tried."""
    submitting = await story.at(State.SUBMITTING)
    await story.by_hand(submitting, Event.CANCEL)
    assert (await story.answer(submitting, Event.TICKET)).wished


# -- what is sent, at most once


async def test_a_submit_counts_as_paid_until_it_is_proven_void(story: Story) -> None:
    """One call that may be paid from submitting on; none after a proof; one again after the next submit."""
    job = await story.at(State.SUBMITTING)
    assert story.inside(job).calls_that_may_be_paid == 1
    assert job.order_key == job.id
    job = await story.work(job, Event.VOID_REROUTED)
    assert (job.offer, story.inside(job).calls_that_may_be_paid) == (NOVITA, 0)
    job = await story.make(await story.work(job, Event.PREPARED), Event.SUBMIT)
    assert (job.submits, story.inside(job).calls_that_may_be_paid) == (2, 1)
    assert job.order_key == f"{job.id}.2"


async def test_admitting_raises_the_fence_so_that_an_older_write_of_the_same_worker_is_refused(story: Story) -> None:
    """A repeated proof about the first call, under the fence that it had, says nothing about the second call."""
    first = await story.at(State.SUBMITTING)
    await story.answer(first, Event.VOID_WAIT)
    second = await story.admit()
    assert second is not None
    with pytest.raises(Stale):
        await story.answer(first, Event.VOID_WAIT)
    job = await story.store.job(first.id)
    assert (job.state, job.submits, story.inside(job).calls_that_may_be_paid) == (State.SUBMITTING, 2, 1)
    assert await story.store.alerts() == []


async def test_a_queued_job_in_its_back_off_is_not_let_in(story: Story) -> None:
    """After a rate limit it waits as long as it was told."""
    job = await story.work(await story.at(State.SUBMITTING), Event.VOID_WAIT, due_in_ms=9000)
    assert await story.admit(job) is None
    story.clock.forward(8999)
    assert await story.admit() is None
    story.clock.forward(1)
    admitted = await story.admit()
    assert admitted is not None
    assert admitted.id == job.id


# -- times that the job carries


async def test_the_deadline_counts_from_the_ticket_and_retention_from_the_submit(story: Story) -> None:
    """The time between a submit and its answer belongs to the provider's retention only."""
    submitting = await story.at(State.SUBMITTING)
    story.clock.forward(5000)
    job = await story.answer(submitting, Event.TICKET)
    assert job.deadline_at_ms == story.clock() + DEADLINE_MS
    assert job.retention_at_ms == submitting.retention_at_ms


async def test_a_ticket_found_later_does_not_prolong_the_deadline(story: Story) -> None:
    """An unsure job's deadline counts from its submit, whenever the ticket turns up."""
    unsure = await story.at(State.UNSURE)
    story.clock.forward(5000)
    assert (await story.work(unsure, Event.TICKET)).deadline_at_ms == unsure.deadline_at_ms


async def test_a_ticket_found_after_the_place_was_given_back_makes_the_job_late(story: Story) -> None:
    """Else it would generate without being counted."""
    unsure = await story.work(await story.at(State.UNSURE), Event.DEADLINE)
    assert unsure.gave_place_back
    assert (await story.work(unsure, Event.TICKET)).state is State.LATE
    assert story.in_flight() == {}


@pytest.mark.parametrize(
    ("state", "after_ms"),
    [
        (State.PREPARING, 24 * 3_600_000),
        (State.QUEUED, 24 * 3_600_000),
        (State.HELD, 7 * 24 * 3_600_000),
        (State.UNSURE, DEADLINE_MS),
        (State.GENERATING, DEADLINE_MS),
        (State.LATE, 20 * 3_600_000),
        (State.FETCHING, 20 * 3_600_000),
        (State.DELIVERING, 24 * 3_600_000),
        (State.KEPT, KEEP_MS),
    ],
)
async def test_what_only_the_clock_decides_is_due_at_that_instant_in_every_process(
    story: Story, state: State, after_ms: int
) -> None:
    """Not a millisecond before, and whatever offers and platforms the process serves."""
    job = await story.at(state)
    story.clock.forward(after_ms - 1)
    assert not (await story.store.job(job.id)).clock_due
    assert await story.store.overdue(offers=[], platforms=[], most=9) == []
    story.clock.forward(1)
    assert (await story.store.job(job.id)).clock_due
    assert await story.store.overdue(offers=[], platforms=[], most=9) == [job.id]


async def test_an_unsure_job_that_gave_its_place_back_is_next_due_at_the_end_of_retention(story: Story) -> None:
    """Its deadline is behind it; what is left is the provider's memory."""
    job = await story.work(await story.at(State.UNSURE), Event.DEADLINE, due_in_ms=None)
    assert job.due_in_ms is None
    story.clock.forward(20 * 3_600_000 - 1)
    assert not (await story.store.job(job.id)).clock_due
    story.clock.forward(1)
    assert (await story.store.job(job.id)).clock_due


async def test_24_hours_count_from_when_preparing_first_began(story: Story) -> None:
    """A job that is sent back to prepare for another offer has no longer for that."""
    job = await story.at(State.QUEUED)
    story.clock.forward(23 * 3_600_000)
    job = await story.work(job, Event.REROUTED)
    story.clock.forward(3_600_000)
    assert (await story.store.job(job.id)).clock_due


# -- accepting, and the same command again


async def test_a_job_is_accepted_whole(story: Story) -> None:
    """What was asked comes back as it was asked, with one reservation in each book at the dearest offer."""
    asked = request("command-x", roles=("role:discord/5",))
    job = (await story.store.accept(asked)).job  # type: ignore[union-attr] # rules that never say no
    assert (job.state, job.offer, job.route) == (State.PREPARING, FAL, asked.route)
    assert (job.subjects, job.place, job.request) == (asked.subjects, asked.place, asked.request)
    assert (job.inputs, job.prepared, job.seconds) == (asked.inputs, (), 5)
    assert (job.reserved_usd_micros, job.price_usd_micros) == (DEAREST, PRICE)
    reservation = (Line("reserve", 1, 5, DEAREST),)
    assert (story.inside(job).allowance, story.inside(job).spend) == (reservation, reservation)
    assert await story.store.job(job.id) == job


async def test_the_same_command_again_is_the_same_job(story: Story) -> None:
    """A platform that delivers twice gets one job, wherever it stands by then."""
    first = await story.store.accept(request("same"))
    assert not first.again
    await story.work(first.job, Event.PREPARED)  # type: ignore[union-attr] # rules that never say no
    second = await story.store.accept(request("same"))
    assert second.again
    assert second.job.id == first.job.id  # type: ignore[union-attr] # as above
    assert second.job.state is State.QUEUED  # type: ignore[union-attr] # as above
    assert await story.used() == {ANA: (1, 0, DEAREST)}


async def test_the_same_command_after_a_refusal_is_the_same_refusal_with_the_same_draft(story: Story) -> None:
    """Even where the limit would let it through by now: a person reads one answer to one command."""
    rules = replace(FREE, user_max_open=0)
    first = await story.store.accept(request("same", rules=rules))
    second = await story.store.accept(request("same"))
    assert second == replace(first, again=True)
    assert await story.used() == {}


async def test_the_same_command_once_its_draft_is_gone_is_a_new_one(story: Story) -> None:
    """A day later there is no draft to point to, so the request is looked at afresh."""
    await story.store.accept(request("same", rules=replace(FREE, user_max_open=0)))
    story.clock.forward(24 * 3_600_000)
    await story.store.unneeded_blobs(keep_ms=7 * 24 * 3_600_000)
    answer = await story.store.accept(request("same"))
    assert not answer.again
    assert (await story.store.accept(request("same"))).again


async def test_ids_have_eight_characters_and_grow_with_time(story: Story) -> None:
    """Also within one millisecond, and when the clock goes back."""
    ids = [(await story.accept()).id for _ in range(5)]
    story.clock.forward(-60_000)
    ids.append((await story.accept()).id)
    story.clock.forward(3_600_000)
    ids.append((await story.accept()).id)
    assert ids == sorted(set(ids))
    assert {len(each) for each in ids} == {8}


async def test_what_people_write_comes_back_as_they_wrote_it(story: Story) -> None:
    """Quotes, other scripts and pictures in a prompt survive the store."""
    prompt = "\"a\" 'b' 猫 👩\u200d🚀 \\n \u2028"
    job = await story.accept(request={"prompt": prompt, "options": {"seed": 0}})
    assert (await story.store.job(job.id)).request == {"prompt": prompt, "options": {"seed": 0}}


async def test_jobs_are_listed_newest_first_and_by_state_and_user(story: Story) -> None:
    """The newest is what people look for."""
    first, second = await story.accept(ANA), await story.accept(BEN)
    third = await story.at(State.QUEUED)
    listed = await story.store.jobs()
    assert [job.id for job in listed] == [third.id, second.id, first.id]
    assert [job.id for job in await story.store.jobs(user=ANA)] == [third.id, first.id]
    assert [job.id for job in await story.store.jobs(state="queued")] == [third.id]
    assert [job.id for job in await story.store.jobs(most=1)] == [third.id]


async def test_ahead_counts_the_older_queued_jobs_of_the_same_offer(story: Story) -> None:
    """What a person reads as a place in the line."""
    await story.at(State.QUEUED, route=(Priced(NOVITA, PRICE),))
    jobs = [await story.at(State.QUEUED) for _ in range(3)]
    assert [await story.store.ahead(job.id) for job in jobs] == [0, 1, 2]
