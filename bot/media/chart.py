"""A chart of bars as a picture: one bar a day, for light and dark surroundings alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_WIDTH_PX, _HEIGHT_PX, _MARGIN_PX, _FOOT_PX, _HEAD_PX = 1200, 460, 48, 64, 104
_TEXT_PX, _GAP, _LEAST_PX, _MOST_PX = 26, 0.25, 6, 80
_PAPER, _INK, _LINE, _BAR = "#ffffff", "#4a4a4a", "#d8d8d8", "#d9470f"
_LABELS = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, with what is written below it where there is room."""

    label: str
    value: int


def draw(title: str, bars: Sequence[Bar], path: Path) -> None:
    """Write a PNG of at least one bar, the highest with its number on it."""
    image = Image.new("RGB", (_WIDTH_PX, _HEIGHT_PX), _PAPER)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(_TEXT_PX)
    floor_px, pitch_px = _HEIGHT_PX - _FOOT_PX, (_WIDTH_PX - 2 * _MARGIN_PX) / len(bars)
    pen.text((_MARGIN_PX, 20), title, fill=_INK, font=font)
    pen.line((_MARGIN_PX, floor_px, _WIDTH_PX - _MARGIN_PX, floor_px), fill=_LINE, width=2)
    highest = max(bar.value for bar in bars)
    every = -(-len(bars) // _LABELS)
    for at, bar in enumerate(bars):
        middle_px = _MARGIN_PX + (at + 0.5) * pitch_px
        if bar.value:
            high_px = max(_LEAST_PX, (floor_px - _HEAD_PX) * bar.value / highest)
            half_px = min(pitch_px * (1 - _GAP), _MOST_PX) / 2
            pen.rectangle((middle_px - half_px, floor_px - high_px, middle_px + half_px, floor_px), fill=_BAR)
        if bar.value == highest:
            pen.text((middle_px, _HEAD_PX - 8), str(highest), fill=_INK, font=font, anchor="md")
        if at % every == 0:
            pen.text((middle_px, floor_px + 14), bar.label, fill=_INK, font=font, anchor="ma")
    image.save(path, "PNG", optimize=True)
