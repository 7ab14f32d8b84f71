package e2e

import "testing"

func TestAnUpgradeOpensReportsOnTheNextPageAndADowngradeClosesThem(t *testing.T) {
	site := newSampleSite(t)
	cem := site.welcomes(chromium(t), "u-cem")
	refused := func() {
		t.Helper()
		cem.visits("/reports")
		cem.shows("offer", true)
		cem.shows("advanced", false)
		cem.visits("/reports/advanced")
		cem.shows("upgrade", true)
		if status := cem.status("/reports/advanced"); status != 403 {
			t.Errorf("the advanced reports answer %d, want 403", status)
		}
		cem.sees(`!flags.isEnabled("advanced-reports")`)
		cem.agrees()
	}
	refused()

	cem.presses(`#upgrade a[href^="/plans"]`)
	cem.presses(`#plan-pro button`)
	cem.sees(`location.pathname == "/plans" && !!document.querySelector("#plan-pro .yours")`)
	cem.sees(`flags.isEnabled("advanced-reports") && flags.isEnabled("custom-branding")`)
	cem.visits("/reports")
	cem.shows("offer", false)
	cem.presses(`#advanced`)
	cem.sees(`location.pathname == "/reports/advanced" && !!document.querySelector(".graph svg")`)
	cem.agrees()

	cem.visits("/plans")
	cem.presses(`#plan-free button`)
	refused()
}

func TestAnAddOnOpensItsFeatureOnTheNextPage(t *testing.T) {
	site := newSampleSite(t)
	cem := site.welcomes(chromium(t), "u-cem")
	for range 2 {
		cem.visits("/clients")
		cem.shows("bulk", false)
		cem.visits("/plans")
		cem.presses("#buy-addon")
		cem.visits("/clients")
		cem.shows("bulk", true)
		cem.sees(`flags.isEnabled("bulk-messaging") && !flags.isEnabled("advanced-reports")`)
		cem.visits("/plans")
		cem.presses("#end-addon")
	}
}
