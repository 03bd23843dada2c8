"""How often a key may be used at a host: so many calls in any minute, and none while the provider asks us to wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_MINUTE_S = 60.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 60.0


class Limiter:
    """One key's calls at one host. It only tells how long to wait; waiting is the caller's."""

    def __init__(self, calls_per_min: int | None, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._calls: deque[float] | None = None if calls_per_min is None else deque(maxlen=calls_per_min)
        self._paused_until_s = 0.0
        self._pause_s = _FIRST_PAUSE_S

    def wait_s(self) -> float:
        """Return how long until the next call may be made."""
        now_s, calls = self._monotonic(), self._calls
        full = calls is not None and len(calls) == calls.maxlen
        free_at_s = calls[0] + _MINUTE_S if calls and full else now_s
        return max(0.0, free_at_s - now_s, self._paused_until_s - now_s)

    def take(self) -> float:
        """Count a call, made as soon as it may be; how long to wait before it."""
        wait_s = self.wait_s()
        if self._calls is not None:
            self._calls.append(self._monotonic() + wait_s)
        return wait_s

    def pause(self, told_s: float | None) -> None:
        """Wait as told after a refusal; where nothing was told, twice as long as the last time."""
        until_s = self._monotonic() + (self._pause_s if told_s is None else told_s)
        self._paused_until_s = max(self._paused_until_s, until_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def resume(self) -> None:
        """Forget earlier refusals: a call went well."""
        self._pause_s = _FIRST_PAUSE_S
