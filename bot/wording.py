"""Numbers, prices, times and names as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from bot.language import tr, trn
from bot.platforms import text as platform_text
from providers.kit.registry import discover
from storage.limits import parse_amount, usd


def money(usd_micros: int | None) -> str:
    """Return a price as it is spoken of: `free`, `$0.50`, or that nobody knows it."""
    if usd_micros is None:
        return tr("at an unknown price")
    return tr("free") if usd_micros == 0 else f"${usd(usd_micros)}"


def about(usd_micros: int | None) -> str:
    """Return a price as it is told before anything was billed."""
    return tr("about {price}", price=money(usd_micros)) if usd_micros else money(usd_micros)


def counted(amount: str, number: int | None = None) -> str:
    """Return an amount in its unit, or another number in that unit: `5 videos`, `60 s of video`, `$20.00`."""
    if amount.startswith("$"):
        return f"${usd(parse_amount(amount).number if number is None else number)}"
    if amount.endswith("s"):
        return tr("{seconds} s of video", seconds=amount[:-1] if number is None else number)
    return trn("{number} video", "{number} videos", int(amount) if number is None else number)


def size(size_bytes: float) -> str:
    """Return bytes in the unit that reads best."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size_bytes < 1000 or unit == "GB":
            return f"{size_bytes:.0f} {unit}" if unit == "bytes" or size_bytes >= 100 else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    raise AssertionError


def jobs(count: int) -> str:
    return trn("{number} job", "{number} jobs", count)


def span(seconds: float) -> str:
    """Return a length of time in its two largest units: `3 h 20 min`, `1 min 48 s`, `12 s`."""
    whole = max(0, round(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return (f"{minutes} min {whole % 60} s" if whole % 60 else f"{minutes} min") if minutes else f"{whole} s"


def roughly(seconds: float) -> str:
    """Return a length of time as one speaks of it beforehand: `20 s`, `2 min`, `1 h 10 min`."""
    unit_s = 10 if seconds < 60 else 30 if seconds < 180 else 60 if seconds < 3600 else 600
    return span(max(unit_s * round(seconds / unit_s), unit_s))


def provider(offer: str) -> str:
    """Return an offer's provider as people call it; one that is not installed here by its own name."""
    name = offer.partition("@")[2]
    return _labels().get(name) or name


@cache
def _labels() -> dict[str, str]:
    return {name: found.label for name, found in discover().items()}


def cut(text: str, most: int) -> str:
    """Return text in one line, cut at a word, with an ellipsis where something is gone."""
    return platform_text.cut(" ".join(text.split()), most)


def listed(names: Sequence[str]) -> str:
    """Return names as a choice: `a`, `a or b`, `a, b or c`."""
    *first, last = names
    return tr("{names} or {last}", names=", ".join(first), last=last) if first else last


def every(names: Sequence[str]) -> str:
    """Return names as a whole: `a`, `a and b`, `a, b and c`."""
    *first, last = names
    return tr("{names} and {last}", names=", ".join(first), last=last) if first else last


def together(*sentences: str) -> str:
    """Return sentences one after the other, without those that are empty."""
    return " ".join(filter(None, sentences))


def quoted(text: str) -> str:
    """Return what somebody wrote, as it is repeated in a sentence."""
    return f"'{cut(text, 60)}'" if text.strip() else tr("nothing")
