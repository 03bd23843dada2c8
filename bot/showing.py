"""What a person looks at privately: their videos, what is left to them, one job's details, help."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from bot import replies, sayings
from bot.intake import subjects_of
from bot.language import later, told, tr
from bot.platforms.contract import Action, Asking, Item, Message, Moment, Style, Text
from bot.ports import Ports
from bot.powers import may_know
from bot.scopes import serves
from bot.wording import about, cut, money, provider, span
from providers.kit.spec import Text as FreeText
from storage.contract import Job, Left, Trail
from storage.states import FINAL, OPEN, State

PAGE = 5
_BATCH = 25
_LINE_CHARS = 100
_PROMPT_CHARS = 1500
_GONE = frozenset({State.CANCELLED, State.FAILED})
_MOMENTS = (
    (later("waited {time}"), {State.HELD, State.QUEUED}),
    (later("prepared {time}"), {State.PREPARING}),
    (later("rendered {time}"), {State.SUBMITTING, State.UNSURE, State.GENERATING, State.LATE}),
    (later("posted {time}"), {State.FETCHING, State.DELIVERING}),
    (later("kept {time}"), {State.KEPT}),
)


async def left_of(ports: Ports, asking: Asking) -> list[Left]:
    """Return every limit that this person's next request must hold."""
    return await ports.store.left(subjects_of(asking), ports.settings.rules)


async def quota(ports: Ports, asking: Asking) -> Message:
    """Return what is left, when it comes back, and every other limit in small print."""
    left = await left_of(ports, asking)
    own = sayings.personal(left)
    others = "\n".join(sayings.taken(each) for each in left if each is not own)
    closed = next((each for each in left if not each.most and not each.limit.startswith("$")), None)
    if closed is not None:
        head, text = sayings.nothing(closed.subject, closed.set_by)
        return Message(head=head, text=text)
    if own is None:
        return Message(head=tr("Nothing limits how many videos you make."), small=(others,) if others else ())
    at_ms = own.frees_at_ms if own.used else None
    frees = () if at_ms is None else told("The next one frees {at}.", at=Moment(at_ms))
    return Message(head=f"{sayings.room(own)}.", text=frees, small=(others,) if others else ())


async def jobs(ports: Ports, asking: Asking, page: int) -> Message:
    """Return a page of the person's videos under what is left to them, the newest first."""
    found = await _theirs(ports, asking, page * PAGE + 1)
    shown = found[(page - 1) * PAGE : page * PAGE]
    own = await quota(ports, asking)
    if not found:
        return Message(head=tr("No videos yet."), text=(tr("`/animate` with a picture and a sentence makes one."),))
    older = Action(label=tr("Show older"), verb="jobs", of=f"p{page + 1}")
    return Message(
        head=own.head,
        text=own.text,
        small=own.small,
        items=tuple([await line(ports, job) for job in shown]),
        actions=(older,) if len(found) > page * PAGE else (),
    )


async def _theirs(ports: Ports, asking: Asking, most: int) -> list[Job]:
    """Return the person's newest jobs that may be known of where they ask."""
    found: list[Job] = []
    skip = 0
    while len(found) < most:
        batch = await ports.store.jobs(user=f"user:{asking.user}", most=_BATCH, skip=skip)
        found += [job for job in batch if may_know(asking, job)]
        skip += _BATCH
        if len(batch) < _BATCH:
            break
    return found


async def open_jobs(ports: Ports, asking: Asking) -> list[Job]:
    """Return the person's jobs in the making, wherever they were asked for: all of them count."""
    theirs = await ports.store.jobs(user=f"user:{asking.user}", most=_BATCH)
    return [job for job in theirs if job.state in OPEN and not job.hidden]


async def line(ports: Ports, job: Job) -> Item:
    """Return a job as one line with its one useful button."""
    prompt = cut(job.request.get("prompt", ""), _LINE_CHARS)
    return Item(
        quote=prompt or tr("job {job}", job=job.id), small=await _standing(ports, job), action=await _useful(ports, job)
    )


async def _standing(ports: Ports, job: Job) -> Text:
    if job.hidden and job.state not in FINAL:
        return (tr("discarded"),)
    if job.state is State.DELIVERED:
        ended = Moment(job.ended_at_ms or job.state_since_ms)
        return told("done {at}, {price}", at=ended, price=money(job.price_usd_micros))
    if job.state in _GONE:
        cancelled, not_made = tr("cancelled, job {job}", job=job.id), tr("not made, job {job}", job=job.id)
        return (cancelled if job.state is State.CANCELLED else not_made,)
    offer = ports.catalogue.get(job.offer)
    if offer is None:
        return (tr("waiting, job {job}", job=job.id),)
    ahead = await ports.store.ahead(job.id) if job.state is State.QUEUED else 0
    return (replies.progress(job, offer.spec, ports.paces.usual(offer.spec, job.seconds), ahead),)


async def _useful(ports: Ports, job: Job) -> Action | None:
    match job.state:
        case State.DELIVERED:
            reference = (await ports.store.references(job.id)).get("video", "")
            return Action(label=tr("Watch"), link=reference) if reference else None
        case State.KEPT:
            return Action(label=tr("Collect"), verb="collect", of=job.id)
        case State.FAILED:
            return Action(label=tr("Edit and try again"), verb="edit", of=job.id)
        case State.CANCELLED | State.FETCHING | State.DELIVERING:
            return None
    return None if job.hidden else Action(label=tr("Cancel"), verb="cancel", of=job.id)


def details(ports: Ports, job: Job, trail: Sequence[Trail], *, may_delete: bool) -> Message:
    """Return all there is to know of a job; words too long for a message come as a file."""
    prompt, expanded = job.request.get("prompt", ""), job.actual_prompt or ""
    is_long = len(prompt) + len(expanded) > _PROMPT_CHARS
    delete = Action(label=tr("Delete"), verb="delete", of=job.id, style=Style.PLAIN)
    options = {name: str(value) for name, value in job.request.get("options", {}).items() if name != "seed"}
    typed = {name: value for name, value in options.items() if _is_typed(ports, job, name)}
    chosen = [f"{name} {value}" for name, value in options.items() if name not in typed]
    as_expanded = [Item(quote=cut(expanded, _PROMPT_CHARS), small=(tr("As the model expanded it"),))]
    words = _as_file(ports, prompt, expanded) if is_long else None
    return Message(
        quote=cut(prompt, _PROMPT_CHARS) if is_long else prompt,
        items=(
            *(as_expanded if expanded else ()),
            *(Item(quote=value, small=(name,)) for name, value in typed.items()),
        ),
        text=("\n".join(_facts(job, trail, chosen)),),
        actions=(delete,) if may_delete and job.state is State.DELIVERED else (),
        files=(words,) if words else (),
        folder=words.parent if words else None,
    )


def _is_typed(ports: Ports, job: Job, name: str) -> bool:
    """Tell whether an option's value is somebody's own words, or may be: it is quoted, never said in ours."""
    offer = ports.catalogue.get(job.offer)
    option = None if offer is None else offer.spec.option(name)
    return option is None or isinstance(option, FreeText)


def _facts(job: Job, trail: Sequence[Trail], chosen: Sequence[str]) -> list[str]:
    recipe = [job.offer, f"{job.seconds} s", *chosen]
    made = replies.changed(job.prepared)
    return [
        *([made] if made else []),
        tr("Offer: {recipe}", recipe=", ".join(recipe)),
        *([tr("Seed: {seed}", seed=job.seed)] if job.seed is not None else []),
        tr("Cost: {cost}", cost=_cost(job)),
        tr("Time: {times}", times=_times(trail) or tr("just begun")),
        tr("Job: {job}", job=job.id),
    ]


def _cost(job: Job) -> str:
    """Return what a job cost its person, or may."""
    match job.state:
        case State.DELIVERED:
            price = money(job.price_usd_micros)
            return tr("{price}, charged on delivery", price=price) if job.price_usd_micros else price
        case State.FAILED | State.CANCELLED:
            if not job.cost_usd_micros:
                return tr("nothing was charged")
            if job.discarded_by == job.subjects.user:
                return tr("{price}, as it was made", price=money(job.price_usd_micros))
            who, price = provider(job.offer), money(job.cost_usd_micros)
            return tr("nothing was charged, though {who} billed {price}", who=who, price=price)
    return tr("{price}, charged only on delivery", price=about(job.price_usd_micros))


def _times(trail: Sequence[Trail]) -> str:
    """Return how long a job was at what, as its history tells."""
    spent: dict[str, int] = {}
    for here, after in pairwise(trail):
        for name, states in _MOMENTS:
            if here.target in states:
                spent[name] = spent.get(name, 0) + after.at_ms - here.at_ms
    return ", ".join(tr(name, time=span(spent[name] / 1000)) for name, _ in _MOMENTS if spent.get(name, 0) >= 500)


def _as_file(ports: Ports, prompt: str, expanded: str) -> Path:
    """Write the words whole into a folder of their own."""
    folder = Path(tempfile.mkdtemp(dir=ports.spare, prefix="words-"))
    path = folder / "prompt.txt"
    more = f"\n\n{tr('As the model expanded it:')}\n\n{expanded}" if expanded else ""
    path.write_text(prompt + more, encoding="utf-8")
    return path


_HELP = (
    later("`/animate` with a picture and how it should move: the boat leaves the bay, slow pull back."),
    later("Or open a message with a picture, then Apps, Animate this image. A voice message can be its sound."),
    later("The video comes in the thread, with Again, Edit and Continue. You pay nothing for one that fails."),
    later("`/jobs` shows your videos, `/quota` what is left to you, `/collect` what could not be posted."),
    later("Admins set limits, budget and channels with `/animate-admin`."),
)


def help_page() -> Message:
    """Return what the bot does, in five lines."""
    return Message(
        head=tr("A picture and a sentence become a video."),
        text=("\n".join(map(tr, _HELP)),),
        actions=(sayings.my_videos(),),
    )


_TRY_FIRST = (
    later("1. `/animate` with a picture and how it should move."),
    later("2. Open a message with a picture, then Apps, Animate this image."),
    later("3. `/animate-admin` for limits, budget, channels and where approvals are asked for."),
)
_NOT_ALLOWED = later("The people who run it must allow this server first; they know it as `{scope}`.")


async def installed(ports: Ports, scope: str, name: str, lacks: Sequence[str], *, is_own: bool) -> Message:
    """Return what whoever added the bot reads first: what is missing, else that it works, and what to try."""
    on = [offer for offer in ports.catalogue.on() if not offer.spec.renders_here]
    is_open = serves(scope, ports.settings, await ports.store.scopes(), is_own=is_own)
    missing = [*([] if is_open else [tr(_NOT_ALLOWED, scope=scope)]), *_missing(lacks, has_offers=bool(on))]
    budget = ports.settings.rules.scope_budget_usd_micros
    has_budget = (
        tr("There is no budget yet.") if budget is None else tr("The budget is {price} a month.", price=money(budget))
    )
    sellers = sorted({offer.provider.label or offer.provider.id for offer in on})
    goes = tr("Pictures and sentences go to {names}.", names=", ".join(sellers)) if sellers else ""
    each = tr("For each member: {limits}.", limits=sayings.spoken(ports.settings.user_limit))
    return Message(
        head=tr("Stillmotion cannot do its work in {name} yet.", name=name)
        if missing
        else tr("Stillmotion works in {name}.", name=name),
        text=("\n".join([*missing, *map(tr, _TRY_FIRST)]),),
        small=(" ".join(filter(None, [each, has_budget, goes])),),
        actions=(Action(label=tr("Help"), verb="help"),),
    )


def _missing(lacks: Sequence[str], *, has_offers: bool) -> list[str]:
    given = [tr("It lacks {names}: whoever manages this server can give it.", names=", ".join(lacks))] if lacks else []
    no_key = tr("No provider's key is set, so only the preview works: the bot's operator can add one.")
    return given if has_offers else [*given, no_key]
