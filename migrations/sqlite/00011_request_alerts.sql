-- +goose Up

-- A watch may hear of change requests, beside or instead of what is published. SQLite changes no CHECK, so the table is
-- made anew, and with it the one that refers to it.
CREATE TABLE alert_watches_new (
    id          TEXT PRIMARY KEY,
    channel_id  TEXT NOT NULL REFERENCES alert_channels (id),
    environment TEXT REFERENCES environments (name),
    feature_id  TEXT REFERENCES feature_flags (id),
    events      TEXT NOT NULL CHECK (events IN ('kills', 'all', 'reviews', 'requests')),
    created_at  TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    created_by  TEXT NOT NULL CHECK (created_by <> ''),
    removed_at  TEXT CHECK (removed_at IS NULL OR datetime(removed_at) IS NOT NULL),
    removed_by  TEXT CHECK (removed_by <> ''),
    CHECK ((removed_at IS NULL) = (removed_by IS NULL))
) STRICT;
INSERT INTO alert_watches_new (id, channel_id, environment, feature_id, events, created_at, created_by, removed_at, removed_by)
    SELECT id, channel_id, environment, feature_id, events, created_at, created_by, removed_at, removed_by FROM alert_watches;

-- What happened to a request waits here until the watches have been looked through for it.
ALTER TABLE change_request_events ADD COLUMN told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1));
CREATE INDEX change_request_events_untold ON change_request_events (id) WHERE told = 0;

-- A delivery tells of a revision, or of something that happened to a request: of each once to each watch.
CREATE TABLE alert_deliveries_new (
    id            TEXT PRIMARY KEY,
    environment   TEXT NOT NULL,
    revision      INTEGER,
    request_event INTEGER REFERENCES change_request_events (id),
    watch_id      TEXT NOT NULL REFERENCES alert_watches_new (id),
    channel_id    TEXT NOT NULL REFERENCES alert_channels (id),
    urgent        INTEGER NOT NULL CHECK (urgent IN (0, 1)),
    status        TEXT NOT NULL CHECK (status IN ('waiting', 'sent', 'failed')),
    attempts      INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at       TEXT NOT NULL CHECK (datetime(next_at) IS NOT NULL),
    claimed_until TEXT CHECK (claimed_until IS NULL OR datetime(claimed_until) IS NOT NULL),
    answer        TEXT NOT NULL DEFAULT '',
    created_at    TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    ended_at      TEXT CHECK (ended_at IS NULL OR datetime(ended_at) IS NOT NULL),
    UNIQUE (environment, revision, watch_id),
    UNIQUE (request_event, watch_id),
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, number),
    CHECK ((revision IS NULL) <> (request_event IS NULL)),
    CHECK ((status = 'waiting') = (ended_at IS NULL))
) STRICT;
INSERT INTO alert_deliveries_new (id, environment, revision, watch_id, channel_id, urgent, status, attempts, next_at, claimed_until, answer, created_at, ended_at)
    SELECT id, environment, revision, watch_id, channel_id, urgent, status, attempts, next_at, claimed_until, answer, created_at, ended_at FROM alert_deliveries;
DROP TABLE alert_deliveries;
DROP TABLE alert_watches;
ALTER TABLE alert_watches_new RENAME TO alert_watches;
ALTER TABLE alert_deliveries_new RENAME TO alert_deliveries;
CREATE UNIQUE INDEX alert_watches_live ON alert_watches (channel_id, coalesce(environment, ''), coalesce(feature_id, ''), (CASE WHEN events IN ('kills', 'all') THEN '' ELSE events END)) WHERE removed_at IS NULL;
CREATE INDEX alert_deliveries_due ON alert_deliveries (urgent, next_at) WHERE status = 'waiting';
CREATE INDEX alert_deliveries_created ON alert_deliveries (created_at, id);
CREATE INDEX alert_deliveries_status ON alert_deliveries (status, created_at, id);
CREATE INDEX alert_deliveries_channel ON alert_deliveries (channel_id);

-- For the kills that somebody has to look at.
CREATE INDEX emergencies_waiting ON emergencies (environment, flag) WHERE reviewed_at IS NULL;
