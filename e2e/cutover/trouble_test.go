package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

func TestWritersRacingOnTwoInstancesAndTwoStagesLeaveEqualSides(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		ahead, other := w.instance(func(*cutover.Config[string, counter, change, counter]) {})
		ahead.set(cutover.Place{Stage: ruleset.StageLive, Moving: true})
		instances := []*counters{w.entity, other}
		const writers, each = 16, 12
		var made [3]atomic.Int64
		var wait sync.WaitGroup
		for writer := range writers {
			wait.Go(func() {
				for i := range each {
					key := (writer + i) % len(made)
					err := instances[writer%2].Write(t.Context(), acme, fmt.Sprint(key), change{Add: int64(writer + 1)})
					if err != nil {
						t.Error(err)
						return
					}
					made[key].Add(int64(writer + 1))
				}
			})
		}
		wait.Wait()
		rows := w.repaired(w.entity)
		for key := range made {
			if n := rows[fmt.Sprint(key)]; n != made[key].Load() {
				t.Errorf("row %d came to %d instead of %d", key, n, made[key].Load())
			}
		}
	})
}

func TestASideThatComesBackGetsEveryChangeOnce(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		for _, how := range []int32{gone, refuses, panics} {
			w.new.fails(how)
			for range 30 { // more than a writer makes up for by itself
				must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
			}
			if err := w.entity.Repair(t.Context()); how == gone && w.waiting() != 30 {
				t.Errorf("%d changes wait while the side is gone: %v", w.waiting(), err)
			}
			w.new.fails(well)
			must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
			w.repaired(w.entity)
		}
		if n := w.repaired(w.entity)["a"]; n != 94 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestAChangeThatTheOtherSideNeverTakesIsCopiedAsARow(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		must(t, w.new.db.Exec("UPDATE counters SET n = 999999").Error) // one more is refused
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		if w.waiting() != 1 {
			t.Errorf("%d changes wait", w.waiting())
		}
		if n := w.repaired(w.entity)["a"]; n != 2 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestARowThatTheOtherSideNeverHadIsCopiedBeforeItIsChanged(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.old.db.Exec("INSERT INTO counters VALUES ('a', 'acme', 40)").Error)
		for range 2 {
			must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		}
		if old, fresh := w.old.rows(t)["a"], w.new.rows(t)["a"]; old != 42 || fresh != 42 {
			t.Errorf("the sides have %d and %d", old, fresh)
		}
	})
}

func TestACommitThatWasNotConfirmedIsASuccess(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		lost := func() error { return errors.New("the connection was lost while committing") }
		for i, side := range []*database{w.old, w.new} {
			side.afterCommit.Store(&lost)
			if err := w.entity.Write(t.Context(), acme, "a", change{Add: 1}); err != nil {
				t.Errorf("the change was made, but: %v", err)
			}
			if n := w.repaired(w.entity)["a"]; n != int64(i+1) {
				t.Errorf("the row came to %d", n)
			}
		}
	})
}

func TestAnAuthorityThatIsGoneGetsTheChangeOnBothSidesOrNeither(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		for i, confirmed := range []bool{true, false} {
			leave := func() error {
				w.old.fails(gone)
				return errors.New("the connection was lost")
			}
			if confirmed { // it was committed, and then it was gone
				w.old.afterCommit.Store(&leave)
			} else {
				before := func(context.Context) error { return leave() }
				w.old.beforeWork.Store(&before)
			}
			if err := w.entity.Write(t.Context(), acme, "a", change{Add: 1}); !errors.Is(err, cutover.ErrUnknown) {
				t.Errorf("nobody knows, but the caller was told %v", err)
			}
			if n := len(w.new.rows(t)); n != i {
				t.Errorf("the other side has %d rows", n)
			}
			w.old.fails(well)
			if n := w.repaired(w.entity)["a"]; n != 1 {
				t.Errorf("the row came to %d", n)
			}
		}
	})
}

func TestAWriterThatSleptBeyondItsLeaseIsStoppedByTheNumbers(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		_, sleeper := w.instance(func(c *cutover.Config[string, counter, change, counter]) { c.Lease = time.Millisecond })
		for i, side := range []*database{w.old, w.new} {
			asleep, wake := make(chan struct{}), make(chan struct{})
			nap := func(context.Context) error {
				close(asleep)
				<-wake
				return nil
			}
			side.beforeWork.Store(&nap)
			done := make(chan error)
			go func() { done <- sleeper.Write(t.Context(), acme, "a", change{Add: 1}) }()
			<-asleep
			must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 100})) // waits until the lease is over
			close(wake)
			must(t, <-done)
			if n := w.repaired(w.entity)["a"]; n != int64(101*(i+1)) {
				t.Errorf("the row came to %d", n)
			}
		}
	})
}

func TestAJournalThatWasSetBackGoesOnFromTheSidesNumbers(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		for range 5 {
			must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		}
		must(t, w.journalDB.Exec("UPDATE cutover_keys SET number = 2, settled = 2").Error)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		must(t, w.journalDB.Exec("DELETE FROM cutover_keys").Error)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		if n := w.repaired(w.entity)["a"]; n != 7 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestAnAuthorityThatWasSetBackIsTheAuthorityAllTheSame(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		for range 5 {
			must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		}
		must(t, w.old.db.Exec("UPDATE counters SET n = 2").Error)
		must(t, w.old.db.Exec("UPDATE cutover_numbers SET number = 2").Error)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 10}))
		if n := w.repaired(w.entity)["a"]; n != 12 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestACallerWhoGivesUpLeavesTidySides(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		ctx, giveUp := context.WithCancel(t.Context())
		between := func() error { giveUp(); return nil }
		w.old.afterCommit.Store(&between)
		must(t, w.entity.Write(ctx, acme, "a", change{Add: 1}))
		if old, fresh := w.old.rows(t)["a"], w.new.rows(t)["a"]; old != 1 || fresh != 1 || w.waiting() != 0 {
			t.Errorf("the sides have %d and %d, and %d changes wait", old, fresh, w.waiting())
		}
		ctx, giveUp = context.WithCancel(t.Context())
		before := func(context.Context) error { giveUp(); return nil }
		w.old.beforeWork.Store(&before)
		if err := w.entity.Write(ctx, acme, "a", change{Add: 1}); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller gave up before the change was made, and was told %v", err)
		}
		if n := w.repaired(w.entity)["a"]; n != 1 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestTheNewAuthorityHasWhatWasWrittenBeforeItBecameThat(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.new.fails(gone)
		must(t, w.entity.Write(t.Context(), acme, "queued", change{Add: 1}))
		w.journalAway(true)
		must(t, w.entity.Write(t.Context(), acme, "marked", change{Add: 2}))
		w.journalAway(false)
		w.new.fails(well)
		s, next := w.instance(func(*cutover.Config[string, counter, change, counter]) {})
		s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true, Turn: 1})
		for key, wanted := range map[string]int64{"queued": 1, "marked": 2} {
			if c, err := next.Read(t.Context(), acme, key); err != nil || c.N != wanted {
				t.Errorf("the new authority answered %v, %v", c, err)
			}
		}
		w.stage.set(cutover.Place{Stage: ruleset.StageShadow, Moving: true})
		w.new.fails(gone) // another instance that still follows the authority before
		must(t, w.entity.Write(t.Context(), acme, "late", change{Add: 3}))
		w.new.fails(well)
		s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true, Turn: 1, Trailing: true})
		if c, err := next.Read(t.Context(), acme, "late"); err != nil || c.N != 3 {
			t.Errorf("the new authority answered %v, %v while another instance trails", c, err)
		}
	})
}

func TestALostSideDoesNotStopTheNewAuthority(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		leave := func(context.Context) error { w.old.fails(gone); return errDown }
		w.old.beforeWork.Store(&leave)
		if err := w.entity.Write(t.Context(), acme, "a", change{Add: 50}); !errors.Is(err, cutover.ErrUnknown) {
			t.Fatal(err)
		}
		w.stage.set(cutover.Place{Stage: ruleset.StageLive, Moving: true, Turn: 1})
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 100}))
		if c, err := w.entity.Read(t.Context(), acme, "a"); err != nil || c.N != 101 {
			t.Errorf("the new authority answered %v, %v", c, err)
		}
		w.old.fails(well)
		if n := w.repaired(w.entity)["a"]; n != 101 {
			t.Errorf("the row came to %d", n)
		}
	})
}
