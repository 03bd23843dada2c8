"""Limits: whom they are about, what they count, when they free, and what is granted on top."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from storage.contract import HouseRules, Job, Priced, Refusal
from storage.errors import Unknown
from storage.states import Event, State
from tests.fakes.story import (
    ANA,
    BEN,
    CHANNEL,
    DAY_MS,
    FAL,
    FREE,
    HOUR_MS,
    MINUTE_MS,
    NOON_MS,
    NOVITA,
    OTHER_SCOPE,
    PRICE,
    SCOPE,
    Story,
)

ARTIST, PATRON = "role:discord/30", "role:discord/31"
OTHER_CHANNEL = "channel:discord/21"
MIDNIGHT_MS = NOON_MS + 12 * HOUR_MS
ONE_OFFER = (Priced(FAL, PRICE),)


def limited(limits: str) -> HouseRules:
    """Settings with this limit for everyone."""
    return HouseRules(user_limits=limits, user_max_open=1000)


async def taken(story: Story, most: int = 9, user: str = ANA, **changes: object) -> int:
    """Return how many more are accepted, of so many that are tried."""
    answers = [await story.ask(user, **changes) for _ in range(most)]
    return sum(not isinstance(answer, Refusal) for answer in answers)


# -- whom a limit is about


async def test_the_default_is_the_settings_and_holds_for_each_person_alone(story: Story) -> None:
    """What one used does not count against another."""
    assert await taken(story, rules=limited("2/day")) == 2
    assert await taken(story, user=BEN, rules=limited("2/day")) == 2
    refusal = await story.refuse(rules=limited("2/day"))
    assert (refusal.subject, refusal.set_by, refusal.limit) == (ANA, "settings", "2/day")
    assert (refusal.reason, refusal.used, refusal.asked) == ("limit", 2, 1)


async def test_a_person_s_own_rows_replace_the_default(story: Story) -> None:
    """They never merge: a longer set of one's own may allow more, and `none` lifts it."""
    await story.store.set_limits(ANA, "4/day")
    assert await taken(story, rules=limited("2/day")) == 4
    assert (await story.refuse(rules=limited("2/day"))).set_by == "operator"
    await story.store.set_limits(ANA, "none")
    assert await taken(story, 5, rules=limited("2/day")) == 5


async def test_a_role_s_rows_replace_the_default_for_each_member(story: Story) -> None:
    """They are each member's, not a pool; who lacks the role keeps the default."""
    await story.store.set_limits(ARTIST, "3/day")
    for user in (ANA, BEN):
        assert await taken(story, user=user, roles=(ARTIST,), rules=limited("1/day")) == 3
    assert await taken(story, user="user:discord/3", rules=limited("1/day")) == 1
    assert (await story.refuse(roles=(ARTIST,), rules=limited("1/day"))).subject == ARTIST


async def test_it_is_enough_that_one_role_s_whole_set_holds(story: Story) -> None:
    """Two sets are alternatives: neither adds to the other, nor borrows one of its limits."""
    await story.store.set_limits(ARTIST, "2/day,100/month")
    await story.store.set_limits(PATRON, "9/day,4/month")
    assert await taken(story, roles=(ARTIST, PATRON)) == 4
    refusal = await story.refuse(roles=(ARTIST, PATRON))
    assert (refusal.subject, refusal.limit) == (ARTIST, "2/day")


async def test_a_person_s_own_rows_go_before_the_roles(story: Story) -> None:
    """Also where they are the narrower ones."""
    await story.store.set_limits(ARTIST, "9/day")
    await story.store.set_limits(ANA, "1/day")
    assert await taken(story, roles=(ARTIST,)) == 1


async def test_a_channel_and_a_scope_are_ceilings_for_all_who_ask_there(story: Story) -> None:
    """On top of what each person may."""
    await story.store.set_limits(CHANNEL, "2/day")
    await story.store.set_limits(SCOPE, "3/day")
    assert await taken(story, 1, rules=limited("5/day")) == 1
    assert await taken(story, user=BEN, rules=limited("5/day")) == 1
    assert (await story.refuse(user=BEN)).subject == CHANNEL
    assert await taken(story, user=BEN, channel=OTHER_CHANNEL) == 1
    assert (await story.refuse(user=BEN, channel=OTHER_CHANNEL)).subject == SCOPE
    assert await taken(story, 1, scope=OTHER_SCOPE, channel="channel:discord/99") == 1


async def test_a_terminal_has_no_channel_to_count(story: Story) -> None:
    """Nothing is in the way there but the person's own limit."""
    await story.store.set_limits(CHANNEL, "0/day")
    assert await taken(story, channel=None, scope="scope:cli/here", rules=limited("2/day")) == 2


async def test_what_a_scope_s_admin_sets_can_only_lower(story: Story) -> None:
    """More than the operator's is no more."""
    await story.store.set_limits(ANA, "9/day", by=SCOPE)
    assert await taken(story, rules=limited("2/day")) == 2
    await story.store.set_limits(BEN, "1/day", by=SCOPE)
    assert await taken(story, user=BEN, rules=limited("2/day")) == 1
    assert (await story.refuse(user=BEN, rules=limited("2/day"))).set_by == SCOPE


async def test_what_a_scope_s_admin_sets_counts_only_use_in_that_scope(story: Story) -> None:
    """And holds only there."""
    await story.store.set_limits(ANA, "1/day", by=SCOPE)
    assert await taken(story, 3, scope=OTHER_SCOPE) == 3
    assert await taken(story, 3) == 1
    assert await taken(story, 3, scope=OTHER_SCOPE) == 3


async def test_a_scope_admin_s_rolling_limit_counts_only_use_in_that_scope(story: Story) -> None:
    """The same, where rows are summed instead of totals."""
    await story.store.set_limits(ANA, "1/24h", by=SCOPE)
    assert await taken(story, 3, scope=OTHER_SCOPE) == 3
    assert await taken(story, 3) == 1


async def test_a_scope_s_admin_may_lower_by_role_and_channel_too(story: Story) -> None:
    """Resolved apart, in the same order as the operator's."""
    await story.store.set_limits(ARTIST, "1/day", by=SCOPE)
    assert await taken(story, 3, roles=(ARTIST,), rules=limited("2/day")) == 1
    await story.store.set_limits(CHANNEL, "0/day", by=SCOPE)
    assert await taken(story, 3, user=BEN) == 0
    assert await taken(story, 3, user=BEN, channel=OTHER_CHANNEL) == 3


async def test_another_scope_s_admin_has_no_say_here(story: Story) -> None:
    """Rows are looked up under the scope in which it is asked."""
    await story.store.set_limits(ANA, "0/day", by=OTHER_SCOPE)
    assert await taken(story, 2) == 2
    assert await taken(story, 2, scope=OTHER_SCOPE) == 0


async def test_cleared_rows_leave_the_default(story: Story) -> None:
    """And to clear what is not there is told."""
    await story.store.set_limits(ANA, "9/day")
    assert await story.store.clear_limits(ANA)
    assert not await story.store.clear_limits(ANA)
    assert await taken(story, rules=limited("2/day")) == 2


async def test_rows_are_shown_as_they_were_set(story: Story) -> None:
    """Of one subject or of all, with who set them."""
    await story.store.set_limits(ANA, " 5/day, $2/month ")
    await story.store.set_limits(ANA, "1/day", by=SCOPE)
    await story.store.set_limits(SCOPE, "$9/month")
    shown = [(rule.subject, rule.set_by, rule.limits) for rule in await story.store.limits()]
    assert shown == [(SCOPE, "operator", "$9.00/month"), (ANA, "operator", "5/day,$2.00/month"), (ANA, SCOPE, "1/day")]
    assert {rule.subject for rule in await story.store.limits(ANA)} == {ANA}


# -- what it counts


async def test_several_limits_all_hold_and_the_one_to_wait_for_is_named(story: Story) -> None:
    """The last to free of those in the way."""
    rules = limited("2/day,2/month")
    assert await taken(story, rules=rules) == 2
    refusal = await story.refuse(rules=rules)
    assert refusal.limit == "2/month"
    assert refusal.frees_at_ms == _ms(2026, 10, 1)


async def test_seconds_of_video_are_counted_as_asked(story: Story) -> None:
    """A longer video may not fit where a shorter one does."""
    rules = limited("20s/day")
    assert await taken(story, 1, seconds=10, rules=rules) == 1
    refusal = await story.refuse(seconds=11, rules=rules)
    assert (refusal.used, refusal.asked, refusal.limit) == (10, 11, "20s/day")
    assert await taken(story, seconds=5, rules=rules) == 2


async def test_dollars_are_counted_as_reserved_then_as_charged(story: Story) -> None:
    """At the dearest offer left first, at the price of the one that made it in the end."""
    rules = limited("$1.30/day")
    job = await story.accept(rules=rules)
    assert await story.used() == {ANA: (1, 0, 700_000)}
    job = await _deliver(story, job)
    assert await story.used() == {ANA: (1, PRICE, 0)}
    assert (await story.accept(rules=rules)).route == job.route


async def test_offers_that_a_dollar_limit_has_no_room_for_are_dropped_from_the_route(story: Story) -> None:
    """What is left is reserved at the dearest that is left; where none is, the cheapest one's limit is named."""
    rules = limited("$1.10/day")
    first = await story.accept(rules=replace(rules, user_limits="$0.60/day"))
    assert [priced.offer for priced in first.route] == [FAL]
    assert first.reserved_usd_micros == PRICE
    second = await story.accept(rules=rules)
    assert [priced.offer for priced in second.route] == [FAL]
    refusal = await story.refuse(rules=rules)
    assert (refusal.reason, refusal.asked, refusal.can_ask) == ("limit", PRICE, False)


async def test_the_dearest_may_be_what_is_dropped_first_of_the_route(story: Story) -> None:
    """The order of preference stays, and the job's offer is the first that is left."""
    route = (Priced(NOVITA, 700_000), Priced(FAL, PRICE))
    job = await story.accept(route=route, rules=limited("$0.60/day"))
    assert (job.offer, job.route) == (FAL, ONE_OFFER)


async def test_an_offer_of_unknown_price_is_off_wherever_a_dollar_limit_applies(story: Story) -> None:
    """It is dropped beside others, refused alone, and served where no dollars are counted."""
    unpriced = (Priced(NOVITA, None),)
    assert (await story.accept(route=(*unpriced, *ONE_OFFER), rules=limited("$9/day"))).route == ONE_OFFER
    refusal = await story.refuse(route=unpriced, rules=limited("$9/day"))
    assert (refusal.reason, refusal.frees_at_ms) == ("unpriced", None)
    assert (await story.accept(route=unpriced, rules=limited("9/day"))).reserved_usd_micros == 0


async def test_a_limit_that_no_waiting_helps_frees_never(story: Story) -> None:
    """Neither nothing a day, nor a video that is longer than the whole limit."""
    assert (await story.refuse(rules=limited("0/day"))).frees_at_ms is None
    assert (await story.refuse(seconds=11, rules=limited("10s/day"))).frees_at_ms is None
    assert (await story.refuse(seconds=11, rules=limited("10s/24h"))).frees_at_ms is None


async def test_the_limit_that_never_frees_is_the_one_that_is_named(story: Story) -> None:
    """To wait for the other would be in vain."""
    rules = limited("1/day,4s/month")
    await story.accept(seconds=1, rules=rules)
    refusal = await story.refuse(seconds=5, rules=rules)
    assert (refusal.limit, refusal.frees_at_ms) == ("4s/month", None)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.PREPARING, Event.UNFIT),
        (State.QUEUED, Event.CANCEL),
        (State.SUBMITTING, Event.VOID_FAILED),
        (State.UNSURE, Event.LOST),
        (State.GENERATING, Event.REFUSED),
        (State.LATE, Event.RETENTION_OVER),
        (State.KEPT, Event.UNCOLLECTED),
    ],
)
@pytest.mark.parametrize("limits", ["1/day", "1/24h", "5s/day", "$0.70/day", "1/month"])
async def test_what_ends_without_a_video_is_given_back(story: Story, state: State, event: Event, limits: str) -> None:
    """Whatever the limit counts, and whatever the provider billed."""
    rules = limited(limits)
    job = await story.at(state, rules=rules)
    await story.refuse(rules=rules)
    await story.make(job, event)
    assert await taken(story, 2, rules=rules) == 1


async def test_what_is_given_back_returns_to_the_window_in_which_the_job_was_accepted(story: Story) -> None:
    """Today's limit is not raised by what yesterday's job did not use."""
    rules = limited("2/day,3/month")
    yesterday = await story.at(State.GENERATING, rules=rules)
    story.clock.forward(DAY_MS)
    assert await taken(story, 9, rules=rules) == 2
    await story.work(yesterday, Event.REFUSED)
    refusal = await story.refuse(rules=rules)
    assert (refusal.limit, refusal.used) == ("2/day", 2)
    story.clock.forward(DAY_MS)
    assert await taken(story, 9, rules=rules) == 1


# -- when it frees


@pytest.mark.parametrize(
    ("limits", "frees_at_ms"),
    [
        ("1/day", MIDNIGHT_MS),
        ("1/week", NOON_MS + 5 * DAY_MS + 12 * HOUR_MS),
        ("1/month", NOON_MS + 29 * DAY_MS + 12 * HOUR_MS),
        ("1/24h", NOON_MS + DAY_MS),
        ("1/1h", NOON_MS + HOUR_MS),
        ("5s/day", MIDNIGHT_MS),
        ("$0.70/24h", NOON_MS + DAY_MS),
    ],
)
async def test_a_command_at_the_told_instant_is_accepted_and_a_millisecond_before_is_not(
    story: Story, limits: str, frees_at_ms: int
) -> None:
    """Calendar windows and rolling ones alike."""
    rules = limited(limits)
    await story.accept(rules=rules)
    story.clock.forward(17 * MINUTE_MS)
    assert (await story.refuse(rules=rules)).frees_at_ms == frees_at_ms
    story.clock.now_ms = frees_at_ms - 1
    assert (await story.refuse(rules=rules)).frees_at_ms == frees_at_ms
    story.clock.now_ms = frees_at_ms
    await story.accept(rules=rules)


async def test_a_rolling_window_frees_as_soon_as_enough_has_left_it(story: Story) -> None:
    """Several short videos must leave before a long one fits."""
    rules = limited("20s/24h")
    for _ in range(4):
        await story.accept(seconds=5, rules=rules)
        story.clock.forward(HOUR_MS)
    refusal = await story.refuse(seconds=12, rules=rules)
    assert refusal.frees_at_ms == NOON_MS + 2 * HOUR_MS + DAY_MS
    story.clock.now_ms = refusal.frees_at_ms - 1
    await story.refuse(seconds=12, rules=rules)
    story.clock.forward(1)
    await story.accept(seconds=12, rules=rules)


async def test_of_two_roles_the_set_that_frees_first_is_named(story: Story) -> None:
    """Within a set it is the last of its limits."""
    await story.store.set_limits(ARTIST, "1/day,1/month")
    await story.store.set_limits(PATRON, "1/week")
    await story.accept(roles=(ARTIST, PATRON))
    refusal = await story.refuse(roles=(ARTIST, PATRON))
    assert (refusal.subject, refusal.limit) == (PATRON, "1/week")


async def test_weeks_months_and_days_are_local(story: Story) -> None:
    """A day ends where the operator lives."""
    rules = replace(limited("1/day"), zone="Asia/Tokyo")
    await story.accept(rules=rules)
    refusal = await story.refuse(rules=rules)
    assert refusal.frees_at_ms == NOON_MS + 3 * HOUR_MS


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Santiago", datetime(2026, 9, 6)),  # noqa: DTZ001 - a day on a calendar, not an instant
        ("Africa/Cairo", datetime(2026, 10, 29)),  # noqa: DTZ001 - as above
        ("Australia/Lord_Howe", datetime(2026, 10, 4)),  # noqa: DTZ001 - as above
    ],
)
async def test_each_local_day_gives_exactly_five_over_a_clock_change(story: Story, zone: str, day: datetime) -> None:
    """A command every ten minutes; each refusal tells the first moment of the next local day that exists, and it is true."""
    place, rules = ZoneInfo(zone), replace(limited("5/day"), zone=zone)
    start, end = (
        int((day + timedelta(days=days)).replace(hour=12, tzinfo=place).timestamp() * 1000) for days in (-1, 2)
    )
    accepted: Counter[str] = Counter()
    told_ms: int | None = None
    for now_ms in range(start, end, 10 * MINUTE_MS):
        story.clock.now_ms = now_ms
        local = datetime.fromtimestamp(now_ms / 1000, place).date()
        answer = await story.ask(rules=rules)
        if not isinstance(answer, Refusal):
            accepted[local.isoformat()] += 1
            assert told_ms in {None, now_ms}
            told_ms = None
            continue
        assert accepted[local.isoformat()] == 5
        told_ms = answer.frees_at_ms
        assert told_ms is not None
        before, at = (datetime.fromtimestamp((told_ms - ago) / 1000, place).date() for ago in (1, 0))
        assert (before, at) == (local, local + timedelta(days=1))
    assert set(accepted.values()) == {5}
    assert len(accepted) == 4


# -- the open cap


async def test_no_one_has_more_jobs_open_at_once_than_the_cap(story: Story) -> None:
    """Waiting does not free it by the clock, so no instant is told; the end of a job does."""
    rules = replace(FREE, user_max_open=2)
    job = await story.accept(rules=rules)
    await story.accept(rules=rules)
    refusal = await story.refuse(rules=rules)
    assert (refusal.reason, refusal.used, refusal.frees_at_ms, refusal.set_by) == ("open", 2, None, "settings")
    assert await taken(story, 1, user=BEN, rules=rules) == 1
    await story.by_hand(job, Event.CANCEL)
    assert await taken(story, rules=rules) == 1


@pytest.mark.parametrize("state", State)
async def test_only_jobs_that_are_truly_under_way_count_as_open(story: Story, state: State) -> None:
    """Held, unsure, late and kept ones wait for something that nobody can hasten, final ones are over."""
    await story.at(state)
    waits = {State.HELD, State.UNSURE, State.LATE, State.KEPT, State.DELIVERED, State.FAILED, State.CANCELLED}
    assert await taken(story, 1, rules=replace(FREE, user_max_open=1)) == (state in waits)


async def test_a_discarded_job_is_not_open(story: Story) -> None:
    """It is shown as gone."""
    await story.at(State.GENERATING, "hidden")
    assert await taken(story, 1, rules=replace(FREE, user_max_open=1)) == 1


async def test_a_limit_is_named_before_the_open_cap(story: Story) -> None:
    """To end a job would not help as long as the limit stands."""
    rules = replace(limited("1/day"), user_max_open=1)
    await story.accept(rules=rules)
    assert (await story.refuse(rules=rules)).reason == "limit"


# -- grants


async def test_a_grant_raises_a_limit_once_in_the_current_window(story: Story) -> None:
    """Tomorrow it is gone."""
    rules = limited("2/day")
    assert await story.store.grant(ANA, "3", rules=rules) == ("2/day",)
    assert await taken(story, rules=rules) == 5
    story.clock.forward(DAY_MS)
    assert await taken(story, rules=rules) == 2


async def test_a_grant_raises_each_limit_of_its_unit_and_no_other(story: Story) -> None:
    """Videos do not buy seconds."""
    await story.store.set_limits(ANA, "1/day,2/month,15s/day")
    assert await story.store.grant(ANA, "5", rules=FREE) == ("1/day", "2/month")
    assert await taken(story, seconds=5) == 3
    assert (await story.refuse(seconds=5)).limit == "15s/day"
    assert await story.store.grant(ANA, "5s", rules=FREE) == ("15s/day",)
    assert await taken(story, seconds=5) == 1


async def test_a_grant_for_a_rolling_limit_holds_for_its_length(story: Story) -> None:
    """From when it was given, to the millisecond."""
    rules = limited("1/24h")
    await story.store.grant(ANA, "1", rules=rules)
    story.clock.forward(DAY_MS - 1)
    assert await taken(story, rules=rules) == 2
    story.clock.forward(1)
    assert await taken(story, rules=rules) == 0


async def test_what_a_grant_let_through_is_waited_for_when_the_grant_has_lapsed(story: Story) -> None:
    """The told instant reckons with the grant's end, so that the command then is truly accepted."""
    rules = limited("1/24h")
    await story.store.grant(ANA, "1", rules=rules)
    for _ in range(2):
        story.clock.forward(HOUR_MS)
        await story.accept(rules=rules)
    refusal = await story.refuse(rules=rules)
    assert refusal.frees_at_ms == NOON_MS + 2 * HOUR_MS + DAY_MS
    story.clock.now_ms = refusal.frees_at_ms - 1
    await story.refuse(rules=rules)
    story.clock.forward(1)
    await story.accept(rules=rules)


async def test_a_grant_to_a_person_raises_the_role_s_set_that_applies_to_them_and_nobody_else_s(story: Story) -> None:
    """The role's other members have what they had."""
    await story.store.set_limits(ARTIST, "1/day")
    assert await story.store.grant(ANA, "2", rules=limited("9/day")) == ("1/day", "9/day")
    assert await taken(story, roles=(ARTIST,)) == 3
    assert await taken(story, user=BEN, roles=(ARTIST,)) == 1


async def test_a_grant_to_a_role_raises_it_for_each_member(story: Story) -> None:
    """As its rows are each member's."""
    await story.store.set_limits(ARTIST, "1/day")
    await story.store.grant(ARTIST, "1", rules=FREE)
    for user in (ANA, BEN):
        assert await taken(story, user=user, roles=(ARTIST,)) == 2


async def test_a_grant_to_a_channel_or_scope_raises_its_ceiling(story: Story) -> None:
    """For all who ask there together."""
    await story.store.set_limits(CHANNEL, "1/day")
    await story.store.grant(CHANNEL, "1", rules=FREE)
    assert await taken(story) == 2


async def test_a_grant_that_raises_nothing_is_refused(story: Story) -> None:
    """No limit of that unit is in the way, so nobody is led to believe that it helped."""
    for subject, amount in ((ANA, "5s"), (CHANNEL, "1"), (SCOPE, "$1")):
        with pytest.raises(Unknown):
            await story.store.grant(subject, amount, rules=limited("2/day"))


async def test_a_scope_admin_s_grant_raises_only_what_that_admin_set(story: Story) -> None:
    """It lifts no limit of the operator's, and without rows of the admin's there is nothing to raise."""
    with pytest.raises(Unknown):
        await story.store.grant(ANA, "5", rules=limited("2/day"), by=SCOPE)
    await story.store.set_limits(ANA, "1/day", by=SCOPE)
    assert await story.store.grant(ANA, "5", rules=limited("2/day"), by=SCOPE) == ("1/day",)
    assert await taken(story, rules=limited("2/day")) == 2


async def test_grants_are_shown_beside_the_limits(story: Story) -> None:
    """Also for a person without rows."""
    await story.store.set_limits(ANA, "2/day")
    for subject in (ANA, BEN):
        await story.store.grant(subject, "3", rules=limited("2/day"))
    assert [(rule.limits, rule.grants) for rule in await story.store.limits()] == [("2/day", ("3",)), ("", ("3",))]


def _ms(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp() * 1000)


async def _deliver(story: Story, job: Job) -> Job:
    for event in (Event.PREPARED, Event.SUBMIT, Event.TICKET, Event.FINISHED, Event.FETCHED, Event.POSTED):
        job = await story.make(job, event)
    return job
