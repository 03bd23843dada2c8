"""What passes the socket of a hosted provider's fake: requests and answers, pictures and sounds that it fetches, its videos."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import io
import json
import math
import re
import socket
import ssl
import struct
import tempfile
import threading
import urllib.error
import urllib.request
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import av
from jsonschema import Draft202012Validator, validators  # type: ignore[import-untyped]  # it ships no types
from PIL import Image, UnidentifiedImageError

_REPLIES = Path(__file__).parent / "replies"
_FETCH_S = _WEBHOOK_S = 5.0
_SIDE_PX = range(360, 2001)
_AUDIO_MAX_BYTES = 15_000_000
_WIDTH_PX, _HEIGHT_PX, _FRAMES_A_S = 64, 48, 8
_SAMPLES_A_S, _TONE_HZ = 16_000, 440
_RANGE = re.compile(r"bytes=(?=.*\d)(?P<first>\d*)-(?P<last>\d*)")
_WHOLE = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
_Exact = validators.extend(Draft202012Validator, type_checker=_WHOLE)
"""JSON Schema calls 5.0 an integer; a provider's parser does not."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came; header names are in lower case, `target` is the path and query as they were sent."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in self.queries.items()}

    @property
    def queries(self) -> dict[str, list[str]]:
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)


@dataclass(slots=True)
class Answer:
    """What goes out; with `cut_after_bytes` the connection ends in the middle of it."""

    status: int
    told: Any
    headers: dict[str, str] = field(default_factory=dict)
    cut_after_bytes: int | None = None

    def body(self) -> bytes:
        return self.told if isinstance(self.told, bytes) else json.dumps(self.told).encode()

    def kind(self) -> str:
        return "text/html" if isinstance(self.told, bytes) else "application/json"


class Instead(Exception):
    """Something else is answered."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Hangup(Exception):
    """The connection ends without an answer."""


class Server(ThreadingHTTPServer):
    """A thread a connection, until closed; `broke` holds what went wrong in the fake itself."""

    daemon_threads, block_on_close = True, False

    def __init__(self, host: str, tls: ssl.SSLContext | None, respond: Callable[[Request], Answer]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), _Handler)
        self.respond, self.broke = respond, list[Exception]()
        self._open: set[socket.socket] = set()
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.origin = f"[{host}]:{self.server_port}" if ":" in host else f"{host}:{self.server_port}"
        self.url = f"{'http' if tls is None else 'https'}://{self.origin}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and end every connection."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Keep the connection where it can be ended from outside."""
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: whoever called has gone."""


class _Handler(BaseHTTPRequestHandler):
    """One connection's requests, one after the other."""

    server: Server
    protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, target=self.path, headers=headers, body=self.rfile.read(int(length)))
        try:
            self._send(self.server.respond(request))
        except Instead as instead:
            self._send(instead.answer)
        except Hangup:
            self._hang_up()
        except OSError:
            self.close_connection = True
        except Exception as broke:  # noqa: BLE001 - whatever it is, the test that closes the fake hears of it
            self.server.broke.append(broke)
            self._hang_up()

    do_GET = do_POST = do_PUT = do_HEAD = _serve  # noqa: N815 - the base class's own names

    def _send(self, answer: Answer) -> None:
        body = answer.body()
        self.send_response(answer.status)
        for name, value in ({"Content-Type": answer.kind()} | answer.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status != HTTPStatus.NOT_MODIFIED:
            self.wfile.write(body[: answer.cut_after_bytes])
        if answer.cut_after_bytes is not None:
            self.close_connection = True

    def _hang_up(self) -> None:
        """Reset the connection, which is more than to close it."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Stay silent."""


def ranged(request: Request, whole: bytes, content_type: str) -> Answer:
    """Serve a file, or the one range of it that was asked for."""
    tag = f'"{hashlib.md5(whole).hexdigest()}"'
    headers = {"Content-Type": content_type, "ETag": tag, "Accept-Ranges": "bytes"}
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or request.headers.get("if-range", tag) != tag:
        return Answer(200, whole, headers)
    first, last = asked["first"], asked["last"]
    start = int(first) if first else max(0, len(whole) - int(last or 0))
    end = min(len(whole), int(last) + 1) if first and last else len(whole)
    if start >= end:
        return Answer(416, b"", headers | {"Content-Range": f"bytes */{len(whole)}"})
    return Answer(206, whole[start:end], headers | {"Content-Range": f"bytes {start}-{end - 1}/{len(whole)}"})


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send an event; return the receiver's status, 0 if it did not answer."""
    told = urllib.request.Request(url, body, {"Content-Type": "application/json", **headers}, method="POST")
    try:
        with _DIRECT.open(told, timeout=_WEBHOOK_S) as response:
            return int(response.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code
    except (OSError, ValueError):
        return 0


def reply(name: str) -> Any:
    """Return a fresh copy of a documented shape, without the word on where it is documented."""
    shape = json.loads(_text(name))
    del shape["_source"]
    return shape


@cache
def _text(name: str) -> str:
    return (_REPLIES / f"{name}.json").read_text()


def flaws(name: str, body: Any) -> list[Any]:
    """Return jsonschema's errors over a body, by the request schema of this name."""
    return sorted(_Exact(reply(name)).iter_errors(body), key=lambda flaw: list(map(str, flaw.path)))


class Unreachable(Exception):
    """The provider could not download it."""


class Misfit(Exception):
    """The provider downloaded it and does not take it; `flaw` is a word of this module."""

    def __init__(self, role: str, flaw: str) -> None:
        super().__init__(role, flaw)
        self.role, self.flaw = role, flaw


def judge_image(reference: str, *, data_uris: bool, max_bytes: int) -> None:
    """Fetch or decode a picture and judge it as the reference says.

    Raises:
        Unreachable: the link gives nothing.
        Misfit: flaw is link, heavy, broken, format, alpha, small or large.
    """
    content = _loaded("image", reference, data_uris=data_uris, max_bytes=max_bytes)
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "BMP", "WEBP")) as image:
            if image.has_transparency_data:
                raise Misfit("image", "alpha")
            if min(image.size) < _SIDE_PX.start:
                raise Misfit("image", "small")
            if max(image.size) >= _SIDE_PX.stop:
                raise Misfit("image", "large")
            image.load()
    except UnidentifiedImageError:
        raise Misfit("image", "format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Misfit("image", "large") from None
    except (OSError, ValueError, SyntaxError):
        raise Misfit("image", "broken") from None


def judge_audio(reference: str) -> None:
    """Fetch a sound and judge it; no provider promises to take one inside the body.

    Raises:
        Unreachable: the link gives nothing.
        Misfit: flaw is link, heavy, format, short or long.
    """
    content = _loaded("audio", reference, data_uris=False, max_bytes=_AUDIO_MAX_BYTES)
    try:
        with av.open(io.BytesIO(content), "r") as container:
            if container.format.name not in {"wav", "mp3"}:
                raise Misfit("audio", "format")
            frames = list(container.decode(audio=0))
            seconds = sum(frame.samples for frame in frames) / frames[0].sample_rate
    except (av.FFmpegError, IndexError):
        raise Misfit("audio", "format") from None
    if seconds < 3:
        raise Misfit("audio", "short")
    if seconds > 30:
        raise Misfit("audio", "long")


def _loaded(role: str, reference: str, *, data_uris: bool, max_bytes: int) -> bytes:
    if reference.startswith("data:") and data_uris:
        content = _decoded(role, reference)
    elif reference.startswith(("http://", "https://")):
        content = _fetched(reference, max_bytes)
    else:
        raise Misfit(role, "link")
    if len(content) > max_bytes:
        raise Misfit(role, "heavy")
    return content


def _decoded(role: str, uri: str) -> bytes:
    head, comma, text = uri.partition(",")
    try:
        if comma and head.endswith(";base64"):
            return base64.b64decode(text, validate=True)
    except binascii.Error:
        pass
    raise Misfit(role, "broken")


def _fetched(link: str, max_bytes: int) -> bytes:
    try:
        with _DIRECT.open(link, timeout=_FETCH_S) as response:
            content: bytes = response.read(max_bytes + 1)
            return content
    except urllib.error.HTTPError as refused:
        refused.close()
        raise Unreachable from None
    except (OSError, ValueError):
        raise Unreachable from None


@cache
def video(seconds: float, *, sound: bool, index_first: bool = True) -> bytes:
    """Return a small whole MP4 of this length."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "made.mp4"
        options = {"movflags": "+faststart"} if index_first else {}
        with av.open(out, "w", format="mp4", options=options) as container:
            pictures = container.add_stream("libx264", rate=_FRAMES_A_S, options={"preset": "ultrafast"})
            pictures.width, pictures.height, pictures.pix_fmt = _WIDTH_PX, _HEIGHT_PX, "yuv420p"
            tone = container.add_stream("aac", rate=_SAMPLES_A_S, layout="mono") if sound else None
            for number in range(round(seconds * _FRAMES_A_S)):
                container.mux(pictures.encode(_picture(number)))
            container.mux(pictures.encode(None))
            if tone is not None:
                container.mux(tone.encode(_tone(seconds)))
                container.mux(tone.encode(None))
        return out.read_bytes()


def _picture(number: int) -> av.VideoFrame:
    frame = av.VideoFrame(_WIDTH_PX, _HEIGHT_PX, "gray8")
    frame.planes[0].update(bytes([(20 * number) % 256]) * (_WIDTH_PX * _HEIGHT_PX))
    return frame


def _tone(seconds: float) -> av.AudioFrame:
    samples = round(seconds * _SAMPLES_A_S)
    wave = array("f", (0.3 * math.sin(math.tau * _TONE_HZ * at / _SAMPLES_A_S) for at in range(samples)))
    frame = av.AudioFrame("fltp", "mono", samples, align=True)
    frame.sample_rate, frame.pts = _SAMPLES_A_S, 0
    frame.planes[0].update(wave.tobytes())
    return frame
