"""Camera words in prompts."""

from __future__ import annotations

import pytest

from providers.preview.words import FAST, SLOW, Leg, Wish, read


@pytest.mark.parametrize(
    ("prompt", "legs"),
    [
        ("zoom in", [Leg(zoom=1)]),
        ("The camera ZOOMS OUT", [Leg(zoom=-1)]),
        ("zoom-in on her face", [Leg(zoom=1)]),
        ("a slow zoom", [Leg(zoom=SLOW)]),
        ("push in", [Leg(zoom=1)]),
        ("pulls slowly back", [Leg(zoom=-SLOW)]),
        ("dolly forward quickly", [Leg(zoom=FAST)]),
        ("pan left", [Leg(x=-1)]),
        ("panning gently to the right", [Leg(x=SLOW)]),
        ("pan from left to right", [Leg(x=1)]),
        ("tilt up", [Leg(y=-1)]),
        ("pan down fast", [Leg(y=FAST)]),
        ("the camera glides upwards", [Leg(y=-1)]),
        ("move the camera to the left", [Leg(x=-1)]),
        ("camera rotates slowly", [Leg(turn=SLOW)]),
        ("roll counter-clockwise", [Leg(turn=-1)]),
        ("slow zoom in, pan left", [Leg(zoom=SLOW, x=-1)]),
        ("slowly zoom in and pan left", [Leg(zoom=SLOW, x=-SLOW)]),
        ("pan left and up", [Leg(x=-1, y=-1)]),
        ("a fast car, zoom in", [Leg(zoom=1)]),
        ("zoom in, then pan right", [Leg(zoom=1), Leg(x=1)]),
        ("push in and then pull back", [Leg(zoom=1), Leg(zoom=-1)]),
        ("next to the tree, zoom in", [Leg(zoom=1)]),
        ("zoom in and out", [Leg(zoom=1), Leg(zoom=-1)]),
    ],
)
def test_words_become_moves(prompt: str, legs: list[Leg]) -> None:
    """What the words ask for is what the camera does, as strong and in the order that they say."""
    assert read(prompt) == Wish(legs=tuple(legs))


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "the water is still moving",
        "a dog rolls over, waves roll, the wheel spins",
        "the wizard pulls out a wand and pushes in the door",
        "handshake with a milkshake; she shakes her head",
        "Japan, left of the expanding panda",
        "a spanner in zoomorphic tiltyards",
        "她慢慢转身 🎈",
    ],
)
def test_a_scene_is_not_a_camera_move(prompt: str) -> None:
    """Words that tell of the scene, or only hold a camera word inside, ask nothing of the camera."""
    assert read(prompt) == Wish()


@pytest.mark.parametrize(
    ("prompt", "legs", "refused"),
    [
        ("don't zoom in", (), {"zoom"}),
        ("don\u2019t shake", (), {"shake"}),
        ("without zooming or panning", (), {"zoom", "x"}),
        ("no zoom, just pan left", (Leg(x=-1),), {"zoom"}),
        ("do not pan left but tilt up", (Leg(y=-1),), {"x"}),
        ("the boat does not move and the camera zooms in", (Leg(zoom=1),), set()),
        ("not only zoom in but also tilt down", (Leg(zoom=1, y=1),), set()),
    ],
)
def test_a_negated_move_is_refused_and_no_other(prompt: str, legs: tuple[Leg, ...], refused: set[str]) -> None:
    """A no reaches as far as its clause, and not into the next."""
    assert read(prompt) == Wish(legs=legs, refused=frozenset(refused))


@pytest.mark.parametrize(
    "prompt", ["static", "Still.", "a still shot", "hold the frame", "no camera movement", "The camera does not move"]
)
def test_stillness_can_be_asked_for(prompt: str) -> None:
    """Words of stillness hold the camera."""
    assert read(prompt) == Wish(hold=True)


def test_a_move_wins_over_stillness() -> None:
    """Where both are named, the stillness was the scene's."""
    assert read("static background, zoom in") == Wish(legs=(Leg(zoom=1),))


@pytest.mark.parametrize(("prompt", "shake"), [("handheld", 1.0), ("hand-held", 1.0), ("a slight shake", SLOW)])
def test_a_hand_can_shake_the_camera(prompt: str, shake: float) -> None:
    """A shaking hand is asked for by name."""
    assert read(prompt) == Wish(shake=shake)


def test_a_long_prompt_is_read_at_once() -> None:
    """No prompt makes the reading slow: a longest one of camera words still gives its moves."""
    assert len(read("slowly the camera to the " * 80 + "zoom in then out " * 200).legs) >= 1
