"""Text as Discord shows it: what people wrote can neither format, ring nor mislead, and moments count by themselves."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable

from bot.platforms.contract import Moment, Named, Text
from bot.platforms.text import cut

CONTENT_CHARS = 2000
_READ_CHARS = 16_000
_FAR_MS = 3_600_000
_SMALL_LINES = 10
_PEOPLES_MARKS = re.compile(r"[\\*_~`|><#\-+.:@\[\]()]")
_OUR_MARKS = re.compile(r"[\\*_~|><#\[\]]")
_KEPT = re.compile(r"(`[^`\n]+`|https?://[^\s<>]+)")
_UNSEEN = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]+")
_REFERENCE = re.compile(r"(@me|\d+)/\d+/\d+")
_LEANS_LEFT = frozenset({"", *",.;:)"})
_CALLED = {"user:discord": "@", "discord": "@", "role:discord": "@&", "channel:discord": "#"}


def one_line(text: str, most: int) -> str:
    """Return people's text for where nothing is formatted: a label, a name, what is read out."""
    return cut(" ".join(_cleaned(text).split()), most)


def escaped(text: str, most: int = CONTENT_CHARS) -> str:
    """Return people's text in one line, shown as it is; `most` counts what is sent, the escapes included."""
    return _fitted(one_line(text, most), most, lambda part: _PEOPLES_MARKS.sub(_disarmed, part))


def quoted(text: str, most: int = CONTENT_CHARS) -> str:
    """Return people's text as a quote, or nothing where there is none."""
    told = escaped(text, most - 2)
    return f"> {told}" if told else ""


def written(text: Text, most: int = CONTENT_CHARS) -> str:
    """Return our own words: `code` and links stay such, names in them format nothing, moments are the reader's own."""
    told = ""
    for part in text:
        left = max(most - len(told), 1)
        piece = _fitted(_cleaned(part), left, _ours) if isinstance(part, str) else _alive(part)
        told += piece if len(told) + len(piece) <= most else ""
    return told.strip()


def headed(head: str, text: Text, most: int = CONTENT_CHARS) -> str:
    """Return the bold phrase and what follows it; a list has lines of its own."""
    phrase = written((head,), most // 2)
    if not phrase:
        return written(text, most)
    rest = written(text, most - len(phrase) - len("****\n"))
    between = "\n" if "\n" in rest else "" if rest[:1] in _LEANS_LEFT else " "
    return f"**{phrase}**{between}{rest}".rstrip()


def small(text: Text, most: int = CONTENT_CHARS) -> str:
    """Return small print, line by line."""
    breaks = sum(part.count("\n") for part in text if isinstance(part, str))
    lines = written(text, most - min(breaks + 1, _SMALL_LINES) * len("-# ")).split("\n")
    return "\n".join(f"-# {line}" for line in lines[:_SMALL_LINES] if line.strip())


def address(link: str) -> str:
    """Return where a message's reference or a URL leads; nothing for what is neither."""
    if _REFERENCE.fullmatch(link):
        return f"https://discord.com/channels/{link}"
    return link if link.startswith(("https://", "http://")) else ""


def file_name(name: str, job: str) -> str:
    """Return a name of plain letters that carries the job, which no one can take off an attachment later."""
    stem, _, ending = name.rpartition(".")
    letters = unicodedata.normalize("NFKD", stem or ending).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "-", letters).strip("-")[:40].strip("-") or "video"
    return f"{words}-{job}.{ending if stem and re.fullmatch('[A-Za-z0-9]{1,5}', ending) else 'mp4'}"


def carries(name: str, job: str) -> bool:
    """Tell whether a file has a name that was made so for the job."""
    return name.partition(".")[0].endswith(f"-{job}")


def _disarmed(mark: re.Match[str]) -> str:
    return f"\\{mark[0]}\u200b" if mark[0] == "@" else f"\\{mark[0]}"


def _ours(text: str) -> str:
    """Escape what is neither code nor a link."""
    parts = _KEPT.split(text)
    return "".join(part if at % 2 else _OUR_MARKS.sub(r"\\\g<0>", part) for at, part in enumerate(parts))


def _alive(part: Moment | Named) -> str:
    """Return what Discord itself writes for whoever reads it."""
    return _moment(part) if isinstance(part, Moment) else _name(part.subject)


def _name(subject: str) -> str:
    """Return a person, role or channel of Discord's as it is called, and its id where it is none of these."""
    kind, _, number = subject.rpartition("/")
    mark = _CALLED.get(kind)
    return f"<{mark}{number}>" if mark and number.isdecimal() else escaped(number)


def _moment(moment: Moment) -> str:
    """Return a moment that counts by itself; a far one has its clock too, as Discord rounds it."""
    at_s = moment.at_ms // 1000
    far = moment.at_ms - time.time() * 1000 >= _FAR_MS
    return f"<t:{at_s}:R>, at <t:{at_s}:t>" if far else f"<t:{at_s}:R>"


def _cleaned(text: str) -> str:
    """Fold control characters, and drop halves of characters and what turns the reading direction."""
    return _CONTROLS.sub(" ", _UNSEEN.sub("", text[:_READ_CHARS]))


def _fitted(text: str, most: int, marked: Callable[[str], str]) -> str:
    """Return text with its marks, cut so that both hold."""
    room = most
    while len(told := marked(cut(text, room))) > most:
        room -= max(1, (len(told) - most) // 3)
    return told
