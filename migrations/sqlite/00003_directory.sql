-- +goose Up

-- Who was seen: people who were signed in, and tenants. A row keeps what was seen last. Each batch of an environment
-- takes the environment's next number, so that readers ask only for what changed since they last looked.
CREATE TABLE directory_changes (
    environment TEXT PRIMARY KEY REFERENCES environments (name),
    number      INTEGER NOT NULL DEFAULT 0 CHECK (number >= 0)
) STRICT;

CREATE TABLE directory_subjects (
    environment TEXT NOT NULL REFERENCES environments (name),
    kind        TEXT NOT NULL CHECK (kind IN ('user', 'tenant')),
    id          TEXT NOT NULL CHECK (length(CAST(id AS BLOB)) BETWEEN 1 AND 256),
    tenant      TEXT NOT NULL DEFAULT '' CHECK (length(CAST(tenant AS BLOB)) <= 256),
    plan        TEXT NOT NULL DEFAULT '' CHECK (length(CAST(plan AS BLOB)) <= 256),
    addons      TEXT NOT NULL DEFAULT '[]',
    attributes  TEXT NOT NULL DEFAULT '{}',
    first_seen  TEXT NOT NULL CHECK (datetime(first_seen) IS NOT NULL),
    last_seen   TEXT NOT NULL CHECK (datetime(last_seen) IS NOT NULL),
    changed     INTEGER NOT NULL,
    PRIMARY KEY (environment, kind, id)
) STRICT;
CREATE INDEX directory_subjects_changed ON directory_subjects (environment, changed);

-- Visitors are counted, not remembered: how many ids were newly given to browsers on a day (UTC).
CREATE TABLE directory_visitors (
    environment TEXT NOT NULL REFERENCES environments (name),
    day         TEXT NOT NULL CHECK (date(day) IS NOT NULL),
    minted      INTEGER NOT NULL CHECK (minted >= 0),
    PRIMARY KEY (environment, day)
) STRICT;
