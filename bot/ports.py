"""What the core works with, handed in once: the store, the blobs, the offers, the platforms and a monotonic clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.catalogue import Catalogue
from bot.media.workbench import Workbench
from bot.platforms.contract import ChatPlatform
from bot.settings import Settings
from storage.contract import Blobs, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything a step may touch. `monotonic` is in seconds; `spare` is a folder for files in the making."""

    store: Store
    blobs: Blobs
    catalogue: Catalogue
    workbench: Workbench
    platforms: Mapping[str, ChatPlatform]
    settings: Settings
    monotonic: Callable[[], float]
    spare: Path
