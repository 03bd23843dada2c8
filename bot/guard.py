"""The guard of links that others hand us: what may be asked at all, and which addresses may be connected to."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import chain, zip_longest

import httpcore

from bot.proxies import host_and_port

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Turns a name and a port into the spelled-out addresses to try, best first; raises OSError where there are none."""

_MOST_CHARACTERS = 8192
_HEAD_START_S = 0.25
"""How long an address may try alone before the next one starts too (RFC 8305, section 5)."""

_LINK = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<resource>[^#]*)(#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[0-9a-z._-]+)(:(?P<port>[0-9]{0,5}))?", re.IGNORECASE)
_NAME = re.compile(r"(?=.{1,253}$)[0-9a-z_-]{1,63}(\.[0-9a-z_-]{1,63})*")
_NUMBER = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
_PORTS = {"http": 80, "https": 443}

_NAT64 = ip_network("64:ff9b::/96")
_UNICAST = ip_network("2000::/3")
"""All that was ever given out of IPv6 (IANA's registry of unicast space, read 2026-11-25)."""
_INWARD = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))
"""What some Pythons or everybody call global, yet is answered from within: protocol assignments, relays, Azure's host."""


class Blocked(Exception):
    """A link must not be followed; `reason` says why in constant words, without the link."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TrustedHosts:
    """The hosts that an operator exempts from the guard, each on one port or, with None, on all."""

    entries: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> TrustedHosts:
        """Read `bucket.internal`, `127.0.0.1:9000`, `::1`, `[::1]:8080`.

        Raises:
            ValueError: with a sentence that names the entry.
        """
        return cls(frozenset(_trusted(text) for text in texts))

    def covers(self, host: str, port: int) -> bool:
        name = _spelled(host)
        return not self.entries.isdisjoint({(name, None), (name, port)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a link leads: host in its one spelling and without brackets, path and query as they stand in the link."""

    scheme: str
    host: str
    port: int
    resource: str = field(repr=False)

    @property
    def bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def authority(self) -> str:
        """Host and, where it is not the scheme's own, port."""
        return self.bracketed if self.port == _PORTS[self.scheme] else f"{self.bracketed}:{self.port}"


def check_link(link: str, trusted: TrustedHosts) -> Target:
    """Return where the link leads; names are judged later, by what they resolve to.

    Raises:
        Blocked: it must not be followed.
    """
    if len(link) > _MOST_CHARACTERS:
        raise Blocked("link too long")
    if not all("!" <= character <= "~" for character in link):
        raise Blocked("character not allowed in a link")
    parts = _LINK.fullmatch(link)
    if parts is None:
        raise Blocked("not a link")
    scheme = parts["scheme"].lower()
    if scheme not in _PORTS:
        raise Blocked("not https")
    host, port = _host_and_port(parts["authority"], _PORTS[scheme])
    address, is_trusted = _address(host), trusted.covers(host, port)
    if scheme != "https" and not is_trusted:
        raise Blocked("not https")
    if address is not None and not is_trusted and not is_public(address):
        raise Blocked("private address")
    resource = parts["resource"]
    return Target(
        scheme=scheme, host=host, port=port, resource=resource if resource.startswith("/") else f"/{resource}"
    )


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the open internet, as does whatever other address it stands for."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in network for network in _INWARD)
    inner = _embedded(address)
    return is_public(inner) if inner is not None else address in _UNICAST and address.is_global


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system, off the event loop."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects to public addresses, and to any that a trusted host has.

    A name is resolved once, and the very addresses that were judged are connected to: a later answer changes nothing.
    `connector` opens the connection to one address.
    """

    def __init__(
        self,
        trusted: TrustedHosts,
        resolver: Resolver = resolve,
        connector: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self.trusted = trusted
        self._resolver = resolver
        self._connector = connector or httpcore.AnyIOBackend()

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return where the host is.

        Raises:
            Blocked: one of its addresses is not public, and it is not trusted.
            OSError: it has none.
        """
        literal = _address(host)
        found = [literal] if literal is not None else [ip_address(text) for text in await self._resolver(host, port)]
        if not found:
            raise OSError("the name has no address")
        if not self.trusted.covers(host, port) and not all(map(is_public, found)):
            raise Blocked("private address")
        return found

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the port's own name
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        async def connect(address: Address) -> httpcore.AsyncNetworkStream:
            return await self._connector.connect_tcp(
                str(address), port, local_address=local_address, socket_options=socket_options
            )

        try:
            async with asyncio.timeout(timeout):
                return await _first_open(connect, _by_turns(await self.addresses(host, port)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error


async def _first_open(
    connect: Callable[[Address], Awaitable[httpcore.AsyncNetworkStream]], addresses: Iterable[Address]
) -> httpcore.AsyncNetworkStream:
    """Return the first connection that opens; each address starts when the one before has failed or taken its time."""
    waiting = deque(addresses)
    running: set[asyncio.Future[httpcore.AsyncNetworkStream]] = set()
    try:
        while True:
            if waiting:
                running.add(asyncio.ensure_future(connect(waiting.popleft())))
            head_start_s = _HEAD_START_S if waiting else None
            done, _ = await asyncio.wait(running, timeout=head_start_s, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                running.remove(attempt)
                if attempt.exception() is None or not (waiting or running):
                    return attempt.result()
    finally:
        await _close_all(running)


async def _close_all(attempts: Iterable[asyncio.Future[httpcore.AsyncNetworkStream]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for ended in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(ended, httpcore.AsyncNetworkStream):
            await ended.aclose()


def _by_turns(addresses: Sequence[Address]) -> list[Address]:
    """Return the two families by turns, so that where one of them leads nowhere the other is not far."""
    first = [address for address in addresses if address.version == addresses[0].version]
    other = [address for address in addresses if address.version != addresses[0].version]
    return [address for address in chain.from_iterable(zip_longest(first, other)) if address is not None]


def _trusted(text: str) -> tuple[str, int | None]:
    try:
        host, port = host_and_port(text.strip())
        name = _spelled(host)
        if _address(name) is None:
            _check_name(name)
    except (ValueError, Blocked):
        raise ValueError(f"{text!r} is no host: write it like bucket.internal, 127.0.0.1:9000 or [::1]:8080.") from None
    return name, port


def _host_and_port(authority: str, usual_port: int) -> tuple[str, int]:
    """Return the host of a link in its one spelling, and the port."""
    if "@" in authority:
        raise Blocked("user name in the link")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise Blocked("no host" if not authority else "host not readable")
    port = int(parts["port"] or usual_port)
    if not 0 < port < 65536:
        raise Blocked("port not possible")
    host = _spelled(parts["host"])
    if _address(host) is None:
        _check_name(host)
    return host, port


def _check_name(host: str) -> None:
    """Refuse what is neither a name nor, though it ends like one, a number that is an address."""
    if not _NAME.fullmatch(host) or _NUMBER.fullmatch(host):
        raise Blocked("host not readable")


def _spelled(host: str) -> str:
    """Return the one spelling of a host: in lower case, an address as Python writes it, no brackets, no last dot."""
    name = host.strip("[]").lower().removesuffix(".")
    return str(_address(name) or name)


def _address(host: str) -> Address | None:
    """Return the address that a host spells in whatever way; None where it spells none."""
    with contextlib.suppress(ValueError):
        address = ip_address(host)
        return getattr(address, "ipv4_mapped", None) or address
    with contextlib.suppress(OSError):
        return IPv4Address(socket.inet_aton(host))  # reads 127.1, 0177.0.0.1, 0x7f000001 and 2130706433
    return None


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to this one reach in the end, if it is such a one."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
