package e2e

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/filelock"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
)

// instances is how many boot at once.
const instances = 6

// migrateAsInstance does what an instance does when it boots.
func migrateAsInstance(ctx context.Context, path string) error {
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	return errors.Join(migrate(ctx, store), store.Close())
}

func migrate(ctx context.Context, store *models.Store) error {
	db, err := store.SQL()
	if err != nil {
		return err
	}
	dialect := migrations.Dialect(store.Dialect())
	if _, err := migrations.Up(ctx, db, dialect); err != nil {
		return err
	}
	return migrations.Check(ctx, db, dialect)
}

func TestSixProcessesMigrateOneSQLiteFileAtOnce(t *testing.T) {
	if path := os.Getenv("MIGRATE_AS_INSTANCE"); path != "" {
		if err := migrateAsInstance(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "flags.db")
	booted, failed := atOnce(instances, func(int) error {
		cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "MIGRATE_AS_INSTANCE="+path)
		if out, err := cmd.CombinedOutput(); err != nil {
			return errors.Join(err, errors.New(string(out)))
		}
		return nil
	})
	if booted != instances {
		t.Errorf("%d of %d booted: %v", booted, instances, errors.Join(failed...))
	}
}

func TestSixInstancesMigrateOneSQLiteFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.db")
	booted, failed := atOnce(instances, func(int) error { return migrateAsInstance(t.Context(), path) })
	if booted != instances {
		t.Errorf("%d of %d booted: %v", booted, instances, errors.Join(failed...))
	}
}

func TestSixInstancesMigrateOnePostgreSQLAtOnce(t *testing.T) {
	url := pgtest.Empty(t)
	booted, failed := atOnce(instances, func(int) error {
		store, err := models.Open(t.Context(), url)
		if err != nil {
			return err
		}
		return errors.Join(migrate(t.Context(), store), store.Close())
	})
	if booted != instances {
		t.Errorf("%d of %d booted: %v", booted, instances, errors.Join(failed...))
	}
}

// emptyDatabases are an empty one of each kind.
func emptyDatabases(t *testing.T) map[migrations.Dialect]*sql.DB {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "flags.db"))
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, store)
	return map[migrations.Dialect]*sql.DB{
		migrations.SQLite:   sqlOf(t, store),
		migrations.Postgres: sqlOf(t, openURL(t, pgtest.Empty(t))),
	}
}

func TestABinaryKnowsASchemaThatIsNotItsOwn(t *testing.T) {
	for dialect, db := range emptyDatabases(t) {
		t.Run(string(dialect), func(t *testing.T) {
			wantIs(t, migrations.Check(t.Context(), db, dialect), migrations.ErrOlder)
			if _, err := migrations.Up(t.Context(), db, dialect); err != nil {
				t.Fatal(err)
			}
			if applied, err := migrations.Up(t.Context(), db, dialect); applied != 0 || err != nil {
				t.Errorf("migrating again: %d, %v", applied, err)
			}
			if err := migrations.Check(t.Context(), db, dialect); err != nil {
				t.Error(err)
			}
			if _, err := db.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)"); err != nil {
				t.Fatal(err)
			}
			wantIs(t, migrations.Check(t.Context(), db, dialect), migrations.ErrNewer)
			_, err := migrations.Up(t.Context(), db, dialect)
			wantIs(t, err, migrations.ErrNewer)
		})
	}
}

func TestTheDialectsHaveTheSameNumbers(t *testing.T) {
	a, err := migrations.Version(migrations.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	b, err := migrations.Version(migrations.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, "the newest migration", a, b)
}

// A transaction pooler may give each statement another server connection; the lock must hold all the same, so it may
// not be one of the session.
func TestTheMigrationLockIsHeldByATransaction(t *testing.T) {
	url := pgtest.Empty(t)
	watcher := sqlOf(t, openURL(t, url))
	holder, err := watcher.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := holder.ExecContext(t.Context(), "SELECT pg_advisory_xact_lock(32773626044706420)"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	store := openURL(t, url)
	go func() { done <- migrate(t.Context(), store) }()
	waitFor(t, "an instance to wait for the lock", func() bool {
		var waiting int
		if err := watcher.QueryRow("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		return waiting == 1
	})
	if err := holder.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestARoleThatDoesNotOwnTheSchemaOnlyChecksIt(t *testing.T) {
	server := pgtest.Server(t)
	owner := sqlOf(t, openURL(t, server.URL()))
	for _, statement := range []string{"CREATE ROLE runner LOGIN", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO runner"} {
		if _, err := owner.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	runner := sqlOf(t, openURL(t, strings.Replace(server.URL(), "postgres@", "runner@", 1)))
	for db, want := range map[*sql.DB]bool{owner: true, runner: false} {
		if owns, err := migrations.Owns(t.Context(), db, migrations.Postgres); err != nil || owns != want {
			t.Errorf("owns: %v, %v, want %v", owns, err, want)
		}
		if err := migrations.Prepare(t.Context(), db, migrations.Postgres); err != nil {
			t.Error(err)
		}
	}
	if _, err := owner.ExecContext(t.Context(), "DELETE FROM goose_db_version WHERE version_id > 0"); err != nil {
		t.Fatal(err)
	}
	wantIs(t, migrations.Prepare(t.Context(), runner, migrations.Postgres), migrations.ErrOlder)
}

func TestOpeningAndMigratingASQLiteFileWaitForWhoeverDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.db")
	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, store)
	unlock, err := filelock.Lock(t.Context(), path+".lock")
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = sqlite.Open(impatient, path)
	wantIs(t, err, context.DeadlineExceeded)
	wantIs(t, migrate(impatient, store), context.DeadlineExceeded)
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := migrateAsInstance(t.Context(), path); err != nil {
		t.Error(err)
	}
}
