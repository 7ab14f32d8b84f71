-- +goose Up

-- How many approvals a change of a protected environment takes; 0: it is published at once, and the pages say so.
ALTER TABLE environments ADD COLUMN approvals INTEGER NOT NULL DEFAULT 1 CHECK (approvals BETWEEN 0 AND 10);

-- A change that is looked at before it is applied. round counts what was to be approved: each edit begins a new one, in
-- which nobody has approved yet. required is frozen when it is sent for review.
CREATE TABLE change_requests (
    id          INTEGER PRIMARY KEY,
    environment TEXT NOT NULL REFERENCES environments (name),
    title       TEXT NOT NULL CHECK (title <> ''),
    reason      TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('publish', 'rollback', 'promote', 'import')),
    status      TEXT NOT NULL CHECK (status IN ('draft', 'review', 'approved', 'scheduled', 'applied', 'rejected', 'withdrawn')),
    round       INTEGER NOT NULL DEFAULT 1 CHECK (round > 0),
    required    INTEGER NOT NULL CHECK (required BETWEEN 0 AND 10),
    author      TEXT NOT NULL CHECK (author <> ''),
    author_id   TEXT NOT NULL DEFAULT '',
    recurrence  TEXT NOT NULL DEFAULT '',
    impact      TEXT NOT NULL DEFAULT '',
    created_at  TEXT NOT NULL CHECK (datetime(created_at) IS NOT NULL),
    updated_at  TEXT NOT NULL CHECK (datetime(updated_at) IS NOT NULL),
    ended_at    TEXT CHECK (ended_at IS NULL OR datetime(ended_at) IS NOT NULL),
    CHECK ((status IN ('applied', 'rejected', 'withdrawn')) = (ended_at IS NOT NULL))
) STRICT;
CREATE INDEX change_requests_environment ON change_requests (environment, status, id);

-- What a request does, one step after another. at is null in a request that somebody applies by hand.
CREATE TABLE change_request_steps (
    request_id  INTEGER NOT NULL REFERENCES change_requests (id),
    position    INTEGER NOT NULL CHECK (position > 0),
    at          TEXT CHECK (at IS NULL OR datetime(at) IS NOT NULL),
    opens       INTEGER CHECK (opens IN (0, 1)),
    edits       TEXT NOT NULL,
    status      TEXT NOT NULL CHECK (status IN ('waiting', 'applied', 'skipped', 'failed')),
    revision    INTEGER,
    done_at     TEXT CHECK (done_at IS NULL OR datetime(done_at) IS NOT NULL),
    note        TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, position),
    CHECK ((status = 'waiting') = (done_at IS NULL))
) STRICT;
CREATE INDEX change_request_steps_due ON change_request_steps (at) WHERE status = 'waiting' AND at IS NOT NULL;

-- What happened to a request, comments included. One person approves a round once, however many sessions they have.
CREATE TABLE change_request_events (
    id         INTEGER PRIMARY KEY,
    request_id INTEGER NOT NULL REFERENCES change_requests (id),
    round      INTEGER NOT NULL,
    kind       TEXT NOT NULL CHECK (kind <> ''),
    person     TEXT NOT NULL CHECK (person <> ''),
    person_id  TEXT NOT NULL DEFAULT '',
    text       TEXT NOT NULL DEFAULT '',
    at         TEXT NOT NULL CHECK (datetime(at) IS NOT NULL)
) STRICT;
CREATE INDEX change_request_events_request ON change_request_events (request_id, id);
CREATE UNIQUE INDEX change_request_events_once ON change_request_events (request_id, round, person_id) WHERE kind = 'approved';

-- What is known of a revision beside what it holds: by which request it came, and what it did to the people seen then.
CREATE TABLE revision_notes (
    environment TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    request_id  INTEGER REFERENCES change_requests (id),
    impact      TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (environment, revision),
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, number)
) STRICT;
CREATE INDEX revision_notes_request ON revision_notes (request_id);

-- Kills in protected environments, which nobody approved before: somebody else looks at them afterwards.
CREATE TABLE emergencies (
    environment    TEXT NOT NULL,
    revision       INTEGER NOT NULL,
    flag           TEXT NOT NULL REFERENCES feature_flags (name),
    author         TEXT NOT NULL CHECK (author <> ''),
    author_id      TEXT NOT NULL DEFAULT '',
    at             TEXT NOT NULL CHECK (datetime(at) IS NOT NULL),
    reviewed_at    TEXT CHECK (reviewed_at IS NULL OR datetime(reviewed_at) IS NOT NULL),
    reviewed_by    TEXT NOT NULL DEFAULT '',
    reviewed_by_id TEXT NOT NULL DEFAULT '',
    note           TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (environment, revision),
    FOREIGN KEY (environment, revision) REFERENCES revisions (environment, number),
    CHECK ((reviewed_at IS NULL) = (reviewed_by = ''))
) STRICT;
