package cutover

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/models"
)

// counted is what was counted for a tenant in one turn.
func counted(at, compared, different, failed int64) models.CutoverAgreement {
	return models.CutoverAgreement{Tenant: "acme", At: at, Compared: compared, Different: different, Errors: failed}
}

func TestATenantIsJudgedByItsShareOfTheWindow(t *testing.T) {
	limits := models.CutoverLimits{Agreement: 990_000, Compared: 100, Minutes: 60} // 1 of 100
	for _, test := range []struct {
		name string
		rows []models.CutoverAgreement
		back bool
	}{
		{"one of a hundred may", []models.CutoverAgreement{counted(10, 100, 1, 0)}, false},
		{"two may not", []models.CutoverAgreement{counted(10, 100, 1, 1)}, true},
		{"two of few are as bad as of a hundred", []models.CutoverAgreement{counted(10, 3, 2, 0)}, true},
		{"one of few says nothing", []models.CutoverAgreement{counted(10, 1, 1, 0)}, false},
		{"many of many may", []models.CutoverAgreement{counted(10, 5000, 20, 0), counted(20, 5000, 60, 0)}, false},
		{"more of many may not", []models.CutoverAgreement{counted(10, 5000, 20, 0), counted(20, 5000, 81, 0)}, true},
		{"failures without a comparison count", []models.CutoverAgreement{counted(10, 0, 0, 2)}, true},
	} {
		if reason := (pardon{}).judge(test.rows, limits); (reason != "") != test.back {
			t.Errorf("%s: %q", test.name, reason)
		}
	}
}

func TestATenantIsSteppedBackOnceAndAnewWhenItComesBack(t *testing.T) {
	limits := models.CutoverLimits{Agreement: 990_000, Compared: 100, Minutes: 60}
	at, seen, backs := time.Unix(6000, 0), judged{}, 0
	asks := func(later time.Duration, want int, rows ...models.CutoverAgreement) {
		t.Helper()
		at = at.Add(later)
		var err error
		seen, err = seen.judgeAll(byTenant(rows), limits, at, func(_, reason string) error { backs++; return nil })
		if backs != want || err != nil {
			t.Errorf("stepped back %d times, want %d: %v", backs, want, err)
		}
	}
	asks(0, 0, counted(100, 50, 1, 0))
	asks(4*time.Second, 1, counted(100, 60, 3, 0))
	asks(4*time.Second, 1, counted(100, 70, 9, 0))  // what others tell late is of the time before
	asks(2*time.Minute, 1, counted(100, 70, 9, 0))  // once is enough
	asks(2*time.Minute, 1, counted(100, 90, 10, 0)) // it comes again, and one may
	asks(time.Minute, 2, counted(100, 90, 10, 0), counted(110, 10, 1, 0))
	asks(time.Hour, 2) // nothing is known of it any more
	if len(seen) != 0 {
		t.Errorf("kept are %+v", seen)
	}
	asks(time.Minute, 3, counted(200, 10, 2, 0))
}

func TestATenantThatCannotBeSteppedBackKeepsNoOtherFromItAndIsTriedAgain(t *testing.T) {
	limits := models.CutoverLimits{Agreement: 990_000, Compared: 100, Minutes: 60}
	var rows []models.CutoverAgreement
	for _, tenant := range []string{"a", "b", "c", "d"} {
		rows = append(rows, models.CutoverAgreement{Tenant: tenant, At: 10, Compared: 50, Different: 50})
	}
	tries := map[string]int{}
	back := func(tenant, _ string) error {
		tries[tenant]++
		if tenant < "c" {
			return errors.New("refused")
		}
		return nil
	}
	seen := judged{}
	for range 2 {
		var err error
		if seen, err = seen.judgeAll(byTenant(rows), limits, time.Unix(6000, 0), back); err == nil || strings.Count(err.Error(), "refused") != 2 {
			t.Errorf("told is: %v", err)
		}
	}
	if tries["a"] != 2 || tries["b"] != 2 || tries["c"] != 1 || tries["d"] != 1 {
		t.Errorf("tried: %v", tries)
	}
}

func TestWhatWasCountedIsToldOnce(t *testing.T) {
	s := newStats()
	for range 5 {
		s.agreed(newSide, "acme", true)
		s.agreed(oldSide, "behind", false)
	}
	s.served(newSide, "acme", errors.New("down"))
	s.served(oldSide, "behind", errors.New("down"))
	told := func(turn int64) (all int64, tenants map[string]models.CutoverAgreement, stored func()) {
		rows, stored := s.untold(true, turn)
		tenants = map[string]models.CutoverAgreement{}
		for _, row := range rows {
			if row.Tenant == "" {
				all += row.Compared
			} else {
				tenants[row.Tenant] = row
			}
		}
		return all, tenants, stored
	}
	for range 2 { // the first could not be stored
		all, tenants, _ := told(10)
		if all != 10 || len(tenants) != 1 || tenants["acme"] != (models.CutoverAgreement{Tenant: "acme", Compared: 5, Errors: 1}) {
			t.Errorf("told are %d, %+v", all, tenants)
		}
	}
	_, _, stored := told(10)
	stored()
	if all, tenants, _ := told(20); all != 0 || len(tenants) != 0 {
		t.Errorf("told again are %d, %+v", all, tenants)
	}
	s.agreed(newSide, "acme", true)
	if _, tenants, _ := told(10); len(tenants) != 0 {
		t.Errorf("what is good need not be told at once: %+v", tenants)
	}
	if _, tenants, _ := told(20); tenants["acme"].Compared != 1 {
		t.Errorf("told later is %+v", tenants)
	}
	s.agreed(newSide, "acme", false)
	if _, tenants, _ := told(10); tenants["acme"] != (models.CutoverAgreement{Tenant: "acme", Compared: 2, Different: 1}) {
		t.Errorf("told of what is bad: %+v", tenants)
	}
}
