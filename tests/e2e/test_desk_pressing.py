"""Buttons at the desk: who may press them, what comes of it, and that none of them ever dies."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot import sayings
from bot.platforms.contract import Form, Moment, Named, Spot, Style
from bot.platforms.errors import PlaceGone, PlatformDown, TooBig
from bot.speaking import speak
from bot.steering import Steering
from storage.contract import Facts, Job, Move
from storage.states import Event, State
from tests.e2e.lobby import ADA, ANA, BEN, ELSEWHERE, HERE, PRIVATELY, Lobby, labels, of, opened, words
from tests.fakes.provider_video import large

MOD = {"user": ADA, "is_moderator": True}
NEXT_DOOR: dict[str, Any] = {"channel": "board/3", "spot": Spot(server="1", channel="3")}
OF_A_JOB = [
    "cancel",
    "keep",
    "discard",
    "delete",
    "deleted",
    "more",
    "twice",
    "again",
    "twiced",
    "edit",
    "continue",
    "approve",
    "decline",
    "collect",
]


async def form(lobby: Lobby, verb: str, name: str, **changes: Any) -> Form:
    """Press a button that opens a form."""
    answer = await lobby.press(verb, name, **changes)
    assert answer.form is not None, answer
    return answer.form


@pytest.mark.parametrize("verb", OF_A_JOB)
async def test_a_press_from_another_scope_finds_nothing(tmp_path: Path, verb: str) -> None:
    """Neither its words nor whether it is there."""
    async with opened(tmp_path) as lobby:
        job = await lobby.accepted()
        for name in (job.id, "00000000", "DNOTTHERE", "x" * 90):
            told = await lobby.told(verb, name, user=BEN, is_admin=True, is_moderator=True, **ELSEWHERE)
            assert "nothing here any more" in told.head
        assert (await lobby.job(job.id)).state is State.PREPARING


@pytest.mark.parametrize("verb", ["cancel", "keep", "discard", "delete", "deleted"])
async def test_who_may_not_press_is_told_why(tmp_path: Path, verb: str) -> None:
    """Privately, and nothing is done."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED if verb.startswith("delete") else State.GENERATING)
        told = await lobby.told(verb, job.id, user=BEN)
        assert "You may not" in told.head
        assert "Only whoever asked for it, or a moderator, can." in words(told)
        assert await lobby.job(job.id) == job
        assert lobby.hall.removed == []


@pytest.mark.parametrize("who", [{}, MOD], ids=["requester", "moderator"])
@pytest.mark.parametrize("state", [State.PREPARING, State.QUEUED])
async def test_before_it_is_sent_a_cancel_is_done_at_once(tmp_path: Path, state: State, who: dict[str, Any]) -> None:
    """And costs nothing."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(state)
        assert words(await lobby.told("cancel", job.id, **who)) == "Cancelled. Nothing was charged."
        assert (await lobby.job(job.id)).state is State.CANCELLED
        assert (await lobby.told("cancel", job.id)).head == "It is over already."


@pytest.mark.parametrize(
    ("state", "head"),
    [
        (State.SUBMITTING, "Your cancel is kept."),
        (State.UNSURE, "Your cancel is kept."),
        (State.GENERATING, "Cancelling at imagined."),
        (State.LATE, "Cancelling at imagined."),
    ],
)
async def test_once_it_is_sent_a_cancel_is_a_wish(tmp_path: Path, state: State, head: str) -> None:
    """The truth about the money is said: it may be done already."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(state)
        assert (await lobby.told("cancel", job.id)).head == head
        now = await lobby.job(job.id)
        assert (now.state, now.wished) == (state, True)


async def test_where_a_provider_cannot_stop_its_person_chooses(tmp_path: Path) -> None:
    """It costs the same either way, and says so; no answer means keep."""
    async with opened(tmp_path, stops=False) as lobby:
        job = await lobby.at(State.GENERATING)
        told = await lobby.told("cancel", job.id)
        assert words(told).startswith("imagined cannot stop a video that has started. It costs $0.50 either way.")
        assert labels(told) == ["Keep it", "Discard it"]
        assert told.actions[1].style is Style.DANGER
        assert not (await lobby.job(job.id)).wished
        assert (await lobby.told("keep", job.id)).head == "Kept."
        assert words(await lobby.told("discard", job.id)) == "Discarded. imagined charges $0.50 for it all the same."
        now = await lobby.job(job.id)
        assert (now.hidden, now.discarded_by) == (True, f"user:{ANA}")
        assert (await lobby.told("discard", job.id)).head == "It was discarded already."
        assert (await lobby.told("keep", job.id)).head == "It was discarded already."


@pytest.mark.parametrize("state", [State.FETCHING, State.DELIVERING])
async def test_a_cancel_can_come_too_late(tmp_path: Path, state: State) -> None:
    """The video is made and paid; it comes."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(state)
        assert (await lobby.told("cancel", job.id)).head == "Too late to cancel."
        assert (await lobby.told("discard", job.id)).head == "It has moved on meanwhile."
        assert (await lobby.job(job.id)).state is state


async def test_again_is_charged_to_whoever_presses_and_twice_at_once_is_once(tmp_path: Path) -> None:
    """A nervous finger pays for one video; a second wish, later, is a second video."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED)
        first = await lobby.press("again", job.id, user=BEN)
        lobby.watch.now_s += 9
        assert (await lobby.press("again", job.id, user=BEN)).job == first.job
        lobby.watch.now_s += 2
        later = await lobby.press("again", job.id, user=BEN)
        assert later.job not in {job.id, first.job}
        made = await lobby.job(first.job)
        assert made.subjects.user == f"user:{BEN}"
        assert made.request == job.request
        assert made.inputs == job.inputs


async def test_again_keeps_a_seed_that_a_person_gave_and_no_other(tmp_path: Path) -> None:
    """What nobody asked for is new each time."""
    async with opened(tmp_path) as lobby:
        for options in ({}, {"seed": "7"}):
            job = await lobby.accepted(model="wan2.6", options=options)
            again = await lobby.job((await lobby.press("again", job.id)).job)
            assert again.request["options"] == options


async def test_again_leaves_out_what_only_an_admin_may_set(tmp_path: Path) -> None:
    """A member who repeats an admin's video is not refused for it."""
    async with opened(tmp_path) as lobby:
        job = await lobby.accepted(
            model="wan2.6",
            options={"safety": "off", "seed": "7"},
            user=ADA,
            is_admin=True,
            is_age_restricted=True,
        )
        again = await lobby.job((await lobby.press("again", job.id)).job)
        assert again.request["options"] == {"seed": "7"}


async def test_once_the_picture_is_swept_again_asks_for_it(tmp_path: Path) -> None:
    """With all the rest filled in."""
    async with opened(tmp_path) as lobby:
        finer = {"duration": "10", "negative_prompt": "people"}
        job = await lobby.at(State.DELIVERED, model="wan2.6", options=finer)
        await lobby.bot.ports.blobs.remove(job.inputs[0].blob)
        for verb in ("again", "edit"):
            found = await form(lobby, verb, job.id)
            assert (found.origin, found.needs_picture, found.prompt) == (job.id, True, "a slow zoom")
            assert "Add it once more" in found.about
            assert next(pick.value for pick in found.picks if pick.is_default) == "wan2.6@other/720p/10"
        sent = await lobby.accepted(origin=found.origin, model="wan2.6@other", options={"duration": "5"})
        assert sent.request["options"] == finer | {"duration": "5"}


async def test_edit_opens_the_form_filled_in_with_its_picture_kept(tmp_path: Path) -> None:
    """And what is sent then is a new request of whoever sends it."""
    async with opened(tmp_path, user_limit="5/day") as lobby:
        job = await lobby.at(State.DELIVERED, model="wan2.5")
        found = await form(lobby, "edit", job.id, user=BEN)
        assert (found.origin, found.needs_picture, found.prompt) == (job.id, False, "a slow zoom")
        assert found.hint == "You have 5 of 5 videos left today."
        sent = await lobby.accepted(
            user=BEN, image=None, origin=job.id, prompt="faster", model="wan2.5@imagined", options={"duration": "5"}
        )
        assert sent.inputs == job.inputs
        assert sent.request["prompt"] == "faster"


async def test_the_last_frame_of_a_video_is_the_picture_of_its_continuation(tmp_path: Path) -> None:
    """Taken from our own copy, and sent as a picture like any other."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED)
        found = await form(lobby, "continue", job.id, user=BEN)
        assert found.origin.startswith("D")
        assert (found.prompt, found.about) == ("", "Picture: the last frame of that video.")
        sent = await lobby.accepted(user=BEN, image=None, origin=found.origin, prompt="on", model="wan2.5@imagined")
        [frame] = sent.inputs
        assert frame.mime == "image/png"
        with Image.open(lobby.bot.ports.blobs.path(frame.blob)) as picture:
            assert picture.size == (frame.width_px, frame.height_px)
        assert list(lobby.bot.ports.spare.glob("*.png")) == []


async def test_a_video_that_is_swept_cannot_be_continued(tmp_path: Path) -> None:
    """And that is said, with how long it could."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED)
        assert job.result is not None
        await lobby.bot.ports.blobs.remove(job.result)
        assert words(await lobby.told("continue", job.id)) == (
            "The video is not kept any more. It can be continued for 7 days."
        )


async def test_a_video_is_deleted_only_once_asked_twice(tmp_path: Path) -> None:
    """Gone for everybody is gone."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED)
        told = await lobby.told("delete", job.id, **MOD)
        assert labels(told) == ["Delete the video", "Keep it"]
        assert told.actions[0].style is Style.DANGER
        assert lobby.hall.removed == []
        assert (await lobby.told("leave", of(told, "Keep it"))).head == "Left as it is."
        assert (await lobby.told("deleted", of(told, "Delete the video"), **MOD)).head == "Deleted."
        assert lobby.hall.removed == [f"1/2/{job.id}"]
        assert (await lobby.told("delete", job.id)).head == "There is no video of it to delete."


async def test_a_deleted_video_s_card_says_who_took_it_away_and_shows_nothing_of_it(tmp_path: Path) -> None:
    """Neither its words nor its picture, after a restart too; and no list leads to where it was."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED)
        await lobby.speak()
        before = lobby.hall.cards[job.id]
        assert (before.prompt, before.picture is None, before.link_label) == ("a slow zoom", False, "Watch")
        await lobby.told("deleted", job.id, name="[Maya](https://elsewhere.example)", **MOD)
        assert lobby.woken[-1] == job.id
        await lobby.speak()
        card = lobby.hall.cards[job.id]
        by_whom = ("by ", Named(f"user:{ADA}"), ", ", Moment(lobby.clock()), ".")
        assert (card.head, card.text) == ("Deleted", by_whom)
        assert (card.prompt, card.picture, card.link, card.is_over) == ("", None, "", True)
        [item] = (await lobby.told("jobs")).items
        assert item.action is None


@pytest.mark.parametrize(
    ("trouble", "head"),
    [(PlaceGone("gone"), "I cannot delete it."), (PlatformDown("down"), "It could not be deleted just now.")],
)
async def test_a_video_that_cannot_be_deleted_says_so(tmp_path: Path, trouble: Any, head: str) -> None:
    """Nobody believes it gone who should not."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED)
        lobby.hall.trouble = trouble
        assert (await lobby.told("deleted", job.id)).head == head
        assert "video" in await lobby.bot.store.references(job.id)


async def test_there_is_nothing_to_delete_before_there_is_a_video(tmp_path: Path) -> None:
    """Cancel is what they want."""
    async with opened(tmp_path) as lobby:
        job = await lobby.accepted()
        assert (await lobby.told("deleted", job.id)).head == "There is no video of it to delete."


async def test_an_unsure_job_is_run_again_only_knowingly(tmp_path: Path) -> None:
    """A new job, never the old one again."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.UNSURE)
        for verb in ("twice", "again"):
            told = await lobby.told(verb, job.id)
            assert labels(told) == ["Run it again (may be paid twice)", "Leave it"]
        answer = await lobby.press("twiced", job.id)
        assert answer.job not in {"", job.id}
        assert (await lobby.job(job.id)).state is State.UNSURE
        assert (await lobby.told("twice", answer.job)).head == "It has moved on meanwhile."


async def test_details_tell_all_there_is_to_know(tmp_path: Path) -> None:
    """The whole sentence, what the model made of it, what it cost and how long each part took."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED, prompt="mist fills the valley " * 20)
        told = await lobby.told("more", job.id, user=BEN)
        assert told.quote == job.request["prompt"]
        assert f"Job: {job.id}" in words(told)
        assert "Cost: $0.50, charged on delivery" in words(told)
        assert labels(told) == []
        assert labels(await lobby.told("more", job.id)) == ["Delete"]


async def test_details_quote_whatever_somebody_typed(tmp_path: Path) -> None:
    """In our own words nobody else's stand."""
    async with opened(tmp_path) as lobby:
        typed = {"negative_prompt": "blurry, [click](https://elsewhere.example)", "resolution": "720p"}
        told = await lobby.told("more", (await lobby.accepted(model="wan2.6", options=typed)).id)
        assert [(item.quote, item.small) for item in told.items] == [(typed["negative_prompt"], ("negative_prompt",))]
        assert "elsewhere" not in str(told.text)
        assert "resolution 720p" in str(told.text)


async def test_details_too_long_for_a_message_come_as_a_file(tmp_path: Path) -> None:
    """Whole, all the same."""
    async with opened(tmp_path) as lobby:
        job = await lobby.accepted(prompt="word " * 600, model="wan2.6")
        told = await lobby.told("more", job.id)
        assert len(told.quote) <= 1501
        assert told.files[0].read_text() == job.request["prompt"]
        assert told.folder == told.files[0].parent


async def test_details_are_for_who_can_read_the_channel(tmp_path: Path) -> None:
    """A sentence asked in one channel is not told in another."""
    async with opened(tmp_path) as lobby:
        job = await lobby.accepted()
        for who in ({"user": BEN}, MOD):
            assert "You may not see its details" in (await lobby.told("more", job.id, **NEXT_DOOR, **who)).head
        assert (await lobby.told("more", job.id, **NEXT_DOOR)).quote == "a slow zoom"
        assert (await lobby.told("more", job.id, **NEXT_DOOR, user=ADA, is_admin=True)).quote == "a slow zoom"


@pytest.mark.parametrize("verb", ["again", "edit", "continue"])
async def test_nobody_starts_from_what_they_cannot_read(tmp_path: Path, verb: str) -> None:
    """A picture from a channel that somebody may not see makes no video of theirs."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED)
        for who in ({"user": BEN}, MOD):
            assert "nothing here any more" in (await lobby.told(verb, job.id, **who, **NEXT_DOOR)).head
        assert (await lobby.press(verb, job.id, **NEXT_DOOR)).message != sayings.not_found()
        assert (await lobby.press(verb, job.id, user=BEN)).message != sayings.not_found()


async def test_a_moderator_of_one_channel_decides_about_no_other(tmp_path: Path) -> None:
    """What somebody may do is read off where they press."""
    async with opened(tmp_path) as lobby:
        job = await lobby.accepted()
        assert "You may not cancel" in (await lobby.told("cancel", job.id, **MOD, **NEXT_DOOR)).head
        assert (await lobby.told("cancel", job.id, **MOD)).head == "Cancelled."


async def test_a_direct_message_finds_one_s_own_job_and_no_other(tmp_path: Path) -> None:
    """A video sent there carries the same buttons."""
    async with opened(tmp_path) as lobby:
        job = await lobby.at(State.DELIVERED)
        assert (await lobby.told("more", job.id, **PRIVATELY)).quote == "a slow zoom"
        assert "nothing here" in (await lobby.told("more", job.id, user=BEN, **PRIVATELY)).head


async def test_one_direct_message_knows_nothing_of_another(tmp_path: Path) -> None:
    """All of them are one scope."""
    async with opened(tmp_path, allow_dm=True) as lobby:
        job = await lobby.accepted(**PRIVATELY)
        for verb in ("more", "again", "edit", "cancel"):
            assert "nothing here" in (await lobby.told(verb, job.id, user=BEN, **PRIVATELY)).head


async def test_videos_are_listed_five_a_page_each_with_its_one_button(tmp_path: Path) -> None:
    """The newest first, and older ones a press away."""
    async with opened(tmp_path, user_limit="9/day") as lobby:
        for number in range(6):
            await lobby.accepted(prompt=f"video {number}")
        first = await lobby.told("jobs")
        assert first.head == "3 of 9 videos left today."
        assert [item.quote for item in first.items] == [f"video {number}" for number in (5, 4, 3, 2, 1)]
        assert labels(first) == ["Show older"]
        older = await lobby.told("jobs", of(first, "Show older"))
        assert [item.quote for item in older.items] == ["video 0"]
        assert labels(older) == []
        assert (await lobby.told("jobs", user=BEN)).head == "No videos yet."
        assert (await lobby.told("jobs", "p99999999")).items == first.items


@pytest.mark.parametrize(
    ("state", "label"),
    [(State.QUEUED, "Cancel"), (State.KEPT, "Collect"), (State.DELIVERED, "Watch"), (State.FAILED, "Edit and try again"), (State.CANCELLED, None)],
)  # fmt: skip
async def test_a_line_has_the_button_that_helps(tmp_path: Path, state: State, label: str | None) -> None:
    """One, or none."""
    async with opened(tmp_path) as lobby:
        await lobby.at(state)
        [item] = (await lobby.told("jobs")).items
        assert (item.action.label if item.action else None) == label


async def test_a_list_shows_no_other_scope_s_videos(tmp_path: Path) -> None:
    """Over somebody's shoulder one sees this server's only; in private all of them."""
    async with opened(tmp_path) as lobby:
        await lobby.accepted(prompt="here")
        await lobby.accepted(prompt="there", **ELSEWHERE)
        assert [item.quote for item in (await lobby.told("jobs")).items] == ["here"]
        assert [item.quote for item in (await lobby.told("jobs", **PRIVATELY)).items] == ["there", "here"]


async def kept(lobby: Lobby, **changes: Any) -> Job:
    """Bring a job to where no place took its video."""
    return await lobby.at(State.KEPT, **changes)


async def test_a_kept_video_is_collected_where_its_person_asks(tmp_path: Path) -> None:
    """Posted first, then written down: a crash between both finds it there."""
    async with opened(tmp_path) as lobby:
        job = await kept(lobby)
        assert "You may not collect" in (await lobby.told("collect", job.id, user=BEN)).head
        asking = lobby.command()
        spot = replace(asking.spot, channel="77")
        assert (await lobby.desk.collect(replace(asking, spot=spot))).head == "Here it is."
        assert lobby.hall.posted[job.id].spot == spot
        assert (await lobby.job(job.id)).state is State.DELIVERED
        assert (await lobby.told("collect")).head == "Nothing waits to be collected."
        assert (await lobby.told("collect", job.id)).head == "It was posted already."


async def test_a_kept_video_is_posted_once_however_often_it_is_asked_for_at_once(tmp_path: Path) -> None:
    """In two channels at the same moment, by a name typed as people do."""
    async with opened(tmp_path) as lobby:
        job = await kept(lobby)
        askings = [lobby.command(), lobby.command(**NEXT_DOOR)]
        told = await asyncio.gather(*(lobby.desk.collect(each, f" {job.id.lower()} ") for each in askings))
        assert sorted(message.head for message in told) == ["Here it is.", "It was posted already."]
        assert lobby.hall.posts == [job.id]
        assert "It cost $0.45." in words(told[0]) + words(told[1])


async def test_who_reads_the_channel_where_it_was_collected_may_use_its_buttons(tmp_path: Path) -> None:
    """They stand below it; so may who keeps order there, and still whoever reads where it was asked for."""
    async with opened(tmp_path) as lobby:
        job = await kept(lobby)
        await lobby.told("collect", job.id, **NEXT_DOOR)
        for where in (NEXT_DOOR, HERE):
            assert (await lobby.told("more", job.id, **{**where, "user": BEN})).quote == "a slow zoom"
        assert (await lobby.press("again", job.id, **NEXT_DOOR, user=BEN)).job
        assert labels(await lobby.told("delete", job.id, **NEXT_DOOR, **MOD)) != []


async def test_a_kept_video_that_is_too_big_here_is_made_smaller(tmp_path: Path) -> None:
    """As it would have been where it was asked for."""
    async with opened(tmp_path) as lobby:
        job = await kept(lobby, made=large())
        lobby.hall.takes_bytes = 100_000
        assert (await lobby.told("collect", job.id)).head == "Here it is."
        assert "Shrunk from" in words(lobby.hall.posted[job.id].message)


@pytest.mark.parametrize("allow_dm", [True, False])
async def test_a_denied_server_gets_no_kept_video_either(tmp_path: Path, *, allow_dm: bool) -> None:
    """Nothing is posted there any more; only what can be done is advised."""
    async with opened(tmp_path, allow_dm=allow_dm) as lobby:
        job = await kept(lobby)
        await lobby.bot.store.set_scope("scope:board/1", allowed=False, approvals=None)
        told = await lobby.told("collect", job.id)
        assert told.head == "I may not post here either."
        assert ("in a direct message" in words(told)) is allow_dm
        assert lobby.hall.posts == []
        assert (await lobby.told("collect", job.id, **PRIVATELY)).head == "Here it is."


@pytest.mark.parametrize(
    ("trouble", "head"),
    [
        (PlaceGone("locked"), "I may not post here either."),
        (TooBig("big"), "It is too big for this place."),
        (PlatformDown("down"), "It could not be posted just now."),
    ],
)
async def test_a_video_that_cannot_be_posted_here_either_stays_kept(tmp_path: Path, trouble: Any, head: str) -> None:
    """Nothing is lost by asking in the wrong place."""
    async with opened(tmp_path) as lobby:
        job = await kept(lobby)
        lobby.hall.trouble = trouble
        told = await lobby.told("collect", job.id)
        assert told.head == head
        assert "The video is kept." in words(told)
        assert (await lobby.job(job.id)).state is State.KEPT


@pytest.mark.parametrize("switch", ["on", "off"])
async def test_a_video_comes_covered_where_that_was_chosen(tmp_path: Path, switch: str) -> None:
    """By the scope in which it is posted."""
    async with opened(tmp_path) as lobby:
        job = await kept(lobby)
        await lobby.order("spoiler", switch=switch)
        await lobby.told("collect", job.id)
        assert lobby.hall.posted[job.id].is_spoiler is (switch == "on")


async def test_several_kept_videos_come_at_once(tmp_path: Path) -> None:
    """Each of them once."""
    async with opened(tmp_path) as lobby:
        jobs = [await kept(lobby), await kept(lobby)]
        assert words(await lobby.told("collect")) == "2 videos waited. 2 x Here it is."
        assert set(lobby.hall.posted) == {job.id for job in jobs}


async def test_a_kept_video_can_be_let_go(tmp_path: Path) -> None:
    """Its requester pays for what was made."""
    async with opened(tmp_path) as lobby:
        job = await kept(lobby)
        assert labels(await lobby.told("cancel", job.id)) == ["Collect", "Discard it"]
        assert (await lobby.told("discard", job.id)).head == "Discarded."
        assert (await lobby.job(job.id)).state is State.CANCELLED


async def test_what_is_left_is_told_with_every_limit_beside_it(tmp_path: Path) -> None:
    """The person's own first, in what it counts."""
    async with opened(tmp_path, user_limit="5/day", scope_budget_usd="50") as lobby:
        await lobby.accepted()
        told = await lobby.desk.quota(lobby.command())
        assert words(told) == (
            "4 of 5 videos left today. The next one frees [1788307200000]. This server: $0.50 of $50.00 used this month."
        )
    async with opened(tmp_path) as lobby:
        assert (await lobby.desk.quota(lobby.command())).head == "Nothing limits how many videos you make."


@pytest.mark.parametrize(
    ("order", "named", "head"),
    [
        ("pause", {}, "This bot is paused here."),
        ("block", {"user": ANA}, "An admin here does not let you use this bot."),
        ("channels", {"channel": "board/3"}, "This bot is not used in this channel."),
        ("roles", {"role": "board/r1"}, "Your roles do not let you use this bot here."),
    ],
)
async def test_what_is_left_is_not_promised_to_whom_it_is_refused(
    tmp_path: Path, order: str, named: dict[str, str], head: str
) -> None:
    """First why nothing can be asked for, then what would be left."""
    async with opened(tmp_path, user_limit="5/day") as lobby:
        await lobby.order(order, **named)
        told = await lobby.desk.quota(lobby.command())
        assert (told.head, "5 of 5 videos left today." in words(told)) == (head, True)


async def test_a_limit_of_0_is_told_as_what_is_left(tmp_path: Path) -> None:
    """Whatever else would have room."""
    async with opened(tmp_path, user_limit="5/day") as lobby:
        await lobby.order("limit", amount="0/day")
        assert words(await lobby.desk.quota(lobby.command())) == (
            "Nobody may ask for videos in this server: its limit is 0. An admin can raise it."
        )


async def test_where_the_bot_may_not_be_used_help_says_so_first(tmp_path: Path) -> None:
    """Nobody tries what is refused."""
    async with opened(tmp_path) as lobby:
        await lobby.bot.store.set_scope("scope:board/1", allowed=False, approvals=None)
        assert (await lobby.desk.help(lobby.command())).head == "This bot may not be used here."


async def test_help_is_five_lines(tmp_path: Path) -> None:
    """Examples that work."""
    async with opened(tmp_path) as lobby:
        assert words(await lobby.told("help")).count("\n") == 4
        assert (await lobby.told("nonsense")).head == "There is nothing here any more."


async def test_whoever_adds_the_bot_reads_what_is_missing_first(tmp_path: Path) -> None:
    """It does not say that it works where it does not."""
    async with opened(tmp_path) as lobby:
        told = await lobby.desk.installed("board/1", "Ada's place", ("Attach Files",))
        assert "cannot do its work in Ada's place yet" in told.head
        assert words(told).index("It lacks Attach Files") < words(told).index("1. `/animate`")


@pytest.mark.parametrize(
    ("is_own", "ruled", "may"), [(False, None, False), (True, None, True), (True, False, False), (False, True, True)]
)
async def test_whoever_adds_the_bot_is_told_whether_it_may_be_used_there(
    tmp_path: Path, *, is_own: bool, ruled: bool | None, may: bool
) -> None:
    """A server that the operator did not allow is not told that it works; a limit is said in words."""
    async with opened(tmp_path, user_limit="none") as lobby:
        if ruled is not None:
            await lobby.bot.store.set_scope("scope:board/1", allowed=ruled, approvals=None)
        told = await lobby.desk.installed("board/1", "Ada's place", (), is_own=is_own)
        needs = "The people who run it must allow this server first; they know it as `board/1`."
        assert (needs in words(told)) is not may
        assert "For each member: no limit." in words(told)


async def test_a_scope_that_removed_the_bot_has_its_jobs_ended_and_operators_told(tmp_path: Path) -> None:
    """What was not sent costs nothing; other scopes go on."""
    async with opened(tmp_path) as lobby:
        waiting, making = await lobby.accepted(), await lobby.at(State.GENERATING)
        other = await lobby.accepted(**ELSEWHERE)
        await lobby.desk.removed("board/1")
        assert (await lobby.job(waiting.id)).state is State.CANCELLED
        assert (await lobby.job(making.id)).wished
        assert (await lobby.job(other.id)).state is State.PREPARING
        [alert] = await lobby.bot.store.alerts()
        assert (alert.cause, alert.facts["jobs"]) == ("removed:board/1", 2)


async def test_a_job_that_moves_while_somebody_decides_is_told_as_it_is(tmp_path: Path) -> None:
    """The press comes too late and breaks nothing."""
    async with opened(tmp_path) as lobby:
        job = await lobby.accepted()
        await lobby.bot.store.record(
            Move(job=job.id, expected=job.state, event=Event.CANCEL, facts=Facts(by=f"user:{ANA}"))
        )
        for verb in ("cancel", "discard", "collect"):
            assert (await lobby.told(verb, job.id)).head
        assert (await lobby.job(job.id)).state is State.CANCELLED


async def test_a_scope_that_comes_back_is_no_alert_any_more(tmp_path: Path) -> None:
    """And one when it goes again."""
    async with opened(tmp_path) as lobby:
        for _ in range(2):
            await lobby.desk.removed("board/1")
            assert [alert.cause for alert in await lobby.bot.store.alerts()] == ["removed:board/1"]
            await lobby.desk.installed("board/1", "Ada's place", ())
            assert await lobby.bot.store.alerts() == []


async def test_whatever_happened_while_nobody_heard_of_it_is_made_up_for(tmp_path: Path) -> None:
    """A scope that it was removed from is ended, one that it came back to is no alarm any more, and a kept video waits."""
    async with opened(tmp_path) as lobby:
        here, gone = await lobby.accepted(), await lobby.accepted(**ELSEWHERE)
        kept_there = await kept(lobby, **ELSEWHERE | {"scope": "board/8"})
        await lobby.desk.removed("board/5")
        await lobby.desk.present({"board/1", "board/5"})
        assert (await lobby.job(here.id)).state is State.PREPARING
        assert (await lobby.job(gone.id)).state is State.CANCELLED
        assert (await lobby.job(kept_there.id)).state is State.KEPT
        assert [alert.cause for alert in await lobby.bot.store.alerts()] == ["removed:board/9"]


async def test_what_was_opened_before_a_card_failed_is_kept(tmp_path: Path) -> None:
    """And the card stays owed."""
    async with opened(tmp_path) as lobby:
        job = await lobby.accepted()
        lobby.hall.card_trouble = PlatformDown("503", standing={"card": job.id, "thread": "7"})
        await speak(lobby.bot.ports, lobby.bot.worker.cards)
        assert json.loads((await lobby.bot.store.references(job.id))["card"]) == {"card": job.id, "thread": "7"}
        lobby.hall.card_trouble = None
        lobby.clock.forward(120_000)
        await speak(lobby.bot.ports, lobby.bot.worker.cards)
        assert job.id in lobby.hall.cards


async def test_a_job_that_moves_while_its_scope_goes_is_ended_all_the_same(tmp_path: Path) -> None:
    """A worker took it up in that very moment."""
    async with opened(tmp_path) as lobby:
        before = await lobby.accepted()
        await lobby.bot.until(before, State.QUEUED)
        steering = Steering(lobby.bot.ports, lobby.woken.append, lobby.clock)
        await steering.end(before, "the bot was removed")
        assert (await lobby.job(before.id)).state is State.CANCELLED
        await steering.end(before, "the bot was removed")
