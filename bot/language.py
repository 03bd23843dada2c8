"""In whose language people are spoken to: gettext catalogues in `locale/`; English is the source itself and needs none."""

from __future__ import annotations

import gettext
import logging
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any

from bot.platforms.contract import Moment, Named, Text

log = logging.getLogger(__name__)

DOMAIN = "stillmotion"
gettext.bindtextdomain(DOMAIN, str(Path(__file__).parent / "locale"))
_NAME = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})?")
_MOST_LANGUAGES, _MOST_SENTENCES = 64, 4096

_spoken: ContextVar[gettext.NullTranslations] = ContextVar("spoken", default=gettext.NullTranslations())  # noqa: B039 - it never changes


@contextmanager
def speaking(locale: str) -> Iterator[None]:
    """Speak a language, named like `de` or `pt-BR`, for the length of a block; one that is not there is English."""
    token = _spoken.set(_catalogue(locale if _NAME.fullmatch(locale) else "en", gettext.bindtextdomain(DOMAIN)))
    try:
        yield
    finally:
        _spoken.reset(token)


@lru_cache(maxsize=_MOST_LANGUAGES)
def _catalogue(locale: str, folder: str) -> gettext.NullTranslations:
    """Return a language's catalogue; an empty one, which is English, where there is none or it cannot be read."""
    try:
        return gettext.translation(DOMAIN, folder, languages=[locale.replace("-", "_")], fallback=True)
    except (OSError, ValueError, struct.error):
        log.exception("a catalogue cannot be read", extra={"locale": locale})
        return gettext.NullTranslations()


def tr(message: str, /, **values: object) -> str:
    """Return a whole sentence in the language that is spoken; what people wrote goes in as values alone."""
    return _filled(_spoken.get().gettext(message) if message else "", message, values)


def trn(one: str, many: str, number: int, /, **values: object) -> str:
    """Return the sentence for a number, which stands in it as {number}."""
    english = one if number == 1 else many
    return _filled(_spoken.get().ngettext(one, many, number), english, {"number": number} | values)


def told(message: str, /, **values: str | float | Moment | Named) -> Text:
    """Return a sentence with moments and names in it, which each platform writes in its own way."""
    translated = _spoken.get().gettext(message)
    return _parted(translated if _asks_alike(translated, message) else message, values)


def later(message: str) -> str:
    """Mark a sentence of a table, which is translated where it is used."""
    return message


def _filled(translated: str, english: str, values: dict[str, Any]) -> str:
    """Put values into a translation; one that asks for others than the English does is worth less than that."""
    with suppress(ValueError, TypeError):
        if _asks_alike(translated, english):
            return translated.format(**values) if values else translated
    return english.format(**values) if values else english


@lru_cache(maxsize=_MOST_SENTENCES)
def _asks_alike(translated: str, english: str) -> bool:
    """Tell whether both take the same values; the number itself may be left out, as in `one video`."""
    try:
        asked, wanted = ({name for _, name, _, _ in Formatter().parse(each) if name} for each in (translated, english))
    except ValueError:
        return False
    return asked | {"number"} == wanted | {"number"} and asked <= wanted


def _parted(message: str, values: dict[str, Any]) -> Text:
    parts: list[str | Moment | Named] = []
    for literal, name, _, _ in Formatter().parse(message):
        found = [literal] if name is None else [literal, values[name]]
        parts += [each if isinstance(each, Moment | Named) else str(each) for each in found if each != ""]
    return tuple(parts)
