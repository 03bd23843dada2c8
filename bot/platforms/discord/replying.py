"""How Discord is answered: the acknowledgement, the answer in its place, and words below a message."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import aiohttp
import discord

from bot.language import tr
from bot.platforms.contract import Answer, Form, Message
from bot.platforms.discord import drawing
from bot.platforms.discord.bringing import Unfetched

log = logging.getLogger(__name__)

Modal = discord.ui.Modal
Asked = discord.Interaction[Any]
TOO_LATE = frozenset({10062, 10015, 50027})
"""The codes of an interaction that nobody can answer any more."""
ANSWERED = 40060
_CLOSING_S = 2.0


def _broken() -> Message:
    return Message(head=tr("Something of ours broke."), text=(tr("Nothing was charged. Try it once more."),))


def _too_slow() -> Message:
    return Message(head=tr("That took too long."), text=(tr("Press it once more."),))


class Begun:
    """What somebody waits for: it may end before the client is closed."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def note(self, task: asyncio.Task[Any] | None = None) -> None:
        """Note a task, else the one that runs now."""
        noted = task or asyncio.current_task()
        assert noted is not None, "events come in tasks"
        self._tasks.add(noted)
        noted.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Let it come to its end, for a moment."""
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=_CLOSING_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def safely(answering: Awaitable[Answer]) -> Answer:
    """Return the answer, or words for whoever waits for one."""
    try:
        return await answering
    except Unfetched as unfetched:
        return Answer(message=unfetched.message)
    except Exception:
        log.exception("an answer broke")
        return Answer(message=_broken())


async def think(asked: Asked) -> None:
    """Acknowledge; where that came through without our hearing of it, what follows finds its place all the same."""
    try:
        await asked.response.defer(ephemeral=True, thinking=True)
    except discord.HTTPException as error:
        if error.status < 500 and error.code != ANSWERED:
            raise
    except (aiohttp.ClientError, OSError):
        log.info("an acknowledgement may be lost")


async def respond(asked: Asked, answer: Answer, draw: Callable[[Form], Modal]) -> None:
    """Give an answer as the first response."""
    if answer.form is not None:
        await asked.response.send_modal(draw(answer.form))
    elif answer.message is not None:
        await _send(asked, answer.message)
    else:
        await asked.response.defer()


@contextmanager
def _brought(message: Message) -> Iterator[list[discord.File]]:
    """Open what a message brings along; afterwards it is closed, and what was made for this message alone goes."""
    with ExitStack() as ended:
        if message.folder is not None:
            ended.callback(shutil.rmtree, message.folder, ignore_errors=True)
        files = drawing.files(message)
        for file in files:
            ended.callback(file.close)
        yield files


async def _send(asked: Asked, message: Message) -> None:
    with _brought(message) as files:
        await asked.response.send_message(view=drawing.private(message), files=files, ephemeral=True)


async def write(asked: Asked, answer: Answer) -> None:
    """Put an answer where the person reads that the bot is thinking; it is too late for a form then."""
    message = answer.message if answer.form is None else _too_slow()
    if message is None:
        await asked.delete_original_response()
        return
    with _brought(message) as files:
        await asked.edit_original_response(view=drawing.private(message), attachments=files)


async def reply(message: discord.Message, words: Message) -> None:
    """Answer a message below it, for all to see, without ringing its author."""
    content, view = drawing.plain(words)
    await message.reply(content, mention_author=False, suppress_embeds=True, view=view or discord.utils.MISSING)


async def post(channel: discord.TextChannel, words: Message) -> None:
    """Say something in a channel by itself."""
    content, view = drawing.plain(words)
    await channel.send(content, suppress_embeds=True, view=view or discord.utils.MISSING)
