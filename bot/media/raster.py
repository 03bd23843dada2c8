"""Decoded pixels made plain and small, a strip at a time, so that no second copy of a large picture is held."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image, ImageChops, ImageCms

_STRIP_PIXELS = 1_000_000
_VISIBLE = 8
"""By how much of 255 a channel must move for a person to be told that colours changed."""


class Raster(Protocol):
    """Decoded pixels that can be taken a piece at a time; a Pillow image is one."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""

    @property
    def mode(self) -> str:
        """What a pixel is made of, in Pillow's words."""

    def crop(self, box: tuple[int, int, int, int], /) -> Image.Image:
        """Return a piece: left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of pixels as a decoder left them, without the copy that a Pillow image would be."""

    mode: str
    size: tuple[int, int]
    data: memoryview
    stride_bytes: int

    def crop(self, box: tuple[int, int, int, int], /) -> Image.Image:
        """Return whole rows; the left and right of the box are not looked at."""
        top, bottom, stride = box[1], box[3], self.stride_bytes
        rows = self.data[top * stride : bottom * stride]
        return Image.frombytes(self.mode, (self.size[0], bottom - top), rows, "raw", self.mode, stride, 1)


def shrunk(raster: Raster, target: tuple[int, int]) -> tuple[Image.Image, bool]:
    """Return the pixels at the target size as L, RGB or CMYK, and whether anything was see-through."""
    width, height = raster.size
    factor = max(1, min(width // target[0], height // target[1]))
    rows = max(1, _STRIP_PIXELS // (width * factor)) * factor
    plain, small, see_through = _plainer(raster), None, False
    for top in range(0, height, rows):
        strip, holes = plain(raster.crop((0, top, width, min(top + rows, height))))
        see_through |= holes
        if small is None:
            small = Image.new(strip.mode, (-(-width // factor), -(-height // factor)))
        small.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    assert small is not None
    box = (0, 0, width / factor, height / factor)
    return (small if small.size == target else small.resize(target, Image.Resampling.LANCZOS, box)), see_through


def in_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """Return the picture in sRGB and the change to tell: `colours`, `profile_dropped` or none."""
    naive = image.convert("RGB")
    if not profile:
        return naive, "colours" if image.mode == "CMYK" else None
    try:
        made = ImageCms.profileToProfile(image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return naive, "profile_dropped"
    assert made is not None
    return made, "colours" if _differs(naive, made) else None


def _differs(one: Image.Image, other: Image.Image) -> bool:
    bounds = ImageChops.difference(one.reduce(4), other.reduce(4)).getextrema()
    return any(high > _VISIBLE for _, high in bounds)  # type: ignore[misc]  # one pair a channel, as both are RGB


def _plainer(raster: Raster) -> Callable[[Image.Image], tuple[Image.Image, bool]]:
    if raster.mode not in {"I", "F", "I;16", "I;16B", "I;16L"}:
        return _plain
    white = 65535.0 if raster.mode.startswith("I;16") else _white(raster)
    return lambda strip: (_grey(strip, white), False)


def _white(raster: Raster) -> float:
    """Guess which value of an open scale means white: the nearest usual one."""
    assert isinstance(raster, Image.Image)  # no other decoder yields these modes
    _, highest = raster.getextrema()
    assert isinstance(highest, (int, float))
    return next((white for white in (1.0, 255.0, 65535.0) if highest <= white), float(highest))


def _grey(strip: Image.Image, white: float) -> Image.Image:
    wide = strip.convert("F")
    return wide.point(lambda value: value * (255 / white) + 0.5).convert("L")


def _plain(strip: Image.Image) -> tuple[Image.Image, bool]:
    if strip.has_transparency_data:
        return _on_white(strip.convert("RGBA"))
    if strip.mode in {"L", "RGB", "CMYK"}:
        return strip, False
    return strip.convert("L" if strip.mode == "1" else "RGB"), False


def _on_white(strip: Image.Image) -> tuple[Image.Image, bool]:
    alpha = strip.getchannel("A")
    sheet = Image.new("RGB", strip.size, "white")
    sheet.paste(strip, mask=alpha)
    lowest, _ = alpha.getextrema()
    return sheet, isinstance(lowest, (int, float)) and lowest < 255
