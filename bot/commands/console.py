"""How commands speak: one JSON document on stdout or lines for people, messages on stderr, one exit code."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

from bot import log, settings
from bot.settings import BadSettings, Settings
from storage.errors import StorageError, Unavailable, Unknown

T = TypeVar("T")


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
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)


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
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        show("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def run(command: Callable[[Settings], Awaitable[Exit]], *, as_json: bool = False, logs: bool = False) -> NoReturn:
    """Read the settings, run a command and leave with its exit code; every error is one sentence."""
    try:
        found = settings.load()
        level = found.log_level if logs or "STILLMOTION_LOG_LEVEL" in os.environ else "WARNING"
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
    except KeyboardInterrupt:
        code = Exit.UNFINISHED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.DONE
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
