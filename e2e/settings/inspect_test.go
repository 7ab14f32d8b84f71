package settings

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// then is an address's form of a moment.
func then(at time.Time) string { return url.QueryEscape(at.UTC().Format(time.RFC3339Nano)) }

// publishedAt is when a revision was published.
func publishedAt(t *testing.T, store *models.Store, environment string, number int64) time.Time {
	t.Helper()
	revision, err := store.Revision(t.Context(), environment, number)
	if err != nil {
		t.Fatal(err)
	}
	return revision.PublishedAt.Time
}

// switches turns a boolean flag of development on or off for everybody, and gives the revision.
func switches(t *testing.T, site *settingstest.Site, key string, on bool) int64 {
	t.Helper()
	versions, err := site.Changes.Versions(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	flag := ruleset.Flag{Key: key, ClientVisible: true, Enabled: true, Otherwise: map[bool]string{true: "on", false: "off"}[on]}
	published, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "development", Author: "ann", Edits: []changes.Edit{
		changes.PutFlag{Flag: &flag, Base: versions[changes.Item{Kind: changes.ItemFlag, Key: key}]}}})
	if err != nil {
		t.Fatal(err)
	}
	return published.Number
}

// agesHistory moves all that was published, and what tenants bought, into the past: nobody can wait for pins in a test.
func agesHistory(t *testing.T, store *models.Store, by time.Duration) {
	t.Helper()
	db, err := store.SQL()
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range []struct{ table, name string }{{"revisions", "published_at"}, {"tenant_plans", "changed_at"}, {"tenant_addons", "created_at"}} {
		rewind := fmt.Sprintf("UPDATE %s SET %s = %s - interval '%d seconds'", column.table, column.name, column.name, int(by.Seconds()))
		if store.Dialect() == "sqlite" {
			// Without zeros at the end, as times are stored: they are compared as texts.
			rewind = fmt.Sprintf("UPDATE %s SET %s = rtrim(rtrim(strftime('%%Y-%%m-%%d %%H:%%M:%%f', %s, '-%d seconds'), '0'), '.') || '+00:00'", column.table, column.name, column.name, int(by.Seconds()))
		}
		if _, err := db.ExecContext(t.Context(), rewind); err != nil {
			t.Fatal(err)
		}
	}
}

// inspectedRow is what the list says of a flag.
func inspectedRow(p *settingstest.Page, key string) string {
	row := p.Find("table.inspected tbody tr").FilterFunction(func(i int, _ *goquery.Selection) bool {
		return p.Find("table.inspected tbody tr").Eq(i).Find(".key").Text() == key
	})
	return strings.Join(strings.Fields(row.Text()), " ")
}

func TestThePastShowsEachRevisionThatAPinCouldHaveHeld(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		first := switches(t, site, "new-home", false)
		agesHistory(t, store, time.Hour)
		second := switches(t, site, "new-home", true)
		agesHistory(t, store, time.Minute)
		ann := site.As("viewer")

		at := publishedAt(t, store, "development", second).Add(30 * time.Second)
		page := ann.Opens("/inspect?at=" + then(at) + "&in=development&user=u-zoe")
		page.Sees("is not recorded", fmt.Sprintf("could have been %d or %d then", first, second), "1 depends on the pin")
		row := inspectedRow(page, "new-home")
		if want := fmt.Sprintf("revision %d off No rule matched revision %d on", first, second); !strings.Contains(row, want) {
			t.Errorf("the row says %q, want %q", row, want)
		}
		if row := inspectedRow(page, "winter-look"); strings.Contains(row, "revision") || !strings.Contains(row, "on") {
			t.Errorf("of a flag that is the same under each revision the row says %q", row)
		}

		before := ann.Opens("/inspect?at=" + then(at.Add(-time.Minute)) + "&in=development&user=u-zoe")
		before.Sees(fmt.Sprintf("By revision %d: no pin could have held another one", first))
		if row := inspectedRow(before, "new-home"); !strings.Contains(row, "off No rule matched") {
			t.Errorf("a minute earlier the row says %q", row)
		}
		known := ann.Opens("/inspect?at=" + then(at) + fmt.Sprint("&in=development&pinned=", first) + "&user=u-zoe")
		known.Sees(fmt.Sprintf("The pin is known: revision %d", first)).Lacks("is not recorded")
		if row := inspectedRow(known, "new-home"); !strings.Contains(row, "off No rule matched") {
			t.Errorf("under the pin that is known the row says %q", row)
		}
		nothing := ann.Opens("/inspect?at=2020-01-01T00%3A00%3A00Z&in=development&user=u-zoe")
		nothing.Sees("Nothing had been published here by then", "There were none.")

		compared := ann.Opens("/inspect?at=" + then(at.Add(-time.Minute)) + "&compare=moment&in=development&user=u-zoe&which=differs")
		compared.Sees("1 differs", "new-home").Lacks("winter-look")
		if row := inspectedRow(compared, "new-home"); !strings.Contains(row, "off") || !strings.Contains(row, "on") {
			t.Errorf("compared with now the row says %q", row)
		}
		explained := ann.Opens("/inspect?at=" + then(at) + "&explain=new-home&in=development&user=u-zoe")
		if chains := explained.Find("#explained .steps"); chains.Length() != 2 {
			t.Errorf("%d chains of reasons are told, want one for each revision", chains.Length())
		}
	})
}

func TestAKillIsSeenUnderEveryPinOfItsMoment(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	agesHistory(t, site.Store, time.Hour)
	killed, err := site.Changes.Kill(t.Context(), "development", "winter-look", "ada", "it is too cold")
	if err != nil {
		t.Fatal(err)
	}
	agesHistory(t, site.Store, time.Minute)
	at := publishedAt(t, site.Store, "development", killed.Number)
	page := site.As("viewer").Opens("/inspect?at=" + then(at) + "&in=development&user=u-zoe")
	page.Sees("all the same under each pin")
	if row := inspectedRow(page, "winter-look"); !strings.Contains(row, "off Killed") || strings.Contains(row, "revision") {
		t.Errorf("the row says %q", row)
	}
}

func TestARecallLeavesNoPinBehindIt(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	switches(t, site, "new-home", false)
	agesHistory(t, site.Store, time.Hour)
	switches(t, site, "new-home", true)
	recalled, err := site.Changes.Recall(t.Context(), "development", "ada", "now")
	if err != nil {
		t.Fatal(err)
	}
	agesHistory(t, site.Store, time.Minute)
	at := publishedAt(t, site.Store, "development", recalled.Number)
	site.As("viewer").Opens("/inspect?at=" + then(at) + "&in=development&user=u-ann").Sees(fmt.Sprintf("By revision %d: no pin could", recalled.Number))
}

func TestWhatATenantHadThenDecides(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		if err := store.SetTenantPlan(t.Context(), "t-acme", "free", "billing"); err != nil {
			t.Fatal(err)
		}
		if err := store.AddAddOn(t.Context(), "t-acme", "reports", "billing"); err != nil {
			t.Fatal(err)
		}
		agesHistory(t, store, time.Hour)
		if err := store.EndAddOn(t.Context(), "t-acme", "reports", "billing"); err != nil {
			t.Fatal(err)
		}
		if err := store.SetTenantPlan(t.Context(), "t-acme", "enterprise", "billing"); err != nil {
			t.Fatal(err)
		}
		vic := site.As("viewer")
		past := vic.Opens("/inspect?at=" + then(time.Now().Add(-30*time.Minute)) + "&compare=moment&in=development&tenant=t-acme")
		sides := past.Find(".sides section")
		was, is := sides.Eq(0).Text(), sides.Eq(1).Text()
		if !strings.Contains(was, "free (what the tenant had then)") || !strings.Contains(was, "reports (what the tenant had then)") {
			t.Errorf("then: %s", was)
		}
		if !strings.Contains(is, "enterprise (what the tenant has)") || strings.Contains(is, "reports") {
			t.Errorf("now: %s", is)
		}
		early := vic.Opens("/inspect?at=" + then(time.Now().Add(-2*time.Hour)) + "&in=development&tenant=t-acme")
		early.Sees("none (what the tenant had then)")
	})
}

func TestThePeopleOfTheDirectoryAreFoundAndComparedInTheInspector(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	site.Directory.Saw("development", ruleset.Subject{User: "u-ann", Tenant: "t-acme", Plan: "pro", Attributes: map[string]any{"country": "DE"}})
	site.Directory.Saw("development", ruleset.Subject{User: "u-bob", Tenant: "t-globex", Plan: "free", Attributes: map[string]any{"country": "FR"}})
	vic := site.As("viewer")
	until(t, "two people in the directory", func() bool {
		return strings.Contains(vic.Opens("/inspect?find=t-acme&in=development").Find(".found").Text(), "u-ann") &&
			strings.Contains(vic.Opens("/inspect?find=u-bob&in=development").Find(".found").Text(), "u-bob")
	})
	to, _ := vic.Opens("/inspect?find=t-acme&in=development").Find(".found a").Attr("href")
	vic.Gets(to).Is(http.StatusOK).Sees("t-acme (as last seen)", "pro (as last seen)", "DE (as last seen)")
	typed := vic.Opens("/inspect?in=development&name=country&plan=enterprise&user=u-ann&value=IT")
	typed.Sees("enterprise (as you typed it)", "IT (as you typed it)")

	two := vic.Opens("/inspect?compare=person&explain=reports&in=development&user=u-ann&vs_user=u-bob&which=differs")
	two.Sees("FR (as last seen)", "Excluded by the plan")
	if chains := two.Find("#explained .steps").Length(); chains != 2 {
		t.Errorf("%d chains are told, want one for each person", chains)
	}
	past := vic.Opens("/inspect?at=" + then(time.Now()) + "&in=development&user=u-ann")
	past.Sees("Only the latest attributes are kept")
}

func TestAnInspectorsAddressMeansTheSameInEveryTimeZone(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	vic := site.As("viewer")
	vic.Header.Add("Cookie", "person=viewer; flags-zone=Asia/Tokyo")
	sent := vic.Gets("/settings/inspect?asked=1&user=u-ann&tenant=&name=&value=&name=&value=&in=development&at=2026-11-01T09%3A30%3A00&pinned=&compare=&vs_at=&vs_in=development")
	if want := "/settings/inspect?asked=1&at=2026-11-01T00%3A30%3A00Z&in=development&user=u-ann"; sent.Location != want {
		t.Errorf("it leads to %q, want %q", sent.Location, want)
	}
	page := vic.Gets(sent.Location).Is(http.StatusOK)
	if at, _ := page.Find("#at").Attr("value"); at != "2026-11-01T09:30:00" {
		t.Errorf("the field shows %q", at)
	}
}

func TestTheInspectorRefusesWhatNobodyCanAnswer(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	vic := site.As("viewer")
	refuses := func(query, words string) {
		t.Helper()
		vic.Gets("/settings/inspect?" + query).Is(http.StatusUnprocessableEntity).Sees(words)
	}
	refuses("at="+then(time.Now().Add(time.Hour))+"&in=development&user=u-ann", "still to come")
	refuses("at=yesterday&in=development&user=u-ann", "Write a date and a time")
	refuses("in=development&pinned=99&user=u-ann", "no such revision at that moment")
	refuses("in=development&pinned=-1&user=u-ann", "the revision's number")
	refuses("compare=person&in=development&user=u-ann", "with whom")
	refuses("in=development&name=plan&user=u-ann&value=enterprise", "reserved")
	refuses("in=development&user="+strings.Repeat("x", 300), "at most 256")
	vic.Gets("/settings/inspect?in=nowhere&user=u-ann").Is(http.StatusNotFound)
}

// Ids may hold anything, and times may be any: nothing of it reaches a database that could not hold it.
func TestTheInspectorTakesWhateverAnAddressHolds(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		vic := site.As("viewer")
		for _, query := range []string{"tenant=%00", "user=%ff&tenant=%ff", "user=%3Cscript%3Ealert(1)%3C%2Fscript%3E", "addons=%00%2C%ff&user=x", "explain=%3Cb%3E&user=x",
			"user=x&visitor=%00", "plan=%00&user=x", "name=%00&user=x&value=%ff", "asked=1&find=%00", "page=-1&q=%00&user=x&which=nothing", "compare=person&user=x&vs_tenant=%00", "name=cities&user=x&value=%5B1%2C%22a%22%5D"} {
			page := vic.Gets("/settings/inspect?" + query)
			if page.Status == http.StatusSeeOther {
				page = vic.Gets(page.Location)
			}
			if page.Status != http.StatusOK || page.Find("main script").Length() > 0 || page.Find("main b").Length() > 0 {
				t.Errorf("%s gives %d", query, page.Status)
			}
		}
		vic.Gets("/settings/inspect?at=0001-01-01T00%3A00%3A00Z&user=x").Is(http.StatusUnprocessableEntity) // no database holds it
	})
}

func TestAFlagThatWasArchivedIsSaidToBe(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	agesHistory(t, site.Store, time.Hour)
	versions, err := site.Changes.Versions(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	_, err = site.Changes.Publish(t.Context(), changes.Change{Environment: "development", Author: "ann", Edits: []changes.Edit{
		changes.ArchiveFlag{Key: "new-home", Base: versions[changes.Item{Kind: changes.ItemFlag, Key: "new-home"}]}}})
	if err != nil {
		t.Fatal(err)
	}
	page := site.As("viewer").Opens("/inspect?at=" + then(time.Now()) + "&in=development&user=u-zoe")
	if row := inspectedRow(page, "new-home"); !strings.Contains(row, "revision 2 – It was archived.") {
		t.Errorf("the row says %q", row)
	}
}

// What an environment gives is shown to those who may see the environment, on either side of a comparison.
func TestTheInspectorShowsNoEnvironmentThatSomebodyMayNotSee(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	dev := site.As("dev")
	dev.Opens("/inspect?in=development&user=u-ann").Sees("winter-look")
	dev.Gets("/settings/inspect?in=production&user=u-ann").Is(http.StatusNotFound).Lacks("winter-look")
	dev.Gets("/settings/inspect?compare=environment&in=development&user=u-ann&vs_in=production").Is(http.StatusNotFound).Lacks("winter-look")
	dev.Gets("/settings/inspect?find=u&in=production").Is(http.StatusNotFound)
	if options := dev.Opens("/inspect").Find("#in option").Length(); options != 1 {
		t.Errorf("%d environments are offered", options)
	}
	site.As("nobody").Gets("/settings/inspect?in=development&user=u-ann").Is(http.StatusForbidden)
}

func TestPagesLeadToTheInspector(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	vic := site.As("viewer")
	follows := func(path, link string) *settingstest.Page {
		t.Helper()
		to, ok := vic.Opens(path).Find(link).Attr("href")
		if !ok {
			t.Fatalf("%s has no link to the inspector", path)
		}
		page := vic.Gets(to)
		if page.Status == http.StatusSeeOther {
			page = vic.Gets(page.Location)
		}
		return page.Is(http.StatusOK)
	}
	const inspector = `main a[href*="/inspect?"]`
	follows("/subjects/development/one?user=u-ann", inspector).Sees("u-ann in Development, now")
	follows("/flags/checkout/development?why=1&user=u-ann&attributes=country%3DDE", inspector).Sees("Why: checkout", "DE (as you typed it)")
	page := follows("/changes/development/1", inspector)
	if pinned, _ := page.Find("#pinned").Attr("value"); pinned != "1" {
		t.Errorf("the revision that is pinned is %q", pinned)
	}
	vic.Gets(page.URL + "&user=u-ann").Sees("The pin is known: revision 1")
}
