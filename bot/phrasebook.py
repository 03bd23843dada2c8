"""The template that translators fill in: every sentence that people read, found in the source, as gettext writes it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.platforms.discord import commands
from providers.kit.registry import discover

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = "bot/locale/stillmotion.pot"
_MARKED = {"tr": 1, "told": 1, "later": 1, "trn": 2}
"""The functions of bot/language.py, and how many of their first words are sentences."""
_HEAD = """\
# What Stillmotion says, for translators: {what in braces} is put in later and stays as it is, `what in backticks` is typed.
# A lower-case word alone is the name of a command, an option or a choice: lower case, no blank, at most 32 letters.
msgid ""
msgstr ""
"Project-Id-Version: stillmotion\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What is said; `many` for other numbers than one, `values` what is put in where that can be told from the source."""

    one: str
    many: str = ""
    values: frozenset[str] | None = None


def template() -> str:
    """Return the whole template; a sentence that is said in several places stands once, with all of them."""
    places: dict[tuple[str, str], list[str]] = {}
    for place, sentence in everything():
        known = places.setdefault((sentence.one, sentence.many), [])
        known += [] if place in known else [place]
    return "\n".join([_HEAD, *(_entry(*words, found) for words, found in places.items())])


def _entry(one: str, many: str, places: Iterable[str]) -> str:
    lines = [f"#: {' '.join(places)}", *(["#, python-brace-format"] if "{" in one else []), f"msgid {_quoted(one)}"]
    ends = [f"msgid_plural {_quoted(many)}", 'msgstr[0] ""', 'msgstr[1] ""'] if many else ['msgstr ""']
    return "\n".join([*lines, *ends, ""])


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def everything() -> Iterator[tuple[str, Sentence]]:
    """Yield all that can be said and where it stands: in our modules, in the specs, among Discord's names."""
    for file in sorted((ROOT / "bot").rglob("*.py")):
        place = file.relative_to(ROOT).as_posix()
        yield from ((place, sentence) for sentence in in_source(file.read_text(encoding="utf-8")))
    for provider, found in discover().items():
        helps = dict.fromkeys(option.help for spec in found.specs for option in spec.options)
        yield from ((f"providers/{provider}.py", Sentence(one=text)) for text in helps)
    yield from (("bot/platforms/discord/commands.py", Sentence(one=name)) for name in _names())


def in_source(text: str) -> Iterator[Sentence]:
    """Yield the sentences that a module marks, in the order in which they stand."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        words = _words(call)
        if words:
            yield Sentence(one=words[0], many=words[1] if len(words) > 1 else "", values=_values(call))


def _words(call: ast.Call) -> list[str]:
    """Return the sentences of a call; none where they are looked up elsewhere, as those are marked there."""
    marked = _MARKED.get(call.func.id, 0) if isinstance(call.func, ast.Name) else 0
    return [word.value for word in call.args[:marked] if isinstance(word, ast.Constant) and isinstance(word.value, str)]


def _values(call: ast.Call) -> frozenset[str] | None:
    """Return the names of the values that a call puts in; None where that is done elsewhere."""
    given = {keyword.arg for keyword in call.keywords}
    if None in given or (isinstance(call.func, ast.Name) and call.func.id == "later"):
        return None
    return frozenset(filter(None, given))


def _names() -> Iterator[str]:
    """Yield what Discord's commands, options and choices are called; options of the specs too."""
    told = list(_called(commands.definitions((), allow_dm=True)))
    declared = (option.name for found in discover().values() for spec in found.specs for option in spec.options)
    yield from dict.fromkeys([*told, *declared])


def _called(told: Iterable[dict[str, Any]]) -> Iterator[str]:
    for each in told:
        yield each["name"]
        yield from _called([*each.get("options", ()), *each.get("choices", ())])
