"""What the bot posts on Discord with its token alone: where it lands, how often, and what becomes of it when that goes wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.platforms.contract import (
    Action,
    Answering,
    Card,
    Message,
    Moment,
    Notice,
    Parcel,
    Picture,
    Rung,
    Spot,
    Standing,
)
from bot.platforms.discord.card import APART_MS, MOST_EDITS
from bot.platforms.discord.posting import Posting
from bot.platforms.discord.rest import Letter, Rest
from bot.platforms.errors import PlaceGone, PlatformDown, TooBig
from tests.fakes.discord_server import DiscordServer, serving
from tests.fakes.discord_world import Channel, Guild, User
from tests.fakes.discord_world import Message as Posted
from tests.fakes.houses import read

JOB = "7K3Q9FD2"
VIDEO = b"a video" * 1000
CANCEL = Action(label="Cancel", verb="cancel", of=JOB)
MORE = Action(label="More", verb="more", of=JOB)
RENDERING = Message(head="Rendering", text=("usually 1 to 2 min",), actions=(CANCEL,))
LATER_S = 3600


@dataclass
class World:
    """A server with one channel and one person."""

    server: DiscordServer
    guild: Guild
    general: Channel
    maya: User
    folder: Path

    @asynccontextmanager
    async def bot(self, talk_s: float = 10.0) -> AsyncIterator[Posting]:
        """Log a bot in, as a process of its own."""
        client = discord.Client(intents=discord.Intents(guilds=True))
        await client.login(self.server.token)
        posting = Posting(client, talk_s)
        yield posting
        await posting.close()
        await client.close()

    @property
    def user(self) -> str:
        return f"discord/{self.maya.id}"

    def spot(self, thread: Channel | None = None) -> Spot:
        return Spot(
            server=str(self.guild.id), channel=str(self.general.id), thread="" if thread is None else str(thread.id)
        )

    def card(self, **more: Any) -> Card:
        still = self.folder / "still"
        still.write_bytes(b"a picture")
        told = Card(
            job=JOB,
            spot=self.spot(),
            user=self.user,
            prompt="the balloon drifts right, mist fills the valley, and then it sets down",
            small=("wan2.5@fal, 720p, 5 s, about $0.50",),
            head="2nd in line",
            line="2nd in line",
            actions=(CANCEL, MORE),
            picture=Picture(path=still, alt="Picture to animate, still grey"),
        )
        return replace(told, **more)

    def parcel(self, **more: Any) -> Parcel:
        video = self.folder / "result"
        video.write_bytes(VIDEO)
        message = Message(text=("Done in 58 s. It cost $0.50.",), small=("Made by AI: wan2.5@fal",), actions=(MORE,))
        told = Parcel(
            job=JOB,
            spot=self.spot(),
            user=self.user,
            video=video,
            message=message,
            alt="Video, 5 s: the balloon drifts right",
            file_name="the balloon drifts right.mp4",
        )
        return replace(told, **more)

    def notice(self, **more: Any) -> Notice:
        message = Message(head="fal refused this video.", text=("You were not charged.",), small=(f"job {JOB}",))
        return replace(Notice(job=JOB, what="outcome", spot=self.spot(), user=self.user, message=message), **more)

    def cards(self) -> list[Posted]:
        return [each for each in self.server.messages(self.general) if each.is_v2]

    def videos(self, channel: Channel | None = None) -> list[Posted]:
        return [each for each in self.server.messages(channel or self.general) if not each.is_v2 and each.attachments]

    def thread(self) -> Channel:
        [thread] = self.server.threads(self.general)
        return thread

    def patches(self, channel: Channel) -> int:
        """Return how often a message in a channel was changed."""
        return len(self.server.asked("PATCH", f"/channels/{channel.id}/messages/*"))

    def forbid(self, *permissions: str) -> None:
        self.server.permissions(self.general, deny=permissions)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Serve, point discord.py there, and afterwards find that it was sent nothing which Discord would refuse."""
    base = discord.http.Route.BASE
    with serving() as server:
        discord.http.Route.BASE = server.url
        guild = server.guild("Harbour")
        general, maya = server.channel(guild, "general"), server.member(guild, "Maya Lindqvist")
        yield World(server=server, guild=guild, general=general, maya=maya, folder=tmp_path)
        discord.http.Route.BASE = base
        assert server.violations == []


async def at_once(standing: Standing) -> Standing:
    """Return a standing whose words have stood long enough to be changed."""
    return {**standing, "said_ms": str(int(time.time() * 1000) - APART_MS)}


class TestCard:
    """The card in the channel."""

    async def test_a_new_card_is_posted_once_and_rings_nobody(self, world: World) -> None:
        """In components, under its nonce, with the picture and what is read out for it."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(), {})
        [card] = world.cards()
        [asked] = world.server.asked("POST", f"/channels/{world.general.id}/messages")
        assert {key: asked.json[key] for key in ("flags", "allowed_mentions", "nonce", "enforce_nonce")} == {
            "flags": 1 << 15,
            "allowed_mentions": {"parse": []},
            "nonce": f"{JOB}:card",
            "enforce_nonce": True,
        }
        assert (card.attachment.filename, card.attachment.content) == ("still.jpg", b"a picture")
        assert card.attachment.description == "Picture to animate, still grey"
        assert card.rings == frozenset()
        assert (standing["channel"], standing["card"]) == (str(world.general.id), str(card.id))
        assert world.server.threads(world.general) == []

    async def test_nothing_is_sent_where_nothing_changed(self, world: World) -> None:
        """A moment that moved is no change: it counts by itself."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(text=("starts ", Moment(1_795_529_440_000))), {})
            await posting.show_card(world.card(text=("starts ", Moment(1_795_529_460_000))), standing)
        assert world.patches(world.general) == 0

    async def test_a_place_in_a_line_is_told_so_often_and_all_else_always(self, world: World) -> None:
        """A new phrase, other buttons and the end are shown whatever was spent on the way."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(head="30th in line"), {})
            for number in range(MOST_EDITS + 3):
                standing = await posting.show_card(world.card(head=f"{29 - number}th in line"), standing)
            assert world.patches(world.general) == MOST_EDITS
            standing = await posting.show_card(world.card(head="Rendering"), standing)
            assert "Rendering" in world.cards()[0].text
            standing = await posting.show_card(world.card(head="Rendering", actions=(MORE,)), standing)
            assert [each.label for each in world.cards()[0].buttons] == ["More"]
            over = world.card(head="Done in 58 s", actions=(), is_over=True, link="1/2/3", link_label="Watch")
            await posting.show_card(over, standing)
        [card] = world.cards()
        assert "Done in 58 s" in card.text
        assert [each.label for each in card.buttons] == ["Watch"]
        assert len(card.attachments) == 1

    async def test_an_old_card_is_changed_only_for_what_matters(self, world: World) -> None:
        """Discord takes few edits of a message older than an hour: they are kept for its end."""
        world.server.advance(-51 * 60)
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(head="3rd in line"), {})
            standing = await posting.show_card(world.card(head="2nd in line"), standing)
            assert world.patches(world.general) == 0
            await posting.show_card(world.card(head="Starting"), standing)
        assert "Starting" in world.cards()[0].text

    async def test_a_change_that_was_lost_is_not_taken_for_shown(self, world: World) -> None:
        """Nor is the thread that was opened with it opened twice, or its words said twice, however late it is tried again."""
        told = world.card(head="Rendering", progress=RENDERING)
        world.server.fault("PATCH", f"/channels/{world.general.id}/messages/*", status=503, times=1)
        async with world.bot(talk_s=0.2) as posting:
            standing = await posting.show_card(world.card(), {})
            with pytest.raises(PlatformDown):
                await posting.show_card(told, standing)
            world.server.advance(LATER_S)
            await posting.show_card(told, standing)
        assert "Rendering" in world.cards()[0].text
        assert len(world.server.messages(world.thread())) == 1

    async def test_a_card_in_an_archived_thread_says_how_it_ended(self, world: World) -> None:
        """Discord changes nothing in one: it is woken."""
        async with world.bot() as posting:
            await posting.show_card(world.card(progress=RENDERING), {})
            spot = world.spot(world.thread())
            standing = await posting.show_card(replace(world.card(), job="8M4R0GE3", spot=spot), {})
            world.server.archive(world.thread())
            over = world.card(job="8M4R0GE3", spot=spot, head="Cancelled.", actions=(), is_over=True)
            await posting.show_card(over, standing)
        assert "Cancelled" in world.server.messages(world.thread())[-1].text

    async def test_a_card_that_may_not_be_changed_any_more_is_let_go(self, world: World) -> None:
        """Whoever keeps asking what is forbidden is banned."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(), {})
            world.forbid("view_channel")
            for head in ("Starting", "Rendering", "Almost there"):
                standing = await posting.show_card(world.card(head=head), standing)
        assert world.patches(world.general) == 1

    async def test_a_picture_that_is_gone_leaves_a_whole_card(self, world: World) -> None:
        """It was swept, or is on another machine."""
        card = world.card()
        assert card.picture is not None
        card.picture.path.unlink()
        async with world.bot() as posting:
            await posting.show_card(card, {})
        assert world.cards()[0].attachments == []

    async def test_a_card_that_somebody_deleted_stays_away(self, world: World) -> None:
        """They did not want it there."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(), {})
            world.server.delete_message(world.cards()[0])
            for head in ("Starting", "Almost there"):
                standing = await posting.show_card(world.card(head=head), standing)
        assert world.cards() == []
        assert world.patches(world.general) == 1

    async def test_the_thread_of_a_deleted_card_goes_on(self, world: World) -> None:
        """It outlives the message it was opened on, and takes the video."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            world.server.delete_message(world.cards()[0])
            standing = await posting.show_card(world.card(head="Almost there", progress=RENDERING), standing)
            standing = await posting.show_card(world.card(head="Done", is_over=True), standing)
            await posting.show_video(world.parcel(standing=standing))
        assert len(world.server.messages(world.thread())) == 1
        assert len(world.videos(world.thread())) == 1

    async def test_a_card_that_may_not_stand_is_tried_once(self, world: World) -> None:
        """Ten thousand refusals in ten minutes would ban the address."""
        world.forbid("send_messages")
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(), {})
            await posting.show_card(world.card(head="Starting"), standing)
        assert len(world.server.asked("POST", f"/channels/{world.general.id}/messages")) == 1

    async def test_words_that_the_server_filters_are_left_out(self, world: World) -> None:
        """In the card, in each change of it and in the thread's name."""
        world.server.block(world.guild, words=["balloon"])
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(), {})
            await posting.show_card(world.card(head="Rendering", progress=RENDERING), standing)
        [card] = world.cards()
        assert "(sentence hidden by this server's filter)" in read(card.text)
        assert "Rendering" in card.text
        assert world.thread().name == "Video"

    async def test_after_a_crash_everything_is_found_again(self, world: World) -> None:
        """However late: card, thread and the words in it."""
        shown = world.card(head="Rendering", progress=RENDERING)
        async with world.bot() as posting:
            first = await posting.show_card(shown, {})
        world.server.advance(LATER_S)
        async with world.bot() as posting:
            again = await posting.show_card(shown, {})
        where = ("channel", "card", "thread", "progress")
        assert [again[word] for word in where] == [first[word] for word in where]
        assert len(world.cards()) == 1
        assert len(world.server.messages(world.thread())) == 1


class TestThread:
    """The thread on the card, and the one message in it that is changed."""

    async def test_it_opens_with_its_first_words(self, world: World) -> None:
        """On the card, under the sentence cut at a word, and rings nobody yet."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(), {})
            standing = await posting.show_card(world.card(head="Rendering", progress=RENDERING), standing)
        thread = world.thread()
        [words] = world.server.messages(thread)
        assert thread.name == "the balloon drifts right, mist fills the valley, and then…"
        assert thread.auto_archive_min == 1440
        assert words.text == "**Rendering** usually 1 to 2 min"
        assert words.rings == frozenset()
        assert (standing["thread"], standing["progress"]) == (str(thread.id), str(words.id))
        assert "usually" not in world.cards()[0].text

    async def test_one_that_was_opened_as_the_card_failed_is_remembered(self, world: World) -> None:
        """Else the video would go past it, and its words would promise one for ever."""
        async with world.bot() as posting:
            before = await posting.show_card(world.card(), {})
            lost = world.server.fault("PATCH", f"/channels/{world.general.id}/messages/*", status=503, times=9)
            with pytest.raises(PlatformDown) as down:
                await posting.show_card(world.card(head="Rendering", progress=RENDERING), before)
            lost.times = 0
            standing = down.value.standing or {}
            assert standing["thread"] == str(world.thread().id)
            await posting.show_card(world.card(head="Done in 58 s", is_over=True), standing)
        assert world.server.messages(world.thread()) == []

    async def test_words_that_come_too_fast_are_let_go(self, world: World) -> None:
        """The newest win once the last have stood for five seconds."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            for percent in (10, 20, 30):
                told = world.card(progress=replace(RENDERING, head=f"Rendering {percent} %"))
                standing = await posting.show_card(told, standing)
            assert world.patches(world.thread()) == 0
            await posting.show_card(told, await at_once(standing))
        assert "Rendering 30 %" in world.server.messages(world.thread())[0].text

    async def test_old_words_are_changed_only_at_the_end(self, world: World) -> None:
        """Discord limits the edits of a message older than an hour."""
        world.server.advance(-51 * 60)
        note = ("Your picture was turned upright.",)
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            told = world.card(progress=replace(RENDERING, head="Overdue"))
            standing = await posting.show_card(told, await at_once(standing))
            assert world.patches(world.thread()) == 0
            await posting.show_card(world.card(head="Done", note=note, is_over=True), standing)
        [words] = world.server.messages(world.thread())
        assert (words.text, words.buttons) == ("-# Your picture was turned upright.", [])

    async def test_without_a_note_the_words_go_away(self, world: World) -> None:
        """The video stands alone in the thread."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            await posting.show_card(world.card(head="Done", is_over=True), standing)
        assert world.server.messages(world.thread()) == []

    async def test_words_that_somebody_deleted_stay_away(self, world: World) -> None:
        """And the card still says how it ends."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            world.server.delete_message(world.server.messages(world.thread())[0])
            told = world.card(progress=replace(RENDERING, head="Rendering 64 %"))
            standing = await posting.show_card(told, await at_once(standing))
            await posting.show_card(world.card(head="Done", is_over=True), standing)
        assert world.server.messages(world.thread()) == []
        assert "Done" in world.cards()[0].text

    async def test_words_that_may_not_be_changed_any_more_are_let_go(self, world: World) -> None:
        """Ten thousand refusals in ten minutes would ban the address."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            path = f"/channels/{world.thread().id}/messages/*"
            world.server.fault("PATCH", path, status=403, code=50001, times=9)
            for percent in (10, 20, 30):
                told = world.card(progress=replace(RENDERING, head=f"Rendering {percent} %"))
                standing = await posting.show_card(told, await at_once(standing))
        assert world.patches(world.thread()) == 1

    async def test_words_in_an_archived_thread_end_with_it(self, world: World) -> None:
        """While it goes on nobody wakes what somebody closed; at the end no button is left in it."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            world.server.archive(world.thread())
            told = world.card(progress=replace(RENDERING, head="Rendering 64 %"))
            standing = await posting.show_card(told, await at_once(standing))
            assert world.thread().archived
            await posting.show_card(world.card(head="Cancelled.", is_over=True), standing)
        assert world.server.messages(world.thread()) == []

    @pytest.mark.parametrize("permission", ["create_public_threads", "send_messages_in_threads"])
    async def test_without_a_thread_the_card_carries_the_words(self, world: World, permission: str) -> None:
        """A lost permission costs nobody their video."""
        world.forbid(permission)
        async with world.bot() as posting:
            await posting.show_card(world.card(progress=RENDERING), {})
        assert "usually 1 to 2 min" in world.cards()[0].text

    async def test_a_thread_that_is_there_already_is_taken(self, world: World) -> None:
        """Somebody opened one on the card, or the answer was lost."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(), {})
            path = f"/channels/{world.general.id}/messages/{standing['card']}/threads"
            world.server.fault("POST", path, status=503, after=True)
            with pytest.raises(PlatformDown):
                await posting.show_card(world.card(progress=RENDERING), standing)
            standing = await posting.show_card(world.card(progress=RENDERING), standing)
        assert standing["thread"] == str(world.thread().id)

    async def test_a_thread_that_was_deleted_leaves_the_words_to_the_card(self, world: World) -> None:
        """What comes next is shown where people still look."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            world.server.delete_thread(world.thread())
            told = world.card(head="Rendering", progress=replace(RENDERING, head="Rendering 64 %"))
            standing = await posting.show_card(told, await at_once(standing))
            await posting.show_card(world.card(head="Done", is_over=True), standing)
        assert "Done" in world.cards()[0].text

    @pytest.mark.parametrize("answering", [Answering.REPLY, Answering.CHANNEL])
    async def test_a_channel_may_want_none(self, world: World, answering: Answering) -> None:
        """Then the card carries the words, and is changed at quarters only."""
        async with world.bot() as posting:
            told = world.card(answering=answering, progress=RENDERING, fraction=0.0)
            standing = await posting.show_card(told, {})
            for fraction in (0.1, 0.2, 0.26, 0.4, 0.51):
                standing = await posting.show_card(replace(told, fraction=fraction), standing)
        assert world.server.threads(world.general) == []
        assert "usually 1 to 2 min" in world.cards()[0].text
        assert world.patches(world.general) == 2

    async def test_what_was_asked_in_a_thread_is_answered_there(self, world: World) -> None:
        """A thread has no threads."""
        async with world.bot() as posting:
            await posting.show_card(world.card(progress=RENDERING), {})
            spot = world.spot(world.thread())
            standing = await posting.show_card(replace(world.card(progress=RENDERING), job="8M4R0GE3", spot=spot), {})
        assert standing["channel"] == spot.thread
        assert "usually 1 to 2 min" in world.server.messages(world.thread())[-1].text


class TestVideo:
    """The finished video as a message of its own."""

    async def test_it_stands_in_the_thread_and_rings_its_person(self, world: World) -> None:
        """Plain, without previews, with what is read out for it and a name that carries the job."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            reference = await posting.show_video(world.parcel(standing=standing))
        [video] = world.videos(world.thread())
        assert video.content == f"<@{world.maya.id}> Done in 58 s. It cost $0.50.\n-# Made by AI: wan2.5@fal"
        assert (video.attachment.content, video.attachment.filename) == (VIDEO, f"the-balloon-drifts-right-{JOB}.mp4")
        assert video.attachment.description == "Video, 5 s: the balloon drifts right"
        assert (video.rings, video.flags, video.nonce) == (frozenset({world.maya.id}), 4, f"{JOB}:done")
        assert [each.custom_id for each in video.buttons] == [f"sm:more:{JOB}"]
        assert reference == f"{world.guild.id}/{world.thread().id}/{video.id}"

    async def test_a_spoiler_is_hidden_until_it_is_pressed(self, world: World) -> None:
        """Its name says so, as that works for every client."""
        async with world.bot() as posting:
            await posting.show_video(world.parcel(is_spoiler=True))
            assert await posting.find(world.parcel())
        [video] = world.videos()
        assert video.attachment.spoiler

    async def test_a_reply_answers_the_card(self, world: World) -> None:
        """Also when somebody deleted the card in between: then it answers nothing, and stands all the same."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(answering=Answering.REPLY), {})
            await posting.show_video(world.parcel(standing=standing))
            [card] = world.cards()
            assert world.videos()[0].reply_to is card
            world.server.delete_message(card)
            await posting.show_video(world.parcel(job="8M4R0GE3", standing=standing))
        assert world.videos()[1].reply_to is None

    async def test_the_ladder_leads_to_the_channel_and_to_its_person(self, world: World) -> None:
        """Each rung is a place of its own; a direct message's reference says so."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            parcel = world.parcel(standing=standing)
            await posting.show_video(replace(parcel, rung=Rung.CHANNEL))
            world.server.advance(LATER_S)
            reference = await posting.show_video(replace(parcel, rung=Rung.PRIVATELY))
            assert await posting.find(replace(parcel, rung=Rung.PRIVATELY)) == reference
        [private] = world.server.dm(world.maya)
        assert reference == f"@me/{private.channel.id}/{private.id}"
        assert len(world.videos()) == 1
        assert world.videos(world.thread()) == []

    async def test_an_archived_thread_wakes_up(self, world: World) -> None:
        """Sending is enough."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            world.server.archive(world.thread())
            await posting.show_video(world.parcel(standing=standing))
            await posting.show_card(world.card(head="Done", is_over=True), standing)
        assert not world.thread().archived
        assert len(world.videos(world.thread())) == 1

    async def test_a_locked_or_deleted_thread_is_gone(self, world: World) -> None:
        """The next rung takes it; why is said for operators."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            parcel = world.parcel(standing=standing)
            world.server.lock(world.thread())
            with pytest.raises(PlaceGone, match="the thread is locked"):
                await posting.show_video(parcel)
            world.server.delete_thread(world.thread())
            with pytest.raises(PlaceGone, match="the place is gone"):
                await posting.show_video(parcel)
            assert await posting.find(parcel) is None
            assert await posting.show_video(replace(parcel, rung=Rung.CHANNEL))

    @pytest.mark.parametrize("permission", ["view_channel", "send_messages", "attach_files"])
    async def test_a_permission_that_was_lost_makes_the_place_gone(self, world: World, permission: str) -> None:
        """Nothing is posted; its person gets it privately."""
        world.forbid(permission)
        async with world.bot() as posting:
            assert await posting.find(world.parcel()) is None
            with pytest.raises(PlaceGone, match="the bot may not"):
                await posting.show_video(world.parcel())
            await posting.show_video(world.parcel(rung=Rung.PRIVATELY))
        assert len(world.server.dm(world.maya)) == 1

    async def test_a_person_who_takes_no_messages_is_gone(self, world: World) -> None:
        """As one who shares no server with the bot any more, or has no account."""
        parcel = world.parcel(rung=Rung.PRIVATELY)
        async with world.bot() as posting:
            world.maya.dms = False
            with pytest.raises(PlaceGone, match="takes no direct messages"):
                await posting.show_video(parcel)
            world.server.remove_bot(world.guild)
            with pytest.raises(PlaceGone, match="shares no server"):
                await posting.show_video(parcel)
            with pytest.raises(PlaceGone, match="no account"):
                await posting.show_video(replace(parcel, user="discord/1"))
            assert await posting.find(replace(parcel, user="discord/1")) is None

    @pytest.mark.parametrize(
        ("status", "code", "error"),
        [
            (404, 10003, PlaceGone),
            (404, 10004, PlaceGone),
            (403, 50001, PlaceGone),
            (403, 50013, PlaceGone),
            (400, 50083, PlaceGone),
            (400, 160005, PlaceGone),
            (400, 40094, PlaceGone),
            (400, 50035, PlaceGone),
            (413, 40005, TooBig),
            (400, 40005, TooBig),
            (413, 0, TooBig),
            (503, 0, PlatformDown),
            (401, 0, PlatformDown),
            (403, 0, PlatformDown),
            (0, 0, PlatformDown),
        ],
    )
    async def test_every_refusal_is_sorted(self, world: World, status: int, code: int, error: type[Exception]) -> None:
        """Into never here, too big, and later."""
        world.server.fault("POST", "/channels/*/messages", status=status, code=code)
        async with world.bot() as posting:
            with pytest.raises(error):
                await posting.show_video(world.parcel())
        assert world.videos() == []

    async def test_a_page_of_cloudflares_is_later(self, world: World) -> None:
        """It has no code, and says nothing about the place."""
        world.server.fault("POST", "/channels/*/messages", html=True)
        async with world.bot() as posting:
            with pytest.raises(PlatformDown):
                await posting.show_video(world.parcel())

    async def test_what_is_over_the_servers_own_limit_is_too_big(self, world: World) -> None:
        """The limit that it should be made to fit is told, as far as boosts tell."""
        big = world.folder / "big"
        big.write_bytes(bytes(11 * 1024 * 1024))
        world.guild.tier = 2
        async with world.bot() as posting:
            assert await posting.limit_bytes(world.spot()) == 50 * 1024 * 1024
            assert await posting.limit_bytes(replace(world.spot(), server="")) == 10 * 1024 * 1024
            world.guild.tier = 0
            with pytest.raises(TooBig) as refused:
                await posting.show_video(world.parcel(video=big))
            assert refused.value.max_bytes == 10 * 1024 * 1024

    async def test_words_that_the_server_filters_do_not_keep_a_video_back(self, world: World) -> None:
        """It goes out under a plain name, and without the sentence."""
        world.server.block(world.guild, words=["balloon"])
        message = Message(text=("Done.",), quote="the balloon", actions=(MORE,))
        async with world.bot() as posting:
            reference = await posting.show_video(world.parcel(message=message))
            assert await posting.find(world.parcel()) == reference
        [video] = world.videos()
        assert (video.attachment.filename, video.attachment.description) == (f"video-{JOB}.mp4", None)
        assert "hidden by this server's filter" in video.content

    async def test_a_filter_that_minds_everything_makes_the_place_gone(self, world: World) -> None:
        """The next rung has none, or another."""
        world.server.block(world.guild, words=["Done"])
        async with world.bot() as posting:
            with pytest.raises(PlaceGone, match="filter"):
                await posting.show_video(world.parcel())


class TestOnce:
    """A video is never posted twice, and never taken for posted."""

    @pytest.mark.parametrize("status", [500, 503, 0])
    async def test_an_answer_that_was_lost_doubles_nothing(self, world: World, status: int) -> None:
        """Discord posted it and then failed: it is found, and where it is sent again it is the same message."""
        world.server.fault("POST", "/channels/*/messages", status=status, after=True)
        async with world.bot() as posting:
            with suppress(PlatformDown):
                await posting.show_video(world.parcel())
            found = await posting.find(world.parcel())
            assert found == await posting.show_video(world.parcel())
        assert len(world.videos()) == 1

    async def test_it_is_found_by_its_file(self, world: World) -> None:
        """Long after, whatever became of its words and buttons, and however much was said since."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(answering=Answering.CHANNEL), {})
            reference = await posting.show_video(world.parcel(standing=standing))
            [video] = world.videos()
            video.components, video.nonce, video.content = [], None, "edited"
            for number in range(150):
                world.server.post(world.maya, world.general, f"{number}")
            world.server.advance(LATER_S)
            assert await posting.find(world.parcel(standing=standing)) == reference

    async def test_neither_its_card_nor_another_video_is_taken_for_it(self, world: World) -> None:
        """Nor what somebody else posted under such a name."""
        async with world.bot() as posting:
            await posting.show_card(world.card(answering=Answering.CHANNEL), {})
            await posting.show_video(world.parcel(job="8M4R0GE3"))
            world.server.post(world.maya, world.general, files=[(f"mine-{JOB}.mp4", VIDEO)])
            assert await posting.find(world.parcel()) is None

    async def test_where_nothing_may_be_read_back_the_nonce_holds(self, world: World) -> None:
        """For some minutes; after that a video twice is better than none."""
        world.forbid("read_message_history")
        async with world.bot() as posting:
            await posting.show_video(world.parcel())
            assert await posting.find(world.parcel()) is None
            await posting.show_video(world.parcel())
        assert len(world.videos()) == 1

    async def test_while_nobody_can_tell_nothing_is_posted(self, world: World) -> None:
        """An outage is no proof that it is not there."""
        world.server.fault("GET", "/channels/*/messages", status=503)
        async with world.bot() as posting:
            with pytest.raises(PlatformDown):
                await posting.find(world.parcel())

    async def test_an_upload_that_still_runs_is_not_begun_again(self, world: World) -> None:
        """Whoever tries again has its outcome, as what has no answer yet is known to nobody."""
        world.server.fault("POST", "/channels/*/messages", delay_s=0.4)
        client = discord.Client(intents=discord.Intents(guilds=True))
        await client.login(world.server.token)
        rest, letter = Rest(client, talk_s=0.2), Letter(content="a video")
        with pytest.raises(PlatformDown):
            await rest.post(str(world.general.id), letter, nonce="same")
        again = [rest.post(str(world.general.id), letter, nonce="same", within_s=5) for _ in range(2)]
        [posted] = {*await asyncio.gather(*again)}
        await rest.close()
        await client.close()
        assert [str(each.id) for each in world.server.messages(world.general)] == [posted]
        assert len(world.server.asked("POST", "/channels/*/messages")) == 1

    async def test_what_is_closed_meanwhile_may_succeed_later(self, world: World) -> None:
        """Whoever waits for an answer is told so, and is not ended with it; nor does what waits its turn begin then."""
        world.server.fault("POST", "/channels/*/messages", delay_s=2)
        async with world.bot() as posting:
            waiting = [asyncio.create_task(posting.show_card(world.card(), {})) for _ in range(2)]
            await asyncio.sleep(0.1)
            await posting.close()
            came = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in came] == [PlatformDown, PlatformDown]


class TestLimits:
    """What Discord limits is waited for, and not for ever."""

    @pytest.mark.parametrize("scope", ["user", "global", "shared"])
    async def test_a_short_limit_is_waited_for(self, world: World, scope: str) -> None:
        """On a card and on a video alike."""
        world.server.fault("POST", "/channels/*/messages", status=429, scope=scope, times=2)
        async with world.bot() as posting:
            await posting.show_card(world.card(), {})
            await posting.show_video(world.parcel())
        assert (len(world.cards()), len(world.videos())) == (1, 1)

    async def test_a_long_limit_on_everything_holds_nobody_up_and_ends(self, world: World) -> None:
        """The card is tried again; once the limit is over all goes on, and nothing stands twice."""
        world.server.fault("POST", "/channels/*/messages", status=429, scope="global", retry_after=0.5)
        async with world.bot(talk_s=0.1) as posting:
            with pytest.raises(PlatformDown):
                await posting.show_card(world.card(), {})
            with pytest.raises(PlatformDown):
                await posting.tell(world.user, Message(text=("hello",)))
            await world.server.until(world.cards)
            await posting.tell(world.user, Message(text=("hello",)))
            await posting.show_card(world.card(), {})
        assert len(world.cards()) == 1

    async def test_a_late_change_never_overtakes_a_newer_one(self, world: World) -> None:
        """The first is still waiting when the second comes; the last word stays."""
        async with world.bot(talk_s=0.2) as posting:
            standing = await posting.show_card(world.card(), {})
            world.server.fault("PATCH", "/channels/*/messages/*", status=429, retry_after=0.3)
            with pytest.raises(PlatformDown):
                await posting.show_card(world.card(head="Starting"), standing)
            await posting.show_card(world.card(head="Done", is_over=True), standing)
            await asyncio.sleep(0.3)
        assert "Done" in world.cards()[0].text

    async def test_limited_words_are_let_go(self, world: World) -> None:
        """Newer ones come; what was opened is kept."""
        async with world.bot(talk_s=0.1) as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            world.server.fault("PATCH", f"/channels/{world.thread().id}/messages/*", status=503)
            told = world.card(progress=replace(RENDERING, head="Rendering 64 %"))
            kept = await posting.show_card(told, await at_once(standing))
            assert kept["progress"] == standing["progress"]
            await posting.show_card(told, await at_once(kept))
        assert "64 %" in world.server.messages(world.thread())[0].text

    async def test_before_the_login_everything_is_later(self) -> None:
        """A start without a network is none of the jobs' fault."""
        posting = Posting(discord.Client(intents=discord.Intents(guilds=True)))
        with pytest.raises(PlatformDown):
            await posting.say(Spot(server="1", channel="2"), "hello")


class TestWords:
    """Notices, and what one person is told."""

    async def test_a_notice_rings_its_person_and_no_other(self, world: World) -> None:
        """In the thread, with what it says first."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            message = replace(world.notice().message, quote=f"@everyone {world.server.owner.mention}")
            await posting.announce(world.notice(standing=standing, message=message))
        said = world.server.messages(world.thread())[-1]
        assert said.content.startswith(f"<@{world.maya.id}> **fal refused this video.** You were not charged.\n")
        assert said.rings == frozenset({world.maya.id})

    async def test_it_is_said_once_however_late_it_is_repeated(self, world: World) -> None:
        """A process may die before it writes down that it was said."""
        async with world.bot() as posting:
            first = await posting.announce(world.notice())
            world.server.messages(world.general)[0].nonce = None
            world.server.advance(LATER_S)
            assert await posting.announce(world.notice()) == first

    async def test_one_with_buttons_is_known_by_them_though_its_words_moved_on(self, world: World) -> None:
        """What is left to somebody changes by the minute; the card, which has the same buttons, is not meant."""
        message = Message(text=("You have 3 videos left.",), actions=(CANCEL, MORE))
        later = replace(message, text=("You have 2 videos left.",))
        async with world.bot() as posting:
            await posting.show_card(world.card(), {})
            first = await posting.announce(world.notice(message=message))
            world.server.messages(world.general)[-1].nonce = None
            world.server.advance(LATER_S)
            assert await posting.announce(world.notice(message=later)) == first
        assert world.server.messages(world.general)[-1].content.endswith("You have 3 videos left.")

    async def test_one_that_stands_there_is_changed_and_rings_nobody_again(self, world: World) -> None:
        """Its buttons go once they help nobody; one that somebody deleted stays away."""
        asks = Message(head="asks for a video over the budget.", actions=(CANCEL, MORE))
        async with world.bot() as posting:
            reference = await posting.announce(world.notice(message=asks, is_about=True))
            said = replace(asks, text=("It was approved.",), actions=(MORE,))
            answered = world.notice(message=said, is_about=True, reference=reference)
            assert await posting.announce(answered) == reference
            [stands] = world.server.messages(world.general)
            assert "It was approved." in stands.content
            assert [button.label for button in stands.buttons] == ["More"]
            await posting.remove(reference)
            with pytest.raises(PlaceGone):
                await posting.announce(answered)

    async def test_one_that_is_about_its_person_names_them_and_does_not_ring(self, world: World) -> None:
        """It is for others."""
        async with world.bot() as posting:
            await posting.announce(world.notice(is_about=True))
        [said] = world.server.messages(world.general)
        assert said.content.startswith(f"<@{world.maya.id}> ")
        assert said.rings == frozenset()

    async def test_two_notices_of_a_job_are_two(self, world: World) -> None:
        """As those of two jobs are that say the same."""
        late = Message(text=("It is late.",))
        async with world.bot() as posting:
            said = [
                await posting.announce(world.notice()),
                await posting.announce(world.notice(what="late", message=late)),
                await posting.announce(world.notice(job="8M4R0GE3", what="late", message=late)),
            ]
        assert len(set(said)) == 3

    async def test_a_place_that_is_gone_takes_no_notice(self, world: World) -> None:
        """Its person is told privately instead."""
        world.server.delete_channel(world.general)
        async with world.bot() as posting:
            with pytest.raises(PlaceGone):
                await posting.announce(world.notice())
            await posting.announce(world.notice(rung=Rung.PRIVATELY))
        assert "refused" in world.server.dm(world.maya)[0].content

    async def test_what_one_person_is_told_brings_its_files(self, world: World) -> None:
        """As attachments, with what is read out for the picture."""
        table, card = world.folder / "usage.csv", world.card()
        table.write_text("day,usd")
        async with world.bot() as posting:
            await posting.tell(world.user, Message(head="$31.20", picture=card.picture, files=(table,)))
        [told] = world.server.dm(world.maya)
        assert [each.filename for each in told.attachments] == ["still.jpg", "usage.csv"]
        assert told.attachments[0].description == "Picture to animate, still grey"

    async def test_whom_nobody_can_tell_is_gone(self, world: World) -> None:
        """So that it is left to be looked up."""
        world.maya.dms = False
        async with world.bot() as posting:
            with pytest.raises(PlaceGone):
                await posting.tell(world.user, Message(text=("hello",)))

    async def test_a_message_of_ours_can_be_removed(self, world: World) -> None:
        """Once or twice is the same; one whose channel is gone cannot be."""
        async with world.bot() as posting:
            reference = await posting.announce(world.notice())
            await posting.remove(reference)
            await posting.remove(reference)
            assert world.server.messages(world.general) == []
            await posting.remove("")
            world.server.fault("DELETE", "/channels/*/messages/*", status=403, code=50013)
            with pytest.raises(PlaceGone):
                await posting.remove(reference)

    async def test_one_in_an_archived_thread_can_be_removed(self, world: World) -> None:
        """To its person it is as much theirs as any other; one in a locked thread stands until somebody opens it."""
        async with world.bot() as posting:
            standing = await posting.show_card(world.card(progress=RENDERING), {})
            first, second = [
                await posting.show_video(world.parcel(job=job, standing=standing)) for job in (JOB, "8M4R0GE3")
            ]
            world.server.archive(world.thread())
            await posting.remove(first)
            assert len(world.videos(world.thread())) == 1
            world.server.archive(world.thread())
            world.server.fault("PATCH", f"/channels/{world.thread().id}", status=403, code=50013)
            with pytest.raises(PlaceGone):
                await posting.remove(second)
        assert len(world.videos(world.thread())) == 1
