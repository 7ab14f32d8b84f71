package router_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

// writes are ways to write rows, each on a table that has "ann" and "bob", with the names that are there afterwards.
var writes = []struct {
	name string
	do   func(db *gorm.DB) error
	want []string
}{
	{"create", func(db *gorm.DB) error { return db.Create(&client{Name: "cid", Active: false}).Error }, []string{"ann", "bob", "cid"}},
	{"create many", func(db *gorm.DB) error {
		return db.Create(&[]*client{{Name: "cid"}, {Name: "dan"}}).Error
	}, []string{"ann", "bob", "cid", "dan"}},
	{"create in batches", func(db *gorm.DB) error {
		return db.CreateInBatches([]client{{Name: "cid"}, {Name: "dan"}, {Name: "eve"}}, 2).Error
	}, []string{"ann", "bob", "cid", "dan", "eve"}},
	{"create by map", func(db *gorm.DB) error {
		return db.Model(&client{}).Create(map[string]any{"name": "cid", "tenant": "", "visits": 1}).Error
	}, []string{"ann", "bob", "cid"}},
	{"save new", func(db *gorm.DB) error { return db.Save(&client{ID: 900, Name: "cid"}).Error }, []string{"ann", "bob", "cid"}},
	{"save", func(db *gorm.DB) error {
		var c client
		if err := db.First(&c, "name = ?", "ann").Error; err != nil {
			return err
		}
		c.Name, c.Active = "ada", false
		return db.Save(&c).Error
	}, []string{"ada", "bob"}},
	{"update one", func(db *gorm.DB) error {
		return db.Model(&client{}).Where("name = ?", "ann").Updates(map[string]any{"name": "ada", "active": false}).Error
	}, []string{"ada", "bob"}},
	{"update by condition", func(db *gorm.DB) error {
		return db.Model(&client{}).Where("visits >= 0").Update("visits", gorm.Expr("visits + ?", 5)).Error
	}, []string{"ann", "bob"}},
	{"update what comes back", func(db *gorm.DB) error {
		var changed []client
		return db.Model(&changed).Clauses(clause.Returning{Columns: []clause.Column{{Name: "name"}}}).Where("visits >= 0").Update("name", gorm.Expr("name || '!'")).Error
	}, []string{"ann!", "bob!"}},
	{"upsert by another column", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "name"}}, DoUpdates: clause.AssignmentColumns([]string{"visits"})}).
			Create(&[]client{{Name: "ann", Visits: 7}, {Name: "cid", Visits: 8}}).Error
	}, []string{"ann", "bob", "cid"}},
	{"upsert that does nothing", func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&client{Name: "ann", Visits: 7}).Error
	}, []string{"ann", "bob"}},
	{"first or create", func(db *gorm.DB) error { return db.FirstOrCreate(&client{}, client{Name: "cid"}).Error }, []string{"ann", "bob", "cid"}},
	{"delete softly", func(db *gorm.DB) error { return db.Where("name = ?", "ann").Delete(&client{}).Error }, []string{"bob"}},
	{"delete for good", func(db *gorm.DB) error { return db.Unscoped().Where("name = ?", "ann").Delete(&client{}).Error }, []string{"bob"}},
	{"by SQL", func(db *gorm.DB) error {
		return errors.Join(db.Exec("UPDATE clients SET name = ? WHERE name = ?", "ada", "ann").Error, db.Exec("DELETE FROM clients WHERE name = 'bob';").Error)
	}, []string{"ada"}},
	{"with what belongs to it", func(db *gorm.DB) error {
		return db.Create(&client{Name: "cid", Notes: []note{{Slug: "a", Text: "first"}, {Slug: "b\x01", Text: "second"}}}).Error
	}, []string{"ann", "bob", "cid"}},
	{"without hooks, in one's own transaction", func(db *gorm.DB) error {
		return db.Session(&gorm.Session{SkipDefaultTransaction: true, SkipHooks: true}).Create(&client{Name: "cid"}).Error
	}, []string{"ann", "bob", "cid"}},
	{"with prepared statements", func(db *gorm.DB) error {
		db = db.Session(&gorm.Session{PrepareStmt: true})
		return db.Transaction(func(tx *gorm.DB) error { return tx.Create(&client{Name: "cid"}).Error })
	}, []string{"ann", "bob", "cid"}},
	{"a transaction", func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&client{Name: "cid"}).Error; err != nil {
				return err
			}
			var seen int64
			if err := tx.Model(&client{}).Where("name = ?", "cid").Count(&seen).Error; err != nil || seen != 1 {
				return fmt.Errorf("the transaction saw %d of its own, %w", seen, err)
			}
			return tx.Where("name = ?", "bob").Delete(&client{}).Error
		})
	}, []string{"ann", "cid"}},
	{"a transaction by hand", func(db *gorm.DB) error {
		tx := db.Begin(&sql.TxOptions{Isolation: sql.LevelSerializable})
		return errors.Join(tx.Create(&client{Name: "cid"}).Error, tx.Commit().Error)
	}, []string{"ann", "bob", "cid"}},
	{"a transaction that fails", func(db *gorm.DB) error {
		undone := errors.New("undone")
		err := db.Transaction(func(tx *gorm.DB) error { return errors.Join(tx.Create(&client{Name: "cid"}).Error, undone) })
		if err == nil || err.Error() != undone.Error() {
			return err
		}
		return nil
	}, []string{"ann", "bob"}},
	{"a transaction that panics", func(db *gorm.DB) (err error) {
		defer func() {
			if recover() != "oh" {
				err = errors.New("the panic was lost")
			}
		}()
		return db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Create(&client{Name: "cid"}).Error; err != nil {
				return err
			}
			panic("oh")
		})
	}, []string{"ann", "bob"}},
	{"a transaction inside a transaction", func(db *gorm.DB) error {
		undone := errors.New("undone")
		return db.Transaction(func(tx *gorm.DB) error {
			inner := tx.Transaction(func(tx *gorm.DB) error { return errors.Join(tx.Create(&client{Name: "gone"}).Error, undone) })
			if !errors.Is(inner, undone) {
				return inner
			}
			return tx.Transaction(func(tx *gorm.DB) error { return tx.Create(&client{Name: "cid"}).Error })
		})
	}, []string{"ann", "bob", "cid"}},
	{"a hook that refuses", func(db *gorm.DB) error {
		if err := db.Create(&[]client{{Name: "cid"}, {Name: "refused"}}).Error; !errors.Is(err, errRefused) {
			return fmt.Errorf("not refused: %w", err)
		}
		return nil
	}, []string{"ann", "bob"}},
}

func TestEachWayToWriteReachesTheSidesOfItsStage(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		for _, stage := range ruleset.Stages {
			t.Run(stage.String(), func(t *testing.T) {
				w := newWorld(t, empty)
				w.clients.at("", ruleset.StageDualWrite)
				for _, write := range writes {
					t.Run(write.name, func(t *testing.T) {
						w.t = t
						w.clients.at("", ruleset.StageShadow)
						must(t, w.db.Unscoped().Where("1 = 1").Delete(&client{}).Error)
						must(t, w.db.Where("1 = 1").Delete(&note{}).Error)
						w.begins("ann")
						w.begins("bob")
						w.equal()
						if stage.New() {
							w.clients.at("", ruleset.StageLive)
							must(t, cutover.Repair(t.Context(), w.db))
						}
						w.clients.at("", stage)
						must(t, write.do(w.db))
						if seen := names(t, w.db); !slices.Equal(seen, write.want) {
							t.Errorf("there are %v, not %v", seen, write.want)
						}
						switch {
						case stage.Both():
							w.equal()
						case stage == ruleset.StageOff:
							w.left(w.fresh, w.old, write.want)
						default:
							w.left(w.old, w.fresh, write.want)
						}
					})
				}
			})
		}
	})
}

// left makes sure that a side that is left alone is so, and brings it up to date for what comes next.
func (w *world) left(alone, other *gorm.DB, want []string) {
	w.t.Helper()
	if seen := names(w.t, alone); !slices.Equal(seen, []string{"ann", "bob"}) {
		w.t.Errorf("the side that nobody writes has %v", seen)
	}
	if seen := names(w.t, other); !slices.Equal(seen, want) {
		w.t.Errorf("the side that is written has %v, not %v", seen, want)
	}
	for _, side := range []*gorm.DB{w.old, w.fresh} {
		must(w.t, side.Unscoped().Where("1 = 1").Delete(&client{}).Error)
		must(w.t, side.Where("1 = 1").Delete(&note{}).Error)
		if n := 0; side.Raw("SELECT count(*) FROM cutover_marks").Scan(&n).Error != nil || n != 0 {
			w.t.Errorf("%d rows are marked though nothing moves", n)
		}
	}
}

func TestReadsComeFromTheSideOfTheirStage(t *testing.T) {
	reads := map[string]func(db *gorm.DB) (name string, err error){
		"first": func(db *gorm.DB) (string, error) { c := client{}; err := db.First(&c).Error; return c.Name, err },
		"find":  func(db *gorm.DB) (string, error) { c := []client{{}}; err := db.Find(&c).Error; return c[0].Name, err },
		"scan": func(db *gorm.DB) (string, error) {
			c := struct{ Name string }{}
			err := db.Model(&client{}).Scan(&c).Error
			return c.Name, err
		},
		"row": func(db *gorm.DB) (name string, err error) {
			err = db.Model(&client{}).Select("name").Row().Scan(&name)
			return name, err
		},
		"rows": func(db *gorm.DB) (name string, err error) {
			rows, err := db.Model(&client{}).Select("name").Rows()
			if err != nil {
				return "", err
			}
			for rows.Next() {
				err = errors.Join(err, rows.Scan(&name))
			}
			return name, errors.Join(err, rows.Close())
		},
		"SQL": func(db *gorm.DB) (string, error) {
			name := ""
			err := db.Raw("SELECT name FROM clients").Scan(&name).Error
			return name, err
		},
		"count": func(db *gorm.DB) (string, error) {
			var n int64
			err := db.Model(&client{}).Where("name = 'new'").Count(&n).Error
			return map[int64]string{0: "old", 1: "new"}[n], err
		},
		"transaction": func(db *gorm.DB) (name string, err error) {
			err = db.Transaction(func(tx *gorm.DB) error { return tx.Model(&client{}).Select("name").Row().Scan(&name) })
			return name, err
		},
	}
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.old.Create(&client{Name: "old"}).Error)
		must(t, w.fresh.Create(&client{Name: "new"}).Error)
		for _, stage := range ruleset.Stages {
			w.clients.at("", stage)
			want := map[bool]string{false: "old", true: "new"}[stage.New()]
			for name, read := range reads {
				if got, err := read(w.db); err != nil || got != want {
					t.Errorf("at %s, %s gave %q, %v", stage, name, got, err)
				}
			}
			if n := w.clients.calls.Load(); n != 0 {
				t.Errorf("at %s, %d calls were never ended", stage, n)
			}
		}
	})
}

func TestATransactionStaysOnItsSideWhenTheStageChanges(t *testing.T) {
	db := databases.Postgres
	w := newWorld(t, func() *gorm.DB { return db(t) })
	w.clients.at("", ruleset.StageShadow)
	w.begins("ann")
	tx := w.db.Begin()
	must(t, tx.Model(&client{}).Where("name = ?", "ann").Update("visits", 1).Error)
	w.clients.at("", ruleset.StageLive)
	must(t, tx.Model(&client{}).Where("name = ?", "ann").Update("visits", 2).Error)
	// What comes after the change waits for the transaction, so that it builds on what that wrote.
	after := make(chan error)
	go func() {
		after <- w.db.Model(&client{}).Where("name = ?", "ann").Update("visits", gorm.Expr("visits * 10")).Error
	}()
	must(t, tx.Commit().Error)
	must(t, <-after)
	w.equal()
	if c := rows[client](t, w.fresh); c[0].Visits != 20 {
		t.Errorf("the row has %d visits, not 20", c[0].Visits)
	}
}

func TestAnInstanceThatIsLateFollowsTheOthers(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.clients.at("", ruleset.StageShadow)
		w.begins("ann")
		late := &places{name: "clients", stages: map[string]ruleset.Stage{"": ruleset.StageShadow}, moving: true, revision: 1}
		second := w.second(late)
		must(t, second.Model(&client{}).Where("name = ?", "ann").Update("visits", 1).Error)
		w.clients.at("", ruleset.StageLive)
		must(t, w.db.Model(&client{}).Where("name = ?", "ann").Update("visits", gorm.Expr("visits + 1")).Error)
		must(t, second.Model(&client{}).Where("name = ?", "ann").Update("visits", gorm.Expr("visits + 1")).Error)
		must(t, w.db.Model(&client{}).Where("name = ?", "ann").Update("visits", gorm.Expr("visits + 1")).Error)
		w.equal()
		if c := rows[client](t, w.fresh); c[0].Visits != 4 {
			t.Errorf("the row has %d visits, not 4", c[0].Visits)
		}
	})
}

func TestTenantsAreOnTheirOwnSides(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.clients.at("", ruleset.StageDualWrite)
		w.clients.at("moved", ruleset.StageRampdown)
		must(t, w.db.WithContext(cutover.WithTenant(t.Context(), "moved")).Create(&client{Name: "ann", ID: 1000}).Error)
		must(t, w.db.WithContext(cutover.WithTenant(t.Context(), "other")).Create(&client{Name: "bob", ID: 2000}).Error)
		w.equal()
		must(t, w.fresh.Model(&client{}).Where("1 = 1").Update("tenant", "read from new").Error)
		for tenant, want := range map[string]string{"moved": "read from new", "other": ""} {
			var c client
			must(t, w.db.WithContext(cutover.WithTenant(t.Context(), tenant)).First(&c).Error)
			if c.Tenant != want {
				t.Errorf("%s read %q", tenant, c.Tenant)
			}
		}
	})
}
