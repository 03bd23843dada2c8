"""The guard of links, by the letter of the link and by where its name leads, on real sockets where one is opened."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import httpcore
import pytest

from bot.guard import Blocked, GuardedBackend, Target, TrustedHosts, check_link
from tests.fakes.file_server import FileServer, listening

PUBLIC, PRIVATE = "93.184.216.34", "127.0.0.1"
NOBODY = TrustedHosts()


class Names:
    """A resolver whose every answer is the next of a list, and that counts how often it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Connector(httpcore.AsyncNetworkBackend):
    """Opens nothing, and writes down which addresses it was to open; one that hangs does so until it is cancelled."""

    def __init__(self, hangs: Iterable[str] = ()) -> None:
        self.addresses: list[str] = []
        self.cancelled: list[str] = []
        self._hangs = set(hangs)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the port's own name
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.addresses.append(host)
        if host in self._hangs:
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled.append(host)
        raise httpcore.ConnectError("closed")


def blocked(link: str, trusted: TrustedHosts = NOBODY) -> str:
    """Return why a link must not be followed."""
    with pytest.raises(Blocked) as caught:
        check_link(link, trusted)
    return caught.value.reason


def test_a_links_bytes_stay_as_they_are() -> None:
    """Signatures are over the escapes, too."""
    target = check_link("HTTPS://CDN.Example./a%2Fb%7E%27//c/../d?X=%40&y='~#end", NOBODY)
    resource = "/a%2Fb%7E%27//c/../d?X=%40&y='~"
    assert target == Target(scheme="https", host="cdn.example", port=443, resource=resource)
    assert check_link("https://a.example:8443?x", NOBODY) == Target(
        scheme="https", host="a.example", port=8443, resource="/?x"
    )


def test_a_targets_repr_does_not_show_the_link() -> None:
    """The query is a key."""
    assert "secret" not in repr(check_link("https://a.example/p?sig=secret", NOBODY))


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        ("http://a.example/", "not https"),
        ("file:///etc/passwd", "not https"),
        ("gopher://a.example/", "not https"),
        ("data:text/plain,x", "not a link"),
        ("//a.example/", "not a link"),
        ("", "not a link"),
        ("https:///x", "no host"),
        ("https://", "no host"),
        ("https://:443/", "host not readable"),
        ("https://me@a.example/", "user name in the link"),
        ("https://me:pw@a.example/", "user name in the link"),
        ("https://a.example\\@b.example/", "user name in the link"),
        ("https://a.example\\b/", "host not readable"),
        ("https://%31.example/", "host not readable"),
        ("https://a..example/", "host not readable"),
        (f"https://{'a' * 64}.example/", "host not readable"),
        ("https://[::1/", "host not readable"),
        ("https://[1:2]/", "host not readable"),
        ("https://[fe80::1%25eth0]/", "host not readable"),
        ("https://[2606:2800::1%251]/", "host not readable"),
        ("https://[fe80::1%1]/", "host not readable"),
        ("https://a.example:0/", "port not possible"),
        ("https://a.example:65536/", "port not possible"),
        ("https://a.example:x/", "host not readable"),
        ("https://a.example/ b", "character not allowed in a link"),
        ("https://a.example/\r\nHost: b", "character not allowed in a link"),
        ("https://a.example/\0", "character not allowed in a link"),
        ("https://a.example/é", "character not allowed in a link"),
        ("https://\uff11\uff12\uff17.0.0.1/", "character not allowed in a link"),
        (f"https://a.example/{'x' * 8192}", "link too long"),
    ],
)
def test_a_link_that_is_not_plain_is_refused(link: str, reason: str) -> None:
    """Whatever two readers might read in two ways is not read at all."""
    assert blocked(link) == reason


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.01",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.100.100.200",
        "100.64.0.1",
        "192.0.0.192",
        "168.63.129.16",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:a00:1]",
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::1]",
        "[2001::1]",
        "[2001:db8::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
    ],
)
def test_an_address_that_is_not_public_is_refused_in_every_spelling(host: str) -> None:
    """What the system would read as an address is judged as that address."""
    assert blocked(f"https://{host}/") == "private address"


@pytest.mark.parametrize("host", ["256.1.1.1", "1.2.3.4.5", "a.0x7f", "08.1.1.1", "1.2.3.99999"])
def test_a_number_that_is_no_address_is_no_name_either(host: str) -> None:
    """No name ends in a number; a resolver may read one in it."""
    assert blocked(f"https://{host}/") == "host not readable"


@pytest.mark.parametrize(
    ("host", "means"),
    [
        (PUBLIC, PUBLIC),
        ("1572395042", PUBLIC),
        ("0x5d.0xb8.0xd822", PUBLIC),
        ("[::ffff:93.184.216.34]", PUBLIC),
        ("[2606:2800:220:1:248:1893:25C8:1946]", "2606:2800:220:1:248:1893:25c8:1946"),
        ("[64:ff9b::5db8:d822]", "64:ff9b::5db8:d822"),
        ("[2002:5db8:d822::1]", "2002:5db8:d822::1"),
    ],
)
def test_a_public_address_is_asked_in_its_one_spelling(host: str, means: str) -> None:
    """Judged and connected to is the same."""
    assert check_link(f"https://{host}/", NOBODY).host == means


@pytest.mark.parametrize(
    ("trusted", "link"),
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000/x"),
        ("127.0.0.1", "http://127.0.0.1:9000/x"),
        ("127.0.0.1:9000", "https://127.1:9000/x"),
        ("Bucket.Internal", "http://bucket.INTERNAL./x"),
        ("bucket.internal:80", "http://bucket.internal/x"),
        ("::1", "http://[::1]:8080/x"),
        ("[::1]", "http://[0:0::1]:8080/x"),
        ("[::1]:8080", "http://[::1]:8080/x"),
        ("[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080/x"),
        ("10.0.0.1", "http://[::ffff:10.0.0.1]/x"),
    ],
)
def test_a_trusted_host_may_be_private_and_without_tls(trusted: str, link: str) -> None:
    """In whatever spelling, on the port that was named or on every one."""
    assert check_link(link, TrustedHosts.parse([" a.example ", trusted])).resource == "/x"


@pytest.mark.parametrize(
    ("trusted", "link"),
    [
        ("127.0.0.1:9000", "https://127.0.0.1:9001/"),
        ("127.0.0.1:9000", "https://127.0.0.2:9000/"),
        ("localhost", "https://127.0.0.1/"),
        ("internal", "http://bucket.internal/"),
        ("[::1]:8080", "https://[::1]:8081/"),
    ],
)
def test_trust_goes_no_further_than_it_says(trusted: str, link: str) -> None:
    """Neither to other ports nor to what is below a name or behind it."""
    assert blocked(link, TrustedHosts.parse([trusted])) in {"private address", "not https"}


@pytest.mark.parametrize("text", ["", "http://a.example", "a/b", "a:b", "*", "10.0.0.0/8", "[::1", "1.2.3.4.5", "a b"])
def test_an_entry_that_is_no_host_is_an_error_that_names_it(text: str) -> None:
    """The operator mends it."""
    with pytest.raises(ValueError, match="is no host: write it like") as caught:
        TrustedHosts.parse([text])
    assert repr(text) in str(caught.value)


async def connect(guard: GuardedBackend, host: str = "a.example", port: int = 443) -> None:
    """Try to connect."""
    await (await guard.connect_tcp(host, port, timeout=2)).aclose()


@pytest.mark.parametrize("answer", [[PRIVATE], [PUBLIC, PRIVATE], ["2606:2800:220::1", "fd00::1"], ["fe80::1%1"]])
async def test_a_name_that_leads_to_any_private_address_is_refused(answer: list[str]) -> None:
    """One bad address among good ones is reason enough; nothing is opened."""
    connector = Connector()
    with pytest.raises(Blocked, match="private address"):
        await connect(GuardedBackend(NOBODY, Names(answer), connector))
    assert connector.addresses == []


async def test_a_name_is_resolved_once_and_what_was_judged_is_connected_to() -> None:
    """An answer that turns private between the look and the connection is never seen; at the next it is refused."""
    names, connector = Names([PUBLIC], [PRIVATE]), Connector()
    guard = GuardedBackend(NOBODY, names, connector)
    with pytest.raises(httpcore.ConnectError):
        await connect(guard)
    assert (names.asked, connector.addresses) == (1, [PUBLIC])
    with pytest.raises(Blocked, match="private address"):
        await connect(guard)
    assert (names.asked, connector.addresses) == (2, [PUBLIC])


async def test_a_name_that_leads_to_this_machine_opens_no_connection() -> None:
    """By the real resolver, at a real socket."""
    server = FileServer(b"secret")
    async with listening(server):
        with pytest.raises(Blocked):
            await connect(GuardedBackend(NOBODY), "localhost", server.port)
    assert server.connections == 0


async def test_a_trusted_name_that_leads_to_this_machine_is_connected_to() -> None:
    """A bucket or gateway on one's own network."""
    server = FileServer(b"")
    async with listening(server):
        await connect(GuardedBackend(TrustedHosts.parse([f"localhost:{server.port}"])), "localhost", server.port)
    assert server.connections == 1


async def test_a_literal_address_is_judged_again_when_it_is_connected_to() -> None:
    """Whoever comes past the link's own check does not come past this."""
    for host in ("127.0.0.1", "::ffff:127.0.0.1", "2130706433"):
        with pytest.raises(Blocked):
            await connect(GuardedBackend(NOBODY, Names([PUBLIC]), Connector()), host)


async def test_a_name_without_an_address_is_a_failed_connection() -> None:
    """Of the kind that is tried again."""
    with pytest.raises(httpcore.ConnectError):
        await connect(GuardedBackend(NOBODY, Names([])))


async def test_a_dead_address_costs_under_a_second() -> None:
    """A name with an IPv6 address and no way there: the other family follows soon."""
    server = FileServer(b"")
    async with listening(server):
        guard = GuardedBackend(TrustedHosts.parse(["a.example"]), Names(["fd00::1", "fd00::2", "127.0.0.1"]))
        started_s = time.monotonic()
        await connect(guard, port=server.port)
    assert time.monotonic() - started_s < 1
    assert server.connections == 1


async def test_every_address_gets_its_turn_and_those_that_hang_are_given_up() -> None:
    """The families by turns; nothing stays open behind."""
    connector = Connector(hangs=["2606:2800::1"])
    guard = GuardedBackend(NOBODY, Names(["2606:2800::1", "2606:2800::2", PUBLIC]), connector)
    with pytest.raises(httpcore.ConnectTimeout):
        await guard.connect_tcp("a.example", 443, timeout=0.4)
    assert connector.addresses == ["2606:2800::1", PUBLIC, "2606:2800::2"]
    assert connector.cancelled == ["2606:2800::1"]
