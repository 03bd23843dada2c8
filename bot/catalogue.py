"""The offers of this installation: every spec, with the operator's prices and bounds, on or off and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bot.settings import BadSettings, Settings
from bot.wording import listed
from providers.kit.provider import Api, Connection, Provider
from providers.kit.spec import AudioLimits, BadOption, ImageLimits, Option, Price, Spec, Value
from storage.contract import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One model at one provider, as it stands here; `off` says why it cannot be used, `mute` why it takes no sound here."""

    spec: Spec
    provider: Provider
    connection: Connection
    bound: int
    deadline_s: int
    price: Price
    corrected: Mapping[str, Mapping[int, int]]
    off: str | None = None
    mute: str | None = None

    @property
    def name(self) -> str:
        return self.spec.offer

    @property
    def terms(self) -> Terms:
        """What the store needs to admit a job to it."""
        return Terms(
            offer=self.name,
            bound=self.bound,
            deadline_ms=self.deadline_s * 1000,
            retention_ms=self.spec.retention_s * 1000,
        )

    def options(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """Return every option that is sent: the defaults, then what was asked.

        Raises:
            BadOption: a value is not one that the offer takes.
        """
        asked = {name: option.parse(value) for name, value in given.items() if (option := self.spec.option(name))}
        return self.spec.defaults() | asked

    def quote(self, options: Mapping[str, Value]) -> int | None:
        """Return the price in millionths of a US dollar, the operator's own going first; None where nobody knows it."""
        corrected = self.corrected.get(str(options["resolution"]), {}).get(int(options["duration"]))
        return self.price.quote(options) if corrected is None else corrected


class Catalogue:
    """Every offer by name, in the order of the providers' listing."""

    def __init__(
        self,
        providers: Mapping[str, Provider],
        settings: Settings,
        workroom: Path,
        *,
        apis: Mapping[str, Api] | None = None,
    ) -> None:
        self.providers, self._settings = providers, settings
        self.connections = {name: Connection(workdir=workroom / name, api=(apis or {}).get(name)) for name in providers}
        self._prices = settings.price_list()
        self.offers = {
            spec.offer: self._offer(provider, spec) for provider in providers.values() for spec in provider.specs
        }
        _check_names(self, settings)
        _check_prices(self, self._prices)

    def _offer(self, provider: Provider, spec: Spec) -> Offer:
        settings, connection = self._settings, self.connections[provider.id]
        bounds = settings.max_in_flight
        return Offer(
            spec=spec,
            provider=provider,
            connection=connection,
            bound=bounds.get(spec.offer) or bounds.get(provider.id) or spec.in_flight,
            deadline_s=settings.job_deadline_s or spec.deadline_s,
            price=spec.price,
            corrected=self._prices.get(spec.offer, {}),
            off=self._why_off(provider, spec),
            mute=None if spec.audio is None else self._unreachable(spec, spec.audio, "sounds"),
        )

    def _why_off(self, provider: Provider, spec: Spec) -> str | None:
        access = provider.access
        if spec.needs_key and (access is None or self._settings.key(access) is None):
            return "no key" if access is None else f"no key ({access.key_setting} is not set)"
        return self._unreachable(spec, spec.image, "pictures")

    def _unreachable(self, spec: Spec, limits: ImageLimits | AudioLimits, what: str) -> str | None:
        """Return why the provider could not get our media, or None where it can."""
        if spec.renders_here or limits.inline or self.shares:
            return None
        ways = listed(["STILLMOTION_PUBLIC_URL", "STILLMOTION_MEDIA_BUCKET", *self._lenders()])
        return f"it fetches {what} from a public link, and there is none here: set {ways}"

    @property
    def shares(self) -> bool:
        """Whether there is any way to give a provider a public link."""
        settings = self._settings
        lent = any(
            settings.key(provider.access)
            for provider in self.providers.values()
            if provider.publish and provider.access
        )
        return bool(settings.public_url or settings.media_bucket or lent)

    def _lenders(self) -> list[str]:
        """Return the keys of the providers that would keep a file for others to fetch."""
        return [each.access.key_setting for each in self.providers.values() if each.publish and each.access]

    def reprice(self, name: str, price: Price) -> None:
        """Take a price that was just read."""
        self.offers[name] = replace(self.offers[name], price=price)

    def get(self, name: str) -> Offer | None:
        return self.offers.get(name)

    def on(self) -> list[Offer]:
        """Return the offers that can be used."""
        return [offer for offer in self.offers.values() if offer.off is None]

    def models(self) -> list[str]:
        """Return every model's name once."""
        return list(dict.fromkeys(offer.spec.model for offer in self.offers.values()))

    def options(self) -> dict[str, Option]:
        """Return every option of any offer by name, the first declaration of a name standing for all."""
        found: dict[str, Option] = {}
        for offer in self.offers.values():
            for option in offer.spec.options:
                found.setdefault(option.name, option)
        return found


def _check_names(catalogue: Catalogue, settings: Settings) -> None:
    """Refuse settings that name what is not here.

    Raises:
        BadSettings: the message names the setting and what it may name.
    """
    offers = catalogue.offers.values()
    models = {offer.spec.model for offer in offers} | set(catalogue.offers)
    anyone = models | {offer.spec.provider for offer in offers}
    named = {
        "STILLMOTION_DEFAULT_MODEL": ([settings.default_model] if settings.default_model else [], models),
        "STILLMOTION_ROUTE": ([] if settings.route in {("price",), ("speed",)} else settings.route, anyone),
        "STILLMOTION_MAX_IN_FLIGHT": (settings.max_in_flight, anyone - {offer.spec.model for offer in offers}),
    }
    for setting, (names, known) in named.items():
        unknown = sorted(set(names) - known)
        if unknown:
            raise BadSettings(
                f"{setting}: nothing here is called {unknown[0]}. It may name {', '.join(sorted(known))}."
            )


def _check_prices(catalogue: Catalogue, prices: Mapping[str, Mapping[str, Mapping[int, int]]]) -> None:
    """Refuse a price for what no offer sells: a typing error would leave the wrong one in force.

    Raises:
        BadSettings: the message names it.
    """
    for name, sizes in prices.items():
        offer = catalogue.get(name)
        if offer is None:
            raise BadSettings(f"STILLMOTION_PRICES: there is no offer {name}. They are {', '.join(catalogue.offers)}.")
        for size, lengths in sizes.items():
            for seconds in lengths:
                _check_priced(offer, {"resolution": size, "duration": seconds})


def _check_priced(offer: Offer, options: Mapping[str, Value]) -> None:
    try:
        offer.options(options)
    except BadOption as bad:
        raise BadSettings(
            f"STILLMOTION_PRICES: {offer.name} has no {bad.name} {bad.given}. It takes {bad.wanted}."
        ) from bad
