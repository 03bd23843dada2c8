"""Local days, and when a window begins again; right over time zones and clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from storage.limits import Window

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def local_day(at_ms: int, zone: ZoneInfo) -> date:
    """Return the calendar day that this instant falls on in the zone."""
    return datetime.fromtimestamp(at_ms / 1000, zone).date()


def first_day(window: Window, today: date) -> date:
    """Return the first day of the calendar window that holds this day; weeks begin on Monday."""
    match window.name:
        case "week":
            return today - timedelta(days=today.weekday())
        case "month":
            return today.replace(day=1)
    return today


def _following_day(window: Window, today: date) -> date:
    first = first_day(window, today)
    match window.name:
        case "week":
            return first + timedelta(days=7)
        case "month":
            return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days=1)


def next_start_ms(window: Window, now_ms: int, zone: ZoneInfo) -> int:
    """Return the first instant of the calendar window after the one that holds now.

    A day whose midnight the clocks skip begins at the first moment that exists.
    """
    day = _following_day(window, local_day(now_ms, zone))
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    low, high = (
        int((noon - timedelta(hours=36)).timestamp() * 1000),
        int((noon + timedelta(hours=24)).timestamp() * 1000),
    )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if local_day(middle, zone) >= day else (middle, high)
    return high
