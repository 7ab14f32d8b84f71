package cutover

import (
	"testing"
	"time"

	"github.com/toprent/flags/models"
)

// TestALookBeforeAnInstanceFellSilentProvesNothing has an instance that is killed after it told of itself: what it wrote since
// then may be on a side alone, although that side was seen with nothing to copy after the instance was heard.
func TestALookBeforeAnInstanceFellSilentProvesNothing(t *testing.T) {
	heard := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	after := func(d time.Duration) *models.Time { at := models.At(heard.Add(d)); return &at }
	for name, test := range map[string]struct {
		row    models.CutoverInstance
		clean  time.Duration
		doubts bool
	}{
		"killed, and looked at a moment later":        {models.CutoverInstance{}, time.Second, true},
		"killed, and looked at after its silence":     {models.CutoverInstance{}, silence + time.Second, false},
		"ended, and looked at before":                 {models.CutoverInstance{EndedAt: after(2 * time.Second), Stats: `{"uncopied_old":["acme"]}`}, time.Second, true},
		"ended, and looked at afterwards":             {models.CutoverInstance{EndedAt: after(2 * time.Second), Stats: `{"uncopied_old":["acme"]}`}, 3 * time.Second, false},
		"gone by somebody's word, looked at before":   {models.CutoverInstance{GoneAt: after(20 * time.Second)}, 10 * time.Second, true},
		"gone by somebody's word, looked at after it": {models.CutoverInstance{GoneAt: after(20 * time.Second)}, 21 * time.Second, false},
	} {
		test.row.HeardAt = models.At(heard)
		p := &proof{revision: 7}
		p.hears(0, test.row, heard.Add(test.clean))
		if doubts := !p.complete(); doubts != test.doubts {
			t.Errorf("%s: it is doubted: %t", name, doubts)
		}
	}
}
