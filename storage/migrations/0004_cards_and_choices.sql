-- Reason: a job's card follows its moves, a request is kept while it is filled in as a refused one is, and admins choose how the bot works in their scope.

ALTER TABLE jobs ADD COLUMN has_card INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE drafts RENAME COLUMN acceptance TO asked;

CREATE TABLE choices (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    set_by TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;
