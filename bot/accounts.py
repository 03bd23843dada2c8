"""What a scope used and what it cost, summed for its admins, with the lines as a table for a spreadsheet."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bot.platforms.contract import Message, Order
from bot.ports import Ports
from bot.sayings import plain
from bot.wording import counted, listed, money, quoted
from storage.contract import Usage
from storage.windows import DAY_MS, HOUR_MS

_BY = ("user", "channel", "offer", "day")
_SHOWN = 10


async def usage(ports: Ports, order: Order) -> Message:
    """Return what this scope used in a time, and what providers bill for it."""
    since, by = order.words.get("since") or "30d", order.words.get("by") or "user"
    match = re.fullmatch(r"(\d{1,5})([dh])", since)
    if match is None:
        return plain(f"{quoted(since)} is no length of time.", "Write it like 30d or 24h.")
    if by not in _BY:
        return plain(f"Usage cannot be summed by {quoted(by)}.", f"Choose {listed(_BY)}.")
    since_ms = int(match[1]) * (DAY_MS if match[2] == "d" else HOUR_MS)
    scope = f"scope:{order.scope}"
    used = await ports.store.usage(book="allowance", by=by, since_ms=since_ms, scope=scope)
    spent = await ports.store.usage(book="spend", by=by, since_ms=since_ms, scope=scope)
    used = [each for each in used if each.videos or each.usd_micros or each.reserved_usd_micros]
    if not used and not any(each.usd_micros for each in spent):
        return plain("Nothing was used in that time.", "`/animate` with a picture and a sentence makes a video.")
    billed, reserved = sum(e.usd_micros for e in spent), sum(e.reserved_usd_micros for e in spent)
    videos = counted("1", sum(each.videos for each in used))
    return Message(
        head=f"{videos} in {_time(match[1], match[2])}, {money(billed)} billed by providers.",
        text=("\n".join(_line(each) for each in _largest(used)[:_SHOWN]),),
        small=(f"{money(reserved)} more is reserved for videos in the making.",) if reserved else (),
        files=(_as_table(ports, by, used, spent),),
    )


def _time(number: str, unit: str) -> str:
    return f"{number} {'days' if unit == 'd' else 'hours'}"


def _largest(used: Sequence[Usage]) -> list[Usage]:
    return sorted(used, key=lambda each: (-each.videos, each.key))


def _line(used: Usage) -> str:
    return f"{used.key.partition(':')[2] or used.key}: {counted('1', used.videos)}, {money(used.usd_micros)} charged"


def _as_table(ports: Ports, by: str, used: Sequence[Usage], spent: Sequence[Usage]) -> Path:
    """Write every line for a spreadsheet, which must not take a name for a formula."""
    billed = {each.key: each for each in spent}
    path = Path(tempfile.mkdtemp(dir=ports.spare, prefix="usage-")) / "usage.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([by, "videos", "seconds", "charged_usd", "billed_usd", "reserved_usd"])
        for each in used:
            spend = billed.get(each.key)
            usd = (each.usd_micros, *((spend.usd_micros, spend.reserved_usd_micros) if spend else (0, 0)))
            key = f"'{each.key}" if each.key[:1] in {"=", "+", "-", "@"} else each.key
            writer.writerow([key, each.videos, each.seconds, *(micros / 1_000_000 for micros in usd)])
    return path
