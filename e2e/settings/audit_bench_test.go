package settings

import (
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// BenchmarkAppend is what an entry costs beside a transaction that does nothing else.
func BenchmarkAppend(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *models.Store{"SQLite": settingstest.SQLite, "PostgreSQL": settingstest.Postgres} {
		b.Run(name, func(b *testing.B) {
			store := open(b)
			log := audit.New(store, audit.Options{Key: auditKey})
			e := audit.Entry{Action: "publish", Actor: "ann@toprent.example", ActorID: "p-ann", Reason: "a reason", Environment: "production", Revision: 7,
				Lines: []string{`flag "search": enabled yes, was no`}, Items: []audit.Item{{Kind: string(changes.ItemFlag), Key: "search", Before: map[string]any{"enabled": false}, After: map[string]any{"enabled": true}}}}
			for b.Loop() {
				if err := store.Write(b.Context(), func(tx *models.Tx) error { return log.Append(b.Context(), tx, e) }); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if report, err := log.Verify(b.Context(), nil, nil); err != nil || !report.OK() {
				b.Fatal(report, err)
			}
		})
	}
}
