"""Many at once, in one process and in two: nothing is lost, nothing is counted twice, no limit is exceeded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from storage.states import Event, State
from tests.fakes.backends import BACKENDS
from tests.fakes.rush import ask
from tests.fakes.story import Clock, Story

RUNS = 5
PEOPLE = [f"user:discord/{number}" for number in range(50)]
COMMANDS = [[f"{user}-{number}", user] for number in range(4) for user in PEOPLE]


class Two:
    """Two processes that get their orders at the same moment."""

    def __init__(self) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.fakes.rush"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(2)
        ]
        self._answers()

    def _answers(self) -> list[str]:
        return [process.stdout.readline() for process in self._processes if process.stdout is not None]

    def rush(self, backend: str, folder: Path, *orders: dict[str, Any]) -> list[Any]:
        """Give each its order, and return what each says."""
        for process, order in zip(self._processes, orders, strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps({"backend": backend, "folder": str(folder), **order}) + "\n")
            process.stdin.flush()
        return [json.loads(answer) for answer in self._answers()]

    def end(self) -> None:
        """Let both end, well."""
        for process in self._processes:
            process.communicate()
            assert process.returncode == 0


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    """The same two for all runs: to start them takes longer than what they do."""
    processes = Two()
    yield processes
    processes.end()


def new_folders(tmp_path: Path) -> Iterator[Path]:
    """One folder a run."""
    for number in range(RUNS):
        folder = tmp_path / str(number)
        folder.mkdir()
        yield folder


async def whole(backend: str, folder: Path, answers: list[list[Any]]) -> None:
    """Check that every command was answered, and the store holds just what was said."""
    assert len(answers) == len(COMMANDS) == len({command for command, _, _ in answers})
    accepted = {job for _, taken, job in answers if taken}
    refused = {draft for _, taken, draft in answers if not taken}
    assert (len(accepted), len(refused)) == (150, 50)
    engine = BACKENDS[backend]
    store = engine.open(folder, Clock())
    jobs = await store.jobs(most=1000)
    assert {job.id for job in jobs} == accepted
    assert set(Counter(job.subjects.user for job in jobs).values()) == {3}
    for book in ("allowance", "spend"):
        lines = await store.usage(book=book, by="user", since_ms=1000)
        assert [line.videos for line in lines] == [3] * 50
    await store.close()


@pytest.mark.parametrize("backend", BACKENDS)
async def test_200_commands_at_once_from_50_people_are_150_jobs_and_50_refusals(tmp_path: Path, backend: str) -> None:
    """Three a day each, four commands each, in every run."""
    for folder in new_folders(tmp_path):
        store = BACKENDS[backend].open(folder, Clock())
        answers = await ask(store, COMMANDS)
        await store.close()
        await whole(backend, folder, answers)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_two_processes_on_one_database_keep_the_same_limits(tmp_path: Path, two: Two, backend: str) -> None:
    """Each hands in half of every person's commands, in every run."""
    for folder in new_folders(tmp_path):
        first, second = two.rush(backend, folder, {"commands": COMMANDS[::2]}, {"commands": COMMANDS[1::2]})
        await whole(backend, folder, first + second)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_the_same_commands_handed_in_by_two_processes_at_once_are_answered_once(
    tmp_path: Path, two: Two, backend: str
) -> None:
    """A platform that delivers to both gets the same jobs and the same drafts from both."""
    for folder in new_folders(tmp_path):
        first, second = two.rush(backend, folder, {"commands": COMMANDS}, {"commands": COMMANDS[::-1]})
        assert sorted(first) == sorted(second)
        await whole(backend, folder, first)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_two_processes_never_take_more_places_than_an_offer_has(tmp_path: Path, two: Two, backend: str) -> None:
    """Each asks for all of them at once; together they get what there is, each job once."""
    for folder in new_folders(tmp_path):
        clock, engine = Clock(), BACKENDS[backend]
        story = Story(engine.open(folder, clock), clock, engine, folder, count(1))
        for _ in range(12):
            await story.work(await story.accept(), Event.PREPARED)
        first, second = two.rush(backend, folder, *[{"bound": 7, "most": 12}] * 2)
        assert len(first + second) == len(set(first + second)) == 7
        assert len(await story.store.jobs(state=State.SUBMITTING)) == 7
        await story.store.close()
