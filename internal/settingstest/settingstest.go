// Package settingstest runs the settings pages for tests, mounted in a host with a sign-in of its own, and gives tests
// characters that use them as people do.
package settingstest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/flagfile"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/internal/sqlitetest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/models/sqlite"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// Site is a host with the settings pages under /settings. /as/PERSON signs in as one of People.
type Site struct {
	URL       string // of the host: http://127.0.0.1:…
	Store     *models.Store
	Changes   *changes.Changes
	Flags     *service.FeatureFlagService // of development
	Directory *directory.Directory
	Settings  *settings.Settings
	Engine    *gin.Engine
	t         testing.TB
}

// People are who can sign in, by name.
var People = map[string]settings.Person{
	"admin":    {ID: "p-admin", Name: "Ada Admin", Email: "ada@toprent.example", Roles: map[string]settings.Role{settings.Everywhere: settings.Admin}},
	"approver": {ID: "p-approver", Name: "Abe Approver", Email: "abe@toprent.example", Roles: map[string]settings.Role{settings.Everywhere: settings.Approver}},
	"editor":   {ID: "p-editor", Name: "Eve Editor", Email: "eve@toprent.example", Roles: map[string]settings.Role{settings.Everywhere: settings.Editor}},
	"bob":      {ID: "p-bob", Name: "Bob Editor", Email: "bob@toprent.example", Roles: map[string]settings.Role{settings.Everywhere: settings.Editor}},
	"viewer":   {ID: "p-viewer", Name: "Vic Viewer", Email: "vic@toprent.example", Roles: map[string]settings.Role{settings.Everywhere: settings.Viewer}},
	"dev":      {ID: "p-dev", Name: "Dev Editor", Email: "dev@toprent.example", Roles: map[string]settings.Role{"development": settings.Editor}},
	"tenant":   {ID: "p-tenant", Name: "Tess Tenant", Email: "tess@acme.example", Tenant: "t-acme"},
	"nobody":   {ID: "p-nobody", Name: "Ned Nobody", Email: "ned@elsewhere.example"},
}

// SQLite makes a store on a migrated SQLite database of the test's own.
func SQLite(t testing.TB) *models.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlitetest.File(t))
	return opened(t, store, err)
}

// Postgres makes a store on a migrated PostgreSQL database of the test's own.
func Postgres(t testing.TB) *models.Store {
	t.Helper()
	store, err := models.Open(t.Context(), pgtest.URL(t))
	return opened(t, store, err)
}

func opened(t testing.TB, store *models.Store, err error) *models.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	asksNobody(t, store)
	return store
}

// OnBoth runs a test on SQLite and on PostgreSQL.
func OnBoth(t *testing.T, test func(t *testing.T, store *models.Store)) {
	t.Run("SQLite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, Postgres(t)) })
}

// New runs a host on a new SQLite database. change, if given, changes the pages' configuration.
func New(t testing.TB, change ...func(*settings.Config)) *Site {
	t.Helper()
	return On(t, SQLite(t), change...)
}

// On runs a host on that database.
func On(t testing.TB, store *models.Store, change ...func(*settings.Config)) *Site {
	t.Helper()
	gin.SetMode(gin.TestMode)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	flags, err := service.New(ctx, service.Config{Source: store, Environment: "development", Poll: 200 * time.Millisecond})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	seen := directory.New(store, directory.Options{Attributes: []string{"country", "email"}, Flush: 50 * time.Millisecond})
	looking := &middleware.Preview{Key: []byte("0123456789abcdef0123456789abcdef")}
	config := settings.Config{Store: store, Flags: flags, Directory: seen, Person: whoIsAsking, SignIn: "/sign-in", Preview: looking}
	for _, f := range change {
		f(&config)
	}
	pages, err := settings.New(config)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(middleware.New(middleware.Config{Flags: flags, Sessions: middleware.NewCookieStore([]byte("0123456789abcdef0123456789abcdef")), Subject: subject, Directory: seen, Preview: looking}))
	r.GET("/", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html; charset=utf-8", []byte("<!doctype html><title>Host</title><h1>The host</h1>"))
	})
	r.GET("/as/:person", signIn)
	r.GET("/sign-in", func(c *gin.Context) { c.String(http.StatusOK, "Sign in here, then go to "+c.Query("next")) })
	if err := pages.Mount(r.Group("/settings")); err != nil {
		cancel()
		t.Fatal(err)
	}
	var background sync.WaitGroup
	background.Go(func() { _ = flags.Run(ctx) })
	background.Go(func() { _ = seen.Run(ctx) })
	background.Go(func() { _ = pages.Run(ctx) })
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		server.Close()
		cancel()
		background.Wait()
	})
	site := &Site{URL: server.URL, Store: store, Changes: changes.New(store), Flags: flags, Directory: seen, Settings: pages, Engine: r, t: t}
	return site
}

// asksNobody takes the approvals away that a new database asks for, without a trace, so that tests of other things publish at
// once. Site.Protects asks for them.
func asksNobody(t testing.TB, store *models.Store) {
	t.Helper()
	db, err := store.SQL()
	if err == nil {
		_, err = db.ExecContext(t.Context(), "UPDATE environments SET approvals = 0")
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Protects makes an environment take that many approvals for each change.
func (s *Site) Protects(environment string, approvals int) {
	s.t.Helper()
	row, err := s.Store.Environment(s.t.Context(), environment)
	if err == nil {
		err = s.Changes.EditEnvironment(s.t.Context(), changes.EnvironmentEdit{Name: environment, Title: row.Title, Protected: true, Approvals: approvals, Author: "test", Base: row.Version})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func whoIsAsking(c *gin.Context) (settings.Person, error) {
	name, err := c.Cookie("person")
	person, known := People[name]
	if err != nil || !known {
		return settings.Person{}, settings.ErrNotSignedIn
	}
	return person, nil
}

func signIn(c *gin.Context) {
	http.SetCookie(c.Writer, &http.Cookie{Name: "person", Value: c.Param("person"), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	c.Redirect(http.StatusSeeOther, "/settings/flags")
}

// subject is who browses the host: X-User, X-Tenant, X-Plan and X-Country say so.
func subject(c *gin.Context) (ruleset.Subject, error) {
	s := ruleset.Subject{User: c.GetHeader("X-User"), Tenant: c.GetHeader("X-Tenant"), Plan: c.GetHeader("X-Plan")}
	if country := c.GetHeader("X-Country"); country != "" {
		s.Attributes = map[string]any{"country": country}
	}
	return s, nil
}

// Imports publishes a flags file (YAML).
func (s *Site) Imports(yaml string) {
	s.t.Helper()
	file, err := flagfile.Read("flags.yaml", []byte(yaml))
	if err == nil {
		_, err = s.Changes.Import(s.t.Context(), file.Document, changes.ImportOptions{Author: "test"})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.Flags.Refresh(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// Sample publishes the flags of three environments that most tests are happy with: flag "new-home" (boolean, off in
// production), "winter-look" (on for everyone), "checkout" (a string with variants control, short and long, split),
// "reports" (premium, needs plan pro), plans free, pro and enterprise, and the segment "germany".
func (s *Site) Sample() {
	s.t.Helper()
	s.Imports(sampleFile)
}
