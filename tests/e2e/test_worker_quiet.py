"""What a job leaves in the log, and how long the event loop ever stands still for it."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from providers import local
from providers.kit.spec import Pace
from storage.states import FINAL, State
from tests.chaos.harness import Setting, started
from tests.chaos.harness_life import Life, world
from tests.fakes.platform import Board
from tests.fakes.provider import KEY

PROMPT = "a canary sings in the mine at dusk"
PICTURE = "canary-holiday-photo.jpg"
QUICK = Pace(usual_s=60.0, slow_s=600.0, first_look_s=0.0, every_s=300.0)
LIVES = (
    Life(name="plain", end="delivered"),
    Life(name="answer lost", end="delivered", posts=("lost",)),
    Life(name="refused", end="failed moderated", posts=("moderated",)),
    Life(name="garbage", end="failed timed_out", script={"garbage": True}),
    Life(name="not whole", end="failed no_output", script={"video": b"\0\0\0\x18ftypisom"}),
    Life(name="damaged", end="failed bad_input", damaged=True),
    Life(name="post lost", end="delivered", troubles=("lost", "down", "gone")),
)


@pytest.mark.parametrize("life", LIVES, ids=str)
async def test_no_prompt_file_link_or_key_is_in_any_log_line_of_a_whole_job(
    life: Life, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG, of every logger there is, with all that stands beside each message, whatever the job meets."""
    caplog.set_level(logging.DEBUG)
    with world(replace(life, spec={"pace": QUICK, "retention_s": 2 * 3600}), tmp_path / "w") as there:
        async with started(there.setting) as bot:
            named = there.setting.picture.rename(there.setting.picture.with_name(PICTURE))
            job = await bot.ask(prompt=PROMPT, image=named)
            await bot.until(job, *FINAL, State.KEPT)
    assert job.id in {str(record.__dict__.get("job")) for record in caplog.records}
    secrets = (PROMPT, "canary", PICTURE, KEY, "file:", "http://", str(job.inputs[0].blob), ".mp4")
    for record in caplog.records:
        line = f"{caplog.handler.format(record)} {record.__dict__}"
        assert not [secret for secret in secrets if secret in line], record.getMessage()


@dataclass
class Heart:
    """Beats on the event loop, and measures each gap on the wall and in processor time of the loop's own thread."""

    wall_s: list[float] = field(default_factory=list)
    busy_s: list[float] = field(default_factory=list)

    async def beat(self) -> None:
        wall_s, busy_s = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(0.002)
            now_s, now_busy_s = time.perf_counter(), time.thread_time()
            self.wall_s.append(now_s - wall_s)
            self.busy_s.append(now_busy_s - busy_s)
            wall_s, busy_s = now_s, now_busy_s


async def test_a_whole_preview_job_never_holds_the_event_loop_up(tmp_path: Path) -> None:
    """Decoding, encoding, hashing and the database run elsewhere: no gap works 50 ms, and most pass in a few."""
    setting = Setting(folder=tmp_path, providers=(local.PROVIDER,), platform=Board(tmp_path), near=False)
    async with started(setting) as bot:
        heart = Heart()
        beating = asyncio.create_task(heart.beat())
        job = await bot.ask(model="preview", options={"resolution": "480p"})
        job = await bot.worker.drive(job.id, until=lambda _: False, stop=asyncio.Event())
        beating.cancel()
    assert job.state is State.DELIVERED
    assert max(heart.busy_s) < 0.05
    assert statistics.median(heart.wall_s) < 0.02
    assert sum(gap > 0.05 for gap in heart.wall_s) <= 0.02 * len(heart.wall_s)
