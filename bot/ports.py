"""What the core works with, handed in once: the store, the blobs, the offers, the platforms and a monotonic clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.breaker import Breakers
from bot.catalogue import Catalogue
from bot.links import Links
from bot.media.workbench import Workbench
from bot.network import Network
from bot.pace import Paces
from bot.platforms.contract import ChatPlatform
from bot.publishing import Publisher
from bot.settings import Settings
from storage.contract import Blobs, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a step may touch.

    `monotonic` is in seconds. `spare` is a folder for files in the making, gone with this process; `arriving` is one for
    videos on their way, which the next process goes on with.
    """

    store: Store
    blobs: Blobs
    catalogue: Catalogue
    workbench: Workbench
    platforms: Mapping[str, ChatPlatform]
    settings: Settings
    network: Network
    links: Links
    publisher: Publisher
    breakers: Breakers
    paces: Paces
    monotonic: Callable[[], float]
    spare: Path
    arriving: Path
