"""A finished video, in the child process: whether it is whole, what is in it, and its index moved to the front."""

from __future__ import annotations

from collections.abc import Iterator

from av.container import InputContainer
from av.video.stream import VideoStream

from bot.media.boxes import index_comes_first, index_first, is_cut_short, top_boxes
from bot.media.contract import BadVideo
from bot.media.sniff import identify
from bot.media.source import Source
from bot.media.streams import BOXED, moving, opened

_PART_FRAMES = 24
_PART_S = 1.0


def inspect(source: Source) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """Return what is in a video, after reading all of its packets and decoding its first and last part.

    Raises:
        BadVideo: it is none, or not whole.
    """
    mime = identify(source)
    with opened(source, "video") as (container, _):
        stream = _shown(container)
        duration_s = _measured_s(container, stream)
        _decode_from(container, stream, 0.0, _PART_FRAMES)
        _decode_from(container, stream, max(0.0, duration_s - _PART_S), None)
        sound = container.streams.audio
        facts = {
            "duration_s": round(duration_s, 3),
            "width": stream.width,
            "height": stream.height,
            "video_codec": stream.codec_context.name,
            "audio_codec": sound[0].codec_context.name if sound else None,
            "index_first": mime not in BOXED or index_comes_first(top_boxes(source)),
        }
    return facts, ()


def make_streamable(source: Source) -> tuple[dict[str, object], Iterator[bytes]]:
    """Return the video so that it plays before it is all loaded; streams are copied as they are."""
    if identify(source) not in BOXED or is_cut_short(source):
        raise BadVideo("not a whole MP4")
    return {}, index_first(source)


def _shown(container: InputContainer) -> VideoStream:
    streams = moving(container)
    if not streams or not streams[0].width or not streams[0].height:
        raise BadVideo("no video stream with a size")
    return streams[0]


def _measured_s(container: InputContainer, stream: VideoStream) -> float:
    """Read every packet and return the length of the video by them."""
    count, start_s, end_s = 0, float("inf"), 0.0
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise BadVideo(f"packet {count} is cut short")
        if packet.size and packet.pts is not None and packet.time_base is not None:
            count += 1
            at_s = float(packet.pts * packet.time_base)
            start_s, end_s = min(start_s, at_s), max(end_s, at_s + float((packet.duration or 0) * packet.time_base))
    if not count or count < stream.frames:
        raise BadVideo(f"{count} of {stream.frames} frames are there")
    return end_s - start_s


def _decode_from(container: InputContainer, stream: VideoStream, start_s: float, frames: int | None) -> None:
    """Decode from the key frame before `start_s`: a number of frames, or all to the end."""
    assert stream.time_base is not None
    container.seek(round(start_s / stream.time_base) + (stream.start_time or 0), stream=stream)
    count = 0
    for count, _ in enumerate(container.decode(stream), 1):
        if count == frames:
            break
    if not count:
        raise BadVideo(f"nothing decodes from {start_s:.1f} s on")
