package settings

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// largeEvents is how much has happened.
const largeEvents = 60_000

// fillEvents records prompts of many features, visits, moves, gates and metrics in production, over ninety days.
func (h *largeHost) fillEvents(t testing.TB) error {
	now, value := time.Now(), 12.5
	rows := make([]models.FeatureFlagEvent, 0, largeEvents)
	kinds := []models.EventKind{models.EventPrompt, models.EventGranted, models.EventDenied, models.EventPrompt, models.EventUpgrade, models.EventMetric, models.EventDenied, models.EventGranted, models.EventPrompt, models.EventPlan}
	for n := range largeEvents {
		at := now.Add(-time.Duration(n) * (89 * 24 * time.Hour) / largeEvents)
		e := models.FeatureFlagEvent{Day: models.Day(at), ID: uuid.NewString(), At: models.At(at), Kind: kinds[n%len(kinds)], Environment: "production", Flag: largeKey(1 + (n/len(kinds))%200), Variant: "off",
			Reason: "PLAN_EXCLUDED", Revision: 1, Place: "/reports", UserID: fmt.Sprintf("u-%05d", (n*7)%largePeople), Tenant: largeTenant((n * 7) % largeTenants), Plan: "plan-1", Share: int64(ruleset.Everyone)}
		switch e.Kind {
		case models.EventMetric:
			e.Flag, e.Name, e.Value = "", fmt.Sprintf("metric-%d", n/len(kinds)%150), &value
		case models.EventPlan:
			e.Flag, e.Name, e.Plan, e.UserID = "", "plan-0", fmt.Sprintf("plan-%d", 1+n/len(kinds)%(largePlans-1)), ""
		}
		rows = append(rows, e)
	}
	_, _, err := h.Store.RecordEvents(t.Context(), rows)
	return err
}
