// Package preview is the page that makes a link by which somebody sees a variant of a flag in their own browser, and nobody
// else does. It changes nothing: what the link says stands in the link.
package preview

import (
	"net/http"
	"slices"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/views"
)

// Register adds the page.
func Register(a *shell.App) {
	a.GET("/flags/:key/:env/preview", shell.InEnvironment(access.Editor), show)
	a.POST("/flags/:key/:env/preview", shell.InEnvironment(access.Editor), makeLink)
}

// page asks what to show and for how long; with a link it gives that.
type page struct {
	shell.FlagHead
	Form     *shell.Form
	Variants []views.Choice
	Lives    []views.Choice
	Here     bool   // the site beside these pages serves the environment
	Serves   string // title of the environment that it serves instead
	Gated    bool   // a plan may stand against the preview
	Variant  string // that the link shows
	Link     *shell.PreviewLink
}

// lives are for how long a preview can last.
func lives() map[string]time.Duration {
	return map[string]time.Duration{"1h": time.Hour, "24h": 24 * time.Hour, "168h": middleware.MaxPreview}
}

func ask(c *shell.Context) (page, error) {
	if !c.App.Previews() {
		return page{}, shell.NotFound("There is no site beside these pages that shows previews.")
	}
	head, err := c.FlagPage("overview")
	if err != nil {
		return page{}, err
	}
	in, err := c.Environment()
	if err != nil {
		return page{}, err
	}
	flag, ok := in.Flag(head.About.Name)
	if !ok {
		return page{}, shell.NotFound("%s does not have the flag %q yet. It can be added on its page.", in.Title, head.About.Name)
	}
	head.Settings = flag
	if err := head.Changeable(); err != nil {
		return page{}, err
	}
	p := page{FlagHead: head, Variants: variantsOf(flag), Here: c.App.PreviewsIn(in.Name), Gated: in.Revision().NeedsPlan(flag.Key),
		Lives: []views.Choice{{Value: "1h", Label: "1 hour"}, {Value: "24h", Label: "1 day"}, {Value: "168h", Label: "7 days"}}}
	p.Title = "Preview " + p.Title
	for _, environment := range head.Environments {
		if environment.Name == c.App.Flags.Environment() {
			p.Serves = environment.Title
		}
	}
	return p, nil
}

// variantsOf are the flag's variants, those that a boolean has by itself included. A migration's stages cannot be tried by
// one person: all of a tenant must meet the same database.
func variantsOf(flag *catalog.Flag) (choices []views.Choice) {
	if flag.Staged() {
		return nil
	}
	for _, v := range flag.AllVariants() {
		choices = append(choices, views.Choice{Value: v.Name, Label: v.Name})
	}
	return choices
}

func (p page) has(variant string) bool {
	return slices.ContainsFunc(p.Variants, func(c views.Choice) bool { return c.Value == variant })
}

func show(c *shell.Context) error {
	p, err := ask(c)
	if err != nil {
		return err
	}
	p.Form = shell.NewForm("life", "1h")
	if variant := c.Query("variant"); p.has(variant) {
		p.Form.Set("variant", variant)
	}
	return c.Render(http.StatusOK, "preview/ask", p)
}

func makeLink(c *shell.Context) error {
	p, err := ask(c)
	if err != nil {
		return err
	}
	if p.Form, err = c.Form(); err != nil {
		return err
	}
	life, known := lives()[p.Form.Get("life")]
	if !known {
		p.Form.Refuse("life", "Choose 1 hour, 1 day or 7 days.")
	}
	if !p.has(p.Form.Get("variant")) {
		p.Form.Refuse("variant", "Choose one of the flag's variants.")
	}
	if !p.Here || !p.Form.OK() {
		return c.Render(http.StatusUnprocessableEntity, "preview/ask", p)
	}
	p.Variant = p.Form.Get("variant")
	link, err := c.PreviewLink(p.Environment, middleware.Previewed{Variants: map[string]string{p.About.Name: p.Variant}}, life)
	if err != nil {
		return err
	}
	p.Link = &link
	return c.Render(http.StatusOK, "preview/link", p)
}
