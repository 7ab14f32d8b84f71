package shell

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/internal/access"
	"github.com/toprent/flags/internal/audit"
)

const seeOther = http.StatusSeeOther

// Need is who may use a route. The zero Need lets nobody in.
type Need struct {
	scope scope
	role  access.Role
}

type scope int

const (
	nobody scope = iota
	public
	signedIn
	anywhere
	inEnvironment
	everywhere
)

// Public lets everybody in, signed in or not: sign-in pages and assets.
func Public() Need { return Need{scope: public} }

// SignedIn lets in whoever is signed in, with any role or none: a person's own page.
func SignedIn() Need { return Need{scope: signedIn} }

// Anywhere lets in who has the role in at least one environment. What the page shows of each environment is up to the
// role there.
func Anywhere(role access.Role) Need { return Need{anywhere, role} }

// InEnvironment lets in who has the role in the environment that the path names as :env.
func InEnvironment(role access.Role) Need { return Need{inEnvironment, role} }

// Everywhere lets in who has the role in all environments: what concerns all of them.
func Everywhere(role access.Role) Need { return Need{everywhere, role} }

// String says who may use the route, for people.
func (n Need) String() string {
	switch n.scope {
	case public:
		return "everybody"
	case signedIn:
		return "who is signed in"
	case anywhere:
		return n.role.String() + " in at least one environment"
	case inEnvironment:
		return n.role.String() + " in this environment"
	case everywhere:
		return n.role.String() + " in all environments"
	}
	return "nobody"
}

// admits reports whether the person meets the need.
func (n Need) admits(p access.Person, environment string) bool {
	switch n.scope {
	case public, signedIn:
		return true
	case anywhere:
		return p.Highest() >= n.role
	case inEnvironment:
		return environment != "" && p.In(environment) >= n.role
	case everywhere:
		return p.In(access.Everywhere) >= n.role
	}
	return false
}

// Handler answers a request that was let in. An error becomes a page that says what to do.
type Handler func(*Context) error

// GET registers a page. The path is below the mount: "/flags/:key".
func (a *App) GET(path string, need Need, h Handler) { a.handle(http.MethodGet, path, need, h) }

// POST registers what a form does. Requests that other sites caused are refused before anything else.
func (a *App) POST(path string, need Need, h Handler) { a.handle(http.MethodPost, path, need, h) }

func (a *App) handle(method, path string, need Need, h Handler) {
	a.note(method, path, need)
	a.group.Handle(method, path, func(c *gin.Context) { a.serve(c, need, h) })
}

// note keeps who may use a route.
func (a *App) note(method, path string, need Need) {
	if need.scope == nobody {
		panic("shell: " + method + " " + path + " does not say who may use it")
	}
	a.needs[method+" "+a.fullPath(path)] = need
}

// serve lets the request in or not, and turns what went wrong into a page.
func (a *App) serve(c *gin.Context, need Need, h Handler) {
	ctx := &Context{Context: c, App: a, zone: zoneOf(c)}
	a.secure(c)
	err := attempt(func() error {
		ctx.comesFrom(audit.Page)
		if err := a.admit(ctx, need); err != nil {
			return err
		}
		return h(ctx)
	})
	if err != nil && !errors.Is(err, ErrAnswered) {
		ctx.noteRefused(err)
		ctx.fail(err)
	}
}
