"""What a provider tells by itself: its ticket where the submit's answer is still out, else a hint to look now."""

from __future__ import annotations

import contextlib
import hashlib
from collections import OrderedDict
from collections.abc import Callable

from bot.asking import asked
from bot.catalogue import Offer
from bot.links import job_of
from bot.ports import Ports
from providers.kit.provider import Forged, Hook, Ticket
from storage.contract import Facts, Job, Move
from storage.errors import Stale
from storage.states import Event, State

READ_S = 4.0
"""Novita wants its answer within 5 s."""
_REMEMBERED_S = 600.0
_MOST_REMEMBERED = 10_000


async def heard(ports: Ports, order_key: str, hook: Hook) -> Job | None:
    """Take a webhook about an order; the job that is due now, None where it says nothing new.

    Raises:
        Forged: the provider did not send it, or not just now.
        ProviderError: it could not be checked; the sender may try again.
        Unknown: there is no such job.
    """
    job = await ports.store.job(job_of(order_key))
    offer = ports.catalogue.get(job.offer)
    if offer is None or job.order_key != order_key:
        return None
    ticket = await _ticket_of(offer, hook)
    job = await ports.store.job(job.id)
    if ticket is None or job.order_key != order_key:
        return None
    match job.state:
        case State.SUBMITTING | State.UNSURE:
            return await _found(ports, job, offer, ticket)
        case State.GENERATING | State.LATE:
            return await _due_now(ports, job)
    return None


async def _ticket_of(offer: Offer, hook: Hook) -> Ticket | None:
    """Ask the provider's file; None where it reads no webhooks."""
    read_hook = offer.provider.read_hook
    if read_hook is None:
        return None

    async def read() -> Ticket | Forged:
        try:
            return await read_hook(offer.connection, hook)
        except Forged as forged:
            return forged

    ticket = await asked(read(), READ_S)
    if isinstance(ticket, Forged):
        raise ticket
    return ticket


async def _found(ports: Ports, job: Job, offer: Offer, ticket: Ticket) -> Job:
    """Keep the ticket at once: it may come before the answer to the submit, or instead of it."""
    facts = Facts(ticket=ticket, deadline_ms=offer.deadline_s * 1000, heard=True)
    with contextlib.suppress(Stale):  # somebody else knew it first
        return await ports.store.record(Move(job=job.id, expected=job.state, event=Event.TICKET, facts=facts))
    return await _due_now(ports, job)


async def _due_now(ports: Ports, job: Job) -> Job:
    await ports.store.nudge(job.id)
    return await ports.store.job(job.id)


class Replays:
    """The webhooks that were taken in the last ten minutes, by what was signed."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._taken: OrderedDict[bytes, float] = OrderedDict()

    def knows(self, order_key: str, hook: Hook) -> bool:
        """Tell whether this was heard before."""
        at_s = self._taken.get(_digest(order_key, hook))
        return at_s is not None and self._monotonic() - at_s < _REMEMBERED_S

    def remember(self, order_key: str, hook: Hook) -> None:
        """Keep in mind that this was heard."""
        self._taken[_digest(order_key, hook)] = now_s = self._monotonic()
        while len(self._taken) > _MOST_REMEMBERED or now_s - next(iter(self._taken.values())) >= _REMEMBERED_S:
            self._taken.popitem(last=False)


def _digest(order_key: str, hook: Hook) -> bytes:
    signatures = sorted(f"{name}: {value}" for name, value in hook.headers.items() if "signature" in name)
    return hashlib.sha256("\n".join([order_key, *signatures, ""]).encode() + hook.body).digest()
