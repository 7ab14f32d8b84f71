package cutover_test

import (
	"fmt"
	"testing"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

// BenchmarkWrite measures what a write to both sides costs over one to a single side.
func BenchmarkWrite(b *testing.B) {
	const rows = 50
	for name, empty := range map[string]func() *gorm.DB{
		"SQLite":     func() *gorm.DB { return databases.SQLite(b) },
		"PostgreSQL": func() *gorm.DB { return databases.Postgres(b) },
	} {
		w := newWorld(b, empty)
		for _, at := range []ruleset.Stage{ruleset.StageOff, ruleset.StageDualWrite} {
			b.Run(fmt.Sprintf("%s/%s", name, at), func(b *testing.B) {
				w.stage.set(cutover.Place{Stage: at})
				write := func(i int) {
					if err := w.entity.Write(b.Context(), acme, fmt.Sprint(at, i%rows), change{Add: 1}); err != nil {
						b.Fatal(err)
					}
				}
				for i := range rows { // the first change of a row copies it
					write(i)
				}
				i := 0
				for b.Loop() {
					write(i)
					i++
				}
			})
		}
	}
}
