package people

import (
	"errors"
	"net/http"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/models"
)

type listPage struct {
	shell.Page
	Accounts []accountLine
}

type accountLine struct {
	access.Account
	Lines []roleLine
}

func (p pages) list(c *shell.Context) error {
	base, err := c.Page("People and access", "people")
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	accounts, err := p.accounts.All(ctx)
	if err != nil {
		return err
	}
	page := listPage{Page: base}
	for _, account := range accounts {
		page.Accounts = append(page.Accounts, accountLine{account, rolesInWords(account.Roles, base.Environments)})
	}
	return c.Render(http.StatusOK, "people/list", page)
}

type invitePage struct {
	shell.Page
	Form *shell.Form
}

func (p pages) invitePage(c *shell.Context) error {
	return p.showInvite(c, http.StatusOK, shell.NewForm("role", "viewer"))
}

func (p pages) showInvite(c *shell.Context, status int, form *shell.Form) error {
	base, err := c.Page("Invite somebody", "people")
	if err != nil {
		return err
	}
	return c.Render(status, "people/invite", invitePage{base, form})
}

func (p pages) invite(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	base, err := c.Page("", "people")
	if err != nil {
		return err
	}
	form.Require("Write the e-mail address of who is to join.", "email")
	if message := access.CheckEmail(form.Get("email")); form.Get("email") != "" && message != "" {
		form.Refuse("email", message)
	}
	if len(form.Get("name")) > 200 {
		form.Refuse("name", "Use at most 200 characters.")
	}
	roles := readRoles(form, base.Environments)
	if !form.OK() {
		return p.showInvite(c, http.StatusUnprocessableEntity, form)
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	account, secret, err := p.accounts.Invite(ctx, form.Get("email"), form.Get("name"), roles, c.Person.Author())
	switch {
	case errors.Is(err, access.ErrTaken):
		form.Refuse("email", "This e-mail address has an account already.")
		return p.showInvite(c, http.StatusUnprocessableEntity, form)
	case form.Unavailable(err):
		return p.showInvite(c, http.StatusServiceUnavailable, form)
	case err != nil:
		return err
	}
	noteAccount(c, "invited", account, nil, rolesOf(account.Roles))
	return p.showSecret(c, access.Join, account, secret)
}

type secretPage struct {
	shell.Page
	Kind    access.LinkKind
	Account access.Account
	Link    string // shown this once
}

// showSecret shows a link that nobody can see again.
func (p pages) showSecret(c *shell.Context, kind access.LinkKind, account access.Account, secret string) error {
	base, err := c.Page("A link for "+account.Email, "people")
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "people/secret", secretPage{base, kind, account, p.absolute(c, string(kind), secret)})
}

// readRoles reads a role for all environments and one for each; none where nothing is chosen.
func readRoles(form *shell.Form, environments []models.Environment) map[string]access.Role {
	roles := map[string]access.Role{}
	read := func(field, environment string) {
		name := form.Get(field)
		if name == "" || name == "none" {
			return
		}
		role, err := access.ParseRole(name)
		if err != nil {
			form.Refuse(field, "Choose one of the roles.")
			return
		}
		roles[environment] = role
	}
	read("role", access.Everywhere)
	for _, environment := range environments {
		read("role-"+environment.Name, environment.Name)
	}
	return roles
}
