"""The field cases of pictures, sounds and results: files that broke other people's pipelines, and what is right here."""

import json
import subprocess
import sys
from asyncio import gather
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from bot.media.contract import Prepared, Unfit, UnfitReason
from bot.media.workbench import Workbench
from providers.kit.spec import AudioLimits, ImageLimits
from tests.cases.posted import CASES, near

MB_50 = 50_000_000
NAMES = {key: name for key, name, _, _ in CASES.CASES}
COLOURS = (CASES.RED, CASES.GREEN, CASES.BLUE, CASES.YELLOW)
TOLD = {
    "B1": ["converted"],
    "B3": ["converted"],
    "B6": ["turned"],
    "B8": ["colours"],
    "B10": ["scaled"],
    "B13": ["converted"],
}
ACCEPTED_SOUNDS = ("B17", "B19", "B22", "B24")


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All case files, made once."""
    folder = tmp_path_factory.mktemp("cases")
    for key, name in NAMES.items():
        CASES.MAKERS[key](folder / name)
    return {key: folder / name for key, name in NAMES.items()}


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A workbench with a folder of its own."""
    return Workbench(tmp_path)


def assert_expected(prepared: Prepared, **expect: Any) -> None:
    """Compare a picture with what its case says must come out."""
    with Image.open(prepared.path) as image:
        width, height = image.size
        tolerance = expect.get("tolerance", 12)
        if expect.get("upright") == "portrait":
            assert height * 2 == width * 3
        if "pixel" in expect:
            assert near(image.getpixel((width // 2, height // 2)), expect["pixel"], tolerance)
        if expect.get("quadrants"):
            places = [(width * x // 4, height * y // 4) for y in (1, 3) for x in (1, 3)]
            assert all(near(image.getpixel(at), wanted) for at, wanted in zip(places, COLOURS, strict=True))


@pytest.mark.parametrize("key", TOLD)
async def test_pictures_that_broke_others_are_taken(key: str, cases: dict[str, Path], bench: Workbench) -> None:
    """Each comes out as its case expects, both looks agree on its size, and what was done to it is told."""
    screened, prepared = await gather(
        bench.screen_image(cases[key], MB_50), bench.prepare_image(cases[key], ImageLimits())
    )
    assert_expected(prepared, **CASES.EXPECT[key])
    assert screened.width
    assert screened.height
    assert prepared.width
    assert prepared.height
    assert screened.width / screened.height == prepared.width / prepared.height
    assert [change.code for change in prepared.changes] == TOLD[key]
    assert b"Exif" not in prepared.path.read_bytes()


async def test_b1_the_name_is_not_believed(cases: dict[str, Path], bench: Workbench) -> None:
    """A HEIC under a .png name is a HEIC."""
    assert (await bench.screen_image(cases["B1"], MB_50)).mime == "image/heic"


TWO_AT_ONCE = """
import json, os, subprocess, sys
order, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
command = [sys.executable, "-m", "bot.media.child", order]
running = [subprocess.Popen(command, stdin=open(path, "rb"), stdout=subprocess.PIPE, env={}) for _ in range(count)]
answers = [json.loads(child.stdout.read()) for child in running]
peaks = [os.wait4(child.pid, 0)[2].ru_maxrss * 1024 for child in running]
print(json.dumps([answers, peaks]))
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize(("count", "bound_bytes"), [(1, 300_000_000), (2, 500_000_000)])
def test_b10_memory_is_bounded(count: int, bound_bytes: int, cases: dict[str, Path], tmp_path: Path) -> None:
    """A hundred and eight megapixels are scaled while decoding."""
    order: dict[str, Any] = {
        "role": "image",
        "verb": "prepare",
        "arguments": asdict(ImageLimits()),
        "out": str(tmp_path / "out.jpg"),
    }
    order |= {"timeout_s": 30, "memory_bytes": 640_000_000}
    command = [sys.executable, "-c", TWO_AT_ONCE, json.dumps(order), str(cases["B10"]), str(count)]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=Path(__file__).parents[2]).stdout
    answers, peaks = json.loads(output)
    assert all(told["done"]["width"] == 2000 for told in answers)
    assert sum(peaks) < bound_bytes


async def test_b15_a_strip_is_refused_with_its_numbers(cases: dict[str, Path], bench: Workbench) -> None:
    """No scaling fits it, and the refusal says between which sides."""
    with pytest.raises(Unfit) as refusal:
        await bench.prepare_image(cases["B15"], ImageLimits())
    assert refusal.value.reason is UnfitReason.RATIO
    assert refusal.value.facts == {"width": 1290, "height": 19854, "min_px": 360, "max_px": 2000}


@pytest.mark.parametrize("key", ACCEPTED_SOUNDS)
async def test_sounds_that_broke_others_are_taken(key: str, cases: dict[str, Path], bench: Workbench) -> None:
    """Each lasts as long as its case says, measured by decoding what goes out."""
    _, prepared = await gather(
        bench.screen_audio(cases[key], MB_50), bench.prepare_audio(cases[key], AudioLimits(), cut_s=None)
    )
    seconds = CASES.EXPECT[key]["seconds"]
    with av.open(str(prepared.path)) as container:
        decoded_s = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert decoded_s == pytest.approx(seconds, abs=0.3)
    assert prepared.duration_s == pytest.approx(seconds, abs=0.3)
    assert prepared.size_bytes < 1_000_000


async def test_b19_what_goes_out_has_true_sizes(cases: dict[str, Path], bench: Workbench) -> None:
    """A WAV made from one of unknown size knows its own."""
    prepared = await bench.prepare_audio(cases["B19"], AudioLimits(mimes=("audio/wav",)))
    made = prepared.path.read_bytes()
    assert int.from_bytes(made[4:8], "little") == len(made) - 8


async def test_b20_an_empty_recording_has_its_own_reason(cases: dict[str, Path], bench: Workbench) -> None:
    """A header without a sample is refused at the first look, and later too."""
    for work in (bench.screen_audio(cases["B20"], MB_50), bench.prepare_audio(cases["B20"], AudioLimits())):
        with pytest.raises(Unfit) as refusal:
            await work
        assert refusal.value.reason is UnfitReason.NO_SOUND


async def test_b24_a_clip_declared_as_video_is_a_sound(cases: dict[str, Path], bench: Workbench) -> None:
    """An MP4 without a picture is a sound, and no picture."""
    assert (await bench.screen_audio(cases["B24"], MB_50)).mime == "audio/mp4"
    with pytest.raises(Unfit) as refusal:
        await bench.screen_image(cases["B24"], MB_50)
    assert refusal.value.facts == {"found": "sound"}


async def test_b25_the_index_goes_first(cases: dict[str, Path], bench: Workbench, tmp_path: Path) -> None:
    """What is posted starts before it is loaded; its streams and the stored original stay as they were."""
    original, out = cases["B25"].read_bytes(), tmp_path / "posted.mp4"
    await bench.make_streamable(cases["B25"], out)
    before, after = await gather(bench.inspect_video(cases["B25"]), bench.inspect_video(out))
    assert (before.index_first, after.index_first) == (False, True)
    assert after.duration_s == before.duration_s == pytest.approx(CASES.EXPECT["B25"]["seconds"], abs=0.3)
    assert cases["B25"].read_bytes() == original
    made = out.read_bytes()
    assert made.index(b"moov") < made.index(b"mdat")
    assert made[made.index(b"mdat") :] == original[original.index(b"mdat") : original.index(b"moov") - 4]
