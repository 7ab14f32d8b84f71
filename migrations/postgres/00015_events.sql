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
    waiting     bigint      NOT NULL DEFAULT 0 CHECK (waiting >= 0),
    refused     text        NOT NULL DEFAULT '{}',
    sinks       text        NOT NULL DEFAULT '[]'
);
CREATE INDEX analytics_instances_flushed ON analytics_instances (flushed_at);

-- Who was forgotten in the last day, so that what instances still had in memory of them is stored under the other name too.
-- A mark is a salted hash of a name.
CREATE TABLE analytics_forgotten (
    mark    text        PRIMARY KEY CHECK (octet_length(mark) = 96),
    becomes text        NOT NULL CHECK (becomes <> ''),
    at      timestamptz NOT NULL
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
CREATE INDEX feature_flag_adoption_day ON feature_flag_adoption (environment, day) WHERE plan = '';

-- Which people and visitors were shown what, by the day: of the events, and kept when those are gone. people counts visitors
-- too; estimated is for all people where only a share of them is recorded.
CREATE TABLE feature_flag_exposure_days (
    environment text        NOT NULL CHECK (environment <> ''),
    flag        text        NOT NULL CHECK (flag <> ''),
    day         date        NOT NULL,
    variant     text        NOT NULL,
    people      bigint      NOT NULL CHECK (people >= 0),
    visitors    bigint      NOT NULL CHECK (visitors BETWEEN 0 AND people),
    estimated   bigint      NOT NULL CHECK (estimated >= people),
    PRIMARY KEY (environment, flag, day, variant)
);

-- When adoption was counted last, and until when an instance is at it.
CREATE TABLE feature_flag_adoption_counts (
    environment text        PRIMARY KEY CHECK (environment <> ''),
    counted_at  timestamptz,
    busy_until  timestamptz
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

-- Days have a table each, so that old ones go at once. The role that serves owns none of them: it asks these functions, which
-- do with the owner's rights only what they were made for: names are those of this schema, never of a temporary one.
-- +goose StatementBegin
CREATE FUNCTION feature_flag_make_day(parent text, wanted date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    home   text := current_schema();
    today  date := (now() AT TIME ZONE 'UTC')::date;
    part   text;
    others text;
    waits  boolean;
BEGIN
    IF parent IS NULL OR parent NOT IN ('feature_flag_events', 'feature_flag_checks') THEN
        RAISE EXCEPTION 'there are no days of %', parent;
    END IF;
    IF wanted IS NULL OR wanted < today - 60 OR wanted > today + 60 THEN
        RAISE EXCEPTION '% is not within 60 days of today', wanted;
    END IF;
    part := parent || '_' || to_char(wanted, 'YYYYMMDD');
    others := parent || '_others';
    PERFORM pg_advisory_xact_lock(hashtextextended(home || '.' || parent, 15)); -- several instances ask at once
    IF to_regclass(format('%I.%I', home, part)) IS NOT NULL THEN
        RETURN false;
    END IF;
    IF wanted < today THEN -- only for what came late
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.%I WHERE day = %L)', home, others, wanted) INTO waits;
        IF NOT waits THEN
            RETURN false;
        END IF;
    END IF;
    EXECUTE format('LOCK TABLE %I.%I IN ACCESS EXCLUSIVE MODE', home, others); -- so that no more of the day gets in there
    EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING ALL)', home, part, home, parent);
    EXECUTE format('WITH moved AS (DELETE FROM %I.%I WHERE day = %L RETURNING *) INSERT INTO %I.%I SELECT * FROM moved', home, others, wanted, home, part);
    EXECUTE format('ALTER TABLE %I.%I ATTACH PARTITION %I.%I FOR VALUES FROM (%L) TO (%L)', home, parent, home, part, wanted, wanted + 1);
    RETURN true;
END $$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION feature_flag_drop_days(parent text, keep integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    home   text := current_schema();
    old    record;
    gone   integer := 0;
    oldest date;
BEGIN
    IF parent IS NULL OR parent NOT IN ('feature_flag_events', 'feature_flag_checks') THEN
        RAISE EXCEPTION 'there are no days of %', parent;
    END IF;
    IF keep IS NULL OR keep < 7 OR keep > 36500 THEN
        RAISE EXCEPTION 'from 7 to 36500 days are kept, not %', keep;
    END IF;
    oldest := (now() AT TIME ZONE 'UTC')::date - keep;
    PERFORM pg_advisory_xact_lock(hashtextextended(home || '.' || parent, 15));
    FOR old IN SELECT c.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = format('%I.%I', home, parent)::regclass AND c.relname ~ ('^' || parent || '_[0-9]{8}$')
        AND to_date(right(c.relname, 8), 'YYYYMMDD') < oldest
    LOOP
        EXECUTE format('DROP TABLE %I.%I', home, old.relname);
        gone := gone + 1;
    END LOOP;
    EXECUTE format('DELETE FROM %I.%I WHERE day < %L', home, parent || '_others', oldest);
    RETURN gone;
END $$;
-- +goose StatementEnd

-- The schema comes first and pg_temp last: else a temporary table, which anybody may make, would be taken for one of ours.
-- Whoever waits for a lock here makes others wait, so it is not for long: it is tried again within the hour.
-- +goose StatementBegin
DO $$
DECLARE
    made text;
BEGIN
    FOREACH made IN ARRAY ARRAY['feature_flag_make_day(text, date)', 'feature_flag_drop_days(text, integer)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', made, current_schema());
        EXECUTE format('ALTER FUNCTION %s SET lock_timeout = %L', made, '3s');
    END LOOP;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION feature_flag_make_day(text, date), feature_flag_drop_days(text, integer) FROM PUBLIC;
