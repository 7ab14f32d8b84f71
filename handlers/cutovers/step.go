package cutovers

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/ruleset"
)

// step moves everybody, or one group, to a stage: the button says who and where to.
func (b *board) step(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	p, err := b.open(c)
	if err != nil {
		return err
	}
	edits, what := p.stepOf(form)
	if len(edits) == 0 {
		return shell.Refused(http.StatusBadRequest, "There is no such step", "Open the page again: the groups of tenants may have changed.")
	}
	return p.publish(c, form, what, edits)
}

// stepOf are the edits that a button asks for, and what they do.
func (p *onePage) stepOf(form *shell.Form) (edits []changes.Edit, what string) {
	group, base := form.Get("group"), baseOf(form)
	if form.Get("to") == "none" {
		return dropGroup(p.Flag, group, base), p.titled("a group joins the others")
	}
	to, ok := ruleset.ParseStage(form.Get("to"))
	if !ok {
		return nil, ""
	}
	if group == "all" {
		return together(p.Flag, to, base), p.titled("everybody to " + p.WordsOf(to).Title)
	}
	return moveGroup(p.Flag, group, to, base), p.titled("a group to " + p.WordsOf(to).Title)
}

// titled is the title of a request for a step.
func (p *onePage) titled(step string) string { return p.Standing.Name() + ": " + step }

// publish makes a change of stages, after it was looked at. What stands against it is said on the page that asked.
func (p *onePage) publish(c *shell.Context, form *shell.Form, title string, edits []changes.Edit) error {
	published, err := c.Propose(form, title, changes.Change{Environment: p.In.Name, Edits: edits})
	if done, err := p.refused(c, err); done || err != nil {
		return err
	}
	return c.Done(said(published[0]), "migrations", p.In.Name, p.Flag.Key)
}

// said tells what came of a change.
func said(published changes.Published) string {
	if !published.New {
		return "Nothing was different, so nothing was published."
	}
	return fmt.Sprintf("Published in revision %d. The next step waits until every instance follows it.", published.Number)
}

// baseOf is the version that a form was made against; one that cannot be read conflicts.
func baseOf(form *shell.Form) int64 {
	base, err := strconv.ParseInt(form.Get("base"), 10, 64)
	if err != nil {
		return -1
	}
	return base
}
