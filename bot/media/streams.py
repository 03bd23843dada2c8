"""The streams of a posted file or a finished video, opened by what it is and never by guessing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from bot.media.boxes import is_cut_short
from bot.media.contract import Unfit, UnfitReason
from bot.media.sniff import NAMES, identify
from bot.media.source import Source

BOXED = frozenset({"audio/mp4", "video/mp4", "video/quicktime", "video/3gpp"})

_LENIENT: dict[str, Any] = {"metadata_errors": "replace"} if av.__version__.startswith("18.") else {}
"""PyAV 18 fails over a title that is not UTF-8 unless told; 19, which is for Python 3.12 and up, knows no such option."""

_DEMUXERS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/aiff": "aiff",
    "audio/x-caf": "caf",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-ms-asf": "asf",
    **dict.fromkeys(BOXED, "mov"),
}
_SOUND_ONLY = {
    "video/mp4": "audio/mp4",
    "video/quicktime": "audio/mp4",
    "video/3gpp": "audio/3gpp",
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/x-matroska",
    "video/x-ms-asf": "audio/x-ms-wma",
}


@contextmanager
def opened(source: Source, role: str) -> Iterator[tuple[InputContainer, str]]:
    """Open a sound or video with the one demuxer of its type, so that no file makes FFmpeg open another.

    Raises:
        Unfit: NOT_MEDIA, WRONG_MEDIA, TRUNCATED.
    """
    mime = identify(source)
    if mime not in _DEMUXERS:
        raise mistaken(role, source, mime)
    if (mime in BOXED or mime == "audio/wav") and is_cut_short(source):
        raise Unfit(role, UnfitReason.TRUNCATED)
    source.seek(0)
    with av.open(source, "r", format=_DEMUXERS[mime], **_LENIENT) as container:
        yield container, mime if moving(container) else _SOUND_ONLY.get(mime, mime)


def moving(container: InputContainer) -> list[VideoStream]:
    """Return the streams that are a video, cover art left out."""
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def mistaken(role: str, source: Source, mime: str) -> Unfit:
    """Return the refusal of a file that is something else than was asked for."""
    if mime in NAMES or "/" not in mime or mime.startswith("application/"):
        return Unfit(role, UnfitReason.NOT_MEDIA, **({"found": NAMES[mime]} if mime in NAMES else {}))
    found = {"image": "picture", "audio": "sound"}.get(mime.partition("/")[0]) or _sound_or_video(source)
    return Unfit(role, UnfitReason.WRONG_MEDIA, found=found)


def _sound_or_video(source: Source) -> str:
    try:
        with opened(source, "audio") as (_, mime):
            return "sound" if mime.startswith("audio/") else "video"
    except (Unfit, FFmpegError):
        return "video"
