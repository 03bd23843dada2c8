"""Wan 2.5, 2.6 and 2.1 at Novita: one queue behind three bodies; a task's failure comes inside HTTP 200."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from providers.kit import body as kit
from providers.kit import usual
from providers.kit.errors import BadCredentials, NoCredit, TicketUnknown, Unanswered
from providers.kit.provider import (
    Access,
    Connection,
    Finished,
    Forged,
    Hook,
    Host,
    Order,
    Outcome,
    Provider,
    Refused,
    Running,
    Ticket,
)
from providers.kit.reply import Document, Reply, document_of
from providers.kit.sorting import kind_of, proof, told
from providers.kit.spec import (
    Audience,
    AudioLimits,
    Choice,
    ImageLimits,
    Loras,
    Number,
    Option,
    Pace,
    Price,
    Spec,
    Switch,
    Text,
    Value,
    Whole,
    Wire,
)

_WEEK_S = 7 * 24 * 3600
"""How long a task is looked for; Novita names no end, only that of a link."""
_LINKED = ImageLimits(mimes=("image/jpeg", "image/png", "image/bmp", "image/webp"), inline=False)
_INLINE = ImageLimits(mimes=_LINKED.mimes)
_PRICES = "PPIO's list of 2026-08-26 and Alibaba's own prices; Novita's are not published"
_READ_ON = date(2026, 11, 25)
_SIDES_PX = {"480p": (832, 480), "720p": (1280, 720)}


def _resolution(*sizes: str) -> Choice:
    return usual.resolution(*sizes, wire="parameters.resolution", written={size: size.upper() for size in sizes})


_COMMON: tuple[Option, ...] = (
    Switch(name="sound", default=True, help="Sound made with the video, where none is given.", wire="parameters.audio"),
    usual.negative_prompt("input.negative_prompt"),
    usual.rewrite("parameters.prompt_extend"),
    usual.seed("parameters.seed"),
    Switch(name="watermark", help="The words 'AI Generated' in the lower right corner.", wire="parameters.watermark"),
)

WAN_2_5 = Spec(
    model="wan2.5",
    provider="novita",
    label="Wan 2.5 at Novita",
    wire=Wire(
        path="/v3/async/wan-2.5-i2v-preview", prompt="input.prompt", image="input.img_url", audio="input.audio_url"
    ),
    options=(_resolution("480p", "720p", "1080p"), usual.duration(5, 10, wire="parameters.duration"), *_COMMON),
    prompt_max_chars=2000,
    prompt_required=True,
    image=_LINKED,
    audio=AudioLimits(),
    price=Price(usd_micros_per_s={"480p": 50_000, "720p": 100_000, "1080p": 150_000}, source=_PRICES, read_on=_READ_ON),
    pace=Pace(usual_s=90.0, slow_s=300.0, first_look_s=3.0, every_s=5.0, young_s=15.0),
    retention_s=_WEEK_S,
    in_flight=5,
    billed_failures=frozenset({"no_output"}),
    note="Novita fetches the picture from a public link.",
)

WAN_2_6 = Spec(
    model="wan2.6",
    provider="novita",
    label="Wan 2.6 at Novita",
    wire=Wire(path="/v3/async/wan2.6-i2v", prompt="input.prompt", image="input.img_url", audio="input.audio_url"),
    options=(
        _resolution("720p", "1080p"),
        usual.duration(5, 10, 15, wire="parameters.duration"),
        *_COMMON,
        Choice(
            name="shot_type",
            values=("single", "multi"),
            default="single",
            help="One shot, or several with cuts; only where the sentence is rewritten.",
            wire="parameters.shot_type",
        ),
        Text(
            name="template",
            max_chars=60,
            help="An effect template by its name; the sentence is then passed over.",
            audience=Audience.ADMIN,
            wire="input.template",
        ),
    ),
    prompt_max_chars=2000,
    prompt_required=False,
    image=_INLINE,
    audio=AudioLimits(),
    price=Price(usd_micros_per_s={"720p": 100_000, "1080p": 150_000}, source=_PRICES, read_on=_READ_ON),
    pace=Pace(usual_s=110.0, slow_s=400.0, first_look_s=3.0, every_s=5.0, young_s=15.0),
    retention_s=_WEEK_S,
    in_flight=5,
    submit_s=120.0,
    billed_failures=frozenset({"no_output"}),
)

WAN_2_1 = Spec(
    model="wan2.1",
    provider="novita",
    label="Wan 2.1 at Novita",
    wire=Wire(path="/v3/async/wan-i2v", prompt="prompt", image="image_url"),
    options=(
        usual.resolution("480p", "720p", default="480p"),
        usual.duration(5),
        usual.negative_prompt("negative_prompt", max_chars=2000),
        usual.seed("seed", low=-1, high=9_999_999_999),
        Whole(name="steps", low=1, high=40, default=30, help="More steps take longer and show more.", wire="steps"),
        Number(
            name="guidance_scale",
            low=0.0,
            high=10.0,
            default=5.0,
            help="How strictly the sentence is followed.",
            wire="guidance_scale",
        ),
        Number(name="flow_shift", low=1.0, high=10.0, default=5.0, help="How much moves.", wire="flow_shift"),
        Switch(name="fast_mode", default=False, help="Quicker, cheaper and rougher.", wire="fast_mode"),
        Loras(
            name="loras",
            most=3,
            low=0.0,
            high=4.0,
            help="LoRAs for Wan 2.1 14B, by Hugging Face name or Civitai link.",
            audience=Audience.ADMIN,
            wire="loras",
        ),
        usual.safety("enable_safety_checker"),
    ),
    prompt_max_chars=2000,
    prompt_required=True,
    image=_LINKED,
    audio=None,
    price=Price(
        usd_micros_per_s={"480p": 40_000, "720p": 80_000},
        source="fal's price of the same model; Novita's are not published",
        read_on=_READ_ON,
        halved_by="fast_mode",
    ),
    pace=Pace(usual_s=120.0, slow_s=400.0, first_look_s=3.0, every_s=5.0, young_s=15.0),
    retention_s=_WEEK_S,
    in_flight=5,
    billed_failures=frozenset({"no_output"}),
    webhook=True,
    note="Always silent. Novita fetches the picture from a public link.",
)


def body(order: Order) -> dict[str, Any]:
    """Return what is sent; Wan 2.1 has its sides in pixels and its webhook inside."""
    sent = kit.body(order)
    if order.spec is WAN_2_1:
        sent |= _sides(order)
    if order.spec.webhook and order.webhook is not None:
        sent["extra"] = {"webhook": {"url": order.webhook}}
    return sent


def _sides(order: Order) -> Mapping[str, int]:
    """Return both sides, as one alone is passed over; the picture's shape decides which is the longer."""
    options: Mapping[str, Value] = {**order.spec.defaults(), **order.options}
    long_px, short_px = _SIDES_PX[str(options["resolution"])]
    upright = (order.image.height_px or 0) > (order.image.width_px or 0)
    return {"width": short_px, "height": long_px} if upright else {"width": long_px, "height": short_px}


async def submit(connection: Connection, order: Order) -> Ticket:
    """Make the task."""
    assert order.spec.wire is not None
    reply = await connection.web.pay(order.spec.wire.path, body(order))
    task = reply.document.text("task_id")
    if reply.ok and task:
        return Ticket(task)
    raise _proof(reply) or Unanswered(f"status {reply.status}")


def _proof(reply: Reply) -> Exception | None:
    """Read a refusal; a balance that is not enough comes under 400, 403 and 409, a key that is missing under 400."""
    reason = reply.document.text("reason") or ""
    if reply.status in {400, 403, 409} and "BALANCE" in reason:
        return NoCredit(told(reason))
    if reply.status == 400 and reason == "MISSING_API_KEY":
        return BadCredentials(told(reason))
    return proof(reply, reply.document.words())


async def look(connection: Connection, ticket: Ticket) -> Outcome:
    """Look at the task."""
    reply = await connection.web.ask("GET", "/v3/async/task-result", query={"task_id": ticket})
    if reply.status in {401, 403}:
        raise BadCredentials(f"status {reply.status}")
    if reply.status == 404 and reply.document.text("reason") == "TASK_NOT_FOUND":
        raise TicketUnknown("Novita does not know it")
    if not reply.ok:
        raise Unanswered(f"status {reply.status}")
    found = reply.document
    match found.text("task.status"):
        case "TASK_STATUS_SUCCEED":
            return _succeeded(found)
        case "TASK_STATUS_FAILED" as word:
            reason = found.text("task.reason") or ""
            return Refused(kind=kind_of(reason), detail=told(reason), status=word)
        case "TASK_STATUS_QUEUED":
            return Running()
        case "TASK_STATUS_PROCESSING":
            return Running(progress=_progress(found))
        case None:
            raise Unanswered("no status")
        case word:
            return Running(odd_word=word)


def _succeeded(found: Document) -> Outcome:
    links = [link for video in found.items("videos") if (link := video.text("video_url"))]
    return Finished(link=links[0], seed=found.whole("extra.seed")) if links else Refused(kind="no_output")


def _progress(found: Document) -> float | None:
    """Return how far it is; 0 and 100 are told at any time and mean nothing."""
    percent = found.number("task.progress_percent")
    return percent / 100 if percent is not None and 0 < percent < 100 else None


async def read_hook(connection: Connection, hook: Hook) -> Ticket:
    """Return the ticket; Novita signs nothing, so that the address alone, which nobody can guess, speaks for it."""
    told_of = document_of(hook.body)
    task = told_of.text("payload.task.task_id")
    if told_of.text("event_type") != "ASYNC_TASK_RESULT" or task is None:
        raise Forged("no task result")
    return Ticket(task)


async def check(connection: Connection) -> None:
    """Ask for a task that does not exist: only a key that works is told so."""
    reply = await connection.web.ask("GET", "/v3/async/task-result", query={"task_id": "none"})
    if reply.status in {401, 403}:
        raise BadCredentials(f"status {reply.status}")


async def probe(connection: Connection, order: Order) -> None:
    """Ask for the mock event of Wan 2.1's webhook: its test mode makes no video."""
    sent = body(order)
    sent["extra"]["webhook"]["test_mode"] = {"enabled": True, "return_task_status": "TASK_STATUS_SUCCEED"}
    reply = await connection.web.pay("/v3/async/wan-i2v", sent)
    if not reply.ok:
        raise _proof(reply) or Unanswered(f"status {reply.status}")


PROVIDER = Provider(
    id="novita",
    label="Novita",
    specs=(WAN_2_5, WAN_2_6, WAN_2_1),
    access=Access(
        key_setting="NOVITA_API_KEY",
        scheme="Bearer",
        hosts=(Host(setting="NOVITA_BASE_URL", default="https://api.novita.ai"),),
        calls_per_min=60,
    ),
    submit=submit,
    look=look,
    body=body,
    read_hook=read_hook,
    check=check,
    probe=probe,
)
