package settings

import (
	"context"
	"encoding/csv"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/toprent/flags/internal/adoption"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// adopting is a site with the sample's flags at which a crowd was seen in development.
func adopting(t *testing.T, store *models.Store, people int) *settingstest.Site {
	t.Helper()
	site := settingstest.On(t, store)
	site.Sample()
	crowd(t, store, people)
	untilSeen(t, site, people)
	if err := site.Flags.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return site
}

// surveys is what counts on another instance.
func surveys(site *settingstest.Site) *adoption.Job {
	return adoption.NewJob(site.Store, catalog.New(site.Store), site.Directory, slog.New(slog.DiscardHandler))
}

// file reads a CSV file of the pages, without its first line.
func file(t *testing.T, site *settingstest.Site, path string) [][]string {
	t.Helper()
	p := site.As("viewer").Gets("/settings/adoption.csv/" + path).Is(http.StatusOK)
	lines, err := csv.NewReader(strings.NewReader(p.Body)).ReadAll()
	if err != nil || len(lines) == 0 || !strings.HasPrefix(p.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%s: %v, %q", path, err, p.Body)
	}
	return lines[1:]
}

// apart counts who has a flag on by asking the service for each of the crowd, as a request of theirs does: "people" and
// "tenants" by plan; "of" by tenant.
func apart(t *testing.T, site *settingstest.Site, flag string, people int) map[string]adoption.Tally {
	t.Helper()
	counts := map[string]adoption.Tally{}
	add := func(key string, on bool) {
		tally := counts[key]
		if tally.Known++; on {
			tally.Has++
		}
		counts[key] = tally
	}
	for i := range people {
		plan, tenant := []string{"free", "pro", "enterprise"}[i%3], fmt.Sprint("tenant-", i/10)
		on := site.Flags.Values(t.Context(), ruleset.Subject{User: fmt.Sprintf("user-%06d", i), Tenant: tenant, Plan: plan,
			Attributes: map[string]any{"country": []string{"DE", "FR", "IT", "ES"}[i%4]}}).On(flag)
		add("people", on)
		add("people "+plan, on)
		add("of "+tenant, on)
	}
	for i := range people / 10 {
		on := site.Flags.Values(t.Context(), ruleset.Subject{Tenant: fmt.Sprint("tenant-", i), Plan: "pro"}).On(flag)
		add("tenants", on)
		add("tenants pro", on)
	}
	return counts
}

func TestTheFiguresOfAFlagAreThoseOfACountMadeApart(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		const people = 600
		site := adopting(t, store, people)
		for _, flag := range []string{"new-home", "reports", "winter-look"} {
			want := apart(t, site, flag, people)
			if has := want["people"].Has; has == 0 {
				t.Fatalf("nobody has %s, so that this tells nothing", flag)
			}
			page := site.As("viewer").Opens("/adoption/development/" + flag)
			page.Sees(fmt.Sprintf("People with it on%s%d of %d", want["people"].Percent(), want["people"].Has, people),
				fmt.Sprintf("Tenants with it on%s%d of %d", want["tenants"].Percent(), want["tenants"].Has, people/10))
			for _, line := range file(t, site, "development/"+flag+"?of=plans") {
				got := []adoption.Tally{{Has: whole(t, line[1]), Known: whole(t, line[2])}, {Has: whole(t, line[3]), Known: whole(t, line[4])}}
				if got[0] != want["people "+line[0]] || got[1] != want["tenants "+line[0]] {
					t.Errorf("%s, plan %s: %v, want %v and %v", flag, line[0], got, want["people "+line[0]], want["tenants "+line[0]])
				}
			}
			tenants := file(t, site, "development/"+flag+"?of=tenants")
			for _, line := range tenants {
				if got := (adoption.Tally{Has: whole(t, line[2]), Known: whole(t, line[3])}); got != want["of "+line[0]] {
					t.Errorf("%s, %s: %v, want %v", flag, line[0], got, want["of "+line[0]])
				}
			}
			if len(tenants) != people/10 {
				t.Errorf("%d tenants", len(tenants))
			}
		}
		// The search finds by a part of the id; the file has what it finds.
		site.As("viewer").Opens("/adoption/development/reports?q=TENANT-5").Sees("tenant-5", "tenant-59").Lacks("tenant-40")
		if found := file(t, site, "development/reports?of=tenants&q=tenant-5"); len(found) != 11 {
			t.Errorf("%d tenants found", len(found))
		}
	})
}

func TestAFlagThatIsNotBooleanHasAShareForEachVariant(t *testing.T) {
	const people = 300
	site := adopting(t, settingstest.SQLite(t), people)
	want := map[string]int64{}
	for i := range people {
		want[site.Flags.Values(t.Context(), ruleset.Subject{User: fmt.Sprintf("user-%06d", i), Tenant: fmt.Sprint("tenant-", i/10)}).Variant("checkout")]++
	}
	lines := file(t, site, "development/checkout?of=variants")
	for _, line := range lines {
		if whole(t, line[1]) != want[line[0]] {
			t.Errorf("%v, want %d people", line, want[line[0]])
		}
	}
	if len(lines) != 3 || len(want) != 3 {
		t.Errorf("%d variants, want %d", len(lines), len(want))
	}
	site.As("viewer").Opens("/adoption/development/checkout").Sees("By variant", "any variant but the one for off", fmt.Sprintf("%d of %d", people-want["control"], people))
}

func TestOfManyInstancesOneCountsAndWhatItStoresIsTrue(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		const people = 600
		site := adopting(t, store, people)
		var counting sync.WaitGroup
		var counted atomic.Int32
		for range 6 {
			counting.Go(func() {
				did, err := surveys(site).Count(t.Context(), "development")
				if err != nil {
					t.Error(err)
				}
				if did {
					counted.Add(1)
				}
			})
		}
		counting.Wait()
		if counted.Load() != 1 {
			t.Fatalf("%d instances counted", counted.Load())
		}
		for _, flag := range []string{"new-home", "reports"} {
			want := apart(t, site, flag, people)
			for _, plan := range []string{"", "free", "pro", "enterprise"} {
				rows, err := store.AdoptionOf(t.Context(), "development", flag, plan, "2000-01-01")
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]adoption.Tally{}
				for _, row := range rows {
					got[map[string]string{"user": "people", "tenant": "tenants"}[row.Kind]] = adoption.Tally{Has: row.Has, Known: row.Known}
				}
				for _, who := range []string{"people", "tenants"} {
					if key := strings.TrimSpace(who + " " + plan); got[who] != want[key] {
						t.Errorf("%s: %v %s, want %v", flag, got[who], key, want[key])
					}
				}
			}
		}
		line := file(t, site, "development?q=new-home")[0]
		if want := apart(t, site, "new-home", people); whole(t, line[2]) != want["people"].Has || whole(t, line[6]) != want["tenants"].Has || line[4] != "" {
			t.Errorf("the overview has %q, want %v and %v, and no change", line, want["people"], want["tenants"])
		}
	})
}

func TestAdoptionIsCountedAgainAfterAnHourOrWhenACountCameToNothing(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := adopting(t, store, 30)
		counts := func(why string, want bool) {
			t.Helper()
			if did, err := surveys(site).Count(t.Context(), "development"); err != nil || did != want {
				t.Errorf("%s: counted %v, %v", why, did, err)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if did, err := surveys(site).Count(gone, "development"); did || err == nil {
			t.Errorf("a server that ends counts: %v, %v", did, err)
		}
		counts("nothing was counted yet", true)
		counts("within the hour", false)
		ago := func(d time.Duration) string {
			return "'" + time.Now().UTC().Add(-d).Format("2006-01-02 15:04:05.000000+00:00") + "'"
		}
		executes(t, store, "UPDATE feature_flag_adoption_counts SET counted_at = "+ago(2*time.Hour)+", busy_until = "+ago(-time.Minute))
		counts("another instance is at it", false)
		executes(t, store, "UPDATE feature_flag_adoption_counts SET busy_until = "+ago(time.Minute))
		counts("an instance was killed at it", true)

		executes(t, store, "DELETE FROM directory_subjects WHERE id = 'user-000000'")
		executes(t, store, "UPDATE feature_flag_adoption_counts SET counted_at = "+ago(2*time.Hour))
		crowd(t, store, 40)
		untilSeen(t, site, 40)
		counts("after an hour", true)
		rows, err := store.AdoptionOf(t.Context(), "development", "reports", "", "2000-01-01")
		if err != nil || len(rows) > 4 { // two, or four around midnight
			t.Fatalf("%v, %v", rows, err)
		}
		if newest := rows[len(rows)-1]; newest.Known != 40 && newest.Known != 4 {
			t.Errorf("the day has %+v, want what was counted last", newest)
		}
	})
}

// Whoever comes first need not wait for an hour because nobody was there when it was counted.
func TestACountOfNobodyIsMadeAgainSoon(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := adopting(t, store, 0)
		for range 2 {
			if did, err := surveys(site).Count(t.Context(), "development"); err != nil || did {
				t.Errorf("nobody was counted: %v, %v", did, err)
			}
		}
		site.As("viewer").Opens("/adoption/development").Sees("Shares were not counted yet")
		crowd(t, store, 10)
		untilSeen(t, site, 10)
		if did, err := surveys(site).Count(t.Context(), "development"); err != nil || !did {
			t.Errorf("the first who came were not counted: %v, %v", did, err)
		}
		if did, err := surveys(site).Count(t.Context(), "development"); err != nil || did {
			t.Errorf("they were counted again at once: %v, %v", did, err)
		}
	})
}

// told stores events and checks as an instance does.
func told(t *testing.T, store *models.Store, number int64, checks []models.FeatureFlagCheck, events []models.FeatureFlagEvent) {
	t.Helper()
	now := models.At(time.Now())
	_, err := store.RecordBatch(t.Context(), models.Batch{Instance: models.AnalyticsInstance{Instance: "one", Environment: "development", Batch: number, StartedAt: now, FlushedAt: now, Every: 1000, Refused: "{}"},
		Checks: checks, Events: events})
	if err != nil {
		t.Fatal(err)
	}
}

func exposure(day time.Time, id int, variant, user, visitor string, share int64) models.FeatureFlagEvent {
	return models.FeatureFlagEvent{Day: models.Day(day), ID: fmt.Sprintf("00000000-0000-8000-8000-%012d", id), At: models.At(day), Kind: models.EventExposure, Environment: "development",
		Flag: "new-home", Variant: variant, UserID: user, VisitorID: visitor, Share: share}
}

func TestExposuresAreThoseOfTheEventsAndOutliveThem(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := adopting(t, store, 30)
		now := time.Now().UTC()
		var events []models.FeatureFlagEvent
		want := map[string]bool{}
		for back, people := range map[int]int{0: 7, 1: 12, 2: 3, 5: 9} {
			day := now.AddDate(0, 0, -back)
			share := int64(100_000)
			if back == 5 {
				share = 25_000
			}
			for n := range people {
				events = append(events, exposure(day, 1000*back+n, "on", fmt.Sprint("u-", n), "", share))
			}
			for n := range 2 {
				events = append(events, exposure(day, 1000*back+500+n, "off", "", fmt.Sprint("v-", n), share))
			}
			want[fmt.Sprintf("%s on %d 0 %d", models.Day(day), people, people*int(100_000/share))] = true
			want[fmt.Sprintf("%s off 2 2 %d", models.Day(day), 2*100_000/share)] = true
		}
		told(t, store, 1, nil, events)
		check := func(when string) {
			t.Helper()
			lines := file(t, site, "development/new-home?of=exposures&days=30")
			for _, line := range lines {
				if !want[strings.Join(line, " ")] {
					t.Errorf("%s: %v is wrong", when, line)
				}
			}
			if len(lines) != len(want) {
				t.Errorf("%s: %d lines, want %d", when, len(lines), len(want))
			}
		}
		check("before the first count")
		if did, err := surveys(site).Count(t.Context(), "development"); !did || err != nil {
			t.Fatal(did, err)
		}
		check("after it")
		executes(t, store, "DELETE FROM feature_flag_events WHERE day < '"+models.Day(now.AddDate(0, 0, -1))+"'")
		check("when old events are gone")
		site.As("viewer").Opens("/adoption/development/new-home").Sees("Only a share of people was recorded", "shown 8 times to visitors")
	})
}

func TestReadsAreThoseThatWereCounted(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := adopting(t, store, 30)
		viewer := site.As("viewer")
		viewer.Opens("/adoption/development/new-home").Sees("Nothing was read yet", "Never", "Nobody was shown a value")
		minute := time.Now().UTC().Truncate(time.Minute)
		of := func(at time.Time, variant string, n int64) models.FeatureFlagCheck {
			return models.FeatureFlagCheck{Day: models.Day(at), Minute: models.At(at), Environment: "development", Flag: "new-home", Variant: variant, Checks: n}
		}
		long := minute.AddDate(0, 0, -20)
		told(t, store, 1, []models.FeatureFlagCheck{of(long, "off", 1000), of(minute.Add(-2*time.Minute), "on", 30), of(minute, "off", 5), of(minute.Add(-3*time.Hour), "on", 35)}, nil)
		sum := func(of string) (total int64) {
			for _, line := range file(t, site, "development/new-home?of="+of+"&days=30") {
				total += whole(t, line[2])
			}
			return total
		}
		if days, minutes := sum("reads"), sum("minutes"); days != 1070 || minutes != 35 {
			t.Errorf("%d reads in days and %d in minutes, want 1070 and 35", days, minutes)
		}
		viewer.Opens("/adoption/development/new-home").Sees("first " + long.Format("2 Jan 2006")).Lacks("Nothing was read yet")
		lines := file(t, site, "development?sort=-checks")
		if lines[0][0] != "new-home" || lines[0][10] != "70" || lines[0][11] != minute.Format(time.RFC3339) || lines[1][11] != "" {
			t.Errorf("the overview begins with %q", lines[:2])
		}
		viewer.Opens("/adoption/development?q=home").Sees("New home page", "10").Lacks("Advanced reports")
	})
}

func TestTheOverviewComparesWithAWeekAndAMonthBefore(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := adopting(t, store, 30)
		now := time.Now().UTC()
		var rows []models.FeatureFlagAdoption
		for back, has := range map[int]int64{0: 60, 7: 50, 31: 85} { // of the 30th day before nothing is known: the one before it stands in
			rows = append(rows, models.FeatureFlagAdoption{Environment: "development", Flag: "reports", Day: models.Day(now.AddDate(0, 0, -back)), Kind: "user", Has: has, Known: 100, CountedAt: models.At(now)})
		}
		if err := store.PutAdoption(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		line := file(t, site, "development?q=reports")[0]
		if got := line[2:6]; !slices.Equal(got, []string{"60", "100", "10.00", "-25.00"}) || line[6] != "" {
			t.Errorf("%q", line)
		}
		site.As("viewer").Opens("/adoption/development?sort=people7").Sees("60.0 %", "+10.0", "−25.0")
	})
}

func TestFilesOfAdoptionHoldNoFormulas(t *testing.T) {
	site := seeing(t, person("u", `=HYPERLINK("http://evil.example")`, "@plan", "DE"), ruleset.Subject{User: "w", Tenant: "+1;=2", Plan: "-1"})
	told(t, site.Store, 1, []models.FeatureFlagCheck{{Day: models.Day(time.Now()), Minute: models.At(time.Now()), Environment: "development", Flag: "new-home", Variant: "=1+1", Checks: 1}}, nil)
	for _, of := range []string{"plans", "tenants", "reads", "minutes", "variants"} {
		lines := file(t, site, "development/new-home?of="+of)
		if len(lines) == 0 {
			t.Errorf("%s is empty", of)
		}
		for _, cell := range slices.Concat(lines...) {
			for _, part := range strings.Split(cell, ";") {
				if part != "" && strings.ContainsRune("=+-@", rune(part[0])) {
					t.Errorf("%s: a spreadsheet would take %q for a formula", of, cell)
				}
			}
		}
	}
	site.As("viewer").Gets("/settings/adoption.csv/development/new-home?of=everything").Is(http.StatusNotFound)
}

func TestAdoptionIsForViewersOfItsEnvironment(t *testing.T) {
	site := seeing(t)
	picture(t, site.Directory, "production") // nobody, and that is known
	for _, path := range []string{"/adoption/production", "/adoption/production/new-home", "/adoption.csv/production", "/adoption.csv/production/new-home?of=trend"} {
		site.As("viewer").Gets("/settings" + path).Is(http.StatusOK)
		for _, other := range []string{"dev", "nobody", "tenant"} {
			site.As(other).Gets("/settings" + path).Is(http.StatusForbidden)
		}
	}
	viewer := site.As("viewer")
	viewer.Gets("/settings/adoption/production/no-such").Is(http.StatusNotFound)
	viewer.Gets("/settings/adoption/nowhere").Is(http.StatusNotFound)
	viewer.Opens("/adoption/development/new-home?days=-1&plan=%27&page=99999&q=%FF").Sees("Nobody was counted in these days", "No tenant is known here yet")
	if viewer.Opens("/flags/new-home/development").Find(`nav a[href="/settings/adoption/development/new-home"]`).Length() == 0 {
		t.Error("the flag's page does not lead to its adoption")
	}
}

func whole(t *testing.T, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAFlagThatVeryManyAreShownIsCountedOnceAnHour(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := adopting(t, store, 30)
		now := time.Now().UTC()
		events := make([]models.FeatureFlagEvent, 20_001)
		for n := range events {
			events[n] = exposure(now, n, "on", fmt.Sprint("u-", n), "", 100_000)
		}
		told(t, store, 1, nil, events)
		if did, err := surveys(site).Count(t.Context(), "development"); !did || err != nil {
			t.Fatal(did, err)
		}
		told(t, store, 2, nil, []models.FeatureFlagEvent{exposure(now, 20_001, "on", "u-late", "", 100_000)})
		if lines := file(t, site, "development/new-home?of=exposures"); len(lines) != 1 || lines[0][2] != "20001" {
			t.Errorf("%v, want what was counted", lines)
		}
		site.As("viewer").Opens("/adoption/development/new-home").Sees("they are counted once an hour")
	})
}
