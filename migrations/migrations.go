// Package migrations owns the schema: numbered SQL, the same numbers for PostgreSQL and SQLite, embedded in the
// binary. Any number of instances may call [Up] at once: one migrates, the others wait and find it done.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Dialect is the kind of database: its SQL differs, its numbers do not.
type Dialect string

const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// ErrOlder says that the database lacks migrations that this binary needs.
var ErrOlder = errors.New("the database's schema is older than this binary needs")

// ErrNewer says that the database has migrations that this binary does not know.
var ErrNewer = errors.New("the database's schema is newer than this binary knows")

// Up applies all migrations that the database lacks, under a lock that all instances share, and returns how many it
// applied. A database that is newer than this binary is left alone and is ErrNewer.
func Up(ctx context.Context, db *sql.DB, dialect Dialect) (applied int, err error) {
	unlock, err := lock(ctx, db, dialect)
	if err != nil {
		return 0, fmt.Errorf("lock the schema: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()

	have, want, err := versions(ctx, db, dialect)
	if err != nil {
		return 0, err
	}
	if have > want {
		return 0, newer(have, want)
	}
	provider, err := provider(db, dialect)
	if err != nil {
		return 0, err
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate the schema: %w", err)
	}
	return len(results), nil
}

// Check returns nil if the database's schema is the one that this binary was written for, and otherwise ErrOlder or
// ErrNewer with what to do about it. It writes nothing, so any role that may read can call it.
func Check(ctx context.Context, db *sql.DB, dialect Dialect) error {
	have, want, err := versions(ctx, db, dialect)
	switch {
	case err != nil:
		return err
	case have < want:
		return fmt.Errorf("%w (version %d of %d): run the migrate command with a role that owns the schema", ErrOlder, have, want)
	case have > want:
		return newer(have, want)
	}
	return nil
}

// Owns reports whether the database's role may migrate: it owns the schema's tables, or may create them. A role that
// merely runs the service should not, so that it cannot rewrite history.
func Owns(ctx context.Context, db *sql.DB, dialect Dialect) (owns bool, err error) {
	if dialect == SQLite { // who may write the file may do anything with it
		return true, nil
	}
	err = db.QueryRowContext(ctx, `SELECT coalesce(
		(SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('goose_db_version')),
		has_schema_privilege(current_schema(), 'CREATE'), false)`).Scan(&owns)
	if err != nil {
		return false, fmt.Errorf("ask who owns the schema: %w", err)
	}
	return owns, nil
}

// Prepare migrates a database that is older than this binary if its role may, and otherwise returns what Check does:
// what a service does at start.
func Prepare(ctx context.Context, db *sql.DB, dialect Dialect) error {
	older := Check(ctx, db, dialect)
	if !errors.Is(older, ErrOlder) {
		return older
	}
	owns, err := Owns(ctx, db, dialect)
	if err != nil || !owns {
		return errors.Join(older, err)
	}
	_, err = Up(ctx, db, dialect)
	return err
}

func newer(have, want int64) error {
	return fmt.Errorf("%w (version %d, this binary's is %d): deploy the newer binary", ErrNewer, have, want)
}

// Version returns the version of the schema that this binary was written for.
func Version(dialect Dialect) (int64, error) {
	names, err := fs.Glob(files, string(dialect)+"/*.sql")
	if err != nil || len(names) == 0 {
		return 0, fmt.Errorf("no migrations for %q", dialect)
	}
	return goose.NumericComponent(names[len(names)-1]) // Glob sorts, and the numbers have leading zeros
}

// versions returns the database's version and this binary's. They are read without goose, which would create its
// table: Check must work for a role that may not.
func versions(ctx context.Context, db *sql.DB, dialect Dialect) (have, want int64, err error) {
	if want, err = Version(dialect); err != nil {
		return 0, 0, err
	}
	var exists bool
	if err = db.QueryRowContext(ctx, tableExists[dialect]).Scan(&exists); err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	if !exists {
		return 0, want, nil
	}
	err = db.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&have)
	if err != nil {
		return 0, 0, fmt.Errorf("read the schema's version: %w", err)
	}
	return have, want, nil
}

var tableExists = map[Dialect]string{
	Postgres: `SELECT to_regclass('goose_db_version') IS NOT NULL`,
	SQLite:   `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`,
}

func provider(db *sql.DB, dialect Dialect) (*goose.Provider, error) {
	sqls, err := fs.Sub(files, string(dialect))
	if err != nil {
		return nil, err
	}
	gooseDialect := goose.DialectPostgres
	if dialect == SQLite {
		gooseDialect = goose.DialectSQLite3
	}
	p, err := goose.NewProvider(gooseDialect, db, sqls, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the migrations: %w", err)
	}
	return p, nil
}
