// Package sqlite opens a Store on an embedded SQLite file, so that a machine with nothing but Go can run everything.
// Hosts that keep their flags in PostgreSQL never import it, and so never carry the driver.
package sqlite

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"gorm.io/gorm"

	"github.com/toprent/flags/internal/filelock"
	"github.com/toprent/flags/models"
)

// connections is how many read at once; SQLite takes one writer at a time in any case.
const connections = 8

// Open makes a Store of the SQLite database in that file, creating it if need be. Any number of processes may open
// one file at once: the first connection, which may have to turn on write-ahead logging, is made under the lock that
// migrations are made under.
func Open(ctx context.Context, path string) (*models.Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	unlock, err := filelock.Lock(ctx, path+".lock")
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	defer unlock()
	if err := makeOwn(path); err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	db, err := openPool(path)
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open SQLite file %s: %w", path, err)
	}
	store, err := models.New(&backend{Dialector: dialector{db: db}})
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return store, nil
}

// makeOwn creates the file, if there is none, for its owner alone: overrides and plans name people and tenants. The
// files that SQLite puts beside it get the same mode.
func makeOwn(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// dsn names the file with the settings that every connection gets. Transactions take the write lock when they begin:
// one that read first and then found another writer ahead of it could only fail.
func dsn(path string) string {
	settings := url.Values{
		"_pragma":      {fmt.Sprintf("busy_timeout(%d)", busyLook.Milliseconds()), "journal_mode(WAL)", "foreign_keys(1)", "synchronous(NORMAL)"},
		"_txlock":      {"immediate"},
		"_time_format": {"sqlite"},
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: settings.Encode()}).String()
}

// backend is SQLite.
type backend struct {
	gorm.Dialector
	hub hub
}

// Announce does nothing yet: the listeners are in this process and hear of it when it is committed.
func (*backend) Announce(context.Context, *gorm.DB, string) error { return nil }

// Committed tells this process's listeners. Those in other processes poll.
func (b *backend) Committed(environment string) { b.hub.tell(environment) }

// Listen hears of what this process publishes.
func (b *backend) Listen(ctx context.Context, environment string, hint func()) error {
	return b.hub.listen(ctx, environment, hint)
}

// Now is this machine's clock: SQLite runs in the process and has no other.
func (*backend) Now(context.Context, *gorm.DB) (time.Time, error) { return time.Now(), nil }

// OneWriter is true.
func (*backend) OneWriter() bool { return true }

// Close has nothing to close.
func (*backend) Close() error { return nil }
