"""Which way a prepared picture or sound gets a link that a provider can fetch: from us, from a bucket, or from a provider."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from bot.asking import asked
from bot.bucket import Bucket, BucketTrouble
from bot.links import Links, job_of
from providers.kit.errors import ProviderError, Unpublished
from providers.kit.provider import Connection, Media, Provider
from storage.contract import Input

log = logging.getLogger(__name__)

PUBLISH_S = 30.0
WITHDRAW_S = 5.0
_DAY_S = 86_400.0


class Publisher:
    """Takes the first way that there is, and no other where that one fails: an operator chose it."""

    def __init__(self, links: Links, bucket: Bucket | None, publishers: Sequence[tuple[Provider, Connection]]) -> None:
        self._links = links
        self._bucket = bucket if links.public is None else None
        self._storage = next(((each, web) for each, web in publishers if each.publish and web.api is not None), None)

    @property
    def can(self) -> bool:
        """Tell whether any way gives such a link."""
        return self._links.public is not None or self._bucket is not None or self._storage is not None

    async def link(self, order_key: str, role: str, media: Media) -> str:
        """Return where the bytes can be fetched: while the order may be being made, or for a day or more.

        Raises:
            Unpublished: nowhere; it says why, without naming the file.
        """
        if self._links.public is not None:
            return self._links.media(order_key, role, media.mime)
        if self._bucket is not None:
            return await self._from_bucket(
                self._bucket, self._links.object_name(job_of(order_key), role, media.mime), media
            )
        if self._storage is not None:
            return await self._lent(*self._storage, media)
        raise Unpublished("there is no way to publish anything")

    async def _from_bucket(self, bucket: Bucket, name: str, media: Media) -> str:
        try:
            async with asyncio.timeout(PUBLISH_S):
                await bucket.put(name, media.path, media.mime)
                return await bucket.link(name, _DAY_S)
        except (BucketTrouble, TimeoutError) as trouble:
            raise Unpublished(f"the bucket did not take it: {_why(trouble)}") from trouble

    async def _lent(self, provider: Provider, connection: Connection, media: Media) -> str:
        assert provider.publish is not None
        try:
            return await asked(provider.publish(connection, media), PUBLISH_S)
        except ProviderError as error:
            raise Unpublished(f"the storage of {provider.id} did not take it: {_why(error)}") from error

    async def withdraw(self, order_key: str, inputs: Iterable[Input]) -> None:
        """Remove from the bucket what was put there for an order's job; other links end by themselves."""
        if self._bucket is None:
            return
        try:
            async with asyncio.timeout(WITHDRAW_S):
                for each in inputs:
                    await self._bucket.remove(self._links.object_name(job_of(order_key), each.role, each.mime))
        except (BucketTrouble, TimeoutError) as trouble:
            log.warning("inputs stay in the bucket", extra={"why": _why(trouble)})


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
