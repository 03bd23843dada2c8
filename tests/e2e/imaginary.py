"""A provider that nobody has written: dropped into a folder as `imaginary.py`, it sells two models under odd options."""

from __future__ import annotations

from datetime import date
from typing import Any

from providers.kit.provider import Connection, Order, Outcome, Provider, Running, Ticket
from providers.kit.spec import (
    Audience,
    Choice,
    ImageLimits,
    Number,
    Pace,
    Price,
    Spec,
    Switch,
    Text,
    Whole,
)


def spec(model: str, usd_micros_per_s: int, *, needs_key: bool = False) -> Spec:
    """Return an offer; both take the same."""
    return Spec(
        model=model,
        provider="imaginary",
        label="A dream",
        options=(
            Choice(name="resolution", values=("720p", "9000p"), default="720p", help="How large."),
            Choice(name="duration", values=(3, 6), default=3, unit="s", help="How long."),
            Choice(name="mood", values=("calm", "wild"), default="calm", help="How it feels."),
            Whole(name="seed", low=-1, high=9, help="The same again."),
            Number(name="guidance", low=0, high=2.5, default=0.5, help="How strictly."),
            Switch(name="loop", default=False, help="Ends where it begins."),
            Text(name="negative_prompt", max_chars=10, help="What should not be seen."),
            Switch(name="draft", default=False, help="Quick and rough.", audience=Audience.OPERATOR),
        ),
        prompt_max_chars=40,
        prompt_required=True,
        image=ImageLimits(),
        audio=None,
        price=Price(usd_micros_per_s={"720p": usd_micros_per_s}, source="a dream", read_on=date(2026, 11, 25)),
        pace=Pace(usual_s=5.0, slow_s=10.0, first_look_s=1.0, every_s=1.0),
        retention_s=3600,
        in_flight=1,
        needs_key=needs_key,
    )


async def submit(connection: Connection, order: Order) -> Ticket:
    """Take the order, and do nothing about it."""
    return Ticket(order.key)


async def look(connection: Connection, ticket: Ticket) -> Outcome:
    """Tell that it goes on for ever."""
    return Running()


def body(order: Order) -> dict[str, Any]:
    """Tell what would be sent: all that was asked."""
    return {"text": order.prompt, "picture": order.image.reference, **order.options}


PROVIDER = Provider(
    id="imaginary",
    specs=(spec("dream", 100_000), spec("preview", 50_000), spec("nightmare", 1, needs_key=True)),
    submit=submit,
    look=look,
    body=body,
)
