"""A command becomes an accepted job, or a clear refusal that reserved nothing."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bot.media.contract import Prepared, Screened, Unfit
from bot.ordering import hears, options_of
from bot.platforms.contract import Command
from bot.ports import Ports
from bot.refusals import Refused
from bot.router import Candidate, Preferences, Wish, candidates
from providers.kit.provider import Media, Order
from storage.contract import Acceptance, Accepted, Input, Job, Place, Priced, Refusal, Subjects

INCOMING_MAX_BYTES = 50_000_000
_DRY_RUN = "dry-run"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What a dry run shows: the first offer to try, its price, the media as they would be sent, and the body."""

    candidate: Candidate
    image: Prepared
    audio: Prepared | None
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Screening:
    image: Screened
    audio: Screened | None
    able: list[Candidate]
    prompt: str


class Intake:
    """Screens, routes and accepts; the platforms bring the commands."""

    def __init__(self, ports: Ports, *, lease_ms: int = 0, holder: str = "") -> None:
        self._ports, self._lease_ms, self._holder = ports, lease_ms, holder

    async def ask(self, platform: str, command: Command) -> Job:
        """Return the job of a command; the same one however often the command comes.

        Raises:
            Refused: it cannot be taken; nothing was reserved.
        """
        screening = await self._screen(command)
        inputs = [await self._keep("image", command.image, screening.image)]
        if screening.audio is not None:
            inputs.append(await self._keep("audio", command.audio, screening.audio))
        answer = await self._ports.store.accept(self._acceptance(platform, command, screening, tuple(inputs)))
        match answer:
            case Accepted(job=job):
                return job
            case Refusal():
                raise Refused(answer.reason, **asdict(answer))

    async def rehearse(self, command: Command) -> Rehearsal:
        """Return what would be sent, without storing, reserving or sending anything.

        Raises:
            Refused: the command would be refused, now or while being prepared.
        """
        screening = await self._screen(command)
        first = screening.able[0]
        spec, duration_s = first.offer.spec, float(first.options["duration"])
        try:
            image = await self._ports.workbench.prepare_image(_path(command.image), spec.image)
            audio = None
            if command.audio is not None and spec.audio is not None:
                audio = await self._ports.workbench.prepare_audio(command.audio, spec.audio, duration_s)
        except Unfit as unfit:
            raise Refused(unfit.reason, role=unfit.role, **unfit.facts) from unfit
        order = Order(
            key=_DRY_RUN,
            spec=spec,
            prompt=screening.prompt,
            options=options_of(first.offer, command.options, _DRY_RUN),
            image=await self._media(image),
            audio=None if audio is None else await self._media(audio),
            webhook="webhook:address" if hears(self._ports, first.offer) else None,
        )
        return Rehearsal(candidate=first, image=image, audio=audio, body=first.offer.provider.body(order))

    async def _media(self, prepared: Prepared) -> Media:
        sha256 = await asyncio.to_thread(_sha256_of, prepared.path)
        prepared.path.unlink()
        return Media(
            path=prepared.path,
            mime=prepared.mime,
            sha256=sha256,
            size_bytes=prepared.size_bytes,
            width_px=prepared.width,
            height_px=prepared.height,
        )

    async def _screen(self, command: Command) -> _Screening:
        await self._check_scope(command)
        if command.image is None:
            raise Refused("no_image")
        bench = self._ports.workbench
        try:
            image = await bench.screen_image(command.image, INCOMING_MAX_BYTES)
            audio = None if command.audio is None else await bench.screen_audio(command.audio, INCOMING_MAX_BYTES)
        except Unfit as unfit:
            raise Refused(unfit.reason, role=unfit.role, **unfit.facts) from unfit
        prompt = _UNSTORABLE.sub("", command.prompt)
        able = candidates(self._ports.catalogue, _wish(command, prompt, image), await self._preferences())
        return _Screening(image=image, audio=audio, able=able, prompt=prompt)

    async def _preferences(self) -> Preferences:
        settings = self._ports.settings
        if settings.route == ("speed",):
            await self._ports.paces.refresh(offer.spec for offer in self._ports.catalogue.on())
        return Preferences(
            route=settings.route,
            default_model=settings.default_model,
            usual=self._ports.paces.usual,
            trouble=self._ports.breakers.trouble,
        )

    async def _check_scope(self, command: Command) -> None:
        """Nobody spends the operator's money from a place that the operator did not allow."""
        ruled = {rule.scope: rule.allowed for rule in await self._ports.store.scopes()}
        if not ruled.get(f"scope:{command.scope}", command.scope_is_own):
            raise Refused("scope_denied", scope=command.scope)

    async def _keep(self, role: str, path: Path | None, screened: Screened) -> Input:
        blob = await self._ports.blobs.put(_path(path))
        return Input(role=role, blob=blob, mime=screened.mime, size_bytes=screened.size_bytes)

    def _acceptance(
        self, platform: str, command: Command, screening: _Screening, inputs: tuple[Input, ...]
    ) -> Acceptance:
        spot = command.spot
        return Acceptance(
            command_id=f"{platform}:{command.id}",
            subjects=Subjects(
                user=f"user:{command.user}",
                scope=f"scope:{command.scope}",
                channel=None if command.channel is None else f"channel:{command.channel}",
                roles=tuple(f"role:{role}" for role in command.roles),
            ),
            place=Place(platform=platform, server=spot.server, channel=spot.channel, thread=spot.thread),
            request={"prompt": screening.prompt, "model": command.model, "options": dict(command.options)},
            seconds=max(int(each.options["duration"]) for each in screening.able),
            route=tuple(Priced(each.offer.name, each.usd_micros) for each in screening.able),
            inputs=inputs,
            rules=self._ports.settings.rules,
            lease_ms=self._lease_ms,
            holder=self._holder,
        )


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _path(path: Path | None) -> Path:
    assert path is not None
    return path


def _wish(command: Command, prompt: str, image: Screened) -> Wish:
    return Wish(
        prompt=prompt,
        model=command.model,
        options=command.options,
        has_audio=command.audio is not None,
        width=image.width or 0,
        height=image.height or 0,
        is_admin=command.is_admin,
        is_operator=command.is_operator,
        is_age_restricted=command.is_age_restricted,
    )
