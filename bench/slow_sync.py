"""A disk whose syncs take a while: the same contest in a process of its own, with a shim before the C library."""

from __future__ import annotations

import importlib.resources
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SYNC_MS = 2


def compiler() -> str | None:
    """Return the C compiler here, if there is one: the shim is built where it is used."""
    return shutil.which("cc")


def run(cc: str, folder: Path, arguments: Sequence[str]) -> str:
    """Run `python -m bench` with these arguments where every sync takes longer; return what it printed."""
    shim = folder / "slow_sync.so"
    with importlib.resources.as_file(importlib.resources.files("bench") / "slow_sync.c") as source:
        subprocess.run([cc, "-shared", "-fPIC", "-O2", "-o", str(shim), str(source), "-ldl"], check=True)
    slowed = {**os.environ, "LD_PRELOAD": str(shim), "SLOW_SYNC_MS": str(SYNC_MS)}
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], env=slowed, check=True, capture_output=True, text=True
    )
    return done.stdout
