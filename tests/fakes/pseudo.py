"""A language that nobody speaks: every sentence of ours with accents and in brackets, so that what was not translated shows."""

from __future__ import annotations

import gettext
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot.language import DOMAIN
from bot.phrasebook import everything

LOCALE = "sv-SE"
"""One of Discord's, with a region: catalogues write it with an underscore."""
HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=n != 1;\n"
_LETTERS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "åƀçðéƒğĥîĵķļɱñöþǫŕšţûṽŵẋýžÅɃÇÐÉƑĞĤÎĴĶĻṀÑÖÞǪŔŠŢÛṼŴẊÝŽ"
)
_KEPT = re.compile(r"(\{[^}]*\}|`[^`]*`)")
_ENDS = (".", "?", "!", ":")
_PLAIN = re.compile(r"(?<!\w)[A-Za-z]{2,}(?!\w)")


def spoken(text: str) -> str:
    """Return a text in that language; what is no whole sentence or label goes into others, and has no brackets."""
    parts = _KEPT.split(text)
    accented = "".join(part if at % 2 else part.translate(_LETTERS) for at, part in enumerate(parts))
    return f"⟦{accented}⟧" if text.endswith(_ENDS) or text[0].isupper() else accented


def words() -> dict[str, str]:
    """Return the whole catalogue: what translators are given, in that language."""
    found = {}
    for _, sentence in everything():
        forms = [form for form in (sentence.one, sentence.many) if form]
        found["\0".join(forms)] = "\0".join(map(spoken, forms))
    return found


def catalogue(translated: Mapping[str, str]) -> bytes:
    """Return a catalogue as gettext reads it: two tables of lengths and offsets, then the texts."""
    texts = sorted({"": HEADER, **translated}.items(), key=lambda pair: pair[0].encode())
    tables: list[bytes] = []
    body, at = b"", 28 + 16 * len(texts)
    for side in (0, 1):
        for pair in texts:
            text = pair[side].encode()
            tables.append(struct.pack("<II", len(text), at + len(body)))
            body += text + b"\0"
    head = struct.pack("<IIIIIII", 0x950412DE, 0, len(texts), 28, 28 + 8 * len(texts), 0, 0)
    return head + b"".join(tables) + body


@contextmanager
def installed(folder: Path, translated: Mapping[str, str] | bytes, locale: str = LOCALE) -> Iterator[None]:
    """Have a catalogue in that folder for the length of a block, in place of those that are shipped."""
    file = folder / locale.replace("-", "_") / "LC_MESSAGES" / f"{DOMAIN}.mo"
    file.parent.mkdir(parents=True)
    file.write_bytes(translated if isinstance(translated, bytes) else catalogue(translated))
    shipped = gettext.bindtextdomain(DOMAIN)
    gettext.bindtextdomain(DOMAIN, str(folder))
    try:
        yield
    finally:
        gettext.bindtextdomain(DOMAIN, shipped)


def untranslated(text: str, *values: str) -> list[str]:
    """Return the plain words of a text that are neither typed, so in backticks, nor one of these values."""
    for value in sorted(filter(None, values), key=len, reverse=True):
        text = text.replace(value, " ")
    return _PLAIN.findall(re.sub(r"`[^`]*`", " ", text))


def is_glued(text: str) -> bool:
    """Tell whether a sentence stands inside another one, or is cut off."""
    depth = 0
    for letter in text:
        depth += (letter == "⟦") - (letter == "⟧")
        if depth not in {0, 1}:
            return True
    return depth != 0
