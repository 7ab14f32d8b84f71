package settings

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// premiumFlags adds flags that need a plan to the sample: bulk-edit from enterprise on, sms in no plan at all.
const premiumFlags = `
version: 1
flags:
  - key: bulk-edit
    title: Bulk editing
    description: Change many at once
    purpose: Sell Enterprise
    kind: premium
    type: boolean
    tier_required: enterprise
    environments: {development: {enabled: true, otherwise: on}, production: {enabled: true, otherwise: on}}
  - key: sms
    title: Text messages
    purpose: Sell messages
    kind: premium
    type: boolean
    environments: {development: {enabled: true, otherwise: on}, production: {enabled: true, otherwise: on}}
`

func siteWithPlans(t *testing.T) *settingstest.Site {
	t.Helper()
	site := settingstest.New(t)
	site.Sample()
	site.Imports(premiumFlags)
	return site
}

func storedPlan(t *testing.T, site *settingstest.Site, environment, key string) ruleset.Plan {
	t.Helper()
	def, err := site.Store.Environment(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := site.Store.PlansAt(t.Context(), environment, def.Head)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.Key == key {
			return row.Plan()
		}
	}
	return ruleset.Plan{}
}

func TestTheMatrixSaysWhichPlanIncludesWhatAndWhy(t *testing.T) {
	site := siteWithPlans(t)
	site.As("editor").Submits(site.As("editor").Opens("/plans/development/free/edit"), "/plans/development/free/edit", "feature", "sms")
	p := site.As("viewer").Opens("/plans/development")
	p.Sees("cannot be beaten", "can still be switched off")
	row := func(title string) string {
		return strings.Join(strings.Fields(p.Find(".matrix tbody tr").FilterFunction(func(_ int, s *goquery.Selection) bool {
			return strings.Contains(s.Text(), title)
		}).Text()), " ")
	}
	for title, want := range map[string]string{
		"Advanced reports": "Advanced reportsreports Not included Included by rank Included by rank Everyone",
		"Text messages":    "Text messagessms Included listed Not included Not included Everyone",
		"Bulk editing":     "Bulk editingbulk-edit Not included Not included Included by rank Everyone",
	} {
		if got := row(title); got != want {
			t.Errorf("%s: %q, want %q", title, got, want)
		}
	}
	site.As("viewer").Opens("/plans/development?q=BULK").Sees("Bulk editing").Lacks("Advanced reports")
	site.As("viewer").Opens("/plans/development?q=%25").Sees("No feature is called that")
}

func TestOnePageSaysExactlyWhatProIncludes(t *testing.T) {
	site := siteWithPlans(t)
	ctx := t.Context()
	if _, err := site.Changes.Kill(ctx, "development", "reports", "ada", "it leaks"); err != nil {
		t.Fatal(err)
	}
	for tenant, plan := range map[string]string{"t-one": "pro", "t-two": "pro", "t-three": "free"} {
		if err := site.Store.SetTenantPlan(ctx, tenant, plan, "test"); err != nil {
			t.Fatal(err)
		}
	}
	if err := site.Store.SetTenantPlan(ctx, "t-two", "enterprise", "test"); err != nil {
		t.Fatal(err)
	}
	if err := site.Store.AddAddOn(ctx, "t-three", "sms", "test"); err != nil {
		t.Fatal(err)
	}
	p := site.As("viewer").Opens("/plans/development/pro")
	p.Sees("What Pro includes", "Advanced reports", "By rank requires pro", "included, but off now: killed", "Bulk editing", "None: as an add-on only", "t-one")
	p.Lacks("t-two", "t-three")
	if got := p.Find(`[aria-labelledby="excluded"] tbody tr`).First().Find("td a").First().Text(); got != "Enterprise" {
		t.Errorf("the first plan with bulk editing is %q", got)
	}
	site.As("viewer").Gets("/settings/plans/development/nothing").Is(http.StatusNotFound)
	site.As("viewer").Gets("/settings/plans/nowhere/pro").Is(http.StatusNotFound)
}

func TestAPlanIsMadeEditedAndRemoved(t *testing.T) {
	site := siteWithPlans(t)
	eve := site.As("editor")
	eve.Submits(eve.Opens("/new-plan/development"), "/new-plan/development", "key", "business", "title", "Business", "rank", "15", "feature", "sms", "reason", "a plan between").
		Is(http.StatusOK).Sees("The plan Business is there.", "Text messages")
	if got := storedPlan(t, site, "development", "business"); got.Rank != 15 || !slices.Equal(got.Features, []string{"sms"}) {
		t.Errorf("made %+v", got)
	}
	if got := storedPlan(t, site, "production", "business"); got.Key != "" {
		t.Errorf("production has %+v", got)
	}
	eve.Submits(eve.Opens("/plans/development/business/edit"), "/edit", "title", "Business+", "feature", "bulk-edit", "feature", "sms").Is(http.StatusOK)
	if got := storedPlan(t, site, "development", "business"); got.Title != "Business+" || !slices.Equal(got.Features, []string{"sms", "bulk-edit"}) {
		t.Errorf("edited to %+v", got)
	}
	eve.Submits(eve.Opens("/plans/development/business/remove"), "/remove").Is(http.StatusOK).Sees("The plan was removed.")
	if got := storedPlan(t, site, "development", "business"); got.Key != "" {
		t.Errorf("still %+v", got)
	}
	revision, err := site.Store.Revisions(t.Context(), "development", 3)
	if err != nil || revision[2].Author != "eve@toprent.example" || revision[2].Reason != "a plan between" {
		t.Errorf("revisions %+v, %v", revision, err)
	}
}

func TestAPlanThatAFlagRequiresIsNotRemoved(t *testing.T) {
	site := siteWithPlans(t)
	eve := site.As("editor")
	eve.Opens("/plans/development/pro/remove").Sees("cannot be removed", "reports")
	version := site.As("editor").Opens("/plans/development/pro/edit").Find("[name=base]").AttrOr("value", "")
	eve.Posts("/plans/development/pro/remove", "base", version).Is(http.StatusUnprocessableEntity).Sees("reports")
	if storedPlan(t, site, "development", "pro").Key == "" {
		t.Error("it was removed")
	}
}

func TestMistakesStandBesideTheirFields(t *testing.T) {
	site := siteWithPlans(t)
	eve := site.As("editor")
	form := eve.Opens("/new-plan/development")
	for _, wrong := range []struct{ field, key, rank string }{{"key", "No Good!", "1"}, {"key", "", "1"}, {"rank", "ok", "ten"}, {"rank", "ok", ""}} {
		p := eve.Submits(form, "/new-plan/development", "key", wrong.key, "title", "Kept", "rank", wrong.rank).Is(http.StatusUnprocessableEntity)
		if p.Find("#"+wrong.field+"-error").Length() != 1 || p.Find("#title").AttrOr("value", "") != "Kept" {
			t.Errorf("%+v: no error beside it, or the title is lost:\n%s", wrong, p.Text())
		}
	}
	p := eve.Submits(form, "/new-plan/development", "key", "pro", "rank", "1").Is(http.StatusUnprocessableEntity)
	p.Sees("There is a plan of this key already")
	eve.Submits(form, "/new-plan/development", "key", "ok", "rank", "99999999999").Is(http.StatusUnprocessableEntity)
	eve.Submits(form, "/new-plan/development", "key", "ok", "rank", "1", "feature", "new-home").Is(http.StatusUnprocessableEntity).Sees("no premium flag")
	eve.Submits(form, "/new-plan/development", "key", "ok", "rank", "1", "title", "a\x00b").Is(http.StatusUnprocessableEntity)
}

func TestTwoEditorsOfAPlanLoseNothing(t *testing.T) {
	site := siteWithPlans(t)
	eve, bob := site.As("editor"), site.As("bob")
	hers, his := eve.Opens("/plans/development/pro/edit"), bob.Opens("/plans/development/pro/edit")
	eve.Submits(hers, "/edit", "title", "Professional").Is(http.StatusOK)
	p := bob.Submits(his, "/edit", "title", "Premium", "feature", "sms", "reason", "because").Is(http.StatusConflict)
	p.Sees("Somebody else changed this", "Professional", "Premium")
	if p.Find("#title").AttrOr("value", "") != "Premium" || p.Find("#reason").AttrOr("value", "") != "because" || p.Find("[name=feature][checked]").AttrOr("value", "") != "sms" {
		t.Error("what Bob typed is lost")
	}
	if got := storedPlan(t, site, "development", "pro"); got.Title != "Professional" {
		t.Errorf("overwritten by %+v", got)
	}
	bob.Submits(p, "/edit").Is(http.StatusOK)
	if got := storedPlan(t, site, "development", "pro"); got.Title != "Premium" || !slices.Equal(got.Features, []string{"sms"}) {
		t.Errorf("saved again: %+v", got)
	}
	bob.Posts("/plans/development/pro/edit", "title", "No base", "rank", "10").Is(http.StatusConflict)
}

func TestPlansAreRankedTogether(t *testing.T) {
	site := siteWithPlans(t)
	eve, bob := site.As("editor"), site.As("bob")
	form, his := eve.Opens("/plan-ranks/development"), bob.Opens("/plan-ranks/development")
	eve.Submits(form, "/plan-ranks/development", "rank-pro", "30").Is(http.StatusOK)
	if got := storedPlan(t, site, "development", "pro").Rank; got != 30 {
		t.Errorf("pro has rank %d", got)
	}
	site.As("viewer").Opens("/plans/development/enterprise").Sees("None: as an add-on only", "Pro")
	p := bob.Submits(his, "/plan-ranks/development", "rank-pro", "5").Is(http.StatusConflict).Sees("Rank of pro", "30", "5")
	bob.Submits(p, "/plan-ranks/development").Is(http.StatusOK)
	if got := storedPlan(t, site, "development", "pro").Rank; got != 5 {
		t.Errorf("pro has rank %d", got)
	}
}

// planForms are all that can be posted to plans, tenants and environments, with who may at least.
var planForms = map[string]string{
	"/new-plan/production": "editor", "/plans/production/pro/edit": "editor", "/plans/production/pro/remove": "editor", "/plan-ranks/production": "editor",
	"/tenant/plan": "editor", "/tenant/add-on": "editor", "/tenant/end-add-on": "editor",
	"/new-environment": "admin", "/environments/production/edit": "admin", "/environments/production/move": "admin",
	"/environments/production/recall": "approver",
}

func TestAViewerPostsEveryFormOfPlansAndEnvironmentsInVain(t *testing.T) {
	site := siteWithPlans(t)
	for path, need := range planForms {
		for _, person := range []string{"viewer", "dev", "tenant", "nobody", "editor", "approver"} {
			if person == need || need == "editor" && person == "approver" {
				continue
			}
			if person == "editor" && need == "editor" {
				continue
			}
			if p := site.As(person).Posts(path, "key", "x", "rank", "1", "tenant", "t-x", "plan", "pro", "feature", "sms", "name", "x", "title", "X", "reason", "x", "base", "1"); p.Status != http.StatusForbidden {
				t.Errorf("%s posts %s: %d", person, path, p.Status)
			}
		}
	}
	if total, err := site.Store.TenantsByPlan(t.Context()); err != nil || len(total) > 0 {
		t.Errorf("tenants %v, %v", total, err)
	}
}

func TestAnotherSiteChangesNoPlan(t *testing.T) {
	site := siteWithPlans(t)
	for name, header := range map[string]http.Header{
		"another site":      {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
		"a sibling":         {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://evil.toprent.example"}},
		"no word of itself": {"Sec-Fetch-Site": {}, "Origin": {}},
	} {
		ada := site.As("admin")
		ada.Header = header
		for path := range planForms {
			if p := ada.Posts(path, "tenant", "t-x", "plan", "pro", "key", "x", "rank", "1", "name", "x", "title", "x", "reason", "x"); p.Status != http.StatusForbidden {
				t.Errorf("%s: %s gives %d", name, path, p.Status)
			}
		}
	}
	ada := site.As("admin")
	if p := ada.Sends(http.MethodPost, "/settings/new-plan/development", "text/plain", `{"key":"x"}`); p.Status != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain gives %d", p.Status)
	}
}

func TestWhoEditsDevelopmentCannotReachProductionsPlans(t *testing.T) {
	site := siteWithPlans(t)
	dev := site.As("dev")
	dev.Opens("/plans/development").Lacks("Production")
	for _, path := range []string{"/plans/production", "/plans/production/pro", "/new-plan/production", "/plans/production/pro/edit", "/plans/production/pro/remove", "/plan-ranks/production"} {
		if p := dev.Gets("/settings" + path); p.Status != http.StatusForbidden {
			t.Errorf("%s gives %d", path, p.Status)
		}
	}
	dev.Submits(dev.Opens("/plans/development/pro/edit"), "/edit", "title", "Mine", "environment", "production", "env", "production").Is(http.StatusOK)
	if got := storedPlan(t, site, "production", "pro").Title; got != "Pro" {
		t.Errorf("production's plan is called %q", got)
	}
	dev.Posts("/tenant/plan", "tenant", "t-x", "plan", "pro", "base", "0").Is(http.StatusForbidden)
}

func TestTitlesOfPlansAreTextsOnEveryPage(t *testing.T) {
	site := siteWithPlans(t)
	const evil = `<script>alert(1)</script>"><img src=x onerror=alert(2)>`
	eve, bob := site.As("editor"), site.As("bob")
	his := bob.Opens("/plans/development/pro/edit")
	eve.Submits(eve.Opens("/plans/development/pro/edit"), "/edit", "title", evil).Is(http.StatusOK)
	tenant := `t-<script>alert(3)</script>"'`
	if err := site.Store.SetTenantPlan(t.Context(), tenant, "pro", "<b>billing</b>"); err != nil {
		t.Fatal(err)
	}
	pages := []*settingstest.Page{
		bob.Submits(his, "/edit", "title", evil+"2").Is(http.StatusConflict),
		eve.Opens("/plans/development"), eve.Opens("/plans/development/pro"), eve.Opens("/plans/development/pro/remove"), eve.Opens("/plan-ranks/development"),
		eve.Opens("/tenants"), eve.Opens("/tenant?id=" + url.QueryEscape(tenant)), eve.Opens("/plans/development?q=" + url.QueryEscape(evil)),
		eve.Opens("/tenants?q=" + url.QueryEscape(evil)),
	}
	for _, p := range pages {
		if p.Find("body script, img[onerror], main b").Length() > 0 {
			t.Errorf("%s has markup of somebody else", p.URL)
		}
	}
	eve.Opens("/tenants").Sees(tenant)
}

func TestNothingButItsFieldsIsTakenFromThePlansForm(t *testing.T) {
	site := siteWithPlans(t)
	eve := site.As("editor")
	eve.Submits(eve.Opens("/plans/development/pro/edit"), "/edit", "title", "Pro 2", "key", "free", "author", "ada@toprent.example", "from_revision", "99").Is(http.StatusOK)
	if got := storedPlan(t, site, "development", "free"); got.Title != "Free" {
		t.Errorf("free became %+v", got)
	}
	if newest, err := site.Store.Revisions(t.Context(), "development", 1); err != nil || newest[0].Author != "eve@toprent.example" {
		t.Errorf("%+v, %v", newest, err)
	}
}

func TestAPlanKeepsArchivedFlagsThatItLists(t *testing.T) {
	site := siteWithPlans(t)
	eve := site.As("editor")
	eve.Submits(eve.Opens("/plans/development/free/edit"), "/edit", "feature", "sms").Is(http.StatusOK)
	versions, err := site.Changes.Versions(t.Context(), "development")
	if err != nil {
		t.Fatal(err)
	}
	_, err = site.Changes.Publish(t.Context(), changes.Change{Environment: "development", Author: "ada", Edits: []changes.Edit{
		changes.ArchiveFlag{Key: "sms", Base: versions[changes.Item{Kind: changes.ItemFlag, Key: "sms"}]}}})
	if err != nil {
		t.Fatal(err)
	}
	p := eve.Opens("/plans/development/free/edit").Sees("not offered here any more")
	eve.Submits(p, "/edit", "title", "Free of charge").Is(http.StatusOK)
	if got := storedPlan(t, site, "development", "free"); !slices.Equal(got.Features, []string{"sms"}) {
		t.Errorf("lists %v", got.Features)
	}
}
