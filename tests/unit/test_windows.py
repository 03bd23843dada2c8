"""Local days and windows, over clock changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.limits import Window
from storage.windows import DAY_MS, first_day, local_day, next_start_ms

DAY, WEEK, MONTH = Window("day"), Window("week"), Window("month")


def at(text: str) -> int:
    """Return an instant written with its offset, in milliseconds."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "now", "following"),
    [
        ("UTC", "2026-09-01T12:00+00:00", "2026-09-02T00:00+00:00"),
        ("America/Santiago", "2026-09-05T12:00-04:00", "2026-09-06T01:00-03:00"),
        ("America/Santiago", "2026-09-06T12:00-03:00", "2026-09-07T00:00-03:00"),
        ("Africa/Cairo", "2026-10-29T12:00+03:00", "2026-10-30T00:00+02:00"),
        ("Africa/Cairo", "2026-10-29T23:30+02:00", "2026-10-30T00:00+02:00"),
        ("Australia/Lord_Howe", "2026-10-04T12:00+11:00", "2026-10-05T00:00+11:00"),
        ("Australia/Lord_Howe", "2026-10-03T12:00+10:30", "2026-10-04T00:00+10:30"),
        ("Asia/Kathmandu", "2026-03-01T23:59+05:45", "2026-03-02T00:00+05:45"),
        ("Pacific/Apia", "2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00"),
    ],
)
def test_the_next_day_begins_at_its_first_moment_that_exists(zone: str, now: str, following: str) -> None:
    """Where the clocks skip midnight, or a whole day, it is the moment after the gap."""
    assert next_start_ms(DAY, at(now), ZoneInfo(zone)) == at(following)


@pytest.mark.parametrize(
    ("window", "now", "following"),
    [
        (WEEK, "2026-09-01T12:00+00:00", "2026-09-07T00:00+00:00"),
        (WEEK, "2026-09-06T23:59+00:00", "2026-09-07T00:00+00:00"),
        (WEEK, "2026-09-07T00:00+00:00", "2026-09-14T00:00+00:00"),
        (MONTH, "2026-01-31T12:00+00:00", "2026-02-01T00:00+00:00"),
        (MONTH, "2026-12-31T23:59+00:00", "2027-01-01T00:00+00:00"),
    ],
)
def test_weeks_begin_on_monday_and_months_on_their_first(window: Window, now: str, following: str) -> None:
    """And the next one begins when this one is over."""
    assert next_start_ms(window, at(now), ZoneInfo("UTC")) == at(following)


def test_the_first_day_of_a_window_is_the_one_that_its_days_count_from() -> None:
    """A Wednesday's week began two days before, its month on the first."""
    wednesday = date(2026, 9, 2)
    assert [first_day(window, wednesday) for window in (DAY, WEEK, MONTH)] == [
        wednesday,
        date(2026, 8, 31),
        date(2026, 9, 1),
    ]


_ZONES = ("UTC", "America/Santiago", "Africa/Cairo", "Australia/Lord_Howe", "Asia/Kathmandu", "America/New_York")


@given(
    zone=st.sampled_from(_ZONES),
    window=st.sampled_from((DAY, WEEK, MONTH)),
    minute=st.integers(0, 366 * 24 * 60),
)
def test_a_window_ends_at_the_first_instant_of_another_day_of_the_next_window(
    zone: str, window: Window, minute: int
) -> None:
    """A millisecond before, it is still this window; at that instant it no longer is."""
    place = ZoneInfo(zone)
    now = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000) + minute * 60_000
    following = next_start_ms(window, now, place)
    assert now < following <= now + 33 * DAY_MS

    def first(instant: int) -> date:
        return first_day(window, local_day(instant, place))

    assert first(now) == first(following - 1) < first(following)
    assert first(following) == local_day(following, place)
    assert first(following) - local_day(following - 1, place) == timedelta(days=1)
