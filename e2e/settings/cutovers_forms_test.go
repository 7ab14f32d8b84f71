package settings

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// limitsOf are an entity's limits in development, as they are stored.
func limitsOf(t *testing.T, site *settingstest.Site, key string) models.CutoverLimits {
	t.Helper()
	row, err := site.Store.CutoverLimits(t.Context(), "development", key)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestTheCopyingIsPausedAndSlowed(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		eve := site.As("editor")
		p := eve.Opens(bookings).Sees("Copying", "81,340 of 250,000 rows copied", "by web-1", "135 rows a second on average")
		p = eve.Submits(p, "/copying", "do", "pause").Is(http.StatusOK).Sees("The copying is paused", "Paused", "Go on copying")
		if !limitsOf(t, site, "bookings").Paused {
			t.Error("not paused")
		}
		eve.Opens("/migrations/development").Sees("Paused")
		p = eve.Submits(p, "/copying", "do", "resume").Is(http.StatusOK).Sees("goes on where it was")
		p = eve.Submits(p, "/copying", "do", "rate", "rate", "2500").Is(http.StatusOK).Sees("At most 2,500 rows a second are copied")
		if got := limitsOf(t, site, "bookings"); got.Paused || got.Rate != 2500 || got.ChangedBy != "eve@toprent.example" {
			t.Errorf("%+v", got)
		}
		refused := eve.Submits(p, "/copying", "do", "rate", "rate", "-3").Is(http.StatusUnprocessableEntity)
		if value, _ := refused.Find("#rate").Attr("value"); value != "-3" || refused.Find("#rate-error").Length() != 1 {
			t.Errorf("what was typed is %q", value)
		}
		eve.Submits(p, "/copying", "do", "rate", "rate", "").Is(http.StatusOK).Sees("as fast as it can be")
		if got := limitsOf(t, site, "bookings").Rate; got != 0 {
			t.Errorf("the rate is %d", got)
		}
		site.As("viewer").Opens(bookings).Sees("It is as fast as it can be")
		site.As("admin").Opens("/audit").Sees("eve@toprent.example")
	})
}

func TestLimitsAreSetAndRefusedBesideTheirFields(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		eve := site.As("editor")
		p := eve.Opens("/migrations/development/clients")
		for field, value := range map[string]string{"agreement": "101", "compared": "many", "minutes": "20161"} {
			refused := eve.Submits(p, "/limits", field, value).Is(http.StatusUnprocessableEntity)
			if kept, _ := refused.Find("#" + field).Attr("value"); kept != value || refused.Find("#"+field+"-error").Length() != 1 {
				t.Errorf("%s: %q is kept", field, kept)
			}
		}
		p = eve.Submits(p, "/limits", "agreement", "99.9 %", "compared", "500", "minutes", "0", "step_back", "on").Is(http.StatusOK).Sees("The limits are saved", "set by eve@toprent.example", "99.9384 % of 13,000 comparisons")
		if got := limitsOf(t, site, "clients"); got.Agreement != 999_000 || got.Compared != 500 || got.Minutes != 0 || !got.StepBack {
			t.Errorf("%+v", got)
		}
		// What is reached counts at once.
		p.Sees("At least 99.9 % of comparisons agreed over the last hour", "It may be in this stage for as short a time as you like")
		if met := reads(p.Find(".checks .ok")); !strings.Contains(met, "99.9 % of comparisons") {
			t.Errorf("met: %q", met)
		}
	})
}

func TestInAProtectedEnvironmentAnApproverLetsTenantsStepBack(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		site.Protects("production", 1)
		const clients = "/migrations/production/clients"
		stepsBack := func() bool {
			row, err := store.CutoverLimits(t.Context(), "production", "clients")
			if err != nil {
				t.Fatal(err)
			}
			return row.StepBack
		}
		eve, abe := site.As("editor"), site.As("approver")
		p := eve.Opens(clients).Sees("an approver turns that on")
		eve.Submits(p, "/limits", "compared", "500").Is(http.StatusOK).Sees("The limits are saved")
		posts(eve, clients+"/limits", "agreement=100&compared=0&minutes=0&step_back=on").Is(http.StatusForbidden)
		if stepsBack() {
			t.Fatal("an editor has turned it on")
		}
		abe.Submits(abe.Opens(clients), "/limits", "step_back", "on").Is(http.StatusOK).Sees("The limits are saved")
		if !stepsBack() {
			t.Fatal("an approver cannot turn it on")
		}
		if form := eve.Opens(clients).Sees("an approver changes them").Find(`form[action$="/limits"]`); form.Length() != 0 {
			t.Error("an editor is offered to change by what tenants step back")
		}
		for _, form := range []string{"agreement=100&compared=0&minutes=0", "agreement=100&compared=0&minutes=0&step_back=on"} {
			posts(eve, clients+"/limits", form).Is(http.StatusForbidden)
		}
		if !stepsBack() {
			t.Error("an editor has turned it off")
		}
		// Where nothing has to be approved, an editor makes steps, and lets them be made.
		p = eve.Submits(eve.Opens("/migrations/development/clients"), "/limits", "step_back", "on").Is(http.StatusOK).Sees("The limits are saved")
		eve.Submits(p, "/limits", "agreement", "99").Is(http.StatusOK).Sees("The limits are saved")
	})
}

func TestAnEntityIsReadyOnceEverythingIsMet(t *testing.T) {
	site := restingSite(t, settingstest.SQLite(t))
	eve := site.As("editor")
	site.Steps("development", "bookings", ruleset.StageDualWrite)
	eve.Opens(bookings).Sees("Ready for Shadow?", "It comes after the copying")
	site.Copied("development", "bookings")
	site.Tells("development", "bookings", "web-1", headOf(t, site, "development"), 0, models.CutoverStats{})
	p := eve.Opens(bookings)
	if open := p.Find(".checks .open").Length(); open != 0 {
		t.Errorf("not met: %q", reads(p.Find(".checks .open")))
	}
	contains(t, entity(t, eve.Opens("/migrations/development"), "Bookings"), "Ready for Shadow")
	site.Tells("development", "bookings", "web-1", headOf(t, site, "development"), 0, models.CutoverStats{Problem: "the new database refuses connections"})
	contains(t, entity(t, eve.Opens("/migrations/development"), "Bookings"), "Not ready 1 of 5 to go", "the new database refuses connections")
}

func TestASilentInstanceIsDeclaredGone(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		abe := site.As("approver")
		clients := "/migrations/development/clients"
		p := abe.Opens(clients).Sees("Is a silent instance gone?")
		if choices := reads(p.Find(`select[name="instance"]`)); choices != "host-of-web-3 (web-3)" {
			t.Errorf("offered: %q", choices)
		}
		abe.Submits(p, "/gone", "why", "").Is(http.StatusUnprocessableEntity).Sees("Say how you know")
		refused := posts(abe, clients+"/gone", "instance=web-1&why=it+looks+dead").Is(http.StatusUnprocessableEntity).Sees("told of itself less than a minute ago")
		if kept, _ := refused.Find("#why").Attr("value"); kept != "it looks dead" {
			t.Errorf("what was typed is lost: %q", kept)
		}
		posts(abe, clients+"/gone", "instance=never-was&why=x").Is(http.StatusConflict).Sees("Nobody waits for that instance")
		abe.Submits(p, "/gone", "why", "its machine was replaced").Is(http.StatusOK).Sees("Nobody waits for that instance any more", "Gone", "Acknowledged by 2 instances").Lacks("Is a silent instance gone?")
		site.As("admin").Opens("/audit").Sees("its machine was replaced")
		// One that tells again is waited for again.
		site.Tells("development", "clients", "web-3", 1, time.Second, models.CutoverStats{})
		abe.Opens(clients).Sees("Behind").Lacks("Gone")
	})
}

func TestAKillSaysWhatItWillDoBeforeItIsDone(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		abe := site.As("approver")
		clients := "/migrations/development/clients"
		const does = "enants in live go back to shadow: the old database answers again; both stay written"
		if link, _ := abe.Opens(clients).Sees("T" + does).Find(`#main a[href="/settings/flags/clients/development/kill"]`).Attr("href"); link == "" {
			t.Error("the board does not lead to the kill")
		}
		form := abe.Opens("/flags/clients/development/kill").Sees("t" + does).Lacks("off for everybody")
		abe.Submits(form, "/kill", "reason", "answers are wrong").Is(http.StatusOK).Sees("clients in Development is killed: everybody is in shadow at most", "Everybody is in shadow at most, where the old database answers")
		p := abe.Opens(clients).Sees("Killed.", "the old database answers, and both are still written", "It is killed already")
		if got := reads(p.Find(".way .present")); got != "Shadow 100 % of tenants" {
			t.Errorf("the stage is %q", got)
		}
		contains(t, entity(t, abe.Opens("/migrations/development"), "Clients"), "Shadow", "Killed")
		site.As("viewer").Opens("/flags/clients/development").Lacks("off for everybody")
		abe.Opens("/flags/clients/development/kill").Sees("answers are wrong", "in shadow at most").Lacks("off for everybody")
	})
}

func TestAKillIsRefusedInCompleteAndSaysWhatToDo(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		abe := site.As("approver")
		p := abe.Opens("/migrations/production/clients").Sees("A kill would be refused now", "cannot be killed or disabled in complete", "Step back to rampdown")
		if p.Find(`#kill ~ *, section a[href$="/kill"]`).Filter(`a[href$="/kill"]`).Length() > 0 {
			t.Error("the kill is offered")
		}
		abe.Opens("/flags/clients/production/kill").Sees("This would be refused now")
		refused := posts(abe, "/flags/clients/production/kill", "reason=it+burns").Is(http.StatusUnprocessableEntity).Sees("Step back to rampdown")
		if kept := refused.Find(`textarea[name="reason"]`).Text(); !strings.Contains(kept, "it burns") {
			t.Errorf("what was typed is lost: %q", kept)
		}
		if killed(t, site, "production", "clients") {
			t.Error("it is killed")
		}
	})
}
