package cutover_test

import (
	"testing"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

func TestRowsAreCopiedAndComparedOnceEverybodyWritesBothSides(t *testing.T) {
	onMoves(t, func(m *move) {
		m.fills(1234)
		m.starts()
		m.goes(ruleset.StageDualWrite)
		row := m.copied()
		if row.Direction != models.CutoverForward || row.Copied != 1234 || row.Compared != 1234 || row.Different != 0 || row.Total != 1234 || row.Error != "" || row.VerifiedAt == nil {
			t.Errorf("%+v", row)
		}
		m.equal()
	})
}
