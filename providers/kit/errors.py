"""What a provider's call can raise.

ProviderError
├── NoJob               the reply proves that no job exists; nothing was or will be billed
│   ├── RateLimited     nobody: it waits its turn
│   ├── NoCapacity      nobody: it waits, or another offer makes it
│   ├── BadCredentials  the operator
│   ├── NoCredit        the operator
│   ├── Moderated       the user
│   ├── BadInput        the user
│   └── MediaUnreachable  the operator
├── Unanswered          nobody: what became of the call is unknown
└── TicketUnknown       the operator: the ticket given by hand is not this provider's
"""

from __future__ import annotations


class ProviderError(Exception):
    """The provider did not do what was asked."""


class NoJob(ProviderError):
    """The provider made no job; `kind` is the failure kind if nothing else can serve, `detail` is for operators."""

    kind = "provider_error"
    may_move = False

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail, self.retry_after_s = detail, retry_after_s


class RateLimited(NoJob):
    """The provider asks for fewer calls."""

    kind, may_move = "busy", True


class NoCapacity(NoJob):
    """The provider has no room, or the connection never opened."""

    kind, may_move = "busy", True


class BadCredentials(NoJob):
    """The provider does not accept the key."""

    kind, may_move = "credentials", True


class NoCredit(NoJob):
    """The account at the provider is empty."""

    kind, may_move = "no_credit", True


class Moderated(NoJob):
    """The provider refuses the image or the words under its content rules."""

    kind = "moderated"


class BadInput(NoJob):
    """The provider refuses the request as malformed."""

    kind = "bad_input"


class MediaUnreachable(NoJob):
    """The provider could not fetch our media."""

    kind = "media_unreachable"


class Unanswered(ProviderError):
    """No usable answer came, so nothing is known."""


class TicketUnknown(ProviderError):
    """The provider says that this ticket was never issued."""
