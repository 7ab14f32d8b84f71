package router_test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/ruleset"
)

// What the router adds to a read and to a write of the host's, at each stage. "without" is the old side alone.
func BenchmarkRouter(b *testing.B) {
	for _, kind := range []struct {
		name  string
		empty func(testing.TB) *gorm.DB
	}{{"SQLite", databases.SQLite}, {"PostgreSQL", databases.Postgres}} {
		b.Run(kind.name, func(b *testing.B) {
			w := newWorld(b, func() *gorm.DB { return kind.empty(b) })
			w.clients.at("", ruleset.StageDualWrite)
			c := w.begins("ann")
			run := func(name string, db *gorm.DB) {
				b.Run("read/"+name, func(b *testing.B) {
					for b.Loop() {
						must(b, db.Take(&client{}, c.ID).Error)
					}
				})
				b.Run("write/"+name, func(b *testing.B) {
					for b.Loop() {
						must(b, db.Model(&client{ID: c.ID}).UpdateColumn("visits", 1).Error)
					}
				})
			}
			run("without", w.old)
			for _, stage := range ruleset.Stages {
				w.clients.at("", stage)
				run(stage.String(), w.db)
			}
		})
	}
}
