"""A bot that buys at the hosted providers' stand-ins: its settings, its folder and its clock."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from providers import aimlapi, fal, novita
from providers.kit.provider import Provider
from tests.chaos.harness import Clock, Setting
from tests.fakes.aimlapi import AimlapiFake
from tests.fakes.fal import FalFake
from tests.fakes.hosted import Fake
from tests.fakes.novita import NovitaFake
from tests.fakes.platform import Board

FAKES: dict[str, type[Fake]] = {"aimlapi": AimlapiFake, "fal": FalFake, "novita": NovitaFake}
PROVIDERS: dict[str, Provider] = {"aimlapi": aimlapi.PROVIDER, "fal": fal.PROVIDER, "novita": novita.PROVIDER}


def settings_of(fake: Fake) -> dict[str, str]:
    """Return the settings, by the environment's names, that turn a stand-in's offers on."""
    access = PROVIDERS[fake.prefix].access
    assert access is not None
    bases = [fake.url, fake.rest_url] if isinstance(fake, FalFake) else [fake.url]
    hosts = {host.setting: base for host, base in zip(access.hosts, bases, strict=True)}
    return {access.key_setting: fake.key, **hosts}


def trusting(fakes: Iterable[Fake]) -> dict[str, str]:
    """Return all their settings, with leave to fetch videos from them."""
    found = list(fakes)
    named = {name: value for fake in found for name, value in settings_of(fake).items()}
    return named | {"STILLMOTION_TRUSTED_HOSTS": ",".join(fake.origin for fake in found)}


def setting(folder: Path, *fakes: Fake, **given: Any) -> Setting:
    """Return what a bot lives on that has these providers' keys; its clock moves only when told."""
    named = {name.lower().removeprefix("stillmotion_"): value for name, value in trusting(fakes).items()}
    folder.mkdir(parents=True, exist_ok=True)
    return Setting(
        folder=folder,
        providers=tuple(PROVIDERS[fake.prefix] for fake in fakes),
        platform=Board(folder),
        clock=Clock(),
        settings=named | given,
    )
