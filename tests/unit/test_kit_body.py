"""The body that is sent, from declarations alone: each thing where its wire has it, nothing lost, nothing added."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from providers.kit.body import body, nested
from providers.kit.provider import Media, Order
from providers.kit.spec import BadOption, Choice, Loras, Number, Option, Switch, Text, Value, Whole, Wire
from tests.unit.test_spec import SPEC

PICTURE = Media(path=Path("picture.jpg"), mime="image/jpeg", sha256="a1" * 32, size_bytes=9, link="https://a.example/p")
SOUND = replace(PICTURE, path=Path("sound.wav"), mime="audio/wav", sha256="b2" * 32, link="https://a.example/s")
FLAT = Wire(path="/make", prompt="prompt", image="image_url", audio="audio_url")
DEEP = Wire(path="/make", prompt="input.prompt", image="input.img_url", audio="input.audio_url", fixed={"model": "wan"})
LORAS = Loras(name="loras", most=3, low=0.0, high=4.0, help="Style.", wire="loras")


def sent(*options: Option, wire: Wire = FLAT, required: bool = True, **changes: Any) -> dict[str, Any]:
    """Return the body of an order at an offer that has these options."""
    spec = replace(SPEC, options=options, wire=wire, prompt_required=required)
    return body(replace(Order(key="7K3Q9FD2", spec=spec, prompt="a cat", options={}, image=PICTURE), **changes))


# -- where things stand


def test_a_flat_body_holds_just_what_was_asked() -> None:
    """And no sound where there is none."""
    assert sent() == {"prompt": "a cat", "image_url": "https://a.example/p"}


def test_a_nested_body_has_one_object_for_each_name() -> None:
    """With what is always sent, and the sound beside the picture."""
    length = Whole(name="duration", low=1, high=10, help="Long.", wire="parameters.duration")
    assert sent(length, wire=DEEP, options={"duration": 5}, audio=SOUND) == {
        "model": "wan",
        "input": {"prompt": "a cat", "img_url": "https://a.example/p", "audio_url": "https://a.example/s"},
        "parameters": {"duration": 5},
    }


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (Whole(name="x", low=-1, high=9, help="", wire="a.b.c"), 0),
        (Number(name="x", low=0, high=9, help="", wire="a.b.c"), 0.0),
        (Switch(name="x", help="", wire="a.b.c"), False),
        (Text(name="x", max_chars=9, help="", wire="a.b.c"), ""),
        (Choice(name="x", values=(0, 1), help="", wire="a.b.c"), 0),
    ],
    ids=["whole", "number", "switch", "text", "choice"],
)
def test_zero_off_and_nothing_are_sent(option: Option, value: Value) -> None:
    """They were asked for; the provider's default may be dear."""
    found = sent(option, options={"x": value})["a"]["b"]["c"]
    assert (found, type(found)) == (value, type(value))


def test_what_was_not_asked_for_has_no_default_or_no_place_is_not_sent() -> None:
    """Nor is what the offer does not have."""
    placeless = Switch(name="local", help="Stays here.")
    unasked = Whole(name="seed", low=0, high=9, help="Again.", wire="seed")
    assert sent(placeless, unasked, options={"local": True, "colour": "red"}) == sent()


@pytest.mark.parametrize(
    ("prompt", "required", "keys"),
    [
        ("", True, {"prompt", "image_url"}),
        ("", False, {"image_url"}),
        ("a cat", False, {"prompt", "image_url"}),
        ("0", False, {"prompt", "image_url"}),
    ],
)
def test_an_empty_prompt_is_left_out_only_where_it_may_be(prompt: str, required: bool, keys: set[str]) -> None:
    """Elsewhere the provider is to refuse it, not to take the request for another one."""
    assert sent(prompt=prompt, required=required).keys() == keys


def test_media_without_a_link_are_named_by_their_hash() -> None:
    """As a dry run shows them: never by a path on this machine."""
    assert sent(image=replace(PICTURE, link=None))["image_url"] == f"media:sha256:{'a1' * 32}"


def test_two_bodies_share_nothing() -> None:
    """A provider file may add to one."""
    first = sent(wire=DEEP)
    first["input"]["prompt"] = "changed"
    first["model"] = "changed"
    assert sent(wire=DEEP)["input"]["prompt"] == "a cat"
    assert sent(wire=DEEP)["model"] == "wan"


@settings(max_examples=40)
@given(some.dictionaries(some.tuples(some.sampled_from("ab"), some.sampled_from("xy")), some.none() | some.integers()))
def test_nesting_loses_nothing(placed: dict[tuple[str, str], int | None]) -> None:
    """Whatever stands side by side, and in whatever order."""
    found = nested({".".join(path): value for path, value in placed.items()})
    assert {(outer, name): value for outer, inside in found.items() for name, value in inside.items()} == placed


@pytest.mark.parametrize(
    ("placed", "whole"),
    [
        ({}, {}),
        ({"a": 1}, {"a": 1}),
        ({"a.b": 1, "a.c.d": 2, "e": None}, {"a": {"b": 1, "c": {"d": 2}}, "e": None}),
        ({"a.b": {}, "c": []}, {"a": {"b": {}}, "c": []}),
    ],
)
def test_a_path_with_dots_is_an_object_in_an_object(placed: dict[str, Any], whole: dict[str, Any]) -> None:
    """Empty values included."""
    assert nested(placed) == whole


# -- how values are written


@pytest.mark.parametrize(
    ("values", "written", "given_", "on_the_wire"),
    [
        ((5, 10), {5: "5", 10: "10"}, 5, "5"),
        (("480p", "720p"), {"480p": "480P", "720p": "720P"}, "720p", "720P"),
        ((0, 1), {0: "none"}, 0, "none"),
        ((0, 1), {1: 0}, 1, 0),
        (("on", "off"), {"off": ""}, "off", ""),
        ((5, 10), {}, 10, 10),
        ((5, 10), {5: "5"}, 10, 10),
    ],
)
def test_a_choice_is_written_as_its_provider_writes_it(
    values: tuple[str | int, ...], written: dict[str | int, str | int], given_: str | int, on_the_wire: str | int
) -> None:
    """One that is not named is written as it is here; an empty form is one, too."""
    option = Choice(name="x", values=values, help="", wire="x", written=written)
    found = sent(option, options={"x": given_})["x"]
    assert (found, type(found)) == (on_the_wire, type(on_the_wire))
    assert set(option.samples()) == set(values)


@pytest.mark.parametrize(
    ("given_", "kept", "on_the_wire"),
    [
        ("ana/style@1", "ana/style@1", [{"path": "ana/style", "scale": 1.0}]),
        (" a/b@0.50 ,c.d/e_f-g@4 ", "a/b@0.5, c.d/e_f-g@4", [("a/b", 0.5), ("c.d/e_f-g", 4.0)]),
        ("a/b@0", "a/b@0", [("a/b", 0.0)]),
        ("a/b@1,a/b@2,a/b@3", "a/b@1, a/b@2, a/b@3", [("a/b", 1.0), ("a/b", 2.0), ("a/b", 3.0)]),
        (
            "https://civitai.com/api/download/models/1?type=Model&format=x@0.8",
            "https://civitai.com/api/download/models/1?type=Model&format=x@0.8",
            [("https://civitai.com/api/download/models/1?type=Model&format=x", 0.8)],
        ),
    ],
)
def test_loras_are_a_path_and_how_strongly_it_counts(given_: str, kept: str, on_the_wire: list[Any]) -> None:
    """Kept as one text that reads the same again, sent as a list of objects."""
    pairs = [each if isinstance(each, dict) else {"path": each[0], "scale": each[1]} for each in on_the_wire]
    assert LORAS.parse(given_) == kept
    assert LORAS.parse(kept) == kept
    assert sent(LORAS, options={"loras": kept})["loras"] == pairs


@pytest.mark.parametrize(
    "given_",
    [
        "",
        ",",
        "a/b",
        "a/b@",
        "a/b@x",
        "a/b@nan",
        "a/b@inf",
        "a/b@-0.1",
        "a/b@4.01",
        "a@1",
        "/b@1",
        "a/b/c@1",
        "a/b@1,",
        "a/b@1,a/b@1,a/b@1,a/b@1",
        "http://a.example/x@1",
        "https://localhost/x@1",
        "https://me@a.example/x@1",
        "https://a.example:8080/x@1",
        "https://a.example@1",
        "ftp://a.example/x@1",
        "a b/c@1",
        "á/b@1",
        "a/b\n@1",
    ],
)
def test_what_is_no_lora_is_refused(given_: str) -> None:
    """With what it takes; a link with a password or to a machine at home is none."""
    with pytest.raises(BadOption) as bad:
        LORAS.parse(given_)
    assert bad.value.wanted == "up to 3, written PATH@SCALE with commas between, SCALE from 0 to 4"


def test_every_sample_of_loras_can_be_sent() -> None:
    """The contract tests send them."""
    for value in LORAS.samples():
        assert LORAS.parse(value) == value
        assert len(LORAS.sent(value)) <= LORAS.most
