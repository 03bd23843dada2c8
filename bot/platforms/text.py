"""Text as a platform takes it: cut at a word, never inside what is read as one letter; and a message without any dress."""

from __future__ import annotations

import time
import unicodedata

from bot.platforms.contract import Message, Moment, Named, Text

_JOINER = "\u200d"
_MARKS = frozenset({"Mn", "Me", "Mc"})
_LEANS_LEFT = frozenset(",.;:)")
_UNITS_S = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


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


def plain(message: Message) -> str:
    """Return a message's words, line by line, for where nothing can be pressed and no moment counts by itself."""
    items = (f"{item.quote} ({written(item.small)})" for item in message.items)
    lines = [headed(message.head, message.text), message.quote, *items, written(message.small)]
    return "\n".join(filter(None, lines))


def headed(head: str, text: Text) -> str:
    """Return the phrase and what follows it, which may begin with a comma."""
    rest = written(text)
    return f"{head}{'' if not head or not rest or rest[0] in _LEANS_LEFT else ' '}{rest}"


def written(text: Text) -> str:
    """Return a text with its moments as they are from now on, `in 22 s`, `3 h ago`, and names as the ids they have."""
    return "".join(map(_written, text))


def _written(part: str | Moment | Named) -> str:
    match part:
        case Moment():
            return _from_now(part)
        case Named(subject):
            return subject.rpartition("/")[2]
    return part


def _from_now(moment: Moment) -> str:
    away_s = moment.at_ms / 1000 - time.time()
    whole_s = max(1, round(abs(away_s)))
    unit, size_s = next((unit, size_s) for unit, size_s in _UNITS_S if whole_s >= size_s)
    told = f"{round(whole_s / size_s)} {unit}"
    return f"in {told}" if away_s > 0 else f"{told} ago"
