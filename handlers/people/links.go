package people

import (
	"errors"
	"net/http"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
)

type linkPage struct {
	shell.Page
	Form     *shell.Form
	Kind     access.LinkKind
	Account  access.Account // empty for the first account
	Shortest int
}

var linkTitles = map[access.LinkKind]string{
	access.First: "Set up the first account", access.Join: "Welcome", access.Reset: "Choose a new password",
}

// linkPage shows what a one-time link is for. Looking does not use it up: mail programs look, too.
func (p pages) linkPage(kind access.LinkKind) shell.Handler {
	return func(c *shell.Context) error {
		account, err := p.look(c, kind)
		if err != nil {
			return err
		}
		return p.showLink(c, http.StatusOK, kind, account, shell.NewForm("name", account.Name, "email", account.Email))
	}
}

func (p pages) look(c *shell.Context, kind access.LinkKind) (access.Account, error) {
	// The address is a secret, so nothing is told of it but the host. To tell nothing at all would make browsers send the
	// form itself without its origin, and over plain http nothing else says that it is ours.
	c.Header("Referrer-Policy", "strict-origin")
	ctx, cancel := c.Ctx()
	defer cancel()
	account, err := p.accounts.Look(ctx, kind, c.Param("secret"))
	return account, gone(err)
}

func gone(err error) error {
	if errors.Is(err, access.ErrLink) {
		return shell.Refused(http.StatusGone, "This link cannot be used", "It was used already, it has expired, or it is not whole. An admin can make a new one; the first one of all is printed when the server starts.")
	}
	return err
}

func (p pages) showLink(c *shell.Context, status int, kind access.LinkKind, account access.Account, form *shell.Form) error {
	page := linkPage{Page: c.SignedOut(linkTitles[kind]), Form: form, Kind: kind, Account: account, Shortest: access.Shortest}
	return c.Render(status, "people/link", page)
}

func (p pages) useLink(kind access.LinkKind) shell.Handler {
	return func(c *shell.Context) error {
		account, err := p.look(c, kind)
		if err != nil {
			return err
		}
		form, err := c.Form()
		if err != nil {
			return err
		}
		if kind == access.First {
			account.Email = form.Get("email")
			if message := access.CheckEmail(account.Email); message != "" {
				form.Refuse("email", message)
			}
		}
		name := form.Get("name")
		if len(name) > 200 {
			form.Refuse("name", "Use at most 200 characters.")
		}
		checkNew(form, account.Email, name)
		if !form.OK() {
			return p.showLink(c, http.StatusUnprocessableEntity, kind, account, form)
		}
		ctx, cancel := c.Ctx()
		defer cancel()
		in, err := p.accounts.Use(ctx, kind, c.Param("secret"), account.Email, name, form.Values.Get("password"), p.client(c))
		if status, ok := p.refused(c, form, err); ok {
			return p.showLink(c, status, kind, account, form)
		}
		if form.Unavailable(err) {
			return p.showLink(c, http.StatusServiceUnavailable, kind, account, form)
		}
		if err != nil {
			return gone(err)
		}
		c.Note(audit.Entry{Action: "link-used", Actor: account.Email, ActorID: account.ID, Lines: []string{"a one-time link (" + string(kind) + ") was used: a password was chosen, and its owner signed in"}})
		p.enter(c, in)
		to := "flags"
		if kind != access.First && account.Person().Highest() == access.None {
			to = "me" // there is nothing else to see yet
		}
		return c.Done("Welcome. You are signed in.", to)
	}
}

// checkNew refuses a new password that is too easy, or that was not typed the same twice.
func checkNew(form *shell.Form, email, name string) {
	password := form.Values.Get("password")
	if message := access.CheckPassword(password, email, name); message != "" {
		form.Refuse("password", message)
	}
	if form.Values.Get("again") != password {
		form.Refuse("again", "This is not the same password. Type it again.")
	}
}
