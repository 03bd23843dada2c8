"""Slash commands on Discord: what reaches the desk of each, and how it is answered."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.platforms.contract import Action, Answer, Message, Picture, Spot
from bot.platforms.discord.commands import PROMPT_CHARS
from tests.e2e.harbour import OGG, Harbour, harbour_in, invite, platform_at, png, running
from tests.fakes.desk import FIELDS, Desk
from tests.fakes.discord_world import Channel


@pytest.fixture
async def harbour(tmp_path: Path) -> AsyncIterator[Harbour]:
    """A server with the bot in it."""
    async with harbour_in(tmp_path) as made:
        yield made


PICTURE = ("bay.png", png())


# -- what Discord is told of


async def test_people_are_offered_what_they_may_use(harbour: Harbour) -> None:
    """Orders are shown to those who manage the server, and nothing at all in direct messages that are not allowed."""
    server = harbour.server
    everyone = ["animate", "Animate this image", "quota", "jobs", "collect", "help"]
    assert server.offered(harbour.maya, harbour.general) == everyone
    assert server.offered(harbour.ada, harbour.general) == [*everyone, "animate-admin"]
    assert server.offered(harbour.maya, server.dm_channel(harbour.maya)) == []


async def test_the_options_come_from_the_specs(harbour: Harbour) -> None:
    """Picture and sentence first; choices where a menu holds them, and ends only where Discord's numbers reach."""
    animate = harbour.server.commands()[0]
    options = {each["name"]: each for each in animate["options"]}
    assert list(options) == ["image", "prompt", "audio", "model", *(field.name for field in FIELDS)]
    assert [name for name, each in options.items() if each.get("required")] == ["image", "prompt"]
    assert [each["value"] for each in options["resolution"]["choices"]] == ["480p", "720p", "1080p"]
    assert "choices" not in options["style"]
    assert (options["seed"]["min_value"], options["seed"].get("max_value")) == (-1, None)
    assert options["negative_prompt"]["max_length"] == 500
    assert options["prompt"]["max_length"] == PROMPT_CHARS


async def test_commands_are_told_once_and_again_when_they_changed(tmp_path: Path) -> None:
    """A start tells nothing where nothing changed: Discord counts it."""
    async with harbour_in(tmp_path) as harbour:
        server = harbour.server
        for told, fields in ((1, FIELDS), (2, FIELDS[1:]), (2, FIELDS[1:])):
            desk, platform = Desk(fields_told=fields), platform_at(server, tmp_path)
            async with running(platform, desk):
                await server.until(lambda: platform.status is None)  # noqa: B023 - it is over within this round
            assert len(server.asked("PUT", "/applications/*/commands")) == told


async def test_direct_messages_have_commands_where_they_are_allowed(tmp_path: Path) -> None:
    """And a command there is private, of no server."""
    async with harbour_in(tmp_path, allow_dm=True) as harbour:
        place = harbour.server.dm_channel(harbour.maya)
        assert "animate-admin" not in harbour.server.offered(harbour.maya, place)
        await harbour.answered(harbour.server.slash(harbour.maya, place, "quota"))
        ((_, asking, _),) = harbour.desk.askings
        assert (asking.scope, asking.is_private, asking.lacks) == ("discord/@me", True, ())
        assert asking.spot == Spot(server="@me", channel=str(place.id))


# -- what reaches the desk


async def test_animate_brings_files_words_and_who_asks(harbour: Harbour, tmp_path: Path) -> None:
    """Acknowledged at once and privately; the files are gone when the desk has answered."""
    told: dict[str, Any] = {"model": "wan2.5", "duration": "10", "sound": True, "seed": 7, "strength": 0.5}
    asked = harbour.server.slash(
        harbour.maya, harbour.general, "animate", image=PICTURE, prompt="waves", audio=("a.ogg", OGG), **told
    )
    assert "Your video is on its way" in await harbour.answered(asked)
    ((command, image, audio),) = harbour.desk.commands
    assert (image, audio) == (PICTURE[1], OGG)
    assert (command.prompt, command.model, command.origin) == ("waves", "wan2.5", "")
    assert command.options == {"duration": "10", "sound": "on", "seed": "7", "strength": "0.5"}
    assert (command.id, command.user) == (str(asked.id), f"discord/{harbour.maya.id}")
    assert (command.scope, command.channel) == (f"discord/{harbour.guild.id}", f"discord/{harbour.general.id}")
    assert command.spot == Spot(server=str(harbour.guild.id), channel=str(harbour.general.id))
    assert (command.name, command.lacks) == ("Maya", ())
    assert asked.acked_after_s is not None
    assert asked.acked_after_s < 1
    assert list(tmp_path.glob("asked-*")) == []


async def test_a_large_file_comes_whole(harbour: Harbour) -> None:
    """It is written block by block, as several may come at once."""
    picture = ("bay.png", png() + bytes(range(256)) * 3000)
    await harbour.answered(
        harbour.server.slash(harbour.maya, harbour.general, "animate", image=picture, prompt="waves")
    )
    ((_, image, _),) = harbour.desk.commands
    assert image == picture[1]


async def test_who_is_not_served_there_is_told_before_anything_is_fetched(harbour: Harbour) -> None:
    """Nobody fills this machine from a server that it is not for."""
    fetch = harbour.server.fault("GET", "/ephemeral-attachments/*/*/*", status=404)
    harbour.desk.answers["welcome"] = Answer(message=Message(head="Not in this server."))
    asked = harbour.server.slash(harbour.maya, harbour.general, "animate", image=PICTURE, prompt="waves")
    assert "Not in this server" in await harbour.answered(asked)
    assert (fetch.times, harbour.desk.commands) == (1, [])


async def test_a_refusal_is_private_and_has_its_buttons(harbour: Harbour) -> None:
    """Nobody else reads it, and nothing stands in the channel."""
    refusal = Message(head="Today's videos are used up.", actions=(Action(label="My videos", verb="jobs"),))
    harbour.desk.answers["ask"] = Answer(message=refusal)
    asked = harbour.server.slash(harbour.maya, harbour.general, "animate", image=PICTURE, prompt="waves")
    assert "used up" in await harbour.answered(asked)
    harbour.server.press(harbour.maya, asked, "My videos")
    await harbour.server.until(lambda: harbour.desk.presses)
    assert (harbour.desk.presses[0].verb, harbour.desk.presses[0].of) == ("jobs", "-")
    assert harbour.server.messages(harbour.general) == []


@pytest.mark.parametrize(
    ("words", "options", "verb", "more"),
    [
        ("quota", {}, "quota", ""),
        ("jobs", {}, "jobs", "1"),
        ("jobs", {"page": 3}, "jobs", "3"),
        ("collect", {}, "collect", ""),
        ("collect", {"job": " 7K3Q9FD2 "}, "collect", "7K3Q9FD2"),
        ("help", {}, "help", ""),
    ],
)
async def test_what_a_person_looks_up_is_told_privately(
    harbour: Harbour, words: str, options: dict[str, Any], verb: str, more: str
) -> None:
    """Each command is one call of the desk."""
    asked = harbour.server.slash(harbour.maya, harbour.general, words, **options)
    assert f"{verb}." in await harbour.answered(asked)
    assert [(told, rest) for told, _, rest in harbour.desk.askings] == [(verb, more)]


async def test_every_order_comes_with_its_words(harbour: Harbour) -> None:
    """A member, a role and a channel are written as the core knows them, with what people call them."""
    server, (maya, general, guild) = harbour.server, (harbour.maya, harbour.general, harbour.guild)
    role = server.role(guild, "Members")
    server.join(maya, guild, role)
    person, group, place = f"discord/{maya.id}", f"discord/{role.id}", f"discord/{general.id}"
    orders: list[tuple[str, dict[str, Any], dict[str, str]]] = [
        ("limit", {"amount": "5/day"}, {"amount": "5/day"}),
        (
            "limit",
            {"amount": "5/day", "who": role},
            {"amount": "5/day", "subject": f"role:{group}", "name": "@Members", "members": "1"},
        ),
        ("limit", {"amount": "1/day", "who": maya}, {"subject": f"user:{person}", "name": "@Maya", "members": "1"}),
        ("grant", {"amount": "3", "channel": general}, {"subject": f"channel:{place}", "name": "#general"}),
        ("clear", {"who": role}, {"subject": f"role:{group}"}),
        ("block", {"user": maya}, {"user": person, "name": "@Maya"}),
        ("unblock", {"user": maya}, {"user": person}),
        ("budget", {"amount": "50"}, {"amount": "50"}),
        ("approvals", {"switch": "off"}, {"switch": "off"}),
        ("channels", {"do": "add", "channel": general}, {"do": "add", "channel": place, "name": "#general"}),
        ("roles", {"do": "remove", "role": role}, {"do": "remove", "role": group, "name": "@Members"}),
        ("models", {"do": "add", "model": "wan2.5"}, {"do": "add", "model": "wan2.5"}),
        ("thread", {"how": "reply", "channel": general}, {"how": "reply", "channel": place}),
        ("alerts", {"channel": general}, {"channel": place}),
        ("spoiler", {"switch": "on"}, {"switch": "on"}),
        ("pause", {}, {}),
        ("resume", {}, {}),
        ("usage", {"since": "30d", "by": "offer"}, {"since": "30d", "by": "offer"}),
        ("show", {}, {}),
    ]
    for verb, options, words in orders:
        asked = server.slash(harbour.ada, general, f"animate-admin {verb}", **options)
        assert verb in await harbour.answered(asked)
        order = harbour.desk.orders[-1]
        assert (order.verb, order.is_admin) == (verb, True)
        assert dict(order.words).items() >= words.items()
    assert {each["name"] for each in server.commands()[-1]["options"]} == {verb for verb, _, _ in orders}


async def test_an_order_about_two_is_sent_back(harbour: Harbour) -> None:
    """Nobody guesses which of them was meant."""
    server = harbour.server
    asked = server.slash(harbour.ada, harbour.general, "animate-admin clear", who=harbour.maya, channel=harbour.general)
    assert "Name one of them" in await harbour.answered(asked)
    assert harbour.desk.orders == []


@pytest.mark.parametrize("words", ["animate", "animate-admin models"])
async def test_models_are_suggested_while_one_is_typed(harbour: Harbour, words: str) -> None:
    """With price and size, as the desk knows them."""
    asked = harbour.server.autocomplete(harbour.ada, harbour.general, words, option="model", typed="wan2.1")
    await harbour.server.until(lambda: asked.acked)
    assert asked.choices == [{"name": "wan2.1, 480p, 5 s, $0.20", "value": "wan2.1@novita/480p/5"}]


# -- who asks, and where


@pytest.fixture
def closed(harbour: Harbour) -> Channel:
    """A channel in which the bot may not do everything."""
    made = harbour.server.channel(harbour.guild, "closed", nsfw=True)
    denied = ["attach_files", "create_public_threads", "send_messages"]
    harbour.server.permissions(made, harbour.server.bot, deny=denied)
    return made


async def test_missing_permissions_are_named_as_discord_names_them(harbour: Harbour, closed: Channel) -> None:
    """So that whoever manages the server finds them in its settings; a channel for adults is known as such."""
    await harbour.answered(harbour.server.slash(harbour.maya, closed, "quota"))
    ((_, asking, _),) = harbour.desk.askings
    assert asking.lacks == ("Attach Files", "Send Messages", "Create Public Threads")
    assert asking.is_age_restricted


async def test_in_a_thread_the_channel_around_it_counts(harbour: Harbour) -> None:
    """Limits are about channels; a thread is where to answer. No other thread is needed there."""
    server = harbour.server
    start = await harbour.platform.say(Spot(server=str(harbour.guild.id), channel=str(harbour.general.id)), "card")
    _, channel, message = start.split("/")
    client_thread = await _thread(harbour, channel, message)
    server.permissions(harbour.general, server.bot, deny=["create_public_threads", "send_messages_in_threads"])
    await harbour.answered(server.slash(harbour.maya, client_thread, "quota"))
    ((_, asking, _),) = harbour.desk.askings
    assert asking.channel == f"discord/{harbour.general.id}"
    assert asking.spot.thread == str(client_thread.id)
    assert asking.lacks == ("Send Messages in Threads",)


async def _thread(harbour: Harbour, channel: str, message: str) -> Channel:
    """Open a thread on a message, as a person could."""
    key = {"Authorization": f"Bot {harbour.server.token}"}
    url = f"{harbour.server.url}/channels/{channel}/messages/{message}/threads"
    async with httpx.AsyncClient() as client:
        assert (await client.post(url, json={"name": "waves"}, headers=key)).status_code < 300
    (thread,) = harbour.server.threads(harbour.general)
    return thread


@pytest.mark.parametrize(
    ("who", "is_admin", "is_moderator", "is_own"),
    [("maya", False, False, False), ("ada", True, True, False), ("owner", True, True, True)],
)
async def test_what_a_person_may_is_known(
    tmp_path: Path, who: str, is_admin: bool, is_moderator: bool, is_own: bool
) -> None:
    """Whoever manages the server, moderates it, or runs the bot; a server of the application's owner is its own."""
    async with harbour_in(tmp_path) as harbour:
        server = harbour.server
        other = server.guild("Elsewhere", server.user("Nobody"), bot=False)
        place = server.channel(other, "hall")
        role = server.role(other, "Managers", ["manage_guild", "manage_messages"])
        server.join(harbour.maya, other)
        server.join(harbour.ada, other, role)
        user = server.owner if who == "owner" else getattr(harbour, who)
        where = harbour.general if who == "owner" else place
        invite(server, other)
        await server.until(lambda: harbour.desk.scopes)
        await harbour.answered(server.slash(user, where, "quota"))
        ((_, asking, _),) = harbour.desk.askings
        assert (asking.is_admin, asking.is_moderator, asking.scope_is_own) == (is_admin, is_moderator, is_own)
        assert (f"discord/{role.id}" in asking.roles) == (who == "ada")
        assert not asking.is_operator


async def test_an_operator_is_known_by_id(tmp_path: Path) -> None:
    """Wherever they ask."""
    folder = tmp_path / "bot"
    async with harbour_in(tmp_path) as first:
        operators = {f"discord/{first.maya.id}"}
        desk, platform = Desk(), platform_at(first.server, folder, operators=operators)
        async with running(platform, desk):
            await first.server.until(lambda: platform.status is None)
            first.server.slash(first.maya, first.general, "quota")
            await first.server.until(lambda: desk.askings)
        assert desk.askings[0][1].is_operator


# -- what goes wrong


async def test_a_slow_desk_is_acknowledged_all_the_same(harbour: Harbour) -> None:
    """The person reads that the bot is thinking; the answer takes its place."""
    harbour.desk.slow_s = 0.3
    asked = harbour.server.slash(harbour.maya, harbour.general, "quota")
    await harbour.server.until(lambda: asked.thinking, 0.25)
    assert "quota." in await harbour.answered(asked)


async def test_a_bot_that_stops_answers_what_it_began(tmp_path: Path) -> None:
    """Else the person would read for a quarter of an hour that it is thinking."""
    async with harbour_in(tmp_path) as harbour:
        harbour.desk.slow_s = 0.2
        asked = harbour.server.slash(harbour.maya, harbour.general, "quota")
        await harbour.server.until(lambda: asked.thinking)
    assert "quota." in asked.text
    assert not asked.thinking


async def test_an_answer_may_bring_files(harbour: Harbour, tmp_path: Path) -> None:
    """A table of what was used, and a chart with what is read out in its place."""
    table, chart = tmp_path / "usage.csv", tmp_path / "chart.jpg"
    table.write_text("user,videos\n")
    chart.write_bytes(png())
    message = Message(head="3 videos.", picture=Picture(path=chart, alt="3 videos in May"), files=(table,))
    for verb, words in (("usage", "animate-admin usage"), ("quota", "quota")):
        harbour.desk.answers[verb] = Answer(message=message)
        asked = harbour.server.slash(harbour.ada, harbour.general, words)
        await harbour.answered(asked)
        assert asked.message is not None
        assert {each.filename for each in asked.message.attachments} == {"usage.csv", "still.jpg"}


async def test_what_was_made_for_an_answer_alone_goes_once_it_is_shown(harbour: Harbour, tmp_path: Path) -> None:
    """Nobody's words stay longer than they are needed."""
    for verb, words in (("quota", "quota"), ("usage", "animate-admin usage")):
        folder = tmp_path / verb
        folder.mkdir()
        (folder / "words.txt").write_text("a slow zoom")
        harbour.desk.answers[verb] = Answer(
            message=Message(head="All of it.", files=(folder / "words.txt",), folder=folder)
        )
        asked = harbour.server.slash(harbour.ada, harbour.general, words)
        await harbour.answered(asked)
        assert asked.message is not None
        assert asked.message.attachment.content == b"a slow zoom"
        await harbour.server.until(lambda: not folder.exists())  # noqa: B023 - it is over within this round


async def test_a_command_that_comes_twice_is_one(harbour: Harbour) -> None:
    """Discord delivers again now and then."""
    asked = harbour.server.slash(harbour.maya, harbour.general, "animate", image=PICTURE, prompt="waves")
    harbour.server.redeliver(asked)
    await harbour.answered(asked)
    harbour.server.redeliver(asked)
    await harbour.answered(harbour.server.slash(harbour.maya, harbour.general, "quota"))
    assert len(harbour.desk.commands) == 1
    assert (asked.errors, len(asked.responses)) == ([], 1)


async def test_what_can_no_longer_be_answered_is_let_go(harbour: Harbour, caplog: pytest.LogCaptureFixture) -> None:
    """The person reads that it failed: nothing is begun that nobody waits for, and nothing is logged."""
    harbour.server.fault("POST", "/interactions/*/*/callback", delay_s=0.05)
    asked = harbour.server.slash(harbour.maya, harbour.general, "animate", image=PICTURE, prompt="waves")
    harbour.server.advance(4)
    await harbour.server.until(lambda: asked.errors)
    await harbour.answered(harbour.server.slash(harbour.maya, harbour.general, "quota"))
    assert (asked.errors, harbour.desk.commands) == ([10062], [])
    assert caplog.records == []


async def test_an_acknowledgement_may_come_through_unheard(harbour: Harbour) -> None:
    """The connection is cut after its effect: the command goes on, and its answer finds its place."""
    harbour.server.fault("POST", "/interactions/*/*/callback", status=0, after=True)
    asked = harbour.server.slash(harbour.maya, harbour.general, "animate", image=PICTURE, prompt="waves")
    assert "on its way" in await harbour.answered(asked)
    assert len(harbour.desk.commands) == 1


async def test_a_file_that_is_gone_is_said_to_be(harbour: Harbour) -> None:
    """Links to uploads end; the person sends it again."""
    harbour.server.fault("GET", "/ephemeral-attachments/*/*/*", status=404)
    asked = harbour.server.slash(harbour.maya, harbour.general, "animate", image=PICTURE, prompt="waves")
    assert "did not come" in await harbour.answered(asked)
    assert harbour.desk.commands == []


async def test_what_a_killed_process_left_behind_is_removed(tmp_path: Path) -> None:
    """Nobody's picture stays longer than it is needed; what is young may be another process's."""
    for name, age_s in (("asked-old", 7200), ("asked-young", 0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0").write_bytes(png())
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    async with harbour_in(tmp_path):
        assert [each.name for each in tmp_path.glob("asked-*")] == ["asked-young"]


async def test_a_file_that_is_too_large_is_told(harbour: Harbour) -> None:
    """Its size is known before it is fetched."""
    picture = ("huge.png", bytes(50_000_001))
    asked = harbour.server.slash(harbour.maya, harbour.general, "animate", image=picture, prompt="waves")
    assert "too large" in await harbour.answered(asked)
    assert harbour.desk.commands == []


async def test_what_breaks_is_told_and_logged_without_a_word_of_the_person(
    harbour: Harbour, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits for ever, and no prompt reaches the log."""
    harbour.desk.breaks = True
    asked = harbour.server.slash(harbour.maya, harbour.general, "animate", image=PICTURE, prompt="secret waves")
    assert "Something of ours broke" in await harbour.answered(asked)
    assert [record.getMessage() for record in caplog.records] == ["an answer broke"]
    assert "secret" not in caplog.text
