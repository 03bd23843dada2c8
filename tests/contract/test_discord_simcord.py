"""Discord as somebody else understood it: the bot's own handlers in simcord, a double that nobody here wrote.

It takes a plain client as it is. It knows no nonce, no size of a file, no second try of discord.py and no server that the
bot joins, and its clock stands still unless a test moves it: what hangs on those is tested at the socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord

from bot.platforms.contract import (
    Action,
    Answer,
    Answering,
    Card,
    Item,
    Message,
    Named,
    Parcel,
    Picture,
    Rung,
    Spot,
)
from bot.platforms.discord import commands, supervise
from bot.platforms.discord.answering import Front
from bot.platforms.discord.asking import Circle
from bot.platforms.discord.bringing import Bringer
from bot.platforms.discord.meeting import Meeting
from bot.platforms.discord.posting import Posting
from bot.platforms.discord.replying import Begun
from bot.platforms.errors import PlatformDown
from tests.e2e.harbour import OGG, png
from tests.fakes import desk as desks
from tests.fakes.desk import Desk

JOB = "7K3Q9FD2"
PICTURE = ("bay.png", png())
VIDEO = b"a video" * 1000
ACCEPTED = "**Your video is on its way.** It is job 7K3Q9FD2."
CANCEL, EDIT = Action(label="Cancel", verb="cancel", of=JOB), Action(label="Edit", verb="edit", of=JOB)
RENDERING = Message(head="Rendering", text=("usually 1 to 2 min",), actions=(CANCEL,))
MESSAGES = "/channels/*/messages"
SETTLES_S = 1.0
"""What sleeps for longer sleeps until the test moves the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A server with one channel: Maya is a member, Ada manages it; `desk` writes down what reaches it."""

    env: simcord.Env
    guild: simcord.GuildHandle
    general: simcord.ChannelHandle
    maya: simcord.MemberActor
    ada: simcord.MemberActor
    desk: Desk
    posting: Posting
    folder: Path

    @property
    def spot(self) -> Spot:
        return Spot(server=str(self.guild.id), channel=str(self.general.id))

    @property
    def user(self) -> str:
        return f"discord/{self.maya.id}"

    def card(self, **more: Any) -> Card:
        still = self.folder / "still"
        still.write_bytes(PICTURE[1])
        told = Card(
            job=JOB,
            spot=self.spot,
            user=self.user,
            prompt="the balloon drifts right",
            small=("wan2.5@fal, 720p, 5 s, about $0.50",),
            head="2nd in line",
            line="2nd in line",
            actions=(CANCEL, EDIT),
            picture=Picture(path=still, alt="Picture to animate"),
        )
        return replace(told, **more)

    def parcel(self, **more: Any) -> Parcel:
        video = self.folder / "result"
        video.write_bytes(VIDEO)
        message = Message(text=("Done in 58 s.",), actions=(Action(label="More", verb="more", of=JOB),))
        told = Parcel(job=JOB, spot=self.spot, user=self.user, video=video, message=message, alt="Video, 5 s")
        return replace(told, **more)

    def stands(self, channel: simcord.ChannelHandle | None = None) -> list[discord.Message]:
        """Return what the bot wrote in a channel, without what Discord itself says of it."""
        history = (channel or self.general).history()
        return [each for each in history if each.author.bot and each.type is discord.MessageType.default]

    def first_answers(self) -> list[int]:
        """Return the kinds of what interactions were answered with first."""
        return [each.json["type"] for each in self.env.http_requests if each.path.endswith("/callback") and each.json]

    def rings(self, message: discord.Message) -> list[int]:
        """Return whom a message rings, which is less than whom it names."""
        return self.env.backend.get_message(message.channel.id, message.id).ping_user_ids


class _Bringer(Bringer):
    """Takes files by discord.py's own call, which simcord answers: it has no socket from which they could be streamed."""

    async def _save(self, url: str, into: Path) -> None:
        into.write_bytes(await self._http.get_from_cdn(url))


@asynccontextmanager
async def attached(client: discord.Client) -> AsyncIterator[simcord.Env]:
    """Bring a client into simcord, and find afterwards that no handler broke; `simcord.run` does not fit into a fixture."""
    env = simcord.Env(client, settle_timeout=SETTLES_S)
    await env.start()
    try:
        yield env
    finally:
        await env.shutdown()
    env.raise_errors()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """The bot's own client at work in simcord, its commands told."""
    client = supervise.client(supervise.Starts(tmp_path / "starts"), is_sharded=False, guild_ready_s=0.0)
    async with attached(client) as env:
        guild, desk, posting = env.create_guild("Harbour"), Desk(), Posting(client)
        managing = discord.Permissions(manage_guild=True, manage_messages=True)
        managers = guild.create_role("Managers", permissions=managing)
        bringer = _Bringer(client, desk, tmp_path)
        front = Front(client, desk, Circle(), bringer, Begun())
        meeting = Meeting(client, desk, posting, Circle(), bringer, Begun())
        client.event(front.on_interaction)
        client.event(meeting.on_message)
        told = commands.definitions(desk.fields(), allow_dm=False)
        assert [await commands.sync(client, told) for _ in range(2)] == [True, False]  # it knows them again
        yield World(
            env=env,
            guild=guild,
            general=guild.create_text_channel("general"),
            maya=guild.add_member(env.create_user("maya")),
            ada=guild.add_member(env.create_user("ada"), roles=[managers]),
            desk=desk,
            posting=posting,
            folder=tmp_path,
        )
        await posting.close()


def texts(message: discord.Message) -> str:
    """Return all words of a message that is made of components."""
    return "\n".join(each.content for each in _inner(message.components) if isinstance(each, discord.TextDisplay))


def _inner(components: Any) -> list[Any]:
    return [found for each in components for found in (each, *_inner(getattr(each, "children", ())))]


# -- commands


async def test_animate_brings_its_files_and_is_answered_privately(world: World) -> None:
    """The first answer only acknowledges; the second says what came of it, in the same place."""
    options: dict[str, Any] = {"audio": ("a.ogg", OGG), "model": "wan2.5", "sound": True, "seed": 7}
    asked = await world.maya.slash(world.general, "animate", image=PICTURE, prompt="waves", **options)
    simcord.assert_responded(asked, component_text=ACCEPTED, ephemeral=True)
    assert world.first_answers() == [discord.InteractionResponseType.deferred_channel_message.value]
    [(command, image, audio)] = world.desk.commands
    assert (image, audio, command.prompt, command.model) == (PICTURE[1], OGG, "waves", "wan2.5")
    assert command.options == {"sound": "on", "seed": "7"}
    assert (command.user, command.spot, command.is_admin, command.lacks) == (world.user, world.spot, False, ())


async def test_what_the_bot_may_not_do_is_told_with_the_command(world: World) -> None:
    """The channel's own permissions count, as Discord works them out."""
    less = discord.PermissionOverwrite(attach_files=False, create_public_threads=False)
    quiet = world.guild.create_text_channel("quiet", overwrites={world.guild.default_role: less})
    await world.maya.slash(quiet, "animate", image=PICTURE, prompt="waves")
    assert world.desk.commands[0][0].lacks == ("Attach Files", "Create Public Threads")


async def test_a_refusal_has_buttons_that_work(world: World) -> None:
    """They stand below words that one person alone sees."""
    refusal = Message(head="Used up.", actions=(Action(label="My videos", verb="jobs"),))
    world.desk.answers["ask"] = Answer(message=refusal)
    asked = await world.maya.slash(world.general, "animate", image=PICTURE, prompt="waves")
    assert asked.response is not None
    pressed = await world.maya.click(asked.response, label="My videos")
    simcord.assert_responded(pressed, component_text="**Pressed.** -", ephemeral=True)
    assert ([each.verb for each in world.desk.presses], world.general.history()) == (["jobs"], [])


async def test_orders_name_whom_they_are_about(world: World) -> None:
    """A member or a role is one option, Discord says beside it which; how many have a role it may not say."""
    assert "animate-admin limit" not in world.maya.available_commands(world.general)
    world.env.inject_error("GET", "/guilds/*/roles/member-counts", status=503)
    for who in (world.maya, world.guild.roles["Managers"]):
        ordered = await world.ada.slash(world.general, "animate-admin limit", amount="5/day", who=who)
        simcord.assert_responded(ordered, component_text="**Ordered.** limit", ephemeral=True)
    named = [(each.words["subject"], each.words["name"], each.is_admin) for each in world.desk.orders]
    role = f"role:discord/{world.guild.roles['Managers'].id}"
    assert named == [(f"user:{world.user}", "@maya", True), (role, "@Managers", True)]


async def test_models_are_suggested_while_typing(world: World) -> None:
    """For a request and for an order, wherever the option stands."""
    told = await world.maya.autocomplete(world.general, "animate", "model", "wan2.1")
    ordered = await world.ada.autocomplete(world.general, "animate-admin models", "model", "wan2.1", do="add")
    assert told == ordered == [{"name": desks.PICKS[1].label, "value": desks.PICKS[1].value}]


# -- buttons and forms


async def test_a_slow_press_is_acknowledged_in_time_and_answered_to_its_person(world: World) -> None:
    """Three seconds are all that there is; the card itself stays as it is."""
    world.desk.slow_s = 10.0
    await world.posting.show_card(world.card(), {})
    pressed = await world.maya.click(world.stands()[0], label="Cancel")
    assert not pressed.acknowledged
    await world.env.advance_time(2.5)
    assert pressed.deferred
    await world.env.advance_time(10.0)
    simcord.assert_responded(pressed, component_text=f"**Pressed.** {JOB}", ephemeral=True)
    assert (world.desk.presses[0].verb, world.desk.presses[0].of, world.stands()[0].edited_at) == ("cancel", JOB, None)


async def test_edit_opens_a_form_that_comes_back(world: World) -> None:
    """It brings the words, the pick and a new sound; the picture is the job's."""
    world.desk.answers["edit"] = Answer(form=desks.form(JOB, "the balloon drifts"))
    await world.posting.show_card(world.card(), {})
    opened = await world.maya.click(world.stands()[0], label="Edit")
    filled = {"prompt": "it lands", "video": [desks.PICKS[1].value], "audio": ("a.ogg", OGG)}
    sent = await world.maya.submit_modal(opened, filled)
    simcord.assert_responded(sent, component_text=ACCEPTED, ephemeral=True)
    [(command, image, audio)] = world.desk.commands
    assert (command.origin, command.prompt, image, audio) == (JOB, "it lands", None, OGG)
    assert (command.model, command.options) == ("wan2.1@novita", {"resolution": "480p", "duration": "5"})


async def test_a_picture_of_a_message_is_kept_for_its_form(world: World) -> None:
    """Without the right to read messages the bot is told of this one by the command itself."""
    shown = await world.ada.send(world.general, "look", attachments=[PICTURE])
    opened = await world.maya.context_menu(world.general, commands.ANIMATE_THIS, shown)
    await world.maya.submit_modal(opened, {"prompt": "waves", "video": [desks.PICKS[0].value]})
    command, image, _ = world.desk.commands[0]
    assert (world.desk.kept[command.origin][1], image, command.prompt) == (PICTURE[1], None, "waves")


async def test_the_fullest_answer_and_card_are_taken(world: World) -> None:
    """Components and letters are counted by somebody else's rules."""
    actions = tuple(Action(label="w" * 200, verb="more", of=f"{JOB}{at}") for at in range(12))
    items = tuple(Item(quote="*" * 400, small=("_" * 200,), action=replace(each, verb="again")) for each in actions)
    long, small = "*" * 4000, ("_" * 900,)
    full = Message(head=long, text=(long,), quote=long, small=small, items=items, actions=actions)
    world.desk.answers["jobs"] = Answer(message=full)
    asked = await world.maya.slash(world.general, "jobs")
    assert asked.response is not None
    assert asked.response.components
    card = world.card(prompt=long, small=small, head=long, actions=actions, progress=full)
    await world.posting.show_card(replace(card, answering=Answering.CHANNEL), {})
    assert len(world.stands()) == 1


# -- what is posted


async def test_a_video_comes_in_the_thread_of_its_card_and_rings_its_person(world: World) -> None:
    """Whoever else is named does not hear of it; the picture goes along with the card, the file with the video."""
    ada = Named(subject=f"user:discord/{world.ada.id}")
    words = Message(text=("Done. Approved by ", ada, "."), quote=f"@everyone <@{world.ada.id}>")
    standing = await world.posting.show_card(world.card(progress=RENDERING), {})
    reference = await world.posting.show_video(world.parcel(message=words, standing=standing))
    [thread] = world.general.threads
    [card], [progress, video] = world.stands(), world.stands(thread)
    assert (thread.name, reference) == ("the balloon drifts right", f"{world.guild.id}/{thread.id}/{video.id}")
    assert "2nd in line" in texts(card)
    assert "usually 1 to 2 min" in texts(progress)
    [picture], [file] = card.attachments, video.attachments
    assert (await picture.read(), await file.read()) == (PICTURE[1], VIDEO)
    assert (file.filename, file.description) == (f"video-{JOB}.mp4", "Video, 5 s")
    assert [world.rings(each) for each in (card, progress, video)] == [[], [], [world.maya.id]]
    assert not video.mention_everyone


async def test_what_stands_already_is_found_and_not_posted_twice(world: World) -> None:
    """Whoever died before writing it down looks there first; here no nonce would help."""
    standing = await world.posting.show_card(world.card(), {})
    again = await world.posting.show_card(world.card(), {})
    assert (again["card"], len(world.stands())) == (standing["card"], 1)
    assert await world.posting.find(world.parcel(standing=standing)) is None
    reference = await world.posting.show_video(world.parcel(standing=standing))
    assert await world.posting.find(world.parcel(standing=standing)) == reference


async def test_what_is_gone_is_no_trouble(world: World) -> None:
    """A video taken back twice, and a card that a moderator deleted."""
    standing = await world.posting.show_card(world.card(), {})
    reference = await world.posting.show_video(world.parcel(rung=Rung.CHANNEL))
    await world.posting.remove(reference)
    await world.posting.remove(reference)
    await world.ada.delete(world.stands()[0])
    standing = await world.posting.show_card(world.card(head="Done", is_over=True), standing)
    assert (standing["card"], world.stands()) == ("gone", [])


# -- what goes wrong


@pytest.mark.parametrize(("status", "code"), [(429, 20028), (500, 0), (503, 0)])
async def test_what_discord_does_not_take_now_is_posted_later_and_once(world: World, status: int, code: int) -> None:
    """A limit or a failure of its own says nothing against the card or the video."""
    world.env.inject_error("POST", MESSAGES, status=status, code=code)
    with pytest.raises(PlatformDown):
        await world.posting.show_card(world.card(), {})
    standing = await world.posting.show_card(world.card(), {})
    world.env.inject_error("POST", MESSAGES, status=status, code=code)
    parcel = world.parcel(standing=standing)
    with pytest.raises(PlatformDown):
        await world.posting.show_video(parcel)
    assert await world.posting.find(parcel) is None
    await world.posting.show_video(parcel)
    assert len(world.stands()) == 2


# -- what is met


async def test_a_mention_with_a_picture_is_a_request(world: World) -> None:
    """Discord shows the bot the words of a message that names it, and of no other."""
    assert world.env.bot.user is not None
    mention = world.env.bot.user.mention
    await world.maya.send(world.general, "waves", attachments=[PICTURE])
    await world.maya.send(world.general, f"{mention} waves", attachments=[PICTURE])
    [(command, image, _)] = world.desk.commands
    assert (command.prompt, image, command.spot) == ("waves", PICTURE[1], world.spot)
    await world.maya.send(world.general, mention)
    answer = world.general.history()[-1]
    assert (answer.content, world.rings(answer)) == ("**help.**", [])
