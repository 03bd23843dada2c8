"""An offer declared as data: its options, media limits, prices, pace and abilities.

Everything that shows or checks an offer (command-line flags, forms, validation, price, documents,
contract tests) is derived from these declarations, so an option is added in one place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

Value = str | int | float | bool
N = TypeVar("N", int, float)


class Audience(StrEnum):
    """Who may set an option."""

    EVERYONE = "everyone"
    ADMIN = "admin"
    OPERATOR = "operator"


class BadOption(ValueError):
    """The value given for an option is not one that the offer takes."""

    def __init__(self, name: str, given: object, wanted: str) -> None:
        super().__init__(name, given, wanted)
        self.name, self.given, self.wanted = name, given, wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few values; `unit` is what stands behind a number when it is shown.

    Without a default it is sent only when asked for. `written` says how a value is written on the wire where it is not as here.
    """

    name: str
    values: tuple[str | int, ...]
    help: str
    default: str | int | None = None
    unit: str = ""
    audience: Audience = Audience.EVERYONE
    wire: str = ""
    written: Mapping[str | int, str | int] = field(default_factory=dict)

    @property
    def range(self) -> str:
        return ", ".join(f"{value}" for value in self.values) + (f" {self.unit}" if self.unit else "")

    def parse(self, given: Value) -> str | int:
        text = str(given).strip().lower()
        if self.unit:
            text = text.removesuffix(self.unit).strip()
        for value in self.values:
            if str(value).lower() == text:
                return value
        raise BadOption(self.name, given, self.range)

    def samples(self) -> tuple[Value, ...]:
        return self.values

    def sent(self, value: Value) -> Any:
        assert isinstance(value, str | int)
        return self.written.get(value, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number within bounds, both allowed; without a default it is sent only when asked for."""

    name: str
    low: int
    high: int
    help: str
    default: int | None = None
    audience: Audience = Audience.EVERYONE
    wire: str = ""

    @property
    def range(self) -> str:
        return f"a whole number from {self.low} to {self.high}"

    def parse(self, given: Value) -> int:
        return _within(self, given, int)

    def samples(self) -> tuple[Value, ...]:
        return (self.low, 0, self.high) if self.low < 0 < self.high else (self.low, self.high)

    def sent(self, value: Value) -> Any:
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A decimal number within bounds, both allowed."""

    name: str
    low: float
    high: float
    help: str
    default: float | None = None
    audience: Audience = Audience.EVERYONE
    wire: str = ""

    @property
    def range(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}"

    def parse(self, given: Value) -> float:
        return _within(self, given, float)

    def samples(self) -> tuple[Value, ...]:
        return (self.low, 0.0, self.high) if self.low < 0 < self.high else (self.low, self.high)

    def sent(self, value: Value) -> Any:
        return value


def _within(option: Whole | Number, given: Value, read: Callable[[str], N]) -> N:
    """Read a number and check that it lies within the option's bounds."""
    try:
        number = read(str(given).strip())
    except ValueError:
        raise BadOption(option.name, given, option.range) from None
    if not option.low <= number <= option.high:
        raise BadOption(option.name, given, option.range)
    return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """On or off."""

    name: str
    help: str
    default: bool | None = None
    audience: Audience = Audience.EVERYONE
    wire: str = ""

    @property
    def range(self) -> str:
        return "on or off"

    def parse(self, given: Value) -> bool:
        match str(given).strip().lower():
            case "on" | "yes" | "true" | "1":
                return True
            case "off" | "no" | "false" | "0":
                return False
        raise BadOption(self.name, given, self.range)

    def samples(self) -> tuple[Value, ...]:
        return (True, False)

    def sent(self, value: Value) -> Any:
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Free text; its length is counted in code points, as providers count it."""

    name: str
    max_chars: int
    help: str
    default: str | None = None
    audience: Audience = Audience.EVERYONE
    wire: str = ""

    @property
    def range(self) -> str:
        return f"text of up to {self.max_chars} characters"

    def parse(self, given: Value) -> str:
        text = str(given)
        if len(text) > self.max_chars:
            raise BadOption(self.name, given, f"{self.range} (this has {len(text)})")
        return text

    def samples(self) -> tuple[Value, ...]:
        return ("a", "a" * self.max_chars)

    def sent(self, value: Value) -> Any:
        return value


_LORA_PATH = re.compile(r"[\w.-]+/[\w.-]+|https://[\w-]+(\.[\w-]+)+/[\w./?=&%+-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loras:
    """Up to so many LoRAs, each a Hugging Face repository or an https link, and how strongly it counts."""

    name: str
    most: int
    low: float
    high: float
    help: str
    default: str | None = None
    audience: Audience = Audience.EVERYONE
    wire: str = ""

    @property
    def range(self) -> str:
        return f"up to {self.most}, written PATH@SCALE with commas between, SCALE from {self.low:g} to {self.high:g}"

    def parse(self, given: Value) -> str:
        parts = [part.strip() for part in str(given).split(",")]
        if len(parts) > self.most:
            raise BadOption(self.name, given, self.range)
        return ", ".join(f"{path}@{scale:g}" for path, scale in (self._pair(part, given) for part in parts))

    def _pair(self, part: str, given: Value) -> tuple[str, float]:
        path, _, scale = part.rpartition("@")
        if not _LORA_PATH.fullmatch(path):
            raise BadOption(self.name, given, self.range)
        try:
            number = float(scale)
        except ValueError:
            raise BadOption(self.name, given, self.range) from None
        if not self.low <= number <= self.high:
            raise BadOption(self.name, given, self.range)
        return path, number

    def samples(self) -> tuple[Value, ...]:
        pairs = [f"a/b{number}@{self.high:g}" for number in range(self.most)]
        return (f"a/b@{self.low:g}", ", ".join(pairs))

    def sent(self, value: Value) -> Any:
        pairs = (self._pair(part.strip(), value) for part in str(value).split(","))
        return [{"path": path, "scale": scale} for path, scale in pairs]


Option = Choice | Whole | Number | Switch | Text | Loras


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLimits:
    """What a picture must be when it is sent; each side within the bounds, in pixels.

    Where `inline` is false the provider fetches it from a public link.
    """

    mimes: tuple[str, ...] = ("image/jpeg", "image/png")
    min_side_px: int = 360
    max_side_px: int = 2000
    max_bytes: int = 10_000_000
    inline: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioLimits:
    """What a sound must be when it is sent; a longer one is cut, a shorter one refused; `inline` as for a picture."""

    mimes: tuple[str, ...] = ("audio/mpeg", "audio/wav")
    min_s: float = 3.0
    max_s: float = 30.0
    max_bytes: int = 15_000_000
    inline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a second of video costs by resolution, in millionths of a US dollar; an absent resolution is unknown.

    `halved_by` names the switch that makes it half as dear.
    """

    usd_micros_per_s: Mapping[str, int]
    source: str
    read_on: date
    halved_by: str | None = None

    def quote(self, options: Mapping[str, Value]) -> int | None:
        """Return the price of one video in millionths of a US dollar, or None where nobody knows it."""
        per_s = self.usd_micros_per_s.get(str(options["resolution"]))
        if per_s is None:
            return None
        whole = per_s * int(options["duration"])
        return whole // 2 if self.halved_by is not None and options.get(self.halved_by) is True else whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a video takes before anything was learned, and when to look.

    Until the age of `young_s` looks come as soon as the first one did: that is when refusals come, and places in a queue.
    """

    usual_s: float
    slow_s: float
    first_look_s: float
    every_s: float
    young_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """Where things stand in the body that is sent, as paths with dots; `fixed` is sent with every request."""

    path: str
    prompt: str
    image: str
    audio: str = ""
    fixed: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One model at one provider.

    `options` always holds `resolution` and `duration` (seconds). `billed_failures` are the failure kinds that the
    provider bills all the same. `retention_s` counts from the submit, `deadline_s` from the ticket;
    a submit that takes longer than `submit_s` is given up as unanswered.
    """

    model: str
    provider: str
    label: str
    options: tuple[Option, ...]
    prompt_max_chars: int
    prompt_required: bool
    image: ImageLimits
    audio: AudioLimits | None
    price: Price
    pace: Pace
    deadline_s: int = 1800
    retention_s: int
    in_flight: int
    submit_s: float = 60.0
    needs_key: bool = True
    renders_here: bool = False
    billed_failures: frozenset[str] = field(default_factory=frozenset)
    always_sounds: bool = False
    webhook: bool = False
    wire: Wire | None = None
    note: str = ""

    @property
    def offer(self) -> str:
        return f"{self.model}@{self.provider}"

    def option(self, name: str) -> Option | None:
        return next((option for option in self.options if option.name == name), None)

    def defaults(self) -> dict[str, Value]:
        """Return the value of every option that has a default."""
        return {option.name: option.default for option in self.options if option.default is not None}
