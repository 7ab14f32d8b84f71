package plans

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// mayEditTenants reports whether the person may change what tenants have bought: an editor everywhere, since it counts in
// all environments.
func mayEditTenants(c *shell.Context) bool { return c.Person.In(access.Everywhere) >= access.Editor }

// addOnChoices are the flags that a tenant can have as an add-on: those that need a plan somewhere.
func addOnChoices(ctx context.Context, c *shell.Context, has map[string]bool) ([]views.Choice, error) {
	environments, err := visible(ctx, c)
	if err != nil {
		return nil, err
	}
	about, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return nil, err
	}
	var choices []views.Choice
	offered := map[string]bool{}
	for _, e := range environments {
		for _, f := range features(e, about, time.Now()) {
			if !offered[f.Key] && !has[f.Key] {
				offered[f.Key] = true
				choices = append(choices, views.Choice{Value: f.Key, Label: f.Title})
			}
		}
	}
	slices.SortFunc(choices, func(a, b views.Choice) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Label), strings.ToLower(b.Label)), strings.Compare(a.Value, b.Value))
	})
	if len(choices) == 0 {
		return nil, nil
	}
	return slices.Insert(choices, 0, views.Choice{Value: "", Label: "Choose a feature"}), nil
}

// tenantForm reads a form about a tenant, and whose it is.
func tenantForm(c *shell.Context) (*shell.Form, string, error) {
	form, err := c.Form()
	if err != nil {
		return nil, "", err
	}
	id, err := tenantOf(form)
	return form, id, err
}

func setPlan(c *shell.Context) error {
	form, id, err := tenantForm(c)
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	p := tenantPage{ID: id, Form: form}
	form.Require("Choose a plan.", "plan")
	if !form.OK() {
		return renderTenant(c, http.StatusUnprocessableEntity, p)
	}
	to := fromChoice(form.Get("plan"))
	before, err := c.App.Changes.SetTenantPlan(ctx, changes.TenantPlanEdit{Tenant: p.ID, Plan: to, Author: c.Person.Author(), Base: base(form, "base")})
	if conflict, ok := shell.Conflict(err); ok {
		p.Conflicts = comparePlans(conflict.Conflicts[0], to)
		return renderTenant(c, http.StatusConflict, p) // which writes the new base into the form
	}
	if err != nil {
		return refusedTenant(c, form, p, err)
	}
	planChanged(ctx, c, p.ID, before, to)
	return doneTenant(c, p.ID, "The plan was saved. It counts from the tenant's next page on.")
}

// comparePlans shows on which plan somebody else has put the tenant.
func comparePlans(conflict changes.Conflict, yours string) []views.Conflict {
	theirs, _ := conflict.Theirs.(models.TenantPlan)
	return []views.Conflict{{What: "Plan of " + conflict.Item.Key, Lines: []views.ConflictLine{
		{Field: "Plan", Theirs: cmp.Or(theirs.Plan, "no plan"), Yours: cmp.Or(yours, "no plan")},
		{Field: "Set by", Theirs: theirs.ChangedBy}}}}
}

func addAddOn(c *shell.Context) error {
	form, id, err := tenantForm(c)
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	p := tenantPage{ID: id, AddOnForm: form}
	form.Require("Choose a feature.", "feature")
	offered, err := addOnChoices(ctx, c, nil)
	if err != nil {
		return refusedTenant(c, form, p, err)
	}
	if !slices.ContainsFunc(offered, func(o views.Choice) bool { return o.Value == form.Get("feature") }) {
		form.Refuse("feature", "This flag needs no plan in any environment, so it cannot be an add-on.")
	}
	if !form.OK() {
		return renderTenant(c, http.StatusUnprocessableEntity, p)
	}
	if err := c.App.Changes.AddAddOn(ctx, p.ID, form.Get("feature"), c.Person.Author()); err != nil {
		return refusedTenant(c, form, p, err)
	}
	addOnChanged(ctx, c, p.ID)
	return doneTenant(c, p.ID, "The add-on was added. It counts from the tenant's next page on.")
}

func endAddOn(c *shell.Context) error {
	form, id, err := tenantForm(c)
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	p := tenantPage{ID: id, AddOnForm: form}
	if err := c.App.Changes.EndAddOn(ctx, p.ID, form.Get("feature"), c.Person.Author()); err != nil {
		return refusedTenant(c, form, p, err)
	}
	addOnChanged(ctx, c, p.ID)
	return doneTenant(c, p.ID, "The add-on was ended. The tenant's next page is without it.")
}

// tenantOf is whom a form is about.
func tenantOf(form *shell.Form) (string, error) {
	id := form.Values.Get("tenant")
	if id == "" || storable(id) != id {
		return "", shell.Refused(http.StatusUnprocessableEntity, "There can be no such tenant", "A tenant's id is 1 to 256 bytes of text, without space around it.")
	}
	return id, nil
}

// refusedTenant shows a form that was not taken, with the reason.
func refusedTenant(c *shell.Context, form *shell.Form, p tenantPage, err error) error {
	place := func(problem ruleset.Problem) string {
		if problem.Path == "tenant" {
			return ""
		}
		return problem.Path
	}
	switch {
	case form.Refused(err, place):
		return renderTenant(c, http.StatusUnprocessableEntity, p)
	case form.Unavailable(err):
		return renderTenant(c, http.StatusServiceUnavailable, p)
	}
	return err
}

func doneTenant(c *shell.Context, id, notice string) error {
	return c.DoneAt(notice, tenantURL(c, id))
}

// planChanged tells this instance that what it remembers of the tenant's users is out of date.
func planChanged(ctx context.Context, c *shell.Context, tenant, from, to string) {
	c.App.Log.Info("a tenant's plan was set", "tenant", tenant, "from", from, "to", to, "by", c.Person.Author())
	if c.App.Flags != nil {
		c.App.Flags.PlanChanged(ctx, tenant, from, to)
	}
}

func addOnChanged(ctx context.Context, c *shell.Context, tenant string) {
	plan, _, err := c.App.Store.Subscription(ctx, tenant)
	if err != nil {
		c.App.Log.Warn("the plan of a tenant whose add-ons changed could not be read", "tenant", tenant, "error", err)
	}
	if c.App.Flags != nil {
		c.App.Flags.PlanChanged(ctx, tenant, plan, plan)
	}
}

// BaseOfPlan is what the form of a tenant's plan carries.
func (p tenantPage) BaseOfPlan() string { return strconv.FormatInt(p.Plan.ID, 10) }
