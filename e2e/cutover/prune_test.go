package cutover_test

import (
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/e2e/cutover/databases"
)

// kept counts what is kept about rows, in the journal and on both sides.
func (w *world) kept() (n int64) {
	w.t.Helper()
	var keys int64
	must(w.t, w.journalDB.Raw("SELECT count(*) FROM cutover_keys").Scan(&keys).Error)
	for _, d := range []*database{w.old, w.new} {
		var numbers int64
		must(w.t, d.db.Raw("SELECT count(*) FROM cutover_numbers").Scan(&numbers).Error)
		n += numbers
	}
	return n + keys
}

func TestWhatIsSettledOnBothSidesIsForgotten(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		for i := range 120 { // more than are pruned at once
			must(t, w.entity.Write(t.Context(), acme, stayID(i), change{Add: 1}))
		}
		must(t, w.entity.Prune(t.Context(), time.Hour))
		if n := w.kept(); n != 3*120 {
			t.Errorf("%d are kept of rows that were just written", n)
		}
		must(t, w.entity.Prune(t.Context(), 0))
		if n := w.kept(); n != 0 {
			t.Errorf("%d are kept of rows that are settled", n)
		}
		for range 2 {
			for i := range 3 {
				must(t, w.entity.Write(t.Context(), acme, stayID(i), change{Add: 1}))
			}
		}
		if n := w.waiting(); n != 0 {
			t.Errorf("%d changes and marks wait", n)
		}
		if rows := w.repaired(w.entity); rows[stayID(0)] != 3 || rows[stayID(5)] != 1 {
			t.Errorf("the rows came to %v", rows)
		}
	})
}

func TestWhatIsNotSettledIsKept(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		for _, key := range []string{"queued", "marked"} {
			must(t, w.entity.Write(t.Context(), acme, key, change{Add: 1}))
		}
		w.queues("queued")
		must(t, w.old.Mark(t.Context(), "counters", []string{"marked"}))
		must(t, w.entity.Prune(t.Context(), 0))
		if n := w.kept(); n != 6 {
			t.Errorf("%d are kept of two rows that are not settled", n)
		}
		if n := w.repaired(w.entity)["queued"]; n != 2 {
			t.Errorf("the row came to %d", n)
		}
	})
}

// TestANumberIsNeverGivenTwice forgets a row, and then one side comes back from a copy of before that, with the number that it
// had.
func TestANumberIsNeverGivenTwice(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		for _, side := range []string{"old", "new"} {
			w := newWorld(t, empty)
			for range 3 {
				must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
			}
			restored := w.side(side).db
			must(t, restored.Exec("CREATE TABLE before AS SELECT * FROM cutover_numbers").Error)
			must(t, w.entity.Prune(t.Context(), 0))
			must(t, restored.Exec("INSERT INTO cutover_numbers SELECT * FROM before").Error)
			must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
			if n := w.repaired(w.entity)["a"]; n != 4 {
				t.Errorf("the row came to %d after the %s side was restored", n, side)
			}
		}
	})
}

func TestAPruneThatIsEndedInTheMiddleLosesNothing(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		gone := func() error { return errors.New("killed") }
		must(t, w.old.db.Exec("DELETE FROM cutover_numbers").Error) // the old side has forgotten
		w.new.afterCommit.Store(&gone)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		must(t, w.new.db.Exec("DELETE FROM cutover_numbers").Error)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		if n := w.repaired(w.entity)["a"]; n != 3 {
			t.Errorf("the row came to %d", n)
		}
	})
}
