package middleware

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/ruleset"
)

// MaintenanceOptions say how maintenance looks, and who passes. All are optional.
type MaintenanceOptions struct {
	// Page shows the host's own page, with what MaintenanceOf says. Its status is 503 already, and no cache keeps it.
	// Defaults to a plain page of our own.
	Page gin.HandlerFunc

	// Pass lets somebody through, such as the host's admins. It is asked only where maintenance would stop a request.
	// Defaults to nobody.
	Pass func(*gin.Context) bool

	// Except are paths that always pass, with all that is below them: the settings pages, and files that Page needs.
	// Defaults to /settings. /healthz and /readyz pass whatever is said here.
	Except []string
}

// Maintenance answers 503 where the maintenance flag says so: with a page, or with JSON (RFC 9457) for those who do not
// ask for one. It stands after New, and after what finds out who is asking, if Config.Subject needs that:
//
//	r.Use(middleware.New(config), middleware.Maintenance(middleware.MaintenanceOptions{Pass: isAdmin}))
//
// The flag is operational, so what is published holds on every instance at once; its value (see [ruleset.Maintenance]) says
// when it begins and ends, and its rules for which tenants. A session that was at work when it began goes on for as long as
// the value grants; new ones get the page at once. A value that cannot be read is logged and closes nothing.
func Maintenance(options MaintenanceOptions) gin.HandlerFunc {
	o := options
	if o.Except == nil {
		o.Except = []string{"/settings"}
	}
	o.Except = append([]string{"/healthz", "/readyz"}, o.Except...)
	return o.handle
}

func (o *MaintenanceOptions) handle(c *gin.Context) {
	r, ok := requestOf(c)
	if !ok {
		return
	}
	state := r.maintenanceState(c)
	if state == nil || !state.On || state.Draining || r.passing || o.excepts(r, c.Request.URL.Path) {
		return
	}
	// Who previews maintenance wants to see what others would, so nobody's rank counts then.
	if r.preview == nil && o.Pass != nil && o.Pass(c) {
		r.passing = true
		return
	}
	r.newPin = false // what is pinned is for those who are let in
	o.stop(c, state)
}

// excepts reports whether a path always passes: a host's, or one of this middleware's own.
func (o *MaintenanceOptions) excepts(r *request, path string) bool {
	if path == r.middleware.RefreshPath || r.middleware.Preview != nil && path == r.middleware.Preview.Path {
		return true
	}
	return slices.ContainsFunc(o.Except, func(top string) bool { return ruleset.Below(top, path) })
}

// stop answers in place of the site.
func (o *MaintenanceOptions) stop(c *gin.Context, state *MaintenanceState) {
	c.Abort()
	h := c.Writer.Header()
	stayOut(h)
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	h.Set("Retry-After", state.retryAfter())
	c.Status(http.StatusServiceUnavailable)
	switch {
	case !wantsPage(c.Request):
		state.sendJSON(c)
	case o.Page != nil:
		o.Page(c)
	default:
		state.sendPage(c)
	}
}
