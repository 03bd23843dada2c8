"""Which offers serve a wish, in which order, and why none does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.catalogue import Catalogue
from bot.refusals import Refused
from bot.router import Candidate, Preferences, Wish, candidates
from bot.settings import load
from providers import local
from providers.kit.spec import Audience, AudioLimits, Spec, Switch
from tests.unit.test_spec import SPEC

WISH = Wish(
    prompt="a cat walks",
    model=None,
    options={},
    has_audio=False,
    width=900,
    height=600,
    is_admin=False,
    is_operator=False,
)


def spec(model: str, provider: str, usd_micros_per_s: int | None, usual_s: float = 5, **changes: Any) -> Spec:
    """Return an offer that is on."""
    per_s = {} if usd_micros_per_s is None else {"720p": usd_micros_per_s}
    plain = replace(SPEC, model=model, provider=provider, needs_key=False)
    return replace(
        plain, price=replace(SPEC.price, usd_micros_per_s=per_s), pace=replace(SPEC.pace, usual_s=usual_s), **changes
    )


DEAR = spec("wan2.5", "fal", 100_000, usual_s=30)
CHEAP = spec("wan2.5", "aimlapi", 50_000, usual_s=60, prompt_max_chars=5)
UNKNOWN = spec("wan2.5", "novita", None, usual_s=90)


def catalogue(*specs: Spec) -> Catalogue:
    """Return an installation that sells just these."""
    by_provider: dict[str, list[Spec]] = {}
    for each in specs:
        by_provider.setdefault(each.provider, []).append(each)
    providers = {name: replace(local.PROVIDER, id=name, specs=tuple(own)) for name, own in by_provider.items()}
    return Catalogue(providers, load(), Path("/work"))


def routed(*specs: Spec, default: str | None = None, route: tuple[str, ...] = ("price",), **wish: Any) -> list[str]:
    """Return the names of the offers that would be tried, in order."""
    found = candidates(catalogue(*specs), replace(WISH, **wish), Preferences(default_model=default, route=route))
    return [candidate.offer.name for candidate in found]


def refusal(*specs: Spec, **wish: Any) -> Refused:
    """Return why none would be."""
    with pytest.raises(Refused) as refused:
        routed(*specs, **wish)
    return refused.value


def test_the_cheapest_goes_first_and_an_unknown_price_last() -> None:
    """Nobody knows is not free."""
    assert routed(UNKNOWN, DEAR, CHEAP, prompt="cat") == ["wan2.5@aimlapi", "wan2.5@fal", "wan2.5@novita"]


def test_the_quickest_goes_first_where_that_is_asked() -> None:
    """By what a video usually takes."""
    assert routed(UNKNOWN, CHEAP, DEAR, prompt="cat", route=("speed",)) == [
        "wan2.5@fal",
        "wan2.5@aimlapi",
        "wan2.5@novita",
    ]


def test_an_operators_list_may_name_offers_models_and_providers() -> None:
    """What it does not name comes after it."""
    assert routed(DEAR, CHEAP, UNKNOWN, prompt="cat", route=("novita", "wan2.5@fal")) == [
        "wan2.5@novita",
        "wan2.5@fal",
        "wan2.5@aimlapi",
    ]


def test_an_offer_that_cannot_serve_is_left_out() -> None:
    """The prompt is too long for the cheaper one."""
    assert routed(DEAR, CHEAP) == ["wan2.5@fal"]


def test_without_a_model_the_usual_ones_come_in_their_order_and_the_preview_last() -> None:
    """The router never chooses the preview while another is on."""
    first, second = spec("wan2.6", "fal", 1), spec("wan2.1", "novita", 1)
    assert routed(local.SPEC, second, first) == ["wan2.6@fal"]
    assert routed(local.SPEC, second, first, DEAR) == ["wan2.5@fal"]
    assert routed(local.SPEC, replace(DEAR, needs_key=True)) == ["preview@local"]
    assert routed(local.SPEC, DEAR, default="preview") == ["preview@local"]


def test_a_named_offer_is_the_only_one() -> None:
    """With its provider; by its model alone every seller may serve."""
    assert routed(DEAR, CHEAP, prompt="cat", model="wan2.5@fal") == ["wan2.5@fal"]
    assert len(routed(DEAR, CHEAP, prompt="cat", model="wan2.5")) == 2


def test_an_unknown_model_is_refused_with_those_there_are() -> None:
    """Models and offers."""
    refused = refusal(DEAR, model="wan9")
    assert (refused.code, refused.facts["known"]) == ("model_unknown", ["wan2.5", "wan2.5@fal"])


def test_an_offer_that_is_off_is_refused_with_its_reason() -> None:
    """Only where it was asked for by name."""
    refused = refusal(replace(DEAR, needs_key=True), model="wan2.5@fal")
    assert (refused.code, refused.facts["why"]) == ("offer_off", "no key")


def test_a_prompt_is_counted_in_code_points() -> None:
    """As providers count: a joined emoji is three."""
    family = "👩\u200d🚀"
    assert routed(spec("m", "p", 1, prompt_max_chars=3), model="m", prompt=family) == ["m@p"]
    refused = refusal(spec("m", "p", 1, prompt_max_chars=2), model="m", prompt=family)
    assert (refused.code, refused.facts["length"], refused.facts["most"]) == ("prompt_long", 3, 2)


def test_a_prompt_may_be_left_out_where_the_offer_allows_it() -> None:
    """Blanks are no words."""
    assert routed(spec("m", "p", 1, prompt_required=False), model="m", prompt="") == ["m@p"]
    assert refusal(spec("m", "p", 1), model="m", prompt=" \n").code == "prompt_missing"


def test_a_shape_that_no_scaling_mends_is_refused_before_paying() -> None:
    """With the numbers of the offer."""
    refused = refusal(DEAR, width=1290, height=19_854)
    assert (refused.code, refused.facts["max_px"], refused.facts["role"]) == ("ratio", 2000, "image")


def test_sound_goes_only_to_who_takes_it() -> None:
    """Another seller of the model may."""
    hearing = replace(CHEAP, audio=AudioLimits(inline=True))
    assert routed(DEAR, hearing, prompt="cat", has_audio=True) == ["wan2.5@aimlapi"]
    assert refusal(DEAR, has_audio=True).code == "sound_unsupported"


def test_a_refusal_is_that_of_the_offer_that_came_nearest() -> None:
    """One that has every option, and only takes another value, says more than one that lacks some."""
    lacking = replace(
        DEAR, provider="novita", options=tuple(option for option in SPEC.options if option.name != "duration")
    )
    for sellers in ((lacking, DEAR), (DEAR, lacking)):
        assert refusal(*sellers, options={"duration": "7"}).code == "option_bad"


@pytest.mark.parametrize(
    ("audience", "admin", "operator", "may"),
    [
        (Audience.EVERYONE, False, False, True),
        (Audience.ADMIN, False, False, False),
        (Audience.ADMIN, True, False, True),
        (Audience.ADMIN, False, True, True),
        (Audience.OPERATOR, True, False, False),
        (Audience.OPERATOR, False, True, True),
    ],
)
def test_an_option_is_set_only_by_its_audience(audience: Audience, admin: bool, operator: bool, may: bool) -> None:
    """An operator may set what an admin may, not the other way round."""
    guarded = replace(DEAR, options=(*SPEC.options, Switch(name="draft", help="Rough.", audience=audience)))
    wish: dict[str, Any] = {"options": {"draft": "on"}, "is_admin": admin, "is_operator": operator}
    if may:
        assert routed(guarded, **wish) == ["wan2.5@fal"]
    else:
        assert refusal(guarded, **wish).code == "option_audience"


def test_a_value_or_an_option_that_the_offer_lacks_is_refused() -> None:
    """With what it takes, and what it has."""
    refused = refusal(DEAR, options={"duration": "7"})
    assert (refused.code, refused.facts["wanted"]) == ("option_bad", "5, 10 s")
    refused = refusal(DEAR, options={"colour": "red"})
    assert (refused.code, "duration" in refused.facts["known"]) == ("option_unknown", True)


def test_a_candidate_carries_what_is_sent_and_what_it_costs() -> None:
    """With every default filled in."""
    [found] = candidates(catalogue(DEAR), replace(WISH, options={"seed": "0"}), Preferences())
    assert isinstance(found, Candidate)
    assert found.usd_micros == 500_000
    assert found.options == {**SPEC.defaults(), "seed": 0}
