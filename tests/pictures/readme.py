"""Makes README's pictures of Discord: the bot itself at work in the stand-in, with people who ask for videos.

`python -m tests.pictures.readme` writes them to docs/pictures; it needs Debian's `chromium`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.discord_server import DiscordServer, serving
from tests.fakes.discord_world import Channel, Message, User
from tests.pictures.discord import Sketch, shoot

ART = Path(__file__).parent / "art"
SHOWN = Path(__file__).parents[2] / "docs" / "pictures"
WITHIN_S = 120


@contextmanager
def at_work(server: DiscordServer) -> Iterator[None]:
    """Run the bot beside the stand-in, one video at a time, so that one waits."""
    setting = {
        "PATH": os.environ["PATH"],
        "DISCORD_BOT_TOKEN": server.token,
        "DISCORD_API_BASE_URL": server.url,
        "STILLMOTION_METRICS_PORT": "0",
        "STILLMOTION_MAX_IN_FLIGHT": "local=1",
    }
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "bot", "run"]
        here = {"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": home}
        bot = subprocess.Popen(command, cwd=home, env=setting | here, stderr=subprocess.DEVNULL)
        try:
            server.wait(lambda: server.commands() and server.identifies, 30)
            yield
        finally:
            bot.send_signal(signal.SIGTERM)
            bot.wait(20)


def ask(server: DiscordServer, channel: Channel, who: User, picture: str, prompt: str, **options: str) -> None:
    """Have somebody ask for a video, and be answered."""
    image = (f"{picture}.jpg", (ART / f"{picture}.jpg").read_bytes())
    asked = server.slash(who, channel, "animate", image=image, prompt=prompt, model="preview", **options)
    server.wait(lambda: asked.text and not asked.thinking, 20)


def videos(server: DiscordServer, channel: Channel) -> list[Message]:
    """Return the videos that were posted so far."""
    posted = [each for thread in server.threads(channel) for each in server.messages(thread)]
    return [each for each in posted if any(file.filename.endswith(".mp4") for file in each.attachments)]


def show(server: DiscordServer, name: str, title: str, messages: list[Message]) -> None:
    """Write one picture."""
    shoot(Sketch(server.world).page(title, messages), SHOWN / f"{name}.png")


def main() -> None:
    """Make all of them."""
    SHOWN.mkdir(parents=True, exist_ok=True)
    with serving() as server:
        guild = server.guild("Harbour")
        motion = server.channel(guild, "motion")
        ada = server.member(guild, "Ada", server.role(guild, "Managers", ["manage_guild", "manage_messages"]))
        maya, jonas = server.member(guild, "Maya"), server.member(guild, "Jonas")
        with at_work(server):
            ask(server, motion, ada, "bay", "slow pull back from the boat", resolution="480p")
            server.wait(lambda: videos(server, motion), WITHIN_S)
            ask(
                server,
                motion,
                maya,
                "balloon",
                "the balloon drifts right, then zoom in",
                resolution="1080p",
                duration="10",
            )
            ask(server, motion, jonas, "dunes", "pan right along the ridges, then hold")
            time.sleep(7)
            show(server, "discord-channel", "motion", server.messages(motion))
            server.wait(lambda: len(videos(server, motion)) == 3, WITHIN_S)
            time.sleep(2)
            thread = next(each for each in server.threads(motion) if "balloon" in each.name)
            show(server, "discord-thread", thread.name, server.messages(thread))


if __name__ == "__main__":
    main()
