"""In whose language people are spoken to: what a catalogue gives is said, and one that is wrong never costs the sentence."""

from __future__ import annotations

import asyncio
import string
from pathlib import Path

import pytest

from bot import phrasebook
from bot.language import speaking, told, tr, trn
from bot.platforms.contract import Moment, Named
from tests.fakes import pseudo
from tests.fakes.pseudo import LOCALE, installed

WORDS = {
    "Kept.": "Behållen.",
    "It cost {price}.": "Priset är {price}.",
    "{number} video\0{number} videos": "en film\0{number} filmer",
    "Ends {at}.": "Slutar {at}.",
}


def test_a_sentence_is_said_in_the_language_that_is_spoken(tmp_path: Path) -> None:
    """Within the block only; what a catalogue lacks is English."""
    with installed(tmp_path, WORDS):
        with speaking(LOCALE):
            assert tr("Kept.") == "Behållen."
            assert tr("It cost {price}.", price="$0.50") == "Priset är $0.50."
            assert tr("Gone.") == "Gone."
        assert tr("Kept.") == "Kept."


@pytest.mark.parametrize(("number", "said"), [(0, "0 filmer"), (1, "en film"), (2, "2 filmer")])
def test_each_number_has_the_form_of_that_language(tmp_path: Path, number: int, said: str) -> None:
    """One of them need not name the number."""
    with installed(tmp_path, WORDS), speaking(LOCALE):
        assert trn("{number} video", "{number} videos", number) == said


def test_a_moment_and_a_name_stand_whole_in_a_sentence(tmp_path: Path) -> None:
    """Each platform writes them in its own way, wherever the language puts them."""
    with installed(tmp_path, WORDS), speaking(LOCALE):
        assert told("Ends {at}.", at=Moment(7)) == ("Slutar ", Moment(7), ".")
        assert told("{who}: {amount}.", who=Named("user:x/1"), amount=3) == (Named("user:x/1"), ": ", "3", ".")


@pytest.mark.parametrize(
    "wrong",
    ["Det kostar.", "{pris}.", "{price} {more}", "{price", "{price:d}", "{price.__class__}", "{0}", "{}"],
)
def test_a_translation_that_asks_for_other_values_is_not_said(tmp_path: Path, wrong: str) -> None:
    """English is worth more than a sentence without its price, or none at all."""
    with installed(tmp_path, {"It cost {price}.": wrong, "Ends {at}.": wrong}), speaking(LOCALE):
        assert tr("It cost {price}.", price="$0.50") == "It cost $0.50."
        assert told("Ends {at}.", at=Moment(7)) == ("Ends ", Moment(7), ".")


def test_what_people_wrote_is_never_read_as_a_sentence(tmp_path: Path) -> None:
    """Braces in it stay braces."""
    with installed(tmp_path, WORDS), speaking(LOCALE):
        assert tr("It cost {price}.", price="{price} Kept.") == "Priset är {price} Kept.."
        assert tr("{not a value") == "{not a value"
        assert tr("") == ""


@pytest.mark.parametrize("locale", ["", "en-US", "xx", "../../etc", "de\0", "a" * 200])
def test_a_language_that_is_not_there_is_english(locale: str) -> None:
    """Whatever a platform says that it is."""
    with speaking(locale):
        assert tr("Kept.") == "Kept."


@pytest.mark.parametrize("content", [b"", b"no catalogue", pseudo.catalogue(WORDS)[:60]])
def test_a_catalogue_that_cannot_be_read_is_english(tmp_path: Path, content: bytes) -> None:
    """It is told in the log, and nobody goes without an answer."""
    with installed(tmp_path, content), speaking(LOCALE):
        assert tr("Kept.") == "Kept."


def test_a_language_does_for_its_regions(tmp_path: Path) -> None:
    """Who reads the German of Austria reads that of Germany."""
    with installed(tmp_path, WORDS, locale="sv"), speaking("sv-SE"):
        assert tr("Kept.") == "Behållen."


async def test_each_task_speaks_its_own(tmp_path: Path) -> None:
    """Two people are answered at once."""

    async def said(locale: str) -> str:
        with speaking(locale):
            await asyncio.sleep(0)
            return tr("Kept.")

    with installed(tmp_path, WORDS):
        assert [*await asyncio.gather(said(LOCALE), said("en-US"))] == ["Behållen.", "Kept."]


# What translators are given.


EVERYTHING = list(phrasebook.everything())


def test_every_call_puts_in_what_its_sentence_asks_for() -> None:
    """Neither more, which translators could not see, nor less."""
    for place, sentence in EVERYTHING:
        if sentence.values is not None:
            given = sentence.values | {"number"}
            forms = [sentence.one, sentence.many] if sentence.many else [sentence.one]
            asked = {name for form in forms for _, name, _, _ in string.Formatter().parse(form) if name}
            assert asked | {"number"} == given, (place, sentence.one)


def test_no_sentence_is_given_twice() -> None:
    """A catalogue holds each once: two with different plurals would be one."""
    plurals: dict[str, str] = {}
    for place, sentence in EVERYTHING:
        assert plurals.setdefault(sentence.one, sentence.many) == sentence.many, (place, sentence.one)


def test_a_sentence_has_no_blanks_at_its_ends() -> None:
    """They would be glue, and easily lost."""
    assert [one.one for _, one in EVERYTHING if one.one != one.one.strip()] == []


def test_sentences_are_found_in_the_source() -> None:
    """Those in tables too; what is looked up elsewhere is marked there."""
    source = (
        'A = later("Gone {at}.")\ntr(A, at=1)\ntrn("{number} job", "{number} jobs", n)\ntr("Hi " "{name}.", name=x)'
    )
    assert list(phrasebook.in_source(source)) == [
        phrasebook.Sentence(one="Gone {at}."),
        phrasebook.Sentence(one="{number} job", many="{number} jobs", values=frozenset()),
        phrasebook.Sentence(one="Hi {name}.", values=frozenset({"name"})),
    ]


def test_the_template_holds_places_and_forms_but_neither_times_nor_lines() -> None:
    """It changes when a sentence does, and for no other reason."""
    template = phrasebook.template()
    assert '#: bot/wording.py\n#, python-brace-format\nmsgid "{number} job"\nmsgid_plural "{number} jobs"\n' in template
    assert 'msgid "How long the video is."\nmsgstr ""\n' in template
    assert 'msgid "animate-admin"\nmsgstr ""\n' in template
    assert "Date" not in template
