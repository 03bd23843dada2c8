"""What nobody needs any more is swept: blobs after their days, and what providers left on this machine."""

from __future__ import annotations

import contextlib
import logging
import time

from bot.ports import Ports
from providers.kit.errors import ProviderError

log = logging.getLogger(__name__)

DAY_S = 86_400


async def tidy(ports: Ports) -> None:
    """Sweep once."""
    blobs = await ports.store.unneeded_blobs(keep_ms=ports.settings.keep_days * DAY_S * 1000)
    for blob in blobs:
        await ports.blobs.remove(blob)
    for blob in await ports.store.strays(await ports.blobs.older_than(ports.settings.keep_days * DAY_S)):
        await ports.blobs.remove(blob)
    for offer in ports.catalogue.offers.values():
        if offer.provider.sweep is not None:
            with contextlib.suppress(ProviderError, OSError):
                await offer.provider.sweep(offer.connection, time.time() - offer.spec.retention_s)
    _sweep_arriving(ports)
    if blobs:
        log.info("swept", extra={"blobs": len(blobs)})


def _sweep_arriving(ports: Ports) -> None:
    """Remove videos that stopped coming long ago: what was only begun is of no use to anybody."""
    before_s = time.time() - ports.settings.keep_days * DAY_S
    for path in ports.arriving.glob("*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < before_s:
                path.unlink()
