"""Finds the providers: every module of the `providers` package that holds a PROVIDER."""

from __future__ import annotations

import importlib
import pkgutil

import providers
from providers.kit.provider import Provider


def discover() -> dict[str, Provider]:
    """Return every provider by its id, in the order of the folder's listing."""
    found = {}
    for module in sorted(pkgutil.iter_modules(providers.__path__), key=lambda module: module.name):
        if module.ispkg:
            continue
        provider: Provider = importlib.import_module(f"providers.{module.name}").PROVIDER
        if provider.id != module.name:
            raise ValueError(f"providers/{module.name}.py declares the id {provider.id!r}")
        found[provider.id] = provider
    return found
