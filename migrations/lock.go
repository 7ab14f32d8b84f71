package migrations

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/toprent/flags/internal/filelock"
)

// lockID is what all instances lock while they migrate PostgreSQL; an arbitrary number that is nobody else's.
const lockID = 0x746f7072656e74 // "toprent"

// lock keeps all other instances from migrating the same database until unlock is called.
func lock(ctx context.Context, db *sql.DB, dialect Dialect) (unlock func() error, err error) {
	if dialect == SQLite {
		return lockSQLite(ctx, db)
	}
	return lockPostgres(ctx, db)
}

// lockPostgres holds an advisory lock in a transaction that stays open on a connection of its own. A lock of the
// session would be lost behind a transaction pooler, where each statement may meet another server connection; a
// transaction keeps its connection, and the lock goes with it however the process ends.
func lockPostgres(ctx context.Context, db *sql.DB) (func() error, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{
		`SET LOCAL idle_in_transaction_session_timeout = 0`, // it idles while the migrations run beside it
		`SET LOCAL lock_timeout = 0`,
		fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, lockID),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			_ = tx.Rollback()
			return nil, err
		}
	}
	return tx.Rollback, nil
}

// lockSQLite locks the file beside the database. SQLite's own locks cannot do it: they would have to be held across
// the many transactions of a migration.
func lockSQLite(ctx context.Context, db *sql.DB) (func() error, error) {
	var path string
	if err := db.QueryRowContext(ctx, `SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&path); err != nil {
		return nil, err
	}
	if path == "" { // in memory: nobody else can open it
		return func() error { return nil }, nil
	}
	return filelock.Lock(ctx, path+".lock")
}
