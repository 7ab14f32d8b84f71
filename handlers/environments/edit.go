package environments

import (
	"cmp"
	"context"
	"net/http"
	"strconv"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/views"
)

// formPage is the form of an environment, new or not.
type formPage struct {
	shell.Page
	Form      *shell.Form
	Name      string // empty: it is new
	Base      int64
	From      []views.Choice
	Conflicts []views.Conflict
}

func create(c *shell.Context) error {
	return renderForm(c, http.StatusOK, formPage{Form: shell.NewForm("approvals", "1")})
}

func add(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	p := formPage{Form: form}
	approvals := approvalsOf(form)
	if err := knows(ctx, c, form); err != nil {
		return again(c, p, err)
	}
	if !form.OK() {
		return renderForm(c, http.StatusUnprocessableEntity, p)
	}
	_, err = c.App.Changes.AddEnvironment(ctx, changes.NewEnvironment{Name: form.Get("name"), Title: form.Get("title"),
		Protected: form.On("protected"), Approvals: approvals, From: form.Get("from"), Author: c.Person.Author(), Reason: form.Get("reason")})
	if err != nil {
		return again(c, p, err)
	}
	c.App.Log.Info("an environment was added", "environment", form.Get("name"), "from", form.Get("from"), "by", c.Person.Author())
	return c.Done("The environment "+form.Get("title")+" is there. Start instances with ENVIRONMENT="+form.Get("name")+" to serve it.", "environments")
}

// knows refuses an environment to copy that does not exist.
func knows(ctx context.Context, c *shell.Context, form *shell.Form) error {
	if form.Get("from") == "" {
		return nil
	}
	all, err := c.App.Store.Environments(ctx)
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Name == form.Get("from") {
			return nil
		}
	}
	form.Refuse("from", "There is no such environment to copy.")
	return nil
}

func edit(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	e, err := c.App.Store.Environment(ctx, c.Param("env"))
	if err != nil {
		return err
	}
	form := shell.NewForm("title", e.Title, "approvals", strconv.Itoa(e.Approvals))
	if e.Protected {
		form.Set("protected", "on")
	}
	return renderForm(c, http.StatusOK, formPage{Form: form, Name: e.Name, Base: e.Version})
}

func save(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	p := formPage{Form: form, Name: c.Param("env"), Base: base(form)}
	approvals := approvalsOf(form)
	if !form.OK() {
		return renderForm(c, http.StatusUnprocessableEntity, p)
	}
	err = c.App.Changes.EditEnvironment(ctx, changes.EnvironmentEdit{Name: p.Name, Title: form.Get("title"),
		Protected: form.On("protected"), Approvals: approvals, Author: c.Person.Author(), Base: p.Base})
	if conflict, ok := shell.Conflict(err); ok {
		p.Base, p.Conflicts = conflict.Conflicts[0].Version, compare(conflict.Conflicts[0], form)
		return renderForm(c, http.StatusConflict, p)
	}
	if err != nil {
		return again(c, p, err)
	}
	c.App.Log.Info("an environment was edited", "environment", p.Name, "protected", form.On("protected"), "approvals", approvals, "by", c.Person.Author())
	return c.Done("The environment was saved.", "environments")
}

func move(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := c.App.Changes.MoveEnvironment(ctx, c.Param("env"), form.Get("to") == "up", c.Person.Author(), base(form)); err != nil {
		return err
	}
	return c.Done("The order was saved.", "environments")
}

// again shows a form that was not taken, with the reason.
func again(c *shell.Context, p formPage, err error) error {
	switch {
	case p.Form.Refused(err, func(problem ruleset.Problem) string { return problem.Path }):
		return renderForm(c, http.StatusUnprocessableEntity, p)
	case p.Form.Unavailable(err):
		return renderForm(c, http.StatusServiceUnavailable, p)
	}
	return err
}

// approvalsOf reads how many approvals a change takes. A form that does not say is not complete: nothing is to be set to
// none by leaving it out.
func approvalsOf(form *shell.Form) int {
	n, err := strconv.Atoi(form.Get("approvals"))
	if err != nil || n < 0 || n > 10 {
		form.Refuse("approvals", "Write a number from 0 to 10.")
	}
	return n
}

func base(form *shell.Form) int64 {
	n, err := strconv.ParseInt(form.Get("base"), 10, 64)
	if err != nil {
		return -1 // of no version: whoever leaves the base out learns what there is
	}
	return n
}

func renderForm(c *shell.Context, status int, p formPage) error {
	name := "New environment"
	if p.Name != "" {
		name = "Edit " + p.Name
	}
	if status == http.StatusServiceUnavailable {
		p.Page, p.From = c.Offline(name, "environments"), []views.Choice{{Value: p.Form.Get("from"), Label: cmp.Or(p.Form.Get("from"), "Nothing: it begins empty")}}
		return c.Render(status, "environments/form", p)
	}
	page, err := c.Page(name, "environments")
	if status != http.StatusOK && p.Form.Unavailable(err) {
		return renderForm(c, http.StatusServiceUnavailable, p)
	}
	if err != nil {
		return err
	}
	p.Page = page
	p.From = []views.Choice{{Value: "", Label: "Nothing: it begins empty"}}
	for _, e := range page.Environments {
		p.From = append(p.From, views.Choice{Value: e.Name, Label: "A copy of " + cmp.Or(e.Title, e.Name)})
	}
	return c.Render(status, "environments/form", p)
}

// compare shows what somebody else has made of the environment beside what was typed.
func compare(conflict changes.Conflict, form *shell.Form) []views.Conflict {
	theirs, _ := conflict.Theirs.(models.Environment)
	return []views.Conflict{{What: "Environment " + theirs.Name, Lines: []views.ConflictLine{
		{Field: "Title", Theirs: theirs.Title, Yours: form.Get("title")},
		{Field: "Protected", Theirs: yes(theirs.Protected), Yours: yes(form.On("protected"))},
		{Field: "Approvals", Theirs: strconv.Itoa(theirs.Approvals), Yours: form.Get("approvals")},
		{Field: "Changed by", Theirs: theirs.ChangedBy, Yours: ""},
	}}}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
