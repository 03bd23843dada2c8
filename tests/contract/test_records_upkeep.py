"""What keeps the store well: forgetting a person, retention of files, copies, scopes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.contract import Input, Job, Place
from storage.errors import Unavailable
from storage.states import Event, State
from tests.fakes.story import (
    ANA,
    BEN,
    BILL,
    DAY_MS,
    DEAREST,
    FREE,
    HOUR_MS,
    KEEP_MS,
    OTHER_SCOPE,
    PICTURE,
    PRICE,
    SCOPE,
    Clock,
    Story,
)

SECRET = b"a key of this installation"
PERSONAL: dict[str, Any] = {
    "request": {"prompt": "a heron over the marsh", "options": {}},
    "place": Place(platform="discord", server="10", channel="private-corner", thread="thread-of-ana"),
    "inputs": (replace(PICTURE, blob="c3" * 32, changes=({"code": "cropped-heron"},)),),
}
HASH = b"c3" * 32
WORDS = (b"heron", b"private-corner", b"thread-of-ana", HASH, ANA.encode(), b"wings spread", b"bad feather")


# -- forgetting


async def test_an_ended_job_keeps_nothing_of_the_person_s_own(story: Story) -> None:
    """Words, place and files are gone, and a keyed hash stands in place of the id."""
    job = await _delivered(story)
    assert await story.store.forget(ANA, secret=SECRET) == 0
    forgotten = await story.store.job(job.id)
    name = forgotten.subjects.user
    assert name.startswith("user:discord/~")
    assert (forgotten.request, forgotten.inputs, forgotten.prepared, forgotten.actual_prompt) == ({}, (), (), None)
    assert (forgotten.place.channel, forgotten.place.thread) == ("", "")
    assert (forgotten.state, forgotten.cost_usd_micros, forgotten.id) == (job.state, BILL, job.id)
    assert await story.store.jobs(user=ANA) == []
    assert {each.detail for each in await story.store.trail(job.id)} == {""}


async def test_the_hash_is_keyed_and_the_same_each_time(story: Story) -> None:
    """Who does not hold the key cannot tell whose it was; who does, can add up."""
    names = []
    for secret in (SECRET, SECRET, b"another key"):
        job = await _delivered(story)
        await story.store.forget(ANA, secret=secret)
        names.append((await story.store.job(job.id)).subjects.user)
    assert names[0] == names[1] != names[2]


async def test_the_books_sum_to_what_they_did_before(story: Story) -> None:
    """By whatever they are summed, only the name has changed."""
    await _delivered(story)
    await story.at(State.CANCELLED)
    await _delivered(story, user=BEN)
    before = {(book, by): await story.used(book, by) for book in _BOOKS for by in ("scope", "channel", "offer", "day")}
    await story.store.forget(ANA, secret=SECRET)
    assert {(book, by): await story.used(book, by) for book, by in before} == before
    users = await story.used()
    assert users.pop(BEN) == (1, PRICE, 0)
    assert list(users.values()) == [(1, PRICE, 0)]
    assert ANA not in await story.used("spend")


async def test_ceilings_still_count_what_a_forgotten_person_used(story: Story) -> None:
    """To forget one frees no room for all."""
    await story.store.set_limits(SCOPE, "2/day")
    await _delivered(story)
    await story.store.forget(ANA, secret=SECRET)
    await story.accept(BEN)
    await story.refuse(BEN)


async def test_a_running_job_is_forgotten_at_its_end(story: Story) -> None:
    """Until then it needs its words and its place; how many still run is told."""
    job = await story.at(State.GENERATING, **PERSONAL)
    assert await story.store.forget(ANA, secret=SECRET) == 1
    assert (await story.store.job(job.id)).request == PERSONAL["request"]
    for event in (Event.FINISHED, Event.FETCHED, Event.POSTED):
        job = await story.make(job, event)
    forgotten = await story.store.job(job.id)
    assert (forgotten.state, forgotten.request, forgotten.inputs) == (State.DELIVERED, {}, ())
    assert list(await story.used()) == [forgotten.subjects.user]


async def test_a_forgotten_person_who_comes_back_starts_anew(story: Story) -> None:
    """Their later jobs are theirs, and each limit counts what is theirs."""
    running = await story.at(State.GENERATING)
    await _delivered(story)
    await story.store.forget(ANA, secret=SECRET)
    rules = replace(FREE, user_limits="2/day")
    later = await story.accept(rules=rules)
    assert (await story.refuse(rules=rules)).used == 2
    await story.work(running, Event.REFUSED)
    assert (await story.store.job(later.id)).subjects.user == ANA
    assert (await story.used())[ANA] == (1, 0, DEAREST)
    await story.accept(rules=rules)
    await story.refuse(rules=rules)


async def test_the_person_s_own_rules_and_drafts_go_too(story: Story) -> None:
    """A limit or a grant names the person as well as a job does."""
    await story.store.set_limits(ANA, "0/day")
    await story.store.set_limits(BEN, "1/day")
    await story.store.grant(BEN, "1", rules=FREE)
    await story.refuse(**PERSONAL)
    await story.store.forget(ANA, secret=SECRET)
    assert [rule.subject for rule in await story.store.limits()] == [BEN]


@pytest.mark.parametrize("by", [ANA, BEN])
async def test_who_discarded_a_job_is_forgotten_with_its_requester(story: Story, by: str) -> None:
    """Another's name stays, for it is another's."""
    job = await story.by_hand(await story.at(State.KEPT), Event.DISCARDED, by=by)
    await story.store.forget(ANA, secret=SECRET)
    forgotten = await story.store.job(job.id)
    assert forgotten.discarded_by == (forgotten.subjects.user if by == ANA else BEN)


async def test_nothing_that_was_the_person_s_is_left_in_any_file(story: Story) -> None:
    """Neither in the tables nor in what the engine leaves behind; a file's hash until the file itself is swept."""
    for _ in range(40):
        await _delivered(story)
    refusal = await story.refuse(rules=replace(FREE, user_max_open=0), **PERSONAL)
    await story.store.keep_draft(replace(await story.store.draft(refusal.draft), id="DKEPT0000"))
    await story.store.choose(SCOPE, "models", ["wan2.5"], by=ANA)
    await story.work(await story.accept(**PERSONAL, has_card=True), Event.UNFIT, detail="bad feather")
    assert _left(story.folder) == set(WORDS)
    assert await story.store.forget(ANA, secret=SECRET) == 0
    assert _left(story.folder) == {HASH}
    await story.store.unneeded_blobs(keep_ms=KEEP_MS)
    assert _left(story.folder) == set()


# -- files


async def test_a_blob_is_unneeded_once_it_is_old_and_no_running_job_has_it(story: Story) -> None:
    """Inputs, prepared inputs and results alike; each is told once."""
    running = await story.at(State.GENERATING, inputs=_inputs("d4"))
    over = await story.at(State.DELIVERED, inputs=_inputs("e5"))
    assert over.result is not None
    story.clock.forward(KEEP_MS - 1)
    assert await story.store.unneeded_blobs(keep_ms=KEEP_MS) == []
    story.clock.forward(1)
    unneeded = await story.store.unneeded_blobs(keep_ms=KEEP_MS)
    assert set(unneeded) == {"e5" * 32, over.result}
    assert await story.store.unneeded_blobs(keep_ms=KEEP_MS) == []
    await story.work(running, Event.REFUSED)
    assert set(await story.store.unneeded_blobs(keep_ms=KEEP_MS)) == {"d4" * 32, PICTURE.blob}


async def test_a_blob_that_came_again_is_kept_from_then(story: Story) -> None:
    """The same picture, sent by another a day before its end, starts anew."""
    await story.at(State.CANCELLED)
    story.clock.forward(KEEP_MS - DAY_MS)
    await story.at(State.CANCELLED, user=BEN)
    story.clock.forward(DAY_MS)
    assert await story.store.unneeded_blobs(keep_ms=KEEP_MS) == []


async def test_a_kept_video_is_kept_as_long_as_its_job_is(story: Story) -> None:
    """However old its bytes are."""
    kept = await story.at(State.KEPT)
    story.clock.forward(2 * KEEP_MS)
    assert kept.result not in await story.store.unneeded_blobs(keep_ms=KEEP_MS)


async def test_a_draft_keeps_its_files_for_a_day_and_then_they_go_as_others_do(story: Story) -> None:
    """Nobody uploads twice, and nothing stays for ever."""
    await story.refuse(rules=replace(FREE, user_max_open=0), inputs=_inputs("f6"))
    story.clock.forward(DAY_MS - 1)
    assert await story.store.unneeded_blobs(keep_ms=HOUR_MS) == []
    story.clock.forward(1)
    assert await story.store.unneeded_blobs(keep_ms=HOUR_MS) == ["f6" * 32]


async def test_a_stray_is_a_blob_that_nothing_names(story: Story) -> None:
    """What a job, a draft or a result names is known, until it is unneeded."""
    over = await story.at(State.DELIVERED, inputs=_inputs("d4"))
    assert over.result is not None
    await story.refuse(rules=replace(FREE, user_max_open=0), inputs=_inputs("f6"))
    known = ["d4" * 32, "f6" * 32, over.result]
    assert await story.store.strays(["00" * 32, *known]) == ["00" * 32]
    story.clock.forward(KEEP_MS)
    assert set(await story.store.unneeded_blobs(keep_ms=KEEP_MS)) >= set(known)
    assert set(await story.store.strays(known)) == set(known)


async def test_a_forgotten_person_s_files_are_unneeded_at_once(story: Story) -> None:
    """Of ended jobs and of drafts; but what another's running job needs stays."""
    await story.at(State.CANCELLED, inputs=_inputs("d4"))
    await story.at(State.CANCELLED)
    await story.at(State.GENERATING, user=BEN)
    await story.refuse(rules=replace(FREE, user_max_open=0), inputs=_inputs("f6"))
    await story.store.forget(ANA, secret=SECRET)
    assert set(await story.store.unneeded_blobs(keep_ms=KEEP_MS)) == {"d4" * 32, "f6" * 32}


# -- copies


async def test_a_copy_is_marked_and_asks_what_became_of_what_was_not_yet_sent(story: Story, tmp_path: Path) -> None:
    """Held jobs and unsubmitted ones are told until they are settled; the original is not marked."""
    unsent = [await story.at(state) for state in (State.HELD, State.PREPARING, State.QUEUED)]
    await story.at(State.GENERATING)
    await story.at(State.DELIVERED)
    assert await story.store.restored() == []
    copy = await _copy(story, tmp_path)
    waiting = await copy.store.restored()
    assert [job.id for job in waiting] == [job.id for job in unsent]
    held, *others = waiting
    assert (await copy.make(held, Event.EXPIRED)).state is State.FAILED
    for job in others:
        unsure = await copy.by_hand(job, Event.RESTORED)
        assert (unsure.state, unsure.submits) == (State.UNSURE, 1)
        assert copy.inside(unsure).calls_that_may_be_paid == 1
    await copy.store.settled_restoring()
    assert await copy.store.restored() == []
    await copy.store.close()


async def test_a_restored_job_is_never_sent_again_unless_it_is_proven_that_it_was_not(
    story: Story, tmp_path: Path
) -> None:
    """The original may have sent it after the copy was made: its submit is one that may be paid."""
    await story.at(State.QUEUED)
    copy = await _copy(story, tmp_path)
    (waiting,) = await copy.store.restored()
    unsure = await copy.by_hand(waiting, Event.RESTORED)
    assert await copy.admit() is None
    again = await copy.make(await copy.work(unsure, Event.VOID_WAIT), Event.SUBMIT)
    assert (again.submits, copy.inside(again).calls_that_may_be_paid) == (2, 1)
    await copy.store.close()


async def test_a_copy_is_not_written_over_a_file(story: Story, tmp_path: Path) -> None:
    """A slip of the operator's costs nothing."""
    target = tmp_path / "precious"
    target.write_text("precious")
    with pytest.raises(Unavailable, match=str(target)):
        await story.store.backup(target)
    assert target.read_text() == "precious"
    with pytest.raises(Unavailable, match="nowhere"):
        await story.store.backup(tmp_path / "nowhere" / "copy")


async def test_a_store_that_is_opened_again_goes_on_where_it_was(story: Story, tmp_path: Path) -> None:
    """Nothing is in memory only."""
    jobs = [await story.at(state) for state in State]
    await story.store.close()
    story.store = story.backend.open(tmp_path, story.clock)
    assert [await story.store.job(job.id) for job in jobs] == jobs
    await story.store.close()


async def test_a_healthy_store_says_so(story: Story) -> None:
    """The operators' check finds nothing."""
    await story.at(State.GENERATING)
    assert await story.store.check() is None


# -- scopes


async def test_a_denied_scope_names_its_jobs_that_are_not_over(story: Story) -> None:
    """They are cancelled by whoever denied it, each as far as it can be."""
    running = [await story.at(state) for state in (State.HELD, State.GENERATING, State.KEPT)]
    await story.at(State.DELIVERED)
    await story.at(State.GENERATING, scope=OTHER_SCOPE)
    assert await story.store.set_scope(SCOPE, allowed=True, approvals=None) == []
    denied = await story.store.set_scope(SCOPE, allowed=False, approvals=None)
    assert denied == [job.id for job in running]


async def test_a_scope_s_approvals_stay_as_they_are_unless_told(story: Story) -> None:
    """To allow a scope again does not turn them off; a new scope has none."""
    await story.store.set_scope(SCOPE, allowed=True, approvals=True)
    await story.store.set_scope(SCOPE, allowed=False, approvals=None)
    await story.store.set_scope(OTHER_SCOPE, allowed=True, approvals=None)
    shown = [(rule.scope, rule.allowed, rule.approvals) for rule in await story.store.scopes()]
    assert shown == [(SCOPE, False, True), (OTHER_SCOPE, True, False)]


async def test_a_scope_s_choices_are_kept_by_name(story: Story) -> None:
    """Whatever JSON can say; each scope has its own."""
    models, thread = ["wan2.5", "wan2.6"], {"": "reply", "discord/20": "thread"}
    assert await story.store.choices(SCOPE) == {}
    await story.store.choose(SCOPE, "models", models, by=ANA)
    await story.store.choose(SCOPE, "thread", thread, by=BEN)
    await story.store.choose(OTHER_SCOPE, "models", [], by=BEN)
    assert await story.store.choices(SCOPE) == {"models": models, "thread": thread}
    assert await story.store.choices(OTHER_SCOPE) == {"models": []}


async def test_what_was_chosen_before_is_told_so_that_it_can_be_undone(story: Story) -> None:
    """Nothing leaves it to the bot again."""
    said = [await story.store.choose(SCOPE, "models", value, by=ANA) for value in (["a"], ["b"], None, None, False)]
    assert said == [None, ["a"], ["b"], None, None]
    assert await story.store.choices(SCOPE) == {"models": False}


_BOOKS = ("allowance", "spend")


def _inputs(byte: str) -> tuple[Input, ...]:
    return (replace(PICTURE, blob=byte * 32),)


def _left(folder: Path) -> set[bytes]:
    """Return which of the person's words are in some file of the folder."""
    content = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    return {word for word in WORDS if word in content}


async def _delivered(story: Story, **changes: Any) -> Job:
    job = await story.at(State.GENERATING, **PERSONAL, **changes)
    job = await story.work(job, Event.FINISHED, actual_prompt="wings spread")
    return await story.make(await story.make(job, Event.FETCHED), Event.POSTED)


async def _copy(story: Story, tmp_path: Path) -> Story:
    """Back the store up and open the copy."""
    folder = tmp_path / "copy"
    folder.mkdir()
    await story.store.backup(folder / "stillmotion.db")
    clock = Clock(story.clock())
    return Story(story.backend.open(folder, clock), clock, story.backend, folder, story.commands)
