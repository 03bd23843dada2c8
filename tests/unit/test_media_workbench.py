"""The workbench and its child processes: refusals before decoding, bounds, cancellation, and damage of every kind."""

import asyncio
import json
import os
import random
import subprocess
import sys
from asyncio import gather
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bot.media.child import answer
from bot.media.contract import Prepared, Unfit, UnfitReason
from bot.media.source import Source
from bot.media.workbench import Workbench
from providers.kit.spec import AudioLimits, ImageLimits
from tests.cases import posted
from tests.cases.posted import PICTURES, SOUNDS, quadrants, saved

MB_50 = 50_000_000
MEASURED = """
import json, os, subprocess, sys
order, path = sys.argv[1:]
with open(path, "rb") as file:
    child = subprocess.Popen([sys.executable, "-m", "bot.media.child", order], stdin=file, stdout=subprocess.PIPE, env={})
    answer = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    print(json.dumps({"answer": json.loads(answer or "{}"), "status": status, "rss": usage.ru_maxrss * 1024}), flush=True)
    os._exit(0)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A workbench with a folder of its own."""
    (tmp_path / "out").mkdir()
    return Workbench(tmp_path / "out")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PNG of 55 megapixels, about as large as one may be: it takes a while."""
    path = tmp_path_factory.mktemp("large") / "large.png"
    path.write_bytes(saved(quadrants(size=(9000, 6200)), "PNG", compress_level=1))
    return path


def children() -> set[int]:
    """Return the media processes that this one started and that still run."""
    listing = Path("/proc/self/task").glob("*/children")
    started = {int(pid) for tasks in listing for pid in tasks.read_text().split()}
    return {pid for pid in started if b"bot.media.child" in command_of(pid)}


def command_of(pid: int) -> bytes:
    """Return a process's command line; one that has ended has none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def measured(path: Path, verb: str = "prepare", **changes: Any) -> dict[str, Any]:
    """Return the answer of one child, how it ended, and the most memory that it held."""
    limits = asdict(ImageLimits()) if verb == "prepare" else {}
    order = {"role": "image", "verb": verb, "arguments": limits, "timeout_s": 30, "memory_bytes": 640_000_000}
    order |= {"out": str(path.with_suffix(".out"))} | changes
    command = [sys.executable, "-c", MEASURED, json.dumps(order), str(path)]
    root = Path(__file__).parents[2]
    told: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=root).stdout)
    return told


async def until(done: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110  # a process is looked at from outside: it sets no event
            await asyncio.sleep(0.001)


async def refusal(work: Any) -> Unfit:
    """Return the refusal that this ends in."""
    with pytest.raises(Unfit) as caught:
        await work
    return caught.value


@pytest.mark.parametrize("make", ["nothing", "folder", "pipe", "nul"])
async def test_what_is_no_file_is_missing(make: str, bench: Workbench, tmp_path: Path) -> None:
    """A folder, a pipe that nobody writes to and nothing at all are refused at once."""
    path = tmp_path / ("a\0b" if make == "nul" else "posted")
    if make == "folder":
        path.mkdir()
    if make == "pipe":
        os.mkfifo(path)
    for work in (bench.screen_image(path, MB_50), bench.prepare_audio(path, AudioLimits())):
        async with asyncio.timeout(2):
            assert (await refusal(work)).reason is UnfitReason.MISSING


async def test_empty_and_oversize_files_are_refused_unread(bench: Workbench, tmp_path: Path) -> None:
    """Size is asked before any process is started."""
    empty, large = tmp_path / "empty.jpg", tmp_path / "large.jpg"
    empty.touch()
    with large.open("wb") as file:
        file.truncate(MB_50 + 1)
    assert (await refusal(bench.screen_image(empty, MB_50))).reason is UnfitReason.EMPTY
    assert (await refusal(bench.prepare_image(empty, ImageLimits()))).reason is UnfitReason.EMPTY
    for work in (bench.screen_image(large, MB_50), bench.screen_audio(large, MB_50)):
        unfit = await refusal(work)
        assert unfit.reason is UnfitReason.TOO_BIG
        assert unfit.facts == {"size_bytes": MB_50 + 1, "max_bytes": MB_50}


async def test_a_picture_and_a_sound_by_way_of_children(bench: Workbench, tmp_path: Path) -> None:
    """The real path, both roles, both looks, at once."""
    image, audio = tmp_path / "voice.ogg", tmp_path / "photo.jpg"
    image.write_bytes(PICTURES["HEIC"][0]())
    SOUNDS["Opus voice message"][0](audio)
    works: list[Any] = [bench.screen_image(image, MB_50), bench.screen_audio(audio, MB_50)]
    works += [bench.prepare_image(image, ImageLimits()), bench.prepare_audio(audio, AudioLimits(), cut_s=5)]
    seen, heard, picture, sound = await gather(*works)
    assert (seen.mime, heard.mime) == ("image/heic", "audio/ogg")
    assert (picture.mime, sound.mime) == ("image/jpeg", "audio/mpeg")
    assert seen.size_bytes == image.stat().st_size
    assert picture.size_bytes == picture.path.stat().st_size
    assert sound.path.stat().st_mode & 0o777 == 0o600


async def test_a_file_name_of_any_bytes_is_taken(bench: Workbench, tmp_path: Path) -> None:
    """The child never sees the name."""
    path = tmp_path / os.fsdecode(b"\xff\xfe -o --flag \xe7\x8c\xab.png")
    path.write_bytes(PICTURES["PNG"][0]())
    assert (await bench.screen_image(path, MB_50)).mime == "image/png"


async def test_a_child_inherits_no_environment(tmp_path: Path) -> None:
    """No key is within reach of a decoder: the child's own environment, read from the system, is empty."""
    path = tmp_path / "large.jpg"
    path.write_bytes(saved(quadrants(size=(3000, 3000)), "PNG", compress_level=1))
    (tmp_path / "out").mkdir()
    work = asyncio.create_task(Workbench(tmp_path / "out").prepare_image(path, ImageLimits()))
    await until(lambda: bool(children()))
    (child,) = children()
    environment = Path(f"/proc/{child}/environ").read_bytes()
    await work
    assert environment == b""


@pytest.mark.parametrize("turns", [0, 1, 3, 400])
async def test_cancelling_ends_the_child(turns: int, bench: Workbench, large: Path) -> None:
    """Whenever a task is cancelled, no process and no file is left."""
    work = asyncio.create_task(bench.prepare_image(large, ImageLimits()))
    for _ in range(turns):
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await until(lambda: not children())
    assert not list(bench._folder.iterdir())


async def test_what_takes_too_long_is_ended(tmp_path: Path, large: Path) -> None:
    """A time-out is a refusal, and the child is gone."""
    unfit = await refusal(Workbench(tmp_path, prepare_s=0.05).prepare_image(large, ImageLimits()))
    assert unfit.reason is UnfitReason.TOO_SLOW
    await until(lambda: not children())
    assert not list(tmp_path.iterdir())


async def test_no_more_children_than_allowed(tmp_path: Path) -> None:
    """Work waits its turn, and a look does not wait for work."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(saved(quadrants(size=(1500, 1000)), "JPEG"))
    (tmp_path / "out").mkdir()
    bench, most = Workbench(tmp_path / "out", max_children=1), 0
    works = [asyncio.create_task(bench.prepare_image(path, ImageLimits())) for _ in range(2)]
    await bench.screen_image(path, MB_50)
    assert not all(work.done() for work in works)
    while not all(work.done() for work in works):
        most = max(most, len(children()))
        await asyncio.sleep(0.02)
    assert most == 1


async def test_the_event_loop_is_not_blocked(bench: Workbench, large: Path) -> None:
    """While a large picture is prepared, the loop goes round."""
    loop, longest = asyncio.get_running_loop(), 0.0
    work = asyncio.create_task(bench.prepare_image(large, ImageLimits()))
    await asyncio.sleep(0)
    while not work.done():
        before = loop.time()
        await asyncio.sleep(0.001)
        longest = max(longest, loop.time() - before)
    assert isinstance(work.result(), Prepared)
    assert longest < 0.5


def test_the_largest_picture_stays_within_its_memory(large: Path) -> None:
    """Fifty-five megapixels of PNG, which cannot be scaled while decoding, take under 300 MB."""
    told = measured(large)
    assert told["answer"]["done"]["width"] == 2000
    assert told["rss"] < 300_000_000


def test_the_address_space_is_bounded(large: Path) -> None:
    """Where memory runs out all the same, the picture is refused and the process does not grow."""
    told = measured(large, memory_bytes=200_000_000)
    assert told["answer"] == {"unfit": "bomb", "facts": {"width": 9000, "height": 6200}}
    assert told["rss"] < 200_000_000


def test_a_full_disk_is_our_fault_and_not_the_pictures(tmp_path: Path) -> None:
    """What cannot be written is told as such."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(PICTURES["JPEG"][0]())
    limits = asdict(ImageLimits())
    task = {"role": "image", "verb": "prepare", "arguments": limits, "out": str(tmp_path / "gone" / "out.jpg")}
    with path.open("rb") as file:
        assert answer(task, Source(file.fileno())) == {"errno": 2}


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return the data with bytes changed, cut out and put in, mostly near its head."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 3, 10))):
        at = chance.randrange(min(len(made), chance.choice((64, 600, len(made)))))
        match chance.randrange(4):
            case 0:
                del made[at : at + chance.randrange(1, 40)]
            case 1:
                made[at:at] = chance.randbytes(4)
            case _:
                made[at] = chance.randrange(256)
    return bytes(made) or b"\0"


FUZZED = [
    "JPEG",
    "progressive JPEG",
    "PNG",
    "GIF",
    "WEBP",
    "LZW TIFF",
    "BMP",
    "AVIF",
    "HEIC",
    "WAV",
    "MP3",
    "M4A",
    "FLAC",
    "WEBM",
]


@pytest.mark.parametrize("name", FUZZED)
async def test_damage_is_survived(name: str, tmp_path: Path) -> None:
    """Any damage ends in a prepared file or a refusal, never in another exception and never in a hang."""
    (tmp_path / "out").mkdir()
    bench = Workbench(tmp_path / "out", max_children=4, prepare_s=20)
    chance, path = random.Random(name), tmp_path / "whole"
    if name in PICTURES:
        path.write_bytes(PICTURES[name][0]())
    else:
        SOUNDS[name][0](path)
    works: list[Any] = []
    for number in range(4):
        damaged = tmp_path / f"{number}"
        damaged.write_bytes(mutated(path.read_bytes(), chance))
        if name in PICTURES:
            works.append(bench.prepare_image(damaged, ImageLimits()))
        else:
            works.append(bench.prepare_audio(damaged, AudioLimits(), cut_s=5))
    for outcome in await gather(*works, return_exceptions=True):
        assert isinstance(outcome, (Prepared, Unfit)), outcome
        if isinstance(outcome, Unfit):
            assert outcome.reason is not UnfitReason.TOO_SLOW


async def test_a_header_alone_answers_quickly(bench: Workbench, large: Path) -> None:
    """The first look at a large picture decodes none of it."""
    told = measured(large, verb="screen", arguments={}, out=None)
    assert told["answer"] == {"done": {"mime": "image/png", "width": 9000, "height": 6200}}
    assert told["rss"] < 60_000_000


def test_pixels_of_a_large_webp_come_by_the_leaner_decoder(tmp_path: Path) -> None:
    """Twenty megapixels with transparency, for which Pillow alone would take 330 MB."""
    image = Image.new("RGBA", (5000, 4000), (208, 32, 32, 255))
    image.paste((0, 0, 0, 0), (0, 2000, 5000, 4000))
    path = tmp_path / "large.webp"
    path.write_bytes(saved(image, "WEBP", method=0, lossless=True, quality=0))
    told = measured(path)
    assert told["rss"] < 300_000_000
    assert [code for code, _ in told["answer"]["done"]["changes"]] == ["scaled", "flattened", "converted"]
    with Image.open(path.with_suffix(".out")) as made:
        assert posted.near(made.getpixel((1000, 400)), (208, 32, 32))
        assert posted.near(made.getpixel((1000, 1200)), (255, 255, 255))
