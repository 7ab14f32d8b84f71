package models

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// Open makes a Store of a PostgreSQL database, named by a URL or a connection string. It does not connect. The pool's
// settings (pool_max_conns and so on) can be given in the URL.
func Open(ctx context.Context, url string) (*Store, error) {
	if strings.TrimSpace(url) == "" { // which would mean whatever server the machine's defaults lead to
		return nil, errors.New("the database's URL is empty: say postgres://…")
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the database's URL: %w", err)
	}
	// Asked before each use, whether it still stands: after a restart of the server the first kill must not fail on a
	// connection of the old one. There are few queries here, so a round trip more is nothing.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	store, err := New(&postgresBackend{
		Dialector: postgres.New(postgres.Config{Conn: db}),
		pool:      pool,
	})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return store, nil
}

// postgresBackend is PostgreSQL.
type postgresBackend struct {
	gorm.Dialector
	pool *pgxpool.Pool
}

// channel is where published environments are announced.
const channel = "toprent_flags_published"

// Announce sends the environment's name when, and only if, the transaction is committed.
func (*postgresBackend) Announce(ctx context.Context, tx *gorm.DB, environment string) error {
	return tx.WithContext(ctx).Exec("SELECT pg_notify(?, ?)", channel, environment).Error
}

// Committed has nothing to do: the database announces.
func (*postgresBackend) Committed(string) {}

// quiet is after how long without a word a listener asks whether the connection still stands: a peer that vanished
// without a word would be waited for forever.
const quiet = 30 * time.Second

// Listen has a connection of its own, since a pool would hand the one that listens to others.
func (p *postgresBackend) Listen(ctx context.Context, environment string, hint func()) error {
	conn, err := pgx.ConnectConfig(ctx, p.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ending)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	hint() // what was published while nobody listened
	for {
		published, err := next(ctx, conn)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		if published == environment {
			hint()
		}
	}
}

// next returns the environment that is announced next, or nothing after a quiet time in which the connection stood.
func next(ctx context.Context, conn *pgx.Conn) (string, error) {
	waiting, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	notification, err := conn.WaitForNotification(waiting)
	if err == nil {
		return notification.Payload, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if waiting.Err() == nil {
		return "", err
	}
	asking, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	return "", conn.Ping(asking)
}

// Now is the server's clock, not the transaction's beginning.
func (*postgresBackend) Now(_ context.Context, db *gorm.DB) (now time.Time, err error) {
	err = db.Raw("SELECT clock_timestamp()").Scan(&now).Error
	return now, err
}

// OneWriter is false.
func (*postgresBackend) OneWriter() bool { return false }

// Close closes the pool.
func (p *postgresBackend) Close() error {
	p.pool.Close()
	return nil
}
