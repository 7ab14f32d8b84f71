package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
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
	return patientlyOnce(ctx, p, query, func() (driver.Result, error) { return p.connection.ExecContext(ctx, query, args) })
}

func (p patient) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return patientlyOnce(ctx, p, query, func() (driver.Rows, error) { return p.connection.QueryContext(ctx, query, args) })
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
	return patientStatement{known, p, query}, nil
}

// statement is all that database/sql asks of the driver's prepared statements.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type patientStatement struct {
	statement
	on    patient
	query string
}

func (p patientStatement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return patientlyOnce(ctx, p.on, p.query, func() (driver.Result, error) { return p.statement.ExecContext(ctx, args) })
}

func (p patientStatement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return patientlyOnce(ctx, p.on, p.query, func() (driver.Rows, error) { return p.statement.QueryContext(ctx, args) })
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

// patientlyOnce is patiently for a statement. Of several in one text some may be done when one has to wait, and would be done
// again: there SQLite itself waits, whatever the caller's time.
func patientlyOnce[T any](ctx context.Context, on patient, query string, ask func() (T, error)) (got T, err error) {
	if !strings.Contains(strings.TrimRight(query, "; \t\r\n"), ";") { // in a quoted text it does no harm
		return patiently(ctx, ask)
	}
	if err := on.waits(ctx, busyTimeout); err != nil {
		return got, err
	}
	defer func() { _ = on.waits(context.WithoutCancel(ctx), busyLook) }() // else the next who waits here does so longer
	return ask()
}

// waits sets how long SQLite itself waits for others.
func (p patient) waits(ctx context.Context, long time.Duration) error {
	_, err := p.connection.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", long.Milliseconds()), nil)
	return err
}

// isBusy reports whether others hold the file. Where a transaction has read what was changed since, waiting mends nothing:
// that has another code.
func isBusy(err error) bool {
	var refused *modernc.Error
	return errors.As(err, &refused) && refused.Code() == busyCode
}
