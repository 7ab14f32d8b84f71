// Package sqlitetest gives tests migrated SQLite databases, as pgtest does of PostgreSQL: each is a copy of one that was
// migrated once, since running all migrations takes longer than most tests do.
package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models/sqlite"
)

// File makes a database as the migrations leave it, which this test has for itself, and says where it is.
func File(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "flags.db")
	content, err := migrated()
	if err == nil {
		err = os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// migrated is the content of the database that the others are copies of.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "sqlitetest")
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "flags.db")
	if err := migrate(path); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	content, err := os.ReadFile(path)
	return content, errors.Join(err, os.RemoveAll(dir))
})

// migrate makes a migrated database, all of it in the one file.
func migrate(path string) error {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	db, err := store.SQL()
	if err == nil {
		_, err = migrations.Up(ctx, db, migrations.SQLite)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	return errors.Join(err, store.Close())
}
