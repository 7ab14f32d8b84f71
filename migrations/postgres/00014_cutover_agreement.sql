-- +goose Up

-- How comparisons of both sides went, added up over all instances, by ten minutes. A row of no tenant is of all; those of
-- tenants count what the new side answered, which decides whether they step back.
CREATE TABLE cutover_agreement (
    environment text   NOT NULL REFERENCES environments (name),
    flag        text   NOT NULL CHECK (flag <> ''),
    tenant      text   NOT NULL,
    at          bigint NOT NULL CHECK (at >= 0), -- the minute, since 1970, with which the ten begin
    compared    bigint NOT NULL CHECK (compared >= 0),
    different   bigint NOT NULL CHECK (different >= 0),
    errors      bigint NOT NULL CHECK (errors >= 0),
    PRIMARY KEY (environment, flag, tenant, at)
);

-- How many times somebody asked for another verification. Who compares compares all rows again when it is raised.
ALTER TABLE cutover_progress ADD COLUMN again bigint NOT NULL DEFAULT 0 CHECK (again >= 0);
