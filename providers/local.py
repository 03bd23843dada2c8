"""Rendered on this machine: a camera move over the picture, free and without AI, to try out a picture and a framing.

Its ticket is a folder named after the job. A look that finds no living renderer starts it again.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import date
from typing import Any

from providers.kit import usual
from providers.kit.provider import Absent, Connection, Order, Outcome, Provider, Ticket
from providers.kit.spec import AudioLimits, ImageLimits, Pace, Price, Spec, Switch, Whole
from providers.preview import workshop

SEED_END = 2**31

SPEC = Spec(
    model="preview",
    provider="local",
    label="Preview (a camera move, no AI)",
    options=(
        usual.resolution("480p", "720p", "1080p"),
        usual.duration(5, 10),
        Switch(name="sound", default=False, help="A quiet chord, where no sound is given."),
        Whole(name="seed", low=0, high=SEED_END - 1, help="The same seed makes the same video again."),
    ),
    prompt_max_chars=2000,
    prompt_required=False,
    image=ImageLimits(),
    audio=AudioLimits(min_s=0.1, max_s=30.0),
    price=Price(
        usd_micros_per_s={"480p": 0, "720p": 0, "1080p": 0},
        source="rendered on this machine",
        read_on=date(2026, 11, 25),
    ),
    pace=Pace(usual_s=6.0, slow_s=60.0, first_look_s=0.5, every_s=0.5),
    retention_s=7 * 24 * 3600,
    in_flight=2,
    submit_s=10.0,
    needs_key=False,
    renders_here=True,
    note="Not AI: the camera words of the prompt (zoom, pan, tilt, rotate, shake, still) move the picture.",
)


async def submit(connection: Connection, order: Order) -> Ticket:
    """Place the order's folder and start its renderer."""
    audio = order.audio.path if order.audio else None
    await asyncio.to_thread(workshop.place, connection.workdir, order.key, body(order), order.image.path, audio)
    return Ticket(order.key)


async def look(connection: Connection, ticket: Ticket) -> Outcome:
    """Tell how far it is; a render that nobody works on is started again."""
    return await asyncio.to_thread(workshop.look, connection.workdir, ticket)


def body(order: Order) -> dict[str, Any]:
    """Tell what the renderer is given; a seed nobody asked for is chosen here."""
    options = {**SPEC.defaults(), **order.options}
    return {
        "prompt": order.prompt,
        "resolution": options["resolution"],
        "duration": options["duration"],
        "sound": options["sound"],
        "seed": options.get("seed", secrets.randbelow(SEED_END)),
        "image": order.image.reference,
        "audio": order.audio.reference if order.audio else None,
    }


async def cancel(connection: Connection, ticket: Ticket) -> None:
    """Ask the renderer to stop."""
    await asyncio.to_thread(workshop.cancel, connection.workdir, ticket)


async def reconcile(connection: Connection, order: Order) -> Ticket | Absent:
    """Find the order's folder, or take its name so that there can be none."""
    found = await asyncio.to_thread(workshop.reconcile, connection.workdir, order.key)
    return Ticket(order.key) if found else Absent()


async def erase(connection: Connection, key: str) -> None:
    """Remove the order's folder: its words, picture, sound and video."""
    await asyncio.to_thread(workshop.remove, connection.workdir, key)


async def sweep(connection: Connection, before_s: float) -> None:
    """Remove folders that nobody touched for long."""
    await asyncio.to_thread(workshop.sweep, connection.workdir, before_s=before_s)


PROVIDER = Provider(
    id="local",
    label="This machine",
    specs=(SPEC,),
    submit=submit,
    look=look,
    body=body,
    cancel=cancel,
    reconcile=reconcile,
    erase=erase,
    sweep=sweep,
)
