package cutover

import (
	"errors"
	"testing"

	"github.com/toprent/flags/models"
)

func TestATenantIsJudgedOnceAndAnewWhenItComesBack(t *testing.T) {
	limits := models.CutoverLimits{Agreement: 990_000, Compared: 100} // 1 of 100
	seen := judged{}
	step := 0
	asks := func(compared, different, errors int64, onNew, want bool) {
		t.Helper()
		step++
		reason := seen.judge("acme", models.CutoverTenant{Tenant: "acme", Compared: compared, Different: different, Errors: errors}, onNew, limits)
		if (reason != "") != want {
			t.Errorf("step %d: %q, want one: %t", step, reason, want)
		}
		if reason != "" {
			seen["acme"].Stepped = true
		}
	}
	asks(1000, 500, 0, true, false) // what was before it was first seen is not held against it
	asks(1050, 501, 0, true, false) // one of a hundred may
	asks(1100, 501, 0, true, false) // a good window
	asks(1110, 501, 1, true, false) // the next one begins from there
	asks(1111, 502, 1, true, true)
	asks(1200, 590, 1, true, false)  // once is enough
	asks(1300, 590, 1, false, false) // it is back at the original
	asks(1310, 590, 1, true, false)  // and comes again
	asks(1320, 593, 1, true, true)
	asks(10, 0, 0, true, false) // an instance was forgotten
	asks(20, 9, 0, true, false) // and it still is stepped back
}

func TestATenantThatCannotBeSteppedBackKeepsNoOtherFromIt(t *testing.T) {
	limits := models.CutoverLimits{Agreement: 990_000, Compared: 100}
	seen, tenants := judged{}, map[string]models.CutoverTenant{}
	for _, tenant := range []string{"a", "b", "c", "d"} {
		seen[tenant], tenants[tenant] = &window{}, models.CutoverTenant{Tenant: tenant, Compared: 50, Different: 50}
	}
	back := func(tenant, _ string) error {
		if tenant < "c" {
			return errors.New("refused")
		}
		return nil
	}
	if err := seen.judgeAll(tenants, func(string) bool { return true }, limits, back); err == nil {
		t.Error("nobody is told")
	}
	for tenant, w := range seen {
		if w.Stepped != (tenant >= "c") {
			t.Errorf("%s: %+v", tenant, w)
		}
	}
}
