"""`python -m bot.docs`: what README.md and ARCHITECTURE.md say of declarations is printed from them, between markers.

So is the whole template for translators. With `--check` nothing is written, and a page that differs is an error.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from bot import cli, phrasebook, settings, wording
from bot.commands.views import abilities
from providers.kit.registry import discover
from providers.kit.spec import Audience, Option, Spec, Value
from storage.states import FINAL, TABLE, State

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "ARCHITECTURE.md")
_PACKAGES = ("bot", "providers", "storage", "bench")
_PART = re.compile(r"(<!-- printed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(arguments: Sequence[str]) -> int:
    """Write the pages that differ, or only name them; return the exit code."""
    differing = {page: text for page, text in _pages() if text != _read(page)}
    if "--check" in arguments:
        for page in differing:
            sys.stderr.write(f"{page} is behind the code; `make docs` prints it anew.\n")
        return 1 if differing else 0
    for page, text in differing.items():
        (ROOT / page).parent.mkdir(exist_ok=True)
        (ROOT / page).write_text(text, encoding="utf-8")
    return 0


def _pages() -> Iterator[tuple[str, str]]:
    """Yield every page as it should be."""
    yield from ((page, printed(_read(page))) for page in PAGES)
    yield phrasebook.TEMPLATE, phrasebook.template()


def printed(text: str) -> str:
    """Return a page with every printed part as the declarations now have it."""
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part[2]]()}\n{part[3]}", text)


def _read(page: str) -> str:
    file = ROOT / page
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _commands() -> str:
    found = [("animate", cli.animate), *((each.name or "", each.callback) for each in cli.app.registered_commands)]
    return _table(
        ["command", "what it does"],
        [(f"`{name or work.__name__}`", inspect.getdoc(work) or "") for name, work in found if work is not None],
    )


def _settings() -> str:
    rows = ((f"`{name}`", f"`{default}`" if default else "", meaning) for name, default, meaning in settings.table())
    return _table(["setting", "default", "meaning"], rows)


def _specs() -> list[Spec]:
    return [spec for provider in discover().values() for spec in provider.specs]


def _offers() -> str:
    head = ["offer", "what it is", "price", "sentence", "picture as sent", "sound as sent", "it can"]
    rows = (
        (f"`{s.offer}`", s.label, _price(s), _sentence(s), _picture(s), _sound(s), ", ".join(abilities(provider, s)))
        for provider in discover().values()
        for s in provider.specs
    )
    return _table(head, rows)


def _price(spec: Spec) -> str:
    price = spec.price
    if not any(price.usd_micros_per_s.values()):
        return "free" if price.usd_micros_per_s else f"by {price.source}"
    per_s = ", ".join(f"{size} {wording.money(usd)}/s" for size, usd in price.usd_micros_per_s.items())
    half = f", half with `{price.halved_by}`" if price.halved_by else ""
    return f"{per_s}{half} (read {price.read_on})"


def _sentence(spec: Spec) -> str:
    return f"up to {spec.prompt_max_chars} characters{'' if spec.prompt_required else ', or none'}"


def _picture(spec: Spec) -> str:
    image = spec.image
    sent = f"{image.min_side_px} to {image.max_side_px} pixels a side, up to {wording.size(image.max_bytes)}"
    return sent if image.inline else f"{sent}, by a public link"


def _sound(spec: Spec) -> str:
    audio = spec.audio
    if audio is None:
        return "none"
    sent = f"{audio.min_s:g} to {audio.max_s:g} s, up to {wording.size(audio.max_bytes)}"
    return sent if audio.inline or spec.renders_here else f"{sent}, by a public link"


def _options() -> str:
    rows = (_option(spec, option) for spec in _specs() for option in spec.options)
    return _table(["offer", "option", "takes", "default", "meaning"], rows)


def _option(spec: Spec, option: Option) -> tuple[str, ...]:
    default = "" if option.default is None else _written(option.default)
    who = "" if option.audience is Audience.EVERYONE else f" For {option.audience}s."
    return (f"`{spec.offer}`", f"`{option.name}`", option.range, default, option.help + who)


def _written(default: Value) -> str:
    return "on" if default is True else "off" if default is False else str(default)


def _life() -> str:
    moves: dict[tuple[State, State], list[str]] = {}
    for row in TABLE.values():
        if row.source is not row.target:
            events = moves.setdefault((row.source, row.target), [])
            events.append(row.event) if row.event not in events else None
    return "\n".join(["```mermaid", "stateDiagram-v2", *_arrows(moves), "```"])


def _arrows(moves: Mapping[tuple[State, State], list[str]]) -> Iterator[str]:
    yield f"    [*] --> {State.PREPARING}: accepted"
    yield f"    [*] --> {State.HELD}: asked"
    yield from (f"    {source} --> {target}: {', '.join(events)}" for (source, target), events in moves.items())
    yield from (f"    {state} --> [*]" for state in State if state in FINAL)


def _map() -> str:
    return "\n\n".join(_folder(folder) for top in _PACKAGES for folder in _folders(ROOT / top))


def _folders(top: Path) -> list[Path]:
    return sorted({file.parent for file in top.rglob("*.py")})


def _folder(folder: Path) -> str:
    """Return a folder and its files, each with the first line of what it says of itself."""
    files = sorted(file for file in folder.iterdir() if file.suffix in {".py", ".sql"} and file.name != "__init__.py")
    head = f"**{folder.relative_to(ROOT).as_posix()}/**: {_summary(folder / '__init__.py')}\n"
    return "\n".join([head, *(f"- `{file.name}`: {_summary(file)}" for file in files)])


def _summary(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".sql":
        return text.partition("\n")[0].removeprefix("-- Reason: ")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": _commands,
    "settings": _settings,
    "offers": _offers,
    "options": _options,
    "life": _life,
    "map": _map,
}
"""What can stand between markers, by the name in the first of them."""

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
