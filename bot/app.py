"""The composition root: the only place that names concrete classes, opens everything and closes it again."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.catalogue import Catalogue
from bot.intake import Intake
from bot.media.workbench import Workbench
from bot.platforms.contract import ChatPlatform
from bot.ports import Ports
from bot.settings import Settings
from bot.spare import spare_folder
from bot.waker import Waker
from bot.worker import LEASE_S, Worker
from providers.kit.registry import discover
from storage.blobs import DirectoryBlobs
from storage.contract import Facts, Move, Store
from storage.errors import Stale, Unavailable
from storage.sqlite import SqliteStore
from storage.states import Event, State

_UNKNOWN_OFFER_MS = (1800_000, 7 * 86_400_000)
"""How long to wait, and to keep asking, for a job whose offer is not installed any more: deadline and retention."""


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
    store = await asyncio.to_thread(open_store, settings)
    try:
        with _own_folders(settings.media) as (workroom, spare):
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
        waits_ms = _UNKNOWN_OFFER_MS if offer is None else (offer.terms.deadline_ms, offer.terms.retention_ms)
        facts = Facts(deadline_ms=waits_ms[0], retention_ms=waits_ms[1])
        event = Event.EXPIRED if job.state is State.HELD else Event.RESTORED
        try:
            await store.record(Move(job=job.id, expected=job.state, event=event, facts=facts))
        except Stale:
            continue
    await store.settled_restoring()


@contextmanager
def _own_folders(media: Path) -> Iterator[tuple[Path, Path]]:
    """Make the folder where renderers on this machine work and one for files in the making, for this user's eyes only."""
    workroom = media / "work"
    with ExitStack() as stack:
        try:
            for folder in (media, workroom):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            spare = stack.enter_context(spare_folder(workroom))
        except OSError as error:
            raise Unavailable(
                f"The media folder {media} cannot be written by user id {os.geteuid()}: {error.strerror}. Change STILLMOTION_MEDIA_DIR or its rights."
            ) from error
        yield workroom, spare
