package settings

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// movingSite is a site on which entities are on their way, and in whose development four tenants were seen.
func movingSite(t *testing.T, store *models.Store) *settingstest.Site {
	t.Helper()
	site := settingstest.On(t, store)
	site.Sample()
	site.Migrating()
	sawTenants(t, site, "development", "t-acme", "t-globex", "t-initech", "t-umbrella")
	return site
}

// restingSite is one on which every entity is off, and no instance tells of any.
func restingSite(t *testing.T, store *models.Store) *settingstest.Site {
	t.Helper()
	site := settingstest.On(t, store)
	site.Sample()
	site.Migrates()
	return site
}

// sawTenants lets tenants be seen, and waits until pages know them.
func sawTenants(t *testing.T, site *settingstest.Site, environment string, tenants ...string) {
	t.Helper()
	for _, tenant := range tenants {
		site.Directory.Saw(environment, ruleset.Subject{User: "u-of-" + tenant, Tenant: tenant})
	}
	if err := site.Directory.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, "the tenants are seen", func() bool {
		seen, err := site.Directory.Snapshot(t.Context(), environment)
		return err == nil && len(seen.Tenants) == len(tenants)
	})
}

// entity is the row of an entity in the list, as it reads.
func entity(t *testing.T, p *settingstest.Page, title string) string {
	t.Helper()
	row := p.Find("table.cutovers tbody tr").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.Find("th a").Text() == title })
	if row.Length() != 1 {
		t.Fatalf("%d rows of %s:\n%s", row.Length(), title, p.Text())
	}
	return reads(row)
}

// reads is the text of a part of a page, with one space between words.
func reads(s *goquery.Selection) string {
	var parts []string
	s.Contents().Each(func(_ int, node *goquery.Selection) {
		if goquery.NodeName(node) == "#text" {
			parts = append(parts, strings.Fields(node.Text())...)
		} else {
			parts = append(parts, strings.Fields(reads(node))...)
		}
	})
	return strings.Join(parts, " ")
}

// contains expects texts in another.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
}

// stageIn is what an entity's flag serves to those whom nothing names.
func stageIn(t *testing.T, site *settingstest.Site, environment, key string) string {
	t.Helper()
	return cmp.Or(stored(t, site, environment, key).Otherwise, "off")
}

// rulesOf are the rules of an entity's flag, as they are stored.
func rulesOf(t *testing.T, site *settingstest.Site, environment, key string) []ruleset.Rule {
	t.Helper()
	return stored(t, site, environment, key).Rules
}

// now is the database's time.
func now(t *testing.T, tx *models.Tx) time.Time {
	t.Helper()
	at, err := tx.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// stepsBack steps one tenant's clients back, as the entity does by itself.
func stepsBack(t *testing.T, site *settingstest.Site, tenant, reason string) {
	t.Helper()
	if _, err := site.Changes.StepBack(t.Context(), changes.StepBack{Environment: "development", Flag: "clients", Tenant: tenant, Reason: reason, Author: "cutover"}); err != nil {
		t.Fatal(err)
	}
}

// follows lets both instances that run acknowledge the newest revision.
func follows(t *testing.T, site *settingstest.Site, key string) {
	t.Helper()
	for _, instance := range []string{"web-1", "web-2"} {
		site.Tells("development", key, instance, headOf(t, site, "development"), 0, models.CutoverStats{})
	}
}
