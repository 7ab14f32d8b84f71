package settings

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// listed are the keys on a page of the list, in their order.
func listed(p *settingstest.Page) []string {
	return p.Find("table.flags tbody th .key").Map(func(_ int, s *goquery.Selection) string { return s.Text() })
}

func expectListed(t *testing.T, p *settingstest.Page, want ...string) {
	t.Helper()
	if got := listed(p); !slices.Equal(got, want) {
		t.Errorf("%s lists %q, want %q", p.URL, got, want)
	}
}

func TestTheListShowsEveryEnvironmentAtAGlance(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	p := site.As("viewer").Opens("/flags")
	expectListed(t, p, "reports", "new-home", "winter-look", "checkout")
	states := p.Find("tbody tr").Eq(1).Find(".state").Map(func(_ int, s *goquery.Selection) string { return s.Text() })
	if want := []string{"Partial", "Everyone", "Off"}; !slices.Equal(states, want) {
		t.Errorf("the new home page is %q, want %q", states, want)
	}
	p.Sees("4 flags", "web-team", "Pro")
	p.Lacks("New flag", "Disable all access")
	site.As("editor").Opens("/flags").Sees("New flag").Lacks("Disable all access")
	site.As("approver").Opens("/flags").Sees("Disable all access")
}

func TestTheListIsSearchedFilteredAndSorted(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	viewer := site.As("viewer")
	for query, want := range map[string][]string{
		"q=home":                               {"new-home"},
		"q=HOME+web":                           {"new-home"}, // every word, somewhere
		"q=picture":                            {"new-home"}, // of the description
		"q=home+brand":                         {},           // not each in a flag of its own
		"owner=web-team":                       {"new-home", "checkout"},
		"kind=operational":                     {"winter-look"},
		"category=checkout":                    {"checkout"},
		"tier=pro":                             {"reports"},
		"tier=-":                               {"new-home", "winter-look", "checkout"},
		"lifecycle=active&kind=premium":        {"reports"},
		"status=everyone&in=production":        {"reports", "winter-look"},
		"status=off":                           {"new-home", "checkout"}, // in any environment
		"status=partial&in=development":        {"new-home", "checkout"},
		"sort=key":                             {"checkout", "new-home", "reports", "winter-look"},
		"sort=-key":                            {"winter-look", "reports", "new-home", "checkout"},
		"sort=owner":                           {"winter-look", "reports", "new-home", "checkout"},
		"sort=in%3Aproduction":                 {"reports", "winter-look", "new-home", "checkout"},
		"sort=in%3Anowhere":                    {"reports", "new-home", "winter-look", "checkout"},
		"q=&category=&sort=&page=&in=&status=": {"reports", "new-home", "winter-look", "checkout"},
	} {
		expectListed(t, viewer.Opens("/flags?"+query), want...)
	}
	viewer.Opens("/flags?q=nothing-like-it").Sees("No flag is like that", "0 of 4 flags", "Clear search and filters")
	p := viewer.Opens("/flags?sort=-owner&q=e")
	if sorted, _ := p.Find("th:has(#sort-owner)").Attr("aria-sort"); sorted != "descending" {
		t.Errorf("aria-sort is %q", sorted)
	}
	if to, _ := p.Find("#sort-owner").Attr("href"); to != "/settings/flags?q=e&sort=owner" {
		t.Errorf("sorting again leads to %q", to)
	}
}

func TestOnlyAllowListedColumnsSortAndNothingTypedReachesSQL(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	viewer := site.As("viewer")
	usual := []string{"reports", "new-home", "winter-look", "checkout"}
	for _, sort := range []string{"salt", "id", "title;drop table feature_flags", "(select 1)", "key desc--", "--key", "in:", "in:production'"} {
		expectListed(t, viewer.Opens("/flags?sort="+url.QueryEscape(sort)), usual...)
	}
	for _, search := range []string{"' or 1=1 --", "%", "_", "n_w", "new%home", `\`, "*", "[a-z]", ".*", "\x00", "\xff\xfe"} {
		viewer.Opens("/flags?q=" + url.QueryEscape(search))
	}
	for _, search := range []string{"%", "n_w", "new%home", "*", ".*", "' or 1=1 --"} {
		expectListed(t, viewer.Opens("/flags?q="+url.QueryEscape(search)))
	}
	viewer.Opens("/flags?page=-1&page=x&status=%27&in=..%2F..&page=99999999999999999999")
	expectListed(t, viewer.Opens("/flags"), usual...)
}

func TestAScriptGetsTheResultsAloneUnderACleanAddress(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	b := site.As("approver")
	b.Header.Set("HX-Request", "true")
	b.Header.Set("HX-Target", "results")
	b.Header.Set("HX-Current-URL", site.URL+"/settings/flags")
	p := b.Gets("/settings/flags?q=home&category=&sort=&in=&status=").Is(http.StatusOK)
	if got := p.Header.Get("HX-Push-Url"); got != "/settings/flags?q=home" {
		t.Errorf("the browser shows %q", got)
	}
	if strings.Contains(p.Body, "<html") || p.Find("#results").Length() != 1 {
		t.Errorf("not the results alone:\n%s", p.Body)
	}
	p.Sees("1 of 4 flags")
	b.Header.Set("HX-Current-URL", site.URL+"/settings/flags?q=home")
	if got := b.Gets("/settings/flags?q=home&owner=").Header.Get("HX-Push-Url"); got != "false" {
		t.Errorf("the same results stand in the browser's history twice: %q", got)
	}
	b.Header.Set("HX-History-Restore-Request", "true")
	if !strings.Contains(b.Gets("/settings/flags?q=home").Body, "<html") {
		t.Error("going back shows half a page")
	}
}

func TestArchivedFlagsAreShownOnlyWhenAskedFor(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	for _, environment := range []string{"development", "staging", "production"} {
		state, err := site.Changes.Versions(t.Context(), environment)
		if err != nil {
			t.Fatal(err)
		}
		_, err = site.Changes.Publish(t.Context(), changes.Change{Environment: environment, Author: "test", Edits: []changes.Edit{
			changes.ArchiveFlag{Key: "winter-look", Base: state[changes.Item{Kind: changes.ItemFlag, Key: "winter-look"}]}}})
		if err != nil {
			t.Fatal(err)
		}
		if environment == "development" { // archived in one place only
			expectListed(t, site.As("viewer").Opens("/flags?q=winter"), "winter-look")
		}
	}
	viewer := site.As("viewer")
	viewer.Opens("/flags").Sees("3 flags", "1 archived not shown").Lacks("Winter look")
	viewer.Opens("/flags?archived=on").Sees("4 flags", "Winter look", "Archived").Lacks("archived not shown")
}

func TestAnEmptyListSaysWhatToDoNext(t *testing.T) {
	site := settingstest.New(t)
	p := site.As("editor").Opens("/flags").Sees("There are no flags yet", "Create the first flag", "import a flags file")
	if p.Find(`.empty-state a[href="/settings/new-flag"]`).Length() != 1 {
		t.Error("the first flag cannot be created from here")
	}
	site.As("viewer").Opens("/flags").Sees("There are no flags yet").Lacks("Create the first flag")
}

func TestSomebodySeesOnlyTheirEnvironmentsOnTheList(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	dev := site.As("dev")
	dev.Opens("/flags").Sees("Development").Lacks("Production", "Staging", "Disable all access")
	// An environment that is hidden tells nothing by filter or order either.
	expectListed(t, dev.Opens("/flags?status=off&in=production")) // in development none is off
}

func TestTheListHoldsFiveThousandFlags(t *testing.T) {
	site := settingstest.New(t)
	doc := changes.Document{Environments: []changes.EnvironmentDocument{{Name: "production"}}}
	for n := range 5000 {
		key := fmt.Sprintf("flag-%04d", n)
		doc.Flags = append(doc.Flags, changes.FlagDocument{Key: key, Title: fmt.Sprintf("Flag %04d", n), Description: strings.Repeat("long words ", 20), Owner: fmt.Sprintf("team-%d", n%40), Category: fmt.Sprintf("part-%d", n%25), Kind: ruleset.Release, Type: ruleset.Boolean})
		def := &doc.Environments[0].Definition
		def.Flags = append(def.Flags, ruleset.Flag{Key: key, Enabled: n%3 == 0})
	}
	if _, err := site.Changes.Import(t.Context(), doc, changes.ImportOptions{Author: "test"}); err != nil {
		t.Fatal(err)
	}
	viewer := site.As("viewer")
	p := viewer.Opens("/flags").Sees("5,000 flags", "1 to 50 of 5,000")
	p = viewer.Opens(strings.TrimPrefix(attr(t, p, `a[rel="next"]`, "href"), "/settings"))
	if got := listed(p); len(got) != 50 || got[0] != "flag-0050" {
		t.Errorf("the second page begins with %q", got)
	}
	if got := listed(viewer.Opens("/flags?page=100")); len(got) != 50 || got[49] != "flag-4999" {
		t.Errorf("the last page ends with %q", got)
	}
	expectListed(t, viewer.Opens("/flags?q=4321+long&owner=team-1"), "flag-4321")
	began := time.Now()
	for range 5 {
		viewer.Opens("/flags?q=words&sort=-in:production&page=50")
	}
	t.Logf("a page of 5,000 flags, searched and sorted, takes %v", time.Since(began)/5)
}

// attr is an attribute of the one element that a selector finds.
func attr(t *testing.T, p *settingstest.Page, selector, name string) string {
	t.Helper()
	value, ok := p.Find(selector).First().Attr(name)
	if !ok {
		t.Fatalf("%s has no %s with %s:\n%s", p.URL, selector, name, p.Text())
	}
	return value
}
