"""Commands in other languages: what Discord would not take of a catalogue is left out, so that it takes the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.platforms.discord.commands import wanted
from tests.fakes.desk import FIELDS
from tests.fakes.pseudo import installed


def told(folder: Path, words: dict[str, str], locale: str = "de") -> dict[str, Any]:
    """Return the commands by name, as Discord is told of them with such a catalogue."""
    with installed(folder, words, locale=locale):
        return {each["name"]: each for each in wanted(lambda: FIELDS, allow_dm=False)}


def test_a_command_has_its_name_and_words_in_each_language(tmp_path: Path) -> None:
    """And so have its options and choices; English alone is told without."""
    words = {"jobs": "aufträge", "Further back.": "Weiter zurück.", "page": "seite", "remove": "entfernen"}
    found = told(tmp_path, words)
    assert found["jobs"]["name_localizations"] == {"de": "aufträge"}
    assert "description_localizations" not in found["jobs"]
    [page] = found["jobs"]["options"]
    assert page["name_localizations"] == {"de": "seite"}
    assert page["description_localizations"] == {"de": "Weiter zurück."}
    channels = next(each for each in found["animate-admin"]["options"] if each["name"] == "channels")
    assert [each.get("name_localizations") for each in channels["options"][0]["choices"]] == [
        None,
        {"de": "entfernen"},
        None,
    ]
    assert "localizations" not in str(wanted(lambda: FIELDS, allow_dm=False))


@pytest.mark.parametrize("name", ["Aufträge", "meine aufträge", "a" * 33, "aufträge!", ""])
def test_a_name_that_discord_would_not_take_is_left_out(tmp_path: Path, name: str) -> None:
    """One wrong name would cost every command its change."""
    assert "localizations" not in str(told(tmp_path, {"jobs": name}))


def test_two_options_never_share_a_name(tmp_path: Path) -> None:
    """Neither with another translation nor with a name that stayed English."""
    found = told(tmp_path, {"image": "datei", "audio": "datei", "prompt": "model"})
    assert "localizations" not in str(found["animate"])


def test_words_that_are_too_long_are_cut(tmp_path: Path) -> None:
    """Other languages need more room."""
    found = told(tmp_path, {"Your videos, the newest first.": "wort " * 40})
    assert len(found["jobs"]["description_localizations"]["de"]) <= 100


@pytest.mark.parametrize(
    ("locale", "known"), [("es", {"es-ES", "es-419"}), ("pt", {"pt-BR"}), ("pt-BR", {"pt-BR"}), ("eo", set())]
)
def test_a_catalogue_serves_those_of_discord_s_languages_that_it_can(
    tmp_path: Path, locale: str, known: set[str]
) -> None:
    """Discord refuses commands with a language of which it does not know."""
    assert told(tmp_path, {"jobs": "obras"}, locale)["jobs"].get("name_localizations", {}).keys() == known
