"""A breaker per offer: what does not work just now is left alone for a while, and then tried once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

_FAULTS = 3
_FAULT_S, _ACCOUNT_S, _LONGEST_S = 30.0, 300.0, 3600.0


class Trouble(StrEnum):
    """What is wrong with an offer: its key, its credit, or that it keeps failing."""

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
    """Every offer's breaker. Each opening lasts twice as long as the one before, until a call goes well."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._breakers: dict[str, _Breaker] = {}

    def trouble(self, offer: str) -> Trouble | None:
        """Return why the offer is left alone now, or None where it may be tried."""
        breaker = self._breakers.get(offer)
        return None if breaker is None or breaker.until_s <= self._monotonic() else breaker.trouble

    def worked(self, offer: str) -> None:
        """Close the breaker."""
        self._breakers.pop(offer, None)

    def failed(self, offer: str, trouble: Trouble) -> bool:
        """Count a failure; an account that does not work opens at once. Return whether it has just opened."""
        breaker = self._breakers.setdefault(offer, _Breaker())
        breaker.faults += 1
        if trouble is Trouble.FAULTS and breaker.faults < _FAULTS:
            return False
        first_s = _FAULT_S if trouble is Trouble.FAULTS else _ACCOUNT_S
        breaker.until_s = self._monotonic() + min(first_s * 2**breaker.opened, _LONGEST_S)
        breaker.opened, breaker.faults, breaker.trouble = breaker.opened + 1, 0, trouble
        return True
