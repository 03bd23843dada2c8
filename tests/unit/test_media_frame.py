"""The last frame of a video, from which its continuation starts."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from PIL import Image

from bot.media.contract import BadVideo
from bot.media.workbench import Workbench
from tests.cases import posted
from tests.cases.inline import Inline


async def test_the_last_frame_is_the_last_one_and_loses_nothing(tmp_path: Path) -> None:
    """A continuation that starts a second early jumps."""
    clip = tmp_path / "clip.mp4"
    posted.CASES.clip(clip, "libx264", "yuv420p", seconds=2, size=(640, 360))
    frame = await Workbench(tmp_path, lane=Inline).last_frame(clip)
    with Image.open(frame) as picture:
        assert (picture.format, picture.size) == ("PNG", (640, 360))
        shown = picture.convert("RGB").tobytes()
    assert shown == last_decoded(clip)


def last_decoded(clip: Path) -> bytes:
    """Decode the whole video, and return its last frame's pixels."""
    with av.open(str(clip)) as container:
        *_, last = container.decode(video=0)
        pixels: bytes = last.to_image().tobytes()  # type: ignore[no-untyped-call]  # PyAV types all but this
    return pixels


async def test_it_is_taken_in_a_process_of_its_own(tmp_path: Path) -> None:
    """Like every other look into what came from outside."""
    clip = tmp_path / "clip.mp4"
    posted.CASES.clip(clip, "libx264", "yuv420p", seconds=1, size=(640, 360))
    frame = await Workbench(tmp_path).last_frame(clip)
    assert frame.stat().st_size > 0


@pytest.mark.parametrize("content", [b"no video", b"\0" * 4000], ids=["text", "zeroes"])
async def test_what_is_no_video_has_none(tmp_path: Path, content: bytes) -> None:
    """And leaves no half picture behind."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(content)
    with pytest.raises(BadVideo):
        await Workbench(tmp_path, lane=Inline).last_frame(clip)
    assert list(tmp_path.glob("*.png")) == []
