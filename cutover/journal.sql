-- What the journal keeps. Times are microseconds since 1970 by this database's clock. The same for PostgreSQL and SQLite.
CREATE TABLE IF NOT EXISTS cutover_keys (
    entity     VARCHAR(128) NOT NULL,
    row_key    VARCHAR(512) NOT NULL,
    number     BIGINT NOT NULL, -- the last that was announced
    settled    BIGINT NOT NULL, -- below 0: none is yet; else all up to this one are resolved; below, cutover_intents says which are
    holder     VARCHAR(64) NOT NULL,
    held_until BIGINT NOT NULL, -- below 0: nobody holds it since then
    PRIMARY KEY (entity, row_key)
);

CREATE TABLE IF NOT EXISTS cutover_intents (
    entity    VARCHAR(128) NOT NULL,
    row_key   VARCHAR(512) NOT NULL,
    number    BIGINT NOT NULL,
    tenant    VARCHAR(256) NOT NULL,
    authority VARCHAR(3) NOT NULL CHECK (authority IN ('old', 'new')),
    written   BOOLEAN NOT NULL,
    change    TEXT NOT NULL,
    begun_at  BIGINT NOT NULL,
    next_at   BIGINT NOT NULL,
    attempts  BIGINT NOT NULL,
    error     TEXT NOT NULL,
    PRIMARY KEY (entity, row_key, number)
);
CREATE INDEX IF NOT EXISTS cutover_intents_next ON cutover_intents (entity, next_at);
CREATE INDEX IF NOT EXISTS cutover_intents_tenant ON cutover_intents (entity, authority, tenant);

CREATE TABLE IF NOT EXISTS cutover_runs (
    name       VARCHAR(200) PRIMARY KEY,
    holder     VARCHAR(64) NOT NULL,
    held_until BIGINT NOT NULL,
    state      TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS cutover_stages (
    environment VARCHAR(128) NOT NULL,
    entity      VARCHAR(128) NOT NULL,
    revision    BIGINT NOT NULL,
    definition  TEXT NOT NULL,
    PRIMARY KEY (environment, entity)
);
