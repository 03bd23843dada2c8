"""`backup` and `forget`: a copy while it runs, and a person's words and files erased."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bot import wording
from bot.app import App, open_app, open_store, secret_key
from bot.commands.console import Exit, Stop, say
from bot.commands.jobs import can_stop, driven_to_its_end
from bot.commands.rules import SUBJECT
from bot.platforms.terminal import NAME, DepartedTerminal
from bot.settings import Settings
from storage.contract import Facts, Job, Move
from storage.errors import Stale
from storage.states import FINAL, Event, State

_BEING_MADE = {State.GENERATING, State.LATE, State.KEPT}


async def backup(settings: Settings, target: Path) -> Exit:
    """Write a consistent copy of the database."""
    target = target.absolute()
    if not settings.database.exists():
        raise Stop(
            Exit.CONFIGURATION,
            "configuration",
            f"There is no database {settings.database} to copy. Set STILLMOTION_DATABASE_URL, or go to its folder.",
        )
    if target.exists():
        raise Stop(Exit.REFUSED, "argument", f"{target} exists already. Name a new file.")
    if not target.parent.is_dir():
        raise Stop(Exit.REFUSED, "argument", f"There is no folder {target.parent}. Make it, or name another file.")
    store = open_store(settings)
    try:
        await store.backup(target)
    finally:
        await store.close()
    say(f"Copied to {target}. Where it is put back, jobs not yet submitted become unsure: nothing is paid for twice.")
    return Exit.DONE


async def forget(settings: Settings, subject: str) -> Exit:
    """End a person's jobs, then erase what is kept of their words, files and messages."""
    if not SUBJECT.fullmatch(subject) or not subject.startswith("user:"):
        raise Stop(Exit.REFUSED, "argument", "Name the person as user:PLATFORM/ID, like user:cli/alice.")
    async with open_app(settings, {NAME: DepartedTerminal()}) as app:
        known = await app.store.jobs(user=subject, most=1_000_000)
        for job in known:
            if job.state not in FINAL:
                await _end(app, job)
            await _erase_order(app, job)
        for blob in await app.store.own_blobs(subject):
            await app.ports.blobs.remove(blob)
        running = await app.store.forget(subject, secret=secret_key(settings))
    if not known:
        say(f"No job of {subject} is known; whatever else named that person is erased.")
        return Exit.DONE
    later = f" {wording.jobs(running)} cannot be stopped, and what it holds is erased at its end." if running else ""
    say(
        f"{subject} is forgotten, with {wording.jobs(len(known))}; the books keep a keyed hash in place of the name.{later}"
    )
    return Exit.DONE


async def _end(app: App, job: Job) -> None:
    """Discard what is being made or kept, cancel the rest; what is on its way already ends by itself."""
    event = Event.DISCARDED if job.state in _BEING_MADE else Event.CANCEL
    with contextlib.suppress(Stale):
        moved = await app.store.record(Move(job=job.id, expected=job.state, event=event, facts=Facts(by="operator")))
        if moved.state not in FINAL and can_stop(app, moved):
            await driven_to_its_end(app, job.id)


async def _erase_order(app: App, job: Job) -> None:
    """Remove what a provider still keeps on this machine of an ended job, as after a crash."""
    offer = app.ports.catalogue.get(job.offer)
    if offer is not None and offer.provider.erase is not None and job.state in FINAL:
        await offer.provider.erase(offer.connection, job.order_key)
