"""SQLite only: what the file itself makes impossible, how it is opened, migrated and copied."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database, Migrations

from storage.contract import HouseRules
from storage.errors import Unavailable, Unknown
from storage.sqlite import SqliteStore, accepting, drafts, notices, opening, ruling, viewing
from storage.sqlite.writer import transact
from storage.states import Notice, State
from tests.fakes.story import ANA, SCOPE, Story, request

NOBODY = 12345 if os.geteuid() == 0 else os.geteuid()
"""A user without rights; the modes below bind whoever runs the tests too, unless that is root."""


@pytest.fixture
def db(story: Story) -> Iterator[sqlite3.Connection]:
    """A connection of one's own to the story's database."""
    with closing(opening.connect(story.folder / "stillmotion.db")) as connection:
        yield connection


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[Path]:
    """A folder outside of pytest's own private ones, which another user may reach."""
    folder = Path("/tmp") / f"stillmotion-{os.getpid()}-{tmp_path.name}"
    folder.mkdir(mode=0o755)
    yield folder
    subprocess.run(["chmod", "-R", "u+rwX", folder], check=True)
    shutil.rmtree(folder)


# -- what the file makes impossible


@pytest.mark.parametrize("state", [State.DELIVERED, State.FAILED, State.CANCELLED])
@pytest.mark.parametrize(
    "change",
    ["state = 'queued'", "failure = 'busy'", "fence = fence + 1", "ticket = 'T9'", "result = 'x'", "wished = 1 - wished",
     "hidden = 1 - hidden", "offer = 'x'", "ended_at = 1"],
)  # fmt: skip
async def test_a_final_job_cannot_be_changed(story: Story, db: sqlite3.Connection, state: State, change: str) -> None:
    """Not even by a hand in the database."""
    job = await story.at(state)
    with pytest.raises(sqlite3.IntegrityError, match="a final job never changes"):
        db.execute(f"UPDATE jobs SET {change} WHERE id = ?", (job.id,))


async def test_a_book_can_only_be_appended_to(story: Story, db: sqlite3.Connection) -> None:
    """No amount is changed, no row deleted; only whose it was may be forgotten."""
    await story.at(State.DELIVERED)
    for change in (
        "usd_micros = 0",
        "videos = 0",
        "seconds = 0",
        "day = ''",
        "entry = 'bill'",
        "book = 'spend'",
        "at = 0",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="a book is append-only"):
            db.execute(f"UPDATE books SET {change} WHERE entry = 'reserve'")
    with pytest.raises(sqlite3.IntegrityError, match="a book is append-only"):
        db.execute("DELETE FROM books")
    assert db.execute("UPDATE books SET user = 'user:discord/~x'").rowcount == 4


@pytest.mark.parametrize("entry", ["reserve", "charge", "release", "bill"])
@pytest.mark.parametrize("book", ["allowance", "spend"])
async def test_nothing_is_reserved_or_settled_twice(
    story: Story, db: sqlite3.Connection, book: str, entry: str
) -> None:
    """A second reservation, charge, refund or bill of a job is refused by the file."""
    job = await story.at(State.DELIVERED)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        db.execute(
            """INSERT INTO books (book, job, entry, at, accepted_at, day, user, scope, offer, videos, seconds, usd_micros)
            SELECT ?, job, ?, at, accepted_at, day, user, scope, offer, 0, 0, 0 FROM books WHERE job = ? LIMIT 1""",
            (book, entry, job.id),
        )


async def test_a_second_submit_that_may_be_paid_is_impossible(story: Story, db: sqlite3.Connection) -> None:
    """Unless the first is proven void."""
    job = await story.at(State.GENERATING)
    second = "INSERT INTO submits (job, number, fence, offer, at) VALUES (?, 2, 9, 'x', 0)"
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        db.execute(second, (job.id,))
    db.execute("UPDATE submits SET void = 1")
    db.execute(second, (job.id,))


async def test_a_second_outcome_is_impossible(story: Story, db: sqlite3.Connection) -> None:
    """One command, one outcome."""
    job = await story.at(State.FAILED)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        db.execute("INSERT INTO outcomes (job, outcome, at) VALUES (?, 'video', 0)", (job.id,))


async def test_the_same_command_cannot_be_two_jobs(story: Story, db: sqlite3.Connection) -> None:
    """Its id is unique, whole."""
    job = await story.accept()
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        db.execute("INSERT INTO commands (id, job) VALUES ('command-1', ?)", (job.id,))


async def test_every_table_is_strict(story: Story, db: sqlite3.Connection) -> None:
    """A text where a number belongs is refused, in every table of ours."""
    tables = db.execute(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
    ).fetchall()
    loose = {name for name, strict in tables if not strict}
    assert {name for name in loose if not name.startswith("sqlite_")} == {"_sqlite_migrations"}
    assert len(tables) - len(loose) > 10


# -- how it is opened


async def test_a_connection_is_durable_and_keeps_its_references(story: Story, db: sqlite3.Connection) -> None:
    """WAL, FULL, foreign keys on, what is deleted is overwritten."""
    pragmas = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in _EXPECTED_PRAGMAS}
    assert pragmas == _EXPECTED_PRAGMAS
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        db.execute("INSERT INTO outcomes (job, outcome, at) VALUES ('00000000', 'video', 0)")


async def test_all_of_its_files_are_readable_by_their_owner_only(story: Story) -> None:
    """Prompts are in them."""
    await story.accept()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in story.folder.glob("stillmotion.db*")}
    assert set(modes) == {"stillmotion.db", "stillmotion.db-wal", "stillmotion.db-shm"}
    assert set(modes.values()) == {0o600}
    await story.store.backup(story.folder / "copy.db")
    assert stat.S_IMODE((story.folder / "copy.db").stat().st_mode) == 0o600


async def test_closing_leaves_one_file(story: Story) -> None:
    """All that was written is in it."""
    await story.accept()
    await story.store.close()
    assert [path.name for path in story.folder.glob("stillmotion.db*")] == ["stillmotion.db"]


@pytest.mark.parametrize(
    ("make", "right"),
    [
        ("chmod 0555 {folder}", "the folder {folder} lacks write permission"),
        ("rmdir {folder}", "the folder {folder} does not exist"),
        ("touch {file}; chmod 0444 {file}; chmod 0777 {folder}", "the file {file} lacks read or write permission"),
        ("touch {file}; chmod 0000 {file}; chmod 0777 {folder}", "the file {file} lacks read or write permission"),
        ("touch {file}-wal; chmod 0000 {file}-wal; chmod 0777 {folder}", "the file {file}-wal lacks read or write permission"),
        ("chmod 0000 {folder}", "the folder {folder} cannot be looked into (Permission denied)"),
        ("chmod 0000 $(dirname {folder})", "the folder {folder} cannot be looked into (Permission denied)"),
        ("mkdir {file}", "it is a folder"),
    ],
)  # fmt: skip
def test_a_database_that_cannot_be_opened_says_where_who_and_which_right(shut: Path, make: str, right: str) -> None:
    """One sentence with the absolute path, the user id and what is missing; nothing is left behind."""
    folder = shut / "data"
    folder.mkdir()
    names = {"folder": folder, "file": folder / "stillmotion.db"}
    subprocess.run(["sh", "-c", make.format(**names)], check=True)
    before = _files(shut)
    said = _as_nobody(Path("/"), names["file"])
    subject = f"The database {names['file']} cannot be opened by user id {NOBODY}: {right.format(**names)}"
    assert re.fullmatch(re.escape(subject) + r"[^.]*\.\n", said)
    assert _files(shut) == before


def test_an_absolute_path_that_lost_a_slash_is_named_in_full(shut: Path) -> None:
    """`sqlite:///data/x` is a path below the working directory: the sentence shows where that leads."""
    said = _as_nobody(shut, Path("var/lib/stillmotion.db"))
    assert f"The database {shut}/var/lib/stillmotion.db cannot be opened" in said
    assert f"the folder {shut}/var/lib does not exist" in said


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    """The operator pointed at something else."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8 no database " * 100)
    with pytest.raises(Unavailable, match=re.escape(str(path))):
        SqliteStore(path)
    assert path.read_bytes() == b"\xff\xd8 no database " * 100
    assert list(tmp_path.iterdir()) == [path]


# -- migrations


def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    """Three open the same new file at the same moment; all of them work."""
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from storage.sqlite import SqliteStore
        print("ready", flush=True)
        sys.stdin.readline()
        SqliteStore(Path(sys.argv[1]))
        print("open", flush=True)
    """)
    path = tmp_path / "stillmotion.db"
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in starting] == ["open\n"] * 3
    with closing(sqlite3.connect(path)) as db:
        scripts = [
            file for file in importlib.resources.files("storage.migrations").iterdir() if file.name.endswith(".sql")
        ]
        assert db.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()[0] == len(scripts)


async def test_processes_that_come_and_go_never_find_the_file_locked(story: Story) -> None:
    """Commands of a terminal open and close it time and again while the bot writes."""
    script = """
        import asyncio, sys
        from pathlib import Path
        from storage.contract import HouseRules
        from storage.sqlite import SqliteStore

        async def come_and_go() -> None:
            for _ in range(10):
                store = SqliteStore(Path(sys.argv[1]))
                await store.grant("user:discord/9", "1", rules=HouseRules())
                await store.usage(book="spend", by="day", since_ms=1000)
                await store.close()

        asyncio.run(come_and_go())
    """
    arguments = [sys.executable, "-c", textwrap.dedent(script), str(story.folder / "stillmotion.db")]
    visiting = [await asyncio.create_subprocess_exec(*arguments, stderr=asyncio.subprocess.PIPE) for _ in range(3)]
    leaving = [asyncio.create_task(process.communicate()) for process in visiting]
    while not all(task.done() for task in leaving):
        await story.ask()
    assert [(await task)[1] for task in leaving] == [b"", b"", b""]
    (rule,) = await story.store.limits("user:discord/9")
    assert len(rule.grants) == 30


def test_a_migration_that_dies_half_way_leaves_nothing(tmp_path: Path) -> None:
    """Neither its tables nor a mark that it was made; the next start makes it whole."""
    path = tmp_path / "stillmotion.db"
    broken = Migrations("stillmotion")

    @broken(name="0001_jobs_and_books")
    def _half(database: Database) -> None:
        database.executescript("CREATE TABLE jobs (id TEXT); CREATE TABLE meta (x TEXT);")
        raise KeyboardInterrupt

    with closing(opening.connect(path)) as db:
        with pytest.raises(KeyboardInterrupt):
            opening.migrate(db, broken)
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == []
    opening.prepare(path)
    with closing(opening.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM books").fetchone()[0] == 0


def test_every_migration_says_its_reason() -> None:
    """One file a change, numbered in order, opening with why."""
    scripts = sorted(
        file.name for file in importlib.resources.files("storage.migrations").iterdir() if file.name.endswith(".sql")
    )
    assert [name[:4] for name in scripts] == [f"{number:04}" for number in range(1, len(scripts) + 1)]
    for name in scripts:
        text = (importlib.resources.files("storage.migrations") / name).read_text()
        assert text.startswith("-- Reason: "), name


# -- copies


async def test_a_copy_made_while_jobs_are_written_is_consistent(story: Story, tmp_path: Path) -> None:
    """Each job in it is whole: its command, both reservations, its totals."""
    stop = asyncio.Event()

    async def keep_accepting() -> None:
        while not stop.is_set():
            await asyncio.gather(*(story.accept() for _ in range(20)))

    writing = asyncio.create_task(keep_accepting())
    copies = [tmp_path / f"copy-{number}.db" for number in range(3)]
    for copy in copies:
        await story.accept()
        await story.store.backup(copy)
    stop.set()
    await writing
    for copy in copies:
        with closing(sqlite3.connect(copy)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            jobs = db.execute("SELECT count(*) FROM jobs").fetchone()[0]
            assert jobs > 0
            assert db.execute("SELECT count(*) FROM books").fetchone()[0] == 2 * jobs
            assert db.execute("SELECT count(*) FROM commands").fetchone()[0] == jobs
            assert db.execute("SELECT videos FROM totals WHERE subject = ?", (ANA,)).fetchone()[0] == jobs
        assert [path.name for path in tmp_path.glob(f"{copy.name}*")] == [copy.name]


# -- when the file is in the way


def test_a_write_that_the_disk_refuses_is_unavailable_and_writes_nothing(tmp_path: Path) -> None:
    """The caller hears which file it is and may try again once there is room; nothing is half there."""
    script = """
        import asyncio, resource, sys
        from pathlib import Path
        from storage.errors import Unavailable
        from storage.sqlite import SqliteStore
        from tests.fakes.story import request

        async def fill() -> None:
            store = SqliteStore(Path(sys.argv[1]))
            await store.accept(request("first"))
            room = Path(sys.argv[1] + "-wal").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
            for command in ("second", "third"):
                try:
                    await store.accept(request(command))
                except Unavailable as error:
                    print(error)
            print(len(await store.jobs()))
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await store.accept(request("second"))
            print(len(await store.jobs()), await store.check())
            await store.close()

        asyncio.run(fill())
    """
    path = tmp_path / "stillmotion.db"
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(path)], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert [line.startswith(f"The database {path} cannot be used: ") for line in said] == [True, True, False, False]
    assert said[2:] == ["1", "2 None"]


async def test_one_caller_s_failure_leaves_the_others_of_its_commit_alone(story: Story) -> None:
    """Calls that share a commit do not share their fate."""
    queued = await story.at(State.QUEUED)
    answers = await asyncio.gather(
        *(story.accept() for _ in range(5)),
        story.store.claim("00000000", lease_ms=1, holder="x"),
        story.store.hold("nothing"),
        story.store.set_limits(ANA, "nonsense"),
        *(story.accept() for _ in range(5)),
        return_exceptions=True,
    )
    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(failed) == 2
    assert len(await story.store.jobs()) == 11
    assert await story.store.job(queued.id) == queued


async def test_the_totals_are_the_sums_of_the_rows(story: Story, db: sqlite3.Connection) -> None:
    """For every subject that is counted, day by day, whatever happened, and after a person was forgotten."""
    for state in State:
        await story.at(state)
        story.clock.forward(5 * 3_600_000)
    for user in ("user:discord/2", "user:discord/3"):
        over = await story.at(State.DELIVERED, user=user)
        await story.store.correct(over.id, 1)
    await story.store.forget("user:discord/2", secret=b"key")
    await story.store.forget(ANA, secret=b"key")
    columns = {"allowance": ("user", "user || ' in ' || scope", "scope", "channel"), "spend": ("scope", "'all'")}
    sums = {
        tuple(row)
        for book, subjects in columns.items()
        for subject in subjects
        for row in db.execute(
            f"""SELECT book, {subject}, day, sum(videos), sum(seconds), sum(usd_micros) FROM books
            WHERE book = ? GROUP BY 2, 3 HAVING sum(videos) OR sum(seconds) OR sum(usd_micros)""",
            (book,),
        )
    }
    totals = db.execute("SELECT * FROM totals WHERE videos OR seconds OR usd_micros")
    assert {tuple(row) for row in totals} == sums


async def test_limits_cost_the_same_whatever_was_used_before(story: Story, db: sqlite3.Connection) -> None:
    """A calendar limit reads totals, never the rows of the book."""
    rules = HouseRules(budget_usd_micros=9_000_000, scope_budget_usd_micros=9_000_000)
    seen: list[str] = []
    db.set_trace_callback(seen.append)
    transact(db, lambda db: accepting.accept(db, request("watched", rules=rules), story.clock()))
    assert any("FROM totals" in statement for statement in seen)
    assert not any(re.search(r"SELECT .*FROM books", statement, re.DOTALL) for statement in seen)


async def test_what_people_look_at_is_found_by_an_index(story: Story, db: sqlite3.Connection) -> None:
    """A card, a draft, a scope's choices and one's own jobs cost the same however many others have theirs."""
    job = await story.at(State.FAILED, has_card=True)
    now, seen = story.clock(), list[str]()
    db.set_trace_callback(seen.append)
    notices.owe_card(db, job.id, now)
    notices.owed(db, now, platforms=["discord"], most=10)
    notices.said(db, job.id, Notice.CARD, "7", 1, now)
    viewing.references(db, job.id)
    viewing.jobs(db, now, user=ANA, state=None, most=5, skip=5)
    ruling.choices(db, SCOPE)
    ruling.choose(db, now, SCOPE, "models", [], ANA)
    accepting.accept(db, request("watched", rules=HouseRules(user_limits="0/day")), now)
    with contextlib.suppress(Unknown):
        drafts.read(db, "D0000000", now)
    db.set_trace_callback(None)
    plans = {step["detail"] for sql in seen for step in db.execute(f"EXPLAIN QUERY PLAN {sql}")}
    assert [step for step in sorted(plans) if step.startswith("SCAN")] == []


_EXPECTED_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def _files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def _as_nobody(folder: Path, database: Path) -> str:
    """Open a database from a folder as a user without rights, and return what is said about it."""
    script = """
        import os, sys
        from pathlib import Path
        from storage.errors import Unavailable
        from storage.sqlite import SqliteStore
        os.chdir(sys.argv[1])
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(int(sys.argv[3]))
            os.setuid(int(sys.argv[3]))
        try:
            SqliteStore(Path(sys.argv[2]))
        except Unavailable as error:
            print(error)
    """
    arguments = [sys.executable, "-c", textwrap.dedent(script), str(folder), str(database), str(NOBODY)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout
