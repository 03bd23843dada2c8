"""The platform port: what a person asks, what a platform can do, and the verbs by which it is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where to answer: plain strings that a restart survives, never a token that expires."""

    server: str
    channel: str
    thread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person asks. `id` is the platform's own, whole: a redelivered command carries the same one.

    `user`, `scope` and `roles` are written PLATFORM/ID; `options` are as typed, by the specs' names; files are on this
    machine. `scope_is_own` says that the operator need not allow the scope first; a denied one is refused all the same.
    """

    id: str
    user: str
    scope: str
    channel: str | None
    spot: Spot
    prompt: str
    image: Path | None
    audio: Path | None = None
    model: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    scope_is_own: bool = False
    is_admin: bool = False
    is_operator: bool = False
    is_age_restricted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a platform can do; handlers ask these, never its name."""

    ack_s: float | None
    text_max_chars: int
    upload_max_bytes: int | None
    threads: bool
    files_in_command: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is: words for a person and, where it is known truly, a fraction from 0 to 1."""

    job: str
    text: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A finished video on its way to its person; `text` stands beside it, `alt` is read out in its place."""

    job: str
    spot: Spot
    user: str
    video: Path
    text: str
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a person must not miss about a job, as a message of its own that mentions them; `what` tells it from others."""

    job: str
    what: str
    spot: Spot
    user: str
    text: str


Handler = Callable[[Command], Awaitable[None]]


class ChatPlatform(Protocol):
    """Every platform, and every stand-in for one, passes the one suite in tests/contract."""

    name: str
    abilities: Abilities

    async def run(self, handler: Handler) -> None:
        """Hand each command over until there are no more or the task is cancelled; acknowledge within `ack_s`."""

    async def say(self, spot: Spot, text: str) -> str:
        """Post text, cut at a word to what the platform takes, every mention disarmed; a reference to the message.

        Raises:
            PlaceGone, PlatformDown: nothing was posted.
        """

    async def tell(self, user: str, text: str) -> None:
        """Tell one person privately."""

    async def announce(self, notice: Notice) -> str:
        """Post a notice, mentioning its person; the same notice again is the message that stands there already.

        Raises:
            PlaceGone: this place will never take it.
            PlatformDown: try again later.
        """

    async def show_progress(self, spot: Spot, progress: Progress) -> None:
        """Show how far a job is in the one message that stands for it; what cannot be shown is let go."""

    async def show_video(self, parcel: Parcel) -> str:
        """Post the video so that `find` knows it again; a reference to the message.

        Raises:
            PlaceGone: this place will never take it.
            TooBig: the file is over what this place takes; nothing was posted.
            PlatformDown: try again later; it may have been posted, ask `find`.
        """

    async def find(self, parcel: Parcel) -> str | None:
        """Return the reference of the message that already carries this parcel, if there is one.

        Raises:
            PlatformDown: nobody can tell now.
        """
