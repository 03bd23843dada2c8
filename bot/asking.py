"""A call to a provider: bounded in time, and told by the provider's own errors only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from providers.kit.errors import ProviderError, Unanswered

log = logging.getLogger(__name__)

T = TypeVar("T")


async def asked(call: Awaitable[T], within_s: float) -> T:
    """Await the call.

    Raises:
        ProviderError: as the provider file raises it; Unanswered also where it broke on what came, which says nothing of the job.
    """
    try:
        async with asyncio.timeout(within_s):
            return await call
    except ProviderError:
        raise
    except (TimeoutError, OSError) as error:
        raise Unanswered(type(error).__name__) from error
    except Exception as error:
        log.exception("a provider file broke on a reply")
        raise Unanswered(type(error).__name__) from error
