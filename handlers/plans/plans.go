// Package plans are the pages on which people see and edit what each plan includes, which tenant is on which plan, and
// on which a tenant's own admin sees theirs. A plan that excludes a flag cannot be beaten by anything set here; one that
// includes it can still be switched off.
package plans

import (
	"net/http"
	"strings"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// Register adds the pages.
func Register(a *shell.App) {
	a.GET("/plans/:env", shell.InEnvironment(access.Viewer), list)
	a.GET("/plans/:env/:plan", shell.InEnvironment(access.Viewer), show)
	a.GET("/new-plan/:env", shell.InEnvironment(access.Editor), create)
	a.POST("/new-plan/:env", shell.InEnvironment(access.Editor), add)
	a.GET("/plans/:env/:plan/edit", shell.InEnvironment(access.Editor), edit)
	a.POST("/plans/:env/:plan/edit", shell.InEnvironment(access.Editor), save)
	a.GET("/plans/:env/:plan/remove", shell.InEnvironment(access.Editor), askRemove)
	a.POST("/plans/:env/:plan/remove", shell.InEnvironment(access.Editor), remove)
	a.GET("/plan-ranks/:env", shell.InEnvironment(access.Editor), ranks)
	a.POST("/plan-ranks/:env", shell.InEnvironment(access.Editor), rank)

	// What a tenant bought concerns all environments at once, so it takes a role in all: who may only see development does
	// not learn from it who the customers are.
	a.GET("/tenants", shell.Everywhere(access.Viewer), tenants)
	a.GET("/tenant", shell.Everywhere(access.Viewer), tenant)
	a.POST("/tenant/plan", shell.Everywhere(access.Editor), setPlan)
	a.POST("/tenant/add-on", shell.Everywhere(access.Editor), addAddOn)
	a.POST("/tenant/end-add-on", shell.Everywhere(access.Editor), endAddOn)

	a.GET("/my-plan", shell.SignedIn(), mine)
}

// perPage is how many rows of a list are shown at once.
const perPage = 100

// listPage shows all plans of an environment, and what each includes.
type listPage struct {
	shell.Page
	Protected bool
	Plans     []summary
	Features  []Feature // those that are shown
	Total     int       // how many there are in all
	Search    string
	Pager     views.Pager
	Problems  []string
}

// summary is a plan as a card.
type summary struct {
	*catalog.Plan
	Title    string
	Included int
	Tenants  int
}

func list(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("Plans", "plans")
	if err != nil {
		return err
	}
	e, all, err := featuresOf(c)
	if err != nil {
		return err
	}
	onPlan, err := c.App.Store.TenantsByPlan(ctx)
	if err != nil {
		return err
	}
	p := listPage{Page: page, Protected: e.Protected, Total: len(all), Search: searched(c)}
	for _, plan := range e.Plans {
		s := summary{Plan: plan, Title: title(plan), Tenants: onPlan[plan.Key]}
		for _, f := range all {
			if f.In(plan.Key).OK() {
				s.Included++
			}
		}
		p.Plans = append(p.Plans, s)
	}
	for _, problem := range e.Problems() {
		if problem.Plan != "" {
			p.Problems = append(p.Problems, problem.Error())
		}
	}
	found := matching(all, p.Search)
	pager, from, to := views.PagerOf(c.Request.URL, len(found), perPage)
	p.Pager, p.Features = pager, found[from:to]
	return c.Render(http.StatusOK, "plans/list", p)
}

// featuresOf are the environment that the path names, and its flags that need a plan.
func featuresOf(c *shell.Context) (*catalog.Environment, []Feature, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	e, err := c.Environment()
	if err != nil {
		return nil, nil, err
	}
	about, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return nil, nil, err
	}
	return e, features(e, about, time.Now()), nil
}

// searched is what somebody searches for.
func searched(c *shell.Context) string {
	return storable(c.Query("q"))
}

// storable is a text as a database can hold it, and no longer than an id: nothing else is ever found.
func storable(text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\x00", "")
	return strings.ToValidUTF8(text[:min(len(text), ruleset.MaxID)], "")
}

func matching(all []Feature, search string) []Feature {
	if search == "" {
		return all
	}
	search = strings.ToLower(search)
	var found []Feature
	for _, f := range all {
		if strings.Contains(strings.ToLower(f.Key), search) || strings.Contains(strings.ToLower(f.Title), search) {
			found = append(found, f)
		}
	}
	return found
}
