"""What goes wrong at Discord between a command and its video: the video reaches its person all the same, once, and is paid once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.speaking import speak
from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import Bot
from tests.chaos.town import Town, eventually, town
from tests.e2e.harbour import invite
from tests.fakes.discord_interactions import Interaction
from tests.fakes.discord_world import Channel, Message

MESSAGES = "/channels/*/messages"
PATIENCE_MS = 31_000
"""After so long a person is told that nobody knows."""
AGAIN = "Run it again (may be paid twice)"
Does = Callable[[Town], object]
Goes = Callable[[Town, Bot], Awaitable[None]]


async def booked(bot: Bot, book: str) -> tuple[int, int]:
    """Return what stands in a book for Maya, and what is reserved there."""
    [line] = await bot.store.usage(book=book, by="user", since_ms=10**12)
    return line.usd_micros, line.reserved_usd_micros


async def assert_paid_once(there: Town, bot: Bot, job: Job) -> None:
    """Check both books, and that one call was paid."""
    assert await booked(bot, "allowance") == (500_000, 0)
    assert await booked(bot, "spend") == (job.cost_usd_micros, 0)
    assert len(there.provider.paid()) == 1


async def assert_there(there: Town, bot: Bot, job: Job, where: str) -> None:
    """Check that the one video stands where it should, and rings its person."""
    assert job.state is State.DELIVERED
    [shown] = there.videos()
    kind = "private" if shown.channel.guild is None else "channel" if shown.channel is there.general else "thread"
    assert (kind, shown.deleted) == (where, False)
    assert where == "private" or shown.rings == {there.maya.id}
    assert where != "private" or shown in there.server.dm(there.maya)
    await assert_paid_once(there, bot, job)


async def assert_kept_until_collected(there: Town, bot: Bot, job: Job, elsewhere: Channel) -> None:
    """Check that nothing was charged yet, and have Maya collect it."""
    assert (job.state, there.videos()) == (State.KEPT, [])
    assert await booked(bot, "allowance") == (0, 500_000)
    await there.answered(there.server.slash(there.maya, elsewhere, "collect"))
    assert [video.channel for video in there.videos()] == [elsewhere]
    await assert_paid_once(there, bot, await bot.store.job(job.id))


# -- Discord answers otherwise


REPLIES: dict[str, dict[str, Any]] = {
    "limited by route": {"status": 429, "scope": "user"},
    "limited on everything": {"status": 429, "scope": "global"},
    "limited with others": {"status": 429, "scope": "shared"},
    "turned away at the edge": {"html": True},
    "broken": {"status": 500, "times": 1},
    "no gateway": {"status": 502, "times": 1},
    "not there": {"status": 503},
    "posted, and broken then": {"status": 500, "after": True, "times": 1},
    "cut before it": {"status": 0},
    "cut after it": {"status": 0, "after": True},
}


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("when", [State.PREPARING, State.DELIVERING])
async def test_an_answer_of_discords_keeps_no_video_back(reply: str, when: State) -> None:
    """On the card and the thread at first, on the video at last; several times where discord.py itself does not wait long."""

    def go_wrong() -> None:
        for method, path in (("POST", MESSAGES), ("POST", f"{MESSAGES}/*/threads"), ("PATCH", f"{MESSAGES}/*")):
            there.server.fault(method, path, **{"times": 3} | REPLIES[reply])

    with town() as there:
        async with there.bot() as bot:
            job = await there.to_its_end(bot, await there.asked(bot), {when: go_wrong})
            await assert_there(there, bot, job, "thread")
    assert len(there.server.messages(there.general)) == 1


@pytest.mark.parametrize("path", ["*", MESSAGES])
async def test_an_outage_of_hours_keeps_no_video_back(path: str) -> None:
    """Nothing is given up while it lasts, and nothing doubled after it."""

    def go_away() -> None:
        there.server.fault("*", path, status=503, times=40)

    with town() as there:
        async with there.bot() as bot:
            job = await there.to_its_end(bot, await there.asked(bot), {State.GENERATING: go_away})
            await assert_there(there, bot, job, "thread")


# -- places go


def lose(*permissions: str) -> Does:
    """Return what takes permissions from the bot, in the channel and all its threads."""
    return lambda there: there.server.permissions(there.general, there.server.bot, deny=permissions)


def delete_card(there: Town) -> None:
    """Delete the card, as a moderator does."""
    there.server.delete_message(there.server.messages(there.general)[0])


def forbid_words(there: Town) -> None:
    """Have the server's own filter mind the sentence and the file's name."""
    there.server.block(there.guild, words=["zoom"])


PLACES: list[tuple[str, Does, str]] = [
    ("thread archived", lambda there: there.server.archive(there.thread), "thread"),
    ("thread locked", lambda there: there.server.lock(there.thread), "channel"),
    ("thread deleted", lambda there: there.server.delete_thread(there.thread), "channel"),
    ("channel deleted", lambda there: there.server.delete_channel(there.general), "private"),
    ("card deleted", delete_card, "thread"),
    ("not in threads", lose("send_messages_in_threads"), "channel"),
    ("no files", lose("attach_files"), "private"),
    ("nothing at all", lose("send_messages", "send_messages_in_threads"), "private"),
    ("not even seen", lose("view_channel"), "private"),
    ("words filtered", forbid_words, "thread"),
]


@pytest.mark.parametrize(("do", "where"), [(do, where) for _, do, where in PLACES], ids=[name for name, *_ in PLACES])
async def test_a_place_that_goes_leaves_the_next_one(do: Does, where: str) -> None:
    """While it is being made, when everything stands already; there is no second card."""
    with town() as there:
        async with there.bot() as bot:
            job = await there.to_its_end(bot, await there.asked(bot), {State.FETCHING: lambda: do(there)})
            await assert_there(there, bot, job, where)
    posted = there.server.messages(there.general, deleted=True)
    assert len([each for each in posted if each not in there.videos()]) == 1


async def test_a_place_that_goes_while_the_video_is_on_its_way_leaves_the_next_one() -> None:
    """The first answer was lost, and the thread with it."""

    def go() -> None:
        there.server.fault("POST", f"/channels/{there.thread.id}/messages", status=503)

    with town() as there:
        async with there.bot() as bot:
            job = await bot.until(await there.asked(bot), State.GENERATING)
            job = await there.to_its_end(
                bot,
                job,
                {State.FETCHING: go, State.DELIVERING: lambda: there.server.delete_thread(there.thread)},
            )
            await assert_there(there, bot, job, "channel")


async def test_where_no_place_takes_it_it_is_kept_until_it_is_collected() -> None:
    """Elsewhere, and charged only then."""
    with town() as there:
        async with there.hearing() as bot:
            elsewhere = there.server.channel(there.guild, "elsewhere")
            there.maya.dms = False
            gone = {State.FETCHING: lambda: there.server.delete_channel(there.general)}
            job = await there.to_its_end(bot, await there.typed(bot), gone)
            await assert_kept_until_collected(there, bot, job, elsewhere)


async def test_a_video_that_discord_finds_too_large_is_made_smaller() -> None:
    """In the same place, and it says so."""

    def go() -> None:
        there.server.fault("POST", f"/channels/{there.thread.id}/messages", status=413, code=40005)

    with town() as there:
        async with there.bot() as bot:
            job = await there.to_its_end(bot, await there.asked(bot), {State.DELIVERING: go})
            await assert_there(there, bot, job, "thread")
    assert "Shrunk from" in there.videos()[0].content


async def test_a_video_in_an_archived_thread_is_deleted_by_its_person() -> None:
    """It says so only where that is so."""
    with town() as there:
        async with there.hearing() as bot:
            job = await there.to_its_end(bot, await there.typed(bot))
            there.server.archive(there.thread)
            shown: Message | Interaction = there.videos()[0]
            for verb in ("more", "delete", "deleted"):
                shown = await there.answered(there.server.press(there.maya, shown, f"sm:{verb}:{job.id}"))
            assert "Deleted." in shown.text
            assert there.videos()[0].deleted
            await there.to_its_end(bot, job)
            assert "Deleted" in there.server.messages(there.general)[0].text


# -- the server goes


async def remove(there: Town, _: Bot) -> None:
    """Take the bot out of the server, as its owner does."""
    there.server.remove_bot(there.guild)


async def deny(there: Town, bot: Bot) -> None:
    """Shut the server out, as an operator does."""
    for ending in await bot.store.set_scope(f"scope:discord/{there.guild.id}", allowed=False, approvals=None):
        await bot.by_hand(await bot.store.job(ending), Event.CANCEL, by="operator")


async def made_while(there: Town, bot: Bot, goes: Goes) -> Job:
    """Have a video made, and its server go meanwhile; how that ends."""
    job = await bot.until(await there.typed(bot), State.GENERATING)
    await speak(bot.ports, bot.worker.cards)
    await goes(there, bot)

    async def wished() -> bool:
        return (await bot.store.job(job.id)).wished

    await eventually(wished)
    return await there.to_its_end(bot, job)


async def test_a_server_that_removes_the_bot_ends_its_jobs() -> None:
    """What can be stopped is; it costs nobody anything."""
    with town() as there:
        async with there.hearing() as bot:
            await there.typed(bot)
            there.server.remove_bot(there.guild)
            await eventually(lambda: bot.store.jobs(state=State.CANCELLED))
            assert there.provider.paid() == []


async def test_a_server_that_removes_the_bot_while_it_is_away_ends_its_jobs() -> None:
    """Nobody tells of it afterwards: it is found missing."""
    with town() as there:
        async with there.hearing() as bot:
            await there.typed(bot)
        there.server.remove_bot(there.guild)
        async with there.hearing() as bot:
            await eventually(lambda: bot.store.jobs(state=State.CANCELLED))
            [alert] = await eventually(bot.store.alerts)
            assert alert.cause == f"removed:discord/{there.guild.id}"
            invite(there.server, there.guild)
            await eventually(lambda: _is_none(bot))
            assert there.provider.paid() == []


async def _is_none(bot: Bot) -> bool:
    return not await bot.store.alerts()


@pytest.mark.parametrize("goes", [remove, deny])
async def test_a_server_that_goes_stops_what_is_being_made_where_that_can_be(goes: Goes) -> None:
    """Nobody waits for it there any more, and nobody pays for it."""
    with town() as there:
        async with there.hearing() as bot:
            job = await made_while(there, bot, goes)
            assert (job.state, there.videos()) == (State.CANCELLED, [])
            assert [await booked(bot, book) for book in ("allowance", "spend")] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("goes", [remove, deny])
async def test_what_cannot_be_stopped_when_its_server_goes_is_sent_to_its_person(goes: Goes) -> None:
    """Never into a server that the operator shut out."""
    with town() as there:
        there.provider.script.stops = False
        there.server.join(there.maya, there.server.guild("Elsewhere"))
        async with there.hearing() as bot:
            await assert_there(there, bot, await made_while(there, bot, goes), "private")


async def test_what_cannot_be_sent_to_its_person_either_is_kept_until_it_is_collected() -> None:
    """They shared that one server with the bot, which is invited again later: elsewhere nobody learns of its jobs."""
    with town() as there:
        there.provider.script.stops = False
        async with there.hearing() as bot:
            job = await made_while(there, bot, remove)
            there.server.add_bot(there.guild)
            elsewhere = there.server.channel(there.guild, "elsewhere")
            await assert_kept_until_collected(there, bot, job, elsewhere)


# -- the provider never answers


async def test_an_unsure_video_is_made_anew_only_once_its_person_says_so_twice() -> None:
    """It is a job of its own, charged to them once; the first one is never sent again, and brings nothing."""
    with town(reconciles=False) as there:
        there.provider.script.posts = ["lost", "ticket"]
        async with there.hearing() as bot:
            first = await bot.until(await there.typed(bot), State.UNSURE)
            await speak(bot.ports, bot.worker.cards)
            there.clock.forward(PATIENCE_MS)
            await speak(bot.ports, bot.worker.cards)
            [notice] = [each for each in there.server.messages(there.thread) if "twice" in each.content]
            warned = await there.answered(there.server.press(there.maya, notice, AGAIN))
            assert [job.id for job in await bot.store.jobs()] == [first.id]
            await there.answered(there.server.press(there.maya, warned, AGAIN))
            [second] = [job for job in await bot.store.jobs() if job.id != first.id]
            await there.to_its_end(bot, second)
            assert (await there.to_its_end(bot, first)).failure == "lost"
            [shown] = there.videos()
            assert shown.attachment.filename.endswith(f"{second.id}.mp4")
            assert shown.rings == {there.maya.id}
            assert await booked(bot, "allowance") == (500_000, 0)
            assert there.provider.paid() == [first.id, second.id]


# -- people and the connection


@pytest.mark.parametrize("way", ["drop", "reconnect", "invalidate", "close"])
@pytest.mark.parametrize("when", [State.PREPARING, State.GENERATING, State.DELIVERING])
async def test_a_connection_that_goes_keeps_no_video_back(way: str, when: State) -> None:
    """In whatever state; the video needs the token alone."""

    def go() -> None:
        gateway = there.server.gateway
        gateway.close(4000) if way == "close" else getattr(gateway, way)()

    with town() as there:
        async with there.hearing() as bot:
            job = await there.to_its_end(bot, await there.typed(bot), {when: go})
            await assert_there(there, bot, job, "thread")


async def test_a_command_that_comes_twice_is_one_job() -> None:
    """Discord delivers again what it believes lost."""
    with town() as there:
        async with there.hearing() as bot:
            asked = there.animate(bot)
            there.server.redeliver(asked)
            job = await there.to_its_end(bot, await there.newest(bot))
            there.server.redeliver(asked)
            await assert_there(there, bot, await there.newest(bot), "thread")
            assert (await there.newest(bot)).id == job.id


async def test_a_command_that_was_acknowledged_by_another_is_carried_out() -> None:
    """As one whose acknowledgement got through without our hearing of it."""
    with town() as there:
        async with there.hearing() as bot:
            there.server.fault("POST", "/interactions/*/*/callback", status=400, code=40060)
            there.animate(bot)
            job = await there.to_its_end(bot, await there.newest(bot))
            await assert_there(there, bot, job, "thread")


@pytest.mark.parametrize(("status", "code"), [(401, 50027), (404, 10062), (404, 10015), (404, 10008)])
async def test_a_command_whose_token_died_is_carried_out(status: int, code: int) -> None:
    """Nothing after the first answer hangs on it."""
    with town() as there:
        async with there.hearing() as bot:
            there.server.fault("PATCH", "/webhooks/*/*/messages/@original", status=status, code=code)
            there.animate(bot)
            job = await there.to_its_end(bot, await there.newest(bot))
            await assert_there(there, bot, job, "thread")


async def test_a_command_that_came_too_late_costs_nothing_and_the_next_one_is_made() -> None:
    """Discord told its person that the bot did not answer: to make it all the same would make two."""
    with town() as there:
        async with there.hearing() as bot:
            there.server.fault("POST", "/interactions/*/*/callback", status=404, code=10062)
            there.animate(bot)
            await there.server.until(lambda: there.server.asked("POST", "/interactions/*/*/callback"))
            job = await there.to_its_end(bot, await there.typed(bot))
            await assert_there(there, bot, job, "thread")
