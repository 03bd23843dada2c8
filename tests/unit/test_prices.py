"""Prices that a provider tells: read when they are a day old, kept on this machine, never in the way of a start."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from bot import prices
from bot.catalogue import Catalogue
from bot.settings import load
from providers import local
from providers.kit.errors import Unanswered
from providers.kit.provider import Api, Connection
from providers.kit.spec import Price, Spec, Value
from tests.unit.test_spec import SPEC

OPTIONS: dict[str, Value] = {"resolution": "720p", "duration": 5}
HOUR_S = 3600
NOBODY_KNOWS = replace(SPEC.price, usd_micros_per_s={})
DREAM = replace(SPEC, provider="shop", model="dream", needs_key=False, price=NOBODY_KNOWS)
VISION = replace(DREAM, model="vision")


@dataclass
class Shop:
    """A provider that tells its prices, and counts how often it is asked; `folder` is this machine's, for its things."""

    folder: Path
    specs: tuple[Spec, ...] = (DREAM,)
    tells: Callable[[Spec], Price | None] = lambda _spec: NOBODY_KNOWS
    asked: list[str] = field(default_factory=list)

    def opened(self, *, key: bool = True) -> Catalogue:
        """Return the offers as a new process has them."""
        provider = replace(local.PROVIDER, id="shop", specs=self.specs, prices=self._prices)
        apis = {"shop": cast("Api", object())} if key else {}
        catalogue = Catalogue({"shop": provider}, load(), self.folder, apis=apis)
        prices.recall(catalogue)
        return catalogue

    async def _prices(self, connection: Connection, spec: Spec) -> Price | None:
        self.asked.append(spec.offer)
        return self.tells(spec)

    @property
    def file(self) -> Path:
        return self.folder / "shop" / "prices.json"

    def ages(self, hours: float) -> None:
        """Let what is kept be as old as that."""
        kept = json.loads(self.file.read_text())
        for price in kept.values():
            price["read_at"] = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        self.file.write_text(json.dumps(kept))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A provider that asks ten cents a second."""
    return Shop(tmp_path / "work", tells=lambda _spec: told(100_000))


def told(usd_micros_per_s: int) -> Price:
    """Return a price list as a provider file reads it; the day is not its business."""
    return replace(NOBODY_KNOWS, usd_micros_per_s={"720p": usd_micros_per_s}, read_on=date(2000, 1, 1))


def quoted(catalogue: Catalogue, spec: Spec = DREAM) -> int | None:
    return catalogue.offers[spec.offer].quote(OPTIONS)


def today() -> date:
    return datetime.now(UTC).date()


async def test_a_price_is_unknown_until_it_was_read_and_known_in_the_next_process(shop: Shop) -> None:
    """With the day on which it was read, not the one that the provider file names."""
    catalogue = shop.opened()
    assert quoted(catalogue) is None
    await prices.refresh(catalogue)
    assert quoted(catalogue) == 500_000
    again = shop.opened()
    assert quoted(again) == 500_000
    for each in (catalogue, again):
        price = each.offers[DREAM.offer].price
        assert (price.read_on, price.source) == (today(), NOBODY_KNOWS.source)


async def test_a_price_is_read_again_only_after_a_day(shop: Shop) -> None:
    """By any process: what another one read is as good."""
    await prices.refresh(shop.opened())
    await prices.refresh(shop.opened())
    shop.ages(23.9)
    await prices.refresh(shop.opened())
    assert len(shop.asked) == 1
    shop.ages(24.1)
    shop.tells = lambda _spec: told(200_000)
    catalogue = shop.opened()
    assert quoted(catalogue) == 500_000
    await prices.refresh(catalogue)
    assert (len(shop.asked), quoted(catalogue), quoted(shop.opened())) == (2, 1_000_000, 1_000_000)


async def test_an_old_price_is_better_than_none(shop: Shop) -> None:
    """It is used, with its day, until a newer one was read."""
    await prices.refresh(shop.opened())
    shop.file.write_text(shop.file.read_text().replace(str(today()), "2026-01-02"))
    price = shop.opened().offers[DREAM.offer].price
    assert (price.quote(OPTIONS), price.read_on) == (500_000, date(2026, 1, 2))


def _cannot(_spec: Spec) -> Price | None:
    raise Unanswered("no")


def _breaks(_spec: Spec) -> Price | None:
    raise KeyError("pricing")


@pytest.mark.parametrize("tells", [_cannot, _breaks, lambda _spec: None], ids=["no answer", "it breaks", "none"])
async def test_a_list_that_cannot_be_read_changes_nothing(shop: Shop, tells: Callable[[Spec], Price | None]) -> None:
    """What was known stays known, and the next process asks again."""
    await prices.refresh(shop.opened())
    shop.ages(25)
    shop.tells = tells
    catalogue = shop.opened()
    await prices.refresh(catalogue)
    assert quoted(catalogue) == quoted(shop.opened()) == 500_000
    await prices.refresh(shop.opened())
    assert len(shop.asked) == 3


async def test_without_a_key_nobody_is_asked(shop: Shop) -> None:
    """What is kept is used all the same."""
    await prices.refresh(shop.opened())
    shop.ages(25)
    catalogue = shop.opened(key=False)
    await prices.refresh(catalogue)
    assert (len(shop.asked), quoted(catalogue)) == (1, 500_000)


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"dream@shop": null}',
        b'{"dream@shop": []}',
        b'{"dream@shop": {"usd_micros_per_s": 7, "read_at": "2026-01-02T00:00:00+00:00"}}',
        b'{"dream@shop": {"usd_micros_per_s": {"720p": "x"}, "read_at": "2026-01-02T00:00:00+00:00"}}',
        b'{"dream@shop": {"usd_micros_per_s": {"720p": null}, "read_at": "2026-01-02T00:00:00+00:00"}}',
        b'{"dream@shop": {"usd_micros_per_s": {"720p": NaN}, "read_at": "2026-01-02T00:00:00+00:00"}}',
        b'{"dream@shop": {"usd_micros_per_s": {"720p": 1}, "read_at": "yesterday"}}',
        b'{"dream@shop": {"usd_micros_per_s": {"720p": 1}, "read_at": 7}}',
        b'{"dream@shop": {"usd_micros_per_s": {"720p": 1}}}',
        b'{"dream@shop": {"usd_micros_per_s": {"720p": 1e999}, "read_at": "2026-01-02T00:00:00+00:00"}}',
        b"[" * 100_000,
    ],
    ids=lambda kept: kept[:80].decode(errors="replace"),
)
async def test_a_broken_file_is_no_price_and_stops_no_start(shop: Shop, kept: bytes) -> None:
    """A full disk may have cut it; the next reading mends it."""
    shop.file.parent.mkdir(parents=True)
    shop.file.write_bytes(kept)
    catalogue = shop.opened()
    assert quoted(catalogue) is None
    await prices.refresh(catalogue)
    assert quoted(catalogue) == quoted(shop.opened()) == 500_000


@pytest.mark.parametrize("kept", ["{", "{}", '{"other@shop": {}}'])
async def test_a_broken_file_is_read_anew_at_once(shop: Shop, kept: str) -> None:
    """A file that was written just now and tells no price must not leave the offer without one for a day."""
    shop.file.parent.mkdir(parents=True)
    shop.file.write_text(kept)
    catalogue = shop.opened()
    await prices.refresh(catalogue)
    assert quoted(catalogue) == 500_000


@pytest.mark.parametrize(
    "where", ["work", "work/shop", "work/shop/prices.json.dream@shop.part", "work/shop/prices.json"]
)
async def test_a_price_that_cannot_be_kept_is_used_all_the_same(shop: Shop, tmp_path: Path, where: str) -> None:
    """And read again next time: the folder may be read-only, or something else may stand in its place."""
    in_the_way = tmp_path / where
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    if in_the_way.name.startswith("prices"):
        in_the_way.mkdir()
        (in_the_way / "something").touch()
    else:
        in_the_way.touch()
    for number in (1, 2):
        catalogue = shop.opened()
        await prices.refresh(catalogue)
        assert (quoted(catalogue), len(shop.asked)) == (500_000, number)


async def test_what_is_kept_is_for_its_owner_and_leaves_no_half_file(shop: Shop) -> None:
    """A crash while writing leaves the last price."""
    await prices.refresh(shop.opened())
    assert [each.name for each in shop.file.parent.iterdir()] == ["prices.json"]
    assert shop.file.parent.stat().st_mode & 0o077 == 0


async def test_every_offer_of_a_provider_keeps_its_own_price(shop: Shop) -> None:
    """The next process knows them all, not the one that was written last."""
    shop.specs = (DREAM, VISION)
    catalogue = shop.opened()
    await prices.refresh(catalogue)
    assert [quoted(catalogue, spec) for spec in shop.specs] == [500_000, 500_000]
    again = shop.opened()
    assert [quoted(again, spec) for spec in shop.specs] == [500_000, 500_000]
