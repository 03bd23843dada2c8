"""What a platform is asked to show, as Discord's components: frames for what stands, plain words for what rings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import discord

from bot.language import later, tr
from bot.platforms.contract import Action, Card, Item, Message, Picture, Style
from bot.platforms.discord import markup

HIDDEN = later("(sentence hidden by this server's filter)")
_MOTION = 0xD9470F
_PROMPT_CHARS, _LABEL_CHARS, _ALT_CHARS, _URL_CHARS = 200, 80, 256, 512
_V2_CHARS, _SPARE_CHARS, _LINK_CHARS = 4000, 20, 800
_TEXT_CHARS, _ALONE_CHARS = 1000, 2500
_ITEMS, _BUTTONS, _FILES = 7, 10, 2
_CELLS = 20
_STYLES = {
    Style.PLAIN: discord.ButtonStyle.secondary,
    Style.MAIN: discord.ButtonStyle.primary,
    Style.DANGER: discord.ButtonStyle.danger,
}

_Part = discord.ui.Item[Any]
_Button = discord.ui.Button[Any]


def card(shown: Card, *, with_progress: bool = False, is_hidden: bool = False) -> discord.ui.LayoutView:
    """Draw what stands in the channel; `with_progress` where there is no thread to carry it."""
    words = _texts(_asked(shown, is_hidden=is_hidden), markup.small(shown.small, 600))
    state = _texts(*_state(shown, with_progress=with_progress))
    buttons = _buttons([*shown.actions, Action(label=shown.link_label, link=shown.link)])
    accent = _MOTION if shown.is_moving else None
    framed = [*_beside(words, shown.picture), *state, *_rows(buttons)]
    return _still([discord.ui.Container(*framed, accent_colour=accent)])


def progress(shown: Card) -> discord.ui.LayoutView:
    """Draw the thread's own message, which is changed as the job goes on."""
    message = shown.progress or Message()
    texts = _texts(*_progress_lines(message, shown.fraction))
    return _still([*texts, *_rows(_buttons(message.actions))])


def note(shown: Card) -> discord.ui.LayoutView:
    """Draw what stays of the thread's own message."""
    return _still(_texts(markup.small(shown.note, 1000)))


def private(message: Message) -> discord.ui.LayoutView:
    """Draw what one person alone sees; it goes out together with `files`. The quote gets all the room that is left."""
    room = _TEXT_CHARS if message.quote or message.items else _ALONE_CHARS
    first, small = markup.headed(message.head, message.text, room), markup.small(message.small, 300)
    shown = message.items[:_ITEMS]
    items = [(_line(each, 1700 // len(shown)), each.action) for each in shown]
    links = _long_links(message.actions)
    taken = sum(map(len, [first, small, *links, *(line for line, _ in items)]))
    quote = markup.quoted(message.quote, max(_V2_CHARS - _SPARE_CHARS - taken, 10))
    order = [first, "\n".join(filter(None, [quote, small]))] if message.head else [quote, first, small]
    parts = [*_pictured(_texts(*order), message), *_items(items), *_files(message.files), *_texts(*links)]
    return _still([*parts, *_rows(_buttons(message.actions)[:_BUTTONS])])


def plain(message: Message, user: str = "", *, is_hidden: bool = False) -> tuple[str, discord.ui.View | None]:
    """Write what rings, or must be found and forwarded: the content, and one row of buttons where there are any."""
    quote = tr(HIDDEN) if is_hidden and message.quote else markup.quoted(message.quote, 300)
    links, small = _long_links(message.actions), markup.small(message.small, 300)
    rest = list(filter(None, [quote, *(_line(each, 150) for each in message.items[:3]), small, *links]))
    mention = f"{mentioned(user)} " if user else ""
    room = markup.CONTENT_CHARS - len(mention) - sum(len(line) + 1 for line in rest)
    first = f"{mention}{markup.headed(message.head, message.text, room)}"
    return "\n".join(filter(None, [first.strip(), *rest])), _view(message)


def mentioned(user: str) -> str:
    """Return a person's mention, which rings only where the message allows it."""
    return f"<@{user.rpartition('/')[2]}>"


def files(message: Message) -> list[discord.File]:
    """Open what a message brings along, under the names that its drawing uses."""
    picture = message.picture
    shown = [] if picture is None or not picture.path.is_file() else [_attached(picture)]
    return [*shown, *(discord.File(path, filename=plain_name(path)) for path in message.files[:_FILES])]


def still_name(picture: Picture) -> str:
    """Return the name under which a picture goes along."""
    return f"still{picture.path.suffix if picture.path.suffix in {'.png', '.jpeg'} else '.jpg'}"


def alt(text: str) -> str:
    """Return what is read out in place of a picture or video."""
    return markup.one_line(text, _ALT_CHARS)


# -- the parts of a frame


def _asked(shown: Card, *, is_hidden: bool) -> str:
    quote = tr(HIDDEN) if is_hidden and shown.prompt else markup.escaped(markup.one_line(shown.prompt, _PROMPT_CHARS))
    who = tr("{name} animates", name=mentioned(shown.user))
    return f"{who}\n> {quote}" if quote else who


def _state(shown: Card, *, with_progress: bool) -> list[str]:
    if with_progress and shown.progress is not None:
        return _progress_lines(shown.progress, shown.fraction)
    return [markup.headed(shown.head, shown.text, 1000)]


def _progress_lines(message: Message, fraction: float | None) -> list[str]:
    """Return words first and the bar last, on a line of its own; then small print."""
    lines = [markup.headed(message.head, message.text, 1000), markup.quoted(message.quote, 500)]
    bar = [] if fraction is None else [_bar(fraction)]
    return ["\n".join(filter(None, [*lines, *bar])), markup.small(message.small, 600)]


def _bar(fraction: float) -> str:
    done = int(max(0.0, min(1.0, fraction)) * _CELLS)
    return "━" * done + "─" * (_CELLS - done)


def _texts(*texts: str) -> list[_Part]:
    return [discord.ui.TextDisplay(text) for text in texts if text]


def _beside(texts: list[_Part], picture: Picture | None) -> list[_Part]:
    """Put a picture beside texts."""
    if picture is None:
        return texts
    thumbnail: _Part = discord.ui.Thumbnail(f"attachment://{still_name(picture)}", description=alt(picture.alt) or None)
    return [discord.ui.Section(*texts, accessory=thumbnail)]


def _pictured(texts: list[_Part], message: Message) -> list[_Part]:
    """Put a person's picture beside their words, and one that is the point by itself below them."""
    picture = message.picture
    if picture is None or not picture.path.is_file():
        return texts
    if message.quote and texts:
        return _beside(texts, picture)
    shown = discord.MediaGalleryItem(f"attachment://{still_name(picture)}", description=alt(picture.alt) or None)
    return [*texts, discord.ui.MediaGallery(shown)]


def _line(item: Item, most: int) -> str:
    small = markup.small(item.small, min(most // 3, 150))
    told = [markup.escaped(item.quote, most - len(small) - 1), small]
    return "\n".join(filter(None, told))


def _items(items: Sequence[tuple[str, Action | None]]) -> Iterator[_Part]:
    """Yield a line under the head, then each item with its one button."""
    if items:
        yield discord.ui.Separator()
    for line, action in items:
        buttons = _buttons([action] if action else [])
        texts = _texts(line)
        yield from [discord.ui.Section(*texts, accessory=buttons[0])] if buttons and texts else texts


def _files(paths: Sequence[Path]) -> list[_Part]:
    return [discord.ui.File(f"attachment://{plain_name(path)}") for path in paths[:_FILES]]


def components(view: discord.ui.View | discord.ui.LayoutView | None) -> list[dict[str, Any]]:
    """Return what a drawing is sent as."""
    return [] if view is None else view.to_components()


def plain_name(path: Path) -> str:
    """Return a file's name in the letters that Discord keeps."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", path.name) or "file"


def _attached(picture: Picture) -> discord.File:
    return discord.File(picture.path, filename=still_name(picture), description=alt(picture.alt))


# -- buttons


def _buttons(actions: Iterable[Action]) -> list[_Button]:
    """Return each button once; a link that is no address, or too long for a button, has none."""
    made = {(each.custom_id or each.url): each for each in map(_button, actions) if each is not None}
    return list(made.values())


def _button(action: Action) -> _Button | None:
    label = markup.one_line(action.label, _LABEL_CHARS)
    if action.link:
        url = markup.address(action.link)
        return discord.ui.Button(label=label, url=url) if label and 0 < len(url) <= _URL_CHARS else None
    if not (label and action.verb):
        return None
    return discord.ui.Button(label=label, custom_id=f"sm:{action.verb}:{action.of}", style=_STYLES[action.style])


def _long_links(actions: Iterable[Action]) -> list[str]:
    """Return as lines the links that no button takes, such as a bucket's signed ones."""
    urls = [(markup.one_line(each.label, 40), markup.address(each.link)) for each in actions]
    return [f"[{markup.escaped(label)}](<{url}>)" for label, url in urls if _URL_CHARS < len(url) <= _LINK_CHARS][:1]


def _rows(buttons: Sequence[_Button]) -> list[_Part]:
    return [discord.ui.ActionRow(*buttons[at : at + 5]) for at in range(0, len(buttons), 5)]


def _view(message: Message) -> discord.ui.View | None:
    actions = [*message.actions, *(each.action for each in message.items[:3] if each.action)]
    buttons = _buttons(actions)[:_BUTTONS]
    if not buttons:
        return None
    view = discord.ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    view.stop()
    return view


def _still(parts: Iterable[_Part]) -> discord.ui.LayoutView:
    """Put parts into a message that nobody listens to: a press is known by its custom id, after a restart too."""
    view = discord.ui.LayoutView(timeout=None)
    for part in parts:
        view.add_item(part)
    view.stop()
    return view
