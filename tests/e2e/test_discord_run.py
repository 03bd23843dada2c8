"""Discord from the command line: `doctor` with a token, and `run` from a member's `/animate` to the video in its thread."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from discord import Permissions

from bot.platforms.discord.asking import missing
from tests.e2e.cli import Cli
from tests.fakes.discord_server import DiscordServer, serving
from tests.fakes.discord_world import PERMISSIONS, Channel, Message, User
from tests.fakes.tls_front import tls_front

STOP_WITHIN_S = 8.0
READY_WITHIN_S = 20.0
MADE_WITHIN_S = 60.0
LEAST = (
    "view_channel",
    "send_messages",
    "embed_links",
    "attach_files",
    "read_message_history",
    "create_public_threads",
    "send_messages_in_threads",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Harbour:
    """A server of the operator's own, where the bot has just the permissions that it asks for."""

    server: DiscordServer
    general: Channel
    maya: User
    cli: Cli

    @property
    def env(self) -> dict[str, str]:
        """The settings: a token, and where Discord is."""
        return {
            "DISCORD_BOT_TOKEN": self.server.token,
            "DISCORD_API_BASE_URL": self.server.url,
            "STILLMOTION_METRICS_PORT": "0",
            "PYTHONWARNINGS": "error,ignore:'audioop' is deprecated:DeprecationWarning",  # discord.py's own
        }

    def findings(self, **env: str) -> tuple[int, list[dict[str, Any]]]:
        """Return the doctor's exit code and what it says of Discord."""
        ran = self.cli.run("doctor", "--json", env=self.env | env)
        return ran.code, [each for each in ran.document["findings"] if each["part"] == "discord"]

    def run(self, **env: str) -> subprocess.Popen[str]:
        """Start the bot, and wait until it listens."""
        before = len(self.server.identifies)
        process = self.cli.start("run", env=self.env | env)
        self.server.wait(
            lambda: process.poll() is not None or (len(self.server.identifies) > before and self.server.commands()),
            READY_WITHIN_S,
        )
        assert process.poll() is None, process.communicate()
        return process

    def ask(self, prompt: str) -> Any:
        """Type `/animate`, and wait for the private answer."""
        picture = ("photo.png", (self.cli.folder / "photo.png").read_bytes())
        options = {"image": picture, "prompt": prompt, "model": "preview", "resolution": "480p"}
        asked = self.server.slash(self.maya, self.general, "animate", **options)
        self.server.wait(lambda: asked.text)
        return asked

    def videos(self) -> list[Message]:
        """Return the messages in threads that carry a video."""
        threads = self.server.threads(self.general)
        found = [message for thread in threads for message in self.server.messages(thread)]
        return [each for each in found if any(file.filename.endswith(".mp4") for file in each.attachments)]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as asked:
        return int(asked.getsockname()[1])


def wrong(port: int) -> dict[str, str]:
    """Return what the health page says is not well; nothing where nobody answers yet."""
    try:
        parts: dict[str, str] = httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).json()["parts"]
    except httpx.TransportError:
        return {}
    return {name: why for name, why in parts.items() if why != "ok"}


@pytest.fixture
def harbour(cli: Cli) -> Iterator[Harbour]:
    with serving() as server:
        guild = server.guild("Harbour")
        general = server.channel(guild, "general")
        server.permissions(general, server.bot, allow=LEAST, deny=set(PERMISSIONS) - set(LEAST))
        yield Harbour(server=server, general=general, maya=server.member(guild, "Maya Lindqvist"), cli=cli)


def stop(process: subprocess.Popen[str]) -> str:
    """Send SIGTERM, which must end it well and soon; what it said."""
    since_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, told = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, ""), told
    assert time.monotonic() - since_s < STOP_WITHIN_S
    return told


def test_a_member_gets_a_video_and_asks_again_after_a_restart(harbour: Harbour) -> None:
    """One card and one video in its thread; the old button makes another one in a new process; nothing secret is said."""
    server = harbour.server
    bot = harbour.run()
    harbour.ask("slow zoom in")
    [video] = server.wait(harbour.videos, MADE_WITHIN_S)
    [card] = server.messages(harbour.general)
    server.wait(lambda: "Done" in card.text)
    assert "slow zoom in" in card.text
    assert video.rings == {harbour.maya.id}
    told = stop(bot)
    bot = harbour.run()
    pressed = server.press(harbour.maya, video, "Again")
    server.wait(lambda: pressed.text)
    server.wait(lambda: len(harbour.videos()) == 2, MADE_WITHIN_S)
    told += stop(bot)
    assert len(server.threads(harbour.general)) == 1
    assert server.violations == []
    assert [each["state"] for each in harbour.cli.jobs()] == ["delivered"] * 2
    assert server.token not in told
    assert "slow zoom" not in told


def test_a_server_that_nobody_allowed_is_refused_until_it_is(harbour: Harbour) -> None:
    """Nobody spends the operator's money by inviting the bot; `scopes allow` needs no restart."""
    server = harbour.server
    stranger = server.user("Stranger")
    guild = server.guild("Elsewhere", stranger)
    there = server.channel(guild, "general")
    bot = harbour.run()
    elsewhere = Harbour(server=server, general=there, maya=server.join(stranger, guild), cli=harbour.cli)
    elsewhere.ask("still")
    assert harbour.cli.jobs() == []
    assert harbour.cli.run("scopes", "allow", f"discord/{guild.id}").code == 0
    elsewhere.ask("still")
    assert len(harbour.cli.jobs()) == 1
    stop(bot)


@pytest.mark.parametrize("status", [401, 503])
def test_a_discord_that_is_down_does_not_stop_the_bot(harbour: Harbour, status: int) -> None:
    """Jobs go on, and the health page names it; one that was only away is found again, a wrong token is not tried often."""
    port = free_port()
    fault = harbour.server.fault("*", "/users/@me", status=status, times=1_000_000)
    process = harbour.cli.start("run", env=harbour.env | {"STILLMOTION_METRICS_PORT": str(port)})
    harbour.server.wait(lambda: "discord" in wrong(port), READY_WITHIN_S)
    assert wrong(port).keys() == {"discord"}
    fault.times = 0
    if status == 503:
        harbour.server.wait(lambda: not wrong(port), READY_WITHIN_S)
    assert harbour.server.token not in stop(process)


# -- doctor


def test_doctor_prints_the_invitation_and_who_may_use_the_bot(harbour: Harbour) -> None:
    """The link asks for seven permissions and no more; the operator's own servers need no setting."""
    code, findings = harbour.findings()
    told = [each["message"] for each in findings]
    assert (code, {each["state"] for each in findings}) == (0, {"ok"})
    bits = sum(PERMISSIONS[name] for name in LEAST)
    link = f"https://discord.com/oauth2/authorize?client_id={harbour.server.bot.id}"
    assert f"Invite it: {link}&scope=bot+applications.commands&permissions={bits}" in told
    assert f"Servers owned by {harbour.server.owner.json()['username']} may use it" in told
    assert harbour.server.violations == []


def test_doctor_says_what_was_allowed_and_denied(harbour: Harbour) -> None:
    """By the setting and by `scopes`; direct messages only where they are switched on."""
    for verb, scope in (("allow", "discord/5"), ("deny", "discord/6")):
        harbour.cli.run("scopes", verb, scope)
    _, findings = harbour.findings(STILLMOTION_SCOPES="discord/7", STILLMOTION_ALLOW_DM="on")
    told = [each["message"] for each in findings]
    assert "discord/7, and discord/5 may use it" in told
    assert "discord/6 may not use it" in told
    assert "Direct messages may be used too" in told


def test_doctor_names_the_setting_of_a_token_that_is_not_accepted(harbour: Harbour) -> None:
    """Exit code 5; the token itself is not repeated."""
    code, [finding] = harbour.findings(DISCORD_BOT_TOKEN="another.token")
    assert (code, finding["state"]) == (5, "fault")
    assert "DISCORD_BOT_TOKEN" in finding["message"]
    assert "another.token" not in finding["message"]


@pytest.mark.parametrize("status", [0, 429, 500])
def test_doctor_says_where_discord_cannot_be_asked(harbour: Harbour, status: int) -> None:
    """Exit code 5 and the host."""
    harbour.server.fault("GET", "/applications/@me", status=status)
    code, [finding] = harbour.findings()
    assert (code, finding["state"]) == (5, "fault")
    assert f"127.0.0.1:{harbour.server.port}" in finding["message"]


def test_doctor_says_that_discord_is_off_without_a_token(cli: Cli) -> None:
    """That is no fault."""
    ran = cli.run("doctor", "--json")
    [finding] = [each for each in ran.document["findings"] if each["part"] == "discord"]
    assert (ran.code, finding["state"]) == (0, "note")
    assert "DISCORD_BOT_TOKEN" in finding["message"]


# -- the way there


def test_a_discord_behind_an_authority_of_ones_own_is_trusted_by_name_only(harbour: Harbour, tmp_path: Path) -> None:
    """Without SSL_CERT_FILE the doctor says what to set; with it the doctor and the bot are served."""
    authority, server = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with tls_front(harbour.server.port, server) as port:
        base = {
            "DISCORD_API_BASE_URL": harbour.server.url.replace("http", "https").replace(
                f"{harbour.server.port}", f"{port}"
            )
        }
        code, [finding] = harbour.findings(**base)
        assert code == 5
        assert f"certificate of 127.0.0.1:{port}. Name its authority in SSL_CERT_FILE." in finding["message"]
        trusted = base | {"SSL_CERT_FILE": str(tmp_path / "ca.pem")}
        assert harbour.findings(**trusted)[0] == 0
        stop(harbour.run(**trusted))


def test_a_proxy_holds_for_discord_too(harbour: Harbour) -> None:
    """What goes through one that is dead goes nowhere, and what is exempt from it is reached."""
    dead = {"HTTP_PROXY": "http://127.0.0.1:9"}
    assert harbour.findings(**dead)[0] == 5
    port = free_port()
    bot = harbour.cli.start("run", env=harbour.env | dead | {"STILLMOTION_METRICS_PORT": str(port)})
    harbour.server.wait(lambda: "discord" in wrong(port), READY_WITHIN_S)
    stop(bot)
    assert harbour.server.requests == []
    stop(harbour.run(**dead, NO_PROXY="[::1],127.0.0.0/8"))


def test_the_invitation_asks_for_what_the_bot_says_it_lacks() -> None:
    """A bot that was invited by the link lacks nothing in an open channel; without any one of them it says so."""
    may = Permissions(sum(PERMISSIONS[name] for name in LEAST))
    assert missing(None, may) == ()
    for name in LEAST:
        less = Permissions(may.value & ~PERMISSIONS[name])
        assert len(missing(None, less)) == 1
