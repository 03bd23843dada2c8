"""`stillmotion animate`: the whole pipeline from a terminal, and `collect`, which goes on with a job."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot import prices, refusing, replies, wording
from bot.app import App, open_app
from bot.commands import bar, views
from bot.commands.console import Exit, Stop, say, show_json, stop_on_signals, user
from bot.delivery import parcel
from bot.intake import Rehearsal
from bot.platforms.contract import Command, Spot
from bot.platforms.errors import PlatformError
from bot.platforms.terminal import NAME, NUMBERED, SCOPE, TerminalPlatform, numbered
from bot.refusals import CONFIGURATION, LIMITS, Refused
from bot.settings import Settings
from bot.standing import BLOCKED
from bot.tidying import tidy
from storage.contract import Facts, Job, Move
from storage.errors import Stale
from storage.states import FINAL, OPEN, Event, Kind, State

_SOON_MS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was typed."""

    image: Path
    prompt: str
    audio: Path | None
    model: str | None
    options: Mapping[str, str]
    output: Path | None
    as_json: bool = False


async def animate(settings: Settings, asked: Asked) -> Exit:
    """Make one video, from the picture to the file."""
    stop = stop_on_signals()
    command = _command(settings, asked)
    meter = bar.meter(quiet=asked.as_json)
    terminal = TerminalPlatform(meter.write, meter.draw)
    async with open_app(settings, {NAME: terminal}, keeps_lease=True) as app, app.public_side(_nobody, needed=False):
        await prices.refresh(app.ports.catalogue, asked.model or settings.default_model)
        with meter:
            job = await _driven(app, await _accepted(app, command), stop)
            await tidy(app.ports)
        written = await terminal.find(parcel(app.ports, job)) if job.state is State.DELIVERED else None
        return await _finish(app, job, Path(written or job.place.channel), as_json=asked.as_json)


async def rehearse(settings: Settings, asked: Asked) -> Exit:
    """Show what would be sent, and pay nothing."""
    async with open_app(settings) as app:
        try:
            rehearsal = await app.intake.rehearse(_command(settings, asked))
        except Refused as refused:
            raise _stop(refused, settings) from refused
        show_json(_rehearsed(rehearsal)) if asked.as_json else _tell(rehearsal)
    return Exit.DONE


async def collect(settings: Settings, job_id: str, output: Path, *, as_json: bool) -> Exit:
    """Go on with a job until its video is there, and write it to a file."""
    stop = stop_on_signals()
    target = _usable(output.absolute(), settings)
    meter = bar.meter(quiet=as_json)
    terminal = TerminalPlatform(meter.write, meter.draw, redirected={job_id: target})
    async with open_app(settings, {NAME: terminal}) as app, app.public_side(_nobody, needed=False):
        job = await app.store.job(job_id)
        if job.state not in FINAL | {State.HELD, State.KEPT}:
            with meter:
                await app.store.nudge(job_id)
                job = await _driven(app, job, stop)
        if job.state in {State.KEPT, State.DELIVERED}:
            job = await _handed_over(app, job, terminal)
        return await _finish(app, job, target, as_json=as_json)


async def _accepted(app: App, command: Command) -> Job:
    try:
        job = await app.intake.ask(NAME, command)
    except Refused as refused:
        if refused.code == "open":
            refused.facts["jobs"] = await _open_jobs(app, command)
        raise _stop(refused, app.settings) from refused
    price = wording.about(job.price_usd_micros)
    await app.ports.platforms[NAME].say(command.spot, f"Job {job.id}: {job.offer}, {job.seconds} s, {price}.")
    return job


async def _open_jobs(app: App, command: Command) -> list[str]:
    """Return the ids of a person's jobs in the making."""
    theirs = await app.store.jobs(user=f"user:{command.user}")
    return [job.id for job in theirs if job.state in OPEN and not job.hidden]


async def _driven(app: App, job: Job, stop: asyncio.Event) -> Job:
    """Make the job's steps until it is over, or until only time or a person can tell more."""
    worker = app.worker_of(job.id)

    def until(now: Job) -> bool:
        waits = now.due_in_ms is None or now.due_in_ms > _SOON_MS
        blocked = now.state is State.FETCHING and now.detail.startswith(BLOCKED)
        return now.state in {State.KEPT, State.LATE, State.HELD} or (waits and (now.state is State.UNSURE or blocked))

    job = await worker.drive(job.id, until=until, stop=stop)
    await worker.let_go(job)
    return job


async def _handed_over(app: App, job: Job, terminal: TerminalPlatform) -> Job:
    """Write a kept or delivered job's video to the file asked for; a kept one is then delivered."""
    if job.result is None or not app.ports.blobs.path(job.result).is_file():
        raise Stop(Exit.FAILED, "swept", replies.not_there(job, app.settings.media, app.settings.keep_days))
    carried = parcel(app.ports, job)
    try:
        message = await terminal.find(carried) or await terminal.show_video(carried)
    except PlatformError as error:
        raise Stop(
            Exit.UNFINISHED, "place_unusable", f"The video cannot be written: {error}. Choose another file with -o."
        ) from error
    if job.state is not State.KEPT:
        return job
    try:
        facts = Facts(by=f"user:{user()}", message=message)
        return await app.store.record(Move(job=job.id, expected=State.KEPT, event=Event.COLLECTED, facts=facts))
    except Stale:
        return await app.store.job(job.id)


async def _finish(app: App, job: Job, target: Path, *, as_json: bool) -> Exit:
    delivered = job.state is State.DELIVERED
    if as_json:
        document = views.job_document(job, await app.store.trail(job.id))
        show_json(document | {"file": str(target) if delivered else None})
    if not delivered:
        say(replies.ended(job))
        if job.failure in {Kind.CREDENTIALS, Kind.NO_CREDIT}:
            say("`stillmotion doctor` says which key it is, and what to do.")
    elif not as_json:
        say(f"The video is in {target}")
    return exit_of(job)


def _nobody(job: str) -> None:
    """Wake nobody: the command looks at its own job often enough."""


def exit_of(job: Job) -> Exit:
    """Return how a command that waited for this job ends."""
    match job.state:
        case State.DELIVERED:
            return Exit.DONE
        case State.CANCELLED:
            return Exit.CANCELLED
        case State.FAILED:
            return Exit.REFUSED if job.failure == Kind.BAD_INPUT and not job.submits else Exit.FAILED
    return Exit.UNFINISHED


def _stop(refused: Refused, settings: Settings) -> Stop:
    code = (
        Exit.LIMIT if refused.code in LIMITS else Exit.CONFIGURATION if refused.code in CONFIGURATION else Exit.REFUSED
    )
    return Stop(code, refused.code, refusing.refusal(refused, time.time_ns() // 1_000_000, ZoneInfo(settings.timezone)))


def _command(settings: Settings, asked: Asked) -> Command:
    target = _usable((asked.output or _free_name(asked.image)).absolute(), settings, asked.image, asked.audio)
    return Command(
        id=uuid.uuid4().hex,
        user=user(),
        scope=SCOPE,
        channel=None,
        spot=Spot(server="local", channel=str(target), thread="" if asked.output else NUMBERED),
        prompt=asked.prompt,
        image=asked.image,
        audio=asked.audio,
        model=asked.model,
        options=asked.options,
        scope_is_own=True,
        is_admin=True,
        is_operator=True,
        is_age_restricted=True,
    )


def _free_name(image: Path) -> Path:
    """Return a name beside nothing else: the picture's, in the working directory."""
    stem = os.fsencode(image.stem).decode(errors="replace")
    return next(path for path in numbered(Path(f"{stem}.mp4")) if not path.exists())


def _usable(target: Path, settings: Settings, *inputs: Path | None) -> Path:
    """Refuse a file that could not be written, or must not be, before anything is made for it."""
    why = _why_unusable(target, inputs)
    if why is not None:
        raise _stop(Refused("place_unusable", path=str(target), why=why), settings)
    return target


def _why_unusable(target: Path, inputs: Iterable[Path | None]) -> str | None:
    try:
        str(target).encode()
        if target.is_dir():
            return "it is a folder"
        if target.exists() and not target.is_file():
            return "it is not an ordinary file"
        if any(each is not None and each.exists() and target.exists() and each.samefile(target) for each in inputs):
            return "it is what the video is made from"
    except UnicodeEncodeError:
        return "its name is not UTF-8 text"
    except OSError as error:
        return (error.strerror or "it cannot be looked at").lower()
    folder = target.parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"the folder {folder} may not be written"


def _rehearsed(rehearsal: Rehearsal) -> dict[str, Any]:
    image, audio = rehearsal.image, rehearsal.audio
    return {
        "offer": rehearsal.candidate.offer.name,
        "price_usd": views.dollars(rehearsal.candidate.usd_micros),
        "image": {
            "mime": image.mime,
            "width": image.width,
            "height": image.height,
            "bytes": image.size_bytes,
            "changes": replies.changes(image.changes),
        },
        "audio": None
        if audio is None
        else {
            "mime": audio.mime,
            "duration_s": audio.duration_s,
            "bytes": audio.size_bytes,
            "changes": replies.changes(audio.changes),
        },
        "body": rehearsal.body,
    }


def _tell(rehearsal: Rehearsal) -> None:
    say(
        f"{rehearsal.candidate.offer.name} would make it, {wording.about(rehearsal.candidate.usd_micros)}. Nothing was sent."
    )
    for name, made in (("picture", rehearsal.image), ("sound", rehearsal.audio)):
        if made is not None:
            done = ", ".join(replies.changes(made.changes)) or "same size and shape, without its metadata"
            say(f"The {name}: {done}; {wording.size(made.size_bytes)}.")
    show_json(rehearsal.body)
