// Package shell is what all settings pages share: routes that each state who may use them, the layout, forms, notices,
// and what becomes of errors. A route that states nothing cannot be registered.
package shell

import (
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/assets"
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/alerts"
	"github.com/toprent/flags/internal/audit"
	"github.com/toprent/flags/internal/catalog"
	"github.com/toprent/flags/internal/impact"
	"github.com/toprent/flags/internal/review"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/views"
)

// App is the settings pages while they are put together, and what they work with.
type App struct {
	Store     *models.Store
	Changes   *changes.Changes
	Catalog   *catalog.Catalog
	Flags     *service.FeatureFlagService // of this instance; nil: the pages run beside no site
	Directory *directory.Directory        // who was seen; never nil
	Recorder  *analytics.Recorder         // of this instance; nil: it records nothing
	Alerts    *alerts.Alerts
	Impacts   *impact.Counter // of changes that are shown before they are made
	Reviews   *review.Reviews // which flags have outlived their use
	Audit     *audit.Log
	Log       *slog.Logger

	// Address says where a request comes from.
	Address func(*http.Request) string

	// Person says who is asking; ErrNotSignedIn if nobody is.
	Person func(*gin.Context) (access.Person, error)

	// SignIn is where somebody who is not signed in is sent, with ?next= added; empty: they are told to sign in.
	SignIn string

	// SignOut is where a form is posted to sign out; empty: the host does that.
	SignOut string

	// Accounts are the people who sign in here; nil: a host says who is asking.
	Accounts *access.Accounts

	// Tokens let programs ask on people's behalf. Never nil.
	Tokens *access.Tokens

	// Home is the host's own start page, linked from the top; its name is Product.
	Home, Product string

	// Secure keeps cookies to https.
	Secure bool

	// Preview makes links to previews on the site that Flags serves; nil: there are none.
	Preview *middleware.Preview

	Base   string // where the pages are mounted, such as /settings; without a slash at the end
	group  gin.IRouter
	static *assets.Static
	pages  *views.Pages
	needs  map[string]Need // by method and path

	lastSeen atomic.Pointer[[]models.Environment] // as the last page found them, for those that cannot ask
}

// Start mounts the pages' shell under a group. Routes follow.
func (a *App) Start(group *gin.RouterGroup) error {
	a.Base = strings.TrimSuffix(group.BasePath(), "/")
	if strings.ContainsAny(a.Base, ":*") {
		return fmt.Errorf("the settings pages cannot be mounted under %s: the path of their group must have no parameters", a.Base)
	}
	a.group = group
	a.needs = map[string]Need{}
	a.static = assets.NewStatic(a.Base + "/assets/")
	pages, err := views.Settings(template.FuncMap{"asset": a.static.URL, "link": a.Link})
	if err != nil {
		return err
	}
	a.pages = pages
	a.GET("/assets/*file", Public(), func(c *Context) error {
		a.static.ServeHTTP(c.Writer, c.Request)
		return nil
	})
	a.GET("", SignedIn(), func(c *Context) error {
		switch {
		case c.Person.Highest() >= access.Viewer:
			c.Redirect(seeOther, a.Link("flags"))
		case c.Person.Tenant != "":
			c.Redirect(seeOther, a.Link("my-plan"))
		default:
			return &deniedError{Anywhere(access.Viewer)}
		}
		return nil
	})
	return nil
}

// Link is the address of a page: the parts of its path below the mount, each escaped.
func (a *App) Link(parts ...any) string {
	escaped := make([]string, 0, len(parts)+1)
	escaped = append(escaped, a.Base)
	for _, part := range parts {
		escaped = append(escaped, url.PathEscape(text(part)))
	}
	return strings.Join(escaped, "/")
}

// Needs gives what each registered route asks for, by method and full path: "POST /settings/flags/:key".
func (a *App) Needs() map[string]Need { return a.needs }

func (a *App) fullPath(relative string) string {
	if relative == "" {
		return a.Base
	}
	return path.Join(a.Base, relative)
}
