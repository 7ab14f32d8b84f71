package cutover_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

func TestAllRowsAreVerifiedAgainAndMendedFromTheSideThatAnswers(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(300)
		one := m.starts()
		for _, stage := range []ruleset.Stage{ruleset.StageDualWrite, ruleset.StageShadow} {
			m.goes(stage)
		}
		first := m.copied()
		region := ruleset.Rule{Serve: "live", When: &ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"t1"}}}
		m.goes(ruleset.StageShadow, region)
		m.follows(one)
		for _, statement := range []string{"UPDATE guests SET name = 'right' WHERE id = 'g000001'", "UPDATE guests SET name = 'wrong' WHERE id = 'g000002'", "DELETE FROM guests WHERE id = 'g000003'"} {
			must(m.t, m.fresh.Exec(statement).Error)
		}
		must(m.t, m.old.Exec("DELETE FROM guests WHERE id = 'g000006'").Error) // of t1, whom the new side answers
		again := func() error {
			return m.changes.VerifyAgain(m.t.Context(), development, "guests", changes.Actor{Name: "ann"}, "")
		}
		must(m.t, again())
		var refused *changes.RefusedError
		if row := m.progress(); row.State == models.CutoverVerifying {
			if !row.Kept() || row.Synced() || !row.OldKept() {
				m.t.Errorf("while it is verified again: kept %t, synced %t, old kept %t", row.Kept(), row.Synced(), row.OldKept())
			}
		}
		var row models.CutoverProgress
		m.until("verify again", func() error {
			if row = m.progress(); row.State != models.CutoverDone || row.Again != 1 {
				return fmt.Errorf("it is at %+v", row)
			}
			return nil
		})
		if row.Compared != 300 || row.Different != 4 || row.Copied != 300 || !row.VerifiedAt.After(first.VerifiedAt.Time) {
			m.t.Errorf("%+v after %+v", row, first)
		}
		m.equal()
		rows := m.rows(m.old)
		if rows["g000001"].Name != "right" || rows["g000002"].Name != "first" || rows["g000003"].Name != "first" || rows["g000006"].Name != "first" {
			m.t.Errorf("mended to %v, %v, %v, %v", rows["g000001"], rows["g000002"], rows["g000003"], rows["g000006"])
		}
		m.down[1].Store(true) // so that the next one is under way
		must(m.t, again())
		if err := again(); !errors.As(err, &refused) {
			m.t.Errorf("asked for once more: %v", err)
		}
		m.down[1].Store(false)
	})
}

func TestNothingIsVerifiedAgainWhileOneSideIsWrittenAlone(t *testing.T) {
	onMoves(t, func(m *move) {
		var refused *changes.RefusedError
		if err := m.changes.VerifyAgain(m.t.Context(), development, "guests", changes.Actor{Name: "ann"}, ""); !errors.As(err, &refused) {
			m.t.Errorf("in off: %v", err)
		}
		if _, err := m.flags.CutoverProgress(m.t.Context(), development, "guests"); !errors.Is(err, models.ErrNotFound) {
			m.t.Errorf("stored: %v", err)
		}
	})
}

// progress is how far the copy is.
func (m *move) progress() models.CutoverProgress {
	m.t.Helper()
	row, err := m.flags.CutoverProgress(m.t.Context(), development, "guests")
	must(m.t, err)
	return row
}
