"""The two sides of a contest, each with a database of its own: the floor, and the store as a bot drives it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import story
from bench.floor import Commit, Floor, Witness, renamed
from storage.contract import Acceptance, Job
from storage.sqlite import SqliteStore

Story = Callable[[SqliteStore, Acceptance], AsyncIterator[Job]]
"""Brings one job as far as it goes, and yields where a commit of the floor ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What each commit of one job's story wrote, and the names that stand in it."""

    number: int
    job: str
    commits: tuple[Commit, ...]

    def of(self, number: int) -> list[Commit]:
        """Return the same commits for another job, of another person."""
        names = {
            self.job: f"{number:08d}",
            story.user(self.number): story.user(number),
            story.command(self.number): story.command(number),
        }
        return [renamed(commit, names) for commit in self.commits]


async def prepared(path: Path, tell: Story) -> Sample:
    """Make a database and tell a story in it twice: the second finds the server's and the channel's totals there."""
    store = SqliteStore(path)
    await store.set_limits("channel:discord/20", "1000000/day")
    async for _ in tell(store, story.request(0)):
        pass
    witness, commits, job = Witness(path), [], ""
    await asyncio.sleep(0.01)
    async for reached in tell(store, story.request(1)):
        job = reached.id
        commits.append(witness.commit())
    witness.close()
    await store.close()
    return Sample(number=1, job=job, commits=tuple(commits))


class Arena:
    """Both sides of one story; every run takes people who never asked before."""

    def __init__(self, store: SqliteStore, floor: Floor, sample: Sample, tell: Story, jobs: int) -> None:
        self._store, self._floor, self._sample, self._tell, self._jobs = store, floor, sample, tell, jobs
        self._numbers = itertools.count(1000)

    def floor(self) -> float:
        """Write a round of jobs, one after the other; return jobs a second."""
        commits = [commit for number in self._round() for commit in self._sample.of(number)]
        return self._floor.write(commits) / len(self._sample.commits)

    def ours(self, callers: int) -> float:
        """Tell a round of stories, so many at once; return jobs a second."""
        return asyncio.run(self._told(callers))

    async def _told(self, callers: int) -> float:
        requests = iter([story.request(number) for number in self._round()])

        async def call() -> None:
            for asked in requests:
                async for _ in self._tell(self._store, asked):
                    pass

        began_s = time.perf_counter()
        await asyncio.gather(*(call() for _ in range(callers)))
        return self._jobs / (time.perf_counter() - began_s)

    def _round(self) -> list[int]:
        return list(itertools.islice(self._numbers, self._jobs))


@contextmanager
def arena(folder: Path, tell: Story, jobs: int) -> Iterator[Arena]:
    """Make a database for each side, both alike."""
    sample = asyncio.run(prepared(folder / "floor.db", tell))
    asyncio.run(prepared(folder / "ours.db", tell))
    floor, store = Floor(folder / "floor.db"), SqliteStore(folder / "ours.db")
    try:
        yield Arena(store, floor, sample, tell, jobs)
    finally:
        floor.close()
        asyncio.run(store.close())
