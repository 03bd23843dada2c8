"""Which offers can serve a request, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.breaker import Trouble
from bot.catalogue import Catalogue, Offer
from bot.media.contract import Unfit
from bot.media.fit import check_ratio
from bot.pace import declared
from bot.refusals import Refused
from bot.schedule import Usual
from providers.kit.spec import Audience, BadOption, Option, Spec, Value

_PREFERRED = ("wan2.5", "wan2.6", "wan2.1")
_PREVIEW = "preview"
_SAFETY = "safety"


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
    is_age_restricted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An offer that can serve a wish, with every option that would be sent and the price."""

    offer: Offer
    options: dict[str, Value]
    usd_micros: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What orders offers that can all serve: the operator's list, what was learned, and what is in trouble now."""

    route: tuple[str, ...] = ("price",)
    default_model: str | None = None
    usual: Callable[[Spec, int], Usual] = declared
    trouble: Callable[[str], Trouble | None] = lambda _offer: None


def candidates(catalogue: Catalogue, wish: Wish, preferences: Preferences) -> list[Candidate]:
    """Return the offers that can serve the wish, the first to try first.

    Raises:
        Refused: none can; the reason is that of the offer which comes nearest, with the `others` that could.
    """
    refusals: list[Refused] = []
    for name in _models(catalogue, wish.model or preferences.default_model):
        able, refused = _sorted_out(_named(catalogue, name), wish)
        if able:
            return _in_order(catalogue, wish, able, preferences)
        refusals += refused
    raise _with_others(catalogue, wish, max(refusals, key=_nearness), preferences)


def _nearness(refusal: Refused) -> int:
    """Return how near an offer came to serving the wish: one that has every option is nearer than one that lacks some."""
    return {"option_unknown": 0, "sound_unsupported": 1, "sound_unreachable": 1}.get(refusal.code, 2)


def _models(catalogue: Catalogue, asked: str | None) -> list[str]:
    """Return what may serve: what was asked for, else the usual models that are on, else the preview."""
    models = {offer.spec.model for offer in catalogue.on()}
    return [asked] if asked else [model for model in _PREFERRED if model in models] or [_PREVIEW]


def _named(catalogue: Catalogue, name: str) -> list[Offer]:
    """Return the offers under `model` or `model@provider` that are on."""
    found = [offer for offer in catalogue.offers.values() if name.lower() in {offer.name, offer.spec.model}]
    if not found:
        raise Refused("model_unknown", given=name, known=[*sorted(catalogue.models()), *sorted(catalogue.offers)])
    on = [offer for offer in found if offer.off is None]
    if not on:
        raise Refused("offer_off", offer=found[0].name, why=found[0].off)
    return on


def _sorted_out(offers: Iterable[Offer], wish: Wish) -> tuple[list[Candidate], list[Refused]]:
    able, refused = [], []
    for offer in offers:
        try:
            able.append(_candidate(offer, wish))
        except Refused as refusal:
            refused.append(refusal)
    return able, refused


def _with_others(catalogue: Catalogue, wish: Wish, refusal: Refused, preferences: Preferences) -> Refused:
    """Return the refusal with those that could serve the same wish: a model where all its offers can, else the offer."""
    on = [offer for offer in catalogue.on() if offer.spec.model != _PREVIEW]
    able = {each.offer.name for each in _sorted_out(on, wish)[0] if _account_works(each.offer.name, preferences)}
    others = []
    for model in dict.fromkeys(offer.spec.model for offer in on):
        of_model = [offer.name for offer in on if offer.spec.model == model]
        others += [model] if able.issuperset(of_model) else [name for name in of_model if name in able]
    return Refused(refusal.code, **refusal.facts | {"others": others})


def _account_works(offer: str, preferences: Preferences) -> bool:
    return preferences.trouble(offer) in {None, Trouble.FAULTS}


def _in_order(catalogue: Catalogue, wish: Wish, able: Sequence[Candidate], preferences: Preferences) -> list[Candidate]:
    """Return them ordered, those that keep failing last; one whose account does not work is none.

    Raises:
        Refused: no account works.
    """
    working = [each for each in able if _account_works(each.offer.name, preferences)]
    if not working:
        raise _with_others(catalogue, wish, Refused("account_trouble", offer=able[0].offer.name), preferences)
    return sorted(
        working, key=lambda each: (preferences.trouble(each.offer.name) is not None, *_rank(each, preferences))
    )


def _candidate(offer: Offer, wish: Wish) -> Candidate:
    _check_words(offer, wish)
    _check_options(offer, wish)
    if wish.has_audio and offer.spec.audio is None:
        raise Refused("sound_unsupported", offer=offer.name)
    if wish.has_audio and offer.mute is not None:
        raise Refused("sound_unreachable", offer=offer.name, why=offer.mute)
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
    for name, given in wish.options.items():
        option = offer.spec.option(name)
        if option is None:
            raise Refused(
                "option_unknown", offer=offer.name, option=name, known=[each.name for each in offer.spec.options]
            )
        if option.audience is not Audience.EVERYONE and _is_changed(option, given):
            _check_audience(option, wish)


def _is_changed(option: Option, given: str) -> bool:
    try:
        return option.parse(given) != option.default
    except BadOption:
        return False


def _check_audience(option: Option, wish: Wish) -> None:
    may = wish.is_operator or (option.audience is Audience.ADMIN and wish.is_admin)
    if not may:
        raise Refused("option_audience", option=option.name, audience=option.audience)
    if option.name == _SAFETY and not wish.is_age_restricted:
        raise Refused("safety_place")


def _rank(candidate: Candidate, preferences: Preferences) -> tuple[float, str]:
    """Return a sort key: the operator's list, else speed as it was learned, else price with an unknown one last."""
    names, offer = list(preferences.route), candidate.offer
    if names == ["speed"]:
        usual = preferences.usual(offer.spec, int(candidate.options["duration"]))
        return (usual.median_s, offer.name)
    if names == ["price"]:
        return (float("inf") if candidate.usd_micros is None else candidate.usd_micros, offer.name)
    listed = [place for place, name in enumerate(names) if name in {offer.name, offer.spec.model, offer.spec.provider}]
    return (listed[0] if listed else len(names), offer.name)
