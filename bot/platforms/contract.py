"""The platform port: what a person asks, what a platform can do, and the verbs by which it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where to answer: plain strings that a restart survives, never a token that expires."""

    server: str
    channel: str
    thread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who wants something, and where. `id` is the platform's own, whole: what is redelivered carries the same one.

    `user`, `scope`, `channel` and `roles` are written PLATFORM/ID, `name` is how the person is called. `scope_is_own` says
    that the operator need not allow the scope first; a denied one is refused all the same. `lacks` names permissions
    that the bot lacks there, in the platform's own words. `is_told_apart` where they read the answer in a direct message,
    from which nothing in the place can be asked for. `locale` is the language in which they read, `scope_locale` that
    of the place, like `pt-BR`; empty where nobody knows.
    """

    id: str
    user: str
    scope: str
    channel: str | None
    spot: Spot
    roles: tuple[str, ...] = ()
    name: str = ""
    scope_is_own: bool = False
    is_admin: bool = False
    is_operator: bool = False
    is_moderator: bool = False
    is_age_restricted: bool = False
    is_private: bool = False
    lacks: tuple[str, ...] = ()
    is_told_apart: bool = False
    locale: str = ""
    scope_locale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Asking):
    """What a person asks to be made. `options` are as typed, by the specs' names; files are on this machine.

    `origin` is a job or draft whose picture and sound are used where none is given.
    """

    prompt: str
    image: Path | None
    audio: Path | None = None
    model: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Press(Asking):
    """A button: its verb, and the job or draft it stands on (`-` where it stands on none)."""

    verb: str
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Asking):
    """What an admin wants changed or told, a verb and its words, as typed."""

    verb: str
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in a text, in milliseconds since 1970: each platform writes it in its reader's own time."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Named:
    """Whom or what a text is about, as a subject or PLATFORM/ID: each platform writes how it is called there; nobody rings."""

    subject: str


Text = tuple[str | Moment | Named, ...]


class Style(StrEnum):
    """How an action stands out: by spending money or asking a person to, or by destroying something."""

    PLAIN = "plain"
    MAIN = "main"
    DANGER = "danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button: `verb` and `of` come back as a press; with `link`, a message's reference or a URL, it leads there instead."""

    label: str
    verb: str = ""
    of: str = "-"
    style: Style = Style.PLAIN
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A small JPEG of ours, and what is read out in its place."""

    path: Path
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of a list, with its one useful action."""

    quote: str
    small: Text
    action: Action | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is said, whatever the dress: one bold phrase, our words, people's words as a quote, small print, actions.

    `folder` holds files that were made for this message alone: who shows it privately removes it afterwards.
    """

    head: str = ""
    text: Text = ()
    quote: str = ""
    small: Text = ()
    items: tuple[Item, ...] = ()
    actions: tuple[Action, ...] = ()
    picture: Picture | None = None
    files: tuple[Path, ...] = ()
    folder: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """One line of a list to choose from; `value` is what `picked` takes apart."""

    label: str
    value: str
    about: str = ""
    is_default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a person fills in: a sentence, one of `picks`, and the files that are still missing.

    `origin` is the job or draft that it starts from, empty where it starts from nothing; `hint` says what is left to this
    person.
    """

    title: str
    origin: str = ""
    needs_picture: bool = True
    about: str = ""
    prompt: str = ""
    prompt_needed: bool = True
    picks: tuple[Pick, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What comes of asking, pressing or ordering: a private message, a form to open, or the job that was accepted."""

    message: Message | None = None
    form: Form | None = None
    job: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An option of `/animate`, from the specs: its name, what it is, and what it takes.

    `kind` is text, integer, number, switch or choice; `choices` are given for a choice.
    """

    name: str
    help: str
    kind: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    max_chars: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a platform can do; handlers ask these, never its name."""

    ack_s: float | None
    text_max_chars: int
    upload_max_bytes: int | None
    threads: bool
    files_in_command: bool
    cards: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a job is: words for a person and, where it is known truly, a fraction from 0 to 1."""

    job: str
    text: str
    fraction: float | None = None


class Answering(StrEnum):
    """How a channel is answered: in a thread on the card, as replies to it, or by messages of their own."""

    THREAD = "thread"
    REPLY = "reply"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The one message in the channel that stands for a job, and the progress that runs in its thread.

    `is_moving` from preparing to posting, `is_over` once nothing more comes. `progress` is what the thread's own message
    says, None where it has none any more; `note` is what stays of that message at the end. `link` is the message to
    look at, named `link_label`. `line` says the same in a few plain words.
    """

    job: str
    spot: Spot
    user: str
    prompt: str
    small: Text
    head: str
    line: str
    text: Text = ()
    actions: tuple[Action, ...] = ()
    picture: Picture | None = None
    fraction: float | None = None
    is_moving: bool = False
    is_over: bool = False
    progress: Message | None = None
    note: Text = ()
    link: str = ""
    link_label: str = ""
    answering: Answering = Answering.THREAD


Standing = Mapping[str, str]
"""Where a job's messages stand, by words of the platform's own; kept by the core, never read by it."""


class Rung(StrEnum):
    """Where an outcome is tried, one after the other: where it was asked for, that place's channel, privately."""

    HERE = "here"
    CHANNEL = "channel"
    PRIVATELY = "privately"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A finished video on its way to its person; `message` stands beside it, `alt` is read out in its place."""

    job: str
    spot: Spot
    user: str
    video: Path
    message: Message
    alt: str
    file_name: str = "video.mp4"
    is_spoiler: bool = False
    standing: Standing = field(default_factory=dict)
    rung: Rung = Rung.HERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What a person must not miss about a job, as a message of its own that mentions them; `what` tells it from others.

    One that `is_about` its person is for others: it names them, and does not ring. One with a `reference` stands there
    already, and says something else now.
    """

    job: str
    what: str
    spot: Spot
    user: str
    message: Message
    standing: Standing = field(default_factory=dict)
    rung: Rung = Rung.HERE
    is_about: bool = False
    reference: str = ""


class Desk(Protocol):
    """What the core does for platforms; it raises nothing for what a person did.

    Every call answers within a second, but for `ask` and `keep`, which look at files, and `collect`, which posts.
    """

    async def welcome(self, asking: Asking) -> Answer | None:
        """Return why nobody is served here, before any file of theirs is fetched; None where they are."""

    async def ask(self, command: Command) -> Answer:
        """Accept a command, or say privately why not; the same command is the same answer."""

    async def press(self, press: Press) -> Answer:
        """Do what a button says, or say privately why not."""

    async def order(self, order: Order) -> Answer:
        """Do what an admin says."""

    async def form(self, asking: Asking, origin: str = "") -> Answer:
        """Return the form for a new video, with the picture of a job or draft where one is given."""

    async def keep(self, asking: Asking, key: str, image: Path | None, audio: Path | None) -> None:
        """Keep files under a draft named by the platform, for a form that is still being filled in."""

    async def jobs(self, asking: Asking, page: int = 1) -> Message:
        """Return the person's videos, newest first, with what is left to them."""

    async def quota(self, asking: Asking) -> Message:
        """Return what is left to the person, and when it comes back."""

    async def collect(self, asking: Asking, job: str = "") -> Message:
        """Send the person's kept videos, or that one, to where they ask now."""

    async def help(self, asking: Asking) -> Message:
        """Return what the bot does, in five lines."""

    async def installed(
        self, scope: str, name: str, lacks: tuple[str, ...], locale: str = "", *, is_own: bool = False
    ) -> Message:
        """Return what whoever added the bot reads first, in the language of the place; `is_own` as in an asking."""

    async def present(self, scopes: AbstractSet[str]) -> None:
        """Take it that the bot is in these scopes, and was removed from all others."""

    async def removed(self, scope: str) -> None:
        """End what a scope that removed the bot still has open, and tell operators."""

    def fields(self) -> tuple[Field, ...]:
        """Return the options of a request, those that every offer has first."""

    async def picks(self, asking: Asking, typed: str) -> list[Pick]:
        """Return models to choose from, with price and usual time."""


class ChatPlatform(Protocol):
    """Every platform, and every stand-in for one, passes the one suite in tests/contract."""

    name: str
    abilities: Abilities

    async def run(self, desk: Desk) -> None:
        """Bring what people want to the desk until there is no more or the task is cancelled; acknowledge within `ack_s`."""

    async def say(self, spot: Spot, text: str) -> str:
        """Post text, cut at a word to what the platform takes, every mention disarmed; a reference to the message.

        Raises:
            PlaceGone, PlatformDown: nothing was posted.
        """

    async def tell(self, user: str, message: Message) -> None:
        """Tell one person privately.

        Raises:
            PlaceGone, PlatformDown: the person was not told.
        """

    async def announce(self, notice: Notice) -> str:
        """Post a notice, mentioning its person; the same notice again is the message that stands there already.

        One with a `reference` is changed where it stands, as far as the platform can.

        Raises:
            PlaceGone: this place will never take it.
            PlatformDown: try again later.
        """

    async def show_card(self, card: Card, standing: Standing) -> Standing:
        """Make what stands in the channel and the thread say what the card says; where it all stands now.

        Without a `standing` it is posted, and known again after a crash; what cannot be shown is let go.

        Raises:
            PlatformDown: try again later, from the `standing` that it tells where that has changed.
        """

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

    async def remove(self, reference: str) -> None:
        """Delete a message of ours; nothing happens where it is gone already.

        Raises:
            PlaceGone: it may not be deleted, or its place is gone.
            PlatformDown: try again later.
        """
