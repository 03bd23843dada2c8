"""`offers`: every offer with its options, limits, prices and their age, on or off and why."""

from __future__ import annotations

import shutil
import textwrap
from datetime import UTC, datetime
from pathlib import Path

from bot import wording
from bot.catalogue import Catalogue, Offer
from bot.commands import views
from bot.commands.console import Exit, show, show_json
from bot.settings import Settings
from providers.kit.registry import discover
from providers.kit.spec import Audience, Option


def catalogue(settings: Settings) -> Catalogue:
    """Return the offers without opening anything."""
    return Catalogue(discover(), settings, Path(settings.media, "work"))


async def offers(settings: Settings, *, as_json: bool) -> Exit:
    """Print them."""
    found = list(catalogue(settings).offers.values())
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
    about = f"{spec.label}. {spec.note}".rstrip(". ") + "."
    width = max(40, shutil.get_terminal_size().columns - 1)
    return [
        f"{offer.name} ({state})",
        *textwrap.wrap(about, width, initial_indent="  ", subsequent_indent="  "),
        f"  price     {_prices(offer)}",
        f"  prompt    up to {spec.prompt_max_chars} characters{'' if spec.prompt_required else ', or none'}",
        f"  picture   {image.min_side_px} to {image.max_side_px} pixels a side, up to {wording.size(image.max_bytes)}",
        f"  sound     {sound}",
        f"  can       {', '.join(views.abilities(offer))}",
        f"  at once   {offer.bound}; late after {wording.span(offer.deadline_s)}; looked for up to {wording.span(spec.retention_s)}",
        "  options",
        *(line for option in spec.options for line in _option_lines(option, width)),
    ]


def _option_lines(option: Option, width: int) -> list[str]:
    who = "" if option.audience is Audience.EVERYONE else f"; for {option.audience}s"
    head = f"    {option.name:<16}{option.range}{_default(option.default)}{who}"
    return [head, *textwrap.wrap(option.help, width, initial_indent=" " * 20, subsequent_indent=" " * 20)]


def _default(default: object) -> str:
    if default is None:
        return ""
    return f"; default {'on' if default is True else 'off' if default is False else default}"


def _prices(offer: Offer) -> str:
    price = offer.spec.price
    if not any(price.usd_micros_per_s.values()) and not offer.corrected:
        return "free"
    per_s = ", ".join(f"{size} {wording.money(usd)}/s" for size, usd in price.usd_micros_per_s.items())
    age = (datetime.now(UTC).date() - price.read_on).days
    corrected = "; corrected by STILLMOTION_PRICES" if offer.corrected else ""
    return f"{per_s or 'unknown'} (read {age} days ago){corrected}"
