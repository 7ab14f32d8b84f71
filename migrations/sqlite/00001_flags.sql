-- +goose Up

-- What is published in one environment is numbered from 1; head is the newest, digest names it, and sessions pinned
-- below floor move up on their next page.
CREATE TABLE environments (
    name      TEXT PRIMARY KEY CHECK (name <> ''),
    title     TEXT NOT NULL,
    protected INTEGER NOT NULL DEFAULT 0 CHECK (protected IN (0, 1)),
    position  INTEGER NOT NULL,
    head      INTEGER NOT NULL DEFAULT 0 CHECK (head >= 0),
    digest    BLOB NOT NULL DEFAULT x'' CHECK (length(digest) = CASE WHEN head = 0 THEN 0 ELSE 32 END),
    floor     INTEGER NOT NULL DEFAULT 0 CHECK (floor >= 0 AND floor <= head)
) STRICT;

INSERT INTO environments (name, title, protected, position) VALUES
    ('development', 'Development', 0, 1),
    ('staging', 'Staging', 0, 2),
    ('production', 'Production', 1, 3);

CREATE TABLE revisions (
    environment  TEXT NOT NULL REFERENCES environments (name),
    number       INTEGER NOT NULL CHECK (number > 0),
    digest       BLOB NOT NULL CHECK (length(digest) = 32),
    kind         TEXT NOT NULL CHECK (kind <> ''),
    author       TEXT NOT NULL CHECK (author <> ''),
    reason       TEXT NOT NULL,
    published_at TEXT NOT NULL CHECK (datetime(published_at) IS NOT NULL),
    PRIMARY KEY (environment, number)
) STRICT;
CREATE INDEX revisions_published_at ON revisions (environment, published_at);

-- The part of a flag that is the same everywhere and cannot change a value. version counts its changes.
CREATE TABLE feature_flags (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE CHECK (name GLOB '[a-z0-9]*' AND name NOT GLOB '*[^a-z0-9._-]*' AND length(name) <= 128),
    title           TEXT NOT NULL DEFAULT '',
    description     TEXT NOT NULL DEFAULT '',
    purpose         TEXT NOT NULL DEFAULT '',
    owner           TEXT NOT NULL DEFAULT '',
    category        TEXT NOT NULL DEFAULT '',
    lifecycle       TEXT NOT NULL DEFAULT '',
    planned_removal TEXT CHECK (planned_removal IS NULL OR datetime(planned_removal) IS NOT NULL),
    kind            TEXT NOT NULL CHECK (kind IN ('release', 'premium', 'experiment', 'operational', 'migration')),
    type            TEXT NOT NULL CHECK (type IN ('boolean', 'string', 'number', 'json')),
    salt            TEXT NOT NULL CHECK (salt <> ''),
    version         INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at      TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    updated_at      TEXT NOT NULL CHECK (datetime(updated_at) IS NOT NULL)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER feature_flags_keep_identity BEFORE UPDATE ON feature_flags
WHEN (OLD.id, OLD.name, OLD.kind, OLD.type, OLD.salt) IS NOT (NEW.id, NEW.name, NEW.kind, NEW.type, NEW.salt)
BEGIN
    SELECT RAISE(ABORT, 'id, name, kind, type and salt of a flag never change');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER feature_flags_keep_rows BEFORE DELETE ON feature_flags
BEGIN
    SELECT RAISE(ABORT, 'a flag is never deleted: archive it, its key is never used again');
END;
-- +goose StatementEnd

-- Versioned rows: revision n is the rows with from_revision <= n < to_revision; to_revision is null while a row is live.

CREATE TABLE feature_flag_environments (
    id                INTEGER PRIMARY KEY,
    feature_id        TEXT NOT NULL REFERENCES feature_flags (id),
    environment       TEXT NOT NULL REFERENCES environments (name),
    from_revision     INTEGER NOT NULL,
    to_revision       INTEGER CHECK (to_revision > from_revision),
    tier_required     TEXT NOT NULL DEFAULT '',
    client_visible    INTEGER NOT NULL DEFAULT 0 CHECK (client_visible IN (0, 1)),
    archived          INTEGER NOT NULL DEFAULT 0 CHECK (archived IN (0, 1)),
    enabled           INTEGER NOT NULL DEFAULT 0 CHECK (enabled IN (0, 1)),
    killed            INTEGER NOT NULL DEFAULT 0 CHECK (killed IN (0, 1)),
    variants          TEXT NOT NULL DEFAULT '[]',
    off_variant       TEXT NOT NULL DEFAULT '',
    otherwise_variant TEXT NOT NULL DEFAULT '',
    default_variant   TEXT NOT NULL DEFAULT '',
    prerequisites     TEXT NOT NULL DEFAULT '[]',
    rollout_strategy  TEXT NOT NULL DEFAULT '[]',
    FOREIGN KEY (environment, from_revision) REFERENCES revisions (environment, number),
    FOREIGN KEY (environment, to_revision) REFERENCES revisions (environment, number)
) STRICT;
CREATE UNIQUE INDEX feature_flag_environments_live ON feature_flag_environments (environment, feature_id) WHERE to_revision IS NULL;
CREATE UNIQUE INDEX feature_flag_environments_version ON feature_flag_environments (feature_id, environment, from_revision);
CREATE INDEX feature_flag_environments_until ON feature_flag_environments (environment, to_revision);

CREATE TABLE feature_flag_overrides (
    id              TEXT PRIMARY KEY,
    feature_id      TEXT NOT NULL REFERENCES feature_flags (id),
    environment     TEXT NOT NULL REFERENCES environments (name),
    user_id         TEXT CHECK (length(CAST(user_id AS BLOB)) BETWEEN 1 AND 256),
    org_id          TEXT CHECK (length(CAST(org_id AS BLOB)) BETWEEN 1 AND 256),
    is_enabled      INTEGER CHECK (is_enabled IN (0, 1)),
    variant         TEXT CHECK (variant <> ''),
    override_reason TEXT NOT NULL DEFAULT '',
    expires_at      TEXT CHECK (expires_at IS NULL OR datetime(expires_at) IS NOT NULL),
    created_by      TEXT NOT NULL CHECK (created_by <> ''),
    created_at      TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    from_revision   INTEGER NOT NULL,
    to_revision     INTEGER CHECK (to_revision > from_revision),
    CONSTRAINT exactly_one_subject CHECK ((user_id IS NULL) <> (org_id IS NULL)),
    CONSTRAINT exactly_one_value CHECK ((is_enabled IS NULL) <> (variant IS NULL)),
    FOREIGN KEY (environment, from_revision) REFERENCES revisions (environment, number),
    FOREIGN KEY (environment, to_revision) REFERENCES revisions (environment, number)
) STRICT;
CREATE UNIQUE INDEX feature_flag_overrides_live_user ON feature_flag_overrides (environment, feature_id, user_id)
    WHERE to_revision IS NULL AND user_id IS NOT NULL;
CREATE UNIQUE INDEX feature_flag_overrides_live_org ON feature_flag_overrides (environment, feature_id, org_id)
    WHERE to_revision IS NULL AND org_id IS NOT NULL;
CREATE INDEX feature_flag_overrides_until ON feature_flag_overrides (environment, to_revision);

CREATE TABLE segments (
    id            INTEGER PRIMARY KEY,
    environment   TEXT NOT NULL REFERENCES environments (name),
    key           TEXT NOT NULL CHECK (key GLOB '[a-z0-9]*' AND key NOT GLOB '*[^a-z0-9._-]*' AND length(key) <= 128),
    title         TEXT NOT NULL DEFAULT '',
    condition     TEXT NOT NULL,
    from_revision INTEGER NOT NULL,
    to_revision   INTEGER CHECK (to_revision > from_revision),
    FOREIGN KEY (environment, from_revision) REFERENCES revisions (environment, number),
    FOREIGN KEY (environment, to_revision) REFERENCES revisions (environment, number)
) STRICT;
CREATE UNIQUE INDEX segments_live ON segments (environment, key) WHERE to_revision IS NULL;
CREATE INDEX segments_until ON segments (environment, to_revision);

CREATE TABLE plans (
    id            INTEGER PRIMARY KEY,
    environment   TEXT NOT NULL REFERENCES environments (name),
    key           TEXT NOT NULL CHECK (key GLOB '[a-z0-9]*' AND key NOT GLOB '*[^a-z0-9._-]*' AND length(key) <= 128),
    title         TEXT NOT NULL DEFAULT '',
    rank          INTEGER NOT NULL,
    from_revision INTEGER NOT NULL,
    to_revision   INTEGER CHECK (to_revision > from_revision),
    FOREIGN KEY (environment, from_revision) REFERENCES revisions (environment, number),
    FOREIGN KEY (environment, to_revision) REFERENCES revisions (environment, number)
) STRICT;
CREATE UNIQUE INDEX plans_live ON plans (environment, key) WHERE to_revision IS NULL;
CREATE INDEX plans_until ON plans (environment, to_revision);

-- Belongs to one version of a plan: a plan that changes comes with all its features anew.
CREATE TABLE plan_features (
    plan_id  INTEGER NOT NULL REFERENCES plans (id),
    position INTEGER NOT NULL,
    feature  TEXT NOT NULL,
    PRIMARY KEY (plan_id, position)
) STRICT;

-- The subject's data: what a tenant bought. No revisions: they are read anew on each request.

CREATE TABLE tenant_plans (
    id         INTEGER PRIMARY KEY,
    org_id     TEXT NOT NULL CHECK (length(CAST(org_id AS BLOB)) BETWEEN 1 AND 256),
    plan       TEXT NOT NULL,
    changed_at TEXT NOT NULL CHECK (datetime(changed_at) IS NOT NULL),
    changed_by TEXT NOT NULL CHECK (changed_by <> '')
) STRICT;
CREATE INDEX tenant_plans_org ON tenant_plans (org_id, id);

CREATE TABLE tenant_addons (
    id         TEXT PRIMARY KEY,
    org_id     TEXT NOT NULL CHECK (length(CAST(org_id AS BLOB)) BETWEEN 1 AND 256),
    feature    TEXT NOT NULL REFERENCES feature_flags (name),
    created_at TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    created_by TEXT NOT NULL CHECK (created_by <> ''),
    ended_at   TEXT CHECK (ended_at >= created_at) CHECK (ended_at IS NULL OR datetime(ended_at) IS NOT NULL),
    ended_by   TEXT CHECK (ended_by <> ''),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
) STRICT;
CREATE UNIQUE INDEX tenant_addons_live ON tenant_addons (org_id, feature) WHERE ended_at IS NULL;

CREATE TABLE feature_flag_reads (
    feature_id   TEXT NOT NULL REFERENCES feature_flags (id),
    environment  TEXT NOT NULL REFERENCES environments (name),
    day          TEXT NOT NULL CHECK (day IS date(day)),
    last_read_at TEXT NOT NULL CHECK (datetime(last_read_at) IS NOT NULL),
    PRIMARY KEY (feature_id, environment, day)
) STRICT;
