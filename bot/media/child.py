"""A process for one task on one file: it reads the file from standard input and can be ended at any time.

The task is JSON in the first argument, the answer JSON on standard output. Nothing else is inherited: without
an environment no key or token is within reach of a decoder that a hostile file might take over.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import resource
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot.media.boxes import is_cut_short
from bot.media.contract import BadVideo, Unfit, UnfitReason
from bot.media.source import Source

_MODULES = {
    "image": "picture",
    "audio": "sound",
    "video": "video",
    "frame": "frame",
    "still": "still",
    "smaller": "shrink",
}


def main() -> None:
    """Do the task and print the answer."""
    task = json.loads(sys.argv[1])
    _confine(task["memory_bytes"], task["timeout_s"])
    if task["verb"] != "screen":
        os.nice(10)  # the event loop and whoever waits for a look go first
    json.dump(answer(task, Source(0)), sys.stdout)


def answer(task: dict[str, Any], source: Source) -> dict[str, Any]:
    """Do the task and return what was found: facts, a refusal, or the error of our own disk."""
    told, blocks = _attempt(task["role"], task["verb"], source, task["arguments"])
    if task["out"] and "done" in told:
        return _kept(blocks, task["out"]) or told
    return told


def _confine(memory_bytes: int, timeout_s: float) -> None:
    """Bound memory, processor time and what a crash leaves behind, where the system can."""
    cpu_s = math.ceil(timeout_s) + 1
    bounds = {resource.RLIMIT_AS: memory_bytes, resource.RLIMIT_CPU: cpu_s, resource.RLIMIT_CORE: 0}
    for kind, bound in bounds.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (bound, bound + 1 if bound else 0))


def _attempt(role: str, verb: str, source: Source, arguments: dict[str, Any]) -> tuple[dict[str, Any], Iterable[bytes]]:
    module = importlib.import_module(f"bot.media.{_MODULES[role]}")
    try:
        facts, blocks = getattr(module, verb)(source, **arguments)
    except Unfit as unfit:
        return {"unfit": unfit.reason, "facts": unfit.facts}, ()
    except BadVideo as bad:
        return {"unfit": UnfitReason.CORRUPT, "facts": {"detail": bad.detail}}, ()
    except Exception as error:  # noqa: BLE001  # a damaged file makes the libraries raise whatever they like
        reason = UnfitReason.TRUNCATED if _ended_early(role, source) else UnfitReason.CORRUPT
        return {"unfit": reason, "facts": {"detail": type(error).__name__}}, ()
    return {"done": facts}, blocks


def _ended_early(role: str, source: Source) -> bool:
    return (role == "image" and source.ran_dry) or is_cut_short(source)


def _kept(blocks: Iterable[bytes], out: str) -> dict[str, Any] | None:
    try:
        with Path(out).open("wb") as file:
            file.writelines(blocks)
    except OSError as error:
        return {"errno": error.errno}
    return None


if __name__ == "__main__":
    main()
