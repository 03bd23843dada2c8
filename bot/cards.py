"""A job's card: the one message in the channel that stands for it, built from the job and shown again as that moves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from weakref import WeakValueDictionary

from bot import replies
from bot.catalogue import Offer
from bot.choices import Choices, chosen_around
from bot.language import later, speaking, tr
from bot.phrases import Around, approved, decision, phrase, rendering
from bot.platforms.contract import (
    Action,
    Card,
    ChatPlatform,
    Message,
    Moment,
    Picture,
    Rung,
    Spot,
    Standing,
    Style,
    Text,
)
from bot.platforms.errors import PlatformDown, PlatformError
from bot.ports import Ports
from bot.schedule import Usual
from bot.stills import Stills
from bot.wording import about, money
from providers.kit.spec import BadOption
from storage.contract import DELETED, Job, Trail
from storage.errors import StorageError
from storage.states import FINAL, OCCUPYING, Event, Notice, State

log = logging.getLogger(__name__)

PRIVATELY = "privately"
"""In place of a reference: its person was told alone."""
_CANCELLABLE = frozenset(
    {State.PREPARING, State.QUEUED, State.SUBMITTING, State.UNSURE, State.GENERATING, State.LATE},
)
_MOVING = frozenset({State.PREPARING, State.SUBMITTING, State.GENERATING, State.FETCHING, State.DELIVERING})
_IN_THREAD = (_MOVING | {State.UNSURE, State.LATE}) - {State.PREPARING}
"""What waits for its turn needs no thread yet."""
_REROUTES = frozenset({Event.REROUTED, Event.VOID_REROUTED})
_SHOWN_S = 60.0
_MOST_HELD = 200


def spot_of(job: Job) -> Spot:
    """Return where a job was asked for."""
    return Spot(server=job.place.server, channel=job.place.channel, thread=job.place.thread)


def user_of(job: Job) -> str:
    """Return who asked, written PLATFORM/ID."""
    return job.subjects.user.removeprefix("user:")


def standing_of(references: Mapping[str, str]) -> Standing:
    """Return where a card stands, as its platform told it; empty where it was never shown."""
    return json.loads(references.get(Notice.CARD) or "{}")  # type: ignore[no-any-return]  # it is what was put there


def resolution_of(offer: Offer | None, job: Job) -> object:
    """Return a video's size as it was asked for, or as its offer makes it by itself."""
    asked = job.request.get("options", {})
    with contextlib.suppress(BadOption):
        if offer is not None:
            return offer.options(asked).get("resolution")
    return asked.get("resolution")


# -- what a card says


def card(job: Job, around: Around) -> Card:
    """Return what is shown of a job; of one whose video was deleted neither its words nor its picture."""
    head, text = phrase(job, around)
    is_rendering = head == rendering() and job.progress is not None
    link, link_label = _link(job, around)
    is_over = job.hidden or job.state in FINAL | {State.KEPT}
    return Card(
        job=job.id,
        spot=spot_of(job),
        user=user_of(job),
        prompt=job.request.get("prompt", "") if around.deleted is None else "",
        small=(_small(job, around),),
        head=head,
        line=line(job, around),
        text=text,
        actions=_actions(job, around),
        picture=around.picture,
        fraction=job.progress if is_rendering else None,
        is_moving=job.state in _MOVING and not job.hidden,
        is_over=is_over,
        progress=_progress(job, around, head, text),
        note=_note(job, around),
        link=link,
        link_label=link_label,
        answering=around.answering,
    )


def line(job: Job, around: Around) -> str:
    """Return the same in a few plain words."""
    if around.offer is None or around.usual is None:
        return str(job.state)
    return replies.progress(job, around.offer.spec, around.usual, around.ahead, can_stop=around.can_stop)


def _small(job: Job, around: Around) -> str:
    recipe = replies.recipe(job, resolution_of(around.offer, job))
    match job.state:
        case State.FAILED | State.CANCELLED:
            return recipe
        case State.DELIVERED:
            cost = job.price_usd_micros if job.cost_usd_micros is None else job.cost_usd_micros
            return f"{recipe}, {money(cost)}"
    return f"{recipe}, {about(job.price_usd_micros)}"


def _actions(job: Job, around: Around) -> tuple[Action, ...]:
    """Return the buttons, those that help first; who may not press one is told why.

    What is for admins is left out where they were asked in a place of their own.
    """
    cancel = Action(label=tr("Cancel"), verb="cancel", of=job.id)
    details = Action(label=tr("Details"), verb="more", of=job.id)
    if job.hidden:
        return ()
    if job.state in _CANCELLABLE:
        return cancel, details
    match job.state:
        case State.HELD:
            decide = () if Notice.APPROVAL in around.said else decisions(job)
            return *decide, Action(label=tr("Withdraw"), verb="cancel", of=job.id), details
        case State.KEPT:
            return Action(label=tr("Collect"), verb="collect", of=job.id), details
        case State.FETCHING | State.DELIVERING:
            return (details,)
    return ()


def decisions(job: Job) -> tuple[Action, ...]:
    """Return what an admin decides between."""
    label = tr("Approve for {price}", price=money(job.price_usd_micros)) if job.price_usd_micros else tr("Approve")
    approve = Action(label=label, verb="approve", of=job.id, style=Style.MAIN)
    return approve, Action(label=tr("Decline"), verb="decline", of=job.id)


def _progress(job: Job, around: Around, head: str, text: Text) -> Message | None:
    """Return what the thread's own message says: until it is over, or until somebody was told that it failed."""
    is_failing = job.state is State.FAILED and Notice.OUTCOME not in around.said
    if job.hidden or not (job.state in _IN_THREAD or is_failing):
        return None
    told = f"{head} {min(99, int(job.progress * 100))} %" if head == rendering() and job.progress is not None else head
    cancel = (Action(label=tr("Cancel"), verb="cancel", of=job.id),) if job.state in _CANCELLABLE else ()
    return Message(head=told, text=text, small=_note(job, around), actions=cancel)


def _note(job: Job, around: Around) -> Text:
    """Return what was done to the picture and the sound, that another offer makes it, and who let it through."""
    told = " ".join(filter(None, [replies.changed(job.prepared), around.moved]))
    let_through = approved(job, around)
    between = (" ",) if told and let_through else ()
    return *((told,) if told else ()), *between, *let_through


def _link(job: Job, around: Around) -> tuple[str, str]:
    """Return the message to look at, and what it is to be called."""
    reference, label = {
        State.DELIVERED: ("" if around.elsewhere else around.said.get("video", ""), later("Watch")),
        State.FAILED: (around.said.get(Notice.OUTCOME, ""), later("Why")),
        State.UNSURE: (around.said.get(Notice.UNSURE, ""), later("Why")),
    }.get(job.state, ("", ""))
    return (reference, tr(label)) if reference not in {"", PRIVATELY} else ("", "")


# -- showing it


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Cards:
    """Shows cards: one showing of a job at a time, and the newest is the last. `close` ends what still runs."""

    def __init__(self, ports: Ports, now_ms: Callable[[], int] = _now_ms) -> None:
        self._ports, self._now_ms, self._stills = ports, now_ms, Stills(ports)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._wanted: set[str] = set()
        self._showing: dict[str, asyncio.Task[None]] = {}
        self._later: dict[str, asyncio.TimerHandle] = {}

    def poke(self, job: Job) -> None:
        """Show a job's card soon, beside all else; however often it is asked meanwhile, it is shown once more."""
        if self._platform(job) is not None:
            self._want(job.id)

    def _want(self, job_id: str) -> None:
        self._wanted.add(job_id)
        if job_id not in self._showing:
            self._showing[job_id] = task = asyncio.create_task(self._show_as_wanted(job_id))
            task.add_done_callback(lambda _: self._shown(job_id))

    def _shown(self, job_id: str) -> None:
        task = self._showing.pop(job_id)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            log.error("a card was not shown", extra={"job": job_id}, exc_info=error)

    async def _show_as_wanted(self, job_id: str) -> None:
        while job_id in self._wanted:
            self._wanted.discard(job_id)
            with contextlib.suppress(StorageError):
                await self.show(job_id)

    async def show(self, job_id: str, *, version: int | None = None) -> bool:
        """Show where a job stands now; False where its platform cannot just now. `version` is what it was owed as.

        Raises:
            StorageError: nobody can tell where it stands.
        """
        async with self._locks.setdefault(job_id, asyncio.Lock()):
            job = await self._ports.store.job(job_id)
            platform = self._platform(job)
            if platform is None:
                return True
            references = await self._ports.store.references(job_id)
            choices, standing = await chosen_around(self._ports.store, job), standing_of(references)
            try:
                with speaking(choices.language):
                    made = card(job, await self._around(job, references, choices))
                    async with asyncio.timeout(_SHOWN_S):
                        stands = await platform.show_card(made, standing)
            except (PlatformError, TimeoutError) as error:
                await self._keep_standing(job_id, error)
                log.warning("a card waits for its platform", extra={"job": job_id, "why": type(error).__name__})
                return False
            if version is not None or stands != standing:
                await self._ports.store.said(job_id, Notice.CARD, json.dumps(dict(stands)), version=version)
            self._come_back(made)
            if job.state in FINAL:
                self._stills.forget(job)
            return True

    async def _keep_standing(self, job_id: str, error: Exception) -> None:
        """Keep where a card stands that could not be shown as a whole; it stays owed."""
        if isinstance(error, PlatformDown) and error.standing:
            await self._ports.store.said(job_id, Notice.CARD, json.dumps(dict(error.standing)))

    async def still(self, job: Job) -> Picture | None:
        """Return the small picture that stands for a job now, where there is one."""
        return await self._stills.of(job)

    async def lined(self, job: Job) -> Card:
        """Return the card for what shows no more of it than a line and a bar."""
        usual, ahead = self._usual(job), await self._ahead(job)
        told = line(job, Around(now_ms=0, offer=self._offer(job), usual=usual, ahead=ahead))
        fraction = job.progress if job.state in {State.GENERATING, State.LATE} else None
        return Card(
            job=job.id,
            spot=spot_of(job),
            user=user_of(job),
            prompt=job.request.get("prompt", ""),
            small=(),
            head=told,
            line=told,
            fraction=fraction,
        )

    async def close(self) -> None:
        """Let all go that is not shown yet: it is owed."""
        for timer in self._later.values():
            timer.cancel()
        showing = list(self._showing.values())
        for task in showing:
            task.cancel()
        await asyncio.gather(*showing, return_exceptions=True)

    def _platform(self, job: Job) -> ChatPlatform | None:
        platform = self._ports.platforms.get(job.place.platform)
        return platform if platform is not None and platform.abilities.cards else None

    def _come_back(self, made: Card) -> None:
        """Show it anew once a moment that it names has passed: then it says something else."""
        if (timer := self._later.pop(made.job, None)) is not None:
            timer.cancel()
        moments = [part.at_ms for part in made.text if isinstance(part, Moment)]
        if moments and not made.is_over:
            in_s = max(1.0, (moments[0] - self._now_ms()) / 1000)
            self._later[made.job] = asyncio.get_running_loop().call_later(in_s, self._passed, made.job)

    def _passed(self, job_id: str) -> None:
        del self._later[job_id]
        self._want(job_id)

    async def _around(self, job: Job, references: Mapping[str, str], choices: Choices) -> Around:
        """Gather what the card tells beside its job."""
        ports = self._ports
        channel = (job.subjects.channel or "").removeprefix("channel:")
        has_moved = job.offer != job.route[0].offer
        has_more = has_moved or job.budget is not None or job.state is State.DELIVERED
        trail = await ports.store.trail(job.id) if has_more else []
        deleted = next((each for each in trail if each.event == DELETED), None)
        return Around(
            now_ms=self._now_ms(),
            offer=self._offer(job),
            usual=self._usual(job),
            ahead=await self._ahead(job),
            ready_ms=await self._ready_ms(job),
            said=references,
            moved=_moved(job, trail) if has_moved else "",
            elsewhere=_elsewhere(trail),
            deleted=deleted,
            decided=decision(trail),
            answering=choices.answering(channel),
            picture=await self.still(job) if deleted is None else None,
        )

    def _offer(self, job: Job) -> Offer | None:
        return self._ports.catalogue.get(job.offer)

    def _usual(self, job: Job) -> Usual | None:
        offer = self._offer(job)
        return None if offer is None else self._ports.paces.usual(offer.spec, job.seconds)

    async def _ahead(self, job: Job) -> int:
        return await self._ports.store.ahead(job.id) if job.state is State.QUEUED else 0

    async def _ready_ms(self, job: Job) -> tuple[int, ...]:
        """Return when the jobs should be ready that hold the places for which a queued one waits."""
        if job.state is not State.QUEUED:
            return ()
        found = [each for state in OCCUPYING for each in await self._ports.store.jobs(state=state, most=_MOST_HELD)]
        made = [(each.state_since_ms, self._usual(each)) for each in found if each.offer == job.offer]
        return tuple(since_ms + int(usual.likely_s * 1000) for since_ms, usual in made if usual is not None)


def _moved(job: Job, trail: list[Trail]) -> str:
    """Return why another offer makes it than was to at first."""
    why = next((each.detail for each in trail if each.event in _REROUTES), "")
    return replies.moved(replace(job, offer=job.route[0].offer), job, why)


def _elsewhere(trail: list[Trail]) -> str:
    """Return why the video went to its person alone; nothing where it did not."""
    posted = next((each.detail for each in reversed(trail) if each.event == Event.POSTED), "")
    return posted.removeprefix(f"{Rung.PRIVATELY}: ") if posted.startswith(Rung.PRIVATELY) else ""
