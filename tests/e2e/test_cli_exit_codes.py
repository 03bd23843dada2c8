"""How `animate` and `collect` end: one exit code for each kind of end, and a sentence or a document that says why."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.cli import PLAIN, SMALL, Cli, Made, command, until

WORK = ("animate", "photo.png", "zoom in", "-o", "out.mp4", *SMALL)


def rendering(cli: Cli) -> Path:
    """Wait until a renderer works, and return its folder."""
    rooms = cli.folder / "media" / "work" / "local"
    until(lambda: any(rooms.glob("[!.]*/order.json")))
    return next(rooms.glob("[!.]*/order.json")).parent


def pid_of_renderer(folder: Path) -> int | None:
    """Return the process that renders in this folder, if it lives."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"providers.preview" in words and os.fsencode(folder) in words:
            return int(process.name)
    return None


def test_0_the_file_is_written(made: Made) -> None:
    """A job's video can also be collected again, as often as one likes."""
    ran = made.cli.run("collect", made.job, "-o", "again.mp4", "--json")
    assert ran.code == 0
    again = Path(ran.document["file"])
    assert again.read_bytes() == made.video.read_bytes()
    again.unlink()


REFUSED = {
    "missing": ("animate", "nope.png", "x"),
    "empty": ("animate", "empty.png", "x"),
    "not_media": ("animate", "text.png", "x"),
    "wrong_media": ("animate", "voice.ogg", "x"),
    "model_unknown": ("animate", "photo.png", "x", "--model", "nope"),
    "option_bad": ("animate", "photo.png", "x", "--resolution", "999p"),
    "option_unknown": ("animate", "photo.png", "x", "--set", "colour=red"),
    "prompt_long": ("animate", "photo.png", "x" * 2001),
    "place_unusable": ("animate", "photo.png", "x", "-o", "nowhere/out.mp4"),
    "argument": ("animate", "photo.png"),
}


@pytest.mark.parametrize("code", REFUSED)
def test_2_a_refusal_is_one_document_and_reserves_nothing(cli: Cli, code: str) -> None:
    """The document has the two fields of the contract, the sentence is one for people, and no job was made."""
    (cli.folder / "empty.png").touch()
    (cli.folder / "text.png").write_text("no picture")
    ran = cli.run(*REFUSED[code], "--json")
    assert (ran.code, ran.err) == (2, "")
    assert list(ran.document) == ["error", "message"]
    assert ran.document["error"] == code
    assert ran.document["message"].endswith((".", "`", "written."))
    assert not any(word in ran.document["message"] for word in ("None", "null", "''", "Traceback"))
    assert not (cli.folder / "stillmotion.db").exists() or cli.jobs() == []


PLACES: dict[str, Callable[[Path], str]] = {
    "it is a folder": str,
    "it is not an ordinary file": lambda _: "/dev/null",
    "it is what the video is made from": lambda _: "photo.png",
    "there is no folder": lambda _: "nowhere/out.mp4",
}


@pytest.mark.parametrize("why", PLACES)
def test_2_a_place_that_cannot_take_the_video_is_refused_before_anything_is_made(cli: Cli, why: str) -> None:
    """Nothing is rendered, and what stands there stays."""
    before = (cli.folder / "photo.png").read_bytes()
    ran = cli.run("animate", "photo.png", "x", "-o", PLACES[why](cli.folder))
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err
    assert ran.err.count("\n") == 1
    assert (cli.folder / "photo.png").read_bytes() == before
    assert Path("/dev/null").is_char_device()


def test_2_what_only_decoding_shows_is_refused_too(cli: Cli) -> None:
    """A picture whose header is whole but whose end is missing fails while it is prepared, and costs nothing."""
    whole = (cli.folder / "photo.png").read_bytes()
    (cli.folder / "half.png").write_bytes(whole[: len(whole) // 2])
    ran = cli.run("animate", "half.png", "x", *SMALL)
    assert (ran.code, ran.out) == (2, "")
    assert "picture" in ran.err
    assert "Traceback" not in ran.err


def test_3_a_render_that_dies_again_and_again_has_failed(cli: Cli) -> None:
    """Whoever kills each renderer gets a failure, not a video and not a hang; nothing is charged."""
    running = cli.start(*WORK, "--json", "--duration", "10")
    room = rendering(cli)

    def killed() -> bool:
        found = pid_of_renderer(room)
        if found is not None:
            os.kill(found, signal.SIGKILL)
        return running.poll() is not None

    until(killed)
    out, err = running.communicate()
    assert running.returncode == 3, err
    assert '"failure": "provider_error"' in out
    assert '"file": null' in out
    assert not (cli.folder / "out.mp4").exists()
    assert cli.run("usage", "--json").document == []


def test_4_a_limit_that_is_used_up_says_when_it_frees(cli: Cli) -> None:
    """The sentence names the limit and the time; the document has its own word for it."""
    ran = cli.run(*WORK, "--json", env={"STILLMOTION_USER_LIMIT": "0/day"})
    assert ran.code == 4
    assert ran.document["error"] == "limit"
    assert "0 videos a day" in ran.document["message"]
    ran = cli.run(*WORK, env={"STILLMOTION_USER_LIMIT": "4s/day"})
    assert (ran.code, ran.out) == (4, "")
    assert "4 s of video a day" in ran.err


def test_4_too_many_in_the_making_is_a_limit_too(cli: Cli) -> None:
    """The open cap counts what is not over."""
    stopped = cli.start(*WORK)
    until(lambda: bool(cli.jobs()))
    stopped.terminate()
    stopped.wait(8)
    ran = cli.run(*WORK, "--json", env={"STILLMOTION_USER_MAX_OPEN": "1"})
    assert ran.code == 4
    assert ran.document["error"] == "open"
    assert "1 video in the making" in ran.document["message"]


def test_4_where_a_budget_is_set_what_is_free_passes(cli: Cli) -> None:
    """A budget of nothing stops only what costs something."""
    assert cli.run(*WORK, "--dry-run", "--json", env={"STILLMOTION_BUDGET_USD": "0"}).code == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STILLMOTION_DATABASE_URL", "postgresql://ana:secret@host/db"),
        ("STILLMOTION_DATABASE_URL", "sqlite:///nowhere/stillmotion.db"),
        ("STILLMOTION_TIMEZONE", "Mars/Olympus"),
        ("STILLMOTION_USER_LIMIT", "5"),
        ("STILLMOTION_USER_MAX_OPEN", "many"),
        ("STILLMOTION_PRICES", "nowhere.toml"),
        ("STILLMOTION_LOG_LEVEL", "loud"),
    ],
)
def test_5_a_setting_that_cannot_be_used_is_named(cli: Cli, name: str, value: str) -> None:
    """One sentence says which and what it takes, for people and in the document, without a secret."""
    ran = cli.run(*WORK, env={name: value})
    assert (ran.code, ran.out) == (5, "")
    assert ran.err.count("\n") == 1
    assert name in ran.err or value.rpartition("/")[2] in ran.err
    assert "secret" not in ran.err
    document = cli.run(*WORK, "--json", env={name: value}).document
    assert document == {"error": "configuration", "message": ran.err.rstrip("\n")}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_6_an_interrupted_job_leaves_in_time_and_says_how_to_go_on(cli: Cli, number: signal.Signals) -> None:
    """Told with all that it started, as a terminal does, it ends within 8 s and prints the id."""
    running = cli.start(*WORK)
    rendering(cli)
    os.killpg(running.pid, number)
    _, err = running.communicate(timeout=8)
    assert running.returncode == 6
    job = cli.jobs()[0]
    assert f"`stillmotion collect {job['id']} -o {job['place']['channel']}` goes on with it" in err


@pytest.mark.parametrize("discard", [False, True], ids=["plain", "discard"])
def test_a_cancel_of_an_interrupted_job_that_is_finished_by_now_tells_the_truth(cli: Cli, discard: bool) -> None:
    """Its renderer went on alone: the video is kept and can be collected, or let go, and nothing stays in the making."""
    running = cli.start(*WORK)
    rendering(cli)
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=8)
    job = cli.jobs()[0]["id"]
    until(lambda: any((cli.folder / "media" / "work" / "local" / job).glob("result.mp4")))
    ran = cli.run("cancel", job, *(["--discard"] if discard else []))
    assert ran.code == (0 if discard else 2)
    assert ("Cancelled. Nothing was charged." if discard else f"`stillmotion collect {job} -o ") in ran.err
    assert cli.jobs()[0]["state"] == ("cancelled" if discard else "kept")
    assert not (cli.folder / "out.mp4").exists()


def test_6_an_interrupted_job_is_finished_by_collect(cli: Cli) -> None:
    """The same job, into the file that is named now, charged once."""
    running = cli.start(*WORK)
    rendering(cli)
    running.terminate()
    running.wait(8)
    job = cli.jobs()[0]["id"]
    ran = cli.run("collect", job, "-o", "later.mp4", "--json")
    assert ran.code == 0, ran.err
    assert (ran.document["id"], ran.document["file"]) == (job, str(cli.folder / "later.mp4"))
    assert not (cli.folder / "out.mp4").exists()
    assert [line["videos"] for line in cli.run("usage", "--json").document] == [1]


def test_6_a_video_that_no_place_takes_is_kept(cli: Cli) -> None:
    """The folder goes away while it is made: the video is kept, its id is printed, and another file takes it."""
    (cli.folder / "there").mkdir()
    running = cli.start("animate", "photo.png", "zoom in", "-o", "there/out.mp4", "--json", *SMALL)
    rendering(cli)
    shutil.rmtree(cli.folder / "there")
    out, err = running.communicate(timeout=60)
    assert running.returncode == 6, err
    job = cli.jobs()[0]
    assert job["state"] == "kept"
    assert f'"id": "{job["id"]}"' in out
    assert cli.run("collect", job["id"], "-o", "there/out.mp4").code == 2
    assert cli.run("collect", job["id"], "-o", "out.mp4").code == 0
    assert cli.jobs()[0]["state"] == "delivered"


def test_7_a_cancelled_job_says_that_nothing_was_charged(cli: Cli) -> None:
    """A cancel from another terminal stops the renderer, and both terminals hear of it."""
    running = cli.start(*WORK, "--duration", "10")
    room = rendering(cli)
    job = cli.jobs()[0]["id"]
    ran = cli.run("cancel", job)
    assert ran.code == 0, ran.err
    _, err = running.communicate(timeout=30)
    assert running.returncode == 7
    assert "Cancelled. Nothing was charged." in err
    assert not (cli.folder / "out.mp4").exists()
    assert not room.exists()
    assert cli.run("collect", job, "-o", "out.mp4").code == 7
    assert cli.run("usage", "--json").document == []


def test_a_pipe_that_closes_is_no_error(made: Made) -> None:
    """`offers --json | head -c 1` ends well, and without a word."""
    shell = f"{' '.join(command('offers', '--json'))} | head -c 1"
    words = ["bash", "-o", "pipefail", "-c", shell]
    ended = subprocess.run(words, cwd=made.cli.folder, env=PLAIN, capture_output=True, check=True)
    assert ended.stderr == b""
