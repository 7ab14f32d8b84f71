package settings

import (
	"net/http"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

func TestAnEditorLetsAllRowsBeVerifiedAgain(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		eve := site.As("editor")
		const clients = "/migrations/development/clients"
		p := eve.Opens(clients).Sees("Verify again", "100,000 rows compared, 3 different, which were mended")
		eve.Submits(p, "/verify").Is(http.StatusOK).Sees("All rows of both databases are compared again", "another one is under way: 0 rows compared so far", "0 of 100,000 rows compared").Lacks("Verify again")
		if row, err := site.Store.CutoverProgress(t.Context(), "development", "clients"); err != nil || row.State != models.CutoverVerifying || row.Again != 1 || row.VerifiedAt == nil {
			t.Errorf("%+v, %v", row, err)
		}
		posts(eve, clients+"/verify", "").Is(http.StatusUnprocessableEntity).Sees("being copied and compared already")
		site.As("admin").Opens("/audit").Sees("Verified again", "eve@toprent.example")
		// The way back stays open meanwhile, and leads nobody to rows that may differ.
		eve.Opens(clients).Sees("Tenants in live go back to shadow")
		site.Copied("development", "clients")
		eve.Opens(clients).Sees("Verify again").Lacks("another one is under way")
	})
}

func TestNobodyVerifiesWhatIsNotVerifiedOrNotTheirs(t *testing.T) {
	site := movingSite(t, settingstest.SQLite(t))
	eve, viewer := site.As("editor"), site.As("viewer")
	viewer.Opens("/migrations/development/clients").Lacks("Verify again")
	posts(viewer, "/migrations/development/clients/verify", "").Is(http.StatusForbidden)
	eve.Opens("/migrations/development/bookings").Lacks("Verify again")
	posts(eve, "/migrations/production/clients/verify", "").Is(http.StatusUnprocessableEntity).Sees("there is nothing to compare")
}

func TestAgreementIsOfTheLastTimeThatTheLimitsName(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		site.Steps("development", "bookings", ruleset.StageDualWrite, ruleset.StageShadow)
		eve := site.As("editor")
		p := eve.Opens(bookings).Sees("At least 99.99 % of comparisons agreed over the last hour", "Nothing was compared in that time", "in this stage for at least 1 hour")
		site.Compared("development", "bookings", 312, 1)
		eve.Opens(bookings).Sees("Only 312 comparisons in that time: with fewer than 1,000 nothing is said", "Over the last hour, 312 reads asked both databases; 1 answer was different", "With fewer than 1,000, nothing is said").Lacks("Too many comparisons differ")
		contains(t, entity(t, eve.Opens("/migrations/development"), "Bookings"), "99.6794 %", "of too few")
		eve.Submits(p, "/limits", "minutes", "1440", "compared", "300", "agreement", "99.5").Is(http.StatusOK).Sees("At least 99.5 % of comparisons agreed over the last 24 hours", "99.6794 % of 312 comparisons", "in this stage for at least 24 hours")
		shiftsCounted(t, site, -120)
		site.Compared("development", "bookings", 700, 10)
		eve.Opens(bookings).Sees("98.913 % of 1,012 comparisons", "Too many comparisons differ")
		p = eve.Opens(bookings)
		eve.Submits(p, "/limits", "minutes", "60").Is(http.StatusOK).Sees("98.5714 % of 700 comparisons")
	})
}

// shiftsCounted moves what was counted by so many minutes.
func shiftsCounted(t *testing.T, site *settingstest.Site, minutes int) {
	t.Helper()
	pool, err := site.Store.SQL()
	if err == nil {
		_, err = pool.ExecContext(t.Context(), "UPDATE cutover_agreement SET at = at + $1", minutes)
	}
	if err != nil {
		t.Fatal(err)
	}
}
