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
		abe.Opens("/flags/bookings-database/development/kill").Sees("steps back to shadow at most for everybody in Development", "both sides stay written", "“off” for everybody, until the kill is lifted")
		abe.Posts("/flags/bookings-database/development/kill", "reason", "the new database is slow").Is(http.StatusOK).Sees("The kill of bookings-database in Development steps everybody back to shadow at most")
		abe.Opens("/flags/bookings-database/development/lift").Sees("“off” for everybody")
	})
}
