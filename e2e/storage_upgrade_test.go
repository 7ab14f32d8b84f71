package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/toprent/flags/migrations"
)

// migratesTo brings an empty database to an earlier version of the schema.
func migratesTo(t *testing.T, db *sql.DB, dialect migrations.Dialect, version int64) {
	t.Helper()
	kind := goose.DialectPostgres
	if dialect == migrations.SQLite {
		kind = goose.DialectSQLite3
	}
	provider, err := goose.NewProvider(kind, db, os.DirFS("../migrations/"+string(dialect)), goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err == nil {
		_, err = provider.UpTo(t.Context(), version)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// before00010 are rows of a database in use, as they were before flags had states and requests had alerts.
func before00010(dialect migrations.Dialect) (statements []string) {
	digest := "zeroblob(32)"
	if dialect == migrations.Postgres {
		digest = "decode(repeat('00', 32), 'hex')"
	}
	const then, uuid = "'2026-01-02 03:04:05+00:00'", "00000000-0000-4000-8000-0000000000%02d"
	id := func(n int) string { return "'" + fmt.Sprintf(uuid, n) + "'" }
	for i, lifecycle := range []string{"", "Active", " deprecated ", "Sunset", "beta, ask Ann first"} {
		statements = append(statements, fmt.Sprintf("INSERT INTO feature_flags (id, name, purpose, lifecycle, kind, type, salt, created_at, updated_at) VALUES (%s, 'f%d', '%s', '%s', 'release', 'boolean', 's', %s, %s)",
			id(i), i, []string{"why", ""}[i%2], lifecycle, then, then))
	}
	statements = append(statements,
		"INSERT INTO revisions (environment, number, digest, kind, author, reason, published_at) VALUES ('production', 1, "+digest+", 'publish', 'ann', '', "+then+")",
		"INSERT INTO alert_channels (id, name, kind, target, hint, created_at, created_by) VALUES ("+id(20)+", 'ops', 'slack', 'x', 'x', "+then+", 'ann')",
		"INSERT INTO alert_watches (id, channel_id, environment, feature_id, events, created_at, created_by) VALUES ("+id(30)+", "+id(20)+", 'production', "+id(1)+", 'all', "+then+", 'ann')",
		"INSERT INTO alert_watches (id, channel_id, events, created_at, created_by, removed_at, removed_by) VALUES ("+id(31)+", "+id(20)+", 'kills', "+then+", 'ann', "+then+", 'bob')",
		"INSERT INTO alert_watches (id, channel_id, events, created_at, created_by) VALUES ("+id(32)+", "+id(20)+", 'kills', "+then+", 'ann')")
	for i, state := range []string{"'waiting', 2, NULL", "'sent', 1, " + then} {
		parts := strings.SplitN(state, ", ", 3)
		statements = append(statements, fmt.Sprintf("INSERT INTO alert_deliveries (id, environment, revision, watch_id, channel_id, urgent, status, attempts, next_at, created_at, ended_at) VALUES (%s, 'production', 1, %s, %s, %s, %s, %s, %s, %s, %s)",
			id(40+i), id(30+i), id(20), map[bool]string{true: "false", false: "0"}[dialect == migrations.Postgres], parts[0], parts[1], then, then, parts[2]))
	}
	return statements
}

func TestAnUpgradeKeepsWhatWasWrittenOfFlagsAndAlerts(t *testing.T) {
	for dialect, db := range emptyDatabases(t) {
		t.Run(string(dialect), func(t *testing.T) {
			migratesTo(t, db, dialect, 9)
			for _, statement := range before00010(dialect) {
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatalf("%s: %v", statement, err)
				}
			}
			if _, err := migrations.Up(t.Context(), db, dialect); err != nil {
				t.Fatal(err)
			}
			wantEqual(t, "the flags", rowsOf(t, db, "SELECT name, lifecycle, purpose, version FROM feature_flags ORDER BY name"), []string{
				"f0|active|why|1", "f1|active||1", "f2|deprecated|why|1",
				"f3|deprecated|Lifecycle, as it was written before: Sunset|2",
				"f4|active|why\nLifecycle, as it was written before: beta, ask Ann first|2"})
			wantEqual(t, "the watches", rowsOf(t, db, "SELECT substr(CAST(id AS TEXT), 35), coalesce(environment, ''), coalesce(substr(CAST(feature_id AS TEXT), 35), ''), events, coalesce(removed_by, '') FROM alert_watches ORDER BY id"), []string{
				"30|production|01|all|", "31|||kills|bob", "32|||kills|"})
			wantEqual(t, "the deliveries", rowsOf(t, db, "SELECT substr(CAST(id AS TEXT), 35), revision, coalesce(request_event, 0), substr(CAST(watch_id AS TEXT), 35), status, attempts FROM alert_deliveries ORDER BY id"), []string{
				"40|1|0|30|waiting|2", "41|1|0|31|sent|1"})

			now := "'2026-02-02 03:04:05+00:00'"
			watch := func(n int, events string) error {
				_, err := db.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO alert_watches (id, channel_id, events, created_at, created_by) VALUES ('00000000-0000-4000-8000-0000000000%02d', '00000000-0000-4000-8000-000000000020', '%s', %s, 'ann')", n, events, now))
				return err
			}
			for n, events := range []string{"reviews", "requests"} {
				if err := watch(50+n, events); err != nil {
					t.Errorf("the channel cannot hear of %s beside kills: %v", events, err)
				}
			}
			for n, events := range []string{"kills", "all", "reviews", "requests", "rumours"} {
				if watch(60+n, events) == nil {
					t.Errorf("a second watch of %s is taken", events)
				}
			}
			if _, err := db.ExecContext(t.Context(), "UPDATE feature_flags SET lifecycle = 'beta'"); err == nil {
				t.Error("a flag takes a state that there is not")
			}
			if _, err := db.ExecContext(t.Context(), "UPDATE alert_deliveries SET watch_id = '00000000-0000-4000-8000-000000000099'"); err == nil {
				t.Error("a delivery can be of a watch that there is not")
			}
		})
	}
}

// rowsOf gives the rows of a query, their columns with bars between them.
func rowsOf(t *testing.T, db *sql.DB, query string) (lines []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		texts, into := make([]string, len(columns)), make([]any, len(columns))
		for i := range texts {
			into[i] = &texts[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
	return lines
}
