-- +goose Up

-- What each process that serves flags last told of itself. Those that are gone are removed after a day. decided and
-- failed are what of its counts is in evaluation_days.
CREATE TABLE instances (
    id           text        PRIMARY KEY CHECK (octet_length(id) BETWEEN 1 AND 64),
    environment  text        NOT NULL CHECK (environment <> ''),
    host         text        NOT NULL CHECK (octet_length(host) <= 512),
    build        text        NOT NULL CHECK (octet_length(build) <= 512),
    started_at   timestamptz NOT NULL,
    heard_at     timestamptz NOT NULL,
    ended_at     timestamptz,
    state        text        NOT NULL CHECK (state IN ('live', 'stale', 'disk', 'fallbacks')),
    revision     bigint      NOT NULL CHECK (revision >= 0),
    published_at timestamptz,
    answered_at  timestamptz,
    listening    boolean     NOT NULL,
    decided      bigint      NOT NULL DEFAULT 0 CHECK (decided >= 0),
    failed       bigint      NOT NULL DEFAULT 0 CHECK (failed >= 0),
    findings     text        NOT NULL DEFAULT '{}'
);
CREATE INDEX instances_heard_at ON instances (heard_at);

-- Decisions of all instances together.
CREATE TABLE evaluation_days (
    environment text   NOT NULL REFERENCES environments (name),
    day         date   NOT NULL,
    decided     bigint NOT NULL CHECK (decided >= 0),
    failed      bigint NOT NULL CHECK (failed >= 0),
    PRIMARY KEY (environment, day)
);

-- When each instance that ran as a flag was killed began to serve the kill; null: it has not told so.
CREATE TABLE kill_adoptions (
    environment text   NOT NULL,
    revision    bigint NOT NULL,
    instance    text   NOT NULL CHECK (instance <> ''),
    host        text   NOT NULL,
    adopted_at  timestamptz,
    PRIMARY KEY (environment, revision, instance),
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, number)
);
