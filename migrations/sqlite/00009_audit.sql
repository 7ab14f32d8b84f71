-- +goose Up

-- Who did what, when, why and from where: two chains, of which each entry's mac covers all of its columns and the mac
-- before it. What is personal is not here: personal holds a salted commitment to each such value.
CREATE TABLE audit_entries (
    chain       TEXT NOT NULL CHECK (chain IN ('configuration', 'access')),
    number      INTEGER NOT NULL CHECK (number > 0),
    at          TEXT NOT NULL CHECK (datetime(at) IS NOT NULL),
    action      TEXT NOT NULL CHECK (action <> ''),
    source      TEXT NOT NULL,
    token       TEXT NOT NULL,
    environment TEXT NOT NULL,
    revision    INTEGER NOT NULL CHECK (revision >= 0),
    digest      BLOB NOT NULL,
    request     TEXT NOT NULL,
    topics      TEXT NOT NULL,
    lines       TEXT NOT NULL,
    items       TEXT NOT NULL,
    personal    TEXT NOT NULL,
    key_id      TEXT NOT NULL,
    previous    BLOB NOT NULL CHECK (length(previous) = CASE WHEN number = 1 THEN 0 ELSE 32 END),
    mac         BLOB NOT NULL CHECK (length(mac) = 32),
    PRIMARY KEY (chain, number)
) STRICT;
CREATE INDEX audit_entries_at ON audit_entries (chain, at, number);
CREATE INDEX audit_entries_action ON audit_entries (chain, action, number);
CREATE INDEX audit_entries_environment ON audit_entries (chain, environment, number);

-- The personal values of entries, each with the salt of its commitment. Only these are ever deleted, by forget.
CREATE TABLE audit_personal (
    chain  TEXT NOT NULL,
    number INTEGER NOT NULL,
    field  TEXT NOT NULL CHECK (field <> ''),
    kind   TEXT NOT NULL CHECK (kind IN ('actor', 'subject', 'text')),
    value  TEXT NOT NULL,
    salt   BLOB NOT NULL CHECK (length(salt) = 16),
    PRIMARY KEY (chain, number, field),
    FOREIGN KEY (chain, number) REFERENCES audit_entries (chain, number)
) STRICT;
CREATE INDEX audit_personal_value ON audit_personal (kind, value, chain, number) WHERE kind <> 'text';

-- What entries are about, to be found by: flags and tenants. It repeats what the entry's topics say.
CREATE TABLE audit_topics (
    topic  TEXT NOT NULL CHECK (topic <> ''),
    chain  TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (topic, chain, number),
    FOREIGN KEY (chain, number) REFERENCES audit_entries (chain, number)
) STRICT;
CREATE INDEX audit_topics_entry ON audit_topics (chain, number);

-- The newest entry of each chain. Who appends locks its row.
CREATE TABLE audit_heads (
    chain  TEXT PRIMARY KEY NOT NULL,
    number INTEGER NOT NULL DEFAULT 0 CHECK (number >= 0),
    mac    BLOB NOT NULL DEFAULT x'' CHECK (length(mac) = CASE WHEN number = 0 THEN 0 ELSE 32 END),
    at     TEXT CHECK (at IS NULL OR datetime(at) IS NOT NULL),
    key_id TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO audit_heads (chain) VALUES ('configuration'), ('access');

-- The days on which the heads were sent elsewhere, so that of all instances one does it.
CREATE TABLE audit_head_days (
    day        TEXT PRIMARY KEY NOT NULL CHECK (day <> ''),
    claimed_at TEXT NOT NULL CHECK (datetime(claimed_at) IS NOT NULL),
    attempts   INTEGER NOT NULL CHECK (attempts > 0),
    sent_at    TEXT CHECK (sent_at IS NULL OR datetime(sent_at) IS NOT NULL)
) STRICT;

-- When somebody was forgotten. Instances that keep something in memory let go of it when there is another row.
CREATE TABLE audit_forgets (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL CHECK (datetime(at) IS NOT NULL)
) STRICT;

-- Who may write the file may drop these too: they stop mistakes, and the chain finds the rest.
-- +goose StatementBegin
CREATE TRIGGER audit_entries_keep BEFORE UPDATE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_entries_once BEFORE INSERT ON audit_entries
WHEN EXISTS (SELECT 1 FROM audit_entries WHERE chain = NEW.chain AND number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_topics_keep BEFORE UPDATE ON audit_topics
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_topics_stay BEFORE DELETE ON audit_topics
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_personal_keep BEFORE UPDATE ON audit_personal
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_personal_once BEFORE INSERT ON audit_personal
WHEN EXISTS (SELECT 1 FROM audit_personal WHERE chain = NEW.chain AND number = NEW.number AND field = NEW.field)
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_heads_move_on BEFORE UPDATE ON audit_heads
WHEN NEW.chain <> OLD.chain OR NEW.number <= OLD.number
BEGIN
    SELECT RAISE(ABORT, 'the head of an audit chain only moves on');
END;
-- +goose StatementEnd
