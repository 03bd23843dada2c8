"""Text on Discord: people's words stay words, our own keep their code and links, and nothing grows past its limit."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.contract import Moment, Named
from bot.platforms.discord import markup

MARKS = "\\*_~`|><#-+.:@[]()"


def unescaped(text: str) -> str:
    """Return what a client shows of escaped text."""
    shown, at = "", 0
    while at < len(text):
        at += text[at] == "\\"
        shown, at = shown + text[at : at + 1], at + 1
    return shown.replace("\u200b", "")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("a cat", "a cat"),
        ("@everyone", "\\@\u200beveryone"),
        ("<@1> <t:1:R> </go:1>", "\\<\\@\u200b1\\> \\<t\\:1\\:R\\> \\</go\\:1\\>"),
        ("[x](http://a.b)", "\\[x\\]\\(http\\://a\\.b\\)"),
        ("1. one\n- two\n# three", "1\\. one \\- two \\# three"),
        ("a\x00b\u202egnp\udcff\r\n\tc", "a bgnp c"),
        ("", ""),
        (" \n\u202e", ""),
    ],
)
def test_what_people_wrote_is_shown_as_it_is(typed: str, sent: str) -> None:
    """It can neither format, nor ring, nor hide where a link leads, nor turn the reading direction."""
    assert markup.escaped(typed) == sent


@given(st.text(), st.integers(1, 60))
def test_escaped_text_holds_in_what_it_may_take(typed: str, most: int) -> None:
    """The limit is on what is sent; each mark has its backslash, and none is cut off from it."""
    sent = markup.escaped(typed, most)
    assert len(sent) <= most
    assert "\n" not in sent
    assert all(unescaped(sent).count(mark) <= sent.count(f"\\{mark}") for mark in MARKS)


def test_text_is_cut_between_letters() -> None:
    """An astronaut is one letter, however many code points she has."""
    assert markup.one_line("👩\u200d🚀" * 3, 8) == "👩\u200d🚀👩\u200d🚀…"


@pytest.mark.parametrize("most", [10, 50, 2000])
@pytest.mark.parametrize("typed", ["x" * 300_000, "@" * 5000, "a b " * 9000])
def test_a_quote_is_cut_after_it_was_escaped(typed: str, most: int) -> None:
    """Escapes count too."""
    assert 3 <= len(markup.quoted(typed, most)) <= most


def test_no_words_are_no_quote() -> None:
    """An empty quote would be a bar beside nothing."""
    assert markup.quoted(" \n") == ""


@pytest.mark.parametrize(
    ("ours", "sent"),
    [
        ("Type `/animate` here, or see https://a.b/x_y_z.", "Type `/animate` here, or see https://a.b/x_y_z."),
        ("Deleted by [x](evil) **Ada** <@1>", "Deleted by \\[x\\](evil) \\*\\*Ada\\*\\* \\<@1\\>"),
        ("wan2.5@fal, 720p", "wan2.5@fal, 720p"),
        ("one\ntwo\rthree", "one\ntwo three"),
    ],
)
def test_our_own_words_keep_code_and_links(ours: str, sent: str) -> None:
    """While a name in them formats nothing."""
    assert markup.written((ours,)) == sent


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("user:discord/15", "<@15>"),
        ("discord/15", "<@15>"),
        ("role:discord/15", "<@&15>"),
        ("channel:discord/15", "<#15>"),
        ("user:cli/eve*", "eve\\*"),
        ("user:discord/15>", "15\\>"),
    ],
)
def test_a_person_role_or_channel_is_called_as_it_is_now(subject: str, sent: str) -> None:
    """Discord writes its own; what is none of Discord's stands as it is kept."""
    assert markup.written((Named(subject), ": 3")) == f"{sent}: 3"


def test_a_moment_counts_by_itself() -> None:
    """A near or past one counts; a far one has its clock too, as Discord rounds it."""
    now_s = int(time.time())
    near, past, far = ((Moment((now_s + ahead_s) * 1000),) for ahead_s in (90, -9000, 7200))
    assert markup.written(("ready ", *near)) == f"ready <t:{now_s + 90}:R>"
    assert markup.written(past) == f"<t:{now_s - 9000}:R>"
    assert markup.written(("back ", *far, ".")) == f"back <t:{now_s + 7200}:R>, at <t:{now_s + 7200}:t>."


@given(st.lists(st.one_of(st.text(), st.builds(Moment, st.integers(0, 4 * 10**12)))), st.integers(1, 80))
def test_our_own_words_hold_in_what_they_may_take(parts: list[str | Moment], most: int) -> None:
    """A moment is whole or not there."""
    sent = markup.written(tuple(parts), most)
    assert len(sent) <= most
    assert sent.count("<t:") == sent.count("R>") + sent.count(":t>")


@pytest.mark.parametrize(
    ("head", "text", "sent"),
    [
        ("Rendering", ", ready soon", "**Rendering**, ready soon"),
        ("Done.", "It cost $0.50.", "**Done.** It cost $0.50."),
        ("Done in 58 s", "", "**Done in 58 s**"),
        ("", "Nothing", "Nothing"),
        ("Help", "1. one\n2. two", "**Help**\n1. one\n2. two"),
    ],
)
def test_the_phrase_is_bold_and_runs_on(head: str, text: str, sent: str) -> None:
    """With a space where the words want one, and a line of its own before a list."""
    assert markup.headed(head, (text,)) == sent


def test_small_print_is_small_on_every_line() -> None:
    """Discord ends it at a line's end."""
    assert markup.small(("one\n\ntwo",)) == "-# one\n-# two"
    assert markup.small(()) == ""


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [
        ("1/2/3", "https://discord.com/channels/1/2/3"),
        ("@me/2/3", "https://discord.com/channels/@me/2/3"),
        ("https://media.example.org/m/1", "https://media.example.org/m/1"),
        ("javascript:alert(1)", ""),
        ("privately", ""),
    ],
)
def test_a_reference_or_a_url_leads_somewhere(link: str, leads_to: str) -> None:
    """Anything else leads nowhere."""
    assert markup.address(link) == leads_to


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("the balloon drifts right.mp4", "the-balloon-drifts-right-7K3Q9FD2.mp4"),
        ("Ünï/../cøde*.mp4", "Uni-cde-7K3Q9FD2.mp4"),
        ("気球.mp4", "video-7K3Q9FD2.mp4"),
        ("video", "video-7K3Q9FD2.mp4"),
        ("SPOILER_" + "x" * 90 + ".webm", "SPOILER-" + "x" * 32 + "-7K3Q9FD2.webm"),
    ],
)
def test_a_file_carries_its_job_in_plain_letters(name: str, sent: str) -> None:
    """What Discord would change in a name is not in there; nobody makes a spoiler of it by its words."""
    made = markup.file_name(name, "7K3Q9FD2")
    assert made == sent
    assert markup.carries(made, "7K3Q9FD2")
    assert not markup.carries(made, "K3Q9FD2")
