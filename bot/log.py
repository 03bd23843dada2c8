"""Logging, set up once: facts beside constant messages, on stderr, without prompts, files, links or keys."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

QUIET = ("httpx", "httpcore", "uvicorn", "discord", "slack_sdk", "slack_bolt", "asyncio", "PIL")
MUTE = ("discord.http",)
"""Those whose very warnings print addresses, which may hold a token."""


def set_up(level: str, form: str) -> None:
    """Send every logger to stderr; libraries that print links or payloads speak only when something is wrong."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _message_stays,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _frames_only,
    ]
    last: Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        ),
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in MUTE:
        logging.getLogger(name).setLevel(logging.ERROR)


def _message_stays(_: Any, __: str, event: EventDict) -> EventDict:
    """Keep the message where a job's event has taken its key; the event is then called `move`."""
    said = event["_record"].getMessage()
    if event["event"] != said:
        event["move"], event["event"] = event["event"], said
    return event


def _frames_only(_: Any, __: str, event: EventDict) -> EventDict:
    """Show where an error came from and its type, but not its message: that may hold a path, a link or a person's words."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple) and error[0] is not None:
        frames = traceback.extract_tb(error[2])
        event["error"] = error[0].__name__
        event["at"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-6:]]
    return event
