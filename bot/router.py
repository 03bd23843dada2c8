"""Which offers can serve a request, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.catalogue import Catalogue, Offer
from bot.media.contract import Unfit
from bot.media.fit import check_ratio
from bot.refusals import Refused
from providers.kit.spec import Audience, BadOption, Value

_PREFERRED = ("wan2.5", "wan2.6", "wan2.1")
_PREVIEW = "preview"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asked for, as far as choosing an offer goes; the picture's size is as it will be seen."""

    prompt: str
    model: str | None
    options: Mapping[str, str]
    has_audio: bool
    width: int
    height: int
    is_admin: bool
    is_operator: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An offer that can serve a wish, with every option that would be sent and the price."""

    offer: Offer
    options: dict[str, Value]
    usd_micros: int | None


def candidates(
    catalogue: Catalogue, wish: Wish, *, default_model: str | None, route: tuple[str, ...]
) -> list[Candidate]:
    """Return the offers that can serve the wish, the first to try first.

    Raises:
        Refused: none can; the reason is that of the offer which comes nearest.
    """
    offers = _named(catalogue, wish.model or default_model or _usual_model(catalogue))
    able, refused = [], []
    for offer in offers:
        try:
            able.append(_candidate(offer, wish))
        except Refused as refusal:
            refused.append(refusal)
    if not able:
        raise refused[0]
    return sorted(able, key=lambda candidate: _rank(candidate, route))


def _usual_model(catalogue: Catalogue) -> str:
    models = {offer.spec.model for offer in catalogue.on()}
    return next((model for model in _PREFERRED if model in models), _PREVIEW)


def _named(catalogue: Catalogue, name: str) -> list[Offer]:
    """Return the offers under `model` or `model@provider`, those that are on first."""
    found = [offer for offer in catalogue.offers.values() if name in {offer.name, offer.spec.model}]
    if not found:
        raise Refused("model_unknown", given=name, known=[*catalogue.models(), *catalogue.offers])
    on = [offer for offer in found if offer.off is None]
    if not on:
        raise Refused("offer_off", offer=found[0].name, why=found[0].off)
    return on


def _candidate(offer: Offer, wish: Wish) -> Candidate:
    _check_words(offer, wish)
    _check_options(offer, wish)
    if wish.has_audio and offer.spec.audio is None:
        raise Refused("sound_unsupported", offer=offer.name)
    try:
        check_ratio(wish.width, wish.height, offer.spec.image)
        options = offer.options(wish.options)
    except BadOption as bad:
        raise Refused("option_bad", offer=offer.name, option=bad.name, given=str(bad.given), wanted=bad.wanted) from bad
    except Unfit as unfit:
        raise Refused(unfit.reason, role=unfit.role, offer=offer.name, **unfit.facts) from unfit
    return Candidate(offer=offer, options=options, usd_micros=offer.quote(options))


def _check_words(offer: Offer, wish: Wish) -> None:
    """Check the prompt's length in code points, as providers count."""
    length, most = len(wish.prompt), offer.spec.prompt_max_chars
    if length > most:
        raise Refused("prompt_long", offer=offer.name, length=length, most=most)
    if offer.spec.prompt_required and not wish.prompt.strip():
        raise Refused("prompt_missing", offer=offer.name)


def _check_options(offer: Offer, wish: Wish) -> None:
    for name in wish.options:
        option = offer.spec.option(name)
        if option is None:
            raise Refused(
                "option_unknown", offer=offer.name, option=name, known=[each.name for each in offer.spec.options]
            )
        if not _may_set(option.audience, wish):
            raise Refused("option_audience", option=name, audience=option.audience)


def _may_set(audience: Audience, wish: Wish) -> bool:
    return wish.is_operator or audience is Audience.EVERYONE or (audience is Audience.ADMIN and wish.is_admin)


def _rank(candidate: Candidate, route: Iterable[str]) -> tuple[float, str]:
    """Return a sort key: the operator's list, else speed, else price with an unknown one last."""
    names, offer = list(route), candidate.offer
    if names == ["speed"]:
        return (offer.spec.pace.usual_s, offer.name)
    if names == ["price"]:
        return (float("inf") if candidate.usd_micros is None else candidate.usd_micros, offer.name)
    listed = [place for place, name in enumerate(names) if name in {offer.name, offer.spec.model, offer.spec.provider}]
    return (listed[0] if listed else len(names), offer.name)
