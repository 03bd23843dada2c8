"""Where a platform's bot is: what is open in a scope that it left is ended, and operators hear of it until it is back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet

from bot.ports import Ports
from bot.steering import Steering
from storage.contract import Job
from storage.states import FINAL, State

_AT_ONCE = 500
_REMOVED = "removed:"


class Presence:
    """Of one platform, under its name."""

    def __init__(self, ports: Ports, platform: str, steering: Steering) -> None:
        self._ports, self._platform, self._steering = ports, platform, steering

    async def left(self, scope: str) -> None:
        """End what is open in a scope that removed the bot, and tell operators."""
        await self._end(scope, [job for job in await self._open() if job.subjects.scope == f"scope:{scope}"])

    async def back(self, scope: str) -> None:
        """Take back that it was removed from there."""
        await self._ports.store.unwarn(f"{_REMOVED}{scope}")

    async def settle(self, scopes: AbstractSet[str]) -> None:
        """Take it that the bot is in these and in no others, whatever happened while nobody heard of it."""
        for alert in await self._ports.store.alerts():
            scope = alert.cause.removeprefix(_REMOVED)
            if scope != alert.cause and scope in scopes:
                await self.back(scope)
        gone: dict[str, list[Job]] = {}
        for job in await self._open():
            gone.setdefault(job.subjects.scope.removeprefix("scope:"), []).append(job)
        for scope in gone.keys() - scopes:
            await self._end(scope, gone[scope])

    async def _end(self, scope: str, ending: list[Job]) -> None:
        for job in ending:
            await self._steering.end(job, "the bot was removed")
        await self._ports.store.warn(f"{_REMOVED}{scope}", scope=scope, jobs=len(ending))

    async def _open(self) -> list[Job]:
        """Return this platform's jobs that something is still to be done for; a kept video waits for its person."""
        states = set(State) - FINAL - {State.KEPT}
        return [job for state in states async for job in self._in(state) if job.place.platform == self._platform]

    async def _in(self, state: State) -> AsyncIterator[Job]:
        skip = 0
        while batch := await self._ports.store.jobs(state=state, most=_AT_ONCE, skip=skip):
            for job in batch:
                yield job
            skip += _AT_ONCE
