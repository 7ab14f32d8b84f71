-- +goose Up

-- Who was seen: people who were signed in, and tenants. A row keeps what was seen last. Each batch of an environment
-- takes the environment's next number, so that readers ask only for what changed since they last looked.
CREATE TABLE directory_changes (
    environment text   PRIMARY KEY REFERENCES environments (name),
    number      bigint NOT NULL DEFAULT 0 CHECK (number >= 0)
);

CREATE TABLE directory_subjects (
    environment text        NOT NULL REFERENCES environments (name),
    kind        text        NOT NULL CHECK (kind IN ('user', 'tenant')),
    id          text        NOT NULL CHECK (octet_length(id) BETWEEN 1 AND 256),
    tenant      text        NOT NULL DEFAULT '' CHECK (octet_length(tenant) <= 256),
    plan        text        NOT NULL DEFAULT '' CHECK (octet_length(plan) <= 256),
    addons      text        NOT NULL DEFAULT '[]',
    attributes  text        NOT NULL DEFAULT '{}',
    first_seen  timestamptz NOT NULL,
    last_seen   timestamptz NOT NULL,
    changed     bigint      NOT NULL,
    PRIMARY KEY (environment, kind, id)
);
CREATE INDEX directory_subjects_changed ON directory_subjects (environment, changed);

-- Visitors are counted, not remembered: how many ids were newly given to browsers on a day (UTC).
CREATE TABLE directory_visitors (
    environment text   NOT NULL REFERENCES environments (name),
    day         date   NOT NULL,
    minted      bigint NOT NULL CHECK (minted >= 0),
    PRIMARY KEY (environment, day)
);
