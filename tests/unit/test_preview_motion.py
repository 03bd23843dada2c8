"""Camera paths: smooth, the same for the same seed, and never outside the picture."""

from __future__ import annotations

import itertools
import math

import pytest

from providers.preview.motion import PAN, TURN_DEG, ZOOM, Path, View, path

PROMPTS = (
    "",
    "zoom in",
    "fast zoom out, pan left, tilt up",
    "pan right and down quickly, then rotate left fast, handheld",
    "strong shake",
    "roll clockwise quickly, then pan left",
    "still",
)


def planned(prompt: str, seed: int = 1, aspect: float = 16 / 9) -> Path:
    """Plan five seconds."""
    return path(prompt, seed, duration_s=5, aspect=aspect)


def corners(view: View, aspect: float) -> list[tuple[float, float]]:
    """Where the corners of a view lie in the picture, as shares of its sides."""
    cos, sin = math.cos(math.radians(view.turn_deg)), math.sin(math.radians(view.turn_deg))
    half = [(x / view.zoom * aspect, y / view.zoom) for x in (-0.5, 0.5) for y in (-0.5, 0.5)]
    return [
        (0.5 + view.x + (cos * x + sin * y) / aspect, 0.5 + view.y - sin * x + cos * y)
        for x, y in half
    ]  # fmt: skip


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("aspect", [5.5, 16 / 9, 1.0, 0.75, 1 / 5.5])
def test_the_picture_s_edges_stay_out_of_sight(prompt: str, aspect: float) -> None:
    """At every instant of every seed all four corners lie inside the picture."""
    for seed in range(8):
        camera = planned(prompt, seed, aspect)
        for step in range(101):
            for x, y in corners(camera.at(step / 20), aspect):
                assert -1e-9 <= x <= 1 + 1e-9
                assert -1e-9 <= y <= 1 + 1e-9


@pytest.mark.parametrize("prompt", ["zoom in", "pan left", "tilt down", "rotate", "zoom in, then pan right"])
def test_a_move_eases_in_and_out(prompt: str) -> None:
    """It starts and stops at rest, and its speed never jumps."""
    camera = planned(prompt)
    views = [camera.at(step / 200) for step in range(1001)]
    for axis in ("x", "y", "zoom", "turn_deg"):
        values = [getattr(view, axis) for view in views]
        speeds = [after - before for before, after in itertools.pairwise(values)]
        top = max(map(abs, speeds)) or 1
        assert abs(speeds[0]) < 0.02 * top
        assert abs(speeds[-1]) < 0.02 * top
        assert max(abs(after - before) for before, after in itertools.pairwise(speeds)) <= 0.02 * top


def test_moves_go_where_they_say() -> None:
    """Left goes left, up goes up, in comes nearer by what an ordinary move is."""
    left, up, near, turned = (planned(prompt) for prompt in ("pan left", "tilt up", "zoom in", "rotate"))
    assert left.at(5).x - left.at(0).x == pytest.approx(-PAN)
    assert up.at(5).y - up.at(0).y == pytest.approx(-PAN)
    assert near.at(5).zoom / near.at(0).zoom == pytest.approx(ZOOM)
    assert turned.at(5).turn_deg == pytest.approx(TURN_DEG)
    assert (near.at(0).zoom, near.at(0).x, near.at(0).y) == (1, 0, 0)


def test_legs_follow_each_other() -> None:
    """In and out again ends where it began, and was nearest half way."""
    camera = planned("zoom in, then zoom out")
    assert camera.at(5).zoom == pytest.approx(camera.at(0).zoom)
    assert camera.at(2.5).zoom == pytest.approx(ZOOM)


def test_still_shows_the_whole_picture_throughout() -> None:
    """A held camera does not move by a hair."""
    camera = planned("still")
    assert {camera.at(step / 24) for step in range(121)} == {View(0, 0, 1, 0)}


def test_the_seed_decides_what_nobody_asked_for() -> None:
    """The same seed plans the same, other seeds other moves, and each moves gently."""
    paths = {planned("a balloon over hills", seed) for seed in range(20)}
    assert planned("a balloon over hills", 7) == planned("a balloon over hills", 7)
    assert len(paths) >= 4
    assert all(camera.zoom_max < ZOOM for camera in paths)


def test_a_refused_axis_is_left_alone() -> None:
    """No seed zooms where zooming was refused, and with all axes refused nothing moves."""
    for seed in range(20):
        camera = planned("no zoom", seed)
        assert camera.at(0).zoom == camera.at(5).zoom
    assert planned("no zoom, no pan, never tilt up").at(3) == View(0, 0, 1, 0)


def test_a_shaking_hand_sways_without_end_or_jump() -> None:
    """The sway keeps moving, less than a hundredth of the picture, and follows the seed."""
    camera = planned("handheld")
    xs = [camera.at(step / 24).x for step in range(120)]
    assert 0.002 < max(xs) - min(xs) < 0.02
    assert max(abs(after - before) for before, after in itertools.pairwise(xs)) < 0.0015
    assert planned("handheld", 2).at(1) != planned("handheld", 3).at(1)
