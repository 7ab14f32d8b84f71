package settings

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/report"
	"github.com/toprent/flags/ruleset"
)

// cancelled is a context that is done.
func cancelled() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}

// counted is what is stored of development's decisions.
func counted(t *testing.T, store *models.Store) (decided, failed int64) {
	t.Helper()
	rows, err := store.EvaluationDays(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if _, err := time.Parse(time.DateOnly, row.Day); err != nil || row.Environment != "development" {
			t.Errorf("%+v", row)
		}
		decided, failed = decided+row.Decided, failed+row.Failed
	}
	return decided, failed
}

func TestEachDecisionIsStoredOnceHoweverOftenAndByWhomItIsReported(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		settingstest.On(t, store).Sample()
		a, b := instanceOn(t, store, "a"), instanceOn(t, store, "b")
		ask := func(i *instance, times int) {
			for range times {
				i.Values(t.Context(), ruleset.Subject{User: "u-1"})
			}
		}
		expect := func(want int64) {
			t.Helper()
			if decided, failed := counted(t, store); decided != want || failed != 0 {
				t.Errorf("%d decided and %d failed are stored, want %d and 0", decided, failed, want)
			}
		}
		ask(a, 3)
		a.reports()
		a.reports()
		expect(3 * 4)
		ask(b, 2)
		b.reports()
		ask(a, 1)
		again := report.New(store, a.FeatureFlagService, report.Options{Host: "a"}) // as after an answer that was lost
		var both sync.WaitGroup
		for _, r := range []*report.Reporter{a.Reporter, again} {
			both.Go(func() {
				if err := r.Report(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		expect(6 * 4)
		executes(t, store, "DELETE FROM instances") // as of one that was cut off for a day
		ask(a, 1)
		a.reports()
		expect(7 * 4)
	})
}

func TestAReportThatFailsIsMadeUpFor(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	a := instanceOn(t, site.Store, "a")
	a.reports()
	a.Values(t.Context(), ruleset.Subject{User: "u-1"})
	done, cancel := cancelled()
	defer cancel()
	if err := a.Report(done); err == nil {
		t.Fatal("a report with a context that is done succeeds")
	}
	a.reports()
	if decided, _ := counted(t, site.Store); decided != 4 {
		t.Errorf("%d decisions are stored, want 4", decided)
	}
}

func TestManyInstancesReportAtOnce(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		var all []*instance
		for range 12 {
			i := instanceOn(t, store, "web")
			i.reports()
			all = append(all, i)
		}
		for range 3 {
			if _, err := site.Changes.Kill(t.Context(), "development", "winter-look", "Ada Admin", "it hurts"); err != nil {
				t.Fatal(err)
			}
			if _, err := site.Changes.Lift(t.Context(), "development", "winter-look", "Ada Admin", "it is mended"); err != nil {
				t.Fatal(err)
			}
		}
		var reporting sync.WaitGroup
		for _, i := range all {
			reporting.Go(func() {
				i.Values(t.Context(), ruleset.Subject{})
				if err := i.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
				if err := i.Report(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		reporting.Wait()
		adoptions, err := store.KillAdoptions(t.Context(), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		served := 0
		for _, a := range adoptions {
			if a.Host == "web" && a.AdoptedAt != nil {
				served++
			}
		}
		if served != 3*12 {
			t.Errorf("%d adoptions are stored, want 36", served)
		}
		if decided, _ := counted(t, store); decided != 12*4 {
			t.Errorf("%d decisions are stored, want 48", decided)
		}
	})
}
