"""A render's folder, where the bot and a renderer meet: its files, written whole or not at all, and its lock."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ORDER, PICTURE, SOUND = "order.json", "picture", "sound"
LOCK, LOG, PROGRESS, CANCEL = "lock", "log", "progress.json", "cancel"
RESULT, FAILURE, VOID = "result.mp4", "failure.json", "void"


def write(path: Path, data: bytes = b"", *, durable: bool = True) -> None:
    """Write a file that only its owner can read, and see it onto the disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())


def write_json(path: Path, facts: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write a file that a reader finds either whole or not yet."""
    part = path.with_suffix(".part")
    write(part, json.dumps(facts).encode(), durable=durable)
    part.rename(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a file's content, or None where there is none, or none that survived a power cut."""
    try:
        facts: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return facts


def sync(path: Path) -> None:
    """See a file, or the names in a folder, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def held(folder: Path) -> Iterator[int | None]:
    """Hold the folder's lock, or yield None while a renderer lives.

    A process that inherits the descriptor goes on holding the lock; so it is closed here, never unlocked.
    """
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor if _locked(descriptor) else None
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
