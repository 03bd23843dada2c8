"""Brings due jobs to the worker, at least once: one heap, one timer, and a sweep for what others left."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

from bot.ports import Ports
from bot.speaking import speak
from bot.worker import STOP_S, Worker
from storage.contract import Job
from storage.errors import StorageError
from storage.states import FINAL, OCCUPYING, State

log = logging.getLogger(__name__)

SWEEP_S = 1.0
MOST_AT_ONCE = 64
_SWEPT = 500
_VOICES = 8
"""How many may be saying what is owed at once: where one waits for a slow server, others go on."""


class Waker:
    """Holds what is due and when; which of them may be served, the store decides when it is asked."""

    def __init__(self, ports: Ports, worker: Worker, *, sweep_s: float = SWEEP_S) -> None:
        self._ports, self._worker, self._sweep_s = ports, worker, sweep_s
        self._due: list[tuple[float, str]] = []
        self._at: dict[str, float] = {}
        self._swept_at_s = ports.monotonic()
        self._woken = asyncio.Event()
        self._stop = asyncio.Event()
        self._steps: set[asyncio.Task[None]] = set()
        self._voices: set[asyncio.Task[None]] = set()

    @property
    def swept_ago_s(self) -> float:
        """How long ago the last sweep went well, or the start where there was none."""
        return self._ports.monotonic() - self._swept_at_s

    def wake(self, job_id: str, in_s: float = 0.0) -> None:
        """Ask for a step after so many seconds; an earlier wish stands."""
        at_s = self._ports.monotonic() + in_s
        if at_s < self._at.get(job_id, float("inf")):
            self._at[job_id] = at_s
            heapq.heappush(self._due, (at_s, job_id))
            self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; then let running steps end, for a few seconds, and let the rest go."""
        self._stop = stop
        stopping = asyncio.create_task(stop.wait())
        sweep_at_s = self._ports.monotonic()
        while not stop.is_set():
            if self._ports.monotonic() >= sweep_at_s:
                await self._sweep()
                sweep_at_s = self._ports.monotonic() + self._sweep_s
            self._start_due()
            await self._sleep(sweep_at_s, stopping)
        await self._finish()

    async def _sweep(self) -> None:
        """Wake what is overdue, and let queued jobs in wherever a place is free."""
        offers = self._ports.catalogue.offers.values()
        try:
            overdue = await self._ports.store.overdue(
                offers=[offer.name for offer in offers],
                platforms=list(self._ports.platforms),
                closed=[offer.name for offer in offers if offer.off is not None],
                most=_SWEPT,
            )
        except StorageError:
            log.exception("the sweep failed and is made again")
            return
        self._swept_at_s = self._ports.monotonic()
        for job_id in overdue:
            self.wake(job_id)
        for offer in self._ports.catalogue.on():
            self._spawn(self._fill(offer.name))
        self._speak_soon()
        self._spawn(self._learn())

    def _start_due(self) -> None:
        now_s = self._ports.monotonic()
        while self._due and self._due[0][0] <= now_s and len(self._steps) < MOST_AT_ONCE:
            at_s, job_id = heapq.heappop(self._due)
            if self._at.get(job_id) == at_s:
                del self._at[job_id]
                self._spawn(self._step(job_id))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        step = asyncio.create_task(work)
        self._steps.add(step)
        step.add_done_callback(self._stepped)

    def _stepped(self, step: asyncio.Task[None]) -> None:
        self._steps.discard(step)
        self._woken.set()

    async def _step(self, job_id: str) -> None:
        with _survived(job_id):
            self._speak_soon()
            job = await self._worker.step(job_id)
            if job is not None:
                self._speak_soon()
                self._follow(job)
                if job.state not in OCCUPYING:
                    await self._fill(job.offer)

    def _speak_soon(self) -> None:
        """Say what is owed, beside all else; what is not said now is found by the next sweep."""
        if len(self._voices) < _VOICES:
            voice = asyncio.create_task(self._speak())
            self._voices.add(voice)
            voice.add_done_callback(self._voices.discard)

    async def _speak(self) -> None:
        with _survived("what people are owed"):
            await speak(self._ports, self._worker.cards)

    async def _learn(self) -> None:
        with _survived("paces"):
            await self._ports.paces.refresh(offer.spec for offer in self._ports.catalogue.on())

    async def _fill(self, offer: str) -> None:
        """Let queued jobs in at the offer, as long as there is room; one that is sent back into the line ends the round."""
        with _survived(offer):
            while not self._stop.is_set() and (admitted := await self._worker.admit(offer)) is not None:
                self._speak_soon()
                self._follow(admitted)
                if admitted.state is State.QUEUED:
                    return

    def _follow(self, job: Job) -> None:
        """Come back when the job is due; a queued one waits for its turn instead."""
        if job.state not in FINAL and job.state is not State.QUEUED and job.due_in_ms is not None:
            self.wake(job.id, job.due_in_ms / 1000)

    async def _sleep(self, sweep_at_s: float, stopping: asyncio.Task[bool]) -> None:
        """Sleep until the next due job, the next sweep, a wake, or the stop."""
        until_s = min([sweep_at_s, *(at_s for at_s, _ in self._due[:1] if len(self._steps) < MOST_AT_ONCE)])
        self._woken.clear()
        woken = asyncio.create_task(self._woken.wait())
        try:
            pause_s = max(0.0, until_s - self._ports.monotonic())
            await asyncio.wait({woken, stopping}, timeout=pause_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    async def _finish(self) -> None:
        if ending := self._steps | self._voices:
            _, left = await asyncio.wait(ending, timeout=STOP_S)
            for each in left:
                each.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        await self._worker.cards.close()


@contextmanager
def _survived(what: str) -> Iterator[None]:
    """Log what escaped a step: its lease lapses and the sweep makes it again."""
    try:
        yield
    except StorageError:
        log.exception("a step could not be recorded and is made again", extra={"of": what})
    except Exception:
        log.exception("a step failed and is made again", extra={"of": what})
