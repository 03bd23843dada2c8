"""The composition root: the only place that names concrete classes, opens everything and closes it again."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot import prices
from bot.breaker import Breakers
from bot.catalogue import Catalogue
from bot.desk import Desk
from bot.intake import Intake
from bot.links import Links
from bot.media.workbench import Workbench
from bot.network import Network
from bot.pace import Paces
from bot.platforms.contract import ChatPlatform
from bot.ports import Ports
from bot.publishing import Publisher
from bot.settings import BadSettings, Settings
from bot.spare import spare_folder
from bot.waker import Waker
from bot.worker import LEASE_S, Worker
from providers.kit.provider import Access, Api, Connection, Provider
from providers.kit.registry import discover
from storage.blobs import DirectoryBlobs
from storage.contract import Facts, Move, Store
from storage.errors import Stale, Unavailable
from storage.sqlite import SqliteStore
from storage.states import Event, State

if TYPE_CHECKING:
    from bot.bucket import Bucket
    from bot.platforms.discord.client import DiscordPlatform

_PROBE_S = 3.0
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
    chats: Mapping[str, DiscordPlatform]

    def waker(self) -> Waker:
        return Waker(self.ports, self.worker)

    def desk(self, platform: str, wake: Callable[[str], None]) -> Desk:
        """Return what a chat platform brings people's wishes to."""
        return Desk(self.ports, self.intake, platform, wake=wake)

    @asynccontextmanager
    async def public_side(self, wake: Callable[[str], None], *, needed: bool = True) -> AsyncIterator[None]:
        """Serve media links and webhooks to the world, where there is a public address.

        Where it is not `needed` that this process does, another of the same installation may.

        Raises:
            BadSettings: somebody else listens there.
        """
        async with AsyncExitStack() as stack:
            if self.settings.public_url is not None:
                from bot.public import public_app
                from bot.serving import PortTaken, serving

                app = public_app(self.ports, self.ports.links, wake)
                try:
                    await stack.enter_async_context(serving(app, self.settings.http_host, self.settings.http_port))
                except PortTaken as taken:
                    if needed or not await self._served_by_another():
                        raise BadSettings(str(taken)) from taken
            yield

    async def _served_by_another(self) -> bool:
        """Tell whether what listens there has our secret."""
        import httpx

        host, port = self.settings.http_host, self.settings.http_port
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}{self.ports.links.probe_path()}"
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=_PROBE_S) as client:
                return (await client.get(url)).status_code == httpx.codes.NO_CONTENT
        except httpx.HTTPError:
            return False

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
    chats: bool = False,
) -> AsyncIterator[App]:
    """Open the store, the offers and the folders.

    With `keeps_lease` a job accepted here is leased from the start; with `chats` every chat platform that has a token is
    there too.

    Raises:
        Unavailable: the database or the media folder cannot be used.
        BadSettings: a file that a setting names cannot be read.
    """
    async with AsyncExitStack() as stack:
        store = await asyncio.to_thread(open_store, settings)
        stack.push_async_callback(store.close)
        workroom, spare = stack.enter_context(_own_folders(settings.media))
        providers = discover()
        network = Network(settings, providers)
        stack.push_async_callback(network.close)
        chatting = _chats(settings, network, workroom / "discord") if chats else {}
        ports = _ports(settings, store, network, workroom, spare, {**(platforms or {}), **chatting})
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
            chats=chatting,
        )


def _chats(settings: Settings, network: Network, folder: Path) -> dict[str, DiscordPlatform]:
    """Return the chat platforms that have a token, not yet running."""
    token, base = settings.discord_bot_token, settings.discord_api_base_url
    if token is None:
        return {}
    from bot.platforms.discord.client import DiscordPlatform

    discord = DiscordPlatform(
        token.get_secret_value(),
        base,
        folder,
        operators=settings.admins,
        allow_dm=settings.allow_dm,
        proxy=network.proxy(base),
        tls=network.tls,
    )
    return {discord.name: discord}


def _ports(
    settings: Settings,
    store: Store,
    network: Network,
    workroom: Path,
    spare: Path,
    platforms: Mapping[str, ChatPlatform],
) -> Ports:
    catalogue = Catalogue(network.providers, settings, workroom, apis=network.apis)
    prices.recall(catalogue)
    links = Links(_link_secret(settings), settings.public_url)
    return Ports(
        store=store,
        blobs=DirectoryBlobs(settings.media),
        catalogue=catalogue,
        workbench=Workbench(spare),
        platforms=platforms,
        settings=settings,
        network=network,
        links=links,
        publisher=Publisher(links, _bucket(settings), _lenders(catalogue)),
        breakers=Breakers(time.monotonic),
        paces=Paces(store, time.monotonic),
        monotonic=time.monotonic,
        spare=spare,
        arriving=workroom / "arriving",
    )


def _link_secret(settings: Settings) -> bytes:
    """Return what links are made of; where there are none, no key is made for them."""
    return secret_key(settings) if settings.public_url or settings.media_bucket else b""


def _bucket(settings: Settings) -> Bucket | None:
    if settings.media_bucket is None:
        return None
    from bot.bucket import Bucket, BucketTrouble

    try:
        return Bucket(settings.media_bucket, settings.aws())
    except BucketTrouble as trouble:
        raise BadSettings(
            f"STILLMOTION_MEDIA_BUCKET: the AWS_ names do not go together ({trouble}). A key needs its secret."
        ) from trouble


def _lenders(catalogue: Catalogue) -> list[tuple[Provider, Connection]]:
    """Return the providers that would keep a file for others to fetch."""
    found = ((provider, catalogue.connections[name]) for name, provider in catalogue.providers.items())
    return [(provider, connection) for provider, connection in found if provider.publish and connection.api]


@asynccontextmanager
async def open_network(settings: Settings) -> AsyncIterator[Catalogue]:
    """Open the offers and their providers' APIs alone, for commands that only ask there.

    Raises:
        BadSettings: the certificates or the trusted hosts cannot be read.
    """
    network = Network(settings, discover())
    try:
        yield Catalogue(network.providers, settings, settings.media / "work", apis=network.apis)
    finally:
        await network.close()


@asynccontextmanager
async def open_api(settings: Settings, access: Access) -> AsyncIterator[Api | None]:
    """Open one API alone; None where there is no key for it.

    Raises:
        BadSettings: the certificates cannot be read.
    """
    api = Network(settings, {}).api(access)
    try:
        yield api
    finally:
        if api is not None:
            await api.close()


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
            for folder in (media, workroom, workroom / "arriving"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            spare = stack.enter_context(spare_folder(workroom))
        except OSError as error:
            raise Unavailable(
                f"The media folder {media} cannot be written by user id {os.geteuid()}: {error.strerror}. Change STILLMOTION_MEDIA_DIR or its rights."
            ) from error
        yield workroom, spare
