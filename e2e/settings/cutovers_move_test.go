package settings

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// asksToMove posts the form by which some tenants move, up to the page that shows what that would do.
func asksToMove(b *settingstest.Browser, namesAndValues ...string) *settingstest.Page {
	return b.Tries(b.Opens(bookings+"/move"), "/move", namesAndValues...)
}

func TestAShareOfTenantsMovesAhead(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		eve := site.As("editor")
		look := asksToMove(eve, "to", "dualwrite", "who", "share", "share", "12.5").Is(http.StatusOK).Sees("some tenants to Dual write", "12.5 %")
		eve.Submits(look, "/move", "confirm", "yes").Is(http.StatusOK).Sees("12.5 % of tenants", "Everybody else", "these stages")
		rules := rulesOf(t, site, "development", "bookings")
		if len(rules) != 1 || rules[0].Percent == nil || rules[0].Percent.Unit != "tenant" || rules[0].Percent.Share != 12_500 || rules[0].Percent.Serve != "dualwrite" {
			t.Fatalf("%+v", rules)
		}
		// Another share of the same stage takes its place, so that it only adds tenants.
		eve.Submits(asksToMove(eve, "to", "dualwrite", "who", "share", "share", "40 %"), "/move", "confirm", "yes").Is(http.StatusOK)
		if rules = rulesOf(t, site, "development", "bookings"); len(rules) != 1 || rules[0].Percent.Share != 40_000 {
			t.Errorf("%+v", rules)
		}
		// Those who are ahead bring everybody along, or come back.
		p := eve.Opens(bookings)
		if got := reads(p.Find(".steps form")); got != "Everybody to Off Everybody to Dual write" {
			t.Errorf("offered: %q", got)
		}
		eve.Submits(steps(eve, p, "all", "dualwrite"), "/step", "confirm", "yes").Is(http.StatusOK)
		if rules = rulesOf(t, site, "development", "bookings"); len(rules) != 0 || stageIn(t, site, "development", "bookings") != "dualwrite" {
			t.Errorf("everybody: %+v", rules)
		}
	})
}

func TestTenantsMoveByNameAndJoinTheOthers(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		eve := site.As("editor")
		look := asksToMove(eve, "to", "dualwrite", "who", "tenants", "tenants", "t-acme\n t-globex, t-acme").Is(http.StatusOK).Sees("t-acme", "t-globex")
		eve.Submits(look, "/move", "confirm", "yes").Is(http.StatusOK)
		rules := rulesOf(t, site, "development", "bookings")
		if len(rules) != 1 || strings.Join(rules[0].When.Values, " ") != "t-acme t-globex" || rules[0].Serve != "dualwrite" {
			t.Fatalf("%+v", rules)
		}
		// One group goes on alone: the others are two stages behind it then, which is safe from tenant to tenant.
		p := eve.Opens(bookings)
		eve.Submits(steps(eve, p, "rule-0", "shadow").Is(http.StatusOK).Sees("t-acme"), "/step", "confirm", "yes").Is(http.StatusOK)
		if got := rulesOf(t, site, "development", "bookings")[0].Serve; got != "shadow" {
			t.Errorf("the group is in %s", got)
		}
		// Two stages at once are not.
		steps(eve, eve.Opens(bookings), "rule-0", "none").Is(http.StatusUnprocessableEntity).Sees("only neighbouring stages are safe")
		eve.Submits(steps(eve, eve.Opens(bookings), "rule-0", "dualwrite"), "/step", "confirm", "yes").Is(http.StatusOK)
		eve.Submits(steps(eve, eve.Opens(bookings), "rule-0", "none").Is(http.StatusOK), "/step", "confirm", "yes").Is(http.StatusOK)
		if rules = rulesOf(t, site, "development", "bookings"); len(rules) != 0 {
			t.Errorf("%+v", rules)
		}
	})
}

func TestASegmentOfTenantsMovesAndOneOfPeopleDoesNot(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		pilots := ruleset.Segment{Key: "pilots", Title: "Pilots", When: ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"t-acme"}}}
		if _, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "development", Author: "test", Edits: []changes.Edit{changes.PutSegment{Segment: pilots}}}); err != nil {
			t.Fatal(err)
		}
		eve := site.As("editor")
		p := asksToMove(eve, "to", "dualwrite", "who", "segment", "segment", "germany", "tenants", "kept\nas typed").Is(http.StatusUnprocessableEntity)
		p.Sees("may differ between two requests of a tenant")
		if p.Find("#segment-error").Length() == 0 {
			t.Errorf("it is not said beside the segment:\n%s", p.Text())
		}
		if kept := p.Find(`textarea[name="tenants"]`).Text(); !strings.Contains(kept, "kept\nas typed") {
			t.Errorf("what was typed is lost: %q", kept)
		}
		look := asksToMove(eve, "to", "dualwrite", "who", "segment", "segment", "pilots").Is(http.StatusOK)
		eve.Submits(look, "/move", "confirm", "yes").Is(http.StatusOK).Sees("Everybody in segment pilots")
		if rules := rulesOf(t, site, "development", "bookings"); len(rules) != 1 || rules[0].When.Segment != "pilots" {
			t.Errorf("%+v", rules)
		}
	})
}

func TestWhatCannotBeReadOfAMoveIsSaidBesideItsField(t *testing.T) {
	site := restingSite(t, settingstest.SQLite(t))
	eve := site.As("editor")
	for field, form := range map[string][]string{
		"share":   {"who", "share", "share", "some"},
		"segment": {"who", "segment", "segment", ""},
		"tenants": {"who", "tenants", "tenants", " \n,"},
		"to":      {"to", "onwards"},
		"who":     {"who", "whoever"},
	} {
		p := asksToMove(eve, form...).Is(http.StatusUnprocessableEntity)
		if p.Find("#"+field+"-error").Length() != 1 {
			t.Errorf("%v: nothing is said beside %s:\n%s", form, field, p.Text())
		}
	}
	var names []string
	for n := range 1001 {
		names = append(names, fmt.Sprint("t-", n))
	}
	asksToMove(eve, "to", "dualwrite", "who", "tenants", "tenants", strings.Join(names, "\n")).Is(http.StatusUnprocessableEntity).Sees("at most 1,000 can be named")
	if rules := rulesOf(t, site, "development", "bookings"); len(rules) != 0 {
		t.Errorf("%+v", rules)
	}
}

func TestAMoveThatSomebodyElseHasOvertakenKeepsWhatWasTyped(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := restingSite(t, store)
		eve := site.As("editor")
		form := eve.Opens(bookings + "/move")
		site.Steps("development", "bookings", ruleset.StageDualWrite)
		p := eve.Tries(form, "/move", "to", "dualwrite", "who", "tenants", "tenants", "t-acme").Is(http.StatusConflict).Sees("Somebody else has changed this flag in the meantime")
		if kept := p.Find(`textarea[name="tenants"]`).Text(); !strings.Contains(kept, "t-acme") {
			t.Errorf("what was typed is lost: %q", kept)
		}
		eve.Submits(eve.Tries(p, "/move", "to", "shadow").Is(http.StatusOK), "/move", "confirm", "yes").Is(http.StatusOK)
		if rules := rulesOf(t, site, "development", "bookings"); len(rules) != 1 || rules[0].Serve != "shadow" {
			t.Errorf("%+v", rules)
		}
	})
}

func TestATenantThatSteppedBackIsShownAndGoesOnAgain(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := movingSite(t, store)
		if err := store.Write(t.Context(), func(tx *models.Tx) error { return tx.CutoverGone(t.Context(), "development", "web-3", now(t, tx)) }); err != nil {
			t.Fatal(err)
		}
		stepsBack(t, site, "t-globex", "too many differences")
		clients := "/migrations/development/clients"
		eve := site.As("editor")
		p := eve.Opens(clients).Sees("Tenant t-globex", "too many differences", "Everybody else")
		if got := reads(p.Find(".way .present")); got != "Shadow 25 % of tenants Live 75 % of tenants" {
			t.Errorf("the stages are %q", got)
		}
		follows(t, site, "clients")
		eve.Submits(steps(eve, eve.Opens(clients), "tenant-t-globex", "none").Is(http.StatusOK).Sees("t-globex"), "/step", "confirm", "yes").Is(http.StatusOK).Lacks("Tenant t-globex")
	})
}
