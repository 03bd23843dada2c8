"""What a platform's call can raise.

PlatformError
├── PlaceGone      nobody: the next rung of the delivery ladder
├── TooBig         nobody: it is made smaller, else the next rung of the delivery ladder
└── PlatformDown   nobody: it is tried again
"""

from collections.abc import Mapping


class PlatformError(Exception):
    """The platform did not do what was asked."""


class PlaceGone(PlatformError):
    """The place is gone, or forbidden to us, for good; the message says why, for operators."""


class TooBig(PlatformError):
    """The file is over what this place takes; `max_bytes` is that, where it is known."""

    def __init__(self, why: str = "the file is over what this place takes", *, max_bytes: int | None = None) -> None:
        super().__init__(why)
        self.max_bytes = max_bytes


class PlatformDown(PlatformError):
    """The platform does not answer, or has no room just now; `standing` is where a card stands by then, if that changed."""

    def __init__(self, why: str = "", *, standing: Mapping[str, str] | None = None) -> None:
        super().__init__(why)
        self.standing = standing
