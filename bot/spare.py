"""A folder for files in the making: one a process, locked while the process lives, removed once it is gone."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "spare-"
_LOCK = ".lock"
_SURELY_MADE_S = 60.0


@contextmanager
def spare_folder(workroom: Path) -> Iterator[Path]:
    """Make one, and remove what killed processes left behind: people's pictures may lie there."""
    _remove_abandoned(workroom)
    folder = Path(tempfile.mkdtemp(dir=workroom, prefix=_PREFIX))
    try:
        with (folder / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(workroom: Path) -> None:
    for folder in workroom.glob(f"{_PREFIX}*"):
        if not _is_used(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_used(folder: Path) -> bool:
    """Tell whether a living process holds the folder; one without a lock may only just be being made."""
    try:
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return folder.exists() and time.time() - folder.stat().st_mtime < _SURELY_MADE_S
    return False
