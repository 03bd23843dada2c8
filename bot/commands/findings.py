"""What `doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `ok`, `note` or `fault`, and for a fault what to do."""

    part: str
    state: str
    message: str
