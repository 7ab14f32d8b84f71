// Package maintenance is the page on which a site is closed for work and opened again: now or at a time, as a whole, for
// tenants or at paths. Closing takes two clicks and opening one, and neither waits for an approval.
package maintenance

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// Register adds the pages.
func Register(a *shell.App) {
	a.GET("/maintenance", shell.Anywhere(access.Viewer), list)
	a.GET("/maintenance/:env", shell.InEnvironment(access.Approver), ask)
	a.POST("/maintenance/:env", shell.InEnvironment(access.Approver), turnOn)
	a.POST("/maintenance/:env/end", shell.InEnvironment(access.Approver), end)
}

// Phase is how far maintenance is in an environment.
type Phase string

const (
	Off       Phase = "off"
	Scheduled Phase = "scheduled"
	Announced Phase = "announced"
	On        Phase = "on"
	Over      Phase = "over" // its end is past; nobody sees it any more, and its rule is still there
	ByHand    Phase = "hand" // by rules of the flag's own, which are not made here
)

// Place is maintenance in one environment.
type Place struct {
	models.Environment
	Phase   Phase
	Value   ruleset.Maintenance // meaningless while off
	Tenants []string            // whom it concerns; empty: everybody
	Drained time.Time           // until when those who were at work go on; zero: they do not
	Exempt  []*catalog.Override // who is let through by override
	Flag    *catalog.Flag       // nil: the environment has none yet
	Mistake string              // why the flag closes nothing, whatever is set; empty: it can
}

// Set reports whether there is something that can be ended here.
func (p Place) Set() bool {
	return p.Phase == Scheduled || p.Phase == Announced || p.Phase == On || p.Phase == Over
}

// PlaceOf looks at an environment.
func PlaceOf(e *catalog.Environment, now time.Time) Place {
	p := Place{Environment: e.Environment, Phase: Off}
	flag, ok := e.Flag(ruleset.MaintenanceKey)
	if !ok {
		return p
	}
	p.Flag = flag
	switch {
	case flag.Kind != ruleset.Operational || flag.Type != ruleset.JSON:
		p.Mistake = "It is not an operational flag of type json, so no site follows it."
	case flag.Malformed != "":
		p.Mistake = "It cannot be read, so no site follows it."
	case flag.Archived:
		p.Mistake = "It is archived here, so no site follows it."
	case flag.Killed:
		p.Mistake = "It is killed here, so everything is open until the kill is lifted."
	}
	for _, override := range flag.Overrides {
		if override.Variant == flag.Off && (override.Expires == nil || now.Before(*override.Expires)) {
			p.Exempt = append(p.Exempt, override)
		}
	}
	rule, on := changes.MaintenanceOn(flag.Flag)
	if !on {
		if p.Mistake == "" && closesByHand(e, flag) {
			p.Phase = ByHand
		}
		return p
	}
	p.set(flag, rule, now)
	return p
}

// set is what Maintain has set.
func (p *Place) set(flag *catalog.Flag, rule ruleset.Rule, now time.Time) {
	for _, v := range flag.Variants {
		if v.Name != changes.MaintenanceVariant {
			continue
		}
		var err error
		if p.Value, err = ruleset.ParseMaintenance(v.Value); err != nil {
			p.Mistake = cmp.Or(p.Mistake, "Its value cannot be read, so no site follows it: "+err.Error()+".")
		}
	}
	if rule.When != nil {
		p.Tenants = rule.When.Values
	}
	p.Drained, _ = p.Value.Drained()
	switch {
	case p.Value.Begun(now):
		p.Phase = On
	case p.Value.Announced(now):
		p.Phase = Announced
	case p.Value.Start != nil && now.Before(*p.Value.Start):
		p.Phase = Scheduled
	default:
		p.Phase = Over
	}
}

// closesByHand reports whether the flag's own rules close something for somebody.
func closesByHand(e *catalog.Environment, flag *catalog.Flag) bool {
	_, variants, _ := e.Revision().Reachable(flag.Key)
	for _, v := range variants {
		if m, err := ruleset.ParseMaintenance(v.Value); err == nil && m.On {
			return true
		}
	}
	return false
}

type listPage struct {
	shell.Page
	Places []Place
	Now    time.Time
}

// Draining reports whether those who were at work still go on.
func (p listPage) Draining(at Place) bool { return at.Phase == On && p.Now.Before(at.Drained) }

func list(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	page, err := c.Page("Maintenance", "maintenance")
	if err != nil {
		return err
	}
	all, err := c.App.Catalog.Environments(ctx)
	if err != nil {
		return err
	}
	p := listPage{Page: page, Now: time.Now()}
	for _, e := range all {
		if c.Person.In(e.Name) >= access.Viewer {
			p.Places = append(p.Places, PlaceOf(e, p.Now))
		}
	}
	return c.Render(http.StatusOK, "maintenance/list", p)
}

// end opens the site again. What was approved is ended as it was made: by a change request.
func end(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	reason := cmp.Or(form.Get("reason"), "The maintenance is over")
	published, err := c.App.Changes.EndMaintenance(ctx, c.Param("env"), "", c.Actor(), reason)
	var protected *changes.ProtectedError
	if errors.As(err, &protected) {
		published, err = askToEnd(c, form)
	}
	if err != nil {
		return err
	}
	if !published.New {
		return c.Done("Nothing was changed: there was no maintenance to end.", "maintenance")
	}
	if in, err := c.Environment(); err == nil {
		if at := PlaceOf(in, time.Now()); at.Set() && at.Phase != Over {
			return c.Done("The maintenance is ended, and what was set before it holds again.", "maintenance")
		}
	}
	return c.Done("The maintenance is ended: everything is open, on every instance.", "maintenance")
}

func askToEnd(c *shell.Context, form *shell.Form) (changes.Published, error) {
	in, err := c.Environment()
	if err != nil {
		return changes.Published{}, err
	}
	flag, ok := in.Flag(ruleset.MaintenanceKey)
	if !ok {
		return changes.Published{}, changes.ErrNoFlag
	}
	return c.Publish(form, changes.Change{Environment: in.Name, Reason: "The maintenance is over", Edits: []changes.Edit{Opening(flag)}})
}

// Opening is the change that ends maintenance where that has to be approved.
func Opening(flag *catalog.Flag) changes.Edit {
	opened := flag.Flag
	opened.Rules = changes.WithoutMaintenance(opened.Rules)
	return changes.PutFlag{Flag: &opened, Base: flag.Version}
}
