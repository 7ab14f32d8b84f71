-- +goose Up

-- Where the pages stand alone: who may sign in. An account without a password signs in elsewhere, or not yet.
CREATE TABLE accounts (
    id              text PRIMARY KEY CHECK (id <> ''),
    email           text NOT NULL CHECK (email <> ''),
    email_key       text NOT NULL UNIQUE CHECK (email_key <> ''),
    name            text NOT NULL DEFAULT '',
    password        text NOT NULL DEFAULT '' CHECK (password = '' OR password LIKE '$argon2id$%'),
    disabled        boolean NOT NULL DEFAULT false,
    version         bigint NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at      timestamptz NOT NULL,
    created_by      text NOT NULL CHECK (created_by <> ''),
    last_sign_in_at timestamptz
);

-- environment is * for all of them, those to come included.
CREATE TABLE account_roles (
    account_id  text NOT NULL REFERENCES accounts (id),
    environment text NOT NULL CHECK (environment <> ''),
    role        text NOT NULL CHECK (role IN ('viewer', 'editor', 'approver', 'admin')),
    PRIMARY KEY (account_id, environment)
);

CREATE TABLE account_identities (
    issuer     text NOT NULL CHECK (issuer <> ''),
    subject    text NOT NULL CHECK (subject <> ''),
    account_id text NOT NULL REFERENCES accounts (id),
    linked_at  timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX account_identities_account ON account_identities (account_id);

-- Of what a browser holds, only the SHA-256 is stored; handle names a session on pages and opens nothing.
CREATE TABLE account_sessions (
    secret     bytea PRIMARY KEY CHECK (octet_length(secret) = 32),
    handle     text NOT NULL UNIQUE CHECK (handle <> ''),
    account_id text NOT NULL REFERENCES accounts (id),
    client     text NOT NULL DEFAULT '',
    address    text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL
);
CREATE INDEX account_sessions_account ON account_sessions (account_id);

-- Browsers in which somebody has signed in before: strangers who guess at the account do not slow them down.
CREATE TABLE account_devices (
    secret     bytea PRIMARY KEY CHECK (octet_length(secret) = 32),
    account_id text NOT NULL REFERENCES accounts (id),
    created_at timestamptz NOT NULL
);
CREATE INDEX account_devices_account ON account_devices (account_id);

CREATE TABLE one_time_links (
    secret     bytea PRIMARY KEY CHECK (octet_length(secret) = 32),
    kind       text NOT NULL CHECK (kind IN ('first', 'join', 'reset')),
    account_id text REFERENCES accounts (id),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (created_by <> ''),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CHECK ((kind = 'first') = (account_id IS NULL))
);
CREATE INDEX one_time_links_account ON one_time_links (account_id);

-- Attempts to sign in that did not succeed, by a digest of whose they are. All instances count together.
CREATE TABLE sign_in_attempts (
    lane          bytea PRIMARY KEY CHECK (octet_length(lane) = 32),
    failures      bigint NOT NULL CHECK (failures >= 0),
    last_at       timestamptz NOT NULL,
    blocked_until timestamptz NOT NULL
);
CREATE INDEX sign_in_attempts_last ON sign_in_attempts (last_at);

-- account_id is null where a host says who is asking: the token then keeps the role that its creator had.
CREATE TABLE api_tokens (
    id            text PRIMARY KEY CHECK (id <> ''),
    secret        bytea NOT NULL UNIQUE CHECK (octet_length(secret) = 32),
    prefix        text NOT NULL CHECK (prefix <> ''),
    name          text NOT NULL CHECK (name <> ''),
    account_id    text REFERENCES accounts (id),
    creator_id    text NOT NULL CHECK (creator_id <> ''),
    creator_email text NOT NULL DEFAULT '',
    role          text NOT NULL CHECK (role IN ('viewer', 'editor', 'approver', 'admin')),
    environment   text NOT NULL CHECK (environment <> ''),
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz NOT NULL,
    last_used_at  timestamptz,
    revoked_at    timestamptz,
    revoked_by    text NOT NULL DEFAULT '',
    CHECK ((revoked_at IS NULL) = (revoked_by = ''))
);
CREATE INDEX api_tokens_creator ON api_tokens (creator_id);
