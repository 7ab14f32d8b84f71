package e2e

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/migrations"
	"github.com/toprent/flags/models"
)

// servingRole is a database whose owner has let another role serve, and that role's connection.
func servingRole(t *testing.T) (owner *sql.DB, serving *storage) {
	t.Helper()
	server := pgtest.Server(t)
	owner = sqlOf(t, openURL(t, server.URL()))
	mustExecute(t, owner, "CREATE ROLE runner LOGIN", "CREATE ROLE stranger LOGIN")
	if err := migrations.Grant(t.Context(), owner, migrations.Postgres, "runner"); err != nil {
		t.Fatal(err)
	}
	store := openURL(t, strings.Replace(server.URL(), "postgres@", "runner@", 1))
	return owner, &storage{t: t, store: store}
}

func mustExecute(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

const countDays = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'feature_flag_events'::regclass"

func TestTheRoleThatServesMakesAndDropsDaysAndOwnsNothing(t *testing.T) {
	owner, s := servingRole(t)
	now, err := s.store.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	b := batchOf("i", 1)
	for _, days := range []int{0, 1, 20, 40, 50} { // before any day has a table
		b.Events = append(b.Events, exposure("ann", "", "a", ago(days)))
		b.Checks = append(b.Checks, checksOf("a", ago(days), 2))
	}
	s.records(b)
	won, lost := atOnce(4, func(int) error { return s.store.MakeEventDays(t.Context(), ago(50), now.AddDate(0, 0, 2)) })
	if won != 4 {
		t.Fatal(lost)
	}
	s.wantNumber(countDays, 1+5+2) // those of the future too, and the one for all others
	s.wantNumber("SELECT count(*) FROM feature_flag_events", 5)
	s.wantNumber("SELECT sum(checks) FROM feature_flag_checks", 10)
	if n := rowsOf(t, owner, "SELECT count(*) FROM feature_flag_events_others"); n[0] != "0" {
		t.Errorf("%s events are still where those of no day are", n[0])
	}
	again := batchOf("i", 2, exposure("ann", "", "a", now), exposure("ben", "", "a", ago(20)), exposure("ben", "", "a", now.AddDate(0, 0, 2)))
	again.Checks = b.Checks
	s.records(again)
	s.wantNumber("SELECT count(*) FROM feature_flag_events", 7)
	s.wantNumber("SELECT sum(checks) FROM feature_flag_checks", 20)

	won, lost = atOnce(4, func(int) error { return s.store.DropEventDays(t.Context(), 30, 45) })
	if won != 4 {
		t.Fatal(lost)
	}
	s.wantNumber(countDays, 1+5+2-2)
	s.wantNumber("SELECT count(*) FROM feature_flag_events", 5)
	s.wantNumber("SELECT count(*) FROM feature_flag_checks", 4)
	s.wantNumber("SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = 'runner'", 0)

	// It may be granted again while days have tables; these can be reached through their parents alone.
	if err := migrations.Grant(t.Context(), owner, migrations.Postgres, "runner"); err != nil {
		t.Fatal(err)
	}
	today := "feature_flag_events_" + now.Format("20060102")
	for _, statement := range []string{"SELECT * FROM " + today, "DROP TABLE " + today, "ALTER TABLE feature_flag_events DETACH PARTITION " + today,
		"TRUNCATE feature_flag_events", "CREATE TABLE mine (n int)", "CREATE OR REPLACE FUNCTION feature_flag_drop_days(parent text, keep integer) RETURNS integer LANGUAGE sql AS 'SELECT 1'"} {
		if s.executes(statement) == nil {
			t.Errorf("the role that serves may %s", statement)
		}
	}
	s.records(batchOf("i", 3, exposure("eve", "", "a", now)))
	s.wantNumber("SELECT count(*) FROM feature_flag_events", 6)
	stranger, err := owner.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for _, statement := range []string{"SET ROLE stranger", "SELECT feature_flag_make_day('feature_flag_events', current_date)", "SELECT feature_flag_drop_days('feature_flag_events', 30)"} {
		_, err := stranger.ExecContext(t.Context(), statement)
		if refused := err != nil && strings.Contains(err.Error(), "permission denied for function"); refused != strings.HasPrefix(statement, "SELECT") {
			t.Errorf("anybody's %s: %v", statement, err)
		}
	}
}

func TestTheRoleThatServesGetsNothingElseFromTheOwnersFunctions(t *testing.T) {
	owner, s := servingRole(t)
	now, err := s.store.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.records(batchOf("i", 1, exposure("ann", "", "a", now.AddDate(0, 0, -40)), exposure("ann", "", "a", now)))
	tables := rowsOf(t, owner, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') ORDER BY 1")
	for _, call := range []string{
		"feature_flag_make_day('feature_flags', current_date)", "feature_flag_make_day('pg_class', current_date)", "feature_flag_make_day('', current_date)", "feature_flag_make_day(NULL, current_date)",
		"feature_flag_make_day('feature_flag_events; DROP TABLE revisions; --', current_date)", `feature_flag_make_day('feature_flag_events"', current_date)`, "feature_flag_make_day('Feature_flag_events', current_date)",
		"feature_flag_make_day('feature_flag_events', NULL)", "feature_flag_make_day('feature_flag_events', 'infinity')", "feature_flag_make_day('feature_flag_events', '-infinity')",
		"feature_flag_make_day('feature_flag_events', current_date + 90)", "feature_flag_make_day('feature_flag_events', current_date - 90)", "feature_flag_make_day('feature_flag_events', '0044-03-15 BC')",
		"feature_flag_drop_days('revisions', 30)", "feature_flag_drop_days(NULL, 30)", "feature_flag_drop_days('feature_flag_events', NULL)", "feature_flag_drop_days('feature_flag_events', 0)",
		"feature_flag_drop_days('feature_flag_events', -1)", "feature_flag_drop_days('feature_flag_events', 6)", "feature_flag_drop_days('feature_flag_events', 2147483647)", "feature_flag_drop_days('feature_flag_events', -2147483648)",
	} {
		if s.executes("SELECT "+call) == nil {
			t.Errorf("%s is taken", call)
		}
	}
	wantEqual(t, "the tables", rowsOf(t, owner, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') ORDER BY 1"), tables)
	s.wantNumber("SELECT count(*) FROM feature_flag_events", 2)

	// Temporary tables of the same names, with a trigger that would run as the owner, and a path that finds them first.
	conn, err := sqlOf(t, s.store).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tomorrow := now.AddDate(0, 0, 1)
	for _, statement := range []string{
		"CREATE TEMP TABLE feature_flag_events_others (day date, who text)",
		"CREATE TEMP TABLE feature_flag_events (day date, who text)",
		"CREATE TEMP TABLE feature_flag_events_" + tomorrow.Format("20060102") + " (day date, who text)",
		"CREATE FUNCTION pg_temp.steal() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN EXECUTE ''ALTER ROLE runner SUPERUSER''; RETURN OLD; END'",
		"CREATE TRIGGER steal BEFORE DELETE ON pg_temp.feature_flag_events_others FOR EACH ROW EXECUTE FUNCTION pg_temp.steal()",
		"CREATE FUNCTION pg_temp.format(text, text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'ALTER ROLE runner SUPERUSER' $$",
		fmt.Sprintf("INSERT INTO pg_temp.feature_flag_events_others VALUES ('%s', 'bait'), (current_date - 100, 'bait')", models.Day(tomorrow)),
		"SET search_path = pg_temp, public, pg_catalog",
		fmt.Sprintf("SELECT public.feature_flag_make_day('feature_flag_events', '%s')", models.Day(tomorrow)),
		"SELECT public.feature_flag_drop_days('feature_flag_events', 7)",
	} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	var bait int
	if err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_temp.feature_flag_events_others").Scan(&bait); err != nil || bait != 2 {
		t.Errorf("%d of the bait are left, %v", bait, err)
	}
	s.wantNumber(countDays, 2)
	s.wantNumber("SELECT count(*) FROM feature_flag_events", 1)
	s.wantNumber("SELECT count(*) FROM pg_roles WHERE rolname = 'runner' AND rolsuper", 0)
}

// A report that takes long keeps days from being dropped; then that waits, and nobody who stores events waits for it.
func TestAReaderKeepsNobodyFromStoringWhileADayIsToGo(t *testing.T) {
	owner, s := servingRole(t)
	now, err := s.store.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.records(batchOf("i", 1, exposure("ann", "", "a", now.AddDate(0, 0, -40))))
	if err := s.store.MakeEventDays(t.Context(), now.AddDate(0, 0, -40), now.AddDate(0, 0, 2)); err != nil {
		t.Fatal(err)
	}
	reading, err := owner.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Rollback()
	if _, err := reading.ExecContext(t.Context(), "SELECT count(*) FROM feature_flag_events"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := s.store.DropEventDays(t.Context(), 30, 30); err == nil || !strings.Contains(err.Error(), "lock timeout") {
		t.Errorf("a day is dropped under a reader: %v", err)
	}
	s.records(batchOf("i", 2, exposure("ann", "", "a", now)))
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
	if err := reading.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.store.DropEventDays(t.Context(), 30, 30); err != nil {
		t.Error(err)
	}
	s.wantNumber("SELECT count(*) FROM feature_flag_events", 1)
}

// BenchmarkDroppingADay removes a day of a million events.
func BenchmarkDroppingADay(b *testing.B) {
	store, err := models.Open(b.Context(), pgtest.URL(b))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	db, err := store.SQL()
	if err != nil {
		b.Fatal(err)
	}
	fill := func(rows int) {
		mustExecute(b, db, fmt.Sprintf(`INSERT INTO feature_flag_events (day, id, at, kind, environment, flag, variant, user_id, tenant)
			SELECT (now() AT TIME ZONE 'UTC')::date - 40, gen_random_uuid(), now() - interval '40 days', 'exposure', 'production', 'flag-' || n %% 50, 'on', 'u-' || n, 't-' || n %% 500 FROM generate_series(1, %d) n`, rows))
	}
	for b.Loop() {
		b.StopTimer()
		fill(1)
		if err := store.MakeEventDays(b.Context(), time.Now().AddDate(0, 0, -41), time.Now()); err != nil {
			b.Fatal(err)
		}
		fill(1_000_000)
		b.StartTimer()
		if err := store.DropEventDays(b.Context(), 30, 30); err != nil {
			b.Fatal(err)
		}
	}
}
