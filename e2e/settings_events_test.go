package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// recordsWhatHappens stores what a few tenants did in development: prompts, visits to the upgrade page, moves to other plans,
// gates and metrics.
func recordsWhatHappens(t *testing.T, site *settingstest.Site) {
	t.Helper()
	at := time.Now().Add(-72 * time.Hour)
	value := 129.5
	var events []models.FeatureFlagEvent
	happens := func(kind models.EventKind, who ruleset.Subject, flag, reason string) *models.FeatureFlagEvent {
		at = at.Add(time.Minute)
		events = append(events, models.FeatureFlagEvent{Day: models.Day(at), ID: uuid.NewString(), At: models.At(at), Kind: kind, Environment: "development", Flag: flag, Variant: "off",
			Reason: reason, Revision: 1, Place: "/reports/advanced", UserID: who.User, VisitorID: who.Visitor, Tenant: who.Tenant, Plan: who.Plan, Share: int64(ruleset.Everyone)})
		return &events[len(events)-1]
	}
	for n := range 12 {
		who := ruleset.Subject{User: fmt.Sprint("u-", n), Visitor: fmt.Sprint("v-", n), Tenant: fmt.Sprint("t-", n%6), Plan: "free"}
		if n == 0 {
			who.Tenant = "t-acme"
		}
		happens(models.EventPrompt, who, "reports", "PLAN_EXCLUDED")
		happens(models.EventDenied, who, "reports", "PLAN_EXCLUDED")
		if n%3 == 0 {
			happens(models.EventUpgrade, who, "reports", "PLAN_EXCLUDED")
		}
		if n%4 == 0 {
			who.Plan = "pro"
			happens(models.EventPlan, who, "", "").Name = "free"
			happens(models.EventGranted, who, "reports", "TARGETING_MATCH").Variant = "on"
		}
		metric := happens(models.EventMetric, who, "", "")
		metric.Name, metric.Value = []string{"booked", "searched"}[n%2], &value
	}
	if _, _, err := site.Store.RecordEvents(t.Context(), events); err != nil {
		t.Fatal(err)
	}
}
