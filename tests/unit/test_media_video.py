"""Finished videos: whole or not, and made to start early."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from bot.media.contract import BadVideo
from bot.media.workbench import Workbench
from tests.cases import posted
from tests.cases.inline import Inline


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """A workbench with a folder of its own."""
    return Workbench(tmp_path, lane=Inline)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of H.264 and AAC, the index at the end."""
    path: Path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    posted.CASES.clip(path, "libx264", "yuv420p", seconds=2, size=(640, 360))
    return path


def packets(path: Path) -> Iterator[tuple[int, int | None, int | None, bytes]]:
    """Yield what is stored of each packet."""
    with av.open(str(path)) as container:
        for packet in container.demux():
            yield packet.stream_index, packet.pts, packet.dts, bytes(packet)


async def test_the_facts_of_a_whole_video(bench: Workbench, clip: Path) -> None:
    """Size, length, codecs and the place of the index are as made."""
    facts = await bench.inspect_video(clip)
    assert facts.duration_s == pytest.approx(2, abs=0.05)
    assert (facts.width, facts.height, facts.video_codec, facts.audio_codec) == (640, 360, "h264", "aac")
    assert not facts.index_first


async def test_webm_and_silent_videos_are_videos(bench: Workbench, tmp_path: Path) -> None:
    """A provider may send VP9 without sound."""
    path = tmp_path / "clip.webm"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libvpx-vp9", rate=10, options={"cpu-used": "8"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(10):
            out.mux(stream.encode(posted.frame(posted.quadrants(size=(320, 240)))))
        out.mux(stream.encode(None))
    facts = await bench.inspect_video(path)
    assert (facts.video_codec, facts.audio_codec, facts.index_first) == ("vp9", None, True)
    assert facts.duration_s == pytest.approx(1, abs=0.11)


async def test_moving_the_index_changes_nothing_else(bench: Workbench, clip: Path, tmp_path: Path) -> None:
    """Every packet comes out as it went in, and the tag that Apple's players ask for is kept."""
    out = tmp_path / "out.mp4"
    await bench.make_streamable(clip, out)
    assert (await bench.inspect_video(out)).index_first
    assert list(packets(out)) == list(packets(clip))
    assert out.stat().st_size == clip.stat().st_size


async def test_the_tag_of_hevc_is_kept(bench: Workbench, tmp_path: Path) -> None:
    """HEVC tagged hvc1 plays on Apple's systems, and still does afterwards."""
    path, out = tmp_path / "hevc.mp4", tmp_path / "out.mp4"
    posted.CASES.clip(path, "libx265", "yuv420p", "hvc1", seconds=1, size=(320, 240), **{"x265-params": "log-level=0"})
    await bench.make_streamable(path, out)
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


async def test_an_index_that_is_first_is_copied(bench: Workbench, clip: Path, tmp_path: Path) -> None:
    """Doing it twice does nothing the second time, even onto itself."""
    once, twice = tmp_path / "once.mp4", tmp_path / "twice.mp4"
    await bench.make_streamable(clip, once)
    await bench.make_streamable(once, twice)
    assert twice.read_bytes() == once.read_bytes()
    await bench.make_streamable(twice, twice)
    assert twice.read_bytes() == once.read_bytes()


@pytest.mark.parametrize("first", [False, True], ids=["index last", "index first"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.99])
async def test_a_part_of_a_video_is_none(
    bench: Workbench, clip: Path, tmp_path: Path, *, first: bool, share: float
) -> None:
    """Wherever the bytes end, the rest is missed."""
    path = tmp_path / "part.mp4"
    await bench.make_streamable(clip, path)
    whole = (path if first else clip).read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BadVideo):
        await bench.inspect_video(path)


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>502 Bad Gateway</body></html>", b"\0\0\0\x18ftypmp42" + bytes(500), bytes(1000)]
)
async def test_what_is_no_video_is_told(body: bytes, bench: Workbench, tmp_path: Path) -> None:
    """An error page, a stump and an empty file under a video's name are no videos."""
    path = tmp_path / "result.mp4"
    path.write_bytes(body)
    with pytest.raises(BadVideo):
        await bench.inspect_video(path)


async def test_no_file_and_no_picture_are_no_video(bench: Workbench, tmp_path: Path) -> None:
    """A sound in an MP4 is none either, nor is what is not there."""
    path = tmp_path / "sound.mp4"
    posted.tone(path, "mp4", "aac", 1)
    for candidate in (path, tmp_path / "missing.mp4"):
        with pytest.raises(BadVideo):
            await bench.inspect_video(candidate)


async def test_frames_that_the_index_names_must_be_there(bench: Workbench, clip: Path, tmp_path: Path) -> None:
    """A video whose data was lost while its boxes still add up is not whole."""
    data = bytearray(clip.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : start + 30_000] = bytes(min(30_000, data.index(b"moov") - 4 - start))
    path = tmp_path / "holes.mp4"
    path.write_bytes(data)
    with pytest.raises(BadVideo):
        await bench.inspect_video(path)


async def test_a_failed_copy_leaves_nothing(bench: Workbench, tmp_path: Path) -> None:
    """A file that cannot be made streamable does not touch what stands at its destination."""
    path, out = tmp_path / "result.mp4", tmp_path / "kept.mp4"
    path.write_bytes(b"<html>")
    out.write_bytes(b"kept")
    with pytest.raises(BadVideo):
        await bench.make_streamable(path, out)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["kept.mp4", "result.mp4"]
    assert out.read_bytes() == b"kept"
