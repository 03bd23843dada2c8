"""Buttons, forms, the menu of a message and mentions on Discord: what reaches the desk, and how it is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.platforms.contract import Action, Answer, Message, Spot
from bot.platforms.discord import commands
from tests.e2e.harbour import OGG, Harbour, discord_here, harbour_in, invite, platform_at, png, running
from tests.fakes import desk as desks
from tests.fakes.desk import Desk
from tests.fakes.discord_interactions import Interaction
from tests.fakes.discord_world import Json
from tests.fakes.discord_world import Message as Posted

JOB = "7K3Q9FD2"


@pytest.fixture
async def harbour(tmp_path: Path) -> AsyncIterator[Harbour]:
    """A server with the bot in it."""
    async with harbour_in(tmp_path) as made:
        yield made


@pytest.fixture
async def hasty(tmp_path: Path) -> AsyncIterator[Harbour]:
    """A server whose desk takes longer than a press may."""
    async with harbour_in(tmp_path, slow_s=0.05) as made:
        made.desk.slow_s = 0.2
        yield made


async def button(harbour: Harbour, verb: str) -> Interaction:
    """Have Maya press a button that stands below words of the bot."""
    harbour.desk.answers["quota"] = Answer(
        message=Message(head="Done.", actions=(Action(label="It", verb=verb, of=JOB),))
    )
    shown = harbour.server.slash(harbour.maya, harbour.general, "quota")
    await harbour.answered(shown)
    return harbour.server.press(harbour.maya, shown, "It")


# -- buttons


@pytest.mark.parametrize(
    "verb",
    [
        *("cancel", "discard", "keep", "more", "again", "edit", "continue", "delete", "deleted", "leave"),
        *("twice", "twiced", "ask", "approve", "decline", "retry", "undo"),
    ],
)
async def test_every_button_is_known_by_its_name_alone(harbour: Harbour, verb: str) -> None:
    """Nothing is remembered of a message, so buttons outlive every restart."""
    pressed = await button(harbour, verb)
    assert "Pressed." in await harbour.answered(pressed)
    (press,) = harbour.desk.presses
    assert (press.verb, press.of, press.id, press.user) == (verb, JOB, str(pressed.id), f"discord/{harbour.maya.id}")


async def test_a_button_below_a_public_message_outlives_the_bot(harbour: Harbour, tmp_path: Path) -> None:
    """It was posted by a process that is gone."""
    await harbour.platform.tell(f"discord/{harbour.maya.id}", Message(head="Kept.", actions=(Action(label="Get", verb="collect", of=JOB),)))  # fmt: skip
    (message,) = harbour.server.dm(harbour.maya)
    desk, platform = Desk(), platform_at(harbour.server, tmp_path / "other")
    async with running(platform, desk):
        await harbour.server.until(lambda: platform.status is None)
        harbour.server.press(harbour.maya, message, "Get")
        await harbour.server.until(lambda: desk.presses)
    assert (desk.presses[0].verb, desk.presses[0].of, desk.presses[0].is_private) == ("collect", JOB, True)


async def test_a_button_that_changes_nothing_for_its_person_says_nothing(harbour: Harbour) -> None:
    """What it did shows by the card."""
    harbour.desk.answers["cancel"] = Answer()
    pressed = await button(harbour, "cancel")
    await harbour.server.until(lambda: pressed.acked)
    assert [each["type"] for each in pressed.responses] == [6]


async def test_a_press_may_bring_a_file(harbour: Harbour, tmp_path: Path) -> None:
    """Details that are too long for a message; they lie here no longer than that."""
    folder = tmp_path / "details"
    folder.mkdir()
    (folder / "details.txt").write_text("all of it")
    harbour.desk.answers["more"] = Answer(
        message=Message(head="Details.", files=(folder / "details.txt",), folder=folder)
    )
    pressed = await button(harbour, "more")
    await harbour.answered(pressed)
    assert pressed.message is not None
    assert pressed.message.attachment.content == b"all of it"
    await harbour.server.until(lambda: not folder.exists())


async def test_a_slow_press_is_acknowledged_before_its_answer(hasty: Harbour) -> None:
    """Discord takes three seconds for a failure."""
    pressed = await button(hasty, "more")
    assert "Pressed." in await hasty.answered(pressed)
    assert [each["type"] for each in pressed.responses] == [5]


async def test_a_form_that_comes_too_late_is_not_opened(hasty: Harbour) -> None:
    """It could only have been the first answer; the person presses once more."""
    hasty.desk.answers["edit"] = Answer(form=desks.form(JOB))
    pressed = await button(hasty, "edit")
    assert "Press it once more" in await hasty.answered(pressed)
    assert pressed.modal is None


async def test_a_press_that_comes_twice_is_one(harbour: Harbour) -> None:
    """Only the first is answered."""
    pressed = await button(harbour, "again")
    harbour.server.redeliver(pressed)
    await harbour.answered(pressed)
    await harbour.answered(harbour.server.slash(harbour.maya, harbour.general, "help"))
    assert (len(harbour.desk.presses), pressed.errors) == (1, [])


# -- forms


async def test_edit_opens_the_form_and_what_is_sent_is_asked_for(harbour: Harbour) -> None:
    """The job's picture is used where none is uploaded; the chosen line says model, size and length."""
    harbour.desk.answers["edit"] = Answer(form=desks.form(JOB, prompt="waves"))
    opened = await button(harbour, "edit")
    await harbour.server.until(lambda: opened.modal)
    assert opened.modal is not None
    assert _names(opened.modal) == ["prompt", "video", "audio"]
    sent = harbour.server.submit_modal(opened, {"prompt": "higher waves", "video": ["wan2.1@novita/480p/5"]})
    assert "on its way" in await harbour.answered(sent)
    ((command, image, audio),) = harbour.desk.commands
    assert (command.prompt, command.origin, command.model) == ("higher waves", JOB, "wan2.1@novita")
    assert (command.options, image, audio) == ({"resolution": "480p", "duration": "5"}, None, None)


async def test_edit_fills_in_every_word_that_a_form_holds(harbour: Harbour) -> None:
    """Whether an offer takes so many is for the core to say, to whoever sends them."""
    prompt = "wave " * 799 + "waves"
    harbour.desk.answers["edit"] = Answer(form=desks.form(JOB, prompt=prompt))
    opened = await button(harbour, "edit")
    await harbour.server.until(lambda: opened.modal)
    await harbour.answered(harbour.server.submit_modal(opened, {}))
    ((command, _, _),) = harbour.desk.commands
    assert (command.prompt, len(prompt)) == (prompt, commands.PROMPT_CHARS)


def _names(modal: Json) -> list[str]:
    """Return what a form asks for."""
    return [each["component"]["custom_id"] for each in modal["components"] if "component" in each]


async def test_a_form_without_a_picture_asks_for_one(harbour: Harbour) -> None:
    """And takes a sound beside it."""
    harbour.desk.answers["again"] = Answer(form=desks.form("", prompt="waves"))
    opened = await button(harbour, "again")
    await harbour.server.until(lambda: opened.modal)
    sent = harbour.server.submit_modal(opened, {}, {"image": [("a.png", png())], "audio": [("a.ogg", OGG)]})
    await harbour.answered(sent)
    ((command, image, audio),) = harbour.desk.commands
    assert (command.prompt, command.origin, image, audio) == ("waves", "", png(), OGG)
    assert command.model == "wan2.5@fal"


async def test_a_form_of_whom_nobody_serves_there_fetches_nothing(harbour: Harbour) -> None:
    """It was opened before that was so."""
    harbour.desk.answers["again"] = Answer(form=desks.form("", prompt="waves"))
    opened = await button(harbour, "again")
    await harbour.server.until(lambda: opened.modal)
    fetch = harbour.server.fault("GET", "/ephemeral-attachments/*/*/*", status=404)
    harbour.desk.answers["welcome"] = Answer(message=Message(head="Not in this server."))
    sent = harbour.server.submit_modal(opened, {}, {"image": [("a.png", png())]})
    assert "Not in this server" in await harbour.answered(sent)
    assert (fetch.times, harbour.desk.commands) == (1, [])


# -- the menu of a message


def menu(harbour: Harbour, message: Posted) -> Interaction:
    return harbour.server.message_command(harbour.maya, message, commands.ANIMATE_THIS)


async def form_of(harbour: Harbour, message: Posted) -> tuple[Interaction, Json]:
    opened = menu(harbour, message)
    await harbour.server.until(lambda: opened.modal)
    assert opened.modal is not None
    return opened, opened.modal


async def test_a_message_is_animated_through_a_form(harbour: Harbour) -> None:
    """Its first picture is used, and told where there are several; it comes while the person writes."""
    files = [("notes.txt", b"text"), ("bay.png", png(16, 9)), ("other.png", png())]
    opened, modal = await form_of(harbour, harbour.server.post(harbour.ada, harbour.general, "look", files))
    about = modal["components"][0]["content"]
    assert "bay\\.png" in about
    assert "16x9" in about
    assert "2 pictures; this is the first" in about
    assert _names(modal) == ["prompt", "video", "audio"]
    await harbour.answered(harbour.server.submit_modal(opened, {"prompt": "slow pan"}))
    ((command, image, _),) = harbour.desk.commands
    assert (command.prompt, image, command.origin) == ("slow pan", None, f"D{opened.id}")
    asking, kept, _ = harbour.desk.kept[command.origin]
    assert (kept, asking.user) == (png(16, 9), f"discord/{harbour.maya.id}")


class Forwarded(Posted):
    """A message that only shows another one."""

    def json(self, origin: str, now_s: float, *, content: bool = True) -> Json:
        told = Posted.json(self, origin, now_s, content=content)
        shown = {key: told[key] for key in ("type", "content", "embeds", "attachments", "timestamp", "edited_timestamp", "flags", "mentions", "mention_roles", "components")}  # fmt: skip
        reference = {"type": 1, "message_id": "1", "channel_id": str(self.channel.id)}
        forward = {"message_snapshots": [{"message": shown}], "message_reference": reference}
        return told | {"content": "", "attachments": []} | forward


def forwarded(harbour: Harbour, files: list[tuple[str, bytes]]) -> Posted:
    """Have Ada forward a message with these files."""
    message = harbour.server.post(harbour.ada, harbour.general, "look", files)
    message.__class__ = Forwarded
    return message


async def test_a_forwarded_picture_is_used_like_its_own(harbour: Harbour) -> None:
    """It stands in what the forward shows, not in the forward."""
    opened, _ = await form_of(harbour, forwarded(harbour, [("bay.png", png())]))
    await harbour.server.until(lambda: harbour.desk.kept)
    assert harbour.desk.kept[f"D{opened.id}"][1] == png()


@pytest.mark.parametrize("is_forward", [False, True])
async def test_a_voice_message_is_the_sound(harbour: Harbour, is_forward: bool) -> None:
    """The form asks for the picture; the sound is kept for it."""
    files = [("voice-message.ogg", OGG)]
    message = forwarded(harbour, files) if is_forward else harbour.server.post(harbour.ada, harbour.general, "", files)
    opened, modal = await form_of(harbour, message)
    assert _names(modal) == ["image", "prompt", "video", "audio"]
    sent = harbour.server.submit_modal(opened, {"prompt": "she speaks"}, {"image": [("a.png", png())]})
    await harbour.answered(sent)
    ((command, image, _),) = harbour.desk.commands
    assert (command.origin, image) == (f"D{opened.id}", png())
    assert harbour.desk.kept[command.origin][1:] == (None, OGG)


async def test_a_forward_without_media_is_told_privately(harbour: Harbour) -> None:
    """Nothing could come of it."""
    assert "no picture" in await harbour.answered(menu(harbour, forwarded(harbour, [])))


async def test_a_message_without_media_lends_itself_to_a_form_that_asks_for_all(harbour: Harbour) -> None:
    """So that the menu leads somewhere on every message."""
    opened, modal = await form_of(harbour, harbour.server.post(harbour.ada, harbour.general, "words"))
    assert _names(modal) == ["image", "prompt", "video", "audio"]
    assert modal["custom_id"] == "sm:form:-"
    await harbour.answered(harbour.server.submit_modal(opened, {"prompt": "x"}, {"image": [("a.png", png())]}))
    assert harbour.desk.kept == {}


async def test_a_picture_that_did_not_come_leaves_the_form_to_the_core(harbour: Harbour) -> None:
    """The command names a draft that there is none of: the core asks for the picture."""
    harbour.server.fault("GET", "/attachments/*/*/*", status=404)
    opened, _ = await form_of(harbour, harbour.server.post(harbour.ada, harbour.general, "", [("bay.png", png())]))
    await harbour.answered(harbour.server.submit_modal(opened, {"prompt": "slow pan"}))
    assert (len(harbour.desk.commands), harbour.desk.kept) == (1, {})


async def test_the_menu_of_whom_nobody_serves_there_fetches_nothing(harbour: Harbour) -> None:
    """The desk opens no form for them."""
    fetch = harbour.server.fault("GET", "/attachments/*/*/*", status=404)
    harbour.desk.answers["form"] = Answer(message=Message(head="Not in this server."))
    asked = menu(harbour, harbour.server.post(harbour.ada, harbour.general, "", [("bay.png", png())]))
    assert "Not in this server" in await harbour.answered(asked)
    assert (fetch.times, harbour.desk.kept) == (1, {})


# -- mentions


async def test_a_mention_with_a_picture_is_a_command(harbour: Harbour) -> None:
    """What was accepted shows by its card: nothing is said below the message."""
    files = [("bay.png", png()), ("voice.ogg", OGG)]
    message = harbour.server.post(harbour.maya, harbour.general, "the boat leaves", files, mentions_bot=True)
    await harbour.server.until(lambda: harbour.desk.commands)
    ((command, image, audio),) = harbour.desk.commands
    assert (command.id, command.prompt, image, audio) == (str(message.id), "the boat leaves", png(), OGG)
    assert command.spot == Spot(server=str(harbour.guild.id), channel=str(harbour.general.id))
    assert (command.lacks, command.is_admin) == ((), False)
    assert harbour.server.messages(harbour.general) == [message]


async def test_a_first_mention_is_told_in_private_what_goes_to_whom(harbour: Harbour) -> None:
    """Nobody misses it because they used no command."""
    harbour.desk.answers["ask"] = Answer(
        job="7K3Q9FD2", message=Message(head="On its way.", small=("It goes to fal.",))
    )
    harbour.server.post(harbour.maya, harbour.general, "waves", [("bay.png", png())], mentions_bot=True)
    await harbour.server.until(lambda: harbour.server.dm(harbour.maya))
    assert "It goes to fal." in harbour.server.dm(harbour.maya)[0].text


async def test_a_refused_mention_is_answered_in_private(harbour: Harbour) -> None:
    """As a direct message."""
    harbour.desk.answers["ask"] = Answer(message=Message(head="Today's videos are used up."))
    harbour.server.post(harbour.maya, harbour.general, "waves", [("bay.png", png())], mentions_bot=True)
    await harbour.server.until(lambda: harbour.server.dm(harbour.maya))
    assert "used up" in harbour.server.dm(harbour.maya)[0].text
    assert len(harbour.server.messages(harbour.general)) == 1
    assert harbour.desk.commands[0][0].is_told_apart


async def test_a_mention_of_whom_nobody_serves_there_fetches_nothing(harbour: Harbour) -> None:
    """Any server may have added the bot."""
    fetch = harbour.server.fault("GET", "/attachments/*/*/*", status=404)
    harbour.desk.answers["welcome"] = Answer(message=Message(head="Not in this server."))
    harbour.server.post(harbour.maya, harbour.general, "waves", [("bay.png", png())], mentions_bot=True)
    await harbour.server.until(lambda: harbour.server.dm(harbour.maya))
    assert "Not in this server" in harbour.server.dm(harbour.maya)[0].text
    assert (fetch.times, harbour.desk.commands) == (1, [])


async def test_who_takes_no_direct_message_is_answered_below(harbour: Harbour) -> None:
    """Better than silence."""
    shy = harbour.server.member(harbour.guild, "Shy", dms=False)
    harbour.desk.answers["ask"] = Answer(message=Message(head="Today's videos are used up."))
    message = harbour.server.post(shy, harbour.general, "waves", [("bay.png", png())], mentions_bot=True)
    await harbour.server.until(lambda: len(harbour.server.messages(harbour.general)) == 2)
    reply = harbour.server.messages(harbour.general)[-1]
    assert (reply.reply_to, "used up" in reply.text, reply.rings) == (message, True, frozenset())


async def test_a_mention_without_a_picture_is_helped(harbour: Harbour) -> None:
    """Where it was asked; a reply that only rings the bot is not meant for it."""
    asked = harbour.server.post(harbour.maya, harbour.general, "what do you do?", mentions_bot=True)
    await harbour.server.until(lambda: len(harbour.server.messages(harbour.general)) == 2)
    reply = harbour.server.messages(harbour.general)[-1]
    assert (reply.reply_to, reply.text) == (asked, "**help.**")
    harbour.server.post(harbour.maya, harbour.general, "thank you", reply_to=reply)
    harbour.server.post(harbour.maya, harbour.general, "words among people", [("bay.png", png())])
    await harbour.answered(harbour.server.slash(harbour.maya, harbour.general, "quota"))
    assert [verb for verb, _, _ in harbour.desk.askings] == ["help", "quota"]
    assert harbour.desk.commands == []


async def test_a_direct_message_needs_no_mention(harbour: Harbour) -> None:
    """There is nobody else to speak to; whether it is allowed there is the core's to say."""
    harbour.desk.answers["ask"] = Answer(message=Message(head="Not in direct messages."))
    place = harbour.server.dm_channel(harbour.maya)
    harbour.server.post(harbour.maya, place, "waves", [("bay.png", png())])
    await harbour.server.until(lambda: len(harbour.server.dm(harbour.maya)) == 2)
    ((command, _, _),) = harbour.desk.commands
    assert (command.prompt, command.scope, command.is_private) == ("waves", "discord/@me", True)
    assert not command.is_told_apart


# -- servers


async def test_whoever_adds_the_bot_is_told_first_what_it_needs(harbour: Harbour) -> None:
    """The owner, as nobody else is known; with what is missing."""
    owner = harbour.server.user("Owner")
    other = harbour.server.guild("Elsewhere", owner, bot=False)
    invite(harbour.server, other)
    await harbour.server.until(lambda: harbour.server.dm(owner))
    assert "It works here" in harbour.server.dm(owner)[0].text
    assert harbour.desk.scopes == [("installed", f"discord/{other.id}", "Elsewhere")]


async def test_a_server_that_removes_the_bot_is_ended(harbour: Harbour) -> None:
    """What it has open ends by the core."""
    harbour.server.remove_bot(harbour.guild)
    await harbour.server.until(lambda: harbour.desk.scopes)
    assert harbour.desk.scopes == [("removed", f"discord/{harbour.guild.id}")]


async def test_where_the_bot_is_is_told_once_it_is_connected(tmp_path: Path) -> None:
    """A server that removed it while it was away is not among those; one that is only in an outage is."""
    with discord_here() as server:
        there, away, gone = (server.guild(name) for name in ("There", "Away", "Gone"))
        server.outage(away)
        server.remove_bot(gone)
        desk, platform = Desk(), platform_at(server, tmp_path)
        async with running(platform, desk):
            await server.until(lambda: desk.is_in)
            assert desk.is_in == {f"discord/{there.id}", f"discord/{away.id}", "discord/@me"}
