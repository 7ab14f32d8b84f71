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

// openPool opens a file with connections whose transactions wait for others only as long as their callers do. SQLite does not
// look at the caller's context while it waits: who has half a second would be kept for all of busyTimeout.
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
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	known, ok := opened.(connection)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver lacks something that transactions need"), opened.Close())
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

// BeginTx begins a transaction as soon as nobody else writes.
func (p patient) BeginTx(ctx context.Context, options driver.TxOptions) (tx driver.Tx, err error) {
	if ctx.Done() == nil || options.ReadOnly {
		return p.connection.BeginTx(ctx, options)
	}
	if err := p.waits(busyLook); err != nil {
		return nil, err
	}
	for end := time.Now().Add(busyTimeout); ; {
		tx, err = p.connection.BeginTx(ctx, options)
		if !isBusy(err) || time.Now().After(end) {
			break
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
			break
		}
	}
	if failed := p.waits(busyTimeout); failed != nil {
		if tx != nil {
			failed = errors.Join(failed, tx.Rollback())
		}
		return nil, errors.Join(err, failed)
	}
	return tx, err
}

// waits sets how long SQLite waits by itself. It has to, whatever became of the caller.
func (p patient) waits(atMost time.Duration) error {
	_, err := p.ExecContext(context.Background(), fmt.Sprintf("PRAGMA busy_timeout = %d", atMost.Milliseconds()), nil)
	return err
}

func isBusy(err error) bool {
	var refused *modernc.Error
	return errors.As(err, &refused) && refused.Code()&0xff == busyCode
}
