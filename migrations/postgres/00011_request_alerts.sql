-- +goose Up

-- A watch may hear of change requests, beside or instead of what is published.
ALTER TABLE alert_watches DROP CONSTRAINT alert_watches_events_check;
ALTER TABLE alert_watches ADD CONSTRAINT alert_watches_events_check CHECK (events IN ('kills', 'all', 'reviews', 'requests'));
DROP INDEX alert_watches_live;
CREATE UNIQUE INDEX alert_watches_live ON alert_watches (channel_id, coalesce(environment, ''), coalesce(feature_id::text, ''), (CASE WHEN events IN ('kills', 'all') THEN '' ELSE events END)) WHERE removed_at IS NULL;

-- What happened to a request waits here until the watches have been looked through for it.
ALTER TABLE change_request_events ADD COLUMN told boolean NOT NULL DEFAULT false;
CREATE INDEX change_request_events_untold ON change_request_events (id) WHERE NOT told;

-- A delivery tells of a revision, or of something that happened to a request: of each once to each watch.
ALTER TABLE alert_deliveries ALTER COLUMN revision DROP NOT NULL;
ALTER TABLE alert_deliveries ADD COLUMN request_event bigint REFERENCES change_request_events (id);
ALTER TABLE alert_deliveries ADD CHECK ((revision IS NULL) <> (request_event IS NULL));
ALTER TABLE alert_deliveries ADD UNIQUE (request_event, watch_id);

-- For the kills that somebody has to look at.
CREATE INDEX emergencies_waiting ON emergencies (environment, flag) WHERE reviewed_at IS NULL;
