package flag

import (
	"net/http"
	"slices"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// While the database cannot be reached, a form that was sent comes back with all that was typed. What the page would
// show beside it is not known then.

// keptForm sends such a form again, if err says that the database cannot be reached; else it gives err to the caller.
func keptForm(c *shell.Context, err error, name string, page func(*shell.Form) any) error {
	f, wrong := c.Form()
	if wrong != nil || !f.Unavailable(err) {
		return err
	}
	c.Header("Retry-After", "10")
	return c.Render(http.StatusServiceUnavailable, name, page(f))
}

// headOf is the head of a page about the flag of the path, of which no more than its key is known.
func headOf(c *shell.Context, tab string) shell.FlagHead {
	page := c.Bare(c.Param("key"))
	page.Area, page.Environment = "flags", c.Param("env")
	return shell.FlagHead{Page: page, About: models.FeatureFlag{Name: c.Param("key")}, Tab: tab}
}

// newFrom is the page of a new flag with nothing but what was typed.
func newFrom(c *shell.Context) func(*shell.Form) any {
	return func(f *shell.Form) any {
		page := newPage{Page: c.Bare("New flag"), Form: f, Kinds: kinds(), Types: types(), Plans: planTyped(f), Variants: variantsPart{Rows: readRows(f)}}
		for _, name := range f.All("in") {
			page.In = append(page.In, newIn{models.Environment{Name: name, Title: name}, true})
		}
		return page
	}
}

// settingsFrom is the page of settings with nothing but what was typed.
func settingsFrom(c *shell.Context) func(*shell.Form) any {
	return func(f *shell.Form) any {
		page := settingsPage{FlagHead: headOf(c, "settings"), In: c.Param("env"), Form: f, Plans: planTyped(f)}
		page.Variants.Fixed = f.Values.Has("boolean.otherwise")
		page.Staged = page.Variants.Fixed && !f.Values.Has("boolean.off")
		page.readRows()
		for _, field := range []string{"boolean.off", "boolean.otherwise", "boolean.default"} {
			choice := views.Choice{Value: f.Get(field), Label: f.Get(field)}
			if !slices.Contains(page.Choices, choice) {
				page.Choices = append(page.Choices, choice)
			}
		}
		page.OffChoices = page.Choices
		return page
	}
}

func planTyped(f *shell.Form) []views.Choice {
	choices := planChoices()
	if key := tierRead(f); key != "" {
		choices = append(choices, views.Choice{Value: key, Label: fromPlan(key)})
	}
	return choices
}

// switchFrom is the page that asks for an act, with nothing but what was typed.
func switchFrom(c *shell.Context, a act) func(*shell.Form) any {
	return func(f *shell.Form) any {
		page := switchPage{FlagHead: headOf(c, "overview"), Act: a, In: c.Param("env"), Form: f, Now: "Not known while the database cannot be reached."}
		page.About.Kind = ruleset.Release
		page.Unknown = true
		return page
	}
}
