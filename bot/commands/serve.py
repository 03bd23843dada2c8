"""`run`: the worker for every job, until it is told to stop; and `demo`: one sample through the whole pipeline."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
from pathlib import Path

from bot import settings
from bot.app import App, open_app
from bot.commands.animate import Asked, animate
from bot.commands.console import Exit, say, stop_on_signals
from bot.platforms.terminal import NAME, DepartedTerminal
from bot.settings import Settings
from bot.tidying import tidy
from storage.errors import StorageError

_TIDY_S = 3600.0


async def run(found: Settings) -> Exit:
    """Serve every job until SIGTERM or SIGINT."""
    stop = stop_on_signals()
    for remark in settings.remarks():
        say(remark)
    async with open_app(found, {NAME: DepartedTerminal()}) as app:
        for offer in app.ports.catalogue.offers.values():
            say(f"{offer.name} is {'on' if offer.off is None else f'off: {offer.off}'}")
        say("Serving jobs. Stop with Ctrl-C.")
        tidying = asyncio.create_task(_tidy_now_and_then(app))
        await app.waker().run(stop)
        tidying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tidying
    say("Stopped. Nothing is lost; the next start goes on.")
    return Exit.DONE


async def _tidy_now_and_then(app: App) -> None:
    while True:
        with contextlib.suppress(StorageError):
            await tidy(app.ports)
        await asyncio.sleep(_TIDY_S)


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
