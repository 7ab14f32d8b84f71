package settings

import (
	"fmt"
	"runtime"
	"testing"
	"time"

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

func TestAPageDoesNotWaitForTheFirstReadingOfALargeDirectory(t *testing.T) {
	store := settingstest.SQLite(t)
	crowd(t, store, largePeople)
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
			if len(s.People) != largePeople || len(s.Tenants) != largePeople/10 {
				t.Errorf("%d people, %d tenants", len(s.People), len(s.Tenants))
			}
			break
		}
	}
	took := time.Since(began)
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("%d people were read in %v, and %d MB are in use", largePeople, took, memory.HeapAlloc>>20)
	runtime.KeepAlive(d)
}
