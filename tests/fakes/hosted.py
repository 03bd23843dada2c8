"""What the fakes of the hosted providers share: a server at the socket, a ledger of paid calls, jobs, faults and result files."""

from __future__ import annotations

import json
import os
import ssl
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.fakes.hosted_media import Answer, Hangup, Instead, Request, Server, ranged, reply, video

_LINK_LIVES_S = 3600
PLACES: dict[str, tuple[str, ...]] = {
    "hang": ("submit", "look", "result", "fetch", "cancel"),
    "http_error": ("submit", "look", "result", "fetch", "cancel"),
    "reset": ("submit", "look", "result", "fetch", "cancel"),
    "html_for_json": ("look", "submit", "result", "cancel"),
    "rate_limited": ("submit", "look", "result", "fetch", "cancel"),
    "bad_key": ("submit", "look", "result", "cancel"),
    "reset_before_job": ("submit",),
    "reset_after_job": ("submit",),
    "no_ticket": ("submit",),
    "status_201": ("submit",),
    "balance": ("submit",),
    "moderated": ("submit", "end"),
    "unknown_status": ("look",),
    "waiting": ("look",),
    "requeue": ("look",),
    "missing_keys": ("look", "result"),
    "ttl": ("result",),
    "progress_zero": ("result",),
    "failed_upstream": ("end",),
    "completed_with_error": ("end",),
    "detail": ("end", "submit"),
    "empty_videos": ("end",),
    "media_unreachable": ("end",),
    "silent": ("end",),
    "wrong_length": ("end",),
    "index_last": ("end",),
    "expired": ("fetch",),
    "truncated": ("fetch",),
    "cut_video": ("fetch",),
    "already_completed": ("cancel",),
}
"""Where each fault may be, its usual place first. `end` is how a job goes: it stays with the job that met it."""


@dataclass(kw_only=True)
class Fault:
    """One thing that goes wrong, `times` times. What a word of `PLACES` needs besides is named like what it sets.

    `where` may also be `poll`, which is `look`; `result` is the answer of a job that has ended. `body` is what is said:
    a page instead of an error, a time to live, fal's detail, the keys that are missing.
    """

    name: str = field(kw_only=False)
    where: str = field(default="", kw_only=False)
    times: int = field(default=1, kw_only=False)
    status: Any = None
    seconds: float = 90.0
    body: Any = None
    after_job: bool = False
    html: bool = False
    reason: str | None = "InternalError.Algo: the task gave out"
    polls: int | None = None
    retry_after: str | int | None = None
    after_bytes: int | None = None

    def __post_init__(self) -> None:
        self.times = self.times if self.polls is None else self.polls
        self.after_job = self.after_job or self.name == "reset_after_job"
        if self.place not in PLACES[self.name]:
            raise ValueError(f"{self.name} is nothing that can go wrong at {self.where}")

    @property
    def place(self) -> str:
        places = PLACES[self.name]
        where = {"poll": "look", "": places[0]}.get(self.where, self.where)
        return "end" if where in {"look", "result"} and where not in places and "end" in places else where

    @property
    def leaves_video(self) -> bool:
        """Whether a job that went so has a video and is charged."""
        return self.name in {"silent", "wrong_length", "index_last"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request of any kind; header names are in lower case, `path` is as it was sent, without its query."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidCall:
    """One POST that could have cost money; `made` tells whether there is a job behind it, `ticket` that job."""

    body: Any
    query: Mapping[str, str]
    headers: Mapping[str, str]
    made: bool = False
    ticket: str | None = None


@dataclass(kw_only=True)
class Job:
    """One job at the provider; `end` is blank while it runs, then done, failed or cancelled. `cut`: a text lost its end."""

    model: str
    body: dict[str, Any]
    seconds: int
    sound: bool
    usd_micros: int
    cut: bool = False
    webhook: str | None = None
    tag: str | None = None
    ticket: str = ""
    looks: int = 0
    end: str = ""
    fault: Fault | None = None
    link: str = ""
    made_s: float = field(default_factory=time.time)

    def went(self, name: str) -> Fault | None:
        """Return the fault that it ended with, if it is this one."""
        return self.fault if self.fault is not None and self.fault.name == name else None

    def reason(self) -> str | None:
        """Return why it failed in Alibaba's words, which its resellers pass on; None is no word at all."""
        assert self.fault is not None
        reason: str | None = reply("alibaba-failures").get(self.fault.name, self.fault.reason)
        return reason


@dataclass(kw_only=True)
class File:
    """What a link leads to: a job's video, or bytes that somebody put there."""

    job: Job | None = None
    content: bytes = b""
    content_type: str = "video/mp4"
    dead: bool = False


class Fake(ABC):
    """Serves on a free port until closed. Set its attributes at any time; they count from the next request on.

    `video` None is a film made for the job; `ends_after_s` ends a job that nobody looks at.
    """

    prefix: ClassVar[str]
    key: ClassVar[str]
    scheme: ClassVar[str] = "Bearer"

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ledger = folder / "paid-calls.jsonl"
        self.faults: list[Fault] = []
        self.looks, self.webhook_tries = 1, 1
        self.video: bytes | None = None
        self.ends_after_s: float | None = None
        self.seen: list[Seen] = []
        self.webhooks_sent: list[tuple[str, int]] = []
        self.jobs: dict[str, Job] = {}
        self.files: dict[str, File] = {}
        self.closing, self.lock = threading.Event(), threading.RLock()
        self._calls = len(self.paid())
        self._errands: list[threading.Thread] = []
        self._server = Server(host, tls, self._respond)
        self.origin, self.base = self._server.origin, self._server.url
        self.url = f"{self.base}/{self.prefix}"

    @classmethod
    @contextmanager
    def serving(cls, folder: Path, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Self]:
        """Serve for the length of a block."""
        fake = cls(folder, host=host, tls=tls)
        try:
            yield fake
        finally:
            fake.close()

    def close(self) -> None:
        """Stop serving; whoever hangs is let go.

        Raises:
            RuntimeError: the fake itself broke over a request.
        """
        self.closing.set()
        self._server.close()
        self.errands_done()
        if self._server.broke:
            raise RuntimeError("the fake broke") from self._server.broke[0]

    # -- what a test asks

    def paid(self) -> list[PaidCall]:
        """Return every paid call that ever came, from the disk."""
        calls: dict[int, PaidCall] = {}
        with self.lock:
            lines = self.ledger.read_text().splitlines() if self.ledger.exists() else []
        for line in lines:
            told = json.loads(line)
            number = told.pop("call")
            calls[number] = replace(calls[number], made=True, **told) if number in calls else PaidCall(**told)
        return list(calls.values())

    def billed_usd_micros(self) -> int:
        """Return what all jobs that ended well cost."""
        return sum(job.usd_micros for job in self.jobs.values() if job.end == "done")

    def errands_done(self) -> None:
        """Wait until every event that is under way was sent."""
        for errand in self._errands:
            errand.join()

    def send_webhook(self, ticket: str, **changes: Any) -> int:
        """Send a job's event, again or altered; return the receiver's status, 0 if it did not answer."""
        raise NotImplementedError

    # -- what each provider says

    @abstractmethod
    def api(self, request: Request) -> Answer:
        """Answer a request for anything but a file."""

    @abstractmethod
    def refusal(self, kind: str, text: str = "", status: int | None = None) -> Answer:
        """Return a refusal in this provider's shape."""

    @abstractmethod
    def ordered(self, request: Request, model: str) -> Job:
        """Judge what was sent and return the job that it makes; raises `Instead` where it is refused."""

    @abstractmethod
    def accepted(self, job: Job) -> dict[str, Any]:
        """Return the answer to a call that made a job."""

    def refused(self, job: Job, fault: Fault) -> Answer | None:
        """Return the refusal of a good order, where a fault asks for it."""
        return self.refusal("moderated", status=fault.status) if fault.name == "moderated" else None

    def marks(self, job: Job) -> dict[str, str]:
        """Return the headers that this provider puts on an answer about a job."""
        return {}

    # -- what they do alike

    def submit(self, request: Request, model: str) -> Answer:
        """Take a paid call: it is on the disk before anything else happens."""
        number = self._write_down(request)
        fault = self.take("submit")
        after_job = fault is not None and fault.after_job
        if not after_job:
            self.do(fault)
        self.authorise(request)
        job = self.ordered(request, model)
        if fault is not None and (refused := self.refused(job, fault)):
            raise Instead(refused)
        self._make(number, job)
        if after_job:
            self.do(fault)
        word = "" if fault is None else fault.name
        told = {} if word == "no_ticket" else self.accepted(job)
        return Answer(201 if word == "status_201" else 200, told, self.marks(job))

    def authorise(self, request: Request) -> None:
        if (told := request.headers.get("authorization")) is None:
            raise Instead(self.refusal("no_key"))
        if told != f"{self.scheme} {self.key}":
            raise Instead(self.refusal("bad_key"))

    def parsed(self, request: Request) -> dict[str, Any]:
        """Return the object that was sent as JSON."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise Instead(self.refusal("bad_body", "Content-Type must be application/json"))
        if not isinstance(body := _json(request.body), dict):
            raise Instead(self.refusal("bad_body", "the body is no JSON object"))
        return body

    def take(self, place: str) -> Fault | None:
        """Use one turn of the first fault for this place."""
        with self.lock:
            fault = next((each for each in self.faults if each.place == place and each.times > 0), None)
            if fault is not None:
                fault.times -= 1
                if fault.times < 1:
                    self.faults.remove(fault)
            return fault

    def do(self, fault: Fault | None) -> None:
        """Do what any endpoint may do instead of its work."""
        match fault:
            case Fault(name="hang"):
                if self.closing.wait(fault.seconds):
                    raise Hangup
            case Fault(name="reset" | "reset_before_job" | "reset_after_job"):
                raise Hangup
            case Fault() if said := self._said(fault):
                raise Instead(said)

    def _said(self, fault: Fault) -> Answer | None:
        match fault:
            case Fault(name="html_for_json", status=status):
                return Answer(status or 200, _page("We will be back soon."))
            case Fault(name="http_error", html=True, status=status):
                return Answer(status or 503, _page(f"{status or 503} nginx"))
            case Fault(name="http_error", body=None):
                return self.refusal("server", status=fault.status or 503)
            case Fault(name="http_error", body=body):
                return Answer(fault.status or 503, body.encode() if isinstance(body, str) else body)
            case Fault(name="rate_limited", retry_after=wait):
                told = self.refusal("rate_limited")
                return replace(told, headers=told.headers | ({} if wait is None else {"Retry-After": str(wait)}))
            case Fault(name="balance" | "bad_key"):
                return self.refusal(fault.name, status=fault.status)
        return None

    def age(self, job: Job) -> None:
        """Count a look; a job that was seen running often enough ends now."""
        with self.lock:
            job.looks += 1
            if job.looks > self.looks:
                self.end(job)

    def looked(self, job: Job) -> Fault | None:
        """Let a look do its part, and return what it is to go wrong with."""
        self.age(job)
        fault = self.take("look")
        self.do(fault)
        return fault

    def end(self, job: Job, how: str = "") -> None:
        """Let a job end; who waits for its event is told."""
        with self.lock:
            if job.end:
                return
            job.fault = job.fault or (None if how else self.take("end"))
            job.end = how or ("done" if job.fault is None or job.fault.leaves_video else "failed")
        if job.webhook is not None:
            self.errand(lambda: self._tell(job.ticket))

    def fresh_link(self, job: Job) -> str:
        """Hand out a link that nobody had before."""
        name, until = uuid.uuid4().hex, int(time.time()) + _LINK_LIVES_S
        return self.publish(f"/files/{name}.mp4?Expires={until}&Signature=a%2Fb%7E{name[:8]}%3D", File(job=job))

    def living_link(self, job: Job) -> str:
        """Hand out the job's link, a new one once that has expired."""
        if not job.link or self.files[job.link.removeprefix(self.base)].dead:
            job.link = self.fresh_link(job)
        return job.link

    def publish(self, target: str, file: File) -> str:
        """Serve a file at a target of this server."""
        self.files[target] = file
        return self.base + target

    def film(self, job: Job) -> bytes:
        """Return the video that a job made."""
        if self.video is not None:
            return self.video
        seconds = fault.seconds if (fault := job.went("wrong_length")) else job.seconds
        sound = job.sound and not job.went("silent")
        return video(seconds, sound=sound, index_first=not job.went("index_last"))

    def errand(self, work: Callable[[], object]) -> None:
        """Do something beside the answer."""
        thread = threading.Thread(target=work, daemon=True)
        self._errands.append(thread)
        thread.start()

    # -- inside

    def _respond(self, request: Request) -> Answer:
        path = request.target.partition("?")[0]
        self.seen.append(Seen(method=request.method, path=path, query=request.query, headers=request.headers))
        if path.startswith("/files/"):
            return self.file(request)
        return self.api(request)

    def file(self, request: Request) -> Answer:
        """Serve a result; a link is good only as it was handed out, byte for byte, and takes no key."""
        if "authorization" in request.headers:
            return Answer(400, b"<Error><Code>InvalidArgument</Code></Error>", {"Content-Type": "application/xml"})
        file = self.files.get(request.target)
        fault = self.take("fetch") if file is not None and file.job is not None and not file.dead else None
        self.do(fault)
        if file is not None and fault is not None and fault.name == "expired":
            file.dead = True
        if file is None or file.dead:
            return Answer(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        whole = self.film(file.job) if file.job is not None else file.content
        if fault is not None and fault.name == "cut_video":
            whole = whole[: fault.after_bytes or len(whole) * 2 // 3]
        answer = ranged(request, whole, file.content_type)
        if fault is not None and fault.name == "truncated":
            answer.cut_after_bytes = fault.after_bytes or len(whole) // 2
        return answer

    def _write_down(self, request: Request) -> int:
        with self.lock:
            self._calls += 1
            sent = _json(request.body)
            self._append({"call": self._calls, "body": sent, "query": request.query, "headers": request.headers})
            return self._calls

    def _make(self, number: int, job: Job) -> None:
        with self.lock:
            job.ticket = job.ticket or str(uuid.uuid4())
            self.jobs[job.ticket] = job
            self._append({"call": number, "ticket": job.ticket})
        if (wait_s := self.ends_after_s) is not None:
            self.errand(lambda: self._end_later(job, wait_s))

    def _end_later(self, job: Job, wait_s: float) -> None:
        if not self.closing.wait(wait_s):
            self.end(job)

    def _append(self, line: Mapping[str, Any]) -> None:
        with self.ledger.open("a") as ledger:
            ledger.write(json.dumps(line) + "\n")
            ledger.flush()
            os.fsync(ledger.fileno())

    def _tell(self, ticket: str) -> None:
        for _ in range(self.webhook_tries):
            if self.closing.is_set() or 200 <= self.send_webhook(ticket) < 300:
                return


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _page(words: str) -> bytes:
    return f"<html><body><h1>{words}</h1></body></html>".encode()
