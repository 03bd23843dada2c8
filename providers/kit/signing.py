"""Ed25519 signatures of webhooks."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def is_signed(body: bytes, heads: Sequence[str], signature: str, keys: Iterable[str]) -> bool:
    """Tell whether one of the keys (base64url, 32 bytes) signed the heads and the body's SHA-256, a line each; `signature` is hex."""
    message = "\n".join([*heads, hashlib.sha256(body).hexdigest()]).encode()
    return any(_verifies(message, signature, key) for key in keys)


def _verifies(message: bytes, signature: str, key: str) -> bool:
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
        public.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
