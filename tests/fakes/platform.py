"""A chat platform on a folder: what was posted outlives whoever posted it, and posting can go wrong in every way."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.platforms.contract import (
    Abilities,
    Card,
    Desk,
    Message,
    Notice,
    Parcel,
    Progress,
    Rung,
    Spot,
    Standing,
)
from bot.platforms.errors import PlaceGone, PlatformDown, TooBig
from bot.platforms.text import headed, plain, written

NAME = "board"
PLAIN = Abilities(
    ack_s=3.0, text_max_chars=2000, upload_max_bytes=10_000_000, threads=True, files_in_command=True, private=True
)
WITH_CARDS = replace(PLAIN, cards=True)
"""Where a card stands for each job, and a thread on it."""
_TROUBLES = {"gone": PlaceGone, "too big": TooBig, "down": PlatformDown}


@dataclass
class Board:
    """Posts are lines of a file; with `silent` nothing can be found or told.

    `troubles` holds one word for each showing of a video in turn, `notice_troubles` for each notice, `card_troubles` for
    each card: ok, lost (posted, but its answer), down, gone, too big. A video over `limit_bytes` is too big by itself.
    """

    folder: Path
    troubles: list[str] = field(default_factory=list)
    notice_troubles: list[str] = field(default_factory=list)
    card_troubles: list[str] = field(default_factory=list)
    limit_bytes: int | None = None
    silent: bool = False
    told: list[str] = field(default_factory=list)
    shown: list[Progress] = field(default_factory=list)
    name: str = NAME
    abilities: Abilities = PLAIN

    def posted(self) -> list[dict[str, Any]]:
        """Return every video ever posted, oldest first."""
        return self._read("posted.jsonl")

    def announced(self) -> list[dict[str, Any]]:
        """Return every notice that ever stood there, oldest first."""
        return self._read("announced.jsonl")

    def cards(self, job: str) -> list[dict[str, Any]]:
        """Return all that a job's card ever said, oldest first; `is_new` where a message was posted for it."""
        return [line for line in self._read("cards.jsonl") if line["job"] == job]

    async def run(self, desk: Desk) -> None:
        """Bring nothing."""

    async def say(self, spot: Spot, text: str) -> str:
        if self.silent:
            raise PlatformDown("no answer")
        self.told.append(text)
        return "said"

    async def tell(self, user: str, message: Message) -> None:
        self.told.append(plain(message))

    async def announce(self, notice: Notice) -> str:
        trouble = self._trouble(self.notice_troubles)
        reference = f"{notice.job}:{notice.what}"
        if reference not in [each["reference"] for each in self.announced()]:
            line = {
                "reference": reference,
                "user": notice.user,
                "text": plain(notice.message),
                "verbs": _verbs(notice.message),
                "rung": notice.rung,
                "thread": notice.standing.get("thread", ""),
            }
            await asyncio.to_thread(self._write_down, "announced.jsonl", line)
        if trouble == "lost":
            raise PlatformDown("no answer")
        return reference

    async def show_card(self, card: Card, standing: Standing) -> Standing:
        """Write down what it says where that is new; one without a standing is known again by its job."""
        trouble = self._trouble(self.card_troubles)
        self.shown.append(Progress(job=card.job, text=card.line, fraction=card.fraction))
        if not self.abilities.cards:
            return standing
        before = self.cards(card.job)
        has_thread = bool(card.progress) or any(line["thread"] for line in before)
        line = _card_line(card) | {"is_new": not before, "thread": f"thread-{card.job}" if has_thread else ""}
        if not before or line != before[-1] | {"is_new": False}:
            await asyncio.to_thread(self._write_down, "cards.jsonl", line)
        if trouble == "lost":
            raise PlatformDown("no answer")
        return {"card": f"card-{card.job}"} | ({"thread": line["thread"]} if has_thread else {})

    async def remove(self, reference: str) -> None:
        """Leave everything: it is a board for chalk that nobody wipes."""

    async def show_video(self, parcel: Parcel) -> str:
        trouble = self.troubles.pop(0) if self.troubles else "ok"
        if trouble in _TROUBLES:
            raise _TROUBLES[trouble](trouble)
        if self.limit_bytes is not None and parcel.video.stat().st_size > self.limit_bytes:
            raise TooBig(max_bytes=self.limit_bytes)
        await asyncio.to_thread(self._post, parcel)
        if trouble == "lost":
            raise PlatformDown("no answer")
        return parcel.job

    async def find(self, parcel: Parcel) -> str | None:
        if self.silent:
            raise PlatformDown("no answer")
        asked = (parcel.job, parcel.rung)
        return next((post["job"] for post in self.posted() if (post["job"], post["rung"]) == asked), None)

    def _trouble(self, troubles: list[str]) -> str:
        """Return what goes wrong next.

        Raises:
            PlaceGone, TooBig, PlatformDown: right now.
        """
        trouble = troubles.pop(0) if troubles else "ok"
        if trouble in _TROUBLES or self.silent:
            raise _TROUBLES.get(trouble, PlatformDown)(trouble)
        return trouble

    def _post(self, parcel: Parcel) -> None:
        """Write one line, durably, with what whoever sees it would see."""
        video = parcel.video.read_bytes()
        line = {
            "job": parcel.job,
            "channel": parcel.spot.channel,
            "thread": parcel.standing.get("thread", "") if parcel.rung is Rung.HERE else "",
            "rung": parcel.rung,
            "sha256": hashlib.sha256(video).hexdigest(),
            "text": plain(parcel.message),
            "verbs": _verbs(parcel.message),
            "links": [action.link for action in parcel.message.actions if action.link],
            "file_name": parcel.file_name,
        }
        self._write_down("posted.jsonl", line)

    def _read(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _write_down(self, name: str, line: dict[str, Any]) -> None:
        with (self.folder / name).open("a") as lines:
            lines.write(json.dumps(line) + "\n")
            lines.flush()
            os.fsync(lines.fileno())


def _card_line(card: Card) -> dict[str, Any]:
    """Return what whoever sees a card would see."""
    progress = card.progress
    return {
        "job": card.job,
        "state": headed(card.head, card.text),
        "small": written(card.small),
        "verbs": [action.verb for action in card.actions],
        "picture": None if card.picture is None else card.picture.alt,
        "is_moving": card.is_moving,
        "is_over": card.is_over,
        "fraction": card.fraction,
        "progress": None if progress is None else headed(progress.head, ()),
        "progress_small": None if progress is None else written(progress.small),
        "note": written(card.note),
        "link": [card.link_label, card.link] if card.link else [],
    }


def _verbs(message: Message) -> list[str]:
    return [action.verb for action in message.actions if action.verb]
