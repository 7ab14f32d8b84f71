package cutovers

import (
	"cmp"

	"github.com/toprent/flags/cutover/readiness"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// tenantRow is how comparisons did for one tenant.
type tenantRow struct {
	models.CutoverTenant
	Agreement string
}

// How many stand on the page.
const (
	shownTenants = 10
	shownSamples = 20
)

// Tenants are the tenants with the most differences and errors; those without any are left out.
func (p *onePage) Tenants() (rows []tenantRow) {
	for _, tenant := range p.Told.Tenants {
		if len(rows) == shownTenants || tenant.Different+tenant.Errors == 0 {
			break
		}
		rows = append(rows, tenantRow{tenant, readiness.Parts(readiness.Agreement(tenant.Compared, tenant.Different))})
	}
	return rows
}

// Samples are the latest differences.
func (p *onePage) Samples() []models.CutoverSample {
	return p.Told.Samples[:min(shownSamples, len(p.Told.Samples))]
}

// Direction says from where to where rows are copied.
func (p *onePage) Direction() string { return directionWords(p.Progress.Direction) }

// Speed is how many rows a second were copied so far; empty: that cannot be told.
func (p *onePage) Speed() string {
	progress := p.Progress
	if progress.StartedAt == nil || progress.Copied == 0 {
		return ""
	}
	until := progress.UpdatedAt.Time
	if progress.CopiedAt != nil {
		until = progress.CopiedAt.Time
	}
	seconds := until.Sub(progress.StartedAt.Time).Seconds()
	if seconds < 1 {
		return ""
	}
	return views.Thousands(int64(float64(progress.Copied)/seconds)) + " rows a second on average"
}

// GoneChoices are the silent instances, to choose from.
func (p *onePage) GoneChoices() (choices []views.Choice) {
	for _, row := range p.Gone() {
		choices = append(choices, views.Choice{Value: row.Instance, Label: cmp.Or(row.Host, "this machine") + " (" + row.Short() + ")"})
	}
	return choices
}
