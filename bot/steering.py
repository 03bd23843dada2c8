"""What people decide about a job that is there: to stop it, keep it, let it go, delete its video, approve it, collect it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from weakref import WeakValueDictionary

from bot import notices, sayings
from bot.choices import chosen
from bot.delivery import DENIED, collected, priced
from bot.intake import place_of
from bot.language import later, speaking, tr
from bot.platforms.contract import Action, Asking, Message, Press, Style
from bot.platforms.errors import PlaceGone, PlatformDown, PlatformError, TooBig
from bot.ports import Ports
from bot.powers import may_steer
from bot.sayings import plain
from bot.scopes import is_allowed
from bot.wording import money, provider
from storage.contract import Facts, Job, Move
from storage.errors import OverBudget, Stale
from storage.states import FINAL, Event, Kind, State

_BEING_MADE = frozenset({State.GENERATING, State.LATE})
_ITS_PEOPLE = later("Only whoever asked for it, or a moderator, can.")


class Steering:
    """Records what was decided; `wake` brings a job to its next step at once."""

    def __init__(self, ports: Ports, wake: Callable[[str], None], now_ms: Callable[[], int]) -> None:
        self._ports, self._wake, self._now_ms = ports, wake, now_ms
        self._collecting: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def cancel(self, press: Press, job: Job) -> Message:
        """Stop a job: at once before it is sent, by its provider afterwards, by a choice where that cannot."""
        if not may_steer(press, job):
            return plain(tr("You may not cancel this video."), tr(_ITS_PEOPLE))
        if job.hidden or job.state in FINAL:
            return plain(tr("It is over already."), tr("There is nothing left to cancel."))
        if job.state in {State.FETCHING, State.DELIVERING}:
            return plain(tr("Too late to cancel."), tr("The video is made and comes in a moment."))
        if job.state is State.KEPT:
            return _ready(job)
        if job.state in _BEING_MADE and not self._can_stop(job):
            return sayings.cannot_stop(job)
        return _cancelled(await self._moved(press, job, Event.CANCEL))

    def _can_stop(self, job: Job) -> bool:
        offer = self._ports.catalogue.get(job.offer)
        return offer is not None and offer.off is None and offer.provider.cancel is not None

    async def keep(self, press: Press, job: Job) -> Message:
        """Take back a cancel, or leave things as they are where there was none."""
        if not may_steer(press, job):
            return plain(tr("You may not decide about this video."), tr(_ITS_PEOPLE))
        if job.hidden:
            return plain(tr("It was discarded already."), tr("That cannot be taken back."))
        if job.state in _BEING_MADE and job.wished:
            await self._moved(press, job, Event.KEEP)
        return plain(tr("Kept."), tr("It comes here when it is ready."))

    async def discard(self, press: Press, job: Job) -> Message:
        """Let a job go that cannot be stopped, or a video that waits to be collected."""
        if not may_steer(press, job):
            return plain(tr("You may not discard this video."), tr(_ITS_PEOPLE))
        if job.hidden or job.state is State.CANCELLED:
            return plain(tr("It was discarded already."))
        if job.state not in _BEING_MADE | {State.KEPT}:
            return sayings.moved_on()
        return sayings.discarded(await self._moved(press, job, Event.DISCARDED))

    async def delete(self, press: Press, job: Job) -> Message:
        """Ask once more before a video is gone for everybody."""
        refused = await self._undeletable(press, job)
        return refused or sayings.asks_to_delete(job, self._ports.settings.keep_days)

    async def deleted(self, press: Press, job: Job) -> Message:
        """Take the video's message away; one that stands nowhere any more is noted as gone."""
        refused = await self._undeletable(press, job)
        if refused is not None:
            return refused
        reference = (await self._ports.store.references(job.id)).get("video", "")
        try:
            await self._ports.platforms[job.place.platform].remove(reference)
        except PlaceGone:
            return plain(
                tr("I cannot delete it."),
                tr("I may not reach its place any more: whoever keeps order there can delete the message."),
            )
        except PlatformDown:
            return plain(tr("It could not be deleted just now."), tr("Try again in a moment."))
        await self._ports.store.deleted(job.id, by=f"user:{press.user}")
        self._wake(job.id)
        return plain(tr("Deleted."), tr("What it cost stays charged."))

    async def _undeletable(self, press: Press, job: Job) -> Message | None:
        if not may_steer(press, job):
            return plain(tr("You may not delete this video."), tr(_ITS_PEOPLE))
        has_video = job.state is State.DELIVERED and (await self._ports.store.references(job.id)).get("video")
        return None if has_video else plain(tr("There is no video of it to delete."))

    async def approve(self, press: Press, job: Job) -> Message:
        """Let a held request go on: an admin where an admin set the budget, an operator anywhere."""
        if not (press.is_admin or press.is_operator):
            return plain(tr("You may not approve this."), tr("Only an admin here can."))
        if job.state is not State.HELD:
            return await self._decided(job)
        if not (press.is_operator or job.is_for_admins):
            return plain(tr("You may not approve this."), tr("Only the people who run this bot can."))
        facts = Facts(by=f"user:{press.user}", rules=self._ports.settings.rules)
        try:
            moved = await self._ports.store.record(
                Move(job=job.id, expected=State.HELD, event=Event.APPROVED, facts=facts)
            )
        except OverBudget as over:
            return sayings.over_budget(over.budget)
        except Stale:
            return await self._decided(await self._ports.store.job(job.id))
        self._wake(job.id)
        return plain(
            tr("Approved."),
            tr("It goes on now; up to {price} is reserved for it.", price=money(moved.reserved_usd_micros)),
        )

    async def decline(self, press: Press, job: Job) -> Message:
        """End a held request; whoever may look after the budget may."""
        if not (press.is_admin or press.is_operator):
            return plain(tr("You may not decline this."), tr("Only an admin here can."))
        moved = job if job.state is not State.HELD else await self._moved(press, job, Event.DECLINED)
        if moved is job or moved.failure != Kind.DECLINED:
            return await self._decided(moved)
        return plain(tr("Declined."), tr("Nothing was charged. Whoever asked is told."))

    async def _decided(self, job: Job) -> Message:
        return notices.decided(job, await self._ports.store.trail(job.id))

    async def collect(self, asking: Asking, job: Job) -> Message:
        """Post a kept video where its requester asks now, once however often they ask at the same time."""
        if job.subjects.user != f"user:{asking.user}":
            return plain(tr("You may not collect this video."), tr("Only whoever asked for it can."))
        async with self._collecting.setdefault(job.id, asyncio.Lock()):
            return await self._collected(asking, await self._ports.store.job(job.id))

    async def _collected(self, asking: Asking, job: Job) -> Message:
        if job.state is not State.KEPT:
            return _nothing_to_collect(job)
        if job.result is None or not self._ports.blobs.path(job.result).is_file():
            return plain(
                tr("The video is not here any more."), tr("Tell the people who run this bot: job {job}.", job=job.id)
            )
        try:
            reference = await self._posted(asking, job)
        except PlaceGone:
            return plain(tr("I may not post here either."), self._where_else())
        except TooBig:
            return plain(
                tr("It is too big for this place."), tr("Ask in a server that takes larger files. The video is kept.")
            )
        except PlatformError:
            return plain(tr("It could not be posted just now."), tr("Try again in a moment. The video is kept."))
        with contextlib.suppress(Stale):
            place = place_of(job.place.platform, asking)
            facts = Facts(by=f"user:{asking.user}", message=reference, place=place)
            await self._ports.store.record(Move(job=job.id, expected=State.KEPT, event=Event.COLLECTED, facts=facts))
        cost = job.price_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
        return plain(tr("Here it is."), priced(cost))

    def _where_else(self) -> str:
        if self._ports.settings.allow_dm:
            return tr("Ask where I may, or in a direct message. The video is kept.")
        return tr("Ask where I may. The video is kept.")

    async def _posted(self, asking: Asking, job: Job) -> str:
        """Post it there, as it would have been posted where it was asked for.

        Raises:
            PlaceGone: a scope that the operator denied takes nothing, and as the platform raises it.
            TooBig, PlatformDown: as the platform does.
        """
        ports = self._ports
        if not (asking.is_private or is_allowed(asking, ports.settings, await ports.store.scopes())):
            raise PlaceGone(DENIED)
        choices = await chosen(ports.store, asking.scope)
        with speaking(choices.language):
            return await collected(ports, job, asking.spot, is_spoiler=choices.spoiler, now_ms=self._now_ms())

    async def end(self, job: Job, by: str) -> None:
        """Cancel a job whose scope is gone, wherever it has come meanwhile; one that came too far goes on."""
        try:
            await self._ports.store.record(Move(job=job.id, expected=job.state, event=Event.CANCEL, facts=Facts(by=by)))
        except Stale:
            now = await self._ports.store.job(job.id)
            if now.state is not job.state:
                await self.end(now, by)
        else:
            self._wake(job.id)

    async def _moved(self, press: Press, job: Job, event: Event) -> Job:
        """Record a decision; who came a moment too late finds the job as it then is."""
        facts = Facts(by=f"user:{press.user}")
        try:
            moved = await self._ports.store.record(Move(job=job.id, expected=job.state, event=event, facts=facts))
        except Stale:
            return await self._ports.store.job(job.id)
        self._wake(job.id)
        return moved


def _ready(job: Job) -> Message:
    return plain(
        tr("It is ready."),
        tr("It is kept until you collect it, or let it go."),
        actions=(
            Action(label=tr("Collect"), verb="collect", of=job.id),
            Action(label=tr("Discard it"), verb="discard", of=job.id, style=Style.DANGER),
        ),
    )


def _cancelled(job: Job) -> Message:
    """Return what a cancel came to, and the truth about the money."""
    who = provider(job.offer)
    match job.state:
        case State.CANCELLED:
            return plain(tr("Cancelled."), tr("Nothing was charged."))
        case State.SUBMITTING:
            return plain(
                tr("Your cancel is kept."),
                tr(
                    "It is just being sent to {who}: it is stopped where that can be. If it starts all the same, cancel "
                    "again.",
                    who=who,
                ),
            )
        case State.UNSURE:
            return plain(
                tr("Your cancel is kept."),
                tr(
                    "Nobody knows yet whether {who} is making it: if not, it ends without any cost; if so, it is stopped "
                    "where that can be.",
                    who=who,
                ),
            )
        case State.GENERATING | State.LATE if job.wished:
            return plain(
                tr("Cancelling at {who}.", who=who),
                tr("Nothing is charged if it stops in time; if it is done already, it comes here."),
            )
    return sayings.moved_on()


def _nothing_to_collect(job: Job) -> Message:
    if job.state is State.DELIVERED:
        return plain(tr("It was posted already."), tr("Nothing waits to be collected."))
    if job.state in FINAL:
        return plain(tr("There is no video of it."), tr("Nothing waits to be collected."))
    return plain(tr("It is not ready yet."), tr("It comes by itself when it is."))
