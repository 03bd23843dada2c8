"""An S3 bucket at the socket, which checks every signature by itself, and when a link has lapsed.

The rules: docs.aws.amazon.com, "Authenticating Requests (AWS Signature Version 4)", read in November 2026.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote

ACCESS_KEY, SECRET_KEY, REGION = "AKCANARY", "canary+secret/4f1c", "eu-central-1"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_SKEW_S = 15 * 60
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<credential>[^,]+), ?SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>\w+)"
)


class Denied(Exception):
    """The request is not signed as it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request; header names are in lower case, `path` is as it was sent, without its query."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class FakeBucket:
    """What is kept, by path without the first slash: bytes and type. `later_s` moves its clock; `down` refuses all."""

    url: str = ""
    objects: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    later_s: float = 0.0
    down: bool = False

    def environment(self) -> dict[str, str]:
        """Return the names that lead a client here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    def answer(self, asked: Asked) -> tuple[int, bytes, str]:
        """Return status, body and type."""
        self.asked.append(f"{asked.method} {asked.path}")
        if self.down:
            return 403, b"<Error><Code>SlowDown</Code></Error>", "application/xml"
        try:
            self._check(asked)
        except Denied as denied:
            return 403, f"<Error><Code>{denied}</Code></Error>".encode(), "application/xml"
        key = asked.path.removeprefix("/")
        match asked.method:
            case "PUT":
                self.objects[key] = asked.body, asked.headers.get("content-type", "")
                return 200, b"", ""
            case "DELETE":
                self.objects.pop(key, None)
                return 204, b"", ""
        if key in self.objects:
            return 200, *self.objects[key]
        return 404, b"<Error><Code>NoSuchKey</Code></Error>", "application/xml"

    def _check(self, asked: Asked) -> None:
        query = dict(parse_qsl(asked.query, keep_blank_values=True))
        if "X-Amz-Signature" in query:
            self._check_link(asked, query)
        else:
            self._check_headers(asked)

    def _check_link(self, asked: Asked, query: dict[str, str]) -> None:
        """Check a link that was signed for whoever has it."""
        signature = query.pop("X-Amz-Signature")
        self._check_age(query["X-Amz-Date"], float(query["X-Amz-Expires"]))
        names = query["X-Amz-SignedHeaders"]
        request = _canonical(asked, query, names, _UNSIGNED)
        _check_signature(request, query["X-Amz-Date"], query["X-Amz-Credential"], signature)

    def _check_headers(self, asked: Asked) -> None:
        """Check a request that was signed by its sender, body and all."""
        told = _AUTHORIZATION.fullmatch(asked.headers.get("authorization", ""))
        if told is None:
            raise Denied("AccessDenied")
        payload, stamp = asked.headers["x-amz-content-sha256"], asked.headers["x-amz-date"]
        if payload not in {_UNSIGNED, hashlib.sha256(asked.body).hexdigest()}:
            raise Denied("XAmzContentSHA256Mismatch")
        self._check_age(stamp, _SKEW_S)
        query = dict(parse_qsl(asked.query, keep_blank_values=True))
        request = _canonical(asked, query, told["headers"], payload)
        _check_signature(request, stamp, told["credential"], told["signature"])

    def _check_age(self, stamp: str, good_for_s: float) -> None:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        age_s = datetime.now(UTC).timestamp() + self.later_s - signed.timestamp()
        if not -_SKEW_S <= age_s < good_for_s:
            raise Denied("RequestExpired")


def _canonical(asked: Asked, query: Mapping[str, str], names: str, payload: str) -> str:
    written = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items()))
    headers = "".join(f"{name}:{asked.headers[name].strip()}\n" for name in names.split(";"))
    return f"{asked.method}\n{asked.path}\n{written}\n{headers}\n{names}\n{payload}"


def _check_signature(request: str, stamp: str, credential: str, signature: str) -> None:
    access_key, scope = credential.split("/", 1)
    if access_key != ACCESS_KEY or scope != f"{stamp[:8]}/{REGION}/s3/aws4_request":
        raise Denied("InvalidAccessKeyId")
    key = f"AWS4{SECRET_KEY}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    if not hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), signature):
        raise Denied("SignatureDoesNotMatch")


class _Handler(BaseHTTPRequestHandler):
    """One connection's requests, one after the other."""

    bucket: ClassVar[FakeBucket]
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", "0")))
        status, told, kind = self.bucket.answer(
            Asked(method=self.command, path=path, query=query, headers=headers, body=body)
        )
        self.send_response(status)
        self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_PUT = do_DELETE = do_POST = _serve  # noqa: N815 - the base class's own names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Stay silent."""


class _Server(ThreadingHTTPServer):
    """A thread a connection; one that is kept open is left to itself."""

    daemon_threads, block_on_close = True, False


@contextmanager
def fake_bucket() -> Iterator[FakeBucket]:
    """Serve one for the length of a block."""
    bucket = FakeBucket()
    server = _Server(("127.0.0.1", 0), type("Bound", (_Handler,), {"bucket": bucket}))
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
