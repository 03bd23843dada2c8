"""Cards, progress and answers as Discord's components: what stands where, and that no limit of Discord's is passed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.platforms.contract import Action, Card, Item, Message, Picture, Spot, Style
from bot.platforms.discord import drawing
from tests.fakes import discord_schema
from tests.fakes.discord_world import walk

JOB = "7K3Q9FD2"
CANCEL = Action(label="Cancel", verb="cancel", of=JOB)
CARD = Card(
    job=JOB,
    spot=Spot(server="1", channel="2"),
    user="discord/411",
    prompt="the balloon drifts right",
    small=("wan2.5@fal, 720p, 5 s, about $0.50",),
    head="2nd in line",
    line="2nd in line",
    text=(", starts soon",),
    actions=(CANCEL, Action(label="Details", verb="more", of=JOB)),
)
LONG_LINK = f"https://bucket.example.org/{'x' * 600}"
_Sent = dict[str, Any]


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    path = tmp_path / "grey"
    path.write_bytes(b"a picture")
    return Picture(path=path, alt="Picture to animate, still grey")


def sent(view: discord.ui.View | discord.ui.LayoutView | None) -> list[_Sent]:
    """Return what a view is sent as, once nothing is wrong with it."""
    components = drawing.components(view)
    assert list(discord_schema.components(components, is_v2=isinstance(view, discord.ui.LayoutView))) == []
    return components


def texts(components: list[_Sent]) -> list[str]:
    return [each["content"] for each in walk(components) if each["type"] == 10]


def labels(components: list[_Sent]) -> list[str]:
    return [each["label"] for each in walk(components) if each["type"] == 2]


class TestCard:
    """What stands in the channel."""

    def test_a_waiting_card_is_one_frame(self, picture: Picture) -> None:
        """Who and what beside the picture, the state below it on a line of its own, then the buttons."""
        [frame] = sent(drawing.card(replace(CARD, picture=picture)))
        section, state, row = frame["components"]
        assert [each["content"] for each in section["components"]] == [
            "<@411> animates\n> the balloon drifts right",
            "-# wan2.5@fal, 720p, 5 s, about $0.50",
        ]
        assert section["accessory"]["media"]["url"] == "attachment://still.jpg"
        assert section["accessory"]["description"] == picture.alt
        assert state["content"] == "**2nd in line**, starts soon"
        assert [each["custom_id"] for each in row["components"]] == [f"sm:cancel:{JOB}", f"sm:more:{JOB}"]
        assert frame["accent_color"] is None

    def test_only_what_moves_has_colour(self) -> None:
        """A still is grey."""
        assert sent(drawing.card(replace(CARD, is_moving=True)))[0]["accent_color"] == 0xD9470F

    def test_a_card_without_picture_is_whole(self) -> None:
        """The texts stand by themselves, as a section needs something beside it."""
        [frame] = sent(drawing.card(CARD))
        assert [each["type"] for each in frame["components"]] == [10, 10, 10, 1]

    def test_a_card_that_is_over_leads_to_the_message(self) -> None:
        """One button, in the reader's own client."""
        over = replace(CARD, head="Done in 58 s", text=(), actions=(), link="1/2/3", link_label="Watch", is_over=True)
        [frame] = sent(drawing.card(over))
        [button] = frame["components"][-1]["components"]
        assert (button["label"], button["url"]) == ("Watch", "https://discord.com/channels/1/2/3")

    def test_a_card_without_thread_carries_the_progress(self) -> None:
        """In place of its own line."""
        shown = replace(CARD, progress=Message(head="Rendering 64 %"), fraction=0.64)
        told = texts(sent(drawing.card(shown, with_progress=True)))
        assert "**Rendering 64 %**\n━━━━━━━━━━━━────────" in told
        assert not any("2nd in line" in each for each in told)

    def test_a_sentence_that_the_server_minds_is_left_out(self) -> None:
        """What is asked for is still somebody's, and goes on."""
        told = "\n".join(texts(sent(drawing.card(CARD, is_hidden=True))))
        assert "balloon" not in told
        assert drawing.HIDDEN in told


class TestProgress:
    """What the thread's own message says."""

    @pytest.mark.parametrize(
        ("fraction", "cells"), [(0.0, 0), (0.049, 0), (0.05, 1), (0.999, 19), (1.0, 20), (7.0, 20), (-1.0, 0)]
    )
    def test_the_bar_is_never_ahead(self, fraction: float, cells: int) -> None:
        """Words first, the bar last on a line of its own, and full only at the end."""
        shown = replace(CARD, progress=Message(head="Rendering", actions=(CANCEL,)), fraction=fraction)
        [text, row] = sent(drawing.progress(shown))
        assert text["content"] == f"**Rendering**\n{'━' * cells}{'─' * (20 - cells)}"
        assert labels([row]) == ["Cancel"]

    def test_there_is_no_bar_where_nobody_knows(self) -> None:
        """An invented one would be a lie."""
        shown = replace(CARD, progress=Message(head="Rendering", small=("Your picture was turned upright.",)))
        assert texts(sent(drawing.progress(shown))) == ["**Rendering**", "-# Your picture was turned upright."]

    def test_what_stays_is_small_print(self) -> None:
        """And nothing stays where there was nothing to note."""
        assert texts(sent(drawing.note(replace(CARD, note=("It was scaled.",))))) == ["-# It was scaled."]
        assert sent(drawing.note(CARD)) == []


class TestPrivate:
    """What one person alone sees."""

    def test_a_list_has_a_button_a_line(self) -> None:
        """Below the head and a line; what has nothing to press is text alone."""
        items = (
            Item(quote="one", small=("rendering",), action=CANCEL),
            Item(quote="two", small=("done",), action=Action(label="Watch", link="1/2/3")),
            Item(quote="three", small=("cancelled",)),
        )
        message = Message(
            head="3 of 5 videos left today.", items=items, actions=(Action(label="Show older", verb="jobs"),)
        )
        shown = sent(drawing.private(message))
        assert [each["type"] for each in shown] == [10, 14, 9, 9, 10, 1]
        assert labels(shown) == ["Cancel", "Watch", "Show older"]

    def test_a_refusal_shows_what_is_kept_beside_its_picture(self, picture: Picture) -> None:
        """The phrase first, then the sentence and that it is kept."""
        message = Message(head="You have used your 5 videos.", quote="a cat", small=("It is kept.",), picture=picture)
        [section] = sent(drawing.private(message))
        assert texts([section]) == ["**You have used your 5 videos.**", "> a cat\n-# It is kept."]

    def test_details_begin_with_the_whole_sentence(self) -> None:
        """However long it is, as long as Discord takes it."""
        told = texts(sent(drawing.private(Message(quote="word " * 700, text=("Seed: 1",)))))
        assert len(told[0]) > 3400
        assert told[1] == "Seed: 1"

    def test_a_chart_and_its_table_are_both_to_be_seen(self, picture: Picture, tmp_path: Path) -> None:
        """A file that no part of the message shows would be invisible."""
        table = tmp_path / "usage of november.csv"
        table.write_text("day,usd")
        message = Message(head="$31.20", picture=picture, files=(table,))
        shown = json.dumps(sent(drawing.private(message)))
        files = drawing.files(message)
        assert [each.filename for each in files] == ["still.jpg", "usage-of-november.csv"]
        assert all(f"attachment://{each.filename}" in shown for each in files)
        for each in files:
            each.close()

    def test_a_picture_that_is_gone_is_left_out(self, picture: Picture) -> None:
        """From the words and from the files alike."""
        picture.path.unlink()
        message = Message(head="Kept.", picture=picture)
        assert texts(sent(drawing.private(message))) == ["**Kept.**"]
        assert drawing.files(message) == []

    async def test_nobody_listens_to_a_view(self) -> None:
        """Else discord.py would keep every message's buttons for ever; a press is known by its custom id."""
        assert drawing.private(Message(head="Kept.", actions=(CANCEL,))).is_finished()
        assert drawing.card(CARD).is_finished()
        view = drawing.plain(Message(actions=(CANCEL,)))[1]
        assert view is not None
        assert view.is_finished()


class TestPlain:
    """What rings."""

    def test_it_is_content_and_one_row(self) -> None:
        """So that a push shows the words: who it is for, the phrase, what it means, small print."""
        message = Message(
            head="fal refused this video.",
            text=("You were not charged.",),
            small=(f"job {JOB}",),
            actions=(Action(label="Edit and try again", verb="edit", of=JOB),),
        )
        content, view = drawing.plain(message, "discord/411")
        assert content == f"<@411> **fal refused this video.** You were not charged.\n-# job {JOB}"
        [row] = sent(view)
        assert labels([row]) == ["Edit and try again"]

    def test_words_alone_have_no_buttons(self) -> None:
        """And mention nobody who is told privately anyway."""
        assert drawing.plain(Message(text=("It walked.",))) == ("It walked.", None)


class TestButtons:
    """What can be pressed."""

    def test_spending_stands_out_and_destroying_is_red(self) -> None:
        """Everything else is grey."""
        actions = tuple(Action(label=style, verb=style, style=style) for style in Style)
        [row] = sent(drawing.plain(Message(actions=actions))[1])
        assert [each["style"] for each in row["components"]] == [2, 1, 4]

    def test_a_button_stands_once_and_says_something(self) -> None:
        """Discord refuses a message with the same one twice, or one that leads nowhere."""
        actions = (CANCEL, CANCEL, Action(label="", verb="more"), Action(label="Why", link="privately"))
        assert labels(sent(drawing.plain(Message(actions=actions))[1])) == ["Cancel"]

    def test_a_link_too_long_for_a_button_is_written(self) -> None:
        """A bucket's signed link is; without it there would be no video."""
        message = Message(text=("Too big for here.",), actions=(Action(label="Full quality", link=LONG_LINK),))
        assert drawing.plain(message) == (f"Too big for here.\n[Full quality](<{LONG_LINK}>)", None)
        assert texts(sent(drawing.private(message)))[-1] == f"[Full quality](<{LONG_LINK}>)"


@pytest.mark.parametrize("text", ["", " ", "\udcff\x00", "@" * 300_000, "[x](http://a.b)\n" * 900, "👩\u200d🚀" * 5000])
def test_nothing_grows_past_what_discord_takes(text: str, picture: Picture) -> None:
    """Whatever stands in every part of it at once."""
    action, link = Action(label=text, verb="cancel", of=JOB), Action(label=text or "Get", link=LONG_LINK)
    item = Item(quote=text, small=(text,), action=action)
    message = Message(
        head=text,
        text=(text, text),
        quote=text,
        small=(text,),
        items=tuple(replace(item, action=replace(action, of=f"{number}")) for number in range(20)),
        actions=(link, *(replace(action, verb=f"verb{number}") for number in range(30))),
        picture=picture,
    )
    shown = replace(CARD, prompt=text, small=(text,), head=text, text=(text,), progress=message, note=(text,))
    for view in (
        drawing.private(message),
        drawing.card(replace(shown, picture=picture)),
        drawing.card(shown, with_progress=True),
        drawing.note(shown),
    ):
        sent(view)
    content, row = drawing.plain(message, "discord/411")
    assert len(content) <= 2000
    sent(row)
