package settings

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

func TestATenantsPlanAndAddOnsAreChangedWithTheirHistory(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		site.Imports(premiumFlags)
		eve := site.As("editor")
		p := eve.Opens("/tenant?id=t-acme").Sees("never had a plan")
		eve.Submits(p, "/tenant/plan", "plan", "free").Is(http.StatusOK).Sees("The plan was saved.", "eve@toprent.example")
		eve.Submits(eve.Opens("/tenant?id=t-acme"), "/tenant/plan", "plan", "pro").Is(http.StatusOK)
		eve.Submits(eve.Opens("/tenant?id=t-acme"), "/tenant/add-on", "feature", "sms").Is(http.StatusOK).Sees("The add-on was added.")
		plan, addOns, err := store.Subscription(t.Context(), "t-acme")
		if err != nil || plan != "pro" || !slices.Equal(addOns, []string{"sms"}) {
			t.Fatalf("%s, %v, %v", plan, addOns, err)
		}
		eve.Submits(eve.Opens("/tenant?id=t-acme"), "/tenant/end-add-on").Is(http.StatusOK).Sees("The add-on was ended.", "Plan: Free", "Plan: Pro", "Add-on: Text messages")
		eve.Posts("/tenant/end-add-on", "tenant", "t-acme", "feature", "sms").Is(http.StatusUnprocessableEntity).Sees("not any more")
		eve.Posts("/tenant/end-add-on", "tenant", "t-other", "feature", "sms").Is(http.StatusUnprocessableEntity)
		plans, err := store.TenantPlans(t.Context(), "t-acme", 10)
		if err != nil || len(plans) != 2 || plans[0].Plan != "pro" || plans[0].ChangedBy != "eve@toprent.example" {
			t.Errorf("%+v, %v", plans, err)
		}
	})
}

func TestTwoWhoSetATenantsPlanSeeEachOther(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		eve, bob := site.As("editor"), site.As("bob")
		hers, his := eve.Opens("/tenant?id=t-acme"), bob.Opens("/tenant?id=t-acme")
		eve.Submits(hers, "/tenant/plan", "plan", "pro").Is(http.StatusOK)
		p := bob.Submits(his, "/tenant/plan", "plan", "free").Is(http.StatusConflict).Sees("Somebody else changed this", "eve@toprent.example")
		if plan, err := store.TenantPlan(t.Context(), "t-acme"); err != nil || plan != "pro" {
			t.Errorf("overwritten: %s, %v", plan, err)
		}
		bob.Submits(p, "/tenant/plan").Is(http.StatusOK)
		if plan, err := store.TenantPlan(t.Context(), "t-acme"); err != nil || plan != "free" {
			t.Errorf("saved again: %s, %v", plan, err)
		}
	})
}

func TestOnlyOneOfManyWhoSetATenantsPlanAtOnceSucceeds(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		const many = 8
		errs := make(chan error, many)
		for range many {
			go func() {
				_, err := site.Changes.SetTenantPlan(t.Context(), changes.TenantPlanEdit{Tenant: "t-acme", Plan: "pro", Author: "ada"})
				errs <- err
			}()
		}
		done := 0
		for range many {
			if err := <-errs; err == nil {
				done++
			} else if !strings.Contains(err.Error(), "changed by somebody else") {
				t.Error(err)
			}
		}
		if done != 1 {
			t.Errorf("%d succeeded", done)
		}
	})
}

func TestTenantsAreFoundByAnyPartOfTheirId(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		site.Imports(premiumFlags)
		ctx := t.Context()
		for tenant, plan := range map[string]string{"t-Acme": "pro", "t_under": "free", "100%": "free", `back\slash`: "pro", "a!b": "", "x' OR '1'='1": "pro"} {
			if err := store.SetTenantPlan(ctx, tenant, plan, "test"); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.AddAddOn(ctx, "t-only-add-on", "sms", "test"); err != nil {
			t.Fatal(err)
		}
		viewer := site.As("viewer")
		for query, want := range map[string][]string{
			"":                               {"100%", "a!b", `back\slash`, "t-Acme", "t-only-add-on", "t_under", "x' OR '1'='1"},
			"q=ACME":                         {"t-Acme"},
			"q=%25":                          {"100%"},
			"q=_":                            {"t_under"},
			"q=%5C":                          {`back\slash`},
			"q=!":                            {"a!b"},
			"q=" + url.QueryEscape("' OR '"): {"x' OR '1'='1"},
			"q=" + url.QueryEscape("'; DROP TABLE tenant_plans; --"): nil,
			"q=%00":                    {"100%", "a!b", `back\slash`, "t-Acme", "t-only-add-on", "t_under", "x' OR '1'='1"},
			"q=%FF%FE":                 {"100%", "a!b", `back\slash`, "t-Acme", "t-only-add-on", "t_under", "x' OR '1'='1"},
			"plan=pro":                 {`back\slash`, "t-Acme", "x' OR '1'='1"},
			"plan=-":                   {"a!b", "t-only-add-on"},
			"plan=%25":                 nil,
			"add-on=sms":               {"t-only-add-on"},
			"add-on=' OR 1=1 --":       nil,
			"plan=pro&q=acme&page=999": {"t-Acme"},
			"sort=org_id;DROP":         {"100%", "a!b", `back\slash`, "t-Acme", "t-only-add-on", "t_under", "x' OR '1'='1"},
		} {
			var got []string
			p := viewer.Gets("/settings/tenants?" + strings.ReplaceAll(query, " ", "%20"))
			p.Is(http.StatusOK)
			for _, s := range p.Find("tbody th a").EachIter() {
				got = append(got, s.Text())
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%q finds %q, want %q", query, got, want)
			}
		}
		counts, err := store.TenantsByPlan(ctx)
		if err != nil || counts["pro"] != 3 || counts["free"] != 2 || counts[""] != 1 {
			t.Errorf("%v, %v", counts, err)
		}
	})
}

func TestWhatCannotBeATenantsPlanOrAddOnIsRefused(t *testing.T) {
	site := siteWithPlans(t)
	eve := site.As("editor")
	eve.Posts("/tenant/plan", "tenant", "t-x", "plan", "gold", "base", "0").Is(http.StatusUnprocessableEntity).Sees("No environment has a plan")
	eve.Posts("/tenant/plan", "tenant", "", "plan", "pro", "base", "0").Is(http.StatusUnprocessableEntity)
	eve.Posts("/tenant/plan", "tenant", strings.Repeat("x", 257), "plan", "pro", "base", "0").Is(http.StatusUnprocessableEntity)
	eve.Posts("/tenant/plan", "tenant", "a\x00b", "plan", "pro", "base", "0").Is(http.StatusUnprocessableEntity)
	eve.Posts("/tenant/plan", "tenant", "t-x", "plan", "pro").Is(http.StatusConflict)
	eve.Posts("/tenant/add-on", "tenant", "t-x", "feature", "new-home").Is(http.StatusUnprocessableEntity).Sees("needs no plan")
	eve.Posts("/tenant/add-on", "tenant", "t-x", "feature", "nothing").Is(http.StatusUnprocessableEntity)
	eve.Gets("/settings/tenant").Is(http.StatusNotFound)
	if total, err := site.Store.CountTenants(t.Context(), models.TenantFilter{}); err != nil || total != 0 {
		t.Errorf("%d tenants, %v", total, err)
	}
}

func TestIdsOfTenantsMayBeAnyText(t *testing.T) {
	site := siteWithPlans(t)
	eve := site.As("editor")
	for _, id := range []string{"a/b", "..", "x y", "ü&=?#%2F", `"quoted"`} {
		p := eve.Opens("/tenant?id=" + url.QueryEscape(id))
		eve.Submits(p, "/tenant/plan", "plan", "pro").Is(http.StatusOK).Sees("The plan was saved.")
		if plan, err := site.Store.TenantPlan(t.Context(), id); err != nil || plan != "pro" {
			t.Errorf("%q: %s, %v", id, plan, err)
		}
		if link, _ := eve.Opens("/tenants").Find("tbody th a").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.Text() == id }).Attr("href"); link == "" {
			t.Errorf("%q is not listed", id)
		} else {
			eve.Opens(strings.TrimPrefix(link, "/settings")).Sees(id)
		}
	}
}

func TestATenantsAdminSeesTheirPlanAndNothingElse(t *testing.T) {
	site := siteWithPlans(t)
	ctx := t.Context()
	for tenant, plan := range map[string]string{"t-acme": "pro", "t-rival": "enterprise"} {
		if err := site.Store.SetTenantPlan(ctx, tenant, plan, "billing"); err != nil {
			t.Fatal(err)
		}
	}
	if err := site.Store.AddAddOn(ctx, "t-acme", "sms", "billing"); err != nil {
		t.Fatal(err)
	}
	site.Imports("version: 1\nflags:\n  - {key: secret-project, title: Secret project, purpose: x, kind: premium, type: boolean, tier_required: pro, environments: {development: {enabled: false}}}\n  - {key: untitled, purpose: x, kind: premium, type: boolean, tier_required: pro, environments: {development: {enabled: true, otherwise: on}}}\n")
	tess := site.As("tenant")
	for _, path := range []string{"/my-plan", "/my-plan?tenant=t-rival", "/my-plan?id=t-rival&environment=production"} {
		p := tess.Opens(path).Sees("You are on Pro", "Advanced reports", "Text messages", "Enterprise adds", "Bulk editing", "Change many at once")
		p.Lacks("t-rival", "Secret project", "secret-project", "untitled", "billing", "bulk-edit", "Segments", "Environments")
	}
	if _, err := site.Changes.Kill(ctx, "development", "reports", "ada", "it leaks names"); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Changes.Kill(ctx, "development", "bulk-edit", "ada", "it deletes"); err != nil {
		t.Fatal(err)
	}
	tess.Opens("/my-plan").Sees("Advanced reports not available at the moment").Lacks("it leaks names", "killed", "Killed", "Bulk editing")
	site.As("editor").Gets("/settings/my-plan").Is(http.StatusNotFound)
	site.As("nobody").Gets("/settings/my-plan").Is(http.StatusNotFound)
	site.As("").Gets("/settings/my-plan").Is(http.StatusSeeOther)
	if p := tess.Gets("/settings"); p.Location != "/settings/my-plan" {
		t.Errorf("/settings leads to %q", p.Location)
	}
	tess.Gets("/settings/flags/x/y").Lacks("To the flags")
}

// The README's host knows its tenants' plans itself, and tells them with each request.
func TestATenantsAdminSeesThePlanThatTheHostKeeps(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		site.Imports(premiumFlags)
		tess := site.As("tenant")
		site.Directory.Saw("production", ruleset.Subject{User: "u-1", Tenant: "t-acme", Plan: "enterprise"})
		site.Directory.Saw("development", ruleset.Subject{User: "u-2", Tenant: "t-rival", Plan: "enterprise"})
		seen := func(plan string, addOns ...string) {
			t.Helper()
			site.Directory.Saw("development", ruleset.Subject{User: "u-1", Tenant: "t-acme", Plan: plan, AddOns: addOns})
			if err := site.Directory.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		tess.Opens("/my-plan").Sees("You have no plan yet")
		seen("pro", "sms")
		tess.Opens("/my-plan").Sees("You are on Pro", "Advanced reports", "Your add-ons", "Text messages", "Enterprise adds", "Bulk editing")
		for plan, says := range map[string]string{"free": "You are on Free", "": "You have no plan yet"} { // what is stored here counts
			if err := site.Store.SetTenantPlan(t.Context(), "t-acme", plan, "billing"); err != nil {
				t.Fatal(err)
			}
			tess.Opens("/my-plan").Sees(says).Lacks("Your add-ons")
		}
	})
}

func TestATenantsAdminReachesNoPageOfOurs(t *testing.T) {
	site := siteWithPlans(t)
	tess := site.As("tenant")
	for route, need := range site.Settings.Needs() {
		method, path, _ := strings.Cut(route, " ")
		if need == "everybody" || need == "who is signed in" {
			continue
		}
		path = strings.NewReplacer(":env", "development", ":plan", "pro", ":key", "reports").Replace(path)
		content, want := "", http.StatusForbidden
		if strings.HasPrefix(path, "/settings/api/") {
			want = http.StatusUnauthorized // only tokens count there
		}
		if method == http.MethodPost {
			content = "application/x-www-form-urlencoded"
		}
		if p := tess.Sends(method, path, content, "tenant=t-acme&plan=enterprise&base=0"); p.Status != want {
			t.Errorf("%s (for %s) gives %d", route, need, p.Status)
		}
	}
}

func TestSomebodyWithoutAPlanSeesWhatPlansOffer(t *testing.T) {
	site := settingstest.New(t, func(c *settings.Config) { c.Flags = nil }) // beside no site: production is shown
	site.Sample()
	site.Imports(premiumFlags)
	site.As("tenant").Opens("/my-plan").Sees("You have no plan yet", "Pro includes", "Advanced reports", "Enterprise includes", "Bulk editing").Lacks("Text messages")
}
