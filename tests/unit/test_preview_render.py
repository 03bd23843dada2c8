"""Whole previews, encoded and decoded again."""

from __future__ import annotations

import math
import wave
from dataclasses import replace
from pathlib import Path

import av
import pytest
from PIL import Image, ImageDraw

from providers.kit.errors import BadInput
from providers.preview import sound
from providers.preview.render import Shot, render


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small picture with something to see."""
    image = Image.linear_gradient("L").resize((640, 360)).convert("RGB")
    ImageDraw.Draw(image).ellipse((200, 100, 400, 300), "tomato")
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    image.save(path)
    return path


@pytest.fixture
def shot(picture: Path) -> Shot:
    """The smallest shot."""
    return Shot(picture=picture, audio=None, prompt="zoom in", resolution="480p", duration_s=5, sound=False, seed=1)


def rendered(shot: Shot, target: Path) -> Path:
    """Render where nobody asks how far it is."""
    render(shot, target, lambda done, total: None)
    return target


def tone(path: Path, duration_s: float) -> Path:
    """Write a mono 22.05 kHz WAV of one loud note."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 22_050, 0, "NONE", "not compressed"))
        samples = (round(20_000 * math.sin(index / 10)) for index in range(int(22_050 * duration_s)))
        file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
    return path


def loudness(path: Path) -> list[float]:
    """Return the peak of each tenth of a second of a file's sound."""
    peaks: dict[int, float] = {}
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            values = memoryview(frame.planes[0]).cast("f")[: frame.samples]
            tenth = int((frame.time or 0) * 10)
            peaks[tenth] = max(peaks.get(tenth, 0.0), *map(abs, values))
    return [peaks[tenth] for tenth in sorted(peaks)]


def test_a_preview_is_a_video_that_plays_everywhere(shot: Shot, tmp_path: Path) -> None:
    """H.264, 4:2:0, 24 pictures a second, tagged BT.709, as long as asked for, its index first; and it says what it is."""
    path = rendered(shot, tmp_path / "out.mp4")
    with av.open(path) as container:
        (stream,) = container.streams.video
        assert not container.streams.audio
        codec = stream.codec_context
        frames = list(container.decode(video=0))
        assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", 854, 480)
        assert (codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range) == (1, 1, 1, 1)
        assert len(frames) == 120
        assert stream.average_rate == 24
        assert float(stream.duration * stream.time_base) == 5.0  # type: ignore[operator]  # the file tells both
        assert "not AI" in container.metadata["title"]
        assert "No AI" in container.metadata["comment"]
    data = path.read_bytes()
    assert -1 < data.index(b"moov") < data.index(b"mdat")
    assert bytes(frames[0].planes[0]) != bytes(frames[-1].planes[0])


def test_the_same_shot_is_the_same_file(shot: Shot, tmp_path: Path) -> None:
    """Rendered twice it has equal bytes; a chord of its own lasts as long as the video, quiet and never silent."""
    path, again = (rendered(replace(shot, sound=True), tmp_path / name) for name in ("a.mp4", "b.mp4"))
    assert path.read_bytes() == again.read_bytes()
    with av.open(path) as container:
        stream = container.streams.audio[0]
        assert (stream.codec_context.name, stream.rate, stream.layout.name) == ("aac", 48_000, "stereo")
        assert float(stream.duration * stream.time_base) == pytest.approx(5, abs=0.03)  # type: ignore[operator]  # the file tells both
    peaks = loudness(path)
    assert max(peaks) < 0.3
    assert min(peaks[5:45]) > 0.005


@pytest.mark.parametrize("given_s", [0.5, 7.0])
def test_a_given_sound_fits_the_video(shot: Shot, tmp_path: Path, given_s: float) -> None:
    """It wins over a chord; a short one is followed by silence, a long one fades out with the video."""
    audio = tone(tmp_path / "tone.wav", given_s)
    path = rendered(replace(shot, prompt="still", audio=audio, sound=True), tmp_path / "out.mp4")
    with av.open(path) as container:
        stream = container.streams.audio[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(5, abs=0.03)  # type: ignore[operator]  # as above
    peaks = loudness(path)
    assert peaks[2] > 0.4
    assert (peaks[20] > 0.4) == (given_s > 5)
    assert peaks[49] < 0.3


def test_chords_differ_by_seed() -> None:
    """Another seed is another chord, the same seed the same samples."""
    one, again, two = (
        b"".join(bytes(frame.planes[0])[: frame.samples * 4] for frame in sound.ambient(seed, 5)) for seed in (1, 1, 2)
    )
    assert one == again != two


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(50), b"\xff\xd8\xff" + bytes(50)]
)
def test_an_unreadable_picture_is_a_bad_input(shot: Shot, tmp_path: Path, content: bytes) -> None:
    """What cannot be opened ends the render with a reason."""
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(BadInput, match="picture"):
        rendered(replace(shot, picture=tmp_path / "broken"), tmp_path / "out.mp4")


def test_an_unreadable_sound_is_a_bad_input(shot: Shot, picture: Path, tmp_path: Path) -> None:
    """Neither rubbish nor a file without sound hangs the render."""
    (tmp_path / "broken").write_bytes(b"RIFF" + bytes(100))
    for audio in (tmp_path / "broken", picture):
        with pytest.raises(BadInput, match="sound"):
            rendered(replace(shot, audio=audio), tmp_path / "out.mp4")


def test_a_report_can_stop_the_work(shot: Shot, tmp_path: Path) -> None:
    """It is told of every frame in turn, and what it raises ends the render."""
    told = []

    def report(done: int, total: int) -> None:
        told.append((done, total))
        if done == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        render(shot, tmp_path / "out.mp4", report)
    assert told == [(1, 120), (2, 120), (3, 120)]
