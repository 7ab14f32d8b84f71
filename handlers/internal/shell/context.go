package shell

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/catalog"
)

// Context is one request of somebody who may make it.
type Context struct {
	*gin.Context
	App    *App
	Person access.Person
	zone   *time.Location
}

// databaseTimeout is how long a page waits for the database before it says that it cannot be reached.
const databaseTimeout = 10 * time.Second

// Ctx is the request's context with a bound on what it waits for.
func (c *Context) Ctx() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.Request.Context(), databaseTimeout)
}

// Zone is the reader's time zone, as the browser has told it; UTC before it has.
func (c *Context) Zone() *time.Location { return c.zone }

// Environment is the newest state of the environment that the path names as :env.
func (c *Context) Environment() (*catalog.Environment, error) {
	return c.App.Catalog.Environment(c.Request.Context(), c.Param("env"))
}

// HTMX reports whether a script of the page asks for a piece of it.
func (c *Context) HTMX() bool { return c.GetHeader("Hx-Request") == "true" }

// Render sends a page: the template views/settings/NAME.html within the layout.
func (c *Context) Render(status int, name string, page any) error {
	return c.App.pages.Render(c.Context, status, name, page)
}

// Fragment sends one named template of a page alone, for a script that puts it in its place.
func (c *Context) Fragment(status int, name, block string, page any) error {
	return c.App.pages.Fragment(c.Context, status, name, block, page)
}

// Done ends a form that did its work: the browser goes on to a page, which shows the notice once.
func (c *Context) Done(notice string, to ...any) error {
	return c.DoneAt(notice, c.App.Link(to...))
}

// DoneAt is Done with an address that Link has made, and a query of its own.
func (c *Context) DoneAt(notice, address string) error {
	c.setNotice(notice)
	c.Redirect(http.StatusSeeOther, address)
	return nil
}

// zoneOf reads the reader's time zone from the cookie in which the page's script has put it.
func zoneOf(c *gin.Context) *time.Location {
	cookie, err := c.Request.Cookie("flags-zone")
	if err != nil {
		return time.UTC
	}
	return zoneNamed(strings.ReplaceAll(cookie.Value, "%2F", "/"), time.UTC)
}

// noticeCookie holds what the next page is to say once. Over https its name keeps sibling hosts from setting it.
func (a *App) noticeCookie() string {
	if a.Secure {
		return "__Host-flags-notice"
	}
	return "flags-notice"
}

func (c *Context) setNotice(text string) {
	http.SetCookie(c.Writer, &http.Cookie{Name: c.App.noticeCookie(), Value: base64.RawURLEncoding.EncodeToString([]byte(text)),
		Path: "/", MaxAge: 60, HttpOnly: true, Secure: c.App.Secure, SameSite: http.SameSiteStrictMode})
}

func (c *Context) takeNotice() string {
	cookie, err := c.Request.Cookie(c.App.noticeCookie())
	if err != nil {
		return ""
	}
	http.SetCookie(c.Writer, &http.Cookie{Name: c.App.noticeCookie(), Path: "/", MaxAge: -1, HttpOnly: true, Secure: c.App.Secure, SameSite: http.SameSiteStrictMode})
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	return string(text)
}
