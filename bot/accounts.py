"""What a scope used and what it cost, summed for its admins, with a chart of its days and a table for a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from bot.language import tr, trn
from bot.media.chart import Bar, draw
from bot.platforms.contract import Message, Named, Order, Picture, Text
from bot.ports import Ports
from bot.sayings import plain
from bot.wording import counted, listed, money, quoted
from storage.contract import Usage
from storage.windows import DAY_MS, HOUR_MS

_BY = ("user", "channel", "offer", "day")
_SHOWN = 10
_DAYS = 92


async def usage(ports: Ports, order: Order) -> Message:
    """Return what this scope used in a time, and what providers bill for it."""
    since, by = order.words.get("since") or "30d", order.words.get("by") or "user"
    match = re.fullmatch(r"(\d{1,5})([dh])", since)
    if match is None:
        return plain(tr("{since} is no length of time.", since=quoted(since)), tr("Write it like 30d or 24h."))
    if by not in _BY:
        return plain(tr("Usage cannot be summed by {by}.", by=quoted(by)), tr("Choose {names}.", names=listed(_BY)))
    since_ms = int(match[1]) * (DAY_MS if match[2] == "d" else HOUR_MS)
    read = partial(ports.store.usage, since_ms=since_ms, scope=f"scope:{order.scope}")
    used = [each for each in await read(book="allowance", by=by) if each.videos or each.usd_micros]
    spent = await read(book="spend", by=by)
    if not used and not any(each.usd_micros or each.reserved_usd_micros for each in spent):
        return plain(
            tr("Nothing was used in that time."), tr("`/animate` with a picture and a sentence makes a video.")
        )
    days = {each.key: each.videos for each in await read(book="allowance", by="day")}
    table, picture = await asyncio.to_thread(_files, ports.spare, by, used, spent, days)
    reserved = sum(each.reserved_usd_micros for each in spent)
    return Message(
        head=_sum(used, spent, _time(int(match[1]), match[2])),
        text=_lines(_largest(used)),
        small=(tr("{price} more is reserved for videos in the making.", price=money(reserved)),) if reserved else (),
        picture=picture,
        files=(table,),
    )


def _sum(used: Sequence[Usage], spent: Sequence[Usage], time: str) -> str:
    videos, billed = counted("1", sum(each.videos for each in used)), sum(each.usd_micros for each in spent)
    made = tr("{videos} in {time}.", videos=videos, time=time)
    bill = tr("Providers billed {price}.", price=money(billed)) if billed else tr("Providers billed nothing.")
    return f"{made} {bill}"


def _time(number: int, unit: str) -> str:
    days = trn("{number} day", "{number} days", number)
    return days if unit == "d" else trn("{number} hour", "{number} hours", number)


def _largest(used: Sequence[Usage]) -> list[Usage]:
    return sorted(used, key=lambda each: (-each.videos, each.key))[:_SHOWN]


def _lines(used: Sequence[Usage]) -> Text:
    """Return a line each, under the name by which it is known there."""
    lines: list[str | Named] = []
    for each in used:
        name = Named(each.key) if ":" in each.key else each.key
        lines += ["\n" if lines else "", name, f": {counted('1', each.videos)}, {money(each.usd_micros)}"]
    return tuple(lines)


def _files(
    spare: Path, by: str, used: Sequence[Usage], spent: Sequence[Usage], days: Mapping[str, int]
) -> tuple[Path, Picture | None]:
    folder = Path(tempfile.mkdtemp(dir=spare, prefix="usage-"))
    return _as_table(folder / "usage.csv", by, used, spent), _as_chart(folder / "usage.png", days)


def _as_chart(path: Path, days: Mapping[str, int]) -> Picture | None:
    """Draw the newest days, from the first on which anything was used; one day alone needs no picture."""
    if not days:
        return None
    first, last = (date.fromisoformat(edge(days)) for edge in (min, max))
    every = [last - timedelta(ago) for ago in range(min((last - first).days, _DAYS - 1), -1, -1)]
    if len(every) < 2:
        return None
    bars = [Bar(f"{day.day} {day:%b}", days.get(day.isoformat(), 0)) for day in every]
    title, told = tr("Videos a day"), ", ".join(f"{bar.label} {bar.value}" for bar in bars if bar.value)
    draw(title, bars, path)
    return Picture(path=path, alt=f"{title}: {told}")


def _as_table(path: Path, by: str, used: Sequence[Usage], spent: Sequence[Usage]) -> Path:
    """Write every line for a spreadsheet, which must not take a name for a formula."""
    billed = {each.key: each for each in spent}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([by, "videos", "seconds", "charged_usd", "billed_usd", "reserved_usd"])
        for each in used:
            spend = billed.get(each.key)
            usd = (each.usd_micros, *((spend.usd_micros, spend.reserved_usd_micros) if spend else (0, 0)))
            key = f"'{each.key}" if each.key[:1] in {"=", "+", "-", "@"} else each.key
            writer.writerow([key, each.videos, each.seconds, *(micros / 1_000_000 for micros in usd)])
    return path
