-- +goose Up

-- For those who know a revision's rows and want to know what changed since.
CREATE INDEX feature_flag_environments_since ON feature_flag_environments (environment, from_revision);
CREATE INDEX feature_flag_overrides_since ON feature_flag_overrides (environment, from_revision);
CREATE INDEX segments_since ON segments (environment, from_revision);
CREATE INDEX plans_since ON plans (environment, from_revision);
