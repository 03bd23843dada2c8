"""What the store can raise.

StorageError
├── Unavailable    the operator: the database cannot be opened, read or written
├── Unknown        the user: no such job, draft or scope
├── Stale          the worker: the job moved on, or its lease lapsed; drop the work
└── OverBudget     the admin: an approval would pass another budget than the one it was asked for
"""

from __future__ import annotations


class StorageError(Exception):
    """The store did not do what was asked."""


class Unavailable(StorageError):
    """The database cannot be used; the message names the file and what is wrong with it."""


class Unknown(StorageError):
    """The store holds nothing under this name."""


class Stale(StorageError):
    """The job is not in the expected state or under the expected fence; nothing was changed."""


class OverBudget(StorageError):
    """Another budget than the one that was asked for stands in the way."""

    def __init__(self, budget: str) -> None:
        super().__init__(budget)
        self.budget = budget
