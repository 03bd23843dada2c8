"""The offers as they stand in one installation."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bot.catalogue import Catalogue
from bot.settings import BadSettings, Settings, load
from providers import local
from providers.kit.provider import Provider
from providers.kit.spec import BadOption
from tests.unit.test_spec import SPEC

PROVIDER = replace(local.PROVIDER, id="imaginary", specs=(SPEC, replace(SPEC, model="other", needs_key=False)))
PROVIDERS = {"imaginary": PROVIDER, "local": local.PROVIDER}


def catalogue(providers: dict[str, Provider] = PROVIDERS, **given: object) -> Catalogue:
    """Return the offers of these providers under these settings."""
    settings: Settings = load(**given)
    return Catalogue(providers, settings, Path("/room"))


def test_offers_stand_in_the_order_of_the_listing() -> None:
    """By name, with each model once."""
    found = catalogue()
    assert list(found.offers) == ["dream@imaginary", "other@imaginary", "preview@local"]
    assert found.models() == ["dream", "other", "preview"]
    assert found.get("nobody@nowhere") is None


def test_an_offer_that_needs_a_key_is_off_without_one() -> None:
    """And says why."""
    found = catalogue()
    assert found.offers["dream@imaginary"].off == "no key"
    assert [offer.name for offer in found.on()] == ["other@imaginary", "preview@local"]


def test_the_operators_bound_goes_before_the_specs_and_the_offers_before_the_providers() -> None:
    """The nearest wins."""
    found = catalogue(max_in_flight="imaginary=7,dream@imaginary=3")
    assert [offer.bound for offer in found.offers.values()] == [3, 7, local.SPEC.in_flight]


def test_the_operators_deadline_holds_for_all() -> None:
    """It reaches the store in milliseconds."""
    assert {offer.terms.deadline_ms for offer in catalogue(job_deadline_s=90).offers.values()} == {90_000}
    assert catalogue().offers["preview@local"].terms.deadline_ms == local.SPEC.deadline_s * 1000
    assert catalogue().offers["preview@local"].terms.retention_ms == local.SPEC.retention_s * 1000


def test_a_corrected_price_goes_before_the_specs(tmp_path: Path) -> None:
    """Only for the resolution and the length that it names; it makes an unknown price known."""
    prices = tmp_path / "prices.toml"
    prices.write_text('["dream@imaginary"."480p"]\n5 = 0.30\n')
    offer = catalogue(prices=prices).offers["dream@imaginary"]
    quotes = [offer.quote({"resolution": size, "duration": s}) for size in ("480p", "720p") for s in (5, 10)]
    assert quotes == [300_000, None, 500_000, 1_000_000]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('["dream@imaginery"."480p"]\n5 = 0.30\n', "there is no offer dream@imaginery"),
        ('["dream@imaginary"."481p"]\n5 = 0.30\n', "dream@imaginary has no resolution 481p. It takes 480p, 720p"),
        ('["dream@imaginary"."480p"]\n7 = 0.30\n', "dream@imaginary has no duration 7"),
    ],
)
def test_a_price_for_what_nobody_sells_is_refused(text: str, told: str, tmp_path: Path) -> None:
    """A typing error would leave the wrong price in force."""
    prices = tmp_path / "prices.toml"
    prices.write_text(text)
    with pytest.raises(BadSettings, match=re.escape(told)):
        catalogue(prices=prices)


def test_every_option_that_is_sent_has_its_true_type() -> None:
    """The defaults, then what was asked; what another offer would take is left out."""
    offer = catalogue().offers["dream@imaginary"]
    asked = {"duration": "10", "seed": "0", "sound": "on", "colour": "red"}
    assert offer.options(asked) == {
        "resolution": "720p",
        "duration": 10,
        "guidance": 0,
        "sound": True,
        "seed": 0,
    }
    with pytest.raises(BadOption):
        offer.options({"duration": "7"})


def test_an_option_of_several_offers_is_listed_once() -> None:
    """By its name, as the first of them declares it."""
    found = catalogue().options()
    assert found["resolution"] is SPEC.option("resolution")
    assert set(found) == {"resolution", "duration", "seed", "guidance", "sound", "negative_prompt"}


def test_each_provider_works_in_a_folder_of_its_own() -> None:
    """None can reach another's."""
    rooms = {offer.spec.provider: offer.connection.workdir for offer in catalogue().offers.values()}
    assert rooms == {"imaginary": Path("/room/imaginary"), "local": Path("/room/local")}
