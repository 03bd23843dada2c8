"""A finished video reaches its person once: where it was asked for, else nearby, else privately, smaller where it must be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.delivery import file_name
from bot.speaking import speak
from storage.contract import Job
from storage.states import State
from tests.chaos.harness import Bot, Killed, Wire, started
from tests.chaos.harness_life import Life, World, world
from tests.fakes.platform import PLAIN, WITH_CARDS
from tests.fakes.provider_video import large

LIMIT_BYTES = 100_000


@contextmanager
def carded(folder: Path, *troubles: str, **script: Any) -> Iterator[World]:
    """Open a world whose platform has cards, and whose postings go wrong like this."""
    with world(Life(name="plain", end="delivered", troubles=troubles, script=script), folder) as there:
        there.board.abilities = WITH_CARDS
        yield there


async def delivered(bot: Bot) -> Job:
    """Ask, and wait for the end, with its card."""
    job = await bot.until(await bot.ask(), State.DELIVERED, State.KEPT)
    await speak(bot.ports, bot.worker.cards)
    return job


async def test_the_video_lies_in_the_thread_with_what_it_cost_and_what_is_left(tmp_path: Path) -> None:
    """One line for the person, one for the curious, four buttons."""
    with carded(tmp_path / "w") as there:
        there.setting.settings = {"user_limit": "5/day"}
        async with started(there.setting) as bot:
            job = await delivered(bot)
    [post] = there.board.posted()
    first, small = post["text"].split("\n")
    assert first.startswith("Done in ")
    assert first.endswith("It cost $0.50; you have 4 of 5 videos left today.")
    assert small.startswith("Made by AI: wan2.5@imagined, 720p, 5 s")
    assert post["verbs"] == ["continue", "again", "edit", "more"]
    assert (post["rung"], post["thread"], post["file_name"]) == ("here", f"thread-{job.id}", "a-slow-zoom.mp4")


@pytest.mark.parametrize(
    ("troubles", "rung"), [((), "here"), (("gone",), "channel"), (("gone", "gone"), "privately")], ids=str
)
async def test_where_a_place_is_gone_the_next_one_takes_it(
    tmp_path: Path, troubles: tuple[str, ...], rung: str
) -> None:
    """First where it was asked for, then that place's channel, then its person alone."""
    with carded(tmp_path / "w", *troubles) as there:
        async with started(there.setting) as bot:
            job = await delivered(bot)
    assert [post["rung"] for post in there.board.posted()] == [rung]
    said, told = there.board.cards(job.id)[-1], there.board.posted()[0]["text"]
    assert said["state"].startswith("Sent directly. Gone." if rung == "privately" else "Done in ")
    assert bool(said["link"]) == (rung != "privately")
    assert ("Sent to you directly: gone." in told) == (rung == "privately")


async def test_where_nothing_private_can_be_said_it_is_kept_after_the_channel(tmp_path: Path) -> None:
    """No rung is tried that the platform does not have."""
    with world(Life(name="plain", end="kept", troubles=("gone", "gone")), tmp_path / "w") as there:
        there.board.abilities = replace(PLAIN, private=False)
        async with started(there.setting) as bot:
            job = await delivered(bot)
    assert (job.state, job.detail, there.board.posted()) == (State.KEPT, "gone", [])


async def boundaries(folder: Path) -> int:
    """Return how many calls a delivery on the last rung makes, each counted before and after."""
    wire = Wire()
    with carded(folder, "gone", "gone") as there:
        async with started(there.setting) as bot:
            job = await bot.until(await bot.ask(), State.DELIVERING)
        async with started(there.setting, wire) as bot:
            bot.let_pass(job)
            await bot.until(job, State.DELIVERED)
    return len(wire.passed)


async def test_whichever_call_it_ends_at_the_video_is_posted_once_on_whatever_rung(tmp_path: Path) -> None:
    """A bot that died after it posted further down finds that, and does not begin again at the top."""
    for boundary in range(1, await boundaries(tmp_path / "whole") + 1):
        with carded(tmp_path / f"{boundary}", "gone", "gone") as there:
            async with started(there.setting) as bot:
                job = await bot.until(await bot.ask(), State.DELIVERING)
            with pytest.raises(Killed):
                await _delivered_on(there, Wire(boundary), job)
            await _delivered_on(there, Wire(), job)
            assert len(there.board.posted()) == 1, boundary


async def _delivered_on(there: World, wire: Wire, job: Job) -> None:
    async with started(there.setting, wire) as bot:
        bot.let_pass(await bot.store.job(job.id))
        await bot.until(job, State.DELIVERED)


async def test_a_video_over_the_limit_is_made_smaller_and_that_is_told(tmp_path: Path) -> None:
    """As large as the place allows, in the same place, with both sizes in the small print."""
    with carded(tmp_path / "w", video=large()) as there:
        there.board.limit_bytes = LIMIT_BYTES
        async with started(there.setting) as bot:
            job = await delivered(bot)
            left = [path.name for path in bot.ports.spare.iterdir() if path.suffix == ".mp4"]
    [post] = there.board.posted()
    assert (post["rung"], left) == ("here", [])
    assert post["sha256"] != job.result
    assert "Shrunk from " in post["text"]
    assert " kB to fit the limit here." in post["text"] or " MB to fit the limit here." in post["text"]


async def test_a_video_that_cannot_be_made_small_enough_is_kept(tmp_path: Path) -> None:
    """After every place was asked."""
    with carded(tmp_path / "w", video=large()) as there:
        there.board.limit_bytes = 2000
        async with started(there.setting) as bot:
            job = await delivered(bot)
    assert (job.state, there.board.posted()) == (State.KEPT, [])
    assert there.board.cards(job.id)[-1]["state"] == "Kept. It could not be posted here."
    assert there.board.cards(job.id)[-1]["verbs"] == ["collect", "more"]


async def test_where_the_world_can_reach_us_a_link_leads_to_the_whole_file(tmp_path: Path) -> None:
    """Beside the smaller one, and alone where no smaller one can be made: once, in the first place that is asked."""
    with carded(tmp_path / "w", video=large()) as there:
        there.setting.settings = {"public_url": "https://bot.example.org"}
        async with started(there.setting) as bot:
            there.board.limit_bytes = LIMIT_BYTES
            await delivered(bot)
            there.board.limit_bytes = 2000
            alone = await bot.until(await bot.ask(2), State.DELIVERED)
    [smaller] = there.board.posted()
    assert " to fit the limit here. The link to its full quality ends " in smaller["text"]
    assert smaller["links"][0].startswith(f"https://bot.example.org/videos/{smaller['job']}/")
    [linked] = there.board.announced()
    assert (linked["reference"], linked["rung"]) == (f"{alone.id}:done", "here")
    assert "It is too large for this place." in linked["text"]


async def test_a_post_whose_answer_was_lost_is_found(tmp_path: Path) -> None:
    """And what the video is unlike is still told."""
    with carded(tmp_path / "w", "lost") as there:
        async with started(there.setting) as bot:
            await delivered(bot)
    assert len(there.board.posted()) == 1


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("The balloon drifts right, mist fills the valley!", "the-balloon-drifts-right-mist-fills-the.mp4"),
        ("Café Ångström", "cafe-angstrom.mp4"),
        ("../../etc/passwd", "etc-passwd.mp4"),
        ("", "video.mp4"),
        ("नमस्ते 👋", "video.mp4"),
        ("x" * 100, "video.mp4"),
    ],
    ids=range(6),
)
def test_a_video_is_named_by_its_sentence(prompt: str, name: str) -> None:
    """In plain letters, whole words, at most forty."""
    assert file_name(prompt) == name
