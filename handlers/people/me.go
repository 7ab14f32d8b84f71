package people

import (
	"net/http"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
)

type mePage struct {
	shell.Page
	Form      *shell.Form
	Here      bool // the account is managed here, not by a host
	Password  bool // it has one
	Roles     []roleLine
	Sessions  []access.Session
	Tokens    []access.Token
	MayTokens bool
	Shortest  int
}

func (p pages) me(c *shell.Context) error { return p.showMe(c, http.StatusOK, shell.NewForm()) }

func (p pages) showMe(c *shell.Context, status int, form *shell.Form) error {
	base, err := c.Page("Your own page", "me")
	if err != nil {
		return err
	}
	page := mePage{Page: base, Form: form, Here: p.accounts != nil, MayTokens: c.Person.Highest() >= access.Editor, Shortest: access.Shortest}
	page.Roles = rolesInWords(c.Person.Roles, base.Environments)
	ctx, cancel := c.Ctx()
	defer cancel()
	if page.Tokens, err = p.tokens.All(ctx, c.Person.ID); err != nil {
		return err
	}
	if page.Here {
		if page.Sessions, err = p.accounts.Sessions(ctx, c.Person.ID, p.cookie(c, sessionCookie)); err != nil {
			return err
		}
		if page.Password, err = p.accounts.HasPassword(ctx, c.Person.ID); err != nil {
			return err
		}
	}
	return c.Render(status, "people/me", page)
}

func (p pages) changePassword(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	form.Require("Type your present password.", "present")
	checkNew(form, c.Person.Email, c.Person.Name)
	if !form.OK() {
		return p.showMe(c, http.StatusUnprocessableEntity, form)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	in, err := p.accounts.ChangePassword(ctx, c.Person.ID, form.Values.Get("present"), form.Values.Get("password"), p.client(c))
	if status, ok := p.refused(c, form, err); ok {
		c.Note(audit.Entry{Action: "password-refused", Lines: []string{err.Error()}})
		if status == http.StatusUnprocessableEntity {
			form.Message = ""
			form.Refuse("present", "This is not your present password.")
		}
		return p.showMe(c, status, form)
	}
	if err != nil {
		return err
	}
	c.Note(audit.Entry{Action: "password-changed"})
	p.enter(c, in)
	return c.Done("Your password is changed. All your other sessions have ended.", "me")
}

func (p pages) endOwnSession(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := p.accounts.EndSession(ctx, c.Person.ID, c.Param("session")); err != nil {
		return notFound(err)
	}
	c.Note(audit.Entry{Action: "session-ended"})
	return c.Done("The session has ended.", "me")
}

func (p pages) endOtherSessions(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := p.accounts.EndOtherSessions(ctx, c.Person.ID, p.cookie(c, sessionCookie)); err != nil {
		return err
	}
	c.Note(audit.Entry{Action: "sessions-ended"})
	return c.Done("All your other sessions have ended.", "me")
}
