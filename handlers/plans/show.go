package plans

import (
	"context"
	"net/http"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
)

// showPage says exactly what a plan includes.
type showPage struct {
	shell.Page
	Plan      *catalog.Plan
	Name      string
	Protected bool
	In        []models.Environment // those that have the plan, and that the person may see
	Included  []Feature
	OffNow    int // of these
	Excluded  []Feature
	Tenants   []models.Tenant // the first of them
	Total     int             // how many tenants are on it
}

// shown is how many tenants a plan's page names.
const shown = 10

func show(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("", "plans")
	if err != nil {
		return err
	}
	e, all, err := featuresOf(c)
	if err != nil {
		return err
	}
	plan, err := planOf(c, e)
	if err != nil {
		return err
	}
	p := showPage{Page: page, Plan: plan, Name: title(plan), Protected: e.Protected}
	p.Title = "What " + p.Name + " includes"
	if err := p.sort(ctx, c, all); err != nil {
		return err
	}
	if p.In, err = having(ctx, c, plan.Key); err != nil {
		return err
	}
	on := models.TenantFilter{Plan: &plan.Key}
	if p.Total, err = c.App.Store.CountTenants(ctx, on); err != nil {
		return err
	}
	if p.Tenants, err = c.App.Store.Tenants(ctx, on, 0, shown); err != nil {
		return err
	}
	return c.Render(http.StatusOK, "plans/show", p)
}

// sort parts what the plan includes from what it does not.
func (p *showPage) sort(ctx context.Context, c *shell.Context, all []Feature) error {
	addOns, err := c.App.Store.TenantsByAddOn(ctx)
	if err != nil {
		return err
	}
	for _, f := range all {
		f.AddOns = addOns[f.Key]
		if !f.In(p.Plan.Key).OK() {
			p.Excluded = append(p.Excluded, f)
			continue
		}
		p.Included = append(p.Included, f)
		if f.Off != "" {
			p.OffNow++
		}
	}
	return nil
}

// planOf is the plan of the environment that the path names.
func planOf(c *shell.Context, e *catalog.Environment) (*catalog.Plan, error) {
	plan, ok := e.Plan(c.Param("plan"))
	if !ok {
		return nil, shell.NotFound("There is no plan %q in %s.", c.Param("plan"), e.Title)
	}
	return plan, nil
}

// having are the environments that have a plan of that key.
func having(ctx context.Context, c *shell.Context, key string) ([]models.Environment, error) {
	environments, err := visible(ctx, c)
	if err != nil {
		return nil, err
	}
	var rows []models.Environment
	for _, e := range environments {
		if _, ok := e.Plan(key); ok {
			rows = append(rows, e.Environment)
		}
	}
	return rows, nil
}

// visible are the environments that the person may see.
func visible(ctx context.Context, c *shell.Context) ([]*catalog.Environment, error) {
	all, err := c.App.Catalog.Environments(ctx)
	if err != nil {
		return nil, err
	}
	var seen []*catalog.Environment
	for _, e := range all {
		if c.Person.In(e.Name) >= access.Viewer {
			seen = append(seen, e)
		}
	}
	return seen, nil
}
