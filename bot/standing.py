"""The words that may stand on a job beside its state, for which bot/replies.py has sentences."""

from __future__ import annotations

from bot.language import later

SENT = "sent"
"""The provider has it, and was not looked at yet."""
TICKET_UNKNOWN = "ticket unknown"
"""The provider does not know the ticket that was given by hand."""
SLOW_TO_ANSWER = "slow to answer"
"""The provider did not answer the newest look."""
WITHDRAWN = "withdrawn"
"""The provider does not have the model, or not any more."""
BLOCKED = "the link is not allowed"
"""The video lies where this bot may not fetch from, until an operator trusts the place."""
NO_SOUND, UNASKED_SOUND = later("without sound"), later("with sound nobody asked for")
OTHER_LENGTH = later("of another length")
"""In what the video is not what was asked for."""
NOT_HERE, NOT_IN_CHANNEL = "not where it was asked for", "not in its channel"
"""Where a video that is on its way cannot be posted, each followed by why."""
