-- Reason: the first shape: jobs and their history, both books, limits, and whose turn it is.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    fence INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER NOT NULL DEFAULT 0,
    holder TEXT NOT NULL DEFAULT '',
    stale_claims INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER,
    clock_at INTEGER,
    user TEXT NOT NULL,
    scope TEXT NOT NULL,
    channel TEXT,
    roles TEXT NOT NULL,
    platform TEXT NOT NULL,
    place TEXT NOT NULL,
    request TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    route TEXT NOT NULL,
    offer TEXT NOT NULL,
    day TEXT NOT NULL,
    submits INTEGER NOT NULL DEFAULT 0,
    reserved_usd_micros INTEGER NOT NULL,
    budget TEXT,
    ticket TEXT,
    wished INTEGER NOT NULL DEFAULT 0,
    hidden INTEGER NOT NULL DEFAULT 0,
    discarded_by TEXT,
    gave_place_back INTEGER NOT NULL DEFAULT 0,
    progress REAL,
    failure TEXT,
    detail TEXT NOT NULL DEFAULT '',
    result TEXT,
    result_bytes INTEGER,
    cost_usd_micros INTEGER,
    cost_assumed INTEGER NOT NULL DEFAULT 0,
    seed INTEGER,
    actual_prompt TEXT,
    created_at INTEGER NOT NULL,
    state_since INTEGER NOT NULL,
    preparing_since INTEGER,
    submitted_at INTEGER,
    deadline_at INTEGER,
    retention_at INTEGER,
    keep_until INTEGER,
    ended_at INTEGER,
    forget_as TEXT
) STRICT;
CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX jobs_clock ON jobs (clock_at) WHERE clock_at IS NOT NULL;
CREATE INDEX jobs_open ON jobs (user)
    WHERE hidden = 0 AND state IN ('delivering', 'fetching', 'generating', 'preparing', 'queued', 'submitting');
CREATE INDEX jobs_queued ON jobs (offer, user, id) WHERE state = 'queued';
CREATE INDEX jobs_user ON jobs (user, id);

CREATE TRIGGER final_jobs_never_change BEFORE UPDATE ON jobs
WHEN OLD.state IN ('delivered', 'failed', 'cancelled') AND (
    NEW.state IS NOT OLD.state OR NEW.failure IS NOT OLD.failure OR NEW.fence IS NOT OLD.fence
    OR NEW.ticket IS NOT OLD.ticket OR NEW.result IS NOT OLD.result OR NEW.wished IS NOT OLD.wished
    OR NEW.hidden IS NOT OLD.hidden OR NEW.offer IS NOT OLD.offer OR NEW.ended_at IS NOT OLD.ended_at)
BEGIN SELECT RAISE(ABORT, 'a final job never changes'); END;

CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    job TEXT REFERENCES jobs (id),
    draft TEXT REFERENCES drafts (id) ON DELETE SET NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX commands_draft ON commands (draft) WHERE draft IS NOT NULL;

CREATE TABLE drafts (
    id TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    acceptance TEXT NOT NULL,
    refusal TEXT NOT NULL,
    job TEXT REFERENCES jobs (id),
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    job TEXT NOT NULL REFERENCES jobs (id),
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX events_job ON events (job);

CREATE TABLE inputs (
    job TEXT NOT NULL REFERENCES jobs (id),
    stage TEXT NOT NULL,
    role TEXT NOT NULL,
    blob TEXT NOT NULL,
    mime TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    changes TEXT NOT NULL,
    PRIMARY KEY (job, stage, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE submits (
    job TEXT NOT NULL REFERENCES jobs (id),
    number INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    offer TEXT NOT NULL,
    at INTEGER NOT NULL,
    void INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX one_submit_that_may_be_paid ON submits (job) WHERE void = 0;

CREATE TABLE outcomes (
    job TEXT PRIMARY KEY REFERENCES jobs (id),
    outcome TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    job TEXT NOT NULL REFERENCES jobs (id),
    purpose TEXT NOT NULL,
    place TEXT NOT NULL,
    reference TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (job, purpose)
) STRICT;

CREATE TABLE books (
    id INTEGER PRIMARY KEY,
    book TEXT NOT NULL CHECK (book IN ('allowance', 'spend')),
    job TEXT NOT NULL REFERENCES jobs (id),
    entry TEXT NOT NULL CHECK (entry IN ('reserve', 'charge', 'release', 'bill', 'correct')),
    at INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    day TEXT NOT NULL,
    user TEXT NOT NULL,
    scope TEXT NOT NULL,
    channel TEXT,
    offer TEXT NOT NULL,
    videos INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    usd_micros INTEGER NOT NULL,
    assumed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX one_reservation ON books (job, book) WHERE entry = 'reserve';
CREATE UNIQUE INDEX one_settlement ON books (job, book) WHERE entry IN ('charge', 'release', 'bill');
CREATE INDEX corrections ON books (job, book) WHERE entry = 'correct';
CREATE INDEX books_user ON books (user, accepted_at) WHERE book = 'allowance';
CREATE INDEX books_scope ON books (scope, book, accepted_at);

CREATE TRIGGER books_are_never_deleted BEFORE DELETE ON books
BEGIN SELECT RAISE(ABORT, 'a book is append-only'); END;
CREATE TRIGGER books_are_never_changed BEFORE UPDATE ON books
WHEN NEW.id IS NOT OLD.id OR NEW.book IS NOT OLD.book OR NEW.job IS NOT OLD.job OR NEW.entry IS NOT OLD.entry
    OR NEW.at IS NOT OLD.at OR NEW.day IS NOT OLD.day OR NEW.videos IS NOT OLD.videos OR NEW.seconds IS NOT OLD.seconds
    OR NEW.usd_micros IS NOT OLD.usd_micros OR NEW.assumed IS NOT OLD.assumed
BEGIN SELECT RAISE(ABORT, 'a book is append-only'); END;

CREATE TABLE totals (
    book TEXT NOT NULL,
    subject TEXT NOT NULL,
    day TEXT NOT NULL,
    videos INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    usd_micros INTEGER NOT NULL,
    PRIMARY KEY (book, subject, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE lanes (
    offer TEXT NOT NULL,
    user TEXT NOT NULL,
    ready INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    served_at INTEGER NOT NULL DEFAULT 0,
    oldest TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (offer, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX lanes_fair ON lanes (offer, in_flight, served_at, oldest) WHERE ready > 0;

CREATE TABLE loads (
    offer TEXT PRIMARY KEY,
    in_flight INTEGER NOT NULL CHECK (in_flight >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE limits (
    subject TEXT NOT NULL,
    set_by TEXT NOT NULL,
    limits TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (subject, set_by)
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL,
    set_by TEXT NOT NULL,
    unit TEXT NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_subject ON grants (subject, set_by);

CREATE TABLE scopes (
    scope TEXT PRIMARY KEY,
    allowed INTEGER NOT NULL,
    approvals INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
    cause TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    job TEXT,
    facts TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    hash TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
