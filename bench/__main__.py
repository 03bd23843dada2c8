"""`python -m bench`: the first two rows of DESIGN's targets, each a ratio against the floor in the same run.

The floor is a bare program, one connection, that writes the same rows in the same schema, one FULL transaction each,
with every value ready before the clock starts, and checks nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import contest, slow_sync, story
from bench.arena import Story, arena

SLOWED = "accept, 32 at once, a sync takes 2 ms longer"


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the report: a story, how many tell it at once, and the ratio to reach."""

    name: str
    tell: Story
    callers: int
    target: float | None
    jobs: int
    rounds: int = 25


CASES = (
    Case("accept, one caller", story.accepted, 1, 0.7, 96),
    Case("accept, 32 at once", story.accepted, 32, 1.5, 128),
    Case(SLOWED, story.accepted, 32, 8.0, 128, rounds=9),
    Case("a whole life, one job after the other", story.whole_life, 1, 0.7, 24),
    Case("a whole life, 32 jobs at once", story.whole_life, 32, None, 64),
)


def main() -> None:
    """Print the report, or one line of it."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios beside their targets.")
    parser.add_argument("--only", choices=[case.name for case in CASES], help="print this line alone, here")
    parser.add_argument("--rounds", type=int, help="rounds that count, instead of each line's own")
    given = parser.parse_args()
    if given.only is not None:
        print(_line(next(case for case in CASES if case.name == given.only), given.rounds))
        return
    print(contest.HEAD)
    for case in CASES:
        print(_slowed(case, given.rounds) if case.name == SLOWED else _line(case, given.rounds), flush=True)


def _line(case: Case, rounds: int | None) -> str:
    with (
        tempfile.TemporaryDirectory(prefix="stillmotion-bench-") as folder,
        arena(Path(folder), case.tell, case.jobs) as sides,
    ):
        return contest.contest(
            case.name,
            case.target,
            baseline=sides.floor,
            subject=lambda: sides.ours(case.callers),
            rounds=rounds or case.rounds,
        ).line()


def _slowed(case: Case, rounds: int | None) -> str:
    cc = slow_sync.compiler()
    if cc is None:
        return f"{case.name}: skipped, as there is no C compiler (cc) to build the shim with"
    with tempfile.TemporaryDirectory(prefix="stillmotion-bench-") as folder:
        return slow_sync.run(cc, Path(folder), ["--only", case.name, "--rounds", str(rounds or case.rounds)]).rstrip(
            "\n"
        )


if __name__ == "__main__":
    main()
