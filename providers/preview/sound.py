"""A video's sound: the one that was given, or a quiet chord; always exactly as long as the video."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext

from providers.kit.errors import BadInput
from providers.preview.motion import dice

RATE_HZ, CHORD_RATE_HZ, AAC_SAMPLES = 48_000, 12_000, 1024
FADE_S, LOUDNESS = 0.25, 0.05
ROOTS_HZ = (98.0, 110.0, 130.81, 146.83)
CHORD = ((1.0, 1.0), (1.5, 0.7), (2.0, 0.6), (2.5, 0.35), (3.0, 0.25))
"""Over the root: times its pitch, and how loud."""


def given(path: Path, duration_s: int) -> Iterator[AudioFrame]:
    """Yield a sound file cut, or filled up with silence, to the video's length."""
    graph = Graph()
    try:
        with av.open(path) as container:
            stream = container.streams.audio[0]
            _finish(graph, graph.add_abuffer(template=stream), duration_s)
            for frame in container.decode(stream):
                graph.push(frame)
                if frame.time is not None and frame.time > duration_s:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise BadInput(f"the sound cannot be read: {type(error).__name__}") from error
    graph.push(None)
    yield from _drain(graph)


def ambient(seed: int, duration_s: int) -> Iterator[AudioFrame]:
    """Yield a quiet chord whose voices come and go; the seed chooses its pitch and their turns."""
    throw = dice(seed).uniform
    root_hz = ROOTS_HZ[int(throw(0, len(ROOTS_HZ)))]
    sides = ["+".join(_voice(root_hz * times, loud, throw) for times, loud in CHORD) for _ in range(2)]
    graph = Graph()
    chord = graph.add("aevalsrc", f"{'|'.join(sides)}:s={CHORD_RATE_HZ}:d={duration_s}:c=stereo")
    swell = graph.add("afade", "t=in:d=1.5")
    chord.link_to(swell)
    _finish(graph, swell, duration_s, fade_s=1.5)
    yield from _drain(graph)


def _voice(pitch_hz: float, loud: float, throw: Callable[[float, float], float]) -> str:
    breath = f"(0.6+0.4*sin(2*PI*{throw(0.08, 0.22):.4f}*t+{throw(0, math.tau):.4f}))"
    return f"{LOUDNESS * loud:.4f}*{breath}*sin(2*PI*{pitch_hz:.2f}*t+{throw(0, math.tau):.4f})"


def _finish(graph: Graph, source: FilterContext, duration_s: int, *, fade_s: float = FADE_S) -> None:
    """Lead a source through what every sound needs to become a track of ours."""
    steps = (
        ("aformat", f"sample_fmts=fltp:sample_rates={RATE_HZ}:channel_layouts=stereo"),
        ("asetpts", "N/SR/TB"),
        ("apad", ""),
        ("atrim", f"end_sample={duration_s * RATE_HZ}"),
        ("afade", f"t=out:st={duration_s - fade_s}:d={fade_s}"),
        ("asetnsamples", f"n={AAC_SAMPLES}:p=0"),
        ("abuffersink", ""),
    )
    graph.link_nodes(source, *(graph.add(name, arguments) for name, arguments in steps)).configure()


def _drain(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except EOFError:
            return
        assert isinstance(frame, AudioFrame)
        yield frame
