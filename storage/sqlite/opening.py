"""Opening the database: its file, its pragmas and its migrations, with a plain word where it cannot be opened."""

from __future__ import annotations

import importlib.resources
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlite_utils import Database, Migrations

from storage.errors import Unavailable

_BUSY_S = 30
_PRAGMAS = (
    "synchronous = FULL",
    "foreign_keys = ON",
    "secure_delete = ON",
    "wal_autocheckpoint = 1000",
)
_MODE = 0o600


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection as all of ours are: WAL, FULL, foreign keys, what is deleted is overwritten, no implicit transactions."""
    connection = sqlite3.connect(
        path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    _switch_to_wal(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Wait for who else switches the same new file: SQLite itself says busy here at once, whatever the time-out."""
    last_try_s = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > last_try_s:
                raise
            time.sleep(0.01)
        else:
            return


def prepare(path: Path) -> None:
    """Make the file where there is none, readable by its owner only, and bring its schema up to date.

    Raises:
        Unavailable: it cannot be opened or written; the message says which right is missing.
    """
    _check_rights(path)
    try:
        path.touch(_MODE)
        connection = connect(path)
        try:
            migrate(connection, _migrations())
        finally:
            connection.close()
    except (sqlite3.DatabaseError, OSError) as error:
        raise Unavailable(f"The database {path} cannot be used: {error}. Move it away or restore a backup.") from error


def _check_rights(path: Path) -> None:
    missing = _missing_right(path)
    if missing is not None:
        raise Unavailable(f"The database {path} cannot be opened by user id {os.geteuid()}: {missing}.")


def _missing_right(path: Path) -> str | None:
    """Return what stands in the way and what to do about it, or None."""
    folder = path.parent
    try:
        if not folder.exists():
            return f"the folder {folder} does not exist; make it, or change STILLMOTION_DATABASE_URL"
        if path.is_dir():
            return "it is a folder; name a file in STILLMOTION_DATABASE_URL"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"the folder {folder} lacks write permission for it; give it that right"
        for file in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))):
            if _is_closed_to_us(file):
                return f"the file {file} lacks read or write permission for it; give it that right"
    except OSError as error:
        return f"the folder {folder} cannot be looked into ({error.strerror}); give it that right"
    return None


def _is_closed_to_us(file: Path) -> bool:
    """Tell whether a file is there and lacks our rights; others make and remove the log's files while we look."""
    mode = os.R_OK | os.W_OK
    return not os.access(file, mode) and file.exists() and not os.access(file, mode)


def migrate(connection: sqlite3.Connection, migrations: Migrations) -> None:
    """Apply what is missing, in one transaction under the write lock, so that processes that start together wait."""
    database = Database(connection)
    if not migrations.pending(database):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        migrations.apply(database)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _migrations() -> Migrations:
    found = Migrations("stillmotion")
    for script in sorted(importlib.resources.files("storage.migrations").iterdir(), key=lambda each: each.name):
        if script.name.endswith(".sql"):
            found(name=script.name.removesuffix(".sql"))(_runner(script.read_text(encoding="utf-8")))
    return found


def _runner(script: str) -> Callable[[Database], None]:
    def run(database: Database) -> None:
        for statement in _statements(script):
            database.execute(statement)

    return run


def _statements(script: str) -> Iterator[str]:
    """Yield a script's statements, each of which ends its line; `executescript` looks after every letter, for 70 ms."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
