"""Draws what stands in the stand-in for Discord as pictures, near enough to judge order, wording and spacing by."""

from __future__ import annotations

import base64
import html
import io
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageChops

from tests.fakes.discord_world import Attachment, Channel, Message, World

_CSS = """
* { box-sizing: border-box } body { margin: 0; background: #1a1a1e; color: #efeff1; font: 16px/22px 'Noto Sans', 'DejaVu Sans', sans-serif }
.bar { padding: 12px 16px; border-bottom: 1px solid #2b2b31; font-weight: 600 } .bar i { color: #9a9aa3; font-style: normal; margin-right: 8px }
.message { display: flex; gap: 16px; padding: 14px 16px 4px } .private { background: #23243a; border-left: 2px solid #5865f2 }
.face { width: 40px; height: 40px; border-radius: 50%; background: #10201c; flex: none; display: grid; place-items: center; font-weight: 700 }
.body { min-width: 0; flex: 1 } .name { font-weight: 600 } .tag { background: #5865f2; border-radius: 4px; font: 600 11px/16px sans-serif; padding: 0 5px; margin: 0 6px }
.at, small { color: #a3a3ac; font-size: 13px; line-height: 18px } .box { max-width: 600px; border: 1px solid #34343b; border-radius: 8px; background: #242429; padding: 14px 16px; margin-top: 4px }
.section { display: flex; justify-content: space-between; gap: 16px } .section img { width: 85px; height: 85px; border-radius: 8px; object-fit: cover }
p { margin: 0 0 6px; overflow-wrap: anywhere } blockquote { margin: 2px 0; padding-left: 10px; border-left: 4px solid #4e4e57 }
.row { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0 } .button { align-self: center; white-space: nowrap; background: #35353c; border-radius: 8px; padding: 5px 14px; font-weight: 500; font-size: 14px }
.button.s1 { background: #5865f2 } .button.s4 { background: #d22d39 } .button.s5::after { content: ' ↗' } .who { background: #343a75; border-radius: 4px; padding: 0 3px }
.when { background: #37373e; border-radius: 3px; padding: 0 2px } hr { border: 0; border-top: 1px solid #34343b; margin: 12px 0 }
.video { max-width: min(400px, 100%); border-radius: 8px; display: block; margin-top: 6px } .thread { margin: 6px 0 0; background: #242429; border-radius: 8px; padding: 8px 12px; max-width: 480px; font-size: 14px }
.only { color: #a3a3ac; font-size: 12px }
"""
_RELATIVE = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Sketch:
    """Draws one world's channels, as they are read at a moment."""

    def __init__(self, world: World, now_s: float | None = None) -> None:
        self._world, self._now_s = world, now_s or time.time()

    def page(self, title: str, messages: Iterable[Message]) -> str:
        """Return a channel or a thread as a page."""
        drawn = "".join(self._message(each) for each in messages)
        return f"<!doctype html><meta charset=utf-8><style>{_CSS}</style><div class=bar><i>#</i>{html.escape(title)}</div>{drawn}"

    def _message(self, message: Message) -> str:
        name = html.escape(message.author.name)
        tag = "<span class=tag>APP</span>" if message.author.bot else ""
        head = f"<span class=name>{name}</span>{tag} <span class=at>Today</span>"
        files = "".join(self._file(each) for each in message.attachments) if not message.is_v2 else ""
        parts = "".join(self._part(each, message) for each in message.components)
        text = self._text(message.content) if message.content else ""
        only = "<div class=only>Only you can see this</div>" if message.private_to else ""
        thread = self._thread(message.thread) if message.thread and not message.thread.deleted else ""
        kind = "message private" if message.private_to else "message"
        return f"<div class='{kind}'><div class=face>{name[:1]}</div><div class=body>{head}{text}{files}{parts}{only}{thread}</div></div>"

    def _part(self, part: dict[str, Any], message: Message) -> str:
        inner = "".join(self._part(each, message) for each in part.get("components", ()))
        match part["type"]:
            case 1:
                return f"<div class=row>{inner}</div>"
            case 2:
                return f"<span class='button s{part['style']}'>{html.escape(part.get('label') or '')}</span>"
            case 9:
                return f"<div class=section><div>{inner}</div>{self._part(part['accessory'], message)}</div>"
            case 10:
                return self._text(part["content"])
            case 11:
                return self._picture(part["media"]["url"], message)
            case 14:
                return "<hr>"
            case 17:
                colour = part.get("accent_color")
                edge = f" style='border-left: 4px solid #{colour:06x}'" if colour else ""
                return f"<div class=box{edge}>{inner}</div>"
        return f"<p>(component {part['type']})</p>"

    def _text(self, text: str) -> str:
        return "".join(self._line(line) for line in text.split("\n"))

    def _line(self, line: str) -> str:
        for mark, tag in (("-# ", "small"), ("> ", "blockquote")):
            if line.startswith(mark):
                return f"<{tag}>{self._inline(line.removeprefix(mark))}</{tag}>" + ("<br>" if tag == "small" else "")
        return f"<p>{self._inline(line)}</p>"

    def _inline(self, text: str) -> str:
        held: list[str] = []

        def keep(found: re.Match[str]) -> str:
            held.append(html.escape(found[1]))
            return f"\0{len(held) - 1}\0"

        safe = html.escape(re.sub(r"\\(.)", keep, text), quote=False)
        safe = re.sub(r"&lt;@!?(\d+)&gt;", lambda found: f"<span class=who>@{self._name(int(found[1]))}</span>", safe)
        safe = re.sub(
            r"&lt;t:(\d+)(?::(\w))?&gt;",
            lambda found: f"<span class=when>{self._when(int(found[1]), found[2])}</span>",
            safe,
        )
        safe = re.sub(r"\[([^]]+)\]\([^)]+\)", r"<span style='color:#7ab0ff'>\1</span>", safe)
        safe = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", re.sub(r"`([^`]+)`", r"<code>\1</code>", safe))
        return re.sub("\0(\\d+)\0", lambda found: held[int(found[1])], safe)

    def _name(self, user: int) -> str:
        return html.escape(next((each.name for each in self._world.users.values() if each.id == user), "somebody"))

    def _when(self, at_s: int, style: str | None) -> str:
        if style != "R":
            return time.strftime("%H:%M" if style in {"t", "T"} else "%d %B %H:%M", time.gmtime(at_s))
        away_s = at_s - self._now_s
        unit_s, unit = next((each for each in _RELATIVE if abs(away_s) >= each[0]), _RELATIVE[-1])
        count = round(abs(away_s) / unit_s)
        said = f"{count} {unit}{'' if count == 1 else 's'}"
        return f"in {said}" if away_s > 0 else f"{said} ago"

    def _thread(self, thread: Channel) -> str:
        posts = sum(not each.deleted for each in thread.messages)
        told = "1 message" if posts == 1 else f"{posts} messages"
        return f"<div class=thread><b>{html.escape(thread.name)}</b> &nbsp; {told}</div>"

    def _picture(self, url: str, message: Message) -> str:
        name = url.rpartition("/")[2].partition("?")[0]
        found = next((each for each in message.attachments if each.filename == name), None)
        return "" if found is None else f"<img src='{_inlined(found, 'image/jpeg')}'>"

    def _file(self, file: Attachment) -> str:
        if file.filename.endswith(".mp4"):
            return f"<img class=video src='{_first_frame(file.content)}'>"
        return f"<p>{html.escape(file.filename)}</p>"


def _inlined(file: Attachment, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(file.content).decode()}"


def _first_frame(video: bytes) -> str:
    """Return the first frame of a video as a picture."""
    with av.open(io.BytesIO(video), mode="r") as container:
        picture = next(container.decode(video=0)).to_image()  # type: ignore[no-untyped-call] # PyAV says nothing of it
    out = io.BytesIO()
    picture.save(out, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"


def shoot(page: str, picture: Path, *, width_px: int = 760, height_px: int = 2400) -> None:
    """Write a page as a PNG, cut off below its last line; Debian's `chromium` must be installed."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "page.html"
        source.write_text(page)
        words = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        subprocess.run(
            [*words, f"--window-size={width_px},{height_px}", f"--screenshot={picture}", source.as_uri()],
            check=True,
            capture_output=True,
        )
    with Image.open(picture) as whole:
        plain = Image.new("RGB", whole.size, whole.getpixel((0, whole.height - 1)))
        box = ImageChops.difference(whole.convert("RGB"), plain).getbbox()
        whole.crop((0, 0, whole.width, min(whole.height, (box or whole.getbbox() or (0, 0, 0, 0))[3] + 16))).save(
            picture
        )
