"""The bot's side of a render: a folder is placed under a job's name, and looked at until it holds an end.

Of a submit and a reconcile that race for a name exactly one wins: each renames a full folder to it, and a folder cannot
be renamed onto one that holds something.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from providers.kit.errors import MediaUnreachable, NoCapacity, NoJob, TicketUnknown, Unanswered
from providers.kit.provider import Cancelled, Finished, Outcome, Refused, Running
from providers.preview.folder import (
    CANCEL,
    FAILURE,
    LOCK,
    LOG,
    ORDER,
    PICTURE,
    PROGRESS,
    RESULT,
    SOUND,
    VOID,
    held,
    read_json,
    sync,
    write,
)

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
MAX_STARTS = 3


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unanswered(f"the preview's folder: {error.strerror}") from error


@_answered()
def place(workdir: Path, name: str, body: Mapping[str, Any], picture: Path, sound: Path | None) -> None:
    """Place a job, once under its name, and start its renderer; raises NoJob where the name is void."""
    if not NAME.fullmatch(name):
        raise NoJob("the job's key cannot name a folder")
    folder = workdir / name
    if not _taken(_built(workdir, body, picture, sound), folder) and not (folder / ORDER).exists():
        raise NoJob("the job's name was given up before it came")
    sync(workdir)
    with suppress(OSError), held(folder) as lock:  # what does not start here is started by a look
        if lock is not None and not os.fstat(lock).st_size:
            _start(folder, lock)


@_answered()
def look(workdir: Path, name: str) -> Outcome:
    """Tell how a job stands; one that nobody works on is started again."""
    folder = _known(workdir, name)
    with held(folder) as lock:
        if ended := _ended(folder):
            return ended
        if lock is not None:
            if (folder / CANCEL).exists():
                return Cancelled(billed_usd_micros=0)
            if os.fstat(lock).st_size >= MAX_STARTS:
                return Refused(kind="provider_error", detail="the renderer died again and again", billed_usd_micros=0)
            _start(folder, lock)
    return _running(folder)


@_answered()
def cancel(workdir: Path, name: str) -> None:
    """Ask for a job to be stopped; a result that is there already stays."""
    folder = _known(workdir, name)
    write(folder / CANCEL)
    sync(folder)


@_answered()
def reconcile(workdir: Path, name: str) -> bool:
    """Tell whether a job is there; if not, its name is taken so that it can never be."""
    if not NAME.fullmatch(name):
        return False
    folder = workdir / name
    if not folder.exists():
        void = _new(workdir)
        write(void / VOID)
        sync(void)
        _taken(void, folder)
    sync(workdir)
    return (folder / ORDER).exists()


@_answered()
def sweep(workdir: Path, *, before_s: float, keep: Collection[str] = ()) -> list[str]:
    """Remove the folders last touched before an instant (seconds since 1970), and return their names.

    The names of jobs that may still be submitted, reconciled or looked at belong in `keep`.
    """
    if not workdir.exists():
        return []
    old = [path for path in workdir.iterdir() if path.name not in keep and path.stat().st_mtime < before_s]
    for path in old:
        _remove(path)
    return [path.name for path in old]


@_answered()
def remove(workdir: Path, name: str) -> None:
    """Remove a job's folder with all that it holds, if it is there."""
    if NAME.fullmatch(name) and (workdir / name).exists():
        _remove(workdir / name)


def _remove(folder: Path) -> None:
    """Remove a folder in one step for whoever looks."""
    gone = _new(folder.parent)
    folder.rename(gone)
    shutil.rmtree(gone)


def _known(workdir: Path, name: str) -> Path:
    folder = workdir / name
    if not NAME.fullmatch(name) or not (folder / ORDER).exists():
        raise TicketUnknown("no job of this name is here")
    return folder.resolve()


def _new(workdir: Path) -> Path:
    workdir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".", dir=workdir))


def _built(workdir: Path, body: Mapping[str, Any], picture: Path, sound: Path | None) -> Path:
    """Build the whole folder under a name of its own; as long as it has that, no job exists."""
    building = None
    try:
        building = _new(workdir)
        write(building / ORDER, json.dumps(body).encode())
        write(building / PICTURE, picture.read_bytes())
        if sound:
            write(building / SOUND, sound.read_bytes())
        write(building / LOCK)
        sync(building)
    except OSError as error:
        if building:
            shutil.rmtree(building, ignore_errors=True)
        refusal = MediaUnreachable if isinstance(error, FileNotFoundError) else NoCapacity
        raise refusal(f"the preview's folder: {error.strerror}") from error
    return building


def _taken(building: Path, folder: Path) -> bool:
    """Give a built folder its name; False where the name is taken."""
    try:
        building.rename(folder)
    except OSError as error:
        shutil.rmtree(building, ignore_errors=True)
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            return False
        raise
    return True


def _start(folder: Path, lock: int) -> None:
    """Start a renderer that outlives us. It inherits the lock, whose length counts the starts even on a full disk."""
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "providers.preview", str(folder), str(lock)],
            cwd=ROOT,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # no token for who opens strangers' files
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,
        )
    finally:
        os.close(log)
    os.ftruncate(lock, os.fstat(lock).st_size + 1)
    threading.Thread(target=process.wait, name="preview-renderer", daemon=True).start()


def _ended(folder: Path) -> Finished | Refused | None:
    if (folder / RESULT).exists():
        order = read_json(folder / ORDER) or {}
        return Finished(link=(folder / RESULT).as_uri(), seed=order["seed"], billed_usd_micros=0)
    if failure := read_json(folder / FAILURE):
        return Refused(**failure, billed_usd_micros=0)
    return None


def _running(folder: Path) -> Running:
    told = read_json(folder / PROGRESS)
    if not told:
        return Running(progress=0.0)
    left = told["total"] - told["done"]
    return Running(progress=told["done"] / told["total"], eta_s=told["elapsed_s"] / told["done"] * left)
