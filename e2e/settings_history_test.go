package e2e

import (
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// isOn reports whether a flag is enabled in an environment.
func isOn(t *testing.T, site *settingstest.Site, environment, key string) bool {
	t.Helper()
	row, err := site.Store.Environment(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	def, err := site.Store.Load(t.Context(), row.ID())
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range def.Flags {
		if flag.Key == key {
			return flag.Enabled
		}
	}
	t.Fatalf("%s has no flag %q", environment, key)
	return false
}

func TestAChangeIsRolledBackFromTheHistory(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	versions, err := site.Changes.Versions(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	flag := ruleset.Flag{Key: "new-home", Otherwise: "off", Off: "off", Default: "off"}
	if _, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "development", Author: "ada", Reason: "too early",
		Edits: []changes.Edit{changes.PutFlag{Flag: &flag, Base: versions[changes.Item{Kind: changes.ItemFlag, Key: "new-home"}]}}}); err != nil {
		t.Fatal(err)
	}

	eve := chromium(t).window()
	eve.watches()
	eve.opens(site.URL + "/as/editor")
	eve.opens(site.URL + "/settings/changes/development")
	eve.follows(`document.querySelector('form[action$="/changes/development/1/rollback"] button').click()`)
	eve.sees(`document.querySelector("form[data-review]").textContent.includes('flag "new-home": enabled yes, was no')`)
	if isOn(t, site, "development", "new-home") {
		t.Fatal("it is done before it is confirmed")
	}
	eve.fills("#reason", "it was right before")
	eve.follows(`document.querySelector('form[data-review] footer [value="yes"]').click()`)
	eve.sees(`location.pathname == "/settings/changes/development/3" && document.querySelector("main").textContent.includes("it was right before")`)
	if !isOn(t, site, "development", "new-home") {
		t.Error("it is not as it was")
	}

	eve.follows(`document.querySelector('form[action$="/changes/development/3/rollback"] [name="only"]').click()`)
	eve.follows(`document.querySelector('form[data-review] footer [value="yes"]').click()`)
	eve.sees(`location.pathname == "/settings/changes/development/4"`)
	if isOn(t, site, "development", "new-home") {
		t.Error("rolling the roll back back changes nothing")
	}

	site.Protects("development", 1)
	eve.opens(site.URL + "/settings/flags/new-home/history")
	eve.follows(`document.querySelector('form[action$="/changes/development/1/rollback"] button').click()`)
	eve.sees(`document.querySelector("form[data-review] footer").textContent.includes("Send for review")`)
}
