"""What is left: every limit that a request must hold, how much of it is used, and when some of it comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage.contract import HouseRules, Left, Subjects
from storage.states import Event, State
from tests.fakes.story import (
    ANA,
    BEN,
    CHANNEL,
    DAY_MS,
    DEAREST,
    FREE,
    HOUR_MS,
    NOON_MS,
    OTHER_SCOPE,
    SCOPE,
    Story,
)

ARTIST, PATRON = "role:discord/30", "role:discord/31"
MIDNIGHT_MS = NOON_MS + 12 * HOUR_MS
OCTOBER_MS = MIDNIGHT_MS + 29 * DAY_MS


def limited(limits: str) -> HouseRules:
    """Settings with this limit for everyone."""
    return replace(FREE, user_limits=limits)


async def left(story: Story, rules: HouseRules = FREE, *, roles: tuple[str, ...] = (), user: str = ANA) -> list[Left]:
    """Return what is left of somebody's limits in the story's scope and channel."""
    return await story.store.left(Subjects(user=user, scope=SCOPE, channel=CHANNEL, roles=roles), rules)


async def test_a_person_s_own_limit_says_how_much_of_it_is_used(story: Story) -> None:
    """In its unit, with whom it is about and who set it, as a refusal would."""
    await story.accept()
    assert await left(story, limited("5/day")) == [
        Left(limit="5/day", subject=ANA, set_by="settings", used=1, most=5, frees_at_ms=MIDNIGHT_MS)
    ]
    assert [each.used for each in await left(story, limited("5/day"), user=BEN)] == [0]


@pytest.mark.parametrize(
    ("limits", "used", "most"), [("9/day", 2, 9), ("30s/day", 10, 30), ("$9/day", 2 * DEAREST, 9_000_000)]
)
async def test_each_limit_counts_in_its_own_unit(story: Story, limits: str, used: int, most: int) -> None:
    """Videos, seconds of video, millionths of a dollar."""
    for _ in range(2):
        await story.accept()
    assert [(each.used, each.most) for each in await left(story, limited(limits))] == [(used, most)]


async def test_every_limit_that_must_hold_is_told_the_one_with_the_least_left_first(story: Story) -> None:
    """One's own, the channel's and the scope's ceilings, both budgets, and what the scope's admin set."""
    await story.store.set_limits(CHANNEL, "40/day")
    await story.store.set_limits(SCOPE, "100s/week")
    await story.store.set_limits(ANA, "3/day", by=SCOPE)
    await story.store.set_limits(SCOPE, "$2/month", by=SCOPE)
    await story.accept()
    rules = replace(limited("5/day"), scope_budget_usd_micros=70 * DEAREST, budget_usd_micros=100 * DEAREST)
    assert [(each.limit, each.subject, each.set_by) for each in await left(story, rules)] == [
        ("$2.00/month", SCOPE, SCOPE),
        ("3/day", ANA, SCOPE),
        ("5/day", ANA, "settings"),
        ("100s/week", SCOPE, "operator"),
        ("40/day", CHANNEL, "operator"),
        ("$49.00/month", SCOPE, "settings"),
        ("$70.00/month", "all", "settings"),
    ]


async def test_a_limit_that_does_not_apply_is_not_told(story: Story) -> None:
    """Another channel's, another scope's, a role that the person lacks; a default that their own rows replace."""
    await story.store.set_limits("channel:discord/21", "1/day")
    await story.store.set_limits(OTHER_SCOPE, "1/day")
    await story.store.set_limits(ARTIST, "1/day")
    await story.store.set_limits(ANA, "9/day")
    assert [each.limit for each in await left(story, limited("5/day"))] == ["9/day"]


async def test_who_has_no_limit_is_told_none(story: Story) -> None:
    """Of two roles, one that lifts it is enough."""
    assert await left(story, limited("none")) == []
    await story.store.set_limits(ARTIST, "9/day")
    await story.store.set_limits(PATRON, "none")
    assert await left(story, limited("5/day"), roles=(ARTIST, PATRON)) == []


async def test_of_two_roles_the_set_with_the_most_left_is_told(story: Story) -> None:
    """The one that lets the next video through; a set is as wide as its tightest limit."""
    await story.store.set_limits(ARTIST, "2/day,100/month")
    await story.store.set_limits(PATRON, "4/day,9/month")
    await story.accept()
    found = await left(story, roles=(ARTIST, PATRON))
    assert [(each.limit, each.subject) for each in found] == [("4/day", PATRON), ("9/month", PATRON)]


async def test_of_two_roles_that_are_used_up_the_set_that_frees_first_is_told(story: Story) -> None:
    """As a refusal names it."""
    await story.store.set_limits(ARTIST, "1/day,1/month")
    await story.store.set_limits(PATRON, "1/week")
    await story.accept(roles=(ARTIST, PATRON))
    refusal = await story.refuse(roles=(ARTIST, PATRON))
    (found,) = await left(story, roles=(ARTIST, PATRON))
    assert (found.limit, found.subject, found.frees_at_ms) == (refusal.limit, refusal.subject, refusal.frees_at_ms)


@pytest.mark.parametrize(
    ("limits", "frees_at_ms", "then"),
    [
        ("5/day", MIDNIGHT_MS, 0),
        ("5/week", MIDNIGHT_MS + 5 * DAY_MS, 0),
        ("5/month", OCTOBER_MS, 0),
        ("5/24h", NOON_MS + HOUR_MS + DAY_MS, 1),
        ("5/3h", NOON_MS + 4 * HOUR_MS, 1),
    ],
)
async def test_some_comes_back_when_its_window_ends_or_the_oldest_leaves_it(
    story: Story, limits: str, frees_at_ms: int, then: int
) -> None:
    """What was given back does not count as the oldest."""
    gone = await story.accept()
    await story.by_hand(gone, Event.CANCEL)
    story.clock.forward(HOUR_MS)
    await story.accept()
    story.clock.forward(HOUR_MS)
    await story.accept()
    assert [each.frees_at_ms for each in await left(story, limited(limits))] == [frees_at_ms]
    story.clock.now_ms = frees_at_ms - 1
    assert [each.used for each in await left(story, limited(limits))] == [2]
    story.clock.now_ms = frees_at_ms
    assert [each.used for each in await left(story, limited(limits))] == [then]


@pytest.mark.parametrize("limits", ["5/day", "5/24h", "0/day"])
async def test_where_nothing_is_used_nothing_comes_back(story: Story, limits: str) -> None:
    """A limit of nothing never frees."""
    assert [each.frees_at_ms for each in await left(story, limited(limits))] == [None]


async def test_a_grant_is_part_of_the_most(story: Story) -> None:
    """In the window in which it was given."""
    await story.store.grant(ANA, "3", rules=limited("5/day"))
    assert [(each.limit, each.most) for each in await left(story, limited("5/day"))] == [("5/day", 8)]
    story.clock.forward(DAY_MS)
    assert [each.most for each in await left(story, limited("5/day"))] == [5]


async def test_a_limit_that_was_lowered_below_what_is_used_stands_as_used_up(story: Story) -> None:
    """It goes before one that has a little left."""
    for _ in range(3):
        await story.accept()
    found = await left(story, limited("4/day,2/day"))
    assert [(each.limit, each.used, each.most) for each in found] == [("2/day", 3, 2), ("4/day", 3, 4)]


async def test_what_is_used_is_given_back_with_a_job_that_made_nothing(story: Story) -> None:
    """What is left grows at once."""
    job = await story.at(State.GENERATING)
    assert [each.used for each in await left(story, limited("5/day"))] == [1]
    await story.work(job, Event.REFUSED)
    assert [each.used for each in await left(story, limited("5/day"))] == [0]
