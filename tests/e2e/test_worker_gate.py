"""The gate: steps run together, and one that is alone keeps new ones out until it is through."""

from __future__ import annotations

import asyncio

from bot.gate import Gate


class Passer:
    """One step that passes the gate and stays inside until it is let out."""

    def __init__(self, gate: Gate, *, alone: bool = False) -> None:
        self.inside, self._out = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._pass(gate, alone=alone))

    async def _pass(self, gate: Gate, *, alone: bool) -> None:
        async with gate.passage(alone=alone):
            self.inside.set()
            await self._out.wait()

    async def leave(self) -> None:
        self._out.set()
        await self.task


async def settled() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_pass_together() -> None:
    """Nobody waits where nobody is alone."""
    gate = Gate()
    passers = [Passer(gate) for _ in range(3)]
    await settled()
    assert all(each.inside.is_set() for each in passers)
    for each in passers:
        await each.leave()


async def test_one_that_is_alone_waits_for_those_inside_and_those_who_come_later_wait_for_it() -> None:
    """Under a steady stream of others it still gets its turn."""
    gate = Gate()
    before = Passer(gate)
    await settled()
    alone = Passer(gate, alone=True)
    await settled()
    after = Passer(gate)
    await settled()
    assert (alone.inside.is_set(), after.inside.is_set()) == (False, False)
    await before.leave()
    await settled()
    assert (alone.inside.is_set(), after.inside.is_set()) == (True, False)
    await alone.leave()
    await settled()
    assert after.inside.is_set()
    await after.leave()


async def test_two_that_are_alone_pass_one_after_the_other() -> None:
    """Neither meets the other inside."""
    gate = Gate()
    first = Passer(gate, alone=True)
    await settled()
    second = Passer(gate, alone=True)
    await settled()
    assert (first.inside.is_set(), second.inside.is_set()) == (True, False)
    await first.leave()
    await settled()
    assert second.inside.is_set()
    await second.leave()


async def test_one_that_gives_up_waiting_alone_opens_the_gate_again() -> None:
    """A step that is cancelled at the gate shuts nobody out."""
    gate = Gate()
    before = Passer(gate)
    await settled()
    alone = Passer(gate, alone=True)
    await settled()
    alone.task.cancel()
    after = Passer(gate)
    await settled()
    assert after.inside.is_set()
    await before.leave()
    await after.leave()
