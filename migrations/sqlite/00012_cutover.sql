-- +goose Up

-- How far an entity's two databases are equal, by migration flag.
CREATE TABLE cutover_progress (
    environment    TEXT NOT NULL REFERENCES environments (name),
    flag           TEXT NOT NULL REFERENCES feature_flags (name),
    direction      TEXT NOT NULL CHECK (direction IN ('forward', 'backward')),
    state          TEXT NOT NULL CHECK (state IN ('abandoned', 'waiting', 'copying', 'verifying', 'done', 'failed')),
    since_revision INTEGER NOT NULL CHECK (since_revision >= 0),
    total          INTEGER NOT NULL DEFAULT 0 CHECK (total >= 0),
    copied         INTEGER NOT NULL DEFAULT 0 CHECK (copied >= 0),
    compared       INTEGER NOT NULL DEFAULT 0 CHECK (compared >= 0),
    different      INTEGER NOT NULL DEFAULT 0 CHECK (different >= 0),
    started_at     TEXT CHECK (started_at IS NULL OR datetime(started_at) IS NOT NULL),
    copied_at      TEXT CHECK (copied_at IS NULL OR datetime(copied_at) IS NOT NULL),
    verified_at    TEXT CHECK (verified_at IS NULL OR datetime(verified_at) IS NOT NULL),
    updated_at     TEXT NOT NULL CHECK (datetime(updated_at) IS NOT NULL),
    holder         TEXT NOT NULL DEFAULT '',
    error          TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (environment, flag)
) STRICT;

-- What each instance tells of each entity. A row stays until the instance ended, or somebody said that it is gone: one
-- that is silent may still write by the stage that it knew last.
CREATE TABLE cutover_instances (
    instance    TEXT NOT NULL CHECK (length(CAST(instance AS BLOB)) BETWEEN 1 AND 64),
    environment TEXT NOT NULL REFERENCES environments (name),
    flag        TEXT NOT NULL CHECK (flag <> ''),
    host        TEXT NOT NULL CHECK (length(CAST(host AS BLOB)) <= 512),
    revision    INTEGER NOT NULL CHECK (revision >= 0),
    heard_at    TEXT NOT NULL CHECK (datetime(heard_at) IS NOT NULL),
    ended_at    TEXT CHECK (ended_at IS NULL OR datetime(ended_at) IS NOT NULL),
    gone_at     TEXT CHECK (gone_at IS NULL OR datetime(gone_at) IS NOT NULL),
    stats       TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (instance, flag)
) STRICT;
CREATE INDEX cutover_instances_flag ON cutover_instances (environment, flag);
CREATE INDEX cutover_instances_heard ON cutover_instances (environment, heard_at);

-- What an entity has to reach before its next step, and how it is copied.
CREATE TABLE cutover_limits (
    environment TEXT NOT NULL REFERENCES environments (name),
    flag        TEXT NOT NULL REFERENCES feature_flags (name),
    agreement   INTEGER NOT NULL CHECK (agreement BETWEEN 0 AND 1000000),
    compared    INTEGER NOT NULL CHECK (compared >= 0),
    minutes     INTEGER NOT NULL CHECK (minutes >= 0),
    step_back   INTEGER NOT NULL CHECK (step_back IN (0, 1)),
    rate        INTEGER NOT NULL CHECK (rate >= 0),
    paused      INTEGER NOT NULL CHECK (paused IN (0, 1)),
    changed_by  TEXT NOT NULL CHECK (changed_by <> ''),
    changed_at  TEXT NOT NULL CHECK (datetime(changed_at) IS NOT NULL),
    PRIMARY KEY (environment, flag)
) STRICT;
