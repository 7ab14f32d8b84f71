package shell

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// problemPage says that something did not work, and what to do.
type problemPage struct {
	Page
	Message string
}

// fail turns an error into a page. This is the one place that does.
func (c *Context) fail(err error) {
	if c.Writer.Written() {
		c.logFailure("a settings page broke off", err)
		return
	}
	var (
		refused  *refusedError
		denied   *deniedError
		conflict *changes.ConflictError
		rejected *changes.RefusedError
	)
	if title, message, ok := notNow(err); ok {
		c.problem(http.StatusConflict, title, message)
		return
	}
	switch {
	case errors.Is(err, ErrNotSignedIn):
		c.askToSignIn()
	case errors.As(err, &refused):
		c.problem(refused.status, refused.title, refused.message)
	case errors.As(err, &denied):
		c.problem(http.StatusForbidden, "This is not open to you", "It takes the role of "+denied.need.String()+". Ask an admin for it.")
	case errors.As(err, &conflict):
		c.problem(http.StatusConflict, "Somebody else was quicker", conflict.Error())
	case errors.As(err, &rejected):
		c.problem(http.StatusUnprocessableEntity, "This cannot be done", rejected.Error())
	case errors.Is(err, service.ErrNoEnvironment):
		c.problem(http.StatusNotFound, "There is no such environment", "Choose one of those that exist.")
	case errors.Is(err, changes.ErrNoFlag):
		c.problem(http.StatusNotFound, "There is no such flag", "It may be in another environment, or its key may be mistyped.")
	case errors.Is(err, changes.ErrUnavailable), models.Unavailable(err), errors.Is(err, context.DeadlineExceeded):
		c.App.Log.Error("the settings pages cannot reach the database", "path", c.logPath(), "error", err)
		c.Header("Retry-After", "10")
		if c.keep() {
			return
		}
		c.problem(http.StatusServiceUnavailable, "The database cannot be reached", "Flags are served as before, but nothing can be seen or changed here until it is back. Nothing was lost: try again in a moment.")
	case errors.Is(err, context.Canceled):
		c.Status(499) // nobody is there to read it
	default:
		id := c.logFailure("a settings page failed", err)
		c.problem(http.StatusInternalServerError, "This did not work", "It has been logged as "+id+". Nothing was changed unless a page says so.")
	}
}

// logPath is the path as it may stand in a log: a one-time link must not.
func (c *Context) logPath() string {
	if c.Param("secret") != "" {
		return c.FullPath()
	}
	return c.Request.URL.Path
}

func (c *Context) askToSignIn() {
	if c.App.SignIn == "" {
		c.problem(http.StatusUnauthorized, "You are not signed in", "Sign in, then open this page again.")
		return
	}
	to := c.App.signInURL(c.Request)
	if c.HTMX() {
		c.Header("HX-Redirect", to)
		c.Status(http.StatusUnauthorized)
		return
	}
	c.Redirect(http.StatusSeeOther, to)
}

// problem sends the page that says what is wrong.
func (c *Context) problem(status int, title, message string) {
	p := problemPage{c.bare(title, ""), message}
	if err := c.Render(status, "shell/problem", p); err != nil {
		c.App.Log.Error("a settings page could not be rendered", "error", err)
		c.String(http.StatusInternalServerError, "This page is broken. It has been logged.\n")
	}
}

// notNow says, for people, why something cannot be done as things are, though nothing is wrong with what was asked.
func notNow(err error) (title, message string, ok bool) {
	var request *changes.RequestError
	var protected *changes.ProtectedError
	var emergency *changes.EmergencyError
	switch {
	case errors.As(err, &request):
		return fmt.Sprintf("Change request %d is not ready for this", request.ID), sentence(request.Message), true
	case errors.As(err, &protected):
		return "This takes a change request", sentence(protected.Error()), true
	case errors.As(err, &emergency):
		return "This was not noted", sentence(emergency.Message), true
	}
	return "", "", false
}

// NotNow says why something cannot be done as things are, for a page that shows how they are.
func NotNow(err error) (message string, ok bool) {
	_, message, ok = notNow(err)
	return message, ok
}

// IsMissing reports whether what was looked for is not there.
func IsMissing(err error) bool { return errors.Is(err, models.ErrNotFound) }

// Nowhere places what is wrong above the form.
func Nowhere(ruleset.Problem) string { return "" }
