"""Fetching what a link leads to, from real sockets into real files: whole, byte for byte, and never from where it must not."""

from __future__ import annotations

import asyncio
import functools
import ssl
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from bot.download import Downloader, LinkDead, TooLarge, Unfinished
from bot.guard import Blocked, GuardedBackend, TrustedHosts
from bot.proxies import Proxies, read_proxies
from tests.fakes.file_server import ETAG, FileServer, Reply, Tunnel, listening

BODY = bytes(range(256)) * 6_000
"""More than one block, less than two."""
CUT = 1_200_000
ROOM_BYTES = 10_000_000
HERE = TrustedHosts.parse(["127.0.0.1", "::1", "files.example"])

Fetch = Callable[..., Awaitable[None]]


usual_tls = functools.cache(ssl.create_default_context)


async def here(host: str, port: int) -> Sequence[str]:
    """Resolve every name to this machine."""
    return ["127.0.0.1"]


@asynccontextmanager
async def downloader(
    trusted: TrustedHosts = HERE,
    proxies: Proxies | None = None,
    tls: ssl.SSLContext | None = None,
    resolver: Callable[[str, int], Awaitable[Sequence[str]]] = here,
    pause_s: float = 0.01,
) -> AsyncIterator[Downloader]:
    """Open one that hardly waits between its attempts, and close it."""
    guard = GuardedBackend(trusted, resolver)
    opened = Downloader(guard, tls or usual_tls(), proxies or Proxies(), pauses_s=(pause_s,) * 5)
    try:
        yield opened
    finally:
        await opened.aclose()


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    """A server on this machine."""
    files = FileServer(BODY)
    async with listening(files):
        yield files


@pytest.fixture
def into(tmp_path: Path) -> Path:
    """Where the bytes go."""
    return tmp_path / "video"


@pytest.fixture
async def fetch(into: Path) -> AsyncIterator[Fetch]:
    """Fetch a link, as the worker does."""
    async with downloader() as opened:

        async def fetching(link: str, most_bytes: int = ROOM_BYTES, within_s: float = 10) -> None:
            await opened.fetch(link, into, most_bytes=most_bytes, within_s=within_s)

        yield fetching


def left(into: Path) -> list[str]:
    """Return the names of all files there are."""
    return sorted(path.name for path in into.parent.iterdir())


async def test_the_bytes_arrive_as_they_are(server: FileServer, fetch: Fetch, into: Path) -> None:
    """Whole, readable by their owner only, with nothing beside them."""
    await fetch(server.url)
    assert into.read_bytes() == BODY
    assert stat.S_IMODE(into.stat().st_mode) == 0o600
    assert left(into) == ["video"]


async def test_a_signed_link_arrives_byte_for_byte(server: FileServer, fetch: Fetch) -> None:
    """A signature is over the very escapes."""
    resource = "/a%2Fb%7E%27%40//c/../d;e?X-Sig=%2B~'(x)*&e=&Expires=1%20#part"
    await fetch(server.url + resource)
    assert server.lines() == [f"GET {resource.removesuffix('#part')} HTTP/1.1"]


async def test_nothing_says_who_asks(server: FileServer, fetch: Fetch) -> None:
    """No key, no cookie, not even one that the server has just set; and no encoding."""
    server.script = [Reply(status=302, headers={"Location": "/b", "Set-Cookie": "a=b"})]
    await fetch(server.url)
    assert server.asked("Authorization") == server.asked("Cookie") == server.asked("Referer") == [None, None]
    assert server.asked("Accept-Encoding") == ["identity"] * 2
    assert server.asked("Host") == [f"127.0.0.1:{server.port}"] * 2


async def test_one_connection_serves_many_files(server: FileServer, fetch: Fetch) -> None:
    """A downloader is opened once a process."""
    await fetch(server.url)
    await fetch(server.url)
    assert server.connections == 1


# -- where links lead


@pytest.mark.parametrize(
    ("status", "place", "line"),
    [
        (301, "/b%2F/../c?d=%7E", "/b%2F/../c?d=%7E"),
        (302, "b%2F", "/deep/b%2F"),
        (303, "?q=%27", "/deep/a?q=%27"),
        (307, "//HOST/c", "/c"),
        (308, "http://HOST/%7E/../d;e?#f", "/%7E/../d;e?"),
    ],
)
async def test_redirects_are_followed(
    server: FileServer, fetch: Fetch, into: Path, status: int, place: str, line: str
) -> None:
    """Relative ones too, byte for byte."""
    place = place.replace("HOST", f"127.0.0.1:{server.port}")
    server.script = [Reply(status=status, headers={"Location": place})]
    await fetch(f"{server.url}/deep/a?x=1")
    assert server.lines() == ["GET /deep/a?x=1 HTTP/1.1", f"GET {line} HTTP/1.1"]
    assert into.read_bytes() == BODY


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("https://10.0.0.1/", "private address"),
        ("https://169.254.169.254/latest/meta-data", "private address"),
        ("https://0x0a.1:1/", "private address"),
        ("https://[::ffff:127.0.0.2]/", "private address"),
        ("https://inside.example/", "private address"),
        ("http://public.example/", "not https"),
        ("file:///etc/passwd", "not https"),
        ("https://me:pw@public.example/", "user name in the link"),
        ("https://public.example/\xe9", "character not allowed in a link"),
    ],
)
async def test_a_redirect_is_guarded_like_the_link(
    server: FileServer, fetch: Fetch, into: Path, place: str, reason: str
) -> None:
    """Each hop anew, by letter and by address; names resolve to this machine here."""
    server.script = [Reply(status=302, headers={"Location": place})]
    with pytest.raises(Blocked) as caught:
        await fetch(server.url)
    assert caught.value.reason == reason
    assert (server.connections, left(into)) == (1, [])


async def test_a_link_to_this_machine_opens_no_connection(server: FileServer, into: Path) -> None:
    """Neither by its address nor by a name that leads there."""
    async with downloader(trusted=TrustedHosts()) as opened:
        for host in ("127.0.0.1", "files.example"):
            with pytest.raises(Blocked, match="private address"):
                await opened.fetch(f"https://{host}:{server.port}/", into, most_bytes=1, within_s=5)
    assert server.connections == 0


async def test_redirects_end_somewhere(server: FileServer, fetch: Fetch) -> None:
    """Three are followed; a fourth, or one that leads nowhere, makes the link a dead one."""
    server.script = [Reply(status=302, headers={"Location": "/again"})] * 3
    await fetch(server.url)
    server.script = [Reply(status=307, headers={"Location": "/again"})] * 4
    with pytest.raises(LinkDead) as caught:
        await fetch(server.url)
    assert caught.value.status == 307
    server.script = [Reply(status=301)]
    with pytest.raises(LinkDead):
        await fetch(server.url)


# -- what breaks off is continued


async def test_a_body_that_breaks_off_is_continued_from_there(server: FileServer, fetch: Fetch, into: Path) -> None:
    """Only the missing bytes are asked for, and only of the same file."""
    server.script = [Reply(cut_at=CUT), Reply(cut_at=1000)]
    await fetch(server.url)
    assert into.read_bytes() == BODY
    assert server.asked("Range") == [None, f"bytes={CUT}-", f"bytes={CUT + 1000}-"]
    assert server.asked("If-Range") == [None, ETAG, ETAG]
    assert left(into) == ["video"]


async def test_the_date_of_a_file_serves_where_its_tag_is_weak(server: FileServer, fetch: Fetch) -> None:
    """If-Range takes no weak tag."""
    date = "Wed, 25 Nov 2026 10:00:00 GMT"
    server.script = [Reply(headers={"ETag": 'W/"x"', "Last-Modified": date}, cut_at=CUT)]
    await fetch(server.url)
    assert server.asked("If-Range") == [None, date]


@pytest.mark.parametrize("etag", [None, "", 'W/"weak"', '"\xe9"'])
async def test_a_file_that_the_server_does_not_name_starts_over(
    server: FileServer, fetch: Fetch, into: Path, etag: str | None
) -> None:
    """Nobody could tell whether the rest belongs to what has come."""
    server.script = [Reply(headers={"ETag": etag}, cut_at=CUT)]
    await fetch(server.url)
    assert server.asked("Range") == [None, None]
    assert into.read_bytes() == BODY


async def test_a_file_that_changed_meanwhile_starts_over(server: FileServer, fetch: Fetch, into: Path) -> None:
    """No video is made of two."""
    server.etag, server.script = '"second"', [Reply(headers={"ETag": ETAG}, body=b"x" * 5000, cut_at=4000)]
    await fetch(server.url)
    assert server.asked("Range") == [None, "bytes=4000-"]
    assert into.read_bytes() == BODY


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": f"bytes 0-{len(BODY) - 1}/{len(BODY)}"},
        {"Content-Range": f"bytes {CUT}-{len(BODY)}/{len(BODY) + 1}"},
        {"Content-Range": f"bytes {CUT}-{len(BODY) - 1}/{len(BODY)}", "ETag": '"second"'},
        {"Content-Range": "bytes of mine"},
        {"Content-Range": None},
    ],
)
async def test_a_rest_that_is_not_what_was_asked_for_starts_over(
    server: FileServer, fetch: Fetch, into: Path, headers: dict[str, str | None]
) -> None:
    """Other start, other length, other file, or no word of it."""
    server.script = [Reply(cut_at=CUT), Reply(status=206, headers=headers, body=b"x" * (len(BODY) - CUT))]
    await fetch(server.url)
    assert server.asked("Range") == [None, f"bytes={CUT}-", None]
    assert into.read_bytes() == BODY


async def test_a_rest_that_comes_in_pieces_is_asked_for_to_its_end(
    server: FileServer, fetch: Fetch, into: Path
) -> None:
    """A server may give less than was asked."""
    piece = Reply(
        status=206, headers={"Content-Range": f"bytes {CUT}-{CUT + 9}/{len(BODY)}"}, body=BODY[CUT : CUT + 10]
    )
    server.script = [Reply(cut_at=CUT), piece]
    await fetch(server.url)
    assert server.asked("Range") == [None, f"bytes={CUT}-", f"bytes={CUT + 10}-"]
    assert into.read_bytes() == BODY


CHUNKED: dict[str, str | None] = {"Transfer-Encoding": "chunked", "Content-Length": None, "ETag": ETAG}


async def test_a_file_of_unknown_length_ends_where_its_chunks_end(server: FileServer, fetch: Fetch, into: Path) -> None:
    """The last chunk says so."""
    server.script = [Reply(headers=CHUNKED, body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")]
    await fetch(server.url)
    assert into.read_bytes() == b"abcde"


async def test_chunks_that_break_off_are_continued(server: FileServer, fetch: Fetch, into: Path) -> None:
    """Without a last chunk it is no end."""
    server.body, server.script = b"abcdefgh", [Reply(headers=CHUNKED, body=b"5\r\nabcde\r\n", cut_at=10)]
    await fetch(server.url)
    assert server.asked("Range") == [None, "bytes=5-"]
    assert into.read_bytes() == b"abcdefgh"


async def test_where_nothing_is_missing_any_more_that_is_the_end(server: FileServer, fetch: Fetch, into: Path) -> None:
    """Only the last chunk was lost: 416 with the length that we have."""
    server.body, server.script = b"abcde", [Reply(headers=CHUNKED, body=b"5\r\nabcde\r\n", cut_at=10)]
    await fetch(server.url)
    assert server.asked("Range") == [None, "bytes=5-"]
    assert (into.read_bytes(), left(into)) == (b"abcde", ["video"])


async def test_where_the_file_has_become_shorter_it_starts_over(server: FileServer, fetch: Fetch, into: Path) -> None:
    """416 with another length."""
    server.body, server.script = b"abcd", [Reply(headers=CHUNKED, body=b"5\r\nabcde\r\n", cut_at=10)]
    await fetch(server.url)
    assert server.asked("Range") == [None, "bytes=5-", None]
    assert into.read_bytes() == b"abcd"


async def test_a_length_that_was_a_lie_is_never_whole(server: FileServer, fetch: Fetch, into: Path) -> None:
    """More was said than ever comes: each attempt asks for the rest, then it is left for another time."""
    lie = {"Content-Length": str(len(BODY) + 7), "ETag": None}
    server.script = [Reply(headers=lie, cut_at=len(BODY))] * 6
    with pytest.raises(Unfinished, match="RemoteProtocolError"):
        await fetch(server.url)
    assert len(server.heads) == 6


# -- what cannot be had


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 416, 451, 304])
async def test_a_dead_link_is_told_at_once(server: FileServer, fetch: Fetch, into: Path, status: int) -> None:
    """A fresh one is asked for; what has come of the file stays for it."""
    server.script = [Reply(cut_at=CUT), Reply(status=403, body=b"")]
    with pytest.raises(LinkDead, match="403"):
        await fetch(server.url)
    assert into.stat().st_size == CUT
    server.script = [Reply(cut_at=CUT)]
    await fetch(f"{server.url}/fresh")
    assert into.read_bytes() == BODY
    server.heads.clear()
    server.script = [Reply(status=status, body=b"")]
    with pytest.raises(LinkDead) as caught:
        await fetch(server.url)
    assert (caught.value.status, len(server.heads)) == (status, 1)


@pytest.mark.parametrize("status", [202, 408, 425, 429, 500, 502, 503])
async def test_a_passing_trouble_keeps_the_part_and_the_next_call_continues(
    server: FileServer, fetch: Fetch, into: Path, status: int
) -> None:
    """Also after a restart: all that is known lies beside the part."""
    server.script = [Reply(cut_at=CUT), *[Reply(status=status, body=b"<html>")] * 5]
    with pytest.raises(Unfinished, match=str(status)):
        await fetch(server.url)
    assert (len(server.heads), left(into), into.stat().st_size) == (6, ["video", "video.tag"], CUT)
    server.heads.clear()
    async with downloader() as next_process:
        await next_process.fetch(server.url, into, most_bytes=ROOM_BYTES, within_s=5)
    assert server.asked("Range") == [f"bytes={CUT}-"]
    assert (into.read_bytes(), left(into)) == (BODY, ["video"])


async def test_a_part_of_unknown_origin_is_not_continued(server: FileServer, fetch: Fetch, into: Path) -> None:
    """A tag that is missing or torn says nothing."""
    into.write_bytes(b"x" * 1000)
    await fetch(server.url)
    into.write_bytes(b"x" * 1000)
    into.with_name("video.tag").write_text('{"validator": "\\"fi')
    await fetch(server.url)
    assert server.asked("Range") == [None, None]
    assert into.read_bytes() == BODY


async def test_a_part_that_was_whole_needs_no_server(server: FileServer, fetch: Fetch, into: Path) -> None:
    """Killed between the last byte and the tag's removal."""
    server.script = [Reply(cut_at=CUT), Reply(status=403)]
    with pytest.raises(LinkDead):
        await fetch(server.url)
    into.write_bytes(BODY)
    await fetch("http://127.0.0.1:1/gone")
    assert left(into) == ["video"]


async def test_a_closed_port_is_a_passing_trouble(fetch: Fetch) -> None:
    """A provider may be restarting."""
    with pytest.raises(Unfinished, match="the connection broke: ConnectError"):
        await fetch("http://127.0.0.1:1/")


async def test_a_file_that_says_it_is_too_large_is_not_begun(server: FileServer, fetch: Fetch, into: Path) -> None:
    """By its header, before a single byte."""
    server.script = [Reply(pause_s=60)]
    with pytest.raises(TooLarge):
        await fetch(server.url, most_bytes=len(BODY) - 1)
    assert left(into) == []
    await fetch(server.url, most_bytes=len(BODY))


async def test_a_file_that_becomes_too_large_is_thrown_away(server: FileServer, fetch: Fetch, into: Path) -> None:
    """By count, where no header says so."""
    server.script = [Reply(headers=CHUNKED, body=b"200000\r\n" + b"x" * 0x200000 + b"\r\n0\r\n\r\n")]
    with pytest.raises(TooLarge):
        await fetch(server.url, most_bytes=0x1FFFFF)
    assert left(into) == []


async def test_a_rest_that_is_too_large_is_not_begun(server: FileServer, fetch: Fetch, into: Path) -> None:
    """The bound is on the whole."""
    server.script = [Reply(headers={"Content-Length": None, "Connection": "close"} | CHUNKED, body=b"1\r\nx", cut_at=4)]
    with pytest.raises(TooLarge):
        await fetch(server.url, most_bytes=1000)
    assert left(into) == []


async def test_a_slow_drip_ends_in_time_and_is_kept(server: FileServer, fetch: Fetch, into: Path) -> None:
    """Each byte comes well within the time that a read may take."""
    server.script = [Reply(pause_s=0.05)]
    started_s = time.monotonic()
    with pytest.raises(Unfinished, match=r"not all came within 0\.4 s"):
        await fetch(server.url, within_s=0.4)
    assert time.monotonic() - started_s < 2
    assert BODY.startswith(into.read_bytes())
    assert into.stat().st_size > 2


async def test_a_caller_that_stops_waiting_leaves_a_part_to_continue(
    server: FileServer, fetch: Fetch, into: Path
) -> None:
    """Stopping loses nothing."""
    server.script = [Reply(pause_s=0.02)]
    fetching = asyncio.ensure_future(fetch(server.url))
    await asyncio.sleep(0.3)
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    await fetch(server.url)
    assert server.asked("Range") != [None, None]
    assert into.read_bytes() == BODY


@pytest.mark.parametrize(
    "script",
    [
        [Reply(status=403)],
        [Reply(status=502)] * 6,
        [Reply(status=302, headers={"Location": "https://10.0.0.1/secret"})],
    ],
)
async def test_no_error_shows_the_link(server: FileServer, fetch: Fetch, script: list[Reply]) -> None:
    """Its query is a key, and errors are logged."""
    server.script = script
    with pytest.raises((LinkDead, Unfinished, Blocked)) as caught:
        await fetch(f"{server.url}/secret?sig=secret")
    error: BaseException | None = caught.value
    while error is not None:
        assert "secret" not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__


async def test_a_full_disk_is_its_own_error(server: FileServer, into: Path) -> None:
    """Neither the link nor the server is at fault."""
    async with downloader() as opened:
        with pytest.raises(FileNotFoundError):
            await opened.fetch(server.url, into / "gone" / "video", most_bytes=ROOM_BYTES, within_s=5)


# -- TLS, IPv6, proxies


@pytest.fixture
def authority() -> trustme.CA:
    """A company's own certificate authority."""
    return trustme.CA()


def serving_tls(authority: trustme.CA, name: str = "files.example") -> ssl.SSLContext:
    """Return what a server of that name shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return what a client trusts that knows the authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_a_companys_own_authority_is_trusted(into: Path, authority: trustme.CA) -> None:
    """By the context that every client is given; the name is checked though the address is connected to."""
    files = FileServer(BODY)
    async with listening(files, tls=serving_tls(authority)), downloader(tls=trusting(authority)) as opened:
        await opened.fetch(f"https://files.example:{files.port}/", into, most_bytes=ROOM_BYTES, within_s=5)
    assert into.read_bytes() == BODY
    assert files.asked("Host") == [f"files.example:{files.port}"]


@pytest.mark.parametrize(("knows", "name"), [(False, "files.example"), (True, "other.example")])
async def test_a_certificate_that_is_not_trusted_is_told_in_a_sentence(
    into: Path, authority: trustme.CA, knows: bool, name: str
) -> None:
    """It names the host and the setting, and asks once only."""
    files, tls = FileServer(BODY), trusting(authority) if knows else None
    async with listening(files, tls=serving_tls(authority, name)), downloader(tls=tls, pause_s=60) as opened:
        with pytest.raises(Unfinished) as caught:
            await opened.fetch(f"https://files.example:{files.port}/secret", into, most_bytes=1, within_s=5)
    assert "certificate of files.example is not trusted" in caught.value.why
    assert "SSL_CERT_FILE" in caught.value.why
    assert (files.heads, "secret" in caught.value.why) == ([], False)


@pytest.mark.parametrize("trusted", ["::1", "[::1]:PORT", "0:0:0:0:0:0:0:1"])
async def test_a_server_on_ipv6_is_reached(into: Path, trusted: str) -> None:
    """Trusted under either spelling, and told its own name with brackets."""
    files = FileServer(BODY)
    async with listening(files, host="::1"):
        hosts = TrustedHosts.parse([trusted.replace("PORT", str(files.port))])
        async with downloader(trusted=hosts) as opened:
            await opened.fetch(f"http://[::1]:{files.port}/", into, most_bytes=ROOM_BYTES, within_s=5)
    assert files.asked("Host") == [f"[::1]:{files.port}"]


async def test_a_name_with_a_dead_address_first_is_reached_soon(server: FileServer, into: Path) -> None:
    """IPv6 in the name service, none on the way."""

    async def dead_first(host: str, port: int) -> Sequence[str]:
        return ["fd00::1", "127.0.0.1"]

    started_s = time.monotonic()
    async with downloader(resolver=dead_first) as opened:
        await opened.fetch(f"http://files.example:{server.port}/", into, most_bytes=ROOM_BYTES, within_s=5)
    assert time.monotonic() - started_s < 1


async def nowhere(host: str, port: int) -> Sequence[str]:
    """Resolve nothing, as behind a proxy that alone may ask the world."""
    raise OSError("no such name")


async def test_a_proxy_is_told_the_whole_link_and_its_own_password(server: FileServer, into: Path) -> None:
    """Without TLS, for a trusted host; the link's bytes stay as they are."""
    proxies = read_proxies({"http_proxy": f"http://me:p%40ss@127.0.0.1:{server.port}"})
    async with downloader(proxies=proxies, resolver=nowhere) as opened:
        await opened.fetch("http://files.example/a%2Fb?c=%7E", into, most_bytes=ROOM_BYTES, within_s=5)
    assert server.lines() == ["GET http://files.example:80/a%2Fb?c=%7E HTTP/1.1"]
    assert server.asked("Proxy-Authorization") == ["Basic bWU6cEBzcw=="]
    assert into.read_bytes() == BODY


async def test_a_proxy_is_told_an_ipv6_address_with_brackets(server: FileServer, into: Path) -> None:
    """Else its port would be read as part of it."""
    async with downloader(proxies=read_proxies({"ALL_PROXY": server.url})) as opened:
        await opened.fetch("http://[0::1]:9/a", into, most_bytes=ROOM_BYTES, within_s=5)
    assert server.lines() == ["GET http://[::1]:9/a HTTP/1.1"]


async def test_a_tunnel_leads_to_what_does_not_resolve_here(into: Path, authority: trustme.CA) -> None:
    """The proxy sees host and port only; TLS is with the server."""
    files, name = FileServer(BODY), "public.example"
    async with listening(files, tls=serving_tls(authority, name)):
        tunnel = Tunnel(files.port)
        async with listening(tunnel):
            proxies = read_proxies({"HTTPS_PROXY": f"http://127.0.0.1:{tunnel.port}"})
            async with downloader(proxies=proxies, tls=trusting(authority), resolver=nowhere) as opened:
                await opened.fetch(f"https://{name}/a%2Fb", into, most_bytes=ROOM_BYTES, within_s=5)
    assert [head.split(b"\r\n")[0] for head in tunnel.heads] == [b"CONNECT public.example:443 HTTP/1.1"]
    assert files.lines() == ["GET /a%2Fb HTTP/1.1"]
    assert into.read_bytes() == BODY


@pytest.mark.parametrize("link", ["https://10.0.0.1/", "https://10.1/", "https://inside.example/"])
async def test_a_proxy_is_not_asked_for_what_is_known_to_be_private(server: FileServer, into: Path, link: str) -> None:
    """It may well reach it."""
    proxies = read_proxies({"ALL_PROXY": server.url})
    async with downloader(proxies=proxies) as opened:
        with pytest.raises(Blocked, match="private address"):
            await opened.fetch(link, into, most_bytes=1, within_s=5)
    assert server.connections == 0


async def test_an_exempt_host_is_asked_past_the_proxy(server: FileServer, into: Path) -> None:
    """NO_PROXY, also with the entries of container tools."""
    proxies = read_proxies({"ALL_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1,[::1],fd07:b51a:cc66:f0::/64"})
    async with downloader(proxies=proxies) as opened:
        await opened.fetch(f"{server.url}/a", into, most_bytes=ROOM_BYTES, within_s=5)
    assert server.lines() == ["GET /a HTTP/1.1"]


async def test_a_proxy_that_is_down_is_a_passing_trouble(into: Path) -> None:
    """It is not passed by."""
    async with downloader(proxies=read_proxies({"ALL_PROXY": "http://127.0.0.1:1"})) as opened:
        with pytest.raises(Unfinished, match="ConnectError"):
            await opened.fetch("http://files.example/", into, most_bytes=1, within_s=5)
