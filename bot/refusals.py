"""Why a request is refused before anything is reserved: a code and its facts; bot/replies.py has the sentence."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """The request cannot be taken as it is.

    Codes: those of bot.media.contract.UnfitReason for a file (with `role`), those of storage.contract.Refusal for a limit,
    and no_image, prompt_missing, prompt_long, model_unknown, offer_off, account_trouble, option_unknown, option_bad,
    option_audience, safety_place, sound_unsupported, sound_unreachable, place_unusable, scope_denied, private_place,
    blocked, paused, channel_closed, role_closed, model_closed, lacks_permission. `others` names the offers that could
    serve the same request, `draft` is where it is kept.
    """

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code, facts)
        self.code, self.facts = code, facts


LIMITS = frozenset({"limit", "open", "budget", "unpriced"})
"""The refusals that a limit made."""
CONFIGURATION = frozenset({"offer_off", "account_trouble"})
"""The refusals that only an operator can lift."""
