"""Limits as people write them."""

from __future__ import annotations

import pytest

from storage.limits import Amount, BadAmount, Unit, Window, parse_amount, parse_limits, usd, write_limits


@pytest.mark.parametrize(
    ("text", "unit", "number", "window"),
    [
        ("5/day", Unit.VIDEOS, 5, Window("day")),
        ("0/day", Unit.VIDEOS, 0, Window("day")),
        ("60s/week", Unit.SECONDS, 60, Window("week")),
        ("$20/month", Unit.USD, 20_000_000, Window("month")),
        ("$0.5/month", Unit.USD, 500_000, Window("month")),
        ("$1.234567/day", Unit.USD, 1_234_567, Window("day")),
        ("3/24h", Unit.VIDEOS, 3, Window("24h", 24)),
        (" 5 / Day ", Unit.VIDEOS, 5, Window("day")),
    ],
)
def test_a_limit_is_an_amount_and_a_window(text: str, unit: Unit, number: int, window: Window) -> None:
    """Videos, seconds of video or dollars, by calendar or rolling; spaces and capitals do not matter."""
    (limit,) = parse_limits(text)
    assert (limit.amount, limit.window) == (Amount(unit, number), window)


def test_several_limits_are_separated_by_commas() -> None:
    """All of them hold."""
    assert [str(limit) for limit in parse_limits("5/day, 60s/day,$20/month")] == ["5/day", "60s/day", "$20.00/month"]


def test_none_is_the_empty_set() -> None:
    """It lifts what would hold otherwise."""
    assert parse_limits("none") == parse_limits(" None ") == ()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", ""),
        ("5", "5"),
        ("5/", ""),
        ("/day", ""),
        ("-1/day", "-1"),
        ("1.5/day", "1.5"),
        ("1.5s/day", "1.5s"),
        ("$5s/day", "$5s"),
        ("$0.1234567/day", "$0.1234567"),
        ("5/fortnight", "fortnight"),
        ("5/0h", "0h"),
        ("5/9999h", "9999h"),
        ("5/day,", ""),
        ("5/day,none", "none"),
    ],
)
def test_anything_else_is_refused_and_the_bad_part_is_named(text: str, part: str) -> None:
    """The sentence that a person reads quotes it."""
    with pytest.raises(BadAmount) as caught:
        parse_limits(text)
    assert str(caught.value).strip() == part


@pytest.mark.parametrize("text", ["5/day", "60s/week,$20.00/month", "$0.0001/24h", "none"])
def test_a_set_is_written_as_it_is_read(text: str) -> None:
    """What the store keeps and shows means the same again."""
    assert write_limits(parse_limits(text)) == text


@pytest.mark.parametrize(
    ("text", "amount"),
    [("3", Amount(Unit.VIDEOS, 3)), ("30s", Amount(Unit.SECONDS, 30)), ("$5", Amount(Unit.USD, 5_000_000))],
)
def test_a_grant_is_an_amount_without_a_window(text: str, amount: Amount) -> None:
    """Whole videos, seconds, or dollars."""
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    ("micros", "text"),
    [(500_000, "0.50"), (20_000_000, "20.00"), (0, "0.00"), (123_456, "0.123456"), (1_500, "0.0015")],
)
def test_dollars_have_two_decimals_and_more_only_where_needed(micros: int, text: str) -> None:
    """Nobody reads `0.500000`, and no fraction of a cent is hidden."""
    assert usd(micros) == text
