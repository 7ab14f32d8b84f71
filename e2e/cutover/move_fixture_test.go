package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/internal/sqlitetest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// guest is a row that is moved.
type guest struct {
	ID     string `gorm:"primaryKey"`
	Tenant string
	Name   string
}

// renamed is a change of a guest: another name, or none at all.
type renamed struct {
	Tenant, Name string
	Gone         bool
}

type guests = cutover.Entity[string, []guest, renamed, guest]

// move is an entity on its way between two databases, with the flags that say where it is.
type move struct {
	t          *testing.T
	flags      *models.Store
	changes    *changes.Changes
	journal    *cutover.Journal
	old, fresh *gorm.DB
	down       [2]atomic.Bool        // a side that is not reached
	touched    [2]atomic.Int64       // queries and changes that came to a side
	scanned    [2]atomic.Int64       // rows that were read to be copied or compared
	onScan     [2]atomic.Value       // of func(): what happens before that
	held       atomic.Pointer[latch] // changes wait here
}

// latch holds those who come until it is opened.
type latch struct{ came, open chan struct{} }

// onMoves runs a test on each kind of database.
func onMoves(t *testing.T, run func(m *move)) {
	t.Run("SQLite", func(t *testing.T) {
		store, err := sqlite.Open(t.Context(), sqlitetest.File(t))
		must(t, err)
		run(newMove(t, store, func() *gorm.DB { return databases.SQLite(t) }))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		store, err := models.Open(t.Context(), pgtest.URL(t))
		must(t, err)
		run(newMove(t, store, func() *gorm.DB { return databases.Postgres(t) }))
	})
}

func newMove(t *testing.T, store *models.Store, empty func() *gorm.DB) *move {
	t.Cleanup(func() { must(t, store.Close()) })
	m := &move{t: t, flags: store, changes: changes.New(store), journal: cutover.NewJournal(empty()), old: empty(), fresh: empty()}
	must(t, m.journal.Prepare(t.Context()))
	for _, db := range []*gorm.DB{m.old, m.fresh} {
		must(t, cutover.GORM(db).Prepare(t.Context()))
		must(t, db.Exec("CREATE TABLE guests (id VARCHAR(100) PRIMARY KEY, tenant VARCHAR(100) NOT NULL, name VARCHAR(100) NOT NULL)").Error)
	}
	m.publishes(changes.PutFlag{
		About: &changes.FlagDocument{Key: "guests", Title: "Guests", Kind: ruleset.Migration, Type: ruleset.String},
		Flag:  &ruleset.Flag{Key: "guests", Enabled: true, Off: "off", Otherwise: "off", Default: "off"},
	})
	return m
}

func (m *move) publishes(edits ...changes.Edit) changes.Published {
	m.t.Helper()
	published, err := m.changes.Publish(m.t.Context(), changes.Change{Environment: development, Author: "ann", Reason: "a test", Edits: edits})
	must(m.t, err)
	return published
}

const development = "development"

// goes sets everybody's stage but that of tenants with rules, as soon as that is allowed.
func (m *move) goes(stage ruleset.Stage, rules ...ruleset.Rule) {
	m.t.Helper()
	m.until("step to "+stage.String(), func() error {
		versions, err := m.changes.Versions(m.t.Context(), development)
		if err != nil {
			return err
		}
		_, err = m.changes.Publish(m.t.Context(), changes.Change{Environment: development, Author: "ann", Reason: "a step", Edits: []changes.Edit{
			changes.SetStage{Flag: "guests", Stage: stage.String(), Rules: &rules, Base: versions[changes.Item{Kind: changes.ItemFlag, Key: "guests"}]},
		}})
		return err
	})
}

// until waits until something works.
func (m *move) until(what string, works func() error) {
	m.t.Helper()
	var err error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = works(); err == nil {
			return
		}
	}
	m.t.Fatalf("%s: %v", what, err)
}

// side is one of the databases, until it is down.
func (m *move) side(which int, db *gorm.DB) cutover.Side[string, []guest, renamed, guest] {
	reached := func() error {
		if m.down[which].Load() {
			return errNotReached
		}
		return nil
	}
	return cutover.Side[string, []guest, renamed, guest]{
		Store: fragile{cutover.GORM(db), reached},
		Read: func(ctx context.Context, tenant string) (rows []guest, err error) {
			m.touched[which].Add(1)
			err = errors.Join(reached(), cutover.DB(ctx, db).Where("tenant = ?", tenant).Order("id").Find(&rows).Error)
			return rows, err
		},
		Apply: func(ctx context.Context, key string, c renamed) error {
			m.touched[which].Add(1)
			if l := m.held.Load(); l != nil {
				l.came <- struct{}{}
				<-l.open
			}
			if c.Gone {
				return cutover.DB(ctx, db).Exec("DELETE FROM guests WHERE id = ?", key).Error
			}
			return cutover.DB(ctx, db).Exec("INSERT INTO guests (id, tenant, name) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name", key, c.Tenant, c.Name).Error
		},
		Scan: func(ctx context.Context, after string, limit int) (rows []guest, err error) {
			if f, ok := m.onScan[which].Load().(func()); ok {
				f()
			}
			err = errors.Join(reached(), db.WithContext(ctx).Where("id > ?", after).Order("id").Limit(limit).Find(&rows).Error)
			m.scanned[which].Add(int64(len(rows)))
			return rows, err
		},
		Get: func(ctx context.Context, keys []string) (rows []guest, err error) {
			err = errors.Join(reached(), cutover.DB(ctx, db).Where("id IN ?", keys).Find(&rows).Error)
			return rows, err
		},
		Put: func(ctx context.Context, rows []guest) error { return cutover.DB(ctx, db).Save(&rows).Error },
		Remove: func(ctx context.Context, keys []string) error {
			return cutover.DB(ctx, db).Exec("DELETE FROM guests WHERE id IN ?", keys).Error
		},
	}
}

var errNotReached = errors.New("the database is down")

// fragile is a Store whose transactions fail while its database is down.
type fragile struct {
	cutover.Store
	reached func() error
}

func (f fragile) Within(ctx context.Context, do func(ctx context.Context) error) error {
	if err := f.reached(); err != nil {
		return err
	}
	return f.Store.Within(ctx, do)
}

// fills puts rows into the old database, as they were before anybody thought of moving them.
func (m *move) fills(n int) {
	m.t.Helper()
	for i := 0; i < n; i += 500 {
		var rows []guest
		for j := i; j < min(n, i+500); j++ {
			rows = append(rows, guest{fmt.Sprintf("g%06d", j), fmt.Sprintf("t%d", j%5), "first"})
		}
		must(m.t, m.old.Create(&rows).Error)
	}
}

// instance is one process that moves guests.
type instance struct {
	*cutover.Cutover
	flags  *service.FeatureFlagService
	guests *guests
	stop   func()
}

// starts starts an instance. It ends with the test, if it is not stopped before.
func (m *move) starts(change ...func(*service.Config, *cutover.Options)) *instance {
	m.t.Helper()
	config := service.Config{Source: m.flags, Environment: development, Poll: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)}
	options := cutover.Options{Journal: m.journal, Store: m.flags, Tell: 50 * time.Millisecond, Batch: 100, Logger: slog.New(slog.DiscardHandler),
		StepBack: func(ctx context.Context, s cutover.StepBack) error {
			_, err := m.changes.StepBack(ctx, changes.StepBack(s))
			return err
		}}
	for _, f := range change {
		f(&config, &options)
	}
	flags, err := service.New(m.t.Context(), config)
	must(m.t, err)
	options.Flags = flags
	c, err := cutover.New(options)
	must(m.t, err)
	entity, err := cutover.Add(c, cutover.Config[string, []guest, renamed, guest]{
		Flag: "guests", Old: m.side(0, m.old), New: m.side(1, m.fresh),
		Key: func(g guest) string { return g.ID }, Tenant: func(g guest) string { return g.Tenant },
		Timeout: leisure, Lease: leisure,
	})
	must(m.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = flags.Run(ctx) })
	running.Go(func() { _ = c.Run(ctx) })
	stop := func() { cancel(); running.Wait() }
	m.t.Cleanup(stop)
	return &instance{c, flags, entity, stop}
}

// follows waits until an instance has acknowledged the newest revision.
func (m *move) follows(on *instance) {
	m.t.Helper()
	m.until("follow the newest revision", func() error {
		head, err := m.flags.Head(m.t.Context(), development)
		if err != nil {
			return err
		}
		for _, row := range m.told() {
			if row.Instance == on.Instance() && row.Revision == head.ID.Number {
				return nil
			}
		}
		return errors.New("not yet")
	})
}

// told is what instances told.
func (m *move) told() []models.CutoverInstance {
	m.t.Helper()
	rows, err := m.flags.CutoverInstances(m.t.Context(), development, time.Time{})
	must(m.t, err)
	return rows
}

// writes changes a guest, which must succeed.
func (m *move) writes(on *instance, key string, change renamed) {
	m.t.Helper()
	must(m.t, on.guests.Write(m.t.Context(), ruleset.Subject{Tenant: change.Tenant}, key, change))
}

// copied waits until everything was copied and compared.
func (m *move) copied() models.CutoverProgress {
	m.t.Helper()
	var row models.CutoverProgress
	m.until("copy and compare", func() (err error) {
		if row, err = m.flags.CutoverProgress(m.t.Context(), development, "guests"); err == nil && row.State != models.CutoverDone {
			err = fmt.Errorf("it is at %+v", row)
		}
		return err
	})
	return row
}

// equal waits until both sides have the same rows, and says what differs if they do not come together.
func (m *move) equal() {
	m.t.Helper()
	m.until("come together", func() error {
		old, fresh := m.rows(m.old), m.rows(m.fresh)
		var differences []string
		for key, row := range old {
			if fresh[key] != row {
				differences = append(differences, fmt.Sprintf("%v is %v on the new side", row, fresh[key]))
			}
		}
		for key, row := range fresh {
			if _, ok := old[key]; !ok {
				differences = append(differences, fmt.Sprintf("%v is not on the old side", row))
			}
		}
		if len(differences) > 0 {
			return fmt.Errorf("%d rows differ: %s", len(differences), strings.Join(differences[:min(3, len(differences))], "; "))
		}
		return nil
	})
}

func (m *move) rows(db *gorm.DB) map[string]guest {
	m.t.Helper()
	var rows []guest
	must(m.t, db.Find(&rows).Error)
	all := make(map[string]guest, len(rows))
	for _, row := range rows {
		all[row.ID] = row
	}
	return all
}
