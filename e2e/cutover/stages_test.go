package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

// table is what each stage reads and writes: the sides in their order, and the side whose answer is returned.
var table = []struct {
	stage  ruleset.Stage
	reads  []string
	answer string
	writes []string
}{
	{ruleset.StageOff, []string{"old"}, "old", []string{"old"}},
	{ruleset.StageDualWrite, []string{"old"}, "old", []string{"old", "new"}},
	{ruleset.StageShadow, []string{"new", "old"}, "old", []string{"old", "new"}},
	{ruleset.StageLive, []string{"new", "old"}, "new", []string{"new", "old"}},
	{ruleset.StageRampdown, []string{"new"}, "new", []string{"new", "old"}},
	{ruleset.StageComplete, []string{"new"}, "new", []string{"new"}},
}

var failures = []struct {
	name string
	how  int32
}{{"refuses", refuses}, {"panics", panics}, {"hangs", hangs}}

func TestEachStageReadsTheSidesOfTheTable(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.stage, w.entity = w.instance(func(c *cutover.Config[string, counter, change, counter]) { c.Timeout = 3 * time.Second }) // for sides that hang
		must(t, w.old.db.Exec("INSERT INTO counters VALUES ('a', 'acme', 1)").Error)
		must(t, w.new.db.Exec("INSERT INTO counters VALUES ('a', 'acme', 2)").Error)
		answers := map[string]int64{"old": 1, "new": 2}
		read := func(row int, how int32, failing string) (counter, error) {
			w.calls.clear()
			w.old.fails(well)
			w.new.fails(well)
			if failing != "" {
				w.side(failing).fails(how)
			}
			w.stage.set(cutover.Place{Stage: table[row].stage, Moving: true})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if how == hangs && failing == table[row].answer {
				w.side(failing).hung.Store(&cancel)
			}
			w.side("new").ended.Store(0)
			w.side("old").ended.Store(0)
			c, err := w.entity.Read(ctx, acme, "a")
			if how == hangs && failing != table[row].answer && slices.Contains(table[row].reads, failing) {
				if w.side(failing).ended.Load() > 0 {
					t.Errorf("%s: the answer was held back until the %s side gave up", table[row].stage, failing)
				}
				defer eventually(t, func() string { // it gives up at its own deadline
					if w.side(failing).ended.Load() == 0 {
						return "the side that hangs hangs on"
					}
					return ""
				})
			}
			eventually(t, func() string {
				if seen := slices.Compact(sorted(w.calls.seen("read"))); !slices.Equal(seen, table[row].reads) {
					return fmt.Sprintf("%s: read were %v", table[row].stage, seen)
				}
				return ""
			})
			return c, err
		}
		for row, line := range table {
			if c, err := read(row, well, ""); err != nil || c.N != answers[line.answer] {
				t.Errorf("%s: answered %v, %v", line.stage, c, err)
			}
			for _, failure := range failures {
				for _, side := range []string{"old", "new"} {
					c, err := read(row, failure.how, side)
					if side == line.answer && err == nil {
						t.Errorf("%s: answered %v although the %s side %s", line.stage, c, side, failure.name)
					}
					if side != line.answer && (err != nil || c.N != answers[line.answer]) {
						t.Errorf("%s: answered %v, %v since the %s side %s", line.stage, c, err, side, failure.name)
					}
					var panicked *cutover.PanicError
					if side == line.answer && failure.how == panics && !errors.As(err, &panicked) {
						t.Errorf("%s: a panic became %v", line.stage, err)
					}
				}
			}
		}
	})
}

func TestEachStageWritesTheSidesOfTheTableInItsOrder(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.stage, w.entity = w.instance(func(c *cutover.Config[string, counter, change, counter]) { c.Timeout = 2 * time.Second }) // for sides that hang
		for _, line := range table {
			t.Run(line.stage.String(), func(t *testing.T) { writes(t, w, line.stage, line.writes) })
		}
	})
}

func writes(t *testing.T, w *world, stage ruleset.Stage, sides []string) {
	w.stage.set(cutover.Place{Stage: stage, Moving: true})
	key := stage.String()
	var acknowledged int64
	write := func(hangs *database) (seen []string, err error) {
		w.calls.clear()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if hangs != nil {
			hangs.hung.Store(&cancel)
		}
		if err = w.entity.Write(ctx, acme, key, change{Add: 1}); err == nil {
			acknowledged++
		}
		return w.calls.seen("write"), err
	}
	for _, failure := range failures {
		for _, side := range []string{"old", "new"} {
			eventually(t, func() string { // a side that hung is left alone for a moment
				if seen, err := write(nil); err != nil || !slices.Equal(seen, sides) {
					return fmt.Sprintf("written were %v: %v", seen, err)
				}
				return ""
			})
			w.side(side).fails(failure.how)
			var hanging *database // for which nobody but its caller can give up
			if failure.how == hangs && side == sides[0] {
				hanging = w.side(side)
			}
			seen, err := write(hanging)
			w.side(side).fails(well)
			wanted := sides
			if side == sides[0] {
				wanted = sides[:1]
			}
			if !slices.Equal(seen, wanted) {
				t.Errorf("when the %s side %s, written were %v instead of %v", side, failure.name, seen, wanted)
			}
			if (err != nil) != (side == sides[0]) || failure.how != hangs && errors.Is(err, cutover.ErrUnknown) {
				t.Errorf("when the %s side %s: %v", side, failure.name, err)
			}
			if n := w.repaired(w.entity)[key]; n != acknowledged {
				t.Fatalf("after the %s side %s, %d changes were acknowledged, and %d were made", side, failure.name, acknowledged, n)
			}
		}
	}
}

func TestWithoutTheJournalTheAuthorityIsWrittenAndTheRowMarked(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		for _, line := range table {
			known, fresh := line.stage.String(), line.stage.String()+" begun"
			w.stage, w.entity = w.instance(func(*cutover.Config[string, counter, change, counter]) {})
			w.stage.set(cutover.Place{Stage: line.stage, Moving: true})
			must(t, w.entity.Write(t.Context(), acme, known, change{Add: 1}))
			w.repaired(w.entity)
			w.calls.clear()
			w.journalAway(true)
			must(t, w.entity.Write(t.Context(), acme, known, change{Add: 10}))
			must(t, w.entity.Write(t.Context(), acme, fresh, change{Add: 5}))
			if seen := w.calls.seen("write"); !slices.Equal(seen, []string{line.answer, line.answer}) {
				t.Errorf("%s: written were %v", line.stage, seen)
			}
			w.journalAway(false)
			if n := w.waiting(); n != 2 {
				t.Errorf("%s: %d rows are marked", line.stage, n)
			}
			if rows := w.repaired(w.entity); rows[known] != 11 || rows[fresh] != 5 {
				t.Errorf("%s: repaired to %v", line.stage, rows)
			}
		}
	})
}

func TestNothingButTheOriginalIsTouchedWhileNothingMoves(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.stage.set(cutover.Place{Stage: ruleset.StageOff})
		w.journalAway(true)
		w.new.fails(panics)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		if n := w.waitingOn(w.old); n != 0 || w.old.rows(t)["a"] != 1 {
			t.Errorf("%d rows are marked, and %v were written", n, w.old.rows(t))
		}
	})
}
