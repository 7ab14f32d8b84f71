package models

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unavailable reports whether the error means that the database could not be reached, rather than that it refused:
// the same call may succeed later.
func Unavailable(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	}
	var network net.Error
	var connecting *pgconn.ConnectError
	if errors.As(err, &network) || errors.As(err, &connecting) {
		return true
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		// Connection exceptions, too many connections and the like, and shutting down or starting up.
		return strings.HasPrefix(refused.Code, "08") || strings.HasPrefix(refused.Code, "53") || strings.HasPrefix(refused.Code, "57P")
	}
	var coded interface{ Code() int } // as SQLite's driver reports: the low byte is the primary result code
	if errors.As(err, &coded) {
		switch coded.Code() & 0xff {
		case 5, 6, 10, 13, 14: // BUSY, LOCKED, IOERR, FULL, CANTOPEN
			return true
		}
	}
	return pgconn.SafeToRetry(err)
}

// lacksSchema reports whether the error means that a table does not exist.
func lacksSchema(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return refused.Code == "42P01"
	}
	return err != nil && strings.Contains(err.Error(), "no such table") // SQLite has no code of its own for it
}
