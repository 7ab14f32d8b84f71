package settings

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// A large configuration: what the pages are measured with.
const (
	largeFlags     = 1000 / fraction
	largeOverrides = 10000 / fraction // in production
	largeSegments  = 300 / fraction
	largePlans     = 12
	largeHistory   = 200 / fraction // revisions of production after the import
)

// largePages are the pages that are measured, by their paths below /settings. An area adds its own.
func largePages() []string {
	flag := largeKey(largeFlags / 2) // half of the overrides are of this one
	return []string{
		"/flags",
		"/flags?q=rentals+of+part&sort=-owner&page=2",
		"/flags?kind=release&status=partial&in=production&sort=in:production",
		"/flags/" + flag + "/kill",
		"/flags/" + flag + "/production/kill",
		"/flags/" + flag + "/production/lift",
		"/changes",
		"/changes?author=team&flag=" + flag + "&kind=import",
		"/changes/production",
		"/changes/production/1",
		"/changes.atom",
		"/changes/production/feed.json",
	}
}

// largeDocument is the configuration: the flags in three environments, the overrides in production.
func largeDocument() changes.Document {
	doc := changes.Document{}
	for n := range largeFlags {
		planned := time.Date(2027, time.Month(1+n%12), 1, 0, 0, 0, 0, time.UTC)
		doc.Flags = append(doc.Flags, changes.FlagDocument{Key: largeKey(n), Title: fmt.Sprintf("Flag %04d", n),
			Description: fmt.Sprintf("Shows another way to look at the rentals of part %d, with a map beside it", n%25), Purpose: "More bookings",
			Owner: fmt.Sprintf("team-%d", n%20), Category: fmt.Sprintf("part-%d", n%25), Lifecycle: []string{"draft", "active", "retiring"}[n%3],
			Kind: ruleset.Kinds[n%4], Type: ruleset.Boolean, PlannedRemoval: &planned})
	}
	for i, name := range []string{"development", "staging", "production"} {
		doc.Environments = append(doc.Environments, changes.EnvironmentDocument{Name: name, Definition: largeDefinition(i), PlansGiven: true, SegmentsGiven: true})
	}
	production := &doc.Environments[2].Definition
	for n := range largeOverrides {
		override := ruleset.Override{Flag: largeKey(n % (largeFlags / 2)), Variant: "on", Reason: "pilot"}
		if n%4 == 0 {
			override.Tenant = fmt.Sprintf("t-%05d", n)
		} else {
			override.User = fmt.Sprintf("u-%05d", n)
		}
		production.Overrides = append(production.Overrides, override)
	}
	// Half of them are of one flag, which its page has to bear.
	for n := range production.Overrides[largeOverrides/2:] {
		production.Overrides[largeOverrides/2+n].Flag = largeKey(largeFlags / 2)
	}
	return doc
}

func largeKey(n int) string { return fmt.Sprintf("flag-%04d", n) }

// largeDefinition is one environment, each somewhat other than the next.
func largeDefinition(environment int) (def ruleset.Definition) {
	for n := range largePlans {
		def.Plans = append(def.Plans, ruleset.Plan{Key: fmt.Sprintf("plan-%d", n), Title: fmt.Sprintf("Plan %d", n), Rank: n * 10, Features: []string{largeKey(n), largeKey(n + 50)}})
	}
	for n := range largeSegments {
		def.Segments = append(def.Segments, ruleset.Segment{Key: fmt.Sprintf("segment-%d", n), Title: fmt.Sprintf("Segment %d", n),
			When: ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE", "AT", fmt.Sprint(n)}}})
	}
	for n := range largeFlags {
		flag := ruleset.Flag{Key: largeKey(n), Enabled: (n+environment)%4 != 0, ClientVisible: n%10 == 0, Killed: n%97 == 0}
		if ruleset.Kinds[n%4] == ruleset.Premium {
			flag.TierRequired = fmt.Sprintf("plan-%d", n%largePlans)
		}
		switch n % 3 {
		case 0:
			flag.Otherwise = "on"
		case 1:
			flag.Rules = []ruleset.Rule{
				{Name: "in some countries", When: &ruleset.Condition{Segment: fmt.Sprintf("segment-%d", n%largeSegments)}, Serve: "on"},
				{Name: "a quarter", Percent: &ruleset.Percent{Unit: "user", Serve: "on", Share: 25_000}}}
		}
		def.Flags = append(def.Flags, flag)
	}
	return def
}

// largeSite is a host with the large configuration and all that comes with it. What is large in other areas, such as the
// people who were seen, is filled in here by a function of its own.
func largeSite(t testing.TB, store *models.Store) *settingstest.Site {
	t.Helper()
	site := settingstest.On(t, store)
	if _, err := site.Changes.Import(t.Context(), largeDocument(), changes.ImportOptions{Author: "test", Reason: "a large configuration"}); err != nil {
		t.Fatal(err)
	}
	for _, fill := range []func(context.Context, *settingstest.Site) error{largePast} {
		if err := fill(t.Context(), site); err != nil {
			t.Fatal(err)
		}
	}
	if err := site.Flags.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return site
}

// largePast kills and lifts, which is the quickest way to many revisions.
func largePast(ctx context.Context, site *settingstest.Site) error {
	for n := range largeHistory {
		do := site.Changes.Kill
		if n%2 == 1 {
			do = site.Changes.Lift
		}
		if _, err := do(ctx, "production", largeKey(1+n/2), fmt.Sprintf("team-%d@toprent.example", n%20), "to see what happens"); err != nil {
			return err
		}
	}
	return nil
}

// times tells how long a page takes on the server, the way over the network left out: the median of several.
func times(t testing.TB, site *settingstest.Site, path string) time.Duration {
	t.Helper()
	took := make([]time.Duration, 7)
	for i := range took {
		began := time.Now()
		serves(t, site, path)
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// serves asks the server for a page as the admin.
func serves(t testing.TB, site *settingstest.Site, path string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/settings"+path, nil)
	request.AddCookie(&http.Cookie{Name: "person", Value: "admin"})
	request.Header.Set("Accept", "text/html")
	recorder := httptest.NewRecorder()
	site.Engine.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		t.Fatalf("%s gives %d:\n%s", path, recorder.Code, recorder.Body)
	}
}

// within is how long a page may take on the server.
const within = 100 * time.Millisecond

func TestEveryPageTakesAHundredMillisecondsAtMost(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := largeSite(t, store)
		began := time.Now()
		serves(t, site, "/flags")
		t.Logf("%8.1f ms  the first page after a start, which reads everything", time.Since(began).Seconds()*1000)
		for _, path := range largePages() {
			took := times(t, site, path)
			for range 2 { // a machine that is busy with something else is asked again
				if took > within {
					took = min(took, times(t, site, path))
				}
			}
			t.Logf("%8.1f ms  %s", took.Seconds()*1000, path)
			if took > within*slowdown {
				t.Errorf("%s takes %v, at most %v are allowed", path, took, within*slowdown)
			}
		}
	})
}

func BenchmarkPages(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *models.Store{"SQLite": settingstest.SQLite, "PostgreSQL": settingstest.Postgres} {
		b.Run(name, func(b *testing.B) {
			site := largeSite(b, open(b))
			for _, path := range largePages() {
				serves(b, site, path)
				b.Run(path[1:], func(b *testing.B) {
					for b.Loop() {
						serves(b, site, path)
					}
				})
			}
		})
	}
}
