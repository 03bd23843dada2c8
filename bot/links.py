"""Addresses that nobody can guess: each carries a token made from the installation's secret, so that no table is kept."""

from __future__ import annotations

import base64
import hmac
import json
from urllib.parse import urlsplit

_TOKEN_BYTES = 20
_SUFFIXES = {"image/jpeg": "jpg", "image/png": "png", "audio/mpeg": "mp3", "audio/wav": "wav"}
"""What prepared media can be."""


PROBE = "probe"
"""Stands for no order: whoever answers for it has the same secret, and so is one of us."""


def job_of(order_key: str) -> str:
    """Return the job of an order, whose key is the job's id or, from its second submit on, that and a number."""
    return order_key.partition(".")[0]


class Links:
    """Makes and checks them; `public` is where the world reaches us, a path in front included, None where it does not."""

    def __init__(self, secret: bytes, public: str | None) -> None:
        self._secret, self.public = secret, public

    @property
    def prefix(self) -> str:
        """The path in front of ours, without a slash at its end."""
        return urlsplit(self.public or "").path.rstrip("/")

    def media(self, order_key: str, role: str, mime: str) -> str:
        """Return where a prepared input is fetched."""
        return self._at(f"media/{order_key}/{role}/{self._file('media', order_key, role, _SUFFIXES[mime])}")

    def is_media(self, order_key: str, role: str, file: str) -> bool:
        return _same(file, self._file("media", order_key, role, file.rpartition(".")[2]))

    def video(self, job: str, until_s: int) -> str:
        """Return where a finished video is watched until then, in seconds since 1970."""
        return self._at(f"videos/{job}/{until_s}/{self._file('video', job, str(until_s), 'mp4')}")

    def is_video(self, job: str, until_s: str, file: str) -> bool:
        return _same(file, self._file("video", job, until_s, "mp4"))

    def probe_path(self) -> str:
        """Return a path that only a side of this very installation knows."""
        return f"/media/{PROBE}/{PROBE}/{self._file('media', PROBE, PROBE, 'jpg')}"

    def hook(self, provider: str, order_key: str) -> str:
        """Return where a provider tells that an order is over."""
        return self._at(f"hooks/{provider}/{order_key}/{self._token('hook', order_key, provider)}")

    def is_hook(self, provider: str, order_key: str, token: str) -> bool:
        return _same(token, self._token("hook", order_key, provider))

    def object_name(self, job: str, role: str, mime: str) -> str:
        """Return what a prepared input is called in a bucket: one object, however often the job is submitted."""
        return f"{job}/{role}/{self._file('object', job, role, _SUFFIXES[mime])}"

    def _at(self, path: str) -> str:
        assert self.public is not None
        return f"{self.public.rstrip('/')}/{path}"

    def _file(self, purpose: str, order_key: str, role: str, suffix: str) -> str:
        return f"{self._token(purpose, order_key, role, suffix)}.{suffix}"

    def _token(self, *of: str) -> str:
        digest = hmac.digest(self._secret, json.dumps(of).encode(), "sha256")
        return base64.b32encode(digest[:_TOKEN_BYTES]).decode().lower()


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), right.encode(errors="replace"))
