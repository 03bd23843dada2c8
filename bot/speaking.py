"""What people are owed is said where they asked, else nearby, else privately, else it is left to `jobs`; admins have a channel."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from bot import notices, replies
from bot.cards import PRIVATELY, Cards, resolution_of, spot_of, standing_of, user_of
from bot.choices import Choices, chosen_around
from bot.delivery import rungs
from bot.language import speaking
from bot.platforms.contract import ChatPlatform, Message, Notice, Rung
from bot.platforms.errors import PlaceGone, PlatformDown
from bot.ports import Ports
from bot.scopes import is_denied
from storage import states
from storage.contract import Job, Owed
from storage.errors import StorageError

log = logging.getLogger(__name__)

_AT_ONCE = 20


async def speak(ports: Ports, cards: Cards) -> int:
    """Say what is due; return how much there was. What cannot be said now is due again in a minute, for a day.

    Jobs wait for nobody but themselves: what one is owed is said in turn, its card first, as a notice may go below it.
    """
    found = await ports.store.owed(platforms=list(ports.platforms), most=_AT_ONCE)
    in_turn = sorted(found, key=lambda owed: (owed.job.id, owed.notice is not states.Notice.CARD))
    jobs = [list(owed) for _, owed in groupby(in_turn, key=lambda owed: owed.job.id)]
    await asyncio.gather(*(_say_all(ports, cards, owed) for owed in jobs))
    return len(found)


async def _say_all(ports: Ports, cards: Cards, all_owed: list[Owed]) -> None:
    for owed in all_owed:
        with contextlib.suppress(StorageError):
            await (_show(ports, cards, owed) if owed.notice is states.Notice.CARD else _say(ports, cards, owed))


async def _show(ports: Ports, cards: Cards, owed: Owed) -> None:
    """Show the card; one that could not be shown for a day is given up, and where it stands is kept."""
    if await cards.show(owed.job.id, version=owed.version) or not owed.is_old:
        return
    reference = (await ports.store.references(owed.job.id)).get(owed.notice, "")
    await ports.store.said(owed.job.id, owed.notice, reference, version=owed.version)


async def _say(ports: Ports, cards: Cards, owed: Owed) -> None:
    choices = await chosen_around(ports.store, owed.job)
    with speaking(choices.language):
        await _say_it(ports, cards, owed, choices)


async def _say_it(ports: Ports, cards: Cards, owed: Owed, choices: Choices) -> None:
    if owed.notice is states.Notice.APPROVAL:
        reference = await _asked(ports, cards, owed, choices)
    else:
        reference = await _told(ports, owed)
    if reference is not None or owed.is_old:
        await ports.store.said(owed.job.id, owed.notice, reference or "")
        cards.poke(owed.job)


async def _told(ports: Ports, owed: Owed) -> str | None:
    """Tell a job's person; where it stands now, as `_placed` returns it."""
    trail = await ports.store.trail(owed.job.id)
    message = notices.message(owed.job, owed.notice, trail)
    if message is None:
        return ""
    platform = ports.platforms[owed.job.place.platform]
    there = rungs(platform.abilities)
    if await is_denied(ports.store, owed.job):
        there = [rung for rung in there if rung is Rung.PRIVATELY]
    return await _placed(platform, await _notice(ports, owed, message), there)


async def _asked(ports: Ports, cards: Cards, owed: Owed, choices: Choices) -> str | None:
    """Ask the scope's admins in the channel that they chose; where there is none, the job's card asks them.

    Once it is decided, what they were asked says so where it stands.
    """
    job, channel = owed.job, choices.alerts.partition("/")[2]
    stands = (await ports.store.references(job.id)).get(owed.notice, "")
    is_open = notices.holds(job, owed.notice)
    if not (channel if is_open else stands) or await is_denied(ports.store, job):
        return stands
    message = await (_question(ports, cards, job) if is_open else _answer(ports, cards, job))
    said = await _notice(ports, owed, message)
    there = replace(said.spot, channel=channel, thread="")
    platform = ports.platforms[job.place.platform]
    return await _placed(platform, replace(said, spot=there, is_about=True, reference=stands), [Rung.CHANNEL])


async def _question(ports: Ports, cards: Cards, job: Job) -> Message:
    left = await ports.store.left(job.subjects, ports.settings.rules)
    return notices.approval(job, _recipe(ports, job), left, await cards.still(job))


async def _answer(ports: Ports, cards: Cards, job: Job) -> Message:
    trail = await ports.store.trail(job.id)
    return notices.answered(job, _recipe(ports, job), trail, await cards.still(job))


def _recipe(ports: Ports, job: Job) -> str:
    return replies.recipe(job, resolution_of(ports.catalogue.get(job.offer), job))


async def _notice(ports: Ports, owed: Owed, message: Message) -> Notice:
    job = owed.job
    standing = standing_of(await ports.store.references(job.id))
    return Notice(
        job=job.id, what=owed.notice, spot=spot_of(job), user=user_of(job), message=message, standing=standing
    )


async def _placed(platform: ChatPlatform, said: Notice, there: Iterable[Rung]) -> str | None:
    """Return where it stands now, nothing where no place takes it; None where nobody can say it just now."""
    try:
        return await _announced(platform, said, there)
    except PlatformDown as down:
        log.warning("a notice waits for its platform", extra={"job": said.job, "why": type(down).__name__})
        return None


async def _announced(platform: ChatPlatform, said: Notice, there: Iterable[Rung]) -> str:
    """Say it on the first rung that takes it; who cannot be told at all finds it among their jobs."""
    for rung in there:
        with contextlib.suppress(PlaceGone):
            reference = await platform.announce(replace(said, rung=rung))
            return PRIVATELY if rung is Rung.PRIVATELY else reference
    return ""
