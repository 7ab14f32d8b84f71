// Package databases gives tests empty databases of each kind.
package databases

import (
	"path/filepath"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/models/sqlite"
)

// OnEach runs a test on each kind of database, with a function that makes empty databases.
func OnEach(t *testing.T, run func(t *testing.T, empty func() *gorm.DB)) {
	t.Run("SQLite", func(t *testing.T) { run(t, func() *gorm.DB { return SQLite(t) }) })
	t.Run("PostgreSQL", func(t *testing.T) { run(t, func() *gorm.DB { return Postgres(t) }) })
}

// SQLite makes an empty database in a file.
func SQLite(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := sqlite.GORM(filepath.Join(t.TempDir(), "rows.db"), &gorm.Config{Logger: logger.Discard})
	return Closing(t, db, err)
}

// Postgres makes an empty database on a real server.
func Postgres(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(postgres.Open(pgtest.Empty(t)), &gorm.Config{Logger: logger.Discard})
	return Closing(t, db, err)
}

// Closing closes a database when the test ends. An error ends the test.
func Closing(t testing.TB, db *gorm.DB, err error) *gorm.DB {
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
