"""How the value of a setting is written: what each kind of value takes, and in which words it is refused."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

_QUOTES = "\"'"
_COUNT = re.compile("[1-9][0-9]{0,5}")


def unquoted(text: str) -> str:
    """Return text without the quotes and blanks around it."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES else text


def is_zone(name: str) -> bool:
    """Tell whether there is a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _pairs(given: Any) -> Any:
    """Read `fal=2,novita=10`."""
    if not isinstance(given, str):
        return given
    parts = [part.partition("=") for part in given.split(",") if part.strip()]
    if not all(equals and _COUNT.fullmatch(count.strip()) for _, equals, count in parts):
        raise ValueError("write it like fal=2,novita=10")
    return {name.strip(): int(count) for name, _, count in parts}


def _upper(given: Any) -> Any:
    return given.upper() if isinstance(given, str) else given


def _words(given: Any) -> Any:
    return tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given


def _address(given: str) -> str:
    """Read a base address, which may carry a path."""
    url = urlsplit(given)
    plain = url.scheme in {"http", "https"} and url.hostname and not (url.query or url.fragment or "@" in url.netloc)
    if not plain or not given.isascii() or url.port == 0:
        raise ValueError("write it like https://host or https://host/path")
    return given.rstrip("/")


def _bucket(given: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/[\w.-]+)*/?", given):
        raise ValueError("write it like s3://bucket or s3://bucket/prefix")
    return given.rstrip("/")


def _secret(given: SecretStr) -> SecretStr:
    """Refuse what no key holds, as it would break the header that carries it."""
    if not re.fullmatch(r"[!-~]+", given.get_secret_value()):
        raise ValueError("it holds blanks or letters that no key has")
    return given


Address = Annotated[str, AfterValidator(_address)]
BucketAddress = Annotated[str, AfterValidator(_bucket)]
Counts = Annotated[dict[str, int], NoDecode, BeforeValidator(_pairs)]
Key = Annotated[SecretStr, AfterValidator(_secret)]
Upper = BeforeValidator(_upper)
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
