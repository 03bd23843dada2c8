"""The form for a new video as a modal, and what comes back when it was filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import discord

from bot.language import later, tr
from bot.platforms.contract import Form, Pick
from bot.platforms.discord import asking, markup
from bot.platforms.discord.asking import Media, Offered
from bot.platforms.discord.commands import PROMPT_CHARS, Json
from bot.platforms.text import cut

PREFIX = "sm:form:"
_TITLE_CHARS = _LABEL_CHARS = 45
_ABOUT_CHARS, _OPTION_CHARS, _NAME_CHARS = 100, 100, 60
_MOST_PICKS = 25
_Part = discord.ui.Item[Any]
_SAYS_HOW = later("the boat leaves the bay, slow pull back")


def modal(form: Form, about: str = "") -> discord.ui.Modal:
    """Draw the form, at most five rows, `about` being marked up already; what is filled in comes after a restart too."""
    drawn = discord.ui.Modal(
        title=cut(form.title, _TITLE_CHARS), custom_id=f"{PREFIX}{form.origin or '-'}", timeout=None
    )
    for row in _rows(form, about or markup.written((form.about,))):
        drawn.add_item(row)
    drawn.stop()
    return drawn


def _rows(form: Form, about: str) -> Iterator[_Part]:
    if about:
        yield discord.ui.TextDisplay(about)
    if form.needs_picture:
        yield _label(tr("Picture"), tr("JPEG, PNG, WebP or HEIC."), _upload("image", required=True))
    says_how = tr("One or two sentences: what moves, what the camera does.")
    yield _label(tr("How should it move?"), says_how, _words(form))
    if form.picks:
        yield _label(tr("Video"), form.hint, _list(form.picks))
    without = tr("Optional. Without one the model makes its own, where it can.")
    yield _label(tr("Sound"), without, _upload("audio"))


def _label(text: str, about: str, part: _Part) -> _Part:
    return discord.ui.Label(text=cut(text, _LABEL_CHARS), description=cut(about, _ABOUT_CHARS) or None, component=part)


def _upload(name: str, *, required: bool = False) -> _Part:
    least = 1 if required else 0
    return discord.ui.FileUpload(custom_id=name, required=required, min_values=least, max_values=1)


def _words(form: Form) -> _Part:
    return discord.ui.TextInput(
        style=discord.TextStyle.paragraph,
        custom_id="prompt",
        placeholder=tr(_SAYS_HOW),
        default=cut(form.prompt, PROMPT_CHARS) or None,
        required=form.prompt_needed,
        max_length=PROMPT_CHARS,
    )


def _list(picks: tuple[Pick, ...]) -> _Part:
    options = [
        discord.SelectOption(
            label=cut(pick.label, _OPTION_CHARS),
            value=pick.value,
            description=cut(pick.about, _OPTION_CHARS) or None,
            default=pick.is_default,
        )
        for pick in picks[:_MOST_PICKS]
    ]
    return discord.ui.Select(custom_id="video", options=options, required=True)


def about_media(media: Media, author: str) -> str:
    """Say which picture of a message is meant: the first, and told where there are several."""
    picture, whose = media.picture, markup.escaped(author, _NAME_CHARS)
    if picture is None:
        return "" if media.sound is None else tr("Sound: from {name}'s message.", name=whose)
    size = f", {picture.width_px}x{picture.height_px}" if picture.width_px else ""
    file = f"**{markup.escaped(picture.name, _NAME_CHARS)}**{size}"
    several = tr("It has {number} pictures; this is the first.", number=len(media.pictures))
    told = [
        tr("Picture: {file}, from {name}'s message.", file=file, name=whose),
        several if len(media.pictures) > 1 else "",
        tr("Its sound is used as well.") if media.sound is not None else "",
    ]
    return " ".join(filter(None, told))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A form that was filled in; `origin` is empty where all of it is new."""

    origin: str
    prompt: str
    model: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    image: Offered | None = None
    audio: Offered | None = None


def filled(data: Json) -> Filled:
    """Read what was filled in, as Discord sends it."""
    parts = {each["custom_id"]: each for each in _parts(data["components"])}
    files = (data.get("resolved") or {}).get("attachments") or {}
    origin = data["custom_id"].removeprefix(PREFIX)
    model, options = picked(next(iter(parts.get("video", {}).get("values") or ()), ""))
    return Filled(
        origin="" if origin == "-" else origin,
        prompt=parts.get("prompt", {}).get("value") or "",
        model=model,
        options=options,
        image=_uploaded(parts.get("image"), files),
        audio=_uploaded(parts.get("audio"), files),
    )


def _parts(components: list[Json]) -> Iterator[Json]:
    """Yield what can be filled in, whatever stands around it."""
    for each in components:
        if "custom_id" in each:
            yield each
        yield from _parts([*(each.get("components") or ()), *([each["component"]] if "component" in each else ())])


def _uploaded(part: Json | None, files: Json) -> Offered | None:
    ids = [] if part is None else part.get("values") or []
    return asking.offered(files[ids[0]]) if ids and ids[0] in files else None


def picked(value: str) -> tuple[str | None, dict[str, str]]:
    """Return the model and the options of a line such as `wan2.5@fal/720p/5`."""
    model, *size = value.split("/")
    return model or None, dict(zip(("resolution", "duration"), size, strict=False))
