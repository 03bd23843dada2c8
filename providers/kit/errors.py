"""What a provider's call can raise.

ProviderError
├── NoJob               the reply proves that no job exists; nothing was or will be billed
│   ├── RateLimited     nobody: it waits its turn
│   ├── NoCapacity      nobody: it waits, or another offer makes it
│   │   ├── Unreachable  nobody, for a while: the connection never opened
│   │   │   └── Untrusted  the operator: the certificate is not trusted
│   │   └── Unpublished  nobody, for a while: there was no public link to be had for the media
│   ├── BadCredentials  the operator
│   ├── NoCredit        the operator
│   ├── Withdrawn       the operator
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
    """The provider made no job; `kind` is the failure kind if nothing else can serve, `detail` is for operators.

    `reason` is a word of ours for what a person is told while it waits or moves on.
    """

    kind = "provider_error"
    reason = ""
    may_move = False

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail, self.retry_after_s = detail, retry_after_s


class RateLimited(NoJob):
    """The provider asks for fewer calls."""

    kind, reason, may_move = "busy", "busy", True


class NoCapacity(NoJob):
    """The provider has no room."""

    kind, reason, may_move = "busy", "no room", True


class Unreachable(NoCapacity):
    """The connection never opened."""

    reason = "unreachable"


class Untrusted(Unreachable):
    """The connection never opened, as nobody who is trusted vouches for the certificate."""

    reason = "certificate not trusted"


class Unpublished(NoCapacity):
    """Nothing was sent, as there was no public link to be had for the media."""

    reason = "no public link"


class BadCredentials(NoJob):
    """The provider does not accept the key."""

    kind, reason, may_move = "credentials", "credentials", True


class NoCredit(NoJob):
    """The account at the provider is empty."""

    kind, reason, may_move = "no_credit", "no credit", True


class Withdrawn(NoJob):
    """The provider does not have this model, or not any more."""

    reason = "withdrawn"


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
