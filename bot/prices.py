"""Prices that a provider tells itself: read now and then, kept in its folder, and good for a day."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.asking import asked
from bot.catalogue import Catalogue, Offer
from providers.kit.errors import ProviderError
from providers.kit.provider import Connection
from providers.kit.spec import Price, Spec

_FILE = "prices.json"
_FRESH = timedelta(hours=24)
_WITHIN_S = 3.0


def recall(catalogue: Catalogue) -> None:
    """Take the prices that were read last, however old; each knows its day."""
    for offer in list(catalogue.offers.values()):
        price = _kept(offer.connection, offer.spec)
        if price is not None:
            catalogue.reprice(offer.name, price)


def _kept(connection: Connection, spec: Spec) -> Price | None:
    try:
        told = json.loads((connection.workdir / _FILE).read_text(encoding="utf-8"))[spec.offer]
        per_s = {str(size): int(usd) for size, usd in told["usd_micros_per_s"].items()}
        return replace(spec.price, usd_micros_per_s=per_s, read_on=datetime.fromisoformat(told["read_at"]).date())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


async def refresh(catalogue: Catalogue, wanted: str | None = None) -> None:
    """Read the lists of those providers that tell their prices, where what is kept is a day old.

    `wanted` is a model or offer; others need no price then.
    """
    telling = [
        offer
        for offer in catalogue.on()
        if offer.provider.prices is not None and offer.connection.api and wanted in {None, offer.name, offer.spec.model}
    ]
    await asyncio.gather(*(_refresh(catalogue, offer) for offer in _stale(telling)))


def _stale(offers: Iterable[Offer]) -> list[Offer]:
    now = datetime.now(UTC)
    return [offer for offer in offers if now - _read_at(offer) > _FRESH]


def _read_at(offer: Offer) -> datetime:
    try:
        kept = (offer.connection.workdir / _FILE).stat().st_mtime
    except OSError:
        kept = 0.0
    return datetime.fromtimestamp(kept, UTC)


async def _refresh(catalogue: Catalogue, offer: Offer) -> None:
    assert offer.provider.prices is not None
    with contextlib.suppress(ProviderError):
        price = await asked(offer.provider.prices(offer.connection, offer.spec), _WITHIN_S)
        if price is not None:
            catalogue.reprice(offer.name, replace(price, read_on=_today()))
            await asyncio.to_thread(_keep, offer.connection.workdir, offer.name, price)


def _today() -> date:
    return datetime.now(UTC).date()


def _keep(folder: Path, offer: str, price: Price) -> None:
    """Write the price down; a folder that cannot be written means that it is read again next time."""
    told = {offer: {"usd_micros_per_s": dict(price.usd_micros_per_s), "read_at": datetime.now(UTC).isoformat()}}
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / f"{_FILE}.part"
        part.write_text(json.dumps(told), encoding="utf-8")
        part.replace(folder / _FILE)
