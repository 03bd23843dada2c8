"""What a scope used and what it cost, summed for its admins, with a chart of its days and a table for a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from bot.language import told, tr, trn
from bot.media.chart import Bar, draw
from bot.platforms.contract import Message, Moment, Named, Order, Picture, Text
from bot.ports import Ports
from bot.sayings import plain
from bot.wording import counted, listed, money, quoted
from storage.contract import Usage
from storage.windows import DAY_MS, HOUR_MS

_BY = ("user", "channel", "offer", "day")
_SHOWN = 10
_DAYS = 92


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What stands under one key in both books: what people used, and what providers bill for it or may still."""

    key: str
    videos: int = 0
    seconds: int = 0
    charged_usd_micros: int = 0
    billed_usd_micros: int = 0
    reserved_usd_micros: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.videos or self.charged_usd_micros or self.billed_usd_micros or self.reserved_usd_micros)


async def usage(ports: Ports, order: Order) -> Message:
    """Return what this scope used in a time, and what providers bill for it."""
    since, by = order.words.get("since") or "30d", order.words.get("by") or "user"
    match = re.fullmatch(r"(\d{1,5})([dh])", since)
    if match is None:
        return plain(tr("{since} is no length of time.", since=quoted(since)), tr("Write it like 30d or 24h."))
    if by not in _BY:
        return plain(tr("Usage cannot be summed by {by}.", by=quoted(by)), tr("Choose {names}.", names=listed(_BY)))
    since_ms = int(match[1]) * (DAY_MS if match[2] == "d" else HOUR_MS)
    lines = await _lines(ports, order, by, since_ms)
    if not lines:
        return plain(
            tr("Nothing was used in that time."), tr("`/animate` with a picture and a sentence makes a video.")
        )
    days = {each.key: each.videos for each in await _lines(ports, order, "day", since_ms)}
    table, picture = await asyncio.to_thread(_files, ports.spare, by, lines, days)
    reserved = sum(each.reserved_usd_micros for each in lines)
    return Message(
        head=_sum(lines, _time(int(match[1]), match[2])),
        text=_listed(sorted(lines, key=_weight)[:_SHOWN]),
        small=(tr("{price} more is reserved for videos in the making.", price=money(reserved)),) if reserved else (),
        picture=picture,
        files=(table,),
        folder=table.parent,
    )


async def _lines(ports: Ports, order: Order, by: str, since_ms: int) -> list[_Line]:
    """Return a line for each key of either book under which anything stands: a video that failed may be billed too."""
    read = partial(ports.store.usage, by=by, since_ms=since_ms, scope=f"scope:{order.scope}")
    used = {each.key: each for each in await read(book="allowance")}
    spent = {each.key: each for each in await read(book="spend")}
    lines = (_line(key, used.get(key), spent.get(key)) for key in sorted({*used, *spent}))
    return [each for each in lines if not each.is_empty]


def _line(key: str, used: Usage | None, spent: Usage | None) -> _Line:
    line = _Line(key=key)
    if used is not None:
        line = replace(line, videos=used.videos, seconds=used.seconds, charged_usd_micros=used.usd_micros)
    if spent is not None:
        line = replace(line, billed_usd_micros=spent.usd_micros, reserved_usd_micros=spent.reserved_usd_micros)
    return line


def _weight(line: _Line) -> tuple[int, int, str]:
    return -line.videos, -line.billed_usd_micros, line.key


def _sum(lines: Sequence[_Line], time: str) -> str:
    videos, billed = counted("1", sum(each.videos for each in lines)), sum(each.billed_usd_micros for each in lines)
    made = tr("{videos} in {time}.", videos=videos, time=time)
    bill = tr("Providers billed {price}.", price=money(billed)) if billed else tr("Providers billed nothing.")
    return f"{made} {bill}"


def _time(number: int, unit: str) -> str:
    days = trn("{number} day", "{number} days", number)
    return days if unit == "d" else trn("{number} hour", "{number} hours", number)


def _listed(lines: Sequence[_Line]) -> Text:
    """Return a line each, under the name by which it is known there."""
    found: list[str | Moment | Named] = []
    for each in lines:
        found += ["\n" if found else "", *_told(each, Named(each.key) if ":" in each.key else each.key)]
    return tuple(found)


def _told(line: _Line, name: str | Named) -> Text:
    if line.videos or not line.billed_usd_micros:
        price = money(line.charged_usd_micros)
        return told("{name}: {videos}, {price}", name=name, videos=counted("1", line.videos), price=price)
    return told("{name}: no video, {price} billed all the same", name=name, price=money(line.billed_usd_micros))


def _files(spare: Path, by: str, lines: Sequence[_Line], days: Mapping[str, int]) -> tuple[Path, Picture | None]:
    folder = Path(tempfile.mkdtemp(dir=spare, prefix="usage-"))
    return _as_table(folder / "usage.csv", by, lines), _as_chart(folder / "usage.png", days)


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


def _as_table(path: Path, by: str, lines: Sequence[_Line]) -> Path:
    """Write every line for a spreadsheet, which must not take a name for a formula."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([by, "videos", "seconds", "charged_usd", "billed_usd", "reserved_usd"])
        for each in lines:
            usd = (each.charged_usd_micros, each.billed_usd_micros, each.reserved_usd_micros)
            key = f"'{each.key}" if each.key[:1] in {"=", "+", "-", "@"} else each.key
            writer.writerow([key, each.videos, each.seconds, *(micros / 1_000_000 for micros in usd)])
    return path
