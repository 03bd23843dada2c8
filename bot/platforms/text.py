"""Text as a platform takes it: cut at a word, never inside what is read as one letter."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_MARKS = frozenset({"Mn", "Me", "Mc"})


def cut(text: str, most: int) -> str:
    """Return text of at most so many code points, with an ellipsis where something is gone."""
    if len(text) <= most:
        return text
    word_end = max(text.rfind(" ", 0, most), text.rfind("\n", 0, most))
    end = word_end if word_end > most // 3 else most - 1
    while end > 0 and _is_joined(text, end):
        end -= 1
    return text[:end].rstrip() + "…"


def _is_joined(text: str, at: int) -> bool:
    """Tell whether what stands here belongs to the letter before it: an accent, a skin tone, a joined emoji."""
    letter = text[at]
    return (
        letter == _JOINER
        or text[at - 1] == _JOINER
        or "\U0001f3fb" <= letter <= "\U0001f3ff"
        or unicodedata.category(letter) in _MARKS
    )
