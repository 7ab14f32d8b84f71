-- +goose Up

-- How far a flag has come is one of two states from now on. What was written there in other words stands in its purpose,
-- so that nothing that somebody wrote is lost. A column takes the other's place, since SQLite adds no check to one.
UPDATE feature_flags SET purpose = trim(purpose || char(10) || 'Lifecycle, as it was written before: ' || trim(lifecycle), char(10)), version = version + 1
    WHERE lower(trim(lifecycle)) NOT IN ('', 'active', 'deprecated');
ALTER TABLE feature_flags ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'deprecated'));
UPDATE feature_flags SET state = 'deprecated'
    WHERE lower(trim(lifecycle)) IN ('deprecated', 'to be removed', 'retiring', 'retired', 'sunset', 'obsolete', 'legacy');
ALTER TABLE feature_flags DROP COLUMN lifecycle;
ALTER TABLE feature_flags RENAME COLUMN state TO lifecycle;

-- Who looked last whether the flag is still needed, and until when it is to stay.
ALTER TABLE feature_flags ADD COLUMN reviewed_at TEXT CHECK (reviewed_at IS NULL OR datetime(reviewed_at) IS NOT NULL);
ALTER TABLE feature_flags ADD COLUMN reviewed_by TEXT NOT NULL DEFAULT '' CHECK ((reviewed_at IS NULL) = (reviewed_by = ''));
ALTER TABLE feature_flags ADD COLUMN keep_until TEXT CHECK (keep_until IS NULL OR datetime(keep_until) IS NOT NULL) CHECK ((reviewed_at IS NULL) = (keep_until IS NULL));

-- Where the code uses flags: the last upload of each branch of each repository takes the place of the one before.
CREATE TABLE code_uploads (
    id          TEXT PRIMARY KEY,
    repository  TEXT NOT NULL CHECK (length(CAST(repository AS BLOB)) BETWEEN 1 AND 200),
    branch      TEXT NOT NULL CHECK (length(CAST(branch AS BLOB)) BETWEEN 1 AND 200),
    commit_id   TEXT NOT NULL CHECK (length(commit_id) BETWEEN 7 AND 64),
    link        TEXT NOT NULL DEFAULT '' CHECK (link = '' OR link LIKE 'https://%'),
    uses        INTEGER NOT NULL CHECK (uses >= 0),
    dynamic     INTEGER NOT NULL CHECK (dynamic >= 0),
    uploaded_at TEXT NOT NULL CHECK (datetime(uploaded_at) IS NOT NULL),
    uploaded_by TEXT NOT NULL CHECK (uploaded_by <> ''),
    UNIQUE (repository, branch)
) STRICT;

CREATE TABLE code_references (
    upload_id TEXT NOT NULL REFERENCES code_uploads (id),
    key       TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 128),
    path      TEXT NOT NULL CHECK (length(CAST(path AS BLOB)) BETWEEN 1 AND 1024),
    line      INTEGER NOT NULL CHECK (line > 0),
    language  TEXT NOT NULL,
    PRIMARY KEY (upload_id, key, path, line)
) STRICT;
CREATE INDEX code_references_key ON code_references (key);

-- When a flag was last found in the code of a branch; it stays after the last use is gone.
CREATE TABLE code_keys (
    repository TEXT NOT NULL,
    branch     TEXT NOT NULL,
    key        TEXT NOT NULL,
    found_at   TEXT NOT NULL CHECK (datetime(found_at) IS NOT NULL),
    PRIMARY KEY (repository, branch, key)
) STRICT;
CREATE INDEX code_keys_key ON code_keys (key);

-- A channel may hear of flags that want a review, beside what else it hears of. Checks of SQLite's columns come with the
-- column, so one takes the other's place here too.
DROP INDEX alert_watches_live;
ALTER TABLE alert_watches ADD COLUMN hears TEXT NOT NULL DEFAULT 'kills' CHECK (hears IN ('kills', 'all', 'reviews'));
UPDATE alert_watches SET hears = events;
ALTER TABLE alert_watches DROP COLUMN events;
ALTER TABLE alert_watches RENAME COLUMN hears TO events;
CREATE UNIQUE INDEX alert_watches_live ON alert_watches (channel_id, coalesce(environment, ''), coalesce(feature_id, ''), (events = 'reviews')) WHERE removed_at IS NULL;

-- The weeks whose owners were told: whoever adds the row makes the letters, in the same transaction.
CREATE TABLE review_weeks (
    week    TEXT PRIMARY KEY CHECK (week <> ''),
    made_at TEXT NOT NULL CHECK (datetime(made_at) IS NOT NULL)
) STRICT;

-- What owners are told once a week: by e-mail (address), or through a channel.
CREATE TABLE review_letters (
    id            TEXT PRIMARY KEY,
    week          TEXT NOT NULL REFERENCES review_weeks (week),
    owner         TEXT NOT NULL,
    address       TEXT NOT NULL DEFAULT '',
    channel_id    TEXT REFERENCES alert_channels (id),
    flags         TEXT NOT NULL,
    status        TEXT NOT NULL CHECK (status IN ('waiting', 'sent', 'failed')),
    attempts      INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_at       TEXT NOT NULL CHECK (datetime(next_at) IS NOT NULL),
    claimed_until TEXT CHECK (claimed_until IS NULL OR datetime(claimed_until) IS NOT NULL),
    answer        TEXT NOT NULL DEFAULT '',
    created_at    TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    CHECK ((address = '') = (channel_id IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX review_letters_once ON review_letters (week, owner, address, coalesce(channel_id, ''));
CREATE INDEX review_letters_due ON review_letters (next_at) WHERE status = 'waiting';
