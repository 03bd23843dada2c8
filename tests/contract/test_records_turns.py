"""Who works on what: leases, late answers, people's moves, whose turn it is, and what is due."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage.contract import Move, Priced
from storage.errors import Stale
from storage.states import Event, State
from tests.fakes.story import ANA, BEN, DEADLINE_MS, FAL, LEASE_MS, NOVITA, PRICE, Story

CARA = "user:discord/3"


# -- leases


async def test_a_lease_keeps_others_out_until_it_lapses(story: Story) -> None:
    """At the very millisecond at which it ends another may claim, and not before."""
    job = await story.accept()
    assert await story.store.claim(job.id, lease_ms=1000, holder="a") is not None
    story.clock.forward(999)
    assert await story.store.claim(job.id, lease_ms=1000, holder="b") is None
    story.clock.forward(1)
    claimed = await story.store.claim(job.id, lease_ms=1000, holder="b")
    assert claimed is not None
    assert (claimed.holder, claimed.lease_left_ms) == ("b", 1000)


async def test_its_holder_may_claim_a_job_again_and_every_claim_raises_the_fence(story: Story) -> None:
    """A worker that comes back to its own job goes on under a new fence."""
    first = await story.claim(await story.accept())
    second = await story.claim(first)
    assert second.fence == first.fence + 1
    with pytest.raises(Stale):
        await story.answer(first, Event.PREPARED)


async def test_a_job_can_be_accepted_under_a_lease(story: Story) -> None:
    """A terminal drives its own job: nobody else takes it as long as it lives."""
    job = await story.accept(lease_ms=LEASE_MS, holder="terminal")
    assert await story.store.claim(job.id, lease_ms=1000, holder="worker") is None
    assert await story.store.overdue(offers=[FAL], platforms=[], most=9) == []
    assert await story.store.claim(job.id, lease_ms=1000, holder="terminal") is not None


async def test_a_record_gives_the_lease_up_or_renews_it(story: Story) -> None:
    """As the move says; what it says about the next due holds too."""
    job = await story.claim(await story.accept())
    job = await story.answer(job, Event.PREPARED, due_in_ms=700)
    assert (job.lease_left_ms, job.due_in_ms) == (0, 700)
    job = await story.at(State.GENERATING)
    claimed = await story.claim(job)
    move = replace(_running(claimed.id, claimed.fence), hold_ms=5000, due_in_ms=None)
    looked = await story.store.record(move)
    assert (looked.lease_left_ms, looked.due_in_ms, looked.holder) == (5000, None, "worker")


async def test_a_lease_is_renewed_only_while_it_holds_and_under_its_own_fence(story: Story) -> None:
    """What lapsed may have been taken by another."""
    job = await story.claim(await story.accept())
    assert not await story.store.renew(job.id, fence=job.fence - 1, lease_ms=LEASE_MS)
    story.clock.forward(LEASE_MS - 1)
    assert await story.store.renew(job.id, fence=job.fence, lease_ms=LEASE_MS)
    story.clock.forward(LEASE_MS)
    assert not await story.store.renew(job.id, fence=job.fence, lease_ms=LEASE_MS)


async def test_a_write_after_the_lease_lapsed_stands_where_nobody_came_in_between(story: Story) -> None:
    """The fence decides, not the time: work that was done is not done again."""
    job = await story.claim(await story.accept())
    story.clock.forward(LEASE_MS * 9)
    assert (await story.answer(job, Event.PREPARED)).state is State.QUEUED


# -- silent workers


async def test_a_job_that_silenced_two_workers_is_claimed_alone(story: Story) -> None:
    """The third worker runs nothing beside it."""
    job = await story.accept()
    alone = []
    for _ in range(3):
        alone.append((await story.claim(job)).alone)
        story.clock.forward(LEASE_MS)
    assert alone == [False, False, True]


async def test_a_third_silent_claim_while_preparing_ends_the_job_as_internal_and_alerts(story: Story) -> None:
    """It is given back, and nobody tries a fourth time."""
    job = await story.accept()
    for _ in range(3):
        await story.claim(job)
        story.clock.forward(LEASE_MS)
    assert await story.store.claim(job.id, lease_ms=LEASE_MS, holder="worker") is None
    over = await story.store.job(job.id)
    assert (over.state, over.failure) == (State.FAILED, "internal")
    assert (story.inside(over).used_usd_micros, story.inside(over).spent_usd_micros) == (0, 0)
    assert [alert.cause for alert in await story.store.alerts()] == [f"poison:{job.id}"]


@pytest.mark.parametrize(
    "state", [State.QUEUED, State.SUBMITTING, State.UNSURE, State.GENERATING, State.FETCHING, State.DELIVERING]
)
async def test_silent_claims_end_nothing_after_preparing(story: Story, state: State) -> None:
    """What may be paid is never given up because workers die over it."""
    job = await story.at(state)
    story.clock.forward(LEASE_MS)
    for _ in range(9):
        await story.claim(job)
        story.clock.forward(LEASE_MS)
    assert (await story.store.job(job.id)).state is state


async def test_a_record_ends_the_count_of_silent_claims(story: Story) -> None:
    """Workers that do their work are not silent."""
    job = await story.accept()
    for _ in range(2):
        await story.claim(job)
    job = await story.make(await story.work(job, Event.PREPARED), Event.SUBMIT)
    job = await story.answer(job, Event.VOID_REROUTED)
    assert [(await story.claim(job)).alone for _ in range(2)] == [False, False]


# -- answers that come late


async def test_a_ticket_after_the_lease_lapsed_moves_an_unsure_job(story: Story) -> None:
    """The call was answered after another had already written that it was not."""
    slow = await story.at(State.SUBMITTING)
    story.clock.forward(LEASE_MS)
    unsure = await story.work(slow, Event.NO_ANSWER)
    job = await story.answer(slow, Event.TICKET)
    assert (job.state, job.ticket) == (State.GENERATING, "T1")
    assert job.fence > unsure.fence
    assert job.lease_left_ms == 0
    assert await story.store.alerts() == []


@pytest.mark.parametrize(
    ("event", "target"),
    [(Event.VOID_WAIT, "queued"), (Event.VOID_REROUTED, "preparing"), (Event.VOID_FAILED, "failed")],
)
@pytest.mark.parametrize("wished", [False, True])
async def test_a_late_proof_of_no_job_moves_an_unsure_job(
    story: Story, event: Event, target: str, wished: bool
) -> None:
    """As it would have been in time: on to the next try, or to the end that was wished for."""
    slow = await story.at(State.SUBMITTING)
    story.clock.forward(LEASE_MS)
    unsure = await story.work(slow, Event.NO_ANSWER)
    if wished:
        await story.by_hand(unsure, Event.CANCEL)
    job = await story.answer(slow, event)
    assert job.state == ("cancelled" if wished else target)
    assert story.inside(job).calls_that_may_be_paid == 0


@pytest.mark.parametrize("event", [Event.TICKET, Event.VOID_WAIT, Event.VOID_REROUTED, Event.VOID_FAILED])
@pytest.mark.parametrize("state", [State.GENERATING, State.LATE, State.FAILED])
async def test_a_late_answer_in_any_other_state_is_kept_as_an_event_and_an_alert(
    story: Story, event: Event, state: State
) -> None:
    """It is refused as stale and changes nothing, but nothing that a paid call said is lost."""
    slow = await story.at(State.SUBMITTING)
    story.clock.forward(LEASE_MS)
    job = await story.work(slow, Event.NO_ANSWER)
    if state is State.FAILED:
        job = await story.by_hand(job, Event.LOST)
    else:
        job = await story.work(job, Event.TICKET, ticket="T2")
    if state is State.LATE:
        job = await story.work(job, Event.DEADLINE)
    before = story.inside(job)
    with pytest.raises(Stale):
        await story.answer(slow, event)
    assert await story.store.job(job.id) == job
    assert story.inside(job) == before
    said = (await story.store.trail(job.id))[-1]
    assert (said.event, said.detail) == ("late_answer", "T1" if event is Event.TICKET else event)
    assert f"late_answer:{job.id}" in {alert.cause for alert in await story.store.alerts()}


async def test_a_late_proof_about_an_earlier_call_does_not_void_a_later_one(story: Story) -> None:
    """The proof is about its own call: that another call may be paid still stands."""
    slow = await story.at(State.SUBMITTING)
    story.clock.forward(LEASE_MS)
    job = await story.work(await story.work(slow, Event.NO_ANSWER), Event.VOID_WAIT)
    job = await story.work(await story.make(job, Event.SUBMIT), Event.NO_ANSWER)
    with pytest.raises(Stale):
        await story.answer(slow, Event.VOID_WAIT)
    with pytest.raises(Stale):
        await story.answer(slow, Event.TICKET)
    assert await story.store.job(job.id) == job
    assert story.inside(job).calls_that_may_be_paid == 1
    assert [alert.cause for alert in await story.store.alerts()] == [f"late_answer:{job.id}"]


async def test_an_answer_that_is_known_already_alerts_nobody(story: Story) -> None:
    """A call repeated after a lost connection, or told by a webhook first, is stale and no more."""
    submitting = await story.at(State.SUBMITTING)
    await story.by_hand(submitting, Event.TICKET)
    with pytest.raises(Stale):
        await story.answer(submitting, Event.TICKET)
    void = await story.at(State.SUBMITTING)
    await story.answer(void, Event.VOID_WAIT)
    with pytest.raises(Stale):
        await story.answer(void, Event.VOID_WAIT)
    assert await story.store.alerts() == []


@pytest.mark.parametrize("state", [State.SUBMITTING, State.UNSURE])
async def test_a_webhook_s_ticket_is_taken_before_the_answer_is_read(story: Story, state: State) -> None:
    """It needs no lease, and the worker that waits for the answer is passed by."""
    job = await story.at(state)
    told = await story.by_hand(job, Event.TICKET)
    assert (told.state, told.ticket) == (State.GENERATING, "T1")
    assert told.fence > job.fence


async def test_a_webhook_s_ticket_is_taken_though_the_job_became_unsure_meanwhile(story: Story) -> None:
    """It was read as submitting, a moment before its lease was found lapsed."""
    submitting = await story.at(State.SUBMITTING)
    story.clock.forward(LEASE_MS)
    await story.work(submitting, Event.NO_ANSWER)
    assert (await story.by_hand(submitting, Event.TICKET)).state is State.GENERATING


async def test_a_webhook_s_ticket_for_a_job_that_is_over_is_kept(story: Story) -> None:
    """Somebody may have paid for it: operators are told."""
    over = await story.by_hand(await story.at(State.UNSURE), Event.UNPAID)
    with pytest.raises(Stale):
        await story.by_hand(over, Event.TICKET)
    assert f"late_answer:{over.id}" in {alert.cause for alert in await story.store.alerts()}


# -- people's moves


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.PREPARING, Event.CANCEL),
        (State.QUEUED, Event.CANCEL),
        (State.HELD, Event.APPROVED),
        (State.UNSURE, Event.TICKET),
        (State.UNSURE, Event.LOST),
        (State.KEPT, Event.COLLECTED),
    ],
)
async def test_a_person_s_move_takes_no_lease_and_passes_the_worker_by(
    story: Story, state: State, event: Event
) -> None:
    """It is made though a worker holds the job, and that worker's write is refused."""
    held = await story.claim(await story.at(state))
    moved = await story.by_hand(held, event)
    assert moved.state is not held.state
    assert moved.fence > held.fence
    assert moved.lease_left_ms == 0
    with pytest.raises(Stale):
        await story.answer(replace(held, state=moved.state), Event.RUNNING)


@pytest.mark.parametrize("state", [State.SUBMITTING, State.UNSURE, State.GENERATING, State.LATE])
async def test_a_wish_raises_no_fence_and_leaves_the_lease(story: Story, state: State) -> None:
    """The worker that is at it writes its answer, and its next read shows the wish; the job is due at once."""
    job = await story.at(state)
    held = job if state is State.SUBMITTING else await story.claim(job)
    wished = await story.by_hand(held, Event.CANCEL)
    assert wished.wished
    assert (wished.fence, wished.lease_until_ms, wished.due_in_ms) == (held.fence, held.lease_until_ms, 0)
    await story.answer(held, Event.NO_ANSWER if state is State.SUBMITTING else Event.RUNNING)


# -- whose turn


async def test_an_offer_is_never_given_more_than_its_bound(story: Story) -> None:
    """Submitting, unsure and generating jobs count, whoever asked for them."""
    await story.at(State.SUBMITTING)
    await story.at(State.UNSURE, user=BEN)
    await story.at(State.GENERATING)
    waiting = await story.at(State.QUEUED)
    assert await story.admit(bound=3) is None
    assert await story.admit(waiting, bound=3) is None
    admitted = await story.admit(bound=4)
    assert admitted is not None
    assert admitted.id == waiting.id


@pytest.mark.parametrize("state", [State.LATE, State.FETCHING, State.DELIVERING, State.KEPT, State.PREPARING])
async def test_other_states_take_no_place(story: Story, state: State) -> None:
    """A job that is late, or whose video is there, leaves its place to the next."""
    await story.at(state)
    await story.at(State.QUEUED)
    assert await story.admit(bound=1) is not None


async def test_each_offer_has_its_own_places_and_line(story: Story) -> None:
    """What waits for one provider does not wait for another."""
    await story.at(State.GENERATING)
    await story.at(State.QUEUED)
    elsewhere = await story.at(State.QUEUED, route=_ELSEWHERE)
    assert await story.admit(bound=1) is None
    admitted = await story.admit(bound=1, offer=NOVITA)
    assert admitted is not None
    assert admitted.id == elsewhere.id


async def test_an_unsure_job_past_its_deadline_gives_its_place_back(story: Story) -> None:
    """A call that nobody answered does not block the offer for good."""
    unsure = await story.at(State.UNSURE)
    await story.at(State.QUEUED)
    assert await story.admit(bound=1) is None
    story.clock.forward(DEADLINE_MS)
    await story.work(unsure, Event.DEADLINE)
    assert await story.admit(bound=1) is not None


async def test_a_job_whose_ticket_is_unknown_takes_a_place_again_unless_its_deadline_is_past(story: Story) -> None:
    """Back to unsure means that it may still be rendering."""
    early = await story.work(await story.at(State.GENERATING), Event.TICKET_UNKNOWN)
    assert story.in_flight() == {FAL: 1}
    assert not early.gave_place_back
    late = await story.at(State.LATE)
    story.clock.forward(DEADLINE_MS)
    assert (await story.work(late, Event.TICKET_UNKNOWN)).gave_place_back
    assert story.in_flight() == {FAL: 1}


async def test_the_requester_with_the_fewest_in_flight_goes_first(story: Story) -> None:
    """One who asked for ten does not keep one who asked for one waiting."""
    for _ in range(3):
        await story.at(State.QUEUED, user=ANA)
    await story.at(State.QUEUED, user=BEN)
    assert await _turns(story, 4) == [ANA, BEN, ANA, ANA]


async def test_fewer_in_flight_goes_before_a_longer_wait(story: Story) -> None:
    """Whose video is still being made waits, though the other was served after that."""
    await story.at(State.QUEUED, user=ANA)
    assert await _turns(story, 1) == [ANA]
    await story.at(State.QUEUED, user=BEN)
    assert await _turns(story, 1, finish=True) == [BEN]
    await story.at(State.QUEUED, user=ANA)
    await story.at(State.QUEUED, user=BEN)
    assert await _turns(story, 2) == [BEN, ANA]


async def test_among_equals_the_one_served_longest_ago_goes_first(story: Story) -> None:
    """Also where nobody has anything in flight by now."""
    for user in (ANA, BEN, CARA):
        for _ in range(2):
            await story.at(State.QUEUED, user=user)
    assert await _turns(story, 6, finish=True) == [ANA, BEN, CARA, ANA, BEN, CARA]


async def test_among_those_never_served_the_oldest_job_goes_first(story: Story) -> None:
    """Whatever their names are."""
    users = [f"user:discord/{number}" for number in (9, 3, 7, 1)]
    for user in users:
        await story.at(State.QUEUED, user=user)
    for user in users:
        await story.at(State.QUEUED, user=user)
    assert await _turns(story, 4) == users


async def test_of_one_requester_the_oldest_job_goes_first(story: Story) -> None:
    """In the order in which they were accepted, not in which they were prepared."""
    first, second = await story.accept(), await story.accept()
    await story.work(second, Event.PREPARED)
    await story.work(first, Event.PREPARED)
    admitted = [await story.admit(), await story.admit()]
    assert [job and job.id for job in admitted] == [first.id, second.id]


async def test_a_requester_whose_jobs_all_back_off_is_passed_over(story: Story) -> None:
    """Fairness does not wait for who cannot go."""
    await story.work(await story.at(State.SUBMITTING, user=ANA), Event.VOID_WAIT, due_in_ms=60_000)
    waiting = await story.at(State.QUEUED, user=BEN)
    admitted = await story.admit()
    assert admitted is not None
    assert admitted.id == waiting.id
    assert await story.admit() is None


async def test_only_that_job_is_let_in_where_one_is_named(story: Story) -> None:
    """A terminal drives its own job and no other, though it holds its lease; another's lease is respected."""
    await story.at(State.QUEUED)
    own = await story.at(State.QUEUED)
    await story.claim(own)
    admitted = await story.admit(own)
    assert admitted is not None
    assert (admitted.id, admitted.holder, admitted.lease_left_ms) == (own.id, "worker", LEASE_MS)
    other = await story.at(State.QUEUED)
    await story.claim(other, holder="terminal")
    assert await story.admit(other) is None


async def test_a_leased_queued_job_is_not_let_in_by_others(story: Story) -> None:
    """Its terminal will; where that died, the lease lapses."""
    job = await story.at(State.QUEUED)
    await story.claim(job, holder="terminal")
    assert await story.admit() is None
    story.clock.forward(LEASE_MS)
    assert await story.admit() is not None


# -- what is due


async def test_overdue_names_what_this_process_can_serve(story: Story) -> None:
    """Its offers' jobs, and for delivering its platforms' instead."""
    generating, delivering = await story.at(State.GENERATING), await story.at(State.DELIVERING)

    async def due(offers: list[str], platforms: list[str]) -> set[str]:
        return set(await story.store.overdue(offers=offers, platforms=platforms, most=9))

    assert await due([FAL], ["discord"]) == {generating.id, delivering.id}
    assert await due([FAL], ["slack"]) == {generating.id}
    assert await due([NOVITA], ["discord"]) == {delivering.id}
    assert await due([], []) == set()


async def test_overdue_leaves_out_what_is_leased_or_not_yet_due(story: Story) -> None:
    """A lease that lapsed makes a job due again by itself."""
    job = await story.at(State.SUBMITTING)
    later = await story.work(await story.at(State.GENERATING), Event.RUNNING, due_in_ms=LEASE_MS + 1)
    assert await story.store.overdue(offers=[FAL], platforms=[], most=9) == []
    story.clock.forward(LEASE_MS)
    assert await story.store.overdue(offers=[FAL], platforms=[], most=9) == [job.id]
    story.clock.forward(1)
    assert await story.store.overdue(offers=[FAL], platforms=[], most=9) == [job.id, later.id]


async def test_overdue_names_the_longest_due_first(story: Story) -> None:
    """So that nothing is starved where there is more than asked for."""
    jobs = [await story.at(State.GENERATING) for _ in range(4)]
    for due_in_ms, job in zip((400, 100, 300, 200), jobs, strict=True):
        await story.work(job, Event.RUNNING, due_in_ms=due_in_ms)
    story.clock.forward(500)
    due = await story.store.overdue(offers=[FAL], platforms=[], most=2)
    assert due == [jobs[1].id, jobs[3].id]


async def test_a_queued_job_is_due_only_where_its_offer_is_closed(story: Story) -> None:
    """Else it waits for its turn, which a sweep must not take for work."""
    job = await story.at(State.QUEUED)
    assert await story.store.overdue(offers=[FAL], platforms=[], most=9) == []
    assert await story.store.overdue(offers=[FAL], platforms=[], most=9, closed=[FAL]) == [job.id]


async def test_a_final_kept_or_held_job_is_not_due(story: Story) -> None:
    """They wait for a person or for the clock."""
    await story.at(State.HELD)
    await story.at(State.DELIVERED)
    kept = await story.work(await story.at(State.DELIVERING), Event.UNPLACED, due_in_ms=None)
    assert kept.state is State.KEPT
    assert await story.store.overdue(offers=[FAL], platforms=["discord"], most=9) == []


async def test_a_nudge_makes_a_job_due_now(story: Story) -> None:
    """A verified webhook says look, and nothing else."""
    job = await story.work(await story.at(State.GENERATING), Event.RUNNING, due_in_ms=60_000)
    await story.store.nudge(job.id)
    nudged = await story.store.job(job.id)
    assert nudged.due_in_ms == 0
    assert replace(nudged, due_in_ms=job.due_in_ms, due_at_ms=job.due_at_ms) == job


async def test_the_next_due_is_told_as_a_wait(story: Story) -> None:
    """None where nothing waits, 0 where something is overdue, a lease counts as a wait."""
    assert await story.store.next_due_in_ms() is None
    job = await story.work(await story.at(State.GENERATING), Event.RUNNING, due_in_ms=60_000)
    assert await story.store.next_due_in_ms() == 60_000
    story.clock.forward(60_000)
    assert await story.store.next_due_in_ms() == 0
    await story.claim(job)
    assert await story.store.next_due_in_ms() == LEASE_MS


def _running(job: str, fence: int) -> Move:
    return Move(job=job, expected=State.GENERATING, event=Event.RUNNING, fence=fence)


async def _turns(story: Story, most: int, *, finish: bool = False) -> list[str]:
    """Let jobs in one after the other and return whose they were."""
    users = []
    for _ in range(most):
        story.clock.forward(1)
        job = await story.admit()
        assert job is not None
        users.append(job.subjects.user)
        if finish:
            await story.answer(job, Event.VOID_FAILED)
    return users


_ELSEWHERE = (Priced(NOVITA, PRICE),)
