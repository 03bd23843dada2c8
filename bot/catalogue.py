"""The offers of this installation: every spec, with the operator's prices and bounds, on or off and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.settings import BadSettings, Settings
from providers.kit.provider import Connection, Provider
from providers.kit.spec import Option, Spec, Value
from storage.contract import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One model at one provider, as it stands here; `off` says why it cannot be used."""

    spec: Spec
    provider: Provider
    connection: Connection
    bound: int
    deadline_s: int
    corrected: Mapping[str, Mapping[int, int]]
    off: str | None = None

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
        return self.spec.quote(options) if corrected is None else corrected


class Catalogue:
    """Every offer by name, in the order of the providers' listing."""

    def __init__(self, providers: Mapping[str, Provider], settings: Settings, workroom: Path) -> None:
        prices = settings.price_list()
        self.offers = {
            spec.offer: Offer(
                spec=spec,
                provider=provider,
                connection=Connection(workdir=workroom / provider.id),
                bound=settings.max_in_flight.get(spec.offer)
                or settings.max_in_flight.get(provider.id)
                or spec.in_flight,
                deadline_s=settings.job_deadline_s or spec.deadline_s,
                corrected=prices.get(spec.offer, {}),
                off="no key" if spec.needs_key else None,
            )
            for provider in providers.values()
            for spec in provider.specs
        }

        _check_names(self, settings)

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
