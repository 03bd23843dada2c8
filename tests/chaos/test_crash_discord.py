"""Discord as the platform of a bot that ends at any of its outside calls: one card, one thread, one video in it, shown once."""

from __future__ import annotations

from contextlib import suppress
from itertools import count

from storage.contract import Job
from storage.states import State
from tests.chaos.harness import Killed, Wire
from tests.chaos.town import Town, town

MORE_OR_LESS = 10
"""By how many calls two lives may differ: progress is shown as there is time."""


def assert_told_once(there: Town, job: Job) -> None:
    """Check what people see at the end: a card that says so, one thread on it, and the video there once."""
    assert job.state is State.DELIVERED
    assert len(there.provider.paid()) == 1
    [card] = there.server.messages(there.general)
    assert "Done in" in card.text
    [thread] = there.server.threads(there.general)
    assert card.thread is thread
    [shown] = there.server.messages(thread)
    assert shown.attachment.filename.endswith(f"{job.id}.mp4")
    assert shown.rings == {there.maya.id}
    assert card.button("Watch").url == f"https://discord.com/channels/{job.place.server}/{thread.id}/{shown.id}"


async def test_whichever_call_it_ends_at_the_video_is_in_the_thread_once() -> None:
    """Every boundary in order, those between a message and writing down where it stands included."""
    wire = Wire()
    with town() as there:
        async with there.bot(wire) as bot:
            assert_told_once(there, await there.live(bot))
    assert {"platform.show_card >", "platform.show_video >", "store.said <"} <= set(wire.passed)
    for boundary in count(1):
        with town() as there:
            ending = Wire(boundary)
            with suppress(Killed):
                async with there.bot(ending) as bot:
                    await there.live(bot)
            async with there.bot() as bot:
                assert_told_once(there, await there.live(bot))
        if not ending.dead:
            break
    assert boundary > len(wire.passed) - MORE_OR_LESS
