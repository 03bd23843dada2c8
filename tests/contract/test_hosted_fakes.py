"""The fakes of the hosted providers against the providers' own clients, and how strict they are."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import ssl
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import av
import fal_client.client
import httpx
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fal_client.client import Completed, FalClientHTTPError, InProgress, Queued, SyncClient
from novita_client import NovitaClient  # type: ignore[import-untyped]  # it ships no types
from PIL import Image

from tests.fakes.aimlapi import AimlapiFake
from tests.fakes.fal import MODEL, FalFake
from tests.fakes.hosted import Fake, Fault, File
from tests.fakes.hosted_media import reply
from tests.fakes.novita import NovitaFake

_QUICK = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here needs authorities, and reading them takes longer than most tests."""


def ask(
    method: str, url: str, *, body: Any = None, headers: dict[str, str] | None = None, tls: ssl.SSLContext = _QUICK
) -> httpx.Response:
    """Ask for anything, without a key."""
    return httpx.request(method, url, json=body, headers=headers, verify=tls, trust_env=False)


def get(url: str, **headers: str) -> httpx.Response:
    return ask("GET", url, headers=headers)


def picture(width: int = 400, height: int = 400, *, mode: str = "RGB", kind: str = "JPEG") -> bytes:
    """Return a picture of one colour."""
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, kind)
    return out.getvalue()


def sound(seconds: float) -> bytes:
    """Return a silent WAV."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(round(seconds * 8000) * 2))
    return out.getvalue()


def uri(content: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()


IMAGE = uri(picture())


def link(fake: Fake, content: bytes) -> str:
    """Return a public link to something."""
    return fake.publish(f"/files/{hashlib.sha256(content).hexdigest()}", File(content=content))


@pytest.fixture
def novita(tmp_path: Path) -> Iterator[NovitaFake]:
    """Novita."""
    with NovitaFake.serving(tmp_path) as fake:
        yield fake


@pytest.fixture
def aimlapi(tmp_path: Path) -> Iterator[AimlapiFake]:
    """AI/ML API."""
    with AimlapiFake.serving(tmp_path) as fake:
        yield fake


@pytest.fixture
def fal(tmp_path: Path) -> Iterator[FalFake]:
    """The queue, its REST side and its files."""
    with FalFake.serving(tmp_path) as fake:
        yield fake


@pytest.fixture
def fal_sdk(fal: FalFake, monkeypatch: pytest.MonkeyPatch) -> Iterator[SyncClient]:
    """The official client, led to the fake."""
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{fal.url}/")
    monkeypatch.setattr(fal_client.client, "REST_URL", fal.rest_url)
    client = SyncClient(key=fal.key)
    yield client
    client._client.close()


@pytest.fixture
def novita_sdk(novita: NovitaFake) -> Iterator[Any]:
    """The official client, led to the fake."""
    client = NovitaClient(novita.key, base_url=novita.url)
    yield client
    client.session.close()


def call(fake: Fake, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """Ask with the key, anything else as told."""
    keyed = {"Authorization": f"{fake.scheme} {fake.key}"} | headers
    return ask(method, fake.url + path, body=body, headers=keyed)


def novita_25(fake: Fake, **changes: Any) -> dict[str, Any]:
    """Return a good order for Wan 2.5; the changes go where their name is at home."""
    whole: dict[str, Any] = {
        "input": {"prompt": "a cat", "img_url": link(fake, picture())},
        "parameters": {"duration": 5, "resolution": "480P"},
    }
    for name, value in changes.items():
        whole["input" if name in {"prompt", "img_url", "audio_url", "image_url"} else "parameters"][name] = value
    return whole


GOOD_AIML = {
    "model": "alibaba/wan2.5-i2v-preview",
    "prompt": "a cat",
    "image_url": IMAGE,
    "duration": 5,
    "resolution": "480p",
}
GOOD_FAL = {"prompt": "a cat", "image_url": IMAGE, "duration": "5", "resolution": "480p"}


# -- the providers' own clients


def test_fals_own_client_gets_its_video(fal: FalFake, fal_sdk: SyncClient) -> None:
    """Its parser is strict, so what it reads is what fal sends."""
    handle = fal_sdk.submit(MODEL, GOOD_FAL)
    first, second = handle.status(with_logs=True), handle.status(with_logs=True)
    assert (type(first), type(second)) == (Queued, Completed)
    assert isinstance(second, Completed)
    assert second.logs
    told = handle.get()
    assert get(told["video"]["url"]).content.find(b"ftyp") == 4
    assert (fal.paid()[0].made, fal.paid()[0].ticket) == (True, handle.request_id)
    assert fal.billed_usd_micros() == 250_000


def test_fals_own_client_rebuilds_its_links_from_the_ticket(fal: FalFake, fal_sdk: SyncClient) -> None:
    """The queue's links lack the model's last part."""
    handle = fal_sdk.submit(MODEL, GOOD_FAL)
    again = fal_sdk.get_handle(MODEL, handle.request_id)
    assert again.response_url == handle.response_url
    assert again.get(interval=0.01)["seed"] == 90210


def test_fals_own_client_cancels_and_hears_of_it(fal: FalFake, fal_sdk: SyncClient) -> None:
    """A cancelled job completes too; the truth is at its response link."""
    handle = fal_sdk.submit(MODEL, GOOD_FAL)
    handle.cancel()
    with pytest.raises(FalClientHTTPError) as told:
        handle.get()
    assert (told.value.status_code, told.value.error_type) == (499, "client_cancelled")
    with pytest.raises(FalClientHTTPError, match="ALREADY_COMPLETED"):
        handle.cancel()
    assert fal.billed_usd_micros() == 0


def test_fals_own_client_hears_of_a_refusal(fal: FalFake, fal_sdk: SyncClient) -> None:
    """It completes without an error and gives one in place of the video, with all that was sent in it."""
    fal.faults.append(Fault("moderated", where="result"))
    handle = fal_sdk.submit(MODEL, GOOD_FAL)
    with pytest.raises(FalClientHTTPError) as told:
        handle.get(interval=0.01)
    assert told.value.status_code == 422
    assert told.value.response.json()["detail"][0]["input"] == GOOD_FAL


def test_fals_own_client_uploads_a_file(fal: FalFake, fal_sdk: SyncClient) -> None:
    """What was put there is public and fit for an order."""
    put = fal_sdk.upload(picture(), "image/jpeg", repository="fal", fallback_repository=[])
    assert put.startswith(f"http://{fal.origin}/files/")
    assert fal_sdk.submit(MODEL, GOOD_FAL | {"image_url": put}).get(interval=0.01)["video"]["url"]


def test_novitas_own_client_gets_its_video(novita: NovitaFake, novita_sdk: Any) -> None:
    """It reads statuses as an enumeration and numbers as numbers."""
    told = novita_sdk._post("/v3/async/wan-i2v", {"prompt": "a cat", "image_url": link(novita, picture())})
    done = novita_sdk.wait_for_task_v3(told["task_id"])
    assert done.finished()
    assert done.extra.seed == 4711
    assert get(done.get_video_urls()[0]).content.find(b"ftyp") == 4
    assert novita.billed_usd_micros() == 200_000


def test_novitas_own_client_hears_of_a_failure(novita: NovitaFake, novita_sdk: Any) -> None:
    """A failed task is told with 200."""
    order = {"prompt": "a cat", "image_url": f"{novita.base}/files/none"}
    done = novita_sdk.wait_for_task_v3(novita_sdk._post("/v3/async/wan-i2v", order)["task_id"])
    assert (done.task.status.value, done.task.reason) == (
        "TASK_STATUS_FAILED",
        reply("alibaba-failures")["media_unreachable"],
    )


def test_aimlapi_tells_what_a_video_cost(aimlapi: AimlapiFake) -> None:
    """On the look that shows it, and nowhere before."""
    path = "/v2/video/generations"
    ticket = call(aimlapi, "POST", path, GOOD_AIML, **{"X-Client-Request-Id": "job-1"}).json()["id"]
    running, done = (call(aimlapi, "GET", f"{path}?{httpx.QueryParams(generation_id=ticket)}") for _ in range(2))
    assert (running.json()["status"], "x-aimlapi-usd-spent" in running.headers) == ("queued", False)
    assert (done.json()["status"], done.headers["x-aimlapi-usd-spent"]) == ("completed", "0.3")
    assert (done.headers["x-inference-id"], done.headers["x-client-request-id"]) == (ticket, "job-1")
    assert call(aimlapi, "GET", "/v2/billing").json()["current_balance"] == 99.7


@pytest.mark.parametrize("logs_early", [False, True])
def test_an_order_whose_answer_was_lost_is_found_in_the_logs(aimlapi: AimlapiFake, logs_early: bool) -> None:
    """As a rule only once it has ended."""
    aimlapi.logs_early = logs_early
    aimlapi.faults.append(Fault("reset_after_job"))
    with pytest.raises(httpx.TransportError):
        call(aimlapi, "POST", "/v2/video/generations", GOOD_AIML, **{"X-Client-Request-Id": "job-1"})
    early, late = (call(aimlapi, "GET", "/v2/logs?period=1h").json()["data"] for _ in range(2))
    assert (len(early), early[0]["cost"]["usd"] if early else 0) == (logs_early, 0)
    assert [(row["client_request_id"], row["inference_id"], row["cost"]["usd"]) for row in late] == [
        ("job-1", aimlapi.paid()[0].ticket, 0.3)
    ]


def test_aimlapi_answers_at_its_older_paths_too(aimlapi: AimlapiFake) -> None:
    """Its own example still uses them."""
    path = "/v2/generate/video/alibaba/generation"
    ticket = call(aimlapi, "POST", path, GOOD_AIML).json()["id"]
    assert call(aimlapi, "GET", f"{path}?generation_id={ticket}").json()["status"] == "queued"


def test_aimlapis_price_is_not_sent_twice(aimlapi: AimlapiFake) -> None:
    """Anybody may ask."""
    asked = f"{aimlapi.url}/v1/models?id=alibaba/wan2.5-i2v-preview&include=pricing"
    told = get(asked)
    assert told.json()["data"][0]["pricing"]["variants"][1]["price"] == 0.12
    again = get(asked, **{"If-None-Match": told.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


# -- how strict they are


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"resolution": "1080p"}, 400),
        ({"duration": "5"}, 400),
        ({"duration": 15}, 400),
        ({"seed": -1}, 400),
        ({"seed": 2147483647}, 200),
        ({"audio": 1}, 400),
        ({"shot_type": "single"}, 400),
        ({"prompt": ""}, 400),
        ({"prompt": "x" * 2001}, 200),
        ({"img_url": IMAGE}, 400),
        ({"image_url": IMAGE}, 400),
        ({"audio_url": "data:audio/wav;base64,AAAA"}, 400),
    ],
)
def test_novita_takes_only_what_it_documents(novita: NovitaFake, change: dict[str, Any], status: int) -> None:
    """Wan 2.5: two levels, whole numbers, capital P, links only."""
    told = call(novita, "POST", "/v3/async/wan-2.5-i2v-preview", novita_25(novita, **change))
    assert (told.status_code, novita.paid()[0].made) == (status, status == 200)
    assert told.json().get("code", 200) == status
    assert [job.cut for job in novita.jobs.values()] == (
        [len(change.get("prompt", "")) > 2000] if status == 200 else []
    )


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("wan2.6-i2v", {"input": {"img_url": IMAGE}, "parameters": {"duration": 15, "shot_type": "single"}}, 200),
        ("wan2.6-i2v", {"input": {"img_url": IMAGE, "prompt": "a"}, "parameters": {"resolution": "480P"}}, 400),
        ("wan2.6-i2v", {"input": {"img_url": IMAGE, "prompt": "a"}, "template": "squish"}, 400),
        ("wan-i2v", {"prompt": "a", "image_url": "", "width": 480}, 400),
        ("wan-i2v", {"prompt": "a", "image_url": IMAGE}, 400),
        ("wan-i2v", {"prompt": "a", "image_url": IMAGE, "width": 480, "height": 480}, 400),
        ("wan-i2v", {"prompt": "a", "image_url": IMAGE, "duration": 5}, 400),
        ("wan2.5-i2v-preview", {"input": {"prompt": "a", "img_url": IMAGE}}, 404),
    ],
)
def test_novitas_models_differ(novita: NovitaFake, path: str, body: dict[str, Any], status: int) -> None:
    """In shape, in values and in how the path is written."""
    assert call(novita, "POST", f"/v3/async/{path}", body).status_code == status


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"prompt": "x" * 5000}, 200),
        ({"resolution": "720P"}, 400),
        ({"duration": "10"}, 400),
        ({"duration": 15}, 400),
        ({"model": "wan2.5-i2v-preview"}, 400),
        ({"audio_url": "https://a.example/b.mp3"}, 400),
        ({"image_url": "cat.jpg"}, 400),
        ({"image_url": uri(picture(300, 400))}, 400),
        ({"enhance_prompt": "yes"}, 400),
    ],
)
def test_aimlapi_takes_only_what_it_documents(aimlapi: AimlapiFake, change: dict[str, Any], status: int) -> None:
    """No sound goes in."""
    told = call(aimlapi, "POST", "/v2/video/generations", GOOD_AIML | change)
    assert (told.status_code, aimlapi.paid()[0].made) == (status, status == 200)
    assert told.json().get("statusCode", 200) == status


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"prompt": "猫" * 800}, 200),
        ({"prompt": "x" * 801}, 422),
        ({"duration": 5}, 422),
        ({"duration": "5s"}, 422),
        ({"resolution": "720P"}, 422),
        ({"negative_prompt": "x" * 501}, 422),
        ({"aspect_ratio": "16:9"}, 422),
        ({"seed": "1"}, 422),
        ({"image_url": ""}, 422),
    ],
)
def test_fal_takes_only_what_it_documents(fal: FalFake, change: dict[str, Any], status: int) -> None:
    """Seconds are text, and a refusal repeats what was sent."""
    told = call(fal, "POST", f"/{MODEL}", GOOD_FAL | change)
    assert (told.status_code, fal.paid()[0].made) == (status, status == 200)
    if status == 422:
        assert told.json()["detail"][0]["input"] == GOOD_FAL | change


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (picture(300, 400), "image_too_small"),
        (picture(400, 2400), "image_too_large"),
        (picture(mode="RGBA", kind="PNG"), "unsupported_image_format"),
        (picture(kind="GIF"), "unsupported_image_format"),
        (picture()[:600], "image_load_error"),
    ],
)
def test_a_picture_is_judged_when_the_model_runs(fal: FalFake, content: bytes, word: str) -> None:
    """The queue takes the order; the result is a refusal."""
    links = call(fal, "POST", f"/{MODEL}", GOOD_FAL | {"image_url": uri(content)}).json()
    fal.looks = 0
    key = {"Authorization": f"Key {fal.key}"}
    assert get(links["status_url"], **key).json()["status"] == "COMPLETED"
    told = get(links["response_url"], **key)
    assert (told.status_code, told.json()["detail"][0]["type"]) == (422, word)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (sound(4), None),
        (sound(2), "INVALID_AUDIO_FILE"),
        (sound(31), "INVALID_AUDIO_FILE"),
        (picture(), "INVALID_AUDIO_FILE"),
    ],
)
def test_a_sound_is_fetched_and_judged(novita: NovitaFake, content: bytes, word: str | None) -> None:
    """3 to 30 seconds, WAV or MP3."""
    order = novita_25(novita, audio_url=link(novita, content))
    assert call(novita, "POST", "/v3/async/wan-2.5-i2v-preview", order).json().get("reason") == word


@pytest.mark.parametrize(
    ("headers", "statuses"),
    [
        ({"Authorization": "Bearer wrong"}, (403, 401, 401)),
        ({"Authorization": ""}, (403, 401, 401)),
        (None, (400, 401, 401)),
    ],
)
def test_a_wrong_key_is_refused_in_three_ways(
    novita: NovitaFake, tmp_path: Path, headers: dict[str, str] | None, statuses: tuple[int, ...]
) -> None:
    """And none at all in a fourth."""
    with AimlapiFake.serving(tmp_path / "a") as aimlapi, FalFake.serving(tmp_path / "f") as fal:
        paths = {novita: "/v3/async/wan-i2v", aimlapi: "/v2/video/generations", fal: f"/{MODEL}"}
        told = [ask("POST", fake.url + path, body={}, headers=headers) for fake, path in paths.items()]
    assert tuple(each.status_code for each in told) == statuses


# -- links


def made(fake: NovitaFake, *faults: Fault, **changes: Any) -> Callable[[], str]:
    """Make a job that ends at once; return what asks for its link."""
    fake.looks = 0
    fake.faults.extend(faults)
    ticket = call(fake, "POST", "/v3/async/wan-2.5-i2v-preview", novita_25(fake, **changes)).json()["task_id"]

    def look() -> str:
        told = call(fake, "GET", f"/v3/async/task-result?task_id={ticket}").json()
        return str(told["videos"][0]["video_url"])

    return look


def test_a_link_is_good_only_byte_for_byte_and_without_a_key(novita: NovitaFake) -> None:
    """Its query is part of the signature."""
    found = made(novita)()
    assert "%2Fb%7E" in found
    told = [get(each).status_code for each in (found, found.replace("%2F", "/"), found[:-1])]
    assert told == [200, 403, 403]
    assert get(found, Authorization="Bearer x").status_code == 400


def test_an_expired_link_stays_dead_and_a_fresh_look_brings_another(novita: NovitaFake) -> None:
    """Whoever keeps links loses videos."""
    look = made(novita, Fault("expired"))
    old = look()
    assert [get(old).status_code for _ in range(2)] == [403, 403]
    assert get(look()).status_code == 200


def test_a_download_can_go_on_where_it_broke_off(novita: NovitaFake) -> None:
    """By range, as long as the file is the same."""
    found = made(novita, Fault("truncated", after_bytes=100))()
    with pytest.raises(httpx.RemoteProtocolError):
        get(found)
    whole = get(found)
    asked = {"Range": "bytes=100-", "If-Range": whole.headers["etag"]}
    rest = get(found, **asked)
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    assert rest.headers["content-range"] == f"bytes 100-{len(whole.content) - 1}/{len(whole.content)}"
    assert get(found, **asked | {"If-Range": '"other"'}).status_code == 200
    assert get(found, Range="bytes=9999999-").status_code == 416


@pytest.mark.parametrize(
    ("fault", "changes", "facts"),
    [
        (None, {}, (5.0, 2, True)),
        (None, {"duration": 10, "audio": False}, (10.0, 1, True)),
        (Fault("silent"), {}, (5.0, 1, True)),
        (Fault("wrong_length", seconds=2), {}, (2.0, 2, True)),
        (Fault("index_last"), {}, (5.0, 2, False)),
    ],
)
def test_a_result_is_a_small_whole_video(
    novita: NovitaFake, fault: Fault | None, changes: dict[str, Any], facts: tuple[float, int, bool]
) -> None:
    """As long as was ordered and with its sound, unless it is to go wrong."""
    content = get(made(novita, *([fault] if fault else []), **changes)()).content
    with av.open(io.BytesIO(content), "r") as container:
        seconds = float(container.duration or 0) / av.time_base
        assert (seconds, len(container.streams), content.find(b"moov") < content.find(b"mdat")) == facts


# -- webhooks


class Receiver:
    """Takes events and answers 200."""

    def __init__(self) -> None:
        self.events: list[tuple[dict[str, str], bytes]] = []
        events = self.events

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                events.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
                """Stay silent."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody to tell."""
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


def signed(fal: FalFake, headers: dict[str, str], body: bytes) -> bool:
    """Verify an event as fal's page on webhooks says."""
    names = ("request-id", "user-id", "timestamp")
    message = "\n".join([*(headers[f"x-fal-webhook-{name}"] for name in names), hashlib.sha256(body).hexdigest()])
    for key in get(f"{fal.rest_url}/.well-known/jwks.json").json()["keys"]:
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
        try:
            public.verify(bytes.fromhex(headers["x-fal-webhook-signature"]), message.encode())
        except Exception:  # noqa: BLE001 - whatever it is, this key did not sign
            continue
        return True
    return False


def test_fal_signs_what_it_sends(fal: FalFake, fal_sdk: SyncClient, receiver: Receiver) -> None:
    """And a test can have it send twice, forged, altered or late."""
    fal.ends_after_s = 0.01
    handle = fal_sdk.submit(MODEL, GOOD_FAL, webhook_url=receiver.url)
    fal.errands_done()
    for change in ({}, {"forged": True}, {"tampered": True}, {"age_s": 900}):
        assert fal.send_webhook(handle.request_id, **change) == 200
    assert [signed(fal, *event) for event in receiver.events] == [True, True, False, False, True]
    event = json.loads(receiver.events[0][1])
    assert (event["status"], event["request_id"]) == ("OK", handle.request_id)
    assert fal.webhooks_sent == [(receiver.url, 200)] * 5


def test_novita_tells_unsigned_and_tries_for_nothing(novita: NovitaFake, receiver: Receiver) -> None:
    """Test mode makes an event and no job."""
    test_mode = {"enabled": True, "return_task_status": "TASK_STATUS_FAILED"}
    order = {"prompt": "a", "image_url": link(novita, picture())}
    call(
        novita,
        "POST",
        "/v3/async/wan-i2v",
        order | {"extra": {"webhook": {"url": receiver.url, "test_mode": test_mode}}},
    )
    novita.errands_done()
    assert [paid.made for paid in novita.paid()] == [False]
    ticket = call(novita, "POST", "/v3/async/wan-i2v", order | {"extra": {"webhook": {"url": receiver.url}}}).json()[
        "task_id"
    ]
    novita.looks = 0
    call(novita, "GET", f"/v3/async/task-result?task_id={ticket}")
    novita.errands_done()
    events = [json.loads(body) for _, body in receiver.events]
    assert [event["payload"]["task"]["status"] for event in events] == ["TASK_STATUS_FAILED", "TASK_STATUS_SUCCEED"]
    assert events[1]["payload"]["extra"]["webhook"]["url"] == receiver.url


# -- what goes wrong


def story(fake: Fake) -> str:
    """Order, look and fetch once; return the statuses and words that came, and how much of the video."""
    fake.looks, fake.video = 0, b"0123456789"
    order: dict[str, tuple[str, Any]] = {
        "novita": ("/v3/async/wan2.6-i2v", {"input": {"img_url": IMAGE}, "parameters": {"resolution": "720P"}}),
        "aimlapi": ("/v2/video/generations", GOOD_AIML),
        "fal": (f"/{MODEL}", GOOD_FAL),
    }
    path, body = order[fake.prefix]
    told = [outcome(partial(call, fake, "POST", path, body))]
    ticket = fake.paid()[0].ticket
    if ticket is None:
        return f"{told[0]} no job"
    in_queue = f"/{MODEL.rpartition('/')[0]}/requests/{ticket}"
    looks = {
        "novita": [f"/v3/async/task-result?task_id={ticket}"],
        "aimlapi": [f"/v2/video/generations?{httpx.QueryParams(generation_id=ticket)}"],
        "fal": [f"{in_queue}/status", in_queue],
    }
    links: list[str] = []
    told += [outcome(partial(call, fake, "GET", path), links) for path in looks[fake.prefix]]
    return ", ".join(told + [outcome(partial(get, link)) for link in links])


def outcome(asking: Callable[[], httpx.Response], links: list[str] | None = None) -> str:
    """Return a status and the words that matter, or how the connection ended; keep the links that were handed out."""
    try:
        told = asking()
    except httpx.RemoteProtocolError:
        return "cut"
    except httpx.TransportError:
        return "reset"
    kind = told.headers["content-type"]
    if kind != "application/json":
        return f"{told.status_code} {len(told.content) if kind == 'video/mp4' else 'page'}"
    if links is not None:
        links += re.findall(r'"(http[^"]*/files/[^"]*)"', told.text)
    return " ".join([str(told.status_code), *words(told.json())]).replace("TASK_STATUS_", "")


def words(told: dict[str, Any]) -> Iterator[str]:
    """Yield what a reader of the answer goes by."""
    task, error, detail = told.get("task", {}), told.get("error"), told.get("detail")
    found = [task.get("status"), task.get("reason"), *map(told.get, ("status", "error_type", "reason", "message"))]
    found += [error["name"] if isinstance(error, dict) else error]
    found += [flaw["type"] for flaw in detail] if isinstance(detail, list) else []
    yield from filter(None, found)


ALIBABA = reply("alibaba-failures")
FINE = {"novita": "200, 200 SUCCEED, 200 10", "aimlapi": "200 queued, 200 completed, 200 10"}
FINE["fal"] = "200 IN_QUEUE, 200 COMPLETED, 200, 200 10"
UPSTREAM = "InternalError.Algo: the task gave out"


@pytest.mark.parametrize(
    ("fault", "stories"),
    [
        (Fault("hang", seconds=0.01), FINE),
        (Fault("hang", "look", seconds=0.01), FINE),
        (Fault("reset_before_job"), dict.fromkeys(FINE, "reset no job")),
        (
            Fault("reset_after_job"),
            {
                "novita": "reset, 200 SUCCEED, 200 10",
                "aimlapi": "reset, 200 completed, 200 10",
                "fal": "reset, 200 COMPLETED, 200, 200 10",
            },
        ),
        (Fault("no_ticket"), {"novita": FINE["novita"], "aimlapi": "200, 200 completed, 200 10"}),
        (Fault("status_201"), {"aimlapi": "201 queued, 200 completed, 200 10"}),
        (Fault("http_error", status=502, html=True), dict.fromkeys(FINE, "502 page no job")),
        (Fault("http_error", status=404), {"novita": "404 API_NOT_FOUND service unavailable no job"}),
        (
            Fault("http_error", status=500, after_job=True),
            {"novita": "500 CREATE_TASK_FAILED service unavailable, 200 SUCCEED, 200 10"},
        ),
        (
            Fault("rate_limited"),
            {
                "novita": "429 RATE_LIMIT_EXCEEDED rate limit exceeded no job",
                "aimlapi": "429 Too Many Requests no job",
                "fal": "429 concurrent_requests_limit no job",
            },
        ),
        (Fault("balance"), {"novita": "400 BILLING_BALANCE_NOT_ENOUGH not enough balance no job", "fal": "403 no job"}),
        (Fault("balance", status=409), {"novita": "409 DE_BALANCE_NOT_ENOUGH not enough balance no job"}),
        (Fault("bad_key", status=401), {"novita": "401 FAILED_TO_AUTH invalid api key no job", "fal": "401 no job"}),
        (
            Fault("moderated"),
            {
                "novita": "400 ILLEGAL_PROMPT the prompt is not allowed no job",
                "fal": "422 content_policy_violation no job",
            },
        ),
        (
            Fault("moderated", "result"),
            {
                "novita": f"200, 200 FAILED {ALIBABA['moderated']}",
                "aimlapi": "200 queued, 200 error DataInspectionFailed",
                "fal": "200 IN_QUEUE, 200 COMPLETED, 422 content_policy_violation",
            },
        ),
        (
            Fault("unknown_status", status="FAILED", polls=9999),
            {
                "novita": "200, 200 FAILED",
                "aimlapi": "200 queued, 200 FAILED",
                "fal": "200 IN_QUEUE, 200 FAILED, 200, 200 10",
            },
        ),
        (Fault("waiting"), {"aimlapi": "200 queued, 200 waiting"}),
        (Fault("missing_keys"), FINE),
        (Fault("html_for_json"), {"novita": "200, 200 page", "fal": "200 IN_QUEUE, 200 page, 200, 200 10"}),
        (
            Fault("failed_upstream"),
            {
                "novita": f"200, 200 FAILED {UPSTREAM}",
                "aimlapi": "200 queued, 200 error InternalError.Algo",
                "fal": "200 IN_QUEUE, 200 COMPLETED, 500 downstream_service_error",
            },
        ),
        (Fault("failed_upstream", reason=""), {"novita": "200, 200 FAILED", "aimlapi": "200 queued, 200 error"}),
        (Fault("failed_upstream", reason=None), {"novita": "200, 200 FAILED", "aimlapi": "200 queued, 200 error"}),
        (
            Fault("empty_videos"),
            {
                "novita": "200, 200 SUCCEED",
                "aimlapi": "200 queued, 200 completed",
                "fal": "200 IN_QUEUE, 200 COMPLETED, 200",
            },
        ),
        (
            Fault("media_unreachable"),
            {
                "novita": f"200, 200 FAILED {ALIBABA['media_unreachable']}",
                "aimlapi": "200 queued, 200 error InvalidParameter.DataInspection",
                "fal": "200 IN_QUEUE, 200 COMPLETED, 422 file_download_error",
            },
        ),
        (
            Fault("completed_with_error", reason="too late", body="request_timeout", status=504),
            {"fal": "200 IN_QUEUE, 200 COMPLETED request_timeout too late, 504 request_timeout"},
        ),
        (Fault("detail", body="no"), {"fal": "200 IN_QUEUE, 200 COMPLETED, 422 bad_request"}),
        (Fault("detail", "submit", body={"why": "no"}), {"fal": "422 bad_request no job"}),
        (
            Fault("http_error", "result", status=503),
            {"fal": "200 IN_QUEUE, 200 COMPLETED, 503 runner_scheduling_failure"},
        ),
        (Fault("expired"), {"novita": "200, 200 SUCCEED, 403 page"}),
        (Fault("truncated"), {"novita": "200, 200 SUCCEED, cut"}),
        (Fault("cut_video"), {"novita": "200, 200 SUCCEED, 200 6"}),
    ],
    ids=lambda each: each.name if isinstance(each, Fault) else "",
)
def test_each_fault_shows_as_it_would_at_each_provider(tmp_path: Path, fault: Fault, stories: dict[str, str]) -> None:
    """And a job that was made is in the ledger, whatever its buyer heard."""
    kinds = {kind.prefix: kind for kind in (NovitaFake, AimlapiFake, FalFake)}
    for name, expected in stories.items():
        with kinds[name].serving(tmp_path / name) as fake:
            fake.faults.append(replace(fault))
            assert story(fake) == expected


def test_what_may_be_told_either_way_is(novita: NovitaFake) -> None:
    """A time to live as text or number, and no progress at the end."""
    novita.looks = 0
    novita.faults += [Fault("ttl", body=60), Fault("progress_zero")]
    ticket = call(novita, "POST", "/v3/async/wan-2.5-i2v-preview", novita_25(novita, seed=7)).json()["task_id"]
    told = [call(novita, "GET", f"/v3/async/task-result?task_id={ticket}").json() for _ in range(3)]
    assert told[0]["extra"]["seed"] == "7"
    assert [each["videos"][0]["video_url_ttl"] for each in told] == [60, "3600", "3600"]
    assert [each["task"]["progress_percent"] for each in told] == [100, 0, 100]
    assert len({each["videos"][0]["video_url"] for each in told}) == 3


def test_a_job_may_go_back_into_the_queue_and_its_links_to_another_host(fal: FalFake, fal_sdk: SyncClient) -> None:
    """What is handed out is not always to be trusted."""
    fal.looks = 3
    fal.faults += [Fault("http_error", "look", status=500), Fault("requeue"), Fault("already_completed")]
    handle = fal_sdk.submit(MODEL, GOOD_FAL)
    with pytest.raises(FalClientHTTPError, match="Service unavailable"):
        handle.status()
    assert [type(handle.status()) for _ in range(3)] == [Queued, InProgress, Completed]
    fal.hand_out_host = "queue.fal.run"
    assert fal_sdk.submit(MODEL, GOOD_FAL).status_url.startswith(
        "https://queue.fal.run/fal-ai/wan-25-preview/requests/"
    )


def test_a_hang_ends_when_the_fake_closes(tmp_path: Path) -> None:
    """And the job it was to make is not made."""
    ended = threading.Event()

    def order(fake: Fake) -> None:
        with pytest.raises(httpx.TransportError):
            call(fake, "POST", "/v2/video/generations", GOOD_AIML)
        ended.set()

    with AimlapiFake.serving(tmp_path) as fake:
        fake.faults.append(Fault("hang", seconds=90))
        threading.Thread(target=order, args=(fake,), daemon=True).start()
        while not fake.seen:
            time.sleep(0.001)
    assert ended.wait(2)
    assert [paid.made for paid in fake.paid()] == [False]


def test_an_unknown_fault_is_a_mistake_in_the_test() -> None:
    """Rather than a test of nothing."""
    with pytest.raises(KeyError):
        Fault("hiccup")
    with pytest.raises(ValueError, match="expired is nothing that can go wrong at submit"):
        Fault("expired", where="submit")


def test_a_fake_speaks_tls_and_version_six(tmp_path: Path) -> None:
    """As a provider does."""
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("::1").configure_cert(tls)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with AimlapiFake.serving(tmp_path, host="::1", tls=tls) as fake:
        told = ask("GET", f"{fake.url}/v1/models", tls=trust)
    assert (fake.url.startswith("https://[::1]:"), told.status_code) == (True, 200)
