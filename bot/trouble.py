"""What a provider's failures teach: breakers count them, operators hear of those that only they can mend, once a cause."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Mapping

from bot.breaker import Trouble
from bot.ports import Ports
from providers.kit.errors import (
    BadCredentials,
    MediaUnreachable,
    NoCapacity,
    NoCredit,
    ProviderError,
    RateLimited,
    Unanswered,
    Withdrawn,
)
from providers.kit.provider import Outcome, Refused, Running
from storage.contract import Job
from storage.errors import StorageError

log = logging.getLogger(__name__)

_ACCOUNT: Mapping[type[ProviderError], Trouble] = {BadCredentials: Trouble.CREDENTIALS, NoCredit: Trouble.NO_CREDIT}
_FOR_OPERATORS = frozenset({"media_unreachable", "no_output"})
_WORD = re.compile(r"\w{1,40}", re.ASCII)
_known_words: set[tuple[str, str]] = set()


async def of_submit(ports: Ports, job: Job, error: ProviderError) -> None:
    """Learn from a paid call that brought no ticket."""
    account = _ACCOUNT.get(type(error))
    if account is not None:
        ports.breakers.failed(job.offer, account)
        await _warn(ports, f"{account}:{_provider(job)}", job, told=str(error))
    elif isinstance(error, Unanswered | NoCapacity):
        ports.breakers.failed(job.offer, Trouble.FAULTS)
    elif isinstance(error, MediaUnreachable):
        await _warn(ports, f"media_unreachable:{_provider(job)}", job)
    elif isinstance(error, Withdrawn):
        await _warn(ports, f"withdrawn:{job.offer}", job, told=str(error))
    elif not isinstance(error, RateLimited):
        ports.breakers.worked(job.offer)


async def of_look(ports: Ports, job: Job, error: ProviderError) -> None:
    """Learn from a look that told nothing: the job may be made all the same."""
    account = _ACCOUNT.get(type(error))
    if account is not None:
        await _warn(ports, f"{account}:{_provider(job)}", job, told=str(error))


async def of_outcome(ports: Ports, job: Job, outcome: Outcome) -> None:
    """Learn from what a look told: a word that nobody documented is logged once, whatever it is."""
    match outcome:
        case Running(odd_word=str(word)):
            shown = word if _WORD.fullmatch(word) else "(not a word)"
            if (job.offer, shown) not in _known_words:
                _known_words.add((job.offer, shown))
                log.warning("a status word is not known, and taken for running", extra={"of": job.offer, "word": shown})
        case Refused(kind=kind) if kind in _FOR_OPERATORS:
            await _warn(ports, f"{kind}:{_provider(job)}", job, ticket=job.ticket)
        case Refused(detail="", status=status):
            await _warn(ports, f"no_reason:{_provider(job)}", job, ticket=job.ticket, status=status)


async def of_fetch(ports: Ports, job: Job, cause: str, why: str) -> None:
    """Learn from a video that is paid for and cannot be had: only an operator can take that up."""
    await _warn(ports, f"{cause}:{_provider(job)}", job, ticket=job.ticket, why=why)


def _provider(job: Job) -> str:
    return job.offer.partition("@")[2]


async def _warn(ports: Ports, cause: str, job: Job, **facts: str | None) -> None:
    """Tell operators; where the store cannot take it, the job's own record matters more."""
    with contextlib.suppress(StorageError):
        await ports.store.warn(cause, job=job.id, **facts)
