// Package sample is a small Toprent: the site that shows what flags do. It is a host like any other, and uses the
// packages only as another Gin app would.
package sample

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-contrib/gzip"
	"github.com/gin-gonic/gin"
	"github.com/gorilla/sessions"
	"github.com/toprent/flags/assets"
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/handlers/health"
	"github.com/toprent/flags/internal/flagfile"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/service"
	"github.com/toprent/flags/views"
)

//go:embed flags.yaml
var flagsFile []byte

//go:embed pages
var pages embed.FS

// Config is what the site needs.
type Config struct {
	Store  *models.Store
	Flags  *service.FeatureFlagService
	Keys   [][]byte // sign the cookies; the first one signs
	Secure bool     // cookies only over https
	Logger *slog.Logger

	Patience time.Duration // how long a page waits for what its tenant has bought; defaults to half a second

	Clients *Clients // that move from one database to another

	Directory middleware.Directory // remembers who was seen; optional
	Recorder  middleware.Recorder  // hears what was shown; optional
	Preview   *middleware.Preview  // shows variants and drafts in one browser; optional

	Trace gin.HandlerFunc // traces requests; optional

	Settings     func(*gin.RouterGroup) error // mounts the settings pages; optional
	SettingsPath string                       // where
}

// Site is the sample site.
type Site struct {
	store    *models.Store
	flags    *service.FeatureFlagService
	sessions *sessions.CookieStore
	secure   bool
	pages    *views.Pages
	settings string // where the settings pages are; empty: there are none
	log      *slog.Logger

	clients       *Clients
	subscriptions *subscriptions
}

// New returns the whole site.
func New(config Config) (http.Handler, error) {
	static := assets.NewStatic("/assets/")
	parsed, err := views.Parse(pages, "pages/layout.html", static.URL)
	if err != nil {
		return nil, err
	}
	s := &Site{
		store:    config.Store,
		flags:    config.Flags,
		sessions: middleware.NewCookieStore(config.Keys...),
		secure:   config.Secure,
		pages:    parsed,
		log:      config.Logger,

		clients:       config.Clients,
		subscriptions: &subscriptions{store: config.Store, log: config.Logger, timeout: cmp.Or(config.Patience, subscriptionTimeout)},
	}
	r := gin.New()
	if err := r.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	r.Use(recovery(config.Logger), health.Middleware(config.Flags, config.Clients.Ready))
	if config.Trace != nil {
		r.Use(config.Trace)
	}
	r.Use(gzip.Gzip(gzip.DefaultCompression))
	if config.Settings != nil {
		// Before what follows: the settings pages have their own policy, and are no pages whose visitors have flags.
		if err := config.Settings(r.Group(config.SettingsPath)); err != nil {
			return nil, err
		}
		s.settings = config.SettingsPath
	}
	r.Use(secure(), sameOrigin())
	r.GET("/assets/*file", gin.WrapH(static))
	r.Use(middleware.New(middleware.Config{
		Flags:     s.flags,
		Sessions:  s.sessions,
		Subject:   s.subject,
		Secure:    s.secure,
		Logger:    config.Logger,
		Directory: config.Directory,
		Recorder:  config.Recorder,
		Preview:   config.Preview,
	}))
	// Who one is can be changed all the time, so that whoever tries it can become somebody who passes.
	r.Use(middleware.Maintenance(middleware.MaintenanceOptions{Page: s.maintenance, Pass: s.mayPass, Except: []string{"/person"}}))
	s.routes(r)
	return r, nil
}

func (s *Site) routes(r *gin.Engine) {
	hidden := middleware.NotFound(s.notFound)
	r.GET("/", s.home)
	r.GET("/listings", s.listings)
	r.POST("/listings/:id/book", s.book)
	r.GET("/clients", s.listClients)
	r.POST("/clients", s.addClient)
	r.POST("/clients/:id/nights", s.changeNights)
	r.POST("/clients/:id/remove", s.removeClient)
	r.GET("/reports", middleware.Require("reports", hidden), s.reports)
	r.GET("/reports/advanced", middleware.Require("advanced-reports", middleware.Upgrade(s.upgrade("advanced-reports")), hidden), s.advancedReports)
	r.GET("/plans", s.plans)
	r.POST("/plan", s.changePlan)
	r.POST("/addon", s.changeAddOn)
	r.POST("/person", s.changePerson)
	r.NoRoute(s.notFound)
}

// Fill imports the sample's flags into every environment, and gives its tenants their plans, if the database has
// none yet. It reports whether it did. Options are those of changes.New.
func Fill(ctx context.Context, store *models.Store, options ...changes.Options) (bool, error) {
	flags, err := store.FlagsByKey(ctx)
	if err != nil || len(flags) > 0 {
		return false, err
	}
	file, err := flagfile.Read("flags.yaml", flagsFile)
	if err != nil {
		return false, fmt.Errorf("read the sample's flags: %w", err)
	}
	doc := file.Document
	for _, name := range []string{"staging", "production"} {
		copied := doc.Environments[0]
		copied.Name = name
		doc.Environments = append(doc.Environments, copied)
	}
	if _, err := changes.New(store, options...).Import(ctx, doc, changes.ImportOptions{Author: "sample", Reason: "the sample's flags"}); err != nil {
		return false, fmt.Errorf("import the sample's flags: %w", err)
	}
	for _, t := range tenants {
		if err := store.SetTenantPlan(ctx, t.ID, t.Plan, "sample"); err != nil {
			return false, err
		}
	}
	return true, nil
}

// secure sets the headers of every answer: the policy forbids all inline script but the flags' own client.
func secure() gin.HandlerFunc {
	policy := "default-src 'self'; img-src 'self' data:; script-src 'self' " + middleware.ClientCSPHash + "; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
	}
}

// sameOrigin refuses forms that other sites post.
func sameOrigin() gin.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c *gin.Context) {
		if err := protection.Check(c.Request); err != nil {
			c.AbortWithStatus(http.StatusForbidden)
		}
	}
}
