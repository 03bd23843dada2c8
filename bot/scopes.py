"""Where the bot may work: nobody spends the operator's money from a place that the operator did not allow."""

from __future__ import annotations

from collections.abc import Iterable

from bot.platforms.contract import Asking
from bot.settings import Settings
from bot.values import EVERYWHERE, LISTED_PLATFORMS
from storage.contract import ScopeRule


def is_allowed(asking: Asking, settings: Settings, rules: Iterable[ScopeRule]) -> bool:
    """Tell whether the bot may work where somebody asks: by what was ruled there, else by the settings.

    STILLMOTION_SCOPES is about servers and workspaces; a terminal is its owner's own. Without it, so is whatever
    belongs to the account that the bot is of.
    """
    ruled = {rule.scope: rule.allowed for rule in rules}.get(f"scope:{asking.scope}")
    if ruled is not None:
        return ruled
    if asking.is_private:
        return settings.allow_dm
    listed = settings.scopes
    if listed is None or asking.scope.partition("/")[0] not in LISTED_PLATFORMS:
        return asking.scope_is_own
    return EVERYWHERE in listed or asking.scope in listed
