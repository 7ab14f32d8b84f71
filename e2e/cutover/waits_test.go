package cutover_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

// silent is a store that says nothing of its marks.
type silent struct{ cutover.Store }

func (silent) Marked(ctx context.Context, _ string, _ int) ([]cutover.Mark, int64, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

func (silent) MarkedAmong(ctx context.Context, _ string, _ []string) ([]cutover.Mark, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestASlowSideDelaysNobodyOfWhomNothingWaits has many calls while other instances may follow the authority before, and that
// side does not answer.
func TestASlowSideDelaysNobodyOfWhomNothingWaits(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		s, next := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Old.Store, c.Patience = silent{c.Old.Store}, 500*time.Millisecond
		})
		s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true, Turn: 1, Trailing: true})
		began := time.Now()
		for range 200 { // the first may wait
			if _, err := next.Read(t.Context(), acme, "a"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("200 reads took %v while the side that is not the authority is silent", took)
		}
	})
}

func TestWhatComesToLightAfterTheFirstAttemptIsReadToo(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.queues("a")
		next := w.live(asItIs)
		w.old.fails(gone)
		for range 3 { // it cannot be made up for: nobody is kept from an answer
			_, err := next.Read(t.Context(), acme, "b")
			must(t, err)
		}
		w.old.fails(well)
		eventually(t, func() string {
			if c, err := next.Read(t.Context(), acme, "a"); err != nil || c.N != 1 {
				return "the authority does not have the change after the other side is back, though nobody but readers works"
			}
			return ""
		})
	})
}

// TestWritesThatCannotBeAnnouncedAreNotLostBetweenTwoAuthorities has two instances, one step apart, write the same row without
// the journal.
func TestWritesThatCannotBeAnnouncedAreNotLostBetweenTwoAuthorities(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		s, next := w.instance(asItIs)
		s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true, Turn: 1, Trailing: true})
		w.journalAway(true)
		const each = 10
		var wait sync.WaitGroup
		for _, entity := range []*counters{w.entity, next} {
			wait.Go(func() {
				for range each {
					if err := entity.Write(t.Context(), acme, "a", change{Add: 1}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		w.journalAway(false)
		if n := w.repaired(next)["a"]; n != 1+2*each {
			t.Errorf("the row came to %d, but %d changes were acknowledged", n, 1+2*each)
		}
	})
}

// TestAWriteThatTakesOverARowDoesNotWaitForItself has the next authority write, without the journal, what is marked on the side
// before it, whose number it holds meanwhile.
func TestAWriteThatTakesOverARowDoesNotWaitForItself(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		s, next := w.instance(asItIs)
		s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true})
		w.journalAway(true)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		began := time.Now()
		must(t, next.Write(t.Context(), acme, "a", change{Add: 1}))
		if took := time.Since(began); took > leisure/4 { // half of its patience it would wait for itself at least
			t.Errorf("it took %v", took)
		}
		if n := w.waitingOn(w.old); n != 0 {
			t.Errorf("the old side has %d marks of what was taken over", n)
		}
		w.journalAway(false)
		if n := w.repaired(next)["a"]; n != 3 {
			t.Errorf("the row came to %d", n)
		}
	})
}

// unhurried is a store that takes a moment to remove marks.
type unhurried struct {
	cutover.Store
	begins chan struct{}
}

func (u unhurried) Unmark(ctx context.Context, entity string, marks []cutover.Mark) error {
	close(u.begins)
	<-time.After(40 * time.Millisecond)
	return u.Store.Unmark(ctx, entity, marks)
}

// TestAWriteWaitsForTheOneBeforeToRemoveMarks has the next authority write between the commit of a write that took over its
// row and the removal of the marks that said so. Whoever goes on with them takes its own row for the newest.
func TestAWriteWaitsForTheOneBeforeToRemoveMarks(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		s, next := w.instance(asItIs)
		s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true})
		begins := make(chan struct{})
		_, before := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.New.Store = unhurried{c.New.Store, begins}
		})
		w.journalAway(true)
		must(t, next.Write(t.Context(), acme, "a", change{Add: 1}))
		done := make(chan error)
		go func() { done <- before.Write(t.Context(), acme, "a", change{Add: 10}) }()
		<-begins
		must(t, next.Write(t.Context(), acme, "a", change{Add: 100}))
		must(t, <-done)
		w.journalAway(false)
		if n := w.repaired(next)["a"]; n != 112 {
			t.Errorf("the row came to %d", n)
		}
	})
}
