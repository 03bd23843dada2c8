"""Numbers, prices, times and names as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bot import wording
from bot.platforms.text import cut


@pytest.mark.parametrize(
    ("usd_micros", "money", "about"),
    [
        (None, "at an unknown price", "at an unknown price"),
        (0, "free", "free"),
        (500_000, "$0.50", "about $0.50"),
        (20_000_000, "$20.00", "about $20.00"),
        (37_500, "$0.0375", "about $0.0375"),
        (1, "$0.000001", "about $0.000001"),
    ],
)
def test_money_is_said_plainly(usd_micros: int | None, money: str, about: str) -> None:
    """Cents, more only where there is more; an estimate says so, and what is free is no estimate."""
    assert (wording.money(usd_micros), wording.about(usd_micros)) == (money, about)


@pytest.mark.parametrize(
    ("amount", "number", "told"),
    [
        ("5", None, "5 videos"),
        ("1", None, "1 video"),
        ("5", 0, "0 videos"),
        ("60s", None, "60 s of video"),
        ("60s", 5, "5 s of video"),
        ("$20", None, "$20.00"),
        ("$20.00", 450_000, "$0.45"),
    ],
)
def test_an_amount_names_its_unit(amount: str, number: int | None, told: str) -> None:
    """Videos, seconds or dollars; one video is no plural."""
    assert wording.counted(amount, number) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 s"),
        (12, "12 s"),
        (59.6, "1 min"),
        (108, "1 min 48 s"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (86_400, "1 d"),
        (90_000, "1 d 1 h"),
        (604_800, "7 d"),
    ],
)
def test_a_span_has_its_two_largest_units(seconds: float, told: str) -> None:
    """Never a zero beside them."""
    assert wording.span(seconds) == told


@pytest.mark.parametrize(
    ("size", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (37_100, "37.1 kB"), (10_000_000, "10.0 MB"), (84_300_000_000, "84.3 GB")],
)
def test_a_size_has_the_unit_that_reads_best(size: int, told: str) -> None:
    """Thousands, as drives are sold."""
    assert wording.size(size) == told


def test_a_provider_is_called_as_people_call_it() -> None:
    """One that nobody named yet goes by its id."""
    assert [wording.provider(f"wan2.5@{name}") for name in ("novita", "aimlapi", "local", "new")] == [
        "Novita",
        "AI/ML API",
        "This machine",
        "new",
    ]


def test_what_somebody_wrote_is_quoted_in_one_line_and_short() -> None:
    """Nothing is said where nothing was written: no empty quotes."""
    assert wording.quoted("999p") == "'999p'"
    assert wording.quoted("  \n ") == "nothing"
    assert wording.quoted("a\n b") == "'a b'"
    assert len(wording.quoted("word " * 100)) < 65


def test_a_text_is_cut_at_a_word() -> None:
    """With an ellipsis, and only where something is gone."""
    assert cut("a cat walks", 11) == "a cat walks"
    assert cut("a cat walks home", 12) == "a cat walks…"
    assert cut("a cat walks", 8) == "a cat…"
    assert cut("a verylongwordwithoutend", 12) == "a verylongw…"


@given(some.text(max_size=60), some.integers(1, 50))
def test_a_cut_text_fits_and_is_a_beginning(text: str, most: int) -> None:
    """Whatever it holds."""
    short = cut(text, most)
    assert len(short) <= most
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


@pytest.mark.parametrize("letter", ["👩\u200d🚀", "e\u0301", "न\u093f", "👍\U0001f3fd"])
def test_nothing_is_cut_inside_a_letter(letter: str) -> None:
    """A joined emoji, an accent, a vowel sign and a skin tone stay with what they belong to."""
    text = letter * 40
    for most in range(2, 60):
        assert cut(text, most)[:-1] in {letter * count for count in range(40)} | {text[:-1]}
