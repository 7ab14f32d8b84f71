-- +goose Up

-- What is written about an environment is edited by people, against a version of it. Publishing does not count.
ALTER TABLE environments ADD COLUMN version INTEGER NOT NULL DEFAULT 1 CHECK (version > 0);
ALTER TABLE environments ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE environments ADD COLUMN changed_at TEXT CHECK (changed_at IS NULL OR datetime(changed_at) IS NOT NULL);

-- For who has this plan, and who has this add-on.
CREATE INDEX tenant_plans_plan ON tenant_plans (plan, org_id, id);
CREATE INDEX tenant_addons_feature ON tenant_addons (feature, org_id) WHERE ended_at IS NULL;
