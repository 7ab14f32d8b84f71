-- +goose Up

-- How far a flag has come is one of two states from now on. What was written there in other words stands in its purpose,
-- so that nothing that somebody wrote is lost.
UPDATE feature_flags SET purpose = trim(both chr(10) from purpose || chr(10) || 'Lifecycle, as it was written before: ' || trim(lifecycle)), version = version + 1
    WHERE lower(trim(lifecycle)) NOT IN ('', 'active', 'deprecated');
UPDATE feature_flags SET lifecycle = CASE
    WHEN lower(trim(lifecycle)) IN ('deprecated', 'to be removed', 'retiring', 'retired', 'sunset', 'obsolete', 'legacy') THEN 'deprecated'
    ELSE 'active' END;
ALTER TABLE feature_flags ALTER COLUMN lifecycle SET DEFAULT 'active';
ALTER TABLE feature_flags ADD CONSTRAINT lifecycle_state CHECK (lifecycle IN ('active', 'deprecated'));

-- Who looked last whether the flag is still needed, and until when it is to stay.
ALTER TABLE feature_flags ADD COLUMN reviewed_at timestamptz;
ALTER TABLE feature_flags ADD COLUMN reviewed_by text NOT NULL DEFAULT '' CHECK ((reviewed_at IS NULL) = (reviewed_by = ''));
ALTER TABLE feature_flags ADD COLUMN keep_until timestamptz CHECK ((reviewed_at IS NULL) = (keep_until IS NULL));

-- Where the code uses flags: the last upload of each branch of each repository takes the place of the one before.
CREATE TABLE code_uploads (
    id          uuid        PRIMARY KEY,
    repository  text        NOT NULL CHECK (octet_length(repository) BETWEEN 1 AND 200),
    branch      text        NOT NULL CHECK (octet_length(branch) BETWEEN 1 AND 200),
    commit_id   text        NOT NULL CHECK (length(commit_id) BETWEEN 7 AND 64),
    link        text        NOT NULL DEFAULT '' CHECK (link = '' OR link LIKE 'https://%'),
    uses        bigint      NOT NULL CHECK (uses >= 0),
    dynamic     bigint      NOT NULL CHECK (dynamic >= 0),
    uploaded_at timestamptz NOT NULL,
    uploaded_by text        NOT NULL CHECK (uploaded_by <> ''),
    UNIQUE (repository, branch)
);

CREATE TABLE code_references (
    upload_id uuid   NOT NULL REFERENCES code_uploads (id),
    key       text   NOT NULL CHECK (length(key) BETWEEN 1 AND 128),
    path      text   NOT NULL CHECK (octet_length(path) BETWEEN 1 AND 1024),
    line      bigint NOT NULL CHECK (line > 0),
    language  text   NOT NULL,
    PRIMARY KEY (upload_id, key, path, line)
);
CREATE INDEX code_references_key ON code_references (key);

-- When a flag was last found in the code of a branch; it stays after the last use is gone.
CREATE TABLE code_keys (
    repository text        NOT NULL,
    branch     text        NOT NULL,
    key        text        NOT NULL,
    found_at   timestamptz NOT NULL,
    PRIMARY KEY (repository, branch, key)
);
CREATE INDEX code_keys_key ON code_keys (key);

-- A channel may hear of flags that want a review, beside what else it hears of.
ALTER TABLE alert_watches DROP CONSTRAINT alert_watches_events_check;
ALTER TABLE alert_watches ADD CONSTRAINT alert_watches_events_check CHECK (events IN ('kills', 'all', 'reviews'));
DROP INDEX alert_watches_live;
CREATE UNIQUE INDEX alert_watches_live ON alert_watches (channel_id, coalesce(environment, ''), coalesce(feature_id::text, ''), (events = 'reviews')) WHERE removed_at IS NULL;

-- The weeks whose owners were told: whoever adds the row makes the letters, in the same transaction.
CREATE TABLE review_weeks (
    week    text        PRIMARY KEY CHECK (week <> ''),
    made_at timestamptz NOT NULL
);

-- What owners are told once a week: by e-mail (address), or through a channel.
CREATE TABLE review_letters (
    id            uuid        PRIMARY KEY,
    week          text        NOT NULL REFERENCES review_weeks (week),
    owner         text        NOT NULL,
    address       text        NOT NULL DEFAULT '',
    channel_id    uuid        REFERENCES alert_channels (id),
    flags         text        NOT NULL,
    status        text        NOT NULL CHECK (status IN ('waiting', 'sent', 'failed')),
    attempts      bigint      NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at       timestamptz NOT NULL,
    claimed_until timestamptz,
    answer        text        NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    CHECK ((address = '') = (channel_id IS NOT NULL))
);
CREATE UNIQUE INDEX review_letters_once ON review_letters (week, owner, address, coalesce(channel_id::text, ''));
CREATE INDEX review_letters_due ON review_letters (next_at) WHERE status = 'waiting';
