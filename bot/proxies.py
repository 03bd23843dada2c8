"""The proxies that the environment names, as plain data; an entry that cannot be used is named, never raised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

_HOST_PORT = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]+)(:(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_VARIABLES = {"http": "HTTP_PROXY", "https": "HTTPS_PROXY", "all": "ALL_PROXY"}
_EVERY = ""


def host_and_port(text: str) -> tuple[str, int | None]:
    """Split `host`, `host:80`, `::1`, `[::1]` or `[::1]:80`; the host comes without brackets.

    Raises:
        ValueError: it is none of these.
    """
    if text.count(":") > 1 and not {"[", "]"} & set(text):
        return text, None
    found = _HOST_PORT.fullmatch(text)
    if found is None or not 0 < int(found["port"] or 1) < 65536:
        raise ValueError("no host, nor host and port")
    return found["host"].strip("[]"), int(found["port"]) if found["port"] else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempt:
    """What is asked without a proxy: a name and all below it ("" is every name and address), or a range of addresses."""

    place: str | IPv4Network | IPv6Network
    port: int | None = None

    def covers(self, host: str, port: int) -> bool:
        """Tell whether the host, in lower case and without brackets, is meant."""
        if self.port not in {None, port}:
            return False
        if isinstance(self.place, str):
            return self.place == _EVERY or f".{host}".endswith(f".{self.place}")
        address = _address(host)
        return address is not None and address in self.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """Which proxy serves which host.

    `by_scheme` has `http`, `https` and `all`, each a URL that may hold a password. `unusable` holds none: it names the
    variable, and of NO_PROXY the entry too.
    """

    by_scheme: Mapping[str, str] = field(default_factory=dict, repr=False)
    exempt: tuple[Exempt, ...] = ()
    unusable: tuple[str, ...] = ()

    def for_host(self, scheme: str, host: str, port: int) -> str | None:
        """Return the URL of the proxy to go through; None where there is none to use."""
        plain = host.strip("[]").rstrip(".").lower()
        if any(exempt.covers(plain, port) for exempt in self.exempt):
            return None
        return self.by_scheme.get(scheme) or self.by_scheme.get("all")


def read_proxies(environ: Mapping[str, str]) -> Proxies:
    """Read HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; names in lower case go first, a blank is not set.

    Under CGI, HTTP_PROXY is a header of the caller's and is not believed (https://httpoxy.org, read 2026-11-25).
    """
    by_scheme, unusable = {}, []
    for scheme, variable in _VARIABLES.items():
        name, given = _given(environ, variable)
        if not given or (name == "HTTP_PROXY" and "REQUEST_METHOD" in environ):
            continue
        proxy = given if "://" in given else f"http://{given}"
        if _is_proxy(proxy):
            by_scheme[scheme] = proxy
        else:
            unusable.append(name)
    name, given = _given(environ, "NO_PROXY")
    exempt, unread = _exempts(entry for entry in re.split(r"[\s,]+", given) if entry)
    unusable += [f"{name}: {entry}" for entry in unread]
    return Proxies(by_scheme=by_scheme, exempt=exempt, unusable=tuple(unusable))


def _given(environ: Mapping[str, str], variable: str) -> tuple[str, str]:
    """Return the name under which the variable is set, and its value; blank where it is not set."""
    values = ((name, environ.get(name, "").strip()) for name in (variable.lower(), variable))
    return next((pair for pair in values if pair[1]), (variable, ""))


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_place and parts.scheme in _schemes() and url.isascii() and url.isprintable() and " " not in url


def _schemes() -> Iterator[str]:
    yield from ("http", "https")
    if find_spec("socksio") is not None:  # without this package no client of ours speaks SOCKS
        yield from ("socks5", "socks5h")


def _exempts(entries: Iterable[str]) -> tuple[tuple[Exempt, ...], list[str]]:
    """Return what the entries say, and those that say nothing."""
    exempt, unread = [], []
    for entry in entries:
        try:
            exempt.append(_exempt(entry.lower()))
        except ValueError:
            unread.append(entry)
    return tuple(exempt), unread


def _exempt(entry: str) -> Exempt:
    if entry == "*":
        return Exempt(place=_EVERY)
    start, slash, bits = entry.partition("/")
    if slash:
        return Exempt(place=ip_network(f"{start.strip('[]')}/{bits}", strict=False))
    host, port = host_and_port(entry)
    address = _address(host)
    if address is not None:
        return Exempt(place=ip_network(address), port=port)
    name = host.removeprefix("*").strip(".")
    if not _NAME.fullmatch(name):
        raise ValueError("no name")
    return Exempt(place=name, port=port)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
