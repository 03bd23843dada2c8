"""A desk that writes down what a platform brings and answers as it was told to: the core, for a platform's own tests."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from bot.platforms.contract import Answer, Asking, Command, Field, Form, Message, Order, Pick, Press

FIELDS = (
    Field(name="resolution", help="How sharp it is.", kind="choice", choices=("480p", "720p", "1080p")),
    Field(name="duration", help="How long it is, in seconds.", kind="choice", choices=("5", "10")),
    Field(name="sound", help="Whether the model makes a sound.", kind="switch"),
    Field(name="negative_prompt", help="What must not be seen.", kind="text", max_chars=500),
    Field(name="seed", help="The same number, the same video.", kind="integer", low=-1, high=2**63),
    Field(name="strength", help="How much it moves.", kind="number", low=0, high=1.5),
    Field(name="style", help="One of very many.", kind="choice", choices=tuple(f"style-{at}" for at in range(30))),
)
PICKS = (
    Pick(label="wan2.5, 720p, 5 s, $0.50", value="wan2.5@fal/720p/5", about="with sound", is_default=True),
    Pick(label="wan2.1, 480p, 5 s, $0.20", value="wan2.1@novita/480p/5", about="silent"),
)
ACCEPTED = Answer(job="7K3Q9FD2", message=Message(head="Your video is on its way.", text=("It is job 7K3Q9FD2.",)))


@dataclass
class Desk:
    """Answers at once, or after `slow_s`; `answers` holds by verb what a press, an order or `ask` comes to.

    `commands` are with the bytes of their files, which are gone afterwards.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    slow_s: float = 0.0
    breaks: bool = False
    fields_told: tuple[Field, ...] = FIELDS
    commands: list[tuple[Command, bytes | None, bytes | None]] = field(default_factory=list)
    presses: list[Press] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    askings: list[tuple[str, Asking, str]] = field(default_factory=list)
    kept: dict[str, tuple[Asking, bytes | None, bytes | None]] = field(default_factory=dict)
    scopes: list[tuple[str, ...]] = field(default_factory=list)
    is_in: frozenset[str] = frozenset()

    async def welcome(self, asking: Asking) -> Answer | None:
        return self.answers.get("welcome")

    async def ask(self, command: Command) -> Answer:
        self.commands.append((command, _bytes(command.image), _bytes(command.audio)))
        return await self._after("ask", ACCEPTED)

    async def press(self, press: Press) -> Answer:
        self.presses.append(press)
        return await self._after(press.verb, Answer(message=Message(head="Pressed.", text=(press.of,))))

    async def order(self, order: Order) -> Answer:
        self.orders.append(order)
        return await self._after(order.verb, Answer(message=Message(head="Ordered.", text=(order.verb,))))

    async def form(self, asking: Asking, origin: str = "") -> Answer:
        self.askings.append(("form", asking, origin))
        return await self._after("form", Answer(form=form(origin)))

    async def keep(self, asking: Asking, key: str, image: Path | None, audio: Path | None) -> None:
        self.kept[key] = (asking, _bytes(image), _bytes(audio))

    async def jobs(self, asking: Asking, page: int = 1) -> Message:
        return await self._told("jobs", asking, str(page))

    async def quota(self, asking: Asking) -> Message:
        return await self._told("quota", asking)

    async def collect(self, asking: Asking, job: str = "") -> Message:
        return await self._told("collect", asking, job)

    async def help(self, asking: Asking) -> Message:
        return await self._told("help", asking)

    async def installed(
        self, scope: str, name: str, lacks: tuple[str, ...], locale: str = "", *, is_own: bool = False
    ) -> Message:
        self.scopes.append(("installed", scope, name, *lacks))
        return Message(head="It works here.", text=("Three things to try.",))

    async def present(self, scopes: AbstractSet[str]) -> None:
        self.is_in = frozenset(scopes)

    async def removed(self, scope: str) -> None:
        self.scopes.append(("removed", scope))

    def fields(self) -> tuple[Field, ...]:
        return self.fields_told

    async def picks(self, asking: Asking, typed: str) -> list[Pick]:
        self.askings.append(("picks", asking, typed))
        await asyncio.sleep(self.slow_s)
        return [pick for pick in PICKS if typed in pick.value]

    async def _told(self, verb: str, asking: Asking, more: str = "") -> Message:
        self.askings.append((verb, asking, more))
        answer = await self._after(verb, Answer(message=Message(head=f"{verb}.", text=(more,))))
        return answer.message or Message()

    async def _after(self, verb: str, usual: Answer) -> Answer:
        await asyncio.sleep(self.slow_s)
        if self.breaks:
            raise ZeroDivisionError(verb)
        return self.answers.get(verb, usual)


def form(origin: str = "", prompt: str = "") -> Form:
    """Return a form as the core makes one."""
    return Form(
        title="Animate a picture",
        origin=origin,
        needs_picture=not origin,
        prompt=prompt,
        picks=PICKS,
        hint="You have 3 videos left.",
    )


def _bytes(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()
