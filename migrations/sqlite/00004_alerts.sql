-- +goose Up

-- Where people hear of changes. target is a webhook's address or a list of e-mail addresses, secret signs webhooks; both
-- are sealed if the server has a key, and emptied once the channel is removed. hint is what pages show of the target.
CREATE TABLE alert_channels (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL CHECK (name <> ''),
    kind            TEXT NOT NULL CHECK (kind IN ('slack', 'discord', 'teams', 'email', 'webhook')),
    target          TEXT NOT NULL,
    hint            TEXT NOT NULL,
    secret          TEXT NOT NULL DEFAULT '',
    previous_secret TEXT NOT NULL DEFAULT '',
    previous_until  TEXT CHECK (previous_until IS NULL OR datetime(previous_until) IS NOT NULL),
    version         INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at      TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    created_by      TEXT NOT NULL CHECK (created_by <> ''),
    removed_at      TEXT CHECK (removed_at IS NULL OR datetime(removed_at) IS NOT NULL),
    removed_by      TEXT CHECK (removed_by <> ''),
    CHECK ((removed_at IS NULL) = (removed_by IS NULL)),
    CHECK (removed_at IS NULL OR (target = '' AND secret = '' AND previous_secret = ''))
) STRICT;
CREATE UNIQUE INDEX alert_channels_live ON alert_channels (name) WHERE removed_at IS NULL;

-- What a channel hears of: one environment or (null) all, one flag or (null) all, kills and lifts or all revisions.
CREATE TABLE alert_watches (
    id          TEXT PRIMARY KEY,
    channel_id  TEXT NOT NULL REFERENCES alert_channels (id),
    environment TEXT REFERENCES environments (name),
    feature_id  TEXT REFERENCES feature_flags (id),
    events      TEXT NOT NULL CHECK (events IN ('kills', 'all')),
    created_at  TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    created_by  TEXT NOT NULL CHECK (created_by <> ''),
    removed_at  TEXT CHECK (removed_at IS NULL OR datetime(removed_at) IS NOT NULL),
    removed_by  TEXT CHECK (removed_by <> ''),
    CHECK ((removed_at IS NULL) = (removed_by IS NULL))
) STRICT;
CREATE UNIQUE INDEX alert_watches_live ON alert_watches (channel_id, coalesce(environment, ''), coalesce(feature_id, '')) WHERE removed_at IS NULL;

-- Up to which revision of an environment the watches have been looked through.
CREATE TABLE alert_cursors (
    environment TEXT PRIMARY KEY REFERENCES environments (name),
    number      INTEGER NOT NULL CHECK (number >= 0)
) STRICT;

-- What is to be sent, and what became of it. One revision makes one delivery for each watch, however many instances run.
CREATE TABLE alert_deliveries (
    id            TEXT PRIMARY KEY,
    environment   TEXT NOT NULL,
    revision      INTEGER NOT NULL,
    watch_id      TEXT NOT NULL REFERENCES alert_watches (id),
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
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, number),
    CHECK ((status = 'waiting') = (ended_at IS NULL))
) STRICT;
CREATE INDEX alert_deliveries_due ON alert_deliveries (urgent, next_at) WHERE status = 'waiting';
CREATE INDEX alert_deliveries_created ON alert_deliveries (created_at, id);
CREATE INDEX alert_deliveries_status ON alert_deliveries (status, created_at, id);
CREATE INDEX alert_deliveries_channel ON alert_deliveries (channel_id);
