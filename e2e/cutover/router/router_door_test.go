package router_test

import (
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

// One copies what was marked on the old side; another one has copied it too, opens the new side, and a row is written there.
func TestALateCopyDoesNotOverwriteWhatTheNewSideHasSince(t *testing.T) {
	w := newWorld(t, func() *gorm.DB { return databases.Postgres(t) })
	w.clients.at("", ruleset.StageShadow)
	c := w.begins("before")
	key, err := cutover.GORMKey[client](w.old)
	must(t, err)
	must(t, cutover.GORM(w.old).Mark(t.Context(), "clients", []string{key(*c)}))
	other := w.second(w.clients)
	var met atomic.Bool
	meet := func(db *gorm.DB) {
		if db.Statement.Table != "clients" || met.Swap(true) {
			return
		}
		must(t, w.old.Exec("DELETE FROM cutover_marks").Error) // it was copied already
		w.clients.at("", ruleset.StageLive)
		must(t, other.Model(&client{}).Where("id = ?", c.ID).Update("name", "after").Error)
	}
	must(t, w.old.Callback().Query().After("gorm:query").Register("test:meet", meet))
	must(t, cutover.Repair(t.Context(), w.db))
	must(t, cutover.Repair(t.Context(), w.db))
	if !met.Load() {
		t.Fatal("nothing was copied")
	}
	for name, side := range map[string]*gorm.DB{"old": w.old, "new": w.fresh} {
		if found := rows[client](t, side); len(found) != 1 || found[0].Name != "after" {
			t.Errorf("the %s side has %+v", name, found)
		}
	}
}
