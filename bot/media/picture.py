"""A posted picture, in the child process: made into a JPEG within the limits that holds nothing but pixels."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from bot.media.contract import Unfit, UnfitReason
from bot.media.fit import fitted, scaled
from bot.media.header import opened, swapped
from bot.media.raster import in_srgb, shrunk
from bot.media.source import Source
from providers.kit.spec import ImageLimits

_QUALITIES = (92, 85, 75, 65, 50)


def screen(source: Source) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """Return the true type and the upright size, from the header alone."""
    picture = opened(source)
    width, height = picture.upright
    return {"mime": picture.mime, "width": width, "height": height}, ()


def prepare(source: Source, **limits: Any) -> tuple[dict[str, object], tuple[bytes, ...]]:
    """Return a JPEG within the limits that holds nothing but pixels, and what was changed."""
    bounds = ImageLimits(**limits)
    picture = opened(source)
    target = fitted(*picture.upright, bounds)
    stored_target = swapped(target) if picture.lies else target
    try:
        image, see_through = shrunk(picture.decode(stored_target), stored_target)
    except MemoryError:
        raise Unfit("image", UnfitReason.BOMB, width=picture.upright[0], height=picture.upright[1]) from None
    image, colours = in_srgb(image, picture.profile)
    if picture.turn is not None:
        image = image.transpose(picture.turn)
    data, first_bytes, size = _encoded(image, bounds)
    changes = [
        ("turned", {}, picture.turned),
        ("scaled", _sizes(picture.upright, size), picture.upright != size),
        ("flattened", {}, see_through),
        ("first_frame", {}, picture.frames),
        ("converted", {"from_format": _name(picture.mime), "to_format": "JPEG"}, picture.mime != "image/jpeg"),
        (colours or "", {}, colours),
        ("recompressed", {"from_bytes": first_bytes, "to_bytes": len(data)}, len(data) != first_bytes),
    ]
    told = [(code, facts) for code, facts, happened in changes if happened]
    return {"mime": "image/jpeg", "width": size[0], "height": size[1], "changes": told}, (data,)


def _encoded(image: Image.Image, limits: ImageLimits) -> tuple[bytes, int, tuple[int, int]]:
    """Return a JPEG under the byte limit, how large it was at first, and its size in pixels."""
    first = data = _jpeg(image, _QUALITIES[0])
    for quality in _QUALITIES[1:]:
        if len(data) <= limits.max_bytes:
            break
        data = _jpeg(image, quality)
    while len(data) > limits.max_bytes:
        by = max(0.8, limits.min_side_px / min(image.size))
        if by >= 1:
            raise Unfit("image", UnfitReason.TOO_BIG, size_bytes=len(data), max_bytes=limits.max_bytes)
        image = image.resize(scaled(*image.size, by, limits), Image.Resampling.LANCZOS)
        data = _jpeg(image, _QUALITIES[-1])
    return data, len(first), image.size


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.info = {}  # else Pillow writes profiles, Exif and comments of the original into the copy
    image.save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def _sizes(before: tuple[int, int], after: tuple[int, int]) -> dict[str, int]:
    return {"from_width": before[0], "from_height": before[1], "to_width": after[0], "to_height": after[1]}


def _name(mime: str) -> str:
    return mime.removeprefix("image/").upper()
