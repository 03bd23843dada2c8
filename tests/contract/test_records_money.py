"""Budgets, what may be put to an admin, what is charged and billed, and what the books sum to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from storage.contract import APPROVALS, HouseRules, Job, Priced, Refusal, Usage
from storage.errors import OverBudget, Stale, Unknown
from storage.states import Event, State
from tests.fakes.story import (
    ANA,
    BEN,
    BILL,
    CHANNEL,
    DAY_MS,
    DEAREST,
    FAL,
    FREE,
    HOUR_MS,
    NOON_MS,
    NOVITA,
    OTHER_SCOPE,
    PRICE,
    SCOPE,
    Story,
    request,
)

DOLLAR = 1_000_000
OCTOBER_MS = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp() * 1000)
ONE_OFFER = (Priced(FAL, PRICE),)


def budgets(scope: float | None = None, all_of_it: float | None = None, **rules: Any) -> HouseRules:
    """Settings with these monthly budgets, in dollars."""
    return replace(
        FREE,
        scope_budget_usd_micros=None if scope is None else int(scope * DOLLAR),
        budget_usd_micros=None if all_of_it is None else int(all_of_it * DOLLAR),
        **rules,
    )


async def approvals(story: Story, *, on: bool = True) -> None:
    """Say whether a request over the scope's budget may be put to an admin."""
    await story.store.set_scope(SCOPE, allowed=True, approvals=on)


# -- budgets


async def test_a_budget_counts_what_is_spent_and_what_is_reserved(story: Story) -> None:
    """A job under way holds its worst case; once billed, only the bill."""
    rules = budgets(scope=1.2)
    job = await story.accept(route=ONE_OFFER, rules=rules)
    await story.accept(route=ONE_OFFER, rules=rules)
    refusal = await story.refuse(route=ONE_OFFER, rules=rules)
    assert (refusal.reason, refusal.subject, refusal.set_by) == ("budget", SCOPE, "settings")
    assert (refusal.used, refusal.asked, refusal.limit) == (2 * PRICE, PRICE, "$1.20/month")
    assert refusal.frees_at_ms == OCTOBER_MS
    job = await _generate(story, job)
    await story.work(job, Event.REFUSED, billed_usd_micros=0)
    await story.accept(route=ONE_OFFER, rules=rules)


async def test_what_a_provider_bills_for_a_failure_stays_in_the_budget(story: Story) -> None:
    """The person's limit is given back, the scope's money is gone."""
    rules = budgets(scope=0.9)
    job = await _generate(story, await story.accept(route=ONE_OFFER, rules=rules))
    await story.work(job, Event.REFUSED, billed_usd_micros=BILL)
    assert (await story.refuse(route=ONE_OFFER, rules=rules)).used == BILL
    assert (await story.used())[ANA] == (0, 0, 0)


async def test_the_installation_has_a_budget_over_all_scopes(story: Story) -> None:
    """Whoever spent it, and wherever."""
    rules = budgets(all_of_it=1.0)
    for scope in (SCOPE, OTHER_SCOPE):
        await story.accept(scope=scope, route=ONE_OFFER, rules=rules)
    refusal = await story.refuse(BEN, scope="scope:discord/12", route=ONE_OFFER, rules=rules)
    assert (refusal.reason, refusal.subject) == ("budget", "all")


async def test_a_month_s_budget_is_there_again_on_the_first(story: Story) -> None:
    """To the millisecond, where the operator lives."""
    rules = budgets(scope=0.5)
    await story.accept(route=ONE_OFFER, rules=rules)
    story.clock.now_ms = OCTOBER_MS - 1
    await story.refuse(route=ONE_OFFER, rules=rules)
    story.clock.forward(1)
    await story.accept(route=ONE_OFFER, rules=rules)


async def test_a_scope_s_dollar_limits_are_its_budgets_and_replace_the_settings_one(story: Story) -> None:
    """They read spend; what else the scope has in its set reads allowance; `none` lifts the settings' budget."""
    rules = budgets(scope=0.5)
    await story.store.set_limits(SCOPE, "$1/month")
    await story.accept(route=ONE_OFFER, rules=rules)
    await story.accept(route=ONE_OFFER, rules=rules)
    refusal = await story.refuse(route=ONE_OFFER, rules=rules)
    assert (refusal.reason, refusal.set_by, refusal.limit) == ("budget", "operator", "$1.00/month")
    await story.store.set_limits(SCOPE, "9/day")
    assert (await story.refuse(route=ONE_OFFER, rules=rules)).limit == "$0.50/month"
    await story.store.set_limits(SCOPE, "none")
    await story.accept(route=ONE_OFFER, rules=rules)


async def test_a_scope_s_admin_may_set_a_narrower_budget(story: Story) -> None:
    """Beside the operator's, which still holds."""
    await story.store.set_limits(SCOPE, "$0.5/month", by=SCOPE)
    await story.accept(route=ONE_OFFER, rules=budgets(scope=9))
    assert (await story.refuse(route=ONE_OFFER, rules=budgets(scope=9))).set_by == SCOPE


async def test_a_budget_can_have_any_window(story: Story) -> None:
    """Also a rolling one, which frees as told."""
    await story.store.set_limits(SCOPE, "$0.5/24h")
    await story.accept(route=ONE_OFFER)
    refusal = await story.refuse(route=ONE_OFFER)
    assert refusal.frees_at_ms == NOON_MS + DAY_MS
    story.clock.now_ms = refusal.frees_at_ms - 1
    await story.refuse(route=ONE_OFFER)
    story.clock.forward(1)
    await story.accept(route=ONE_OFFER)


async def test_offers_that_a_budget_has_no_room_for_are_dropped(story: Story) -> None:
    """Nobody is refused as long as a cheaper offer fits; one of unknown price never does."""
    route = (Priced("wan2.6@aimlapi", None), Priced(NOVITA, DEAREST), Priced(FAL, PRICE))
    job = await story.accept(route=route, rules=budgets(scope=0.6))
    assert (job.offer, job.route, job.reserved_usd_micros) == (FAL, ONE_OFFER, PRICE)


async def test_a_grant_of_dollars_raises_a_scope_s_budget_this_month(story: Story) -> None:
    """The settings' one too, also where the scope's own set says nothing of dollars."""
    rules = budgets(scope=0.5)
    await story.store.set_limits(SCOPE, "9/day")
    assert await story.store.grant(SCOPE, "$0.5", rules=rules) == ("$0.50/month",)
    await story.accept(route=ONE_OFFER, rules=rules)
    await story.accept(route=ONE_OFFER, rules=rules)
    await story.refuse(route=ONE_OFFER, rules=rules)
    story.clock.now_ms = OCTOBER_MS
    await story.accept(route=ONE_OFFER, rules=rules)
    await story.refuse(route=ONE_OFFER, rules=rules)


async def test_the_open_cap_is_named_before_a_budget(story: Story) -> None:
    """To ask an admin would not help as long as too much is open."""
    await approvals(story)
    refusal = await story.refuse(rules=budgets(scope=0.1, user_max_open=0))
    assert (refusal.reason, refusal.can_ask) == ("open", False)


# -- put to an admin


async def test_only_a_scope_with_approvals_on_offers_to_ask(story: Story) -> None:
    """Off is the default, and a denied scope never does."""
    rules = budgets(scope=0.1)
    assert not (await story.refuse(rules=rules)).can_ask
    await approvals(story, on=False)
    assert not (await story.refuse(rules=rules)).can_ask
    await approvals(story)
    assert (await story.refuse(rules=rules)).can_ask
    await story.store.set_scope(SCOPE, allowed=False, approvals=None)
    assert not (await story.refuse(rules=rules)).can_ask


async def test_what_a_scopes_admins_chose_goes_before_what_an_operator_did(story: Story) -> None:
    """Without allowing the scope by it; a denied one still never asks."""
    rules = budgets(scope=0.1)
    await story.store.choose(SCOPE, APPROVALS, True, by="user:discord/1")
    assert (await story.refuse(rules=rules)).can_ask
    assert await story.store.scopes() == []
    await approvals(story)
    await story.store.choose(SCOPE, APPROVALS, False, by="user:discord/1")
    assert not (await story.refuse(rules=rules)).can_ask
    await story.store.choose(SCOPE, APPROVALS, True, by="user:discord/1")
    await story.store.set_scope(SCOPE, allowed=False, approvals=None)
    assert not (await story.refuse(rules=rules)).can_ask


async def test_a_limit_can_never_be_put_to_an_admin(story: Story) -> None:
    """Nor a budget beside which a limit, or another budget, is in the way."""
    await approvals(story)
    await story.accept(route=ONE_OFFER)
    for rules in (
        replace(FREE, user_limits="1/day"),
        replace(FREE, user_limits="$0.6/day"),
        budgets(scope=0.1, user_limits="1/day"),
        budgets(scope=0.1, all_of_it=0.2),
    ):
        refusal = await story.refuse(route=ONE_OFFER, rules=rules)
        assert not refusal.can_ask, rules
        with pytest.raises(Unknown):
            await story.store.hold(refusal.draft)


async def test_a_held_request_reserves_the_allowance_and_not_the_spend(story: Story) -> None:
    """It waits seven days, and remembers which budget it was asked for."""
    job = await story.hold()
    assert (job.state, job.clock_due, job.due_in_ms) == (State.HELD, False, None)
    assert await story.used("allowance") == {ANA: (1, 0, DEAREST)}
    assert await story.used("spend") == {}
    assert job.budget == f"{SCOPE} $0.499999/month settings"


async def test_a_draft_becomes_at_most_one_held_job(story: Story) -> None:
    """Two presses of the button, or a redelivered command, are one request."""
    await approvals(story)
    refusal = await story.refuse(rules=budgets(scope=0.1))
    first, second = await story.store.hold(refusal.draft), await story.store.hold(refusal.draft)
    assert isinstance(first, Job)
    assert first == second
    assert len(await story.store.jobs()) == 1


async def test_the_command_of_a_held_request_is_that_job(story: Story) -> None:
    """Delivered once more, it is not a second request; nor when the draft is gone."""
    await approvals(story)
    asked = request("same", rules=budgets(scope=0.1))
    refusal = await story.store.accept(asked)
    assert isinstance(refusal, Refusal)
    held = await story.store.hold(refusal.draft)
    assert isinstance(held, Job)
    again = await story.store.accept(asked)
    assert not isinstance(again, Refusal)
    assert (again.again, again.job.id) == (True, held.id)
    story.clock.forward(DAY_MS)
    await story.store.unneeded_blobs(keep_ms=9 * DAY_MS)
    again = await story.store.accept(asked)
    assert not isinstance(again, Refusal)
    assert again.job.id == held.id


async def test_a_draft_is_kept_for_a_day(story: Story) -> None:
    """After that there is nothing to ask with."""
    await approvals(story)
    refusal = await story.refuse(rules=budgets(scope=0.1))
    story.clock.forward(DAY_MS)
    with pytest.raises(Unknown):
        await story.store.hold(refusal.draft)
    with pytest.raises(Unknown):
        await story.store.hold("D0000000")


async def test_asking_does_not_pass_a_limit(story: Story) -> None:
    """Drafts reserve nothing, so each is looked at again when it is asked with: five a day are five, held or not."""
    await approvals(story)
    rules = budgets(scope=0.1, user_limits="2/day")
    drafts = [(await story.refuse(rules=rules)).draft for _ in range(3)]
    held = [await story.store.hold(draft) for draft in drafts]
    assert [isinstance(each, Job) for each in held] == [True, True, False]
    refusal = held[2]
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.limit, refusal.draft, refusal.can_ask) == ("limit", "2/day", drafts[2], False)
    assert (await story.used("allowance"))[ANA] == (2, 0, 2 * DEAREST)


async def test_a_held_request_keeps_only_the_offers_that_its_other_limits_allow(story: Story) -> None:
    """The budget that is asked for is passed over, a person's dollar limit is not."""
    await approvals(story)
    refusal = await story.refuse(rules=budgets(scope=0.1, user_limits="$0.6/day"))
    held = await story.store.hold(refusal.draft)
    assert isinstance(held, Job)
    assert (held.route, held.reserved_usd_micros) == (ONE_OFFER, PRICE)


async def test_approving_reserves_the_spend_in_the_month_of_the_approval(story: Story) -> None:
    """The allowance stays where it was asked for."""
    story.clock.now_ms = OCTOBER_MS - DAY_MS
    job = await story.hold()
    story.clock.now_ms = OCTOBER_MS + HOUR_MS
    await story.by_hand(job, Event.APPROVED)
    assert [line.key for line in await _usage(story, "spend", "day")] == ["2026-10-01"]
    assert [line.key for line in await _usage(story, "allowance", "day")] == ["2026-09-30"]
    refusal = await story.refuse(route=ONE_OFFER, rules=budgets(scope=1.1))
    assert refusal.used == DEAREST


async def test_approving_passes_the_budget_it_was_asked_for_and_checks_every_other(story: Story) -> None:
    """An installation that has nothing left says no, and the request stays held."""
    job = await story.hold()
    over = budgets(scope=0.1, all_of_it=0.6)
    with pytest.raises(OverBudget) as caught:
        await story.by_hand(job, Event.APPROVED, rules=over)
    assert caught.value.budget == "all $0.60/month"
    assert await story.store.job(job.id) == job
    assert await story.used("spend") == {}
    approved = await story.by_hand(job, Event.APPROVED, rules=budgets(scope=0.1, all_of_it=0.7))
    assert approved.state is State.PREPARING


async def test_the_budget_asked_for_is_the_same_one_when_its_amount_has_changed(story: Story) -> None:
    """Raised, but not far enough, it is still what the admin passes."""
    job = await story.hold(rules=budgets(scope=0.1))
    assert (await story.by_hand(job, Event.APPROVED, rules=budgets(scope=0.2))).state is State.PREPARING


async def test_a_scope_admin_s_budget_is_another_than_the_operator_s(story: Story) -> None:
    """What was asked of one is not passed for the other."""
    job = await story.hold()
    await story.store.set_limits(SCOPE, "$0.1/month", by=SCOPE)
    with pytest.raises(OverBudget):
        await story.by_hand(job, Event.APPROVED, rules=budgets(scope=0.1))


async def test_approving_does_not_ask_for_room_under_the_open_cap(story: Story) -> None:
    """The admin said yes; the person need not come at the right moment."""
    rules = budgets(scope=0.1, user_max_open=1)
    job = await story.hold(rules=rules)
    await story.accept(rules=replace(FREE, user_max_open=1))
    assert (await story.by_hand(job, Event.APPROVED, rules=rules)).state is State.PREPARING


async def test_a_second_decision_comes_too_late(story: Story) -> None:
    """Two admins press at once: the first one's word stands."""
    job = await story.hold()
    await story.by_hand(job, Event.DECLINED)
    with pytest.raises(Stale):
        await story.by_hand(job, Event.APPROVED)
    assert (await story.used())[ANA] == (0, 0, 0)


# -- what is charged and billed


async def test_a_charge_is_the_price_of_the_offer_that_made_the_video(story: Story) -> None:
    """Not of the first choice, nor of the dearest."""
    job = await story.work(await story.at(State.QUEUED), Event.REROUTED)
    over = await _deliver(story, await story.work(job, Event.PREPARED))
    assert story.inside(over).used_usd_micros == DEAREST
    over = await _deliver(story, await story.at(State.QUEUED))
    assert story.inside(over).used_usd_micros == PRICE


async def test_a_charge_is_never_more_than_was_reserved(story: Story) -> None:
    """However the job came to a dearer offer."""
    job = await story.at(State.QUEUED, route=(*ONE_OFFER, Priced(NOVITA, None)))
    over = await _deliver(story, job)
    assert story.inside(over).used_usd_micros == PRICE


async def test_where_no_bill_is_told_the_offer_s_price_is_booked(story: Story) -> None:
    """It is what the offer asks, so it is not marked as assumed."""
    job = await story.work(await story.at(State.GENERATING), Event.FINISHED, billed_usd_micros=None)
    assert (job.cost_usd_micros, job.cost_assumed) == (PRICE, False)
    assert story.inside(job).spent_usd_micros == PRICE


async def test_a_bill_of_nothing_is_a_bill(story: Story) -> None:
    """0 is not the same as untold."""
    job = await story.work(await story.at(State.GENERATING), Event.FINISHED, billed_usd_micros=0)
    assert (job.cost_usd_micros, story.inside(job).spent_usd_micros) == (0, 0)


async def test_a_bill_above_its_reservation_is_booked_and_alerts(story: Story) -> None:
    """The books say what is true, and an operator hears that the price was wrong."""
    job = await story.work(await story.at(State.GENERATING), Event.FINISHED, billed_usd_micros=DEAREST + 1)
    assert story.inside(job).spent_usd_micros == DEAREST + 1
    (alert,) = await story.store.alerts()
    assert (alert.cause, alert.job) == (f"billed_above_reservation:{job.id}", job.id)
    assert alert.facts == {"billed": DEAREST + 1, "reserved": DEAREST}


async def test_an_assumed_bill_alerts_with_its_ticket(story: Story) -> None:
    """Somebody can look it up."""
    job = await story.work(await story.at(State.LATE), Event.RETENTION_OVER)
    assert (job.cost_usd_micros, job.cost_assumed) == (PRICE, True)
    (alert,) = await story.store.alerts()
    assert (alert.cause, alert.facts) == (f"spend_assumed:{job.id}", {"assumed": PRICE, "ticket": "T1"})
    (line,) = await _usage(story, "spend", "user")
    assert (line.usd_micros, line.assumed_usd_micros) == (PRICE, PRICE)


@pytest.mark.parametrize("told", [0, BILL, DEAREST + 1])
async def test_a_bill_that_comes_later_corrects_an_assumed_one(story: Story, told: int) -> None:
    """The sum is what was billed, nothing is assumed any more, and the final job is otherwise as it was."""
    over = await story.work(await story.at(State.GENERATING), Event.RETENTION_OVER)
    await story.store.correct(over.id, told)
    corrected = await story.store.job(over.id)
    assert corrected == replace(over, cost_usd_micros=told, cost_assumed=False)
    assert story.inside(over).spent_usd_micros == told
    (line,) = await _usage(story, "spend", "user")
    assert (line.usd_micros, line.assumed_usd_micros, line.reserved_usd_micros) == (told, 0, 0)


async def test_a_correction_repeated_changes_nothing_and_a_new_one_counts_from_the_last(story: Story) -> None:
    """However often the same bill is read."""
    over = await _deliver(story, await story.at(State.QUEUED))
    for told in (300_000, 300_000, 400_000):
        await story.store.correct(over.id, told)
    assert story.inside(over).spent_usd_micros == 400_000
    assert [line.entry for line in story.inside(over).spend] == ["reserve", "bill", "correct", "correct"]


async def test_what_was_released_can_still_turn_out_to_be_billed(story: Story) -> None:
    """A provider's bill is the truth, whatever was proven."""
    over = await story.by_hand(await story.at(State.UNSURE), Event.UNPAID)
    await story.store.correct(over.id, BILL)
    assert story.inside(over).spent_usd_micros == BILL
    assert (await story.store.job(over.id)).cost_usd_micros == BILL


@pytest.mark.parametrize(
    ("event", "facts", "spent"),
    [
        (Event.FINISHED, {"billed_usd_micros": None}, BILL),
        (Event.FINISHED, {"billed_usd_micros": PRICE}, PRICE),
        (Event.RETENTION_OVER, {}, BILL),
        (Event.REFUSED, {"billed_usd_micros": 0}, 0),
    ],
)
async def test_a_bill_that_comes_before_the_end_is_what_the_end_books(
    story: Story, event: Event, facts: dict[str, int | None], spent: int
) -> None:
    """Unless the end itself tells another; nothing is assumed where a bill was told."""
    job = await story.at(State.GENERATING)
    await story.store.correct(job.id, BILL)
    assert story.inside(job).spent_usd_micros == BILL
    job = await story.work(job, event, **facts)
    assert (job.cost_usd_micros, job.cost_assumed) == (spent, False)
    assert story.inside(job).spent_usd_micros == spent


async def test_a_job_that_was_never_sent_cannot_be_billed(story: Story) -> None:
    """Nor one that does not exist."""
    for job in (await story.accept(), await story.hold()):
        with pytest.raises(Unknown):
            await story.store.correct(job.id, BILL)
    with pytest.raises(Unknown):
        await story.store.correct("00000000", BILL)


async def test_a_correction_above_the_reservation_alerts(story: Story) -> None:
    """As a bill in time would have."""
    over = await _deliver(story, await story.at(State.QUEUED))
    await story.store.correct(over.id, DEAREST + 1)
    assert [alert.cause for alert in await story.store.alerts()] == [f"billed_above_reservation:{over.id}"]


# -- what the books sum to


async def test_a_book_is_summed_by_user_channel_scope_offer_and_day(story: Story) -> None:
    """Under the offer that made a video, whichever was reserved first; open reservations apart."""
    rerouted = await story.work(await story.work(await story.at(State.QUEUED), Event.REROUTED), Event.PREPARED)
    await _deliver(story, rerouted)
    story.clock.forward(DAY_MS)
    await story.at(State.GENERATING, user=BEN, scope=OTHER_SCOPE, channel=None, seconds=10)
    expected = {
        "user": (ANA, BEN),
        "channel": (CHANNEL, ""),
        "scope": (SCOPE, OTHER_SCOPE),
        "offer": (NOVITA, FAL),
        "day": ("2026-09-01", "2026-09-02"),
    }
    for by, (delivered, running) in expected.items():
        assert {line.key: line for line in await _usage(story, "allowance", by)} == {
            delivered: _line(delivered, seconds=5, usd_micros=DEAREST),
            running: _line(running, seconds=10, reserved_usd_micros=DEAREST),
        }
        assert {line.key: line for line in await _usage(story, "spend", by)} == {
            delivered: _line(delivered, seconds=5, usd_micros=BILL),
            running: _line(running, seconds=10, reserved_usd_micros=DEAREST),
        }


async def test_usage_looks_back_as_far_as_asked(story: Story) -> None:
    """By when a job was accepted, whenever it was settled."""
    job = await story.at(State.QUEUED)
    story.clock.forward(DAY_MS)
    await _deliver(story, job)
    assert await story.store.usage(book="allowance", by="user", since_ms=DAY_MS) == []
    assert len(await story.store.usage(book="allowance", by="user", since_ms=DAY_MS + 1)) == 1


async def test_what_was_given_back_leaves_nothing_in_the_sum(story: Story) -> None:
    """No video, no second, no dollar."""
    await story.at(State.CANCELLED)
    assert await _usage(story, "allowance", "user") == [_nothing(ANA)]
    assert await _usage(story, "spend", "user") == [_nothing(ANA)]


def _nothing(key: str) -> Usage:
    return replace(_line(key, seconds=0), videos=0)


def _line(key: str, *, seconds: int, usd_micros: int = 0, reserved_usd_micros: int = 0) -> Usage:
    return Usage(
        key=key,
        videos=1,
        seconds=seconds,
        usd_micros=usd_micros,
        reserved_usd_micros=reserved_usd_micros,
        assumed_usd_micros=0,
    )


async def _usage(story: Story, book: str, by: str) -> list[Usage]:
    return await story.store.usage(book=book, by=by, since_ms=99 * DAY_MS)


async def _generate(story: Story, job: Job) -> Job:
    for event in (Event.PREPARED, Event.SUBMIT, Event.TICKET):
        job = await story.make(job, event)
    return job


async def _deliver(story: Story, job: Job) -> Job:
    """Bring a queued job to its end."""
    for event in (Event.SUBMIT, Event.TICKET, Event.FINISHED, Event.FETCHED, Event.POSTED):
        job = await story.make(job, event)
    return job
