"""A request over the budget: who decided and when is told to everybody whom it concerns, and no old button misleads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.platforms.contract import Message, Moment, Named
from storage.contract import Facts, Job, Move
from storage.states import Event, State
from tests.e2e.lobby import ADA, ANA, Lobby, labels, of, opened, words

ADMIN: dict[str, Any] = {"user": ADA, "is_admin": True}
OTHER_ADMIN: dict[str, Any] = {"user": "board/eve", "is_admin": True}


async def held(lobby: Lobby) -> Job:
    """Put a request to the admins, in their own channel."""
    await lobby.order("budget", amount="0.30")
    await lobby.order("approvals", switch="on")
    await lobby.order("alerts", channel="board/4", name="#ops")
    answer = await lobby.press("ask", of(await lobby.refused(), "Ask for approval"))
    await lobby.speak()
    lobby.clock.forward(120_000)
    return await lobby.job(answer.job)


def asked(lobby: Lobby) -> Message:
    """Return what admins were asked, as it stands now."""
    return [notice for notice in lobby.hall.announced if notice.what == "approval"][-1].message


def decided(lobby: Lobby, how: str) -> str:
    return f"It was {how}. user:{ADA} decided so [{lobby.clock()}]."


@pytest.mark.parametrize(("verb", "how"), [("approve", "approved"), ("decline", "declined")])
async def test_who_presses_an_old_button_is_told_who_decided_and_when(tmp_path: Path, verb: str, how: str) -> None:
    """Also an admin who could not have decided, and however long ago it was."""
    async with opened(tmp_path) as lobby:
        job = await held(lobby)
        await lobby.told(verb, job.id, **ADMIN)
        told = decided(lobby, how)
        lobby.clock.forward(60_000)
        for late in ("approve", "decline"):
            assert words(await lobby.told(late, job.id, **OTHER_ADMIN)) == f"This was decided already. {told}"


@pytest.mark.parametrize(("verb", "how"), [("approve", "approved"), ("decline", "declined")])
async def test_what_admins_were_asked_loses_its_buttons_once_it_is_decided(tmp_path: Path, verb: str, how: str) -> None:
    """It says instead who decided, where it stands, however that was done; nothing else is posted."""
    async with opened(tmp_path) as lobby:
        job = await held(lobby)
        assert labels(asked(lobby)) == ["Approve for $0.50", "Decline", "Details"]
        await lobby.told(verb, job.id, **ADMIN)
        await lobby.speak()
        assert labels(asked(lobby)) == ["Details"]
        assert decided(lobby, how) in words(asked(lobby))
        assert [each.reference for each in lobby.hall.announced if each.what == "approval"] == [
            "",
            f"{job.id}:approval",
        ]
        references = await lobby.bot.store.references(job.id)
        assert references["approval"] == f"{job.id}:approval"


async def test_a_request_that_was_withdrawn_asks_nobody_any_more(tmp_path: Path) -> None:
    """Its buttons would do nothing."""
    async with opened(tmp_path) as lobby:
        job = await held(lobby)
        await lobby.told("cancel", job.id)
        at_ms = lobby.clock()
        await lobby.speak()
        assert labels(asked(lobby)) == ["Details"]
        assert f"It was withdrawn [{at_ms}]." in words(asked(lobby))
        assert f"It was withdrawn [{at_ms}]." in words(await lobby.told("approve", job.id, **ADMIN))


async def test_a_request_withdrawn_while_admins_are_asked_asks_them_no_more(tmp_path: Path) -> None:
    """In the very moment in which the question is posted."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        await lobby.order("alerts", channel="board/4", name="#ops")
        answer = await lobby.press("ask", of(await lobby.refused(), "Ask for approval"))
        lobby.hall.meanwhile = lambda: lobby.told("cancel", answer.job)
        await lobby.speak()
        lobby.hall.meanwhile = None
        await lobby.speak()
        assert labels(asked(lobby)) == ["Details"]
        assert "It was withdrawn" in words(asked(lobby))


async def test_who_asked_reads_who_declined_and_when(tmp_path: Path) -> None:
    """On the card, and in what rings them."""
    async with opened(tmp_path) as lobby:
        job = await held(lobby)
        await lobby.told("decline", job.id, **ADMIN)
        await lobby.speak()
        by_whom = (Named(f"user:{ADA}"), " decided so ", Moment(lobby.clock()), ".")
        card = lobby.hall.cards[job.id]
        assert (card.head, card.text) == ("Declined.", (*by_whom, " ", "Nothing was charged."))
        [told] = [notice for notice in lobby.hall.announced if notice.what == "outcome"]
        assert told.user == ANA
        assert (told.message.head, told.message.text) == (
            "It was declined.",
            (*by_whom, " ", "Nothing was charged."),
        )


async def test_who_asked_reads_who_let_it_through(tmp_path: Path) -> None:
    """In the thread, where the rest of it is told, to the end."""
    async with opened(tmp_path) as lobby:
        job = await held(lobby)
        await lobby.told("approve", job.id, **ADMIN)
        at_ms = lobby.clock()
        for event in (Event.PREPARED, Event.SUBMIT, Event.TICKET):
            await lobby.story.make(await lobby.job(job.id), event)
        await lobby.speak()
        card = lobby.hall.cards[job.id]
        through = ("It was approved.", " ", Named(f"user:{ADA}"), " decided so ", Moment(at_ms), ".")
        assert card.note == through
        assert card.progress is not None
        assert card.progress.small == through


async def test_an_operator_at_a_terminal_is_not_named(tmp_path: Path) -> None:
    """Nobody in a server knows who that is."""
    async with opened(tmp_path) as lobby:
        job = await held(lobby)
        facts = Facts(by="user:cli/root")
        await lobby.bot.store.record(Move(job=job.id, expected=State.HELD, event=Event.DECLINED, facts=facts))
        told = words(await lobby.told("approve", job.id, **ADMIN))
        assert told.endswith(f"It was declined. The people who run this bot decided so [{lobby.clock()}].")


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.KEPT, "It is kept for you: `/collect` gets it where you ask. It is deleted [{at}]."),
        (State.LATE, "It is still looked for; that ends [{at}]. If it comes, you get it here."),
    ],
)
async def test_what_does_not_last_says_until_when(tmp_path: Path, state: State, sentence: str) -> None:
    """A video that waits to be collected, and one that is still looked for."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(state)
        await lobby.speak()
        at_ms = job.keep_until_ms if state is State.KEPT else job.retention_at_ms
        assert sentence.format(at=at_ms) in words(lobby.hall.announced[-1].message)
