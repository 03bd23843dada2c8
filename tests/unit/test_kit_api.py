"""A provider's API over real sockets: where the key goes, what a paid call tells when it fails, and what is never sent."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from providers.kit.api import REPLY_MAX_BYTES, HttpApi
from providers.kit.errors import NoJob, ProviderError, RateLimited, Unanswered, Unreachable, Untrusted
from providers.kit.provider import Access, Host, Media

KEY = "s3cret-key"
ACCESS = Access(
    key_setting="SHOP_KEY",
    scheme="Key",
    hosts=(
        Host(setting="SHOP_BASE_URL", default="https://queue.shop.example"),
        Host(setting="SHOP_REST_URL", default="https://rest.shop.example"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server says next; without a status it hangs up."""

    status: int | None = 200
    body: bytes = b'{"id": "7"}'
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request; `port` is the caller's end of its connection."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int


class Server:
    """Answers as it was told, in turn, then with a plain 200."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.answers: list[Answer] = []
        self._server = _Threads(("127.0.0.1", 0), type("Bound", (_Handler,), {"server_of": self}))
        self.port = self._server.server_port
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Threads(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay silent: a caller may hang up."""


class _Handler(BaseHTTPRequestHandler):
    """One connection, which is kept as long as the caller likes."""

    protocol_version = "HTTP/1.1"
    server_of: ClassVar[Server]

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        there = self.server_of
        there.seen.append(
            Seen(method=self.command, path=self.path, headers=headers, body=body, port=self.client_address[1])
        )
        answer = there.answers.pop(0) if there.answers else Answer()
        if answer.status is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the base class looks for these names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Stay silent."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Serve for the length of a block."""
    server = Server(tls)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[Server]:
    """The provider's host."""
    with serving() as there:
        yield there


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """A host that the key must never see."""
    with serving() as there:
        yield there


@dataclass
class Clock:
    """A monotonic clock that moves only when told."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Shop:
    """Makes APIs, and closes them at the end."""

    clock: Clock = field(default_factory=Clock)
    uploads: list[tuple[str, Media]] = field(default_factory=list)
    trusted: ssl.SSLContext | bool = False
    _opened: list[HttpApi] = field(default_factory=list)

    def api(self, *bases: str, access: Access = ACCESS) -> HttpApi:
        """Return an API whose hosts are at these addresses."""
        opened = HttpApi(access, KEY, bases, new_client=self._client, upload=self._upload, monotonic=self.clock)
        self._opened.append(opened)
        return opened

    async def close(self) -> None:
        for each in self._opened:
            await each.close()

    def _client(self, within: httpx.Timeout, limits: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=within, limits=limits, verify=self.trusted, trust_env=False)

    async def _upload(self, url: str, media: Media) -> None:
        self.uploads.append((url, media))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """Nothing is open yet."""
    opened = Shop()
    yield opened
    await opened.close()


# -- where a call goes


async def test_a_paid_call_is_one_post_with_the_key_under_the_base_s_own_path(shop: Shop, server: Server) -> None:
    """Its body, its query, and our names of headers with dashes."""
    api = shop.api(f"{server.url}/gateway/", f"{server.url}/rest")
    reply = await api.pay("/make", {"n": 0, "off": False}, query={"hook": "https://b.example/h?a=1&b"}, X_Our_Id="7")
    assert (reply.status, reply.document.text("id")) == (200, "7")
    [seen] = server.seen
    assert (seen.method, seen.path) == ("POST", "/gateway/make?hook=https%3A%2F%2Fb.example%2Fh%3Fa%3D1%26b")
    assert json.loads(seen.body) == {"n": 0, "off": False}
    assert seen.headers["authorization"] == f"Key {KEY}"
    assert seen.headers["x-our-id"] == "7"
    assert seen.headers["content-type"] == "application/json"


async def test_each_host_has_its_own_base(shop: Shop, server: Server, elsewhere: Server) -> None:
    """In the order in which they are declared."""
    api = shop.api(server.url, f"{elsewhere.url}/rest")
    await api.ask("PUT", "/one")
    await api.ask("POST", "/two", host=1, body={"a": 1})
    assert [(seen.method, seen.path) for seen in (*server.seen, *elsewhere.seen)] == [
        ("PUT", "/one"),
        ("POST", "/rest/two"),
    ]


async def test_a_status_of_any_kind_is_a_reply(shop: Shop, server: Server) -> None:
    """Header names in lower case; what is no JSON is an empty document."""
    api = shop.api(server.url)
    for status in (201, 302, 404, 422, 500):
        server.answers = [Answer(status=status, body=b"<html>", headers={"X-Ticket-ID": "T1"})] * 2
        for reply in (await api.pay("/x", {}), await api.ask("GET", "/x")):
            assert (reply.status, reply.headers["x-ticket-id"], reply.document.value) == (status, "T1", None)


@pytest.mark.parametrize("status", [302, 307])
async def test_no_redirect_is_followed(shop: Shop, server: Server, elsewhere: Server, status: int) -> None:
    """It would take the key with it, or pay twice."""
    api = shop.api(server.url)
    for target in (f"{elsewhere.url}/x", f"{server.url}/x", "/x"):
        server.answers = [Answer(status=status, headers={"Location": target})] * 2
        assert (await api.pay("/make", {})).status == status
        assert (await api.ask("GET", "/look")).status == status
    assert {seen.path for seen in server.seen} == {"/make", "/look"}
    assert elsewhere.seen == []


@pytest.mark.parametrize("path", [":{port}/x", "@127.0.0.1:{port}/x"])
async def test_what_is_no_path_reaches_no_other_host(shop: Shop, elsewhere: Server, path: str) -> None:
    """A ticket may come from outside; nothing but paths under our hosts can be asked."""
    api = shop.api("http://127.0.0.1")
    with pytest.raises(ProviderError):
        await api.ask("GET", path.format(port=elsewhere.port))
    assert elsewhere.seen == []


@pytest.mark.parametrize("path", ["/../admin", "/jobs/../../admin"])
async def test_no_path_leads_out_of_the_base(shop: Shop, server: Server, path: str) -> None:
    """A ticket given by hand, or told in a webhook, is a name and no way to elsewhere on a gateway."""
    with pytest.raises(ProviderError):
        await shop.api(f"{server.url}/novita").ask("GET", path)
    assert [seen.path for seen in server.seen if not seen.path.startswith("/novita/")] == []


@pytest.mark.parametrize("path", ["/a\nb", "/a\x00b", "/" + "a" * 70_000])
async def test_a_path_that_cannot_be_asked_is_a_provider_s_error(shop: Shop, server: Server, path: str) -> None:
    """As all else that goes wrong with a call."""
    api = shop.api(server.url)
    with pytest.raises(Unanswered):
        await api.ask("GET", path)
    with pytest.raises((NoJob, Unanswered)):
        await api.pay(path, {})
    assert server.seen == []


async def test_an_upload_goes_without_the_key(shop: Shop, server: Server) -> None:
    """To wherever the provider says, by the rules for such places."""
    media = Media(path=Path("x.jpg"), mime="image/jpeg", sha256="a" * 64, size_bytes=1)
    await shop.api(server.url).put_file("https://bucket.example/x?sig=1", media)
    assert shop.uploads == [("https://bucket.example/x?sig=1", media)]
    assert server.seen == []


# -- addresses that a provider names

BASE = "http://127.0.0.1:9/gateway"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{BASE}/x/status?a=1", "/x/status?a=1"),
        ("https://queue.shop.example/x/status", "/x/status"),
        (f"{BASE}/", "/"),
        (BASE, None),
        ("https://queue.shop.example", None),
        ("http://127.0.0.1:9/gateways/x", None),
        ("http://127.0.0.1:9/x", None),
        ("http://127.0.0.1:90/gateway/x", None),
        ("http://queue.shop.example/x", None),
        ("https://rest.shop.example/x", None),
        ("https://queue.shop.example.evil.example/x", None),
        ("https://queue.shop.example@evil.example/x", None),
        ("https://queue.shop.example:443@evil.example/x", None),
        ("https://me@queue.shop.example/x", None),
        ("https://me:pw@queue.shop.example/x", None),
        ("https://queue.shop.example\\@evil.example/x", None),
        ("https://queue.shop.example:8443/x", None),
        ("//queue.shop.example/x", None),
        (f"{BASE}/../admin", None),
        (f"{BASE}/x/..", None),
        ("https://evil.example/https://queue.shop.example/x", None),
        ("file:///etc/passwd", None),
        ("/x", None),
        ("", None),
        ("https://[", None),
        (f"{BASE}/%2e%2e/admin", None),
        (f"{BASE}/.%2E/admin", None),
        (f"{BASE}/x\n/y", None),
    ],
)
def test_an_address_is_a_path_of_ours_or_none(shop: Shop, url: str, path: str | None) -> None:
    """Under the configured base or, as a gateway may name the provider's own host, under the default one."""
    assert shop.api(BASE, f"{BASE}/rest").path_of(url) == path


def test_an_address_under_the_default_host_is_asked_where_that_host_is(shop: Shop) -> None:
    """Each host for itself, the first where none is named."""
    api = shop.api(BASE, "http://127.0.0.1:9/rest")
    assert api.path_of("https://rest.shop.example/x", 1) == "/x"
    assert api.path_of("http://127.0.0.1:9/rest/x", 1) == "/x"
    assert api.path_of("https://queue.shop.example/x", 1) is None
    assert api.path_of(f"{BASE}/x", 1) is None


@pytest.mark.parametrize("path", ["//evil.example/x", "/@evil.example/x", "/https://evil.example/x", "/\\evil.example"])
async def test_an_odd_path_under_our_host_stays_there(shop: Shop, server: Server, path: str) -> None:
    """It leads to a 404 of the provider's at worst."""
    api = shop.api(server.url)
    found = api.path_of(f"https://queue.shop.example{path}")
    assert found == path
    await api.ask("GET", found)
    assert len(server.seen) == 1


# -- replies


@pytest.mark.parametrize("over_bytes", [0, 1])
async def test_a_reply_is_read_up_to_a_bound(shop: Shop, server: Server, over_bytes: int) -> None:
    """One byte more, and nothing is known: of a paid call, too, behind which there may be a job."""
    body = b'"' + b"x" * (REPLY_MAX_BYTES - 2 + over_bytes) + b'"'
    server.answers = [Answer(body=body)] * 2
    api = shop.api(server.url)
    if over_bytes:
        with pytest.raises(Unanswered):
            await api.ask("GET", "/x")
        with pytest.raises(Unanswered):
            await api.pay("/x", {})
    else:
        for reply in (await api.ask("GET", "/x"), await api.pay("/x", {})):
            assert reply.document.value == "x" * (REPLY_MAX_BYTES - 2)


async def test_the_bound_is_on_what_a_reply_unpacks_to(shop: Shop, server: Server) -> None:
    """A few kilobytes can hold gigabytes."""
    bomb = gzip.compress(b" " * (4 * REPLY_MAX_BYTES))
    server.answers = [Answer(body=bomb, headers={"Content-Encoding": "gzip"})]
    with pytest.raises(Unanswered):
        await shop.api(server.url).ask("GET", "/x")


async def test_half_a_reply_is_none(shop: Shop, server: Server) -> None:
    """The ticket may have been in the other half."""
    half = Answer(body=b'{"id": "7"}', headers={"Content-Length": "100", "Connection": "close"})
    server.answers = [half, half]
    api = shop.api(server.url)
    with pytest.raises(Unanswered):
        await api.pay("/x", {})
    with pytest.raises(Unanswered):
        await api.ask("GET", "/x")


async def test_a_good_reply_is_taken_again_for_as_long_as_it_may_be(shop: Shop, server: Server) -> None:
    """Then it is asked for anew."""
    api = shop.api(server.url, server.url)
    server.answers = [Answer(body=b"1"), Answer(body=b"2"), Answer(body=b"3")]
    told = [(await api.ask("GET", "/x", keep_s=60)).document.value for _ in range(3)]
    shop.clock.now_s += 59.9
    told.append((await api.ask("GET", "/x", keep_s=60)).document.value)
    shop.clock.now_s += 0.2
    told.append((await api.ask("GET", "/x", keep_s=60)).document.value)
    told.append((await api.ask("GET", "/x")).document.value)
    assert told == [1, 1, 1, 1, 2, 3]


async def test_only_what_was_asked_to_be_kept_and_went_well_is_kept(shop: Shop, server: Server) -> None:
    """An error page for an hour would be an hour without prices."""
    api = shop.api(server.url)
    server.answers = [Answer(status=500, body=b"0"), Answer(status=None), Answer(body=b"1"), Answer(body=b"2")]
    assert (await api.ask("GET", "/x", keep_s=60)).status == 500
    with pytest.raises(Unanswered):
        await api.ask("GET", "/x", keep_s=60)
    assert (await api.ask("GET", "/x")).document.value == 1
    assert (await api.ask("GET", "/x", keep_s=60)).document.value == 2
    assert (await api.ask("GET", "/y", keep_s=60)).document.text("id") == "7"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"query": {"id": "wan2.5"}}, {"query": {"id": "wan2.6"}}),
        ({"query": None}, {"query": {"id": "wan2.6"}}),
        ({"method": "GET"}, {"method": "POST"}),
        ({"body": {"page": 1}}, {"body": {"page": 2}}),
    ],
    ids=["query", "no query", "method", "body"],
)
async def test_a_kept_reply_answers_no_other_question(
    shop: Shop, server: Server, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """The price of one model is not that of another."""
    api = shop.api(server.url)
    server.answers = [Answer(body=b"1"), Answer(body=b"2")]
    plain: dict[str, Any] = {"method": "GET", "path": "/v1/models", "keep_s": 60.0}
    told = [(await api.ask(**plain | asked)).document.value for asked in (first, second)]
    assert told == [1, 2]


# -- calls that fail


def _closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_a_connection_that_never_opened_proves_that_nothing_was_sent(shop: Shop) -> None:
    """A look that finds no host knows nothing all the same."""
    api = shop.api(f"http://127.0.0.1:{_closed_port()}")
    with pytest.raises(Unreachable) as unreachable:
        await api.pay("/make", {})
    assert not isinstance(unreachable.value, Untrusted)
    with pytest.raises(Unanswered):
        await api.ask("GET", "/look")


async def test_a_call_whose_answer_is_lost_is_made_once(shop: Shop, server: Server) -> None:
    """Nothing below us tries again, and nobody knows whether there is a job."""
    server.answers = [Answer(status=None)]
    with pytest.raises(Unanswered):
        await shop.api(server.url).pay("/make", {})
    assert len(server.seen) == 1


async def test_a_look_on_a_connection_that_died_is_told_apart_from_a_paid_call(shop: Shop, server: Server) -> None:
    """The paid call is on a new one, whatever became of the others."""
    api = shop.api(server.url)
    await api.ask("GET", "/look")
    server.answers = [Answer(status=None)]
    with pytest.raises(Unanswered):
        await api.ask("GET", "/look")
    assert (await api.pay("/make", {})).ok


async def test_paid_calls_have_connections_of_their_own_and_looks_share_theirs(shop: Shop, server: Server) -> None:
    """One that is kept may have died unseen, and a paid call must not find out."""
    api = shop.api(server.url)
    for _ in range(3):
        await api.pay("/make", {})
        await api.ask("GET", "/look")
    paid = {seen.port for seen in server.seen if seen.path == "/make"}
    looks = {seen.port for seen in server.seen if seen.path == "/look"}
    assert (len(paid), len(looks), paid & looks) == (3, 1, set())


async def test_an_api_that_was_closed_opens_anew(shop: Shop, server: Server) -> None:
    """Closing twice does no harm."""
    api = shop.api(server.url)
    await api.ask("GET", "/look")
    await api.close()
    await api.close()
    assert (await api.ask("GET", "/look")).ok
    assert len({seen.port for seen in server.seen}) == 2


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    kept = tmp_path_factory.mktemp("tls") / "own.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    kept.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return kept


async def test_a_certificate_that_nobody_vouches_for_is_said_to_be_that(shop: Shop, own_certificate: Path) -> None:
    """An operator can mend it, and the key was not sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate)
    shop.trusted = True
    with serving(context) as server:
        api = shop.api(server.url)
        with pytest.raises(Untrusted):
            await api.pay("/make", {})
        with pytest.raises(Untrusted):
            await api.ask("GET", "/look")
        assert server.seen == []


async def test_a_host_that_speaks_no_tls_is_unreachable_and_not_untrusted(shop: Shop, server: Server) -> None:
    """No certificate was shown, so none is at fault."""
    shop.trusted = True
    with pytest.raises(Unreachable) as unreachable:
        await shop.api(f"https://127.0.0.1:{server.port}").pay("/make", {})
    assert not isinstance(unreachable.value, Untrusted)
    assert server.seen == []


async def test_no_error_holds_the_key_or_what_was_sent(shop: Shop, server: Server) -> None:
    """It may end in a log."""
    server.answers = [Answer(status=None), Answer(status=None)]
    lost = shop.api(server.url)
    never = shop.api(f"http://127.0.0.1:{_closed_port()}")
    for call in (
        lost.pay("/make/T1", {"prompt": "a cat"}),
        lost.ask("GET", "/make/T1", query={"sig": "a cat"}),
        never.pay("/make/T1", {"prompt": "a cat"}),
    ):
        with pytest.raises(ProviderError) as failed:
            await call
        for shown in (str(failed.value), repr(failed.value), str(failed.value.__cause__)):
            assert not any(secret in shown for secret in (KEY, "a cat", "T1"))


# -- how often


async def test_a_provider_that_asks_to_wait_is_sent_no_paid_call(shop: Shop, server: Server) -> None:
    """Nor a look, where that would wait long; then both go on."""
    api = shop.api(server.url)
    server.answers = [Answer(status=429, headers={"Retry-After": "30"})]
    refused = await api.pay("/make", {})
    assert (refused.status, refused.retry_after_s) == (429, 30.0)
    with pytest.raises(RateLimited) as limited:
        await api.pay("/make", {})
    assert limited.value.retry_after_s == 30.0
    with pytest.raises(Unanswered):
        await api.ask("GET", "/look")
    assert len(server.seen) == 1
    shop.clock.now_s += 30
    assert (await api.pay("/make", {})).ok
    assert (await api.ask("GET", "/look")).ok


async def test_a_key_s_calls_are_bounded_whatever_they_are_for(shop: Shop, server: Server) -> None:
    """Looks and paid calls count alike, and a call that is not made counts nothing."""
    api = shop.api(server.url, access=replace(ACCESS, calls_per_min=2))
    await api.ask("GET", "/look")
    await api.pay("/make", {})
    for _ in range(5):
        with pytest.raises(RateLimited) as limited:
            await api.pay("/make", {})
        assert limited.value.retry_after_s == 60.0
        with pytest.raises(Unanswered):
            await api.ask("GET", "/look")
    assert len(server.seen) == 2
    shop.clock.now_s += 60
    await api.pay("/make", {})
    await api.ask("GET", "/look")
    assert len(server.seen) == 4


async def test_a_kept_reply_costs_no_turn(shop: Shop, server: Server) -> None:
    """Nothing is sent for it."""
    api = shop.api(server.url, access=replace(ACCESS, calls_per_min=1))
    await api.ask("GET", "/x", keep_s=60)
    assert (await api.ask("GET", "/x", keep_s=60)).ok
    assert len(server.seen) == 1


async def test_a_refusal_by_a_look_holds_the_paid_call_back_too(shop: Shop, server: Server) -> None:
    """They share the key; without a time named the wait grows, until a call goes well."""
    api = shop.api(server.url)
    for _ in range(2):
        for wait_s in (2, 0):
            server.answers = [Answer(status=429)]
            assert (await api.ask("GET", "/look")).status == 429
            shop.clock.now_s += wait_s
        with pytest.raises(RateLimited) as limited:
            await api.pay("/make", {})
        assert limited.value.retry_after_s == 4.0
        shop.clock.now_s += 4
        assert (await api.pay("/make", {})).ok
