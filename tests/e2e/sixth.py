"""A hosted provider that nobody knew: dropped into a folder as `sixth.py`, it sells a model behind a key and an address of its own."""

from __future__ import annotations

from datetime import date

from providers.kit.body import body
from providers.kit.errors import Unanswered
from providers.kit.provider import (
    Access,
    Connection,
    Finished,
    Host,
    Order,
    Outcome,
    Provider,
    Refused,
    Running,
    Ticket,
)
from providers.kit.sorting import kind_of, proof
from providers.kit.spec import Choice, ImageLimits, Pace, Price, Spec, Whole, Wire

SPEC = Spec(
    model="wan3.0",
    provider="sixth",
    label="Wan 3.0 at the sixth",
    wire=Wire(path="/make", prompt="what.words", image="what.picture", fixed={"model": "wan/3"}),
    options=(
        Choice(name="resolution", values=("720p",), default="720p", help="How large.", wire="how.size"),
        Choice(name="duration", values=(5,), default=5, unit="s", help="How long.", wire="how.seconds"),
        Whole(name="seed", low=0, high=9, help="The same again.", wire="how.seed"),
    ),
    prompt_max_chars=100,
    prompt_required=True,
    image=ImageLimits(),
    audio=None,
    price=Price(usd_micros_per_s={"720p": 20_000}, source="its page", read_on=date(2026, 11, 25)),
    pace=Pace(usual_s=5.0, slow_s=60.0, first_look_s=0.2, every_s=0.2),
    retention_s=3600,
    in_flight=1,
)


async def submit(connection: Connection, order: Order) -> Ticket:
    """Order it."""
    assert order.spec.wire is not None
    reply = await connection.web.pay(order.spec.wire.path, body(order))
    if reply.ok and (ticket := reply.document.text("id")):
        return Ticket(ticket)
    raise proof(reply, reply.document.words()) or Unanswered(f"status {reply.status}")


async def look(connection: Connection, ticket: Ticket) -> Outcome:
    """Ask how far it is."""
    found = (await connection.web.ask("GET", "/made", query={"id": ticket})).document
    match found.text("state"):
        case "done":
            return Finished(link=found.text("link") or "")
        case "broken":
            return Refused(kind=kind_of(found.text("why") or ""))
    return Running()


PROVIDER = Provider(
    id="sixth",
    specs=(SPEC,),
    access=Access(
        key_setting="SIXTH_KEY",
        scheme="Token",
        hosts=(Host(setting="SIXTH_BASE_URL", default="https://sixth.example"),),
    ),
    submit=submit,
    look=look,
    body=body,
)
