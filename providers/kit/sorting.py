"""Sorts what providers say of a failure into our kinds, and replies to a paid call into proofs of no job."""

from __future__ import annotations

import re
from collections.abc import Mapping

from providers.kit.errors import (
    BadCredentials,
    BadInput,
    MediaUnreachable,
    Moderated,
    NoCredit,
    NoJob,
    RateLimited,
    Withdrawn,
)
from providers.kit.reply import Reply

# The words of Alibaba, whose model all of them sell, leak through; what was not fetched is named before what was not liked.
_KINDS = (
    ("media_unreachable", r"unable to download|fail\w* to (download|fetch)|download the media|file_download_error"),
    (
        "moderated",
        r"inspection|illegal (?!param|arg|val)|illegal_|inappropriate|(?<!case[ -])sensitive|nsfw|moderat|content[ _]policy|IPInfringement",
    ),
    ("bad_input", r"Invalid(Parameter|Image|Audio|URL)|invalid_(image|audio)|unsupported_(image|audio)"),
)
_OPERATOR_WORDS = re.compile(r"[^\w .,:;()/=-]+")
_MOST_WORDS = 160

PROOFS: Mapping[int, type[NoJob]] = {
    400: BadInput,
    401: BadCredentials,
    402: NoCredit,
    403: BadCredentials,
    404: Withdrawn,
    405: Withdrawn,
    413: BadInput,
    415: BadInput,
    422: BadInput,
    429: RateLimited,
}
"""The replies to a paid call that prove that no job exists, whatever they say; 408, 409, 499 and 5xx prove nothing."""
_BY_KIND: Mapping[str, type[NoJob]] = {"moderated": Moderated, "media_unreachable": MediaUnreachable}


def kind_of(words: str) -> str:
    """Return the failure kind that a provider's free text tells of."""
    return next((kind for kind, pattern in _KINDS if re.search(pattern, words, re.IGNORECASE)), "provider_error")


def proof(reply: Reply, words: str, *, no_credit: str = "balance|credit|funds") -> NoJob | None:
    """Return what a reply to a paid call proves, or None where a job may exist; `words` are the reply's own."""
    found = PROOFS.get(reply.status)
    if found is None:
        return None
    if found in {BadCredentials, BadInput} and re.search(no_credit, words, re.IGNORECASE):
        found = NoCredit
    if found is BadInput:
        found = _BY_KIND.get(kind_of(words), BadInput)
    return found(f"status {reply.status}", retry_after_s=reply.retry_after_s)


def told(words: str | None) -> str:
    """Return a provider's words as operators may see them: one short line of plain letters."""
    return " ".join(_OPERATOR_WORDS.sub(" ", words or "").split())[:_MOST_WORDS].rstrip()
