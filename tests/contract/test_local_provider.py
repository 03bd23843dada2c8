"""preview@local: real folders, real renderer processes, real kills."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import wave
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlparse

import av
import pytest
from PIL import Image

from providers.kit.errors import MediaUnreachable, NoCapacity, NoJob, TicketUnknown
from providers.kit.provider import (
    Absent,
    Cancelled,
    Connection,
    Finished,
    Media,
    Order,
    Outcome,
    Refused,
    Running,
    Ticket,
)
from providers.kit.spec import Value
from providers.local import PROVIDER, SPEC, cancel, reconcile
from providers.preview import workshop
from providers.preview.__main__ import work


def media(path: Path, mime: str) -> Media:
    """Wrap a file as intake would."""
    data = path.read_bytes()
    return Media(path=path, mime=mime, sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


@pytest.fixture
def connection(tmp_path: Path) -> Connection:
    """A folder that does not exist yet."""
    return Connection(workdir=tmp_path / "preview")


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """A small order."""
    picture = tmp_path / "picture.png"
    Image.radial_gradient("L").resize((640, 360)).convert("RGB").save(picture)
    return Order(
        key="job-1.1",
        spec=SPEC,
        prompt="zoom in on the secret garden",
        options={"resolution": "480p", "duration": 5, "sound": False},
        image=media(picture, "image/png"),
    )


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for other processes; 30 s at most."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110  another process has no event to wait for
            await asyncio.sleep(0.05)


async def until(connection: Connection, ticket: Ticket, wanted: Callable[[Outcome], bool] | None = None) -> Outcome:
    """Look again and again, as the worker does, until the wanted outcome, or until the end."""
    seen: list[Outcome] = []

    async def holds() -> bool:
        seen.append(await PROVIDER.look(connection, ticket))
        return wanted(seen[-1]) if wanted else not isinstance(seen[-1], Running)

    await eventually(holds)
    return seen[-1]


LONG: dict[str, Value] = {"resolution": "1080p", "duration": 10}
"""For renders that are stopped on the way."""


def under_way(outcome: Outcome) -> bool:
    """The first frames are done."""
    return not isinstance(outcome, Running) or bool(outcome.progress)


def renderers(folder: Path) -> list[int]:
    """Find the processes that render a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"providers.preview" in words and os.fsencode(folder) in words:
            found.append(int(path.parent.name))
    return found


async def renderer_of(folder: Path) -> int:
    """Wait until a process that was just started shows its command line, and return it; there must be no second."""

    async def shows() -> bool:
        return bool(renderers(folder))

    await eventually(shows)
    (renderer,) = renderers(folder)
    return renderer


def environment(process: int) -> bytes:
    """What a process was started with."""
    return Path(f"/proc/{process}/environ").read_bytes()


def video(outcome: Outcome) -> Path:
    """The file that a finished job links to."""
    assert isinstance(outcome, Finished)
    return Path(urlparse(outcome.link).path)


async def test_a_job_runs_to_a_video(connection: Connection, order: Order) -> None:
    """Its progress only grows, its end tells the seed and costs nothing, and the video has the picture's shape."""
    ticket = await PROVIDER.submit(connection, replace(order, options={**order.options, "seed": 0}))
    told: list[float] = []

    def over(outcome: Outcome) -> bool:
        if isinstance(outcome, Running):
            told.append(outcome.progress or 0.0)
            assert outcome.eta_s is None or 0 <= outcome.eta_s < 20
        return not isinstance(outcome, Running)

    outcome = await until(connection, ticket, over)
    assert outcome == Finished(link=video(outcome).as_uri(), seed=0, billed_usd_micros=0)
    assert told == sorted(told)
    assert any(0 < progress < 1 for progress in told)
    with av.open(video(outcome)) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (854, 480)
    await cancel(connection, ticket)
    assert await PROVIDER.look(connection, ticket) == outcome, "a cancel that comes after the result changes nothing"


async def test_a_seed_nobody_asked_for_is_told_and_repeats_the_video(connection: Connection, order: Order) -> None:
    """Asked for again with the seed that was told, the same file comes back."""
    order = replace(order, prompt="")
    first = await until(connection, await PROVIDER.submit(connection, order))
    assert isinstance(first, Finished)
    assert first.seed is not None
    again = replace(order, key="job-1.2", options={**order.options, "seed": first.seed})
    second = await until(connection, await PROVIDER.submit(connection, again))
    assert video(first).read_bytes() == video(second).read_bytes()


async def test_a_second_submit_is_the_same_job(connection: Connection, order: Order) -> None:
    """The same key is the same ticket and the same render, not another one."""
    ticket, again = await asyncio.gather(*(PROVIDER.submit(connection, replace(order, options=LONG)) for _ in range(2)))
    folder = connection.workdir / ticket
    assert again == ticket == order.key
    assert await renderer_of(folder)
    assert [path.name for path in connection.workdir.iterdir()] == [ticket]
    await cancel(connection, ticket)
    await until(connection, ticket)


async def test_a_killed_renderer_is_started_again(connection: Connection, order: Order) -> None:
    """Killed in the middle, the job still ends with one whole video, by one new renderer."""
    ticket = await PROVIDER.submit(connection, replace(order, options={**order.options, "duration": 10}))
    await until(connection, ticket, under_way)
    victim = await renderer_of(connection.workdir / ticket)
    os.kill(victim, signal.SIGKILL)
    await until(connection, ticket, lambda seen: bool(set(renderers(connection.workdir / ticket)) - {victim}))
    looks = await asyncio.gather(*(PROVIDER.look(connection, ticket) for _ in range(8)))
    assert all(isinstance(seen, Running) for seen in looks)
    assert len(renderers(connection.workdir / ticket)) == 1
    outcome = await until(connection, ticket)
    with av.open(video(outcome)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 240


async def test_a_renderer_that_always_dies_ends_the_job(connection: Connection, order: Order) -> None:
    """After three deaths the job is refused, and no fourth renderer starts."""
    ticket = await PROVIDER.submit(connection, replace(order, options=LONG))

    def killed(outcome: Outcome) -> bool:
        for renderer in renderers(connection.workdir / ticket):
            os.kill(renderer, signal.SIGKILL)
        return not isinstance(outcome, Running)

    outcome = await until(connection, ticket, killed)
    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.billed_usd_micros) == ("provider_error", 0)
    assert not renderers(connection.workdir / ticket)


async def test_a_render_outlives_the_process_that_asked_for_it(connection: Connection, order: Order) -> None:
    """A bot that is gone the moment after its submit, started from anywhere, finds the video finished."""
    program = (
        "import sys; from pathlib import Path; from providers.preview import workshop\n"
        "import json; workshop.place(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), Path(sys.argv[4]), None)"
    )
    told = [str(connection.workdir), order.key, json.dumps(PROVIDER.body(order)), str(order.image.path)]
    root = Path(workshop.__file__).parents[2]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", "-c", program, *told],
        cwd=order.image.path.parent,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    folder = connection.workdir / order.key

    async def finished() -> bool:
        return not renderers(folder)

    await eventually(finished)
    assert (folder / "result.mp4").exists()
    assert isinstance(await PROVIDER.look(connection, Ticket(order.key)), Finished)


async def test_a_cancel_stops_the_renderer(connection: Connection, order: Order) -> None:
    """Soon after the wish no renderer is left, no video comes, and that stays so."""
    ticket = await PROVIDER.submit(connection, replace(order, options=LONG))
    await until(connection, ticket, under_way)
    await cancel(connection, ticket)
    assert await until(connection, ticket) == Cancelled(billed_usd_micros=0)
    assert await PROVIDER.look(connection, ticket) == Cancelled(billed_usd_micros=0)
    assert not renderers(connection.workdir / ticket)
    assert not list((connection.workdir / ticket).glob("result*"))


async def test_a_cancel_without_a_renderer_holds_at_once(connection: Connection, order: Order) -> None:
    """Where nobody renders, the next look already confirms it."""
    ticket = await PROVIDER.submit(connection, replace(order, options=LONG))
    await until(connection, ticket, under_way)
    victim = await renderer_of(connection.workdir / ticket)
    os.kill(victim, signal.SIGKILL)
    await cancel(connection, ticket)
    assert await until(connection, ticket) == Cancelled(billed_usd_micros=0)


async def test_reconcile_finds_a_job_whose_answer_was_lost(connection: Connection, order: Order) -> None:
    """The order's own key leads back to its ticket."""
    ticket = await PROVIDER.submit(connection, replace(order, options=LONG))
    assert await reconcile(connection, order) == ticket
    await cancel(connection, ticket)
    await until(connection, ticket)


async def test_reconcile_makes_sure_that_no_job_can_come(connection: Connection, order: Order) -> None:
    """An absent job is absent for good: a submit that arrives later is refused."""
    assert await reconcile(connection, order) == Absent()
    assert await reconcile(connection, order) == Absent()
    with pytest.raises(NoJob):
        await PROVIDER.submit(connection, order)
    with pytest.raises(TicketUnknown):
        await PROVIDER.look(connection, Ticket(order.key))


async def test_a_submit_and_a_reconcile_that_race_agree(connection: Connection, order: Order) -> None:
    """Whoever comes first wins, and the other one knows: never a job that was called absent."""

    async def later(raced: Order, hops: int) -> Ticket | Absent:
        for _ in range(hops):
            await asyncio.to_thread(int)
        return await reconcile(connection, raced)

    for hops in range(0, 64, 8):
        raced = replace(order, key=f"race-{hops}")
        submitted, found = await asyncio.gather(
            PROVIDER.submit(connection, raced), later(raced, hops), return_exceptions=True
        )
        if found == Absent():
            assert isinstance(submitted, NoJob)
        else:
            assert submitted == found == raced.key
            await cancel(connection, Ticket(raced.key))
    assert not [path for path in connection.workdir.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    "ticket", ["", ".", "..", "../job", "/etc", "a/b", "job\n", "job\0", ".job", "x" * 200, "missing"]
)
async def test_a_ticket_that_is_not_ours_is_unknown(connection: Connection, order: Order, ticket: str) -> None:
    """No ticket leads out of the folder, and one without a job is not known."""
    outside = connection.workdir.parent / "job"
    outside.mkdir()
    (outside / "order.json").write_text("{}")
    for call in (PROVIDER.look, cancel):
        with pytest.raises(TicketUnknown):
            await call(connection, Ticket(ticket))
    assert [path.name for path in outside.iterdir()] == ["order.json"]


async def test_an_unreadable_picture_is_refused(connection: Connection, order: Order, tmp_path: Path) -> None:
    """The renderer says so, and nobody is billed."""
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    broken = replace(order, image=media(tmp_path / "broken.png", "image/png"))
    outcome = await until(connection, await PROVIDER.submit(connection, broken))
    assert isinstance(outcome, Refused)
    assert (outcome.kind, outcome.billed_usd_micros) == ("bad_input", 0)
    assert "picture" in outcome.detail


async def test_a_full_disk_is_refused(connection: Connection, order: Order) -> None:
    """A video that cannot be written ends its job, and its half is gone."""
    folder = connection.workdir / order.key
    folder.mkdir(parents=True)
    (folder / "order.json").write_text(json.dumps(PROVIDER.body(order)))
    shutil.copy(order.image.path, folder / "picture")
    (folder / "result.part").symlink_to("/dev/full")
    await asyncio.to_thread(work, folder)
    outcome = await PROVIDER.look(connection, Ticket(order.key))
    assert outcome == Refused(kind="provider_error", detail="OSError: No space left on device", billed_usd_micros=0)
    assert not (folder / "result.part").is_symlink()


async def test_a_submit_that_cannot_be_written_makes_no_job(connection: Connection, order: Order) -> None:
    """Without room or without its picture there is no job, no half folder, and the refusal says whose turn it is."""
    gone = replace(order, image=replace(order.image, path=order.image.path.with_name("gone.png")))
    with pytest.raises(MediaUnreachable):
        await PROVIDER.submit(connection, gone)
    assert list(connection.workdir.iterdir()) == []
    connection.workdir.rmdir()
    connection.workdir.write_text("a file stands in the way")
    with pytest.raises(NoCapacity):
        await PROVIDER.submit(connection, order)


async def test_a_given_sound_is_heard_and_all_is_the_owner_s_alone(connection: Connection, order: Order) -> None:
    """The sound comes with the picture; folders are 0700 and files 0600, and log and video hold nothing of the prompt."""
    audio = order.image.path.with_name("silence.wav")
    with wave.open(str(audio), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        file.writeframes(bytes(16_000))
    ticket = await PROVIDER.submit(connection, replace(order, audio=media(audio, "audio/wav")))
    outcome = await until(connection, ticket)
    with av.open(video(outcome)) as container:
        assert [stream.codec_context.name for stream in container.streams.audio] == ["aac"]
    folder = connection.workdir / ticket
    assert [stat.S_IMODE(path.stat().st_mode) for path in (connection.workdir, folder)] == [0o700, 0o700]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert (folder / "log").read_bytes() == b""
    assert b"secret" not in (folder / "result.mp4").read_bytes()


async def test_a_renderer_is_told_no_secret(
    connection: Connection, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot's environment, with its tokens, does not reach the process that opens people's files."""
    monkeypatch.setenv("DISCORD_BOT_TOKEN", "sesame")
    ticket = await PROVIDER.submit(connection, replace(order, options=LONG))
    await until(connection, ticket, under_way)
    renderer = await renderer_of(connection.workdir / ticket)
    assert b"sesame" not in environment(renderer)
    await cancel(connection, ticket)
    await until(connection, ticket)


def test_every_option_reaches_the_body(order: Order) -> None:
    """Every value of every option, zero and false included, changes what would be sent."""
    for option in SPEC.options:
        bodies = {
            json.dumps(PROVIDER.body(replace(order, options={"seed": 5, **order.options, option.name: value})))
            for value in option.samples()
        }
        assert len(bodies) == len(set(option.samples()))


def test_a_body_names_its_media(order: Order) -> None:
    """Pictures and sounds stand in it by their content, not by their bytes or paths."""
    options: dict[str, Value] = {"resolution": "720p", "duration": 10, "sound": True, "seed": 0}
    assert PROVIDER.body(replace(order, options=options, audio=order.image)) == {
        "prompt": order.prompt,
        **options,
        "image": f"media:sha256:{order.image.sha256}",
        "audio": f"media:sha256:{order.image.sha256}",
    }


async def test_old_folders_are_swept(connection: Connection, order: Order) -> None:
    """What is old and not needed goes, with what a crash left half built; what is kept or young stays."""
    for key in ("old", "kept", "young"):
        assert await reconcile(connection, replace(order, key=key)) == Absent()
    (connection.workdir / ".half").mkdir()
    for name in ("old", "kept", ".half"):
        os.utime(connection.workdir / name, (1000, 1000))
    swept = workshop.sweep(connection.workdir, before_s=time.time() - 3600, keep={"kept"})
    assert sorted(swept) == [".half", "old"]
    assert sorted(path.name for path in connection.workdir.iterdir()) == ["kept", "young"]


async def test_a_job_can_be_erased(connection: Connection, order: Order) -> None:
    """Its folder goes with all that it held, even under a renderer's hands; erasing again does no harm."""
    ticket = await PROVIDER.submit(connection, order)
    for name in (ticket, ticket, "../picture.png"):
        workshop.remove(connection.workdir, name)
    assert list(connection.workdir.iterdir()) == []
    assert order.image.path.exists()
    with pytest.raises(TicketUnknown):
        await PROVIDER.look(connection, ticket)

    async def alone() -> bool:
        return not renderers(connection.workdir / ticket)

    await eventually(alone)


async def test_the_event_loop_stays_free(connection: Connection, order: Order) -> None:
    """No call holds the loop up for 50 ms, whatever the disk does."""
    gaps: list[float] = []

    async def tick() -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            gaps.append(time.perf_counter() - last)
            last = time.perf_counter()

    ticking = asyncio.create_task(tick())
    ticket = await PROVIDER.submit(connection, replace(order, options=LONG))
    await until(connection, ticket, under_way)
    await cancel(connection, ticket)
    await until(connection, ticket)
    ticking.cancel()
    assert sorted(gaps)[len(gaps) * 99 // 100] < 0.05
