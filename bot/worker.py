"""The worker: one durable, fenced step of one job, and every step of one job in turn."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace

from bot import replies, trouble
from bot.cards import Cards, spot_of
from bot.catalogue import Offer
from bot.gate import Gate
from bot.ordering import order_of, reachable
from bot.platforms.errors import PlatformError
from bot.ports import Ports
from bot.stages import ONLY_THE_CLOCK, STAGES, Stage, following, move, submit, void
from providers.kit.errors import ProviderError, Unpublished
from providers.kit.provider import Order
from storage.contract import Job, Move
from storage.errors import Stale, StorageError, Unavailable
from storage.states import FINAL, Event, State

log = logging.getLogger(__name__)

LEASE_S = 15.0
STOP_S = 5.0
FREE_FLOOR_BYTES = 64_000_000
_WATCH_S = 0.25
_RECORD_AGAIN_S = 0.5
_TELL_S = 2.0


class Worker:
    """Makes steps. With `only` it serves that one job and keeps its lease between steps."""

    def __init__(
        self,
        ports: Ports,
        *,
        lease_s: float = LEASE_S,
        only: str | None = None,
        holder: str | None = None,
        free_floor_bytes: int = FREE_FLOOR_BYTES,
    ) -> None:
        self._ports, self._lease_ms, self._only = ports, int(lease_s * 1000), only
        self._free_floor_bytes = free_floor_bytes
        self._holder = holder or uuid.uuid4().hex
        self.cards = Cards(ports)
        self._gate = Gate()
        self._busy: set[str] = set()

    async def step(self, job_id: str) -> Job | None:
        """Make one durable step; None where there is none to make here. Safe at any time, any number of times."""
        if job_id in self._busy:
            return None
        self._busy.add(job_id)
        try:
            return await self._step(job_id)
        finally:
            self._busy.discard(job_id)

    async def admit(self, offer_name: str) -> Job | None:
        """Submit the fairest queued job of an offer, if there is room for it and room on the disk for its ticket."""
        offer = self._ports.catalogue.get(offer_name)
        if offer is None or offer.off is not None or self._is_troubled(offer_name) or not self._room_on_disk():
            return None
        async with self._gate.passage(alone=False):
            since_s, lease_ms = self._ports.monotonic(), int(1500 * offer.spec.submit_s)
            terms, holder = offer.terms, self._holder
            admitted = await self._ports.store.admit(terms, lease_ms=lease_ms, holder=holder, only=self._only)
            if admitted is None:
                return None
            await self._tell(admitted)
            ready = await self._ready(admitted, offer)
            if isinstance(ready, Order) and self._ports.monotonic() - since_s > 0.5 * offer.spec.submit_s:
                ready = move(admitted, Event.VOID_WAIT, detail="the lease might not outlast the call")
            if isinstance(ready, Order):
                order = ready
                ready = await self._made(admitted, lambda ports, job: submit(ports, job, order))
        return await self._record(ready, admitted)

    async def _ready(self, job: Job, offer: Offer) -> Order | Move:
        """Return what is sent, or the move for a job that was not sent: told to stop here, it goes back into the line."""
        try:
            return await reachable(self._ports, order_of(self._ports, job, offer))
        except Unpublished as proof:
            await trouble.of_submit(self._ports, job, proof)
            return void(self._ports, job, proof)
        except asyncio.CancelledError:
            with contextlib.suppress(StorageError):
                await self._ports.store.record(move(job, Event.VOID_WAIT))
            raise

    async def drive(self, job_id: str, *, until: Callable[[Job], bool], stop: asyncio.Event) -> Job:
        """Make a job's steps in turn, or watch them where another process makes them, until it stands as wished."""
        await self._ports.paces.refresh(offer.spec for offer in self._ports.catalogue.on())
        while True:
            made = await self._unless_stopped(self.step(job_id), stop)
            job = await self._ports.store.job(job_id)
            if until(job) or job.state in FINAL or stop.is_set():
                return job
            await self._tell(job)
            pause_s = _WATCH_S if job.due_in_ms is None else min(job.due_in_ms / 1000, _WATCH_S * 4)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s if made is not None else max(pause_s, _WATCH_S))

    async def _unless_stopped(self, step: Coroutine[None, None, Job | None], stop: asyncio.Event) -> Job | None:
        """Make a step; told to stop, give it a few seconds to end by itself."""
        making, stopping = asyncio.create_task(step), asyncio.create_task(stop.wait())
        await asyncio.wait({making, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not making.done():
            await asyncio.wait({making}, timeout=STOP_S)
            making.cancel()
        stopping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            return await making
        return None

    async def let_go(self, job: Job) -> None:
        """Give up the lease of a job, so that whoever comes next need not wait for it to lapse."""
        if job.holder == self._holder and job.state is not State.SUBMITTING:
            await self._ports.store.renew(job.id, fence=job.fence, lease_ms=0)

    async def _step(self, job_id: str) -> Job | None:
        store = self._ports.store
        job = await store.job(job_id)
        waits = job.due_in_ms is None or job.state in ONLY_THE_CLOCK
        if job.state in FINAL or (waits and not job.clock_due):
            return None
        if job.state is State.QUEUED and not job.clock_due and self._waits_its_turn(job):
            return await self.admit(job.offer)
        early = bool(job.due_in_ms) or (
            job.state is State.DELIVERING and job.place.platform not in self._ports.platforms
        )
        if (early and not job.clock_due) or (job.state is State.SUBMITTING and job.lease_left_ms):
            return None
        claimed = await store.claim(job_id, lease_ms=self._lease_ms, holder=self._holder)
        return None if claimed is None else await self._advance(claimed, STAGES[claimed.state])

    async def _advance(self, job: Job, stage: Stage) -> Job | None:
        """Do what a leased job's state asks for, and record what came of it."""
        async with self._lease_renewed(job), self._gate.passage(alone=job.alone):
            if job.state is State.DELIVERING:
                await self._open_thread(job)
            next_move = await self._made(job, stage)
        return await self._record(next_move, job)

    async def _made(self, job: Job, stage: Stage) -> Move:
        try:
            return await stage(self._ports, job)
        except asyncio.CancelledError:
            await self._interrupted(job)
            raise
        except StorageError:
            await self._interrupted(job)
            raise
        except Exception as error:
            log.exception("step failed", extra={"job": job.id, "state": job.state})
            if job.state is not State.PREPARING:
                raise
            return move(job, Event.INTERNAL, detail=type(error).__name__)

    async def _record(self, next_move: Move, before: Job) -> Job | None:
        """Write a move down, however long the disk takes to have room for it: a ticket must not be lost."""
        held = replace(next_move, hold_ms=self._lease_ms if self._only else 0)
        while True:
            try:
                job = await self._ports.store.record(held)
            except Stale as stale:
                log.warning("write refused", extra={"job": held.job, "event": held.event, "why": str(stale)})
                return None
            except Unavailable:
                facts = {"job": held.job, "event": held.event, "ticket": held.facts.ticket}
                log.exception("cannot be written, is tried again", extra=facts)
                await asyncio.sleep(_RECORD_AGAIN_S)
                continue
            level = logging.DEBUG if held.event is Event.RUNNING else logging.INFO
            log.log(level, "moved", extra={"job": job.id, "event": held.event, "state": job.state})
            await self._tell(job)
            await self._tell_more(held, before, job)
            if job.state in FINAL:
                await self._erase_order(job)
            return job

    @asynccontextmanager
    async def _lease_renewed(self, job: Job) -> AsyncIterator[None]:
        """Renew the lease while a long stage runs; a submit's lease outlasts its call and is left alone."""
        if job.state is State.SUBMITTING:
            yield
            return
        renewing = asyncio.create_task(self._renew_until_cancelled(job))
        try:
            yield
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing

    async def _renew_until_cancelled(self, job: Job) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            with contextlib.suppress(StorageError):
                await self._ports.store.renew(job.id, fence=job.fence, lease_ms=self._lease_ms)

    async def _interrupted(self, job: Job) -> None:
        """Write down, when we are told to stop in the middle, what is then known."""
        with contextlib.suppress(StorageError):
            if job.state is State.SUBMITTING:
                await self._ports.store.record(move(job, Event.NO_ANSWER))
            else:
                await self.let_go(job)

    async def _open_thread(self, job: Job) -> None:
        """Show the card before the video goes below it; where it cannot be shown the video goes all the same."""
        with contextlib.suppress(StorageError):
            await self.cards.show(job.id)

    async def _tell(self, job: Job) -> None:
        """Show where a job stands, where it was asked for; a card is shown beside all else, as a paid call may be waiting."""
        platform = self._ports.platforms.get(job.place.platform)
        if platform is None or platform.abilities.cards:
            self.cards.poke(job)
        elif self._ports.catalogue.get(job.offer) is not None and not job.hidden and job.state not in FINAL:
            async with _as_a_notice(job):
                await platform.show_card(await self.cards.lined(job), {})

    async def _erase_order(self, job: Job) -> None:
        """Remove what the provider keeps on this machine and what was lent to it; what a crash leaves is swept, or expires."""
        offer = self._ports.catalogue.get(job.offer)
        if offer is not None and offer.provider.erase is not None and job.submits:
            with contextlib.suppress(ProviderError, OSError):
                await offer.provider.erase(offer.connection, job.order_key)
        if job.submits:
            await self._ports.publisher.withdraw(job.order_key, job.prepared)

    async def _tell_more(self, made: Move, before: Job, job: Job) -> None:
        """Say, where no card does, what was changed in the picture and the sound, and that another offer makes it."""
        told = None
        if made.event is Event.PREPARED:
            told = replies.changed(job.prepared)
        elif job.offer != before.offer:
            told = replies.moved(before, job, made.facts.detail)
        platform = self._ports.platforms.get(job.place.platform)
        if platform is not None and not platform.abilities.cards and told is not None and not job.hidden:
            async with _as_a_notice(job):
                await platform.say(spot_of(job), told)

    def _waits_its_turn(self, job: Job) -> bool:
        """Tell whether a queued job stays with its offer: it is on, and where it is in trouble no other can serve."""
        offer: Offer | None = self._ports.catalogue.get(job.offer)
        stays = not self._is_troubled(job.offer) or following(self._ports, job) is None
        return offer is not None and offer.off is None and stays

    def _is_troubled(self, offer: str) -> bool:
        return self._ports.breakers.trouble(offer) is not None

    def _room_on_disk(self) -> bool:
        free = shutil.disk_usage(self._ports.settings.database.parent).free
        if free < self._free_floor_bytes:
            log.error("the disk is full: nothing is submitted until there is room", extra={"free_bytes": free})
        return free >= self._free_floor_bytes


@asynccontextmanager
async def _as_a_notice(job: Job) -> AsyncIterator[None]:
    """Let a notice go that cannot be shown, or not soon: it is progress only, and a paid call may be waiting behind it."""
    try:
        async with asyncio.timeout(_TELL_S):
            yield
    except (PlatformError, StorageError, TimeoutError) as error:
        log.warning("a notice was not shown", extra={"job": job.id, "why": type(error).__name__})
