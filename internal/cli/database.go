package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
)

// prepare brings the schema up to date if the role may, and otherwise checks that it is.
func prepare(ctx context.Context, store *models.Store) error {
	db, err := store.SQL()
	if err != nil {
		return err
	}
	kind := migrations.Dialect(store.Dialect())
	err = migrations.Check(ctx, db, kind)
	if !errors.Is(err, migrations.ErrOlder) {
		return err
	}
	if owner, ownerErr := ownsSchema(ctx, db, kind); ownerErr != nil || !owner {
		return errors.Join(err, ownerErr)
	}
	_, err = migrations.Up(ctx, db, kind)
	return err
}

// ownsSchema reports whether the role may change the schema: on PostgreSQL, create tables in it and owns those that
// are there. SQLite has no roles.
func ownsSchema(ctx context.Context, db *sql.DB, kind migrations.Dialect) (owns bool, err error) {
	if kind == migrations.SQLite {
		return true, nil
	}
	err = db.QueryRowContext(ctx, `
		SELECT has_schema_privilege(current_schema(), 'CREATE') AND NOT EXISTS (
			SELECT FROM pg_tables
			WHERE schemaname = current_schema() AND tablename IN ('feature_flags', 'goose_db_version') AND NOT pg_has_role(tableowner, 'MEMBER'))`).Scan(&owns)
	if err != nil {
		return false, fmt.Errorf("ask who owns the schema: %w", err)
	}
	return owns, nil
}

type migrate struct{}

// Run migrates. DATABASE_URL names the role that owns the schema, which need not be the one that serves.
func (migrate) Run(ctx context.Context, settings *Settings, s streams) error {
	store, err := settings.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	db, err := store.SQL()
	if err != nil {
		return err
	}
	applied, err := migrations.Up(ctx, db, migrations.Dialect(store.Dialect()))
	if err != nil {
		return err
	}
	if applied == 0 {
		fmt.Fprintln(s.out, "The schema is up to date.")
		return nil
	}
	fmt.Fprintf(s.out, "Applied %d migrations; the schema is up to date.\n", applied)
	return nil
}
