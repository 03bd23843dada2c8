"""Blobs in a directory: bytes under their content hash, written whole or not at all, readable by their owner only."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from storage.errors import Unavailable

_INCOMING = ".incoming-"


class DirectoryBlobs:
    """One file a blob, in folders named after the hash's first two letters."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    async def put(self, source: Path) -> str:
        """Keep a copy of the file's bytes, durably; their sha256.

        Raises:
            Unavailable: the file cannot be read, or the folder not written.
        """
        try:
            return await asyncio.to_thread(self._put, source)
        except OSError as error:
            unread = error.filename == str(source)
            what = f"file {source} cannot be read" if unread else f"media folder {self._folder} cannot be written"
            raise Unavailable(f"The {what}: {error.strerror or error}.") from error

    def path(self, blob: str) -> Path:
        return self._folder / blob[:2] / blob

    async def remove(self, blob: str) -> None:
        await asyncio.to_thread(self.path(blob).unlink, missing_ok=True)

    async def older_than(self, age_s: float) -> list[str]:
        return await asyncio.to_thread(self._older_than, time.time() - age_s)

    def _older_than(self, before_s: float) -> list[str]:
        for half in self._folder.glob(f"{_INCOMING}*"):
            if _is_older(half, before_s):
                half.unlink(missing_ok=True)
        return [path.name for path in self._folder.glob("??/*") if _is_older(path, before_s)]

    def _put(self, source: Path) -> str:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=_INCOMING)
        try:
            with os.fdopen(handle, "wb") as copy, source.open("rb") as original:
                shutil.copyfileobj(original, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
            with Path(name).open("rb") as written:
                blob = hashlib.file_digest(written, "sha256").hexdigest()
            self.path(blob).parent.mkdir(mode=0o700, exist_ok=True)
            Path(name).replace(self.path(blob))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(self.path(blob).parent)
        return blob


def _is_older(path: Path, before_s: float) -> bool:
    """Whether a file, which another may take away meanwhile, is there and was written before that."""
    try:
        return path.stat().st_mtime < before_s
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
