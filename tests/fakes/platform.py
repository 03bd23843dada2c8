"""A chat platform on a folder: what was posted outlives whoever posted it, and posting can go wrong in every way."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.platforms.contract import Abilities, Handler, Notice, Parcel, Progress, Spot
from bot.platforms.errors import PlaceGone, PlatformDown, TooBig

NAME = "board"
_ABILITIES = Abilities(ack_s=3.0, text_max_chars=2000, upload_max_bytes=10_000_000, threads=True, files_in_command=True)
_TROUBLES = {"gone": PlaceGone, "too big": TooBig, "down": PlatformDown}


@dataclass
class Board:
    """Posts are lines of a file; with `silent` nothing can be found or told.

    `troubles` holds one word for each showing of a video in turn, `notice_troubles` for each notice: ok, lost (posted, but its answer), down, gone, too big.
    """

    folder: Path
    troubles: list[str] = field(default_factory=list)
    notice_troubles: list[str] = field(default_factory=list)
    silent: bool = False
    told: list[str] = field(default_factory=list)
    shown: list[Progress] = field(default_factory=list)
    name: str = NAME
    abilities: Abilities = _ABILITIES

    @property
    def _lines(self) -> Path:
        return self.folder / "posted.jsonl"

    def posted(self) -> list[dict[str, Any]]:
        """Return every video ever posted, oldest first."""
        return [json.loads(line) for line in self._lines.read_text().splitlines()] if self._lines.exists() else []

    async def run(self, handler: Handler) -> None:
        """Bring nothing."""

    async def say(self, spot: Spot, text: str) -> str:
        if self.silent:
            raise PlatformDown("no answer")
        self.told.append(text)
        return "said"

    async def tell(self, user: str, text: str) -> None:
        self.told.append(text)

    def announced(self) -> list[dict[str, Any]]:
        """Return every notice that ever stood there, oldest first."""
        path = self.folder / "announced.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    async def announce(self, notice: Notice) -> str:
        trouble = self.notice_troubles.pop(0) if self.notice_troubles else "ok"
        if trouble in _TROUBLES or self.silent:
            raise _TROUBLES.get(trouble, PlatformDown)(trouble)
        reference = f"{notice.job}:{notice.what}"
        if reference not in [each["reference"] for each in self.announced()]:
            await asyncio.to_thread(
                self._write_down, "announced.jsonl", {"reference": reference, "user": notice.user, "text": notice.text}
            )
        if trouble == "lost":
            raise PlatformDown("no answer")
        return reference

    async def show_progress(self, spot: Spot, progress: Progress) -> None:
        if self.silent:
            raise PlatformDown("no answer")
        self.shown.append(progress)

    async def show_video(self, parcel: Parcel) -> str:
        trouble = self.troubles.pop(0) if self.troubles else "ok"
        if trouble in _TROUBLES:
            raise _TROUBLES[trouble](trouble)
        await asyncio.to_thread(self._post, parcel)
        if trouble == "lost":
            raise PlatformDown("no answer")
        return parcel.job

    async def find(self, parcel: Parcel) -> str | None:
        if self.silent:
            raise PlatformDown("no answer")
        return next((post["job"] for post in self.posted() if post["job"] == parcel.job), None)

    def _post(self, parcel: Parcel) -> None:
        """Write one line, durably, with what whoever sees it would see."""
        video = parcel.video.read_bytes()
        line = {
            "job": parcel.job,
            "channel": parcel.spot.channel,
            "thread": parcel.spot.thread,
            "sha256": hashlib.sha256(video).hexdigest(),
            "text": parcel.text,
        }
        self._write_down("posted.jsonl", line)

    def _write_down(self, name: str, line: dict[str, Any]) -> None:
        with (self.folder / name).open("a") as lines:
            lines.write(json.dumps(line) + "\n")
            lines.flush()
            os.fsync(lines.fileno())
