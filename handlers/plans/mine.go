package plans

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// minePage is what a tenant's own admin sees of their plan. It knows nothing of rules, reasons, other tenants, or flags
// that nobody has described for people.
type minePage struct {
	shell.Page
	Plan     string // title; empty: none
	Included []benefit
	AddOns   []benefit
	Higher   []higher
}

// benefit is a feature, in words for customers.
type benefit struct {
	Title, Description string
	Note               string // where it cannot be used by everybody now
}

// higher is a plan above the tenant's, with what it would add.
type higher struct {
	Title string
	Adds  []benefit
}

// mine is for persons who belong to a tenant, whose id comes from their sign-in and from nowhere else.
func mine(c *shell.Context) error {
	if c.Person.Tenant == "" {
		return shell.NotFound("This page is for those who look after a tenant's account, and you are signed in for none.")
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("Your plan", "")
	if err != nil {
		return err
	}
	e, about, err := served(ctx, c)
	if err != nil {
		return err
	}
	plan, addOns, err := bought(ctx, c.App.Store, c.Person.Tenant, e.Name)
	if err != nil {
		return err
	}
	page.Environment = ""
	p := minePage{Page: page}
	p.tell(features(e, about, time.Now()), e, about, ruleset.Subject{Tenant: c.Person.Tenant, Plan: plan, AddOns: addOns})
	return c.Render(http.StatusOK, "plans/mine", p)
}

// bought is the plan and the add-ons of a tenant: those that are stored here or, where nothing ever was, because the host
// keeps them itself, those with which the site saw the tenant last.
func bought(ctx context.Context, store *models.Store, tenant, environment string) (plan string, addOns []string, err error) {
	plan, addOns, err = store.Subscription(ctx, tenant)
	if err != nil || plan != "" || len(addOns) > 0 {
		return plan, addOns, err
	}
	if _, _, known, err := store.SubscriptionAt(ctx, tenant, time.Now()); err != nil || known {
		return "", nil, err
	}
	seen, err := store.TenantSeen(ctx, environment, tenant)
	if errors.Is(err, models.ErrNotFound) {
		return "", nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(cmp.Or(seen.AddOns, "null")), &addOns)
	}
	return seen.Plan, addOns, err
}

// served is the environment that this instance serves, which is where its tenants are.
func served(ctx context.Context, c *shell.Context) (*catalog.Environment, *catalog.Flags, error) {
	name := "production"
	if c.App.Flags != nil {
		name = c.App.Flags.Environment()
	}
	e, err := c.App.Catalog.Environment(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	about, err := c.App.Catalog.Flags(ctx)
	return e, about, err
}

// tell sorts the features that have a title by who gives them: the tenant's plan, its add-ons, or a higher plan.
func (p *minePage) tell(all []Feature, e *catalog.Environment, about *catalog.Flags, subject ruleset.Subject) {
	all = slices.DeleteFunc(all, func(f Feature) bool { // a key is no title: nobody wrote it for customers
		written := about.ByKey[f.Key].Title
		return written == "" || written == f.Key
	})
	present, known := e.Plan(subject.Plan)
	if known {
		p.Plan = title(present)
	}
	has := map[string]bool{}
	for _, f := range all {
		benefit, released := benefitOf(f)
		bought := known && slices.Contains(subject.AddOns, f.Key)
		included := known && f.In(present.Key).OK()
		has[f.Key] = bought || included
		switch {
		case !released:
		case included:
			p.Included = append(p.Included, benefit)
		case bought:
			p.AddOns = append(p.AddOns, benefit)
		}
	}
	for _, plan := range e.Plans {
		if !known || plan.Rank > present.Rank {
			p.offer(all, e, plan, has, subject)
		}
	}
}

// offer adds what a plan would give that the tenant does not have. Only what they would really get is offered: the flags
// are decided as if they had the plan already.
func (p *minePage) offer(all []Feature, e *catalog.Environment, plan *catalog.Plan, has map[string]bool, subject ruleset.Subject) {
	subject.Plan = plan.Key
	values := e.Revision().Evaluate(subject, time.Now())
	h := higher{Title: title(plan)}
	for _, f := range all {
		if has[f.Key] || !f.In(plan.Key).OK() || !gives(f.Flag, values) {
			continue
		}
		h.Adds = append(h.Adds, benefit{Title: f.Title, Description: f.Description})
		has[f.Key] = true // a plan above it has it too, and says so
	}
	if len(h.Adds) > 0 {
		p.Higher = append(p.Higher, h)
	}
}

// gives reports whether the values hold the flag for the tenant: on, or another variant than its off.
func gives(flag *catalog.Flag, values ruleset.Values) bool {
	if flag.Type == ruleset.Boolean {
		return values.On(flag.Key)
	}
	detail := values.Detail(flag.Key)
	return detail.Reason != ruleset.Error && detail.Reason != ruleset.Killed && detail.Reason != ruleset.Disabled && detail.Variant != cmp.Or(flag.Off, "off")
}

// benefitOf puts a feature in words for customers; false if it is not out yet, which is nobody's business.
func benefitOf(f Feature) (benefit, bool) {
	b := benefit{Title: f.Title, Description: f.Description}
	switch f.Rollout {
	case catalog.Everyone:
		return b, true
	case catalog.Partial:
		b.Note = "being introduced step by step"
		return b, true
	case catalog.Killed:
		b.Note = "not available at the moment"
		return b, true
	}
	return b, false
}
