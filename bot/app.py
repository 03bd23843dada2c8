"""The composition root: the only place that names concrete classes, opens everything and closes it again."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.catalogue import Catalogue
from bot.intake import Intake
from bot.media.workbench import Workbench
from bot.platforms.contract import ChatPlatform
from bot.ports import Ports
from bot.settings import Settings
from bot.waker import Waker
from bot.worker import LEASE_S, Worker
from providers.kit.registry import discover
from storage.blobs import DirectoryBlobs
from storage.contract import Facts, Move, Store
from storage.errors import Stale, Unavailable
from storage.sqlite import SqliteStore
from storage.states import Event, State


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything, opened. `intake` and `worker` share a holder, so that what is accepted here is worked on here."""

    settings: Settings
    ports: Ports
    store: Store
    intake: Intake
    worker: Worker
    holder: str

    def waker(self) -> Waker:
        return Waker(self.ports, self.worker)

    def worker_of(self, job: str) -> Worker:
        """Return a worker that serves one job and keeps its lease."""
        return Worker(self.ports, only=job, holder=self.holder)


@asynccontextmanager
async def open_app(
    settings: Settings,
    platforms: Mapping[str, ChatPlatform] | None = None,
    *,
    lease_s: float = LEASE_S,
    keeps_lease: bool = False,
) -> AsyncIterator[App]:
    """Open the store, the offers and the folders; with `keeps_lease` a job accepted here is leased from the start.

    Raises:
        Unavailable: the database or the media folder cannot be used.
        BadSettings: a file that a setting names cannot be read.
    """
    workroom = _own_folder(settings.media / "work")
    spare = Path(tempfile.mkdtemp(dir=workroom, prefix="spare-"))
    store = await asyncio.to_thread(open_store, settings)
    try:
        ports = Ports(
            store=store,
            blobs=DirectoryBlobs(settings.media),
            catalogue=Catalogue(discover(), settings, workroom),
            workbench=Workbench(spare),
            platforms=platforms or {},
            settings=settings,
            monotonic=time.monotonic,
            spare=spare,
        )
        holder = uuid.uuid4().hex
        lease_ms = int(lease_s * 1000) if keeps_lease else 0
        await _settle_restored(store, ports.catalogue)
        yield App(
            settings=settings,
            ports=ports,
            store=store,
            intake=Intake(ports, lease_ms=lease_ms, holder=holder),
            worker=Worker(ports, lease_s=lease_s, holder=holder),
            holder=holder,
        )
    finally:
        await store.close()
        _empty(spare)


def open_store(settings: Settings) -> Store:
    """Open the store alone, for commands that only look or rule."""
    return SqliteStore(settings.database)


def secret_key(settings: Settings) -> bytes:
    """Return the installation's key; on the first start one is made beside the database, readable by its owner only."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = settings.database.with_suffix(".key")
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(32).encode())
        file.flush()
        os.fsync(file.fileno())
    return path.read_bytes()


async def _settle_restored(store: Store, catalogue: Catalogue) -> None:
    """After a backup was put back: nobody knows what became of the jobs it had not submitted, so none is submitted on a guess."""
    for job in await store.restored():
        offer = catalogue.get(job.offer)
        terms = offer.terms if offer is not None else None
        facts = Facts() if terms is None else Facts(deadline_ms=terms.deadline_ms, retention_ms=terms.retention_ms)
        event = Event.EXPIRED if job.state is State.HELD else Event.RESTORED
        try:
            await store.record(Move(job=job.id, expected=job.state, event=event, facts=facts))
        except Stale:
            continue
    await store.settled_restoring()


def _own_folder(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The media folder {path} cannot be made by user id {os.geteuid()}: {error.strerror}. Change STILLMOTION_MEDIA_DIR or its rights."
        ) from error
    return path


def _empty(folder: Path) -> None:
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()
