"""Reads the camera words in a prompt: which moves, in which order, how strong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

SLOW, FAST = 0.5, 1.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """Moves made at the same time; 1 is an ordinary move in, to the right, downwards or clockwise, -1 its opposite."""

    zoom: float = 0.0
    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a prompt asks of the camera; `refused` are the axes that it asks to leave alone."""

    legs: tuple[Leg, ...] = ()
    shake: float = 0.0
    hold: bool = False
    refused: frozenset[str] = field(default_factory=frozenset)


_SMALL = "the|a|bit|camera|view|shot|very|slow(?:ly)?|gent(?:le|ly)|quick(?:ly)?|fast|smooth(?:ly)?|slightly|softly"
_FILLER = rf"(?:\s+(?:{_SMALL}|to|towards?|over))*\s+"
_WAY = (
    "left|right|across|up(?:wards?)?|down(?:wards?)?|top|bottom"
    "|in(?:wards?|to)?|closer|forwards?|out(?:wards?)?|back(?:wards?)?|away"
)
_TURN = r"rotat(?:e|es|ing|ion)|roll(?:s|ing)?|spin(?:s|ning)?"
_TURN_WAY = r"(?:counter\s?|anti\s?)?clockwise|left|right"
_STEERED = "(?:mov|glid|slid)(?:es?|ing)|(?:drift|track|truck|crane|sweep)(?:s|ing)?|fl(?:y|ies|ying)|go(?:es|ing)?"
_NO_OBJECT = r"(?!\s+(?:the|a|an|his|her|its|their|my|some|hands?|heads?|off|of)\b)"

_MOVES = re.compile(
    rf"""
      (?: \b(?:zoom|pann?|tilt|dolly)(?:s|ed|ing)? | \bdollies
        | \b(?:push|pull)(?:es|s|ing)?(?=\s+\w+\b{_NO_OBJECT})
        | \bcamera(?:\s+\w+ly)?\s+(?:{_STEERED}) | \bmov(?:e|ing)\s+the\s+camera )
      (?:\s+from\s+(?:the\s+)?\w+(?=\s+to\s))?
      {_FILLER}(?P<way>{_WAY})\b (?:\s+and{_FILLER}(?P<also>{_WAY})\b)?
    | (?: \bcamera(?:\s+\w+ly)?\s+ | \b(?:no|not|slow|slowly|gentle|gently|and|then)\s+ | (?:^|[,.;:])\s* )
      (?P<turn>{_TURN})\b(?:{_FILLER}(?P<turn_way>{_TURN_WAY})\b)?
    | \b(?:{_TURN}){_FILLER}(?P<turned>{_TURN_WAY})\b
    | (?P<zoom>\bzoom(?:s|ing)?\b)
    | \b(?:slow|slowly|gentle|gently|smooth|quick|fast|camera|no|not|or|without)\s+(?P<pan>pan(?:s|ning)?)\b
    | (?P<shake>\bhand\s?held\b|\bshak(?:y|e|es|ing)\b{_NO_OBJECT})
    | (?P<hold> \bstatic\b | \bmotionless\b | \b(?:fixed|locked)\s+(?:camera|shot|off)\b
        | \bstill(?=\s*(?:[,.;:!]|$)|\s+(?:camera|shot|frame|image|picture|photo)\b)
        | \bhold(?:s|ing)?(?:\s+the)?\s+(?:still|steady|shot|frame|camera)\b
        | \b(?:no|without(?:\s+any)?)\s+(?:camera\s+)?(?:movement|motion)\b
        | \bcamera\s+(?:does|do|should|must)\s+not\s+move\b | \b(?:not|never)\s+move\s+the\s+camera\b )
    """,
    re.VERBOSE,
)
_BREAK = re.compile(r"[,.;:!?()\n]|\b(?:but|then|and|while|whilst|as|instead|just|only)\b")
_NEXT = re.compile(r"\b(?:then|afterwards|after that|followed by|before|finally|next)\b")
_NOT = re.compile(r"\b(?:no|not(?! only)|without|never|avoid|avoiding|nor)\b")
_PACE = re.compile(
    r"\b(?:(?P<slow>slow(?:ly|er)?|gent(?:le|ly)|subtl[ey]|slight(?:ly)?|soft(?:ly)?|a (?:bit|little))"
    r"|fast(?:er)?|quick(?:ly)?|rapid(?:ly)?|sudden(?:ly)?|dramatic(?:ally)?|strong(?:ly)?)\b"
)
_AXES = {
    "left": ("x", -1), "right": ("x", 1), "across": ("x", 1),
    "up": ("y", -1), "top": ("y", -1), "down": ("y", 1), "bottom": ("y", 1),
    "in": ("zoom", 1), "closer": ("zoom", 1), "forward": ("zoom", 1),
    "out": ("zoom", -1), "back": ("zoom", -1), "away": ("zoom", -1),
}  # fmt: skip


def read(prompt: str) -> Wish:
    """Return what the words ask of the camera; words that ask nothing are passed over."""
    text = re.sub(r"n't\b", " not", prompt.lower().replace("\u2019", "'").replace("-", " "))
    wish, end, strength = Wish(), 0, 1.0
    for match in _MOVES.finditer(text):
        between, end = text[end : match.start()], match.end()
        strength = _strength(text, match, strength if between.strip() == "and" else 1.0)
        if match["hold"]:
            wish = replace(wish, hold=True)
        elif _negated(text, match):
            wish = replace(wish, refused=wish.refused | {axis for axis, _ in _axes(match)})
        else:
            wish = _with(wish, match, strength, later=bool(wish.legs and _NEXT.search(between)))
    return replace(wish, hold=wish.hold and not wish.legs)


def _with(wish: Wish, match: re.Match[str], strength: float, *, later: bool) -> Wish:
    """Add a move to the last leg; one that must come later, or would undo it, begins a leg of its own."""
    for axis, sign in _axes(match):
        if axis == "shake":
            return replace(wish, shake=strength)
        *earlier, last = wish.legs or (Leg(),)
        if later or getattr(last, axis) * sign < 0:
            earlier, last, later = [*earlier, last], Leg(), False
        wish = replace(wish, legs=(*earlier, replace(last, **{axis: sign * strength})))
    return wish


def _axes(match: re.Match[str]) -> Iterator[tuple[str, int]]:
    """Yield the axes that a move is on, each with its sign."""
    if match["way"]:
        for way in filter(None, (match["way"], match["also"])):
            yield next(move for start, move in _AXES.items() if way.startswith(start))
    elif match["turn"] or match["turned"]:
        way = match["turn_way"] or match["turned"] or ""
        yield "turn", -1 if way.startswith(("counter", "anti", "left")) else 1
    elif match["shake"]:
        yield "shake", 1
    else:
        yield ("x", 1) if match["pan"] else ("zoom", 1)


def _clause(text: str, match: re.Match[str]) -> tuple[int, int]:
    """Return where the clause around a move begins and ends."""
    start = max((found.end() for found in _BREAK.finditer(text, 0, match.start())), default=0)
    after = _BREAK.search(text, match.end())
    return start, after.start() if after else len(text)


def _negated(text: str, match: re.Match[str]) -> bool:
    start, _ = _clause(text, match)
    return bool(_NOT.search(text, start, match.end()))


def _strength(text: str, match: re.Match[str], default: float) -> float:
    """Return how strong a move is: the nearest word of pace in its clause decides."""
    found = list(_PACE.finditer(text, *_clause(text, match)))
    if not found:
        return default
    nearest = min(found, key=lambda word: max(match.start() - word.end(), word.start() - match.end(), 0))
    return SLOW if nearest["slow"] else FAST
