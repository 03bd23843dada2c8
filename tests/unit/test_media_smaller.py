"""Stills for cards and videos made smaller: in child processes, on real files."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from PIL import Image

from bot.media.contract import BadVideo, Unfit
from bot.media.workbench import Workbench
from tests.fakes.provider_video import large, video


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A workbench with a folder of its own."""
    folder = tmp_path / "spare"
    folder.mkdir()
    return Workbench(folder)


def drawn(folder: Path, size: tuple[int, int], colour: str) -> Path:
    """Draw a picture of one colour."""
    path = folder / "picture.png"
    Image.new("RGB", size, colour).save(path)
    return path


def middle(path: Path) -> tuple[int, ...]:
    """Return the colour in the middle of a still."""
    with Image.open(path) as image:
        assert (image.format, image.size) == ("JPEG", (256, 256))
        found = image.getpixel((128, 128))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize(("colour", "spread"), [(0.0, (0, 4)), (0.5, (40, 140)), (1.0, (190, 260))])
@pytest.mark.parametrize("size", [(640, 360), (20, 300), (5000, 40)], ids=str)
async def test_a_still_is_a_small_square_with_as_much_colour_as_asked(
    bench: Workbench, tmp_path: Path, colour: float, spread: tuple[int, int], size: tuple[int, int]
) -> None:
    """Whatever the shape; what waits is grey."""
    pixel = middle(await bench.still(drawn(tmp_path, size, "#d9170f"), colour=colour))
    assert spread[0] <= max(pixel) - min(pixel) <= spread[1]


async def test_a_still_of_a_video_is_its_first_frame(bench: Workbench, tmp_path: Path) -> None:
    """Which is black in this one."""
    path = tmp_path / "a.mp4"
    path.write_bytes(video())
    assert max(middle(await bench.beginning(path))) < 30


async def test_what_is_no_media_has_no_still(bench: Workbench, tmp_path: Path) -> None:
    """And leaves nothing behind."""
    path = tmp_path / "a.txt"
    path.write_text("words")
    with pytest.raises(Unfit):
        await bench.still(path)
    with pytest.raises(BadVideo):
        await bench.beginning(path)
    assert list((tmp_path / "spare").iterdir()) == []


async def test_a_video_gets_as_small_as_asked_and_stays_one(bench: Workbench, tmp_path: Path) -> None:
    """As long as before, playable from its beginning, and not much smaller than it may be."""
    path = tmp_path / "large.mp4"
    path.write_bytes(large())
    made = await bench.shrink(path, 200_000)
    assert 120_000 < made.stat().st_size <= 200_000
    before, after = await bench.inspect_video(path), await bench.inspect_video(made)
    assert after.duration_s == pytest.approx(before.duration_s, abs=0.2)
    assert (after.video_codec, after.index_first) == ("h264", True)


async def test_few_bytes_get_few_pixels(bench: Workbench, tmp_path: Path) -> None:
    """Blocks would be worse."""
    path = tmp_path / "large.mp4"
    path.write_bytes(large())
    after = await bench.inspect_video(await bench.shrink(path, 30_000))
    assert (after.width, after.height) < (320, 240)


async def test_the_sound_is_kept_as_it_is(bench: Workbench, tmp_path: Path) -> None:
    """Its packets are taken over."""
    path = tmp_path / "loud.mp4"
    with av.open(str(path), "w") as container:
        picture = container.add_stream("libx264", rate=12)
        picture.width, picture.height, picture.pix_fmt = 320, 240, "yuv420p"
        sound = container.add_stream("aac", rate=44_100)
        for at in range(24):
            image = Image.effect_noise((320, 240), 90).convert("RGB")
            container.mux(picture.encode(av.VideoFrame.from_image(image)))  # type: ignore[no-untyped-call] # PyAV's
            frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
            frame.sample_rate, frame.pts = 44_100, at * 1024
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            container.mux(sound.encode(frame))
        for stream in (picture, sound):
            container.mux(stream.encode(None))
    made = await bench.shrink(path, path.stat().st_size // 3)
    assert (await bench.inspect_video(made)).audio_codec == "aac"


async def test_what_cannot_get_so_small_is_refused(bench: Workbench, tmp_path: Path) -> None:
    """And leaves nothing behind."""
    path = tmp_path / "large.mp4"
    path.write_bytes(large())
    with pytest.raises(BadVideo):
        await bench.shrink(path, 2_000)
    assert list((tmp_path / "spare").iterdir()) == []
