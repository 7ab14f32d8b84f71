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

// disables a flag of an environment, and gives the revision.
func disables(t *testing.T, site *settingstest.Site, environment, key string) int64 {
	t.Helper()
	flag := settingsOf(t, site, environment, key)
	flag.Enabled = false
	return publishes(t, site, environment, "ada", "too early", changes.PutFlag{Flag: &flag, Base: baseOf(t, site, environment, changes.Item{Kind: changes.ItemFlag, Key: key})}).Number
}

// shows shows a flag to browsers, or hides it from them, and gives the revision.
func shows(t *testing.T, site *settingstest.Site, environment, key string) int64 {
	t.Helper()
	flag := settingsOf(t, site, environment, key)
	flag.ClientVisible = !flag.ClientVisible
	return publishes(t, site, environment, "ada", "for a try", changes.PutFlag{Flag: &flag, Base: baseOf(t, site, environment, changes.Item{Kind: changes.ItemFlag, Key: key})}).Number
}

func revisionPage(environment string, n int64) string {
	return fmt.Sprintf("/settings/changes/%s/%d", environment, n)
}

func settingsOf(t *testing.T, site *settingstest.Site, environment, key string) ruleset.Flag {
	t.Helper()
	row, err := site.Store.Environment(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	def, err := site.Store.Load(t.Context(), row.ID())
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range def.Flags {
		if flag.Key == key {
			return flag
		}
	}
	t.Fatalf("%s has no flag %q", environment, key)
	return ruleset.Flag{}
}

func TestRollingBackIsOneClickFromTheHistoryAndThenConfirmed(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		n := disables(t, site, "development", "new-home")
		eve := site.As("editor")
		at := "/changes/development/1/rollback"
		review := eve.Sends(http.MethodPost, "/settings"+at, "application/x-www-form-urlencoded", "").Is(http.StatusOK)
		review.Sees("Development", `flag "new-home": enabled yes, was no`, "Roll back to revision 1")
		if settingsOf(t, site, "development", "new-home").Enabled {
			t.Fatal("it is done before it is confirmed")
		}
		done := eve.Submits(review, at, "confirm", "yes", "reason", "it was right before").Is(http.StatusOK)
		done.Sees("Roll back to revision 1: revision", "it was right before", "Rolled back", "Before and after", "Eve Editor")
		if !settingsOf(t, site, "development", "new-home").Enabled {
			t.Error("it is not as it was")
		}
		if row, err := store.Revision(t.Context(), "development", n+1); err != nil || row.Kind != changes.KindRollback {
			t.Errorf("the revision is %+v, %v", row, err)
		}
		eve.Posts(at).Sees("Nothing was changed: everything is like that already.")
	})
}

func TestAChangeIsUndoneAloneFromItsPage(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	n := disables(t, site, "development", "new-home")
	disables(t, site, "development", "winter-look")
	p := site.As("editor").Gets(revisionPage("development", n)).Sees("Roll back this change alone", "enabled no, was yes")
	site.As("editor").Submits(p, "/rollback", "only", "change").Is(http.StatusOK).Sees("alone: revision")
	if !settingsOf(t, site, "development", "new-home").Enabled || settingsOf(t, site, "development", "winter-look").Enabled {
		t.Error("it undoes something else")
	}
	disables(t, site, "development", "new-home")
	flag := settingsOf(t, site, "development", "new-home")
	flag.ClientVisible = !flag.ClientVisible
	publishes(t, site, "development", "ada", "more", changes.PutFlag{Flag: &flag, Base: baseOf(t, site, "development", changes.Item{Kind: changes.ItemFlag, Key: "new-home"})})
	site.As("editor").Submits(p, "/rollback", "only", "change").Is(http.StatusConflict).Sees("has been changed again since", `flag "new-home"`)
}

func TestWhatWasPublishedMeanwhileIsLookedAtBeforeARollBack(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	disables(t, site, "development", "new-home")
	eve, at := site.As("editor"), "/settings/changes/development/1/rollback"
	form := "application/x-www-form-urlencoded"
	review := eve.Sends(http.MethodPost, at, form, "").Is(http.StatusOK)
	head := review.Find(`[name="head"]`).Text()
	disables(t, site, "development", "winter-look")
	body := "confirm=yes&reason=x&head=" + strings.TrimSpace(head)
	again := eve.Sends(http.MethodPost, at, form, body).Is(http.StatusOK)
	again.Sees("was published while you were looking", `flag "winter-look": enabled yes, was no`)
	if settingsOf(t, site, "development", "new-home").Enabled {
		t.Error("what was not looked at is done")
	}
}

func TestARollBackFromThePagesNeverTouchesAKill(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	disables(t, site, "development", "winter-look")
	if _, err := site.Changes.Kill(t.Context(), "development", "new-home", "ada", "it hurts"); err != nil {
		t.Fatal(err)
	}
	eve, at := site.As("editor"), "/changes/development/1/rollback"
	eve.Sends(http.MethodPost, "/settings"+at, "application/x-www-form-urlencoded", "").Sees(`flag "new-home" is killed and stays so`)
	eve.Posts(at).Is(http.StatusOK)
	if !settingsOf(t, site, "development", "new-home").Killed {
		t.Error("the kill is lifted")
	}
}

func TestWhoMayNotChangeRollsNothingBack(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	n := shows(t, site, "production", "checkout")
	for _, person := range []string{"viewer", "dev"} {
		site.As(person).Posts("/changes/production/1/rollback", "confirm", "yes").Is(http.StatusForbidden)
	}
	site.As("viewer").Opens("/changes/production").Lacks("Roll back")
	site.As("viewer").Opens("/flags/checkout/history").Lacks("Roll back", "Roll the flag back")
	for _, number := range []string{"0", "99", "-1", "x"} {
		site.As("editor").Posts("/changes/production/"+number+"/rollback", "confirm", "yes").Is(http.StatusNotFound)
	}
	if row, err := site.Store.Environment(t.Context(), "production"); err != nil || row.Head != n {
		t.Errorf("production is at %d, %v", row.Head, err)
	}
}

func TestWhereChangesAreApprovedARollBackBecomesARequest(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	n := shows(t, site, "production", "checkout")
	site.Protects("production", 1)
	eve, at := site.As("editor"), "/settings/changes/production/1/rollback"
	review := eve.Sends(http.MethodPost, at, "application/x-www-form-urlencoded", "").Sees("takes one approval")
	head := review.Find(`[name="head"]`).Text()
	eve.Sends(http.MethodPost, at, "application/x-www-form-urlencoded", "confirm=yes&reason=x&head="+strings.TrimSpace(head)).Is(http.StatusSeeOther)
	request, err := site.Changes.ReadRequest(t.Context(), 1)
	if err != nil || request.Kind != changes.KindRollback || request.Status != changes.InReview || request.AuthorID != "p-editor" {
		t.Fatalf("the request is %+v, %v", request, err)
	}
	if row, err := site.Store.Environment(t.Context(), "production"); err != nil || row.Head != n {
		t.Errorf("production is at %d, %v", row.Head, err)
	}
	if _, err := site.Changes.Approve(t.Context(), 1, request.Round, changes.Actor{ID: "p-approver", Name: "Abe Approver"}, "fine"); err != nil {
		t.Fatal(err)
	}
	published, err := site.Changes.Apply(t.Context(), 1, request.Round, changes.Actor{ID: "p-editor", Name: "Eve Editor"})
	if err != nil {
		t.Fatal(err)
	}
	site.As("viewer").Gets(revisionPage("production", published.Number)).Sees("Approved as change request 1", "Abe Approver approved", "fine")
}

func TestTheHistoryOfAFlagIsThatOfAllEnvironmentsThatAPersonMaySee(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	disables(t, site, "development", "checkout")
	was := [2]bool{settingsOf(t, site, "production", "checkout").ClientVisible, settingsOf(t, site, "production", "winter-look").ClientVisible}
	shows(t, site, "production", "checkout")
	shows(t, site, "production", "winter-look")
	p := site.As("editor").Opens("/flags/checkout/history").Sees("Development, revision 2", "Production, revision 2").Lacks("Production, revision 3")
	site.As("dev").Opens("/flags/checkout/history").Sees("Development, revision 2").Lacks("Production, revision 2")
	if p.Find(`form[action="/settings/changes/production/1/rollback"] [name="flag"][value="checkout"]`).Length() != 1 {
		t.Error("the flag alone is not rolled back from its history")
	}
	site.As("editor").Posts("/changes/production/1/rollback", "flag", "checkout").Is(http.StatusOK)
	if settingsOf(t, site, "production", "checkout").ClientVisible != was[0] || settingsOf(t, site, "production", "winter-look").ClientVisible == was[1] {
		t.Error("it rolls something else back")
	}
	site.As("viewer").Gets("/settings/flags/nope/history").Is(http.StatusNotFound)
}

func TestTheHistoryOfATenantIsItsOverridesPlansAndAddOns(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		tenant := ruleset.Override{Flag: "reports", Tenant: "t-new", Variant: "on"}
		publishes(t, site, "development", "ada", "a pilot", changes.PutOverride{Override: tenant}, changes.PutOverride{Override: ruleset.Override{Flag: "reports", Tenant: "t-other", Variant: "on"}})
		tenant.Variant = "off"
		publishes(t, site, "development", "bob", "no pilot", changes.PutOverride{Override: tenant, Base: 2})
		publishes(t, site, "development", "eve", "over", changes.RemoveOverride{Flag: "reports", Tenant: "t-new", Base: 3})
		if _, err := site.Changes.SetTenantPlan(t.Context(), changes.TenantPlanEdit{Tenant: "t-new", Plan: "pro", Author: "sue"}); err != nil {
			t.Fatal(err)
		}
		if err := site.Changes.AddAddOn(t.Context(), "t-new", "reports", "sam"); err != nil {
			t.Fatal(err)
		}
		if err := site.Changes.EndAddOn(t.Context(), "t-new", "reports", "sal"); err != nil {
			t.Fatal(err)
		}
		p := site.As("viewer").Opens("/tenant/history?id=t-new").Lacks("t-other")
		p.Sees("6 changes", "the tenant gets “on”", "a pilot", "by ada", "gets “off”", "by bob", "has no override any more", "by eve", "Plan: pro", "by sue", "Add-on reports added", "by sam", "Add-on reports ended", "by sal")
		site.As("viewer").Gets("/settings/tenant/history").Is(http.StatusNotFound)
		site.As("dev").Gets("/settings/tenant/history?id=t-new").Is(http.StatusForbidden)
	})
}

func TestALargeRevisionShowsWhatItTouchedPageByPage(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	var edits []changes.Edit
	for n := range 150 {
		edits = append(edits, changes.PutOverride{Override: ruleset.Override{Flag: "reports", User: "u-" + strings.Repeat("x", n+1), Variant: "on"}})
	}
	n := publishes(t, site, "development", "ada", "many", edits...).Number
	p := site.As("viewer").Gets(revisionPage("development", n)).Sees("150 overrides new or changed", "1 to 20 of 150")
	if got := p.Find(".item").Length(); got != 20 {
		t.Errorf("%d stand on a page", got)
	}
	site.As("viewer").Gets(revisionPage("development", n) + "?page=99").Sees("141 to 150 of 150")
}
