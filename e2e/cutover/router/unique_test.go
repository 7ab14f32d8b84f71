package router_test

import (
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

func TestANameThatOneRowLeavesAndAnotherTakesIsCopied(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.clients.at("", ruleset.StageShadow)
		w.begins("ann")
		w.begins("bob")
		must(t, w.db.Transaction(func(tx *gorm.DB) error { return rename(tx, "bob cid", "ann bob") }))
		must(t, cutover.Repair(t.Context(), w.db))
		w.equal()
	})
}

func TestNamesThatRowsLeaveAndOthersTakeAreRepairedByTheAgent(t *testing.T) {
	for kind, begin := range map[string]func(*testing.T) *move{"SQLite": onFiles, "PostgreSQL": onServers} {
		t.Run(kind, func(t *testing.T) {
			m := begin(t)
			h := m.starts()
			m.goes(ruleset.StageDualWrite)
			m.copied()
			db := h.at("acme")
			for _, name := range []string{"ann", "bob", "cid", "dan"} {
				must(t, db.Create(&client{Tenant: "acme", Name: name}).Error)
			}
			must(t, m.fresh.Exec("ALTER TABLE clients RENAME TO away").Error)
			must(t, rename(db, "ann -", "bob ann", "- bob", "dan x", "cid dan")) // two swap, one follows another
			must(t, db.Unscoped().Where("name = ?", "x").Delete(&client{}).Error)
			must(t, db.Create(&client{Tenant: "acme", Name: "x"}).Error)
			must(t, db.Unscoped().Where("name = ?", "dan").Delete(&client{}).Error)
			must(t, db.Create(&client{Tenant: "acme", Name: "dan"}).Error)
			must(t, m.fresh.Exec("ALTER TABLE away RENAME TO clients").Error)
			m.equal()
		})
	}
}

func TestRowsThatOthersReferToAreNotRemovedToSwapANameAndARepairSaysSo(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.clients.at("", ruleset.StageShadow)
		must(t, w.fresh.Exec("CREATE TABLE orders (client_id BIGINT NOT NULL REFERENCES clients (id) ON DELETE CASCADE)").Error)
		ann := w.begins("ann")
		w.begins("bob")
		must(t, w.fresh.Exec("INSERT INTO orders VALUES (?)", ann.ID).Error)
		must(t, swapNames(w.db))
		if err := cutover.Repair(t.Context(), w.db); err == nil || !strings.Contains(err.Error(), "foreign keys") {
			t.Errorf("the repair says %v", err)
		}
		var orders int
		must(t, w.fresh.Raw("SELECT count(*) FROM orders").Scan(&orders).Error)
		if orders != 1 || len(names(t, w.fresh)) != 2 {
			t.Errorf("%d orders are left, of %v", orders, names(t, w.fresh))
		}
		must(t, rename(w.db, "bob cid"))
		must(t, cutover.Repair(t.Context(), w.db))
		w.equal()
	})
}

func swapNames(db *gorm.DB) error {
	return db.Transaction(func(tx *gorm.DB) error { return rename(tx, "bob -", "ann bob", "- ann") })
}

// rename gives clients other names, one after the other: "ann bob" makes ann bob.
func rename(db *gorm.DB, renames ...string) error {
	for _, r := range renames {
		from, to, _ := strings.Cut(r, " ")
		if err := db.Model(&client{}).Where("name = ?", from).Update("name", to).Error; err != nil {
			return err
		}
	}
	return nil
}

func TestRowsThatSwapANameAreCopied(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		w.clients.at("", ruleset.StageShadow)
		w.begins("ann")
		w.begins("bob")
		must(t, swapNames(w.db))
		must(t, cutover.Repair(t.Context(), w.db))
		w.equal()
	})
}
