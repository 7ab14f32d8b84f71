package router_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

func TestTablesOfARealCutoverMoveThereAndBack(t *testing.T) {
	for kind, begin := range map[string]func(*testing.T) *move{"SQLite": onFiles, "PostgreSQL": onServers} {
		t.Run(kind, func(t *testing.T) {
			m := begin(t)
			h := m.starts()
			for i := range 250 {
				must(t, h.at("acme").Create(&client{Tenant: "acme", Name: fmt.Sprint("before ", i), Notes: []note{{Slug: "n", Text: "x"}}}).Error)
			}
			m.goes(ruleset.StageDualWrite)
			if row := m.copied(); row.Direction != models.CutoverForward || row.Compared != 500 || row.Different != 0 {
				t.Errorf("the copy told of %+v", row)
			}
			n := 0
			uses := func() {
				t.Helper()
				n++
				must(t, h.uses("acme", fmt.Sprintf("acme %d.", n)))
				must(t, h.uses(fmt.Sprint("tenant ", n), fmt.Sprintf("other %d.", n)))
			}
			uses()
			for _, stage := range []ruleset.Stage{ruleset.StageShadow, ruleset.StageLive, ruleset.StageRampdown} {
				m.goes(stage)
				uses()
				m.equal()
			}
			m.goes(ruleset.StageComplete)
			uses()
			m.goes(ruleset.StageRampdown)
			if row := m.copied(); row.Direction != models.CutoverBackward {
				t.Errorf("the copy back told of %+v", row)
			}
			for _, stage := range []ruleset.Stage{ruleset.StageLive, ruleset.StageShadow, ruleset.StageDualWrite} {
				uses()
				m.equal()
				m.goes(stage)
			}
			uses()
			m.equal()
			stats := h.tables.Stats()
			if stats.Compared == 0 || stats.Different != 0 || stats.Old.Writes == 0 || stats.New.Reads == 0 || stats.New.Writes == 0 {
				t.Errorf("the settings pages are told %+v", stats)
			}
		})
	}
}

// authorityOf is the side whose answer counts at a stage: 0 is the old one.
func authorityOf(stage ruleset.Stage) int {
	if stage.New() {
		return 1
	}
	return 0
}

func TestNoStatementFailsBecauseTheOtherServerIsStopped(t *testing.T) {
	m := onServers(t)
	h, other := m.starts(), m.starts()
	must(t, h.uses("acme", "at off"))
	m.goes(ruleset.StageDualWrite)
	m.copied()
	for _, stage := range []ruleset.Stage{ruleset.StageDualWrite, ruleset.StageShadow, ruleset.StageLive, ruleset.StageRampdown} {
		m.goes(stage)
		name := stage.String()
		must(t, h.uses("acme", name+" before"))
		must(t, other.uses("acme", name+" too"))
		m.equal()
		m.servers[1-authorityOf(stage)].Stop()
		began := time.Now()
		must(t, h.uses("acme", name+" while it is stopped"))
		must(t, other.uses("acme", name+" too, while it is stopped"))
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("at %s the statements took %v", stage, took)
		}
		m.until("serve a tenant whom nobody knew at "+name, func() error {
			return h.at("new at " + name).Find(&[]client{}).Error
		})
		must(t, h.uses("new at "+name, "new at "+name))
		late := m.starts() // a process that starts meanwhile
		m.until("serve from an instance that starts at "+name, func() error { return late.at("acme").Find(&[]client{}).Error })
		must(t, late.uses("acme", name+" from a late one"))
		late.stop()
		m.servers[1-authorityOf(stage)].Start()
		m.equal() // the agent repairs it: nobody calls cutover.Repair
	}
}

func TestATenantMovesWithoutTheStoppedServerOnceNothingIsThereAlone(t *testing.T) {
	m := onServers(t)
	h, other := m.starts(), m.starts()
	m.goes(ruleset.StageDualWrite)
	m.copied()
	m.goes(ruleset.StageShadow)
	must(t, h.uses("acme", "first"))
	must(t, other.uses("acme", "second"))
	m.equal()
	stages := []ruleset.Stage{ruleset.StageLive, ruleset.StageShadow, ruleset.StageLive}
	for n, stage := range stages {
		left := 1 - authorityOf(stage)
		m.servers[left].Stop()
		m.goes(stage)
		for _, tenant := range []string{"acme", "unknown " + fmt.Sprint(n)} {
			for _, on := range []*host{h, other} {
				m.until("serve "+tenant+" at "+stage.String(), func() error { return on.at(tenant).Find(&[]client{}).Error })
			}
			must(t, h.uses(tenant, fmt.Sprint(tenant, " one ", n)))
			must(t, other.uses(tenant, fmt.Sprint(tenant, " two ", n)))
		}
		m.servers[left].Start()
		m.equal()
	}
}

func TestWhatIsOnAStoppedServerAloneIsWaitedForWithinBounds(t *testing.T) {
	m := onServers(t)
	h := m.starts()
	m.goes(ruleset.StageDualWrite)
	m.copied()
	m.goes(ruleset.StageShadow)
	must(t, h.uses("beta", "beta"))
	must(t, h.uses("acme", "acme"))
	m.equal()
	m.servers[1].Stop()
	must(t, h.at("acme").Model(&client{}).Where("name = ?", "acme").Update("visits", 500).Error)
	m.servers[0].Stop() // before it could be copied
	m.servers[1].Start()
	m.goes(ruleset.StageLive)
	visits := func(tenant string) (n int, err error) {
		return n, h.at(tenant).Model(&client{}).Where("name = ?", tenant).Select("visits").Take(&n).Error
	}
	m.until("serve the tenant of whom all was copied", func() error { _, err := visits("beta"); return err })
	must(t, h.uses("beta", "beta goes on"))
	for range 3 {
		began := time.Now()
		if n, err := visits("acme"); !errors.Is(err, cutover.ErrHandover) {
			t.Fatalf("%d visits were read, %v", n, err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("that took %v", took)
		}
	}
	m.servers[0].Start()
	m.until("serve the other", func() error { _, err := visits("acme"); return err })
	if n, err := visits("acme"); err != nil || n != 500 {
		t.Errorf("%d visits were read, %v", n, err)
	}
	m.equal()
}

func TestATenantWhoseStatementsTheNewSideFailsStepsBack(t *testing.T) {
	for what, statement := range map[string]func(*gorm.DB) error{
		"reads":  func(db *gorm.DB) error { return db.Find(&[]client{}).Error },
		"writes": func(db *gorm.DB) error { return db.Create(&client{Tenant: "acme", Name: "ann"}).Error },
	} {
		t.Run(what, func(t *testing.T) {
			m := onFiles(t)
			h := m.starts()
			m.goes(ruleset.StageDualWrite)
			m.copied()
			m.goes(ruleset.StageShadow)
			m.goes(ruleset.StageLive)
			must(t, m.store.Write(t.Context(), func(tx *models.Tx) error {
				return tx.PutCutoverLimits(t.Context(), models.CutoverLimits{Environment: development, Flag: "clients", Agreement: 900_000, Compared: 20, Minutes: 1, StepBack: true, ChangedBy: "ann", ChangedAt: models.At(time.Now())})
			}))
			must(t, h.at("acme").Find(&[]client{}).Error)
			must(t, m.fresh.Exec("ALTER TABLE clients RENAME TO away").Error)
			for range 5 {
				if statement(h.at("acme")) == nil {
					t.Fatal("the new side answered without its table")
				}
			}
			m.until("step back", func() error {
				_ = statement(h.at("acme"))
				head, err := m.store.Head(t.Context(), development)
				must(t, err)
				definition, err := m.store.Load(t.Context(), head.ID)
				must(t, err)
				if back := definition.Overrides; len(back) != 1 || back[0].Tenant != "acme" || back[0].Variant != "shadow" {
					return fmt.Errorf("stepped back: %+v", back)
				}
				return nil
			})
		})
	}
}

func TestAHandoverWaitsNoLongerThanItMay(t *testing.T) {
	w := newWorld(t, func() *gorm.DB { return databases.Postgres(t) }, func(r *cutover.Router) {
		r.Handover, r.Patience = 300*time.Millisecond, 50*time.Millisecond
	})
	w.clients.at("", ruleset.StageShadow)
	w.begins("ann")
	tx := w.db.Begin()
	must(t, tx.Model(&client{}).Where("name = ?", "ann").Update("visits", 7).Error)
	w.clients.at("", ruleset.StageLive)
	began := time.Now()
	if err := w.db.Find(&[]client{}).Error; !errors.Is(err, cutover.ErrHandover) {
		t.Errorf("it gave %v", err)
	}
	if took := time.Since(began); took < 250*time.Millisecond || took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	must(t, tx.Commit().Error)
	for deadline := time.Now().Add(time.Minute); w.db.Find(&[]client{}).Error != nil && time.Now().Before(deadline); {
		<-time.After(5 * time.Millisecond)
	}
	var c client
	must(t, w.db.First(&c).Error)
	if c.Visits != 7 {
		t.Errorf("the new side has %d visits", c.Visits)
	}
	w.equal()
}

func TestARepairHoldsRowsForSomeSecondsAtMost(t *testing.T) {
	w := newWorld(t, func() *gorm.DB { return databases.Postgres(t) })
	w.clients.at("", ruleset.StageShadow)
	c := w.begins("ann")
	key, err := cutover.GORMKey[client](w.old)
	must(t, err)
	must(t, cutover.GORM(w.old).Mark(t.Context(), "clients", []string{key(*c)}))
	hangs := w.old.Begin()
	must(t, hangs.Exec("LOCK TABLE clients IN ACCESS EXCLUSIVE MODE").Error)
	began := time.Now()
	if err := cutover.Repair(t.Context(), w.db); err == nil {
		t.Error("rows were copied from a table that cannot be read")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("rows were held for %v", took)
	}
	must(t, hangs.Rollback().Error)
	must(t, cutover.Repair(t.Context(), w.db))
	w.equal()
}

func TestReadsAreComparedByTheShareOfTheOptions(t *testing.T) {
	const reads = 400
	w := newWorld(t, func() *gorm.DB { return databases.SQLite(t) })
	for share, want := range map[float64][2]int{1: {reads, reads}, 0.25: {50, 160}, 1e-9: {0, 0}} {
		some := newWorld(t, func() *gorm.DB { return databases.SQLite(t) }, func(r *cutover.Router) {
			r.Sample, r.Compared = share, func(c cutover.Comparison) { w.failed.Add(1) }
		})
		some.clients.at("", ruleset.StageShadow)
		some.begins("ann")
		w.failed.Store(0)
		for range reads {
			must(t, some.db.Order("id").Find(&[]client{}).Error)
			for some.clients.calls.Load() > 0 { // no place is taken when the next comes
				<-time.After(time.Millisecond)
			}
		}
		if n := int(w.failed.Load()); n < want[0] || n > want[1] {
			t.Errorf("of %d reads, %d were compared at a share of %v", reads, n, share)
		}
	}
}

func TestWhatARouterCannotMoveIsRefused(t *testing.T) {
	m := onFiles(t)
	flags, err := service.New(t.Context(), service.Config{Source: m.store, Environment: development, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	side, err := cutover.GORMSide[string, int, string, client](m.old)
	must(t, err)
	fresh, err := cutover.GORMSide[string, int, string, client](m.fresh)
	must(t, err)
	made := func(models ...any) *cutover.Tables {
		c, err := cutover.New(cutover.Options{Flags: flags, Journal: m.journal})
		must(t, err)
		tables, err := cutover.AddTables(c, cutover.TablesConfig{Flag: "clients", Old: m.old, New: m.fresh, Models: models})
		must(t, err)
		return tables
	}
	entity, err := cutover.NewEntity(cutover.Config[string, int, string, client]{Flag: "clients", Journal: m.journal,
		Old: withReads(side), New: withReads(fresh), Key: func(c client) string { return c.Name }}, nil)
	must(t, err)
	both := made(&client{}, &note{})
	for want, router := range map[string]cutover.Router{
		"make it with cutover.AddTables": {New: m.fresh, Tables: []cutover.Table{{Model: &client{}, Entity: entity}}},
		"other connections":              {New: m.connect[1](), Tables: []cutover.Table{{Model: &client{}, Entity: both}, {Model: &note{}, Entity: both}}},
		"route all":                      {New: m.fresh, Tables: []cutover.Table{{Model: &client{}, Entity: both}}},
		"name it in its TablesConfig":    {New: m.fresh, Tables: []cutover.Table{{Model: &note{}, Entity: made(&client{})}}},
	} {
		if err := m.old.Session(&gorm.Session{}).Use(router); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("instead of %q: %v", want, err)
		}
	}
	c, err := cutover.New(cutover.Options{Flags: flags, Journal: m.journal})
	must(t, err)
	for want, config := range map[string]cutover.TablesConfig{
		"is missing":          {Flag: "clients", Old: m.old, New: m.fresh},
		"the same connection": {Flag: "clients", Old: m.old, New: m.old, Models: []any{&client{}}},
		"named twice":         {Flag: "clients", Old: m.old, New: m.fresh, Models: []any{&client{}, &client{}}},
	} {
		if _, err := cutover.AddTables(c, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("instead of %q: %v", want, err)
		}
	}
}

// withReads fills in what GORMSide leaves to the host.
func withReads(side cutover.Side[string, int, string, client]) cutover.Side[string, int, string, client] {
	side.Read = func(context.Context, string) (int, error) { return 0, nil }
	side.Apply = func(context.Context, string, string) error { return nil }
	return side
}
