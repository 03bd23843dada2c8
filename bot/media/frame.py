"""The last frame of a finished video, in the child process: the picture from which its continuation starts."""

from __future__ import annotations

import io

from av.video.frame import VideoFrame

from bot.media.contract import BadVideo
from bot.media.source import Source
from bot.media.streams import moving, opened

_TAIL_S = 1.0


def last(source: Source) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """Return the last frame as a PNG, without the loss that a JPEG of it would add to each continuation.

    Raises:
        BadVideo: there is no frame in it.
    """
    with opened(source, "video") as (container, _):
        streams = moving(container)
        if not streams:
            raise BadVideo("no video stream")
        stream = streams[0]
        if stream.duration and stream.time_base:
            end = (stream.start_time or 0) + stream.duration
            container.seek(max(0, end - round(_TAIL_S / stream.time_base)), stream=stream)
        frame: VideoFrame | None = None
        for decoded in container.decode(stream):
            frame = decoded
        if frame is None:
            raise BadVideo("no frame")
        out = io.BytesIO()
        frame.to_image().save(out, "PNG")  # type: ignore[no-untyped-call]  # PyAV types all but this
    return {"mime": "image/png"}, (out.getvalue(),)
