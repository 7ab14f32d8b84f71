//go:build unix

package settings

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// crowd stores so many people, ten to a tenant, in development.
func crowd(t testing.TB, store *models.Store, people int) {
	t.Helper()
	at := models.At(time.Now())
	rows := make([]models.DirectorySubject, 0, people+people/10)
	for i := range people {
		rows = append(rows, models.DirectorySubject{Kind: models.SeenUser, ID: fmt.Sprintf("user-%06d", i), Tenant: fmt.Sprint("tenant-", i/10), Plan: []string{"free", "pro", "enterprise"}[i%3], AddOns: "[]",
			Attributes: fmt.Sprintf(`{"country":%q,"email":"user-%06d@toprent.example"}`, []string{"DE", "FR", "IT", "ES"}[i%4], i), FirstSeen: at, LastSeen: at})
	}
	for i := range people / 10 {
		rows = append(rows, models.DirectorySubject{Kind: models.SeenTenant, ID: fmt.Sprint("tenant-", i), Plan: "pro", AddOns: "[]", Attributes: "{}", FirstSeen: at, LastSeen: at})
	}
	if err := store.RecordSeen(t.Context(), "development", rows); err != nil {
		t.Fatal(err)
	}
}

// thousandFlags is a file with the sample's flags and so many that ask for many things.
func thousandFlags(t testing.TB, site *settingstest.Site, n int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("version: 1\nflags:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - {key: flag-%04d, title: Flag %d, purpose: speed, owner: web, kind: release, type: boolean, planned_removal: 2027-03-01, environments: {development: {enabled: true, rules: [{name: some, when: {attribute: attribute-%d, operator: in, values: [a, b]}, percent: {unit: user, share: 25, serve: on}}]}}}\n", i, i, i%40)
	}
	site.Imports(b.String())
}

// big is a site with 1,000 flags, 10,000 overrides and 100,000 people, whose pages know them all.
func big(t testing.TB) *settingstest.Site {
	t.Helper()
	store := settingstest.SQLite(t)
	crowd(t, store, 100_000)
	site := settingstest.On(t, store, func(c *settings.Config) {
		c.Directory = directory.New(store, directory.Options{Flush: 50 * time.Millisecond})
	})
	site.Sample()
	thousandFlags(t, site, 1000)
	ids := make([]string, 10_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("user-%06d", i)
	}
	editor := site.As("editor")
	editor.Submits(editor.Opens("/flags/new-home/development/overrides/paste"), "/overrides/paste", "ids", strings.Join(ids, "\n"), "variant", "on", "reason", "beta").Is(http.StatusOK)
	for strings.Contains(editor.Opens("/subjects/development").Text(), "Counting") {
	}
	return site
}

// bigPages are the area's pages, with searches that go through everything.
var bigPages = []string{
	"/flags/new-home/development/who", "/flags/new-home/development/who?q=toprent&variant=on", "/flags/reports/development/who?kind=tenants", "/flags/flag-0500/development/who?page=100",
	"/flags/new-home/development/overrides", "/flags/new-home/development/overrides?q=beta&page=150",
	"/subjects/development", "/subjects/development?q=099999", "/subjects/development/one?user=user-050000", "/subjects/development/one?user=user-000001&explain=new-home",
}

// asksFor makes the request of a page, as somebody who is signed in.
func asksFor(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/settings"+path, nil)
	r.AddCookie(&http.Cookie{Name: "person", Value: "editor"})
	r.Header.Set("Accept", "text/html")
	return r
}

func TestPagesWithAHundredThousandPeopleTakeLessThanAHundredMilliseconds(t *testing.T) {
	site := big(t)
	for _, path := range bigPages {
		var times, work []time.Duration
		for range 9 {
			recorder, worked, began := httptest.NewRecorder(), processorTime(t), time.Now()
			site.Engine.ServeHTTP(recorder, asksFor(path))
			times, work = append(times, time.Since(began)), append(work, processorTime(t)-worked)
			if recorder.Code != http.StatusOK {
				t.Fatalf("%s: %d", path, recorder.Code)
			}
		}
		// On a machine that others keep busy, the time of the processor tells what a page costs.
		t.Logf("%-60s first %6.1f ms, quickest %5.1f ms; of the processor: first %6.1f ms, quickest %5.1f ms", path, ms(times[0]), ms(slices.Min(times)), ms(work[0]), ms(slices.Min(work)))
		if best := min(slices.Min(times), slices.Min(work)); best > 100*time.Millisecond {
			t.Errorf("%s takes %v", path, best)
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// processorTime is what this process has used so far, on all cores.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func BenchmarkPagesWithAHundredThousandPeople(b *testing.B) {
	site := big(b)
	for _, path := range bigPages {
		b.Run(strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", " "), func(b *testing.B) {
			for b.Loop() {
				site.Engine.ServeHTTP(httptest.NewRecorder(), asksFor(path))
			}
		})
	}
}

func TestAPageDoesNotWaitForTheFirstReadingOfALargeDirectory(t *testing.T) {
	store := settingstest.SQLite(t)
	crowd(t, store, 100_000)
	d := newDirectory(store)
	began := time.Now()
	if _, err := d.Snapshot(t.Context(), "development"); err != nil {
		t.Fatal(err)
	}
	t.Logf("the first page waited %v", time.Since(began))
	for {
		s, err := d.Snapshot(t.Context(), "development")
		if err != nil {
			t.Fatal(err)
		}
		if !s.Counting {
			if len(s.People) != 100_000 || len(s.Tenants) != 10_000 {
				t.Errorf("%d people, %d tenants", len(s.People), len(s.Tenants))
			}
			break
		}
	}
	took := time.Since(began)
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("100,000 people were read in %v, and %d MB are in use", took, memory.HeapAlloc>>20)
	runtime.KeepAlive(d)
}
