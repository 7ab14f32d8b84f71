package plans

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

// tenantsPage lists the tenants that have, or had, a plan or an add-on.
type tenantsPage struct {
	shell.Page
	Search, Plan, AddOn string
	Plans               []views.Choice
	Titles              map[string]string // of plans, by key
	Tenants             []models.Tenant
	Pager               views.Pager
}

// withoutPlan stands for no plan in addresses and forms; no plan's key looks like it.
const withoutPlan = "-"

// tenantsPerPage is how many tenants are listed at once.
const tenantsPerPage = 50

func tenants(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("Tenants", "plans")
	if err != nil {
		return err
	}
	p := tenantsPage{Page: page, Search: searched(c), Plan: storable(c.Query("plan")), AddOn: storable(c.Query("add-on"))}
	if p.Titles, p.Plans, err = plansAnywhere(ctx, c); err != nil {
		return err
	}
	filter := models.TenantFilter{Search: p.Search, AddOn: p.AddOn}
	if p.Plan != "" {
		plan := fromChoice(p.Plan)
		filter.Plan = &plan
	}
	total, err := c.App.Store.CountTenants(ctx, filter)
	if err != nil {
		return err
	}
	pager, from, to := views.PagerOf(c.Request.URL, total, tenantsPerPage)
	p.Pager = pager
	if p.Tenants, err = c.App.Store.Tenants(ctx, filter, from, to-from); err != nil {
		return err
	}
	return c.Render(http.StatusOK, "plans/tenants", p)
}

// plansAnywhere are all plans of the environments that the person may see: their titles, and the choice among them.
func plansAnywhere(ctx context.Context, c *shell.Context) (map[string]string, []views.Choice, error) {
	environments, err := visible(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	titles := map[string]string{}
	var choices []views.Choice
	for _, e := range environments {
		for _, plan := range e.Plans {
			if _, known := titles[plan.Key]; !known {
				titles[plan.Key] = title(plan)
				choices = append(choices, views.Choice{Value: plan.Key, Label: title(plan)})
			}
		}
	}
	return titles, append(choices, views.Choice{Value: withoutPlan, Label: "No plan"}), nil
}

func fromChoice(value string) string {
	if value == withoutPlan {
		return ""
	}
	return value
}

// tenantPage is one tenant: its plan, its add-ons, and what they were.
type tenantPage struct {
	shell.Page
	ID        string
	Form      *shell.Form // which plan
	AddOnForm *shell.Form
	Plan      models.TenantPlan // the present one; its zero value: it never had one
	Titles    map[string]string
	Plans     []views.Choice
	Missing   []models.Environment // those that have no such plan: what needs a plan is off there
	Has, Had  []models.TenantAddOn
	AddOns    []views.Choice // what can be added
	Features  map[string]string
	History   []models.TenantPlan
	Conflicts []views.Conflict
	MayEdit   bool
}

// history is how many entries of a tenant's history are shown.
const history = 100

func tenant(c *shell.Context) error {
	id := storable(c.Query("id"))
	if id == "" {
		return shell.NotFound("The address names no tenant. Look for it among the tenants.")
	}
	return renderTenant(c, http.StatusOK, tenantPage{ID: id})
}

// tenantURL is the address of a tenant's page. Ids are not parts of paths, since they may be any text.
func tenantURL(c *shell.Context, id string) string {
	return c.App.Link("tenant") + "?" + url.Values{"id": {id}}.Encode()
}

func renderTenant(c *shell.Context, status int, p tenantPage) error {
	if status == http.StatusServiceUnavailable {
		return renderTenantOffline(c, p)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page(p.ID, "plans")
	if err != nil {
		return err
	}
	p.Page, p.MayEdit = page, mayEditTenants(c)
	if err := p.readPlans(ctx, c); err != nil {
		return err
	}
	if err := p.readAddOns(ctx, c); err != nil {
		return err
	}
	if p.Form == nil {
		p.Form = shell.NewForm("plan", cmp.Or(p.Plan.Plan, withoutPlan))
	}
	if p.AddOnForm == nil {
		p.AddOnForm = shell.NewForm()
	}
	return c.Render(status, "plans/tenant", p)
}

// renderTenantOffline shows the forms alone, with what was chosen, since nothing can be read.
func renderTenantOffline(c *shell.Context, p tenantPage) error {
	p.Page, p.MayEdit = c.Offline(p.ID, "plans"), true
	if p.Form != nil {
		p.Plans, p.Plan.ID = typed(p.Form, "plan"), base(p.Form, "base")
	} else {
		p.Form = shell.NewForm()
	}
	if p.AddOnForm != nil {
		p.AddOns = typed(p.AddOnForm, "feature")
	} else {
		p.AddOnForm = shell.NewForm()
	}
	return c.Render(http.StatusServiceUnavailable, "plans/tenant-offline", p)
}

func typed(form *shell.Form, field string) []views.Choice {
	return []views.Choice{{Value: form.Get(field), Label: form.Get(field)}}
}

func (p *tenantPage) readPlans(ctx context.Context, c *shell.Context) (err error) {
	if p.History, err = c.App.Store.TenantPlans(ctx, p.ID, history); err != nil {
		return err
	}
	if len(p.History) > 0 {
		p.Plan = p.History[0]
	}
	if p.Titles, p.Plans, err = plansAnywhere(ctx, c); err != nil {
		return err
	}
	if _, known := p.Titles[p.Plan.Plan]; !known && p.Plan.Plan != "" {
		p.Plans = append(p.Plans, views.Choice{Value: p.Plan.Plan, Label: p.Plan.Plan + " (there is no such plan)"})
	}
	environments, err := visible(ctx, c)
	if err != nil {
		return err
	}
	for _, e := range environments {
		if _, ok := e.Plan(p.Plan.Plan); !ok && p.Plan.Plan != "" {
			p.Missing = append(p.Missing, e.Environment)
		}
	}
	return nil
}

func (p *tenantPage) readAddOns(ctx context.Context, c *shell.Context) error {
	rows, err := c.App.Store.TenantAddOnHistory(ctx, p.ID, history)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, row := range rows {
		if row.EndedAt == nil {
			p.Has, has[row.Feature] = append(p.Has, row), true
		} else {
			p.Had = append(p.Had, row)
		}
	}
	about, err := c.App.Catalog.Flags(ctx)
	if err != nil {
		return err
	}
	p.Features = map[string]string{}
	for _, row := range rows {
		p.Features[row.Feature] = cmp.Or(about.ByKey[row.Feature].Title, row.Feature)
	}
	if !p.MayEdit {
		return nil
	}
	p.AddOns, err = addOnChoices(ctx, c, has)
	return err
}
