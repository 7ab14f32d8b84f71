package cutovers

import (
	"net/http"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// forcePage asks for a step that goes further than to the neighbouring stage.
type forcePage struct {
	*onePage
	Form   *shell.Form
	Stages []views.Choice
}

func (b *board) offerForce(c *shell.Context) error {
	p, err := b.openForce(c)
	if err != nil {
		return err
	}
	p.Form = shell.NewForm("base", p.Version(), "to", p.otherwise().String())
	return p.render(c, http.StatusOK)
}

func (b *board) openForce(c *shell.Context) (*forcePage, error) {
	one, err := b.open(c)
	if err != nil {
		return nil, err
	}
	if !one.Stages.Staged {
		return nil, shell.NotFound("This flag has two stages, between which nothing has to be forced.")
	}
	p := &forcePage{onePage: one}
	for _, words := range stageWords() {
		p.Stages = append(p.Stages, views.Choice{Value: words.Stage.String(), Label: words.Title})
	}
	return p, nil
}

func (p *forcePage) render(c *shell.Context, status int) error {
	p.Page.Title = "Force a stage of " + p.Standing.Name()
	return c.Render(status, "cutovers/force", p)
}

// force brings everybody to a stage, however far it is. That the side that then answers has all rows is never lifted.
func (b *board) force(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := b.openForce(c)
	if err != nil {
		return err
	}
	p.Form = form
	to, ok := ruleset.ParseStage(form.Get("to"))
	if !ok {
		form.Refuse("to", "Choose a stage.")
	}
	form.Require("Say why it has to be forced: it stands in the history and in the audit.", "reason")
	if !form.OK() {
		return p.render(c, http.StatusUnprocessableEntity)
	}
	change := changes.Change{Environment: p.In.Name, Edits: forced(p.Flag, to, baseOf(form)), Notes: []string{"Forced: stages in between are left out, so instances may be two stages apart for a moment. A write of that moment may reach one database alone."}}
	published, err := c.Propose(form, p.titled("forced to "+p.WordsOf(to).Title), change)
	if status := standsAgainst(p.Form, p.Version(), err); status != 0 {
		return p.render(c, status)
	}
	if err != nil {
		return err
	}
	return c.Done(said(published[0]), "migrations", p.In.Name, p.Flag.Key)
}
