"""A desk over a real store, at which people ask, press and order, on a platform that only remembers what it was told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from bot.desk import Desk
from bot.platforms.contract import (
    Abilities,
    Answer,
    Card,
    Command,
    Message,
    Moment,
    Named,
    Notice,
    Order,
    Parcel,
    Press,
    Spot,
    Standing,
)
from bot.platforms.contract import Desk as DeskPort
from bot.platforms.errors import PlatformError, TooBig
from bot.speaking import speak
from providers.kit.provider import Provider
from providers.kit.spec import Audience, AudioLimits, Switch, Text, Whole
from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import Bot, Clock, Setting, started
from tests.fakes.backends import Sqlite
from tests.fakes.provider import SPEC, imagined
from tests.fakes.provider_video import video
from tests.fakes.story import _PATHS, Story

NOWHERE = "http://127.0.0.1:9"
"""Nobody is asked there: what matters here is decided before anything is sent."""
_FINER = (
    Whole(name="seed", low=0, high=99, help="The same seed makes the same video."),
    Text(name="negative_prompt", max_chars=500, help="What should not be in it."),
    Switch(name="safety", default=True, help="The safety check.", audience=Audience.ADMIN),
    Switch(name="rough", help="A draft.", audience=Audience.OPERATOR),
)
ANA, BEN, ADA, OP = "board/ana", "board/ben", "board/ada", "board/op"
HERE: dict[str, Any] = {
    "scope": "board/1",
    "channel": "board/2",
    "spot": Spot(server="1", channel="2"),
    "scope_is_own": True,
}
ELSEWHERE = HERE | {"scope": "board/9", "channel": "board/8", "spot": Spot(server="9", channel="8")}
PRIVATELY: dict[str, Any] = {
    "scope": "board/@me",
    "channel": None,
    "spot": Spot(server="@me", channel="7"),
    "is_private": True,
}


@dataclass
class Hall:
    """A platform with cards: it remembers all but private words, and goes wrong as `trouble` says.

    `posts` has a line for each video that was posted; `takes_bytes` is the largest that it takes.
    Something happens `meanwhile`, as a notice is posted.
    """

    posted: dict[str, Parcel] = field(default_factory=dict)
    posts: list[str] = field(default_factory=list)
    takes_bytes: int | None = None
    card_trouble: PlatformError | None = None
    meanwhile: Callable[[], Awaitable[object]] | None = None
    cards: dict[str, Card] = field(default_factory=dict)
    announced: list[Notice] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    trouble: PlatformError | None = None
    name: str = "board"
    abilities: Abilities = field(
        default_factory=lambda: Abilities(
            ack_s=3.0,
            text_max_chars=2000,
            upload_max_bytes=None,
            threads=True,
            files_in_command=True,
            cards=True,
            private=True,
        )
    )

    async def run(self, desk: DeskPort) -> None:
        """Bring nothing."""

    async def say(self, spot: Spot, text: str) -> str:
        return "said"

    async def tell(self, user: str, message: Message) -> None:
        """Tell nobody."""

    async def announce(self, notice: Notice) -> str:
        if self.trouble is not None:
            raise self.trouble
        if self.meanwhile is not None:
            await self.meanwhile()
        self.announced.append(notice)
        return f"{notice.job}:{notice.what}"

    async def show_card(self, card: Card, standing: Standing) -> Standing:
        if self.card_trouble is not None:
            raise self.card_trouble
        self.cards[card.job] = card
        return {"card": card.job}

    async def show_video(self, parcel: Parcel) -> str:
        if self.trouble is not None:
            raise self.trouble
        if self.takes_bytes is not None and parcel.video.stat().st_size > self.takes_bytes:
            raise TooBig(max_bytes=self.takes_bytes)
        self.posted[parcel.job] = parcel
        self.posts.append(parcel.job)
        return f"1/2/{parcel.job}"

    async def find(self, parcel: Parcel) -> str | None:
        return f"1/2/{parcel.job}" if parcel.job in self.posted else None

    async def remove(self, reference: str) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.removed.append(reference)


@dataclass(kw_only=True)
class Watch:
    """A monotonic clock that moves only when told."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(frozen=True, kw_only=True)
class Lobby:
    """A running bot and its desk; every asking has an id of its own unless one is given."""

    bot: Bot
    desk: Desk
    hall: Hall
    clock: Clock
    watch: Watch
    story: Story
    woken: list[str]
    numbers: count[int]

    def _who(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": f"asking-{next(self.numbers)}", "user": ANA, **HERE, **changes}

    def command(self, **changes: Any) -> Command:
        plain: dict[str, Any] = {"prompt": "a slow zoom", "image": self.bot.setting.picture}
        return Command(**(plain | self._who(changes)))

    async def ask(self, **changes: Any) -> Answer:
        return await self.desk.ask(self.command(**changes))

    async def accepted(self, **changes: Any) -> Job:
        """Ask for a video, which must be taken."""
        answer = await self.ask(**changes)
        assert answer.job, answer
        return await self.bot.store.job(answer.job)

    async def refused(self, **changes: Any) -> Message:
        """Ask for a video, which must be refused."""
        answer = await self.ask(**changes)
        assert not answer.job
        assert answer.message is not None
        return answer.message

    async def press(self, verb: str, of: str = "-", **changes: Any) -> Answer:
        return await self.desk.press(Press(verb=verb, of=of, **self._who(changes)))

    async def told(self, verb: str, of: str = "-", **changes: Any) -> Message:
        """Press a button that only tells something."""
        answer = await self.press(verb, of, **changes)
        assert answer.message is not None, answer
        return answer.message

    async def order(self, verb: str, **words: str) -> Message:
        """Order something as an admin of this scope."""
        return await self.order_as({"user": ADA, "is_admin": True}, verb, **words)

    async def order_as(self, who: Mapping[str, Any], verb: str, **words: str) -> Message:
        answer = await self.desk.order(Order(verb=verb, words=words, **self._who(who)))
        assert answer.message is not None
        return answer.message

    async def at(self, state: State, *, made: bytes | None = None, **changes: Any) -> Job:
        """Ask for a video and bring its job to a state by real moves; `made` is what comes of it, else something small."""
        made = made or video()
        job = await self.accepted(**changes)
        for event in _PATHS[state]:
            facts: dict[str, Any] = {}
            if event is Event.FETCHED:
                facts = {"result": await self.blob(made), "result_bytes": len(made)}
            if event is Event.POSTED:
                facts = {"message": f"1/2/{job.id}"}
            job = await self.story.make(job, event, **facts)
        return job

    async def speak(self) -> None:
        """Say what is owed, and then what that changes on a card."""
        for _ in range(2):
            await speak(self.bot.ports, self.bot.worker.cards)
        for job in self.hall.cards:
            await self.bot.worker.cards.show(job)

    async def blob(self, data: bytes) -> str:
        source = self.bot.ports.spare / "bytes"
        source.write_bytes(data)
        return await self.bot.ports.blobs.put(source)

    async def job(self, job: str) -> Job:
        return await self.bot.store.job(job)


@asynccontextmanager
async def opened(
    folder: Path, *, stops: bool = True, also: tuple[Provider, ...] = (), **settings: Any
) -> AsyncIterator[Lobby]:
    """Open a lobby: wan2.5 hears nothing, wan2.6 takes sound, longer sentences and finer options; `also` come others."""
    clock, hall, watch, woken = Clock(), Hall(), Watch(), list[str]()
    providers = (
        imagined(NOWHERE, cancels=stops),
        imagined(
            NOWHERE,
            "other",
            model="wan2.6",
            audio=AudioLimits(inline=True, min_s=0.1),
            prompt_max_chars=4000,
            options=(*SPEC.options, *_FINER),
        ),
        *also,
    )
    given = Setting(folder=folder, providers=providers, platform=hall, clock=clock, settings=settings)
    async with started(given) as bot:
        ports = replace(bot.ports, monotonic=watch)
        desk = Desk(ports, bot.intake, hall.name, wake=woken.append, now_ms=clock)
        story = Story(store=bot.store, clock=clock, backend=Sqlite(), folder=folder, commands=count())  # type: ignore[arg-type]  # its clock is the bot's
        yield Lobby(bot=bot, desk=desk, hall=hall, clock=clock, watch=watch, story=story, woken=woken, numbers=count(1))


def words(message: Message) -> str:
    """Return all that a message says, moments as [ms] and names as they are kept."""
    texts = (message.text, message.small, *(item.small for item in message.items))
    said = ["".join(map(_spelt, text)) for text in texts]
    quotes = [message.quote, *(item.quote for item in message.items)]
    return " ".join(filter(None, [message.head, *said, *quotes]))


def _spelt(part: str | Moment | Named) -> str:
    match part:
        case Moment(at_ms):
            return f"[{at_ms}]"
        case Named(subject):
            return subject
    return part


def labels(message: Message) -> list[str]:
    return [action.label for action in message.actions]


def of(message: Message, label: str) -> str:
    """Return what the button with this label stands on."""
    return next(action.of for action in message.actions if action.label == label)
