"""A lane without processes: the code of the child, called where the test is, for matrices of many small files."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict
from typing import Any

from bot.media.child import answer
from bot.media.lane import Lane, Task
from bot.media.source import Source


class Inline(Lane):
    """Does what a child would, without its bounds."""

    async def ask(self, task: Task, descriptor: int) -> dict[str, Any]:
        """Do the task here."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a child's warnings are read by nobody either
            found = answer(asdict(task), Source(descriptor))
        told: dict[str, Any] = json.loads(json.dumps(found))
        return told
