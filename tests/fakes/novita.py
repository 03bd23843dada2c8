"""Novita at the socket: three Wan models, one place to ask for results, and webhooks that nobody signs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from tests.fakes.hosted import Fake, Fault, Job
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

_IMAGE_MAX_BYTES = 10_000_000
_CUT_CHARS = {"prompt": 2000, "negative_prompt": 500}
_REFUSALS = {
    "bad_body": (400, "INVALID_REQUEST_BODY", "invalid request body"),
    "no_key": (400, "MISSING_API_KEY", "missing api key"),
    "bad_key": (403, "INVALID_API_KEY", "invalid api key"),
    "balance": (400, "BILLING_BALANCE_NOT_ENOUGH", "not enough balance"),
    "moderated": (400, "ILLEGAL_PROMPT", "the prompt is not allowed"),
    "no_path": (404, "API_NOT_FOUND", "api not found"),
    "no_job": (404, "TASK_NOT_FOUND", "task not found"),
    "rate_limited": (429, "RATE_LIMIT_EXCEEDED", "rate limit exceeded"),
    "server": (503, "SERVICE_UNAVAILABLE", "service unavailable"),
}
_OTHER_WORDS = {
    ("bad_key", 401): "FAILED_TO_AUTH",
    ("bad_key", 400): "MISSING_API_KEY",
    ("balance", 403): "NOT_ENOUGH_BALANCE",
    ("balance", 409): "DE_BALANCE_NOT_ENOUGH",
    ("server", 404): "API_NOT_FOUND",
    ("server", 500): "CREATE_TASK_FAILED",
}
_MISFITS = {
    "heavy": "IMAGE_FILE_EXCEEDS_MAX_SIZE",
    "large": "IMAGE_EXCEEDS_MAX_RESOLUTION",
    "small": "INVALID_IMAGE_SIZE",
    "link": "INVALID_REQUEST_BODY",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """What one path takes; prices are for a second, or for the whole video where it has but one length."""

    image: str
    usd_micros: dict[str, int]
    data_uris: bool = False


_MODELS = {
    "wan-2.5-i2v-preview": _Model(image="img_url", usd_micros={"480P": 50_000, "720P": 100_000, "1080P": 150_000}),
    "wan2.6-i2v": _Model(image="img_url", usd_micros={"720P": 100_000, "1080P": 150_000}, data_uris=True),
    "wan-i2v": _Model(image="image_url", usd_micros={"480p": 200_000, "720p": 400_000}),
}


class NovitaFake(Fake):
    """Every known task is answered with 200, whatever became of it."""

    prefix: ClassVar[str] = "novita"
    key: ClassVar[str] = "nv-canary-5f0c1d"

    def api(self, request: Request) -> Answer:
        match [request.method, *request.path.strip("/").split("/")]:
            case ["GET", "novita", "v3", "async", "task-result"]:
                return self._result(request)
            case ["POST", "novita", "v3", "async", model] if model in _MODELS:
                return self.submit(request, model)
        return self.refusal("no_path")

    def refusal(self, kind: str, text: str = "", status: int | None = None) -> Answer:
        usual, word, message = _REFUSALS[kind]
        code = status or usual
        word = _OTHER_WORDS.get((kind, code), word)
        return Answer(code, reply("novita-error") | {"code": code, "reason": word, "message": text or message})

    def accepted(self, job: Job) -> dict[str, Any]:
        return {**reply("novita-submit"), "task_id": job.ticket}

    def ordered(self, request: Request, model: str) -> Job:
        body = self.parsed(request)
        if wrong := flaws(f"novita-request-{model}", body):
            raise Instead(self.refusal("bad_body", wrong[0].message))
        job = _flat(body) if model == "wan-i2v" else _nested(model, body)
        self._try_hook(job)
        self._judge(job, _MODELS[model])
        return job

    def send_webhook(self, ticket: str, **changes: Any) -> int:
        job = self.jobs[ticket]
        return self._send(job.webhook or "", {"payload": self._told(job)} | changes)

    def _send(self, url: str, event: dict[str, Any]) -> int:
        status = post(url, json.dumps(reply("novita-webhook") | event).encode(), {})
        self.webhooks_sent.append((url, status))
        return status

    def _try_hook(self, job: Job) -> None:
        """Send a mock event and make no job, where that was asked for."""
        hook = job.body.get("extra", {}).get("webhook", {})
        test = hook.get("test_mode", {})
        if test.get("enabled"):
            job.ticket, job.fault = "mock-task", Fault("failed_upstream")
            job.end = "done" if test["return_task_status"] == "TASK_STATUS_SUCCEED" else "failed"
            self.errand(lambda: self._send(hook["url"], {"payload": self._told(job)}))
            raise Instead(Answer(200, self.accepted(job)))

    def _judge(self, job: Job, model: _Model) -> None:
        inside = job.body.get("input", job.body)
        try:
            judge_image(inside[model.image], data_uris=model.data_uris, max_bytes=_IMAGE_MAX_BYTES)
            if inside.get("audio_url"):
                judge_audio(inside["audio_url"])
        except Unreachable:
            job.fault = Fault("media_unreachable")
        except Misfit as misfit:
            usual = "INVALID_AUDIO_FILE" if misfit.role == "audio" else "INVALID_IMAGE_FORMAT"
            refused = self.refusal("bad_body", f"{misfit.role}: {misfit.flaw}")
            refused.told["reason"] = usual if misfit.role == "audio" else _MISFITS.get(misfit.flaw, usual)
            raise Instead(refused) from None

    def _result(self, request: Request) -> Answer:
        self.authorise(request)
        job = self.jobs.get(request.query.get("task_id", ""))
        if job is None:
            self.do(self.take("look"))
            return self.refusal("no_job")
        faults = [self.looked(job)]
        if job.end:
            faults.append(self.take("result"))
            self.do(faults[-1])
        told = self._told(job)
        for fault in faults:
            _bend(told, fault)
        return Answer(200, told)

    def _told(self, job: Job) -> dict[str, Any]:
        told: dict[str, Any] = reply("novita-task")
        told["task"]["task_id"] = job.ticket
        seed = job.body.get("parameters", job.body).get("seed", -1)
        told["extra"]["seed"] = str(seed) if seed >= 0 else told["extra"]["seed"]
        if "extra" in job.body:
            told["extra"] |= job.body["extra"]
        match job.end:
            case "":
                told["task"]["status"] = "TASK_STATUS_QUEUED" if job.looks < 2 else "TASK_STATUS_PROCESSING"
            case "done":
                told["task"] |= {"status": "TASK_STATUS_SUCCEED", "eta": 0, "progress_percent": 100}
                told["videos"] = [reply("novita-video") | {"video_url": self.fresh_link(job)}]
            case _:
                told["task"] |= _failed(job)
                if told["task"]["reason"] is None:
                    del told["task"]["reason"]
        return told


def _failed(job: Job) -> dict[str, Any]:
    """Return what a task that gave no video says of itself; without a reason it has not even the key."""
    if job.went("empty_videos"):
        return {"status": "TASK_STATUS_SUCCEED", "eta": 0, "progress_percent": 100}
    return {"status": "TASK_STATUS_FAILED", "eta": 0, "reason": job.reason()}


def _nested(model: str, body: dict[str, Any]) -> Job:
    inside, parameters = body["input"], body.get("parameters", {})
    seconds = parameters.get("duration", 5)
    return Job(
        model=model,
        body=body,
        seconds=seconds,
        sound=bool(inside.get("audio_url")) or parameters.get("audio", True),
        usd_micros=seconds * _MODELS[model].usd_micros[parameters.get("resolution", "1080P")],
        cut=any(len(inside.get(name, "")) > most for name, most in _CUT_CHARS.items()),
    )


def _flat(body: dict[str, Any]) -> Job:
    """A video of five seconds without sound; one side alone is as if there were none."""
    tier = "720p" if "width" in body and "height" in body and 720 in {body["width"], body["height"]} else "480p"
    usd_micros = _MODELS["wan-i2v"].usd_micros[tier] // (2 if body.get("fast_mode") else 1)
    hook = body.get("extra", {}).get("webhook", {}).get("url")
    return Job(model="wan-i2v", body=body, seconds=5, sound=False, usd_micros=usd_micros, webhook=hook)


def _bend(told: dict[str, Any], fault: Fault | None) -> None:
    match fault:
        case Fault(name="unknown_status", status=word):
            told["task"]["status"] = word or "TASK_STATUS_UNKNOWN"
            told["videos"] = []
        case Fault(name="waiting" | "requeue"):
            told["task"]["status"] = "TASK_STATUS_QUEUED"
            told["videos"] = []
        case Fault(name="ttl", body=seconds):
            for made in told["videos"]:
                made["video_url_ttl"] = seconds
        case Fault(name="progress_zero"):
            told["task"]["progress_percent"] = 0
        case Fault(name="missing_keys", body=names):
            for name in names or ("extra", "images", "audios", "eta", "progress_percent", "reason", "task_type"):
                told.pop(name, None)
                told["task"].pop(name, None)
