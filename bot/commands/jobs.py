"""`jobs`, `job`, `cancel`, `resolve`, `approve` and `decline`: looking at jobs and steering them."""

from __future__ import annotations

import asyncio
from zoneinfo import ZoneInfo

from bot import replies, wording
from bot.app import App, open_app, open_store
from bot.commands import views
from bot.commands.console import Exit, Stop, say, show, show_json, show_rows, user
from bot.platforms.terminal import NAME, DepartedTerminal
from bot.settings import Settings
from storage.contract import Facts, Job, Move, Store
from storage.errors import OverBudget, Stale
from storage.states import FINAL, Event, State

_BEING_MADE = {State.GENERATING, State.LATE}
_STOP_S = 10.0
_NO_JOBS = 'No jobs yet. Make a video: stillmotion animate PICTURE "slow zoom in"'


async def jobs(settings: Settings, state: str | None, *, as_json: bool) -> Exit:
    """List the newest jobs."""
    if state is not None and state not in set(State):
        raise Stop(
            Exit.REFUSED, "state", f"There is no state {wording.quoted(state)}. The states are {', '.join(State)}."
        )
    store = open_store(settings)
    try:
        found = await store.jobs(state=state)
        if as_json:
            show_json([views.job_document(job, await store.trail(job.id)) for job in found])
        elif not found:
            say(_NO_JOBS if state is None else f"No job is {state} now. `stillmotion jobs` lists all of them.")
        else:
            show_rows(views.JOB_HEAD, [views.job_row(job, ZoneInfo(settings.timezone)) for job in found])
    finally:
        await store.close()
    return Exit.DONE


async def job(settings: Settings, job_id: str, *, as_json: bool) -> Exit:
    """Show one job and its history."""
    store = open_store(settings)
    try:
        found, trail = await store.job(job_id), await store.trail(job_id)
    finally:
        await store.close()
    if as_json:
        show_json(views.job_document(found, trail))
        return Exit.DONE
    show("\n".join(views.job_lines(found, trail, ZoneInfo(settings.timezone))))
    say(replies.ended(found))
    return Exit.DONE


async def cancel(settings: Settings, job_id: str, *, discard: bool) -> Exit:
    """Cancel a job: at once before its submit, as a wish after it; told plainly where a provider cannot stop."""
    async with open_app(settings, {NAME: DepartedTerminal()}) as app:
        found = await app.store.job(job_id)
        if found.state in FINAL | {State.FETCHING, State.DELIVERING} or (found.state is State.KEPT and not discard):
            raise Stop(Exit.REFUSED, "too_late", replies.cancel_too_late(found))
        discarding = discard and found.state in _BEING_MADE | {State.KEPT}
        moved = await _moved(app.store, found, Event.DISCARDED if discarding else Event.CANCEL)
        if moved.state is State.UNSURE:
            say(replies.cancel_unsure(moved))
            return Exit.DONE
        if moved.state not in FINAL:
            if not can_stop(app, moved):
                say(replies.cannot_stop(moved) if not moved.hidden else "Discarded. It tells nothing more.")
                return Exit.DONE
            moved = await driven_to_its_end(app, job_id)
        if moved.state is State.KEPT and discard:
            moved = await _moved(app.store, moved, Event.DISCARDED)
        if moved.state in {State.KEPT, State.DELIVERED}:
            raise Stop(Exit.REFUSED, "too_late", replies.cancel_too_late(moved))
        asked = f"{wording.provider(moved.offer)} was asked to stop; job {job_id} is still {moved.state}."
        say(replies.ended(moved) if moved.state in FINAL else asked)
    return Exit.DONE


def can_stop(app: App, job: Job) -> bool:
    """Tell whether the job's provider can stop what it began, and can be asked to from here."""
    offer = app.ports.catalogue.get(job.offer)
    return offer is not None and offer.off is None and offer.provider.cancel is not None


async def driven_to_its_end(app: App, job_id: str) -> Job:
    """Make a wished-away job's steps for a few seconds, as no other process may be there to make them."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(_STOP_S, stop.set)
    worker = app.worker_of(job_id)
    job = await worker.drive(job_id, until=lambda now: now.state is State.KEPT, stop=stop)
    await worker.let_go(job)
    return job


async def resolve(settings: Settings, job_id: str, outcome: str, ticket: str | None) -> Exit:
    """Settle an unsure job by what an operator found out at the provider."""
    if outcome not in {"paid", "unpaid"}:
        raise Stop(Exit.REFUSED, "argument", f"--as takes paid or unpaid, not {wording.quoted(outcome)}.")
    if outcome == "unpaid" and ticket is not None:
        raise Stop(Exit.REFUSED, "argument", "--ticket goes with --as paid: what was not paid has no ticket.")
    event = Event.UNPAID if outcome == "unpaid" else Event.LOST if ticket is None else Event.TICKET
    store = open_store(settings)
    try:
        found = await store.job(job_id)
        if found.state is not State.UNSURE:
            raise Stop(Exit.REFUSED, "state", f"Job {job_id} is {found.state}, not unsure: there is nothing to settle.")
        moved = await _moved(store, found, event, Facts(ticket=ticket, by=f"user:{user()}"))
    finally:
        await store.close()
    say(replies.resolved(moved))
    return Exit.DONE


async def decide(settings: Settings, job_id: str, *, approved: bool) -> Exit:
    """Approve or decline a held request."""
    store = open_store(settings)
    try:
        found = await store.job(job_id)
        if found.state is not State.HELD:
            raise Stop(Exit.REFUSED, "state", f"Job {job_id} is {found.state}, not held: there is nothing to decide.")
        facts = Facts(by=f"user:{user()}", rules=settings.rules)
        moved = await _moved(store, found, Event.APPROVED if approved else Event.DECLINED, facts)
    except OverBudget as over:
        raise Stop(
            Exit.LIMIT,
            "budget",
            f"It cannot be approved: another budget, {over.budget}, has no room for it. Raise that first.",
        ) from over
    finally:
        await store.close()
    say(f"Job {job_id} is approved and goes on." if approved else replies.ended(moved))
    return Exit.DONE


async def _moved(store: Store, found: Job, event: Event, facts: Facts | None = None) -> Job:
    try:
        return await store.record(
            Move(job=found.id, expected=found.state, event=event, facts=facts or Facts(by=f"user:{user()}"))
        )
    except Stale as stale:
        raise Stop(
            Exit.REFUSED,
            "state",
            f"Job {found.id} has moved on meanwhile. Look again with `stillmotion job {found.id}`.",
        ) from stale
