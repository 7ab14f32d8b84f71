-- +goose Up

-- What each process that serves flags last told of itself. Those that are gone are removed after a day. decided and
-- failed are what of its counts is in evaluation_days.
CREATE TABLE instances (
    id           TEXT PRIMARY KEY CHECK (length(CAST(id AS BLOB)) BETWEEN 1 AND 64),
    environment  TEXT NOT NULL CHECK (environment <> ''),
    host         TEXT NOT NULL CHECK (length(CAST(host AS BLOB)) <= 512),
    build        TEXT NOT NULL CHECK (length(CAST(build AS BLOB)) <= 512),
    started_at   TEXT NOT NULL CHECK (datetime(started_at) IS NOT NULL),
    heard_at     TEXT NOT NULL CHECK (datetime(heard_at) IS NOT NULL),
    ended_at     TEXT CHECK (ended_at IS NULL OR datetime(ended_at) IS NOT NULL),
    state        TEXT NOT NULL CHECK (state IN ('live', 'stale', 'disk', 'fallbacks')),
    revision     INTEGER NOT NULL CHECK (revision >= 0),
    published_at TEXT CHECK (published_at IS NULL OR datetime(published_at) IS NOT NULL),
    answered_at  TEXT CHECK (answered_at IS NULL OR datetime(answered_at) IS NOT NULL),
    listening    INTEGER NOT NULL CHECK (listening IN (0, 1)),
    decided      INTEGER NOT NULL DEFAULT 0 CHECK (decided >= 0),
    failed       INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    findings     TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX instances_heard_at ON instances (heard_at);

-- Decisions of all instances together.
CREATE TABLE evaluation_days (
    environment TEXT NOT NULL REFERENCES environments (name),
    day         TEXT NOT NULL CHECK (day IS date(day)),
    decided     INTEGER NOT NULL CHECK (decided >= 0),
    failed      INTEGER NOT NULL CHECK (failed >= 0),
    PRIMARY KEY (environment, day)
) STRICT;

-- When each instance that ran as a flag was killed began to serve the kill; null: it has not told so.
CREATE TABLE kill_adoptions (
    environment TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    instance    TEXT NOT NULL CHECK (instance <> ''),
    host        TEXT NOT NULL,
    adopted_at  TEXT CHECK (adopted_at IS NULL OR datetime(adopted_at) IS NOT NULL),
    PRIMARY KEY (environment, revision, instance),
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, number)
) STRICT;
