"""A language that nobody speaks, from the desk to Discord: what is not said in it was never put before a translator."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.platforms.contract import Answer, Card, Form, Message, Text
from bot.platforms.text import written
from storage.states import Event, State
from tests.e2e.harbour import harbour_in, png
from tests.e2e.lobby import ADA, BEN, PRIVATELY, Lobby, of, opened
from tests.e2e.test_desk_orders import ORDERS
from tests.fakes.pseudo import LOCALE, installed, is_glued, spoken, untranslated, words

SPEAKS: dict[str, Any] = {"locale": LOCALE, "scope_locale": LOCALE}
VALUES = [
    *(
        "a slow zoom",
        "nowhere",
        "nope",
        "imagined",
        "wan2.5@imagined",
        "wan2.6@other",
        "wan2.5",
        "wan2.6",
        "board/1",
        "board/2",
        "Maya",
        "Ada",
        "Attach Files",
    ),
    *("#videos", "#ops", "@Makers", "@Ben", "resolution", "duration", "480p", "720p", "thread", "reply", "channel"),
]
_ID = re.compile(r"\b[0-9A-Z]{8}\b")
_NUMBER = re.compile(r"\d+x\d+|\b\d+(?:\.\d+)? ?(?:s|min|h|d|kB|MB)\b|/\w+")


@asynccontextmanager
async def speaking_lobby(folder: Path, **settings: Any) -> AsyncIterator[Lobby]:
    """Open a lobby all of whose people read the language."""
    (folder / "lobby").mkdir()
    with installed(folder / "locale", words()):
        async with opened(folder / "lobby", **settings) as lobby:
            yield lobby


def texts(said: Message | Form | Card | None) -> Iterable[Text | str]:
    """Return all words of ours in what somebody sees; the bold phrase is where its first sentence ends."""
    match said:
        case Message():
            small = (item.small for item in said.items)
            labels = (action.label for action in (*said.actions, *(i.action for i in said.items if i.action)))
            return [(said.head, " ", *said.text), said.small, *small, *labels]
        case Form():
            return [said.title, said.about, said.hint, *(pick.label for pick in said.picks)]
        case Card():
            labels = (action.label for action in said.actions)
            return [
                (said.head, " ", *said.text),
                said.small,
                said.note,
                said.link_label,
                *labels,
                *texts(said.progress),
            ]
    return []


def assert_spoken(*said: Message | Form | Card | Answer | None) -> None:
    """Check that no plain word of ours is left, and that no sentence stands within another."""
    for each in said:
        parts = [*texts(each.message), *texts(each.form)] if isinstance(each, Answer) else [*texts(each)]
        for part in parts:
            text = part if isinstance(part, str) else written(tuple(piece for piece in part if isinstance(piece, str)))
            left = untranslated(_NUMBER.sub(" ", _ID.sub(" ", text)), *VALUES)
            assert left == [], text
            assert not is_glued(text), text


async def test_what_a_person_asks_is_answered_in_their_language(tmp_path: Path) -> None:
    """Accepted and refused, with what helps; lists, details, help and forms."""
    async with speaking_lobby(tmp_path, user_limit="3/day", user_max_open="2") as lobby:
        first = await lobby.ask(**SPEAKS)
        assert_spoken(
            first, await lobby.desk.quota(lobby.command(**SPEAKS)), await lobby.desk.help(lobby.command(**SPEAKS))
        )
        assert_spoken(await lobby.ask(**SPEAKS, model="nowhere"), await lobby.ask(**SPEAKS, options={"nope": "7"}))
        assert_spoken(await lobby.ask(**SPEAKS, prompt="a" * 5000), await lobby.ask(**SPEAKS, image=None))
        await lobby.accepted(**SPEAKS)
        full = await lobby.refused(**SPEAKS)
        assert_spoken(full, await lobby.desk.jobs(lobby.command(**SPEAKS)))
        for verb in ("more", "edit", "again", "cancel", "cancel", "delete", "continue", "twice", "approve", "nothing"):
            assert_spoken(await lobby.press(verb, first.job, **SPEAKS))
        assert_spoken(await lobby.press("retry", of(full, spoken("Try again")), **SPEAKS))


@pytest.mark.parametrize("state", [State.DELIVERED, State.GENERATING, State.UNSURE, State.KEPT, State.QUEUED])
async def test_a_job_is_told_of_in_the_language_of_its_place(tmp_path: Path, state: State) -> None:
    """On its card, in its thread, beside its video, and to whoever looks at it."""
    async with speaking_lobby(tmp_path) as lobby:
        job = await lobby.at(state, **SPEAKS)
        await lobby.speak()
        assert_spoken(lobby.hall.cards[job.id], *(notice.message for notice in lobby.hall.announced))
        for verb in ("more", "twice", "delete", "cancel", "keep", "collect"):
            assert_spoken(await lobby.press(verb, job.id, **SPEAKS))
        assert_spoken(*(parcel.message for parcel in lobby.hall.posted.values()))
        assert_spoken(await lobby.desk.jobs(lobby.command(**SPEAKS)))


@pytest.mark.parametrize("kind", ["moderated", "provider_error", "no_credit", "timed_out"])
async def test_a_failure_is_told_in_the_language_of_its_place(tmp_path: Path, kind: str) -> None:
    """With what it means for the money."""
    async with speaking_lobby(tmp_path) as lobby:
        job = await lobby.at(State.GENERATING, **SPEAKS)
        await lobby.story.make(job, Event.REFUSED, kind=kind, billed_usd_micros=0)
        await lobby.speak()
        assert lobby.hall.announced
        assert_spoken(lobby.hall.cards[job.id], *(notice.message for notice in lobby.hall.announced))


async def test_an_admin_is_answered_in_their_language(tmp_path: Path) -> None:
    """Every order, what it means, and what is set in the end."""
    who = {"user": ADA, "is_admin": True, **SPEAKS}
    async with speaking_lobby(tmp_path) as lobby:
        for verb, given, _ in ORDERS:
            assert_spoken(await lobby.order_as(who, verb, **given))
        for verb, given in (("usage", {}), ("show", {}), ("resume", {}), ("resume", {}), ("limit", {"amount": "x"})):
            assert_spoken(await lobby.order_as(who, verb, **given))


async def test_whoever_reads_nothing_else_is_answered_in_english(tmp_path: Path) -> None:
    """While the place goes on in its own language."""
    async with speaking_lobby(tmp_path) as lobby:
        job = await lobby.accepted(scope_locale=LOCALE)
        assert (await lobby.desk.jobs(lobby.command())).items[0].action is not None
        assert (await lobby.told("cancel", job.id)).head == "Cancelled."
        await lobby.speak()
        assert lobby.hall.cards[job.id].head == spoken("Cancelled.")


async def test_in_a_direct_message_a_video_comes_in_its_person_s_language(tmp_path: Path) -> None:
    """Two people share no place there: neither is told in the other's."""
    async with speaking_lobby(tmp_path, allow_dm="on") as lobby:
        theirs = await lobby.at(State.KEPT, **PRIVATELY, locale=LOCALE)
        other = await lobby.at(State.KEPT, **PRIVATELY, user=BEN)
        await lobby.speak()
        assert_spoken(lobby.hall.cards[theirs.id])
        assert lobby.hall.cards[other.id].head == "Kept."


async def test_whoever_adds_the_bot_reads_of_it_in_the_language_of_the_place(tmp_path: Path) -> None:
    """The first words are the ones that must be understood."""
    async with speaking_lobby(tmp_path, user_limit="5/day") as lobby:
        assert_spoken(await lobby.desk.installed("board/1", "Ada", ("Attach Files",), LOCALE))


async def test_discord_is_told_of_commands_in_every_language(tmp_path: Path) -> None:
    """Names that it would not take stay as they are; and whoever reads that language is asked in it."""
    with installed(tmp_path / "locale", words()):
        async with harbour_in(tmp_path) as harbour:
            found = {each["name"]: each for each in harbour.server.commands()}
            quota = found["quota"]
            assert quota["description_localizations"] == {LOCALE: spoken(quota["description"])}
            assert quota["name_localizations"] == {LOCALE: spoken("quota")}
            image = next(each for each in found["animate"]["options"] if each["name"] == "image")
            assert image["description_localizations"] == {LOCALE: spoken(image["description"])}
            shown = harbour.server.post(harbour.maya, harbour.general, files=[("bay.png", png())])
            harbour.maya.locale = LOCALE
            asked = harbour.server.message_command(harbour.maya, shown, "Animate this image")
            await harbour.server.until(lambda: asked.modal)
            assert spoken("How should it move?") in str(asked.modal)
