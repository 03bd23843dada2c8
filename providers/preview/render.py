"""Renders a shot: frames along a camera path, and sound, into an H.264 MP4; the same shot gives the same bytes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from providers.preview import motion, sound
from providers.preview.frames import TAG, Frames, frame_size, open_picture

FPS = 24
WORKERS, AHEAD = 2, 4
"""Pillow frees the interpreter while it resizes; a few frames ahead keep the encoder fed, more only fill memory."""
ENCODER = {"preset": "veryfast", "crf": "18", "g": "48", "maxrate": "6M", "bufsize": "12M"}
"""The cap keeps ten seconds under the ten megabytes that a Discord server takes."""
METADATA = {"title": TAG, "comment": "A preview: a camera move over a still picture. No AI made this video."}

Track: TypeAlias = "Iterator[tuple[float, list[av.Packet[AudioStream]]]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What to render; `audio` wins over `sound`, a chord of our own."""

    picture: Path
    audio: Path | None
    prompt: str
    resolution: str
    duration_s: int
    sound: bool
    seed: int


def render(shot: Shot, target: Path, report: Callable[[int, int], None]) -> None:
    """Write the video. `report` is told how many frames of how many are done, and stops the work by raising."""
    picture = open_picture(shot.picture)
    size = frame_size(*picture.size, shot.resolution)
    camera = motion.path(shot.prompt, shot.seed, duration_s=shot.duration_s, aspect=size[0] / size[1])
    frames, total = Frames(picture, size, camera.zoom_max), shot.duration_s * FPS
    with av.open(target, "w", format="mp4", options={"movflags": "+faststart"}) as container:
        container.metadata.update(METADATA)
        video, track = _video(container, size), _track(container, shot)
        for done, frame in enumerate(_in_order(frames, camera, total), 1):
            container.mux(video.encode(frame))
            _mux_sound(container, track, until_s=done / FPS)
            report(done, total)
        container.mux(video.encode(None))
        _mux_sound(container, track, until_s=math.inf)


def _in_order(frames: Frames, camera: motion.Path, total: int) -> Iterator[av.VideoFrame]:
    """Yield the frames in order, a few of them always in the making."""
    with ThreadPoolExecutor(WORKERS) as pool:
        making: deque[Future[av.VideoFrame]] = deque()
        for index in range(total + AHEAD):
            if index < total:
                making.append(pool.submit(frames.frame, camera.at(index / (total - 1) * camera.duration_s)))
            if index >= AHEAD:
                frame = making.popleft().result()
                frame.pts = index - AHEAD
                yield frame


def _video(container: OutputContainer, size: tuple[int, int]) -> VideoStream:
    stream = container.add_stream("libx264", rate=FPS, options=ENCODER)
    stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
    codec = stream.codec_context
    codec.thread_count = WORKERS
    codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    codec.colorspace, codec.color_range = Colorspace.ITU709, ColorRange.MPEG
    return stream


def _track(container: OutputContainer, shot: Shot) -> Track:
    """Return the encoded sound bit by bit, each with the second it begins at."""
    if not (shot.audio or shot.sound):
        return iter(())
    stream = container.add_stream("aac", rate=sound.RATE_HZ, layout="stereo")
    stream.bit_rate = 128_000
    made = sound.given(shot.audio, shot.duration_s) if shot.audio else sound.ambient(shot.seed, shot.duration_s)
    return _encoded(stream, made)


def _encoded(stream: AudioStream, frames: Iterator[AudioFrame]) -> Track:
    for frame in frames:
        yield frame.time or 0.0, stream.encode(frame)
    yield math.inf, stream.encode(None)


def _mux_sound(container: OutputContainer, track: Track, until_s: float) -> None:
    """Keep the sound in step with the pictures, so that the file plays while it loads."""
    for begins_s, packets in track:
        container.mux(packets)
        if begins_s > until_s:
            return
