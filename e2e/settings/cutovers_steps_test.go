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

// bookings is the board of an entity on which nobody waits for anybody.
const bookings = "/migrations/development/bookings"

// steps presses the button by which a group goes to a stage, up to the page that shows what that would do.
func steps(b *settingstest.Browser, page *settingstest.Page, group, to string) *settingstest.Page {
	base, _ := page.Find(`form[action$="/step"] input[name="base"]`).First().Attr("value")
	action, _ := page.Find(`form[action$="/step"]`).First().Attr("action")
	return posts(b, strings.TrimPrefix(action, "/settings"), "group="+group+"&to="+to+"&base="+base)
}

func TestAStepIsLookedAtAndThenMade(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		eve := site.As("editor")
		look := steps(eve, eve.Opens(bookings), "all", "dualwrite").Is(http.StatusOK)
		look.Sees("Bookings: everybody to Dual write", "everybody goes from off to dualwrite", "Nothing is changed yet")
		if got := stageIn(t, site, "development", "bookings"); got != "off" {
			t.Fatalf("the stage is %s before anybody confirmed it", got)
		}
		eve.Submits(look, "/step", "confirm", "yes", "reason", "we begin").Is(http.StatusOK).Sees("Published in revision", "Dual write")
		if got := stageIn(t, site, "development", "bookings"); got != "dualwrite" {
			t.Errorf("the stage is %s", got)
		}
		// And back again.
		p := eve.Opens(bookings)
		eve.Submits(steps(eve, p, "all", "off"), "/step", "confirm", "yes").Is(http.StatusOK)
		if got := stageIn(t, site, "development", "bookings"); got != "off" {
			t.Errorf("the stage is %s after the step back", got)
		}
	})
}

func TestAStepFromTheReviewBackShowsTheBoardAndChangesNothing(t *testing.T) {
	site := restingSite(t, settingstest.SQLite(t))
	eve := site.As("editor")
	look := steps(eve, eve.Opens(bookings), "all", "dualwrite")
	eve.Submits(look, "/step", "confirm", "back").Is(http.StatusOK).Sees("The way").Lacks("This was not saved")
	if got := stageIn(t, site, "development", "bookings"); got != "off" {
		t.Errorf("the stage is %s", got)
	}
}

func TestAStepToASideWithoutAllRowsIsRefusedAndSaysWhatToWaitFor(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		site.Steps("development", "bookings", ruleset.StageDualWrite, ruleset.StageShadow)
		eve := site.As("editor")
		board := eve.Opens(bookings)
		p := steps(eve, board, "all", "live").Is(http.StatusUnprocessableEntity)
		p.Sees("it does not have all rows yet", "Wait until everything was copied and compared", "The way")
		if got := stageIn(t, site, "development", "bookings"); got != "shadow" {
			t.Fatalf("the stage is %s", got)
		}
		site.Copied("development", "bookings")
		eve.Submits(steps(eve, eve.Opens(bookings), "all", "live"), "/step", "confirm", "yes").Is(http.StatusOK).Sees("Published")
		if got := stageIn(t, site, "development", "bookings"); got != "live" {
			t.Errorf("the stage is %s after the verification", got)
		}
	})
}

func TestAStepWaitsForEveryInstance(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		site.Steps("development", "bookings", ruleset.StageDualWrite)
		revision := headOf(t, site, "development")
		site.Tells("development", "bookings", "slow", revision-1, time.Second, models.CutoverStats{})
		eve := site.As("editor")
		steps(eve, eve.Opens(bookings).Sees("Behind"), "all", "shadow").Is(http.StatusUnprocessableEntity).Sees("slow on host-of-slow", "not every instance follows it yet")
		site.Tells("development", "bookings", "slow", revision, 0, models.CutoverStats{})
		steps(eve, eve.Opens(bookings).Lacks("Behind"), "all", "shadow").Is(http.StatusOK).Sees("goes from dualwrite to shadow")
	})
}

func TestStagesThatAreFarApartAreNotOffered(t *testing.T) {
	site := restingSite(t, settingstest.SQLite(t))
	eve := site.As("editor")
	p := eve.Opens(bookings)
	if got := reads(p.Find(".steps form")); got != "Everybody to Dual write" {
		t.Errorf("offered in off: %q", got)
	}
	steps(eve, p, "all", "live").Is(http.StatusUnprocessableEntity).Sees("only neighbouring stages are safe beside each other")
	site.Steps("development", "bookings", ruleset.StageDualWrite)
	if got := reads(eve.Opens(bookings).Find(".steps form")); got != "Back to Off Everybody to Shadow" {
		t.Errorf("offered in dualwrite: %q", got)
	}
	steps(eve, p, "nobody", "live").Is(http.StatusBadRequest).Sees("There is no such step")
	steps(eve, p, "all", "onwards").Is(http.StatusBadRequest)
	steps(eve, p, "rule-7", "live").Is(http.StatusBadRequest)
	steps(eve, p, "tenant-nobody", "none").Is(http.StatusBadRequest)
}

func TestAStepThatSomebodyElseHasOvertakenShowsHowItIsNow(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		eve := site.As("editor")
		old := eve.Opens(bookings)
		site.Steps("development", "bookings", ruleset.StageDualWrite)
		p := steps(eve, old, "all", "dualwrite").Is(http.StatusConflict)
		p.Sees("Somebody else has changed this flag in the meantime", "Everybody to Shadow")
	})
}

func TestViewersSeeAndEditorsStep(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		vic := site.As("viewer").Opens("/migrations/development/clients")
		if forms := vic.Find("main form").Length(); forms != 0 {
			t.Errorf("a viewer is offered %d forms", forms)
		}
		vic.Sees("Steps are made by editors")
		before := headOf(t, site, "development")
		for path, form := range map[string]string{"/step": "group=all&to=shadow&base=1", "/move": "who=share&share=5&to=shadow", "/copying": "do=pause", "/limits": "agreement=1&compared=1&minutes=1", "/force": "to=off&reason=x", "/gone": "instance=web-3&why=x"} {
			for _, person := range []string{"viewer", "tenant", "nobody"} {
				posts(site.As(person), "/migrations/development/clients"+path, form).Is(http.StatusForbidden)
			}
		}
		// What takes more than an editor.
		for path, form := range map[string]string{"/force": "to=off&reason=x", "/gone": "instance=web-3&why=x"} {
			posts(site.As("editor"), "/migrations/development/clients"+path, form).Is(http.StatusForbidden)
		}
		eve := site.As("editor").Opens("/migrations/development/clients").Lacks("Force a stage", "Is a silent instance gone?")
		if eve.Find(`form[action$="/step"]`).Length() == 0 {
			t.Error("an editor is offered no step")
		}
		posts(site.As("dev"), "/migrations/production/clients/step", "group=all&to=rampdown&base=1").Is(http.StatusForbidden)
		if headOf(t, site, "development") != before {
			t.Error("something was published")
		}
		row, err := store.CutoverLimits(t.Context(), "development", "clients")
		if err != nil || row.ChangedBy != "" {
			t.Errorf("limits were changed: %+v, %v", row, err)
		}
	})
}

func TestAStepInAProtectedEnvironmentIsAskedFor(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		site.Protects("production", 1)
		eve := site.As("editor")
		board := eve.Opens("/migrations/production/bookings").Sees("sent for review")
		look := steps(eve, board, "all", "dualwrite").Is(http.StatusOK).Sees("takes changes as change requests")
		request := eve.Submits(look, "/step", "confirm", "yes", "reason", "time to begin").Is(http.StatusOK)
		request.Sees("Bookings: everybody to Dual write", "In review", "everybody goes from off to dualwrite")
		if got := stageIn(t, site, "production", "bookings"); got != "off" {
			t.Fatalf("the stage is %s without an approval", got)
		}
		eve.Opens("/migrations/production/bookings").Sees("A change of this flag waits here", "Bookings: everybody to Dual write")
		path := strings.TrimPrefix(request.URL, "/settings")
		abe := site.As("approver")
		abe.Submits(abe.Opens(path), "/approve").Is(http.StatusOK)
		if stageIn(t, site, "production", "bookings") != "dualwrite" {
			abe.Submits(abe.Opens(path), "/apply").Is(http.StatusOK)
		}
		if got := stageIn(t, site, "production", "bookings"); got != "dualwrite" {
			t.Errorf("the stage is %s after the approval", got)
		}
	})
}

func TestAFlagOfTwoStagesIsTurnedOnAndOff(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		eve := site.As("editor")
		p := eve.Opens("/migrations/development/invoices").Sees("migration in two stages: the host copies the data", "Everybody to On").Lacks("Copying and verification", "Limits", "Force a stage")
		eve.Submits(steps(eve, p, "all", "complete").Is(http.StatusOK), "/step", "confirm", "yes").Is(http.StatusOK)
		if got := stageIn(t, site, "development", "invoices"); got != "on" {
			t.Errorf("it serves %q", got)
		}
		p = eve.Opens("/migrations/development/invoices").Sees("Back to Off")
		eve.Submits(steps(eve, p, "all", "off"), "/step", "confirm", "yes").Is(http.StatusOK)
		if got := stageIn(t, site, "development", "invoices"); got != "off" {
			t.Errorf("it serves %q", got)
		}
		site.As("admin").Gets("/settings/migrations/development/invoices/force").Is(http.StatusNotFound)
	})
}

func TestAForcedStageTakesAReasonAndIsSaid(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		abe := site.As("approver")
		form := abe.Opens(bookings + "/force").Sees("Stages that are left out are a risk")
		p := abe.Tries(form, "/force", "to", "shadow").Is(http.StatusUnprocessableEntity).Sees("Say why it has to be forced")
		if to, _ := p.Find(`select[name="to"] option[selected]`).Attr("value"); to != "shadow" {
			t.Errorf("the chosen stage is lost: %q", to)
		}
		look := abe.Tries(form, "/force", "to", "shadow", "reason", "nobody uses it yet").Is(http.StatusOK)
		look.Sees("forced, although", "instances may be two stages apart for a moment")
		if got := stageIn(t, site, "development", "bookings"); got != "off" {
			t.Fatalf("the stage is %s before anybody confirmed it", got)
		}
		abe.Submits(look, "/force", "confirm", "yes").Is(http.StatusOK)
		if got := stageIn(t, site, "development", "bookings"); got != "shadow" {
			t.Errorf("the stage is %s", got)
		}
		abe.Opens("/changes/development").Sees("nobody uses it yet")

		// The side that answers has to have all rows, whoever forces it.
		form = abe.Opens(bookings + "/force")
		p = abe.Tries(form, "/force", "to", "rampdown", "reason", "we are in a hurry").Is(http.StatusUnprocessableEntity).Sees("this cannot be forced")
		if kept := p.Find(`textarea[name="reason"]`).Text(); !strings.Contains(kept, "we are in a hurry") {
			t.Errorf("what was typed is lost: %q", kept)
		}
		if got := stageIn(t, site, "development", "bookings"); got != "shadow" {
			t.Errorf("the stage is %s", got)
		}
	})
}
