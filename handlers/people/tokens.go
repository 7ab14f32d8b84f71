package people

import (
	"errors"
	"net/http"
	"time"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/views"
)

type newTokenPage struct {
	shell.Page
	Form   *shell.Form
	Where  []views.Choice
	Roles  []views.Choice
	Secret string // shown this once
	Latest string
}

func (p pages) newToken(c *shell.Context) error {
	inAQuarter := time.Now().UTC().AddDate(0, 3, 0).Format(time.DateOnly)
	return p.showNewToken(c, http.StatusOK, shell.NewForm("expires", inAQuarter, "role", "viewer"), "")
}

func (p pages) showNewToken(c *shell.Context, status int, form *shell.Form, secret string) error {
	base, err := c.Page("New token", "me")
	if err != nil {
		return err
	}
	page := newTokenPage{Page: base, Form: form, Secret: secret, Roles: roleChoices(c.Person.Highest()),
		Latest: time.Now().UTC().AddDate(1, 0, 0).Format(time.DateOnly)}
	for _, environment := range base.Environments {
		page.Where = append(page.Where, views.Choice{Value: environment.Name, Label: environment.Title})
	}
	if c.Person.In(access.Everywhere) > access.None {
		page.Where = append(page.Where, views.Choice{Value: access.Everywhere, Label: "All environments"})
	}
	return c.Render(status, "people/token", page)
}

func (p pages) makeToken(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	form.Require("Say what the token is for, such as the name of a program.", "name")
	if len(form.Get("name")) > 200 {
		form.Refuse("name", "Use at most 200 characters.")
	}
	form.Require("A token has to expire, at most a year from now.", "expires")
	role, err := access.ParseRole(form.Get("role"))
	if err != nil {
		form.Refuse("role", "Choose one of the roles.")
	}
	if err := p.knownEnvironment(c, form); err != nil {
		return err
	}
	expires := form.Date("expires")
	if expires != nil {
		end := expires.Add(24*time.Hour - time.Second) // that day included
		if expires = &end; !end.After(time.Now()) || time.Until(end) > 366*24*time.Hour {
			form.Refuse("expires", "Choose a day from today on, at most a year from now.")
		}
	}
	if form.OK() && role > c.Person.In(form.Get("environment")) {
		form.Refuse("role", "There you have no such role yourself: a token can do at most what you can.")
	}
	if !form.OK() {
		return p.showNewToken(c, http.StatusUnprocessableEntity, form, "")
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	secret, err := p.tokens.New(ctx, c.Person, form.Get("name"), role, form.Get("environment"), *expires)
	if errors.Is(err, access.ErrTooMuch) {
		return shell.Denied(role)
	}
	if form.Unavailable(err) {
		return p.showNewToken(c, http.StatusServiceUnavailable, form, "")
	}
	if err != nil {
		return err
	}
	c.Note(audit.Entry{Action: "token-made", Items: []audit.Item{{Kind: "token", Key: form.Get("name"),
		After: map[string]any{"role": role.String(), "environment": form.Get("environment"), "expires": expires.Format(time.RFC3339)}}}})
	return p.showNewToken(c, http.StatusOK, form, secret)
}

func (p pages) knownEnvironment(c *shell.Context, form *shell.Form) error {
	name := form.Get("environment")
	if name == access.Everywhere {
		return nil
	}
	base, err := c.Page("", "me")
	if err != nil {
		return err
	}
	for _, environment := range base.Environments {
		if environment.Name == name {
			return nil
		}
	}
	form.Refuse("environment", "Choose one of the environments that you may see.")
	return nil
}

func (p pages) revokeOwnToken(c *shell.Context) error { return p.revoke(c, c.Person.ID, "me") }

func (p pages) revokeToken(c *shell.Context) error { return p.revoke(c, "", "people", "tokens") }

func (p pages) revoke(c *shell.Context, creator string, to ...any) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := p.tokens.Revoke(ctx, c.Param("id"), creator, c.Person.Author()); err != nil {
		return notFound(err)
	}
	c.Note(audit.Entry{Action: "token-revoked", Topics: []string{audit.Topic("token", c.Param("id"))}})
	return c.Done("The token is revoked. It opens nothing any more.", to...)
}

type tokensPage struct {
	shell.Page
	Tokens []access.Token
	Here   bool
}

func (p pages) allTokens(c *shell.Context) error {
	base, err := c.Page("API tokens", "people")
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	tokens, err := p.tokens.All(ctx, "")
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "people/tokens", tokensPage{base, tokens, p.accounts != nil})
}
