"""Renders one folder: `python -m providers.preview FOLDER`; a number after it is a lock that we inherit."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from providers.kit.errors import BadInput
from providers.preview.folder import (
    CANCEL,
    FAILURE,
    ORDER,
    PICTURE,
    PROGRESS,
    RESULT,
    SOUND,
    held,
    read_json,
    sync,
    write_json,
)
from providers.preview.render import Shot, render

REPORT_FRAMES = 6
MAX_RENDER_S = 900
"""Then the system ends us, which frees the lock: a look decides what comes next."""


class Stopped(Exception):
    """A cancel mark was found."""


def main(folder: Path, *, locked: bool) -> None:
    """Work on a folder, behind everything else that this machine does."""
    os.umask(0o077)
    os.nice(10)
    signal.alarm(MAX_RENDER_S)
    with ExitStack() as stack:
        if locked or stack.enter_context(held(folder)) is not None:
            work(folder)


def work(folder: Path) -> None:
    """Bring a folder to an end: a result or a failure, or neither where it is cancelled."""
    if any((folder / end).exists() for end in (RESULT, FAILURE, CANCEL)):
        return
    part = folder / "result.part"
    (folder / PROGRESS).unlink(missing_ok=True)
    try:
        render(_shot(folder), part, _Report(folder))
        sync(part)
        part.rename(folder / RESULT)
    except Stopped:
        part.unlink(missing_ok=True)
    except Exception as error:  # noqa: BLE001  the outermost point: whatever it was, the bot must be told
        part.unlink(missing_ok=True)
        write_json(folder / FAILURE, _failure(error))
    sync(folder)


def _shot(folder: Path) -> Shot:
    order = read_json(folder / ORDER) or {}
    return Shot(
        picture=folder / PICTURE,
        audio=folder / SOUND if order["audio"] else None,
        prompt=order["prompt"],
        resolution=order["resolution"],
        duration_s=order["duration"],
        sound=order["sound"],
        seed=order["seed"],
    )


class _Report:
    """Writes how far it is, and stops the work when that is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._began_s = folder, time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if done % REPORT_FRAMES:
            return
        if (self._folder / CANCEL).exists():
            raise Stopped
        elapsed_s = time.monotonic() - self._began_s
        write_json(self._folder / PROGRESS, {"done": done, "total": total, "elapsed_s": elapsed_s}, durable=False)


def _failure(error: Exception) -> dict[str, str]:
    """Say what went wrong without a word of what was asked for."""
    if isinstance(error, BadInput):
        return {"kind": error.kind, "detail": error.detail}
    told = error.strerror if isinstance(error, OSError) else None
    return {"kind": "provider_error", "detail": f"{type(error).__name__}: {told}" if told else type(error).__name__}


if __name__ == "__main__":
    main(Path(sys.argv[1]), locked=len(sys.argv) > 2)
