"""What people choose from: the options of a request, models with their price and usual time, and the form for a new video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bot.catalogue import Catalogue, Offer
from bot.choices import Choices
from bot.language import tr
from bot.origins import Origin
from bot.platforms.contract import Field, Form, Pick
from bot.ports import Ports
from bot.schedule import Usual
from bot.wording import money, roughly
from providers.kit.spec import Audience, Choice, Number, Option, Switch, Text, Value, Whole

MOST_PICKS = 25
_PREVIEW = "preview"


def fields(catalogue: Catalogue) -> tuple[Field, ...]:
    """Return the options that people may set, merged over the offers; those that most offers have come first."""
    declared: dict[str, list[Option]] = {}
    for offer in catalogue.on() or catalogue.offers.values():
        for option in offer.spec.options:
            if option.audience is not Audience.OPERATOR:
                declared.setdefault(option.name, []).append(option)
    ordered = sorted(declared.values(), key=len, reverse=True)
    return tuple(_field(options) for options in ordered)


def _field(options: Sequence[Option]) -> Field:
    """Return one field for what several offers declare under one name: it takes what any of them takes."""
    first = options[0]
    guarded = all(option.audience is Audience.ADMIN for option in options)
    help_text = tr("{help} For admins.", help=tr(first.help)) if guarded else tr(first.help)
    if all(isinstance(each, Choice) for each in options):
        values = dict.fromkeys(str(value) for each in options if isinstance(each, Choice) for value in each.values)
        return Field(name=first.name, help=help_text, kind="choice", choices=tuple(values))
    if all(isinstance(each, Whole | Number) for each in options):
        numbers = [each for each in options if isinstance(each, Whole | Number)]
        return Field(
            name=first.name,
            help=help_text,
            kind="integer" if all(isinstance(each, Whole) for each in numbers) else "number",
            low=min(each.low for each in numbers),
            high=max(each.high for each in numbers),
        )
    if all(isinstance(each, Switch) for each in options):
        return Field(name=first.name, help=help_text, kind="switch")
    lengths = [each.max_chars for each in options if isinstance(each, Text)]
    return Field(name=first.name, help=help_text, kind="text", max_chars=max(lengths, default=None))


def models(ports: Ports, choices: Choices, typed: str) -> list[Pick]:
    """Return models that hold what was typed, then single offers, each with price and usual time as it is by default."""
    usable, wanted = _usable(ports, choices), typed.strip().lower()
    by_model: dict[str, list[Offer]] = {}
    for offer in usable:
        by_model.setdefault(offer.spec.model, []).append(offer)
    found = [_model_pick(ports, model, offers) for model, offers in by_model.items() if choices.allows(model)]
    found += [_model_pick(ports, offer.name, [offer]) for offer in usable]
    return [pick for pick in found if wanted in pick.value.lower()][:MOST_PICKS]


def _usable(ports: Ports, choices: Choices) -> list[Offer]:
    """Return the offers that are on and allowed, the preview last."""
    on = [offer for offer in ports.catalogue.on() if choices.allows(offer.name)]
    return sorted(on, key=lambda offer: offer.spec.model == _PREVIEW)


def _model_pick(ports: Ports, name: str, offers: Sequence[Offer]) -> Pick:
    cheapest = min(offers, key=_cost)
    prices = {offer.quote(offer.spec.defaults()) for offer in offers}
    lowest = _price(cheapest, cheapest.spec.defaults())
    price = tr("from {price}", price=lowest) if len(prices) > 1 else lowest
    usual = _usually(ports, cheapest, int(cheapest.spec.defaults()["duration"]))
    return Pick(
        label=f"{name}, {price}, {usual}",
        value=name,
        about=cheapest.spec.label,
        is_default=name == ports.settings.default_model,
    )


def _cost(offer: Offer) -> float:
    quoted = offer.quote(offer.spec.defaults())
    return float("inf") if quoted is None else quoted


def _price(offer: Offer, options: Mapping[str, Value]) -> str:
    quoted = offer.quote(options)
    return tr("price unknown") if quoted is None else money(quoted)


def _usually(ports: Ports, offer: Offer, video_s: int) -> str:
    if offer.spec.renders_here:
        return tr("a few seconds")
    return tr("usually {range}", range=_range(ports.paces.usual(offer.spec, video_s)))


def _range(usual: Usual) -> str:
    """Return a usual time with its honesty: `1 to 2 min`, or one figure where both ends are the same."""
    low, high = roughly(usual.median_s), roughly(usual.slow_s)
    if low == high:
        return low
    start, _, unit = low.partition(" ")
    is_one_unit = high.endswith(f" {unit}") and " " not in unit
    return tr("{low} to {high}", low=start if is_one_unit else low, high=high)


def form(ports: Ports, choices: Choices, origin: Origin, *, title: str, about: str = "", hint: str = "") -> Form:
    """Return the form for a new video, filled in with what its origin says; it asks for a picture where that has none any more."""
    offers = _shown(ports, choices, needs_sound=origin.audio is not None)
    picks = _with_default(list(_sizes(ports, offers))[:MOST_PICKS], ports, origin)
    return Form(
        title=title,
        origin=origin.id,
        needs_picture=not origin.has_picture,
        about=about,
        prompt=origin.prompt,
        prompt_needed=any(offer.spec.prompt_required for offer in offers),
        picks=tuple(picks),
        hint=hint,
    )


def _shown(ports: Ports, choices: Choices, *, needs_sound: bool) -> list[Offer]:
    """Return the cheapest offer of each model that can serve; all of them where none takes the sound."""
    usable = _usable(ports, choices)
    able = [offer for offer in usable if offer.spec.audio is not None and offer.mute is None] if needs_sound else usable
    cheapest: dict[str, Offer] = {}
    for offer in sorted(able or usable, key=_cost):
        cheapest.setdefault(offer.spec.model, offer)
    return sorted(cheapest.values(), key=lambda offer: offer.spec.model == _PREVIEW)


def _sizes(ports: Ports, offers: Iterable[Offer]) -> Iterator[Pick]:
    """Yield a line for each size and length: first each offer's usual one, then the others."""
    combined = [(offer, list(_combinations(offer))) for offer in offers]
    for offer, sizes in combined:
        yield from (_size_pick(ports, offer, *size) for size in sizes[:1])
    for offer, sizes in combined:
        yield from (_size_pick(ports, offer, *size) for size in sizes[1:])


def _combinations(offer: Offer) -> Iterator[tuple[str, int]]:
    defaults = offer.spec.defaults()
    usual = str(defaults["resolution"]), int(defaults["duration"])
    yield usual
    for resolution in _values(offer, "resolution"):
        for duration in _values(offer, "duration"):
            if (str(resolution), int(duration)) != usual:
                yield str(resolution), int(duration)


def _values(offer: Offer, name: str) -> Sequence[Value]:
    option = offer.spec.option(name)
    return option.values if isinstance(option, Choice) else (offer.spec.defaults()[name],)


def _size_pick(ports: Ports, offer: Offer, resolution: str, duration: int) -> Pick:
    options = offer.spec.defaults() | {"resolution": resolution, "duration": duration}
    sounds = offer.spec.always_sounds or options.get("sound") is True
    kind = tr("a camera move, not AI") if offer.spec.model == _PREVIEW else tr("with sound") if sounds else tr("silent")
    return Pick(
        label=f"{offer.spec.model}, {resolution}, {duration} s, {_price(offer, options)}",
        value=f"{offer.name}/{resolution}/{duration}",
        about=f"{kind}, {_usually(ports, offer, duration)}",
    )


def _with_default(picks: list[Pick], ports: Ports, origin: Origin) -> Iterator[Pick]:
    """Yield the picks with one chosen beforehand: what was asked before, else the usual model, else the first."""
    names = [origin.model, ports.settings.default_model]

    def farness(pick: Pick) -> tuple[int, int]:
        offer, *size = pick.value.split("/")
        of_model = next((place for place, name in enumerate(names) if name in {offer, offer.partition("@")[0]}), 2)
        usual = ports.catalogue.offers[offer].spec.defaults() | dict(origin.options)
        wanted = [str(usual["resolution"]), str(usual["duration"])]
        return of_model, sum(have != want for have, want in zip(size, wanted, strict=True))

    chosen = min(picks, key=farness, default=None)
    for pick in picks:
        yield Pick(label=pick.label, value=pick.value, about=pick.about, is_default=pick is chosen)
