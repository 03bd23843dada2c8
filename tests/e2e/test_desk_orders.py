"""What admins order at the desk: confirmed with what it means in money, bounded to their scope, and undone by a press."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.choices import chosen
from bot.platforms.contract import Answering, Named
from storage.states import Event, State
from storage.windows import DAY_MS
from tests.e2e.lobby import ADA, ANA, BEN, ELSEWHERE, OP, Lobby, labels, of, opened, words

ADMIN = {"user": ADA, "is_admin": True}
OPERATOR = {"user": OP, "is_operator": True}
VERBS = [
    "limit",
    "grant",
    "clear",
    "budget",
    "block",
    "unblock",
    "approvals",
    "channels",
    "roles",
    "models",
    "thread",
    "alerts",
    "spoiler",
    "pause",
    "resume",
    "usage",
    "show",
]


async def rows(lobby: Lobby) -> dict[tuple[str, str], str]:
    return {(row.subject, row.set_by): row.limits for row in await lobby.bot.store.limits()}


@pytest.mark.parametrize("verb", VERBS)
async def test_only_admins_and_operators_order(tmp_path: Path, verb: str) -> None:
    """Whatever it is; and from a place that the operator did not allow not even they."""
    async with opened(tmp_path) as lobby:
        told = await lobby.order_as({"user": ANA, "is_moderator": True}, verb, amount="1/day", user=BEN)
        assert words(told) == "You may not change this. Only an admin here can."
        denied = await lobby.order_as(ADMIN | ELSEWHERE | {"scope_is_own": False}, verb, amount="1/day", user=BEN)
        assert denied.head == "This bot may not be used here."
        assert await rows(lobby) == {}
        assert await lobby.bot.store.choices("scope:board/1") == {}


async def test_a_limit_is_confirmed_with_what_it_means_in_money(tmp_path: Path) -> None:
    """And with what it was before."""
    async with opened(tmp_path) as lobby:
        said = {"subject": "role:board/r1", "name": "@Members", "members": "30"}
        await lobby.order("limit", amount="3/day", **said)
        told = await lobby.order("limit", amount="5/day", **said)
        assert words(told) == (
            "Limit for @Members: 5 videos a day. 30 members, up to $75.00 a day at wan2.5, 720p, 5 s. Before: 3 videos a day. "
            "What the people who run this bot allow holds as well."
        )
        assert await rows(lobby) == {("role:board/r1", "scope:board/1"): "5/day"}


@pytest.mark.parametrize(
    ("amount", "meaning"),
    [
        ("60s/week", ": 60 s of video a week. Up to $6.00 a week at wan2.5, 720p, 5 s."),
        ("$20/month", ". Up to $20.00 a month."),
        ("2/day,$5/24h", ". Up to $1.00 a day at wan2.5, 720p, 5 s, $5.00 in 24 hours."),
        ("0/day", ": 0 videos a day. Before: none of its own."),
        ("none", ": no limit. Before: none of its own."),
    ],
)
async def test_each_unit_has_its_meaning(tmp_path: Path, amount: str, meaning: str) -> None:
    """Nobody sets a number without seeing the bill."""
    async with opened(tmp_path) as lobby:
        assert meaning in words(await lobby.order("limit", subject=f"user:{BEN}", amount=amount))


async def test_an_operator_s_limit_holds_everywhere_an_admin_s_in_its_scope(tmp_path: Path) -> None:
    """An admin can only lower."""
    async with opened(tmp_path, user_limit="5/day") as lobby:
        await lobby.order("limit", subject=f"user:{ANA}", amount="1/day")
        await lobby.order_as(OPERATOR, "limit", subject=f"user:{BEN}", amount="9/day")
        assert await rows(lobby) == {(f"user:{ANA}", "scope:board/1"): "1/day", (f"user:{BEN}", "operator"): "9/day"}
        await lobby.accepted()
        assert "used your 1 video" in (await lobby.refused()).head
        await lobby.accepted(**ELSEWHERE)


@pytest.mark.parametrize("subject", ["scope:board/9", "user:discord/1", "all", "user:board/", "everyone"])
async def test_an_order_reaches_nobody_outside_its_scope(tmp_path: Path, subject: str) -> None:
    """Not by any way of writing it."""
    async with opened(tmp_path) as lobby:
        for verb in ("limit", "grant", "clear"):
            assert "nobody of this server" in (await lobby.order(verb, subject=subject, amount="1/day")).head
        assert await rows(lobby) == {}


@pytest.mark.parametrize(
    ("verb", "given", "head"),
    [
        ("limit", {"amount": "lots"}, "'lots' is no limit."),
        ("limit", {}, "nothing is no limit."),
        ("limit", {"amount": "$20/year"}, "'year' is no time that a limit can hold for."),
        ("grant", {"amount": "1/day"}, "'1/day' is nothing to grant."),
        ("grant", {"amount": "3"}, "There is no limit that counts in that unit."),
        ("clear", {}, "This server had no limits of its own."),
        ("budget", {"amount": "plenty"}, "'plenty' is no budget."),
        ("block", {"user": "discord/1"}, "Name a member of this server."),
        ("block", {"user": ADA}, "You cannot block yourself."),
        ("unblock", {"user": BEN, "name": "@Ben"}, "@Ben is not blocked."),
        ("channels", {}, "Name a channel to add or remove, or allow all."),
        ("channels", {"do": "remove", "channel": "board/2"}, "board/2 is not in that list."),
        ("models", {"model": "wan9"}, "There is no model 'wan9'."),
        ("thread", {"how": "loudly"}, "Say how videos come."),
        ("resume", {}, "It is not paused."),
        ("usage", {"since": "long"}, "'long' is no length of time."),
        ("usage", {"by": "scope"}, "Usage cannot be summed by 'scope'."),
        ("nonsense", {}, "There is no such order."),
    ],
)
async def test_an_order_that_cannot_be_done_says_what_would(
    tmp_path: Path, verb: str, given: dict[str, str], head: str
) -> None:
    """And changes nothing."""
    async with opened(tmp_path) as lobby:
        told = await lobby.order(verb, **given)
        assert told.head == head
        assert told.actions == ()
        assert await rows(lobby) == {}
        assert await lobby.bot.store.choices("scope:board/1") == {}


# An order, what it says, and what stands after it.
ORDERS: list[tuple[str, dict[str, str], str]] = [
    ("limit", {"amount": "5/day"}, "Limit for this server: 5 videos a day."),
    ("budget", {"amount": "50"}, "Budget: $50.00 a month."),
    ("block", {"user": BEN, "name": "@Ben"}, "@Ben is blocked."),
    ("approvals", {"switch": "on"}, "Approvals are on."),
    ("channels", {"channel": "board/2", "name": "#videos"}, "Channels: #videos."),
    ("roles", {"role": "board/r1", "name": "@Makers"}, "Roles: @Makers."),
    ("models", {"model": "wan2.6@other"}, "Models: wan2.6@other."),
    ("thread", {"how": "reply"}, "Videos wherever nothing else was chosen: reply."),
    ("thread", {"how": "channel", "channel": "board/2", "name": "#videos"}, "Videos in #videos: channel."),
    ("alerts", {"channel": "board/4", "name": "#ops"}, "Admins are told in #ops."),
    ("spoiler", {"switch": "on"}, "Videos come covered."),
    ("pause", {}, "Paused."),
]


async def _standing(lobby: Lobby) -> Any:
    store = lobby.bot.store
    return await rows(lobby), await store.choices("scope:board/1")


@pytest.mark.parametrize(("verb", "given", "head"), ORDERS, ids=[f"{verb}-{i}" for i, (verb, *_) in enumerate(ORDERS)])
async def test_every_order_is_undone_by_one_press(tmp_path: Path, verb: str, given: dict[str, str], head: str) -> None:
    """For a day, over restarts, for whoever gave it and is still an admin."""
    async with opened(tmp_path) as lobby:
        before = await _standing(lobby)
        told = await lobby.order(verb, **given)
        assert told.head == head
        assert await _standing(lobby) != before
        undo = of(told, "Undo")
        for who in (ADMIN | {"is_admin": False}, ADMIN | ELSEWHERE, {"user": BEN, "is_admin": True}):
            await lobby.told("undo", undo, **who)
        assert await _standing(lobby) != before
        assert (await lobby.told("undo", undo, **ADMIN)).head == "Undone."
        assert await _standing(lobby) == before


async def test_an_admin_who_is_no_operator_undoes_no_operator_s_limit(tmp_path: Path) -> None:
    """Though the same person gave it."""
    async with opened(tmp_path) as lobby:
        told = await lobby.order_as(ADMIN | {"is_operator": True}, "limit", amount="5/day")
        assert "You may not undo this." in (await lobby.told("undo", of(told, "Undo"), **ADMIN)).head
        assert await rows(lobby) == {("scope:board/1", "operator"): "5/day"}


async def test_an_order_that_comes_twice_is_undone_to_what_was_before_the_first(tmp_path: Path) -> None:
    """Platforms deliver again."""
    async with opened(tmp_path) as lobby:
        twice = [await lobby.order_as(ADMIN | {"id": "order-1"}, "limit", amount="5/day") for _ in range(2)]
        assert of(twice[0], "Undo") == of(twice[1], "Undo")
        await lobby.told("undo", of(twice[1], "Undo"), **ADMIN)
        assert await rows(lobby) == {}


async def test_an_order_that_changes_nothing_says_so_and_has_nothing_to_undo(tmp_path: Path) -> None:
    """A button that takes nothing back would mislead."""
    async with opened(tmp_path) as lobby:
        for verb, given in (("block", {"user": BEN}), ("limit", {"amount": "5/day"}), ("approvals", {"switch": "on"})):
            assert labels(await lobby.order(verb, **given)) == ["Undo"]
            again = await lobby.order(verb, **given)
            assert (labels(again), "It was so already" in words(again)) == ([], True)


async def test_a_budget_above_what_operators_allow_says_what_holds(tmp_path: Path) -> None:
    """No admin believes in money that is not there."""
    async with opened(tmp_path, scope_budget_usd="0.70") as lobby:
        told = words(await lobby.order("budget", amount="50"))
        assert "The people who run this bot allow $0.70 a month; that holds as well. That is about 1 video at" in told
    async with opened(tmp_path, budget_usd="5") as lobby:
        told = words(await lobby.order("budget", amount="50"))
        assert "The people who run this bot allow $5.00 a month; that holds as well. That is about 10 videos" in told
    async with opened(tmp_path) as lobby:
        assert "less than one video costs" in words(await lobby.order("budget", amount="0.30"))


@pytest.mark.parametrize(
    ("subject", "meaning"),
    [
        (f"user:{BEN}", "Up to $1.00 a day at wan2.5, 720p, 5 s. {before} The people who run this bot allow 2 videos a day;"),
        ("role:board/r1", "For each member: up to $1.00 a day at wan2.5, 720p, 5 s. {before} The people who run this bot allow"),
        ("channel:board/2", "up to $25.00 a day at wan2.5, 720p, 5 s. {before} What the people who run this bot allow holds"),
        ("scope:board/1", "up to $1.50 a day at wan2.5, 720p, 5 s. {before} The people who run this bot allow 3 videos a day, $7.00 a month;"),
    ],
)  # fmt: skip
async def test_a_limit_above_what_operators_allow_says_what_holds(tmp_path: Path, subject: str, meaning: str) -> None:
    """And is worth no more than that."""
    async with opened(tmp_path, user_limit="2/day", scope_budget_usd="7") as lobby:
        await lobby.bot.store.set_limits("scope:board/1", "3/day")
        told = words(await lobby.order("limit", subject=subject, amount="50/day"))
        assert meaning.format(before="Before: none of its own.") in told


async def test_approvals_that_operators_turned_on_are_turned_off(tmp_path: Path) -> None:
    """An admin who says what held by itself changed nothing; who says otherwise did."""
    async with opened(tmp_path) as lobby:
        assert labels(await lobby.order("approvals", switch="off")) == []
    async with opened(tmp_path) as lobby:
        await lobby.bot.store.set_scope("scope:board/9", allowed=True, approvals=True)
        told = await lobby.order_as(ADMIN | ELSEWHERE, "approvals", switch="off")
        assert labels(told) == ["Undo"]


async def test_a_limit_says_that_the_budget_stays(tmp_path: Path) -> None:
    """Else it would read as lifted."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="50")
        told = words(await lobby.order("limit", amount="5/day"))
        assert "Before: no limit. The budget stays as it is." in told


async def test_a_budget_and_a_limit_of_the_server_stand_side_by_side(tmp_path: Path) -> None:
    """Setting one does not lift the other."""
    async with opened(tmp_path) as lobby:
        await lobby.order("limit", amount="40/day")
        assert "That is about 100 videos at wan2.5, 720p, 5 s. Before: no limit." in words(
            await lobby.order("budget", amount="$50")
        )
        assert await rows(lobby) == {("scope:board/1", "scope:board/1"): "40/day,$50.00/month"}
        await lobby.order("limit", amount="20/day")
        assert await rows(lobby) == {("scope:board/1", "scope:board/1"): "20/day,$50.00/month"}
        await lobby.order("budget", amount="none")
        assert await rows(lobby) == {("scope:board/1", "scope:board/1"): "20/day"}


async def test_a_grant_raises_a_limit_once(tmp_path: Path) -> None:
    """And says that it cannot be taken back."""
    async with opened(tmp_path) as lobby:
        await lobby.order("limit", subject=f"user:{ANA}", amount="1/day")
        told = await lobby.order("grant", subject=f"user:{ANA}", amount="2", name="@Ana")
        assert words(told) == (
            "@Ana may use 2 videos more, once. On top of 1 video a day, for today. A grant cannot be taken back."
        )
        for _ in range(3):
            await lobby.accepted()
        await lobby.refused()


async def test_who_is_blocked_asks_nothing_until_they_are_let_in_again(tmp_path: Path) -> None:
    """Here only."""
    async with opened(tmp_path) as lobby:
        await lobby.order("block", user=BEN, name="@Ben")
        await lobby.refused(user=BEN)
        await lobby.accepted(user=BEN, **ELSEWHERE)
        assert (await lobby.order("unblock", user=BEN, name="@Ben")).head == "@Ben may use the bot again."
        await lobby.accepted(user=BEN)


async def test_a_list_grows_shrinks_and_is_lifted(tmp_path: Path) -> None:
    """What it then holds is said each time."""
    async with opened(tmp_path) as lobby:
        await lobby.order("channels", channel="board/2", name="#a")
        assert (await lobby.order("channels", channel="board/3", name="#b")).head == "Channels: #a, #b."
        assert (await lobby.order("channels", do="remove", channel="board/2")).head == "Channels: #b."
        assert "It is in #b." in words(await lobby.refused())
        assert words(await lobby.order("channels", do="all")) == "Channels: all. Nothing is closed any more."
        await lobby.accepted()


async def test_how_a_channel_is_answered_is_chosen_for_each(tmp_path: Path) -> None:
    """Its own choice goes before that of all."""
    async with opened(tmp_path) as lobby:
        await lobby.order("thread", how="reply")
        await lobby.order("thread", how="channel", channel="board/2")
        choices = await chosen(lobby.bot.store, "board/1")
        assert (choices.answering("board/2"), choices.answering("board/3")) == (Answering.CHANNEL, Answering.REPLY)
        assert (await chosen(lobby.bot.store, "board/9")).answering("board/2") is Answering.THREAD


async def test_what_an_operator_paused_no_admin_resumes(tmp_path: Path) -> None:
    """And what is in the making goes on."""
    async with opened(tmp_path) as lobby:
        job = await lobby.accepted()
        await lobby.order_as(OPERATOR, "pause")
        assert (await lobby.order("pause")).head == "It is paused already."
        assert "The people who run it can resume it." in words(await lobby.refused())
        assert "Only the people who run this bot can." in words(await lobby.order("resume"))
        assert (await lobby.job(job.id)).state is State.PREPARING
        assert (await lobby.order_as(OPERATOR, "resume")).head == "It goes on."
        await lobby.accepted()


@pytest.mark.parametrize("by", ["user", "channel", "offer", "day"])
async def test_usage_is_of_this_scope_alone(tmp_path: Path, by: str) -> None:
    """Summed, with every line as a table."""
    async with opened(tmp_path) as lobby:
        assert (await lobby.order("usage", by=by)).head == "Nothing was used in that time."
        await lobby.at(State.DELIVERED)
        await lobby.accepted(user=BEN, **ELSEWHERE)
        told = await lobby.order("usage", by=by, since="24h")
        assert told.head == "1 video in 24 hours. Providers billed $0.45."
        assert words(told).endswith(": 1 video, $0.50")
        assert told.picture is None
        [table] = told.files
        assert told.folder == table.parent
        assert table.read_text().splitlines()[0] == f"{by},videos,seconds,charged_usd,billed_usd,reserved_usd"
        assert len(table.read_text().splitlines()) == 2
        assert BEN not in table.read_text()


async def test_usage_of_several_days_has_a_picture_whose_numbers_are_read_out(tmp_path: Path) -> None:
    """Days on which nothing was made have their place in it."""
    async with opened(tmp_path) as lobby:
        for days in (0, 2, 0):
            lobby.clock.forward(days * DAY_MS)
            await lobby.at(State.DELIVERED)
        told = await lobby.order("usage")
        assert told.picture is not None
        assert re.fullmatch(r"Videos a day: \d+ \w{3} 1, \d+ \w{3} 2", told.picture.alt)
        with Image.open(told.picture.path) as image:
            assert image.size == (1200, 460)
        assert [part for part in told.text if isinstance(part, Named)] == [Named(f"user:{ANA}")]


SINCE = "It was changed since. Nothing was undone: `/animate-admin show` says how it is set now."


async def test_an_undo_leaves_what_others_ordered_since(tmp_path: Path) -> None:
    """Ana stays blocked, the budget stays set, the other channel stays open."""
    async with opened(tmp_path) as lobby:
        firsts = [
            await lobby.order("block", user=BEN, name="@Ben"),
            await lobby.order("limit", amount="40/day"),
            await lobby.order("channels", channel="board/2", name="#a"),
            await lobby.order("models", model="wan2.5"),
        ]
        await lobby.order("block", user=ANA, name="@Ana")
        await lobby.order("budget", amount="50")
        await lobby.order("channels", channel="board/3", name="#b")
        await lobby.order("models", model="wan2.6")
        for told in firsts:
            assert (await lobby.told("undo", of(told, "Undo"), **ADMIN)).head == "Undone."
        choices = await chosen(lobby.bot.store, "board/1")
        assert (choices.blocked, choices.channels) == ({ANA: "@Ana"}, {"board/3": "#b"})
        assert choices.models == ("wan2.6",)
        assert await rows(lobby) == {("scope:board/1", "scope:board/1"): "$50.00/month"}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("limit", {"amount": "5/day"}), ("limit", {"amount": "6/day"})),
        (("budget", {"amount": "50"}), ("budget", {"amount": "60"})),
        (("alerts", {"channel": "board/4"}), ("alerts", {"channel": "board/5"})),
        (("thread", {"how": "reply"}), ("thread", {"how": "channel"})),
    ],
)
async def test_what_was_changed_since_is_not_undone(tmp_path: Path, first: Any, then: Any) -> None:
    """Whoever ordered last is not overruled by an old button."""
    async with opened(tmp_path) as lobby:
        told = await lobby.order(first[0], **first[1])
        await lobby.order(then[0], **then[1])
        before = await _standing(lobby)
        undo = await lobby.told("undo", of(told, "Undo"), **ADMIN)
        assert words(undo) == SINCE
        assert await _standing(lobby) == before


async def test_an_undo_that_is_pressed_twice_is_done_once(tmp_path: Path) -> None:
    """And says the same."""
    async with opened(tmp_path) as lobby:
        told = await lobby.order("block", user=BEN)
        twice = [await lobby.told("undo", of(told, "Undo"), **ADMIN) for _ in range(2)]
        assert [words(each) for each in twice] == ["Undone. All is as it was before."] * 2


async def test_no_old_undo_lifts_an_operator_s_pause(tmp_path: Path) -> None:
    """Neither an admin's of an earlier pause, nor an operator's own once that person is none any more."""
    async with opened(tmp_path) as lobby:
        told = await lobby.order("pause")
        await lobby.order("resume")
        both = ADMIN | {"is_operator": True}
        later = await lobby.order_as(both, "pause")
        assert words(await lobby.told("undo", of(told, "Undo"), **ADMIN)).startswith("You may not resume it.")
        assert words(await lobby.told("undo", of(later, "Undo"), **ADMIN)).startswith("You may not resume it.")
        assert words(await lobby.order("resume")).startswith("You may not resume it.")
        assert (await lobby.told("undo", of(later, "Undo"), **both)).head == "Undone."
        await lobby.accepted()


async def test_an_operator_s_pause_takes_the_place_of_an_admin_s(tmp_path: Path) -> None:
    """Else that admin could lift it."""
    async with opened(tmp_path) as lobby:
        await lobby.order("pause")
        assert (await lobby.order_as(OPERATOR, "pause")).head == "Paused."
        assert words(await lobby.order("resume")).startswith("You may not resume it.")


async def test_two_admins_at_once_lose_no_name_of_a_list(tmp_path: Path) -> None:
    """Each order reads a list and writes it whole."""
    async with opened(tmp_path) as lobby:
        people = [f"board/{number}" for number in range(8)]
        await asyncio.gather(*(lobby.order("block", user=each) for each in people))
        assert set((await chosen(lobby.bot.store, "board/1")).blocked) == set(people)


@pytest.mark.parametrize("amount", ["none", "5/day"])
async def test_a_server_s_limit_leaves_the_budget_of_the_settings_alone(tmp_path: Path, amount: str) -> None:
    """It counts videos; nobody spends more because of it."""
    async with opened(tmp_path, scope_budget_usd="0.10") as lobby:
        for each in ("9/day", amount):
            await lobby.order_as(OPERATOR, "limit", amount=each)
        assert "budget" in (await lobby.refused()).head


async def test_a_server_s_budget_leaves_its_limit_alone(tmp_path: Path) -> None:
    """None of its own is the settings' one again."""
    async with opened(tmp_path, scope_budget_usd="0.10") as lobby:
        await lobby.order_as(OPERATOR, "limit", amount="1/day")
        await lobby.order_as(OPERATOR, "budget", amount="50")
        await lobby.accepted()
        assert "used its 1 video" in (await lobby.refused(user=BEN)).head
        await lobby.order_as(OPERATOR, "budget", amount="none")
        assert await rows(lobby) == {("scope:board/1", "operator"): "1/day"}


async def test_a_server_that_an_operator_freed_of_everything_stays_free(tmp_path: Path) -> None:
    """The command line's `none` lifts the settings' budget too; neither order brings that back by lifting more."""
    async with opened(tmp_path, scope_budget_usd="0.10") as lobby:
        await lobby.bot.store.set_limits("scope:board/1", "none")
        for verb in ("limit", "budget"):
            await lobby.order_as(OPERATOR, verb, amount="none")
        await lobby.accepted()


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ({"subject": f"user:{BEN}", "members": "1"}, "Up to $1.00 a day"),
        ({"subject": "role:board/r1", "members": "30"}, "30 members, up to $30.00 a day"),
        ({"subject": "role:board/r1", "members": "1"}, "1 member, up to $1.00 a day"),
        ({"subject": "role:board/r1", "members": "0"}, "Nobody has this role yet. For each member: up to $1.00 a day"),
        ({"subject": "role:board/r1"}, "For each member: up to $1.00 a day"),
        ({"subject": "channel:board/2"}, "For all in this channel together: up to $1.00 a day"),
        ({}, "For all in this server together: up to $1.00 a day"),
    ],
)
async def test_what_a_limit_may_cost_is_said_of_whom_it_is_about(
    tmp_path: Path, said: dict[str, str], meaning: str
) -> None:
    """A channel's and a server's is one for all, a role's is each member's."""
    async with opened(tmp_path) as lobby:
        told = await lobby.order("limit", amount="2/day", **said)
        assert f"2 videos a day. {meaning} at wan2.5, 720p, 5 s. Before:" in words(told)


async def test_who_was_only_billed_stands_in_every_sum(tmp_path: Path) -> None:
    """A video that failed is no video used, and is billed all the same."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.GENERATING, user=BEN)
        await lobby.story.make(job, Event.REFUSED, kind="moderated", billed_usd_micros=450_000)
        lobby.clock.forward(DAY_MS)
        await lobby.at(State.DELIVERED)
        told = await lobby.order("usage")
        assert told.head == "1 video in 30 days. Providers billed $0.90."
        assert words(told) == f"{told.head} user:{ANA}: 1 video, $0.50\nuser:{BEN}: no video, $0.45 billed all the same"
        [table] = told.files
        assert table.read_text().splitlines()[1:] == [f"user:{ANA},1,5,0.5,0.45,0.0", f"user:{BEN},0,0,0.0,0.45,0.0"]
        assert told.folder == table.parent
        assert told.picture is not None
        assert len((await lobby.order("usage", by="day")).files[0].read_text().splitlines()) == 3


async def test_what_is_set_is_shown_in_one_answer(tmp_path: Path) -> None:
    """Everything an admin can change, as it stands."""
    async with opened(tmp_path, user_limit="5/day") as lobby:
        for verb, given, _ in ORDERS:
            await lobby.order(verb, **given)
        told = words(await lobby.order("show"))
        for line in (
            "Paused.",
            "Everybody: 5 videos a day",
            "This server: 5 videos a day",
            "Budget: $50.00 a month",
            "Approvals: on",
            "Channels: #videos",
            "Roles: @Makers",
            "Models: wan2.6@other",
            "Blocked: @Ben",
            "Videos come covered",
            "Approvals are asked for in channel:board/4",
            "Videos come as a reply to their card",
            "In channel:board/2 videos come as messages of their own",
        ):
            assert f"\n{line}\n" in f"\n{told}\n".replace("Paused. ", "Paused.\n")
        assert told.index("Videos come covered") < told.index("Everybody: ")
        assert labels(await lobby.order("show")) == []


async def test_what_nobody_set_is_shown_as_it_is_by_itself(tmp_path: Path) -> None:
    """An admin need not know the defaults."""
    async with opened(tmp_path, user_limit="5/day") as lobby:
        assert words(await lobby.order("show")) == (
            "How this bot is set here. Approvals: off\nApprovals are asked for on the card\nChannels: all\nRoles: all\n"
            "Models: all\nVideos come in a thread on their card\nEverybody: 5 videos a day"
        )


async def test_what_operators_allow_is_shown_as_theirs(tmp_path: Path) -> None:
    """An admin sees what else holds, and that a limit lifted by them lifted only their own."""
    async with opened(tmp_path, scope_budget_usd="0.30") as lobby:
        await lobby.order("limit", amount="none", subject="scope:board/1")
        await lobby.bot.store.set_limits("scope:board/1", "9/day")
        told = words(await lobby.order("show"))
        assert "\nAllowed by the people who run this bot: 9 videos a day, $0.30 a month" in told
        assert "This server: 9" not in told


async def test_grants_are_shown_as_long_as_they_hold(tmp_path: Path) -> None:
    """Whoever they are for, and whichever limit they are on top of."""
    async with opened(tmp_path) as lobby:
        given = {
            "scope:board/1": ("9/day", "4"),
            "channel:board/2": ("60s/week", "30s"),
            "role:board/r1": ("5/day", "3"),
            f"user:{ANA}": ("2/24h", "1"),
        }
        for subject, (limit, more) in given.items():
            await lobby.order("limit", subject=subject, amount=limit)
            await lobby.order("grant", subject=subject, amount=more)
        await lobby.order("limit", subject="role:board/r2", amount="3/day")
        await lobby.order("budget", amount="50")
        await lobby.order("grant", amount="$5")
        await lobby.order("grant", subject=f"user:{BEN}", amount="2")
        told = f"{words(await lobby.order('show'))}\n"
        for line in (
            "This server: 4 videos more today",
            "This server: $5.00 more this month",
            "channel:board/2: 30 s of video more this week",
            "role:board/r1: 3 videos more today",
            f"user:{ANA}: 1 video more in 24 hours",
            f"user:{BEN}: 2 videos more today",
        ):
            assert f"\n{line}\n" in told
        lobby.clock.forward(40 * DAY_MS)
        assert " more" not in words(await lobby.order("show"))


async def test_of_a_long_list_the_rest_is_counted(tmp_path: Path) -> None:
    """Nothing is cut in the middle."""
    async with opened(tmp_path) as lobby:
        for number in range(20):
            await lobby.order("block", user=f"board/{number}", name=f"@{number}")
            await lobby.order("limit", subject=f"user:board/{number:02}", amount="1/day")
            await lobby.order("thread", how="reply", channel=f"board/{number}")
        told = words(await lobby.order("show"))
        assert "Blocked: @0, @1, @2, @3, @4, @5, @6, @7 and 12 more\n" in told
        assert "In channel:board/7 videos come as a reply to their card\nand 12 more\n" in told
        assert told.endswith("user:board/07: 1 video a day\nand 12 more")
