"""fal at the socket: a queue whose jobs complete even when they fail, cancelling, signed webhooks, and a place for files."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import time
import uuid
from pathlib import Path
from typing import Any, ClassVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.fakes.hosted import Fake, Fault, File, Job
from tests.fakes.hosted_media import (
    Answer,
    Instead,
    Misfit,
    Request,
    Unreachable,
    flaws,
    judge_audio,
    judge_image,
    post,
    reply,
)

MODEL = "fal-ai/wan-25-preview/image-to-video"
USD_MICROS_PER_S = {"480p": 50_000, "720p": 100_000, "1080p": 150_000}
_USER = "user-1"
_IMAGE_MAX_BYTES = 25_000_000
_FLAW_TYPES = {"required": "missing", "enum": "one_of"}
_MISFITS = {
    "small": "image_too_small",
    "large": "image_too_large",
    "heavy": "file_too_large",
    "broken": "image_load_error",
    "format": "unsupported_image_format",
    "alpha": "unsupported_image_format",
}
_REFUSALS = {
    "bad_body": (422, "Unprocessable", "bad_request"),
    "no_key": (401, "Authentication is required to access this application", ""),
    "bad_key": (401, "invalid key credentials", ""),
    "balance": (403, "User is locked. Reason: Exhausted balance.", ""),
    "rate_limited": (429, "Too many requests", "concurrent_requests_limit"),
    "server": (503, "Service unavailable", "runner_scheduling_failure"),
}


class FalFake(Fake):
    """The model runs only after the queue took the job, so what it thinks of the media comes with the result.

    `hand_out_host` is the host in the links that a job is handed out with, instead of this server's.
    """

    prefix: ClassVar[str] = "fal"
    key: ClassVar[str] = "fal-canary-577f98:secret-45b928"
    scheme: ClassVar[str] = "Key"
    hand_out_host: str | None = None

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.uploads: dict[str, str] = {}
        self.signer, self._stranger = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        super().__init__(folder, host=host, tls=tls)
        self.rest_url = f"{self.url}-rest"

    def api(self, request: Request) -> Answer:
        match [request.method, *request.path.strip("/").split("/")]:
            case ["POST", "fal", *model] if "/".join(model) == MODEL:
                return self.submit(request, MODEL)
            case [method, "fal", "fal-ai", "wan-25-preview", "requests", ticket, *what]:
                self.authorise(request)
                return self._request(request, method, ticket, "/".join(what))
            case ["GET", "fal-rest", ".well-known", "jwks.json"]:
                return Answer(200, self._keys())
            case ["POST", "fal-rest", "storage", "upload", "initiate"]:
                return self._initiate(request)
            case ["PUT", "fal-rest", "uploads", _]:
                return self._upload(request)
        return Answer(404, {"detail": "Not Found"})

    def refusal(self, kind: str, text: str = "", status: int | None = None) -> Answer:
        usual, message, word = _REFUSALS[kind]
        return _refused(status or usual, text or message, word)

    def accepted(self, job: Job) -> dict[str, Any]:
        told = {"request_id": job.ticket, "gateway_request_id": job.ticket, **self._links(job)}
        return {**reply("fal-submit"), **told}

    def marks(self, job: Job) -> dict[str, str]:
        return {"x-fal-request-id": job.ticket}

    def refused(self, job: Job, fault: Fault) -> Answer | None:
        match fault:
            case Fault(name="moderated"):
                return _unprocessable([_moderated(job)])
            case Fault(name="detail"):
                return _said(fault, job)
        return None

    def ordered(self, request: Request, model: str) -> Job:
        body = self.parsed(request)
        if wrong := flaws("fal-request", body):
            raise Instead(_unprocessable([_schema_flaw(flaw, body) for flaw in wrong]))
        waiting = sum(not job.end for job in self.jobs.values())
        if waiting > int(request.query.get("fal_max_queue_length", waiting)):
            raise Instead(self.refusal("rate_limited", "the queue is full"))
        seconds = int(body.get("duration", "5"))
        usd_micros = seconds * USD_MICROS_PER_S[body.get("resolution", "1080p")]
        hook = request.query.get("fal_webhook")
        job = Job(model=MODEL, body=body, seconds=seconds, sound=True, usd_micros=usd_micros, webhook=hook)
        job.fault = _judgement(body)
        return job

    def send_webhook(self, ticket: str, **changes: Any) -> int:
        """Send a job's event; `age_s` dates it back, `forged` signs with another key, `tampered` alters what was signed."""
        age_s, forged, tampered = (changes.pop(name, 0) for name in ("age_s", "forged", "tampered"))
        body = json.dumps(self._event(self.jobs[ticket]) | changes).encode()
        stamp = str(int(time.time() - age_s))
        message = "\n".join((ticket, _USER, stamp, hashlib.sha256(body).hexdigest())).encode()
        headers = {
            "X-Fal-Webhook-Request-Id": ticket,
            "X-Fal-Webhook-User-Id": _USER,
            "X-Fal-Webhook-Timestamp": stamp,
            "X-Fal-Webhook-Signature": (self._stranger if forged else self.signer).sign(message).hex(),
        }
        url = self.jobs[ticket].webhook or ""
        status = post(url, body + b" " if tampered else body, headers)
        self.webhooks_sent.append((url, status))
        return status

    # -- a job in the queue

    def _request(self, request: Request, method: str, ticket: str, what: str) -> Answer:
        place = {"GET status": "look", "GET ": "result", "PUT cancel": "cancel"}.get(f"{method} {what}")
        job = self.jobs.get(ticket)
        if place is None or job is None:
            self.do(self.take(place or ""))
            return Answer(404, {"status": "NOT_FOUND"} if place else {"detail": "Not Found"})
        match place:
            case "look":
                answer = self._status(request, job)
            case "cancel":
                answer = self._cancel(job)
            case _:
                self.do(fault := self.take("result"))
                answer = self._outcome(job) if job.end else _refused(400, "Request is still in progress", "")
                _leave_out(answer.told, fault)
        answer.headers |= self.marks(job)
        return answer

    def _status(self, request: Request, job: Job) -> Answer:
        fault = self.looked(job)
        word = "" if fault is None else fault.name
        shape = "fal-completed" if job.end else "fal-queued" if job.looks < 2 or word == "requeue" else "fal-running"
        told: dict[str, Any] = reply(shape) | {"request_id": job.ticket, **self._links(job)}
        if request.query.get("logs", "0").lower() not in {"1", "true"}:
            told["logs"] = None
        if failed := job.went("completed_with_error"):
            told |= {"error": failed.reason, "error_type": failed.body or "downstream_service_error"}
        if word == "unknown_status" and fault is not None:
            told["status"] = fault.status or "SUSPENDED"
        _leave_out(told, fault)
        return Answer(200 if job.end else 202, told)

    def _cancel(self, job: Job) -> Answer:
        self.do(fault := self.take("cancel"))
        if fault is not None and fault.name == "already_completed":
            self.end(job)
        if job.end:
            return Answer(400, {"status": "ALREADY_COMPLETED"})
        self.end(job, "cancelled")
        return Answer(202, {"status": "CANCELLATION_REQUESTED"})

    def _outcome(self, job: Job) -> Answer:
        """Return what the response link gives once a job has ended."""
        if job.end == "cancelled":
            return _refused(499, "Request was cancelled", "client_cancelled")
        if job.end == "done":
            return Answer(200, self._result(job), {"X-Fal-Billable-Units": str(job.seconds)})
        match job.fault:
            case Fault(name="empty_videos"):
                return Answer(200, self._result(job) | {"video": None})
            case Fault(name="detail") as fault:
                return _said(fault, job)
            case Fault(name="moderated"):
                return _unprocessable([_moderated(job)])
            case Fault(name="media_unreachable"):
                return _unprocessable([_flaw("Failed to download the file", "file_download_error", job.body)])
            case Fault(reason=None):
                return Answer(500, {})
            case Fault(reason=reason, status=status, body=word):
                return _refused(status or 500, reason, word or "downstream_service_error")
        raise AssertionError

    def _result(self, job: Job) -> dict[str, Any]:
        told: dict[str, Any] = reply("fal-result") | {"seed": job.body.get("seed", 90210)}
        if job.body.get("enable_prompt_expansion", True):
            told["actual_prompt"] = f"In fine detail: {job.body['prompt']}"
        told["video"] |= {"url": self.living_link(job), "file_size": len(self.film(job))}
        return told

    def _event(self, job: Job) -> dict[str, Any]:
        outcome = self._outcome(job)
        event: dict[str, Any] = reply("fal-webhook") | {"request_id": job.ticket, "gateway_request_id": job.ticket}
        failed = {"status": "ERROR", "error": f"Invalid status code: {outcome.status}"}
        return event | {"payload": outcome.told} | ({} if outcome.status == 200 else failed)

    def _links(self, job: Job) -> dict[str, str]:
        base = f"https://{self.hand_out_host}" if self.hand_out_host else self.url
        link = f"{base}/{MODEL.rpartition('/')[0]}/requests/{job.ticket}"
        return {"response_url": link, "status_url": f"{link}/status", "cancel_url": f"{link}/cancel"}

    # -- the REST side

    def _keys(self) -> dict[str, Any]:
        """Return two keys, of which the second is the one in use."""
        keys: dict[str, Any] = reply("fal-keys")
        old = Ed25519PrivateKey.generate()
        raw = [key.public_key().public_bytes_raw() for key in (old, self.signer)]
        keys["keys"] = [keys["keys"][0] | {"x": base64.urlsafe_b64encode(x).rstrip(b"=").decode()} for x in raw]
        return keys

    def _initiate(self, request: Request) -> Answer:
        self.authorise(request)
        body = self.parsed(request)
        if "storage_type" not in request.query or flaws("fal-request-upload", body):
            return self.refusal("bad_body")
        name = uuid.uuid4().hex
        upload, target = f"/fal-rest/uploads/{name}?Signature=b%2B{name[:8]}%3D", f"/files/{name}"
        self.uploads[upload] = target
        told = {"upload_url": self.base + upload, "file_url": self.base + target}
        return Answer(200, reply("fal-upload") | told)

    def _upload(self, request: Request) -> Answer:
        """Take a file at the very link that was handed out; no key is needed, though fal's own client sends it."""
        target = self.uploads.get(request.target)
        if target is None:
            return Answer(403, {"detail": "Forbidden"})
        kind = request.headers.get("content-type", "application/octet-stream")
        self.publish(target, File(content=request.body, content_type=kind))
        return Answer(200, b"")


def _judgement(body: dict[str, Any]) -> Fault | None:
    """Return what the model will say about the media, if it does not take them."""
    try:
        judge_image(body["image_url"], data_uris=True, max_bytes=_IMAGE_MAX_BYTES)
        if body.get("audio_url"):
            judge_audio(body["audio_url"])
    except Unreachable:
        return Fault("media_unreachable")
    except Misfit as misfit:
        words = {"format": "unsupported_audio_format"} if misfit.role == "audio" else _MISFITS
        flaw = _flaw(misfit.flaw, words.get(misfit.flaw, "value_error")) | {"loc": ["body", f"{misfit.role}_url"]}
        return Fault("detail", body=[flaw])
    return None


def _flaw(message: str, word: str, sent: Any = None) -> dict[str, Any]:
    return {**reply("fal-flaw"), "msg": message, "type": word, "input": sent}


def _schema_flaw(flaw: Any, body: dict[str, Any]) -> dict[str, Any]:
    word = _FLAW_TYPES.get(flaw.validator, "value_error")
    return _flaw(flaw.message, word, body) | {"loc": ["body", *flaw.path]}


def _moderated(job: Job) -> dict[str, Any]:
    return _flaw("The content could not be processed", "content_policy_violation", job.body)


def _said(fault: Fault, job: Job) -> Answer:
    """Refuse with the detail that a test asked for; the flaws of a list echo what was sent."""
    if not isinstance(fault.body, list):
        return _refused(fault.status or 422, fault.body, "bad_request")
    echoed = [{**flaw, "input": job.body} if isinstance(flaw, dict) else flaw for flaw in fault.body]
    return _unprocessable(echoed, fault.status)


def _unprocessable(detail: list[Any], status: int | None = None) -> Answer:
    return Answer(status or 422, {"detail": detail}, {"x-fal-request-id": str(uuid.uuid4())})


def _refused(status: int, detail: Any, word: str) -> Answer:
    """Refuse in the newer of fal's two formats."""
    headers = {"x-fal-request-id": str(uuid.uuid4())}
    if not word:
        return Answer(status, {"detail": detail}, headers)
    return Answer(status, {"detail": detail, "error_type": word}, headers | {"X-Fal-Error-Type": word})


def _leave_out(told: Any, fault: Fault | None) -> None:
    if fault is not None and fault.name == "missing_keys":
        for name in fault.body or ("queue_position", "logs", "metrics", "seed"):
            told.pop(name, None)
