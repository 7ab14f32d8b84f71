-- +goose Up

-- Where people hear of changes. target is a webhook's address or a list of e-mail addresses, secret signs webhooks; both
-- are sealed if the server has a key, and emptied once the channel is removed. hint is what pages show of the target.
CREATE TABLE alert_channels (
    id              uuid        PRIMARY KEY,
    name            text        NOT NULL CHECK (name <> ''),
    kind            text        NOT NULL CHECK (kind IN ('slack', 'discord', 'teams', 'email', 'webhook')),
    target          text        NOT NULL,
    hint            text        NOT NULL,
    secret          text        NOT NULL DEFAULT '',
    previous_secret text        NOT NULL DEFAULT '',
    previous_until  timestamptz,
    version         bigint      NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at      timestamptz NOT NULL,
    created_by      text        NOT NULL CHECK (created_by <> ''),
    removed_at      timestamptz,
    removed_by      text        CHECK (removed_by <> ''),
    CHECK ((removed_at IS NULL) = (removed_by IS NULL)),
    CHECK (removed_at IS NULL OR (target = '' AND secret = '' AND previous_secret = ''))
);
CREATE UNIQUE INDEX alert_channels_live ON alert_channels (name) WHERE removed_at IS NULL;

-- What a channel hears of: one environment or (null) all, one flag or (null) all, kills and lifts or all revisions.
CREATE TABLE alert_watches (
    id          uuid        PRIMARY KEY,
    channel_id  uuid        NOT NULL REFERENCES alert_channels (id),
    environment text        REFERENCES environments (name),
    feature_id  uuid        REFERENCES feature_flags (id),
    events      text        NOT NULL CHECK (events IN ('kills', 'all')),
    created_at  timestamptz NOT NULL,
    created_by  text        NOT NULL CHECK (created_by <> ''),
    removed_at  timestamptz,
    removed_by  text        CHECK (removed_by <> ''),
    CHECK ((removed_at IS NULL) = (removed_by IS NULL))
);
CREATE UNIQUE INDEX alert_watches_live ON alert_watches (channel_id, coalesce(environment, ''), coalesce(feature_id::text, '')) WHERE removed_at IS NULL;

-- Up to which revision of an environment the watches have been looked through.
CREATE TABLE alert_cursors (
    environment text   PRIMARY KEY REFERENCES environments (name),
    number      bigint NOT NULL CHECK (number >= 0)
);

-- What is to be sent, and what became of it. One revision makes one delivery for each watch, however many instances run.
CREATE TABLE alert_deliveries (
    id            uuid        PRIMARY KEY,
    environment   text        NOT NULL,
    revision      bigint      NOT NULL,
    watch_id      uuid        NOT NULL REFERENCES alert_watches (id),
    channel_id    uuid        NOT NULL REFERENCES alert_channels (id),
    urgent        boolean     NOT NULL,
    status        text        NOT NULL CHECK (status IN ('waiting', 'sent', 'failed')),
    attempts      bigint      NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at       timestamptz NOT NULL,
    claimed_until timestamptz,
    answer        text        NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    UNIQUE (environment, revision, watch_id),
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, number),
    CHECK ((status = 'waiting') = (ended_at IS NULL))
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (urgent, next_at) WHERE status = 'waiting';
CREATE INDEX alert_deliveries_created ON alert_deliveries (created_at, id);
CREATE INDEX alert_deliveries_status ON alert_deliveries (status, created_at, id);
CREATE INDEX alert_deliveries_channel ON alert_deliveries (channel_id);
