"""The body that is sent, built from a spec's declarations alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from providers.kit.provider import Order


def body(order: Order) -> dict[str, Any]:
    """Return what an order says, each thing where its spec's wire has it; an empty prompt is left out where it may be."""
    spec = order.spec
    wire = spec.wire
    assert wire is not None
    placed: dict[str, Any] = dict(wire.fixed)
    if order.prompt or spec.prompt_required:
        placed[wire.prompt] = order.prompt
    placed[wire.image] = order.image.reference
    if order.audio is not None:
        placed[wire.audio] = order.audio.reference
    for option in spec.options:
        if option.wire and option.name in order.options:
            placed[option.wire] = option.sent(order.options[option.name])
    return nested(placed)


def nested(placed: Mapping[str, Any]) -> dict[str, Any]:
    """Return objects in objects, as `{"a.b": 1}` is `{"a": {"b": 1}}`."""
    whole: dict[str, Any] = {}
    for path, value in placed.items():
        *outer, name = path.split(".")
        inside = whole
        for key in outer:
            inside = inside.setdefault(key, {})
        inside[name] = value
    return whole
