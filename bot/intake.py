"""A command becomes an accepted job, or a clear refusal that reserved nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bot.catalogue import Catalogue
from bot.choices import Choices, chosen
from bot.media.contract import Prepared, Screened, Unfit
from bot.ordering import hears, options_of
from bot.origins import draft_id, taken_up
from bot.platforms.contract import Asking, Command
from bot.ports import Ports
from bot.refusals import Refused
from bot.router import Candidate, Preferences, Wish, candidates
from bot.scopes import is_allowed
from providers.kit.provider import Media, Order
from storage.contract import Acceptance, Accepted, Draft, Input, Job, Place, Priced, Refusal, Subjects

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
        await self.check_who(command)
        async with taken_up(self._ports, command) as whole:
            return await self._accepted(platform, whole)

    async def _accepted(self, platform: str, command: Command) -> Job:
        fit: dict[str, Screened] = {}
        try:
            screening = await self._screen(command, fit)
        except Refused as refused:
            if self._has_cards(platform):
                await self._keep_draft(platform, command, fit, refused)
            raise
        inputs = await self._kept(command, fit)
        answer = await self._ports.store.accept(self._acceptance(platform, command, screening, inputs))
        match answer:
            case Accepted(job=job):
                return job
            case Refusal():
                raise Refused(answer.reason, **asdict(answer))

    def _has_cards(self, platform: str) -> bool:
        found = self._ports.platforms.get(platform)
        return found is not None and found.abilities.cards

    async def rehearse(self, command: Command) -> Rehearsal:
        """Return what would be sent, without storing, reserving or sending anything.

        Raises:
            Refused: the command would be refused, now or while being prepared.
        """
        await self.check_who(command)
        screening = await self._screen(command, {})
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

    async def _screen(self, command: Command, fit: dict[str, Screened]) -> _Screening:
        """Look at the files, the place and the offers; `fit` takes up what is known of files that can be used."""
        choices = await chosen(self._ports.store, command.scope)
        if command.image is None:
            raise Refused("no_image")
        bench = self._ports.workbench
        try:
            image = fit["image"] = await bench.screen_image(command.image, INCOMING_MAX_BYTES)
            if command.audio is not None:
                fit["audio"] = await bench.screen_audio(command.audio, INCOMING_MAX_BYTES)
        except Unfit as unfit:
            raise Refused(unfit.reason, role=unfit.role, **unfit.facts) from unfit
        choices.check(command)
        if command.lacks:
            raise Refused("lacks_permission", names=list(command.lacks))
        prompt = _UNSTORABLE.sub("", command.prompt)
        able = _allowed(self._ports.catalogue, _wish(command, prompt, image), await self._preferences(), choices)
        return _Screening(image=image, audio=fit.get("audio"), able=able, prompt=prompt)

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

    async def check_scope(self, asking: Asking) -> None:
        """Nobody spends the operator's money from a place that the operator did not allow.

        Raises:
            Refused: private_place or scope_denied.
        """
        settings = self._ports.settings
        if asking.is_private and not settings.allow_dm:
            raise Refused("private_place")
        if not is_allowed(asking, settings, await self._ports.store.scopes()):
            raise Refused("scope_denied", scope=asking.scope)

    async def check_who(self, asking: Asking) -> None:
        """Refuse whoever may not ask at all, before anything of theirs is looked at or kept."""
        await self.check_scope(asking)
        if asking.user in (await chosen(self._ports.store, asking.scope)).blocked:
            raise Refused("blocked")

    async def check_approver(self, press: Asking) -> None:
        """Refuse to let anything go on where the operator denied the scope, or where it rests.

        Raises:
            Refused: scope_denied, or paused.
        """
        await self.check_scope(press)
        pause = (await chosen(self._ports.store, press.scope)).pause
        if pause is not None:
            raise Refused("paused", since_ms=pause.at_ms, by_operator=pause.by_operator)

    async def _keep_draft(self, platform: str, command: Command, fit: dict[str, Screened], refused: Refused) -> None:
        """Keep what was asked for a day, so that nobody types or uploads twice; the refusal then names the draft."""
        draft = Draft(
            id=draft_id(platform, command.id),
            user=f"user:{command.user}",
            place=place_of(platform, command),
            request=request_of(command, _UNSTORABLE.sub("", command.prompt)),
            inputs=await self._kept(command, fit),
            refusal=None,
            job=None,
        )
        await self._ports.store.keep_draft(draft)
        refused.facts["draft"] = draft.id

    async def _kept(self, command: Command, fit: dict[str, Screened]) -> tuple[Input, ...]:
        """Keep the files that can be used, under their content."""
        paths = {"image": command.image, "audio": command.audio}
        return tuple([await self._keep(role, paths[role], screened) for role, screened in fit.items()])

    async def keep_files(self, image: Path | None, audio: Path | None) -> tuple[Input, ...]:
        """Keep files for a form that is still being filled in; those that cannot be used are left out."""
        bench, inputs = self._ports.workbench, []
        for role, path, screen in (("image", image, bench.screen_image), ("audio", audio, bench.screen_audio)):
            with contextlib.suppress(Unfit):
                if path is not None:
                    inputs.append(await self._keep(role, path, await screen(path, INCOMING_MAX_BYTES)))
        return tuple(inputs)

    async def _keep(self, role: str, path: Path | None, screened: Screened) -> Input:
        blob = await self._ports.blobs.put(_path(path))
        return Input(
            role=role,
            blob=blob,
            mime=screened.mime,
            size_bytes=screened.size_bytes,
            width_px=screened.width,
            height_px=screened.height,
        )

    def _acceptance(
        self, platform: str, command: Command, screening: _Screening, inputs: tuple[Input, ...]
    ) -> Acceptance:
        return Acceptance(
            command_id=f"{platform}:{command.id}",
            subjects=subjects_of(command),
            place=place_of(platform, command),
            request=request_of(command, screening.prompt),
            seconds=max(int(each.options["duration"]) for each in screening.able),
            route=tuple(Priced(each.offer.name, each.usd_micros) for each in screening.able),
            inputs=inputs,
            rules=self._ports.settings.rules,
            lease_ms=self._lease_ms,
            holder=self._holder,
            has_card=self._has_cards(platform),
            draft=command.origin if command.origin.startswith("D") else "",
        )


def subjects_of(asking: Asking) -> Subjects:
    """Return whom limits are about where this person asks."""
    return Subjects(
        user=f"user:{asking.user}",
        scope=f"scope:{asking.scope}",
        channel=None if asking.channel is None else f"channel:{asking.channel}",
        roles=tuple(f"role:{role}" for role in asking.roles),
    )


def place_of(platform: str, asking: Asking) -> Place:
    """Return where to answer, as the store keeps it."""
    spot = asking.spot
    return Place(platform=platform, server=spot.server, channel=spot.channel, thread=spot.thread)


def request_of(command: Command, prompt: str) -> dict[str, Any]:
    """Return what was asked for, as the store keeps it; from a place of one's own with the language that is read there."""
    spoken = {"locale": command.locale} if command.is_private and command.locale else {}
    return {"prompt": prompt, "model": command.model, "options": dict(command.options), **spoken}


def _allowed(catalogue: Catalogue, wish: Wish, preferences: Preferences, choices: Choices) -> list[Candidate]:
    """Return the offers that can serve the wish and may be used in its scope.

    Raises:
        Refused: as `candidates` raises it, or model_closed.
    """
    if not choices.models:
        return candidates(catalogue, wish, preferences)
    refused = Refused("model_closed", names=list(choices.models))
    for model in [wish.model] if wish.model else choices.models:
        try:
            able = candidates(catalogue, replace(wish, model=model), preferences)
        except Refused as why:
            refused = _only_allowed(why, choices)
        else:
            if found := [each for each in able if choices.allows(each.offer.name)]:
                return found
    raise refused


def _only_allowed(refused: Refused, choices: Choices) -> Refused:
    """Return the refusal with those who could only as far as they may."""
    others = [each for each in refused.facts.get("others") or () if choices.allows(each)]
    return Refused(refused.code, **refused.facts | {"others": others})


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
