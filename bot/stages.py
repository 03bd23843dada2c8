"""One step of a job in each state: what to do outside the store, and the move that records what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable

from bot import trouble
from bot.asking import asked
from bot.catalogue import Offer
from bot.delivery import deliver
from bot.fetching import fetch
from bot.media.contract import Prepared, Unfit
from bot.ordering import options_of, order_of
from bot.pace import next_reconcile_ms
from bot.ports import Ports
from bot.standing import SENT, SLOW_TO_ANSWER, TICKET_UNKNOWN, WITHDRAWN
from providers.kit.errors import NoJob, ProviderError, TicketUnknown, Withdrawn
from providers.kit.provider import Absent, Cancelled, Finished, Order, Outcome, Refused, Running, Ticket
from storage.contract import Facts, Input, Job, Move
from storage.states import Event, Kind, State

LOOK_S = 30.0
BUSY_RETRY_S = 5.0
Stage = Callable[[Ports, Job], Awaitable[Move]]


def move(job: Job, event: Event, *, due_in_ms: int | None = 0, **facts: object) -> Move:
    """Return a move of this job under its fence."""
    return Move(job=job.id, expected=job.state, event=event, facts=Facts(**facts), fence=job.fence, due_in_ms=due_in_ms)  # type: ignore[arg-type] # Facts itself names what it takes


async def hold(ports: Ports, job: Job) -> Move:
    return move(job, Event.EXPIRED)


async def prepare(ports: Ports, job: Job) -> Move:
    """Decode and normalise the media for the job's offer, and keep what will be sent."""
    if job.clock_due:
        return move(job, Event.BUSY)
    offer = _offer(ports, job)
    try:
        prepared = tuple([await _prepared(ports, job, offer, each) for each in job.inputs])
    except Unfit as unfit:
        return move(job, Event.UNFIT, detail=json.dumps({"role": unfit.role, "reason": unfit.reason, **unfit.facts}))
    return move(job, Event.PREPARED, prepared=prepared)


async def _prepared(ports: Ports, job: Job, offer: Offer, original: Input) -> Input:
    path, bench = ports.blobs.path(original.blob), ports.workbench
    if original.role == "image":
        made = await bench.prepare_image(path, offer.spec.image)
    else:
        assert offer.spec.audio is not None
        made = await bench.prepare_audio(path, offer.spec.audio, float(_options(offer, job)["duration"]))
    return await _kept(ports, original.role, made)


async def _kept(ports: Ports, role: str, made: Prepared) -> Input:
    blob = await ports.blobs.put(made.path)
    await asyncio.to_thread(made.path.unlink)
    changes = tuple({"code": change.code, **change.facts} for change in made.changes)
    return Input(
        role=role,
        blob=blob,
        mime=made.mime,
        size_bytes=made.size_bytes,
        changes=changes,
        width_px=made.width,
        height_px=made.height,
    )


async def wait(ports: Ports, job: Job) -> Move:
    """Leave an offer that is off for one that is on, or end where none is left; a turn comes through admit, not here."""
    if job.clock_due:
        return move(job, Event.BUSY)
    offer = ports.catalogue.get(job.offer)
    its_own = job.offer if offer is not None and offer.off is None else None
    after = following(ports, job) or its_own
    if after is None:
        return move(job, Event.EXHAUSTED, kind=Kind.BUSY)
    return move(job, Event.REROUTED, offer=after, detail=ports.breakers.trouble(job.offer) or "")


async def submit(ports: Ports, job: Job, order: Order) -> Move:
    """Make the paid call, once; only a proof that no job exists lets it be made again."""
    offer = _offer(ports, job)
    try:
        ticket = await asked(offer.provider.submit(offer.connection, order), offer.spec.submit_s)
    except NoJob as proof:
        await trouble.of_submit(ports, job, proof)
        return void(ports, job, proof)
    except ProviderError as error:
        await trouble.of_submit(ports, job, error)
        return move(job, Event.NO_ANSWER, detail=str(error))
    ports.breakers.worked(offer.name)
    return _ticket(ports, job, offer, ticket)


def _ticket(ports: Ports, job: Job, offer: Offer, ticket: Ticket) -> Move:
    first_look_ms = ports.paces.first_look_ms(offer.spec, job.seconds)
    return move(
        job, Event.TICKET, due_in_ms=first_look_ms, ticket=ticket, deadline_ms=offer.deadline_s * 1000, detail=SENT
    )


def _known(kind: str) -> Kind:
    """Return a provider file's failure kind; one that is none of ours is a plain failure of the provider."""
    return Kind(kind) if kind in set(Kind) else Kind.PROVIDER_ERROR


def void(ports: Ports, job: Job, proof: NoJob) -> Move:
    """Say where a proof of no job leads: to another offer, back into the line, or to the end."""
    after = following(ports, job) if proof.may_move else None
    if after is not None:
        return move(job, Event.VOID_REROUTED, offer=after, detail=proof.reason)
    if proof.kind == Kind.BUSY:
        wait_ms = int((proof.retry_after_s or BUSY_RETRY_S) * 1000)
        return move(job, Event.VOID_WAIT, due_in_ms=wait_ms, detail=proof.reason)
    detail = WITHDRAWN if isinstance(proof, Withdrawn) else proof.detail
    return move(job, Event.VOID_FAILED, kind=_known(proof.kind), detail=detail)


async def give_up(ports: Ports, job: Job) -> Move:
    """Take over a submit whose worker fell silent: the call may have been made, so it is never made again."""
    return move(job, Event.NO_ANSWER)


async def settle(ports: Ports, job: Job) -> Move:
    """Ask the provider's own log what became of a call that was never answered; nothing is ever sent again on a guess."""
    offer = ports.catalogue.get(job.offer)
    if offer is None:
        return _by_the_clock(job)
    found = await _reconciled(ports, job, offer)
    if isinstance(found, Absent):
        return move(job, Event.VOID_WAIT)
    if found is not None:
        return _ticket(ports, job, offer, found)
    event = _CLOCK[job.state, job.gave_place_back] if job.clock_due else Event.RUNNING
    return move(job, event, due_in_ms=_asks_again_ms(job, offer))


async def _reconciled(ports: Ports, job: Job, offer: Offer) -> Ticket | Absent | None:
    if offer.provider.reconcile is None:
        return None
    try:
        return await asked(offer.provider.reconcile(offer.connection, order_of(ports, job, offer)), LOOK_S)
    except ProviderError:
        return None


def _asks_again_ms(job: Job, offer: Offer) -> int | None:
    return None if offer.provider.reconcile is None else next_reconcile_ms(job)


async def look(ports: Ports, job: Job) -> Move:
    """Look once; no error and no unknown word ends a job, only the provider's own end or its retention does."""
    offer = ports.catalogue.get(job.offer)
    if offer is None:
        return _by_the_clock(job)
    if job.wished or job.hidden:
        await _ask_to_stop(job, offer)
    try:
        outcome: Outcome = await asked(offer.provider.look(offer.connection, _its_ticket(job)), LOOK_S)
    except ProviderError as error:
        if isinstance(error, TicketUnknown) and job.ticket_by_hand:
            return move(job, Event.TICKET_UNKNOWN, detail=TICKET_UNKNOWN)
        await trouble.of_look(ports, job, error)
        return _still(ports, job, offer, Running(), detail=SLOW_TO_ANSWER)
    await trouble.of_outcome(ports, job, outcome)
    return _seen(ports, job, offer, outcome)


async def _ask_to_stop(job: Job, offer: Offer) -> None:
    """Ask the provider to stop, where it can; the look that follows tells whether it did."""
    if offer.provider.cancel is None:
        return
    with contextlib.suppress(ProviderError):
        await asked(offer.provider.cancel(offer.connection, _its_ticket(job)), LOOK_S)


def _seen(ports: Ports, job: Job, offer: Offer, outcome: Outcome) -> Move:
    match outcome:
        case Finished():
            return move(
                job,
                Event.FINISHED,
                billed_usd_micros=_billed(job, outcome),
                seed=_seed(job, offer) if outcome.seed is None else outcome.seed,
                actual_prompt=outcome.actual_prompt,
            )
        case Refused(kind=kind, detail=detail):
            billed = _billed(job, outcome)
            free = billed is None and kind not in offer.spec.billed_failures
            return move(job, Event.REFUSED, kind=_known(kind), detail=detail, billed_usd_micros=0 if free else billed)
        case Cancelled():
            return move(job, Event.STOPPED, billed_usd_micros=_billed(job, outcome) or 0)
    return _still(ports, job, offer, outcome)


def _still(ports: Ports, job: Job, offer: Offer, outcome: Running, detail: str = "") -> Move:
    event = _CLOCK[job.state, False] if job.clock_due else Event.RUNNING
    due_in_ms, place = ports.paces.next_look_ms(offer.spec, job), outcome.place
    return move(job, event, due_in_ms=due_in_ms, progress=outcome.progress, provider_place=place, detail=detail)


def _billed(job: Job, outcome: Finished | Refused | Cancelled) -> int | None:
    """Return the bill; one that was told in seconds of this video is counted at the price that was shown."""
    if outcome.billed_usd_micros is not None or outcome.billed_s is None:
        return outcome.billed_usd_micros
    if outcome.billed_s <= 0 or job.price_usd_micros is None:
        return 0 if outcome.billed_s <= 0 else None
    return round(job.price_usd_micros * outcome.billed_s / job.seconds)


def _seed(job: Job, offer: Offer) -> int | None:
    """Return the seed that was sent, where the provider does not tell one; -1 asked for any."""
    sent = options_of(offer, job.request["options"], job.order_key).get("seed")
    return None if sent is None or int(sent) < 0 else int(sent)


# What the clock alone decides, by state and whether its place was given back.
_CLOCK: dict[tuple[State, bool], Event] = {
    (State.UNSURE, False): Event.DEADLINE,
    (State.UNSURE, True): Event.LOST,
    (State.GENERATING, False): Event.DEADLINE,
    (State.LATE, False): Event.RETENTION_OVER,
    (State.FETCHING, False): Event.NO_OUTPUT,
}


def _by_the_clock(job: Job) -> Move:
    """Make the clock's move for a job whose offer is not installed here: there is nobody to ask."""
    if not job.clock_due:
        raise LookupError(f"no offer {job.offer} is installed")
    event = _CLOCK[job.state, job.gave_place_back and job.state is State.UNSURE]
    kind = Kind.NO_OUTPUT if event is Event.NO_OUTPUT else None
    return move(job, event, due_in_ms=None, kind=kind)


async def bring(ports: Ports, job: Job) -> Move:
    """Fetch the finished video and keep it."""
    offer = ports.catalogue.get(job.offer)
    return _by_the_clock(job) if offer is None else await fetch(ports, job, offer)


async def post(ports: Ports, job: Job) -> Move:
    """Put the video where it was asked for, once."""
    return await deliver(ports, job)


async def keep(ports: Ports, job: Job) -> Move:
    return move(job, Event.UNCOLLECTED)


# What a claimed job does next; `submit` is not among them: only a job that was just admitted may be submitted.
STAGES: dict[State, Stage] = {
    State.HELD: hold,
    State.PREPARING: prepare,
    State.QUEUED: wait,
    State.SUBMITTING: give_up,
    State.UNSURE: settle,
    State.GENERATING: look,
    State.LATE: look,
    State.FETCHING: bring,
    State.DELIVERING: post,
    State.KEPT: keep,
}


ONLY_THE_CLOCK = frozenset({State.HELD, State.KEPT})
"""The states that a worker ends when their time is over, and leaves alone until then."""


def _offer(ports: Ports, job: Job) -> Offer:
    offer = ports.catalogue.get(job.offer)
    if offer is None:
        raise LookupError(f"no offer {job.offer} is installed")
    return offer


def following(ports: Ports, job: Job) -> str | None:
    """Return the next offer of the route that is on, after the job's own."""
    names = [priced.offer for priced in job.route]
    later = names[names.index(job.offer) + 1 :]
    return next((name for name in later if _may_try(ports, name)), None)


def _may_try(ports: Ports, name: str) -> bool:
    offer = ports.catalogue.get(name)
    return offer is not None and offer.off is None and ports.breakers.trouble(name) is None


def _options(offer: Offer, job: Job) -> dict[str, str | int | float | bool]:
    return offer.options(job.request["options"])


def _its_ticket(job: Job) -> Ticket:
    assert job.ticket is not None
    return Ticket(job.ticket)
