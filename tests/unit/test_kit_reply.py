"""A reply read field by field: whatever a provider sends, nothing raises and nothing is taken for what it is not."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from providers.kit.reply import Document, Reply, document_of, retry_after_s

NOW_S = 1_788_264_000.0
"""2026-09-01 12:00 UTC."""
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.sampled_from(["a", "b", "0", ""]), inner),
)


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own clock is hours away from UTC."""
    with monkeypatch.context() as there:
        there.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        yield
    time.tzset()


def document(value: Any) -> Document:
    """Return a document that holds the value under `n`."""
    return Document({"n": value})


# -- what is read


@settings(max_examples=40)
@given(JSON, some.sampled_from(["a", "a.b", "a.b.0", "", "a..b", "."]))
def test_whatever_came_every_question_has_an_answer(value: Any, path: str) -> None:
    """A field of another type is a field that is not there."""
    read = document_of(json.dumps(value).encode())
    text, number, whole = read.text(path), read.number(path), read.whole(path)
    assert text is None or text.strip()
    assert number is None or math.isfinite(number)
    assert whole is None or abs(whole) < 10**18
    assert all(isinstance(each, Document) for each in read.items(path))
    assert isinstance(read.words(), str)


@given(some.binary())
def test_whatever_bytes_came_they_are_a_document(body: bytes) -> None:
    """Half a character, half a document, no document."""
    assert isinstance(document_of(body), Document)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>502</html>", b'{"id": "7', b"\xff\xfe\x00", b'{"id": ' + b"9" * 5000 + b"}", b"[" * 100_000, b"\x00"],
    ids=["nothing", "html", "half", "no utf-8", "a number without end", "nesting without end", "nul"],
)
def test_what_is_no_json_is_an_empty_document(body: bytes) -> None:
    """Behind a gateway's error page there is nothing to read."""
    read = document_of(body)
    assert (read.value, read.text("id"), list(read.items()), read.words()) == (None, None, [], "")


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"a": {"b": "x"}}, "a.b", "x"),
        ({"a": {"b": "x"}}, "a", None),
        ({"a": {"b": "x"}}, "a.b.c", None),
        ({"a.b": "x"}, "a.b", None),
        ([{"a": "x"}], "0.a", None),
        ("x", "a", None),
        ({"a": "  \n"}, "a", None),
        ({"a": ""}, "a", None),
        ({"a": 7}, "a", None),
        ({"a": True}, "a", None),
        ({"a": ["x"]}, "a", None),
        ({"a": " x "}, "a", " x "),
    ],
)
def test_a_text_is_found_by_its_path_or_not_at_all(value: Any, path: str, found: str | None) -> None:
    """A number in its place is no text, and a blank one says nothing."""
    assert Document(value).text(path) == found


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0.0),
        (-1.5, -1.5),
        ("0.25", 0.25),
        ("1e3", 1000.0),
        (" 5 ", 5.0),
        (True, None),
        (False, None),
        ("", None),
        ("NaN", None),
        ("Infinity", None),
        ("-inf", None),
        ("1e400", None),
        ("0x10", None),
        ("1,5", None),
        (10**400, None),
        (math.nan, None),
        (math.inf, None),
        (None, None),
        ([1], None),
        ({"a": 1}, None),
    ],
)
def test_a_number_is_finite_however_it_is_written(value: Any, number: float | None) -> None:
    """JSON as Python reads it knows NaN and numbers without end; a bill must be neither, and true is not 1."""
    assert document(value).number("n") == number


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        (0, 0),
        (-1, -1),
        (2**31 - 1, 2**31 - 1),
        ("7", 7),
        ("-7", -7),
        (10**18 - 1, 10**18 - 1),
        (10**18, None),
        (10**400, None),
        (7.0, None),
        ("7.0", None),
        (" 7", None),
        ("+7", None),
        ("--7", None),
        ("-", None),
        ("", None),
        ("7_0", None),
        ("\u0667", None),
        ("²", None),
        (True, None),
        (math.nan, None),
        (None, None),
        ([7], None),
    ],
)
def test_a_whole_number_is_plain_digits_that_a_column_can_hold(value: Any, whole: int | None) -> None:
    """A seed of a thousand digits must not stop a paid video from being written down."""
    assert document(value).whole("n") == whole


def test_json_s_own_constants_are_read_and_never_numbers() -> None:
    """They are no JSON, and Python takes them all the same."""
    read = document_of(b'{"a": NaN, "b": -Infinity, "c": 1e999}')
    assert [read.number(name) for name in "abc"] == [None, None, None]
    assert [read.whole(name) for name in "abc"] == [None, None, None]


@pytest.mark.parametrize(
    ("value", "path", "held"),
    [
        ({"a": [1, "x", None]}, "a", [1, "x", None]),
        ([1, 2], "", [1, 2]),
        ({"a": {"0": 1}}, "a", []),
        ({"a": "xy"}, "a", []),
        ({"a": []}, "a", []),
        (None, "", []),
        ("xy", "", []),
    ],
)
def test_only_a_list_holds_items(value: Any, path: str, held: list[Any]) -> None:
    """A text's letters and an object's keys are none."""
    assert [each.value for each in Document(value).items(path)] == held


def test_words_are_every_text_at_any_depth_and_no_key() -> None:
    """What a search by keywords may look at; a key is the provider's format, not what it says."""
    read = Document({"funds": ["one", {"x": "two", "y": 3, "z": [None, ["three"]]}], "n": True})
    assert read.words() == "one two three"


def _deeper(frames: int, call: Callable[[], object]) -> object:
    """Make a call so many frames further down."""
    return _deeper(frames - 1, call) if frames else call()


def test_what_could_be_read_can_be_searched() -> None:
    """The deepest document that is still read: a refusal that says so must not break on its own words."""
    nested = (b"[" * depth + b'"x"' + b"]" * depth for depth in range(2000, 0, -1))
    deepest = next(read for body in nested if (read := document_of(body)).value is not None)
    assert _deeper(20, deepest.words) == "x"


@pytest.mark.parametrize("path", ["a", "b"])
def test_a_text_can_be_written_down(path: str) -> None:
    """A provider that cuts a rewritten prompt between the halves of an emoji would make its paid video unrecordable."""
    text = document_of(b'{"a": "a cat \\ud83d", "b": "\\udc31 a cat"}').text(path)
    assert text is not None
    assert text.encode()


# -- the reply


@pytest.mark.parametrize(
    ("status", "ok"), [(199, False), (200, True), (201, True), (299, True), (302, False), (404, False)]
)
def test_a_reply_is_good_in_the_two_hundreds(status: int, ok: bool) -> None:
    """A redirect is none: nothing is followed."""
    assert Reply(status).ok == ok


def test_a_reply_without_anything_reads_as_nothing() -> None:
    """No header, no body, no wish to wait."""
    bare = Reply(500)
    assert (bare.headers, bare.document.value, bare.retry_after_s) == ({}, None, None)


# -- how long to wait


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("3600", 3600.0),
        ("3601", 3600.0),
        ("9" * 5000, 3600.0),
        ("Tue, 01 Sep 2026 12:00:30 GMT", 30.0),
        ("Tuesday, 01-Sep-26 12:00:30 GMT", 30.0),
        ("Tue, 01 Sep 2026 14:00:30 +0200", 30.0),
        ("Tue, 01 Sep 2026 11:59:00 GMT", 0.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3600.0),
        ("Fri, 31 Dec 9999 23:59:59 -2300", 3600.0),
        ("", None),
        ("  ", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("7, 8", None),
        ("\u0667", None),
        ("nan", None),
        ("Tue, 99 Sep 2026 12:00:30 GMT", None),
        ("Tue, 01 Sep 99999 12:00:30 GMT", None),
    ],
)
def test_how_long_to_wait_is_told_in_seconds_or_as_a_date(header: str, wait_s: float | None) -> None:
    """Never longer than an hour and never less than nothing; what says nothing is no wish to wait."""
    assert retry_after_s(header, NOW_S) == wait_s


@given(some.text() | some.datetimes().map(format_datetime))
def test_whatever_the_header_says_the_wait_is_within_an_hour(header: str) -> None:
    """It comes from outside, and a worker sleeps on it."""
    wait_s = retry_after_s(header, NOW_S)
    assert wait_s is None or 0 <= wait_s <= 3600


@pytest.mark.usefixtures("far_from_utc")
@pytest.mark.parametrize("header", ["Tue Sep  1 12:00:30 2026", "Tue, 01 Sep 2026 12:00:30 -0000"])
def test_a_date_without_a_zone_is_in_utc_wherever_the_machine_is(header: str) -> None:
    """The oldest of HTTP's three forms names none."""
    assert retry_after_s(header, NOW_S) == 30.0
