package shell

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/middleware"
)

// ErrNotSignedIn says that nobody is signed in.
var ErrNotSignedIn = errors.New("nobody is signed in")

// policy is the pages' content security policy: nothing inline, nothing from elsewhere.
const policy = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

var crossOrigin = http.NewCrossOriginProtection()

// maxBody is how large a posted form may be, in bytes: a pasted list of ten thousand ids fits.
const maxBody = 4 << 20

// maxPublicBody is how large a form may be that anybody can post, in bytes: more than any password needs.
const maxPublicBody = 64 << 10

// most is how large a form may be.
func (n Need) most() int64 {
	if n.scope == public {
		return maxPublicBody
	}
	return maxBody
}

// secure sets the headers of every answer.
func (a *App) secure(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Resource-Policy", "same-origin") // sibling hosts bring a person's cookies: they get no feed as a script
	h.Set("Cache-Control", "no-store")
	middleware.LeaveNetworkCaches(h)
}

// admit finds out who is asking, and whether they may.
func (a *App) admit(c *Context, need Need) error {
	if err := checkPath(c.Params); err != nil {
		return err
	}
	if c.Request.Method != http.MethodGet {
		if err := checkForm(c.Request); err != nil {
			return err
		}
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, need.most())
	}
	person, err := a.Person(c.Context)
	if err == nil && person.ID == "" {
		err = ErrNotSignedIn // somebody without an id is nobody: what belongs to them could not be told from others' things
	}
	switch {
	case err == nil:
		c.Person = person
		c.comesFrom(audit.Page)
	case need.scope == public:
		return nil // a page for those who are not signed in does not depend on who they are
	default:
		return err
	}
	if !need.admits(person, c.Param("env")) {
		return &deniedError{need}
	}
	return nil
}

// checkPath refuses names that nothing can have, and about which no database can be asked.
func checkPath(params gin.Params) error {
	for _, param := range params {
		if !Storable(param.Value) {
			return NotFound("The address is mistyped.")
		}
	}
	return nil
}

// Storable reports whether a database can hold a text, or be asked for it.
func Storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// checkForm refuses what another site could make a browser send. A browser says where a form comes from, in Origin or
// Sec-Fetch-Site; what says neither is no browser of today, and has no business with forms.
func checkForm(r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" {
		return &refusedError{http.StatusForbidden, "This form did not say where it comes from", "Send it from the page itself."}
	}
	if err := crossOrigin.Check(r); err != nil {
		return &refusedError{http.StatusForbidden, "This form comes from another site", "Nothing was changed. Open the page here and try again."}
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" && kind != "multipart/form-data" {
		return &refusedError{http.StatusUnsupportedMediaType, "This is not a form", "Send it from the page itself."}
	}
	return nil
}

// deniedError says that the person's role is too low.
type deniedError struct{ need Need }

func (e *deniedError) Error() string { return "only for: " + e.need.String() }

// refusedError is an error whose words are meant for people.
type refusedError struct {
	status         int
	title, message string
}

func (e *refusedError) Error() string { return e.title + ": " + e.message }

// NotFound makes a page that says that something does not exist.
func NotFound(format string, args ...any) error {
	return &refusedError{http.StatusNotFound, "There is no such thing here", fmt.Sprintf(format, args...)}
}

// Refused makes a page that says why something cannot be done.
func Refused(status int, title, message string) error { return &refusedError{status, title, message} }

// Denied makes the page for those whose role is too low, where a route's own need does not say all.
func Denied(role access.Role) error { return &deniedError{InEnvironment(role)} }

// signInURL is where somebody signs in who then wants to come back.
func (a *App) signInURL(r *http.Request) string {
	if r.Method != http.MethodGet {
		return a.SignIn
	}
	return a.SignIn + "?next=" + url.QueryEscape(r.URL.RequestURI())
}
