package router_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

func TestWhatCouldNotBeCopiedIsRepaired(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		for _, stage := range []ruleset.Stage{ruleset.StageDualWrite, ruleset.StageShadow, ruleset.StageLive, ruleset.StageRampdown} {
			w := newWorld(t, empty, func(r *cutover.Router) { r.Patience = 200 * time.Millisecond })
			w.clients.at("", stage)
			w.begins("ann")
			w.begins("bob")
			second := w.fresh
			if stage.New() {
				second = w.old
			}
			must(t, second.Exec("ALTER TABLE clients RENAME TO away").Error) // the side cannot take rows
			must(t, w.db.Model(&client{}).Where("name = ?", "ann").Update("name", "ada").Error)
			must(t, w.db.Where("name = ?", "bob").Delete(&client{}).Error)
			must(t, w.db.Create(&client{Name: "cid"}).Error)
			if w.failed.Load() == 0 {
				t.Errorf("at %s nobody was told", stage)
			}
			if err := cutover.Repair(t.Context(), w.db); err == nil {
				t.Errorf("at %s rows were repaired on a side that is away", stage)
			}
			must(t, second.Exec("ALTER TABLE away RENAME TO clients").Error)
			must(t, cutover.Repair(t.Context(), w.db))
			w.equal()
		}
	})
}

func TestAPanicWhileRowsAreCopiedIsNoneOfTheRequest(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.clients.at("", ruleset.StageShadow)
		w.begins("ann")
		var panics atomic.Bool
		must(t, w.fresh.Callback().Raw().Before("*").Register("test:panic", func(*gorm.DB) {
			if panics.Load() {
				panic("a plugin of the other side")
			}
		}))
		panics.Store(true)
		must(t, w.db.Model(&client{}).Where("name = ?", "ann").Update("visits", 7).Error)
		if w.failed.Load() != 1 {
			t.Errorf("%d copies are told to have failed", w.failed.Load())
		}
		panics.Store(false)
		must(t, cutover.Repair(t.Context(), w.db))
		w.equal()
	})
}

func TestReadsOfBothSidesAreCompared(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		tell := newWorld(t, empty, func(r *cutover.Router) { w.compared(r) })
		for _, stage := range []ruleset.Stage{ruleset.StageShadow, ruleset.StageLive} {
			tell.clients.at("", stage)
			must(t, cutover.Repair(t.Context(), tell.db))
			find := func() cutover.Comparison {
				must(t, tell.db.Order("id").Find(&[]client{}, "visits < ?", 10).Error)
				return <-w.comparisons
			}
			must(t, tell.db.Session(&gorm.Session{SkipHooks: true}).Create(&client{Name: stage.String()}).Error)
			if c := find(); !c.Equal || c.Err != nil || c.Entity != "clients" || c.Old == 0 {
				t.Errorf("at %s equal rows compared as %+v", stage, c)
			}
			second := map[bool]*gorm.DB{false: tell.fresh, true: tell.old}[stage.New()]
			must(t, second.Exec("UPDATE clients SET visits = 1").Error)
			if c := find(); c.Equal || c.Err != nil {
				t.Errorf("at %s different rows compared as %+v", stage, c)
			}
			must(t, second.Exec("ALTER TABLE clients RENAME TO away").Error)
			if c := find(); c.Err == nil {
				t.Errorf("at %s a side without the table compared as %+v", stage, c)
			}
			must(t, second.Exec("ALTER TABLE away RENAME TO clients").Error)
			must(t, second.Exec("UPDATE clients SET visits = 0").Error)
		}
	})
}

func TestRowsThatAreJustBeingCopiedAreNotToldToBeDifferent(t *testing.T) {
	w := newWorld(t, func() *gorm.DB { return databases.Postgres(t) })
	tell := newWorld(t, func() *gorm.DB { return databases.Postgres(t) }, func(r *cutover.Router) { w.compared(r) })
	tell.clients.at("", ruleset.StageShadow)
	tell.begins("ann")
	find := func() cutover.Comparison {
		must(t, tell.db.Order("id").Find(&[]client{}).Error)
		return <-w.comparisons
	}
	slow := tell.fresh.Begin()
	must(t, slow.Exec("LOCK TABLE clients IN EXCLUSIVE MODE").Error) // it can be read
	updated := make(chan error, 1)
	go func() { updated <- tell.db.Model(&client{}).Where("name = ?", "ann").Update("visits", 7).Error }()
	for visits := 0; visits != 7; {
		must(t, tell.old.Model(&client{}).Select("visits").Take(&visits).Error)
	}
	if c := find(); c.Err == nil {
		t.Errorf("while a row was copied the sides compared as %+v", c)
	}
	must(t, slow.Rollback().Error)
	must(t, <-updated)
	must(t, cutover.Repair(t.Context(), tell.db))
	must(t, tell.fresh.Exec("UPDATE clients SET visits = 8").Error)
	if c := find(); c.Equal || c.Err != nil {
		t.Errorf("different rows compared as %+v", c)
	}
}

func TestReadsOfTablesThatStayWhereTheyAreAreNotCompared(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		tell := newWorld(t, empty, func(r *cutover.Router) { w.compared(r) })
		must(t, tell.db.Create(&country{Code: "at", Name: "Austria"}).Error)
		tell.clients.at("", ruleset.StageShadow)
		tell.begins("at")
		for name, do := range map[string]func(found *[]client) error{
			"a join": func(found *[]client) error {
				return tell.db.Joins("JOIN countries ON countries.code = clients.name").Find(found).Error
			},
			"a subquery": func(found *[]client) error {
				return tell.db.Where("name IN (?)", tell.db.Model(&country{}).Select("code")).Find(found).Error
			},
		} {
			var found []client
			must(t, do(&found))
			must(t, are(len(found), 1))
			for tell.clients.calls.Load() > 0 { // until nothing compares any more
				<-time.After(time.Millisecond)
			}
			select {
			case c := <-w.comparisons:
				t.Errorf("%s with a table that is on the old side alone compared as %+v", name, c)
			default:
			}
		}
	})
}

func TestTablesOfTwoSidesAreNotUsedTogether(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.db.Create(&country{Code: "at", Name: "Austria"}).Error)
		w.clients.at("", ruleset.StageLive)
		w.begins("ann")
		for name, do := range map[string]func(db *gorm.DB) error{
			"a join": func(db *gorm.DB) error {
				return db.Joins("JOIN countries ON countries.code = clients.name").Find(&[]client{}).Error
			},
			"a subquery": func(db *gorm.DB) error {
				return db.Where("name IN (?)", db.Model(&client{}).Select("name")).Find(&[]country{}).Error
			},
			"a transaction": func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&client{Name: "never"}).Error, tx.Create(&country{Code: "de"}).Error)
				})
			},
			"a transaction that locks": func(db *gorm.DB) error {
				return db.Transaction(func(tx *gorm.DB) error {
					return errors.Join(tx.Create(&client{Name: "never"}).Error, tx.Clauses(clause.Locking{Strength: "UPDATE"}).Find(&[]country{}).Error)
				})
			},
			"a connection of its own": func(db *gorm.DB) error {
				return db.Connection(func(tx *gorm.DB) error { return tx.Find(&[]client{}).Error })
			},
		} {
			if name == "a transaction that locks" && w.db.Name() == "sqlite" {
				continue // which knows no such lock
			}
			if err := do(w.db); !errors.Is(err, cutover.ErrTwoSides) {
				t.Errorf("%s gave %v", name, err)
			}
		}
		must(t, w.db.Transaction(func(tx *gorm.DB) error {
			var found country
			return errors.Join(tx.Create(&client{Name: "bob"}).Error, tx.First(&found, "code = ?", "at").Error)
		}))
		w.equal()
	})
}

func TestStatementsAreRoutedHoweverTheyAreWritten(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		for _, stage := range []ruleset.Stage{ruleset.StageShadow, ruleset.StageLive, ruleset.StageComplete} {
			w := newWorld(t, empty)
			w.clients.at("", stage)
			w.begins("ann")
			must(t, w.db.Exec("update CLIENTS\n\tset visits = 7\nwhere Name = ?", "ann").Error)
			for _, sql := range []string{
				"SELECT visits FROM Clients WHERE name = ?",
				"WITH recent AS (SELECT * FROM clients WHERE visits > 0) SELECT visits FROM recent WHERE name = ?",
			} {
				var visits int
				if err := w.db.Raw(sql, "ann").Scan(&visits).Error; err != nil || visits != 7 {
					t.Errorf("at %s, %s gave %d, %v", stage, sql, visits, err)
				}
				must(t, w.db.Transaction(func(tx *gorm.DB) error { return tx.Raw(sql, "ann").Scan(&visits).Error }))
			}
			if stage != ruleset.StageComplete {
				if err := w.db.Exec("UPDATE clients SET visits = 8,\n\tID=ID+10").Error; !errors.Is(err, cutover.ErrNotFollowed) {
					t.Errorf("at %s another key gave %v", stage, err)
				}
				for w.clients.calls.Load() > 0 { // until nothing compares any more
					<-time.After(time.Millisecond)
				}
				w.equal()
			}
		}
	})
}

func TestRawWritesAreFollowedHoweverTheyEnd(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.clients.at("", ruleset.StageDualWrite)
		w.begins("ann")
		for _, end := range []string{";", ";\n\t\t", "\r\n", " /* of everybody */ ; ", " -- of everybody"} {
			if err := w.db.Exec("UPDATE clients SET visits = visits + 1" + end).Error; err != nil {
				t.Errorf("at its end %q: %v", end, err)
			}
		}
		w.equal()
		if c := rows[client](t, w.fresh); c[0].Visits != 5 {
			t.Errorf("%d writes were followed", c[0].Visits)
		}
	})
}

func TestWritesThatDoNotTellTheirRowsAreRefused(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.clients.at("", ruleset.StageDualWrite)
		ann := w.begins("ann")
		w.begins("bob")
		for name, do := range map[string]func(db *gorm.DB) error{
			"two statements":      func(db *gorm.DB) error { return db.Exec("DELETE FROM clients; DELETE FROM notes").Error },
			"a truncation":        func(db *gorm.DB) error { return db.Exec("DROP TABLE clients").Error },
			"another key":         func(db *gorm.DB) error { return db.Model(ann).Update("id", 900).Error },
			"another key, by SQL": func(db *gorm.DB) error { return db.Exec("UPDATE clients SET name = 'x', id = id + 10").Error },
			"rows by SQL": func(db *gorm.DB) error {
				return db.Raw("UPDATE clients SET visits = 1 RETURNING id").Scan(&[]int64{}).Error
			},
			"one of many rows": func(db *gorm.DB) error {
				return db.Model(&client{}).Clauses(clause.Returning{}).Where("visits >= 0").Update("visits", 1).Error
			},
		} {
			if err := do(w.db); !errors.Is(err, cutover.ErrNotFollowed) {
				t.Errorf("%s gave %v", name, err)
			}
		}
		w.equal()
	})
}

// Two instances hear of stages at different moments, while several writers count on the same rows: no count may be lost, and
// the sides have to be equal in the end.
func TestNothingIsLostWhileTwoInstancesChangeTheStageUnderLoad(t *testing.T) {
	const writers, rowsEach, steps = 6, 5, 25
	w := newWorld(t, func() *gorm.DB { return databases.Postgres(t) })
	other := &places{name: "clients", stages: map[string]ruleset.Stage{}}
	w.clients.at("", ruleset.StageDualWrite)
	other.at("", ruleset.StageDualWrite)
	instances := []*gorm.DB{w.db, w.second(other)}
	for i := range rowsEach {
		w.begins(fmt.Sprint("row ", i))
	}
	var written [rowsEach]atomic.Int64
	stop, progress := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	for writer := range writers {
		wait.Go(func() {
			db := instances[writer%2]
			for {
				select {
				case <-stop:
					return
				case progress <- struct{}{}:
				}
				row := rand.IntN(rowsEach)
				err := db.Transaction(func(tx *gorm.DB) error {
					return tx.Model(&client{}).Where("name = ?", fmt.Sprint("row ", row)).Update("visits", gorm.Expr("visits + 1")).Error
				})
				switch {
				case err == nil:
					written[row].Add(1)
				case !errors.Is(err, cutover.ErrMoved):
					t.Error(err)
				}
			}
		})
	}
	for step := range steps {
		stage := []ruleset.Stage{ruleset.StageShadow, ruleset.StageLive}[step%2]
		for _, p := range []*places{w.clients, other} {
			for range 10 { // writes later
				<-progress
			}
			p.at("", stage)
		}
	}
	close(stop)
	wait.Wait()
	must(t, cutover.Repair(t.Context(), w.db))
	w.equal()
	for i, row := range rows[client](t, w.fresh) {
		if int64(row.Visits) != written[i].Load() {
			t.Errorf("%s has %d of %d", row.Name, row.Visits, written[i].Load())
		}
	}
}
