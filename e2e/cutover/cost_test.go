package cutover_test

import (
	"fmt"
	"testing"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/ruleset"
)

// BenchmarkWrite measures what a write to both sides costs over one to a single side.
func BenchmarkWrite(b *testing.B) {
	for name, empty := range map[string]func() *gorm.DB{
		"SQLite":     func() *gorm.DB { return emptySQLite(b) },
		"PostgreSQL": func() *gorm.DB { return emptyPostgres(b) },
	} {
		w := newWorld(b, empty)
		for _, at := range []ruleset.Stage{ruleset.StageOff, ruleset.StageDualWrite} {
			b.Run(fmt.Sprintf("%s/%s", name, at), func(b *testing.B) {
				w.stage.set(cutover.Place{Stage: at})
				i := 0
				for b.Loop() {
					if err := w.entity.Write(b.Context(), acme, fmt.Sprint(at, i%500), change{Add: 1}); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
	}
}
