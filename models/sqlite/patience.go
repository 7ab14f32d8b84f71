package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	modernc "modernc.org/sqlite"
)

const (
	busyTimeout = 5 * time.Second       // for a file that others are writing
	busyLook    = 20 * time.Millisecond // between looks whether the caller still waits
	busyCode    = 5                     // SQLITE_BUSY
)

// openPool opens a file with connections that wait for others only as long as their callers do. SQLite does not look at the
// caller's context while it waits: who has half a second would be kept for all of busyTimeout. So it waits for a moment, and
// is asked again.
func openPool(path string) (*sql.DB, error) {
	base, err := modernc.NewConnector(dsn(path))
	if err != nil {
		return nil, fmt.Errorf("open SQLite: %w", err)
	}
	pool := sql.OpenDB(connector{base})
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}

type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := patiently(ctx, func() (driver.Conn, error) { return c.Connector.Connect(ctx) })
	if err != nil {
		return nil, err
	}
	known, ok := opened.(connection)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver lacks something that waiting needs"), opened.Close())
	}
	return patient{known}, nil
}

// connection is all that database/sql asks of the driver's connections.
type connection interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type patient struct{ connection }

func (p patient) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	return patiently(ctx, func() (driver.Tx, error) { return p.connection.BeginTx(ctx, options) })
}

func (p patient) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return patiently(ctx, func() (driver.Result, error) { return p.connection.ExecContext(ctx, query, args) })
}

func (p patient) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return patiently(ctx, func() (driver.Rows, error) { return p.connection.QueryContext(ctx, query, args) })
}

func (p patient) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	prepared, err := patiently(ctx, func() (driver.Stmt, error) { return p.connection.PrepareContext(ctx, query) })
	if err != nil {
		return nil, err
	}
	known, ok := prepared.(statement)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver lacks something that waiting needs"), prepared.Close())
	}
	return patientStatement{known}, nil
}

// statement is all that database/sql asks of the driver's prepared statements.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type patientStatement struct{ statement }

func (p patientStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return patiently(ctx, func() (driver.Result, error) { return p.statement.ExecContext(ctx, args) })
}

func (p patientStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return patiently(ctx, func() (driver.Rows, error) { return p.statement.QueryContext(ctx, args) })
}

// patiently asks again while others are writing, for as long as the caller waits, and busyTimeout at most.
func patiently[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	for end := time.Now().Add(busyTimeout); ; {
		got, err := ask()
		switch {
		case !isBusy(err) || time.Now().After(end):
			return got, err
		case ctx.Err() != nil:
			return got, fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// isBusy reports whether others hold the file. Where a transaction has read what was changed since, waiting mends nothing:
// that has another code.
func isBusy(err error) bool {
	var refused *modernc.Error
	return errors.As(err, &refused) && refused.Code() == busyCode
}
