-- +goose Up

-- What is written about an environment is edited by people, against a version of it. Publishing does not count.
ALTER TABLE environments ADD COLUMN version bigint NOT NULL DEFAULT 1 CHECK (version > 0);
ALTER TABLE environments ADD COLUMN changed_by text NOT NULL DEFAULT '';
ALTER TABLE environments ADD COLUMN changed_at timestamptz;

-- For who has this plan, and who has this add-on.
CREATE INDEX tenant_plans_plan ON tenant_plans (plan, org_id, id);
CREATE INDEX tenant_addons_feature ON tenant_addons (feature, org_id) WHERE ended_at IS NULL;
