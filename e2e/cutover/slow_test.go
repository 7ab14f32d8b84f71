package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
)

func TestASlowSideHoldsAWriterForNoMoreThanItMayTake(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		const queued, each = 100, 200 * time.Millisecond
		for range queued {
			w.queues("a")
		}
		_, next := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			c.Timeout = 2 * each
			apply := c.New.Apply
			c.New.Apply = func(ctx context.Context, key string, made change) error {
				<-time.After(each) // in time, for one change
				return apply(ctx, key, made)
			}
		})
		begun := time.Now()
		must(t, next.Write(t.Context(), acme, "a", change{Add: 1}))
		if took := time.Since(begun); took > queued*each/2 {
			t.Errorf("a writer made up for what a slow side lacks for %s", took)
		}
		if n := w.repaired(w.entity)["a"]; n != queued+2 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestOneWriterTriesWhetherASideStillHangs(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		_, next := w.instance(func(c *cutover.Config[string, counter, change, counter]) { c.Timeout = 300 * time.Millisecond })
		for n := range 16 {
			must(t, next.Write(t.Context(), acme, fmt.Sprint(n), change{Add: 1}))
		}
		w.new.fails(hangs)
		must(t, next.Write(t.Context(), acme, "0", change{Add: 1}))
		for w.new.ended.Load() < 2 {
			var all sync.WaitGroup
			for n := range 16 {
				all.Go(func() { must(t, next.Write(t.Context(), acme, fmt.Sprint(n), change{Add: 1})) })
			}
			all.Wait()
		}
		if n := w.new.ended.Load() - 1; n > 5 {
			t.Errorf("%d writers waited for a side that hangs", n)
		}
		w.new.fails(well)
		w.repaired(w.entity)
	})
}

func TestASlowAuthorityMayTakeAllTheTimeThatTheCallerHas(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		lost := func() error { w.old.fails(gone); return errDown }
		w.old.afterCommit.Store(&lost)
		if err := w.entity.Write(t.Context(), acme, "a", change{Add: 1}); !errors.Is(err, cutover.ErrUnknown) {
			t.Fatalf("a write whose answer was lost: %v", err)
		}
		w.old.fails(well)
		const timeout = 200 * time.Millisecond
		_, next := w.instance(func(c *cutover.Config[string, counter, change, counter]) { c.Timeout = timeout })
		slow := func(context.Context) error { <-time.After(2 * timeout); return nil }
		w.old.beforeWork.Store(&slow)
		if err := next.Write(t.Context(), acme, "a", change{Add: 1}); err != nil {
			t.Errorf("a write after one of which nobody knew whether it was made: %v", err)
		}
		if n := w.repaired(w.entity)["a"]; n != 2 {
			t.Errorf("the row came to %d", n)
		}
	})
}

func TestNothingWaitsForALockedFileLongerThanItsCaller(t *testing.T) {
	db := databases.SQLite(t)
	must(t, db.Exec("CREATE TABLE counters (n INTEGER)").Error)
	pool, err := db.DB()
	must(t, err)
	pool.SetMaxOpenConns(2) // one that holds the lock, one that waits
	lock := db.WithContext(t.Context()).Begin()
	must(t, lock.Error)

	for what, ask := range map[string]func(*gorm.DB) error{
		"a transaction": func(db *gorm.DB) error { return db.Transaction(func(*gorm.DB) error { return nil }) },
		"a statement":   func(db *gorm.DB) error { return db.Exec("INSERT INTO counters VALUES (1)").Error },
		"a prepared statement": func(db *gorm.DB) error {
			return db.Session(&gorm.Session{PrepareStmt: true}).Exec("INSERT INTO counters VALUES (1)").Error
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		begun := time.Now()
		err = ask(db.WithContext(ctx))
		if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took > 3*time.Second {
			t.Errorf("%s: after %s: %v", what, took, err)
		}
		cancel()
	}
	begins := make(chan error)
	waiting, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() {
		begins <- db.WithContext(waiting).Transaction(func(tx *gorm.DB) error { return tx.Exec("INSERT INTO counters VALUES (1)").Error })
	}()
	must(t, lock.Rollback().Error)
	must(t, <-begins)
}

// TestAScriptIsNotRunTwice waits for a file in the middle of several statements that were sent at once.
func TestAScriptIsNotRunTwice(t *testing.T) {
	db, other := databases.SQLite(t), databases.SQLite(t)
	must(t, errors.Join(db.Exec("CREATE TABLE counters (n INTEGER)").Error, other.Exec("CREATE TABLE others (n INTEGER)").Error))
	pool, err := db.DB()
	must(t, err)
	pool.SetMaxOpenConns(1)
	var file string
	must(t, other.Raw("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&file).Error)
	must(t, db.Exec("ATTACH ? AS held", file).Error)
	for what, session := range map[string]*gorm.Session{"sent": {}, "prepared": {PrepareStmt: true}} {
		must(t, db.Exec("DELETE FROM counters").Error)
		lock := other.Begin()
		must(t, lock.Error)
		time.AfterFunc(300*time.Millisecond, func() { lock.Rollback() })
		must(t, db.Session(session).Exec("INSERT INTO counters VALUES (1); INSERT INTO held.others VALUES (1);").Error)
		var n int64
		if must(t, db.Raw("SELECT count(*) FROM counters").Scan(&n).Error); n != 1 {
			t.Errorf("a script that was %s inserted %d rows, not one", what, n)
		}
	}
}
