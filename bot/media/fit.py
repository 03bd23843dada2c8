"""Which size a picture gets: pure arithmetic, in whole pixels."""

from __future__ import annotations

from bot.media.contract import Unfit, UnfitReason
from providers.kit.spec import ImageLimits


def check_ratio(width: int, height: int, limits: ImageLimits) -> None:
    """Refuse a shape that no scaling brings within the limits.

    Raises:
        Unfit: RATIO.
    """
    if max(width, height) * limits.min_side_px > min(width, height) * limits.max_side_px:
        numbers = {"min_px": limits.min_side_px, "max_px": limits.max_side_px}
        raise Unfit("image", UnfitReason.RATIO, width=width, height=height, **numbers)


def fitted(width: int, height: int, limits: ImageLimits) -> tuple[int, int]:
    """Return the nearest size of the same shape within the limits.

    Raises:
        Unfit: RATIO.
    """
    check_ratio(width, height, limits)
    long, short = max(width, height), min(width, height)
    if long > limits.max_side_px:
        return scaled(width, height, limits.max_side_px / long, limits)
    if short < limits.min_side_px:
        return scaled(width, height, limits.min_side_px / short, limits)
    return width, height


def scaled(width: int, height: int, by: float, limits: ImageLimits) -> tuple[int, int]:
    """Return the size times `by`, rounded to whole pixels that the limits allow."""
    return _within(width * by, limits), _within(height * by, limits)


def _within(side_px: float, limits: ImageLimits) -> int:
    return max(limits.min_side_px, min(limits.max_side_px, round(side_px)))
