"""A job as an order: every option that is sent, a seed that can be told later, media that the provider can get."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.catalogue import Catalogue, Offer
from bot.links import Links
from bot.ordering import options_of, order_of, reachable
from bot.ports import Ports
from bot.publishing import Publisher
from bot.settings import load
from providers import local
from providers.kit.errors import Unpublished
from providers.kit.provider import Media, Order, Provider
from providers.kit.registry import discover
from providers.kit.spec import AudioLimits, ImageLimits, Spec, Value, Whole
from storage.contract import Input, Job
from tests.unit.test_replies import JOB
from tests.unit.test_spec import SPEC

KEY = "7K3Q9FD2"
PUBLIC = "https://bot.example/x"
SEEDED = [spec for each in discover().values() for spec in each.specs if not spec.renders_here and spec.option("seed")]
PICTURE = Input(role="image", blob="a1" * 32, mime="image/jpeg", size_bytes=7, width_px=400, height_px=500)
SOUND = Input(role="audio", blob="b2" * 32, mime="audio/wav", size_bytes=5)


def offer_of(spec: Spec, provider: Provider = local.PROVIDER) -> Offer:
    """Return an offer that is sold here."""
    spec = replace(spec, needs_key=False)
    provider = replace(provider, id=spec.provider, specs=(spec,), access=None)
    return Catalogue({spec.provider: provider}, load(), Path("work")).offers[spec.offer]


def with_seed(low: int, high: int) -> Offer:
    """Return an offer whose seed has these bounds."""
    seed = Whole(name="seed", low=low, high=high, help="Again.")
    return offer_of(replace(SPEC, options=(*(each for each in SPEC.options if each.name != "seed"), seed)))


def ports(folder: Path, public: str | None = PUBLIC) -> Ports:
    """Return what making an order touches: kept bytes, links, and who makes them."""
    links = Links(b"secret", public)
    held = SimpleNamespace(
        blobs=SimpleNamespace(path=folder.joinpath),
        links=links,
        publisher=Publisher(links, None, ()),
        settings=SimpleNamespace(public_url=public),
    )
    return cast("Ports", held)


def job(**changes: Any) -> Job:
    return replace(JOB, id=KEY, submits=1, inputs=(PICTURE,), prepared=(PICTURE,), **changes)


# -- the seed


@pytest.mark.parametrize("spec", SEEDED, ids=[spec.offer for spec in SEEDED])
def test_a_seed_that_nobody_asked_for_can_be_told_and_is_within_bounds(spec: Spec) -> None:
    """The same for the same order, so that a restart sends nothing else and a person can ask for it again."""
    offer = offer_of(spec)
    seeds = [options_of(offer, {}, f"{KEY}.{number}")["seed"] for number in range(2000)]
    assert seeds == [options_of(offer, {}, f"{KEY}.{number}")["seed"] for number in range(2000)]
    assert len(set(seeds)) > 1990
    option = spec.option("seed")
    assert isinstance(option, Whole)
    assert all(isinstance(seed, int) and max(option.low, 0) <= seed <= option.high for seed in seeds)
    assert all(option.parse(seed) == seed for seed in seeds)


@pytest.mark.parametrize("given", [0, "0", 7, 2**31 - 1])
@pytest.mark.parametrize("spec", SEEDED, ids=[spec.offer for spec in SEEDED])
def test_a_seed_that_was_asked_for_stays(spec: Spec, given: Value) -> None:
    """Nought is a seed."""
    assert options_of(offer_of(spec), {"seed": given}, KEY)["seed"] == int(given)


def test_a_seed_that_asks_for_any_stays_where_it_may() -> None:
    """-1 is what some providers take for chance."""
    assert options_of(with_seed(-1, 9), {"seed": "-1"}, KEY)["seed"] == -1


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (0, 0),
        (0, 1),
        (-1, 9),
        (-9, 0),
        (5, 9),
    ],
)
def test_a_seed_is_any_that_its_option_takes_but_none_below_nought(low: int, high: int) -> None:
    """Both ends are reached; what lies below nought asks for chance, and could not be told."""
    offer = with_seed(low, high)
    seeds = {options_of(offer, {}, f"{KEY}.{number}")["seed"] for number in range(400)}
    assert seeds == set(range(max(low, 0), high + 1))


def test_an_offer_without_a_seed_is_sent_none() -> None:
    """Nor is one whose seed is no number of ours."""
    without = offer_of(replace(SPEC, options=SPEC.options[:2]))
    assert options_of(without, {}, KEY) == {"resolution": "720p", "duration": 5}


# -- the order


def test_an_order_has_the_defaults_what_was_asked_and_the_prepared_picture(tmp_path: Path) -> None:
    """Not the picture as it came; its sides go with it, for offers that are told a shape."""
    raw = replace(PICTURE, blob="c3" * 32, mime="image/heic", width_px=None, height_px=None)
    asked = {"prompt": "a cat", "options": {"guidance": "0", "seed": "0"}}
    order = order_of(ports(tmp_path), replace(job(request=asked), inputs=(raw,)), offer_of(SPEC))
    assert (order.key, order.prompt, order.spec.offer) == (KEY, "a cat", SPEC.offer)
    assert order.options == {"resolution": "720p", "duration": 5, "guidance": 0.0, "sound": False, "seed": 0}
    assert order.image == Media(
        path=tmp_path / PICTURE.blob, mime="image/jpeg", sha256=PICTURE.blob, size_bytes=7, width_px=400, height_px=500
    )
    assert order.audio is None


@pytest.mark.parametrize(("submits", "key"), [(0, KEY), (1, KEY), (2, f"{KEY}.2"), (11, f"{KEY}.11")])
def test_each_submit_is_an_order_of_its_own(tmp_path: Path, submits: int, key: str) -> None:
    """And so is its seed."""
    order = order_of(ports(tmp_path), replace(job(), submits=submits), offer_of(SPEC))
    assert order.key == key
    assert order.options["seed"] == options_of(offer_of(SPEC), {}, key)["seed"]


@pytest.mark.parametrize(
    ("webhook", "public", "heard"), [(True, PUBLIC, True), (False, PUBLIC, False), (True, None, False)]
)
def test_a_webhook_goes_only_where_it_can_be_sent_from_and_heard(
    tmp_path: Path, webhook: bool, public: str | None, heard: bool
) -> None:
    """Its address is known to nobody else, and names the order."""
    order = order_of(ports(tmp_path, public), job(), offer_of(replace(SPEC, webhook=webhook)))
    assert (order.webhook is not None) == heard
    if order.webhook is not None:
        assert order.webhook.startswith(f"{PUBLIC}/hooks/{SPEC.provider}/{KEY}/")


# -- what the provider can get


def ordered(folder: Path, image: ImageLimits, audio: AudioLimits | None, **changes: Any) -> Order:
    """Return an order with a picture and a sound on this machine."""
    spec = replace(SPEC, image=image, audio=audio, **changes)
    (folder / PICTURE.blob).write_bytes(b"picture")
    (folder / SOUND.blob).write_bytes(b"sound")
    return order_of(ports(folder), replace(job(), prepared=(PICTURE, SOUND)), offer_of(spec))


@pytest.mark.parametrize("image_inline", [True, False])
@pytest.mark.parametrize("audio_inline", [True, False])
async def test_media_are_sent_as_bytes_where_they_may_be_and_as_links_else(
    tmp_path: Path, image_inline: bool, audio_inline: bool
) -> None:
    """Each by its own limits; the file behind it stays the same."""
    order = ordered(tmp_path, ImageLimits(inline=image_inline), AudioLimits(inline=audio_inline))
    found = await reachable(ports(tmp_path), order)
    assert found.audio is not None
    assert order.audio is not None
    for media, inline, content, role in (
        (found.image, image_inline, b"picture", "image"),
        (found.audio, audio_inline, b"sound", "audio"),
    ):
        assert media.link is not None
        if inline:
            assert media.link == f"data:{media.mime};base64,{base64.b64encode(content).decode()}"
        else:
            assert media.link.startswith(f"{PUBLIC}/media/{KEY}/{role}/")
    assert replace(found.image, link=None) == order.image
    assert replace(found.audio, link=None) == order.audio
    assert replace(found, image=order.image, audio=order.audio) == order


async def test_without_a_public_link_inline_media_go_and_others_wait(tmp_path: Path) -> None:
    """Nothing was sent, and that is proof of no job."""
    order = ordered(tmp_path, ImageLimits(inline=True), AudioLimits(inline=True))
    assert (await reachable(ports(tmp_path, None), order)).image.link is not None
    for image, audio in ((False, True), (True, False)):
        order = ordered(tmp_path, ImageLimits(inline=image), AudioLimits(inline=audio))
        with pytest.raises(Unpublished):
            await reachable(ports(tmp_path, None), order)


async def test_what_is_rendered_here_needs_no_link(tmp_path: Path) -> None:
    """The file is enough, and nothing is made public."""
    order = ordered(tmp_path, ImageLimits(inline=False), AudioLimits(inline=False), renders_here=True)
    assert await reachable(ports(tmp_path, None), order) is order


def test_options_are_read_anew_from_what_was_asked() -> None:
    """The request holds what was typed; an option of another offer is passed over."""
    given: Mapping[str, Value] = {"duration": "10 s", "sound": "on", "shot_type": "multi"}
    options = options_of(offer_of(SPEC), given, KEY)
    assert (options["duration"], options["sound"], "shot_type" in options) == (10, True, False)
