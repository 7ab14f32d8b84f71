package people

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/handlers/internal/shell"
	"github.com/toprent/flags/internal/access"
)

// Names of cookies. Over https they begin with __Host-, which keeps sibling hosts from setting them.
const (
	sessionCookie = "flags-session"
	deviceCookie  = "flags-device"
	flowCookie    = "flags-flow"
)

func cookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}

// WhoIsAsking says who is signed in, by the session's cookie.
func WhoIsAsking(accounts *access.Accounts, secure bool) func(*gin.Context) (access.Person, error) {
	name := cookieName(sessionCookie, secure)
	return func(c *gin.Context) (access.Person, error) {
		cookie, err := c.Request.Cookie(name)
		if err != nil || strings.HasSuffix(c.FullPath(), "/assets/*file") { // files are the same for everybody
			return access.Person{}, shell.ErrNotSignedIn
		}
		person, err := accounts.Who(c.Request.Context(), cookie.Value)
		if errors.Is(err, access.ErrNoSession) {
			return access.Person{}, shell.ErrNotSignedIn
		}
		return person, err
	}
}

func (p pages) cookie(c *shell.Context, name string) string {
	cookie, err := c.Request.Cookie(cookieName(name, p.app.Secure))
	if err != nil {
		return ""
	}
	return cookie.Value
}

func (p pages) setCookie(c *shell.Context, name, value string, lasts time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{Name: cookieName(name, p.app.Secure), Value: value, Path: "/", MaxAge: int(lasts.Seconds()),
		HttpOnly: true, Secure: p.app.Secure, SameSite: http.SameSiteLaxMode})
}

func (p pages) dropCookie(c *shell.Context, name string) { p.setCookie(c, name, "", -time.Second) }

// enter gives the browser the session that was begun for it.
func (p pages) enter(c *shell.Context, in access.SignedIn) {
	p.setCookie(c, sessionCookie, in.Secret, 30*24*time.Hour)
	if in.Device != "" {
		p.setCookie(c, deviceCookie, in.Device, 365*24*time.Hour)
	}
}

func (p pages) client(c *shell.Context) access.Client {
	return access.Client{Agent: c.Request.UserAgent(), Address: p.accounts.Address(c.Request), Device: p.cookie(c, deviceCookie)}
}

// absolute is the address of a page for links that are sent to people.
func (p pages) absolute(c *shell.Context, parts ...any) string {
	if u := p.accounts.URL(); u != nil {
		return strings.TrimSuffix(u.String(), "/") + p.app.Link(parts...)
	}
	scheme := "http://"
	if p.app.Secure || c.Request.TLS != nil {
		scheme = "https://"
	}
	return scheme + c.Request.Host + p.app.Link(parts...)
}
