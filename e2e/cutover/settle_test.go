package cutover_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

// byTenant gives each tenant its own stage.
type byTenant map[string]cutover.Place

func (b byTenant) Begin(s *ruleset.Subject, _ bool) (cutover.Place, error) { return b[s.Tenant], nil }

func (b byTenant) OnNew(tenant string) bool { return b[tenant].Stage.New() }

// live is an instance that has just come to the stage in which the new side is the authority.
func (w *world) live(with func(c *cutover.Config[string, counter, change, counter])) *counters {
	w.t.Helper()
	s, next := w.instance(with)
	s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true, Turn: 1})
	return next
}

func asItIs(*cutover.Config[string, counter, change, counter]) {}

// queues writes a row that only the old side has yet.
func (w *world) queues(key string) {
	w.t.Helper()
	w.new.fails(gone)
	must(w.t, w.entity.Write(w.t.Context(), acme, key, change{Add: 1}))
	w.new.fails(well)
}

func (w *world) has(entity *counters, key string, wanted int64) {
	w.t.Helper()
	if c, err := entity.Read(w.t.Context(), acme, key); err != nil || c.N != wanted {
		w.t.Errorf("the authority answered %v, %v", c, err)
	}
}

func TestEachAuthorityIsBroughtUpToDateForItsOwnTenants(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.queues("a")
		var config cutover.Config[string, counter, change, counter]
		w.instance(func(c *cutover.Config[string, counter, change, counter]) { config = *c })
		next, err := cutover.NewEntity(config, byTenant{
			"acme":   {Stage: ruleset.StageLive, Moving: true, Turn: 1},
			"globex": {Stage: ruleset.StageShadow, Moving: true, Turn: 1},
		})
		must(t, err)
		_, err = next.Read(t.Context(), ruleset.Subject{Tenant: "globex"}, "b") // the old side is up to date for it
		must(t, err)
		w.has(next, "a", 1)
	})
}

func TestACallerWhoGivesUpDoesNotEndTheWaitOfOthers(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.queues("a")
		next := w.live(asItIs)
		ctx, giveUp := context.WithCancel(t.Context())
		away := func(context.Context) error { giveUp(); return nil }
		w.new.beforeWork.Store(&away)
		_, _ = next.Read(ctx, acme, "a")
		w.has(next, "a", 1)
	})
}

func TestASideThatHangsLeavesTheCallerTimeToBeAnswered(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		must(t, w.old.Mark(t.Context(), "counters", []string{"a"}))
		next := w.live(func(c *cutover.Config[string, counter, change, counter]) {
			c.Timeout, c.Patience = 4*time.Second, 4*time.Second
			c.Old.Get = func(ctx context.Context, _ []string) ([]counter, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // no more than settling may take
		defer cancel()
		if c, err := next.Read(ctx, acme, "a"); err != nil || c.N != 1 {
			t.Errorf("the new authority answered %v, %v while the other side hangs", c, err)
		}
	})
}

func TestWhatWasMarkedComesToTheNewAuthorityWithoutTheJournal(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.journalAway(true)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		next := w.live(asItIs)
		w.has(next, "a", 1)
		must(t, next.Write(t.Context(), acme, "a", change{Add: 10}))
		w.journalAway(false)
		if n := w.repaired(next)["a"]; n != 11 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestARowThatIsWrittenAgainAndAgainStaysMarked(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		must(t, w.old.db.Exec("UPDATE counters SET n = 5").Error)
		must(t, w.old.Mark(t.Context(), "counters", []string{"a"}))
		var looks atomic.Int32
		_, busy := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			get := c.Old.Get
			c.Old.Get = func(ctx context.Context, keys []string) ([]counter, error) {
				if looks.Add(1) <= 3 {
					must(t, w.old.db.Exec("UPDATE cutover_numbers SET number = number + 1").Error)
				}
				return get(ctx, keys)
			}
		})
		if n := w.repaired(busy)["a"]; n != 5 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestAWriteToTheAuthorityAloneIsNotOverwrittenByAnOldMark(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		must(t, w.old.Mark(t.Context(), "counters", []string{"a"}))
		s, next := w.instance(asItIs)
		s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true})
		between := func(ctx context.Context) error {
			w.journalAway(true)
			defer w.journalAway(false)
			return next.Write(ctx, acme, "a", change{Add: 100})
		}
		w.new.beforeWork.Store(&between)
		if n := w.repaired(next)["a"]; n != 101 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestASideThatHangsHoldsNoRowsOfTheAuthority(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		must(t, w.old.Mark(t.Context(), "counters", []string{"a"}))
		hanging := make(chan struct{}, 10)
		s, next := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Timeout = 300 * time.Millisecond
			c.Old.Get = func(ctx context.Context, _ []string) ([]counter, error) {
				hanging <- struct{}{}
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true})
		repairing, end := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- next.Repair(repairing) }()
		<-hanging
		ctx, cancel := context.WithTimeout(t.Context(), leisure) // the repair goes on until it is ended below
		defer cancel()
		if err := next.Write(ctx, acme, "a", change{Add: 1}); err != nil {
			t.Errorf("a write to the authority failed while the other side hangs: %v", err)
		}
		end()
		<-done
	})
}

func TestAJournalThatHangsBetweenDoesNotHoldAWriter(t *testing.T) {
	w := newWorld(t, func() *gorm.DB { return databases.Postgres(t) })
	must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
	w.queues("a")
	_, next := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
		c.Timeout, c.JournalTimeout, c.Lease = 300*time.Millisecond, 300*time.Millisecond, time.Second // which the journal cannot be told to end
	})
	lock := w.journalDB.Begin()
	must(t, lock.Error)
	stops := func(context.Context) error {
		return lock.Exec("LOCK TABLE cutover_intents IN ACCESS EXCLUSIVE MODE").Error
	}
	w.new.beforeWork.Store(&stops) // the change before is made up for, and cannot be struck off
	done := make(chan error, 1)
	go func() { done <- next.Write(t.Context(), acme, "a", change{Add: 1}) }()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(time.Minute):
		t.Error("the writer waits for the journal")
	}
	must(t, lock.Rollback().Error)
	if n := w.repaired(next)["a"]; n != 3 {
		t.Errorf("the row came to %d", n)
	}
}
