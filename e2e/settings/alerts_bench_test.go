package settings

import (
	"fmt"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
)

// BenchmarkAlertsPages opens the pages with 51 channels, 151 watches and 20,000 deliveries.
func BenchmarkAlertsPages(b *testing.B) {
	site := settingstest.New(b, inside)
	site.Sample()
	admin := site.As("admin")
	chat := newReceiver(b)
	channel := channelAt(b, admin, "#ops", "slack", chat.URL)
	watches(b, admin, channel, "", "", "kills")
	for i := range 50 {
		id := channelAt(b, admin, fmt.Sprint("channel ", i), "slack", chat.URL)
		for _, environment := range []string{"development", "staging", "production"} {
			watches(b, admin, id, environment, "new-home", "kills")
		}
	}
	publishesFlag(b, site, "production", "winter-look", "snow")
	db, err := site.Store.SQL()
	if err == nil {
		_, err = db.ExecContext(b.Context(), `
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
			INSERT INTO alert_watches (id, channel_id, events, environment, created_at, created_by, removed_at, removed_by)
			SELECT printf('00000000-0000-0000-0000-%012d', i), ?, 'all', NULL, '2026-01-01 00:00:00+00:00', 'ada', '2026-01-02 00:00:00+00:00', 'ada' FROM n`, channel)
	}
	if err == nil {
		_, err = db.ExecContext(b.Context(), `
			INSERT INTO alert_deliveries (id, environment, revision, watch_id, channel_id, urgent, status, attempts, next_at, answer, created_at, ended_at)
			SELECT id, 'production', 2, id, channel_id, 0, 'sent', 1, created_at, '200: The receiver took it.', '2026-11-01 00:00:00+00:00', created_at
			FROM alert_watches WHERE removed_at IS NOT NULL`)
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range []string{"/alerts", "/alerts/deliveries", "/alerts/deliveries?status=sent&page=300", "/watch/production"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				admin.Opens(path)
			}
		})
	}
}
