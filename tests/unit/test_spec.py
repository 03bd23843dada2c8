"""An offer's options: what each takes, what it refuses, and what follows from the declaration."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as some

from providers.kit.spec import (
    BadOption,
    Choice,
    ImageLimits,
    Number,
    Option,
    Pace,
    Price,
    Spec,
    Switch,
    Text,
    Value,
    Whole,
)

SIZE = Choice(name="resolution", values=("480p", "720p"), default="720p", help="How large.")
LENGTH = Choice(name="duration", values=(5, 10), default=5, unit="s", help="How long.")
SEED = Whole(name="seed", low=-1, high=9, help="Again.")
GUIDANCE = Number(name="guidance", low=0, high=2.5, default=0, help="How strictly.")
SOUND = Switch(name="sound", default=False, help="With sound.")
AVOID = Text(name="negative_prompt", max_chars=3, help="Not this.")
SPEC = Spec(
    model="dream",
    provider="imaginary",
    label="A dream",
    options=(SIZE, LENGTH, SEED, GUIDANCE, SOUND, AVOID),
    prompt_max_chars=40,
    prompt_required=True,
    image=ImageLimits(),
    audio=None,
    price=Price(usd_micros_per_s={"720p": 100_000}, source="a dream", read_on=date(2026, 11, 25)),
    pace=Pace(usual_s=5, slow_s=10, first_look_s=1, every_s=1),
    retention_s=3600,
    in_flight=1,
)


@pytest.mark.parametrize(
    ("option", "given_", "value"),
    [
        (SIZE, " 480P ", "480p"),
        (LENGTH, "5", 5),
        (LENGTH, "10 s", 10),
        (LENGTH, 10, 10),
        (SEED, "-1", -1),
        (SEED, " 9 ", 9),
        (SEED, 0, 0),
        (GUIDANCE, "2.5", 2.5),
        (GUIDANCE, "0", 0.0),
        (SOUND, "ON", True),
        (SOUND, False, False),
        (SOUND, "0", False),
        (AVOID, "", ""),
        (AVOID, "👩‍🚀", "👩‍🚀"),
    ],
)
def test_an_option_takes_what_people_write(option: Option, given_: Value, value: Value) -> None:
    """In any case, with blanks, with its unit; 0, off and nothing are values."""
    parsed = option.parse(given_)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("option", "given_"),
    [
        (SIZE, "1080p"),
        (SIZE, ""),
        (LENGTH, "7"),
        (LENGTH, "s"),
        (SEED, "10"),
        (SEED, "-2"),
        (SEED, "1.5"),
        (SEED, ""),
        (GUIDANCE, "2.51"),
        (GUIDANCE, "nan"),
        (GUIDANCE, "inf"),
        (SOUND, "maybe"),
        (AVOID, "four"),
    ],
)
def test_an_option_refuses_all_else_and_says_what_it_takes(option: Option, given_: str) -> None:
    """With its own name and the text as it was given."""
    with pytest.raises(BadOption) as bad:
        option.parse(given_)
    assert (bad.value.name, bad.value.given) == (option.name, given_)
    assert bad.value.wanted.startswith(option.range)


@given(some.integers())
def test_a_whole_number_is_taken_just_within_its_bounds(number: int) -> None:
    """Both ends belong to it."""
    within = -1 <= number <= 9
    try:
        assert SEED.parse(str(number)) == number
        assert within
    except BadOption:
        assert not within


@given(some.floats())
def test_a_decimal_number_is_taken_just_within_its_bounds(number: float) -> None:
    """What is no number at all is never within."""
    within = 0 <= number <= 2.5
    try:
        assert GUIDANCE.parse(repr(number)) == number
        assert within
    except BadOption:
        assert not within


@pytest.mark.parametrize("option", SPEC.options, ids=lambda option: option.name)
def test_an_option_takes_its_own_samples(option: Option) -> None:
    """Both ends, and 0 or off where it lies between."""
    samples = option.samples()
    assert [option.parse(sample) for sample in samples] == list(samples)


def test_only_what_has_a_default_is_sent_unasked() -> None:
    """0 and off are defaults."""
    assert SPEC.defaults() == {"resolution": "720p", "duration": 5, "guidance": 0, "sound": False}


def test_an_offer_is_named_after_model_and_provider() -> None:
    """And finds its options by name."""
    assert SPEC.offer == "dream@imaginary"
    assert SPEC.option("seed") is SEED
    assert SPEC.option("colour") is None


def test_a_price_is_known_or_nobody_knows_it() -> None:
    """A resolution without one costs nobody-knows, never nothing."""
    assert SPEC.price.quote({"resolution": "720p", "duration": 10}) == 1_000_000
    assert SPEC.price.quote({"resolution": "480p", "duration": 10}) is None
