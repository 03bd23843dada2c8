"""A posted sound, in the child process: decoded, measured, cut, and written as MP3 or WAV without anything else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import av
from av.audio.fifo import AudioFifo
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import InvalidDataError
from av.packet import Packet

from bot.media.contract import Unfit, UnfitReason
from bot.media.source import Source
from bot.media.streams import moving, opened
from providers.kit.spec import AudioLimits

RATE = 44_100
_BIT_RATE = 128_000
_BLOCK_SAMPLES = 1152
_PADDING_S = 0.1
"""An MP3 ends with a whole frame and begins with a delay, which some count: so much is left free below a maximum."""

_FORMATS = {"audio/mpeg": ("mp3", "libmp3lame", "s16p"), "audio/wav": ("wav", "pcm_s16le", "s16")}
_COUNTED = {"audio/flac", "audio/aiff"}
"""Types whose header says the exact number of samples."""

_NAMES = {
    "audio/mpeg": "MP3",
    "audio/mp4": "M4A",
    "audio/3gpp": "3GP",
    "audio/x-matroska": "MKV",
    "audio/x-ms-wma": "WMA",
    "audio/x-caf": "CAF",
}


@dataclass(slots=True)
class Tape:
    """Decoded sound at our rate, whatever the frames it came in."""

    sample_format: str
    layout: str
    fifo: AudioFifo = field(default_factory=AudioFifo)
    _resampler: AudioResampler | None = None
    _shape: tuple[str, str, int] | None = None

    @property
    def seconds(self) -> float:
        """How much is on it."""
        return self.fifo.samples / RATE

    def take(self, frame: AudioFrame) -> None:
        """Add a frame; some recordings change their rate or channels on the way."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            self.finish()
            self._resampler = AudioResampler(self.sample_format, self.layout, RATE)
            self._shape = shape
        frame.pts = None
        self._resample(frame)

    def finish(self) -> None:
        """Take out what the resampler still holds."""
        if self._resampler is not None:
            self._resample(None)
            self._resampler = self._shape = None

    def _resample(self, frame: AudioFrame | None) -> None:
        assert self._resampler is not None
        for ready in self._resampler.resample(frame):
            ready.pts = None  # what counts is the number of samples: clocks of recordings jump
            self.fifo.write(ready)


def screen(source: Source) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """Return the true type of a file that holds a sound.

    Raises:
        Unfit: NOT_MEDIA, WRONG_MEDIA, TRUNCATED or NO_SOUND.
    """
    with opened(source, "audio") as (container, mime):
        if not any(packet.size for packet in container.demux(_only_sound(container))):
            raise Unfit("audio", UnfitReason.NO_SOUND)
        return {"mime": mime}, ()


def prepare(source: Source, *, cut_s: float | None, **limits: Any) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """Return the sound as the one type that the limits name, cut to the video's length and to the maximum."""
    bounds = AudioLimits(**limits)
    mime = bounds.mimes[0]
    keep_s = min(bounds.max_s - _PADDING_S, max(float(cut_s or bounds.max_s), bounds.min_s))
    with opened(source, "audio") as (container, found):
        tape, seconds = _heard(container, found, _FORMATS[mime][2], keep_s)
    if seconds < bounds.min_s:
        raise Unfit("audio", UnfitReason.TOO_SHORT, seconds=round(seconds, 2), min_s=bounds.min_s)
    kept_s = min(tape.seconds, keep_s)
    data = _written(tape, mime, round(kept_s * RATE))
    if len(data) > bounds.max_bytes:
        raise Unfit("audio", UnfitReason.TOO_BIG, size_bytes=len(data), max_bytes=bounds.max_bytes)
    changes = [
        ("converted", {"from_format": _name(found), "to_format": _name(mime)}, found != mime),
        ("cut", {"from_s": round(seconds, 2), "to_s": round(kept_s, 2)}, seconds - kept_s > 1.5 * _PADDING_S),
    ]
    told = [(code, facts) for code, facts, happened in changes if happened]
    return {"mime": mime, "duration_s": round(kept_s, 3), "changes": told}, (data,)


def _only_sound(container: InputContainer) -> AudioStream:
    if moving(container):
        raise Unfit("audio", UnfitReason.WRONG_MEDIA, found="video")
    if not container.streams.audio:
        raise Unfit("audio", UnfitReason.NO_SOUND)
    return container.streams.audio[0]


def _heard(container: InputContainer, mime: str, sample_format: str, keep_s: float) -> tuple[Tape, float]:
    """Decode as much as is kept, measure the rest by its packets, and return both."""
    stream = _only_sound(container)
    tape = Tape(sample_format, "mono" if stream.channels == 1 else "stereo")
    packets = container.demux(stream)
    damaged = _record(packets, tape, keep_s)
    if not tape.fifo.samples:
        raise Unfit("audio", UnfitReason.CORRUPT if damaged else UnfitReason.NO_SOUND)
    seconds = tape.seconds + _rest_s(packets)
    if mime in _COUNTED and stream.duration and stream.time_base:
        declared_s = float(stream.duration * stream.time_base)
        if seconds < declared_s - max(0.5, 0.02 * declared_s):
            raise Unfit("audio", UnfitReason.TRUNCATED)
    return tape, seconds


def _record(packets: Iterator[Packet[AudioStream]], tape: Tape, keep_s: float) -> int:
    """Decode until enough is on the tape; return how many packets could not be decoded, as players skip them."""
    damaged = 0
    for packet in packets:
        try:
            frames = packet.decode()
        except InvalidDataError:
            damaged += 1
            continue
        for frame in frames:
            tape.take(frame)
        if tape.seconds >= keep_s:
            break
    tape.finish()
    return damaged


def _rest_s(packets: Iterator[Packet[AudioStream]]) -> float:
    start_s = end_s = None
    for packet in packets:
        if packet.pts is not None and packet.time_base is not None:
            at_s = float(packet.pts * packet.time_base)
            start_s = at_s if start_s is None else start_s
            end_s = at_s + float((packet.duration or 0) * packet.time_base)
    return 0.0 if start_s is None or end_s is None else max(0.0, end_s - start_s)


def _written(tape: Tape, mime: str, samples: int) -> bytes:
    out = io.BytesIO()
    form, codec, _ = _FORMATS[mime]
    options = {"id3v2_version": "0"} if form == "mp3" else {"fflags": "+bitexact"}
    with av.open(out, "w", format=form, options=options) as target:
        stream = target.add_stream(codec, rate=RATE)
        assert isinstance(stream, AudioStream)
        stream.layout = tape.layout
        stream.bit_rate = _BIT_RATE
        for start in range(0, samples, _BLOCK_SAMPLES):
            frame = tape.fifo.read(min(_BLOCK_SAMPLES, samples - start))
            assert frame is not None
            frame.pts = start
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return out.getvalue()


def _name(mime: str) -> str:
    return _NAMES.get(mime, mime.removeprefix("audio/").upper())
