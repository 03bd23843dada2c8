"""The job that is measured: how it is asked for, and the calls that bring it to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator

from storage.contract import Acceptance, Accepted, Facts, HouseRules, Input, Job, Move, Place, Priced, Subjects, Terms
from storage.sqlite import SqliteStore
from storage.states import Event

OFFER = "wan2.5@fal"
LEASE_MS = 15_000
DAY_MS = 86_400_000
PICTURE = Input(role="image", blob="a1" * 32, mime="image/jpeg", size_bytes=2_400_000)
SENT = Input(
    role="image",
    blob="b2" * 32,
    mime="image/jpeg",
    size_bytes=900_000,
    changes=({"code": "scaled", "from_width": 4032, "from_height": 3024, "to_width": 2000, "to_height": 1500},),
)
RULES = HouseRules(scope_budget_usd_micros=10**15, budget_usd_micros=10**15)
TERMS = Terms(offer=OFFER, bound=1_000_000, deadline_ms=1_800_000, retention_ms=7 * DAY_MS)


def user(number: int) -> str:
    """Return one of many people: each asks once, as the default limits let nobody ask a thousand times a day."""
    return f"user:discord/{100_000_000_000_000_000 + number}"


def command(number: int) -> str:
    """Return the platform's own id of this person's request."""
    return f"discord:{900_000_000_000_000_000 + number}"


def ticket(command_id: str) -> str:
    """Return what the provider gives back for it."""
    return f"ticket-of-{command_id}"


def request(number: int) -> Acceptance:
    """Return a request under the default limits, a channel's limit and both budgets."""
    return Acceptance(
        command_id=command(number),
        subjects=Subjects(user=user(number), scope="scope:discord/10", channel="channel:discord/20"),
        place=Place(platform="discord", server="10", channel="20", thread="30"),
        request={
            "prompt": "The cat looks up, then walks slowly towards the window; soft evening light.",
            "model": "wan2.5",
            "options": {"resolution": "720p", "duration": "5"},
        },
        seconds=5,
        route=(Priced(OFFER, 500_000), Priced("wan2.5@novita", 550_000)),
        inputs=(PICTURE,),
        rules=RULES,
    )


async def accepted(store: SqliteStore, asked: Acceptance) -> AsyncIterator[Job]:
    """Hand a request in: one commit."""
    yield await _accept(store, asked)


async def whole_life(store: SqliteStore, asked: Acceptance) -> AsyncIterator[Job]:
    """Bring a job to its end by the eleven calls that a worker makes; yield it at each of the six commits of a bare program."""
    job = await _accept(store, asked)
    yield job
    await _step(store, job, Event.PREPARED, Facts(prepared=(SENT,)))
    submitting = await store.admit(TERMS, lease_ms=LEASE_MS, holder="bench", only=job.id)
    assert submitting is not None
    yield submitting
    answer = Facts(ticket=ticket(asked.command_id), deadline_ms=TERMS.deadline_ms)
    yield await _record(store, submitting, Event.TICKET, answer)
    yield await _step(store, job, Event.FINISHED, Facts(billed_usd_micros=500_000, seed=7))
    yield await _step(store, job, Event.FETCHED, Facts(result="c3" * 32, result_bytes=4_000_000, keep_ms=7 * DAY_MS))
    yield await _step(store, job, Event.POSTED, Facts())


async def _accept(store: SqliteStore, asked: Acceptance) -> Job:
    answer = await store.accept(asked)
    assert isinstance(answer, Accepted), answer
    return answer.job


async def _step(store: SqliteStore, job: Job, event: Event, facts: Facts) -> Job:
    claimed = await store.claim(job.id, lease_ms=LEASE_MS, holder="bench")
    assert claimed is not None
    return await _record(store, claimed, event, facts)


async def _record(store: SqliteStore, job: Job, event: Event, facts: Facts) -> Job:
    return await store.record(Move(job=job.id, expected=job.state, event=event, facts=facts, fence=job.fence))
