"""Prices that a provider tells itself: read now and then, kept in its folder, and good for a day."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

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
        kept = _kept(offer.connection, offer.spec)
        if kept is not None:
            catalogue.reprice(offer.name, kept.price)


@dataclass(frozen=True, slots=True)
class _Kept:
    price: Price
    read_at: datetime


def _kept(connection: Connection, spec: Spec) -> _Kept | None:
    """Read the price back; a file that cannot be used is as good as none."""
    try:
        told = _read(connection.workdir)[spec.offer]
        per_s = {str(size): int(usd) for size, usd in told["usd_micros_per_s"].items()}
        read_at = datetime.fromisoformat(told["read_at"])
        return _Kept(replace(spec.price, usd_micros_per_s=per_s, read_on=read_at.date()), read_at.astimezone(UTC))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None


def _read(folder: Path) -> Any:
    return json.loads((folder / _FILE).read_text(encoding="utf-8"))


async def refresh(catalogue: Catalogue, wanted: str | None = None) -> None:
    """Read the lists of those providers that tell their prices, where what is kept is a day old.

    `wanted` is a model or offer; others need no price then.
    """
    telling = [
        offer
        for offer in catalogue.on()
        if offer.provider.prices is not None and offer.connection.api and wanted in {None, offer.name, offer.spec.model}
    ]
    for offer in _stale(telling):
        await _refresh(catalogue, offer)


def _stale(offers: Iterable[Offer]) -> list[Offer]:
    now = datetime.now(UTC)
    kept = ((offer, _kept(offer.connection, offer.spec)) for offer in offers)
    return [offer for offer, found in kept if found is None or abs(now - found.read_at) > _FRESH]


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
    """Write the price down beside those of the provider's other offers; where that fails it is read again next time."""
    told = {"usd_micros_per_s": dict(price.usd_micros_per_s), "read_at": datetime.now(UTC).isoformat()}
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / f"{_FILE}.{offer}.part"
        part.write_text(json.dumps(_others(folder) | {offer: told}), encoding="utf-8")
        part.replace(folder / _FILE)


def _others(folder: Path) -> dict[str, Any]:
    try:
        found = _read(folder)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
