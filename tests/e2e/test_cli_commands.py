"""Every other command: what it does, what it says, and how it refuses."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import stat
import time
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from storage.contract import Priced
from storage.states import State
from tests.e2e.cli import SMALL, Cli, Made, until
from tests.fakes.backends import BACKENDS
from tests.fakes.story import ANA, DEAREST, NOVITA, PRICE, Clock, Story

ID = "00000000"


@pytest.fixture
async def house(cli: Cli) -> AsyncIterator[Story]:
    """The store that the command looks at, and a driver that brings jobs of a chat to any state."""
    clock, backend = Clock(time.time_ns() // 1_000_000), BACKENDS["sqlite"]
    store = backend.open(cli.folder, clock)
    yield Story(store, clock, backend, cli.folder, count(1))
    await store.close()


REFUSED = {
    "an unknown job": ("job", ID),
    "an unknown job to cancel": ("cancel", ID),
    "an unknown job to collect": ("collect", ID, "-o", "out.mp4"),
    "an unknown job to resolve": ("resolve", ID, "--as", "unpaid"),
    "an unknown job to approve": ("approve", ID),
    "an unknown job to decline": ("decline", ID),
    "an outcome there is not": ("resolve", ID, "--as", "maybe"),
    "a ticket for what was not paid": ("resolve", ID, "--as", "unpaid", "--ticket", "T1"),
    "a state there is not": ("jobs", "--state", "lost"),
    "a key there is not": ("usage", "--by", "colour"),
    "a book there is not": ("usage", "--book", "diary"),
    "a time that is none": ("usage", "--since", "yesterday"),
    "a limit that is none": ("limits", "set", "user:cli/ana", "5"),
    "a limit without an amount": ("limits", "set", "user:cli/ana"),
    "a grant that is none": ("limits", "grant", "user:cli/ana", "5/day"),
    "a grant without an amount": ("limits", "grant", "user:cli/ana"),
    "a grant that raises nothing": ("limits", "grant", "user:cli/ana", "$5"),
    "a subject that is none": ("limits", "clear", "ana"),
    "a subject that is none, to be shown": ("limits", "show", "ana"),
    "a verb there is not": ("limits", "raise", "user:cli/ana", "5/day"),
    "a scope that is none": ("scopes", "allow", "everywhere"),
    "a scope without a name": ("scopes", "deny"),
    "a scope's verb there is not": ("scopes", "like", "discord/1"),
    "approvals that are neither": ("scopes", "allow", "discord/1", "--approvals", "maybe"),
    "a person that is none": ("forget", "ana"),
    "a role instead of a person": ("forget", "role:discord/1"),
    "a command there is not": ("animte",),
    "an option there is not": ("jobs", "--colour"),
    "an argument that is missing": ("job",),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_word_is_refused_in_one_sentence(cli: Cli, case: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr, no traceback."""
    ran = cli.run(*REFUSED[case])
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    assert not any(word in ran.err for word in ("None", "null", "''"))


@pytest.mark.parametrize("case", ["an unknown job", "a state there is not", "an argument that is missing"])
def test_a_wrong_word_is_refused_in_one_document_where_json_is_asked_for(cli: Cli, case: str) -> None:
    """Stdout carries the error and its sentence, and stderr nothing."""
    ran = cli.run(*REFUSED[case], "--json")
    assert (ran.code, ran.err) == (2, "")
    assert list(ran.document) == ["error", "message"]


# -- offers, jobs, job


def test_offers_tells_all_that_a_spec_declares(made: Made) -> None:
    """Options with audiences, ranges and defaults, limits, prices with their age, abilities, on or off."""
    offers = {each["offer"]: each for each in made.cli.run("offers", "--json").document}
    offer = offers["preview@local"]
    assert (offer["offer"], offer["on"], offer["why_off"]) == ("preview@local", True, None)
    assert [option["name"] for option in offer["options"]] == ["resolution", "duration", "sound", "seed"]
    assert offer["options"][0] == {
        "name": "resolution",
        "type": "choice",
        "default": "720p",
        "audience": "everyone",
        "help": "How many pixels the video has; its shape is the picture's.",
        "values": ["480p", "720p", "1080p"],
        "unit": None,
    }
    assert offer["prices"]["usd_per_s"] == {"480p": 0, "720p": 0, "1080p": 0}
    assert offer["prices"]["read_on"] == "2026-11-25"
    assert {"image", "audio", "prompt", "abilities", "in_flight", "deadline_s", "retention_s"} <= offer.keys()


def test_offers_fits_a_terminal(made: Made) -> None:
    """No line is longer than the terminal is wide, and every option is told with its range and default."""
    code, screen = made.cli.at_a_terminal("offers")
    assert code == 0
    assert max(map(len, screen.lines)) <= 80
    assert "preview@local (on)" in screen.text
    assert "480p, 720p, 1080p; default 720p" in screen.text


def test_jobs_without_a_job_says_what_to_do(cli: Cli) -> None:
    """Never an empty table: the first words are a command that works, and JSON is an empty list."""
    assert "stillmotion animate PICTURE" in cli.run("jobs").err
    assert "No job is held now." in cli.run("jobs", "--state", "held").err
    assert cli.jobs() == []


def test_jobs_is_a_table_on_a_terminal_and_tabs_in_a_pipe(made: Made) -> None:
    """One line a job: who, what, where it stands."""
    _, screen = made.cli.at_a_terminal("jobs")
    head, line = screen.text.split("\n")
    assert head.split() == ["ID", "STATE", "OFFER", "ASKED", "BY", "PROMPT"]
    assert line.startswith(f"{made.job}  delivered  preview@local  ")
    assert line.index("slow zoom in") == head.index("PROMPT")
    assert made.cli.run("jobs", "--state", "delivered").out.split("\n")[1].split("\t")[0] == made.job
    assert made.cli.run("jobs", "--state", "failed", "--json").document == []


def test_a_job_is_shown_with_its_history_and_its_end(made: Made) -> None:
    """The page names the prompt, the place and every step, and ends with what it cost."""
    _, screen = made.cli.at_a_terminal("job", made.job)
    assert screen.text.startswith(f"{made.job}  delivered\n  prompt  slow zoom in\n  offer   preview@local, 5 s")
    assert f"place   cli local {made.video}"[:60] in screen.text
    assert "ticket" in screen.text
    assert "Done in" in screen.text.split("\n")[-1]


@pytest.mark.parametrize("state", list(State))
async def test_every_state_has_a_page(cli: Cli, house: Story, state: State) -> None:
    """However a job stands, its page says so and what can be done, without a hole in any sentence."""
    job = await house.at(state)
    ran = cli.run("job", job.id)
    assert ran.code == 0, ran.err
    assert state in ran.out
    assert not any(word in ran.out + ran.err for word in ("None", "null", "''", "KeyError"))


# -- cancel


async def test_cancel_ends_what_was_not_submitted(cli: Cli, house: Story) -> None:
    """At once, and nothing is charged."""
    job = await house.at(State.QUEUED)
    ran = cli.run("cancel", job.id)
    assert (ran.code, ran.err) == (0, f"Cancelled. Nothing was charged. (job {job.id})\n")
    assert (await house.store.job(job.id)).state is State.CANCELLED


async def test_cancel_says_where_a_provider_cannot_stop(cli: Cli, house: Story) -> None:
    """The choice is told with its price; with --discard the job is gone from sight."""
    job = await house.at(State.GENERATING, route=(Priced(NOVITA, PRICE),))
    ran = cli.run("cancel", job.id)
    assert ran.code == 0
    assert (
        f"it costs about $0.50 either way. It is kept and delivered when ready, unless you discard it: `stillmotion cancel {job.id} --discard`"
        in ran.err
    )
    assert (await house.store.job(job.id)).wished
    ran = cli.run("cancel", job.id, "--discard")
    assert ran.code == 0
    assert ran.err.startswith("Discarded.")
    assert (await house.store.job(job.id)).hidden


@pytest.mark.parametrize("state", [State.FETCHING, State.DELIVERING, State.DELIVERED, State.FAILED, State.CANCELLED])
async def test_cancel_that_comes_too_late_says_so(cli: Cli, house: Story, state: State) -> None:
    """Exit code 2, and the job stays as it is."""
    job = await house.at(state)
    ran = cli.run("cancel", job.id)
    assert ran.code == 2
    assert "too late" in ran.err
    assert (await house.store.job(job.id)).state is state


async def test_cancel_where_nobody_knows_says_what_it_means_and_how_to_settle_it(cli: Cli, house: Story) -> None:
    """It is kept for the moment when that is known; nothing is promised."""
    job = await house.at(State.UNSURE)
    ran = cli.run("cancel", job.id)
    assert "Nobody knows yet whether fal is making" in ran.err
    assert f"`stillmotion resolve {job.id} --as unpaid`" in ran.err
    assert (await house.store.job(job.id)).state is State.UNSURE


async def test_a_kept_video_is_cancelled_only_by_discarding_it(cli: Cli, house: Story) -> None:
    """What is made and paid for does not go by a plain cancel."""
    job = await house.at(State.KEPT)
    assert cli.run("cancel", job.id).code == 2
    assert (await house.store.job(job.id)).state is State.KEPT
    assert cli.run("cancel", job.id, "--discard").code == 0
    assert (await house.store.job(job.id)).state is State.CANCELLED


# -- collect


async def test_collect_says_where_a_video_is_gone(cli: Cli, house: Story) -> None:
    """Bytes that were swept cannot be written: exit code 3, one sentence."""
    job = await house.at(State.KEPT)
    ran = cli.run("collect", job.id, "-o", "out.mp4")
    assert ran.code == 3
    assert ran.err.startswith(
        f"The video of job {job.id} is not in {cli.folder / 'media'}. It is swept there after 7 days"
    )
    assert (await house.store.job(job.id)).state is State.KEPT


@pytest.mark.parametrize(("state", "code"), [(State.FAILED, 2), (State.CANCELLED, 7), (State.HELD, 6)])
async def test_collect_ends_as_the_job_does(cli: Cli, house: Story, state: State, code: int) -> None:
    """A job without a video has an exit code all the same, and looking for it moves nothing."""
    job = await house.at(state)
    ran = cli.run("collect", job.id, "-o", "out.mp4", "--json")
    assert ran.code == code, ran.err
    assert ran.document["state"] == state
    assert ran.document["file"] is None


# -- resolve


async def test_paid_with_a_ticket_goes_on(cli: Cli, house: Story) -> None:
    """The job is being made again, under the ticket that was found."""
    job = await house.at(State.UNSURE)
    ran = cli.run("resolve", job.id, "--as", "paid", "--ticket", "T-found")
    assert ran.code == 0, ran.err
    assert f"Job {job.id} goes on with that ticket" in ran.err
    found = await house.store.job(job.id)
    assert (found.state, found.ticket) == (State.GENERATING, "T-found")


async def test_paid_without_a_ticket_fails_and_books_the_spend(cli: Cli, house: Story) -> None:
    """The person gets the allowance back, the operator sees the money in the spend, marked as assumed."""
    job = await house.at(State.UNSURE)
    ran = cli.run("resolve", job.id, "--as", "paid")
    assert ran.code == 0
    assert "is booked as spent, there is no video, and the person's limit was given back." in ran.err
    assert (await house.store.job(job.id)).failure == "lost"
    [spend] = cli.run("usage", "--book", "spend", "--by", "offer", "--json").document
    assert (spend["usd"], spend["assumed_usd"], spend["reserved_usd"]) == (PRICE / 1e6, PRICE / 1e6, 0)
    assert cli.run("usage", "--json").document == []


async def test_unpaid_gives_all_back(cli: Cli, house: Story) -> None:
    """Neither book keeps a cent."""
    job = await house.at(State.UNSURE)
    ran = cli.run("resolve", job.id, "--as", "unpaid")
    assert ran.code == 0
    assert "Settled as unpaid: it is over, and nothing was charged." in ran.err
    assert (await house.store.job(job.id)).failure == "provider_error"
    assert cli.run("usage", "--json").document == cli.run("usage", "--book", "spend", "--json").document == []


async def test_only_what_is_unsure_is_resolved(cli: Cli, house: Story) -> None:
    """Exit code 2, and the sentence tells the true state."""
    job = await house.at(State.QUEUED)
    ran = cli.run("resolve", job.id, "--as", "unpaid")
    assert ran.code == 2
    assert ran.err == f"Job {job.id} is queued, not unsure: there is nothing to settle.\n"


# -- approve, decline


async def test_an_approved_request_goes_on(cli: Cli, house: Story) -> None:
    """It is prepared next, and cannot be decided twice."""
    job = await house.hold()
    ran = cli.run("approve", job.id)
    assert (ran.code, ran.err) == (0, f"Job {job.id} is approved and goes on.\n")
    assert (await house.store.job(job.id)).state is State.PREPARING
    assert cli.run("approve", job.id).code == 2
    assert cli.run("decline", job.id).code == 2


async def test_a_declined_request_costs_nothing(cli: Cli, house: Story) -> None:
    """The sentence says who ended it and that nothing was charged."""
    job = await house.hold()
    ran = cli.run("decline", job.id)
    assert (ran.code, ran.err) == (0, f"An admin declined it. Nothing was charged. (job {job.id})\n")
    assert cli.run("usage", "--json").document == []


async def test_another_budget_still_stops_an_approval(cli: Cli, house: Story) -> None:
    """Exit code 4, and the other budget is named."""
    job = await house.hold()
    ran = cli.run("approve", job.id, env={"STILLMOTION_BUDGET_USD": "0.10"})
    assert ran.code == 4
    assert "another budget" in ran.err
    assert (await house.store.job(job.id)).state is State.HELD


# -- usage


async def test_usage_sums_both_books_by_every_key(cli: Cli, house: Story) -> None:
    """What was delivered is charged to the person and billed by the provider."""
    await house.at(State.DELIVERED)
    await house.at(State.GENERATING)
    for by, key in {"user": ANA, "channel": "channel:discord/20", "scope": "scope:discord/10"}.items():
        [line] = cli.run("usage", "--by", by, "--json").document
        assert line == {
            by: key,
            "videos": 2,
            "seconds": 10,
            "usd": PRICE / 1e6,
            "reserved_usd": DEAREST / 1e6,
            "assumed_usd": 0,
        }
    [spend] = cli.run("usage", "--book", "spend", "--by", "offer", "--json").document
    assert (spend["offer"], spend["usd"]) == ("wan2.5@fal", 0.45)
    [today] = cli.run("usage", "--by", "day", "--json").document
    assert today["day"] == time.strftime("%Y-%m-%d", time.gmtime())


async def test_usage_lines_numbers_up_for_people(cli: Cli, house: Story) -> None:
    """Numbers end below their heads on a terminal."""
    await house.at(State.DELIVERED)
    _, screen = cli.at_a_terminal("usage")
    head, line = screen.text.split("\n")
    assert head.split("  ")[0] == "USER"
    assert line.split()[0] == ANA
    assert all(
        line[end] != " " and line[end + 1 : end + 2] in {"", " "} for end in (head.index("VIDEOS") + 5, len(head) - 1)
    )


async def test_usage_as_csv_is_safe_in_a_spreadsheet(cli: Cli, house: Story) -> None:
    """A head and a line, and a name that begins like a formula is quoted."""
    await house.at(State.DELIVERED, route=(Priced("=cmd@fal", PRICE),))
    lines = list(csv.DictReader(io.StringIO(cli.run("usage", "--by", "offer", "--csv").out)))
    assert [line["offer"] for line in lines] == ["'=cmd@fal"]
    assert lines[0]["usd"] == "0.5"


def test_usage_of_nothing_says_so(cli: Cli) -> None:
    """A sentence for people, an empty list, and a head alone."""
    assert cli.run("usage").err == "Nothing was used in that time.\n"
    assert cli.run("usage", "--json").document == []
    assert cli.run("usage", "--csv").out == "user,videos,seconds,usd,reserved_usd,assumed_usd\n"


# -- limits, scopes


def test_limits_are_set_granted_shown_and_cleared(cli: Cli) -> None:
    """Each says in a sentence what now holds, and the table shows it."""
    assert cli.run("limits", "set", "user:cli/bo", "3/day,60s/week").err == "user:cli/bo now has 3/day,60s/week.\n"
    granted = cli.run("limits", "grant", "user:cli/bo", "2").err
    assert granted == "user:cli/bo may use 2 videos more, once, on top of 3/day.\n"
    rows = [line.split("\t") for line in cli.run("limits").out.splitlines()]
    assert rows == [
        ["SUBJECT", "LIMITS", "SET BY", "GRANTED"],
        ["everyone else", "5/day", "settings", ""],
        ["user:cli/bo", "3/day,60s/week", "operator", "2"],
    ]
    assert cli.run("limits", "clear", "user:cli/bo").err == "user:cli/bo has no limits of its own any more.\n"
    assert cli.run("limits", "clear", "user:cli/bo").err == "user:cli/bo had no limits of its own.\n"


@pytest.mark.parametrize("words", [("show",), ("set", "5/week"), ("grant", "1"), ("clear",)])
def test_limits_prints_one_document_for_every_verb(cli: Cli, words: tuple[str, ...]) -> None:
    """What now holds for the subject, and nothing on stderr."""
    verb, *amount = words
    ran = cli.run("limits", verb, "user:cli/bo", *amount, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["default"] == {"user": "5/day", "user_max_open": 2, "timezone": "UTC"}
    assert [row["subject"] for row in ran.document["rows"]] in ([], ["user:cli/bo"])


def test_a_limit_that_was_set_holds_for_the_next_request(cli: Cli) -> None:
    """A person's own rows replace the default, and a grant raises them: what is refused then is the picture."""
    whole = (cli.folder / "photo.png").read_bytes()
    (cli.folder / "half.png").write_bytes(whole[: len(whole) // 2])
    cli.run("limits", "set", "user:cli/ana", "0/day")
    assert cli.run("animate", "half.png", "x").code == 4
    cli.run("limits", "grant", "user:cli/ana", "1")
    assert cli.run("animate", "half.png", "x").code == 2
    assert len(cli.jobs()) == 1


def test_scopes_are_allowed_and_denied(cli: Cli) -> None:
    """The list shows what was decided, with approvals."""
    assert cli.run("scopes").err == "No scope was allowed or denied yet.\n"
    assert cli.run("scopes", "allow", "discord/1", "--approvals", "on").err == "discord/1 is allowed.\n"
    assert cli.run("scopes", "deny", "slack/T1").err == "slack/T1 is denied.\n"
    rows = [line.split("\t") for line in cli.run("scopes").out.splitlines()]
    assert rows[1:] == [["discord/1", "allowed", "on"], ["slack/T1", "denied", "off"]]


async def test_a_denied_scope_loses_its_jobs(cli: Cli, house: Story) -> None:
    """What can stop is cancelled, and how many is told."""
    job = await house.at(State.QUEUED)
    ran = cli.run("scopes", "deny", "discord/10")
    assert "1 job" in ran.err
    assert (await house.store.job(job.id)).state is State.CANCELLED


def test_a_denied_terminal_may_not_animate(cli: Cli) -> None:
    """Exit code 2, and the sentence says who can allow it."""
    cli.run("scopes", "deny", "cli/local")
    ran = cli.run("animate", "photo.png", "x", "--json")
    assert ran.code == 2
    assert ran.document["error"] == "scope_denied"


# -- doctor


def test_doctor_finds_a_healthy_house(made: Made) -> None:
    """Exit code 0, every part is named, nothing is at fault."""
    ran = made.cli.run("doctor", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["ok"] is True
    assert {finding["part"] for finding in ran.document["findings"]} >= {"settings", "store", "media", "disk", "offer"}
    assert all(list(finding) == ["part", "state", "message"] for finding in ran.document["findings"])


def test_doctor_names_what_is_at_fault_and_what_to_do(cli: Cli) -> None:
    """A damaged database and an unknown setting: exit code 5, each with a sentence."""
    (cli.folder / "stillmotion.db").write_bytes(b"this is no database, however long it is" * 100)
    ran = cli.run("doctor", "--json", env={"STILLMOTION_USER_LIMITS": "5/day"})
    assert ran.code == 5
    assert ran.document["ok"] is False
    by_part = {finding["part"]: finding for finding in ran.document["findings"]}
    assert by_part["store"]["state"] == "fault"
    assert str(cli.folder / "stillmotion.db") in by_part["store"]["message"]
    assert "STILLMOTION_USER_LIMITS" in by_part["settings"]["message"]
    assert cli.run("doctor").code == 5


# -- backup, forget


async def test_a_backup_is_whole_and_taken_while_it_runs(cli: Cli, house: Story) -> None:
    """The copy holds the job, is for its owner only, and its first start makes it unsure; the original goes on."""
    job = await house.at(State.QUEUED)
    ran = cli.run("backup", "copy.db")
    assert ran.code == 0, ran.err
    copy = cli.folder / "copy.db"
    assert ran.err.startswith(f"Copied to {copy}.")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    cli.run("animate", "photo.png", "x", "--dry-run", env={"STILLMOTION_DATABASE_URL": "sqlite:///copy.db"})
    with closing(sqlite3.connect(copy)) as db:
        assert db.execute("SELECT state FROM jobs WHERE id = ?", (job.id,)).fetchone() == ("unsure",)
    assert (await house.store.job(job.id)).state is State.QUEUED


async def test_a_backup_replaces_nothing(cli: Cli, house: Story) -> None:
    """A file that is there, a folder that is not, a database that is not: each has its sentence."""
    (cli.folder / "mine.db").write_bytes(b"mine")
    ran = cli.run("backup", "mine.db")
    assert (ran.code, ran.err) == (2, f"{cli.folder / 'mine.db'} exists already. Name a new file.\n")
    assert (cli.folder / "mine.db").read_bytes() == b"mine"
    assert cli.run("backup", "nowhere/copy.db").code == 2
    ran = cli.run("backup", "copy.db", env={"STILLMOTION_DATABASE_URL": "sqlite:///other.db"})
    assert ran.code == 5
    assert not (cli.folder / "copy.db").exists()
    assert not (cli.folder / "other.db").exists()


def test_who_is_forgotten_leaves_no_word_and_no_file(cli: Cli) -> None:
    """The prompt, the picture and the video are gone from this machine; the books keep the use under another name."""
    cli.run("animate", "photo.png", "zoom in on the secret garden", "-o", "out.mp4", *SMALL)
    job = cli.jobs()[0]["id"]
    ran = cli.run("forget", "user:cli/ana")
    assert ran.code == 0, ran.err
    kept = [path for path in (cli.folder / "media").rglob("*") if path.is_file()]
    assert kept == []
    assert all(b"secret garden" not in path.read_bytes() for path in cli.folder.glob("stillmotion.*"))
    assert stat.S_IMODE((cli.folder / "stillmotion.key").stat().st_mode) == 0o600
    [line] = cli.run("usage", "--json").document
    assert line["videos"] == 1
    assert line["user"].startswith("user:cli/~")
    assert cli.run("job", job).code == 0
    assert cli.run("collect", job, "-o", "again.mp4").code == 3


async def test_forgetting_ends_the_persons_jobs_first(cli: Cli, house: Story) -> None:
    """What can stop is cancelled, what cannot is discarded, and how many still run is told."""
    waiting = await house.at(State.QUEUED)
    making = await house.at(State.GENERATING, route=(Priced(NOVITA, PRICE),))
    ran = cli.run("forget", ANA)
    assert ran.code == 0, ran.err
    assert "1 job" in ran.err
    assert (await house.store.job(waiting.id)).state is State.CANCELLED
    assert (await house.store.job(making.id)).hidden


# -- run, demo


def test_run_takes_over_what_an_interrupted_animate_left(cli: Cli) -> None:
    """It makes the video up to where only a terminal could deliver it, stops within 8 s, and `collect` gets the file."""
    stopped = cli.start("animate", "photo.png", "zoom in", *SMALL)
    until(lambda: bool(cli.jobs()))
    stopped.terminate()
    assert stopped.wait(8) == 6
    serving = cli.start("run")
    until(lambda: cli.jobs()[0]["state"] == "kept")
    serving.terminate()
    _, err = serving.communicate(timeout=8)
    assert serving.returncode == 0, err
    assert "preview@local is on" in err
    assert "zoom in" not in err
    assert err.rstrip().endswith("Stopped. Nothing is lost; the next start goes on.")
    assert cli.run("collect", cli.jobs()[0]["id"], "-o", "out.mp4").code == 0


def test_logs_are_json_lines_where_that_is_asked_for(cli: Cli) -> None:
    """Each line of the log is one document with the job's id and without a word of the prompt."""
    ran = cli.run(
        *("animate", "photo.png", "zoom in on the secret garden", "--json", *SMALL),
        env={"STILLMOTION_LOG_FORMAT": "json", "STILLMOTION_LOG_LEVEL": "debug"},
    )
    lines = [json.loads(line) for line in ran.err.splitlines()]
    moved = [line for line in lines if line["event"] == "moved"]
    assert {line["job"] for line in moved} == {ran.document["id"]}
    assert "secret garden" not in ran.err
    assert str(Path("photo.png")) not in ran.err


def test_a_repeated_look_changes_nothing(made: Made) -> None:
    """Commands that only look leave the database's content as it is."""

    def content() -> list[str]:
        with closing(sqlite3.connect(made.cli.folder / "stillmotion.db")) as db:
            return list(db.iterdump())

    before = content()
    for words in (("jobs",), ("job", made.job), ("offers",), ("usage",), ("limits",), ("scopes",), ("doctor",)):
        assert made.cli.run(*words).code == 0
    assert content() == before
