"""What is sent: a job as an order to its offer, with pictures and sounds that the provider can get."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace

from bot.catalogue import Offer
from bot.ports import Ports
from providers.kit.provider import Media, Order
from providers.kit.spec import AudioLimits, ImageLimits, Value, Whole
from storage.contract import Input, Job


def order_of(ports: Ports, job: Job, offer: Offer) -> Order:
    """Return a job's newest order, its media on this machine only."""
    media = {each.role: _media(ports, each) for each in job.prepared or job.inputs}
    return Order(
        key=job.order_key,
        spec=offer.spec,
        prompt=job.request["prompt"],
        options=options_of(offer, job.request["options"], job.order_key),
        image=media["image"],
        audio=media.get("audio"),
        webhook=ports.links.hook(offer.provider.id, job.order_key) if hears(ports, offer) else None,
    )


def hears(ports: Ports, offer: Offer) -> bool:
    """Tell whether the offer's provider can tell us that a video is ready."""
    return offer.spec.webhook and ports.settings.public_url is not None


def _media(ports: Ports, kept: Input) -> Media:
    return Media(
        path=ports.blobs.path(kept.blob),
        mime=kept.mime,
        sha256=kept.blob,
        size_bytes=kept.size_bytes,
        width_px=kept.width_px,
        height_px=kept.height_px,
    )


def options_of(offer: Offer, given: Mapping[str, Value], key: str) -> dict[str, Value]:
    """Return every option that is sent; a seed that nobody asked for follows from the order's key, so that it is known."""
    options, seed = offer.options(given), offer.spec.option("seed")
    if isinstance(seed, Whole) and "seed" not in options:
        low, high = max(seed.low, 0), min(seed.high, 2**31 - 1)
        options["seed"] = low + int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % (high - low + 1)
    return options


async def reachable(ports: Ports, order: Order) -> Order:
    """Return the order with links to its media, or with the bytes themselves where the provider takes them so.

    Raises:
        Unpublished: there is no link to be had now.
    """
    spec = order.spec
    if spec.renders_here:
        return order
    image = await _reachable(ports, order, "image", order.image, spec.image)
    audio = order.audio
    if audio is not None and spec.audio is not None:
        audio = await _reachable(ports, order, "audio", audio, spec.audio)
    return replace(order, image=image, audio=audio)


async def _reachable(ports: Ports, order: Order, role: str, media: Media, limits: ImageLimits | AudioLimits) -> Media:
    if limits.inline:
        return replace(media, link=await asyncio.to_thread(_inline, media))
    return replace(media, link=await ports.publisher.link(order.key, role, media))


def _inline(media: Media) -> str:
    return f"data:{media.mime};base64,{base64.b64encode(media.path.read_bytes()).decode()}"
