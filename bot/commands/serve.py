"""`run`: the worker for every job, until it is told to stop; and `demo`: one sample through the whole pipeline."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from bot import prices, settings
from bot.app import App, open_app
from bot.chatting import chatting
from bot.commands import telling
from bot.commands.animate import Asked, animate
from bot.commands.console import Exit, say, stop_on_signals
from bot.platforms.terminal import NAME, DepartedTerminal
from bot.remarks import remarks
from bot.settings import Settings
from bot.tidying import tidy
from bot.values import EVERYWHERE
from storage.errors import StorageError

_TIDY_S = 3600.0


async def run(found: Settings) -> Exit:
    """Serve every job until SIGTERM or SIGINT."""
    from bot.health import Statuses, health_app, serve_health

    stop = stop_on_signals()
    for remark in remarks():
        say(remark)
    async with open_app(found, {NAME: DepartedTerminal()}, chats=True) as app:
        await prices.refresh(app.ports.catalogue)
        for line in _what_is_on(app):
            say(line)
        waker = app.waker()
        async with (
            app.public_side(waker.wake),
            chatting(app.chats, lambda name: app.desk(name, waker.wake)),
        ):
            if found.public_url is not None:
                say(f"The HTTP side listens on {found.http_host}:{found.http_port}, for {found.public_url}")
            say("Serving jobs. Stop with Ctrl-C.")
            beside = [asyncio.create_task(each) for each in (_tidy_now_and_then(app), _tell_operators(app))]
            health = health_app(app.ports, Statuses(app.chats), lambda: waker.swept_ago_s)
            telling = asyncio.create_task(serve_health(health, found.metrics_port, stop))
            await waker.run(stop)
            await telling
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
    say("Stopped. Nothing is lost; the next start goes on.")
    return Exit.DONE


def _what_is_on(app: App) -> Iterator[str]:
    """Yield which offers are on, and why others are not, or not wholly."""
    for offer in app.ports.catalogue.offers.values():
        yield f"{offer.name} is {'on' if offer.off is None else f'off: {offer.off}'}"
        if offer.off is None and offer.mute is not None:
            yield f"{offer.name} takes no sound here: {offer.mute}"
    yield from _which_chats(app.settings)


def _which_chats(settings: Settings) -> Iterator[str]:
    """Yield whether Discord is on, and for whom."""
    if settings.discord_bot_token is None:
        yield "Discord is off: DISCORD_BOT_TOKEN is not set"
    elif settings.scopes is None:
        yield "Discord is on, for servers of the application's owner or team"
    else:
        listed = [scope for scope in settings.scopes if scope == EVERYWHERE or scope.startswith("discord/")]
        yield f"Discord is on, for {'all servers' if EVERYWHERE in listed else ', '.join(listed) or 'no server'}"


async def _tidy_now_and_then(app: App) -> None:
    while True:
        with contextlib.suppress(StorageError):
            await tidy(app.ports)
        await asyncio.sleep(_TIDY_S)
        await prices.refresh(app.ports.catalogue)


async def _tell_operators(app: App) -> None:
    send = telling.way(app)
    if send is not None:
        memory = app.settings.media / "work" / "told.json"
        await telling.Teller(app.store, send, memory, ZoneInfo(app.settings.timezone)).run()


async def demo(found: Settings) -> Exit:
    """Make the sample's video, with a database of its own beside the default one."""
    own = settings.load(
        database_url=f"sqlite:///{found.database.with_name('stillmotion-demo.db')}",
        media_dir=found.database.parent / "demo-media",
        user_limit="none",
    )
    with importlib.resources.as_file(importlib.resources.files("bot") / "sample" / "sample.jpg") as sample:
        say("A picture becomes a video, on this machine: a preview of the framing, not AI.")
        asked = Asked(
            image=sample,
            prompt="slow zoom in, pan right",
            audio=None,
            model="preview",
            options={"resolution": "720p", "sound": "on"},
            output=Path("stillmotion-demo.mp4"),
        )
        return await animate(own, asked)
