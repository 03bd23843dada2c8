"""preview@local through deaths of the bot and of its renderer: real folders, real processes, a real video."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from bot.media.workbench import Workbench
from providers import local
from providers.kit.provider import Connection
from storage.states import State
from tests.chaos.harness import started
from tests.chaos.harness_child import Orders, run, setting
from tests.fakes.backends import Sqlite
from tests.fakes.platform import Board


def renderers(folder: Path) -> list[int]:
    """Return the processes that render below a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if b"providers.preview" in words and os.fsencode(folder) in words:
            found.append(int(path.parent.name))
    return found


async def assert_one_whole_video(folder: Path) -> None:
    """Check that one job was delivered once, that its video plays, and that what is left at the renderer can be swept."""
    found = setting(folder, None)
    async with started(found) as bot:
        (job,) = await bot.store.jobs()
        assert (job.state, job.cost_usd_micros) == (State.DELIVERED, 0)
        facts = await Workbench(folder).inspect_video(bot.ports.blobs.path(job.result or ""))
    assert [post["sha256"] for post in Board(folder).posted()] == [job.result]
    assert (round(facts.duration_s), facts.video_codec) == (5, "h264")
    assert Sqlite().inside(folder, job.id).calls_that_may_be_paid == 1
    assert Sqlite().in_flight(folder) == {}
    await local.sweep(Connection(workdir=folder / "media" / "work" / "local"), time.time() + 1)
    assert not list((folder / "media" / "work" / "local").iterdir())


async def test_a_bot_and_a_renderer_killed_in_the_middle_still_make_one_video(tmp_path: Path) -> None:
    """The bot dies at its first look, its renderer right after; the next bot's look starts another renderer."""
    assert run(Orders(folder=tmp_path, url=None, at="provider.look >")) == -signal.SIGKILL
    (renderer,) = renderers(tmp_path)
    os.kill(renderer, signal.SIGKILL)
    assert run(Orders(folder=tmp_path, url=None)) == 0
    await assert_one_whole_video(tmp_path)


@pytest.mark.torture
@pytest.mark.parametrize(
    "boundary",
    ["provider.submit <", "provider.submit >", "provider.look >", "workbench.inspect_video <", "provider.erase <"],
)
async def test_a_bot_killed_around_a_render_goes_on_with_what_the_renderer_made(boundary: str, tmp_path: Path) -> None:
    """The renderer outlives the bot, and the next bot finds its video; where nothing was sent, it is sent then."""
    assert run(Orders(folder=tmp_path, url=None, at=boundary)) == -signal.SIGKILL
    assert run(Orders(folder=tmp_path, url=None)) == 0
    await assert_one_whole_video(tmp_path)
    assert renderers(tmp_path) == []
