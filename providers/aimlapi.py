"""Wan 2.5 at AI/ML API: the one provider whose log tells what became of a call that was never answered."""

from __future__ import annotations

from datetime import date

from providers.kit import usual
from providers.kit.body import body
from providers.kit.errors import BadCredentials, NoCredit, TicketUnknown, Unanswered
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
from providers.kit.reply import Document, Reply
from providers.kit.sorting import kind_of, proof, told
from providers.kit.spec import Choice, ImageLimits, Pace, Price, Spec, Wire

_MODEL = "alibaba/wan2.5-i2v-preview"
_GENERATIONS = "/v2/video/generations"
_CREDITS_PER_USD = 2_000_000
_PRICES_KEPT_S = 3600.0
_PAGE, _PAGES = 100, 10

WAN_2_5 = Spec(
    model="wan2.5",
    provider="aimlapi",
    label="Wan 2.5 at AI/ML API",
    wire=Wire(path=_GENERATIONS, prompt="prompt", image="image_url", fixed={"model": _MODEL}),
    options=(
        usual.resolution("480p", "720p", "1080p", wire="resolution"),
        usual.duration(5, 10, wire="duration"),
        Choice(
            name="aspect_ratio",
            values=("16:9", "9:16", "1:1"),
            help="Sent if asked for, though the video has the picture's shape.",
            wire="aspect_ratio",
        ),
        usual.negative_prompt("negative_prompt"),
        usual.rewrite("enhance_prompt"),
        usual.seed("seed"),
    ),
    prompt_max_chars=1500,
    prompt_required=True,
    image=ImageLimits(),
    audio=None,
    price=Price(usd_micros_per_s={}, source="AI/ML API's live price list", read_on=date(2026, 11, 25)),
    pace=Pace(usual_s=200.0, slow_s=420.0, first_look_s=3.0, every_s=10.0, young_s=15.0),
    retention_s=7 * 24 * 3600,
    in_flight=4,
    submit_s=120.0,
    billed_failures=frozenset({"no_output"}),
    always_sounds=True,
    note="Sound is always made, and none can be given. Its price is read from its own list.",
)


async def submit(connection: Connection, order: Order) -> Ticket:
    """Make the generation, under a name of ours that its log repeats."""
    reply = await connection.web.pay(_GENERATIONS, body(order), X_Client_Request_Id=_our_id(order))
    generation = reply.document.text("id") or reply.headers.get("x-inference-id")
    if reply.ok and generation:
        return Ticket(generation)
    raise proof(reply, reply.document.words()) or Unanswered(f"status {reply.status}")


def _our_id(order: Order) -> str:
    return f"stillmotion-{order.key}"


async def look(connection: Connection, ticket: Ticket) -> Outcome:
    """Look at the generation."""
    reply = await _asked(connection, _GENERATIONS, generation_id=ticket)
    if reply.status == 404:
        raise TicketUnknown("AI/ML API does not know it")
    if not reply.ok:
        raise Unanswered(f"status {reply.status}")
    found = reply.document
    match found.text("status"):
        case "completed":
            return _completed(reply)
        case "error" | "failed" as word:
            why = found.at("error").words()
            return Refused(kind=kind_of(why), detail=told(why), status=word, billed_usd_micros=_billed(reply))
        case "queued" | "generating" | "waiting" | "active":
            return Running()
        case None:
            raise Unanswered("no status")
        case word:
            return Running(odd_word=word)


async def _asked(connection: Connection, path: str, **query: str) -> Reply:
    reply = await connection.web.ask("GET", path, query=query)
    if reply.status in {401, 403}:
        raise BadCredentials(f"status {reply.status}")
    return reply


def _completed(reply: Reply) -> Outcome:
    link, billed = reply.document.text("video.url"), _billed(reply)
    if link is None:
        return Refused(kind="no_output", billed_usd_micros=billed)
    return Finished(link=link, billed_usd_micros=billed)


def _billed(reply: Reply) -> int | None:
    """Return the bill, from the headers or from the credits that the reply names."""
    headers = Document({name.removeprefix("x-aimlapi-"): value for name, value in reply.headers.items()})
    usd = headers.number("usd-spent")
    if usd is None:
        credits_used = headers.number("credits-used")
        credits_used = reply.document.number("meta.usage.credits_used") if credits_used is None else credits_used
        usd = None if credits_used is None else credits_used / _CREDITS_PER_USD
    return None if usd is None or usd < 0 else round(usd * 1_000_000)


async def reconcile(connection: Connection, order: Order) -> Ticket | None:
    """Find our row in the log, newest first. Rows come late, with the generation's end, so that none proves nothing."""
    for offset in range(0, _PAGES * _PAGE, _PAGE):
        page = await _asked(connection, "/v2/logs", period="7d", model=_MODEL, limit=f"{_PAGE}", offset=f"{offset}")
        ours = (row for row in _rows(page.document) if row.text("client_request_id") == _our_id(order))
        found = next((Ticket(generation) for row in ours if (generation := row.text("inference_id"))), None)
        if found is not None or page.document.at("pagination.has_more").value is not True:
            return found
    return None


def _rows(document: Document) -> list[Document]:
    """Return the rows, whichever list of the reply they stand in."""
    lists = [document, *(document.at(name) for name in ("data", "rows", "logs", "items"))]
    return [row for each in lists for row in each.items()]


async def prices(connection: Connection, spec: Spec) -> Price | None:
    """Read the price list; only prices by the second can be used."""
    reply = await connection.web.ask(
        "GET", "/v1/models", query={"id": _MODEL, "include": "pricing"}, keep_s=_PRICES_KEPT_S
    )
    models = [reply.document, *reply.document.items(), *reply.document.items("data")]
    listed = [variant for model in models for variant in model.items("pricing.variants")]
    per_s = {
        size: usd for each in listed if (size := each.text("when.resolution")) and (usd := _usd_micros_per_s(each))
    }
    if not per_s:
        return None
    return Price(usd_micros_per_s=per_s, source=spec.price.source, read_on=spec.price.read_on)


def _usd_micros_per_s(variant: Document) -> int | None:
    price, per = variant.number("price"), variant.number("per") or 1.0
    return None if price is None or price < 0 or variant.text("unit") != "second" else round(price / per * 1_000_000)


async def check(connection: Connection) -> None:
    """Read the balance."""
    reply = await _asked(connection, "/v2/billing")
    balance = reply.document.number("current_balance")
    if balance is not None and balance <= 0:
        raise NoCredit("no balance")


PROVIDER = Provider(
    id="aimlapi",
    label="AI/ML API",
    specs=(WAN_2_5,),
    access=Access(
        key_setting="AIMLAPI_API_KEY",
        scheme="Bearer",
        hosts=(Host(setting="AIMLAPI_BASE_URL", default="https://api.aimlapi.com"),),
    ),
    submit=submit,
    look=look,
    body=body,
    reconcile=reconcile,
    prices=prices,
    check=check,
)
