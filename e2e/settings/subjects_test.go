package settings

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// seeing is a site with the sample's flags at which these subjects were seen in development.
func seeing(t *testing.T, subjects ...ruleset.Subject) *settingstest.Site {
	t.Helper()
	site := settingstest.New(t)
	site.Sample()
	for _, s := range subjects {
		site.Directory.Saw("development", s)
	}
	flush(t, site.Directory)
	untilSeen(t, site, len(subjects))
	return site
}

// untilSeen waits until the site's pages know of so many people.
func untilSeen(t *testing.T, site *settingstest.Site, people int) {
	t.Helper()
	for {
		s, err := site.Directory.Snapshot(t.Context(), "development")
		if err != nil {
			t.Fatal(err)
		}
		if !s.Counting && len(s.People) >= people {
			return
		}
	}
}

func person(id, tenant, plan, country string) ruleset.Subject {
	return ruleset.Subject{User: id, Tenant: tenant, Plan: plan, Attributes: map[string]any{"country": country}}
}

// overridesOf are a flag's overrides in an environment, as user or tenant:variant.
func overridesOf(t *testing.T, site *settingstest.Site, environment, flag string) []string {
	t.Helper()
	records, err := site.Store.Overrides(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, o := range records {
		if o.Flag == flag {
			all = append(all, o.User+o.Tenant+":"+o.Variant)
		}
	}
	slices.Sort(all)
	return all
}

func TestWhoHasAFlagIsCountedListedAndSearched(t *testing.T) {
	site := seeing(t, person("u-ann", "t-acme", "pro", "DE"), person("u-bob", "t-acme", "free", "FR"), person("u-cid", "t-bolt", "pro", "FR"))
	viewer := site.As("viewer")
	viewer.Opens("/flags/reports/development/who").Sees("2 66.7 %", "1 33.3 %", "Excluded by the plan", "u-ann", "u-bob", "A tenant has what a subject of that tenant alone gets").Lacks("Download as CSV")
	viewer.Opens("/flags/reports/development/who?variant=off").Sees("u-bob").Lacks("u-ann")
	viewer.Opens("/flags/reports/development/who?reason=plan_excluded").Sees("u-bob").Lacks("u-cid")
	viewer.Opens("/flags/reports/development/who?q=DE").Sees("u-ann").Lacks("u-bob")
	viewer.Opens("/flags/reports/development/who?kind=tenants").Sees("t-bolt", "t-acme").Lacks("u-ann")
	viewer.Opens("/flags/new-home/development/who?reason=override").Sees("u-ann", "u-bob").Lacks("u-cid")
	site.As("editor").Opens("/flags/reports/development/who").Sees("Download as CSV")
}

// Who was seen is known without their browsers: where a flag depends on these, counts say so.
func TestCountsOfAFlagThatDependsOnTheBrowserSaySo(t *testing.T) {
	site := seeing(t, person("u-ann", "t-acme", "pro", "DE"))
	site.Imports(`version: 1
flags:
  - {key: half, title: Half, kind: release, type: boolean, purpose: p, planned_removal: 2027-03-01, environments: {development: {enabled: true, rules: [{percent: {unit: visitor, share: 50, serve: on}}]}}}
`)
	viewer := site.As("viewer")
	for _, path := range []string{"/flags/%s/development/who", "/adoption/development/%s"} {
		viewer.Opens(fmt.Sprintf(path, "half")).Sees("This flag can depend on the browser")
		viewer.Opens(fmt.Sprintf(path, "new-home")).Lacks("depend on the browser")
	}
}

func TestTheListOfWhoHasAFlagIsASpreadsheetWithoutFormulas(t *testing.T) {
	site := seeing(t, person(`=HYPERLINK("http://evil.example")`, "+t", "pro", "DE"), person("@x", "-1", "pro", "DE"), person(" \t=1+1", "t", "pro", "DE"))
	p := site.As("editor").Gets("/settings/flags/reports/development/who.csv").Is(http.StatusOK)
	if got := p.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") {
		t.Errorf("disposition %q", got)
	}
	lines, err := csv.NewReader(strings.NewReader(p.Body)).ReadAll()
	if err != nil || len(lines) != 4 {
		t.Fatalf("%d lines: %v", len(lines), err)
	}
	for _, line := range lines {
		for _, cell := range line {
			if trimmed := strings.TrimSpace(cell); trimmed != "" && strings.ContainsRune("=+-@", rune(trimmed[0])) {
				t.Errorf("a spreadsheet would take %q for a formula", cell)
			}
		}
	}
	site.As("viewer").Gets("/settings/flags/reports/development/who.csv").Is(http.StatusForbidden)
}

func TestAnOverrideIsAddedEditedAndRemoved(t *testing.T) {
	site := seeing(t)
	editor := site.As("editor")
	form := editor.Opens("/flags/checkout/development/overrides/one")
	p := editor.Submits(form, "/overrides/one", "kind", "user", "id", "u-1", "variant", "short", "reason", "she asked")
	p.Is(http.StatusOK).Sees("u-1 now has short by override.", "she asked", "eve@toprent.example")
	edit := editor.Opens("/flags/checkout/development/overrides/one?user=u-1")
	editor.Submits(edit, "/overrides/one", "variant", "long", "expires", time.Now().Add(48*time.Hour).UTC().Format("2006-01-02T15:04")).Is(http.StatusOK).Sees("u-1 now has long")
	if got := overridesOf(t, site, "development", "checkout"); !slices.Equal(got, []string{"u-1:long"}) {
		t.Errorf("overrides: %q", got)
	}
	editor.Submits(editor.Opens("/flags/checkout/development/overrides"), "/overrides/remove").Sees("The override for u-1 is removed.")
	if got := overridesOf(t, site, "development", "checkout"); len(got) > 0 {
		t.Errorf("overrides: %q", got)
	}
}

func TestAnOverrideWithMistakesIsRefusedBesideItsFieldsAndNothingIsLost(t *testing.T) {
	site := seeing(t)
	editor := site.As("editor")
	form := editor.Opens("/flags/checkout/development/overrides/one")
	p := editor.Submits(form, "/overrides/one", "kind", "tenant", "id", strings.Repeat("x", 257), "variant", "short", "reason", " ", "expires", "2020-01-01T10:00")
	p.Is(http.StatusUnprocessableEntity).Sees("an id has at most 256", "Say in a few words why", "This is in the past")
	if value, _ := p.Find("#expires").Attr("value"); value != "2020-01-01T10:00" {
		t.Errorf("the expiry that was typed is %q", value)
	}
	if chosen, _ := p.Find("#kind option[selected]").Attr("value"); chosen != "tenant" {
		t.Errorf("the kind that was chosen is %q", chosen)
	}
	editor.Submits(form, "/overrides/one", "kind", "user", "id", "u", "variant", "no-such", "reason", "r").Is(http.StatusUnprocessableEntity).Sees(`there is no variant "no-such"`)
	editor.Submits(form, "/overrides/one", "kind", "both", "id", "u", "variant", "short", "reason", "r").Is(http.StatusUnprocessableEntity).Sees("exactly one user or one tenant")
	editor.Submits(form, "/overrides/one", "kind", "user", "id", "u", "variant", "short", "reason", "r", "expires", "soon").Is(http.StatusUnprocessableEntity).Sees("Write a date and a time")
}

func TestTwoWhoEditOneOverrideSeeBothVersions(t *testing.T) {
	site := seeing(t)
	eve, bob := site.As("editor"), site.As("bob")
	path := "/flags/new-home/development/overrides/one?user=u-ann"
	hers, his := eve.Opens(path), bob.Opens(path)
	eve.Submits(hers, "/overrides/one", "variant", "off", "reason", "hers").Is(http.StatusOK)
	conflict := bob.Submits(his, "/overrides/one", "reason", "his own words").Is(http.StatusConflict)
	conflict.Sees("Somebody else changed this", "hers", "his own words")
	bob.Submits(conflict, "/overrides/one").Is(http.StatusOK).Sees("his own words")

	added := bob.Opens("/flags/checkout/development/overrides/one")
	eve.Submits(eve.Opens("/flags/checkout/development/overrides/one"), "/overrides/one", "id", "u-1", "variant", "long", "reason", "first")
	again := bob.Submits(added, "/overrides/one", "id", "u-1", "variant", "short", "reason", "second").Is(http.StatusConflict).Sees("first")
	bob.Submits(again, "/overrides/one").Is(http.StatusOK).Sees("u-1 now has short")
}

func TestAPastedListIsPublishedWholeOrNotAtAll(t *testing.T) {
	site := seeing(t)
	editor := site.As("editor")
	form := editor.Opens("/flags/checkout/development/overrides/paste")
	bad := "u-1\nu-2, u-1\n" + strings.Repeat("x", 257) + "\nu-3"
	p := editor.Submits(form, "/overrides/paste", "ids", bad, "variant", "short", "reason", "beta").Is(http.StatusUnprocessableEntity)
	p.Sees("Line 3: This is 257 bytes long")
	if got := overridesOf(t, site, "development", "checkout"); len(got) > 0 {
		t.Fatalf("something was published: %q", got)
	}
	if typed := p.Find("#ids").Text(); !strings.Contains(typed, "u-2, u-1") {
		t.Errorf("what was typed is lost: %q", typed)
	}
	editor.Submits(p, "/overrides/paste", "ids", "u-1\r\nu-2; u-3,\r\nu-1\r\n\r\n").Is(http.StatusOK).Sees("3 ids were read: 3 new, 0 changed, 0 unchanged.")
	editor.Submits(editor.Opens("/flags/checkout/development/overrides/one?user=u-2"), "/overrides/one", "variant", "long").Is(http.StatusOK)
	again := editor.Opens("/flags/checkout/development/overrides/paste")
	editor.Submits(again, "/overrides/paste", "ids", "u-1\nu-2\nu-4", "variant", "short", "reason", "beta").Is(http.StatusOK).Sees("3 ids were read: 1 new, 1 changed, 1 unchanged.")
	if got := overridesOf(t, site, "development", "checkout"); !slices.Equal(got, []string{"u-1:short", "u-2:short", "u-3:short", "u-4:short"}) {
		t.Errorf("overrides: %q", got)
	}
	stale := editor.Submits(again, "/overrides/paste", "ids", "u-2", "variant", "control", "reason", "late").Is(http.StatusConflict).Sees("Override for u-2")
	editor.Submits(stale, "/overrides/paste").Is(http.StatusOK).Sees("1 changed")
}

func TestTenThousandOverridesArePastedWithinSecondsAndListedQuickly(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		editor := site.As("editor")
		ids := make([]string, 10_000)
		for i := range ids {
			ids[i] = fmt.Sprintf("user-%06d@customer.example", i)
		}
		form := editor.Opens("/flags/checkout/development/overrides/paste")
		began := time.Now()
		editor.Submits(form, "/overrides/paste", "ids", strings.Join(ids, "\n"), "variant", "short", "reason", "beta").Is(http.StatusOK).Sees("10000 new")
		t.Logf("10,000 overrides were published in %v", time.Since(began))
		began = time.Now()
		editor.Opens("/flags/checkout/development/overrides?page=100&q=customer").Sees("4,951 to 5,000 of 10,000", "10,000 overrides")
		t.Logf("a page of them took %v", time.Since(began))
		editor.Opens("/flags/checkout/development/overrides?q=user-009999").Sees("user-009999@customer.example").Lacks("user-000001@")
		editor.Submits(form, "/overrides/paste", "ids", strings.Join(append(ids, "one-more"), "\n"), "variant", "short", "reason", "beta").Is(http.StatusUnprocessableEntity).Sees("at most 10,000")
	})
}

func TestExpiredOverridesAreMarkedAndRemovedTogether(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	site.Imports(`version: 1
overrides:
  - {flag: new-home, environment: development, user: u-old, variant: on, reason: over, expires_at: 2020-01-01T00:00:00Z}
  - {flag: new-home, environment: development, user: u-older, variant: on, reason: over, expires_at: 2019-01-01T00:00:00Z}
`)
	editor := site.As("editor")
	p := editor.Opens("/flags/new-home/development/overrides").Sees("2 have expired", "Expired", "Remove all expired")
	editor.Opens("/flags/new-home/development/overrides?state=active").Lacks("u-old")
	editor.Submits(p, "/overrides/expired").Sees("2 expired overrides are removed.").Lacks("u-old")
	if got := overridesOf(t, site, "development", "new-home"); !slices.Equal(got, []string{"t-acme:off", "u-ann:on"}) {
		t.Errorf("overrides: %q", got)
	}
}

func TestAnOverrideThatAPlanBeatsSaysSo(t *testing.T) {
	site := seeing(t, person("u-free", "t-1", "free", "DE"), person("u-pro", "t-2", "pro", "DE"))
	editor := site.As("editor")
	editor.Opens("/flags/reports/development/overrides/one").Sees("A plan that excludes a feature cannot be beaten")
	form := editor.Opens("/flags/reports/development/overrides/paste")
	editor.Submits(form, "/overrides/paste", "ids", "u-free", "variant", "on", "reason", "please").Is(http.StatusOK).Sees("Does nothing: the plan excludes it", "cannot be beaten")
	editor.Submits(editor.Opens("/flags/reports/development/overrides/one"), "/overrides/one", "id", "u-pro", "variant", "off", "reason", "r")
	p := editor.Opens("/flags/reports/development/overrides?q=u-pro").Sees("u-pro")
	if strings.Contains(p.Find("tbody").Text(), "Does nothing") {
		t.Error("an override that counts is said to do nothing")
	}
}

func TestAPersonsPageShowsWhatTheyHaveAndTogglesIt(t *testing.T) {
	site := seeing(t, person("u-1", "t-1", "pro", "DE"))
	editor := site.As("editor")
	p := editor.Opens("/subjects/development/one?user=u-1").Sees("t-1", "pro", "countryDE", "Winter look", "No rule matched", "Advanced reports")
	link := p.Find(`a[href*="new-home/development/overrides/one"][href*="variant="]`).AttrOr("href", "")
	if !strings.Contains(link, "back=one") {
		t.Fatalf("no toggle: %q", link)
	}
	form := editor.Opens(strings.TrimPrefix(link, "/settings"))
	back := editor.Submits(form, "/overrides/one", "variant", "on", "reason", "a test").Is(http.StatusOK)
	if !strings.Contains(back.URL, "/subjects/development/one?user=u-1") {
		t.Errorf("it leads to %s", back.URL)
	}
	back.Sees("1 flag by override", "a test", "Override")
	editor.Submits(back, "/flags/new-home/development/overrides/remove").Sees("What was seen").Lacks("a test")
	editor.Opens("/subjects/development/one?user=u-1&explain=winter-look").Sees("Why winter-look is on", "decides")
	editor.Opens("/subjects/development/one?tenant=t-1").Sees("a subject of this tenant alone")
	editor.Opens("/subjects/development/one?user=unknown").Sees("Not seen here yet")
	site.As("viewer").Opens("/subjects/development/one?user=u-1").Lacks("Turn on", "Turn off")
}

func TestTheDirectoryIsSearchedByTextsNotPatterns(t *testing.T) {
	site := seeing(t, person("100%_sure", "t-1", "pro", "DE"), person("plain", "t_2", "pro", "FR"), person("o'neil", "t-3", "pro", "IT"))
	viewer := site.As("viewer")
	for query, want := range map[string]string{"%": "100%_sure", "0%_s": "100%_sure", "t_2": "plain", "o'neil": "o'neil", "' OR 1=1 --": "", "100_": "", "FR": "plain"} {
		p := viewer.Opens("/subjects/development?q=" + url.QueryEscape(query))
		var ids []string
		p.Find("tbody th a.id").Each(func(_ int, s *goquery.Selection) { ids = append(ids, s.Text()) })
		if strings.Join(ids, " ") != want {
			t.Errorf("%q finds %q, want %q", query, ids, want)
		}
	}
	viewer.Opens("/subjects/development?page=-1&kind=%27").Sees("plain")
	viewer.Opens("/flags/new-home/development/who?q=" + url.QueryEscape("' OR 1=1 --")).Sees("Nobody fits")
}

func TestIDsReasonsAndAttributesAreShownAsText(t *testing.T) {
	evil := `"><script>alert(1)</script>`
	site := seeing(t, person(evil, evil, "pro", evil))
	editor := site.As("editor")
	editor.Submits(editor.Opens("/flags/new-home/development/overrides/one"), "/overrides/one", "id", evil, "variant", "on", "reason", evil).Is(http.StatusOK)
	for _, path := range []string{"/flags/new-home/development/overrides", "/flags/new-home/development/who", "/subjects/development", "/subjects/development/one?user=" + url.QueryEscape(evil),
		"/subjects/development?q=" + url.QueryEscape(evil+"x"), "/flags/new-home/development/overrides/one?user=" + url.QueryEscape(evil), "/subjects/development/one?explain=new-home&user=" + url.QueryEscape(evil)} {
		p := editor.Opens(path)
		if strings.Contains(p.Body, "<script>alert") {
			t.Errorf("%s runs what somebody typed", path)
		}
	}
}

func TestAViewerCannotPostTheFormsOfOverrides(t *testing.T) {
	site := seeing(t)
	before := overridesOf(t, site, "development", "new-home")
	for _, who := range []string{"viewer", "tenant", "nobody"} {
		browser := site.As(who)
		for _, path := range []string{"one", "remove", "expired", "paste"} {
			browser.Posts("/flags/new-home/development/overrides/"+path, "kind", "user", "id", "u-ann", "user", "u-ann", "ids", "x", "variant", "off", "reason", "r", "base", "1").Is(http.StatusForbidden)
		}
		browser.Gets("/settings/flags/new-home/development/overrides/one").Is(http.StatusForbidden)
		browser.Gets("/settings/flags/new-home/development/overrides/paste").Is(http.StatusForbidden)
	}
	if after := overridesOf(t, site, "development", "new-home"); !slices.Equal(before, after) {
		t.Errorf("%q became %q", before, after)
	}
}

func TestAnEditorOfDevelopmentReachesNothingOfProduction(t *testing.T) {
	site := seeing(t)
	site.Imports("version: 1\noverrides:\n  - {flag: new-home, environment: production, user: u-prod, variant: on, reason: vip}\n")
	site.Directory.Saw("production", person("u-secret", "t-secret", "pro", "DE"))
	flush(t, site.Directory)
	dev := site.As("dev")
	dev.Posts("/flags/new-home/production/overrides/one", "kind", "user", "id", "u-x", "variant", "on", "reason", "r", "base", "0").Is(http.StatusForbidden)
	dev.Posts("/flags/new-home/production/overrides/remove", "user", "u-prod", "base", "2").Is(http.StatusForbidden)
	// Under its own environment, the other's override is not there, whatever base is named.
	for base := range 6 {
		dev.Posts("/flags/new-home/development/overrides/remove", "user", "u-prod", "base", fmt.Sprint(base), "environment", "production", "env", "production")
	}
	if got := overridesOf(t, site, "production", "new-home"); !slices.Equal(got, []string{"u-prod:on"}) {
		t.Errorf("production has %q", got)
	}
	for _, path := range []string{"/subjects/production", "/subjects/production/one?user=u-secret", "/flags/new-home/production/who", "/flags/new-home/production/overrides"} {
		dev.Gets("/settings" + path).Is(http.StatusForbidden)
	}
	dev.Opens("/subjects/development?q=secret").Lacks("u-secret")
	dev.Opens("/subjects/development/one?user=u-secret").Sees("Not seen here yet").Lacks("t-secret")
	dev.Opens("/flags/new-home/development/who").Lacks("u-secret", "production")
}

func TestWhoMadeAnOverrideIsNotReadFromTheForm(t *testing.T) {
	site := seeing(t)
	site.As("editor").Posts("/flags/new-home/development/overrides/one", "kind", "user", "id", "u-1", "variant", "on", "reason", "r", "base", "0",
		"created_by", "root", "CreatedBy", "root", "author", "root", "created_at", "2001-01-01T00:00:00Z", "environment", "production", "flag", "winter-look").Is(http.StatusOK)
	records, err := site.Store.Overrides(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range records {
		if o.User == "u-1" && (o.CreatedBy != "eve@toprent.example" || o.Flag != "new-home" || time.Since(o.CreatedAt) > time.Minute) {
			t.Errorf("made by %s at %v for %s", o.CreatedBy, o.CreatedAt, o.Flag)
		}
	}
	if got := overridesOf(t, site, "production", "new-home"); len(got) > 0 {
		t.Errorf("production has %q", got)
	}
}

func TestFormsOfOverridesFromElsewhereAreRefused(t *testing.T) {
	site := seeing(t)
	for _, from := range []string{"cross-site", "same-site"} {
		editor := site.As("editor")
		editor.Header.Set("Sec-Fetch-Site", from)
		editor.Header.Set("Origin", "https://evil.example")
		for _, path := range []string{"one", "remove", "expired", "paste"} {
			editor.Posts("/flags/new-home/development/overrides/"+path, "kind", "user", "id", "x", "ids", "x", "variant", "off", "reason", "r").Is(http.StatusForbidden)
		}
	}
}

func TestWhoBrowsesTheHostIsInTheDirectory(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	guest := site.As("")
	guest.Header.Set("X-User", "u-guest")
	guest.Header.Set("X-Tenant", "t-guest")
	guest.Header.Set("X-Country", "DE")
	guest.Header.Set("Sec-Fetch-Dest", "document")
	guest.Gets("/").Is(http.StatusOK)
	for site.Directory.Dropped() == 0 {
		s, err := site.Directory.Snapshot(t.Context(), "development")
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Person("u-guest"); ok && len(s.Visitors) == 1 && s.Visitors[0].Minted == 1 {
			break
		}
	}
	site.As("viewer").Opens("/subjects/development").Sees("u-guest", "t-guest", "country DE", "not known")
}

func TestADatabaseThatIsAwayLosesNothingThatWasTyped(t *testing.T) {
	site, server := sampleOnServer(t)
	editor := site.As("editor")
	one, list := editor.Opens("/flags/checkout/development/overrides/one"), editor.Opens("/flags/checkout/development/overrides/paste")
	server.Stop()
	p := editor.Submits(one, "/overrides/one", "id", "u-1", "variant", "short", "reason", "long thought about").Is(http.StatusServiceUnavailable)
	kept := editor.Submits(list, "/overrides/paste", "ids", "u-2\nu-3", "variant", "short", "reason", "beta").Is(http.StatusServiceUnavailable)
	if reason := strings.TrimSpace(p.Find(`textarea[name="reason"]`).Text()); reason != "long thought about" {
		t.Errorf("the reason that was typed is %q", reason)
	}
	p.Sees("This was not saved", "long thought about").Lacks("Zone", "Existing")
	kept.Sees("u-2", "u-3", "beta")
	server.Start()
	editor.Submits(p, "/overrides/one").Is(http.StatusOK).Sees("u-1 now has short")
	editor.Submits(kept, "/overrides/paste").Is(http.StatusOK).Sees("2 new")
}

func TestWhoHasItSaysThatOverridesAreForPeopleNotSeenYet(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	picture(t, site.Directory, "development")
	page := site.As("viewer").Opens("/flags/new-home/development/who").Sees("2 more have an override and were not seen here yet")
	if page.Find(`p a[href="/settings/flags/new-home/development/overrides"]`).Length() != 1 {
		t.Error("it does not lead to them")
	}
}
