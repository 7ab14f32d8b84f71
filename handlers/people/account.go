package people

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/views"
)

type accountPage struct {
	shell.Page
	Form      *shell.Form
	Account   access.Account
	Sessions  []access.Session
	Conflicts []views.Conflict
	Own       bool // somebody looks at their own account
}

func (p pages) account(c *shell.Context) error {
	account, err := p.theAccount(c)
	if err != nil {
		return err
	}
	return p.showAccount(c, http.StatusOK, account, formOf(account), nil)
}

func (p pages) theAccount(c *shell.Context) (access.Account, error) {
	ctx, cancel := c.Ctx()
	defer cancel()
	account, err := p.accounts.Account(ctx, c.Param("id"))
	return account, notFound(err)
}

func formOf(account access.Account) *shell.Form {
	form := shell.NewForm("base", strconv.FormatInt(account.Version, 10))
	for environment, role := range account.Roles {
		form.Set(roleField(environment), role.String())
	}
	return form
}

func roleField(environment string) string {
	if environment == access.Everywhere {
		return "role"
	}
	return "role-" + environment
}

func (p pages) showAccount(c *shell.Context, status int, account access.Account, form *shell.Form, conflicts []views.Conflict) error {
	base, err := c.Page(account.Person().Title(), "people")
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	sessions, err := p.accounts.Sessions(ctx, account.ID, p.cookie(c, sessionCookie))
	if err != nil {
		return err
	}
	return c.Render(status, "people/account", accountPage{base, form, account, sessions, conflicts, account.ID == c.Person.ID})
}

func (p pages) setRoles(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	account, err := p.theAccount(c)
	if err != nil {
		return err
	}
	all, err := c.Page("", "people")
	if err != nil {
		return err
	}
	roles := readRoles(form, all.Environments)
	if !form.OK() {
		return p.showAccount(c, http.StatusUnprocessableEntity, account, form, nil)
	}
	base, _ := strconv.ParseInt(form.Get("base"), 10, 64) // 0 is no version of anything
	ctx, cancel := c.Ctx()
	defer cancel()
	err = p.accounts.SetRoles(ctx, account.ID, roles, base)
	switch {
	case errors.Is(err, access.ErrChanged):
		account, err = p.theAccount(c)
		if err != nil {
			return err
		}
		form.Set("base", strconv.FormatInt(account.Version, 10))
		return p.showAccount(c, http.StatusConflict, account, form, conflictOf(account, roles, all.Environments))
	case errors.Is(err, access.ErrLastAdmin):
		form.Refuse("role", "This is the last admin. Make somebody else admin everywhere first.")
		return p.showAccount(c, http.StatusUnprocessableEntity, account, form, nil)
	case form.Unavailable(err):
		return p.showAccount(c, http.StatusServiceUnavailable, account, form, nil)
	case err != nil:
		return notFound(err)
	}
	noteAccount(c, "roles-changed", account, rolesOf(account.Roles), rolesOf(roles))
	if account.ID == c.Person.ID {
		return c.Done("Your roles are changed. Sign in again to use them.", "sign-in")
	}
	return c.Done("The roles are changed. "+account.Person().Title()+" has to sign in again.", "people", "accounts", account.ID)
}

func conflictOf(theirs access.Account, yours map[string]access.Role, environments []models.Environment) []views.Conflict {
	conflict := views.Conflict{What: "Roles of " + theirs.Person().Title()}
	add := func(field, environment string) {
		conflict.Lines = append(conflict.Lines, views.ConflictLine{Field: field, Theirs: theirs.Roles[environment].String(), Yours: yours[environment].String()})
	}
	add("Everywhere", access.Everywhere)
	for _, environment := range environments {
		add(environment.Title, environment.Name)
	}
	if theirs.Disabled {
		conflict.Lines = append(conflict.Lines, views.ConflictLine{Field: "Account", Theirs: "disabled", Yours: "enabled"})
	}
	return []views.Conflict{conflict}
}

type disablePage struct {
	shell.Page
	Account access.Account
}

func (p pages) disablePage(c *shell.Context) error {
	account, err := p.theAccount(c)
	if err != nil {
		return err
	}
	base, err := c.Page("Disable "+account.Person().Title(), "people")
	if err != nil {
		return err
	}
	return c.Render(http.StatusOK, "people/disable", disablePage{base, account})
}

func (p pages) setDisabled(disabled bool) shell.Handler {
	return func(c *shell.Context) error {
		form, err := c.Form()
		if err != nil {
			return err
		}
		account, err := p.theAccount(c)
		if err != nil {
			return err
		}
		base, _ := strconv.ParseInt(form.Get("base"), 10, 64)
		ctx, cancel := c.Ctx()
		defer cancel()
		err = p.accounts.SetDisabled(ctx, account.ID, disabled, base)
		switch {
		case errors.Is(err, access.ErrChanged):
			return shell.Refused(http.StatusConflict, "Somebody else was quicker", "They have changed this account. Look at it again, then decide.")
		case errors.Is(err, access.ErrLastAdmin):
			return shell.Refused(http.StatusUnprocessableEntity, "This is the last admin", "Make somebody else admin everywhere first.")
		case err != nil:
			return notFound(err)
		}
		if disabled {
			noteAccount(c, "account-disabled", account, "enabled", "disabled")
			return c.Done(account.Person().Title()+" is disabled and signed out everywhere.", "people", "accounts", account.ID)
		}
		noteAccount(c, "account-enabled", account, "disabled", "enabled")
		return c.Done(account.Person().Title()+" is enabled.", "people", "accounts", account.ID)
	}
}

func (p pages) newLink(c *shell.Context) error {
	account, err := p.theAccount(c)
	if err != nil {
		return err
	}
	ctx, cancel := c.Ctx()
	defer cancel()
	kind, secret, err := p.accounts.NewLink(ctx, account.ID, c.Person.Author())
	if errors.Is(err, access.ErrNoAccount) {
		return shell.Refused(http.StatusUnprocessableEntity, "This account is disabled", "Enable it first.")
	}
	if err != nil {
		return err
	}
	noteAccount(c, "link-made", account, nil, string(kind))
	return p.showSecret(c, kind, account, secret)
}

func (p pages) endSession(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	if err := p.accounts.EndSession(ctx, c.Param("id"), c.Param("session")); err != nil {
		return notFound(err)
	}
	c.Note(audit.Entry{Action: "session-ended", Subjects: []string{c.Param("id")}})
	return c.Done("The session has ended.", "people", "accounts", c.Param("id"))
}
