"""The desk: what the core does for a platform, from a command or a press to the private answer."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields as fields_of
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from bot import answering, forms, sayings, showing
from bot.admin import Admin
from bot.choices import LANGUAGE, chosen
from bot.intake import Intake, place_of
from bot.language import later, speaking, tr, trn
from bot.origins import CONTINUES, Origin, draft_id, is_changed, known_job, origin_of, own_draft
from bot.platforms.contract import Answer, Asking, Command, Field, Form, Message, Order, Pick, Press
from bot.ports import Ports
from bot.powers import may_know, may_see, may_steer
from bot.presence import Presence
from bot.refusals import Refused
from bot.sayings import plain
from bot.steering import Steering
from storage.contract import Draft, Job, Refusal
from storage.errors import Unknown
from storage.states import State

SAME_PRESS_S = 10.0
_GONE_PICTURE = later("The picture is not kept any more. Add it once more; the rest is filled in.")
F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


def _nobody(_job: str) -> None:
    """Wake nobody: the sweep finds what is due."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Presses:
    """A second press on a button within a few seconds is the first one again."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._first: dict[tuple[str, str, str], tuple[float, str]] = {}

    def first(self, press: Press) -> str:
        """Return the id of the press that this one repeats, or its own."""
        now_s = self._monotonic()
        self._first = {key: first for key, first in self._first.items() if now_s - first[0] < SAME_PRESS_S}
        return self._first.setdefault((press.verb, press.of, press.user), (now_s, press.id))[1]


def _in_their_language(answers: F) -> F:
    """Have whoever asks answered in the language in which they read."""

    @wraps(answers)
    async def spoken(desk: Desk, asking: Asking, *given: Any, **named: Any) -> Any:
        with speaking(asking.locale):
            return await answers(desk, asking, *given, **named)

    return cast("F", spoken)


class Desk:
    """One for each platform, under its name; `wake` brings a job to its next step at once."""

    def __init__(
        self,
        ports: Ports,
        intake: Intake,
        platform: str,
        *,
        wake: Callable[[str], None] = _nobody,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        self._ports, self._intake, self._platform, self._wake = ports, intake, platform, wake
        self._presses = Presses(ports.monotonic)
        self._steering = steering = Steering(ports, wake, now_ms)
        self._presence = Presence(ports, platform, steering)
        self._admin = Admin(ports, intake, now_ms)
        self._told: Mapping[str, Callable[[Press, Job], Awaitable[Message]]] = {
            "cancel": steering.cancel,
            "keep": steering.keep,
            "discard": steering.discard,
            "delete": steering.delete,
            "deleted": steering.deleted,
            "approve": self._approve,
            "decline": steering.decline,
            "more": self._details,
            "twice": self._twice,
        }
        self._answered: Mapping[str, Callable[[Press], Awaitable[Answer]]] = {
            "again": self._again,
            "twiced": self._again,
            "retry": self._again,
            "edit": self._edit,
            "continue": self._continue,
            "ask": self._put_to_an_admin,
            "undo": self._undo,
        }

    @_in_their_language
    async def welcome(self, asking: Asking) -> Answer | None:
        """Return why nobody is served here, before any file of theirs is fetched; None where they are."""
        return await self._unwelcome(asking)

    async def _unwelcome(self, asking: Asking) -> Answer | None:
        try:
            await self._intake.check_who(asking)
        except Refused as refused:
            return Answer(message=await answering.refusal(self._ports, asking, refused))
        return None

    async def _barred(self, asking: Asking) -> Message | None:
        """Return why nothing at all can be asked for there just now; None where it can."""
        try:
            await self._intake.check_who(asking)
            (await chosen(self._ports.store, asking.scope)).check(asking)
        except Refused as refused:
            return await answering.refusal(self._ports, asking, refused)
        return None

    @_in_their_language
    async def ask(self, command: Command) -> Answer:
        """Accept a command, or say privately why not; a draft becomes one job; what was changed since, or came to nothing, another."""
        draft = await own_draft(self._ports, command, command.origin)
        if draft is None or draft.job is None:
            return await self._asked(command)
        job = await self._ports.store.job(draft.job)
        if is_changed(command, job) or job.state in {State.FAILED, State.CANCELLED}:
            return await self._asked(replace(command, origin=job.id))
        asked = plain(tr("You asked for this already."), tr("It is job {job}.", job=job.id))
        return Answer(job=job.id, message=asked)

    async def _asked(self, command: Command) -> Answer:
        try:
            job = await self._intake.ask(self._platform, command)
        except Refused as refused:
            return Answer(message=await answering.refusal(self._ports, command, refused))
        await self._note_language(command)
        self._wake(job.id)
        return Answer(job=job.id, message=await answering.on_its_way(self._ports, command, job))

    async def _note_language(self, asking: Asking) -> None:
        """Keep the language of the place, in which its cards and videos come."""
        store, locale = self._ports.store, asking.scope_locale
        if locale and (await chosen(store, asking.scope)).language != locale:
            await store.choose(f"scope:{asking.scope}", LANGUAGE, locale, by=f"user:{asking.user}")

    @_in_their_language
    async def press(self, press: Press) -> Answer:
        """Do what a button says, or say privately why not."""
        if press.verb in self._answered:
            return await self._answered[press.verb](press)
        if press.verb in self._told:
            job = await known_job(self._ports, press, press.of)
            return Answer(message=sayings.not_found() if job is None else await self._told[press.verb](press, job))
        return Answer(message=await self._shown(press))

    async def _shown(self, press: Press) -> Message:
        """Return what a press that changes nothing leads to."""
        match press.verb:
            case "jobs":
                page = press.of.removeprefix("p")
                return await self.jobs(press, int(page) if page.isdecimal() and len(page) < 6 else 1)
            case "collect":
                return await self.collect(press, "" if press.of == "-" else press.of)
            case "help":
                return await self.help(press)
            case "leave":
                return plain(tr("Left as it is."))
        return sayings.not_found()

    async def _details(self, press: Press, job: Job) -> Message:
        if not may_see(press, job):
            return plain(tr("You may not see its details."), tr("Only whoever can read its channel can."))
        trail = await self._ports.store.trail(job.id)
        return showing.details(self._ports, job, trail, may_delete=may_steer(press, job))

    async def _approve(self, press: Press, job: Job) -> Message:
        try:
            await self._intake.check_approver(press)
        except Refused as refused:
            return await answering.refusal(self._ports, press, refused)
        return await self._steering.approve(press, job)

    async def _twice(self, press: Press, job: Job) -> Message:
        return sayings.asks_twice(job) if job.state is State.UNSURE else sayings.moved_on()

    async def _again(self, press: Press) -> Answer:
        """Ask for the same once more, charged to whoever presses; where its picture is gone, ask for that."""
        origin = await origin_of(self._ports, press, press.of)
        if origin is None:
            return Answer(message=sayings.not_found())
        job = await known_job(self._ports, press, press.of)
        if job is not None and job.state is State.UNSURE and press.verb != "twiced":
            return Answer(message=sayings.asks_twice(job))
        if not origin.has_picture:
            return Answer(form=await self._form(press, origin, title=tr("Animate again"), about=tr(_GONE_PICTURE)))
        asking = {each.name: getattr(press, each.name) for each in fields_of(Asking)} | {
            "id": self._presses.first(press)
        }
        return await self.ask(Command(**asking, prompt=origin.prompt, image=None, origin=origin.id))

    async def _edit(self, press: Press) -> Answer:
        return await self.form(press, press.of)

    async def _continue(self, press: Press) -> Answer:
        """Open the form with the last frame of a video as its picture; the frame is taken once it is needed."""
        job = await known_job(self._ports, press, press.of)
        if job is None or not may_see(press, job):
            return Answer(message=sayings.not_found())
        if (refused := await self._unwelcome(press)) is not None:
            return refused
        if job.result is None or not self._ports.blobs.path(job.result).is_file():
            days = self._ports.settings.keep_days
            return Answer(
                message=plain(
                    tr("The video is not kept any more."),
                    trn("It can be continued for {number} day.", "It can be continued for {number} days.", days),
                )
            )
        draft = Draft(
            id=draft_id(self._platform, press.id),
            user=f"user:{press.user}",
            place=place_of(self._platform, press),
            request={**job.request, "prompt": "", "options": _size_of(job), CONTINUES: job.id},
            inputs=(),
            refusal=None,
            job=None,
        )
        await self._ports.store.keep_draft(draft)
        origin = await origin_of(self._ports, press, draft.id)
        assert origin is not None
        about = tr("Picture: the last frame of that video.")
        return Answer(form=await self._form(press, origin, title=tr("Continue this video"), about=about))

    async def _put_to_an_admin(self, press: Press) -> Answer:
        """Hold a request that only a budget refused."""
        draft = await own_draft(self._ports, press, press.of)
        if draft is None:
            return Answer(message=sayings.not_found())
        if draft.place.server != press.spot.server:
            return Answer(message=plain(tr("An admin can be asked only where you asked."), tr("Ask there once more.")))
        if (refused := await self._barred(press)) is not None:
            return Answer(message=refused)
        try:
            found = await self._ports.store.hold(press.of)
        except Unknown:
            return Answer(message=plain(tr("This cannot be put to an admin."), tr("Change the request, or wait.")))
        if isinstance(found, Refusal):
            facts = {each.name: getattr(found, each.name) for each in fields_of(found)}
            return Answer(message=await answering.refusal(self._ports, press, Refused(found.reason, **facts)))
        if found.state is not State.HELD:
            return Answer(
                job=found.id, message=plain(tr("It was decided already."), tr("It is job {job}.", job=found.id))
            )
        return Answer(job=found.id, message=sayings.held(found))

    async def _undo(self, press: Press) -> Answer:
        draft = await own_draft(self._ports, press, press.of)
        return Answer(message=sayings.not_found()) if draft is None else await self._admin.undo(press, draft)

    @_in_their_language
    async def order(self, order: Order) -> Answer:
        """Do what an admin says."""
        return await self._admin.order(order)

    @_in_their_language
    async def form(self, asking: Asking, origin: str = "") -> Answer:
        """Return the form for a new video, with the picture of a job or draft where one is given."""
        if (refused := await self._unwelcome(asking)) is not None:
            return refused
        if origin in {"", "-"}:
            return Answer(form=await self._form(asking, Origin(id=""), title=tr("Animate a picture")))
        found = await origin_of(self._ports, asking, origin)
        if found is None:
            return Answer(message=sayings.not_found())
        about = (
            "" if found.has_picture else tr(_GONE_PICTURE) if found.prompt else tr("Add the picture that is to move.")
        )
        title = tr("Edit and animate") if found.prompt else tr("Animate this image")
        return Answer(form=await self._form(asking, found, title=title, about=about))

    async def _form(self, asking: Asking, origin: Origin, *, title: str, about: str = "") -> Form:
        choices = await chosen(self._ports.store, asking.scope)
        own = sayings.personal(await showing.left_of(self._ports, asking))
        hint = "" if own is None else tr("You have {room}.", room=sayings.room(own))
        return forms.form(self._ports, choices, origin, title=title, about=about, hint=hint)

    async def keep(self, asking: Asking, key: str, image: Path | None, audio: Path | None) -> None:
        """Keep files under a draft named by the platform, for a form that is still being filled in; nothing of the unwelcome."""
        if await self._unwelcome(asking) is not None:
            return
        draft = Draft(
            id=key,
            user=f"user:{asking.user}",
            place=place_of(self._platform, asking),
            request={"prompt": "", "model": None, "options": {}},
            inputs=await self._intake.keep_files(image, audio),
            refusal=None,
            job=None,
        )
        await self._ports.store.keep_draft(draft)

    @_in_their_language
    async def jobs(self, asking: Asking, page: int = 1) -> Message:
        """Return the person's videos, newest first, with what is left to them."""
        return await showing.jobs(self._ports, asking, max(1, page))

    @_in_their_language
    async def quota(self, asking: Asking) -> Message:
        """Return what is left to the person, and when it comes back; first why nothing can be asked for, where that is so."""
        return answering.behind(await self._barred(asking), await showing.quota(self._ports, asking))

    @_in_their_language
    async def collect(self, asking: Asking, job: str = "") -> Message:
        """Send the person's kept videos, or that one, to where they ask now."""
        if job:
            found = await known_job(self._ports, asking, job.strip().upper())
            return sayings.not_found() if found is None else await self._steering.collect(asking, found)
        kept = await self._ports.store.jobs(state=State.KEPT, user=f"user:{asking.user}")
        told = [await self._steering.collect(asking, each) for each in kept if may_know(asking, each)]
        if not told:
            return plain(tr("Nothing waits to be collected."), tr("A video that could not be posted would."))
        return told[0] if len(told) == 1 else _all_collected(told)

    @_in_their_language
    async def help(self, asking: Asking) -> Message:
        """Return what the bot does, in five lines; that it does nothing here, where that is so."""
        refused = await self._unwelcome(asking)
        return answering.behind(None if refused is None else refused.message, showing.help_page())

    async def installed(
        self, scope: str, name: str, lacks: tuple[str, ...], locale: str = "", *, is_own: bool = False
    ) -> Message:
        """Return what whoever added the bot reads first; that it was removed once is mended."""
        await self._presence.back(scope)
        with speaking(locale):
            return await showing.installed(self._ports, scope, name, lacks, is_own=is_own)

    async def present(self, scopes: AbstractSet[str]) -> None:
        """Take it that the bot is in these scopes, and was removed from all others."""
        await self._presence.settle(scopes)

    async def removed(self, scope: str) -> None:
        """End what a scope that removed the bot still has open, and tell operators."""
        await self._presence.left(scope)

    def fields(self) -> tuple[Field, ...]:
        """Return the options of a request, those that every offer has first."""
        return forms.fields(self._ports.catalogue)

    @_in_their_language
    async def picks(self, asking: Asking, typed: str) -> list[Pick]:
        """Return models to choose from, with price and usual time."""
        return forms.models(self._ports, await chosen(self._ports.store, asking.scope), typed)


def _size_of(job: Job) -> dict[str, Any]:
    """Return the options that a continuation starts with: the same size and length."""
    options = job.request.get("options", {})
    return {name: options[name] for name in ("resolution", "duration") if name in options}


def _all_collected(told: list[Message]) -> Message:
    """Return what became of several videos in one message."""
    heads = [message.head for message in told]
    counted = [f"{heads.count(head)} x {head}" for head in dict.fromkeys(heads)]
    return Message(head=trn("{number} video waited.", "{number} videos waited.", len(told)), text=("\n".join(counted),))
