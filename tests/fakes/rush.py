"""A process of its own that rushes at a store: told on stdin what to do, it says on stdout what came of it."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from storage.contract import Accepted, Store, Terms
from tests.fakes.backends import BACKENDS
from tests.fakes.story import DEADLINE_MS, FAL, FREE, LEASE_MS, RETENTION_MS, Clock, request

RULES = replace(FREE, user_limits="3/day", user_max_open=4)


async def ask(store: Store, commands: list[list[str]]) -> list[list[Any]]:
    """Hand in all commands at once; each is told with whether it was accepted, and as which job or draft."""

    async def one(command: str, user: str) -> list[Any]:
        answer = await store.accept(request(command, user, rules=RULES))
        taken = isinstance(answer, Accepted)
        return [command, taken, answer.job.id if isinstance(answer, Accepted) else answer.draft]

    return await asyncio.gather(*(one(command, user) for command, user in commands))


async def admit(store: Store, bound: int, most: int) -> list[str]:
    """Ask for a place so many times at once; the jobs that got one."""
    terms = Terms(offer=FAL, bound=bound, deadline_ms=DEADLINE_MS, retention_ms=RETENTION_MS)
    jobs = await asyncio.gather(*(store.admit(terms, lease_ms=LEASE_MS, holder="x") for _ in range(most)))
    return [job.id for job in jobs if job is not None]


def say(what: object) -> None:
    """Answer on one line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def serve() -> None:
    """Follow orders until stdin ends."""
    say("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        order = json.loads(line)
        store = BACKENDS[order["backend"]].open(Path(order["folder"]), Clock())
        did = await (
            ask(store, order["commands"]) if "commands" in order else admit(store, order["bound"], order["most"])
        )
        await store.close()
        say(did)


if __name__ == "__main__":
    asyncio.run(serve())
