"""The command line as people meet it: real processes in folders of their own, and one video made for all who only look."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import av
import pillow_heif
import pytest
from PIL import Image

from tests.e2e.cli import SMALL, Cli, Made, Zygote


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a phone's picture, a plain one, and a voice message."""
    folder = tmp_path_factory.mktemp("samples")
    picture = Image.radial_gradient("L").resize((900, 600)).convert("RGB")
    picture.save(folder / "photo.png")
    pillow_heif.from_pillow(picture).save(folder / "photo.heic")
    _speak(folder / "voice.wav")
    _encode(folder / "voice.wav", folder / "voice.ogg")
    return folder


def _speak(target: Path) -> None:
    with wave.open(str(target), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(48_000)
        sound.writeframes(b"".join((sample % 200 * 60).to_bytes(2, "little") for sample in range(48_000 * 4)))


def _encode(source: Path, target: Path) -> None:
    with av.open(source) as read, av.open(target, "w", format="ogg") as written:
        stream = written.add_stream("libopus", rate=48_000)
        for frame in read.decode(audio=0):
            written.mux(stream.encode(frame))
        written.mux(stream.encode(None))


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """The loaded command that all runs fork from."""
    started = Zygote(tmp_path_factory.mktemp("zygote"))
    yield started
    started.close()


@pytest.fixture
def cli(tmp_path: Path, samples: Path, zygote: Zygote) -> Iterator[Cli]:
    """The command in an empty folder, with the samples at hand."""
    for name in ("photo.png", "photo.heic", "voice.ogg"):
        (tmp_path / name).hardlink_to(samples / name)
    made = Cli(tmp_path, zygote)
    yield made
    made.close()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, samples: Path, zygote: Zygote) -> Iterator[Made]:
    """One video of a phone's picture and a voice message; tests only look at it."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("photo.heic", "voice.ogg"):
        (folder / name).hardlink_to(samples / name)
    cli = Cli(folder, zygote)
    words = ("photo.heic", "slow zoom in", "--model", "preview", "--audio", "voice.ogg", "-o", "out.mp4", "--json")
    yield Made(cli, cli.run_afresh("animate", *words, *SMALL), folder / "out.mp4")
    cli.close()
