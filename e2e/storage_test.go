package e2e

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/internal/sqlitetest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/ruleset"
)

// TestStorage runs every storage case on every database.
func TestStorage(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); Exercise(t, openSQLite) })
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); Exercise(t, openPostgres) })
}

// Exercise runs the storage suite. open gives a migrated database that is empty and the test's own.
func Exercise(t *testing.T, open func(t *testing.T) *models.Store) {
	for _, suite := range []map[string]func(*testing.T, *storage){
		readingCases, historyCases, publishCases, publishAllCases, killCases, maintainCases, requestCases, scheduleCases, distrustCases, importCases, corruptCases, subjectCases, schemaCases, rollbackCases, promotionCases, forgetCases, doorCases, cutoverCases, stepBackCases, eventCases, forgetEventCases, privacyCases,
	} {
		for name, run := range suite {
			t.Run(name, func(t *testing.T) { run(t, newStorage(t, open(t))) })
		}
	}
}

func openSQLite(t *testing.T) *models.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlitetest.File(t))
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, store)
	return store
}

func openPostgres(t *testing.T) *models.Store {
	t.Helper()
	return openURL(t, pgtest.URL(t))
}

func openURL(t *testing.T, url string) *models.Store {
	t.Helper()
	store, err := models.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, store)
	return store
}

func closeAfter(t *testing.T, store *models.Store) {
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
}

// storage is a database at work in a test.
type storage struct {
	t       *testing.T
	store   *models.Store
	changes *changes.Changes
}

// newStorage is one in which production takes no approvals, so that tests of other things publish at once.
func newStorage(t *testing.T, store *models.Store) *storage {
	t.Helper()
	s := &storage{t: t, store: store, changes: changes.New(store)}
	s.protects(0)
	return s
}

// protects makes production take that many approvals for each change.
func (s *storage) protects(approvals int) {
	s.t.Helper()
	row, err := s.store.Environment(s.t.Context(), prod)
	if err == nil {
		err = s.changes.EditEnvironment(s.t.Context(), changes.EnvironmentEdit{Name: prod, Title: row.Title, Protected: true, Approvals: approvals, Author: "ann", Base: row.Version})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

const prod = "production"

// publishes makes edits, which must succeed.
func (s *storage) publishes(edits ...changes.Edit) changes.Published {
	s.t.Helper()
	published, err := s.tries(edits...)
	if err != nil {
		s.t.Fatal(err)
	}
	return published
}

func (s *storage) tries(edits ...changes.Edit) (changes.Published, error) {
	return s.changes.Publish(context.Background(), changes.Change{Environment: prod, Author: "ann", Reason: "a test", Edits: edits})
}

// kills and lifts must succeed.
func (s *storage) kills(key string) changes.Published {
	s.t.Helper()
	published, err := s.changes.Kill(s.t.Context(), prod, key, "ann", "it hurts")
	if err != nil {
		s.t.Fatal(err)
	}
	return published
}

func (s *storage) lifts(key string) changes.Published {
	s.t.Helper()
	published, err := s.changes.Lift(s.t.Context(), prod, key, "ann", "it is mended")
	if err != nil {
		s.t.Fatal(err)
	}
	return published
}

func (s *storage) imports(doc changes.Document) changes.Imported {
	s.t.Helper()
	imported, err := s.changes.Import(s.t.Context(), doc, changes.ImportOptions{Author: "ann"})
	if err != nil {
		s.t.Fatal(err)
	}
	return imported
}

func (s *storage) exports() changes.Document {
	s.t.Helper()
	doc, err := s.changes.Export(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return doc
}

func (s *storage) head(environment string) ruleset.ID {
	s.t.Helper()
	head, err := s.store.Head(s.t.Context(), environment)
	if err != nil {
		s.t.Fatal(err)
	}
	return head.ID
}

func (s *storage) loads(id ruleset.ID) ruleset.Definition {
	s.t.Helper()
	def, err := s.store.Load(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return def
}

// now is what is live in production.
func (s *storage) now() ruleset.Definition { s.t.Helper(); return s.loads(s.head(prod)) }

// flag is a live flag of production.
func (s *storage) flag(key string) ruleset.Flag {
	s.t.Helper()
	for _, flag := range s.now().Flags {
		if flag.Key == key {
			return flag
		}
	}
	s.t.Fatalf("there is no flag %q", key)
	return ruleset.Flag{}
}

// version is the version of an item of production.
func (s *storage) version(item changes.Item) int64 {
	s.t.Helper()
	versions, err := s.changes.Versions(s.t.Context(), prod)
	if err != nil {
		s.t.Fatal(err)
	}
	return versions[item]
}

func (s *storage) flagVersion(key string) int64 {
	s.t.Helper()
	return s.version(changes.Item{Kind: changes.ItemFlag, Key: key})
}

// executes runs SQL behind the system's back.
func (s *storage) executes(statement string) error {
	s.t.Helper()
	_, err := sqlOf(s.t, s.store).ExecContext(s.t.Context(), statement)
	return err
}

// newFlag is the edit that creates a boolean flag, enabled and on for everybody.
func newFlag(key string) changes.PutFlag {
	return changes.PutFlag{
		About: &changes.FlagDocument{Key: key, Title: key, Kind: ruleset.Release, Type: ruleset.Boolean},
		Flag:  &ruleset.Flag{Key: key, Enabled: true, Off: "off", Otherwise: "on", Default: "off"},
	}
}

func wantEqual(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func wantError[E error](t *testing.T, err error) (as E) {
	t.Helper()
	if !errors.As(err, &as) {
		t.Fatalf("got %v, want a %T", err, as)
	}
	return as
}

// waitFor waits for a condition that must come true.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func at(minute int) *time.Time {
	t := time.Date(2030, 1, 1, 0, minute, 0, 0, time.UTC)
	return &t
}

func key(n int) string { return fmt.Sprintf("flag-%d", n) }
