"""Every offer holds what a spec promises, found out from its declaration alone."""

from __future__ import annotations

import importlib
import json
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from providers.kit.provider import Media, Order, Provider
from providers.kit.registry import discover
from providers.kit.spec import Audience, BadOption, Choice, Loras, Number, Option, Spec, Switch, Text, Value, Whole
from storage.states import Kind

OFFERS = [(provider, spec) for provider in discover().values() for spec in provider.specs]
OPTIONS = [(provider, spec, option) for provider, spec in OFFERS for option in spec.options]
PRICE_MAX_AGE = timedelta(days=400)
PICTURE = Media(path=Path("/picture"), mime="image/jpeg", sha256="a" * 64, size_bytes=1000)
SOUND = Media(path=Path("/sound"), mime="audio/mpeg", sha256="b" * 64, size_bytes=1000)

each_offer = pytest.mark.parametrize(("provider", "spec"), OFFERS, ids=[spec.offer for _, spec in OFFERS])
each_option = pytest.mark.parametrize(
    ("provider", "spec", "option"), OPTIONS, ids=[f"{spec.offer}-{option.name}" for _, spec, option in OPTIONS]
)


def order(spec: Spec, **options: Value) -> Order:
    """Return an order with every option set: its default, else its first sample, so that nothing is left to chance."""
    full = {option.name: option.samples()[0] for option in spec.options} | spec.defaults() | options
    return Order(
        key="7K3Q9FD2",
        spec=spec,
        prompt="a cat walks",
        options=full,
        image=PICTURE,
        audio=SOUND if spec.audio else None,
    )


@pytest.mark.parametrize("name", discover())
def test_a_provider_is_named_after_its_file(name: str) -> None:
    """And each of its offers after it."""
    provider: Provider = importlib.import_module(f"providers.{name}").PROVIDER
    assert provider.id == name
    assert {spec.provider for spec in provider.specs} == {name}


def test_no_two_offers_share_a_name() -> None:
    """A name chooses one."""
    names = [spec.offer for _, spec in OFFERS]
    assert len(names) == len(set(names)) > 0


@each_offer
def test_every_offer_has_a_resolution_and_a_duration(provider: Provider, spec: Spec) -> None:
    """The price and the limits depend on them: whole seconds, with a default."""
    resolution, duration = spec.option("resolution"), spec.option("duration")
    assert isinstance(resolution, Choice)
    assert isinstance(duration, Choice | Whole)
    assert duration.default is not None
    assert all(isinstance(sample, int) and sample > 0 for sample in duration.samples())


@each_offer
def test_options_are_named_once_and_in_our_words(provider: Provider, spec: Spec) -> None:
    """As a flag, a form's field and a JSON key can carry them; none hides a flag that every command has."""
    names = [option.name for option in spec.options]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() and name.islower() for name in names)
    assert not {"image", "prompt", "audio", "model", "set", "set_", "output", "dry_run", "json"} & set(names)


@each_option
def test_a_default_is_one_of_the_allowed_values(provider: Provider, spec: Spec, option: Option) -> None:
    """What is sent unasked would also be taken when asked for."""
    if option.default is not None:
        assert option.parse(option.default) == option.default


@each_option
def test_samples_are_taken_as_they_are_and_as_they_are_typed(provider: Provider, spec: Spec, option: Option) -> None:
    """Every choice, both ends of a range, on and off."""
    for sample in option.samples():
        typed = ("on" if sample else "off") if isinstance(option, Switch) else str(sample)
        assert option.parse(sample) == option.parse(typed) == sample


def _beyond(option: Option) -> list[str]:
    match option:
        case Whole(low=low, high=high):
            return [str(low - 1), str(high + 1), "1.5", "", "x"]
        case Number(low=low, high=high):
            return [str(low - 0.01), str(high + 0.01), "nan", "", "x"]
        case Text(max_chars=most):
            return ["x" * (most + 1)]
        case Loras(most=most, high=high):
            one_more = ", ".join(["a/b@1"] * (most + 1))
            return ["", "a/b", "a/b@", f"a/b@{high + 0.1}", "a/b@nan", "a b@1", "http://a.b/c@1", one_more]
        case Choice(values=values):
            return ["", "nothing of these", "".join(map(str, values)) + "0"]
        case Switch():
            return ["", "perhaps", "2"]


@each_option
def test_what_is_out_of_range_is_refused_with_the_range(provider: Provider, spec: Spec, option: Option) -> None:
    """Before anything is paid."""
    for given in _beyond(option):
        with pytest.raises(BadOption) as bad:
            option.parse(given)
        assert option.range in bad.value.wanted


@each_option
def test_every_value_of_an_option_changes_what_is_sent(provider: Provider, spec: Spec, option: Option) -> None:
    """0 and off included: no option is dropped on the way."""
    values = list(dict.fromkeys([*option.samples(), *([] if option.default is None else [option.default])]))
    bodies = {json.dumps(provider.body(order(spec, **{option.name: value})), sort_keys=True) for value in values}
    assert len(bodies) == len(values)


@each_offer
def test_a_body_is_json_and_names_media_by_their_hash(provider: Provider, spec: Spec) -> None:
    """Whatever is not asked by chance is the same twice, and no path of this machine is in it."""
    body: dict[str, Any] = provider.body(order(spec))
    written = json.dumps(body)
    assert json.loads(written) == body == provider.body(order(spec))
    assert PICTURE.reference in written
    assert (SOUND.reference in written) == (spec.audio is not None)
    assert "a cat walks" in written
    assert not {str(PICTURE.path), str(SOUND.path)} & set(json.dumps(body).split('"'))


@each_offer
def test_a_price_is_known_or_openly_unknown_and_was_read_lately(provider: Provider, spec: Spec) -> None:
    """With its source; a resolution that does not exist has no price."""
    resolution, duration = spec.option("resolution"), spec.option("duration")
    assert resolution is not None
    assert duration is not None
    assert set(spec.price.usd_micros_per_s) <= set(map(str, resolution.samples()))
    for size, seconds in product(resolution.samples(), duration.samples()):
        quote = spec.price.quote({"resolution": size, "duration": seconds})
        assert quote is None or quote >= 0
    today = datetime.now(UTC).date()
    assert date(2026, 1, 1) <= spec.price.read_on <= today
    assert today - spec.price.read_on < PRICE_MAX_AGE
    assert spec.price.source


@each_offer
def test_an_offer_is_looked_at_before_it_is_late_and_called_late_before_it_is_lost(
    provider: Provider, spec: Spec
) -> None:
    """The pace, the deadline and the retention follow one another."""
    pace = spec.pace
    assert 0 < pace.first_look_s <= pace.usual_s <= pace.slow_s < spec.deadline_s < spec.retention_s
    assert 0 < pace.every_s <= pace.slow_s
    assert 0 < spec.submit_s < spec.deadline_s
    assert spec.in_flight >= 1


@each_offer
def test_what_a_failure_costs_is_declared_for_known_failures(provider: Provider, spec: Spec) -> None:
    """The kinds are those of the life of a job."""
    assert spec.billed_failures <= set(Kind)


@each_offer
def test_media_limits_leave_room(provider: Provider, spec: Spec) -> None:
    """There are pictures and sounds that pass."""
    image, audio = spec.image, spec.audio
    assert image.mimes
    assert 0 < image.min_side_px < image.max_side_px
    assert image.max_bytes > 0
    if audio is not None:
        assert audio.mimes
        assert 0 < audio.min_s < audio.max_s
        assert audio.max_bytes > 0


@each_option
def test_an_option_explains_itself(provider: Provider, spec: Spec, option: Option) -> None:
    """In a short sentence, and it has an audience."""
    assert option.help.endswith(".")
    assert len(option.help) <= 100
    assert option.audience in set(Audience)
