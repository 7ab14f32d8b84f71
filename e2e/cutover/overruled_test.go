package cutover_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

// TestAChangeThatOthersGaveUpIsNotAcknowledged has a writer sleep between both sides, until its lease is over. Meanwhile the
// authority changes and the first side is gone, so that the next writer has to give the change up. Whoever takes a number that
// was given up for a change that was made tells the sleeper that its change is there, and then it is overwritten.
func TestAChangeThatOthersGaveUpIsNotAcknowledged(t *testing.T) {
	for name, wakes := range map[string]error{"and can write": nil, "and cannot write": errDown} {
		for _, writes := range []int64{1, 2} {
			t.Run(name, func(t *testing.T) {
				databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
					w := newWorld(t, empty)
					must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
					w.repaired(w.entity) // both sides have it, however slow the second one was
					_, sleeper := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
						c.Lease, c.Timeout = time.Millisecond, 20*time.Second
					})
					s, next := w.instance(asItIs)
					s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true})
					asleep, wake := make(chan struct{}), make(chan struct{})
					nap := func(context.Context) error {
						close(asleep)
						<-wake
						return wakes
					}
					w.new.beforeWork.Store(&nap)
					done := make(chan error)
					go func() { done <- sleeper.Write(t.Context(), acme, "a", change{Add: 10}) }()
					<-asleep
					w.old.fails(gone)
					for range writes {
						must(t, next.Write(t.Context(), acme, "a", change{Add: 100}))
					}
					close(wake)
					if err := <-done; !errors.Is(err, cutover.ErrUnknown) {
						t.Errorf("the change was given up, but its writer was told %v", err)
					}
					w.old.fails(well)
					if n := w.repaired(next)["a"]; n != 1+100*writes {
						t.Errorf("the row came to %d", n)
					}
				})
			})
		}
	}
}

// meanwhile is a store to which something happens, once, before it fails.
type meanwhile struct {
	cutover.Store
	happens func()
}

func (m *meanwhile) Within(ctx context.Context, do func(ctx context.Context) error) error {
	if happens := m.happens; happens != nil {
		m.happens = nil
		happens()
		return errDown
	}
	return m.Store.Within(ctx, do)
}

// TestAChangeThatItsWriterWithdrewIsNotMadeByOthers has a writer fail after its lease is over, while the next one, of another
// authority, looks at what it has announced. Whoever takes an announcement that is gone for a change that was made makes it.
func TestAChangeThatItsWriterWithdrewIsNotMadeByOthers(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		w.repaired(w.entity) // both sides have it, however slow the second one was
		_, sleeper := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Lease, c.Timeout = time.Millisecond, 20*time.Second
			c.New.Store = &meanwhile{c.New.Store, func() {}}
		})
		asleep, wake, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		nap := func(context.Context) error {
			close(asleep)
			<-wake
			return errDown
		}
		w.old.beforeWork.Store(&nap)
		go func() { done <- sleeper.Write(t.Context(), acme, "a", change{Add: 10}) }()
		<-asleep
		withdrawn := func() {
			close(wake)
			if err := <-done; err == nil || errors.Is(err, cutover.ErrUnknown) {
				t.Errorf("a write that its authority refused: %v", err)
			}
		}
		s, next := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Old.Store = &meanwhile{c.Old.Store, withdrawn}
		})
		s.set(cutover.Place{Stage: ruleset.StageLive, Moving: true})
		must(t, next.Write(t.Context(), acme, "a", change{Add: 100}))
		if n := w.repaired(next)["a"]; n != 101 {
			t.Errorf("the row came to %d", n)
		}
	})
}

// forgetful is a store that cannot mark once.
type forgetful struct {
	cutover.Store
	mark func() error
}

func (f *forgetful) Mark(ctx context.Context, entity string, keys []string) error {
	if f.mark != nil {
		return f.mark()
	}
	return f.Store.Mark(ctx, entity, keys)
}

// TestARowThatCannotBeMarkedIsFoundAllTheSame sets the journal back, which loses changes that wait, and has the writer that
// finds out give up when it cannot mark the row.
func TestARowThatCannotBeMarkedIsFoundAllTheSame(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		w.repaired(w.entity) // both sides have it, however slow the second one was
		w.queues("a")
		w.queues("a")
		must(t, w.journalDB.Exec("DELETE FROM cutover_intents").Error)
		must(t, w.journalDB.Exec("UPDATE cutover_keys SET number = number - 2, settled = number - 2").Error)
		ctx, giveUp := context.WithCancel(t.Context())
		store := &forgetful{Store: w.old}
		store.mark = func() error { giveUp(); return errDown }
		_, next := w.instance(func(c *cutover.Config[string, counter, change, counter]) { c.Old.Store = store })
		if err := next.Write(ctx, acme, "a", change{Add: 1}); err == nil {
			t.Fatal("the change was made although its writer gave up")
		}
		store.mark = nil
		if n := w.repaired(next)["a"]; n != 3 {
			t.Errorf("the row came to %d", n)
		}
	})
}
