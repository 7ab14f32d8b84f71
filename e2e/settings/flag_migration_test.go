package settings

import (
	"net/http"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

func TestAMigrationIsCreatedWithoutVariants(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		eve, abe := site.As("editor"), site.As("approver")
		form := eve.Submits(eve.Opens("/new-flag"), "/new-flag", aFlag("key", "bookings-database", "title", "Bookings", "kind", "migration", "type", "string",
			"variant.name", "old", "variant.value", "old", "off", "0", "otherwise", "0", "default", "0")...).Is(http.StatusUnprocessableEntity).Sees("has the stages for variants")
		eve.Submits(form, "/new-flag", "variant.name", "", "variant.value", "").Is(http.StatusOK).Sees("Bookings is created")
		flag := stored(t, site, "development", "bookings-database")
		if flag == nil || !flag.Staged() || flag.Otherwise != "off" || flag.Default != "off" || len(flag.Variants) != 6 {
			t.Fatalf("stored is %+v", flag)
		}

		eve.Opens("/flags/bookings-database/development").Sees("dualwrite", "shadow", "rampdown", "not past “shadow”, so the original counts as before").Lacks("Preview in my browser")
		eve.Opens("/flags/bookings-database/development/settings").Sees("those whom no rule reaches get", "steps back to “shadow” at most").Lacks("If it cannot be decided, everybody gets")
		abe.Opens("/flags/bookings-database/development/kill").Sees("tenants in off stay there: the old database answers already")
		abe.Opens("/flags/bookings-database/development/disable").Sees("Disabling a migration steps it back, overrides included", "tenants in off stay there").Lacks("would beat this", "overrides included, disable")
		abe.Opens("/flags/bookings-database/development/archive").Sees("What was moved stays where it is").Lacks("its own fallback")
		abe.Posts("/flags/bookings-database/development/kill", "reason", "the new database is slow").Is(http.StatusOK).Sees("everybody is in shadow at most, where the old database answers and both are written")
		abe.Opens("/flags/bookings-database/development/lift").Sees("“off” for everybody")
	})
}
