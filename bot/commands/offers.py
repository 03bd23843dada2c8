"""`offers`: every offer with its options, limits, prices and their age, on or off and why."""

from __future__ import annotations

import shutil
import textwrap
from datetime import UTC, datetime
from pathlib import Path

from bot import prices, wording
from bot.app import open_network
from bot.catalogue import Catalogue, Offer
from bot.commands import views
from bot.commands.console import Exit, show, show_json
from bot.settings import Settings
from providers.kit.registry import discover
from providers.kit.spec import Audience, Option


def catalogue(settings: Settings) -> Catalogue:
    """Return the offers without opening anything."""
    found = Catalogue(discover(), settings, Path(settings.media, "work"))
    prices.recall(found)
    return found


async def offers(settings: Settings, *, as_json: bool) -> Exit:
    """Print them."""
    async with open_network(settings) as there:
        prices.recall(there)
        await prices.refresh(there)
        found = list(there.offers.values())
    if as_json:
        show_json([views.offer_document(offer) for offer in found])
        return Exit.DONE
    show("\n\n".join("\n".join(_lines(offer)) for offer in found))
    return Exit.DONE


def _lines(offer: Offer) -> list[str]:
    spec = offer.spec
    state = "on" if offer.off is None else f"off: {offer.off}"
    image, audio = spec.image, spec.audio
    sound = "none" if audio is None else f"{audio.min_s:g} to {audio.max_s:g} s, up to {wording.size(audio.max_bytes)}"
    sound += f"; none here, as {offer.mute}" if offer.off is None and offer.mute is not None else ""
    about = f"{spec.label}. {spec.note}".rstrip(". ") + "."
    width = max(40, shutil.get_terminal_size().columns - 1)
    return [
        *textwrap.wrap(f"{offer.name} ({state})", width, subsequent_indent="  "),
        *textwrap.wrap(about, width, initial_indent="  ", subsequent_indent="  "),
        *textwrap.wrap(f"  price     {_prices(offer)}", width, subsequent_indent=" " * 12),
        f"  prompt    up to {spec.prompt_max_chars} characters{'' if spec.prompt_required else ', or none'}",
        f"  picture   {image.min_side_px} to {image.max_side_px} pixels a side, up to {wording.size(image.max_bytes)}",
        *textwrap.wrap(f"  sound     {sound}", width, subsequent_indent=" " * 12),
        f"  can       {', '.join(views.abilities(offer.provider, offer.spec))}",
        f"  at once   {offer.bound}; late after {wording.span(offer.deadline_s)}; looked for up to {wording.span(spec.retention_s)}",
        "  options",
        *(line for option in spec.options for line in _option_lines(option, width)),
    ]


def _option_lines(option: Option, width: int) -> list[str]:
    who = "" if option.audience is Audience.EVERYONE else f"; for {option.audience}s"
    head = f"    {option.name:<16}{option.range}{_default(option.default)}{who}"
    return [
        *textwrap.wrap(head, width, subsequent_indent=" " * 20),
        *textwrap.wrap(option.help, width, initial_indent=" " * 20, subsequent_indent=" " * 20),
    ]


def _default(default: object) -> str:
    if default is None:
        return ""
    return f"; default {'on' if default is True else 'off' if default is False else default}"


def _prices(offer: Offer) -> str:
    price = offer.price
    if not price.usd_micros_per_s and not offer.corrected:
        return f"unknown ({price.source})"
    if not any(price.usd_micros_per_s.values()) and not offer.corrected:
        return "free"
    per_s = ", ".join(f"{size} {wording.money(usd)}/s" for size, usd in price.usd_micros_per_s.items())
    half = f", half with {price.halved_by}" if price.halved_by else ""
    age_days = (datetime.now(UTC).date() - price.read_on).days
    age = "today" if age_days == 0 else "yesterday" if age_days == 1 else f"{age_days} days ago"
    corrected = "; corrected by STILLMOTION_PRICES" if offer.corrected else ""
    return f"{per_s or 'unknown'}{half} (read {age}: {price.source}){corrected}"
