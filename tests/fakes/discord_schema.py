"""What Discord accepts: its OpenAPI file where there is one, and the limits which that file leaves out."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # it ships no types
from jsonschema.exceptions import best_match  # type: ignore[import-untyped] # it ships no types
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.fakes.discord_world import IS_V2, Json, media, walk

OPENAPI = Path(__file__).resolve().parents[2].parent / "shared" / "spec" / "discord-openapi.json"
_HERE = "urn:discord"
Flaw = tuple[str, str, str]
"""Where it is, as `components.0.label`, Discord's word for it, and a sentence."""

_LONGEST = {"content": 2000, "nonce": 25, "name": 100, "title": 45}
_V2_ONLY = {9, 10, 11, 12, 13, 14, 17}


# -- the OpenAPI file


@functools.cache
def _document() -> Json | None:
    """Return the file, or None where it is missing.

    Ids may be numbers, as discord.py sends some; and a deferred answer brings its message, as Discord does.
    """
    if not OPENAPI.exists():
        return None
    document: Json = json.loads(OPENAPI.read_text(encoding="utf-8"))
    document["components"]["schemas"]["SnowflakeType"] = {"type": ["string", "integer"]}
    document["components"]["schemas"]["CreateMessageInteractionCallbackResponse"]["properties"]["type"] = {
        "enum": [4, 5]
    }
    document["components"] = _by_type(document["components"]["schemas"], document["components"])
    return document


def _by_type(schemas: Json, node: Any) -> Any:
    """Return a schema whose choices between kinds of a thing look at its `type` first: faster, and it says what is wrong."""
    if isinstance(node, list):
        return [_by_type(schemas, each) for each in node]
    if not isinstance(node, dict):
        return node
    told = {key: _by_type(schemas, value) for key, value in node.items()}
    names = [each.get("$ref", "").rpartition("/")[2] for each in told.get("oneOf") or ()]
    kinds = [schemas.get(name, {}).get("properties", {}).get("type", {}).get("enum", ()) for name in names]
    if len(kinds) < 2 or any(len(kind) != 1 for kind in kinds) or len({kind[0] for kind in kinds}) < len(kinds):
        return told
    choices = told.pop("oneOf")
    told["properties"] = {"type": {"enum": [kind[0] for kind in kinds]}}
    told["allOf"] = [
        {"if": {"properties": {"type": {"const": kind[0]}}}, "then": choice}
        for kind, choice in zip(kinds, choices, strict=True)
    ]
    return told


@functools.cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    """Return every path with its pattern, the most literal first, so that `@me` beats any id."""
    paths = sorted((_document() or {"paths": {}})["paths"], key=lambda path: (path.count("{"), path))
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in paths]


@functools.cache
def _validator(pointer: str) -> Draft202012Validator:
    registry: Registry[Any] = Registry().with_resource(_HERE, DRAFT202012.create_resource(_document()))
    return Draft202012Validator({"$ref": f"{_HERE}#{pointer}"}, registry=registry)


def _operation(method: str, path: str) -> tuple[str, Json] | None:
    """Return the pointer to what the file says of a request, and what it says."""
    document = _document()
    for pattern, template in _paths():
        if pattern.fullmatch(path) and method.lower() in (document or {})["paths"][template]:
            escaped = template.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
            return f"/paths/{escaped}/{method.lower()}", (document or {})["paths"][template][method.lower()]
    return None


def _flaws(pointer: str, value: Any) -> list[Flaw]:
    error = best_match(_validator(pointer).iter_errors(value))
    where = "" if error is None else ".".join(map(str, error.absolute_path)) or "body"
    return [] if error is None else [(where, "BASE_TYPE_INVALID", error.message[:300])]


def is_endpoint(method: str, path: str) -> bool:
    """Tell whether Discord has such an endpoint, as far as is known here."""
    return _document() is None or _operation(method, path) is not None


def body_flaws(method: str, path: str, body: Any) -> list[Flaw]:
    """Return what the OpenAPI file has against a request's JSON; nothing where the file is missing."""
    found = _operation(method, path) if _document() is not None else None
    if found is None or body is None or "requestBody" not in found[1]:
        return []
    return _flaws(f"{found[0]}/requestBody/content/application~1json/schema", body)


def answer_flaws(method: str, path: str, status: int, body: Any) -> list[Flaw]:
    """Return what the OpenAPI file has against an answer of ours."""
    found = _operation(method, path) if _document() is not None else None
    if found is None or body is None or "content" not in found[1]["responses"].get(str(status), {}):
        return []
    return _flaws(f"{found[0]}/responses/{status}/content/application~1json/schema", body)


# -- the limits


def _long(where: str, text: Any, most: int, least: int = 0) -> Iterator[Flaw]:
    if isinstance(text, str) and not least <= len(text) <= most:
        yield where, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length."


def _many(where: str, things: Any, most: int, least: int = 0) -> Iterator[Flaw]:
    if isinstance(things, list) and not least <= len(things) <= most:
        yield where, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length."


def message(body: Json, files: int, *, is_v2: bool) -> Iterator[Flaw]:
    """Yield what is wrong with a message or an edit."""
    yield from _long("content", body.get("content"), 2000)
    yield from _long("nonce", body.get("nonce"), 25)
    yield from _many("attachments", body.get("attachments"), 10)
    if files > 10:
        yield "files", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length."
    for at, each in enumerate(body.get("attachments") or ()):
        yield from _long(f"attachments.{at}.description", each.get("description"), 1024)
    yield from _embeds(body.get("embeds") or [])
    yield from components(body.get("components") or [], is_v2=is_v2)
    for key in ("content", "embeds", "poll", "sticker_ids"):
        if is_v2 and body.get(key):
            word = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
            yield key, word, f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"


def _embeds(embeds: list[Json]) -> Iterator[Flaw]:
    yield from _many("embeds", embeds, 10)
    for at, embed in enumerate(embeds):
        yield from _long(f"embeds.{at}.title", embed.get("title"), 256)
        yield from _long(f"embeds.{at}.description", embed.get("description"), 4096)
        yield from _many(f"embeds.{at}.fields", embed.get("fields"), 25)
        for number, part in enumerate(embed.get("fields") or ()):
            yield from _long(f"embeds.{at}.fields.{number}.name", part["name"], 256, 1)
            yield from _long(f"embeds.{at}.fields.{number}.value", part["value"], 1024, 1)
        yield from _long(f"embeds.{at}.footer.text", (embed.get("footer") or {}).get("text"), 2048)
    words = sum(len(text) for embed in embeds for text in _embed_texts(embed))
    if words > 6000:
        yield "embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000"


def _embed_texts(embed: Json) -> Iterator[str]:
    yield from (embed.get(key) or "" for key in ("title", "description"))
    yield from ((embed.get(key) or {}).get(word) or "" for key, word in (("footer", "text"), ("author", "name")))
    for part in embed.get("fields") or ():
        yield from (part["name"], part["value"])


def components(tree: list[Json], *, is_v2: bool) -> Iterator[Flaw]:
    """Yield what is wrong with the components of a message."""
    everything = list(walk(tree))
    if is_v2:
        if len(everything) > 40:
            yield "components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", "The total components cannot exceed 40"
        words = sum(len(each["content"]) for each in everything if each["type"] == 10)
        if words > 4000:
            word = "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED"
            yield "components", word, "The total displayable text size cannot exceed 4000"
    else:
        yield from _many("components", tree, 5)
        for at, each in enumerate(tree):
            if each["type"] in _V2_ONLY:
                yield f"components.{at}.type", "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (1,).'
    ids = [each["custom_id"] for each in everything if each.get("custom_id")]
    for each in {each for each in ids if ids.count(each) > 1}:
        yield "components", "COMPONENT_CUSTOM_ID_DUPLICATED", f"Component custom id cannot be duplicated: {each}"
    for each in everything:
        yield from _component(each)


def _component(each: Json) -> Iterator[Flaw]:
    """Yield what is wrong with one component."""
    yield from _long("components.custom_id", each.get("custom_id"), 100, 1)
    match each["type"]:
        case 1:
            yield from _row(each["components"])
        case 2:
            yield from _long("components.label", each.get("label"), 80)
            if each["style"] != 6 and bool(each.get("custom_id")) == bool(each.get("url")):
                yield "components", "BUTTON_COMPONENT_INVALID", "A custom id or url is required, and not both"
        case 3:
            yield from _many("components.options", each.get("options"), 25, 1)
            for option in each.get("options") or ():
                yield from (
                    flaw for key in ("label", "value", "description") for flaw in _long(key, option.get(key), 100)
                )
        case 9:
            yield from _many("components.components", each["components"], 3, 1)
        case 10:
            yield from _long("components.content", each["content"], 4000, 1)
        case 11:
            yield from _long("components.description", each.get("description"), 1024)
        case 12:
            yield from _many("components.items", each["items"], 10, 1)


def _row(children: list[Json]) -> Iterator[Flaw]:
    yield from _many("components.components", children, 5, 1)
    if len(children) > 1 and any(each["type"] != 2 for each in children):
        yield "components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width"


def modal(data: Json) -> Iterator[Flaw]:
    """Yield what is wrong with a form."""
    yield from _long("data.title", data.get("title"), 45, 1)
    yield from _long("data.custom_id", data.get("custom_id"), 100, 1)
    yield from _many("data.components", data["components"], 5, 1)
    for each in walk(data["components"]):
        if each["type"] == 18:
            yield from _long("data.components.label", each["label"], 45, 1)
            yield from _long("data.components.description", each.get("description"), 100)
        if each["type"] == 4:
            yield from _long("data.components.placeholder", each.get("placeholder"), 100)
            yield from _long("data.components.value", each.get("value"), each.get("max_length") or 4000)
        if each["type"] in {3, 19}:
            yield from _component(each)


def choices(data: Json) -> Iterator[Flaw]:
    """Yield what is wrong with the suggestions for an option."""
    yield from _many("data.choices", data["choices"], 25)
    for at, choice in enumerate(data["choices"]):
        yield from _long(f"data.choices.{at}.name", choice["name"], 100, 1)
        yield from _long(f"data.choices.{at}.value", choice["value"], 100, 1)


def commands(bodies: list[Json]) -> Iterator[Flaw]:
    """Yield what is wrong with a set of commands; context menus have at most 15 a type."""
    for kind, most in ((1, 100), (2, 15), (3, 15)):
        yield from _many("body", [body for body in bodies if body.get("type", 1) == kind], most)
    for at, body in enumerate(bodies):
        yield from _long(f"{at}.name", body["name"], 32, 1)
        if body.get("type", 1) == 1:
            yield from _command(str(at), body)


def _command(where: str, body: Json) -> Iterator[Flaw]:
    """Yield what is wrong with a command, a subcommand or an option."""
    name = body["name"]
    if name != name.lower() or not re.fullmatch(r"[-_'\w]{1,32}", name):
        yield f"{where}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid"
    yield from _long(f"{where}.description", body.get("description"), 100, 1)
    options = body.get("options") or []
    yield from _many(f"{where}.options", options, 25)
    needed = [bool(each.get("required")) for each in options]
    if needed != sorted(needed, reverse=True):
        yield f"{where}.options", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options come first"
    for at, option in enumerate(options):
        yield from _command(f"{where}.options.{at}", option)
        yield from _many(f"{where}.options.{at}.choices", option.get("choices"), 25)


def thread(body: Json) -> Iterator[Flaw]:
    """Yield what is wrong with a new or changed thread."""
    yield from _long("name", body.get("name"), 100, 1)
    if body.get("auto_archive_duration", 60) not in {60, 1440, 4320, 10080}:
        yield "auto_archive_duration", "BASE_TYPE_CHOICES", "Value must be one of (60, 1440, 4320, 10080)."


def error_tree(flaws: Iterable[Flaw]) -> Json:
    """Return flaws as the `errors` of a 50035."""
    tree: Json = {}
    for where, word, sentence in flaws:
        node = tree
        for step in where.split("."):
            node = node.setdefault(step, {})
        node.setdefault("_errors", []).append({"code": word, "message": sentence})
    return tree


# -- what is accepted and yet wrong


def wrong_manners(body: Json, filenames: list[str]) -> list[str]:
    """Return what Discord takes of a message, and nobody should send it."""
    texts = [
        body.get("content") or "",
        *(each["content"] for each in walk(body.get("components") or []) if each["type"] == 10),
    ]
    found = ["it may ring everyone"] if _would_ring_all(body, "\n".join(texts)) else []
    listed = {entry["id"]: entry.get("filename") for entry in body.get("attachments") or ()}
    names = [listed.get(at) or name for at, name in enumerate(filenames)]
    return found + [f"no component shows {name}" for name in _unseen(names, body)]


def _would_ring_all(body: Json, text: str) -> bool:
    """Tell whether a message may ring a whole server."""
    allowed = body.get("allowed_mentions")
    if allowed is not None:
        return "everyone" in (allowed.get("parse") or ())
    return bool(re.search(r"@(everyone|here)\b", text))


def _unseen(filenames: Iterable[str], body: Json) -> list[str]:
    """Return the files of a Components V2 message that no component shows."""
    shown = {medium["url"] for each in walk(body.get("components") or []) for medium in media(each)}
    is_v2 = bool((body.get("flags") or 0) & IS_V2)
    return [name for name in filenames if is_v2 and f"attachment://{name}" not in shown]
