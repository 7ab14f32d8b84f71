-- +goose Up

-- How far an entity's two databases are equal, by migration flag.
CREATE TABLE cutover_progress (
    environment    text        NOT NULL REFERENCES environments (name),
    flag           text        NOT NULL REFERENCES feature_flags (name),
    direction      text        NOT NULL CHECK (direction IN ('forward', 'backward')),
    state          text        NOT NULL CHECK (state IN ('abandoned', 'waiting', 'copying', 'verifying', 'done', 'failed')),
    since_revision bigint      NOT NULL CHECK (since_revision >= 0),
    total          bigint      NOT NULL DEFAULT 0 CHECK (total >= 0),
    copied         bigint      NOT NULL DEFAULT 0 CHECK (copied >= 0),
    compared       bigint      NOT NULL DEFAULT 0 CHECK (compared >= 0),
    different      bigint      NOT NULL DEFAULT 0 CHECK (different >= 0),
    started_at     timestamptz,
    copied_at      timestamptz,
    verified_at    timestamptz,
    updated_at     timestamptz NOT NULL,
    holder         text        NOT NULL DEFAULT '',
    error          text        NOT NULL DEFAULT '',
    PRIMARY KEY (environment, flag)
);

-- What each instance tells of each entity. A row stays until the instance ended, or somebody said that it is gone: one
-- that is silent may still write by the stage that it knew last.
CREATE TABLE cutover_instances (
    instance    text        NOT NULL CHECK (octet_length(instance) BETWEEN 1 AND 64),
    environment text        NOT NULL REFERENCES environments (name),
    flag        text        NOT NULL CHECK (flag <> ''),
    host        text        NOT NULL CHECK (octet_length(host) <= 512),
    revision    bigint      NOT NULL CHECK (revision >= 0),
    heard_at    timestamptz NOT NULL,
    ended_at    timestamptz,
    gone_at     timestamptz,
    stats       text        NOT NULL DEFAULT '{}',
    PRIMARY KEY (instance, flag)
);
CREATE INDEX cutover_instances_flag ON cutover_instances (environment, flag);
CREATE INDEX cutover_instances_heard ON cutover_instances (environment, heard_at);

-- What an entity has to reach before its next step, and how it is copied.
CREATE TABLE cutover_limits (
    environment text        NOT NULL REFERENCES environments (name),
    flag        text        NOT NULL REFERENCES feature_flags (name),
    agreement   bigint      NOT NULL CHECK (agreement BETWEEN 0 AND 1000000),
    compared    bigint      NOT NULL CHECK (compared >= 0),
    minutes     bigint      NOT NULL CHECK (minutes >= 0),
    step_back   boolean     NOT NULL,
    rate        bigint      NOT NULL CHECK (rate >= 0),
    paused      boolean     NOT NULL,
    changed_by  text        NOT NULL CHECK (changed_by <> ''),
    changed_at  timestamptz NOT NULL,
    PRIMARY KEY (environment, flag)
);
