"""The environment's proxies: what is used, what goes past them, and what is only named."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from bot.proxies import Proxies, host_and_port, read_proxies

PROXY = "http://proxy.example:3128"
B49 = "localhost,127.0.0.1,::1,[::1],fd07:b51a:cc66:f0::/64"


def passes(no_proxy: str, host: str, port: int = 443) -> bool:
    """Tell whether a host is asked without the proxy."""
    return read_proxies({"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy}).for_host("https", host, port) is None


def test_without_variables_there_is_no_proxy() -> None:
    """The usual case."""
    assert read_proxies({}) == Proxies()
    assert Proxies().for_host("https", "a.example", 443) is None


def test_each_scheme_has_its_own_proxy_and_all_stands_in() -> None:
    """As every other program on the machine reads them."""
    proxies = read_proxies({"HTTPS_PROXY": PROXY, "ALL_PROXY": "http://all.example"})
    assert proxies.for_host("https", "a.example", 443) == PROXY
    assert proxies.for_host("http", "a.example", 80) == "http://all.example"


def test_a_name_in_lower_case_goes_first_and_a_blank_is_not_set() -> None:
    """Container tools set both; example files leave blanks."""
    assert read_proxies({"https_proxy": PROXY, "HTTPS_PROXY": "http://b"}).by_scheme == {"https": PROXY}
    assert read_proxies({"https_proxy": " ", "HTTPS_PROXY": PROXY}).by_scheme == {"https": PROXY}
    assert read_proxies({"no_proxy": "*", "NO_PROXY": "a", "ALL_PROXY": PROXY}).for_host("http", "b", 80) is None


def test_under_cgi_the_callers_header_is_not_believed() -> None:
    """There HTTP_PROXY is the header `Proxy` of whoever asks."""
    assert read_proxies({"REQUEST_METHOD": "GET", "HTTP_PROXY": PROXY}).by_scheme == {}
    assert read_proxies({"REQUEST_METHOD": "GET", "http_proxy": PROXY}).by_scheme == {"http": PROXY}


def test_a_proxy_without_a_scheme_is_asked_over_http() -> None:
    """As curl does."""
    assert read_proxies({"ALL_PROXY": "proxy.example:3128"}).by_scheme == {"all": PROXY}


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("*", "anything.example"),
        ("example.com", "example.com"),
        ("example.com", "EXAMPLE.com."),
        ("example.com", "deep.www.example.com"),
        (".example.com", "www.example.com"),
        (".example.com", "example.com"),
        ("*.example.com", "www.example.com"),
        ("a.example b.example", "b.example"),
        ("example.com:443", "example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:443", "10.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "0:0:0:0:0:0:0:1"),
        ("[::1]:443", "[::1]"),
        ("10.0.0.0/8", "10.9.8.7"),
        ("10.0.0.0/8", "::ffff:10.9.8.7"),
        ("fd07:b51a:cc66:f0::/64", "fd07:b51a:cc66:f0::9"),
        ("[fd07:b51a:cc66:f0::]/64", "fd07:b51a:cc66:f0::9"),
        (B49, "localhost"),
        (B49, "::1"),
    ],
)
def test_an_exempt_host_is_asked_directly(no_proxy: str, host: str) -> None:
    """By name and all below it, by address, by range."""
    assert passes(no_proxy, host)


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("", "localhost"),
        ("", "127.0.0.1"),
        ("example.com", "notexample.com"),
        ("example.com", "example.com.evil.example"),
        ("example.com:8443", "example.com"),
        ("10.0.0.0/8", "11.0.0.1"),
        ("10.0.0.0/8", "10.example"),
        ("fd07:b51a:cc66:f0::/64", "fd07:b51a:cc66:f1::9"),
        ("[::1]:8443", "::1"),
        ("0.0.0.0/0", "::1"),
    ],
)
def test_any_other_host_goes_through_the_proxy(no_proxy: str, host: str) -> None:
    """This machine itself too, unless it is named."""
    assert not passes(no_proxy, host)


def test_entries_that_cannot_be_used_are_named_and_the_others_hold() -> None:
    """Never an exception: they come from container tools, not from the operator."""
    proxies = read_proxies({"ALL_PROXY": PROXY, "no_proxy": f"fd00::/129,a:b:c,x:99999,[::1,10.0.0.0/,/,é,{B49}"})
    assert [entry.removeprefix("no_proxy: ") for entry in proxies.unusable] == [
        "fd00::/129",
        "a:b:c",
        "x:99999",
        "[::1",
        "10.0.0.0/",
        "/",
        "é",
    ]
    assert proxies.for_host("http", "::1", 80) is None


@pytest.mark.parametrize(
    "url",
    ["ftp://u:secret@a", "http://", "http://[::1", "http://a:99999", "socks4://a", "http://a b", "http://é", "::"],
)
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(url: str) -> None:
    """Its value may hold a password."""
    proxies = read_proxies({"HTTPS_PROXY": url})
    assert (proxies.unusable, proxies.by_scheme) == (("HTTPS_PROXY",), {})


def test_a_socks_proxy_is_used_where_its_package_is_there() -> None:
    """Without it every client would end in a traceback."""
    proxies = read_proxies({"all_proxy": "socks5://127.0.0.1:1080"})
    speaks_socks = find_spec("socksio") is not None
    assert (proxies.for_host("https", "a.example", 443) is not None) == speaks_socks
    assert (proxies.unusable == ()) == speaks_socks


def test_a_proxys_password_is_in_no_repr() -> None:
    """What is logged holds no secret."""
    assert "secret" not in repr(read_proxies({"ALL_PROXY": "http://u:secret@a.example"}))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("a", "a", None), ("a:80", "a", 80), ("::1", "::1", None), ("[::1]", "::1", None), ("[::1]:80", "::1", 80)],
)
def test_host_and_port_are_told_apart(text: str, host: str, port: int | None) -> None:
    """IPv6 has colons of its own."""
    assert host_and_port(text) == (host, port)


@pytest.mark.parametrize("text", ["", ":80", "a:", "a:b", "a:0", "a:65536", "[::1", "::1]:80", "[::1]80"])
def test_neither_host_nor_host_and_port_is_an_error(text: str) -> None:
    """Whoever asked words it."""
    with pytest.raises(ValueError, match="no host"):
        host_and_port(text)
