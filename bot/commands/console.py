"""How commands speak: one JSON document on stdout or lines for people, messages on stderr, one exit code."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

from bot import log, settings
from bot.platforms.terminal import NAME
from bot.settings import BadSettings, Settings
from storage.errors import StorageError, Unavailable, Unknown

_log = logging.getLogger(__name__)

T = TypeVar("T")
_TURNS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""What turns the direction of writing, and could make one word look like another."""


_BROKE = "Something here broke. What was accepted is safe: `stillmotion jobs` shows it, `stillmotion collect` goes on with it."


class Exit(IntEnum):
    """What a command's end means to whoever called it."""

    DONE = 0
    REFUSED = 2
    FAILED = 3
    LIMIT = 4
    CONFIGURATION = 5
    UNFINISHED = 6
    CANCELLED = 7


class Stop(Exception):
    """The command ends here, with a sentence and, for JSON, a short word for its kind."""

    def __init__(self, code: Exit, error: str, message: str) -> None:
        super().__init__(message)
        self.code, self.error, self.message = code, error, message


def user() -> str:
    """Return who asks, as PLATFORM/ID."""
    return f"{NAME}/{settings.login()}"


def say(text: str) -> None:
    """Print a line for a person to stderr; what its encoding cannot write becomes `?`."""
    _print(text, sys.stderr)


def show(text: str) -> None:
    """Print what was asked for to stdout."""
    _print(text, sys.stdout)


def _print(text: str, stream: Any) -> None:
    encoding = stream.encoding or "ascii"
    stream.write(_printable(text).encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def _printable(text: str) -> str:
    """Return text that cannot steer a terminal: control characters but line ends and tabs are shown as `?`."""
    return "".join("?" if _steers(letter) else letter for letter in text)


def _steers(letter: str) -> bool:
    return letter not in "\n\t" and (unicodedata.category(letter) in {"Cc", "Cs"} or letter in _TURNS)


def show_json(document: Any) -> None:
    """Print one JSON document; it is ASCII where the stream can write nothing else."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(document, indent=2, ensure_ascii=not utf8)
    sys.stdout.write(text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") + "\n")
    sys.stdout.flush()


def show_rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on a terminal, and tab-separated lines in a pipe."""
    if not sys.stdout.isatty():
        for row in (head, *rows):
            show("\t".join(row))
        return
    columns = [_aligned(column) for column in zip(head, *rows, strict=True)]
    for line in zip(*columns, strict=True):
        show("  ".join(line).rstrip())


def _aligned(column: Sequence[str]) -> list[str]:
    """Return a column's cells in one width: numbers to the right, words to the left."""
    width = max(map(_cells, column))
    numeric = len(column) > 1 and all(cell.replace(".", "").isdecimal() for cell in column[1:])
    gaps = [" " * (width - _cells(cell)) for cell in column]
    return [gap + cell if numeric else cell + gap for cell, gap in zip(column, gaps, strict=True)]


def _cells(text: str) -> int:
    """Return how many cells of a terminal the text takes."""
    from rich.cells import cell_len

    return cell_len(text)


def run(command: Callable[[Settings], Awaitable[Exit]], *, as_json: bool = False, logs: bool = False) -> NoReturn:
    """Read the settings, run a command and leave with its exit code; every error is one sentence."""
    try:
        found = settings.load()
        level = found.log_level if logs or "log_level" in found.model_fields_set else "WARNING"
        log.set_up(level, found.log_format)
        code = asyncio.run(_awaited(command, found))
    except Stop as stop:
        code = _report(stop, as_json=as_json)
    except (BadSettings, Unavailable) as error:
        code = _report(Stop(Exit.CONFIGURATION, "configuration", str(error)), as_json=as_json)
    except Unknown as error:
        code = _report(
            Stop(Exit.REFUSED, "unknown", f"There is nothing called {error} here. `stillmotion jobs` lists the jobs."),
            as_json=as_json,
        )
    except StorageError as error:
        code = _report(Stop(Exit.FAILED, "storage", f"It could not be written: {error}"), as_json=as_json)
    except UnicodeEncodeError:
        code = _report(Stop(Exit.REFUSED, "argument", "Something that was typed is not UTF-8 text."), as_json=as_json)
    except KeyboardInterrupt:
        code = Exit.UNFINISHED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.DONE
    except Exception:  # noqa: BLE001 - the outermost place: it is logged, and said in one sentence
        _log.exception("the command broke")
        code = _report(Stop(Exit.FAILED, "internal", _BROKE), as_json=as_json)
    raise SystemExit(int(code))


async def _awaited(command: Callable[[Settings], Awaitable[T]], found: Settings) -> T:
    return await command(found)


def _report(stop: Stop, *, as_json: bool) -> Exit:
    if as_json:
        show_json({"error": stop.error, "message": stop.message})
    else:
        say(stop.message)
    return stop.code


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
