"""A small square of a picture or of a video's beginning, in the child process: what stands on a job's card."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from bot.media import header, streams
from bot.media.contract import BadVideo
from bot.media.raster import in_srgb, shrunk
from bot.media.source import Source

SIDE_PX = 256
_LONGEST_PX = 4096
_QUALITY = 82


def picture(source: Source, colour: float) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """Return a JPEG of the middle of a picture, with so much of its colour: none at 0, all at 1."""
    found = header.opened(source)
    target = _target(*found.upright)
    stored = header.swapped(target) if found.lies else target
    image, _ = shrunk(found.decode(stored), stored)
    image, _ = in_srgb(image, found.profile)
    return {}, (_jpeg(image if found.turn is None else image.transpose(found.turn), colour),)


def beginning(source: Source) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """Return a JPEG of the middle of a video's first frame.

    Raises:
        BadVideo: there is no frame in it.
    """
    with streams.opened(source, "video") as (container, _):
        for stream in streams.moving(container)[:1]:
            for frame in container.decode(stream):
                return {}, (_jpeg(frame.to_image(), 1.0),)  # type: ignore[no-untyped-call]  # PyAV types all but this
    raise BadVideo("no frame")


def _target(width: int, height: int) -> tuple[int, int]:
    """Return the size to which a picture is decoded: its short side as the square's, unless it is very long."""
    by = min(SIDE_PX / min(width, height), _LONGEST_PX / max(width, height))
    return max(1, round(width * by)), max(1, round(height * by))


def _jpeg(image: Image.Image, colour: float) -> bytes:
    square = ImageOps.fit(image.convert("RGB"), (SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
    if colour < 1:
        square = Image.blend(square.convert("L").convert("RGB"), square, colour)
    square.info = {}  # what the original carries beside its pixels stays out
    out = io.BytesIO()
    square.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
