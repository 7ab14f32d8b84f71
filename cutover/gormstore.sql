-- What a side's database keeps about its rows. SERIAL stands for a column that counts, and never gives a number twice.
CREATE TABLE IF NOT EXISTS cutover_numbers (
    entity  VARCHAR(128) NOT NULL,
    row_key VARCHAR(512) NOT NULL,
    number  BIGINT NOT NULL, -- -1: the row was looked at under a lock, but never numbered
    skipped BOOLEAN NOT NULL,
    PRIMARY KEY (entity, row_key)
);

-- The last change of a row that was given up here although the other side may have made it.
CREATE TABLE IF NOT EXISTS cutover_overruled (
    entity  VARCHAR(128) NOT NULL,
    row_key VARCHAR(512) NOT NULL,
    number  BIGINT NOT NULL,
    PRIMARY KEY (entity, row_key)
);

CREATE TABLE IF NOT EXISTS cutover_marks (
    serial  SERIAL,
    entity  VARCHAR(128) NOT NULL,
    row_key VARCHAR(512) NOT NULL,
    UNIQUE (entity, row_key)
);

-- Which side a router's transactions may use: 0 the old, 1 the new.
CREATE TABLE IF NOT EXISTS cutover_doors (
    entity   VARCHAR(128) NOT NULL,
    tenant   VARCHAR(256) NOT NULL,
    revision BIGINT NOT NULL,
    side     INTEGER NOT NULL,
    PRIMARY KEY (entity, tenant)
);
