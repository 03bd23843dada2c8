"""`animate` from the picture to the file."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import av
import pytest

from tests.e2e.cli import SMALL, Cli, Made, until


def test_a_picture_and_a_voice_message_become_a_video(made: Made) -> None:
    """The file has the picture's shape, the length that was asked for, H.264 and the sound."""
    assert made.ran.code == 0, made.ran.err
    with av.open(made.video) as video:
        picture, sound = video.streams.video[0], video.streams.audio[0]
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert picture.width / picture.height == pytest.approx(900 / 600, abs=0.01)
        assert picture.width * picture.height == pytest.approx(854 * 480, rel=0.02)
        assert video.duration is not None
        assert video.duration / 1_000_000 == pytest.approx(5, abs=0.1)
        assert sum(1 for _ in video.decode(picture)) == 5 * 24


def test_json_prints_the_job_and_its_file_and_nothing_else(made: Made) -> None:
    """Stdout is one document with every field of the contract, and stderr is silent."""
    document = made.ran.document
    fields = "id state failure offer ticket requester place cost_usd seed actual_prompt created_at events file"
    assert list(document) == fields.split()
    assert document["state"] == "delivered"
    assert document["failure"] is None
    assert document["offer"] == "preview@local"
    assert document["requester"] == "user:cli/ana"
    assert document["place"] == {"platform": "cli", "server": "local", "channel": str(made.video), "thread": ""}
    assert document["cost_usd"] == 0
    assert isinstance(document["seed"], int)
    assert document["file"] == str(made.video)
    assert [event["to"] for event in document["events"]][-1] == "delivered"
    assert made.ran.err == ""


def test_the_job_reads_the_same_afterwards(made: Made) -> None:
    """`job --json` prints what `animate --json` printed, but for the file."""
    document = made.ran.document
    del document["file"]
    assert made.cli.run("job", made.job, "--json").document == document
    assert made.cli.jobs() == [document]


def test_what_is_kept_is_for_its_owner_only(made: Made) -> None:
    """Nobody else may read the database or any picture, sound or video that is kept."""
    kept = [made.cli.folder / "stillmotion.db", *(made.cli.folder / "media").rglob("*"), made.cli.folder / "media"]
    assert len(kept) > 5
    assert [path for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_nothing_is_left_over_beside_the_video(made: Made) -> None:
    """The folder holds the inputs, the video, the database and the media: no part, no work, no open log."""
    beside = {path.name for path in made.cli.folder.iterdir()}
    assert beside == {"photo.heic", "voice.ogg", "out.mp4", "stillmotion.db", "media"}
    assert [path for path in (made.cli.folder / "media" / "work").rglob("*") if path.is_file()] == []


def test_a_dry_run_prints_the_contract_and_stores_nothing(cli: Cli) -> None:
    """The document has the contract's shape; afterwards there is no job, no use and no blob."""
    words = ("photo.heic", "slow zoom in", "--audio", "voice.ogg", "--model", "preview", "--seed", "0")
    ran = cli.run("animate", *words, "--dry-run", "--json")
    assert (ran.code, ran.err) == (0, "")
    document = ran.document
    assert list(document) == ["offer", "price_usd", "image", "audio", "body"]
    assert (document["offer"], document["price_usd"]) == ("preview@local", 0)
    assert list(document["image"]) == ["mime", "width", "height", "bytes", "changes"]
    assert (document["image"]["width"], document["image"]["height"]) == (900, 600)
    assert document["image"]["changes"] == ["converted from HEIC to JPEG"]
    assert document["audio"]["mime"] in {"audio/mpeg", "audio/wav"}
    assert document["body"]["seed"] == 0
    assert document["body"]["image"].startswith("media:sha256:")
    assert cli.jobs() == []
    assert cli.run("usage", "--json").document == []
    assert [path for path in (cli.folder / "media").rglob("*") if path.is_file()] == []


def test_a_dry_run_shows_the_very_body_that_is_sent(cli: Cli) -> None:
    """What the renderer is given is what the dry run showed."""
    words = ("photo.png", "pan left 🐈", "--audio", "voice.ogg", "--seed", "7", "--duration", "10", *SMALL)
    shown = cli.run("animate", *words, "--dry-run", "--json").document["body"]
    running = cli.start("animate", *words)
    order = cli.folder / "media" / "work" / "local"
    until(lambda: any(order.glob("[!.]*/order.json")))
    assert json.loads(next(order.glob("[!.]*/order.json")).read_bytes()) == shown
    running.terminate()
    assert running.wait(10) == 6


def test_a_name_that_nobody_chose_is_never_one_that_is_taken(cli: Cli) -> None:
    """Two at once of the same picture, beside a file of its name, leave three files."""
    (cli.folder / "photo.mp4").write_bytes(b"mine")
    both = [cli.start("animate", "photo.png", words, "--json", *SMALL) for words in ("zoom in", "zoom out")]
    files = [json.loads(process.communicate(timeout=60)[0])["file"] for process in both]
    assert (cli.folder / "photo.mp4").read_bytes() == b"mine"
    assert {file.name for file in cli.folder.glob("photo*.mp4")} == {"photo.mp4", *(Path(file).name for file in files)}
    assert len({Path(file).read_bytes() for file in files}) == 2


def test_a_file_that_was_named_is_replaced_only_by_a_whole_video(cli: Cli) -> None:
    """Until the video is there the old file stands whole; in a pipe each step is one plain line."""
    target = cli.folder / "out.mp4"
    target.write_bytes(b"old")
    running = cli.start("animate", "photo.heic", "zoom in", "-o", "out.mp4", *SMALL)
    seen = set()

    def ended() -> bool:
        seen.add(target.stat().st_size)
        return running.poll() is not None

    until(ended)
    out, err = running.communicate()
    assert (running.returncode, out) == (0, "")
    assert seen | {target.stat().st_size} == {3, target.stat().st_size}
    with av.open(target) as video:
        assert video.streams.video[0].frames == 5 * 24
    lines = err.splitlines()
    assert not {"\x1b", "\r"} & set(err)
    assert len(lines) == len(set(lines))
    assert lines[-1] == f"The video is in {target}"


def test_the_default_name_is_the_pictures_in_the_working_directory(cli: Cli) -> None:
    """Wherever the picture is, its video comes to where the command was typed."""
    elsewhere = cli.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "cat.png").hardlink_to(cli.folder / "photo.png")
    running = cli.start("animate", "elsewhere/cat.png", "still", *SMALL)
    until(lambda: bool(cli.jobs()))
    assert cli.jobs()[0]["place"]["channel"] == str(cli.folder / "cat.mp4")
    running.terminate()
    assert running.wait(10) == 6
