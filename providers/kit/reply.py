"""A provider's reply: its status, its headers, and its JSON read field by field, as nothing in it is to be relied on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

_MOST_WAIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Document:
    """JSON of any shape. A path is keys with dots; what is missing or of another type reads as None."""

    value: Any

    def at(self, path: str) -> Document:
        found = self.value
        for key in path.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return Document(found)

    def text(self, path: str) -> str | None:
        """Return a text that is not blank; half a pair of surrogates in it, as a cut leaves it, becomes a question mark."""
        found = self.at(path).value
        return found.encode("utf-8", "replace").decode() if isinstance(found, str) and found.strip() else None

    def number(self, path: str) -> float | None:
        """Return a finite number, written as a number or as text."""
        found = self.at(path).value
        if isinstance(found, bool) or not isinstance(found, int | float | str) or "_" in f"{found}":
            return None
        try:
            read = float(found)
        except (ValueError, OverflowError):
            return None
        return read if math.isfinite(read) else None

    def whole(self, path: str) -> int | None:
        """Return a whole number of at most 18 digits, written as a number or as text."""
        found = self.at(path).value
        text = str(found) if isinstance(found, int | str) and not isinstance(found, bool) else ""
        return int(text) if text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 19 else None

    def items(self, path: str = "") -> Iterator[Document]:
        """Yield what a list holds; anything that is no list holds nothing."""
        found = self.at(path).value if path else self.value
        yield from map(Document, found if isinstance(found, list) else ())

    def words(self) -> str:
        """Return every text in it, at any depth, for a search by keywords."""
        found, left = [], [self.value]
        while left:
            match left.pop():
                case str(text):
                    found.append(text)
                case dict(inner):
                    left += reversed(inner.values())
                case list(inner):
                    left += reversed(inner)
        return " ".join(found)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; header names are in lower case, and a body that is no JSON is an empty document.

    `retry_after_s` is how long the provider asks us to wait.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Document = field(default_factory=lambda: Document(None))
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def document_of(body: bytes) -> Document:
    """Read a body; HTML, half a document and nesting without end are empty documents."""
    try:
        return Document(json.loads(body))
    except (ValueError, RecursionError):
        return Document(None)


def retry_after_s(header: str, now_s: float) -> float | None:
    """Read a Retry-After header, as seconds or as a date; an hour at most, None where it says nothing."""
    told = header.strip()
    if told.isdecimal() and told.isascii():
        return min(float(told), _MOST_WAIT_S)
    try:
        parsed = parsedate_to_datetime(told)
        at_s = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
        return min(max(0.0, at_s - now_s), _MOST_WAIT_S)
    except (ValueError, TypeError, OverflowError):
        return None
