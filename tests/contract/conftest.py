"""One store per backend, each test's own, with a driver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from storage.contract import Store
from tests.fakes.backends import BACKENDS, Backend
from tests.fakes.story import Clock, Story


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """An engine that holds the contract."""
    return BACKENDS[request.param]


@pytest.fixture
def clock() -> Clock:
    """The clock that the store goes by."""
    return Clock()


@pytest.fixture
async def store(backend: Backend, tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    """A new store, open."""
    opened = backend.open(tmp_path, clock)
    yield opened
    await opened.close()


@pytest.fixture
def story(store: Store, clock: Clock, backend: Backend, tmp_path: Path) -> Story:
    """The store's driver."""
    return Story(store, clock, backend, tmp_path, count(1))
