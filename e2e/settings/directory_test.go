package settings

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// A directory's own tests: storage, on both databases.

func newDirectory(store *models.Store) *directory.Directory {
	return directory.New(store, directory.Options{Attributes: []string{"country", "seats", "beta", "tags"}, Flush: time.Nanosecond, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
}

func flush(t testing.TB, d *directory.Directory) {
	t.Helper()
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// picture waits until the directory has read what is stored.
func picture(t testing.TB, d *directory.Directory, environment string) *directory.Snapshot {
	t.Helper()
	for reads := 0; ; {
		s, err := d.Snapshot(t.Context(), environment)
		if err != nil {
			t.Fatal(err)
		}
		if s.Counting {
			continue
		}
		if reads++; reads == 3 { // the first may have found a reading that began before what it is to show
			return s
		}
	}
}

// pictured waits until a directory that has a picture already has one of what was stored since. A page is shown the one
// before, while a newer one is being read.
func pictured(t testing.TB, d *directory.Directory, what string, is func(*directory.Snapshot) bool) (s *directory.Snapshot) {
	t.Helper()
	until(t, what, func() bool {
		s = picture(t, d, "development")
		return is(s)
	})
	return s
}

// minted is how many visitors came: on one day, or on two around midnight.
func minted(s *directory.Snapshot) (n int64) {
	for _, day := range s.Visitors {
		n += day.Minted
	}
	return n
}

func tell(s *directory.Seen) string {
	subject := s.Subject()
	return fmt.Sprintf("%s|%s|%s|%s|%v|%v", s.ID, subject.User, subject.Tenant, subject.Plan, subject.AddOns, subject.Attributes)
}

func TestPeopleAndTenantsAreRememberedWithWhatIsAllowed(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		d := newDirectory(store)
		d.Saw("development", ruleset.Subject{User: "u-1", Tenant: "t-1", Plan: "pro", AddOns: []string{"reports", "api"},
			Attributes: map[string]any{"country": "DE", "seats": 12, "beta": true, "tags": []string{"a", "b"}, "password": "secret"}})
		d.Saw("development", ruleset.Subject{Tenant: "t-2", Plan: "free"})
		d.Saw("development", ruleset.Subject{Visitor: "somebody"})
		d.Saw("production", ruleset.Subject{User: "u-9"})
		for range 3 {
			d.Minted("development")
		}
		flush(t, d)

		s := picture(t, d, "development")
		if len(s.People) != 1 || len(s.Tenants) != 2 || minted(s) != 3 {
			t.Fatalf("%d people, %d tenants, visitors %v", len(s.People), len(s.Tenants), s.Visitors)
		}
		if got, want := tell(s.People[0]), "u-1|u-1|t-1|pro|[api reports]|map[beta:true country:DE seats:12 tags:[a b]]"; got != want {
			t.Errorf("remembered %s, want %s", got, want)
		}
		if got, want := tell(s.Tenants[0]), "t-1||t-1|pro|[api reports]|map[]"; got != want {
			t.Errorf("remembered %s, want %s", got, want)
		}
		if names := s.Attributes(); len(names) != 4 || names[1].Name != "country" || names[1].Values[0] != "DE" {
			t.Errorf("attributes: %v", names)
		}
		if other := picture(t, d, "production"); len(other.People) != 1 || other.People[0].ID != "u-9" || len(other.Visitors) != 0 {
			t.Errorf("production knows %v", other.People)
		}
	})
}

func TestTheLatestSightingIsKeptWhoeverStoresFirst(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		at := time.Now().Add(-time.Hour)
		row := func(plan string, at time.Time) []models.DirectorySubject {
			return []models.DirectorySubject{{Kind: models.SeenUser, ID: "u-1", Plan: plan, AddOns: "[]", Attributes: "{}", FirstSeen: models.At(at), LastSeen: models.At(at)}}
		}
		for _, rows := range [][]models.DirectorySubject{row("pro", at.Add(time.Minute)), row("free", at)} {
			if err := store.RecordSeen(t.Context(), "development", rows); err != nil {
				t.Fatal(err)
			}
		}
		if s := picture(t, newDirectory(store), "development"); s.People[0].Plan != "pro" {
			t.Errorf("the older sighting was kept: %s", s.People[0].Plan)
		}
	})
}

func TestWhatChangesAboutSomebodyIsStoredAndSeenByOtherInstances(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		here, there := newDirectory(store), newDirectory(store)
		for i := range 100 {
			here.Saw("development", ruleset.Subject{User: fmt.Sprintf("u-%03d", i), Plan: "free"})
		}
		flush(t, here)
		if s := picture(t, there, "development"); len(s.People) != 100 {
			t.Fatalf("%d people", len(s.People))
		}
		for _, plan := range []string{"pro", "free", "enterprise"} { // back and forth: the last one counts
			here.Saw("development", ruleset.Subject{User: "u-050", Plan: plan})
		}
		here.Saw("development", ruleset.Subject{User: "u-0505"})
		flush(t, here)
		s := pictured(t, there, "u-050 has the last of their plans", func(s *directory.Snapshot) bool {
			u, ok := s.Person("u-050")
			return ok && u.Plan == "enterprise"
		})
		if _, ok := s.Person("u-0505"); !ok || len(s.People) != 101 || s.People[51].ID != "u-0505" {
			t.Errorf("%d people, in the place 51 %s", len(s.People), s.People[51].ID)
		}
	})
}

func TestManyInstancesStoreAtOnceAndNothingIsMissed(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		reader := newDirectory(store)
		var writing sync.WaitGroup
		for instance := range 4 {
			writing.Go(func() {
				d := newDirectory(store)
				for round := range 5 {
					for i := range 50 {
						d.Saw("development", ruleset.Subject{User: fmt.Sprintf("u-%d-%d", i, round), Tenant: fmt.Sprint("t-", i), Plan: []string{"free", "pro"}[instance%2]})
					}
					d.Minted("development")
					if err := d.Flush(t.Context()); err != nil {
						t.Error(err)
					}
					if _, err := reader.Snapshot(t.Context(), "development"); err != nil { // follows while others write
						t.Error(err)
					}
				}
			})
		}
		writing.Wait()
		anew := picture(t, newDirectory(store), "development")
		all := func(s *directory.Snapshot) map[string]bool {
			told := map[string]bool{}
			for _, seen := range append(append([]*directory.Seen{}, s.People...), s.Tenants...) {
				told[tell(seen)] = true
			}
			return told
		}
		if len(anew.People) != 250 || len(anew.Tenants) != 50 || minted(anew) != 20 {
			t.Errorf("%d people, %d tenants, %v", len(anew.People), len(anew.Tenants), anew.Visitors)
		}
		pictured(t, reader, "who followed the changes sees what who reads everything does", func(s *directory.Snapshot) bool {
			return maps.Equal(all(s), all(anew)) && slices.Equal(s.Visitors, anew.Visitors)
		})
	})
}

func TestHostileIDsAreStoredAsTheyAreOrDropped(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		d := newDirectory(store)
		odd := []string{"'; DROP TABLE directory_subjects; --", "<script>alert(1)</script>", "%_\\", "Ünïcode ☃", strings.Repeat("x", 256), " ", "a\nb"}
		for _, id := range odd {
			d.Saw("development", ruleset.Subject{User: id})
		}
		for _, id := range []string{strings.Repeat("x", 257), "a\x00b", "\xff\xfe"} {
			d.Saw("development", ruleset.Subject{User: id})
		}
		if d.Dropped() != 3 {
			t.Errorf("%d dropped, want 3", d.Dropped())
		}
		flush(t, d)
		s := picture(t, d, "development")
		for _, id := range odd {
			if u, ok := s.Person(id); !ok || u.ID != id {
				t.Errorf("%q is not there", id)
			}
		}
		if len(s.People) != len(odd) {
			t.Errorf("%d people, want %d", len(s.People), len(odd))
		}
	})
}

func TestWhatCannotBeStoredNowIsStoredLater(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		d := newDirectory(store)
		d.Saw("development", ruleset.Subject{User: "u-1", Plan: "free"})
		d.Minted("development")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if d.Flush(gone) == nil {
			t.Fatal("a flush without a database succeeds")
		}
		d.Saw("development", ruleset.Subject{User: "u-1", Plan: "pro"})
		flush(t, d)
		if s := picture(t, d, "development"); len(s.People) != 1 || s.People[0].Plan != "pro" || minted(s) != 1 {
			t.Errorf("%v, visitors %v", s.People, s.Visitors)
		}
	})
}

func TestTheEndOfARunStoresWhatWaits(t *testing.T) {
	store := settingstest.SQLite(t)
	d := directory.New(store, directory.Options{Flush: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	d.Saw("development", ruleset.Subject{User: "u-1"})
	cancel()
	<-done
	if s := picture(t, newDirectory(store), "development"); len(s.People) != 1 {
		t.Errorf("%d people", len(s.People))
	}
}

func TestWhoIsThereAllTheTimeIsNotWrittenAllTheTime(t *testing.T) {
	store := settingstest.SQLite(t)
	d := newDirectory(store)
	number := func() int64 {
		n, err := store.DirectoryNumber(t.Context(), "development")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for range 10 {
		d.Saw("development", ruleset.Subject{User: "u-1", Tenant: "t-1", Attributes: map[string]any{"country": "DE"}})
		flush(t, d)
	}
	if n := number(); n > 2 { // 2: an hour may have turned
		t.Errorf("written %d times", n)
	}
}

func TestTooManyAtOnceAreDroppedAndCounted(t *testing.T) {
	store := settingstest.SQLite(t)
	d := directory.New(store, directory.Options{})
	for i := range 50_100 {
		d.Saw("development", ruleset.Subject{User: fmt.Sprint("u-", i)})
	}
	if d.Dropped() != 100 {
		t.Errorf("%d dropped, want 100", d.Dropped())
	}
}
