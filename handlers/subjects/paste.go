package subjects

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// maxPasted is how many ids can be pasted at once.
const maxPasted = 10_000

// pastePage is the form for many overrides at once.
type pastePage struct {
	shell.FlagHead
	Form      *shell.Form
	Base      int64 // the environment's revision when the form was opened
	Gated     bool
	Variants  []views.Choice
	Conflicts []views.Conflict
}

func newPastePage(head shell.FlagHead, environment *catalog.Environment, form *shell.Form) pastePage {
	return pastePage{FlagHead: head, Form: form, Base: environment.Head, Gated: gated(environment, head.Settings), Variants: views.ChoicesOf(variantsOf(head.Settings)...)}
}

func pasteOverrides(c *shell.Context) error {
	head, environment, err := openFlag(c)
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "subjects/paste", newPastePage(head, environment, c.NewForm("kind", "user")))
}

// savePasted gives all listed users or tenants a variant, in one publish: all or none.
func savePasted(c *shell.Context) error {
	head, environment, err := openFlag(c)
	if err != nil {
		return err
	}
	form, err := c.Form()
	if err != nil {
		return err
	}
	page := newPastePage(head, environment, form)
	base, err := baseOf(form)
	if err != nil {
		return err
	}
	override := readOverride(form, head.Settings)
	ids, problems := pastedIDs(form.Values.Get("ids"))
	if len(problems) > 0 {
		form.Refuse("ids", strings.Join(problems, " "))
	}
	if !form.OK() {
		page.Base = base
		return c.Render(http.StatusUnprocessableEntity, "subjects/paste", page)
	}
	plan := planPasted(head.Settings, override, form.Get("kind"), ids, base)
	if len(plan.moved) > 0 {
		page.Conflicts = conflictsOf(&changes.ConflictError{Conflicts: plan.moved}, form.Zone, override)
		return c.Render(http.StatusConflict, "subjects/paste", page)
	}
	if len(plan.edits) > 0 {
		_, err = c.Publish(form, changes.Change{Environment: environment.Name, Reason: override.Reason, Edits: plan.edits})
	}
	if conflict, ok := shell.Conflict(err); ok {
		conflict.Conflicts = conflict.Conflicts[:min(len(conflict.Conflicts), shownConflicts)]
		page.Conflicts = conflictsOf(conflict, form.Zone, override)
		if now, err := c.Environment(); err == nil {
			page.Base = now.Head
		}
		return c.Render(http.StatusConflict, "subjects/paste", page)
	}
	if status := refused(form, err); status != 0 {
		return c.Render(status, "subjects/paste", page)
	}
	if err != nil {
		return err
	}
	return c.Done(plan.String(), "flags", head.About.Name, environment.Name, "overrides")
}

// shownProblems and shownConflicts bound what a page says of a long list.
const (
	shownProblems  = 20
	shownConflicts = 20
)

// pastedIDs reads ids, one on a line or with commas or semicolons between, each once, and says what is wrong with which
// line.
func pastedIDs(text string) (ids []string, problems []string) {
	seen := map[string]bool{}
	wrong := 0
	refuse := func(line int, format string, args ...any) {
		if wrong++; wrong <= shownProblems {
			problems = append(problems, fmt.Sprintf("Line %d: ", line)+fmt.Sprintf(format, args...))
		}
	}
	for i, line := range strings.Split(text, "\n") {
		for _, id := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ';' }) {
			id = strings.TrimSpace(id)
			if id == "" {
				continue
			}
			if seen[id] { // lists that people paste have repeats, and a repeat says nothing new
				continue
			}
			seen[id] = true
			if problem := idProblem(id); problem != "" {
				refuse(i+1, "%s", problem)
				continue
			}
			ids = append(ids, id)
		}
	}
	switch {
	case wrong > shownProblems:
		problems = append(problems, fmt.Sprintf("And %d more.", wrong-shownProblems))
	case wrong == 0 && len(ids) == 0:
		problems = append(problems, "Paste at least one id.")
	case len(ids) > maxPasted:
		problems = append(problems, fmt.Sprintf("These are %d ids: at most 10,000 go at once.", len(ids)))
	}
	return ids, problems
}

// pasted is what a list comes to.
type pasted struct {
	edits                     []changes.Edit
	added, changed, unchanged int
	moved                     []changes.Conflict // changed by somebody else since the form was opened
}

func planPasted(flag *catalog.Flag, override ruleset.Override, kind string, ids []string, base int64) pasted {
	users, tenants := map[string]*catalog.Override{}, map[string]*catalog.Override{}
	for _, o := range flag.Overrides {
		if o.User != "" {
			users[o.User] = o
		} else {
			tenants[o.Tenant] = o
		}
	}
	var plan pasted
	for _, id := range ids {
		next, before := override, users[id]
		if kind == "tenant" {
			next.Tenant, before = id, tenants[id]
		} else {
			next.User = id
		}
		switch {
		case before == nil:
			plan.added++
			plan.edits = append(plan.edits, changes.PutOverride{Override: next})
		case same(before.Override, next):
			plan.unchanged++
		case before.Version > base:
			if len(plan.moved) < shownConflicts {
				plan.moved = append(plan.moved, changes.Conflict{Item: changes.Item{Kind: changes.ItemOverride, Key: flag.Key, User: next.User, Tenant: next.Tenant},
					Base: base, Version: before.Version, Theirs: before.Override})
			}
		default:
			plan.changed++
			plan.edits = append(plan.edits, changes.PutOverride{Override: next, Base: before.Version})
		}
	}
	return plan
}

func same(a, b ruleset.Override) bool {
	return a.Variant == b.Variant && a.Reason == b.Reason && sameTime(a.Expires, b.Expires)
}

func sameTime(a, b *time.Time) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Equal(*b))
}

// String says what was done.
func (p pasted) String() string {
	return fmt.Sprintf("%s read: %d new, %d changed, %d unchanged.", countOf(p.added+p.changed+p.unchanged, "id was", "ids were"), p.added, p.changed, p.unchanged)
}
