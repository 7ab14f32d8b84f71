-- +goose Up

-- What only the page of one entity shows of what an instance tells: how each side did, differences, and the worst tenants.
-- It is a hundred times as much as the rest, which is read of all entities at once.
ALTER TABLE cutover_instances ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
