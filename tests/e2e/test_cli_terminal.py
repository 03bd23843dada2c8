"""What a person sees at a terminal while a video is made, on a dumb one, and in a pipe."""

from __future__ import annotations

import re

import pytest

from tests.e2e.cli import SMALL, Cli
from tests.e2e.screen import Screen

WORDS = ("animate", "photo.heic", "slow zoom in", *SMALL)
PROGRESS = re.compile(r"[-\\|/] (?P<words>\S.*?)\s+(?P<bar>[━╸╺]{32} )?\d:\d\d:\d\d")
STEPS = ["Job ", "Your picture was changed to fit: converted from HEIC to JPEG.", "Done in ", "The video is in "]


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Screen:
    """A whole run on a terminal, watched."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "photo.heic").hardlink_to(request.getfixturevalue("samples") / "photo.heic")
    code, seen = Cli(folder, request.getfixturevalue("zygote")).at_a_terminal(*WORDS)
    assert code == 0
    return seen


def live(screen: Screen) -> list[str]:
    """Return the line that redraws itself, at each moment that had one."""
    return [line for moment in screen.moments for line in moment if PROGRESS.fullmatch(line)]


def test_what_stays_is_four_lines(screen: Screen) -> None:
    """The job with its price, what was changed, how it ended, and where the video is: the bar is gone."""
    lines = screen.text.split("\n")
    assert len(lines) == len(STEPS)
    assert all(line.startswith(step) for line, step in zip(lines, STEPS, strict=True))
    assert lines[0].endswith(": preview@local, 5 s, free.")
    assert lines[2].endswith("A preview, not AI.")


def test_one_line_moves_and_fits(screen: Screen) -> None:
    """At each moment at most one line is live, and it is never wider than the terminal."""
    assert all(sum(bool(PROGRESS.fullmatch(line)) for line in moment) <= 1 for moment in screen.moments)
    assert len(set(live(screen))) > 3
    assert max(map(len, live(screen))) < 80


def test_a_bar_is_shown_only_where_progress_is_true(screen: Screen) -> None:
    """Before the render there are words and a clock; during it the bar grows and never shrinks."""
    found = [PROGRESS.fullmatch(line) for line in live(screen)]
    with_bar = {match["words"] for match in found if match and match["bar"]}
    without = {match["words"] for match in found if match and not match["bar"]}
    assert "Rendering" in with_bar
    assert {"Looking", "Preparing", "Starting", "Next in line"} & without
    assert not {"Looking", "Preparing", "Next in line"} & with_bar


def test_the_cursor_is_given_back(cli: Cli) -> None:
    """A refusal, too, leaves one line and nothing of the bar."""
    code, seen = cli.at_a_terminal("animate", "nope.png", "x")
    assert code == 2
    assert seen.text == "There is no such picture file. Check the path."


def test_a_dumb_terminal_gets_plain_lines(cli: Cli) -> None:
    """No escape at all; each state once."""
    code, seen = cli.at_a_terminal("animate", "photo.heic", "slow zoom in", *SMALL, term="dumb")
    assert code == 0
    lines = seen.text.split("\n")
    assert not live(seen)
    assert len(lines) == len(set(lines))
    assert [line for line in lines if line.startswith(tuple(STEPS))] == [
        line for step in STEPS for line in lines if line.startswith(step)
    ]
    assert "Rendering" in lines
