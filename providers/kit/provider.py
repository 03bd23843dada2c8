"""The provider port: what is sent, what comes back, and the calls a provider file offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NewType, Protocol

from providers.kit.errors import Unanswered
from providers.kit.reply import Reply
from providers.kit.spec import Price, Spec, Value

Ticket = NewType("Ticket", str)
"""What a provider gave back at submit: opaque, storable, enough to resume after a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A prepared picture or sound: its bytes on this machine, under their content hash.

    `link` is where a provider gets them from, a public link or the bytes themselves as a data URI; a sound has no sides.
    """

    path: Path
    mime: str
    sha256: str
    size_bytes: int
    width_px: int | None = None
    height_px: int | None = None
    link: str | None = None

    @property
    def reference(self) -> str:
        """How the bytes are named in a body; where they are not sent, as in a dry run, by their hash."""
        return self.link or f"media:sha256:{self.sha256}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One submit. `key` is unique per submit and safe as a file name; `options` holds our names and units.

    `webhook` is the address, known to nobody else, at which the provider may tell that this order is over.
    """

    key: str
    spec: Spec
    prompt: str
    options: Mapping[str, Value]
    image: Media
    audio: Media | None = None
    webhook: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One of a provider's API hosts: the setting that moves it, and where it is by default."""

    setting: str
    default: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a provider is reached: the setting that holds its key, and its hosts, the first for what names none.

    `scheme` is the Authorization header's; `calls_per_min` bounds all calls of one key at one host, where the provider has such a bound.
    """

    key_setting: str
    scheme: str
    hosts: tuple[Host, ...]
    calls_per_min: int | None = None


class Api(Protocol):
    """A provider's own API behind its key: paths under the configured hosts, and nothing else, can be asked.

    `host` is a place in `Access.hosts`. A status of any kind is a reply.
    """

    async def pay(
        self, path: str, body: Mapping[str, Any], *, query: Mapping[str, str] | None = None, **headers: str
    ) -> Reply:
        """Make the paid call: one POST, once, on a connection of its own.

        Raises:
            Unreachable: the connection never opened. RateLimited: it was not made, as the key's turn comes later.
            Unanswered: it may have arrived.
        """

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        host: int = 0,
        keep_s: float = 0.0,
        **headers: str,
    ) -> Reply:
        """Make a call that costs nothing; with `keep_s` a good reply to it is taken again for so long.

        Raises:
            Unanswered: no reply came. Untrusted: nobody vouches for the certificate.
        """

    def path_of(self, url: str, host: int = 0) -> str | None:
        """Return the path under our host of an address that the provider named; None where it leads anywhere else."""

    async def put_file(self, url: str, media: Media) -> None:
        """Upload bytes to an address that the provider named, without the key.

        Raises:
            Unanswered: they did not arrive.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What one provider may reach: a folder of its own and, where it has one, its API."""

    workdir: Path
    api: Api | None = None

    @property
    def web(self) -> Api:
        """The API of a provider that has one.

        Raises:
            Unanswered: there is no key for it here, or not any more.
        """
        if self.api is None:
            raise Unanswered("there is no key")
        return self.api


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A webhook as it arrived, at `at_s` seconds since 1970; header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes
    at_s: float


class Forged(Exception):
    """A webhook is not what it claims to be, too old, or no webhook at all."""


@dataclass(frozen=True, slots=True)
class Running:
    """Not over. `progress` is 0 to 1 where the provider tells it, `place` its own queue's, `eta_s` from now.

    `odd_word` is a status that is none of the documented ones; it may be anything.
    """

    progress: float | None = None
    place: int | None = None
    eta_s: float | None = None
    odd_word: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A video exists at `link`; the rest where the provider tells it. `billed_s` is a bill in seconds of this video."""

    link: str
    seed: int | None = None
    actual_prompt: str | None = None
    billed_usd_micros: int | None = None
    billed_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The provider ended the job without a video; `kind` is one of DESIGN's failure kinds.

    `detail` is the provider's reason and `status` its own word or number for the end, both for operators.
    """

    kind: str
    detail: str = ""
    status: str = ""
    billed_usd_micros: int | None = None
    billed_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The provider confirms that it stopped."""

    billed_usd_micros: int | None = None
    billed_s: float | None = None


Outcome = Running | Finished | Refused | Cancelled


@dataclass(frozen=True, slots=True)
class Absent:
    """Proof, from a look-up by our own key, that the submit made no job and can make none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider file's calls. None of them loops, sleeps, retries or reads the environment. `label` is what people call it.

    submit     one paid POST; raises NoJob where the reply proves that no job exists, else Unanswered
    look       reads only; raises Unanswered where nothing can be said, TicketUnknown where the provider says that it
               knows no such ticket, which counts only for one that was given by hand
    body       what submit would send; media that have no link are named by their hash
    cancel     asks the provider to stop; the next look tells whether it did
    reconcile  finds the job of an order whose answer was lost: its ticket, Absent, or None where nobody can know
    read_hook  the ticket that a webhook is about; raises Forged
    publish    puts bytes where any provider can fetch them for a day or more: their public link
    prices     the provider's own price list now, for an offer of its; None where it tells none
    check      one call that costs nothing; raises BadCredentials or NoCredit where the key does not work
    probe      asks for a mock event at a webhook's address, without a job and without cost
    erase      removes what is kept on this machine of the order with this key
    sweep      removes what is kept on this machine and was last touched before an instant, in seconds since 1970
    """

    id: str
    specs: tuple[Spec, ...]
    label: str = ""
    access: Access | None = None
    submit: Callable[[Connection, Order], Awaitable[Ticket]]
    look: Callable[[Connection, Ticket], Awaitable[Outcome]]
    body: Callable[[Order], dict[str, Any]]
    cancel: Callable[[Connection, Ticket], Awaitable[None]] | None = None
    reconcile: Callable[[Connection, Order], Awaitable[Ticket | Absent | None]] | None = None
    read_hook: Callable[[Connection, Hook], Awaitable[Ticket]] | None = None
    publish: Callable[[Connection, Media], Awaitable[str]] | None = None
    prices: Callable[[Connection, Spec], Awaitable[Price | None]] | None = None
    check: Callable[[Connection], Awaitable[None]] | None = None
    probe: Callable[[Connection, Order], Awaitable[None]] | None = None
    erase: Callable[[Connection, str], Awaitable[None]] | None = None
    sweep: Callable[[Connection, float], Awaitable[None]] | None = None
    by_offer: Mapping[str, Spec] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_offer", {spec.offer: spec for spec in self.specs})
