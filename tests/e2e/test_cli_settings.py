"""Settings and surroundings that broke other people's programs: rights, quotes, zones, proxies, encodings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import settings
from tests.e2e.cli import PLAIN, SMALL, Cli, Ran, command
from tests.fakes.backends import BACKENDS
from tests.fakes.story import Clock, request

CAT, PICTURE = "猫が歩く 🐈", "猫.png"
NO_OVERRIDE = """
import ctypes, os, sys
for right in (1, 2):  # a superuser's right to pass over file modes, which nobody else has
    ctypes.CDLL(None).prctl(24, right, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-m", "bot", *sys.argv[1:]])
"""
READ_ONLY_FOLDER, READ_ONLY_FILE = 0o555, 0o444


def without_override(cli: Cli, *words: str, database: str) -> Ran:
    """Run a command that file modes bind, whoever runs the tests."""
    ended = subprocess.run(
        [sys.executable, "-c", NO_OVERRIDE, *words],
        cwd=cli.folder,
        env=PLAIN | {"STILLMOTION_DATABASE_URL": database},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


def _read_only_folder(house: Path) -> str:
    house.mkdir(READ_ONLY_FOLDER)
    return f"sqlite:///{house}/stillmotion.db"


def _no_folder(house: Path) -> str:
    return f"sqlite:///{house}/stillmotion.db"


def _read_only_file(house: Path) -> str:
    house.mkdir()
    (house / "stillmotion.db").touch(READ_ONLY_FILE)
    return f"sqlite:///{house}/stillmotion.db"


def _three_slashes(house: Path) -> str:
    return f"sqlite://{house}/stillmotion.db"


HOUSES: dict[str, tuple[Callable[[Path], str], str]] = {
    "a folder that may not be written": (_read_only_folder, "lacks write permission"),
    "a folder that is not there": (_no_folder, "does not exist"),
    "a file that may not be written": (_read_only_file, "lacks read or write permission"),
    "three slashes instead of four": (_three_slashes, "does not exist"),
}


@pytest.mark.parametrize("case", HOUSES)
def test_a_database_that_cannot_be_opened_is_told_with_path_user_and_right(cli: Cli, case: str) -> None:
    """Exit code 5 and one sentence, in the doctor's document too; nothing is left in that folder."""
    make, why = HOUSES[case]
    house = cli.folder / "house"
    url = make(house)
    before = sorted(house.iterdir()) if house.is_dir() else []
    ran = without_override(cli, "doctor", "--json", database=url)
    assert (ran.code, ran.err) == (5, "")
    [told] = [finding["message"] for finding in ran.document["findings"] if finding["part"] == "store"]
    assert f"{house.name}/stillmotion.db cannot be opened by user id {os.geteuid()}" in told
    assert why in told
    if house.is_dir():
        ran = without_override(cli, "animate", "photo.png", "x", database=url)
        assert (ran.code, ran.out, ran.err) == (5, "", f"{told}\n")
    assert (sorted(house.iterdir()) if house.is_dir() else []) == before


def test_a_media_folder_that_cannot_be_written_is_told(cli: Cli) -> None:
    """Exit code 5, the folder and the setting that names it, and no traceback."""
    (cli.folder / "media").mkdir(READ_ONLY_FOLDER)
    ran = without_override(cli, "animate", "photo.png", "x", database="sqlite:///stillmotion.db")
    assert ran.code == 5
    assert ran.err.startswith(f"The media folder {cli.folder / 'media'} cannot be written by user id {os.geteuid()}")
    assert "STILLMOTION_MEDIA_DIR" in ran.err
    assert ran.err.count("\n") == 1


LOOP = """
import subprocess, sys
from bot.commands import console, jobs, rules
from bot import settings
import asyncio

async def main():
    found = settings.load()
    for turn in range(int(sys.argv[1])):
        await rules.limits(found, "grant", "user:cli/bo", "1", as_json=True)
        await rules.usage(found, "30d", "user", "allowance", form="json")
        try:
            await jobs.cancel(found, "00000000", discard=False)
        except Exception as error:
            assert type(error).__name__ == "Unknown", repr(error)

asyncio.run(main())
"""


def test_commands_in_a_loop_never_meet_a_locked_database(cli: Cli) -> None:
    """Three processes rule and look while jobs are accepted: no failure, no error, no word of a lock."""
    loops = [
        subprocess.Popen(
            [sys.executable, "-c", LOOP, "12"],
            cwd=cli.folder,
            env=PLAIN,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    free = {"STILLMOTION_USER_LIMIT": "none", "STILLMOTION_USER_MAX_OPEN": "100"}
    accepted = []
    while any(loop.poll() is None for loop in loops):
        accepted.append(cli.run("animate", "photo.png", "x", "-o", "nowhere/x.mp4", env=free).code)
        accepted.append(cli.run("limits", "set", "user:cli/bo", "5/day", env=free).code)
    told = [loop.communicate()[1] for loop in loops]
    assert [(loop.returncode, err) for loop, err in zip(loops, told, strict=True)] == [(0, "")] * 3
    assert set(accepted) == {0, 2}


@pytest.mark.parametrize("zone", ['"Europe/Berlin"', "Mars/Olympus", ""])
def test_a_zone_of_the_machine_that_is_none_is_one_remark(cli: Cli, zone: str) -> None:
    """Everything starts; the doctor says so once, and nothing where nothing is set."""
    ran = cli.run_afresh("doctor", "--json", env={"TZ": zone})
    assert ran.code == 0, ran.err
    told = [each["message"] for each in ran.document["findings"] if "TZ" in each["message"]]
    assert len(told) == (1 if zone else 0)


def test_zones_come_with_the_package(cli: Cli) -> None:
    """A slim image without zone files counts days in Berlin all the same."""
    env = {"PYTHONTZPATH": "", "STILLMOTION_TIMEZONE": "Europe/Berlin"}
    assert cli.run_afresh("animate", "photo.png", "x", env=env | {"STILLMOTION_USER_LIMIT": "0/day"}).code == 4


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_proxy_exceptions_that_libraries_stumble_over_stop_nothing(cli: Cli, name: str) -> None:
    """Brackets and ranges, as container tools write them."""
    env = {name: "localhost,127.0.0.1,::1,[::1],fd07:b51a:cc66:f0::/64", "HTTPS_PROXY": "http://127.0.0.1:9"}
    for words in (("offers",), ("animate", "photo.png", "x", "--dry-run"), ("doctor",)):
        ran = cli.run(*words, env=env)
        assert ran.code == 0, ran.err


@pytest.mark.parametrize("blank", ["", "''", '""', "  "])
def test_a_blank_setting_is_not_set(cli: Cli, blank: str) -> None:
    """For every setting there is: the defaults hold, and nothing complains."""
    env = {name: blank for name, _, _ in settings.table()}
    ran = cli.run("limits", "--json", env=env)
    assert ran.code == 0, ran.err
    assert ran.document["default"] == {"user": "5/day", "user_max_open": 2, "timezone": "UTC"}
    assert cli.run("doctor", env=env).code == 0
    assert (cli.folder / "stillmotion.db").exists()


def test_quotes_around_a_setting_are_dropped_with_a_word_from_the_doctor(cli: Cli) -> None:
    """As an env file writes them; inner quotes would stay."""
    env = {"STILLMOTION_USER_LIMIT": '"7/day"', "STILLMOTION_TIMEZONE": "'Europe/Berlin'"}
    assert cli.run("limits", "--json", env=env).document["default"]["user"] == "7/day"
    told = [each["message"] for each in cli.run("doctor", "--json", env=env).document["findings"]]
    assert [each for each in told if "with quotes" in each] == [
        "STILLMOTION_TIMEZONE is written with quotes; they were dropped.",
        "STILLMOTION_USER_LIMIT is written with quotes; they were dropped.",
    ]


def test_a_file_in_the_working_directory_holds_settings_too(cli: Cli) -> None:
    """The environment goes before it, quotes and blanks are treated alike, and other names are left alone."""
    (cli.folder / ".env").write_text('STILLMOTION_USER_LIMIT="7/day"\nSTILLMOTION_USER_MAX_OPEN=\nOTHER=1\n')
    assert cli.run("limits", "--json").document["default"]["user"] == "7/day"
    env = {"STILLMOTION_USER_LIMIT": "9/day"}
    assert cli.run("limits", "--json", env=env).document["default"]["user"] == "9/day"


def test_a_settings_file_that_is_not_text_is_named(cli: Cli) -> None:
    """Exit code 5 and one sentence."""
    (cli.folder / ".env").write_bytes(b"STILLMOTION_USER_LIMIT=\xff\n")
    ran = cli.run("limits")
    assert (ran.code, ran.err) == (5, f"{cli.folder / '.env'} cannot be read: it is not UTF-8 text.\n")


def test_only_the_documented_names_are_settings(cli: Cli) -> None:
    """Common names in an environment, as TIMEZONE or ROUTE, mean nothing here."""
    env = {"TIMEZONE": "Mars", "ROUTE": "nowhere", "PRICES": "/nope", "JOB_DEADLINE_S": "soon", "SECRET_KEY": "x"}
    ran = cli.run("limits", "--json", env=env)
    assert ran.code == 0, ran.err
    assert ran.document["default"]["timezone"] == "UTC"


# -- encodings

ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "POSIX", "PYTHONUTF8": "0"}


@pytest.fixture
def cat(cli: Cli) -> Cli:
    """A folder with a picture whose name is not ASCII."""
    (cli.folder / PICTURE).hardlink_to(cli.folder / "photo.png")
    return cli


def test_under_an_ascii_locale_the_video_is_made_of_the_true_words(cat: Cli) -> None:
    """JSON is valid and escaped, the file has the picture's name, and the job keeps the sentence as it was typed."""
    ran = cat.run_afresh("animate", PICTURE, CAT, "--json", *SMALL, env=ASCII)
    assert ran.code == 0, ran.err
    assert ran.out.isascii()
    assert ran.document["file"] == str(cat.folder / "猫.mp4")
    assert (cat.folder / "猫.mp4").stat().st_size > 10_000
    assert CAT in cat.run("jobs").out


def test_under_an_ascii_locale_the_body_has_the_true_prompt(cat: Cli) -> None:
    """What cannot be printed is escaped, not lost."""
    ran = cat.run_afresh("animate", PICTURE, CAT, "--dry-run", "--json", env=ASCII)
    assert ran.code == 0, ran.err
    assert ran.document["body"]["prompt"] == CAT


def test_under_an_ascii_locale_messages_degrade_and_never_fail(cat: Cli) -> None:
    """A person reads `?` for what the stream cannot carry, on both streams and in an error."""
    ran = cat.run_afresh("animate", PICTURE, CAT, "--dry-run", env=ASCII)
    assert ran.code == 0, ran.err
    assert (ran.out + ran.err).isascii()
    ran = cat.run_afresh("animate", PICTURE, CAT, "--model", CAT, env=ASCII)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("There is no model '???? ?'.")


def test_bytes_that_are_no_text_are_dropped_from_a_prompt(cli: Cli) -> None:
    """What a person meant is what is left; here they come as a shell hands them over."""
    words = [os.fsencode(word) for word in command("animate", "photo.png", "PROMPT", "--dry-run", "--json")]
    words[words.index(b"PROMPT")] = b"zoom \xff\xfein"
    ended = subprocess.run(words, cwd=cli.folder, env=PLAIN, capture_output=True, check=True)
    assert json.loads(ended.stdout)["body"]["prompt"] == "zoom in"


def test_a_picture_whose_name_is_no_text_is_taken(cli: Cli) -> None:
    """The place of its video has a name that is; this one, being damaged, goes no further."""
    whole = (cli.folder / "photo.png").read_bytes()
    (cli.folder / "caf\udce9.png").write_bytes(whole[: len(whole) // 2])
    assert "picture" in cli.run("animate", "caf\udce9.png", "still").err
    assert cli.jobs()[0]["place"]["channel"] == str(cli.folder / "caf\ufffd.mp4")


@pytest.mark.parametrize(
    "words",
    [
        ("animate", "photo.png", "x", "-o", "\udcff.mp4"),
        ("job", "\udcff"),
        ("limits", "set", "user:cli/\udcff", "5/day"),
        ("scopes", "allow", "discord/\udcff"),
        ("animate", "photo.png", "x", "--model", "\udcff"),
        ("jobs", "--state", "\udcff"),
    ],
)
def test_bytes_that_are_no_text_are_refused_elsewhere(cli: Cli, words: tuple[str, ...]) -> None:
    """Exit code 2 and one sentence."""
    ran = cli.run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1


async def test_escapes_in_a_prompt_never_reach_the_terminal(cli: Cli) -> None:
    """A list, a page and an error show them as `?`; JSON has them escaped."""
    nasty = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\x9b31m"
    store = BACKENDS["sqlite"].open(cli.folder, Clock())
    await store.accept(request("command-1", request={"prompt": nasty, "options": {}}))
    await store.close()
    job = cli.jobs()[0]["id"]
    for words in (("jobs",), ("job", job), ("jobs", "--json"), ("animate", "photo.png", "x", "--model", nasty)):
        ran = cli.run(*words)
        assert not {"\x1b", "\x07", "\u202e", "\x9b"} & set(ran.out + ran.err)
    assert "owned" in cli.run("jobs").out


def test_letters_that_belong_together_stay_together(cli: Cli) -> None:
    """A joined emoji and a vowel sign are not control characters."""
    told = "👩\u200d🚀 न\u093f"
    ran = cli.run("animate", "photo.png", "x", "--model", told)
    assert f"There is no model '{told}'" in ran.err


def test_every_setting_takes_its_own_value_from_the_environment(cli: Cli) -> None:
    """Each documented name is read, from the environment as it is written in the table."""
    (cli.folder / "prices.toml").write_text('["preview@local"."480p"]\n5 = 0.25\n')
    env = {
        "STILLMOTION_DATABASE_URL": "sqlite:///other.db",
        "STILLMOTION_MEDIA_DIR": "kept",
        "STILLMOTION_PRICES": "prices.toml",
        "STILLMOTION_MAX_IN_FLIGHT": "local=7",
        "STILLMOTION_JOB_DEADLINE_S": "90",
    }
    offers = {each["offer"]: each for each in cli.run("offers", "--json", env=env).document}
    offer = offers["preview@local"]
    assert (offer["in_flight"], offer["deadline_s"]) == (7, 90)
    assert offer["prices"]["corrected_usd"] == {"480p": {"5": 0.25}}
    ran = cli.run("animate", "photo.png", "x", "--dry-run", "--json", *SMALL, env=env)
    assert json.loads(ran.out)["price_usd"] == 0.25
    assert (cli.folder / "other.db").exists()
    assert (cli.folder / "kept").is_dir()
    assert not (cli.folder / "media").exists()
