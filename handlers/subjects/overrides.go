package subjects

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// overridesPage lists a flag's overrides in an environment.
type overridesPage struct {
	shell.FlagHead
	Gated   bool   // a plan can exclude the flag
	Total   int    // all overrides
	Expired int    // of them
	Query   string // the list's filters
	State   string
	Rows    []overrideRow
	Pager   views.Pager
}

// overrideRow is an override with whether it does anything.
type overrideRow struct {
	*catalog.Override
	Expired  bool
	Excluded bool // the subject's plan, as it was seen last, excludes the flag, which no override can beat
}

// ParamName is the field under which the subject's id travels.
func (o overrideRow) ParamName() string {
	if o.User != "" {
		return "user"
	}
	return "tenant"
}

// SubjectID is whose override it is.
func (o overrideRow) SubjectID() string { return cmp.Or(o.User, o.Tenant) }

func expired(o *catalog.Override, now time.Time) bool {
	return o.Expires != nil && !now.Before(*o.Expires)
}

func listOverrides(c *shell.Context) error {
	head, environment, err := flagIn(c, "overrides")
	if err != nil {
		return err
	}
	now, query := time.Now(), c.Request.URL.Query()
	page := overridesPage{FlagHead: head, Query: query.Get("q"), State: query.Get("state"), Total: len(head.Settings.Overrides), Gated: gated(environment, head.Settings)}
	text := searchFor(page.Query)
	var list []*catalog.Override
	for _, o := range head.Settings.Overrides {
		old := expired(o, now)
		if old {
			page.Expired++
		}
		if page.State == "expired" && !old || page.State == "active" && old || !text.in(o.User, o.Tenant, o.Reason, o.CreatedBy, o.Variant) {
			continue
		}
		list = append(list, o)
	}
	pager, from, to := views.PagerOf(c.Request.URL, len(list), pageSize)
	page.Pager = pager
	seen, err := c.App.Directory.Snapshot(c.Request.Context(), environment.Name)
	if err != nil {
		return err
	}
	decider := environment.Revision().Decider(head.About.Name)
	for _, o := range list[from:to] {
		page.Rows = append(page.Rows, overrideRow{o, expired(o, now), page.Gated && excluded(decider, seen, o, now)})
	}
	return c.Render(http.StatusOK, "subjects/overrides", page)
}

// openFlag begins a page on which the flag's overrides are changed.
func openFlag(c *shell.Context) (shell.FlagHead, *catalog.Environment, error) {
	head, environment, err := flagIn(c, "overrides")
	if err == nil {
		err = head.Changeable()
	}
	return head, environment, err
}

// flagIn begins a page about a flag that the environment has.
func flagIn(c *shell.Context, tab string) (shell.FlagHead, *catalog.Environment, error) {
	head, err := c.FlagPage(tab)
	if err != nil {
		return head, nil, err
	}
	if head.Settings == nil {
		return head, nil, shell.NotFound("%s does not have the flag %q.", head.Environment, head.About.Name)
	}
	environment, err := c.Environment()
	if err != nil {
		return head, nil, err
	}
	if flag, ok := environment.Flag(head.About.Name); ok {
		head.Settings = flag // as new as the environment
	}
	return head, environment, nil
}

// gated reports whether a plan can exclude the flag.
func gated(environment *catalog.Environment, flag *catalog.Flag) bool {
	return flag.TierRequired != "" || flag.Kind == ruleset.Premium ||
		slices.ContainsFunc(environment.Plans, func(p *catalog.Plan) bool { return slices.Contains(p.Features, flag.Key) })
}

// excluded reports whether the plan of whoever the override is for, as it was seen last, excludes the flag.
func excluded(decider *ruleset.Decider, seen *directory.Snapshot, o *catalog.Override, now time.Time) bool {
	subject, known := seen.Tenant(o.Tenant)
	if o.User != "" {
		subject, known = seen.Person(o.User)
	}
	if !known {
		return false
	}
	asks := subject.Subject()
	reason := decider.Decide(&asks, now).Reason
	return reason == ruleset.PlanExcluded || reason == ruleset.PlanUnknown
}

// removeOverride ends one override. It stays in the history.
func removeOverride(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	key, user, tenant := c.Param("key"), form.Values.Get("user"), form.Values.Get("tenant")
	base, err := baseOf(form)
	if err != nil {
		return err
	}
	if (user == "") == (tenant == "") || base == 0 {
		return shell.Refused(http.StatusBadRequest, "This form is damaged", "Go back, load the page anew and try again.")
	}
	if _, err := c.Publish(form, changes.Change{Environment: c.Param("env"), Reason: "removed an override",
		Edits: []changes.Edit{changes.RemoveOverride{Flag: key, User: user, Tenant: tenant, Base: base}}}); err != nil {
		return err
	}
	return done(c, form, fmt.Sprintf("The override for %s is removed.", cmp.Or(user, tenant)))
}

// removeExpired ends all overrides that have expired, those that somebody prolonged in the meantime excepted.
func removeExpired(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	head, environment, err := flagIn(c, "overrides")
	if err != nil {
		return err
	}
	var edits []changes.Edit
	for _, o := range head.Settings.Overrides {
		if expired(o, time.Now()) {
			edits = append(edits, changes.RemoveOverride{Flag: o.Flag, User: o.User, Tenant: o.Tenant, Base: o.Version})
		}
	}
	if len(edits) > 0 {
		if _, err := c.Publish(form, changes.Change{Environment: environment.Name, Reason: "removed overrides that had expired", Edits: edits}); err != nil {
			return err
		}
	}
	return c.Done(fmt.Sprintf("%s removed.", countOf(len(edits), "expired override is", "expired overrides are")), "flags", head.About.Name, environment.Name, "overrides")
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}
