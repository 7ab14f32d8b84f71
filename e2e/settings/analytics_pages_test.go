package settings

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// onceCounted opens a page whose numbers take a moment, once they are there.
func onceCounted(who *settingstest.Browser, path string) *settingstest.Page {
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		p := who.Opens(path)
		if !strings.Contains(p.Text(), "This is being counted.") || time.Since(began) > patience {
			return p
		}
	}
}

func TestTheConversionsOfAFeatureAreShown(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		vic := site.As("viewer")
		onceCounted(vic, "/conversions/development").Sees("No upgrade was offered yet", "What is counted")
		now := time.Now()
		var events []models.FeatureFlagEvent
		for n := range 8 {
			who := ruleset.Subject{User: fmt.Sprint("u", n), Tenant: fmt.Sprint("t", n%4), Plan: "free"}
			events = append(events, happened("staging", models.EventPrompt, now.AddDate(0, 0, -20), who, "reports"))
			if n < 2 {
				events = append(events, happened("staging", models.EventUpgrade, now.AddDate(0, 0, -19), who, "reports"))
			}
		}
		stores(t, store, append(events, movedAt("staging", now.AddDate(0, 0, -18), "t0", "free", "pro"), movedAt("staging", now.AddDate(0, 0, -18), "t1", "pro", "enterprise"),
			movedAt("staging", now.AddDate(0, 0, -18), "t2", "free", "enterprise"), movedAt("staging", now.AddDate(0, 0, -18), "t3", "free", "gone"))...)
		cells := func(p *settingstest.Page) (texts []string) {
			p.Find("tbody tr").First().Find("th, td").Each(func(_ int, cell *goquery.Selection) {
				texts = append(texts, strings.Join(strings.Fields(cell.Text()), " "))
			})
			return texts
		}
		p := onceCounted(vic, "/conversions/staging")
		if got := cells(p); !slices.Equal(got[1:], []string{"4", "2 (50 %)", "1 (25 %)", "1", "8", "2 (25 %)"}) {
			t.Errorf("30 days: %q", got)
		}
		onceCounted(vic, "/conversions/staging?days=7").Sees("No upgrade was offered yet")
		one := onceCounted(vic, "/conversions/staging/reports").Sees("in Pro, Enterprise", "Tenants that changed plan")
		if got := cells(one); !slices.Equal(got, []string{"Tenants prompted", "0", "4", "4"}) {
			t.Errorf("by span: %q", got)
		}
		vic.Gets("/settings/conversions/staging/no-such-flag").Is(http.StatusNotFound)
		vic.Gets("/settings/conversions/nowhere").Is(http.StatusNotFound)
		site.As("dev").Gets("/settings/conversions/staging").Is(http.StatusForbidden)
	})
}

// doors stores what gates did in development: n times each, a second apart, of a premium flag and of another.
func doors(t testing.TB, store *models.Store, n int) (newest time.Time) {
	t.Helper()
	newest = time.Now().UTC().Truncate(time.Microsecond)
	var events []models.FeatureFlagEvent
	for i := range n {
		e := happened("development", []models.EventKind{models.EventGranted, models.EventDenied}[i%2], newest.Add(-time.Duration(i/3)*time.Second), // some at once
			ruleset.Subject{User: fmt.Sprintf("u-%d", i%7), Visitor: fmt.Sprintf("v-%d", i%11), Tenant: fmt.Sprintf("t-%d", i%3), Plan: "pro"}, "reports")
		e.Reason, e.Place, e.Variant, e.Revision = []string{"TARGETING_MATCH", "KILLED"}[i%2], "/reports", "on", 3
		events = append(events, e)
	}
	other := happened("development", models.EventDenied, newest, ruleset.Subject{User: "u-x"}, "new-home")
	other.Reason = "DISABLED"
	was := happened("development", models.EventDenied, newest.Add(-24*time.Hour*40), ruleset.Subject{User: "=cmd()", Plan: "free"}, "winter-look")
	was.Reason = "PLAN_EXCLUDED" // needed a plan then
	stores(t, store, append(events, other, was, happened("development", models.EventPrompt, newest, ruleset.Subject{User: "u-p"}, "reports"), happened("staging", models.EventGranted, newest, ruleset.Subject{User: "u-s"}, "reports"))...)
	return newest
}

func TestAdminsSeeEveryAccessToPremiumFeatures(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		newest := doors(t, store, 130)
		ada := site.As("admin")
		var pages []int
		last := ""
		for path := "/access/development"; path != ""; {
			p := ada.Opens(path).Lacks("u-x", "u-p", "u-s")
			pages = append(pages, p.Find("table tbody tr").Length())
			last = p.Text()
			next, _ := p.Find("a:contains('Older entries')").Attr("href")
			path = strings.TrimPrefix(next, "/settings")
		}
		if !slices.Equal(pages, []int{50, 50, 31}) {
			t.Errorf("the pages have %v entries", pages)
		}
		if !strings.Contains(last, "=cmd() – free Excluded by the plan") {
			t.Errorf("the oldest is not last: %s", last)
		}
		for query, want := range map[string]int{"outcome=granted": 50, "outcome=denied&user=u-1": 10, "user=u-1": 19, "visitor=v-3": 12, "tenant=t-2": 43, "flag=reports&tenant=t-2&outcome=denied": 21,
			"flag=winter-look": 1, "all=on&flag=new-home": 1, "flag=new-home": 0, "user=' OR 1=1": 0, "since=" + newest.AddDate(0, 0, 1).Format(time.DateOnly): 0,
			"until=" + newest.AddDate(0, 0, -30).Format(time.DateOnly): 1, "before=nonsense&flag=winter-look": 1} {
			if got := ada.Opens("/access/development?" + strings.ReplaceAll(query, " ", "+")).Find("table tbody tr").Length(); got != want {
				t.Errorf("%s gives %d entries, want %d", query, got, want)
			}
		}
		ada.Gets("/settings/access/development?since=yesterday").Is(http.StatusUnprocessableEntity).Sees("Write a date")
		for _, other := range []string{"approver", "editor", "viewer", "dev", "tenant"} {
			site.As(other).Gets("/settings/access/development").Is(http.StatusForbidden)
			site.As(other).Gets("/settings/access/development/list.csv").Is(http.StatusForbidden)
		}
	})
}

func TestAccessesOfWhoIsStoredUnderAPseudonymAreFoundByTheAddress(t *testing.T) {
	var recorder *analytics.Recorder
	site := settingstest.New(t, func(c *settings.Config) {
		recorder = analytics.New(c.Store, c.Flags, analytics.Options{Key: []byte("of all instances")})
		c.Recorder = recorder
	})
	site.Sample()
	e := happened("development", models.EventGranted, time.Now(), ruleset.Subject{User: "ann@toprent.example", Tenant: "ann@toprent.example", Plan: "pro"}, "reports")
	recorder.Hide(&e)
	stores(t, site.Store, e, happened("development", models.EventGranted, time.Now(), ruleset.Subject{User: "u-ben", Plan: "pro"}, "reports"))
	ada := site.As("admin")
	for _, query := range []string{"user=ann%40toprent.example", "tenant=Ann%40TopRent.example", "user=" + e.UserID} {
		if got := ada.Opens("/access/development?" + query).Find("table tbody tr").Length(); got != 1 {
			t.Errorf("%s gives %d entries", query, got)
		}
		if file := ada.Gets("/settings/access/development/list.csv?" + query).Is(http.StatusOK).Body; strings.Count(file, "\n") != 2 || strings.Contains(file, "@") {
			t.Errorf("%s gives the file\n%s", query, file)
		}
	}
}

func TestEveryAccessIsGivenToAuditorsAsAFile(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		doors(t, store, 4500) // more than are read at once
		file := site.As("admin").Gets("/settings/access/development/list.csv?before=nonsense").Is(http.StatusOK)
		if kind := file.Header.Get("Content-Type"); kind != "text/csv; charset=utf-8" {
			t.Errorf("it is %s", kind)
		}
		rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		ids := map[string]bool{}
		for i, row := range rows[1:] {
			ids[row[11]] = true
			if i > 0 && row[0][:19] > rows[i][0][:19] {
				t.Errorf("line %d is newer than the one before: %s, %s", i, row[0], rows[i][0])
			}
		}
		if len(rows) != 4502 || len(ids) != 4501 {
			t.Errorf("%d lines with %d entries", len(rows), len(ids))
		}
		if got := rows[len(rows)-1]; got[1] != "denied" || got[2] != "winter-look" || got[3] != "'=cmd()" || got[8] != "PLAN_EXCLUDED" {
			t.Errorf("the last line is %q", got)
		}
	})
}

func TestWhatIsRecordedOfAFlagIsSetAndAudited(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		site.Protects("production", 1)
		const path = "/flags/new-home/production/recording"
		site.As("viewer").Opens(path).Sees("Of 100 % of people", "Counted, and not recorded one by one")
		site.As("viewer").Posts(path, "share", "50").Is(http.StatusForbidden)
		eve := site.As("editor")
		p := eve.Opens(path)
		for field, value := range map[string]string{"share": "101", "raw_until": time.Now().UTC().Add(8 * 24 * time.Hour).Format("2006-01-02T15:04")} {
			refused := eve.Submits(p, "/recording", field, value).Is(http.StatusUnprocessableEntity)
			if kept, _ := refused.Find("#" + field).Attr("value"); kept != value || refused.Find("#"+field+"-error").Length() != 1 {
				t.Errorf("%s: %q is kept: %s", field, kept, refused.Text())
			}
		}
		eve.Submits(p, "/recording", "raw_until", "2020-01-01T10:00").Is(http.StatusUnprocessableEntity).Sees("in the future")
		until := time.Now().UTC().Add(6 * 24 * time.Hour).Truncate(time.Minute)
		p = eve.Submits(p, "/recording", "share", "12.345 %", "raw_until", until.Format("2006-01-02T15:04"), "reason", "too many people").Is(http.StatusOK).
			Sees("is saved", "Of 12.345 % of people", "as an event of its own until", "eve@toprent.example")
		row, err := store.FlagRecording(t.Context(), "production", "new-home")
		if err != nil || row.Share != 12345 || row.RawUntil == nil || !row.RawUntil.Equal(until) {
			t.Errorf("stored %+v, %v", row, err)
		}
		eve.Submits(p, "/recording").Is(http.StatusOK) // as it is: nothing is told again
		eve.Opens("/flags/new-home/production").Sees("Exposures of 12.35 % of people, and every check")
		eve.Opens("/flags/new-home/staging").Sees("Exposures of everybody.")
		audit := site.As("admin").Opens("/audit?kind=recording").Sees("Recording of a flag set", "eve@toprent.example", "too many people")
		if n := audit.Find(".audit-entries > li").Length(); n != 1 {
			t.Errorf("the audit has %d entries", n)
		}
		eve.Submits(eve.Opens(path), "/recording", "raw_until", "", "share", "0").Is(http.StatusOK).Sees("of nobody", "Counted, and not")
	})
}

func TestPagesSayThatEventsAreElsewhere(t *testing.T) {
	const says = "go elsewhere and are not kept in this database"
	site := settingstest.New(t, func(c *settings.Config) {
		c.Recorder = analytics.New(c.Store, c.Flags, analytics.Options{OnlySinks: true})
	})
	site.Sample()
	for _, path := range []string{"/conversions/", "/metrics/", "/access/"} {
		site.As("admin").Opens(path + "development").Sees(says)
		site.As("admin").Opens(path + "staging").Lacks(says) // whose events other instances record
	}
	site.As("viewer").Opens("/conversions/development/reports").Sees(says)
	site.As("viewer").Opens("/adoption/development/reports").Sees(says)
	site.As("viewer").Opens("/adoption/development").Lacks(says) // it rests on none
}
