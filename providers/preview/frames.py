"""Cuts a video's frames out of a picture, to a fraction of a pixel, each tagged as a preview."""

from __future__ import annotations

import math
from pathlib import Path

import av
from av.video.reformatter import ColorRange, Colorspace
from PIL import Image, ImageDraw, ImageFont, ImageOps

from providers.kit.errors import BadInput
from providers.preview.motion import View

TAG = "Preview, not AI"
PIXELS = {"480p": 854 * 480, "720p": 1280 * 720, "1080p": 1920 * 1080}
MIN_SIDE_PX = 16
BLACK, WHITE, GREY = 16, 235, 128
"""Limited-range BT.709: black and white in the Y plane, no colour in U and V."""


def frame_size(width: int, height: int, resolution: str) -> tuple[int, int]:
    """Return the frame's sides in pixels: even, as many as the resolution stands for, of the picture's aspect."""
    half_scale = math.sqrt(PIXELS[resolution] / (width * height)) / 2
    return max(MIN_SIDE_PX, 2 * round(width * half_scale)), max(MIN_SIDE_PX, 2 * round(height * half_scale))


def open_picture(path: Path) -> Image.Image:
    """Open a prepared picture, upright."""
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"the picture cannot be read: {type(error).__name__}") from error


class Frames:
    """A picture as Y, U and V planes, shrunk once to what the nearest view needs."""

    def __init__(self, picture: Image.Image, size: tuple[int, int], zoom_max: float) -> None:
        self.size = size
        needed = (_even(min(size[0] * zoom_max, picture.width)), _even(min(size[1] * zoom_max, picture.height)))
        self._planes = _split(picture.resize(needed, Image.Resampling.LANCZOS))
        self._tag = _tag(size)

    def frame(self, view: View) -> av.VideoFrame:
        """Cut out what the camera sees."""
        frame = av.VideoFrame(*self.size, "yuv420p")
        frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
        for plane, whole, (stamp, mask, corner) in zip(frame.planes, self._planes, self._tag, strict=True):
            seen = _seen(whole, (plane.width, plane.height), view)
            seen.paste(stamp, corner, mask)
            plane.update(seen.tobytes("raw", "L", plane.line_size, 1))
        return frame


def _seen(whole: Image.Image, size: tuple[int, int], view: View) -> Image.Image:
    width, height = whole.width / view.zoom, whole.height / view.zoom
    middle_x, middle_y = whole.width * (0.5 + view.x), whole.height * (0.5 + view.y)
    if not view.turn_deg:
        left, top = max(middle_x - width / 2, 0), max(middle_y - height / 2, 0)
        box = (left, top, min(left + width, whole.width), min(top + height, whole.height))
        return whole.resize(size, Image.Resampling.BICUBIC, box=box)
    cos, sin = math.cos(math.radians(view.turn_deg)), math.sin(math.radians(view.turn_deg))
    across, along = width / size[0], height / size[1]
    matrix = (
        *(across * cos, along * sin, middle_x - (width * cos + height * sin) / 2),
        *(-across * sin, along * cos, middle_y - (height * cos - width * sin) / 2),
    )
    return whole.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def _split(picture: Image.Image) -> tuple[Image.Image, ...]:
    """Return a picture's Y, U and V planes; browsers take HD for BT.709, and an untagged conversion is BT.601."""
    frame = av.VideoFrame(*picture.size, "rgb24")
    frame.planes[0].update(picture.tobytes("raw", "RGB", frame.planes[0].line_size, 1))
    frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    return tuple(
        Image.frombuffer("L", (plane.width, plane.height), bytes(plane), "raw", "L", plane.line_size, 1)
        for plane in frame.planes
    )


def _tag(size: tuple[int, int]) -> tuple[tuple[Image.Image, Image.Image, tuple[int, int]], ...]:
    """Draw the tag once: for each plane its values, its mask and where it goes, at the frame's lower left."""
    height = 2 * max(14, round(min(size) / 34))
    font = ImageFont.load_default(size=height * 0.6)
    width = 2 * math.ceil((font.getlength(TAG) + height * 0.8) / 2)
    luma, mask = Image.new("L", (width, height), BLACK), Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width - 1, height - 1), height // 4, fill=150)
    for image, ink in ((luma, WHITE), (mask, 255)):
        ImageDraw.Draw(image).text((width / 2, height / 2), TAG, fill=ink, font=font, anchor="mm")
    x, y = height // 4 * 2, size[1] - height - height // 4 * 2
    small = mask.resize((width // 2, height // 2), Image.Resampling.BOX)
    grey = Image.new("L", small.size, GREY), small, (x // 2, y // 2)
    return (luma, mask, (x, y)), grey, grey


def _even(side_px: float) -> int:
    return max(2, 2 * math.ceil(side_px / 2))
