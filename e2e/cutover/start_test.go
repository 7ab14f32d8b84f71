package cutover_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/cutover"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// unreachable is the flag database behind a connection that is cut.
type unreachable struct{ *models.Store }

var errCut = errors.New("the connection is cut")

func (unreachable) Head(context.Context, string) (service.Head, error) {
	return service.Head{}, errCut
}

// without starts an instance that does not reach the flag database.
func (m *move) without(lastGood string) *instance {
	return m.starts(func(s *service.Config, o *cutover.Options) {
		s.Source, s.LastGood = unreachable{m.flags}, lastGood
		o.Store = nil
	})
}

// serves fails unless an instance reads and writes as a stage demands.
func (m *move) serves(on *instance, what string, stage ruleset.Stage) {
	m.t.Helper()
	if err := on.Ready(); err != nil {
		m.t.Errorf("%s at %s: %v", what, stage, err)
	}
	for side := range m.touched {
		m.touched[side].Store(0)
	}
	if _, err := on.guests.Read(m.t.Context(), ruleset.Subject{Tenant: "t1"}, "t1"); err != nil {
		m.t.Errorf("%s at %s: %v", what, stage, err)
	}
	m.until("compare", func() error { return m.reads(stage) })
	m.writes(on, "g000001", renamed{Tenant: "t1", Name: what})
	authority, other := m.old, m.fresh
	if stage.New() {
		authority, other = m.fresh, m.old
	}
	if got := m.rows(authority)["g000001"].Name; got != what {
		m.t.Errorf("%s at %s: the authority has %q", what, stage, got)
	}
	if stage.Both() {
		m.until("write the other side", func() error {
			if got := m.rows(other)["g000001"].Name; got != what {
				return fmt.Errorf("%s at %s: it has %q", what, stage, got)
			}
			return nil
		})
	} else if abandoned := &m.touched[[]int{1, 0}[min(stage, 1)]]; abandoned.Load() > 0 {
		m.t.Errorf("%s at %s: the abandoned side was touched", what, stage)
	}
}

// reads is nil once those sides were read that a stage reads.
func (m *move) reads(stage ruleset.Stage) error {
	if old, fresh := m.touched[0].Load() > 0, m.touched[1].Load() > 0; old != (!stage.New() || stage.Compared()) || fresh != (stage.New() || stage.Compared()) {
		return errors.New("other sides were read")
	}
	return nil
}

// everyStage leads an entity with some rows through all stages, and does something at each.
func (m *move) everyStage(at func(stage ruleset.Stage, on *instance)) {
	m.fills(20)
	one := m.starts()
	for _, stage := range ruleset.Stages {
		if stage != ruleset.StageOff {
			m.goes(stage)
		}
		m.follows(one)
		at(stage, one)
	}
}

func TestAnInstanceThatStartsWithoutTheFlagDatabaseGoesOnAtTheStageStoredLast(t *testing.T) {
	onMoves(t, func(m *move) {
		lastGood := filepath.Join(m.t.TempDir(), "last-good.json")
		older := filepath.Join(m.t.TempDir(), "older.json")
		m.everyStage(func(stage ruleset.Stage, _ *instance) {
			two := m.without("")
			m.serves(two, "without anything on disk", stage)
			two.stop()
			if stage > ruleset.StageOff {
				behind := m.without(older)
				m.serves(behind, "with an older file", stage)
				behind.stop()
			}
			kept, err := service.New(m.t.Context(), service.Config{Source: m.flags, Environment: development, LastGood: lastGood})
			must(m.t, err)
			if !kept.Ready() {
				m.t.Fatal("nothing was kept on disk")
			}
			file, err := os.ReadFile(lastGood)
			must(m.t, err)
			must(m.t, os.WriteFile(older, file, 0o600))
		})
	})
}

func TestAnInstanceThatKnowsNoStageTouchesNothing(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(1)
		one := m.without("")
		if err := one.Ready(); !errors.Is(err, cutover.ErrNoStage) {
			m.t.Errorf("ready: %v", err)
		}
		if _, err := one.guests.Read(m.t.Context(), ruleset.Subject{Tenant: "t1"}, "t1"); !errors.Is(err, cutover.ErrNoStage) {
			m.t.Errorf("read: %v", err)
		}
		if err := one.guests.Write(m.t.Context(), ruleset.Subject{Tenant: "t1"}, "k", renamed{Tenant: "t1"}); !errors.Is(err, cutover.ErrNoStage) {
			m.t.Errorf("write: %v", err)
		}
		if m.touched[0].Load()+m.touched[1].Load() > 0 {
			m.t.Error("a side was touched")
		}
	})
}

func TestAMalformedRowLeavesEveryStageAsItIs(t *testing.T) {
	onMoves(t, func(m *move) {
		m.everyStage(func(stage ruleset.Stage, one *instance) {
			pool, err := m.flags.SQL()
			must(m.t, err)
			var rules string
			must(m.t, pool.QueryRowContext(m.t.Context(), "SELECT variants FROM feature_flag_environments WHERE to_revision IS NULL AND environment = 'development'").Scan(&rules))
			execute := func(statement string, args ...any) {
				m.t.Helper()
				_, err := pool.ExecContext(m.t.Context(), statement, args...)
				must(m.t, err)
			}
			execute("UPDATE feature_flag_environments SET variants = '{broken' WHERE to_revision IS NULL AND environment = 'development'")
			m.publishes(changes.PutSegment{Segment: ruleset.Segment{Key: "s-" + stage.String(), When: ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"x"}}}})
			m.until("load the malformed row", func() error {
				if len(one.flags.Status().Malformed) == 0 {
					return errors.New("not loaded")
				}
				return nil
			})
			m.serves(one, "malformed", stage)
			two := m.starts()
			m.serves(two, "started with a malformed row", stage)
			two.stop()
			execute("UPDATE feature_flag_environments SET variants = $1 WHERE to_revision IS NULL AND environment = 'development'", rules)
			m.publishes(changes.PutSegment{Segment: ruleset.Segment{Key: "m-" + stage.String(), When: ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"x"}}}})
		})
	})
}

func TestATenantStepsBackByItselfOnce(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(50)
		one := m.starts()
		for _, stage := range []ruleset.Stage{ruleset.StageDualWrite, ruleset.StageShadow, ruleset.StageLive} {
			m.goes(stage)
		}
		m.follows(one)
		must(m.t, m.flags.Write(m.t.Context(), func(tx *models.Tx) error {
			return tx.PutCutoverLimits(m.t.Context(), models.CutoverLimits{Environment: development, Flag: "guests", Agreement: 900_000, Compared: 20, Minutes: 1, StepBack: true, ChangedBy: "ann", ChangedAt: models.At(time.Now())})
		}))
		must(m.t, m.fresh.Exec("UPDATE guests SET name = 'corrupted' WHERE tenant = 't3'").Error)
		read := func(tenant string) {
			if _, err := one.guests.Read(m.t.Context(), ruleset.Subject{Tenant: tenant}, tenant); err != nil {
				m.t.Fatal(err)
			}
		}
		overrides := func() (tenants []string) {
			head, err := m.flags.Head(m.t.Context(), development)
			must(m.t, err)
			definition, err := m.flags.Load(m.t.Context(), head.ID)
			must(m.t, err)
			for _, o := range definition.Overrides {
				tenants = append(tenants, o.Tenant+" "+o.Variant)
			}
			return tenants
		}
		m.until("step back", func() error {
			read("t3")
			read("t1")
			if len(overrides()) == 0 {
				return errors.New("not yet")
			}
			return nil
		})
		head, err := m.flags.Head(m.t.Context(), development)
		must(m.t, err)
		m.follows(one)
		for range 100 {
			read("t3")
			read("t1")
		}
		must(m.t, m.heardAgain(one))
		again, err := m.flags.Head(m.t.Context(), development)
		must(m.t, err)
		if got := overrides(); len(got) != 1 || got[0] != "t3 shadow" || again.ID != head.ID {
			m.t.Errorf("stepped back: %v, at revision %d after %d", got, again.ID.Number, head.ID.Number)
		}
	})
}

func TestAnInstanceThatIsCutOffFollowsWhatOthersStore(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(20)
		one := m.starts()
		m.goes(ruleset.StageDualWrite)
		m.follows(one)
		two := m.without("")
		m.goes(ruleset.StageShadow)
		m.goes(ruleset.StageLive)
		m.follows(one)
		m.until("follow", func() error {
			m.touched[1].Store(0)
			if _, err := two.guests.Read(m.t.Context(), ruleset.Subject{Tenant: "t1"}, "t1"); err != nil {
				return err
			}
			if m.touched[1].Load() == 0 {
				return errors.New("the new side is not asked")
			}
			return nil
		})
		m.serves(two, "cut off", ruleset.StageLive)
	})
}

func TestEverythingThatRunsEndsWithItsContext(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(200)
		before := goleak.IgnoreCurrent()
		one := m.starts()
		m.goes(ruleset.StageDualWrite)
		one.stop()
		m.until("end", func() error {
			return goleak.Find(before, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
		})
	})
}
