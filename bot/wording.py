"""Numbers, prices, times and names as people read them."""

from __future__ import annotations

from storage.limits import usd

_PEOPLE = {"novita": "Novita", "aimlapi": "AI/ML API", "fal": "fal", "local": "This machine"}


def money(usd_micros: int | None) -> str:
    """Return a price as it is spoken of: `free`, `$0.50`, or that nobody knows it."""
    if usd_micros is None:
        return "at an unknown price"
    return "free" if usd_micros == 0 else f"${usd(usd_micros)}"


def size(size_bytes: float) -> str:
    """Return bytes in the unit that reads best."""
    for unit in ("bytes", "kB", "MB"):
        if size_bytes < 1000 or unit == "MB":
            return f"{size_bytes:.0f} {unit}" if unit == "bytes" or size_bytes >= 100 else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    raise AssertionError


def jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def span(seconds: float) -> str:
    """Return a length of time in its two largest units: `3 h 20 min`, `1 min 48 s`, `12 s`."""
    whole = max(0, round(seconds))
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return (f"{minutes} min {whole % 60} s" if whole % 60 else f"{minutes} min") if minutes else f"{whole} s"


def provider(offer: str) -> str:
    """Return an offer's provider as people call it."""
    name = offer.partition("@")[2]
    return _PEOPLE.get(name, name)


def cut(text: str, most: int) -> str:
    """Return text cut at a word, with an ellipsis where something is gone."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    head = text[: most - 1]
    return (head.rpartition(" ")[0] or head) + "…"
