"""AI/ML API at the socket: one model, its live price, and logs in which an order can be found again."""

from __future__ import annotations

import hashlib
import json
import re
import time
import uuid
from typing import Any, ClassVar

from tests.fakes.hosted import Fake, Fault, Job
from tests.fakes.hosted_media import Answer, Instead, Misfit, Request, Unreachable, flaws, judge_image, reply

MODEL = "alibaba/wan2.5-i2v-preview"
USD_MICROS_PER_S = {"480p": 60_000, "720p": 120_000, "1080p": 180_000}
_CREDITS_PER_USD = 2_000_000
_IMAGE_MAX_BYTES = 10_000_000
_TAG = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_PERIOD = re.compile(r"[1-9]\d*[hd]")
_REFUSALS = {
    "bad_body": (400, "Body validation error!"),
    "moderated": (400, "The prompt was rejected by the safety system: inappropriate content."),
    "no_key": (401, "This request requires a valid API key, none was given."),
    "bad_key": (401, "This request requires a valid API key, the one given is not."),
    "balance": (403, "You've run out of credits. Top up your balance to go on."),
    "no_path": (404, "Not Found"),
    "no_job": (404, "Generation not found"),
    "rate_limited": (429, "Too Many Requests"),
    "server": (503, "Service unavailable"),
}


class AimlapiFake(Fake):
    """The logs tell only how jobs ended, unless `logs_early`; asking for them counts as a look at every job."""

    prefix: ClassVar[str] = "aimlapi"
    key: ClassVar[str] = "aiml-canary-7c8d32"
    logs_early: bool = False

    def api(self, request: Request) -> Answer:
        match [request.method, *request.path.strip("/").split("/")]:
            case ["POST", "aimlapi", "v2", "video", "generations"]:
                return self.submit(request, MODEL)
            case ["POST", "aimlapi", "v2", "generate", "video", "alibaba", "generation"]:
                return self.submit(request, MODEL)
            case ["GET", "aimlapi", "v2", "video", "generations"]:
                return self._result(request)
            case ["GET", "aimlapi", "v2", "generate", "video", "alibaba", "generation"]:
                return self._result(request)
            case ["GET", "aimlapi", "v2", "logs"]:
                return self._logs(request)
            case ["GET", "aimlapi", "v1", "models"]:
                return _models(request)
            case ["GET", "aimlapi", "v2", "billing"]:
                self.authorise(request)
                left_usd = 100 - self.billed_usd_micros() / 1_000_000
                return Answer(200, reply("aimlapi-billing") | {"current_balance": left_usd})
        return self.refusal("no_path")

    def refusal(self, kind: str, text: str = "", status: int | None = None) -> Answer:
        usual, message = _REFUSALS[kind]
        code = status or usual
        told = {"requestId": str(uuid.uuid4()), "statusCode": code, "path": "/v2/video/generations"}
        return Answer(code, reply("aimlapi-error") | told | {"message": f"{message} {text}".strip()})

    def accepted(self, job: Job) -> dict[str, Any]:
        return self._told(job)

    def marks(self, job: Job) -> dict[str, str]:
        marks = {"x-inference-id": job.ticket} | ({"x-client-request-id": job.tag} if job.tag else {})
        if job.end != "done":
            return marks
        usd, credits_used = _cost(job)
        return marks | {"x-aimlapi-usd-spent": str(usd), "x-aimlapi-credits-used": str(credits_used)}

    def ordered(self, request: Request, model: str) -> Job:
        body = self.parsed(request)
        if wrong := flaws("aimlapi-request", body):
            raise Instead(self.refusal("bad_body", wrong[0].message))
        tag = request.headers.get("x-client-request-id", "")
        seconds = body.get("duration", 10)
        job = Job(
            model=MODEL,
            body=body,
            seconds=seconds,
            sound=True,
            usd_micros=seconds * USD_MICROS_PER_S[body.get("resolution", "1080p")],
            tag=tag if _TAG.fullmatch(tag) else None,
            ticket=f"{uuid.uuid4()}:{MODEL}",
        )
        try:
            judge_image(body["image_url"], data_uris=True, max_bytes=_IMAGE_MAX_BYTES)
        except Unreachable:
            job.fault = Fault("media_unreachable")
        except Misfit as misfit:
            raise Instead(self.refusal("bad_body", f"image_url: {misfit.flaw}")) from None
        return job

    def _result(self, request: Request) -> Answer:
        self.authorise(request)
        job = self.jobs.get(request.query.get("generation_id", ""))
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
        return Answer(200, told, self.marks(job))

    def _told(self, job: Job) -> dict[str, Any]:
        told: dict[str, Any] = reply("aimlapi-generation") | {"id": job.ticket, "meta": None}
        match job.end:
            case "":
                told["status"] = "queued" if job.looks < 2 else "generating"
            case "done":
                meta = {"usage": {"credits_used": _cost(job)[1]}}
                told |= {"status": "completed", "video": {"url": self.living_link(job)}, "meta": meta}
            case _ if job.went("empty_videos"):
                told |= {"status": "completed"}
            case _:
                told |= {"status": "error", "error": _error(job)}
                if told["error"] is None:
                    del told["error"]
        return told

    def _logs(self, request: Request) -> Answer:
        self.authorise(request)
        asked = request.queries
        if ("period" in asked) == ("start" in asked and "end" in asked):
            return self.refusal("bad_body", "either period or both start and end")
        if not _PERIOD.fullmatch(asked.get("period", ["1h"])[-1]):
            return self.refusal("bad_body", "period is hours or days")
        for job in list(self.jobs.values()):
            self.age(job)
        rows = [_row(job) for job in reversed(list(self.jobs.values())) if job.end or self.logs_early]
        wanted = [
            row for row in rows if {row["model"], row["model"].rpartition("/")[2]} & {*asked.get("model", [MODEL])}
        ]
        wanted = [row for row in wanted if row["status"] in asked.get("status", ("succeeded", "failed"))]
        return self._page(wanted, int(asked.get("limit", ["50"])[-1]), int(asked.get("offset", ["0"])[-1]))

    def _page(self, rows: list[dict[str, Any]], limit: int, offset: int) -> Answer:
        if not 1 <= limit <= 100 or offset < 0:
            return self.refusal("bad_body", "limit is 1 to 100")
        pagination = {"limit": limit, "offset": offset, "total": len(rows), "has_more": offset + limit < len(rows)}
        return Answer(200, reply("aimlapi-logs") | {"data": rows[offset : offset + limit], "pagination": pagination})


def _cost(job: Job) -> tuple[float, int]:
    """Return dollars and credits; what has not ended well costs nothing."""
    usd_micros = job.usd_micros if job.end == "done" else 0
    return usd_micros / 1_000_000, usd_micros * _CREDITS_PER_USD // 1_000_000


def _error(job: Job) -> dict[str, str] | None:
    if (reason := job.reason()) is None:
        return None
    code, _, message = reason.partition(": ")
    return {"name": code, "message": message or reason}


def _row(job: Job) -> dict[str, Any]:
    usd, credits_used = _cost(job)
    made = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(job.made_s))
    row: dict[str, Any] = reply("aimlapi-log-row")
    return row | {
        "created": made,
        "status": "failed" if job.end in {"failed", "cancelled"} else "succeeded",
        "cost": {"usd": usd, "credits": credits_used},
        "request_id": f"req-{job.ticket[:8]}",
        "inference_id": job.ticket,
        "client_request_id": job.tag,
    }


def _models(request: Request) -> Answer:
    """Tell the price to anybody; a list that nobody changed is not sent twice."""
    told: dict[str, Any] = reply("aimlapi-models")
    asked = request.query
    model = told["data"][0]
    if asked.get("id", MODEL) not in {model["id"], *model["aliases"]}:
        told["data"] = []
    prices = [
        {"when": {"resolution": tier}, "price": usd_micros / 1_000_000, "unit": "second", "per": 1}
        for tier, usd_micros in USD_MICROS_PER_S.items()
    ]
    model["pricing"]["variants"] = prices
    if not {"pricing", "all"} & {*asked.get("include", "").split(",")}:
        del model["pricing"]
    tag = f'W/"{hashlib.md5(json.dumps(told).encode()).hexdigest()}"'
    unchanged = request.headers.get("if-none-match") == tag
    return Answer(304, b"", {"ETag": tag}) if unchanged else Answer(200, told, {"ETag": tag})


def _bend(told: dict[str, Any], fault: Fault | None) -> None:
    match fault:
        case Fault(name="unknown_status", status=word):
            told |= {"status": word or "active", "video": None}
        case Fault(name="waiting" | "requeue"):
            told |= {"status": "waiting", "video": None}
        case Fault(name="missing_keys", body=names):
            for name in names or ("error", "meta"):
                told.pop(name, None)
