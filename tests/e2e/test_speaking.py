"""What people are owed reaches them once: in the place, else privately, else by their list of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from bot.speaking import speak
from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import ANA, Bot, Clock, Killed, Wire, started
from tests.chaos.harness_life import Life, World, world
from tests.fakes.platform import Board

FAILS = Life(name="moderated", end="failed moderated", posts=("moderated",))
LOST = Life(name="lost", end="unsure", posts=("lost",), able=False)


def forward(bot: Bot, minutes: float) -> None:
    """Let time pass."""
    cast("Clock", bot.setting.clock).forward(minutes * 60_000)


def announced(there: World) -> list[str]:
    """Return what stands there."""
    return [each["text"] for each in there.board.announced()]


async def ended(bot: Bot, *states: State) -> Job:
    """Ask, and go on until the job stands so."""
    return await bot.until(await bot.ask(), *states)


async def test_a_failure_is_announced_once_with_its_person(tmp_path: Path) -> None:
    """However often it is asked what is due."""
    with world(FAILS, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await ended(bot, State.FAILED)
            for _ in range(3):
                await speak(bot.ports)
                forward(bot, 2)
    [said] = there.board.announced()
    assert said["user"] == ANA
    assert "under its content rules. Nothing was charged." in said["text"]
    assert job.id in said["text"]


@pytest.mark.parametrize(("trouble", "told"), [("gone", True), ("down", False)])
async def test_where_the_place_is_gone_it_is_told_privately_and_where_it_is_down_again_later(
    tmp_path: Path, trouble: str, told: bool
) -> None:
    """Nobody is left wondering."""
    with world(FAILS, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            await ended(bot, State.FAILED)
            there.board.notice_troubles.append(trouble)
            await speak(bot.ports)
            assert bool([text for text in there.board.told if "content rules" in text]) == told
            assert announced(there) == []
            forward(bot, 2)
            await speak(bot.ports)
    assert len(announced(there)) == (0 if told else 1)


async def test_a_platform_that_is_down_for_a_day_leaves_it_to_the_list_of_jobs(tmp_path: Path) -> None:
    """Then nothing is due any more."""
    with world(FAILS, tmp_path / "w") as there:
        there.board.silent = True
        async with started(there.setting) as bot:
            await ended(bot, State.FAILED)
            assert await speak(bot.ports) == 1
            forward(bot, 25 * 60)
            assert await speak(bot.ports) == 1
            forward(bot, 2)
            assert await speak(bot.ports) == 0
    assert announced(there) == []


async def test_a_lost_answer_and_a_delay_are_each_told_once(tmp_path: Path) -> None:
    """In words that fit a chat: no command of a terminal is in them."""
    with world(LOST, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            await ended(bot, State.UNSURE)
            forward(bot, 1)
            await speak(bot.ports)
            await speak(bot.ports)
    [text] = announced(there)
    assert "it could be paid twice" in text
    assert "`" not in text


async def test_what_is_not_so_any_more_is_not_said(tmp_path: Path) -> None:
    """The answer was found before anybody was told that it was lost."""
    with world(LOST, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await ended(bot, State.UNSURE)
            forward(bot, 1)
            await bot.by_hand(job, Event.TICKET, ticket=there.servers[0].ticket(job.order_key))
            assert await speak(bot.ports) == 1
            forward(bot, 2)
            assert await speak(bot.ports) == 0
    assert announced(there) == []


async def test_whichever_call_it_ends_at_the_notice_stands_there_once(tmp_path: Path) -> None:
    """Before and after each outside call of telling it."""
    with world(FAILS, tmp_path / "whole") as there:
        wire = Wire()
        async with started(there.setting) as bot:
            await ended(bot, State.FAILED)
        async with started(there.setting, wire) as bot:
            await speak(bot.ports)
        boundaries = len(wire.passed)
    assert boundaries >= 6
    for boundary in range(1, boundaries + 1):
        with world(FAILS, tmp_path / f"{boundary}") as there:
            async with started(there.setting) as bot:
                await ended(bot, State.FAILED)
            with pytest.raises(Killed):
                async with started(there.setting, Wire(boundary)) as bot:
                    await speak(bot.ports)
            async with started(there.setting) as bot:
                forward(bot, 2)
                await speak(bot.ports)
            assert len(announced(there)) == 1
            assert isinstance(there.board, Board)
