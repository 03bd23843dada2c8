"""A job's card in its channel, the thread on it, and the one message in there that says how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import discord

from bot.platforms.contract import Answering, Card, Standing, Text
from bot.platforms.discord import drawing, markup
from bot.platforms.discord.rest import (
    HAS_THREAD,
    Enclosed,
    Json,
    Letter,
    Rest,
    jobs_of,
    unfiltered,
)
from bot.platforms.errors import PlatformDown

MOST_EDITS = 8
APART_MS = 5000
_EDITED_FOR_MS = 50 * 60_000
_THREAD_CHARS = 60
_GONE = "gone"
_CONTAINER, _IS_V2 = 17, 1 << 15
_WORDS_S = 3.0
_UNNAMED = "Video"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """Where a job's messages stand, as ids, and what they last said, as hashes.

    A `card` or `progress` that is GONE was there, or could not be posted, and is not tried again. `alone` where the card
    carries the progress itself, `reply` where the outcome answers the card, `hidden` where the server's filter minds what
    was asked for. `weighed` is the hash of what of the card is shown however often it changed, `edits` how often it was shown
    for less.
    """

    channel: str = ""
    card: str = ""
    thread: str = ""
    progress: str = ""
    alone: str = ""
    reply: str = ""
    hidden: str = ""
    shown: str = ""
    weighed: str = ""
    edits: str = "0"
    said: str = ""
    said_ms: str = "0"

    @classmethod
    def read(cls, standing: Standing) -> Stands:
        """Return what a standing says, as far as it is known here."""
        known = {each.name for each in fields(cls)}
        return cls(**{word: value for word, value in standing.items() if word in known})

    def told(self) -> Standing:
        """Return it as a standing, without what is empty."""
        return {word: value for word, value in asdict(self).items() if value}


async def show(rest: Rest, card: Card, standing: Standing) -> Standing:
    """Make the card, its thread and the progress say what they should; what Discord will never take is let go.

    Raises:
        PlatformDown: try again later, from the standing that it tells.
    """
    drawn = await _Drawn.of(card)
    stands = Stands.read(standing)
    try:
        if not stands.channel:
            stands = await _found_again(rest, card) or await _put(rest, drawn)
        stands = await _with_thread(rest, card, stands)
        stands = await _with_progress(rest, card, stands)
        return (await _with_card(rest, drawn, stands)).told()
    except PlatformDown as down:
        raise PlatformDown(str(down), standing=stands.told()) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """A card with the bytes of its picture; a picture that is not there any more is left out."""

    card: Card
    picture: bytes | None

    @classmethod
    async def of(cls, card: Card) -> _Drawn:
        if card.picture is None:
            return cls(card=card, picture=None)
        try:
            return cls(card=card, picture=await asyncio.to_thread(card.picture.path.read_bytes))
        except OSError:
            return cls(card=replace(card, picture=None), picture=None)

    def letter(self, stands: Stands, *, is_hidden: bool) -> Letter:
        """Write it; the picture goes along each time, as it is small and nothing shows an old one for certain."""
        picture, files = self.card.picture, tuple[Enclosed, ...]()
        if picture is not None and self.picture is not None:
            alt = drawing.alt(picture.alt)
            files = (Enclosed(name=drawing.still_name(picture), source=self.picture, alt=alt),)
        return Letter(view=drawing.card(self.card, with_progress=bool(stands.alone), is_hidden=is_hidden), files=files)

    def mark(self, stands: Stands) -> str:
        """Return what tells whether it must be shown anew: neither for a moment that moved, nor within a quarter."""
        quarter = int(self.card.fraction * 4) if stands.alone and self.card.fraction is not None else None
        return _hash([self.card.head, self._looks(stands), quarter], self.picture or b"")

    def weight(self, stands: Stands) -> str:
        """Return what of it must be shown however often it changed: all but its bar, its picture and a place in a line."""
        uncounted = [word for word in self.card.head.split() if not any(map(str.isdigit, word))]
        return _hash([uncounted, self._looks(stands)])

    def _looks(self, stands: Stands) -> list[Any]:
        card = self.card
        words = [card.prompt, *_lasting(card.text), *_lasting(card.small), card.link_label, card.link]
        return [words, *map(asdict, card.actions), card.is_moving, stands.alone]


def place(card: Card) -> str:
    """Return the channel or thread in which the card stands."""
    return card.spot.thread or card.spot.channel


async def _put(rest: Rest, drawn: _Drawn) -> Stands:
    """Post the card; where it cannot stand nothing is tried again."""
    card = drawn.card
    stands = _begun(card)
    stands = replace(stands, shown=drawn.mark(stands), weighed=drawn.weight(stands))

    def send(is_hidden: bool) -> Awaitable[str]:
        return rest.post(stands.channel, drawn.letter(stands, is_hidden=is_hidden), nonce=f"{card.job}:card")

    try:
        posted, is_hidden = await unfiltered(send)
    except discord.HTTPException:
        return replace(stands, card=_GONE)
    return replace(stands, card=posted, hidden="yes" if is_hidden else "")


async def _found_again(rest: Rest, card: Card) -> Stands | None:
    """Return where everything stands that was posted by one who died before writing it down."""
    found = await _ours(rest, place(card), card.job, lambda each: each["components"][0]["type"] == _CONTAINER)
    if found is None:
        return None
    thread = found.get("thread", {}).get("id", "")
    words = await _words_in(rest, thread, card.job)
    return replace(_begun(card), card=found["id"], thread=thread, progress=words)


async def _words_in(rest: Rest, thread: str, job: str) -> str:
    """Return the message in a thread that says how far the job is, if there is one."""
    said = await _ours(rest, thread, job, lambda each: each["components"][0]["type"] != _CONTAINER)
    return said["id"] if said else ""


async def _ours(rest: Rest, channel: str, job: str, fits: Callable[[Json], bool]) -> Json | None:
    """Return our own newest message in components that has a button of the job."""
    if not channel:
        return None
    try:
        mine = await rest.mine(channel, most_pages=1)
    except discord.HTTPException:
        return None
    marked = (each for each in mine if each["flags"] & _IS_V2 and job in jobs_of(each))
    return next((each for each in marked if fits(each)), None)


def _begun(card: Card) -> Stands:
    reply = "yes" if card.answering is Answering.REPLY else ""
    return Stands(channel=place(card), alone="yes" if _is_alone(card) else "", reply=reply)


def _is_alone(card: Card) -> bool:
    """Tell whether the card carries the progress itself: it stands in a thread, or may or can have none."""
    return card.answering is not Answering.THREAD or bool(card.spot.thread) or not card.spot.server.isdigit()


async def _with_thread(rest: Rest, card: Card, stands: Stands) -> Stands:
    """Open the thread when there is something to say in it; one that is there already may have its words."""
    if stands.card == _GONE or stands.alone or stands.thread or card.progress is None:
        return stands
    try:
        return replace(stands, thread=await _opened(rest, card, stands))
    except discord.HTTPException as error:
        if error.code != HAS_THREAD:
            return replace(stands, alone="yes")
    return replace(stands, thread=stands.card, progress=await _words_in(rest, stands.card, card.job))


async def _opened(rest: Rest, card: Card, stands: Stands) -> str:
    """Return a new thread on the card, named by the sentence unless the server's filter minds it."""
    name = markup.one_line(card.prompt, _THREAD_CHARS) or _UNNAMED

    def start(is_hidden: bool) -> Awaitable[str]:
        return rest.open_thread(stands.channel, stands.card, _UNNAMED if is_hidden else name)

    return (await unfiltered(start, is_hidden=bool(stands.hidden)))[0]


async def _with_progress(rest: Rest, card: Card, stands: Stands) -> Stands:
    """Begin, change or end the message that says how far it is."""
    if not stands.thread or stands.progress == _GONE:
        return stands
    if card.progress is None:
        return await _ended(rest, card, stands)
    view = drawing.progress(card)
    said = _hash(drawing.components(view))
    if not view.children or said == stands.said:
        return stands
    letter, now_ms = Letter(view=view), int(time.time() * 1000)
    if not stands.progress:
        return await _begin(rest, card, letter, replace(stands, said=said, said_ms=str(now_ms)))
    if not _may_say(stands, now_ms):
        return stands
    return await _say(rest, letter, stands, replace(stands, said=said, said_ms=str(now_ms)))


def _may_say(stands: Stands, now_ms: int) -> bool:
    """Tell whether the last words have stood long enough, and are not too old to be changed for progress alone."""
    return not 0 <= now_ms - int(stands.said_ms) < APART_MS and not _is_old(stands.progress, now_ms)


def _is_old(message: str, now_ms: int) -> bool:
    """Tell whether Discord soon takes few edits of so old a message: those that are left are for its end."""
    return now_ms - discord.utils.snowflake_time(int(message)).timestamp() * 1000 >= _EDITED_FOR_MS


async def _begin(rest: Rest, card: Card, letter: Letter, stands: Stands) -> Stands:
    """Post the first words into the thread; a thread that takes none leaves them to the card."""
    try:
        return replace(stands, progress=await rest.post(stands.thread, letter, nonce=f"{card.job}:prog"))
    except discord.HTTPException:
        return replace(stands, progress=_GONE, alone="yes")


async def _say(rest: Rest, letter: Letter, before: Stands, after: Stands) -> Stands:
    """Change the words; while Discord limits that they are let go, as newer ones come. Refused once they stay as they are."""
    try:
        await rest.edit(before.thread, before.progress, letter, within_s=_WORDS_S)
    except PlatformDown:
        return before
    except discord.HTTPException as error:
        return replace(after, progress=_GONE if _is_gone(error) else after.progress)
    return after


def _is_gone(error: discord.HTTPException) -> bool:
    """Tell whether a message is not there, or not ours to change: Discord bans who keeps asking."""
    return isinstance(error, discord.Forbidden | discord.NotFound)


async def _ended(rest: Rest, card: Card, stands: Stands) -> Stands:
    """Shrink the words to what stays of them, or take them away."""
    if not stands.progress:
        return stands
    note = Letter(view=drawing.note(card))

    def end() -> Awaitable[None]:
        stays = drawing.components(note.view)
        return rest.edit(stands.thread, stands.progress, note) if stays else rest.delete(stands.thread, stands.progress)

    with contextlib.suppress(discord.HTTPException):
        await rest.awake(stands.thread, end)
    return replace(stands, progress="", said="")


async def _with_card(rest: Rest, drawn: _Drawn, stands: Stands) -> Stands:
    """Change the card where it may be; one that somebody deleted stays away.

    Raises:
        PlatformDown: it does not say this yet.
    """
    shown = replace(stands, shown=drawn.mark(stands), weighed=drawn.weight(stands))
    if stands.card == _GONE or shown.shown == stands.shown:
        return stands
    if shown.weighed == stands.weighed and not drawn.card.is_over:
        if int(stands.edits) >= MOST_EDITS or _is_old(stands.card, int(time.time() * 1000)):
            return stands
        shown = replace(shown, edits=str(int(stands.edits) + 1))

    def change(is_hidden: bool) -> Awaitable[None]:
        return rest.edit(stands.channel, stands.card, drawn.letter(stands, is_hidden=is_hidden))

    try:
        _, is_hidden = await rest.awake(stands.channel, lambda: unfiltered(change, is_hidden=bool(stands.hidden)))
    except discord.HTTPException as error:
        return replace(shown, card=_GONE if _is_gone(error) else stands.card)
    return replace(shown, hidden="yes" if is_hidden else "")


def _lasting(text: Text) -> list[str]:
    """Return the words of a text without its moments, which count by themselves."""
    return [part for part in text if isinstance(part, str)]


def _hash(told: Any, more: bytes = b"") -> str:
    return hashlib.sha256(json.dumps(told).encode() + more).hexdigest()[:16]
