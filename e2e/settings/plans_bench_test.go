package settings

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// BenchmarkPagesOfPlans renders the pages with 1,000 premium flags and 10,000 tenants.
func BenchmarkPagesOfPlans(b *testing.B) {
	site := settingstest.New(b)
	site.Sample()
	var yaml strings.Builder
	yaml.WriteString("version: 1\nflags:\n")
	for i := range 1000 {
		fmt.Fprintf(&yaml, "  - {key: premium-%04d, title: Premium %d, purpose: sell, kind: premium, type: boolean, tier_required: %s, environments: {development: {enabled: true, otherwise: on}}}\n",
			i, i, []string{"free", "pro", "enterprise"}[i%3])
	}
	site.Imports(yaml.String())
	err := site.Store.Write(b.Context(), func(tx *models.Tx) error {
		now, err := tx.Now(b.Context())
		for i := range 10_000 {
			for _, plan := range []string{"free", "pro"} {
				if err == nil {
					err = tx.AddTenantPlan(b.Context(), models.TenantPlan{OrgID: fmt.Sprintf("t-%05d", i), Plan: plan, ChangedAt: models.At(now), ChangedBy: "billing"})
				}
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	admin, tenant := site.As("admin"), site.As("tenant")
	for _, path := range []string{"/plans/development", "/plans/development/pro", "/plans/development/pro/edit", "/tenants", "/tenants?plan=pro&q=99", "/tenant?id=t-00001", "/environments", "/my-plan"} {
		who := admin
		if path == "/my-plan" {
			who = tenant
		}
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				who.Gets("/settings" + path).Is(http.StatusOK)
			}
		})
	}
}
