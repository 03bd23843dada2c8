"""Turns a prompt and a seed into a camera path: pure data, exact at any instant, never outside the picture."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from itertools import accumulate

from providers.preview.words import Leg, Wish, read

ZOOM, PAN, TURN_DEG, SHAKE = 1.25, 0.15, 7.0, 0.006
"""An ordinary move: times larger, share of the picture's side, degrees; and how far a shaking hand sways."""

GENTLE = (
    Leg(zoom=0.6),
    Leg(zoom=-0.6),
    Leg(zoom=0.4, x=0.5),
    Leg(zoom=0.4, x=-0.5),
    Leg(zoom=0.4, y=-0.4),
)
"""What is made of a prompt that says nothing of the camera."""


@dataclass(frozen=True, slots=True)
class View:
    """What the camera sees: its middle's offset in shares of the picture's sides, how much larger, how turned."""

    x: float
    y: float
    zoom: float
    turn_deg: float


@dataclass(frozen=True, slots=True)
class Wave:
    """One part of a hand's sway."""

    share: float
    hz: float
    phase_x: float
    phase_y: float


@dataclass(frozen=True, slots=True)
class Path:
    """Views passed in turn, each leg easing in and out in an equal share of the time; and a sway over them."""

    views: tuple[View, ...]
    duration_s: float
    sway: tuple[Wave, ...] = ()

    @property
    def zoom_max(self) -> float:
        """How near the camera comes: what the picture's planes must still be sharp for."""
        return max(view.zoom for view in self.views)

    def at(self, time_s: float) -> View:
        """Return the view at an instant, zooming at an even rate to the eye."""
        passed = time_s / self.duration_s * (len(self.views) - 1)
        leg = min(int(passed), len(self.views) - 2)
        start, end = self.views[leg], self.views[leg + 1]
        eased = (1 - math.cos(math.pi * min(passed - leg, 1.0))) / 2
        return View(
            x=_mix(start.x, end.x, eased) + self._swayed(time_s, "phase_x"),
            y=_mix(start.y, end.y, eased) + self._swayed(time_s, "phase_y"),
            zoom=start.zoom * (end.zoom / start.zoom) ** eased,
            turn_deg=_mix(start.turn_deg, end.turn_deg, eased),
        )

    def _swayed(self, time_s: float, phase: str) -> float:
        return sum(wave.share * math.sin(math.tau * wave.hz * time_s + getattr(wave, phase)) for wave in self.sway)


def path(prompt: str, seed: int, *, duration_s: float, aspect: float) -> Path:
    """Plan the camera's way over a picture; `aspect` is its width over its height."""
    wish = read(prompt)
    sway = _sway(wish.shake, seed)
    legs = wish.legs or (() if wish.hold or wish.shake else _gentle(wish, seed))
    return Path(_views(legs or (Leg(),), sum(wave.share for wave in sway), aspect), duration_s, sway)


def dice(seed: int) -> random.Random:
    """Return the one source of chance: the same throws for the same seed."""
    return random.Random(seed)  # noqa: S311  it decides a look, not a secret


def _gentle(wish: Wish, seed: int) -> tuple[Leg, ...]:
    allowed = [leg for leg in GENTLE if not any(getattr(leg, axis, 0) for axis in wish.refused)]
    return (allowed[int(dice(seed).random() * len(allowed))],) if allowed else ()


def _sway(strength: float, seed: int) -> tuple[Wave, ...]:
    if not strength:
        return ()
    throw = dice(seed).uniform
    parts = ((0.6, 0.4), (0.3, 1.1), (0.1, 2.3))
    return tuple(
        Wave(share * SHAKE * strength, hz * throw(0.8, 1.2), throw(0, math.tau), throw(0, math.tau))
        for share, hz in parts
    )


def _views(legs: tuple[Leg, ...], sway: float, aspect: float) -> tuple[View, ...]:
    """Lay the legs end to end around the picture's middle, as near as keeps its edges out of sight."""
    xs = _middled(list(accumulate((leg.x * PAN for leg in legs), initial=0.0)))
    ys = _middled(list(accumulate((leg.y * PAN for leg in legs), initial=0.0)))
    turns = list(accumulate((leg.turn * TURN_DEG for leg in legs), initial=0.0))
    zooms = list(accumulate((leg.zoom * math.log(ZOOM) for leg in legs), initial=0.0))
    lean = math.sin(math.radians(max(map(abs, turns))))
    nearest = max(
        (1 + lean / aspect) / (1 - 2 * (max(xs) + sway)),
        (1 + lean * aspect) / (1 - 2 * (max(ys) + sway)),
    )
    rise = [nearest * math.exp(zoom - min(zooms)) for zoom in zooms]
    return tuple(map(View, xs, ys, rise, turns))


def _middled(offsets: list[float]) -> list[float]:
    middle = (max(offsets) + min(offsets)) / 2
    return [offset - middle for offset in offsets]


def _mix(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
