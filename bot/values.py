"""How the value of a setting is written: what each kind of value takes, and in which words it is refused."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from storage.limits import BadAmount, parse_limits

_QUOTES = "\"'"
_COUNT = re.compile("[1-9][0-9]{0,5}")
_LISTED = re.compile(r"discord/[0-9]{1,20}|slack/[A-Z0-9]{1,20}")

EVERYWHERE = "*"
LISTED_PLATFORMS = frozenset({"discord", "slack"})
"""The platforms whose servers, workspaces and people a setting may list."""


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


def _scopes(given: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [each for each in given if each != EVERYWHERE and not _LISTED.fullmatch(each)]
    if wrong or not given:
        raise ValueError("write it like discord/SERVER_ID,slack/WORKSPACE_ID, or * for all")
    return given


def _people(given: tuple[str, ...]) -> tuple[str, ...]:
    if not all(_LISTED.fullmatch(each) for each in given):
        raise ValueError("write it like discord/USER_ID,slack/USER_ID")
    return given


def _address(given: str) -> str:
    """Read a base address, which may carry a path."""
    url = urlsplit(given)
    plain = url.scheme in {"http", "https"} and url.hostname and not (url.query or url.fragment or "@" in url.netloc)
    if not plain or not given.isascii() or url.port == 0:
        raise ValueError("write it like https://host or https://host/path")
    return given.rstrip("/")


def _database(given: str) -> str:
    scheme = given.partition(":")[0]
    if scheme != "sqlite":
        raise ValueError(f"{scheme}: databases are not supported; write sqlite:/// and a path")
    if not given.startswith("sqlite:///") or not given.removeprefix("sqlite:///"):
        raise ValueError("write sqlite:/// and a path, with a fourth slash where the path is absolute")
    return given


def _zone(given: str) -> str:
    if not is_zone(given):
        raise ValueError(f"there is no time zone {given}; write it like Europe/Berlin")
    return given


def _limits(given: str) -> str:
    try:
        parse_limits(given)
    except BadAmount as bad:
        raise ValueError(f"{bad} is no limit; write it like 5/day, 60s/day or $20/month") from None
    return given


def _bucket(given: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+[a-z0-9](/[\w.-]+)*/?", given):
        raise ValueError("write it like s3://bucket or s3://bucket/prefix")
    return given.rstrip("/")


def _secret(given: SecretStr) -> SecretStr:
    """Refuse what no key holds, as it would break the header that carries it."""
    if not re.fullmatch(r"[!-~]+", given.get_secret_value()):
        raise ValueError("it holds blanks or letters that no key has")
    return given


def _alerts(given: SecretStr) -> SecretStr:
    """Read where operators are told: a place, or a webhook whose address is a secret by itself."""
    where = given.get_secret_value()
    url = urlsplit(where)
    is_webhook = url.scheme == "https" and url.hostname and "@" not in url.netloc and re.fullmatch(r"[!-~]+", where)
    if not (is_webhook or _LISTED.fullmatch(where)):
        raise ValueError("write it like discord/CHANNEL_ID or https://host/path")
    return given


Address = Annotated[str, AfterValidator(_address)]
Alerts = Annotated[SecretStr, AfterValidator(_alerts)]
BucketAddress = Annotated[str, AfterValidator(_bucket)]
Counts = Annotated[dict[str, int], NoDecode, BeforeValidator(_pairs)]
DatabaseAddress = Annotated[str, AfterValidator(_database)]
Key = Annotated[SecretStr, AfterValidator(_secret)]
Limits = Annotated[str, AfterValidator(_limits)]
People = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words), AfterValidator(_people)]
Scopes = Annotated[Annotated[tuple[str, ...], BeforeValidator(_words), AfterValidator(_scopes)] | None, NoDecode]
Upper = BeforeValidator(_upper)
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Zone = Annotated[str, AfterValidator(_zone)]
