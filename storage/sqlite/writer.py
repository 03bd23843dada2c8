"""One thread that writes: whole transactions as plain functions, those that wait sharing a commit."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from storage.errors import Unavailable
from storage.sqlite.opening import connect

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
Answer = tuple[Any, Exception | None]
"""What a function returned, or what it raised."""
Call = tuple[Work, asyncio.Future[Any]]
_MOST_PER_COMMIT = 128


class Kept(Exception):
    """Carries an error out of a transaction whose writes must stay."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def transact(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Run one function in one immediate transaction of its own.

    Raises:
        Unavailable: SQLite could not write; nothing was.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
        except Kept as kept:
            connection.execute("COMMIT")
            raise kept.error from None
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        _roll_back(connection)
        raise _unavailable(connection, error) from error
    return result


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _unavailable(connection: sqlite3.Connection, error: sqlite3.Error) -> Unavailable:
    (_, _, file) = connection.execute("PRAGMA database_list").fetchone()
    return Unavailable(f"The database {file} cannot be used: {error}.")


class Writer:
    """Runs functions on its own thread and connection; those that wait together are committed together.

    With `reads_only` they run one by one outside any transaction.
    """

    def __init__(self, path: Path, *, reads_only: bool = False) -> None:
        self._answers = _run_each if reads_only else _commit_together
        self._waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._connection, self._closed = connect(path), False
        self._thread = threading.Thread(target=self._run, name="stillmotion-writer", daemon=True)
        self._thread.start()

    async def __call__(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function; it runs to its end even where its caller is cancelled meanwhile."""
        if self._closed:
            raise Unavailable("The store is closed.")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.put((work, future))
        return await future

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection, going = self._connection, True
        while going:
            batch, going = self._next_batch()
            if batch:
                answers = self._answers(connection, [work for work, _ in batch])
                _hand_over([future for _, future in batch], answers)
        connection.close()

    def _next_batch(self) -> tuple[list[Call], bool]:
        batch = []
        item = self._waiting.get()
        while item is not None:
            batch.append(item)
            if self._waiting.empty() or len(batch) == _MOST_PER_COMMIT:
                return batch, True
            item = self._waiting.get()
        return batch, False


def _hand_over(futures: list[asyncio.Future[Any]], answers: list[Answer]) -> None:
    """Wake each loop once, however many of its callers are answered."""
    pairs = zip(futures, answers, strict=True)
    for loop, theirs in itertools.groupby(pairs, key=lambda pair: pair[0].get_loop()):
        with contextlib.suppress(RuntimeError):  # a closed loop: nobody waits there any more
            loop.call_soon_threadsafe(_answer, list(theirs))


def _answer(answered: list[tuple[asyncio.Future[Any], Answer]]) -> None:
    for future, (result, raised) in answered:
        if future.done():
            continue
        if raised is None:
            future.set_result(result)
        else:
            future.set_exception(raised)


def _commit_together(connection: sqlite3.Connection, works: list[Work]) -> list[Answer]:
    """Run functions in one transaction; where one of them fails, each half in its own, until the failure stands alone.

    A savepoint around each would do as well, but SQLite then copies every page that is touched: a quarter of the whole cost.
    """
    if len(works) == 1:
        return [_alone(connection, works[0])]
    half = len(works) // 2
    return _all_or_none(connection, works) or [
        *_commit_together(connection, works[:half]),
        *_commit_together(connection, works[half:]),
    ]


def _all_or_none(connection: sqlite3.Connection, works: list[Work]) -> list[Answer] | None:
    """Return None where a function failed and nothing was written; a database that cannot be used fails all of them."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        answers: list[Answer] = [(work(connection), None) for work in works]
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        _roll_back(connection)
        return [(None, _unavailable(connection, error))] * len(works)
    except Exception:  # noqa: BLE001 - whatever a caller's function raises is that caller's, once it runs alone
        _roll_back(connection)
        return None
    return answers


def _alone(connection: sqlite3.Connection, work: Work) -> Answer:
    try:
        return transact(connection, work), None
    except Exception as error:  # noqa: BLE001 - whatever a caller's function raises is that caller's
        return None, error


def _run_each(connection: sqlite3.Connection, works: list[Work]) -> list[Answer]:
    return [_read(connection, work) for work in works]


def _read(connection: sqlite3.Connection, work: Work) -> Answer:
    try:
        return work(connection), None
    except sqlite3.Error as error:
        return None, _unavailable(connection, error)
    except Exception as error:  # noqa: BLE001 - whatever a caller's function raises is that caller's
        return None, error
