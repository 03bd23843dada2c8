"""The imaginary provider's file: offers as data, and calls that speak with the server in provider_server.py."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from providers.kit.errors import (
    BadCredentials,
    BadInput,
    Moderated,
    NoCapacity,
    NoCredit,
    NoJob,
    RateLimited,
    TicketUnknown,
    Unanswered,
)
from providers.kit.provider import (
    Absent,
    Cancelled,
    Connection,
    Finished,
    Order,
    Outcome,
    Provider,
    Refused,
    Running,
    Ticket,
)
from providers.kit.spec import Choice, ImageLimits, Pace, Price, Spec

KEY = "sk-canary-4f1c"
"""What goes out with every call and must be in no log line."""

SPEC = Spec(
    model="wan2.5",
    provider="imagined",
    label="Imagined",
    options=(
        Choice(name="resolution", values=("480p", "720p"), default="720p", help="How many pixels the video has."),
        Choice(name="duration", values=(5, 10), default=5, unit="s", help="How long the video is."),
    ),
    prompt_max_chars=2000,
    prompt_required=True,
    image=ImageLimits(),
    audio=None,
    price=Price(usd_micros_per_s={"480p": 100_000, "720p": 100_000}, source="imagined", read_on=date(2026, 11, 25)),
    pace=Pace(usual_s=1.0, slow_s=10.0, first_look_s=0.0, every_s=1.0),
    retention_s=20 * 3600,
    in_flight=3,
    needs_key=False,
    renders_here=True,
)


def imagined(
    url: str, name: str = "imagined", *, reconciles: bool = True, cancels: bool = True, **changes: Any
) -> Provider:
    """Return the provider behind a server's address; `changes` are the spec's."""
    spec = replace(SPEC, provider=name, **changes)
    calls = _Calls(url)
    return Provider(
        id=name,
        specs=(spec,),
        submit=calls.submit,
        look=calls.look,
        body=body,
        cancel=calls.cancel if cancels else None,
        reconcile=calls.reconcile if reconciles else None,
    )


def body(order: Order) -> dict[str, Any]:
    """Tell what is sent."""
    return {"key": order.key, "prompt": order.prompt, "image": order.image.reference, **order.options}


class _Calls:
    """One address' calls."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def submit(self, connection: Connection, order: Order) -> Ticket:
        status, told = await _ask(self._url, "POST", "/jobs", body(order))
        if status == 200 and "ticket" in told:
            return Ticket(told["ticket"])
        raise _proof(status, told) or Unanswered(f"status {status}")

    async def look(self, connection: Connection, ticket: Ticket) -> Outcome:
        status, told = await _ask(self._url, "GET", f"/jobs/{ticket}")
        if status == 404 and told.get("never_issued"):
            raise TicketUnknown("no such job")
        billed = told.get("billed_usd_micros")
        match told["status"]:
            case "finished":
                link = await self._downloaded(connection, ticket)
                return Finished(link=link, seed=7, actual_prompt="as rewritten", billed_usd_micros=billed)
            case "refused":
                return Refused(kind=told["kind"], detail="as told", billed_usd_micros=billed)
            case "cancelled":
                return Cancelled(billed_usd_micros=billed)
        return Running()

    async def cancel(self, connection: Connection, ticket: Ticket) -> None:
        await _ask(self._url, "POST", f"/jobs/{ticket}/stop", {})

    async def reconcile(self, connection: Connection, order: Order) -> Ticket | Absent | None:
        status, told = await _ask(self._url, "POST", f"/orders/{order.key}", {})
        if status != 200:
            return None
        return Absent() if told["ticket"] is None else Ticket(told["ticket"])

    async def _downloaded(self, connection: Connection, ticket: Ticket) -> str:
        """Bring the video to this machine, whole or not at all, and name its file."""
        _, video = await _exchange(self._url, "GET", f"/jobs/{ticket}/video", b"")
        connection.workdir.mkdir(parents=True, exist_ok=True)
        part, whole = connection.workdir / f"{ticket}.part", connection.workdir / f"{ticket}.mp4"
        part.write_bytes(video)
        part.replace(whole)
        return whole.as_uri()


def _proof(status: int, told: dict[str, Any]) -> NoJob | None:
    """Name the replies that prove that no job exists."""
    match status, told.get("why"):
        case 429, _:
            return RateLimited("429", retry_after_s=told["retry_after_s"])
        case 401, _:
            return BadCredentials("401")
        case 402, _:
            return NoCredit("402")
        case 503, "capacity":
            return NoCapacity("503")
        case 400, "moderated":
            return Moderated("400")
        case 400, _:
            return BadInput("400")
        case 409, _:
            return NoJob("the key was given up")
    return None


async def _ask(url: str, method: str, path: str, sent: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    status, answer = await _exchange(url, method, path, b"" if sent is None else json.dumps(sent).encode())
    told: dict[str, Any] = json.loads(answer)
    return status, told


async def _exchange(url: str, method: str, path: str, sent: bytes) -> tuple[int, bytes]:
    """Make one HTTP call, once."""
    address = urlsplit(url)
    try:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
    except OSError as error:
        raise NoCapacity("the connection never opened") from error
    try:
        head = f"{method} {path} HTTP/1.0\r\nAuthorization: Key {KEY}\r\nContent-Length: {len(sent)}\r\n\r\n"
        writer.write(head.encode() + sent)
        answer = await reader.read()
    except OSError as error:
        raise Unanswered("the connection broke") from error
    finally:
        writer.close()
    headers, _, told = answer.partition(b"\r\n\r\n")
    if not headers:
        raise Unanswered("no answer")
    return int(headers.split()[1]), told
