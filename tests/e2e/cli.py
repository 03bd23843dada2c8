"""The command in a folder, as a person or a program starts it: what it printed and how it ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.screen import Screen, at_a_terminal

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
POLL_S = 0.05
SMALL = ("--resolution", "480p")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that is all of stdout."""
        return json.loads(self.out)


PLAIN = {"PATH": os.environ["PATH"], "LOGNAME": "ana", "LC_ALL": "C.UTF-8", "PYTHONWARNINGS": "error"}


class Zygote:
    """Runs commands in processes of their own that need not load anything; `shelf` holds more provider files."""

    def __init__(self, folder: Path, *shelf: Path) -> None:
        self._out, self._err = folder / "out", folder / "err"
        words = [sys.executable, "-m", "tests.e2e.zygote", *map(str, shelf)]
        self._process = subprocess.Popen(
            words, cwd=ROOT, env=PLAIN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, words: Sequence[str], folder: Path, env: Mapping[str, str]) -> Ran:
        """Run a command to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"words": words, "folder": str(folder), "env": env, "out": str(self._out), "err": str(self._err)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Ran(code, self._out.read_text(), self._err.read_text())

    def close(self) -> None:
        """Let it end: it reads that there is no more to run."""
        self._process.communicate()


@dataclass(slots=True)
class Cli:
    """The command in a folder, with no setting but those given here; what is started is ended with the test."""

    folder: Path
    zygote: Zygote
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Ran:
        """Run a command to its end, in a process that forks from one that has loaded it."""
        return self.zygote.run(list(map(str, words)), self.folder, PLAIN | dict(env or {}))

    def run_afresh(self, *words: str | Path, env: Mapping[str, str] | None = None) -> Ran:
        """Run a command to its end as a shell would, from the interpreter's first step on."""
        process = self.start(*words, env=env)
        out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    def start(self, *words: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a command as a shell would, and leave it to run."""
        process = subprocess.Popen(
            command(*words),
            cwd=self.folder,
            env=PLAIN | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def at_a_terminal(self, *words: str | Path, columns: int = 80, term: str = "xterm-256color") -> tuple[int, Screen]:
        """Run a command as a person would see it."""
        return at_a_terminal(command(*words), self.folder, PLAIN | {"TERM": term}, columns=columns)

    def jobs(self) -> list[dict[str, Any]]:
        """Return every job as `jobs --json` lists it, the newest first."""
        found: list[dict[str, Any]] = self.run("jobs", "--json").document
        return found

    def close(self) -> None:
        """End what was started and still runs."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()


def command(*words: str | Path) -> list[str]:
    """Return the command as a shell would start it."""
    return [sys.executable, "-m", "bot", *map(str, words)]


def until(holds: Callable[[], bool]) -> None:
    """Wait for other processes; they have no event to wait for."""
    end_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end_s, "it did not come in time"
        time.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class Made:
    """The folder where one video was made, and what the command printed."""

    cli: Cli
    ran: Ran
    video: Path

    @property
    def job(self) -> str:
        """The job's id."""
        found: str = self.ran.document["id"]
        return found
