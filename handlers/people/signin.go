package people

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
)

type signInPage struct {
	shell.Page
	Form     *shell.Form
	Next     string
	Provider string // empty: there is none
	Else     string // where signing in there begins
}

func (p pages) signInPage(c *shell.Context) error {
	next := p.next(c.Query("next"))
	if c.Person.ID != "" {
		c.Redirect(http.StatusSeeOther, next)
		return nil
	}
	return p.showSignIn(c, http.StatusOK, shell.NewForm(), next)
}

// next is where somebody wants to go who signs in: a path of this host, never another one.
func (p pages) next(asked string) string { return access.LocalPath(asked, p.app.Link("flags")) }

func (p pages) showSignIn(c *shell.Context, status int, form *shell.Form, next string) error {
	page := signInPage{Page: c.SignedOut("Sign in"), Form: form, Next: next}
	if provider := p.accounts.Provider(); provider != nil {
		page.Provider, page.Else = provider.Name(), p.app.Link("sign-in", "elsewhere")+"?next="+url.QueryEscape(next)
	}
	return c.Render(status, "people/sign-in", page)
}

func (p pages) signIn(c *shell.Context) error {
	form, err := c.Form()
	if err != nil {
		return err
	}
	next := p.next(form.Get("next"))
	ctx, cancel := c.Ctx()
	defer cancel()
	in, err := p.accounts.SignIn(ctx, form.Get("email"), form.Values.Get("password"), p.client(c))
	p.noteSignIn(c, form.Get("email"), err)
	status, ok := p.refused(c, form, err)
	switch {
	case ok:
		return p.showSignIn(c, status, form, next)
	case form.Unavailable(err):
		return p.showSignIn(c, http.StatusServiceUnavailable, form, next)
	case err != nil:
		return err
	}
	p.enter(c, in)
	c.Redirect(http.StatusSeeOther, next)
	return nil
}

// refused puts into the form why a password was not taken, in words that do not tell whether there is such an account.
func (p pages) refused(c *shell.Context, form *shell.Form, err error) (status int, refused bool) {
	var tooMany *access.TooManyError
	switch {
	case errors.Is(err, access.ErrWrong):
		form.Message = "The e-mail address or the password is wrong. If you have forgotten the password, an admin can send you a link to choose a new one."
		return http.StatusUnprocessableEntity, true
	case errors.As(err, &tooMany):
		seconds := int(tooMany.Wait.Seconds()) + 1
		c.Header("Retry-After", strconv.Itoa(seconds))
		form.Message = fmt.Sprintf("There were too many attempts. Wait %d seconds, then try again. Where you are signed in already, you stay so.", seconds)
		return http.StatusTooManyRequests, true
	case errors.Is(err, access.ErrBusy):
		c.Header("Retry-After", "5")
		form.Message = "Too many people are signing in just now. Try again in a moment."
		return http.StatusServiceUnavailable, true
	}
	return 0, false
}

func (p pages) signOut(c *shell.Context) error {
	ctx, cancel := c.Ctx()
	defer cancel()
	who, _ := p.app.Person(c.Context) // whoever's session has ended already signs out of nothing
	if err := p.accounts.SignOut(ctx, p.cookie(c, sessionCookie)); err != nil {
		return err
	}
	p.dropCookie(c, sessionCookie)
	if who.ID != "" {
		c.Note(audit.Entry{Action: "sign-out", Actor: who.Author(), ActorID: who.ID})
	}
	return c.Done("You are signed out.", "sign-in")
}
