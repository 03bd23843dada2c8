"""The stand-in for Discord, driven by the real discord.py: what the bot's own tests rest on."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import discord
import httpx
import pytest
import yarl
from discord import app_commands
from PIL import Image

from tests.fakes.discord_schema import OPENAPI, answer_flaws
from tests.fakes.discord_server import DiscordServer, serving
from tests.fakes.discord_world import Channel, Guild, User


def png(width: int = 4, height: int = 3) -> bytes:
    """Return a small picture."""
    page = io.BytesIO()
    Image.new("RGB", (width, height)).save(page, "PNG")
    return page.getvalue()


class Form(discord.ui.Modal, title="Animate this image"):
    """A form with a sentence and a file."""

    prompt: discord.ui.Label[Any] = discord.ui.Label(
        text="How should it move?", component=discord.ui.TextInput(custom_id="prompt")
    )
    sound: discord.ui.Label[Any] = discord.ui.Label(
        text="Sound", component=discord.ui.FileUpload(custom_id="sound", required=False)
    )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        prompt, sound = self.prompt.component, self.sound.component
        assert isinstance(prompt, discord.ui.TextInput)
        assert isinstance(sound, discord.ui.FileUpload)
        heard = [f"{each.filename}, {len(await each.read())} bytes" for each in sound.values]
        await interaction.response.send_message(f"{prompt.value}: {heard}", ephemeral=True)


class Bot(discord.Client):
    """A bot of a few lines; `woken` are the words of what it was sent."""

    def __init__(self) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, guild_messages=True, dm_messages=True),
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0.05,
        )
        self.tree: app_commands.CommandTree[Bot] = app_commands.CommandTree(self)
        self.woken: list[str] = []
        self.tree.add_command(app_commands.Command(name="animate", description="Animate", callback=_animate))
        self.tree.add_command(app_commands.ContextMenu(name="Animate this image", callback=_open_form))

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def on_message(self, message: discord.Message) -> None:
        self.woken.append(message.content)

    async def on_resumed(self) -> None:
        self.woken.append("resumed")

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if interaction.type is discord.InteractionType.component:
            with contextlib.suppress(discord.HTTPException):
                await interaction.response.edit_message(content="pressed", view=None)


async def _animate(
    interaction: discord.Interaction[Any], image: discord.Attachment, prompt: str, model: str | None = None
) -> None:
    """Take a picture and a sentence."""
    with contextlib.suppress(discord.HTTPException):
        await interaction.response.defer(ephemeral=True)
        size = f"{image.width}x{image.height}, {len(await image.read())} bytes"
        await interaction.edit_original_response(content=f"{prompt}: {size}, up to {interaction.filesize_limit}")


async def _animate_models(interaction: discord.Interaction[Any], typed: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=f"{typed}2.5@fal, $0.50", value=typed)]


_animate = app_commands.autocomplete(model=_animate_models)(_animate)


async def _open_form(interaction: discord.Interaction[Any], message: discord.Message) -> None:
    await interaction.response.send_modal(Form())


@pytest.fixture
def server() -> Iterator[DiscordServer]:
    """Serve, point discord.py here, and afterwards look for what Discord would not have taken."""
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    with serving() as server:
        discord.http.Route.BASE = server.url
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)
        yield server
        discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = base, gateway
        told = [(each.path, answer_flaws(each.method, each.path, each.status, each.answer)) for each in server.requests]
        assert [each for each in told if each[1]] == []


@pytest.fixture
def guild(server: DiscordServer) -> Guild:
    return server.guild("Harbour")


@pytest.fixture
def maya(server: DiscordServer, guild: Guild) -> User:
    return server.member(guild, "Maya Lindqvist")


@pytest.fixture
def general(server: DiscordServer, guild: Guild) -> Channel:
    return server.channel(guild, "general")


@pytest.fixture
async def bot(server: DiscordServer, guild: Guild, maya: User, general: Channel) -> AsyncIterator[Bot]:
    """Run a bot that is ready."""
    bot = Bot()
    running = asyncio.create_task(bot.start(server.token))
    await server.until(bot.is_ready)
    yield bot
    await bot.close()
    await running


def place(bot: Bot, channel: Channel) -> discord.TextChannel:
    """Return a channel as the bot knows it."""
    found = bot.get_channel(channel.id)
    assert isinstance(found, discord.TextChannel)
    return found


def buttons(*labels: str) -> discord.ui.View:
    """Return a row of buttons."""
    view = discord.ui.View(timeout=None)
    for label in labels:
        view.add_item(discord.ui.Button(label=label, custom_id=f"sm:{label.lower()}:7K3Q9FD2"))
    return view


def card(words: str, picture: str) -> discord.ui.LayoutView:
    """Return a card in Components V2."""
    view = discord.ui.LayoutView(timeout=None)
    text: discord.ui.TextDisplay[Any] = discord.ui.TextDisplay(words)
    thumbnail: discord.ui.Thumbnail[Any] = discord.ui.Thumbnail(picture, description="Picture to animate")
    row: discord.ui.ActionRow[Any] = discord.ui.ActionRow(
        discord.ui.Button(label="Cancel", custom_id="sm:cancel:7K3Q9FD2")
    )
    view.add_item(discord.ui.Container(discord.ui.Section(text, accessory=thumbnail), row))
    return view


# -- the gateway


async def test_a_bot_logs_in_and_registers_its_commands(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """It knows who it is and where, and people are offered what it registered."""
    assert bot.user is not None
    assert bot.user.id == server.bot.id
    assert [guild.name for guild in bot.guilds] == ["Harbour"]
    assert server.offered(maya, general) == ["animate", "Animate this image"]
    assert server.identifies[0]["intents"] == bot.intents.value
    assert server.violations == []


async def test_a_dropped_connection_resumes_and_misses_nothing(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """What happened in between is told afterwards, in the same session."""
    server.gateway.drop()
    server.post(maya, general, "are you there?", mentions_bot=True)
    await server.until(lambda: "resumed" in bot.woken and len(bot.woken) == 2)
    assert any("are you there?" in words for words in bot.woken)
    assert (len(server.identifies), len(server.gateway.resumes)) == (1, 1)


@pytest.mark.parametrize("way", ["reconnect", "invalidate", "close"])
async def test_a_bot_comes_back_when_it_is_asked_to(server: DiscordServer, bot: Bot, way: str) -> None:
    """RECONNECT, an invalid session that may resume, and a passing close code all end in RESUME."""
    match way:
        case "reconnect":
            server.gateway.reconnect()
        case "invalidate":
            server.gateway.invalidate(resumable=True)
        case _:
            server.gateway.close(4000)
    await server.until(lambda: "resumed" in bot.woken)
    assert len(server.identifies) == 1


async def test_a_wrong_token_and_a_privileged_intent_are_refused(server: DiscordServer, guild: Guild) -> None:
    """As 401, and as close code 4014."""
    async with Bot() as stranger:
        with pytest.raises(discord.LoginFailure):
            await stranger.start("another.token")
    curious = Bot()
    curious._connection._intents.message_content = True
    async with curious:
        with pytest.raises(discord.PrivilegedIntentsRequired):
            await curious.start(server.token)


async def test_a_bot_may_read_only_what_is_meant_for_it(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """Words of others are blank, over the gateway and over REST, unless they mention it or are a direct message."""
    secret = server.post(maya, general, "secret", [("a.png", png())])
    server.post(maya, general, "hello", mentions_bot=True)
    server.post(maya, server.dm_channel(maya), "psst")
    await server.until(lambda: len(bot.woken) == 3)
    assert bot.woken == ["", f"{server.bot.mention} hello", "psst"]
    fetched = await place(bot, general).fetch_message(secret.id)
    assert (fetched.content, fetched.attachments) == ("", [])


# -- interactions


async def test_a_slash_command_brings_its_file_and_is_answered_privately(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """Deferred first, then written into; nobody else sees it."""
    asked = server.slash(maya, general, "animate", image=("a.png", png()), prompt="waves")
    await server.until(lambda: asked.text)
    assert asked.text == f"waves: 4x3, {len(png())} bytes, up to {10 * 1024 * 1024}"
    assert [each["type"] for each in asked.responses] == [5]
    assert asked.private
    assert asked.acked_after_s is not None
    assert asked.acked_after_s < 3
    assert server.messages(general) == []
    assert server.violations == []


async def test_an_interaction_that_comes_twice_is_acknowledged_once(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """The second answer is refused as 40060."""
    asked = server.slash(maya, general, "animate", image=("a.png", png()), prompt="waves")
    await server.until(lambda: asked.text)
    server.redeliver(asked)
    await server.until(lambda: asked.errors)
    assert asked.errors == [40060]


async def test_an_answer_comes_within_three_seconds_or_not_at_all(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """Later it is an unknown interaction, and its token is good for nothing."""
    server.fault("POST", "/interactions/*/*/callback", delay_s=0.05)
    asked = server.slash(maya, general, "animate", image=("a.png", png()), prompt="waves")
    server.advance(4)
    await server.until(lambda: asked.errors)
    assert asked.errors == [10062]


async def test_suggestions_come_for_what_is_typed(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """An option asks the bot while it is being filled in."""
    asked = server.autocomplete(maya, general, "animate", option="model", typed="wan", prompt="waves")
    await server.until(lambda: asked.acked)
    assert asked.choices == [{"name": "wan2.5@fal, $0.50", "value": "wan"}]


async def test_a_form_takes_words_and_files(server: DiscordServer, bot: Bot, maya: User, general: Channel) -> None:
    """Opened from the menu of somebody's message, sent back with an upload."""
    picture = server.post(maya, general, "look", [("bay.png", png())])
    opened = server.message_command(maya, picture, "Animate this image")
    await server.until(lambda: opened.modal)
    sent = server.submit_modal(opened, {"prompt": "slow pan"}, {"sound": [("birds.ogg", b"OggS")]})
    await server.until(lambda: sent.text)
    assert sent.text == "slow pan: ['birds.ogg, 4 bytes']"
    assert sent.private
    assert server.violations == []


async def test_a_button_reaches_the_bot_and_changes_its_message(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """Pressed by its name; not in a locked thread, where no button works."""
    await place(bot, general).send("Ready", view=buttons("Again", "More"))
    (message,) = server.messages(general)
    assert [button.custom_id for button in message.buttons] == ["sm:again:7K3Q9FD2", "sm:more:7K3Q9FD2"]
    pressed = server.press(maya, message, "Again")
    await server.until(lambda: pressed.acked)
    assert (message.text, message.buttons) == ("pressed", [])


async def test_a_token_dies_after_a_quarter_of_an_hour(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """Then only the bot's own token can speak."""
    asked = server.slash(maya, general, "animate", image=("a.png", png()), prompt="waves")
    await server.until(lambda: asked.text)
    answer = f"{server.url}/webhooks/{server.bot.id}/{asked.token}/messages/@original"
    async with httpx.AsyncClient() as client:
        assert (await client.get(answer)).status_code == 200
        server.advance(16 * 60)
        dead = await client.get(answer)
    assert (dead.status_code, dead.json()["code"]) == (401, 50027)


# -- messages


async def test_a_nonce_makes_one_message_however_often_it_is_sent(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """The second send returns the first message; after some minutes it is a new one."""
    send = place(bot, general).send
    words = f"{maya.mention} Done in 58 s."
    allowed = discord.AllowedMentions(users=[discord.Object(maya.id)])
    told: dict[str, Any] = {"nonce": "7K3Q9FD2:done", "allowed_mentions": allowed, "suppress_embeds": True}
    first = await send(words, file=discord.File(io.BytesIO(b"film"), "waves.mp4", description="Video, 5 s"), **told)
    again = await send(words, file=discord.File(io.BytesIO(b"film"), "waves.mp4"), **told)
    assert first.id == again.id
    (message,) = server.messages(general)
    assert (message.attachment.content, message.attachment.description) == (b"film", "Video, 5 s")
    assert message.rings == {maya.id}
    server.advance(600)
    assert (await send(words, **told)).id != first.id
    assert server.violations == []


async def test_a_card_shows_its_picture_and_an_edit_changes_it(
    server: DiscordServer, bot: Bot, general: Channel
) -> None:
    """Components V2: the file that a component shows, words and buttons; an edit drops the old file."""
    sent = await place(bot, general).send(
        view=card("**2nd in line**", "attachment://still.png"), file=discord.File(io.BytesIO(png()), "still.png")
    )
    (message,) = server.messages(general)
    assert (message.text, message.button("Cancel").custom_id) == ("**2nd in line**", "sm:cancel:7K3Q9FD2")
    await sent.edit(
        view=card("**Rendering**", "attachment://still-50.png"),
        attachments=[discord.File(io.BytesIO(png(8, 6)), "still-50.png")],
    )
    assert (message.text, [each.filename for each in message.attachments]) == ("**Rendering**", ["still-50.png"])
    assert len(message.edits) == 1
    assert server.violations == []


async def test_a_thread_opens_on_a_message_once(server: DiscordServer, bot: Bot, maya: User, general: Channel) -> None:
    """It has the message's number; whom it rings joins it; archived it wakes, locked it does not."""
    start = await place(bot, general).send("card")
    thread = await start.create_thread(name="the balloon drifts", auto_archive_duration=1440)
    (opened,) = server.threads(general)
    assert (opened.id, opened.name) == (start.id, "the balloon drifts")
    assert await refusal(start.create_thread(name="again")) == 160004
    sent = await thread.send(maya.mention, allowed_mentions=discord.AllowedMentions(users=True))
    assert maya.id in opened.members
    server.archive(opened)
    assert await refusal(sent.edit(content="late")) == 50083
    await thread.send("awake")
    assert not opened.archived
    server.lock(opened)
    assert await refusal(thread.send("shut")) == 160005
    server.delete_thread(opened)
    assert await refusal(thread.send("gone")) == 10003


async def test_a_direct_message_arrives_where_it_is_wanted(
    server: DiscordServer, bot: Bot, guild: Guild, maya: User
) -> None:
    """Not with those who take none, nor with those who share no server."""
    shy, stranger = server.member(guild, "Shy", dms=False), server.user("Stranger")
    await (await bot.fetch_user(maya.id)).send("Your video", file=discord.File(io.BytesIO(b"film"), "waves.mp4"))
    (message,) = server.dm(maya)
    assert message.attachment.content == b"film"
    assert await refusal((await bot.fetch_user(shy.id)).send("hello")) == 50007
    assert await refusal((await bot.fetch_user(stranger.id)).send("hello")) == 50278


async def refusal(sending: Any) -> int:
    """Return the code that something is refused with."""
    with pytest.raises(discord.HTTPException) as refused:
        await sending
    return refused.value.code


async def test_what_discord_would_not_take_is_refused_and_written_down(
    server: DiscordServer, bot: Bot, guild: Guild, general: Channel
) -> None:
    """Lengths, sizes, permissions and filters, each by its code."""
    send = place(bot, general).send
    big = discord.File(io.BytesIO(bytes(10 * 1024 * 1024 + 1)), "big.mp4")
    assert await refusal(send(file=big)) == 40005
    server.block(guild, words=["forbidden"], links=["evil.example"])
    assert await refusal(send("a Forbidden word")) == 200000
    assert await refusal(send("https://evil.example/x")) == 240000
    server.permissions(general, server.bot, deny=["attach_files"])
    assert await refusal(send(file=discord.File(io.BytesIO(b"x"), "a.mp4"))) == 50013
    server.permissions(general, server.bot, deny=["view_channel"])
    assert await refusal(send("hello")) == 50001
    server.permissions(general, server.bot)
    assert server.violations == []
    assert await refusal(send("x" * 2001)) == 50035
    assert "content" in server.violations.pop()
    await send("@everyone", allowed_mentions=discord.AllowedMentions.all())
    assert "may ring everyone" in server.violations.pop()


async def test_an_old_message_takes_few_edits(server: DiscordServer, bot: Bot, general: Channel) -> None:
    """After an hour the limit comes as a 429 that names 30046."""
    sent = await place(bot, general).send("0")
    server.world.old_edits, server.world.old_edit_wait_s = 1, 0.01
    server.advance(3700)
    await sent.edit(content="1")
    assert await refusal(sent.edit(content="2")) == 30046
    assert server.messages(general)[0].text == "1"


async def test_a_message_that_is_gone_is_said_to_be(
    server: DiscordServer, bot: Bot, guild: Guild, general: Channel
) -> None:
    """Deleted messages, their files, deleted channels and a bot that was sent away each have their answer."""
    sent = await place(bot, general).send("card", file=discord.File(io.BytesIO(b"x"), "a.bin"))
    link = sent.attachments[0]
    assert await link.read() == b"x"
    server.delete_message(server.messages(general)[0])
    assert await refusal(sent.edit(content="late")) == 10008
    with pytest.raises(discord.NotFound):
        await link.read()
    server.remove_bot(guild)
    assert await refusal(sent.channel.send("hello")) == 50001
    await server.until(lambda: not bot.guilds)


async def test_a_link_to_a_file_ends_after_a_day(server: DiscordServer, bot: Bot, general: Channel) -> None:
    """Read again, the message has a new one; a link that was changed leads nowhere."""
    sent = await place(bot, general).send(file=discord.File(io.BytesIO(b"film"), "waves.mp4"))
    server.advance(25 * 3600)
    fresh = (await sent.fetch()).attachments[0].url
    async with httpx.AsyncClient() as client:
        assert [(await client.get(url)).status_code for url in (sent.attachments[0].url, fresh)] == [404, 200]
        assert (await client.get(f"{fresh}0")).status_code == 404


async def test_a_follow_up_is_seen_by_all_unless_it_says_otherwise(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """Even where the first answer was private."""
    asked = server.slash(maya, general, "animate", image=("a.png", png()), prompt="waves")
    await server.until(lambda: asked.text)
    hook = f"{server.url}/webhooks/{server.bot.id}/{asked.token}"
    async with httpx.AsyncClient() as client:
        assert (await client.post(hook, json={"content": "for all"})).status_code == 200
        assert (await client.post(hook, json={"content": "for you", "flags": 64})).status_code == 200
    assert [message.text for message in asked.followups] == ["for all", "for you"]
    assert [message.text for message in server.messages(general)] == ["for all"]


async def test_a_server_tells_who_is_in_it(server: DiscordServer, bot: Bot, guild: Guild, maya: User) -> None:
    """Members, roles and how many hold each; and a bot may leave."""
    members = server.role(guild, "Members")
    server.join(maya, guild, members)
    server.world.team = [server.owner, maya]
    told = await bot.http.request(discord.http.Route("GET", f"/guilds/{guild.id}/roles/member-counts"))
    assert told == {str(members.id): 1}
    assert (await bot.guilds[0].fetch_member(maya.id)).display_name == "Maya Lindqvist"
    assert (await bot.fetch_guild(guild.id)).name == "Harbour"
    team = (await bot.application_info()).team
    assert team is not None
    assert [each.id for each in team.members] == [server.owner.id, maya.id]
    await bot.guilds[0].leave()
    await server.until(lambda: not bot.guilds)


async def test_no_button_works_in_a_locked_thread(
    server: DiscordServer, bot: Bot, maya: User, general: Channel
) -> None:
    """Discord does not even tell the bot."""
    start = await place(bot, general).send("card")
    thread = await start.create_thread(name="waves")
    await thread.send("Done", view=buttons("Again"))
    (opened,) = server.threads(general)
    (message,) = server.messages(opened)
    server.lock(opened)
    assert not server.press(maya, message, "Again").delivered


def test_what_nobody_should_send_is_found(server: DiscordServer) -> None:
    """What Discord would refuse as well as what it would take: a name in capitals, a file that no component shows."""
    key = {"Authorization": f"Bot {server.token}"}
    general = server.channel(server.guild("Quay"), "general")
    loud = [{"name": "Animate", "description": "Animate", "type": 1}]
    assert httpx.put(f"{server.url}/applications/{server.bot.id}/commands", json=loud, headers=key).status_code == 400
    assert "APPLICATION_COMMAND_INVALID_NAME" in server.violations.pop()
    card = {"flags": 1 << 15, "components": [{"type": 10, "content": "hello"}]}
    form: dict[str, Any] = {"payload_json": (None, json.dumps(card)), "files[0]": ("still.jpg", b"x")}
    assert httpx.post(f"{server.url}/channels/{general.id}/messages", files=form, headers=key).status_code == 200
    assert "no component shows still.jpg" in server.violations.pop()


@pytest.mark.skipif(not OPENAPI.exists(), reason="Discord's OpenAPI file is not here")
def test_what_the_openapi_file_does_not_know_is_found(server: DiscordServer) -> None:
    """An endpoint that there is none of, a body of another form; each says where."""
    key = {"Authorization": f"Bot {server.token}"}
    general = server.channel(server.guild("Quay"), "general")
    assert httpx.get(f"{server.url}/no/such/thing", headers=key).status_code == 404
    assert server.violations.pop() == "GET /no/such/thing: no endpoint of Discord"
    row = {"type": 1, "components": [{"type": 2, "label": "Again", "custom_id": "again", "style": 9}]}
    httpx.post(f"{server.url}/channels/{general.id}/messages", json={"components": [row]}, headers=key)
    assert "components.0.components.0.style" in server.violations.pop()


# -- what goes wrong


@pytest.mark.parametrize("scope", ["user", "global", "shared"])
async def test_a_rate_limit_is_waited_for(server: DiscordServer, bot: Bot, general: Channel, scope: str) -> None:
    """discord.py waits as long as it is told, and sends again."""
    server.fault("POST", "/channels/*/messages", status=429, retry_after=0.05, scope=scope)
    await place(bot, general).send("patience")
    assert [each.status for each in server.asked("POST", "/channels/*/messages")] == [429, 200]


async def test_a_page_of_cloudflare_is_no_rate_limit(server: DiscordServer, bot: Bot, general: Channel) -> None:
    """It comes as HTML without a Via, and is raised at once."""
    server.fault("POST", "/channels/*/messages", html=True)
    with pytest.raises(discord.HTTPException, match="1015"):
        await place(bot, general).send("patience")
    assert len(server.asked("POST", "/channels/*/messages")) == 1


@pytest.mark.parametrize("after", [False, True])
async def test_an_error_after_the_effect_makes_no_second_message(
    server: DiscordServer, bot: Bot, general: Channel, after: bool
) -> None:
    """discord.py sends again by itself; the nonce finds what the first one made."""
    server.fault("POST", "/channels/*/messages", status=500, after=after)
    await place(bot, general).send("once", nonce="7K3Q9FD2:card")
    assert len(server.asked("POST", "/channels/*/messages")) == 2
    assert len(server.messages(general)) == 1


async def test_a_connection_may_be_cut_after_the_effect(server: DiscordServer, bot: Bot, general: Channel) -> None:
    """The message stands although the bot heard nothing."""
    server.fault("POST", "/channels/*/messages", status=0, after=True)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await place(bot, general).send("lost")
    assert [message.text for message in server.messages(general)] == ["lost"]


def test_what_the_bot_may_do_is_computed_like_discord_does(
    server: DiscordServer, guild: Guild, general: Channel
) -> None:
    """Roles add up, a channel's denials beat them, a member's own word beats those, the owner may all."""
    world = server.world
    helpers = server.role(guild, "Helpers", ["manage_messages"])
    ada = server.member(guild, "Ada", helpers)
    assert world.may(ada, general, "manage_messages")
    server.permissions(general, helpers, deny=["manage_messages", "attach_files"])
    assert not world.may(ada, general, "attach_files")
    server.permissions(general, ada, allow=["attach_files"])
    assert world.may(ada, general, "attach_files")
    server.permissions(general, deny=["view_channel"])
    assert world.permissions(ada, general) == 0
    assert world.may(guild.owner, general, "administrator")
