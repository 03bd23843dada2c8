"""A preview's frames: measured to a fraction of a pixel."""

from __future__ import annotations

import math
import statistics

import av
import pytest
from PIL import Image

from providers.preview.frames import Frames, frame_size
from providers.preview.motion import Path, View, path

BARS = (0.3, 0.42, 0.5, 0.58, 0.7)
SIZE = (854, 480)


def barred() -> Image.Image:
    """Draw soft upright bars at known shares of the width."""
    width, height = 1600, 900
    row = [
        round(40 + 180 * sum(math.exp(-(((x + 0.5 - bar * width) / 12) ** 2)) for bar in BARS)) for x in range(width)
    ]
    picture = Image.new("L", (width, 1))
    picture.putdata(row)
    return picture.resize((width, height)).convert("RGB")


def luma(frame: av.VideoFrame) -> Image.Image:
    """A frame's brightness, as a picture."""
    plane = frame.planes[0]
    return Image.frombuffer("L", (plane.width, plane.height), bytes(plane), "raw", "L", plane.line_size, 1)


def bar_middle(row: list[int], near: float) -> float:
    """Return the middle of the bar near a place, to a fraction of a pixel."""
    around = range(max(0, round(near) - 14), min(len(row), round(near) + 15))
    weights = [max(0, row[x] - 90) for x in around]
    return sum((x + 0.5) * weight for x, weight in zip(around, weights, strict=True)) / sum(weights)


def errors_px(camera: Path, frames: Frames) -> list[list[float]]:
    """How far each bar is from where the exact path puts it, frame by frame."""
    found = []
    for index in range(0, 120, 3):
        view = camera.at(index / 119 * 5)
        row = list(luma(frames.frame(view)).crop((0, 240, SIZE[0], 241)).tobytes())
        lean = math.radians(view.turn_deg)
        places = [
            SIZE[0] / 2 + view.zoom * ((bar - 0.5 - view.x) * SIZE[0] + 0.5 * math.sin(-lean)) / math.cos(lean)
            for bar in BARS
        ]
        found.append([bar_middle(row, place) - place for place in places])
    return found


@pytest.mark.parametrize(
    "prompt", ["slow zoom in", "fast zoom out", "pan left", "handheld", "slow zoom in, rotate slowly"]
)
def test_the_camera_moves_by_fractions_of_a_pixel(prompt: str) -> None:
    """A pattern is where the exact path puts it, in every frame: nothing shakes that should glide."""
    camera = path(prompt, 1, duration_s=5, aspect=SIZE[0] / SIZE[1])
    errors = errors_px(camera, Frames(barred(), SIZE, camera.zoom_max))
    for bar in zip(*errors, strict=True):
        assert statistics.pstdev(bar) < 0.05
        assert max(abs(error) for error in bar) < 0.2


@pytest.mark.parametrize(
    ("picture", "resolution", "frame"),
    [
        ((1600, 900), "480p", (854, 480)),
        ((1600, 900), "720p", (1280, 720)),
        ((1600, 900), "1080p", (1920, 1080)),
        ((900, 1600), "720p", (720, 1280)),
        ((1001, 1001), "720p", (960, 960)),
        ((2000, 364), "480p", (1500, 274)),
    ],
)
def test_a_resolution_stands_for_a_number_of_pixels(
    picture: tuple[int, int], resolution: str, frame: tuple[int, int]
) -> None:
    """The frame has the picture's aspect, even sides, and as many pixels as its resolution promises."""
    assert frame_size(*picture, resolution) == frame


@pytest.mark.parametrize("view", [View(0, 0, 1, 0), View(0.1, -0.1, 1.25, 0), View(0, 0, 1.5, 10)])
@pytest.mark.parametrize("side", [400, 2000])
def test_no_edge_is_black(view: View, side: int) -> None:
    """A white picture stays white in every corner, be it smaller or larger than the frame."""
    picture = luma(Frames(Image.new("RGB", (side, side), "white"), (640, 640), 1.5).frame(view))
    assert set(picture.crop((0, 0, 640, 560)).tobytes()) <= set(range(233, 238))


def test_colours_stay_true() -> None:
    """A frame is BT.709 in the limited range, as its tags say."""
    frame = Frames(Image.new("RGB", (640, 480), (200, 60, 40)), (640, 480), 1).frame(View(0, 0, 1, 0))
    assert (frame.colorspace, frame.color_range) == (1, 1)
    y, u, v = (bytes(plane)[0] for plane in frame.planes)
    red, green = 1.164 * (y - 16) + 1.793 * (v - 128), 1.164 * (y - 16) - 0.213 * (u - 128) - 0.533 * (v - 128)
    blue = 1.164 * (y - 16) + 2.112 * (u - 128)
    assert (red, green, blue) == pytest.approx((200, 60, 40), abs=4)


@pytest.mark.parametrize("size", [(854, 480), (270, 1480), (1920, 1080)])
def test_every_frame_says_what_it_is(size: tuple[int, int]) -> None:
    """The tag stands at the lower left, wholly inside the frame: light on dark, over whatever picture."""
    side = min(size)
    for paint, plain in (("black", 16), ("white", 235)):
        picture = luma(Frames(Image.new("RGB", (400, 400), paint), size, 1).frame(View(0, 0, 1, 0)))
        tag = picture.crop((0, size[1] - side // 6, side * 3 // 4, size[1]))
        assert sum(value > 200 for value in tag.tobytes() if value != plain) > 100
        assert sum(value < 130 for value in tag.tobytes() if value != plain or paint == "black") > 1000
        assert {picture.getpixel((size[0] - 1, y)) for y in range(size[1])} == {plain}
        assert {picture.getpixel((x, size[1] - 1)) for x in range(size[0])} == {plain}
