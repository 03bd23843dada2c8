"""An imaginary provider at the socket: it counts paid calls durably, loses answers, refuses, renders, and forgets nothing."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

MADE = frozenset({"ticket", "lost", "hang", "500", "no ticket"})
"""The answers to a paid call behind which there is a job; all others come without one."""
REFUSALS: dict[str, tuple[int, dict[str, Any]]] = {
    "429": (429, {"retry_after_s": 7}),
    "401": (401, {}),
    "402": (402, {}),
    "503": (503, {"why": "capacity"}),
    "moderated": (400, {"why": "moderated"}),
    "bad input": (400, {"why": "bad input"}),
    "empty 500": (500, {}),
}
PRICE = 500_000
"""What a finished video is billed at, in millionths of a US dollar."""


@dataclass
class Script:
    """What the provider does: an answer for each paid call in turn, the last one for all that follow; then how a job goes.

    An answer that begins with `held` waits until the server's `release` is set.
    """

    posts: list[str] = field(default_factory=lambda: ["ticket"])
    looks: int = 0
    end: str = "finished"
    kind: str = "provider_error"
    stops: bool = True
    tells_bill: bool = True
    garbage: bool = False
    video: bytes = b""


@dataclass
class Render:
    """One job at the provider."""

    key: str
    looks: int = 0
    end: str | None = None


class ProviderServer:
    """Serves on a free port until closed; what it was asked and what it billed are there to be counted.

    `videos` are served once each, before the script's own.
    """

    def __init__(self, folder: Path, script: Script) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.script, self.ledger = script, folder / "paid-calls.jsonl"
        self.renders: dict[str, Render] = {}
        self.void: set[str] = set()
        self.asked: list[str] = []
        self.videos: list[bytes] = []
        self.most_at_once = 0
        self.closing, self.release = threading.Event(), threading.Event()
        self._lock = threading.RLock()
        self._server = _Threads(("127.0.0.1", 0), type("Bound", (_Handler,), {"provider": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving; whoever hangs is let go."""
        self.closing.set()
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # -- what a test asks

    def calls(self) -> list[dict[str, Any]]:
        """Return every paid call that ever came, from the disk."""
        return [json.loads(line) for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []

    def paid(self) -> list[str]:
        """Return the keys of the paid calls that made a job."""
        return [call["key"] for call in self.calls() if call["made"]]

    def billed(self) -> int:
        """Return what all jobs cost: a finished one its price, any other nothing."""
        return PRICE * sum(render.end == "finished" for render in self.renders.values())

    def ticket(self, key: str) -> str:
        """Return the ticket of the job that a paid call with this key made."""
        with self._lock:
            return next(ticket for ticket, render in self.renders.items() if render.key == key)

    # -- what the handler does

    def post(self, key: str) -> str:
        """Write a paid call down, before anything else, and make its job or not; how to answer."""
        with self._lock:
            posts = self.script.posts
            answer = posts.pop(0) if len(posts) > 1 else posts[0]
            made = answer.removeprefix("held ") in MADE and key not in self.void
            with self.ledger.open("a") as ledger:
                ledger.write(json.dumps({"key": key, "made": made}) + "\n")
                ledger.flush()
                os.fsync(ledger.fileno())
            if key in self.void:
                return "void"
            if made:
                self.renders[f"T-{key}-{len(self.renders) + 1}"] = Render(key)
                self.most_at_once = max(self.most_at_once, sum(r.end is None for r in self.renders.values()))
            return answer

    def look(self, ticket: str) -> tuple[int, dict[str, Any]]:
        with self._lock:
            render = self.renders.get(ticket)
            if render is None:
                return 404, {"never_issued": True}
            render.looks += 1
            if render.end is None and self.script.end != "never" and render.looks > self.script.looks:
                render.end = self.script.end
            told: dict[str, Any] = {"status": render.end or "running"}
            if self.script.tells_bill and render.end is not None:
                told["billed_usd_micros"] = PRICE if render.end == "finished" else 0
            return 200, told | ({"kind": self.script.kind} if render.end == "refused" else {})

    def stop(self, ticket: str) -> tuple[int, dict[str, Any]]:
        with self._lock:
            render = self.renders.get(ticket)
            if render is not None and render.end is None and self.script.stops:
                render.end = "cancelled"
            return 200, {}

    def find(self, key: str) -> tuple[int, dict[str, Any]]:
        """Find the job of a key, or give the key up for ever."""
        with self._lock:
            tickets = [ticket for ticket, render in self.renders.items() if render.key == key]
            if not tickets:
                self.void.add(key)
            return 200, {"ticket": tickets[0] if tickets else None}


class _Threads(ThreadingHTTPServer):
    """A thread a connection; one whose caller was killed ends without a word."""

    daemon_threads, block_on_close = True, False

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent."""


class _Handler(BaseHTTPRequestHandler):
    """One request: `POST /jobs` is the paid one, the rest is free."""

    provider: ClassVar[ProviderServer]

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.provider.asked.append(f"POST {self.path}")
        match self.path.strip("/").split("/"):
            case ["jobs"]:
                self._paid(sent["key"])
            case ["jobs", ticket, "stop"]:
                self._answer(*self.provider.stop(ticket))
            case ["orders", key]:
                self._answer(*self.provider.find(key))

    def do_GET(self) -> None:
        self.provider.asked.append(f"GET {self.path}")
        match self.path.strip("/").split("/"):
            case ["jobs", _, "video"]:
                videos = self.provider.videos
                self._bytes(200, videos.pop(0) if videos else self.provider.script.video)
            case ["jobs", _] if self.provider.script.garbage:
                self._bytes(200, b"<html>We will be back soon.</html>")
            case ["jobs", ticket]:
                self._answer(*self.provider.look(ticket))

    def _paid(self, key: str) -> None:
        answer = self.provider.post(key)
        if answer.startswith("held "):
            self.provider.release.wait()
        match answer.removeprefix("held "):
            case "ticket":
                self._answer(200, {"ticket": self.provider.ticket(key)})
            case "no ticket":
                self._answer(200, {})
            case "500":
                self._answer(500, {})
            case "hang":
                self.provider.closing.wait()
            case "lost" | "dropped":
                pass
            case "void":
                self._answer(409, {})
            case refusal:
                self._answer(*REFUSALS[refusal])

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        self._bytes(status, json.dumps(told).encode())

    def _bytes(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Stay silent."""


@contextmanager
def serving(folder: Path, script: Script) -> Iterator[ProviderServer]:
    """Serve for the length of a block."""
    server = ProviderServer(folder, script)
    try:
        yield server
    finally:
        server.close()
