"""The provider port: what is sent, what comes back, and the calls a provider file offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NewType

from providers.kit.spec import Spec, Value

Ticket = NewType("Ticket", str)
"""What a provider gave back at submit: opaque, storable, enough to resume after a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A prepared picture or sound: its bytes on this machine, under their content hash."""

    path: Path
    mime: str
    sha256: str
    size_bytes: int

    @property
    def reference(self) -> str:
        """How the bytes are named where they are not sent: in a dry run's body."""
        return f"media:sha256:{self.sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One submit. `key` is unique per submit and safe as a file name; `options` holds our names and units."""

    key: str
    spec: Spec
    prompt: str
    options: Mapping[str, Value]
    image: Media
    audio: Media | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What one provider may reach: a folder of its own."""

    workdir: Path


@dataclass(frozen=True, slots=True)
class Running:
    """Not over. `progress` is 0 to 1 where the provider tells it truly, `place` its own queue's, `eta_s` from now."""

    progress: float | None = None
    place: int | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A video exists at `link`; the rest where the provider tells it."""

    link: str
    seed: int | None = None
    actual_prompt: str | None = None
    billed_usd_micros: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The provider ended the job without a video; `kind` is one of DESIGN's failure kinds, `detail` for operators."""

    kind: str
    detail: str = ""
    billed_usd_micros: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The provider confirms that it stopped."""

    billed_usd_micros: int | None = None


Outcome = Running | Finished | Refused | Cancelled


@dataclass(frozen=True, slots=True)
class Absent:
    """Proof, from a look-up by our own key, that the submit made no job and can make none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider file's calls. None of them loops, sleeps, retries or reads the environment.

    submit     one paid POST; raises NoJob where the reply proves that no job exists, else Unanswered
    look       reads only; raises Unanswered where nothing can be said, TicketUnknown where the ticket was never theirs
    body       what submit would send, with media as `media:sha256:...`
    cancel     asks the provider to stop; the next look tells whether it did
    reconcile  finds the job of an order whose answer was lost: its ticket, Absent, or None where nobody can know
    erase      removes what is kept on this machine of the order with this key
    sweep      removes what is kept on this machine and was last touched before an instant, in seconds since 1970
    """

    id: str
    specs: tuple[Spec, ...]
    submit: Callable[[Connection, Order], Awaitable[Ticket]]
    look: Callable[[Connection, Ticket], Awaitable[Outcome]]
    body: Callable[[Order], dict[str, Any]]
    cancel: Callable[[Connection, Ticket], Awaitable[None]] | None = None
    reconcile: Callable[[Connection, Order], Awaitable[Ticket | Absent | None]] | None = None
    erase: Callable[[Connection, str], Awaitable[None]] | None = None
    sweep: Callable[[Connection, float], Awaitable[None]] | None = None
    by_offer: Mapping[str, Spec] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_offer", {spec.offer: spec for spec in self.specs})
