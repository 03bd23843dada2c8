"""What a new request starts from: a job or a draft, whose picture, sound and words need not be sent again."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.media.contract import BadVideo, Unjudged
from bot.platforms.contract import Asking, Command
from bot.ports import Ports
from bot.powers import may_know, may_see
from providers.kit.spec import Audience
from storage.contract import Draft, Input, Job
from storage.errors import Unknown

CONTINUES = "continues"
"""In a draft's request: the job whose video's last frame is the picture."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What was asked before, and those of its files that are still here; `video` is the one to continue."""

    id: str
    prompt: str = ""
    model: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    image: Path | None = None
    audio: Path | None = None
    video: Path | None = None

    @property
    def has_picture(self) -> bool:
        return self.image is not None or self.video is not None


def draft_id(*words: str) -> str:
    """Return the id of a draft that follows from what it is made for, so that a redelivery finds the same one."""
    number = int.from_bytes(hashlib.sha256("\n".join(words).encode()).digest()[:5])
    return "D" + "".join(_ALPHABET[number >> shift & 31] for shift in range(35, -1, -5))


async def own_draft(ports: Ports, asking: Asking, name: str) -> Draft | None:
    """Return the person's own draft; None where there is none of this name any more, or it is another's."""
    try:
        draft = await ports.store.draft(name)
    except Unknown:
        return None
    return draft if draft.user == f"user:{asking.user}" else None


async def known_job(ports: Ports, asking: Asking, name: str) -> Job | None:
    """Return a job that may be known of there: nobody learns anything of another scope."""
    try:
        job = await ports.store.job(name)
    except Unknown:
        return None
    return job if may_know(asking, job) else None


async def origin_of(ports: Ports, asking: Asking, name: str) -> Origin | None:
    """Return what a job that may be looked into there asked for, or the person's own draft; None where there is none."""
    if name.startswith("D"):
        draft = await own_draft(ports, asking, name)
        return None if draft is None else await _of_draft(ports, asking, draft)
    job = await known_job(ports, asking, name)
    return _origin(ports, name, job.request, job.inputs) if job is not None and may_see(asking, job) else None


async def _of_draft(ports: Ports, asking: Asking, draft: Draft) -> Origin | None:
    origin = _origin(ports, draft.id, draft.request, draft.inputs)
    continued = draft.request.get(CONTINUES)
    if continued is None:
        return origin
    job = await ports.store.job(continued)
    return replace(origin, video=_there(ports, job.result)) if may_see(asking, job) else None


def _origin(ports: Ports, name: str, request: Mapping[str, Any], inputs: tuple[Input, ...]) -> Origin:
    files = {each.role: _there(ports, each.blob) for each in inputs}
    return Origin(
        id=name,
        prompt=request.get("prompt", ""),
        model=request.get("model"),
        options={option: str(value) for option, value in request.get("options", {}).items()},
        image=files.get("image"),
        audio=files.get("audio"),
    )


def _there(ports: Ports, blob: str | None) -> Path | None:
    """Return a blob's file, unless it was swept."""
    path = None if blob is None else ports.blobs.path(blob)
    return path if path is not None and path.is_file() else None


def is_changed(command: Command, job: Job) -> bool:
    """Tell whether a command asks for anything else than the job that came of its origin."""
    asked = job.request
    same_words = command.prompt == asked.get("prompt") and command.model in {None, asked.get("model")}
    same_options = command.options.items() <= asked.get("options", {}).items()
    return not (same_words and same_options and command.image is None and command.audio is None)


@asynccontextmanager
async def taken_up(ports: Ports, command: Command) -> AsyncIterator[Command]:
    """Yield the command with what it leaves to its origin: picture, sound, model, finer options."""
    origin = await origin_of(ports, command, command.origin) if command.origin else None
    if origin is None:
        yield command
        return
    frame = await _last_frame(ports, origin) if command.image is None else None
    model = command.model or origin.model
    try:
        yield replace(
            command,
            image=command.image or frame or origin.image,
            audio=command.audio or origin.audio,
            model=model,
            options=_carried(ports, command, model, origin.options) | dict(command.options),
        )
    finally:
        if frame is not None:
            frame.unlink(missing_ok=True)


async def _last_frame(ports: Ports, origin: Origin) -> Path | None:
    if origin.video is None:
        return None
    try:
        return await ports.workbench.last_frame(origin.video)
    except (BadVideo, Unjudged):
        return None


def _carried(ports: Ports, command: Command, model: str | None, options: Mapping[str, str]) -> dict[str, str]:
    """Return the options that the model has and this person may set: another's request may hold more."""
    offers = [each for each in ports.catalogue.offers.values() if model in {None, each.name, each.spec.model}]
    found = {option.name: option for offer in offers for option in offer.spec.options}
    may = {
        Audience.EVERYONE: True,
        Audience.ADMIN: command.is_admin or command.is_operator,
        Audience.OPERATOR: command.is_operator,
    }
    return {name: value for name, value in options.items() if name in found and may[found[name].audience]}
