"""What people are owed reaches them once: in the place, else privately, else by their list of jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from bot.speaking import speak
from providers.kit.spec import Pace
from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import ANA, Bot, Clock, Killed, Wire, started
from tests.chaos.harness_life import Life, World, world
from tests.fakes.platform import Board

FAILS = Life(name="moderated", end="failed moderated", posts=("moderated",))
RARELY = Pace(usual_s=60.0, slow_s=600.0, first_look_s=0.0, every_s=300.0)
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
                await speak(bot.ports, bot.worker.cards)
                forward(bot, 2)
    [said] = there.board.announced()
    assert said["user"] == ANA
    assert "under its content rules. Nothing was charged." in said["text"]
    assert job.id in said["text"]


async def test_where_the_operator_denied_the_scope_its_person_alone_is_told(tmp_path: Path) -> None:
    """Nothing more is posted there, and nobody is left wondering."""
    with world(FAILS, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await ended(bot, State.FAILED)
            await bot.store.set_scope(job.subjects.scope, allowed=False, approvals=None)
            await speak(bot.ports, bot.worker.cards)
    assert [said["rung"] for said in there.board.announced()] == ["privately"]


@pytest.mark.parametrize(
    ("troubles", "rung"), [([], "here"), (["gone"], "channel"), (["gone", "gone"], "privately")], ids=str
)
async def test_where_a_place_is_gone_the_next_one_takes_it(tmp_path: Path, troubles: list[str], rung: str) -> None:
    """First where it was asked for, then that place's channel, then its person alone."""
    with world(FAILS, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            await ended(bot, State.FAILED)
            there.board.notice_troubles = troubles
            await speak(bot.ports, bot.worker.cards)
            forward(bot, 2)
            await speak(bot.ports, bot.worker.cards)
    assert [each["rung"] for each in there.board.announced()] == [rung]


async def test_where_no_place_takes_it_the_list_of_jobs_tells_it(tmp_path: Path) -> None:
    """It is tried once, and then nothing is owed any more."""
    with world(FAILS, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            await ended(bot, State.FAILED)
            there.board.notice_troubles = ["gone"] * 3
            assert await speak(bot.ports, bot.worker.cards) == 1
            forward(bot, 2)
            assert await speak(bot.ports, bot.worker.cards) == 0
    assert announced(there) == []


async def test_where_the_platform_is_down_it_is_told_later(tmp_path: Path) -> None:
    """Nobody is left wondering."""
    with world(FAILS, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            await ended(bot, State.FAILED)
            there.board.notice_troubles.append("down")
            await speak(bot.ports, bot.worker.cards)
            assert announced(there) == []
            forward(bot, 2)
            await speak(bot.ports, bot.worker.cards)
    assert len(announced(there)) == 1


@pytest.mark.parametrize(
    ("life", "state", "verbs"),
    [
        (FAILS, State.FAILED, ["edit", "more"]),
        (replace(FAILS, posts=("ticket",), script={"end": "refused"}), State.FAILED, ["edit", "again", "more"]),
        (LOST, State.UNSURE, ["leave", "twice"]),
        (
            replace(FAILS, posts=("ticket",), script={"end": "never"}, spec={"pace": RARELY}),
            State.LATE,
            ["cancel", "more"],
        ),
        (replace(FAILS, posts=("ticket",), troubles=("gone",) * 3), State.KEPT, ["collect", "more"]),
    ],
    ids=["refused", "failed", "unsure", "late", "kept"],
)
async def test_a_notice_has_the_buttons_that_help(tmp_path: Path, life: Life, state: State, verbs: list[str]) -> None:
    """Again only where the same request may succeed; what may be paid twice is asked for by a person alone."""
    with world(life, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            await ended(bot, state)
            forward(bot, 1)
            await speak(bot.ports, bot.worker.cards)
    assert [each["verbs"] for each in there.board.announced()] == [verbs]


async def test_a_platform_that_is_down_for_a_day_leaves_it_to_the_list_of_jobs(tmp_path: Path) -> None:
    """Then nothing is due any more."""
    with world(FAILS, tmp_path / "w") as there:
        there.board.silent = True
        async with started(there.setting) as bot:
            await ended(bot, State.FAILED)
            assert await speak(bot.ports, bot.worker.cards) == 1
            forward(bot, 25 * 60)
            assert await speak(bot.ports, bot.worker.cards) == 1
            forward(bot, 2)
            assert await speak(bot.ports, bot.worker.cards) == 0
    assert announced(there) == []


async def test_a_lost_answer_and_a_delay_are_each_told_once(tmp_path: Path) -> None:
    """In words that fit a chat: no command of a terminal is in them."""
    with world(LOST, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            await ended(bot, State.UNSURE)
            forward(bot, 1)
            await speak(bot.ports, bot.worker.cards)
            await speak(bot.ports, bot.worker.cards)
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
            assert await speak(bot.ports, bot.worker.cards) == 1
            forward(bot, 2)
            assert await speak(bot.ports, bot.worker.cards) == 0
    assert announced(there) == []


async def test_whichever_call_it_ends_at_the_notice_stands_there_once(tmp_path: Path) -> None:
    """Before and after each outside call of telling it."""
    with world(FAILS, tmp_path / "whole") as there:
        wire = Wire()
        async with started(there.setting) as bot:
            await ended(bot, State.FAILED)
        async with started(there.setting, wire) as bot:
            await speak(bot.ports, bot.worker.cards)
        boundaries = len(wire.passed)
    assert boundaries >= 6
    for boundary in range(1, boundaries + 1):
        with world(FAILS, tmp_path / f"{boundary}") as there:
            async with started(there.setting) as bot:
                await ended(bot, State.FAILED)
            with pytest.raises(Killed):
                async with started(there.setting, Wire(boundary)) as bot:
                    await speak(bot.ports, bot.worker.cards)
            async with started(there.setting) as bot:
                forward(bot, 2)
                await speak(bot.ports, bot.worker.cards)
            assert len(announced(there)) == 1
            assert isinstance(there.board, Board)
