package cli

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
)

// reachTimeout is how long a database may take to answer at all before it counts as down.
const reachTimeout = 3 * time.Second

// reach finds out whether the database answers: one that hangs must not be waited for without end.
func reach(ctx context.Context, store *models.Store) (*sql.DB, migrations.Dialect, error) {
	db, err := store.SQL()
	if err != nil {
		return nil, "", err
	}
	asking, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := db.PingContext(asking); err != nil {
		return nil, "", fmt.Errorf("ask the database: %w", err)
	}
	return db, migrations.Dialect(store.Dialect()), nil
}

// closeTimeout is how long the end waits for connections to be closed: those to a database that hangs would take long.
const closeTimeout = 2 * time.Second

// closeSoon closes the store. There is nobody left to tell if that goes wrong.
func closeSoon(store *models.Store) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = store.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeTimeout):
	}
}

// check checks that the schema is the one that this binary needs, and changes nothing.
func check(ctx context.Context, store *models.Store) error {
	db, kind, err := reach(ctx, store)
	if err != nil {
		return err
	}
	return migrations.Check(ctx, db, kind)
}

// prepare brings the schema up to date if the role may, and otherwise checks that it is.
func prepare(ctx context.Context, store *models.Store) error {
	db, kind, err := reach(ctx, store)
	if err != nil {
		return err
	}
	return migrations.Prepare(ctx, db, kind)
}

type migrate struct {
	URL   string `name:"migrate-url" env:"MIGRATE_URL" placeholder:"URL" help:"The database as the role that owns the schema (default: DATABASE_URL)."`
	Grant string `placeholder:"ROLE" help:"Gives the PostgreSQL role that serves what it needs, and no more: it can add to the audit and to revisions, and change neither."`
}

// Run migrates. MIGRATE_URL names the role that owns the schema, which need not, and had better not, be the one that
// serves.
func (cmd migrate) Run(ctx context.Context, settings *Settings, s streams) error {
	if cmd.URL != "" {
		owner := *settings
		owner.DatabaseURL = cmd.URL
		if _, _, err := owner.database(); err != nil {
			return fmt.Errorf("MIGRATE_URL: %w", err)
		}
		settings = &owner
	}
	store, err := settings.open(ctx)
	if err != nil {
		return err
	}
	defer closeSoon(store)
	db, kind, err := reach(ctx, store)
	if err != nil {
		return err
	}
	applied, err := migrations.Up(ctx, db, kind)
	if err != nil {
		return err
	}
	if applied == 0 {
		fmt.Fprintln(s.out, "The schema is up to date.")
	} else {
		fmt.Fprintf(s.out, "Applied %d migrations; the schema is up to date.\n", applied)
	}
	if cmd.Grant == "" {
		return nil
	}
	if err := migrations.Grant(ctx, db, kind, cmd.Grant); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s may serve: it can add to the audit and to revisions, and change neither; days of events are made and removed for it.\n", cmd.Grant)
	return nil
}
