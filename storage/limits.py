"""Limits as people write them: `5/day`, `60s/week`, `$20/month`, `3/24h`, several with commas, or `none`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache


class Unit(StrEnum):
    """What a limit counts."""

    VIDEOS = "videos"
    SECONDS = "seconds"
    USD = "usd_micros"


class BadAmount(ValueError):
    """This text is no limit or no grant."""


class BadWindow(BadAmount):
    """This text is no time for which a limit can hold."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of what: whole videos, whole seconds of video, or millionths of a US dollar."""

    unit: Unit
    number: int

    def __str__(self) -> str:
        match self.unit:
            case Unit.VIDEOS:
                return f"{self.number}"
            case Unit.SECONDS:
                return f"{self.number}s"
            case Unit.USD:
                return f"${usd(self.number)}"


@dataclass(frozen=True, slots=True)
class Window:
    """A calendar day, week or month, or, with `rolling_h`, that many hours up to now."""

    name: str
    rolling_h: int | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """At most this amount in this window."""

    amount: Amount
    window: Window

    def __str__(self) -> str:
        return f"{self.amount}/{self.window.name}"


CALENDAR = ("day", "week", "month")
_AMOUNT = re.compile(r"(?P<usd>\$)?(?P<number>\d{1,9}(?:\.\d{1,6})?)(?P<seconds>s)?")


def usd(usd_micros: int) -> str:
    """Return dollars as people write them: 2 decimals, more only where they are not zero."""
    dollars = Decimal(usd_micros) / 1_000_000
    return f"{dollars:.2f}" if usd_micros % 10_000 == 0 else f"{dollars:.6f}".rstrip("0")


def parse_amount(text: str) -> Amount:
    """Read `3` (videos), `30s` (seconds of video) or `$5`.

    Raises:
        BadAmount: it is none of these, or not a whole number of videos or seconds.
    """
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or (match["usd"] and match["seconds"]):
        raise BadAmount(text)
    if match["usd"]:
        return Amount(Unit.USD, int(Decimal(match["number"]) * 1_000_000))
    if "." in match["number"]:
        raise BadAmount(text)
    return Amount(Unit.SECONDS if match["seconds"] else Unit.VIDEOS, int(match["number"]))


def _parse_window(text: str) -> Window:
    text = text.strip().lower()
    if text in CALENDAR:
        return Window(text)
    match = re.fullmatch(r"(\d{1,4})h", text)
    if match is None or not 1 <= int(match[1]) <= 24 * 366:
        raise BadWindow(text)
    return Window(text, int(match[1]))


def _parse_limit(text: str) -> Limit:
    amount, slash, window = text.partition("/")
    if not slash:
        raise BadAmount(text)
    return Limit(parse_amount(amount), _parse_window(window))


@lru_cache(maxsize=1024)
def parse_limits(text: str) -> tuple[Limit, ...]:
    """Read a set of limits that all hold; `none` is the empty set.

    Raises:
        BadAmount: some part of it is no limit; the argument is that part.
    """
    if text.strip().lower() == "none":
        return ()
    return tuple(_parse_limit(part) for part in text.split(","))


def write_limits(limits: tuple[Limit, ...]) -> str:
    """Return the set as `parse_limits` reads it."""
    return ",".join(map(str, limits)) or "none"
