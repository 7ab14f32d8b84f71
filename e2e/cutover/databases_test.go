// Package cutover_test moves rows between real databases.
package cutover_test

import (
	"path/filepath"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/models/sqlite"
)

// onEach runs a test on each kind of database, with a function that makes empty databases.
func onEach(t *testing.T, run func(t *testing.T, empty func() *gorm.DB)) {
	t.Run("SQLite", func(t *testing.T) { run(t, func() *gorm.DB { return emptySQLite(t) }) })
	t.Run("PostgreSQL", func(t *testing.T) { run(t, func() *gorm.DB { return emptyPostgres(t) }) })
}

func emptySQLite(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := sqlite.GORM(filepath.Join(t.TempDir(), "rows.db"), &gorm.Config{Logger: logger.Discard})
	return closing(t, db, err)
}

func emptyPostgres(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(postgres.Open(pgtest.Empty(t)), &gorm.Config{Logger: logger.Discard})
	return closing(t, db, err)
}

func closing(t testing.TB, db *gorm.DB, err error) *gorm.DB {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
