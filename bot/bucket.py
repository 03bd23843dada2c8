"""An S3-compatible bucket, from which files can be fetched for a while by links that it signs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

if TYPE_CHECKING:
    from obstore.store import S3Config

_RETRIES = 2
_RETRY_S = 20


class BucketTrouble(Exception):
    """The bucket did not do what was asked; the message names neither object nor link nor key."""


class Bucket:
    """The bucket, or the folder in it, that `s3://bucket/prefix` names.

    How it is reached, the environment's `AWS_` names say, as obstore.store.S3Config lists them; `given` goes before them.
    An endpoint may be plain http: it was written by the operator.
    """

    def __init__(self, url: str, given: Mapping[str, str] | None = None) -> None:
        """Read where the bucket is; nothing is connected to.

        Raises:
            BucketTrouble: the names do not go together, as a key without its secret.
        """
        with _told_safely():
            self._store = S3Store.from_url(
                url,
                config=cast("S3Config", {**(given or {}), "disable_bulk_delete": True}),
                client_options={"allow_http": True},
                retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_S)},
            )

    async def put(self, name: str, path: Path, mime: str) -> None:
        """Keep a copy of the file's bytes under a name.

        Raises:
            BucketTrouble: they are not there.
        """
        with _told_safely():
            whole = await asyncio.to_thread(path.read_bytes)
            await obstore.put_async(self._store, name, whole, attributes={"Content-Type": mime}, use_multipart=False)

    async def link(self, name: str, within_s: float) -> str:
        """Return where it is fetched for so long; not even the bucket is asked.

        Raises:
            BucketTrouble: there is nothing to sign with.
        """
        with _told_safely():
            return await obstore.sign_async(self._store, "GET", name, timedelta(seconds=within_s))

    async def remove(self, name: str) -> None:
        """Delete it; nothing happens where it is gone.

        Raises:
            BucketTrouble: it may still be there.
        """
        with _told_safely():
            await obstore.delete_async(self._store, name)


@contextmanager
def _told_safely() -> Iterator[None]:
    """Turn what obstore raises, whose messages hold names and addresses, into our own error."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise BucketTrouble(type(error).__name__) from None
