"""The ways out of this process: proxies, certificates and the guard are the same for every client; nothing opens before it is used."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.proxies import read_proxies
from bot.settings import BadSettings, Settings, environment
from providers.kit.errors import Unanswered
from providers.kit.provider import Access, Media, Provider

if TYPE_CHECKING:
    import httpx

    from bot.download import Downloader
    from providers.kit.api import HttpApi

_PORTS = {"http": 80, "https": 443}


class Network:
    """Opened once for the life of a process, and closed at its end."""

    def __init__(self, settings: Settings, providers: Mapping[str, Provider]) -> None:
        """Take the keys that there are.

        Raises:
            BadSettings: the certificates or the trusted hosts cannot be read.
        """
        self.providers, self._settings = providers, settings
        self._proxies = read_proxies(environment())
        self.apis: Mapping[str, HttpApi] = {
            name: api for name, provider in providers.items() if (api := self.api(provider.access)) is not None
        }
        if self.apis:
            self.downloader  # noqa: B018  what is wrong with the settings is said at the start

    async def close(self) -> None:
        """Close what was opened."""
        for api in self.apis.values():
            await api.close()
        if "downloader" in self.__dict__:
            await self.downloader.aclose()

    @cached_property
    def downloader(self) -> Downloader:
        """What fetches from links that providers hand out.

        Raises:
            BadSettings: a trusted host is not written as one.
        """
        from bot.download import Downloader
        from bot.guard import GuardedBackend, TrustedHosts

        try:
            trusted = TrustedHosts.parse(self._settings.trusted_hosts)
        except ValueError as error:
            raise BadSettings(f"STILLMOTION_TRUSTED_HOSTS: {error}.") from error
        return Downloader(GuardedBackend(trusted), _certificates(), self._proxies)

    async def upload(self, link: str, media: Media) -> None:
        """Put bytes where a provider says, by the rules for fetching from there."""
        from bot.download import LinkDead, Unfinished
        from bot.guard import Blocked

        try:
            await self.downloader.put(link, media.path, media.mime)
        except (Blocked, LinkDead, Unfinished, OSError) as error:
            raise Unanswered(f"the upload failed: {error}") from error

    def api(self, access: Access | None) -> HttpApi | None:
        """Return the API behind a key of ours, for whoever asks to close; None where there is no key."""
        key = None if access is None else self._settings.key(access)
        if access is None or key is None:
            return None
        from providers.kit.api import HttpApi

        bases = self._settings.bases(access)

        def new_client(within: httpx.Timeout, limits: httpx.Limits) -> httpx.AsyncClient:
            return self.client(bases, within, limits)

        return HttpApi(access, key, bases, new_client=new_client, upload=self.upload)

    def client(self, bases: tuple[str, ...], within: httpx.Timeout, limits: httpx.Limits) -> httpx.AsyncClient:
        """Return a client for some hosts, each reached through its proxy if it has one."""
        import httpx

        transports = {
            f"all://{urlsplit(base).netloc}": httpx.AsyncHTTPTransport(
                verify=self.tls, limits=limits, proxy=self.proxy(base), trust_env=False
            )
            for base in bases
        }
        return httpx.AsyncClient(mounts=transports, timeout=within, verify=self.tls, trust_env=False)

    def proxy(self, base: str) -> str | None:
        """Return the URL of the proxy, which may hold a password, through which a host is reached; None for none."""
        url = urlsplit(base)
        return self._proxies.for_host(url.scheme, url.hostname or "", url.port or _PORTS[url.scheme])

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """What is trusted, for every client alike.

        Raises:
            BadSettings: the certificates cannot be read.
        """
        return _certificates()


def _certificates() -> ssl.SSLContext:
    """Return what is trusted: SSL_CERT_FILE or SSL_CERT_DIR where one is set.

    Raises:
        BadSettings: they cannot be read.
    """
    import httpx

    try:
        return httpx.create_ssl_context()
    except OSError as error:
        named = Path(environment().get("SSL_CERT_FILE") or environment().get("SSL_CERT_DIR") or "")
        raise BadSettings(
            f"SSL_CERT_FILE: {named} cannot be read as certificates ({error.strerror or error})."
        ) from error
