// Package models is the storage: one file per table, rows and queries for PostgreSQL and SQLite alike. Versioned rows
// carry from_revision and to_revision (null while live): revision n is the rows with from <= n < to, and loading it
// gives at any time exactly what was published then. A row that cannot be read spoils its own flag only.
//
// It reads, and it writes what package changes decided; nothing here checks whether a change may be made.
package models

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/toprent/flags/service"
)

// ErrNotFound says that what was asked for is not stored.
var ErrNotFound = errors.New("not found")

// Store is one database. It is safe for concurrent use. It satisfies service.Source and service.Listener.
type Store struct {
	reader
	backend Backend
	writing chan struct{} // holds one token: on SQLite writers queue here, not by polling the database's lock
}

var (
	_ service.Source   = (*Store)(nil)
	_ service.Listener = (*Store)(nil)
)

// Backend is what differs between databases. Its methods are safe for concurrent use.
type Backend interface {
	gorm.Dialector

	// Announce tells listeners that something was published in the environment. It is called inside the publishing
	// transaction, and Committed after it.
	Announce(ctx context.Context, tx *gorm.DB, environment string) error
	Committed(environment string)

	// Listen is service.Listener's.
	Listen(ctx context.Context, environment string, hint func()) error

	// Now is the database's clock.
	Now(ctx context.Context, db *gorm.DB) (time.Time, error)

	// OneWriter says that the database takes one writing transaction at a time.
	OneWriter() bool

	// Close closes what the backend opened beside the sql.DB.
	Close() error
}

// New makes a Store of a backend. It does not connect: a database that is down is met by the first query.
func New(backend Backend) (*Store, error) {
	db, err := gorm.Open(backend, &gorm.Config{
		SkipDefaultTransaction: true, // Write opens them
		DisableAutomaticPing:   true, // a service starts while its database is down
		Logger:                 logger.Discard,
		NowFunc:                func() time.Time { return time.Now().UTC() },
	})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	store := &Store{reader: reader{db: db, backend: backend}, backend: backend, writing: make(chan struct{}, 1)}
	return store, nil
}

// SQL is the database below, for migrations and health checks.
func (s *Store) SQL() (*sql.DB, error) { return s.db.DB() }

// Dialect names the kind of database: postgres or sqlite.
func (s *Store) Dialect() string { return s.backend.Name() }

// Close closes all connections.
func (s *Store) Close() error {
	db, err := s.SQL()
	if err != nil {
		return err
	}
	return errors.Join(db.Close(), s.backend.Close())
}

// Listen calls hint after it has connected and whenever something was published in the environment, until ctx is done or
// the connection is lost.
func (s *Store) Listen(ctx context.Context, environment string, hint func()) error {
	return s.backend.Listen(ctx, environment, hint)
}

// Write calls do inside one transaction, which is committed if do returns nil. Listeners hear of what do announced.
func (s *Store) Write(ctx context.Context, do func(*Tx) error) error {
	if s.backend.OneWriter() {
		select {
		case s.writing <- struct{}{}:
			defer func() { <-s.writing }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	tx := &Tx{reader: reader{backend: s.backend}}
	err := s.db.WithContext(ctx).Transaction(func(db *gorm.DB) error {
		tx.db, tx.announced, tx.last, tx.made = db, nil, nil, nil
		if err := do(tx); err != nil {
			return err
		}
		for _, last := range tx.last {
			if err := last(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, environment := range tx.announced {
		s.backend.Committed(environment)
	}
	return nil
}

// Snapshot calls do with one picture of the database, however long it looks at it and whatever is written meanwhile.
func (s *Store) Snapshot(ctx context.Context, do func(Snapshot) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if !s.backend.OneWriter() { // SQLite's reading transactions are like that, and have no other kind
		options.Isolation = sql.LevelRepeatableRead
	}
	return s.db.WithContext(ctx).Transaction(func(db *gorm.DB) error {
		return do(Snapshot{reader{db: db, backend: s.backend}})
	}, options)
}

// Snapshot is one picture of the database. Everything that a Store reads can be read in it.
type Snapshot struct{ reader }

// Tx is a writing transaction. Everything that a Store reads can be read in it.
type Tx struct {
	reader
	announced []string
	last      []func() error
	made      []Revision
}

// AtEnd has do run behind everything else in the transaction, in the order of the calls: for a lock that everybody
// takes, which nobody may hold while waiting for another. If do fails, nothing of the transaction is stored.
func (tx *Tx) AtEnd(do func() error) { tx.last = append(tx.last, do) }

// announce tells listeners of the environment, once the transaction is committed.
func (tx *Tx) announce(ctx context.Context, environment string) error {
	tx.announced = append(tx.announced, environment)
	return tx.backend.Announce(ctx, tx.db, environment)
}

// reader is what can be asked of a Store and of a Tx.
type reader struct {
	db      *gorm.DB
	backend Backend
}

func (r reader) with(ctx context.Context) *gorm.DB { return r.db.WithContext(ctx) }

// Now is the database's clock, to the microsecond, in UTC.
func (r reader) Now(ctx context.Context) (time.Time, error) {
	now, err := r.backend.Now(ctx, r.with(ctx))
	if err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", err)
	}
	return now.UTC().Truncate(time.Microsecond), nil
}

// first turns gorm's words for nothing found into ours.
func first(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return ErrNotFound
	}
	return err
}

// batch is how many rows go into one statement; the databases limit its parameters to 32,766 and 65,535.
const batch = 500
