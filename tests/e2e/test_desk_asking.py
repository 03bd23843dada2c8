"""Asking at the desk: a job and one private line, or a refusal that keeps what was sent and helps on."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import Any

import pytest

from bot.platforms.contract import Spot, Style
from bot.platforms.errors import PlaceGone, PlatformDown, PlatformError
from storage.errors import Unknown
from storage.states import State
from tests.e2e.lobby import ADA, ANA, BEN, ELSEWHERE, NOWHERE, PRIVATELY, labels, of, opened, words
from tests.fakes.provider import imagined


def sound(folder: Path) -> Path:
    """Write a second of silence."""
    path = folder / "birds.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\1" * 8000)
    return path


async def test_the_first_video_says_once_what_goes_to_whom(tmp_path: Path) -> None:
    """Nobody reads it twice, and nobody misses it."""
    async with opened(tmp_path, user_limit="5/day") as lobby:
        first, second = await lobby.ask(), await lobby.ask()
        assert first.message is not None
        assert second.message is not None
        assert "on its way" in first.message.head
        assert "about $0.50" in words(first.message)
        assert "5 videos a day. `/help` says more." in words(first.message)
        assert second.message.small == ()
        assert lobby.woken == [first.job, second.job]


async def test_a_command_that_comes_twice_is_one_job_with_a_card(tmp_path: Path) -> None:
    """Platforms deliver again."""
    async with opened(tmp_path) as lobby:
        command = lobby.command()
        answers = await asyncio.gather(lobby.desk.ask(command), lobby.desk.ask(command))
        assert answers[0].job == answers[1].job
        owed = await lobby.bot.store.owed(platforms=["board"], most=9)
        assert [each.notice for each in owed] == ["card"]


# What an admin ordered, what is asked, what is said; each is decided before anything is reserved.
CLOSED: list[tuple[str, tuple[str, dict[str, str]] | None, dict[str, Any], str]] = [
    ("lacks", None, {"lacks": ("Attach Files",)}, "Missing is Attach Files; whoever manages this channel can give it."),
    ("paused", ("pause", {}), {}, "It rests since [1788264000000]. An admin can resume it."),
    ("channel", ("channels", {"channel": "board/5", "name": "#videos"}), {}, "It is in #videos."),
    ("role", ("roles", {"role": "board/r1", "name": "@Makers"}), {}, "It is for @Makers"),
    ("model", ("models", {"model": "wan2.6"}), {"model": "wan2.5"}, "Choose wan2.6"),
]


@pytest.mark.parametrize(("ordered", "asked", "said"), [case[1:] for case in CLOSED], ids=[case[0] for case in CLOSED])
async def test_what_stands_in_the_way_is_named_and_the_request_kept(
    tmp_path: Path, ordered: tuple[str, dict[str, str]] | None, asked: dict[str, Any], said: str
) -> None:
    """Asking somebody to start over is a defect."""
    async with opened(tmp_path) as lobby:
        if ordered is not None:
            await lobby.order(ordered[0], **ordered[1])
        told = await lobby.refused(**asked)
        assert said in words(told)
        assert told.quote == "a slow zoom"
        assert "Your picture and sentence are kept. Nothing was charged." in words(told)
        assert "Edit" in labels(told)
        assert await lobby.bot.store.jobs() == []


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (ELSEWHERE | {"scope_is_own": False}, "This bot may not be used here."),
        (PRIVATELY, "makes no videos in direct messages"),
        ({"user": BEN}, "An admin here does not let you"),
    ],
)
async def test_of_who_may_not_ask_at_all_nothing_is_kept(tmp_path: Path, who: dict[str, Any], said: str) -> None:
    """Not even a draft."""
    async with opened(tmp_path) as lobby:
        await lobby.order("block", user=BEN, name="@Ben")
        told = await lobby.refused(**who)
        assert said in words(told)
        assert told.actions == ()
        assert list(lobby.bot.setting.loaded.media.glob("??/*")) == []


async def test_where_roles_are_chosen_those_and_admins_may_ask(tmp_path: Path) -> None:
    """An admin who closed the door is not behind it."""
    async with opened(tmp_path) as lobby:
        await lobby.order("roles", role="board/r1", name="@Makers")
        await lobby.accepted(roles=("board/r1",))
        await lobby.accepted(user=ADA, is_admin=True)


async def test_among_the_allowed_models_the_router_finds_one(tmp_path: Path) -> None:
    """Who names no model is not refused for one they never asked for."""
    async with opened(tmp_path) as lobby:
        await lobby.order("models", model="wan2.6")
        assert (await lobby.accepted()).offer == "wan2.6@other"


async def test_a_request_for_another_offer_has_a_button_that_switches(tmp_path: Path) -> None:
    """The form, the sentence and the sound are kept."""
    async with opened(tmp_path) as lobby:
        told = await lobby.refused(model="wan2.5", audio=sound(tmp_path))
        assert labels(told) == ["Switch to wan2.6", "Edit"]
        assert told.actions[0].style is Style.MAIN
        assert "Your picture, sound and sentence are kept." in words(told)
        answer = await lobby.press("retry", of(told, "Switch to wan2.6"))
        job = await lobby.job(answer.job)
        assert (job.offer, job.request["prompt"]) == ("wan2.6@other", "a slow zoom")
        assert {each.role for each in job.inputs} == {"image", "audio"}


async def test_a_sentence_too_long_for_one_offer_fits_another(tmp_path: Path) -> None:
    """The numbers are said, and the way out is a button."""
    async with opened(tmp_path) as lobby:
        told = await lobby.refused(model="wan2.5", prompt="x " * 1500)
        assert "3000 characters" in words(told)
        assert labels(told)[0] == "Switch to wan2.6"


async def test_without_a_picture_the_sentence_is_kept_and_the_form_asks_for_it(tmp_path: Path) -> None:
    """Nobody types twice."""
    async with opened(tmp_path) as lobby:
        told = await lobby.refused(image=None, prompt="the boat leaves")
        assert "Your sentence is kept." in words(told)
        answer = await lobby.press("edit", of(told, "Edit"))
        assert answer.form is not None
        assert (answer.form.needs_picture, answer.form.prompt) == (True, "the boat leaves")


async def test_a_limit_says_when_there_is_room_and_trying_again_then_works(tmp_path: Path) -> None:
    """The same request, without typing."""
    async with opened(tmp_path, user_limit="1/day") as lobby:
        await lobby.accepted()
        told = await lobby.refused()
        assert told.head == "You have used your 1 video for today."
        assert labels(told) == ["Try again", "Edit", "My videos"]
        assert "[1788307200000]" in words(told)
        draft = of(told, "Try again")
        assert "used your 1 video" in words((await lobby.press("retry", draft)).message)  # type: ignore[arg-type]
        lobby.clock.forward(23 * 3_600_000)
        lobby.watch.now_s += 11
        answer = await lobby.press("retry", draft)
        assert answer.job


async def test_a_draft_becomes_at_most_one_job(tmp_path: Path) -> None:
    """However often its button is pressed."""
    async with opened(tmp_path) as lobby:
        await lobby.order("pause")
        draft = of(await lobby.refused(), "Try again")
        await lobby.order("resume")
        first = await lobby.press("retry", draft)
        lobby.watch.now_s += 60
        second = await lobby.press("retry", draft)
        assert first.job == second.job
        assert len(await lobby.bot.store.jobs()) == 1


async def test_a_limit_of_nothing_says_so(tmp_path: Path) -> None:
    """There is nothing to wait for, and no shorter video would help."""
    async with opened(tmp_path) as lobby:
        await lobby.order("limit", amount="0/day")
        assert words(await lobby.refused()).startswith(
            "Nobody may ask for videos in this server: its limit is 0. An admin can raise it."
        )


async def test_a_preview_is_said_to_be_one_each_time(tmp_path: Path) -> None:
    """Nobody waits for a cat to dance."""
    async with opened(tmp_path, also=(imagined(NOWHERE, "tiny", model="preview"),)) as lobby:
        for _ in range(2):
            answer = await lobby.ask(model="preview")
            assert answer.message is not None
            assert "It is a preview without AI: a camera move over the picture" in words(answer.message)
        answer = await lobby.ask(model="wan2.5")
        assert answer.message is not None
        assert "preview" not in words(answer.message)


async def test_what_was_changed_since_is_another_video(tmp_path: Path) -> None:
    """Nobody's new words are thrown away; the same form sent twice is one video."""
    async with opened(tmp_path) as lobby:
        await lobby.order("pause")
        draft = of(await lobby.refused(), "Try again")
        await lobby.order("resume")
        sent = {"origin": draft, "image": None, "model": "wan2.5@imagined", "options": {"duration": "5"}}
        first, again = await lobby.ask(**sent), await lobby.ask(**sent)
        assert first.job == again.job
        assert again.message is not None
        assert again.message.head == "You asked for this already."
        changed = await lobby.accepted(**sent | {"prompt": "pan left"})
        assert changed.id != first.job
        await lobby.told("cancel", first.job)
        assert (await lobby.accepted(**sent)).id not in {first.job, changed.id}
        assert [each.role for each in changed.inputs] == ["image"]


async def test_a_draft_asked_for_twice_at_the_same_moment_is_one_video(tmp_path: Path) -> None:
    """Whichever of several ways it goes: what comes of it is written down with the job itself."""
    async with opened(tmp_path) as lobby:
        await lobby.order("pause")
        draft = of(await lobby.refused(), "Try again")
        await lobby.order("resume")
        answers = await asyncio.gather(*(lobby.ask(origin=draft, image=None) for _ in range(4)))
        assert len({answer.job for answer in answers}) == 1
        assert len(await lobby.bot.store.jobs()) == 1


async def test_too_many_in_the_making_are_listed_with_a_way_to_cancel(tmp_path: Path) -> None:
    """The only thing that helps, beside waiting."""
    async with opened(tmp_path, user_max_open=1) as lobby:
        job = await lobby.accepted(prompt="first")
        told = await lobby.refused()
        assert told.head == "You have 1 video in the making."
        [item] = told.items
        assert item.quote == "first"
        assert item.action is not None
        assert (item.action.verb, item.action.of) == ("cancel", job.id)


@pytest.mark.parametrize("approvals", ["on", "off"])
async def test_over_a_budget_an_admin_can_be_asked_where_approvals_are_on(tmp_path: Path, approvals: str) -> None:
    """Who can help is named: the admin who set it."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch=approvals)
        told = await lobby.refused()
        assert "This server's budget for this month has no room" in told.head
        assert "About $0.30 of it is left, and this needs about $0.50. An admin can" in words(told)
        assert ("Ask for approval" in labels(told)) is (approvals == "on")


async def test_a_request_put_to_an_admin_is_held_and_goes_on_once_approved(tmp_path: Path) -> None:
    """The same job, resumed; an admin passes only what an admin set."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        draft = of(await lobby.refused(), "Ask for approval")
        held = await lobby.press("ask", draft)
        assert (await lobby.job(held.job)).state is State.HELD
        assert (await lobby.press("ask", draft)).job == held.job
        assert "Only an admin here can" in words(await lobby.told("approve", held.job, user=BEN))
        assert (await lobby.told("approve", held.job, user=ADA, is_admin=True)).head == "Approved."
        assert (await lobby.job(held.job)).state is State.PREPARING
        assert (await lobby.told("decline", held.job, user=ADA, is_admin=True)).head == "This was decided already."


async def test_admins_are_asked_in_the_channel_that_they_chose_else_on_the_card(tmp_path: Path) -> None:
    """Where one stands there, with what is asked for and what it does to the budget, the card asks nobody."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        on_card = await lobby.press("ask", of(await lobby.refused(), "Ask for approval"))
        await lobby.speak()
        assert lobby.hall.announced == []
        await lobby.order("alerts", channel="board/4", name="#ops")
        held = await lobby.press("ask", of(await lobby.refused(), "Ask for approval"))
        await lobby.speak()
        [asked] = lobby.hall.announced
        assert (asked.job, asked.user, asked.is_about, asked.spot) == (
            held.job,
            ANA,
            True,
            Spot(server="1", channel="4"),
        )
        assert "This server's budget this month: $0.00 of $0.30 used. With this video: $0.50." in words(asked.message)
        assert "wan2.5@imagined, 720p, 5 s, about $0.50" in words(asked.message)
        assert asked.message.quote == "a slow zoom"
        assert labels(asked.message) == ["Approve for $0.50", "Decline", "Details"]
        cards = [[action.label for action in lobby.hall.cards[job].actions] for job in (on_card.job, held.job)]
        assert cards == [["Approve for $0.50", "Decline", "Withdraw", "Details"], ["Withdraw", "Details"]]
        told = await lobby.told("approve", held.job, user=ADA, is_admin=True, channel="board/4")
        assert told.head == "Approved."


@pytest.mark.parametrize(
    ("trouble", "asks"), [(PlaceGone("gone"), True), (PlatformDown("down"), False)], ids=["gone", "down"]
)
async def test_a_channel_for_admins_that_takes_nothing_leaves_it_to_the_card(
    tmp_path: Path, trouble: PlatformError, *, asks: bool
) -> None:
    """Whoever waits is not forgotten because a channel was deleted; one that is down for a moment is asked again."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        await lobby.order("alerts", channel="board/4", name="#ops")
        held = await lobby.press("ask", of(await lobby.refused(), "Ask for approval"))
        lobby.hall.trouble = trouble
        await lobby.speak()
        assert [action.verb for action in lobby.hall.cards[held.job].actions][:2] == ["approve", "decline"]
        lobby.hall.trouble = None
        lobby.clock.forward(120_000)
        await lobby.speak()
        assert bool(lobby.hall.announced) is not asks


async def test_what_was_decided_before_admins_were_asked_is_not_asked(tmp_path: Path) -> None:
    """Its person withdrew it."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        await lobby.order("alerts", channel="board/4", name="#ops")
        held = await lobby.press("ask", of(await lobby.refused(), "Ask for approval"))
        await lobby.told("cancel", held.job)
        await lobby.speak()
        assert lobby.hall.announced == []


async def test_what_an_operator_set_only_an_operator_passes(tmp_path: Path) -> None:
    """An admin spends no money that is not theirs to spend."""
    async with opened(tmp_path, scope_budget_usd="0.30") as lobby:
        await lobby.order("approvals", switch="on")
        told = await lobby.refused()
        assert "The people who run this bot can let this one video through" in words(told)
        held = await lobby.press("ask", of(told, "Ask for approval"))
        assert held.message is not None
        assert held.message.head == "Waiting for the people who run this bot."
        await lobby.speak()
        assert lobby.hall.cards[held.job].head == "Waiting for the people who run this bot"
        assert [alert.cause for alert in await lobby.bot.store.alerts()] == [f"held:{held.job}"]
        assert "Only the people who run this bot can" in words(
            await lobby.told("approve", held.job, user=ADA, is_admin=True)
        )
        assert (await lobby.told("approve", held.job, is_operator=True)).head == "Approved."
        assert await lobby.bot.store.alerts() == []


async def test_another_budget_in_the_way_is_named_and_the_request_keeps_waiting(tmp_path: Path) -> None:
    """Approving one budget is not approving all."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        held = await lobby.press("ask", of(await lobby.refused(), "Ask for approval"))
        await lobby.bot.store.set_limits("scope:board/1", "$0.10/month", by="operator")
        told = await lobby.told("approve", held.job, user=ADA, is_admin=True)
        assert told.head == "It cannot be approved yet."
        assert (await lobby.job(held.job)).state is State.HELD
        assert (await lobby.told("decline", held.job, user=ADA, is_admin=True)).head == "Declined."
        assert (await lobby.job(held.job)).failure == "declined"


async def test_a_draft_is_its_person_s_alone(tmp_path: Path) -> None:
    """Another who learns its name finds nothing, nor does anybody after its day."""
    async with opened(tmp_path) as lobby:
        draft = of(await lobby.refused(lacks=("Attach Files",)), "Edit")
        for verb in ("edit", "retry", "ask", "undo"):
            assert "nothing here any more" in (await lobby.told(verb, draft, user=BEN)).head
        lobby.clock.forward(25 * 3_600_000)
        with pytest.raises(Unknown):
            await lobby.bot.store.draft(draft)
        assert "nothing here any more" in (await lobby.told("edit", draft)).head


HOSTILE = "@everyone **bold** `x` {0} %s <@1> </animate:1>\u202e. ignore"


async def test_hostile_words_stay_data(tmp_path: Path) -> None:
    """They are quoted or cut as text, never formatted into ours."""
    async with opened(tmp_path) as lobby:
        told = await lobby.refused(prompt=HOSTILE, lacks=("Attach Files",))
        assert told.quote == HOSTILE
        assert "@everyone" not in words(told).replace(HOSTILE, "")
        odd = await lobby.refused(model=HOSTILE)
        assert "There is no model" in odd.head
        bad = await lobby.refused(options={"resolution": HOSTILE})
        assert "resolution cannot be" in bad.head
        job = await lobby.accepted(prompt=f"\0{HOSTILE}\ud800")
        assert job.request["prompt"] == HOSTILE
        assert (await lobby.told("more", job.id)).quote == HOSTILE
        assert (await lobby.desk.jobs(lobby.command())).items[0].quote == HOSTILE


async def test_files_of_a_form_are_kept_until_it_is_sent(tmp_path: Path) -> None:
    """A message's picture may be gone by then."""
    async with opened(tmp_path) as lobby:
        asking = lobby.command()
        await lobby.desk.keep(asking, "DMSG00001", lobby.bot.setting.picture, None)
        opened_form = await lobby.desk.form(asking, "DMSG00001")
        assert opened_form.form is not None
        assert opened_form.form.origin == "DMSG00001"
        job = await lobby.accepted(image=None, origin="DMSG00001", prompt="pan right", model="wan2.5@imagined")
        assert [each.role for each in job.inputs] == ["image"]
        assert "nothing here any more" in words((await lobby.desk.form(lobby.command(user=BEN), "DMSG00001")).message)  # type: ignore[arg-type]


async def test_a_request_from_a_direct_message_is_one_like_any_where_that_is_allowed(tmp_path: Path) -> None:
    """The person's own limits hold there too."""
    async with opened(tmp_path, allow_dm=True) as lobby:
        assert (await lobby.accepted(**PRIVATELY)).subjects.user == f"user:{ANA}"


@pytest.mark.parametrize(
    ("order", "head"),
    [("pause", "This bot is paused here."), ("block", "An admin here does not let you use this bot.")],
)
async def test_who_may_not_ask_any_more_cannot_put_an_old_request_to_an_admin(
    tmp_path: Path, order: str, head: str
) -> None:
    """Its refusal was from before."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        ask = of(await lobby.refused(), "Ask for approval")
        await lobby.order(order, user=ANA)
        assert (await lobby.told("ask", ask)).head == head


async def test_once_approvals_are_off_an_old_refusal_asks_nobody(tmp_path: Path) -> None:
    """Its button is from before."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        ask = of(await lobby.refused(), "Ask for approval")
        await lobby.order("approvals", switch="off")
        assert (await lobby.told("ask", ask)).head == "This cannot be put to an admin."
        assert await lobby.bot.store.jobs() == []


async def test_from_a_direct_message_no_admin_of_a_server_is_asked(tmp_path: Path) -> None:
    """Nobody there knows what holds here."""
    async with opened(tmp_path, allow_dm=True) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        ask = of(await lobby.refused(), "Ask for approval")
        assert "only where you asked" in (await lobby.told("ask", ask, **PRIVATELY)).head
        assert await lobby.bot.store.jobs() == []


async def test_a_refusal_that_is_read_elsewhere_has_no_button_that_needs_the_place(tmp_path: Path) -> None:
    """Its video would come in the wrong one."""
    async with opened(tmp_path) as lobby:
        told = await lobby.refused(lacks=("Attach Files",), is_told_apart=True)
        assert labels(told) == []
        assert told.quote == "a slow zoom"
        assert "mention me once more" in words(told)


async def test_of_whom_is_not_served_no_form_is_opened_and_no_file_kept(tmp_path: Path) -> None:
    """Before anything of theirs is fetched."""
    async with opened(tmp_path) as lobby:
        asking = lobby.command()
        assert await lobby.desk.welcome(asking) is None
        await lobby.bot.store.set_scope("scope:board/1", allowed=False, approvals=None)
        for answer in (await lobby.desk.welcome(asking), await lobby.desk.form(asking)):
            assert answer is not None
            assert answer.message is not None
            assert answer.message.head == "This bot may not be used here."
        await lobby.desk.keep(asking, "DMSG00001", lobby.bot.setting.picture, None)
        with pytest.raises(Unknown):
            await lobby.bot.store.draft("DMSG00001")


async def test_nothing_is_approved_in_a_server_that_was_denied_or_rests(tmp_path: Path) -> None:
    """The operator's money is not spent there."""
    async with opened(tmp_path) as lobby:
        await lobby.order("budget", amount="0.30")
        await lobby.order("approvals", switch="on")
        held = await lobby.press("ask", of(await lobby.refused(), "Ask for approval"))
        await lobby.order("pause")
        assert (await lobby.told("approve", held.job, user=ADA, is_admin=True)).head == "This bot is paused here."
        await lobby.order("resume")
        await lobby.bot.store.set_scope("scope:board/1", allowed=False, approvals=None)
        assert (await lobby.told("approve", held.job, user=ADA, is_admin=True)).head == "This bot may not be used here."
