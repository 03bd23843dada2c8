"""A finished video made small enough for a place, in the child process: encoded in two passes, its sound kept."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from bot.media.contract import BadVideo
from bot.media.source import Source
from bot.media.streams import moving, opened

_NAME = "smaller.mp4"
_TRIES = 3
_ROOM = 0.96
"""How much of the limit is aimed at: a container has an index, and an encoder misses by a little."""
_BITS_PER_PIXEL = 0.05
"""Below that, fewer and better pixels look better."""
_LEAST_SIDE_PX = 128
_LEAST_BITS_S = 40_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How a video is to be encoded."""

    width: int
    height: int
    rate: Fraction
    bits_s: int


def fit(source: Source, max_bytes: int, folder: str) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """Return the video as an MP4 of at most so many bytes; `folder` is for notes between the passes.

    Raises:
        BadVideo: it cannot be made that small and still be looked at.
    """
    seconds, sound_bytes = _measured(source)
    budget = max_bytes * _ROOM
    for _ in range(_TRIES):
        plan = _planned(source, 8 * (budget - sound_bytes) / seconds)
        made = _encoded(source, plan, folder)
        if len(made) <= max_bytes:
            return {"width": plan.width, "height": plan.height}, (made,)
        budget *= _ROOM * max_bytes / len(made)
    raise BadVideo("it does not get small enough")


def _measured(source: Source) -> tuple[float, int]:
    """Return how long the video is, and how many bytes its sound takes."""
    end_s, sound_bytes = 0.0, 0
    with opened(source, "video") as (container, _):
        stream = _shown(container)
        for packet in container.demux():
            if packet.stream.type == "audio":
                sound_bytes += packet.size
            elif packet.stream is stream and packet.pts is not None and packet.time_base is not None:
                end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    if not end_s:
        raise BadVideo("no frame")
    return end_s, sound_bytes


def _planned(source: Source, bits_s: float) -> _Plan:
    """Return the size in pixels that this rate can fill."""
    if bits_s < _LEAST_BITS_S:
        raise BadVideo("too long for this place")
    with opened(source, "video") as (container, _):
        stream = _shown(container)
        rate = Fraction(stream.average_rate or 24)
        wanted = stream.width * stream.height * float(rate) * _BITS_PER_PIXEL
        by = max(min(1.0, math.sqrt(bits_s / wanted)), _LEAST_SIDE_PX / min(stream.width, stream.height))
        width, height = (max(2, 2 * round(side * min(by, 1.0) / 2)) for side in (stream.width, stream.height))
    return _Plan(width=width, height=height, rate=rate, bits_s=int(bits_s))


def _shown(container: InputContainer) -> VideoStream:
    streams = moving(container)
    if not streams:
        raise BadVideo("no video stream")
    return streams[0]


def _encoded(source: Source, plan: _Plan, folder: str) -> bytes:
    with tempfile.TemporaryDirectory(dir=folder, prefix="passes-") as passes:
        for which in (Flags.pass1, Flags.pass2):
            with _writing(Path(passes), plan, which) as (container, stream):
                _run(source, plan, container, stream, with_sound=which is Flags.pass2)
        return (Path(passes) / _NAME).read_bytes()


@contextmanager
def _writing(folder: Path, plan: _Plan, which: Flags) -> Iterator[tuple[OutputContainer, VideoStream]]:
    """Open an MP4 that plays before it is all loaded, for one of the two passes."""
    options = {"preset": "fast", "passlogfile": str(folder / "pass.log")}
    with av.open(str(folder / _NAME), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=plan.rate, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = plan.width, plan.height, "yuv420p", plan.bits_s
        context: VideoCodecContext = stream.codec_context
        context.flags |= which
        yield container, stream


def _run(source: Source, plan: _Plan, out: OutputContainer, stream: VideoStream, *, with_sound: bool) -> None:
    """Encode every frame; the sound's packets are taken over as they are."""
    with opened(source, "video") as (container, _):
        video, sounds = _shown(container), container.streams.audio
        sound = out.add_stream_from_template(sounds[0]) if with_sound and sounds else None
        for packet in container.demux([video, *sounds[:1]] if sound else [video]):
            if packet.stream is video:
                for frame in packet.decode():
                    assert isinstance(frame, VideoFrame)
                    out.mux(stream.encode(_small(frame, plan)))
            elif packet.dts is not None:
                packet.stream = sound  # type: ignore[assignment]  # there is one, as its packets are read
                out.mux(packet)
        out.mux(stream.encode(None))


def _small(frame: VideoFrame, plan: _Plan) -> VideoFrame:
    """Return a frame of the size planned, at its own moment, with its kind left to the encoder."""
    made = frame.reformat(plan.width, plan.height, "yuv420p", interpolation="LANCZOS")
    made.pts, made.time_base, made.pict_type = frame.pts, frame.time_base, 0
    return made
