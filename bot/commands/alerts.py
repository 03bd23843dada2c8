"""What operators were to hear, in sentences."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from bot.commands.views import clock
from bot.wording import provider
from storage.contract import Alert

ACCOUNT = ("credentials", "no_credit")
"""The causes that are mended once the account works again."""
_SAID = {
    "credentials": "{who} did not accept the key",
    "no_credit": "the account at {who} had no credit left",
    "media_unreachable": "{who} could not fetch our picture or sound",
    "no_output": "{who} reported success, but no whole video came",
    "no_reason": "{who} failed and gave no reason",
    "withdrawn": "{who} does not have the model any more",
    "blocked": "a video of {who} lies where it may not be fetched from",
    "spend_assumed": "nobody knows what a job cost, so that its price is assumed",
    "billed_above_reservation": "a bill was higher than what was reserved",
    "late_answer": "an answer to a paid call came too late to be used",
    "held": "somebody waits for you to approve or decline a request over the budget",
    "removed": "{of} removed the bot, and its jobs were ended",
    "poison": "a request silenced three workers and was ended",
}


def sentence(alert: Alert, zone: ZoneInfo) -> str:
    """Return when it was, what it was, and with which job and ticket."""
    kind, _, of = alert.cause.partition(":")
    who = provider(of if "@" in of else f"@{of}")
    job = "" if alert.job is None else f", job {alert.job}"
    ticket = alert.facts.get("ticket")
    where = "" if not ticket else f", ticket {ticket}"
    return f"{clock(alert.at_ms, zone)}: {_SAID.get(kind, alert.cause).format(who=who, of=of)}{job}{where}"
