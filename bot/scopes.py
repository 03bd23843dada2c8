"""Where the bot may work: nobody spends the operator's money from a place that the operator did not allow."""

from __future__ import annotations

from collections.abc import Iterable

from bot.platforms.contract import Asking
from bot.settings import Settings
from bot.values import EVERYWHERE, LISTED_PLATFORMS
from storage.contract import Job, ScopeRule, Store


def is_allowed(asking: Asking, settings: Settings, rules: Iterable[ScopeRule]) -> bool:
    """Tell whether the bot may work where somebody asks; in private where the settings say so, unless it was ruled."""
    private = settings.allow_dm if asking.is_private else None
    return serves(asking.scope, settings, rules, is_own=asking.scope_is_own, private=private)


def serves(
    scope: str, settings: Settings, rules: Iterable[ScopeRule], *, is_own: bool, private: bool | None = None
) -> bool:
    """Tell whether the bot may work in a scope: by what was ruled there, else by `private`, else by the settings.

    STILLMOTION_SCOPES is about servers and workspaces; a terminal is its owner's own. Without it, so is whatever
    belongs to the account that the bot is of.
    """
    ruled = {rule.scope: rule.allowed for rule in rules}.get(f"scope:{scope}", private)
    if ruled is not None:
        return ruled
    listed = settings.scopes
    if listed is None or scope.partition("/")[0] not in LISTED_PLATFORMS:
        return is_own
    return EVERYWHERE in listed or scope in listed


async def is_denied(store: Store, job: Job) -> bool:
    """Tell whether an operator denied the scope in which a job was asked for: nothing more is posted there."""
    return any(rule.scope == job.subjects.scope and not rule.allowed for rule in await store.scopes())
