"""The floor: a bare program, one connection, that writes the same rows and checks nothing.

What the store wrote for one job is seen in its database, commit by commit, and written again under other names; so the
floor follows the store's rows, columns and indexes by itself, and is never told of a statement.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.sqlite import opening

Key = tuple[Any, ...]
Rows = dict[Key, dict[str, Any]]
Commit = list[tuple[str, list[list[Any]]]]
"""Statements in order, each with the rows of values that it is run with."""


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    key: tuple[str, ...]
    numbered: bool
    """SQLite makes the key."""


class Witness:
    """Looks at a database between commits and tells what each one wrote."""

    def __init__(self, path: Path) -> None:
        self._db = opening.connect(path)
        names = self._db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'"
        )
        self._tables = [self._table(name) for (name,) in names.fetchall()]
        self._seen = self._look()

    def close(self) -> None:
        """Give the database back."""
        self._db.close()

    def commit(self) -> Commit:
        """Return what was written since the last look."""
        before, self._seen = self._seen, self._look()
        written = (
            statement
            for table in self._tables
            for statement in _written(table, before[table.name], self._seen[table.name])
        )
        return [
            (sql, [values for _, values in same]) for sql, same in itertools.groupby(written, key=lambda each: each[0])
        ]

    def _table(self, name: str) -> _Table:
        columns = self._db.execute(f"PRAGMA table_info({name})").fetchall()
        keys = [column for column in columns if column["pk"]]
        return _Table(name, tuple(key["name"] for key in keys), [key["type"] for key in keys] == ["INTEGER"])

    def _look(self) -> dict[str, Rows]:
        return {
            table.name: {
                tuple(row[column] for column in table.key): dict(row)
                for row in self._db.execute(f"SELECT * FROM {table.name}")
            }
            for table in self._tables
        }


def _written(table: _Table, before: Rows, after: Rows) -> Iterator[tuple[str, list[Any]]]:
    """Yield a statement and its values for each row that is new or another."""
    for key, row in after.items():
        if key not in before:
            given = {column: value for column, value in row.items() if not (table.numbered and column in table.key)}
            marks = ", ".join("?" * len(given))
            yield f"INSERT INTO {table.name} ({', '.join(given)}) VALUES ({marks})", list(given.values())
        elif row != before[key]:
            changes = [
                _change(column, before[key][column], value)
                for column, value in row.items()
                if value != before[key][column]
            ]
            setting = ", ".join(sql for sql, _ in changes)
            where = " AND ".join(f"{column} = ?" for column in table.key)
            yield f"UPDATE {table.name} SET {setting} WHERE {where}", [*(value for _, value in changes), *key]


def _change(column: str, old: Any, new: Any) -> tuple[str, Any]:
    """Return how a column changes: a number by as much again, as SQLite writes no page whose bytes stay the same."""
    if isinstance(old, int) and isinstance(new, int):
        return f"{column} = {column} + ?", new - old
    return f"{column} = ?", new


class Floor:
    """Writes commits again for other jobs, one transaction each."""

    def __init__(self, path: Path) -> None:
        self._db = opening.connect(path)

    def close(self) -> None:
        """Give the database back."""
        self._db.close()

    def write(self, commits: Iterable[Commit]) -> float:
        """Write all of them; return how many a second."""
        count, execute, executemany = 0, self._db.execute, self._db.executemany
        began_s = time.perf_counter()
        for commit in commits:
            execute("BEGIN IMMEDIATE")
            for sql, rows in commit:
                if len(rows) == 1:
                    execute(sql, rows[0])
                else:
                    executemany(sql, rows)
            execute("COMMIT")
            count += 1
        return count / (time.perf_counter() - began_s)


def renamed(commit: Commit, names: Mapping[str, str]) -> Commit:
    """Return a commit with other names wherever these stand, in values or within them."""
    return [(sql, [[_renamed(value, names) for value in row] for row in rows]) for sql, rows in commit]


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, other in names.items():
            value = value.replace(name, other)
    return value
