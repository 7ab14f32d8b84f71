-- +goose Up

-- Who got what: what was shown to whom, who was let through a gate and who was not, what was offered and bought, and what
-- the host measures. The id of what counts once a day is made of what it says, so that it is stored once whoever tells it;
-- day is that of at (UTC).
CREATE TABLE feature_flag_events (
    day         date        NOT NULL,
    id          uuid        NOT NULL,
    at          timestamptz NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('exposure', 'check', 'granted', 'denied', 'prompt', 'upgrade', 'plan', 'metric')),
    environment text        NOT NULL CHECK (environment <> ''),
    flag        text        NOT NULL DEFAULT '',
    variant     text        NOT NULL DEFAULT '',
    revision    bigint      NOT NULL DEFAULT 0 CHECK (revision >= 0),
    reason      text        NOT NULL DEFAULT '',
    place       text        NOT NULL DEFAULT '' CHECK (octet_length(place) <= 256),
    user_id     text        NOT NULL DEFAULT '' CHECK (octet_length(user_id) <= 256),
    visitor_id  text        NOT NULL DEFAULT '' CHECK (octet_length(visitor_id) <= 256),
    tenant      text        NOT NULL DEFAULT '' CHECK (octet_length(tenant) <= 256),
    plan        text        NOT NULL DEFAULT '' CHECK (octet_length(plan) <= 256),
    name        text        NOT NULL DEFAULT '' CHECK (octet_length(name) <= 256),
    value       double precision,
    share       bigint      NOT NULL DEFAULT 100000 CHECK (share BETWEEN 1 AND 100000),
    PRIMARY KEY (day, id)
) PARTITION BY RANGE (day);
CREATE INDEX feature_flag_events_flag ON feature_flag_events (environment, flag, kind, day);
CREATE INDEX feature_flag_events_tenant ON feature_flag_events (environment, tenant, kind, at) WHERE tenant <> '';
CREATE INDEX feature_flag_events_access ON feature_flag_events (environment, at, id) WHERE kind IN ('granted', 'denied');
CREATE INDEX feature_flag_events_access_flag ON feature_flag_events (environment, flag, at, id) WHERE kind IN ('granted', 'denied');
CREATE INDEX feature_flag_events_user ON feature_flag_events (user_id) WHERE user_id <> '';
CREATE INDEX feature_flag_events_visitor ON feature_flag_events (visitor_id) WHERE visitor_id <> '';
CREATE TABLE feature_flag_events_others PARTITION OF feature_flag_events DEFAULT;

-- How often each variant was the answer, by the minute.
CREATE TABLE feature_flag_checks (
    day         date        NOT NULL,
    minute      timestamptz NOT NULL,
    environment text        NOT NULL CHECK (environment <> ''),
    flag        text        NOT NULL CHECK (flag <> ''),
    variant     text        NOT NULL,
    checks      bigint      NOT NULL CHECK (checks >= 0),
    PRIMARY KEY (day, environment, flag, minute, variant)
) PARTITION BY RANGE (day);
CREATE TABLE feature_flag_checks_others PARTITION OF feature_flag_checks DEFAULT;

-- The same by the day, which is kept for as long as the flag is.
CREATE TABLE feature_flag_check_days (
    environment text        NOT NULL CHECK (environment <> ''),
    flag        text        NOT NULL CHECK (flag <> ''),
    day         date        NOT NULL,
    variant     text        NOT NULL,
    checks      bigint      NOT NULL CHECK (checks >= 0),
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    PRIMARY KEY (environment, flag, day, variant)
);

-- What each instance has told: the number of its last batch, so that none counts twice, and whether it ended with all told.
CREATE TABLE analytics_instances (
    instance    text        PRIMARY KEY CHECK (octet_length(instance) BETWEEN 1 AND 64),
    environment text        NOT NULL CHECK (environment <> ''),
    host        text        NOT NULL DEFAULT '' CHECK (octet_length(host) <= 512),
    batch       bigint      NOT NULL DEFAULT 0 CHECK (batch >= 0),
    started_at  timestamptz NOT NULL,
    flushed_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    every       bigint      NOT NULL CHECK (every > 0),
    stored      bigint      NOT NULL DEFAULT 0 CHECK (stored >= 0),
    dropped     bigint      NOT NULL DEFAULT 0 CHECK (dropped >= 0),
    refused     text        NOT NULL DEFAULT '{}'
);

-- The plan that each tenant was last seen with, and the one before, so that a change is told once.
CREATE TABLE analytics_tenants (
    environment text        NOT NULL CHECK (environment <> ''),
    tenant      text        NOT NULL CHECK (octet_length(tenant) BETWEEN 1 AND 256),
    plan        text        NOT NULL CHECK (octet_length(plan) <= 256),
    since       timestamptz NOT NULL,
    previous    text        NOT NULL DEFAULT '' CHECK (octet_length(previous) <= 256),
    PRIMARY KEY (environment, tenant)
);
CREATE INDEX analytics_tenants_since ON analytics_tenants (environment, since) WHERE previous <> '';

-- How many of those known had a flag on at the end of a day: people, tenants; plan '' counts those of all plans.
CREATE TABLE feature_flag_adoption (
    environment text        NOT NULL CHECK (environment <> ''),
    flag        text        NOT NULL CHECK (flag <> ''),
    day         date        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('user', 'tenant')),
    plan        text        NOT NULL CHECK (octet_length(plan) <= 256),
    has         bigint      NOT NULL CHECK (has >= 0),
    known       bigint      NOT NULL CHECK (known >= has),
    counted_at  timestamptz NOT NULL,
    PRIMARY KEY (environment, flag, day, kind, plan)
);

-- What is recorded of a flag beyond the usual, or less: the share of people whose exposures are kept, in hundred-thousandths,
-- and whether every check is kept as an event of its own until a time.
CREATE TABLE feature_flag_recording (
    environment text        NOT NULL REFERENCES environments (name),
    flag        text        NOT NULL REFERENCES feature_flags (name),
    share       bigint      NOT NULL CHECK (share BETWEEN 0 AND 100000),
    raw_until   timestamptz,
    changed_by  text        NOT NULL CHECK (changed_by <> ''),
    changed_at  timestamptz NOT NULL,
    PRIMARY KEY (environment, flag)
);

-- Days have a table each, so that old ones go at once. The role that serves owns none of them: it asks these functions.
-- +goose StatementBegin
CREATE FUNCTION feature_flag_make_day(parent text, wanted date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    part text := parent || '_' || to_char(wanted, 'YYYYMMDD');
BEGIN
    IF parent NOT IN ('feature_flag_events', 'feature_flag_checks') THEN
        RAISE EXCEPTION 'there are no days of %', parent;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(parent, 15)); -- several instances ask at once
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
    EXECUTE format('WITH moved AS (DELETE FROM %I WHERE day = %L RETURNING *) INSERT INTO %I SELECT * FROM moved', parent || '_others', wanted, part);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part, wanted, wanted + 1);
END $$;

CREATE FUNCTION feature_flag_drop_days(parent text, keep integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    old record;
    gone integer := 0;
    oldest date := (now() AT TIME ZONE 'UTC')::date - greatest(keep, 7);
BEGIN
    IF parent NOT IN ('feature_flag_events', 'feature_flag_checks') THEN
        RAISE EXCEPTION 'there are no days of %', parent;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(parent, 15));
    FOR old IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = parent::regclass AND c.relname ~ ('^' || parent || '_[0-9]{8}$')
        AND to_date(right(c.relname, 8), 'YYYYMMDD') < oldest
    LOOP
        EXECUTE format('DROP TABLE %I', old.relname);
        gone := gone + 1;
    END LOOP;
    EXECUTE format('DELETE FROM %I WHERE day < %L', parent || '_others', oldest);
    RETURN gone;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION feature_flag_make_day(text, date), feature_flag_drop_days(text, integer) FROM PUBLIC;
