package plans

import (
	"net/http"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// removePage asks whether a plan is to be removed, and says what stands against it.
type removePage struct {
	shell.Page
	Form      *shell.Form
	Plan      *catalog.Plan
	Name      string
	Requiring []*catalog.Flag // flags that name it as their tier: with these it cannot be removed
	Tenants   int             // how many are on it
}

func askRemove(c *shell.Context) error {
	return renderRemove(c, http.StatusOK, shell.NewForm())
}

func remove(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	err = publish(c, form, changes.RemovePlan{Key: c.Param("plan"), Base: base(form, "base")})
	_, conflicts := shell.Conflict(err)
	switch {
	case err == nil:
		return c.Done("The plan was removed.", "plans", c.Param("env"))
	case conflicts:
		form.Message = "Somebody else has changed this plan while you were looking at it. See what it is now, and remove it if you still want to."
		return renderRemove(c, http.StatusConflict, form)
	case form.Refused(err, func(ruleset.Problem) string { return "" }):
		return renderRemove(c, http.StatusUnprocessableEntity, form)
	}
	return err
}

func renderRemove(c *shell.Context, status int, form *shell.Form) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("", "plans")
	if err != nil {
		return err
	}
	e, err := c.Environment()
	if err != nil {
		return err
	}
	plan, err := planOf(c, e)
	if err != nil {
		return err
	}
	p := removePage{Page: page, Form: form, Plan: plan, Name: title(plan)}
	p.Title = "Remove " + p.Name
	for _, flag := range e.Flags {
		if flag.TierRequired == plan.Key {
			p.Requiring = append(p.Requiring, flag)
		}
	}
	if p.Tenants, err = c.App.Store.CountTenants(ctx, models.TenantFilter{Plan: &plan.Key}); err != nil {
		return err
	}
	return c.Render(status, "plans/remove", p)
}
