package router_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

const development = "development"

// move is a host whose tables move by a flag, as a real Cutover moves them.
type move struct {
	t          *testing.T
	store      *models.Store
	changes    *changes.Changes
	journal    *cutover.Journal
	connect    [2]func() *gorm.DB // one more connection to a side
	old, fresh *gorm.DB           // the sides themselves
	hosts      []*host
	servers    [2]*pgtest.Private // if the sides are servers of their own
}

// onServers is a move between two PostgreSQL servers that can be stopped.
func onServers(t *testing.T) *move {
	t.Helper()
	m := &move{t: t}
	for side := range 2 {
		server := pgtest.Server(t)
		m.servers[side] = server
		m.connect[side] = func() *gorm.DB {
			db, err := gorm.Open(postgres.Open(server.URL()), &gorm.Config{Logger: logger.Discard, DisableAutomaticPing: true})
			return databases.Closing(t, db, err)
		}
	}
	return m.begins()
}

// onFiles is a move between two SQLite files.
func onFiles(t *testing.T) *move {
	t.Helper()
	m := &move{t: t}
	for side := range 2 {
		path := filepath.Join(t.TempDir(), "rows.db")
		m.connect[side] = func() *gorm.DB {
			db, err := sqlite.GORM(path, &gorm.Config{Logger: logger.Discard})
			return databases.Closing(t, db, err)
		}
	}
	return m.begins()
}

func (m *move) begins() *move {
	store, err := sqlite.Open(m.t.Context(), filepath.Join(m.t.TempDir(), "flags.db"))
	must(m.t, err)
	m.t.Cleanup(func() { must(m.t, store.Close()) })
	pool, err := store.SQL()
	must(m.t, err)
	_, err = migrations.Up(m.t.Context(), pool, migrations.SQLite)
	must(m.t, err)
	m.store, m.changes, m.journal = store, changes.New(store), cutover.NewJournal(databases.SQLite(m.t))
	must(m.t, m.journal.Prepare(m.t.Context()))
	m.old, m.fresh = m.connect[0](), m.connect[1]()
	for _, side := range []*gorm.DB{m.old, m.fresh} {
		must(m.t, cutover.GORM(side).Prepare(m.t.Context()))
		makeTables(m.t, side)
	}
	_, err = m.changes.Publish(m.t.Context(), changes.Change{Environment: development, Author: "ann", Reason: "a test", Edits: []changes.Edit{changes.PutFlag{
		About: &changes.FlagDocument{Key: "clients", Title: "Clients", Kind: ruleset.Migration, Type: ruleset.String},
		Flag:  &ruleset.Flag{Key: "clients", Enabled: true, Off: "off", Otherwise: "off", Default: "off"},
	}}})
	must(m.t, err)
	return m
}

// host is one instance.
type host struct {
	db     *gorm.DB // routed
	tables *cutover.Tables
	stop   func()
	ended  bool
}

// at is the host's connection for a tenant.
func (h *host) at(tenant string) *gorm.DB {
	return h.db.WithContext(cutover.WithTenant(context.Background(), tenant))
}

// starts starts an instance, which ends with the test.
func (m *move) starts() *host {
	m.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	flags, err := service.New(m.t.Context(), service.Config{Source: m.store, Environment: development, Poll: 50 * time.Millisecond, Logger: quiet})
	must(m.t, err)
	c, err := cutover.New(cutover.Options{Flags: flags, Journal: m.journal, Store: m.store, Tell: 50 * time.Millisecond, Batch: 100, Logger: quiet,
		StepBack: func(ctx context.Context, s cutover.StepBack) error {
			_, err := m.changes.StepBack(ctx, changes.StepBack(s))
			return err
		}})
	must(m.t, err)
	h := &host{db: m.connect[0]()}
	fresh := m.connect[1]()
	h.tables, err = cutover.AddTables(c, cutover.TablesConfig{
		Flag: "clients", Old: h.db, New: fresh, Models: []any{&client{}, &note{}}, Timeout: time.Second,
	})
	must(m.t, err)
	must(m.t, h.db.Use(cutover.Router{
		New: fresh, Tables: []cutover.Table{{Model: &client{}, Entity: h.tables}, {Model: &note{}, Entity: h.tables}},
		Handover: 2 * time.Second,
	}))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = flags.Run(ctx) })
	running.Go(func() { _ = c.Run(ctx) })
	h.stop = func() { h.ended = true; cancel(); running.Wait() }
	m.hosts = append(m.hosts, h)
	m.t.Cleanup(h.stop)
	return h
}

// goes steps to a stage as soon as that is allowed, and waits until all instances follow it.
func (m *move) goes(stage ruleset.Stage) {
	m.t.Helper()
	var number int64
	m.until("step to "+stage.String(), func() error {
		versions, err := m.changes.Versions(m.t.Context(), development)
		if err != nil {
			return err
		}
		published, err := m.changes.Publish(m.t.Context(), changes.Change{Environment: development, Author: "ann", Reason: "a step", Edits: []changes.Edit{
			changes.SetStage{Flag: "clients", Stage: stage.String(), Rules: &[]ruleset.Rule{}, Base: versions[changes.Item{Kind: changes.ItemFlag, Key: "clients"}]},
		}})
		number = published.Number
		return err
	})
	m.until("follow the step to "+stage.String(), func() error {
		behind, err := m.store.CutoverBehind(m.t.Context(), development, "clients", number)
		if err == nil && len(behind) > 0 {
			err = fmt.Errorf("%d are behind", len(behind))
		}
		return err
	})
}

// copied waits until everything was copied and compared.
func (m *move) copied() (row models.CutoverProgress) {
	m.t.Helper()
	m.until("copy and compare", func() (err error) {
		if row, err = m.store.CutoverProgress(m.t.Context(), development, "clients"); err == nil && row.State != models.CutoverDone {
			err = fmt.Errorf("it is at %+v", row)
		}
		return err
	})
	return row
}

// equal waits until both sides have the same rows, nothing waits to be copied, and the instances know that.
func (m *move) equal() {
	m.t.Helper()
	m.until("come together", func() error {
		for _, h := range m.hosts {
			if s := h.tables.Stats(); !h.ended && len(s.UncopiedOld)+len(s.UncopiedNew) > 0 {
				return fmt.Errorf("an instance has not copied what it wrote for %v and %v", s.UncopiedOld, s.UncopiedNew)
			}
		}
		for _, side := range []*gorm.DB{m.old, m.fresh} {
			var n int64
			if err := side.Raw("SELECT count(*) FROM cutover_marks").Scan(&n).Error; err != nil || n > 0 {
				return errors.Join(err, fmt.Errorf("%d rows are marked", n))
			}
		}
		if a, b := rows[client](m.t, m.old), rows[client](m.t, m.fresh); !reflect.DeepEqual(a, b) {
			return fmt.Errorf("the old side has %+v\nthe new side has %+v", a, b)
		}
		if a, b := rows[note](m.t, m.old), rows[note](m.t, m.fresh); !reflect.DeepEqual(a, b) {
			return fmt.Errorf("the old side has %+v\nthe new side has %+v", a, b)
		}
		return nil
	})
}

// until waits until something works.
func (m *move) until(what string, works func() error) {
	m.t.Helper()
	var err error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if err = works(); err == nil {
			return
		}
	}
	m.t.Fatalf("%s: %v", what, err)
}

// uses makes statements of each kind for a tenant, of which none may fail.
func (h *host) uses(tenant, name string) error {
	db := h.at(tenant)
	first := &client{Tenant: tenant, Name: name, Notes: []note{{Slug: "a", Text: "one"}, {Slug: "b", Text: "two"}}}
	several := []client{{Tenant: tenant, Name: name + " 2"}, {Tenant: tenant, Name: name + " 3"}, {Tenant: tenant, Name: name + " 4"}}
	var found client
	var seen int
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"create with what belongs to it", func() error { return db.Create(first).Error }},
		{"create in batches", func() error { return db.CreateInBatches(several, 2).Error }},
		{"preload", func() error {
			return errors.Join(db.Preload("Notes").First(&found, "name = ?", name).Error, are(len(found.Notes), 2))
		}},
		{"update", func() error {
			return db.Model(&client{}).Where("name = ?", name).Update("visits", gorm.Expr("visits + 1")).Error
		}},
		{"transaction", func() error {
			return db.Transaction(func(tx *gorm.DB) error {
				var c client
				err := errors.Join(tx.First(&c, "name = ?", name).Error, tx.Model(&c).Update("email", name+"@example.com").Error,
					tx.Create(&note{ClientID: c.ID, Slug: "c", Text: "three"}).Error)
				return errors.Join(err, are(c.Visits, 1))
			})
		}},
		{"find in batches", func() error {
			var batch []client
			err := db.Where("name LIKE ?", name+" %").FindInBatches(&batch, 2, func(*gorm.DB, int) error { seen += len(batch); return nil }).Error
			return errors.Join(err, are(seen, 3))
		}},
		{"SQL", func() error {
			return db.Exec("UPDATE clients SET visits = visits + 10 WHERE name = ?", name).Error
		}},
		{"delete", func() error { return db.Where("name = ?", name+" 4").Delete(&client{}).Error }},
		{"count", func() error {
			var n int64
			err := db.Model(&client{}).Where("name LIKE ? AND visits IN (0, 11)", name+"%").Count(&n).Error
			return errors.Join(err, are(int(n), 3))
		}},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s by %s: %w", step.what, name, err)
		}
	}
	return nil
}

func are(n, want int) error {
	if n != want {
		return fmt.Errorf("there are %d, not %d", n, want)
	}
	return nil
}
