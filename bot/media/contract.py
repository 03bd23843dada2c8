"""What the media folder takes and gives: facts, changes and refusals as data, never as sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class UnfitReason(StrEnum):
    """Why a file cannot be used; each has its own sentence in bot/replies.py."""

    MISSING = "missing"
    EMPTY = "empty"
    TOO_BIG = "too_big"
    NOT_MEDIA = "not_media"
    WRONG_MEDIA = "wrong_media"
    CORRUPT = "corrupt"
    TRUNCATED = "truncated"
    BOMB = "bomb"
    TOO_SLOW = "too_slow"
    RATIO = "ratio"
    NO_SOUND = "no_sound"
    TOO_SHORT = "too_short"


class Unfit(Exception):
    """This picture or sound cannot be used; `facts` holds the numbers that the sentence names.

    Facts by reason: TOO_BIG size_bytes, max_bytes; WRONG_MEDIA found (picture, sound or video);
    BOMB width, height; RATIO width, height, min_px, max_px; TOO_SHORT seconds, min_s; NOT_MEDIA found where known
    (a name of bot/media/sniff.py); CORRUPT detail, for operators.
    """

    def __init__(self, role: str, reason: UnfitReason, **facts: float | str) -> None:
        super().__init__(role, reason, facts)
        self.role, self.reason, self.facts = role, reason, facts


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done to a picture or sound; `code` is its name, `facts` the numbers of its sentence.

    Codes: turned · scaled (from_width, from_height, to_width, to_height) · flattened · first_frame · converted
    (from_format, to_format) · colours · profile_dropped · cut (from_s, to_s) · recompressed (from_bytes, to_bytes)
    """

    code: str
    facts: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What the first look at a file showed: its true type and, for a picture, its size as it will be seen."""

    mime: str
    size_bytes: int
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A picture or sound ready to be sent, and what was changed on the way; `path` is a new file."""

    path: Path
    mime: str
    size_bytes: int
    changes: tuple[Change, ...]
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What decoding a finished video showed; `index_first` means that it starts before it is all loaded."""

    duration_s: float
    width: int
    height: int
    video_codec: str
    audio_codec: str | None
    index_first: bool


class Unjudged(Exception):
    """The decoder gave out over a video, which says nothing against the video."""


class BadVideo(Exception):
    """What came back is not a whole video; `detail` is for operators."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail
