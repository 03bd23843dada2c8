"""A small terminal: a program runs on it as at a desk, and what stands on the screen at each moment can be read."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PIECES = re.compile(r"\x1b\[(?P<numbers>[?0-9;]*)(?P<verb>[A-Za-z])|(?P<control>[\r\n])|(?P<text>[^\x1b\r\n]+)")


@dataclass(slots=True)
class Screen:
    """What escapes make of the lines; colours are let go."""

    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0
    moments: list[list[str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What stands on the screen at the end."""
        return "\n".join(line.rstrip() for line in self.lines).strip("\n")

    def feed(self, written: str) -> None:
        """Take what a program wrote."""
        for piece in _PIECES.finditer(written):
            if piece["text"]:
                self._put(piece["text"])
            elif piece["control"]:
                self._move(piece["control"])
            else:
                self._obey(piece["verb"], piece["numbers"])
        self.moments.append([line.rstrip() for line in self.lines])

    def _put(self, text: str) -> None:
        line = self.lines[self.row].ljust(self.column)
        self.lines[self.row] = line[: self.column] + text + line[self.column + len(text) :]
        self.column += len(text)

    def _move(self, control: str) -> None:
        if control == "\n":
            self.row += 1
            self.lines.extend([""] * (self.row + 1 - len(self.lines)))
        else:
            self.column = 0

    def _obey(self, verb: str, numbers: str) -> None:
        if verb == "A":
            self.row = max(0, self.row - int(numbers or 1))
        elif verb == "K":
            self.lines[self.row] = "" if numbers == "2" else self.lines[self.row][: self.column]


def at_a_terminal(
    command: Sequence[str], folder: Path, env: Mapping[str, str], *, columns: int = 80
) -> tuple[int, Screen]:
    """Run a program to its end on a terminal of its own; its exit code and the screen."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(command[0], list(command), dict(env))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    screen, decoder = Screen(), codecs.getincrementaldecoder("utf-8")("replace")
    while written := _read(terminal):
        screen.feed(decoder.decode(written))
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux tells so that the other side has gone
        return b""
