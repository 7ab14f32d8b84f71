package sample

import (
	"context"
	"fmt"

	"github.com/toprent/flags/cutover"
	"gorm.io/gorm"
)

const clientsTable = `CREATE TABLE IF NOT EXISTS clients (
    id     VARCHAR(64) PRIMARY KEY,
    tenant VARCHAR(64) NOT NULL,
    name   VARCHAR(200) NOT NULL,
    email  VARCHAR(200) NOT NULL,
    since  VARCHAR(7) NOT NULL,
    nights BIGINT NOT NULL,
    words  VARCHAR(401) NOT NULL
)`

// prepare makes the tables that are missing, once, and gives an old database that is as empty as the other one its first
// clients. Several instances may do so at once.
func (c *Clients) prepare(ctx context.Context) error {
	if c.prepared.Load() {
		return nil
	}
	err := c.first(ctx)
	if err == nil {
		err = c.makeTables(ctx)
	}
	if err == nil {
		err = c.fill(ctx)
	}
	c.prepared.Store(err == nil)
	return err
}

func (c *Clients) makeTables(ctx context.Context) error {
	if err := c.journal.Prepare(ctx); err != nil {
		return err
	}
	for _, db := range []*gorm.DB{c.old, c.new} {
		if err := cutover.GORM(db).Prepare(ctx); err != nil {
			return err
		}
		if err := alone(ctx, db, func(tx *gorm.DB) error { return tx.Exec(clientsTable).Error }); err != nil {
			return fmt.Errorf("make the table of the clients: %w", err)
		}
	}
	return nil
}

func (c *Clients) fill(ctx context.Context) error {
	none, err := empty(c.new.WithContext(ctx))
	if err != nil || !none {
		return err
	}
	if err := alone(ctx, c.old, fill); err != nil {
		return fmt.Errorf("fill the old database with clients: %w", err)
	}
	if c.copiedByHost() {
		err = alone(ctx, c.new, fill)
	}
	return err
}

// copiedByHost reports whether the flag has two stages, as it had in earlier samples: then it is the host that copies.
func (c *Clients) copiedByHost() bool {
	published := c.flags.Newest().Published()
	if published == nil {
		return false
	}
	stages, has := published.Stages(clientsFlag)
	return has && !stages.Staged
}

// alone runs do in a transaction that waits for others that do the same.
func alone(ctx context.Context, db *gorm.DB, do func(tx *gorm.DB) error) error {
	return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if tx.Name() == "postgres" { // of SQLite's transactions there is one at a time
			if err := tx.Exec("SELECT pg_advisory_xact_lock(7206150923512)").Error; err != nil {
				return err
			}
		}
		return do(tx)
	})
}

func empty(db *gorm.DB) (bool, error) {
	var n int64
	err := db.Model(&Client{}).Limit(1).Count(&n).Error
	return n == 0, err
}

// fill adds the first clients to a database that has none.
func fill(tx *gorm.DB) error {
	if none, err := empty(tx); err != nil || !none {
		return err
	}
	return tx.CreateInBatches(firstClients(), 100).Error
}
