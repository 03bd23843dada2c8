"""What goes in and comes out: a small picture, a small whole video, its index first or last, and a large one."""

from __future__ import annotations

import io
import os
import tempfile
import wave
from functools import cache
from pathlib import Path

import av
from PIL import Image

_SIDE, _FRAMES = 64, 12


@cache
def picture() -> bytes:
    """Return a JPEG that fits every offer."""
    out = io.BytesIO()
    Image.radial_gradient("L").resize((400, 400)).convert("RGB").save(out, "JPEG")
    return out.getvalue()


@cache
def video(*, index_first: bool = True) -> bytes:
    """Return a whole MP4 of a second."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "made.mp4"
        options = {"movflags": "+faststart"} if index_first else {}
        with av.open(out, "w", format="mp4", options=options) as container:
            stream = container.add_stream("libx264", rate=_FRAMES, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = _SIDE, _SIDE, "yuv420p"
            for number in range(_FRAMES):
                frame = av.VideoFrame(_SIDE, _SIDE, "gray8")
                frame.planes[0].update(bytes([20 * number]) * (_SIDE * _SIDE))
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return out.read_bytes()


@cache
def large() -> bytes:
    """Return a video of noise, of far more than 100 kB."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.mp4"
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=12, options={"preset": "ultrafast", "crf": "20"})
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for _ in range(60):
                noise = Image.frombytes("RGB", (320, 240), os.urandom(320 * 240 * 3))
                container.mux(stream.encode(av.VideoFrame.from_image(noise)))  # type: ignore[no-untyped-call] # PyAV's
            container.mux(stream.encode(None))
        return path.read_bytes()


@cache
def sound(seconds: float) -> bytes:
    """Return a WAV of that length."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\1" * round(8000 * seconds))
    return written.getvalue()
