-- +goose Up

-- Who got what: what was shown to whom, who was let through a gate and who was not, what was offered and bought, and what
-- the host measures. The id of what counts once a day is made of what it says, so that it is stored once whoever tells it;
-- day is that of at (UTC).
CREATE TABLE feature_flag_events (
    day         TEXT NOT NULL CHECK (date(day) IS NOT NULL),
    id          TEXT NOT NULL,
    at          TEXT NOT NULL CHECK (datetime(at) IS NOT NULL),
    kind        TEXT NOT NULL CHECK (kind IN ('exposure', 'check', 'granted', 'denied', 'prompt', 'upgrade', 'plan', 'metric')),
    environment TEXT NOT NULL CHECK (environment <> ''),
    flag        TEXT NOT NULL DEFAULT '',
    variant     TEXT NOT NULL DEFAULT '',
    revision    INTEGER NOT NULL DEFAULT 0 CHECK (revision >= 0),
    reason      TEXT NOT NULL DEFAULT '',
    place       TEXT NOT NULL DEFAULT '' CHECK (length(CAST(place AS BLOB)) <= 256),
    user_id     TEXT NOT NULL DEFAULT '' CHECK (length(CAST(user_id AS BLOB)) <= 256),
    visitor_id  TEXT NOT NULL DEFAULT '' CHECK (length(CAST(visitor_id AS BLOB)) <= 256),
    tenant      TEXT NOT NULL DEFAULT '' CHECK (length(CAST(tenant AS BLOB)) <= 256),
    plan        TEXT NOT NULL DEFAULT '' CHECK (length(CAST(plan AS BLOB)) <= 256),
    name        TEXT NOT NULL DEFAULT '' CHECK (length(CAST(name AS BLOB)) <= 256),
    value       REAL,
    share       INTEGER NOT NULL DEFAULT 100000 CHECK (share BETWEEN 1 AND 100000),
    PRIMARY KEY (day, id)
) STRICT;
CREATE INDEX feature_flag_events_flag ON feature_flag_events (environment, flag, kind, day);
CREATE INDEX feature_flag_events_tenant ON feature_flag_events (environment, tenant, kind, at) WHERE tenant <> '';
CREATE INDEX feature_flag_events_access ON feature_flag_events (environment, at, id) WHERE kind IN ('granted', 'denied');
CREATE INDEX feature_flag_events_access_flag ON feature_flag_events (environment, flag, at, id) WHERE kind IN ('granted', 'denied');
CREATE INDEX feature_flag_events_user ON feature_flag_events (user_id) WHERE user_id <> '';
CREATE INDEX feature_flag_events_visitor ON feature_flag_events (visitor_id) WHERE visitor_id <> '';

-- How often each variant was the answer, by the minute.
CREATE TABLE feature_flag_checks (
    day         TEXT NOT NULL CHECK (date(day) IS NOT NULL),
    minute      TEXT NOT NULL CHECK (datetime(minute) IS NOT NULL),
    environment TEXT NOT NULL CHECK (environment <> ''),
    flag        TEXT NOT NULL CHECK (flag <> ''),
    variant     TEXT NOT NULL,
    checks      INTEGER NOT NULL CHECK (checks >= 0),
    PRIMARY KEY (day, environment, flag, minute, variant)
) STRICT;

-- The same by the day, which is kept for as long as the flag is.
CREATE TABLE feature_flag_check_days (
    environment TEXT NOT NULL CHECK (environment <> ''),
    flag        TEXT NOT NULL CHECK (flag <> ''),
    day         TEXT NOT NULL CHECK (date(day) IS NOT NULL),
    variant     TEXT NOT NULL,
    checks      INTEGER NOT NULL CHECK (checks >= 0),
    first_at    TEXT NOT NULL CHECK (datetime(first_at) IS NOT NULL),
    last_at     TEXT NOT NULL CHECK (datetime(last_at) IS NOT NULL),
    PRIMARY KEY (environment, flag, day, variant)
) STRICT;

-- What each instance has told: the number of its last batch, so that none counts twice, and whether it ended with all told.
CREATE TABLE analytics_instances (
    instance    TEXT PRIMARY KEY CHECK (length(CAST(instance AS BLOB)) BETWEEN 1 AND 64),
    environment TEXT NOT NULL CHECK (environment <> ''),
    host        TEXT NOT NULL DEFAULT '' CHECK (length(CAST(host AS BLOB)) <= 512),
    batch       INTEGER NOT NULL DEFAULT 0 CHECK (batch >= 0),
    started_at  TEXT NOT NULL CHECK (datetime(started_at) IS NOT NULL),
    flushed_at  TEXT NOT NULL CHECK (datetime(flushed_at) IS NOT NULL),
    ended_at    TEXT CHECK (ended_at IS NULL OR datetime(ended_at) IS NOT NULL),
    every       INTEGER NOT NULL CHECK (every > 0),
    stored      INTEGER NOT NULL DEFAULT 0 CHECK (stored >= 0),
    dropped     INTEGER NOT NULL DEFAULT 0 CHECK (dropped >= 0),
    waiting     INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    refused     TEXT NOT NULL DEFAULT '{}',
    sinks       TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX analytics_instances_flushed ON analytics_instances (flushed_at);

-- Who was forgotten in the last day, so that what instances still had in memory of them is stored under the other name too.
-- A mark is a salted hash of a name.
CREATE TABLE analytics_forgotten (
    mark    TEXT PRIMARY KEY CHECK (length(mark) = 96),
    becomes TEXT NOT NULL CHECK (becomes <> ''),
    at      TEXT NOT NULL CHECK (datetime(at) IS NOT NULL)
) STRICT;

-- The plan that each tenant was last seen with, and the one before, so that a change is told once.
CREATE TABLE analytics_tenants (
    environment TEXT NOT NULL CHECK (environment <> ''),
    tenant      TEXT NOT NULL CHECK (length(CAST(tenant AS BLOB)) BETWEEN 1 AND 256),
    plan        TEXT NOT NULL CHECK (length(CAST(plan AS BLOB)) <= 256),
    since       TEXT NOT NULL CHECK (datetime(since) IS NOT NULL),
    previous    TEXT NOT NULL DEFAULT '' CHECK (length(CAST(previous AS BLOB)) <= 256),
    PRIMARY KEY (environment, tenant)
) STRICT;
CREATE INDEX analytics_tenants_since ON analytics_tenants (environment, since) WHERE previous <> '';

-- How many of those known had a flag on at the end of a day: people, tenants; plan '' counts those of all plans.
CREATE TABLE feature_flag_adoption (
    environment TEXT NOT NULL CHECK (environment <> ''),
    flag        TEXT NOT NULL CHECK (flag <> ''),
    day         TEXT NOT NULL CHECK (date(day) IS NOT NULL),
    kind        TEXT NOT NULL CHECK (kind IN ('user', 'tenant')),
    plan        TEXT NOT NULL CHECK (length(CAST(plan AS BLOB)) <= 256),
    has         INTEGER NOT NULL CHECK (has >= 0),
    known       INTEGER NOT NULL CHECK (known >= has),
    counted_at  TEXT NOT NULL CHECK (datetime(counted_at) IS NOT NULL),
    PRIMARY KEY (environment, flag, day, kind, plan)
) STRICT;
CREATE INDEX feature_flag_adoption_day ON feature_flag_adoption (environment, day) WHERE plan = '';

-- Which people and visitors were shown what, by the day: of the events, and kept when those are gone. people counts visitors
-- too; estimated is for all people where only a share of them is recorded.
CREATE TABLE feature_flag_exposure_days (
    environment TEXT    NOT NULL CHECK (environment <> ''),
    flag        TEXT    NOT NULL CHECK (flag <> ''),
    day         TEXT    NOT NULL CHECK (date(day) IS NOT NULL),
    variant     TEXT    NOT NULL,
    people      INTEGER NOT NULL CHECK (people >= 0),
    visitors    INTEGER NOT NULL CHECK (visitors BETWEEN 0 AND people),
    estimated   INTEGER NOT NULL CHECK (estimated >= people),
    PRIMARY KEY (environment, flag, day, variant)
) STRICT;

-- When adoption was counted last, and until when an instance is at it.
CREATE TABLE feature_flag_adoption_counts (
    environment TEXT PRIMARY KEY CHECK (environment <> ''),
    counted_at  TEXT CHECK (datetime(counted_at) IS NOT NULL OR counted_at IS NULL),
    busy_until  TEXT CHECK (datetime(busy_until) IS NOT NULL OR busy_until IS NULL)
) STRICT;

-- What is recorded of a flag beyond the usual, or less: the share of people whose exposures are kept, in hundred-thousandths,
-- and whether every check is kept as an event of its own until a time.
CREATE TABLE feature_flag_recording (
    environment TEXT NOT NULL REFERENCES environments (name),
    flag        TEXT NOT NULL REFERENCES feature_flags (name),
    share       INTEGER NOT NULL CHECK (share BETWEEN 0 AND 100000),
    raw_until   TEXT CHECK (raw_until IS NULL OR datetime(raw_until) IS NOT NULL),
    changed_by  TEXT NOT NULL CHECK (changed_by <> ''),
    changed_at  TEXT NOT NULL CHECK (datetime(changed_at) IS NOT NULL),
    PRIMARY KEY (environment, flag)
) STRICT;
