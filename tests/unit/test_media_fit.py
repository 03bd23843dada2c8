"""Which size a picture gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.media.contract import Unfit, UnfitReason
from bot.media.fit import check_ratio, fitted
from providers.kit.spec import ImageLimits

LIMITS = ImageLimits()


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1200, 800), (1200, 800)),
        ((4032, 3024), (2000, 1500)),
        ((200, 300), (360, 540)),
        ((100, 100), (360, 360)),
        ((2000, 360), (2000, 360)),
        ((5555, 1000), (2000, 360)),
        ((100, 555), (360, 1998)),
    ],
)
def test_sizes(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    """Down when too large, up when too small, else untouched."""
    assert fitted(*size, LIMITS) == wanted


@pytest.mark.parametrize("size", [(1290, 19854), (2001, 360), (1, 6)])
def test_a_shape_that_never_fits_is_refused_with_the_numbers(size: tuple[int, int]) -> None:
    """The refusal holds what its sentence names."""
    with pytest.raises(Unfit) as refusal:
        check_ratio(*size, LIMITS)
    assert refusal.value.reason is UnfitReason.RATIO
    assert refusal.value.facts == {"width": size[0], "height": size[1], "min_px": 360, "max_px": 2000}


@given(st.integers(1, 50_000), st.integers(1, 50_000))
def test_every_shape_is_fitted_or_refused(width: int, height: int) -> None:
    """Whatever is not refused comes within the limits, its shape kept to a pixel."""
    try:
        fit = fitted(width, height, LIMITS)
    except Unfit:
        assert max(width, height) / min(width, height) > 5.5
        return
    assert all(LIMITS.min_side_px <= side <= LIMITS.max_side_px for side in fit)
    assert abs(fit[0] / fit[1] - width / height) <= (1 + width / height) / min(fit)
