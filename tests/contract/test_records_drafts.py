"""Drafts: what was refused or is still being filled in, kept for a day with its files, and gone with its person."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storage.contract import Draft, Input, Job, Place
from storage.errors import Unknown
from storage.states import State
from tests.fakes.story import ANA, BEN, DAY_MS, FREE, HOUR_MS, PICTURE, PRICE, SCOPE, Story

FULL = replace(FREE, user_max_open=0)
"""Rules that refuse everything."""
SOUND = Input(role="audio", blob="b7" * 32, mime="audio/mpeg", size_bytes=500, changes=({"code": "cut", "to_s": 5},))


def draft(name: str = "DKEPT000", **changes: Any) -> Draft:
    """Return a request that is still being filled in."""
    plain = Draft(
        id=name,
        user=ANA,
        place=Place(platform="discord", server="10", channel="20", thread="30"),
        request={"prompt": "a heron", "model": None, "options": {"duration": 5}},
        inputs=(replace(PICTURE, width_px=640, height_px=480), SOUND),
        refusal=None,
        job=None,
    )
    return replace(plain, **changes)


def picture(byte: str) -> tuple[Input, ...]:
    """Return a picture of these bytes."""
    return (replace(PICTURE, blob=byte * 32),)


async def test_a_kept_draft_is_read_as_it_was(story: Story) -> None:
    """Words, options and files: nobody types or uploads twice."""
    await story.store.keep_draft(draft())
    assert await story.store.draft("DKEPT000") == draft()


async def test_a_draft_is_kept_for_a_day(story: Story) -> None:
    """To the millisecond; kept again, its day begins again."""
    await story.store.keep_draft(draft())
    story.clock.forward(HOUR_MS)
    await story.store.keep_draft(draft(request={"prompt": "two herons"}, inputs=()))
    story.clock.forward(DAY_MS - 1)
    assert await story.store.draft("DKEPT000") == draft(request={"prompt": "two herons"}, inputs=())
    story.clock.forward(1)
    with pytest.raises(Unknown):
        await story.store.draft("DKEPT000")


async def test_what_nobody_kept_is_unknown(story: Story) -> None:
    """A button older than its draft says so, and asks for the picture anew."""
    with pytest.raises(Unknown):
        await story.store.draft("DKEPT000")


async def test_a_refused_request_is_a_draft_with_its_refusal(story: Story) -> None:
    """Edit and Try again start from it."""
    refusal = await story.refuse(rules=FULL, inputs=(PICTURE, SOUND))
    kept = await story.store.draft(refusal.draft)
    assert (kept.id, kept.user, kept.refusal, kept.job) == (refusal.draft, ANA, refusal, None)
    assert (kept.request, kept.inputs) == ({"prompt": "a cat walks", "options": {}}, (PICTURE, SOUND))
    assert kept.place == Place(platform="discord", server="10", channel="20", thread="30")


async def test_a_draft_that_was_put_to_an_admin_names_its_job(story: Story) -> None:
    """A second press finds the first one's job."""
    await story.store.set_scope(SCOPE, allowed=True, approvals=True)
    refusal = await story.refuse(rules=replace(FREE, scope_budget_usd_micros=PRICE - 1))
    held = await story.store.hold(refusal.draft)
    assert isinstance(held, Job)
    assert (await story.store.draft(refusal.draft)).job == held.id


async def test_what_became_of_a_kept_draft_is_kept_with_it(story: Story) -> None:
    """Whoever made a job of it says so."""
    job = await story.accept()
    await story.store.keep_draft(draft(job=job.id))
    assert (await story.store.draft("DKEPT000")).job == job.id


async def test_only_what_was_judged_can_be_put_to_an_admin(story: Story) -> None:
    """A draft that a caller kept is no acceptance: its limits and prices were never looked at."""
    await story.store.set_scope(SCOPE, allowed=True, approvals=True)
    refusal = await story.refuse(rules=replace(FREE, scope_budget_usd_micros=PRICE - 1))
    assert refusal.can_ask
    await story.store.keep_draft(draft())
    await story.store.keep_draft(draft(refusal.draft, refusal=refusal))
    for name in ("DKEPT000", refusal.draft):
        with pytest.raises(Unknown):
            await story.store.hold(name)


@pytest.mark.parametrize("name", ["D0000000", "DZZZZZZZZ"])
async def test_a_caller_s_ids_do_not_stand_in_the_way_of_ours(story: Story, name: str) -> None:
    """They stand anywhere; a refusal's own still follow one another, each new."""
    await story.store.keep_draft(draft(name))
    drafts = [(await story.refuse(rules=FULL)).draft for _ in range(3)]
    assert len({name, *drafts}) == 4
    assert drafts == sorted(drafts)
    assert {len(each) for each in drafts} == {9}
    assert await story.store.draft(name) == draft(name)


async def test_a_caller_s_id_that_is_next_is_passed_by(story: Story) -> None:
    """However unlikely it is."""
    first = (await story.refuse(rules=FULL)).draft
    following = first[:-1] + _AFTER[first[-1]]
    await story.store.keep_draft(draft(following))
    assert (await story.refuse(rules=FULL)).draft > following
    assert await story.store.draft(following) == draft(following)


async def test_a_kept_draft_s_files_are_kept_as_long_as_it_is(story: Story) -> None:
    """They are known from the start, and go as others do."""
    await story.store.keep_draft(draft(inputs=picture("f6")))
    assert await story.store.strays(["f6" * 32, "00" * 32]) == ["00" * 32]
    story.clock.forward(DAY_MS - 1)
    assert await story.store.unneeded_blobs(keep_ms=HOUR_MS) == []
    story.clock.forward(1)
    assert await story.store.unneeded_blobs(keep_ms=HOUR_MS) == ["f6" * 32]


async def test_a_forgotten_person_s_drafts_go_with_them(story: Story) -> None:
    """And their files, unless another's draft has the same."""
    await story.store.keep_draft(draft("DANA00000", inputs=(*picture("f6"), SOUND)))
    await story.store.keep_draft(draft("DBEN00000", user=BEN, inputs=picture("f6")))
    assert await story.store.own_blobs(ANA) == [SOUND.blob]
    await story.store.forget(ANA, secret=b"k")
    with pytest.raises(Unknown):
        await story.store.draft("DANA00000")
    assert await story.store.draft("DBEN00000") == draft("DBEN00000", user=BEN, inputs=picture("f6"))
    assert await story.store.unneeded_blobs(keep_ms=DAY_MS) == []


async def test_what_another_s_draft_needs_is_not_a_forgotten_person_s_own(story: Story) -> None:
    """Ben continues from a picture that Ana's ended job had first."""
    await story.at(State.CANCELLED, inputs=picture("f6"))
    await story.store.keep_draft(draft(user=BEN, inputs=picture("f6")))
    assert await story.store.own_blobs(ANA) == []


_AFTER = dict(zip("0123456789ABCDEFGHJKMNPQRSTVWXY", "123456789ABCDEFGHJKMNPQRSTVWXYZ", strict=True))
