"""What a scope's admins chose: where, by whom and with which models the bot is used there, how it answers, whether it rests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.platforms.contract import Answering, Asking
from bot.refusals import Refused
from storage.contract import Job, Store

CHANNELS, ROLES, MODELS, BLOCKED = "channels", "roles", "models", "blocked"
THREAD, ALERTS, PAUSED, SPOILER, LANGUAGE = "thread", "alerts", "paused", "spoiler", "language"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Since when a scope is paused; what an operator paused only an operator resumes."""

    at_ms: int
    by_operator: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """An empty list allows everything; channels, roles and the blocked stand by PLATFORM/ID, with what people call them.

    `thread` says how a channel is answered, by PLATFORM/ID, and under an empty name how all others are; with `spoiler`
    videos come covered. `language` is the one in which all that everybody there sees is written.
    """

    channels: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    blocked: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    thread: Mapping[str, str] = field(default_factory=dict)
    alerts: str = ""
    spoiler: bool = False
    language: str = ""
    pause: Pause | None = None

    def allows(self, offer: str) -> bool:
        """Tell whether an offer may be used, by its own name or its model's."""
        return not self.models or not {offer, offer.partition("@")[0]}.isdisjoint(self.models)

    def answering(self, channel: str) -> Answering:
        """Return how this channel is answered."""
        return Answering(self.thread.get(channel) or self.thread.get("") or Answering.THREAD)

    def check(self, asking: Asking) -> None:
        """Check what an asker cannot change by asking for something else.

        Raises:
            Refused: paused, channel_closed or role_closed, with what would do.
        """
        if self.pause is not None:
            raise Refused("paused", since_ms=self.pause.at_ms, by_operator=self.pause.by_operator)
        if self.channels and asking.channel not in self.channels:
            raise Refused("channel_closed", names=_names(self.channels))
        may = asking.is_admin or asking.is_operator or not self.roles.keys().isdisjoint(asking.roles)
        if self.roles and not may:
            raise Refused("role_closed", names=_names(self.roles))


def _names(found: Mapping[str, str]) -> list[str]:
    return [name or subject for subject, name in found.items()]


async def chosen_around(store: Store, job: Job) -> Choices:
    """Return the choices of the scope in which a job was asked for; a person's own place speaks what that person reads."""
    choices = await chosen(store, job.subjects.scope.removeprefix("scope:"))
    return replace(choices, language=job.request.get("locale") or choices.language)


async def chosen(store: Store, scope: str) -> Choices:
    """Return the choices of a scope, which is written PLATFORM/ID."""
    found: Mapping[str, Any] = await store.choices(f"scope:{scope}")
    pause = found.get(PAUSED)
    return Choices(
        channels=found.get(CHANNELS) or {},
        roles=found.get(ROLES) or {},
        blocked=found.get(BLOCKED) or {},
        models=tuple(found.get(MODELS) or ()),
        thread=found.get(THREAD) or {},
        alerts=found.get(ALERTS) or "",
        spoiler=bool(found.get(SPOILER)),
        language=found.get(LANGUAGE) or "",
        pause=None if not pause else Pause(at_ms=pause["at_ms"], by_operator=pause["by_operator"]),
    )
