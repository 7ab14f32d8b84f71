-- +goose Up

-- How comparisons of both sides went, added up over all instances, by ten minutes. A row of no tenant is of all; those of
-- tenants count what the new side answered, which decides whether they step back.
CREATE TABLE cutover_agreement (
    environment TEXT    NOT NULL REFERENCES environments (name),
    flag        TEXT    NOT NULL CHECK (flag <> ''),
    tenant      TEXT    NOT NULL,
    at          INTEGER NOT NULL CHECK (at >= 0), -- the minute, since 1970, with which the ten begin
    compared    INTEGER NOT NULL CHECK (compared >= 0),
    different   INTEGER NOT NULL CHECK (different >= 0),
    errors      INTEGER NOT NULL CHECK (errors >= 0),
    PRIMARY KEY (environment, flag, tenant, at)
) STRICT;

-- How many times somebody asked for another verification. Who compares compares all rows again when it is raised.
ALTER TABLE cutover_progress ADD COLUMN again INTEGER NOT NULL DEFAULT 0 CHECK (again >= 0);
