"""What the bot says and posts on Discord, with its token alone: cards, videos, notices and private words."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Sequence
from dataclasses import replace

import discord

from bot.platforms.contract import Abilities, Card, Message, Notice, Parcel, Picture, Rung, Spot, Standing
from bot.platforms.discord import card as cards
from bot.platforms.discord import drawing, markup
from bot.platforms.discord.rest import (
    NONCE_CHARS,
    TALK_S,
    UPLOAD_S,
    Enclosed,
    Json,
    Letter,
    Rest,
    custom_ids,
    jobs_of,
    sorted_out,
    unfiltered,
)
from bot.platforms.errors import PlaceGone, PlatformDown, TooBig

NAME = "discord"
LEAST_UPLOAD_BYTES = 10 * 1024 * 1024
_DIRECT = "@me"


class Posting:
    """The verbs of the port that post; whoever runs the gateway adds `run`.

    The client must be logged in; its gateway may be away. A card or notice waits for `talk_s` at most. `close` ends what
    still runs.
    """

    name = NAME
    abilities = Abilities(
        ack_s=3.0,
        text_max_chars=markup.CONTENT_CHARS,
        upload_max_bytes=LEAST_UPLOAD_BYTES,
        threads=True,
        files_in_command=True,
        cards=True,
        private=True,
    )

    def __init__(self, client: discord.Client, talk_s: float = TALK_S) -> None:
        self._rest = Rest(client, talk_s)

    async def close(self) -> None:
        """End what still runs."""
        await self._rest.close()

    async def say(self, spot: Spot, text: str) -> str:
        return await self._said(_server(spot), spot.thread or spot.channel, Message(text=(text,)))

    async def tell(self, user: str, message: Message) -> None:
        await self._said(_DIRECT, await self._direct(user), message)

    async def announce(self, notice: Notice) -> str:
        server, channel = await self._addressed(notice)
        letters = [_letter(notice.message, notice.user, is_hidden=is_hidden) for is_hidden in (False, True)]
        if notice.is_about:
            letters = [replace(each, rings="") for each in letters]
        if notice.reference:
            return await self._changed(notice.reference, letters)
        nonce = f"{notice.job}:{notice.what}"[:NONCE_CHARS]
        mine = await self._mine(channel, notice.standing)
        found = next((each for each in mine if _says(each, notice.job, nonce, letters)), None)
        message = found["id"] if found else await self._posted(channel, letters, nonce)
        return f"{server}/{channel}/{message}"

    async def _changed(self, reference: str, letters: Sequence[Letter]) -> str:
        """Have a message of ours say something else.

        Raises:
            PlaceGone, PlatformDown: it does not.
        """
        _, channel, message = reference.split("/")

        def change(is_hidden: bool) -> Awaitable[None]:
            return self._rest.edit(channel, message, letters[-1 if is_hidden else 0])

        try:
            await self._rest.awake(channel, lambda: unfiltered(change))
        except discord.HTTPException as error:
            raise sorted_out(error) from None
        return reference

    async def show_card(self, card: Card, standing: Standing) -> Standing:
        return await cards.show(self._rest, card, standing)

    async def show_video(self, parcel: Parcel) -> str:
        server, channel = await self._addressed(parcel)
        letters = [_video(parcel, channel, is_hidden=is_hidden) for is_hidden in (False, True)]
        try:
            message = await self._posted(channel, letters, f"{parcel.job}:done", within_s=UPLOAD_S)
        except TooBig:
            raise TooBig(max_bytes=await self._smaller(parcel)) from None
        return f"{server}/{channel}/{message}"

    async def find(self, parcel: Parcel) -> str | None:
        """Look through our messages since the card for a file that carries the job in its name.

        Where the bot may not read back nothing is found: better shown twice than not at all, and for some minutes the
        nonce prevents that too.
        """
        try:
            server, channel = await self._addressed(parcel)
        except PlaceGone:
            return None
        mine = await self._mine(channel, parcel.standing)
        found = next((each for each in mine if _carries(each, parcel.job)), None)
        return f"{server}/{channel}/{found['id']}" if found else None

    async def remove(self, reference: str) -> None:
        if not reference:
            return
        _, channel, message = reference.split("/")
        try:
            await self._rest.awake(channel, lambda: self._rest.delete(channel, message))
        except discord.NotFound:
            return
        except discord.HTTPException as error:
            raise sorted_out(error) from None

    async def limit_bytes(self, spot: Spot) -> int:
        """Return how large a file may be there, as far as that is known beforehand: a server's boosts raise it."""
        if not spot.server.isdigit():
            return LEAST_UPLOAD_BYTES
        try:
            return (await self._rest.guild(spot.server)).filesize_limit
        except (discord.HTTPException, PlatformDown):
            return LEAST_UPLOAD_BYTES

    async def _smaller(self, parcel: Parcel) -> int | None:
        """Return the limit that a video which was refused should be made to fit; None where it should have fitted."""
        size_bytes = parcel.video.stat().st_size
        limit_bytes = LEAST_UPLOAD_BYTES if parcel.rung is Rung.PRIVATELY else await self.limit_bytes(parcel.spot)
        return next((each for each in (limit_bytes, LEAST_UPLOAD_BYTES) if each < size_bytes), None)

    async def _addressed(self, what: Parcel | Notice) -> tuple[str, str]:
        """Return the server and the channel in which this rung is.

        Raises:
            PlaceGone, PlatformDown: the person can have no direct message, or not now.
        """
        match what.rung:
            case Rung.PRIVATELY:
                return _DIRECT, await self._direct(what.user)
            case Rung.CHANNEL:
                return _server(what.spot), what.spot.channel
        return _server(what.spot), what.standing.get("thread") or what.spot.thread or what.spot.channel

    async def _direct(self, user: str) -> str:
        try:
            return await self._rest.direct(_own_id(user))
        except discord.HTTPException as error:
            raise sorted_out(error) from None

    async def _said(self, server: str, channel: str, message: Message) -> str:
        """Post words that nobody looks for again; nothing where there are none."""
        letter = _letter(message)
        if not (letter.content or letter.files):
            return ""
        return f"{server}/{channel}/{await self._posted(channel, [letter], secrets.token_hex(8))}"

    async def _posted(self, channel: str, letters: Sequence[Letter], nonce: str, within_s: float | None = None) -> str:
        """Return the message that stands there now: the first letter, or the last where a filter minds the first.

        Raises:
            PlaceGone, TooBig, PlatformDown: nothing was posted; or nobody knows, where it is down.
        """

        def send(is_hidden: bool) -> Awaitable[str]:
            return self._rest.post(channel, letters[-1 if is_hidden else 0], nonce=nonce, within_s=within_s)

        try:
            return (await unfiltered(send))[0]
        except discord.HTTPException as error:
            raise sorted_out(error) from None

    async def _mine(self, channel: str, standing: Standing) -> list[Json]:
        """Return our own messages since the card, as far as they may be read."""
        card = standing.get("card", "")
        try:
            return await self._rest.mine(channel, card if card.isdigit() else "")
        except discord.HTTPException:
            return []


def _server(spot: Spot) -> str:
    return spot.server or _DIRECT


def _own_id(user: str) -> str:
    """Return Discord's own id of a person written PLATFORM/ID."""
    return user.rpartition("/")[2]


def _letter(message: Message, user: str = "", *, is_hidden: bool = False) -> Letter:
    """Write a plain message that mentions a person, if any; a filter that minds its quote is shown none."""
    content, view = drawing.plain(message, user, is_hidden=is_hidden)
    picture = message.picture
    shown = [] if picture is None or not picture.path.is_file() else [_still(picture)]
    files = [*shown, *(Enclosed(name=drawing.plain_name(path), source=path) for path in message.files)]
    return Letter(content=content, view=view, files=tuple(files), rings=_own_id(user))


def _still(picture: Picture) -> Enclosed:
    return Enclosed(name=drawing.still_name(picture), source=picture.path, alt=drawing.alt(picture.alt))


def _video(parcel: Parcel, channel: str, *, is_hidden: bool) -> Letter:
    """Write what carries the video; it answers the card where the channel wants that and the card stands there."""
    file = Enclosed(
        name=markup.file_name("video.mp4" if is_hidden else parcel.file_name, parcel.job),
        source=parcel.video,
        alt="" if is_hidden else drawing.alt(parcel.alt),
        is_spoiler=parcel.is_spoiler,
    )
    standing = parcel.standing
    answers = standing.get("reply") and standing.get("channel") == channel and standing["card"].isdigit()
    letter = _letter(parcel.message, parcel.user, is_hidden=is_hidden)
    return replace(letter, files=(file, *letter.files), reply_to=standing["card"] if answers else "")


def _carries(found: Json, job: str) -> bool:
    return any(markup.carries(each["filename"], job) for each in found["attachments"])


def _says(found: Json, job: str, nonce: str, letters: Sequence[Letter]) -> bool:
    """Tell whether a message is this notice: by its nonce where Discord tells it, else by its words and buttons."""
    if found.get("nonce") == nonce:
        return True
    names_job = job in jobs_of(found) or job in found["content"]
    return names_job and any(_same_words(found, each) and _same_buttons(found, each) for each in letters)


def _same_words(found: Json, letter: Letter) -> bool:
    """Tell whether it says the same; one with buttons is known by them, as what it counted may have moved on."""
    return found["content"] == letter.content or bool(found["content"] and custom_ids(found))


def _same_buttons(found: Json, letter: Letter) -> bool:
    return custom_ids(found) == custom_ids({"components": drawing.components(letter.view)})
