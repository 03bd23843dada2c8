"""Breakers: what does not work just now is left alone for a while, and then tried once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_FAULTS = 3
_FAULT_S, _ACCOUNT_S, _LONGEST_S = 30.0, 300.0, 3600.0
_DOUBLINGS = 7


class Trouble(StrEnum):
    """What is wrong: the account's key or its credit, for all its offers, or that one offer keeps failing."""

    CREDENTIALS = "credentials"
    NO_CREDIT = "no_credit"
    FAULTS = "faults"


@dataclass(slots=True)
class _Breaker:
    faults: int = 0
    opened: int = 0
    until_s: float = 0.0
    trouble: Trouble | None = None


class Breakers:
    """A breaker for each offer and each account. Each opening lasts twice as long as the one before, until a call goes well."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._breakers: dict[str, _Breaker] = {}

    def trouble(self, offer: str) -> Trouble | None:
        """Return why the offer is left alone now, its account going first, or None where it may be tried."""
        now_s = self._monotonic()
        breakers = (self._breakers.get(key) for key in (_account(offer), offer))
        return next((each.trouble for each in breakers if each is not None and each.until_s > now_s), None)

    def worked(self, offer: str) -> None:
        """Close the offer's breaker, and its account's."""
        for key in (offer, _account(offer)):
            self._breakers.pop(key, None)

    def failed(self, offer: str, trouble: Trouble) -> None:
        """Count a failure; an account that does not work is left alone at once, an offer after a few.

        Calls that were under way when it opened tell nothing new.
        """
        of_offer = trouble is Trouble.FAULTS
        breaker, now_s = (
            self._breakers.setdefault(offer if of_offer else _account(offer), _Breaker()),
            self._monotonic(),
        )
        breaker.faults += 1
        under_way = breaker.until_s > now_s
        if under_way or (of_offer and not breaker.opened and breaker.faults < _FAULTS):
            return
        first_s = _FAULT_S if of_offer else _ACCOUNT_S
        breaker.until_s = now_s + min(first_s * 2 ** min(breaker.opened, _DOUBLINGS), _LONGEST_S)
        breaker.opened, breaker.trouble = breaker.opened + 1, trouble


def _account(offer: str) -> str:
    return f"@{offer.partition('@')[2]}"
