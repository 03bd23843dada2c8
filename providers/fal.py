"""Wan 2.5 at fal: a queue that hands out its own addresses, and whose COMPLETED says nothing of success."""

from __future__ import annotations

import json
from datetime import date
from urllib.parse import quote

from providers.kit import usual
from providers.kit.body import body
from providers.kit.errors import BadCredentials, Moderated, NoJob, TicketUnknown, Unanswered
from providers.kit.provider import (
    Access,
    Cancelled,
    Connection,
    Finished,
    Forged,
    Hook,
    Host,
    Media,
    Order,
    Outcome,
    Provider,
    Refused,
    Running,
    Ticket,
)
from providers.kit.reply import Document, Reply, document_of
from providers.kit.sorting import proof
from providers.kit.spec import AudioLimits, ImageLimits, Pace, Price, Spec, Wire

_APP = "/fal-ai/wan-25-preview"
_REST = 1
_WEEK_S = 7 * 24 * 3600
_LIFECYCLE = json.dumps({"expiration_duration_seconds": _WEEK_S})
"""fal keeps outputs for ever and open to all unless told; a week outlasts any stop of this bot."""
_HOOK_WITHIN_S = 300
_KEYS_KEPT_S = 3600.0

# Kinds by the types of fal's errors (fal.ai/docs, read in November 2026); any other type of a 4xx is bad input, of a 5xx fal's own.
_KINDS = {
    "content_policy_violation": "moderated",
    "file_download_error": "media_unreachable",
    "no_media_generated": "no_output",
}

WAN_2_5 = Spec(
    model="wan2.5",
    provider="fal",
    label="Wan 2.5 at fal",
    wire=Wire(path=f"{_APP}/image-to-video", prompt="prompt", image="image_url", audio="audio_url"),
    options=(
        usual.resolution("480p", "720p", "1080p", wire="resolution"),
        usual.duration(5, 10, wire="duration", written={5: "5", 10: "10"}),
        usual.negative_prompt("negative_prompt"),
        usual.rewrite("enable_prompt_expansion"),
        usual.seed("seed"),
        usual.safety("enable_safety_checker"),
    ),
    prompt_max_chars=800,
    prompt_required=True,
    image=ImageLimits(),
    audio=AudioLimits(),
    price=Price(
        usd_micros_per_s={"480p": 50_000, "720p": 100_000, "1080p": 150_000},
        source="fal.ai/models/fal-ai/wan-25-preview/image-to-video/llms.txt",
        read_on=date(2026, 11, 25),
    ),
    pace=Pace(usual_s=90.0, slow_s=240.0, first_look_s=3.0, every_s=5.0, young_s=15.0),
    retention_s=30 * 24 * 3600,
    in_flight=2,
    submit_s=120.0,
    always_sounds=True,
    webhook=True,
    note="Sound is always made. fal keeps what it is sent for 30 days; its video links die after a week.",
)


async def submit(connection: Connection, order: Order) -> Ticket:
    """Put the order into the queue."""
    assert order.spec.wire is not None
    query = None if order.webhook is None else {"fal_webhook": order.webhook}
    reply = await connection.web.pay(
        order.spec.wire.path, body(order), query=query, X_Fal_Object_Lifecycle_Preference=_LIFECYCLE
    )
    request_id = reply.document.text("request_id") or reply.headers.get("x-fal-request-id")
    if reply.ok and request_id:
        return _ticket(connection, request_id, reply.document)
    raise _proof(reply) or Unanswered(f"status {reply.status}")


def _proof(reply: Reply) -> NoJob | None:
    """Read a refusal by its types, as its texts may quote the person's words; a plain text is fal's own."""
    kinds = {_KINDS[each] for each in _types(reply) if each in _KINDS}
    found = proof(reply, reply.document.text("detail") or "", no_credit="balance|locked")
    return Moderated(found.detail) if found is not None and "moderated" in kinds else found


def _ticket(connection: Connection, request_id: str, told: Document) -> Ticket:
    """Return the id alone, or with the paths that fal handed out where they are not the usual ones."""
    usual = _usual(request_id)
    named = {name: connection.web.path_of(told.text(f"{name}_url") or "") or path for name, path in usual.items()}
    return Ticket(request_id if named == usual else json.dumps({"id": request_id} | named))


def _usual(request_id: str) -> dict[str, str]:
    base = f"{_APP}/requests/{quote(request_id, safe='')}"
    return {"status": f"{base}/status", "response": base, "cancel": f"{base}/cancel"}


def _paths(ticket: Ticket) -> dict[str, str]:
    if not ticket.startswith("{"):
        return _usual(ticket)
    read: dict[str, str] = json.loads(ticket)
    return read


async def look(connection: Connection, ticket: Ticket) -> Outcome:
    """Look at the queue; whatever is not known to be waiting is settled by the response, which alone tells the truth."""
    paths = _paths(ticket)
    status = await _asked(connection, paths["status"])
    match status.document.text("status"):
        case "NOT_FOUND":
            raise TicketUnknown("fal does not know it")
        case "IN_QUEUE":
            return Running(place=status.document.whole("queue_position"))
        case "IN_PROGRESS":
            return Running()
        case "COMPLETED":
            return _ended(await _asked(connection, paths["response"]), failed=_failed(status.document))
        case word:
            outcome = _ended(await _asked(connection, paths["response"]), failed=False)
            if isinstance(outcome, Running) and (word is None or not status.ok):
                raise Unanswered(f"status {status.status}")
            return Running(odd_word=word) if isinstance(outcome, Running) else outcome


async def _asked(connection: Connection, path: str) -> Reply:
    reply = await connection.web.ask("GET", path)
    if reply.status in {401, 403}:
        raise BadCredentials(f"status {reply.status}")
    return reply


def _failed(status: Document) -> bool:
    return bool(status.text("error") or status.text("error_type"))


def _ended(reply: Reply, *, failed: bool) -> Outcome:
    """Read the response; `failed` means that the queue itself tells of a failure.

    A plain 404, 429 or 5xx is trouble on the way and ends nothing; a typed one, or a 500 that fal itself signs, is the job's
    own end.
    """
    told, billed_s = reply.document, _number(reply.headers.get("x-fal-billable-units"))
    link, types = told.text("video.url"), _types(reply)
    if reply.ok and link:
        seed, actual = told.whole("seed"), told.text("actual_prompt")
        return Finished(link=link, seed=seed, actual_prompt=actual, billed_s=billed_s)
    if reply.ok and not told.text("status"):
        return Refused(kind="no_output", billed_s=billed_s)
    if reply.status == 499 or "client_cancelled" in types:
        return Cancelled(billed_s=billed_s)
    signed = reply.status == 500 and "x-fal-request-id" in reply.headers
    if failed or signed or reply.status == 422 or (types and reply.status not in {400, 404, 429}):
        usual = "bad_input" if reply.status in {400, 413, 415, 422} else "provider_error"
        kind = next((_KINDS[each] for each in types if each in _KINDS), usual)
        return Refused(kind=kind, detail=" ".join(types), status=f"{reply.status}", billed_s=billed_s)
    if reply.status in {400, 404} or reply.ok:
        return Running()
    raise Unanswered(f"status {reply.status}")


def _types(reply: Reply) -> list[str]:
    """Return the types of fal's errors; their texts quote what was sent, and are left alone."""
    told = reply.document
    found = [
        reply.headers.get("x-fal-error-type"),
        told.text("error_type"),
        told.text("detail.type"),
        *(each.text("type") for each in told.items("detail")),
    ]
    return [each for each in dict.fromkeys(found) if each and each.isidentifier()]


def _number(text: str | None) -> float | None:
    return Document({"n": text}).number("n")


async def cancel(connection: Connection, ticket: Ticket) -> None:
    """Ask the queue to stop; one that has ended already says so, and the next look tells how."""
    await connection.web.ask("PUT", _paths(ticket)["cancel"])


async def read_hook(connection: Connection, hook: Hook) -> Ticket:
    """Check fal's signature, as fal.ai/docs describes it, and return the ticket."""
    from providers.kit.signing import is_signed

    signed = [hook.headers.get(f"x-fal-webhook-{name}", "") for name in ("request-id", "user-id", "timestamp")]
    sent_s = _number(signed[2])
    if sent_s is None or abs(hook.at_s - sent_s) > _HOOK_WITHIN_S:
        raise Forged("not sent just now")
    keys = await connection.web.ask("GET", "/.well-known/jwks.json", host=_REST, keep_s=_KEYS_KEPT_S)
    known = [key for each in keys.document.items("keys") if (key := each.text("x"))]
    if not is_signed(hook.body, signed, hook.headers.get("x-fal-webhook-signature", ""), known):
        raise Forged("not signed by fal")
    request_id = document_of(hook.body).text("request_id")
    if request_id is None:
        raise Forged("no request named")
    return Ticket(request_id)


async def publish(connection: Connection, media: Media) -> str:
    """Put bytes into fal's storage, where they are public under a name nobody can guess, for a week."""
    name = f"{media.sha256[:16]}.{media.mime.partition('/')[2]}"
    reply = await connection.web.ask(
        "POST",
        "/storage/upload/initiate",
        query={"storage_type": "fal-cdn-v3"},
        body={"content_type": media.mime, "file_name": name},
        host=_REST,
        X_Fal_Object_Lifecycle=_LIFECYCLE,
    )
    target, link = reply.document.text("upload_url"), reply.document.text("file_url")
    if not (reply.ok and target and link):
        raise Unanswered(f"status {reply.status}")
    await connection.web.put_file(target, media)
    return link


async def check(connection: Connection) -> None:
    """Ask for a request that does not exist: only a key that works is told so."""
    await _asked(connection, _usual("00000000-0000-0000-0000-000000000000")["status"])


PROVIDER = Provider(
    id="fal",
    label="fal",
    specs=(WAN_2_5,),
    access=Access(
        key_setting="FAL_KEY",
        scheme="Key",
        hosts=(
            Host(setting="FAL_QUEUE_BASE_URL", default="https://queue.fal.run"),
            Host(setting="FAL_REST_BASE_URL", default="https://rest.fal.ai"),
        ),
    ),
    submit=submit,
    look=look,
    body=body,
    cancel=cancel,
    read_hook=read_hook,
    publish=publish,
    check=check,
)
