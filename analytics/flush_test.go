package analytics

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// What waited through an outage of a day would never be stored if all of it had to be at once.
func TestWhatWaitedForLongIsStoredInPartsThatTogetherAreAllOfIt(t *testing.T) {
	r := New(nil, flagtest.With(t, "home", true), Options{Logger: slog.New(slog.DiscardHandler)})
	const tenants, minutes, flags = 3*maxPlans + 1, 60, 300
	for n := range tenants {
		r.seePlan(&ruleset.Subject{Tenant: fmt.Sprintf("t-%d", n), Plan: "pro"}, "/")
	}
	began := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for minute := range minutes {
		for flag := range flags {
			r.told.checks[checkedAt{service.Checked{Flag: fmt.Sprint("f", flag)}, began.Add(time.Duration(minute) * time.Minute)}] = 1
		}
	}
	seen, checks := map[string]bool{}, map[string]bool{}
	for ended := false; !ended; {
		waits := r.more()
		b := r.nextBatch(true)
		if len(b.Plans) > maxPlans || len(b.Checks) > maxChecks {
			t.Fatalf("a batch has %d plans and %d checks", len(b.Plans), len(b.Checks))
		}
		if len(b.Plans)+len(b.Checks) == 0 {
			t.Fatal("an empty batch comes before the end")
		}
		for i, plan := range b.Plans {
			if i > 0 && plan.Tenant < b.Plans[i-1].Tenant {
				t.Error("tenants are in no order")
			}
			seen[plan.Tenant] = true
		}
		for i, check := range b.Checks {
			if i > 0 && check.Minute.Before(b.Checks[i-1].Minute.Time) {
				t.Error("minutes are in no order")
			}
			checks[check.Flag+check.Minute.String()] = true
		}
		if ended = b.Instance.EndedAt != nil; !ended && !waits {
			t.Error("more waits, and nobody is told")
		}
	}
	if len(seen) != tenants || len(checks) != minutes*flags || len(r.plans)+len(r.told.checks) > 0 {
		t.Errorf("%d tenants and %d checks are stored", len(seen), len(checks))
	}
}
