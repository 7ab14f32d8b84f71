package settings

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestTheBoardShowsHowFarEveryEntityIs(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		p := movingSite(t, store).As("viewer").Opens("/migrations/development")
		p.Sees("3 entities in Development")
		contains(t, entity(t, p, "Clients"), "Live", "Staging: Off", "Production: Complete", "Not ready", "Verified", "99.9384 %", "Too low", "Too many comparisons differ")
		contains(t, entity(t, p, "Bookings"), "Dual write", "Staging: Off", "Copying", "81,340 of 250,000 rows", "nothing compared", "none known")
		contains(t, entity(t, p, "Invoices"), "Off", "by the host", "up to the host")
		if value, _ := p.Find("progress").Attr("value"); value != "81340" {
			t.Errorf("the progress bar is at %q", value)
		}
	})
}

func TestTheListOfAnEnvironmentWithoutEntitiesSaysWhatTheyAre(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	site.As("viewer").Opens("/migrations/development").Sees("Nothing is being moved here", "Create one for each entity")
}

func TestTheShareOfTenantsInEachStageIsCounted(t *testing.T) {
	site := movingSite(t, settingstest.SQLite(t))
	eve := site.As("editor")
	eve.Submits(eve.Opens("/migrations/production/bookings/move"), "/move", "to", "dualwrite", "who", "tenants", "tenants", "t-acme").Is(http.StatusOK)
	sawTenants(t, site, "production", "t-acme", "t-other-1", "t-other-2", "t-other-3")
	contains(t, entity(t, eve.Opens("/migrations/production"), "Bookings"), "Off 75 % of tenants", "Dual write 25 % of tenants")
	eve.Opens("/migrations/production/bookings").Sees("4 tenants were seen here", "Everybody where tenant is t-acme", "these stages")
}

func TestAnEntityShowsAllThatIsKnownOfIt(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		p := site.As("viewer").Opens("/migrations/development/clients")
		p.Sees("Ready for Ramp-down?", "One has not acknowledged it yet: host-of-web-3", "99.9384 % of 13,000 comparisons", "less than a minute so far", "2 writes and 3 marked keys",
			"100,000 rows copied", "from old to new", "100,000 rows compared, 3 different, which were mended",
			"13,000 reads asked both databases; 8 answers were different", "client c-1003: phone", "•••42",
			"Old: Reads", "New: Writes", "≤ 10 ms", "0.0153 %", "41 seconds", "host-of-web-2", "Silent", "Follows",
			"99.99 % of at least 1,000 comparisons", "nobody has changed these",
			"Tenants in live go back to shadow: the old database answers again; both stay written.", "at least 30 days")
		if got := reads(p.Find(".way .present")); got != "Live 100 % of tenants" {
			t.Errorf("the present stage is %q", got)
		}
		if past := p.Find(".way .past").Length(); past != 3 {
			t.Errorf("%d stages are behind it, want 3", past)
		}
		if bars := p.Find("svg.spread").First().Find("rect").Length(); bars < 5 {
			t.Errorf("the histogram has %d bars", bars)
		}
		worst := p.Find(`[aria-label="Table of tenants with differences"] tbody tr`)
		if got := reads(worst); worst.Length() != 2 || got != "t-acme 3,600 2 99.9444 % 4 t-globex 1,800 6 99.6666 % 0" {
			t.Errorf("the worst tenants are %q", got)
		}
	})
}

func TestEachStageIsExplained(t *testing.T) {
	p := movingSite(t, settingstest.SQLite(t)).As("viewer").Opens("/migrations/development/clients")
	var got []string
	p.Find(`[aria-label="Table of stages"] tbody tr`).Each(func(_ int, row *goquery.Selection) {
		cells := row.Find("th, td")
		got = append(got, fmt.Sprintf("%s: asks %s, answers %s, writes %s", cells.Eq(0).Text(), cells.Eq(1).Text(), cells.Eq(2).Text(), cells.Eq(3).Text()))
	})
	want := []string{
		"Off: asks old, answers old, writes old",
		"Dual write: asks old, answers old, writes old, then new",
		"Shadow: asks old and new, answers old, writes old, then new",
		"Live: asks old and new, answers new, writes new, then old",
		"Ramp-down: asks new, answers new, writes new, then old",
		"Complete: asks new, answers new, writes new",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

func TestWhatIsNoMigrationHasNoBoard(t *testing.T) {
	site := movingSite(t, settingstest.SQLite(t))
	vic := site.As("viewer")
	vic.Gets("/settings/migrations/development/new-home").Is(http.StatusNotFound).Sees("moves nothing from one database to another")
	vic.Gets("/settings/migrations/development/nothing").Is(http.StatusNotFound).Sees("is not in this environment")
	vic.Gets("/settings/migrations/nowhere").Is(http.StatusNotFound)
	site.As("dev").Gets("/settings/migrations/production").Is(http.StatusForbidden)
}

func TestACompletedMigrationStaysForThirtyDays(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		vic := site.As("viewer")
		from := publishedAt(t, store, "production", headOf(t, site, "production")).AddDate(0, 0, 30).UTC().Format("2 Jan 2006")
		vic.Opens("/migrations/production/clients").Sees("Everybody is complete since", "it can be archived from "+from).Lacks("are over")
		db, err := store.SQL()
		if err == nil {
			_, err = db.ExecContext(t.Context(), fmt.Sprintf("UPDATE revisions SET published_at = '%s' WHERE environment = 'production'", time.Now().AddDate(0, 0, -31).UTC().Format("2006-01-02 15:04:05.000000+00:00")))
		}
		if err != nil {
			t.Fatal(err)
		}
		settings := site.As("viewer").Opens("/migrations/production/clients")
		settings.Sees("The 30 days in which you might have wanted to go back are over")
	})
}

func TestAFlagLeadsToItsBoard(t *testing.T) {
	site := movingSite(t, settingstest.SQLite(t))
	eve := site.As("editor")
	for _, path := range []string{"/flags/clients/development", "/flags/clients/development/rules"} {
		if link, _ := eve.Opens(path).Find(`a[href="/settings/migrations/development/clients"]`).Attr("href"); link == "" {
			t.Errorf("%s does not lead to the board", path)
		}
	}
	eve.Opens("/flags/clients/development/rules").Sees("Stages are changed on the board")
	eve.Opens("/flags/new-home/development/rules").Lacks("board")
	if eve.Opens("/flags").Find(`nav a[href="/settings/migrations/development"]`).Length() == 0 {
		t.Error("the navigation does not lead to the board")
	}
}
