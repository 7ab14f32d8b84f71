-- +goose Up

-- Where the pages stand alone: who may sign in. An account without a password signs in elsewhere, or not yet.
CREATE TABLE accounts (
    id              TEXT PRIMARY KEY CHECK (id <> ''),
    email           TEXT NOT NULL CHECK (email <> ''),
    email_key       TEXT NOT NULL UNIQUE CHECK (email_key <> ''),
    name            TEXT NOT NULL DEFAULT '',
    password        TEXT NOT NULL DEFAULT '' CHECK (password = '' OR password LIKE '$argon2id$%'),
    disabled        INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    version         INTEGER NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at      TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    created_by      TEXT NOT NULL CHECK (created_by <> ''),
    last_sign_in_at TEXT CHECK (last_sign_in_at IS NULL OR datetime(last_sign_in_at) IS NOT NULL)
) STRICT;

-- environment is * for all of them, those to come included.
CREATE TABLE account_roles (
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    environment TEXT NOT NULL CHECK (environment <> ''),
    role        TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'approver', 'admin')),
    PRIMARY KEY (account_id, environment)
) STRICT;

CREATE TABLE account_identities (
    issuer     TEXT NOT NULL CHECK (issuer <> ''),
    subject    TEXT NOT NULL CHECK (subject <> ''),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    linked_at  TEXT NOT NULL CHECK (datetime(linked_at) IS NOT NULL),
    PRIMARY KEY (issuer, subject)
) STRICT;
CREATE INDEX account_identities_account ON account_identities (account_id);

-- Of what a browser holds, only the SHA-256 is stored; handle names a session on pages and opens nothing.
CREATE TABLE account_sessions (
    secret     BLOB PRIMARY KEY CHECK (length(secret) = 32),
    handle     TEXT NOT NULL UNIQUE CHECK (handle <> ''),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    client     TEXT NOT NULL DEFAULT '',
    address    TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    seen_at    TEXT NOT NULL CHECK (datetime(seen_at) IS NOT NULL)
) STRICT;
CREATE INDEX account_sessions_account ON account_sessions (account_id);

-- Browsers in which somebody has signed in before: strangers who guess at the account do not slow them down.
CREATE TABLE account_devices (
    secret     BLOB PRIMARY KEY CHECK (length(secret) = 32),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    created_at TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL)
) STRICT;
CREATE INDEX account_devices_account ON account_devices (account_id);

CREATE TABLE one_time_links (
    secret     BLOB PRIMARY KEY CHECK (length(secret) = 32),
    kind       TEXT NOT NULL CHECK (kind IN ('first', 'join', 'reset')),
    account_id TEXT REFERENCES accounts (id),
    created_at TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    created_by TEXT NOT NULL CHECK (created_by <> ''),
    expires_at TEXT NOT NULL CHECK (datetime(expires_at) IS NOT NULL),
    used_at    TEXT CHECK (used_at IS NULL OR datetime(used_at) IS NOT NULL),
    CHECK ((kind = 'first') = (account_id IS NULL))
) STRICT;
CREATE INDEX one_time_links_account ON one_time_links (account_id);

-- Attempts to sign in that did not succeed, by a digest of whose they are. All instances count together.
CREATE TABLE sign_in_attempts (
    lane          BLOB PRIMARY KEY CHECK (length(lane) = 32),
    failures      INTEGER NOT NULL CHECK (failures >= 0),
    last_at       TEXT NOT NULL CHECK (datetime(last_at) IS NOT NULL),
    blocked_until TEXT NOT NULL CHECK (datetime(blocked_until) IS NOT NULL)
) STRICT;
CREATE INDEX sign_in_attempts_last ON sign_in_attempts (last_at);

-- account_id is null where a host says who is asking: the token then keeps the role that its creator had.
CREATE TABLE api_tokens (
    id            TEXT PRIMARY KEY CHECK (id <> ''),
    secret        BLOB NOT NULL UNIQUE CHECK (length(secret) = 32),
    prefix        TEXT NOT NULL CHECK (prefix <> ''),
    name          TEXT NOT NULL CHECK (name <> ''),
    account_id    TEXT REFERENCES accounts (id),
    creator_id    TEXT NOT NULL CHECK (creator_id <> ''),
    creator_email TEXT NOT NULL DEFAULT '',
    role          TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'approver', 'admin')),
    environment   TEXT NOT NULL CHECK (environment <> ''),
    created_at    TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    expires_at    TEXT NOT NULL CHECK (datetime(expires_at) IS NOT NULL),
    last_used_at  TEXT CHECK (last_used_at IS NULL OR datetime(last_used_at) IS NOT NULL),
    revoked_at    TEXT CHECK (revoked_at IS NULL OR datetime(revoked_at) IS NOT NULL),
    revoked_by    TEXT NOT NULL DEFAULT '',
    CHECK ((revoked_at IS NULL) = (revoked_by = ''))
) STRICT;
CREATE INDEX api_tokens_creator ON api_tokens (creator_id);
