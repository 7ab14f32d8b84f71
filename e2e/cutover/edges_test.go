package cutover_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/e2e/cutover/databases"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

func TestMoreRowsAtOnceThanAStatementCanNameAreRefused(t *testing.T) {
	for batch, fine := range map[int]bool{-1: false, 1: true, 5000: true, 5001: false, 1_000_000: false} {
		_, err := cutover.New(cutover.Options{Flags: &service.FeatureFlagService{}, Journal: &cutover.Journal{}, Batch: batch})
		if (err == nil) != fine {
			t.Errorf("a batch of %d: %v", batch, err)
		}
	}
	onStores(t, func(t *testing.T, store cutover.Store, _ *gorm.DB) {
		numbers := map[string]cutover.Number{}
		keys := make([]string, 5000)
		for i := range keys {
			keys[i] = stayID(i)
			numbers[keys[i]] = cutover.Number{N: 1}
		}
		must(t, store.Within(t.Context(), func(ctx context.Context) error {
			_, err := store.Numbers(ctx, "clients", keys)
			return errors.Join(err, store.SetNumbers(ctx, "clients", numbers), store.Mark(ctx, "clients", keys))
		}))
	})
}

func TestOneDatabaseForBothSidesIsRefused(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		config := cutover.Config[string, counter, change, counter]{Flag: "counters", Old: w.old.side(), New: w.new.side(), Journal: w.journal, Key: func(c counter) string { return c.ID }}
		config.Old.Store, config.New.Store = cutover.GORM(w.old.db), cutover.GORM(w.old.db.Session(&gorm.Session{NewDB: true}))
		if _, err := cutover.NewEntity(config, w.stage); err == nil || !strings.Contains(err.Error(), "same database") {
			t.Errorf("one connection for both sides: %v", err)
		}
		config.New.Store = cutover.GORM(w.new.db)
		if _, err := cutover.NewEntity(config, w.stage); err != nil {
			t.Errorf("two databases: %v", err)
		}
	})
}

// adds adds an entity with those two sides.
func (m *move) adds(old, fresh *gorm.DB) error {
	m.t.Helper()
	flags, err := service.New(m.t.Context(), service.Config{Source: m.flags, Environment: development, Logger: slog.New(slog.DiscardHandler)})
	must(m.t, err)
	c, err := cutover.New(cutover.Options{Flags: flags, Journal: m.journal, Logger: slog.New(slog.DiscardHandler)})
	must(m.t, err)
	config := cutover.Config[string, []guest, renamed, guest]{Flag: "guests", Old: m.side(0, old), New: m.side(1, fresh), Key: func(g guest) string { return g.ID }}
	config.Old.Store, config.New.Store = cutover.GORM(old), cutover.GORM(fresh)
	_, err = cutover.Add(c, config)
	return err
}

func TestOneDatabaseThatIsOpenedTwiceIsRefusedAndTwoSchemasAreFine(t *testing.T) {
	onMoves(t, func(m *move) {
		twice := func(with string) *gorm.DB {
			if m.old.Name() == "postgres" {
				db, err := gorm.Open(postgres.Open(with), &gorm.Config{Logger: logger.Discard})
				return databases.Closing(m.t, db, err)
			}
			db, err := sqlite.GORM(with, &gorm.Config{Logger: logger.Discard})
			return databases.Closing(m.t, db, err)
		}
		var url, other string
		if m.old.Name() == "postgres" {
			url = pgtest.Empty(m.t)
			other = url + "&search_path=elsewhere"
		} else {
			url, other = filepath.Join(m.t.TempDir(), "a.db"), filepath.Join(m.t.TempDir(), "b.db")
		}
		one := twice(url)
		must(m.t, cutover.GORM(one).Prepare(m.t.Context()))
		if one.Name() == "postgres" {
			must(m.t, one.Exec("CREATE SCHEMA elsewhere").Error)
		}
		elsewhere := twice(other)
		must(m.t, cutover.GORM(elsewhere).Prepare(m.t.Context()))
		if err := m.adds(one, twice(url)); err == nil || !strings.Contains(err.Error(), "same database") {
			m.t.Errorf("one database that is opened twice: %v", err)
		}
		if err := m.adds(one, elsewhere); err != nil {
			m.t.Errorf("two schemas or files: %v", err)
		}
	})
}

func TestATransactionOfTheCallerIsNotUsedByTheComparison(t *testing.T) {
	databases.OnEach(t, func(t *testing.T, empty func() *gorm.DB) {
		w := newWorld(t, empty)
		must(t, w.entity.Write(t.Context(), acme, "a", change{Add: 1}))
		compared := make(chan bool, 4)
		var inside atomic.Pointer[gorm.DB]
		_, next := w.instance(func(c *cutover.Config[string, counter, change, counter]) {
			read := c.New.Read
			c.New.Read = func(ctx context.Context, id string) (counter, error) {
				compared <- cutover.DB(ctx, w.new.db).Statement.ConnPool == inside.Load().Statement.ConnPool
				return read(ctx, id)
			}
		})
		must(t, cutover.GORM(w.new.db).Within(t.Context(), func(ctx context.Context) error {
			inside.Store(cutover.DB(ctx, w.new.db))
			_, err := next.Read(ctx, acme, "a")
			if <-compared {
				t.Error("another goroutine was given the caller's transaction")
			}
			return err
		}))
	})
}

func TestAKillOfAFlagThatCannotBeReadStepsBackAtOnce(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(20)
		one := m.starts()
		for _, stage := range []ruleset.Stage{ruleset.StageDualWrite, ruleset.StageShadow, ruleset.StageLive} {
			m.goes(stage)
		}
		m.follows(one)
		pool, err := m.flags.SQL()
		must(m.t, err)
		execute := func(statement string, args ...any) {
			m.t.Helper()
			_, err := pool.ExecContext(m.t.Context(), statement, args...)
			must(m.t, err)
		}
		var variants string
		const live = " WHERE to_revision IS NULL AND environment = 'development'"
		must(m.t, pool.QueryRowContext(m.t.Context(), "SELECT variants FROM feature_flag_environments"+live).Scan(&variants))
		execute("UPDATE feature_flag_environments SET variants = '{broken'" + live)
		_, err = m.changes.Kill(m.t.Context(), development, "guests", "ann", "a test")
		must(m.t, err)
		m.follows(one)
		m.serves(one, "killed while it cannot be read", ruleset.StageShadow)
		two := m.starts()
		m.follows(two)
		m.serves(two, "started after that", ruleset.StageShadow)
		two.stop()
		_, err = m.changes.Lift(m.t.Context(), development, "guests", "ann", "a test")
		must(m.t, err)
		m.until("load the lift", func() error {
			head, err := m.flags.Head(m.t.Context(), development)
			if err == nil && one.flags.Newest().Newest().Number != head.ID.Number {
				err = errors.New("not yet")
			}
			return err
		})
		m.serves(one, "lifted while it cannot be read", ruleset.StageShadow)
		execute("UPDATE feature_flag_environments SET variants = $1"+live, variants)
		m.publishes(changes.PutSegment{Segment: ruleset.Segment{Key: "mended", When: ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"x"}}}})
		m.follows(one)
		m.serves(one, "mended", ruleset.StageLive)
	})
}
