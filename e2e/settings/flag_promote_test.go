package settings

import (
	"net/http"
	"testing"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

const home = "/flags/new-home/development/promote"

// pilots puts a segment of its own, with which new-home is decided in development.
func pilots(t *testing.T, site *settingstest.Site) {
	t.Helper()
	flag := settingsOf(t, site, "development", "new-home")
	flag.Rules = []ruleset.Rule{{Name: "pilots first", Serve: "on", When: &ruleset.Condition{Segment: "pilots"}}}
	publishes(t, site, "development", "ada", "pilots", changes.PutFlag{Flag: &flag, Base: baseOf(t, site, "development", changes.Item{Kind: changes.ItemFlag, Key: "new-home"})},
		changes.PutSegment{Segment: ruleset.Segment{Key: "pilots", When: ruleset.Condition{Attribute: "pilot", Operator: ruleset.Exists}}})
}

func TestAFlagIsPromotedWithWhatItLacks(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		pilots(t, site)
		eve := site.As("editor")
		p := eve.Opens(home+"?to=production").Sees("Promote from Development to Production", "segment pilots: missing in Production", "rule “pilots first” added")
		if _, ticked := p.Find(`[name="bring"][value="segment pilots"]`).Attr("checked"); !ticked {
			t.Error("what is missing is not ticked")
		}
		eve.Submits(p, "/promote").Is(http.StatusOK).Sees("new-home is in Production as it is in Development.")
		is, want := settingsOf(t, site, "production", "new-home"), settingsOf(t, site, "development", "new-home")
		if is.Killed = want.Killed; len(is.Rules) != 1 || is.Rules[0].When.Segment != "pilots" || is.Enabled != want.Enabled {
			t.Errorf("it is %+v, want %+v", is, want)
		}
		row, err := store.Environment(t.Context(), "production")
		if err != nil {
			t.Fatal(err)
		}
		if revision, err := store.Revision(t.Context(), "production", row.Head); err != nil || revision.Kind != changes.KindPromote {
			t.Errorf("the revision is %+v, %v", revision, err)
		}
	})
}

func TestWithoutWhatItLacksAFlagIsNotPromoted(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	pilots(t, site)
	eve := site.As("editor")
	p := eve.Opens(home + "?to=production")
	eve.Submits(p, "/promote", "bring", "nothing").Is(http.StatusUnprocessableEntity).Sees("pilots")
	flag := settingsOf(t, site, "development", "new-home")
	flag.Prerequisites = []ruleset.Prerequisite{{Flag: "base", Variant: "on"}}
	publishes(t, site, "development", "ada", "needs", changes.PutFlag{About: &changes.FlagDocument{Key: "base", Kind: ruleset.Release, Type: ruleset.Boolean}, Flag: &ruleset.Flag{Key: "base"}},
		changes.PutFlag{Flag: &flag, Base: baseOf(t, site, "development", changes.Item{Kind: changes.ItemFlag, Key: "new-home"})})
	p = eve.Opens(home+"?to=production").Sees("It cannot be promoted yet", `requires flag "base", which production does not have`)
	if p.Find(`form[action$="/promote"] footer button`).Length() != 0 {
		t.Error("it is offered all the same")
	}
	eve.Submits(p, "/promote", "confirm", "yes").Is(http.StatusUnprocessableEntity)
}

func TestAPromotionThatIsOvertakenIsShownAgain(t *testing.T) {
	for _, changed := range []string{"production", "development"} {
		site := settingstest.New(t)
		site.Sample()
		pilots(t, site)
		eve := site.As("editor")
		p := eve.Opens(home + "?to=production")
		n := shows(t, site, changed, "new-home")
		eve.Submits(p, "/promote", "confirm", "yes").Is(http.StatusConflict).Sees("Somebody has changed the flag meanwhile")
		if row, err := site.Store.Environment(t.Context(), changed); err != nil || row.Head != n {
			t.Errorf("%s is at %d, %v", changed, row.Head, err)
		}
	}
}

func TestWhoMayNotEditTheTargetOrSeeTheSourcePromotesNothing(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	for _, person := range []string{"viewer", "dev", "tenant", "nobody"} {
		site.As(person).Posts(home, "to", "production", "confirm", "yes").Is(http.StatusForbidden)
		site.As(person).Gets("/settings" + home + "?to=production").Is(http.StatusForbidden)
	}
	site.As("dev").Posts("/flags/new-home/production/promote", "to", "development").Is(http.StatusForbidden)
	site.As("viewer").Opens("/flags/new-home/development").Lacks("Promote…")
	site.As("editor").Opens("/flags/new-home/development").Sees("Promote…")
	site.As("editor").Gets("/settings/flags/nope/development/promote").Is(http.StatusNotFound)
}

func TestWhereChangesAreApprovedAPromotionBecomesARequest(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	pilots(t, site)
	site.Protects("production", 1)
	before := settingsOf(t, site, "production", "new-home")
	eve := site.As("editor")
	eve.Submits(eve.Opens(home+"?to=production"), "/promote")
	request, err := site.Changes.ReadRequest(t.Context(), 1)
	if err != nil || request.Kind != changes.KindPromote || request.Status != changes.InReview {
		t.Errorf("the request is %+v, %v", request, err)
	}
	if len(settingsOf(t, site, "production", "new-home").Rules) != len(before.Rules) {
		t.Error("it is done at once")
	}
}
