package settings

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// publishes makes edits in an environment and gives back what Publish says.
func publishes(t *testing.T, site *settingstest.Site, environment, author, reason string, edits ...changes.Edit) changes.Published {
	t.Helper()
	published, err := site.Changes.Publish(t.Context(), changes.Change{Environment: environment, Author: author, Reason: reason, Edits: edits})
	if err != nil {
		t.Fatal(err)
	}
	return published
}

func baseOf(t *testing.T, site *settingstest.Site, environment string, item changes.Item) int64 {
	t.Helper()
	versions, err := site.Changes.Versions(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	return versions[item]
}

func TestTheHistoryTellsOfEachRevisionWhatPublishingItSaid(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		item := func(kind changes.ItemKind, key string) int64 {
			return baseOf(t, site, "development", changes.Item{Kind: kind, Key: key})
		}
		var said []changes.Published
		does := func(edits ...changes.Edit) {
			said = append(said, publishes(t, site, "development", "ada", "because", edits...))
		}
		override := ruleset.Override{Flag: "reports", User: "u-1", Variant: "on", Reason: "pilot"}
		does(changes.PutFlag{Flag: &ruleset.Flag{Key: "winter-look", Enabled: false, TierRequired: "pro"}, Base: item(changes.ItemFlag, "winter-look")})
		does(changes.PutOverride{Override: override})
		override.Reason = "longer"
		does(changes.PutOverride{Override: override, Base: baseOf(t, site, "development", changes.Item{Kind: changes.ItemOverride, Key: "reports", User: "u-1"})})
		does(changes.RemoveOverride{Flag: "reports", User: "u-1", Base: baseOf(t, site, "development", changes.Item{Kind: changes.ItemOverride, Key: "reports", User: "u-1"})},
			changes.PutPlan{Plan: ruleset.Plan{Key: "pro", Title: "Professional", Rank: 10, Features: []string{"reports", "checkout"}}, Base: item(changes.ItemPlan, "pro")},
			changes.PutSegment{Segment: ruleset.Segment{Key: "austria", Title: "Austria", When: ruleset.Condition{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"AT"}}}})
		does(changes.RemoveSegment{Key: "austria", Base: 5})
		killing, err := site.Changes.Kill(t.Context(), "development", "checkout", "ada", "wrong words")
		if err != nil {
			t.Fatal(err)
		}
		recall, err := site.Changes.Recall(t.Context(), "development", "ada", "at once")
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, killing, recall)

		var revisions []models.Revision
		for _, published := range said {
			revision, err := store.Revision(t.Context(), "development", published.Number)
			if err != nil {
				t.Fatal(err)
			}
			revisions = append(revisions, revision)
		}
		words := changes.NewHistory(store)
		for range 2 { // read, then remembered
			told, err := words.Describe(t.Context(), revisions)
			if err != nil {
				t.Fatal(err)
			}
			for _, published := range said {
				if !reflect.DeepEqual(told[published.ID], published.Changes) {
					t.Errorf("of revision %d it tells\n%q, publishing said\n%q", published.Number, told[published.ID], published.Changes)
				}
			}
		}

		p := site.As("viewer").Opens("/changes/development/5").Sees("Revision 5 of Development", "because", `segment "austria": new`, `features reports, checkout`)
		if attr(t, p, `a[rel="prev"]`, "href") != "/settings/changes/development/4" || attr(t, p, `a[rel="next"]`, "href") != "/settings/changes/development/6" {
			t.Error("the neighbours are not linked")
		}
	})
}

func TestAVeryLargeChangeIsCounted(t *testing.T) {
	site := settingstest.New(t)
	doc := changes.Document{Environments: []changes.EnvironmentDocument{{Name: "staging"}}}
	for n := range 150 {
		key := fmt.Sprintf("flag-%d", n)
		doc.Flags = append(doc.Flags, changes.FlagDocument{Key: key, Kind: ruleset.Release, Type: ruleset.Boolean})
		doc.Environments[0].Definition.Flags = append(doc.Environments[0].Definition.Flags, ruleset.Flag{Key: key})
	}
	if _, err := site.Changes.Import(t.Context(), doc, changes.ImportOptions{Author: "test", Reason: "everything"}); err != nil {
		t.Fatal(err)
	}
	site.As("viewer").Opens("/changes").Sees("everything", "150 flags new or changed").Lacks("flag-1")
}

// inHistory are the revisions on a page.
func inHistory(p *settingstest.Page) (all []string) {
	p.Find(".entry header a").Each(func(_ int, s *goquery.Selection) { all = append(all, strings.Join(strings.Fields(s.Text()), " ")) })
	return all
}

func TestTheHistoryIsFilteredByEnvironmentFlagAuthorAndKind(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		if _, err := site.Changes.Kill(t.Context(), "production", "reports", "Ada_L@toprent.example", "wrong figures"); err != nil {
			t.Fatal(err)
		}
		publishes(t, site, "staging", "100%@toprent.example", "pilot", changes.PutOverride{Override: ruleset.Override{Flag: "checkout", User: "u-1", Variant: "long"}})
		viewer := site.As("viewer")
		for query, want := range map[string]int{
			"": 5, "in=production": 2, "kind=kill": 1, "kind=import": 3, "author=ada": 1, "author=ADA_L": 1, "author=toprent": 2, "flag=reports": 4, "flag=checkout": 4,
			"flag=checkout&in=staging": 2, "flag=report": 0, "flag=reports&author=ada&kind=kill&in=production": 1,
			// Wildcards mean nothing.
			"author=%25": 1, "author=_": 1, "author=a_a": 0, "author=t%25t": 0, "author=%5C": 0, "flag=%25": 0, "kind=%25": 0,
			// Neither do quotes, zero bytes and what is no text at all.
			"author=' or 1=1 --": 0, "kind=' or '1'='1": 0, "flag=') union select 1,1 --": 0, "author=%00": 5, "author=%FF": 5, "page=0": 5, "page=-3": 5, "page=99999999999999": 5, "page=x": 5,
		} {
			if got := inHistory(viewer.Opens("/changes?" + strings.ReplaceAll(query, " ", "+"))); len(got) != want {
				t.Errorf("%s finds %q, want %d", query, got, want)
			}
		}
		if got := inHistory(viewer.Opens("/changes/staging")); len(got) != 2 || got[0] != "Staging, revision 2" {
			t.Errorf("of staging: %q", got)
		}
		viewer.Opens("/changes?author=nobody-like-that").Sees("No change is like that", "Clear filters")
	})
}

func TestALongHistoryHasPages(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	for n := range 40 {
		publishes(t, site, "development", "ada", fmt.Sprintf("step %d", n), changes.PutOverride{Override: ruleset.Override{Flag: "reports", User: fmt.Sprintf("u-%d", n), Variant: "on"}})
	}
	viewer := site.As("viewer")
	p := viewer.Opens("/changes/development").Sees("41 changes", "step 39")
	if got := inHistory(p); len(got) != 30 {
		t.Errorf("%d on the first page", len(got))
	}
	viewer.Opens(strings.TrimPrefix(attr(t, p, `a[rel="next"]`, "href"), "/settings")).Sees("31 to 41 of 41", "revision 1")
	if got := inHistory(viewer.Opens("/changes/development?page=77")); len(got) != 11 {
		t.Errorf("beyond the end: %q", got)
	}
	var feed struct {
		Next  string `json:"next_url"`
		Items []struct{ ID string }
	}
	if err := json.Unmarshal([]byte(viewer.Gets("/settings/changes/development/feed.json").Body), &feed); err != nil {
		t.Fatal(err)
	}
	if len(feed.Items) != 30 || feed.Next != site.URL+"/settings/changes/development/feed.json?page=2" {
		t.Errorf("%d items, then %q", len(feed.Items), feed.Next)
	}
}

func TestSomebodySeesOnlyTheirEnvironmentsInTheHistory(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	dev := site.As("dev")
	for _, path := range []string{"/changes", "/changes.atom", "/changes.json", "/changes?flag=reports"} {
		p := dev.Gets("/settings" + path).Is(http.StatusOK)
		if strings.Contains(p.Body, "roduction") || strings.Contains(p.Body, "taging") {
			t.Errorf("%s tells of other environments:\n%s", path, p.Body)
		}
	}
	for _, path := range []string{"/changes/production", "/changes/production/1", "/changes/production/feed.atom", "/changes/production/feed.json"} {
		dev.Gets("/settings" + path).Is(http.StatusForbidden)
	}
	dev.Gets("/settings/changes?in=production").Is(http.StatusNotFound)
	dev.Gets("/settings/changes.atom?in=production").Is(http.StatusNotFound)
	for _, path := range []string{"/changes/development/2", "/changes/development/0", "/changes/development/-1", "/changes/development/x", "/changes/nowhere"} {
		if status := site.As("viewer").Gets("/settings" + path).Status; status != http.StatusNotFound {
			t.Errorf("%s gives %d", path, status)
		}
	}
	for _, person := range []string{"nobody", "tenant"} {
		for _, path := range []string{"/changes", "/changes.atom", "/changes.json", "/flags"} {
			site.As(person).Gets("/settings" + path).Is(http.StatusForbidden)
		}
	}
}

func TestAFeedThatIsKnownIsNotSentAgain(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	reader := site.As("viewer")
	for _, path := range []string{"/settings/changes.atom", "/settings/changes/production/feed.json"} {
		reader.Header.Del("If-None-Match")
		tag := reader.Gets(path).Is(http.StatusOK).Header.Get("ETag")
		reader.Header.Set("If-None-Match", `"other", W/`+tag)
		if p := reader.Gets(path).Is(http.StatusNotModified); p.Body != "" {
			t.Errorf("%s is sent again", path)
		}
		if _, err := site.Changes.Kill(t.Context(), "production", "reports", "ada", "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := site.Changes.Lift(t.Context(), "production", "reports", "ada", "x"); err != nil {
			t.Fatal(err)
		}
		reader.Gets(path).Is(http.StatusOK)
	}
}

// evil is a text that does harm wherever it is not escaped.
const evil = `</title></script><script>alert(1)</script><img src=x onerror=alert(2)>" onfocus="alert(3)' ]]>&{{7*7}}` + "\u2028\u0001"

func TestWhatPeopleWroteIsNeverMarkupInListsAndFeeds(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	publishes(t, site, "development", evil, evil,
		changes.PutFlag{About: &changes.FlagDocument{Key: "new-home", Title: evil, Description: evil, Purpose: evil, Owner: evil, Category: evil}, AboutBase: 1},
		changes.PutPlan{Plan: ruleset.Plan{Key: "evil", Title: evil, Rank: 50}},
		changes.PutSegment{Segment: ruleset.Segment{Key: "evil", Title: evil, When: ruleset.Condition{Attribute: evil, Operator: ruleset.Exists}}},
		changes.PutOverride{Override: ruleset.Override{Flag: "new-home", User: evil, Variant: "on", Reason: evil}})
	if _, err := site.Changes.Kill(t.Context(), "development", "new-home", evil, evil); err != nil {
		t.Fatal(err)
	}
	abe := site.As("approver")
	asked := url.QueryEscape(evil)
	for _, path := range []string{"/flags", "/flags?q=" + asked, "/flags?owner=" + asked + "&category=" + asked, "/flags?q=alert&sort=" + asked, "/changes", "/changes?author=" + asked + "&flag=" + asked + "&kind=" + asked,
		"/changes/development", "/changes/development/2", "/flags/new-home/kill", "/flags/new-home/development/kill", "/flags/new-home/development/lift", "/flags/new-home/staging/kill"} {
		p := abe.Opens(path)
		if n := p.Find(`script:contains("alert"), img[onerror], [onfocus], [onerror], img[src="x"]`).Length(); n > 0 || strings.Contains(p.Body, "<img src=x") {
			t.Errorf("%s has %d pieces of markup that somebody wrote", path, n)
		}
		if strings.Contains(p.Text(), "49") && !strings.Contains(p.Text(), "{{7*7}}") {
			t.Errorf("%s runs templates that somebody wrote", path)
		}
	}
	posts(abe, "/flags/new-home/staging/kill", "reason=&x="+asked)

	for _, path := range []string{"/changes.atom", "/changes/development/feed.atom"} {
		p := abe.Gets("/settings" + path).Is(http.StatusOK)
		if got := p.Header.Get("Content-Type"); got != "application/atom+xml; charset=utf-8" {
			t.Errorf("%s is %s", path, got)
		}
		var feed struct {
			XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
			Entries []struct {
				ID      string `xml:"id"`
				Author  string `xml:"author>name"`
				Content string `xml:"content"`
				Inner   string `xml:",innerxml"`
			} `xml:"entry"`
		}
		if err := xml.Unmarshal([]byte(p.Body), &feed); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		written := strings.ReplaceAll(evil, "\u0001", "\uFFFD") // XML knows no such character
		if len(feed.Entries) < 3 || feed.Entries[0].Author != written || !strings.HasPrefix(feed.Entries[0].Content, written) || !strings.HasPrefix(feed.Entries[0].ID, "urn:uuid:") {
			t.Errorf("%s: %+v", path, feed.Entries)
		}
		if strings.Contains(p.Body, "<script") || strings.Contains(p.Body, "<img") {
			t.Errorf("%s carries markup that somebody wrote", path)
		}
	}
	var feed struct {
		Version string
		Items   []struct {
			ID      string
			Authors []struct{ Name string }
			Change  struct {
				Environment, Kind, Reason string
				Revision                  int
				Changes                   []string
			} `json:"_change"`
		}
	}
	p := abe.Gets("/settings/changes.json").Is(http.StatusOK)
	if err := json.Unmarshal([]byte(p.Body), &feed); err != nil {
		t.Fatal(err)
	}
	first := feed.Items[0]
	if first.Authors[0].Name != evil || first.Change.Reason != evil || first.Change.Kind != "kill" || first.Change.Environment != "development" || first.Change.Revision != 3 || len(first.Change.Changes) != 1 {
		t.Errorf("%+v", first)
	}
	if strings.ContainsAny(p.Body, "<>\u2028") || p.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("the feed could be taken for a page")
	}
}
