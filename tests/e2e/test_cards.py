"""The card says where its job stands, from the moment it is asked for to the end, and never holds anything up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from bot.platforms.contract import Card, Standing
from bot.speaking import speak
from bot.stills import Stills
from providers.kit.spec import Pace
from storage.contract import Job
from storage.states import Event, State
from tests.chaos.harness import ANA, Bot, Clock, Killed, Wire, started
from tests.chaos.harness_life import Life, World, world
from tests.fakes.platform import WITH_CARDS, Board

PACE = Pace(usual_s=60.0, slow_s=600.0, first_look_s=1.0, every_s=30.0)
PLAIN = Life(name="plain", end="delivered", spec={"pace": PACE})
NEVER = Life(name="never", end="", script={"end": "never"}, spec={"pace": PACE})
FAILS = Life(name="moderated", end="failed moderated", posts=("moderated",))
DAMAGED = Life(name="damaged", end="failed bad_input", damaged=True)


@contextmanager
def carded(life: Life, folder: Path) -> Iterator[World]:
    """Open a world whose platform has cards."""
    with world(life, folder) as there:
        there.board.abilities = WITH_CARDS
        yield there


async def told(bot: Bot) -> int:
    """Say what is owed, so that each job's newest card is shown."""
    return await speak(bot.ports, bot.worker.cards)


async def lived(bot: Bot, *ends: State) -> Job:
    """Ask, and make every step, each with its card."""
    job = await bot.ask()
    await told(bot)
    while job.state not in ends:
        if await bot.worker.step(job.id) is None:
            bot.let_pass(job)
        await told(bot)
        job = await bot.store.job(job.id)
    return job


async def asked_and_told(there: World, wire: Wire) -> None:
    """Ask, and show the first card, in a bot on the wire."""
    async with started(there.setting, wire) as bot:
        await bot.ask()
        await told(bot)


def card(there: World, job: Job) -> dict[str, Any]:
    """Return what the card says now."""
    newest: dict[str, Any] = there.board.cards(job.id)[-1]
    return newest


def forward(bot: Bot, minutes: float) -> None:
    """Let time pass."""
    cast("Clock", bot.setting.clock).forward(minutes * 60_000)


async def test_a_card_tells_each_state_in_turn(tmp_path: Path) -> None:
    """One message, from the first to the last; the thread's own message is there from the submit to the video."""
    with carded(PLAIN, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await lived(bot, State.DELIVERED)
    said = there.board.cards(job.id)
    heads = [line["state"].partition(",")[0] for line in said]
    assert list(dict.fromkeys(heads)) == [
        "Starting",
        "Next in line",
        "Rendering",
        "Almost there",
        heads[-1],
    ]
    assert heads[-1].startswith("Done in ")
    assert [line["is_new"] for line in said] == [True] + [False] * (len(said) - 1)
    with_progress = [line["state"].partition(",")[0] for line in said if line["progress"]]
    assert list(dict.fromkeys(each for each in with_progress if each != "Starting")) == ["Rendering", "Almost there"]
    assert "Starting" not in with_progress[1:]  # the submit may be over before it is shown


async def test_a_finished_card_leads_to_the_video_and_carries_its_beginning(tmp_path: Path) -> None:
    """What it cost is what it cost; the buttons are below the video."""
    with carded(PLAIN, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await lived(bot, State.DELIVERED)
    last = card(there, job)
    assert last["link"] == ["Watch", job.id]
    assert last["picture"] == "First frame of the video"
    assert last["small"].startswith("wan2.5@imagined, ")
    assert "about" not in last["small"]
    assert (last["verbs"], last["is_moving"], last["is_over"]) == ([], False, True)


async def test_a_waiting_card_shows_the_picture_in_grey_and_can_be_cancelled(tmp_path: Path) -> None:
    """The still that is to move, what it will cost about, and a way out."""
    with carded(PLAIN, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await lived(bot, State.QUEUED)
    last = card(there, job)
    assert last["picture"] == "Picture to animate, still grey"
    assert last["small"].endswith("about $0.50")
    assert last["verbs"] == ["cancel", "more"]


async def test_a_picture_that_cannot_be_drawn_leaves_a_whole_card(tmp_path: Path) -> None:
    """Words alone."""
    with carded(DAMAGED, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await lived(bot, State.FAILED)
    last = card(there, job)
    assert last["picture"] is None
    assert last["state"] == "It cannot be made like this. Nothing was charged."


async def test_a_failure_is_told_in_the_thread_and_the_card_leads_to_it(tmp_path: Path) -> None:
    """Though it never came so far as to have one."""
    with carded(DAMAGED, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await lived(bot, State.FAILED)
            await bot.worker.cards.show(job.id)
    [notice] = there.board.announced()
    assert notice["thread"] == f"thread-{job.id}"
    assert card(there, job)["link"] == ["Why", f"{job.id}:outcome"]
    assert card(there, job)["progress"] is None


async def test_a_card_that_is_owed_is_shown_by_the_next_bot(tmp_path: Path) -> None:
    """The first one died before it could show anything."""
    with carded(PLAIN, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.ask()
        assert there.board.cards(job.id) == []
        async with started(there.setting) as bot:
            assert await told(bot) == 1
            assert await told(bot) == 0
    assert len(there.board.cards(job.id)) == 1


@pytest.mark.parametrize("end", ["platform.show_card <", "platform.show_card >", "store.said <", "store.said >"])
async def test_whichever_call_it_ends_at_one_card_stands_there(tmp_path: Path, end: str) -> None:
    """One that was posted by a bot which died before writing that down is known again."""
    with carded(PLAIN, tmp_path / "w") as there:
        with pytest.raises(Killed):
            await asked_and_told(there, Wire(end))
        async with started(there.setting) as bot:
            forward(bot, 2)
            job = await lived(bot, State.DELIVERED)
    assert sum(line["is_new"] for line in there.board.cards(job.id)) == 1
    assert card(there, job)["state"].startswith("Done in")


async def test_a_platform_that_is_down_is_shown_the_card_later(tmp_path: Path) -> None:
    """As it stands by then."""
    with carded(PLAIN, tmp_path / "w") as there:
        there.board.card_troubles = ["down"]
        async with started(there.setting) as bot:
            job = await bot.ask()
            assert await told(bot) == 1
            assert there.board.cards(job.id) == []
            forward(bot, 2)
            assert await told(bot) == 1
    assert len(there.board.cards(job.id)) == 1


@dataclass
class Slow(Board):
    """A board whose cards hang until they are let through."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    entered: int = 0

    async def show_card(self, card: Card, standing: Standing) -> Standing:
        self.entered += 1
        await self.let.wait()
        return await super().show_card(card, standing)


async def test_a_card_that_hangs_holds_up_no_paid_call_and_is_not_asked_for_twice(tmp_path: Path) -> None:
    """Whatever happens meanwhile becomes one more showing, of how it stands at the end."""
    with carded(PLAIN, tmp_path / "w") as there:
        slow = Slow(there.setting.folder, abilities=WITH_CARDS)
        there.setting.platform = there.board = slow
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.FETCHING)
            assert there.paid() == [job.id]
            assert slow.entered == 1
            slow.let.set()
            async with asyncio.timeout(10):
                while slow.entered < 2:  # noqa: ASYNC110 - it is another task that shows it
                    await asyncio.sleep(0.01)
            await bot.worker.cards.show(job.id)
    assert card(there, job)["state"] == "Almost there"
    assert slow.entered <= 3


@pytest.mark.parametrize(("progress", "told"), [(0.1, "still grey"), (0.64, "half in colour"), (1.0, "three quarters")])
async def test_a_still_gets_its_colour_by_quarters(tmp_path: Path, progress: float, told: str) -> None:
    """Only as far as the provider truly is; the last quarter is the video's own."""
    with carded(NEVER, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.GENERATING)
            picture = await Stills(bot.ports).of(replace(job, progress=progress))
            assert picture is not None
            assert told in picture.alt
            with Image.open(picture.path) as drawn:
                assert (drawn.format, drawn.size) == ("JPEG", (256, 256))


async def test_a_still_is_made_once_and_goes_with_its_job(tmp_path: Path) -> None:
    """The media processes have other things to do."""
    with carded(NEVER, tmp_path / "w") as there:
        wire = Wire()
        async with started(there.setting, wire) as bot:
            job = await bot.ask()
            stills = Stills(bot.ports)
            first, second = await stills.of(job), await stills.of(job)
            assert first == second
            assert first is not None
            stills.forget(job)
            assert not first.path.exists()
    assert wire.passed.count("workbench.still <") == 1


async def test_a_discarded_job_says_what_it_costs_all_the_same(tmp_path: Path) -> None:
    """And has no button any more."""
    with carded(NEVER, tmp_path / "w") as there:
        async with started(there.setting) as bot:
            job = await lived(bot, State.GENERATING)
            await bot.by_hand(job, Event.DISCARDED, by=f"user:{ANA}")
            await told(bot)
    last = card(there, job)
    assert last["state"] == "Discarded. imagined charges $0.50 for it all the same."
    assert (last["verbs"], last["progress"]) == ([], None)
