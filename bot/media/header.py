"""A posted picture with its header read: what it is, and what decoding it would cost, before a pixel is decoded."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PIL import Image, ImageFile, PngImagePlugin

from bot.media.contract import Unfit, UnfitReason
from bot.media.raster import Raster, Rows
from bot.media.sniff import identify
from bot.media.source import Source

MAX_PIXELS = 250_000_000
MAX_DECODED_BYTES = 225_000_000
"""What decoding may hold at once, so that the whole process stays under 300 MB."""

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PLUGINS = {
    "image/jpeg": "Jpeg",
    "image/png": "Png",
    "image/gif": "Gif",
    "image/bmp": "Bmp",
    "image/tiff": "Tiff",
    "image/webp": "WebP",
    "image/avif": "Avif",
}
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture whose header was read; `turn` is what is left to do, `decode` yields about the size asked for."""

    mime: str
    size: tuple[int, int]
    turn: Image.Transpose | None
    turned: bool
    frames: bool
    profile: bytes | None
    decoded_bytes: int
    decode: Callable[[tuple[int, int]], Raster]

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as it will be seen."""
        return swapped(self.size) if self.lies else self.size

    @property
    def lies(self) -> bool:
        """Tell whether turning it swaps width and height."""
        return self.turn in {_TURNS[orientation] for orientation in (5, 6, 7, 8)}


def swapped(size: tuple[int, int]) -> tuple[int, int]:
    """Return height and width for width and height."""
    return size[1], size[0]


def opened(source: Source) -> Picture:
    """Read the header and refuse what would not fit in memory.

    Raises:
        Unfit: NOT_MEDIA, WRONG_MEDIA, CORRUPT or BOMB.
    """
    mime = identify(source)
    if mime == "image/heic":
        picture = _heif(source)
    elif mime in _PLUGINS:
        picture = _pillow(source, mime)
    else:
        from bot.media.streams import mistaken

        raise mistaken("image", source, mime)
    width, height = picture.upright
    if width * height > MAX_PIXELS or picture.decoded_bytes > MAX_DECODED_BYTES:
        raise Unfit("image", UnfitReason.BOMB, width=width, height=height)
    return picture


def _pillow(source: Source, mime: str) -> Picture:
    # The plugin's own class: Image.open tries others, and takes a JPEG with a damaged index of pictures for none.
    Image.MAX_IMAGE_PIXELS = None
    PngImagePlugin.MAX_TEXT_CHUNK = 16 << 20
    name = _PLUGINS[mime]
    module = importlib.import_module(f"PIL.{name}ImagePlugin")
    image: ImageFile.ImageFile = getattr(module, f"{name}ImageFile")(source)
    orientation, frames = _orientation(image), mime != "image/jpeg" and bool(getattr(image, "is_animated", False))
    by_ffmpeg = mime == "image/webp" and not frames and _decoded_bytes(image, mime) > MAX_DECODED_BYTES
    return Picture(
        mime=mime,
        size=image.size,
        turn=None if mime == "image/tiff" else _TURNS.get(orientation),  # Pillow turns a TIFF itself
        turned=orientation in _TURNS,
        frames=frames,
        profile=image.info.get("icc_profile"),
        decoded_bytes=9 * image.width * image.height // 2 if by_ffmpeg else _decoded_bytes(image, mime),
        decode=partial(_webp_rows, source) if by_ffmpeg else partial(_load, image),
    )


def _load(image: ImageFile.ImageFile, target: tuple[int, int]) -> Raster:
    image.draft(None, target)
    image.load()
    return image


def _heif(source: Source) -> Picture:
    import pillow_heif

    image = pillow_heif.open_heif(source, convert_hdr_to_8bit=True)
    width, height = image.size
    deep = 2 if image.info["bit_depth"] > 8 else 1
    return Picture(
        mime="image/heic",
        size=image.size,
        turn=None,  # libheif turns it as the container says; Exif only repeats that
        turned=False,
        frames=False,
        profile=image.info.get("icc_profile"),
        decoded_bytes=width * height * (3 + 3 * deep // 2),
        decode=lambda _target: Rows(image.mode, image.size, memoryview(image.data), image.stride),
    )


def _webp_rows(source: Source, _target: tuple[int, int]) -> Rows:
    """Decode a large WEBP in 4.5 bytes a pixel, where Pillow takes 16."""
    import av

    source.seek(0)
    with av.open(source, "r", format="webp_pipe") as container:
        frame = next(container.decode(video=0))
    mode = "RGBA" if "a" in frame.format.name else "RGB"
    plane = frame.reformat(format=mode.lower() if mode == "RGBA" else "rgb24").planes[0]
    return Rows(mode, (frame.width, frame.height), memoryview(plane), plane.line_size)


def _decoded_bytes(image: ImageFile.ImageFile, mime: str) -> int:
    """Return what decoding holds at its peak, as measured for each format."""
    pixels = image.width * image.height
    match mime:
        case "image/jpeg":
            return _coefficient_bytes(image) if image.info.get("progressive") else 0
        case "image/webp":
            return 16 * pixels
        case "image/avif":
            return 11 * pixels
    raster = pixels * _PIXEL_BYTES.get(image.mode, 4)
    return 2 * raster if _orientation(image) in _TURNS and mime == "image/tiff" else raster


def _coefficient_bytes(image: ImageFile.ImageFile) -> int:
    """A progressive JPEG is held whole, as coefficients of two bytes, before a pixel of it exists."""
    layers = [(across, down) for _, across, down, _ in getattr(image, "layer", ())]
    widest, tallest = max(across for across, _ in layers), max(down for _, down in layers)
    return sum(2 * image.width * image.height * across * down // (widest * tallest) for across, down in layers)


def _orientation(image: ImageFile.ImageFile) -> int:
    try:
        return int(Image.Image.getexif(image).get(_ORIENTATION, 1))  # a PNG's own would decode the picture to look
    except Exception:  # noqa: BLE001  # damaged Exif raises whatever it likes, and is no reason to refuse the picture
        return 1
