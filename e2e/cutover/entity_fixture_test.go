package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/ruleset"
)

// counter is a row whose changes add up: one that is made twice, or not at all, shows.
type counter struct {
	ID     string `gorm:"primaryKey"`
	Tenant string
	N      int64
}

type change struct{ Add int64 }

type counters = cutover.Entity[string, counter, change, counter]
type countersSide = cutover.Side[string, counter, change, counter]

var acme = ruleset.Subject{Tenant: "acme"}

// How a side may fail.
const (
	well = iota
	refuses
	panics
	hangs
	gone // nothing of it can be reached
)

var errDown = errors.New("the connection was refused")

// database is one side, which fails as it is told to.
type database struct {
	cutover.Store
	name  string
	db    *gorm.DB
	mode  atomic.Int32
	ended atomic.Int32                       // calls that hung to their end
	hung  atomic.Pointer[context.CancelFunc] // once: whoever asked gives up as the side begins to hang
	calls *trace

	afterCommit atomic.Pointer[func() error]                    // once: what a commit says
	beforeWork  atomic.Pointer[func(ctx context.Context) error] // once, before a transaction
}

func (d *database) works(ctx context.Context) error {
	switch d.mode.Load() {
	case refuses, gone:
		return errDown
	case panics:
		panic("out of luck")
	case hangs:
		if giveUp := d.hung.Swap(nil); giveUp != nil {
			(*giveUp)()
		}
		<-ctx.Done()
		d.ended.Add(1)
		return ctx.Err()
	}
	return nil
}

// Within is the store's, with what happens before and after it.
func (d *database) Within(ctx context.Context, do func(ctx context.Context) error) error {
	if before := d.beforeWork.Swap(nil); before != nil {
		if err := (*before)(ctx); err != nil {
			return err
		}
	}
	if err := d.Store.Within(ctx, do); err != nil {
		return err
	}
	if after := d.afterCommit.Swap(nil); after != nil {
		return (*after)()
	}
	return nil
}

func (d *database) Numbers(ctx context.Context, entity string, keys []string) (map[string]cutover.Number, error) {
	if d.mode.Load() == gone {
		return nil, errDown
	}
	return d.Store.Numbers(ctx, entity, keys)
}

func (d *database) Step(ctx context.Context, entity, key string, n int64) (bool, error) {
	if d.mode.Load() == gone {
		return false, errDown
	}
	return d.Store.Step(ctx, entity, key, n)
}

func (d *database) side() countersSide {
	at := func(ctx context.Context) *gorm.DB { return cutover.DB(ctx, d.db).Table("counters") }
	return countersSide{
		Store: d,
		Read: func(ctx context.Context, id string) (c counter, err error) {
			d.calls.add("read " + d.name)
			if err := d.works(ctx); err != nil {
				return counter{}, err
			}
			return c, at(ctx).Where("id = ?", id).Limit(1).Find(&c).Error
		},
		Apply: func(ctx context.Context, key string, c change) error {
			d.calls.add("write " + d.name)
			if err := d.works(ctx); err != nil {
				return err
			}
			return cutover.DB(ctx, d.db).Exec("INSERT INTO counters (id, tenant, n) VALUES (?, 'acme', ?) ON CONFLICT (id) DO UPDATE SET n = counters.n + excluded.n", key, c.Add).Error
		},
		Scan: func(ctx context.Context, after string, limit int) (rows []counter, err error) {
			return rows, at(ctx).Where("id > ?", after).Order("id").Limit(limit).Find(&rows).Error
		},
		Get: func(ctx context.Context, keys []string) (rows []counter, err error) {
			return rows, at(ctx).Where("id IN ?", keys).Find(&rows).Error
		},
		Put: func(ctx context.Context, rows []counter) error {
			for _, row := range rows {
				err := cutover.DB(ctx, d.db).Exec("INSERT INTO counters (id, tenant, n) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET n = excluded.n", row.ID, row.Tenant, row.N).Error
				if err != nil {
					return err
				}
			}
			return nil
		},
		Remove: func(ctx context.Context, keys []string) error {
			return cutover.DB(ctx, d.db).Exec("DELETE FROM counters WHERE id IN ?", keys).Error
		},
	}
}

func (d *database) rows(t testing.TB) map[string]int64 {
	t.Helper()
	var rows []counter
	must(t, d.db.Table("counters").Find(&rows).Error)
	found := map[string]int64{}
	for _, row := range rows {
		found[row.ID] = row.N
	}
	return found
}

// trace keeps the order of calls.
type trace struct {
	mu    sync.Mutex
	calls []string
}

func (t *trace) add(call string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, call)
}

// seen returns the calls of one kind so far.
func (t *trace) seen(kind string) (calls []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, call := range t.calls {
		if side, ok := strings.CutPrefix(call, kind+" "); ok {
			calls = append(calls, side)
		}
	}
	return calls
}

func (t *trace) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = nil
}

// stage is a stage that a test sets.
type stage struct{ at atomic.Pointer[cutover.Place] }

func (s *stage) set(p cutover.Place) { s.at.Store(&p) }

func (s *stage) Begin(*ruleset.Subject, bool) (cutover.Place, error) { return *s.at.Load(), nil }

func (s *stage) OnNew(string) bool { return s.at.Load().Stage.New() }

// world is an entity's two databases and its journal.
type world struct {
	t         testing.TB
	old, new  *database
	journalDB *gorm.DB
	journal   *cutover.Journal
	calls     *trace
	stage     *stage
	entity    *counters
}

func newWorld(t testing.TB, empty func() *gorm.DB) *world {
	t.Helper()
	w := &world{t: t, journalDB: empty(), calls: &trace{}}
	w.journal = cutover.NewJournal(w.journalDB)
	must(t, w.journal.Prepare(t.Context()))
	for name, d := range map[string]**database{"old": &w.old, "new": &w.new} {
		db := empty()
		must(t, db.Exec("CREATE TABLE counters (id VARCHAR(64) PRIMARY KEY, tenant VARCHAR(64) NOT NULL, n BIGINT NOT NULL CHECK (n < 1000000))").Error)
		store := cutover.GORM(db)
		must(t, store.Prepare(t.Context()))
		*d = &database{Store: store, name: name, db: db, calls: w.calls}
	}
	w.stage, w.entity = w.instance(func(*cutover.Config[string, counter, change, counter]) {})
	return w
}

// leisure is what sides and the journal may take where a test does not say otherwise: so much that a machine which stalls for a
// moment makes nobody give up on them.
const leisure = 20 * time.Second

// instance is one more instance that moves the entity.
func (w *world) instance(with func(c *cutover.Config[string, counter, change, counter])) (*stage, *counters) {
	w.t.Helper()
	s := &stage{}
	s.set(cutover.Place{Stage: ruleset.StageShadow, Moving: true})
	config := cutover.Config[string, counter, change, counter]{
		Flag: "counters", Old: w.old.side(), New: w.new.side(), Journal: w.journal,
		Key: func(c counter) string { return c.ID }, Tenant: func(c counter) string { return c.Tenant },
		Timeout: leisure, JournalTimeout: leisure, Patience: leisure, Lease: leisure, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	with(&config)
	e, err := cutover.NewEntity(config, s)
	must(w.t, err)
	return s, e
}

// repaired repairs until nothing waits, and checks that both sides have the same rows.
func (w *world) repaired(entity *counters) map[string]int64 {
	w.t.Helper()
	var last error
	eventually(w.t, func() string {
		last = entity.Repair(w.t.Context())
		if n := w.waiting(); n > 0 {
			return fmt.Sprintf("%d changes and marks wait: %v", n, last)
		}
		return ""
	})
	old, fresh := w.old.rows(w.t), w.new.rows(w.t)
	if !maps.Equal(old, fresh) {
		w.t.Fatalf("the old side has %v\nthe new side has %v", old, fresh)
	}
	return old
}

// waiting counts what has to be repaired.
func (w *world) waiting() (n int64) {
	w.t.Helper()
	must(w.t, w.journalDB.Raw("SELECT count(*) FROM cutover_intents").Scan(&n).Error)
	for _, d := range []*database{w.old, w.new} {
		var marks int64
		must(w.t, d.db.Raw("SELECT count(*) FROM cutover_marks").Scan(&marks).Error)
		n += marks
	}
	return n
}

// journalAway takes the journal's tables away, and brings them back.
func (w *world) journalAway(away bool) {
	w.t.Helper()
	rename := "ALTER TABLE cutover_keys RENAME TO cutover_keys_away"
	if !away {
		rename = "ALTER TABLE cutover_keys_away RENAME TO cutover_keys"
	}
	must(w.t, w.journalDB.Exec(rename).Error)
}

func (d *database) fails(how int32) { d.mode.Store(how) }

func (w *world) side(name string) *database {
	if name == "old" {
		return w.old
	}
	return w.new
}

// eventually waits until nothing is left to complain of.
func eventually(t testing.TB, complaint func() string) {
	t.Helper()
	ends := time.Now().Add(2 * time.Minute)
	for {
		why := complaint()
		if why == "" {
			return
		}
		if time.Now().After(ends) {
			t.Fatal(why)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func sorted(values []string) []string { return slices.Sorted(slices.Values(values)) }

// waitingOn counts a side's marks.
func (w *world) waitingOn(d *database) (n int64) {
	w.t.Helper()
	must(w.t, d.db.Raw("SELECT count(*) FROM cutover_marks").Scan(&n).Error)
	return n
}
