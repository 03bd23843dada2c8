"""One thread that writes: whole transactions as plain functions, those that wait sharing a commit."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from storage.errors import Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
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
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise Unavailable(str(error)) from error
    return result


class Writer:
    """Runs functions on its own thread and connection; those that wait together are committed together.

    With `reads_only` they run one by one outside any transaction.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection], *, reads_only: bool = False) -> None:
        self._settle = _run_each if reads_only else _commit_together
        self._waiting: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._connection = connect()
        self._thread = threading.Thread(target=self._run, name="stillmotion-writer", daemon=True)
        self._thread.start()

    async def __call__(self, work: Callable[[sqlite3.Connection], T]) -> T:
        future: Future[T] = Future()
        self._waiting.put((work, future))
        return await asyncio.shield(asyncio.wrap_future(future))

    def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        connection, going = self._connection, True
        while going:
            batch, going = self._next_batch()
            if batch:
                self._settle(connection, batch)
        connection.close()

    def _next_batch(self) -> tuple[list[tuple[Work, Future[Any]]], bool]:
        batch = []
        item = self._waiting.get()
        while item is not None:
            batch.append(item)
            if self._waiting.empty() or len(batch) == _MOST_PER_COMMIT:
                return batch, True
            item = self._waiting.get()
        return batch, False


def _commit_together(connection: sqlite3.Connection, batch: list[tuple[Work, Future[Any]]]) -> None:
    settled: list[tuple[Future[Any], Any, Exception | None]]
    try:
        connection.execute("BEGIN IMMEDIATE")
        settled = [(future, *_within_savepoint(connection, work)) for work, future in batch]
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        unavailable = Unavailable(str(error))
        settled = [(future, None, unavailable) for _, future in batch]
    for future, result, raised in settled:
        if raised is None:
            future.set_result(result)
        else:
            future.set_exception(raised)


def _run_each(connection: sqlite3.Connection, batch: list[tuple[Work, Future[Any]]]) -> None:
    for work, future in batch:
        try:
            future.set_result(work(connection))
        except sqlite3.Error as error:
            future.set_exception(Unavailable(str(error)))
        except Exception as error:  # noqa: BLE001 - whatever a caller's function raises is that caller's
            future.set_exception(error)


def _within_savepoint(connection: sqlite3.Connection, work: Work) -> tuple[Any, Exception | None]:
    """Run one function so that its failure undoes its own writes only."""
    connection.execute("SAVEPOINT one")
    try:
        result = work(connection)
    except Kept as kept:
        connection.execute("RELEASE one")
        return None, kept.error
    except sqlite3.OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever one caller's function raises is that caller's, not the batch's
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return None, error
    connection.execute("RELEASE one")
    return result, None
