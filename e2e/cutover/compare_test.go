package cutover_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

func TestADifferenceThatLastsIsCountedAndShownAsTheHostSays(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		_, entity := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Redact = func(id string, old, fresh counter) (what, oldText, newText string) {
				return "counter " + id, fmt.Sprint(old.N > 0), fmt.Sprint(fresh.N > 0)
			}
		})
		must(t, w.old.db.Exec("INSERT INTO counters VALUES ('same', 'acme', 1), ('different', 'acme', 1)").Error)
		must(t, w.new.db.Exec("INSERT INTO counters VALUES ('same', 'acme', 1)").Error)
		for _, id := range []string{"same", "different", "same"} {
			if c, err := entity.Read(t.Context(), acme, id); err != nil || c.N != 1 {
				t.Errorf("answered %v, %v", c, err)
			}
		}
		var stats models.CutoverStats
		eventually(t, func() string {
			if stats = entity.Stats(); stats.Compared < 3 {
				return fmt.Sprintf("compared were %d", stats.Compared)
			}
			return ""
		})
		if stats.Compared != 3 || stats.Different != 1 || len(stats.Samples) != 1 {
			t.Fatalf("compared were %d, different %d: %v", stats.Compared, stats.Different, stats.Samples)
		}
		if s := stats.Samples[0]; s.Tenant != "acme" || s.What != "counter different" || s.Old != "true" || s.New != "false" {
			t.Errorf("shown is %+v", s)
		}
		if len(stats.Tenants) != 1 || stats.Tenants[0] != (models.CutoverTenant{Tenant: "acme", Compared: 3, Different: 1}) {
			t.Errorf("told of tenants is %+v", stats.Tenants)
		}
		if stats.Old.Reads != 3 || stats.New.Reads != 3 || stats.Stages["shadow"] != 3 {
			t.Errorf("told is %+v", stats)
		}
	})
}

func TestADifferenceThatIsGoneAtASecondLookDoesNotCount(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		reads := 0 // of the side that is compared, in one goroutine
		_, entity := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.SameResult = func(string, counter, counter) bool { reads++; return reads > 1 }
			c.Clone = func(c counter) counter { return c }
		})
		if _, err := entity.Read(t.Context(), acme, "a"); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() string {
			if entity.Stats().Compared == 0 {
				return "nothing was compared"
			}
			return ""
		})
		if stats := entity.Stats(); stats.Different != 0 || len(stats.Samples) != 0 {
			t.Errorf("different were %d: %v", stats.Different, stats.Samples)
		}
	})
}

func TestAChangeThatASlowSideIsStillTakingIsNoDifference(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1})) // the first is a copy
		var compared atomic.Int64
		goesOn := make(chan struct{})
		_, entity := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Timeout = time.Minute
			apply := c.New.Apply
			c.New.Apply = func(ctx context.Context, key string, made change) error {
				<-goesOn
				return apply(ctx, key, made)
			}
			c.SameResult = func(_ string, old, fresh counter) bool {
				if compared.Add(1) == 2 {
					close(goesOn)
				}
				return old == fresh
			}
		})
		written := make(chan error, 1)
		go func() { written <- entity.Write(t.Context(), acme, "a", change{Add: 1}) }()
		eventually(t, func() string {
			if w.old.rows(t)["a"] != 2 {
				return "the authority has not got the change"
			}
			return ""
		})
		read := func() {
			if c, err := entity.Read(t.Context(), acme, "a"); err != nil || c.N != 2 {
				t.Errorf("answered %v, %v", c, err)
			}
		}
		read()
		must(t, <-written) // after the second look
		eventually(t, func() string {
			if read(); entity.Stats().Compared == 0 {
				return "nothing was compared"
			}
			return ""
		})
		if stats := entity.Stats(); stats.Different != 0 {
			t.Errorf("different were %d: %v", stats.Different, stats.Samples)
		}
	})
}

func TestSomebodyWhoAlwaysWritesHidesNoDifference(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		must(t, w.new.db.Exec("UPDATE counters SET n = 7 WHERE id = 'a'").Error) // by hand
		// At each look another change of the tenant is on its way.
		announce := func(number int64) {
			must(t, w.journalDB.Exec("DELETE FROM cutover_intents").Error)
			must(t, w.journalDB.Exec("INSERT INTO cutover_intents (entity, row_key, number, tenant, authority, written, change, begun_at, next_at, attempts, error) VALUES ('counters', 'b', ?, 'acme', 'old', false, '', 0, 9000000000000000, 0, '')", number).Error)
		}
		var compared atomic.Int64
		_, entity := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Timeout = time.Minute
			c.SameResult = func(_ string, old, fresh counter) bool {
				announce(compared.Add(1))
				return old == fresh
			}
		})
		if _, err := entity.Read(t.Context(), acme, "a"); err != nil {
			t.Error(err)
		}
		eventually(t, func() string {
			if stats := entity.Stats(); stats.Different != 1 {
				return fmt.Sprintf("different were %d", stats.Different)
			}
			return ""
		})
	})
}

func TestMoreComparisonsThanMayRunAreLeftOut(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		asked := make(chan struct{}) // closed when all have asked: until then nobody's place is free again, however slowly they do
		_, entity := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Comparing, c.Timeout = 2, 300*time.Millisecond
			c.New.Read = func(ctx context.Context, _ string) (counter, error) {
				<-asked
				<-ctx.Done()
				return counter{}, ctx.Err()
			}
		})
		for range 5 {
			if _, err := entity.Read(t.Context(), acme, "a"); err != nil {
				t.Error(err)
			}
		}
		if stats := entity.Stats(); stats.Skipped != 3 {
			t.Errorf("left out were %d", stats.Skipped)
		}
		close(asked)
		eventually(t, func() string { // and those that hung are over in time
			if stats := entity.Stats(); stats.New.ReadErrors != 2 {
				return fmt.Sprintf("%d reads of the new side failed", stats.New.ReadErrors)
			}
			return ""
		})
	})
}

func TestAPanicWhileComparingHarmsNobody(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		asked := make(chan struct{}, 1)
		_, entity := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.SameResult = func(string, counter, counter) bool { asked <- struct{}{}; panic("cannot compare") }
		})
		if _, err := entity.Read(t.Context(), acme, "a"); err != nil {
			t.Error(err)
		}
		<-asked
		if c, err := entity.Read(t.Context(), acme, "a"); err != nil {
			t.Error(c, err)
		}
		<-asked
	})
}

func TestOnlyTheShareThatIsSampledIsCompared(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		compared := 0 // an answer is copied for each comparison, before the caller has it
		_, entity := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Sample, c.Comparing = 0.2, 1000
			c.Clone = func(c counter) counter { compared++; return c }
		})
		for range 300 {
			if _, err := entity.Read(t.Context(), acme, "a"); err != nil {
				t.Fatal(err)
			}
		}
		if compared == 0 || compared > 150 { // one in five: that fails once in 10^29
			t.Errorf("%d of 300 were compared", compared)
		}
	})
}

// BenchmarkRoutingARead measures what a read costs on top of the query, which costs nothing here.
func BenchmarkRoutingARead(b *testing.B) {
	w := newWorld(b, func() *gorm.DB { return databases.SQLite(b) })
	side := w.new.side()
	side.Read = func(context.Context, string) (counter, error) { return counter{}, nil }
	var entities []*counters
	for i := range 100 {
		s, e := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Flag, c.New, c.Old = fmt.Sprintf("entity-%d", i), side, side
		})
		s.set(cutover.Place{Stage: ruleset.StageRampdown, Moving: true})
		entities = append(entities, e)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := entities[i%100].Read(b.Context(), acme, "a"); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
