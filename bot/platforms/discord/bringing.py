"""What people attach on Discord, brought to files for as long as the desk looks at it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import discord

from bot.language import tr
from bot.platforms.contract import Answer, Asking, Command, Desk, Message
from bot.platforms.discord.asking import Media, Offered

FILE_MAX_BYTES = 50_000_000
_FETCH_S = 60.0
_AT_ONCE = 8
_BLOCK_BYTES = 1 << 18
_PREFIX = "asked-"
_LEFT_BEHIND_S = 3600.0


class Unfetched(Exception):
    """A file cannot be had; the message says why to whoever sent it."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.head)
        self.message = message


class Bringer:
    """Brings commands and their files to the desk, the files by way of a folder; few are fetched at once, whoever asks."""

    def __init__(self, client: discord.Client, desk: Desk, folder: Path) -> None:
        self._http, self._desk, self._folder = client.http, desk, folder
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def ask(self, about: Mapping[str, Any], image: Offered | None, audio: Offered | None, **told: Any) -> Answer:
        """Ask for a video by the fields of a command; nothing is fetched for whom nobody serves there.

        Raises:
            Unfetched: a file is too large, or did not come.
        """
        if (refused := await self._desk.welcome(Asking(**about))) is not None:
            return refused
        async with self._fetched(image, audio) as (image_path, audio_path):
            return await self._desk.ask(Command(**about, image=image_path, audio=audio_path, **told))

    async def keep(self, asking: Asking, key: str, media: Media) -> None:
        """Have what a form is about kept.

        Raises:
            Unfetched: as above.
        """
        async with self._fetched(media.picture, media.sound) as (image, audio):
            await self._desk.keep(asking, key, image, audio)

    @asynccontextmanager
    async def _fetched(self, *files: Offered | None) -> AsyncIterator[list[Path | None]]:
        """Yield a file on this machine for each that there is, until the block ends."""
        for each in files:
            if each is not None and each.size_bytes > FILE_MAX_BYTES:
                raise _too_large(each.size_bytes)
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=self._folder, ignore_cleanup_errors=True) as folder:
            yield [await self._fetch(each, Path(folder) / str(at)) for at, each in enumerate(files)]

    async def _fetch(self, file: Offered | None, into: Path) -> Path | None:
        if file is None:
            return None
        try:
            async with self._places, asyncio.timeout(_FETCH_S):
                await self._save(file.url, into)
        except (aiohttp.ClientError, TimeoutError):
            sorry = (tr("The file did not come from Discord. Send the same once more; nothing was charged."),)
            raise Unfetched(Message(head=tr("Not sent."), text=sorry)) from None
        return into

    async def _save(self, url: str, into: Path) -> None:
        """Write block by block what discord.py would hold in memory, over the same connections and proxy."""
        http = self._http
        async with (
            aiohttp.ClientSession(connector=http.connector, connector_owner=False) as session,
            session.get(url, proxy=http.proxy, proxy_auth=http.proxy_auth) as came,
        ):
            came.raise_for_status()
            with await asyncio.to_thread(into.open, "wb") as file:
                async for block in came.content.iter_chunked(_BLOCK_BYTES):
                    await asyncio.to_thread(file.write, block)
                    if file.tell() > FILE_MAX_BYTES:
                        raise _too_large(file.tell())


def tidy(folder: Path) -> None:
    """Remove what a process that was killed left behind: nobody's picture stays longer than it is needed."""
    for each in folder.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - each.stat().st_mtime > _LEFT_BEHIND_S:
                shutil.rmtree(each)


def _too_large(size_bytes: int) -> Unfetched:
    size, most = (round(each / 1_000_000) for each in (size_bytes, FILE_MAX_BYTES))
    told = tr("It has {size}\u00a0MB; {most}\u00a0MB is the most. Nothing was charged.", size=size, most=most)
    return Unfetched(Message(head=tr("That file is too large."), text=(told,)))
