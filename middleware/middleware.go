// Package middleware gives a Gin app its feature flags: it evaluates all of them once per request, pins them to the
// session so that nothing flips while somebody browses, and puts them into every HTML page so that nothing flickers.
//
//	r.Use(middleware.New(middleware.Config{Flags: flags, Sessions: cookies, Subject: currentSubject}))
//
// Then [On] asks in a handler, [Require] guards a route, {{ .Flags.On "key" }} asks in a template (give it [From]) and
// window.flags.isEnabled("key") in the browser, and all of them get the same answer.
package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gorilla/sessions"
	"github.com/toprent/flags/assets"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// Config says where flags come from and who is asking.
type Config struct {
	// Flags decides values. Required.
	Flags *service.FeatureFlagService

	// Sessions keeps the pin and the visitor's id, each in a session of its own. Required; NewCookieStore makes one
	// of signed cookies, which lets browsers keep the id for 400 days. With another store its MaxAge, as it is when New is
	// called, is how long an anonymous visitor who is away is remembered; while they browse they are written again every
	// few minutes. A store that forgets within ten minutes and is none of gorilla's own may forget them as they browse.
	Sessions sessions.Store

	// Subject says who is asking: user, tenant, plan, add-ons and attributes, from what the host's own sign-in knows
	// of the request. It is called at most once per request, when the first value is asked for, so it sees what
	// middleware in between has found out. On an error the subject is anonymous: flags that need a plan are off, all
	// others go on. It must not ask for flags itself: it would wait for its own answer. Defaults to anonymous visitors.
	Subject func(*gin.Context) (ruleset.Subject, error)

	// Directory hears who was seen, such as a directory.Directory, so that pages can say who has a flag. Defaults to none:
	// nobody is remembered.
	Directory Directory

	// RefreshPath is where the browser asks for values; defaults to /feature-values. Used on the engine, the middleware
	// answers there by itself. In a group, or if Subject needs what later middleware finds out, register Refresh there.
	RefreshPath string

	// RefreshURL gives one page a refresh address of its own, such as /t/acme/feature-values, so that the pages of two
	// tenants on one origin each refresh as theirs. Refresh must be registered there. Defaults to RefreshPath.
	RefreshURL func(*gin.Context) string

	// ClientPath is the folder under which the browser client is served as a file, for pages whose content security
	// policy forbids inline scripts; defaults to /. The file's name carries its hash, so it is cached for good. Used on
	// the engine, the middleware answers there by itself; in a group, any route of the group that matches will do.
	ClientPath string

	// ClientFile always loads the client as a file. By default it stands in the page, unless the page has a
	// Content-Security-Policy header that allows neither ClientCSPHash nor a nonce, which the client then has. Set it where
	// the policy stands in a <meta>.
	ClientFile bool

	// CookieName begins the names of the two cookies; defaults to "flags".
	CookieName string

	// Secure keeps the cookies to https and to this host: Secure and the __Host- prefix. Set it in production.
	Secure bool

	// FormKey signs the pins of forms. Defaults to the cookie store's own keys; with another store to a random key,
	// so that a form can only be sent to the instance that rendered it.
	FormKey []byte

	// Recorder hears what people were shown and what gates did, such as an analytics.Recorder. Browsers then report what their
	// code has read, and what it tracks, by a POST to RefreshPath. Defaults to none: nothing is recorded.
	Recorder Recorder

	// Preview lets people look at variants and drafts in their own browser, by signed links. Defaults to none: there are no
	// previews.
	Preview *Preview

	// MaintenanceFlag is the key of the flag that Maintenance and MaintenanceOf follow; defaults to "maintenance".
	MaintenanceFlag string

	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Directory remembers who was seen. Its methods are called on the request's path: they must be quick, never wait, and be
// safe for concurrent use.
type Directory interface {
	// Saw is told of the subject of a request that is signed in or acts for a tenant, at most once per request, when the
	// first value was asked for.
	Saw(environment string, subject ruleset.Subject)

	// Minted is told that a page gave a browser a new visitor's id. A browser that does not keep cookies gets one with
	// each page.
	Minted(environment string)
}

// ClientCSPHash is what to put into script-src so that a content security policy allows the inline client, its quotes
// included: 'sha256-…'.
const ClientCSPHash = assets.ClientCSPHash

// middleware is a checked Config.
type middleware struct {
	Config
	jar     jar
	renewal time.Duration // how old a visitor's cookie may become
	forms   signer
	log     *slog.Logger

	clientURL    string
	refreshURL   []byte // of the block: RefreshPath in JSON
	blockTail    []byte // of the block: what follows the address
	inlineClient []byte // what follows "<script" where the client stands in the page
	fileClient   []byte // the same where it is a file

	maintenances atomic.Pointer[maintenances] // of the newest revision; nil: not asked for yet

	drafts          *drafts
	previewName     string // of the cookie
	previewStyleURL string
}

// New returns the middleware. A configuration that cannot work panics: it is a mistake in the program, found at the
// start.
func New(config Config) gin.HandlerFunc {
	m, err := newMiddleware(config)
	if err != nil {
		panic(fmt.Sprintf("middleware.New: %v", err))
	}
	return m.handle
}

func newMiddleware(config Config) (*middleware, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	m := &middleware{Config: config, renewal: renewalIn(config.Sessions), log: config.Logger}
	if m.jar, m.forms, err = newJar(config); err != nil {
		return nil, err
	}
	m.prepareBlock()
	m.preparePreview()
	return m, nil
}

// complete fills in the defaults and refuses what cannot work.
func (config Config) complete() (Config, error) {
	config.RefreshPath = orDefault(config.RefreshPath, "/feature-values")
	config.ClientPath = orDefault(config.ClientPath, "/")
	config.CookieName = orDefault(config.CookieName, "flags")
	config.MaintenanceFlag = orDefault(config.MaintenanceFlag, ruleset.MaintenanceKey)
	if config.Secure {
		config.CookieName = "__Host-" + config.CookieName
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	switch {
	case config.Flags == nil:
		return config, errors.New("Config.Flags is missing: make one with service.New")
	case config.Sessions == nil:
		return config, errors.New("Config.Sessions is missing: make one with middleware.NewCookieStore")
	case config.RefreshPath[0] != '/':
		return config, fmt.Errorf("Config.RefreshPath is %q: it must begin with a slash", config.RefreshPath)
	case config.ClientPath[0] != '/':
		return config, fmt.Errorf("Config.ClientPath is %q: it must begin with a slash", config.ClientPath)
	case cookie(config.CookieName, config.Secure, 0).Valid() != nil:
		return config, fmt.Errorf("Config.CookieName is %q: a cookie's name has letters, digits and hyphens", config.CookieName)
	}
	if config.Preview != nil {
		preview, err := config.Preview.complete()
		if err != nil {
			return config, fmt.Errorf("Config.%w", err)
		}
		config.Preview = preview
	}
	return config, nil
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// requestKey is where the request is kept in the Gin context.
type requestKey struct{}

func (m *middleware) handle(c *gin.Context) {
	if c.Request.URL.Path == m.clientURL && isRead(c.Request) {
		m.serveClient(c)
		return
	}
	if m.Preview != nil && c.Request.URL.Path == m.previewStyleURL && isRead(c.Request) {
		serveStyle(c)
		return
	}
	if _, already := requestOf(c); already { // used twice
		c.Next()
		return
	}
	r := m.newRequest(c)
	c.Set(requestKey{}, r)
	switch {
	case c.Request.URL.Path == m.RefreshPath && c.FullPath() != m.RefreshPath && isRead(c.Request):
		r.refresh(c)
		c.Abort()
	case m.Recorder != nil && c.Request.URL.Path == m.RefreshPath && c.Request.Method == http.MethodPost && c.FullPath() != m.RefreshPath:
		r.receive(c)
		c.Abort()
	case m.Preview != nil && c.Request.URL.Path == m.Preview.Path:
		if c.FullPath() != m.Preview.Path { // else the host has put ServePreview there
			r.servePreview(c)
			c.Abort()
		}
	case r.preview != nil:
		r.runPreview(c)
	case r.document:
		r.writer.reset(c.Writer, r)
		c.Writer = &r.writer
		c.Next()
		r.writer.finish()
		r.recordAnswer(r.wentOut())
		r.end()
	default:
		c.Next()
		r.recordAnswer(false)
	}
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func requestOf(c *gin.Context) (*request, bool) {
	r, ok := c.Get(requestKey{})
	if !ok {
		return nil, false
	}
	return r.(*request), true
}
