package e2e

import (
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// host is a small app with flags, unlike the sample site: each test gives it its own middleware and pages.
type host struct {
	*httptest.Server
	t      *testing.T
	source *flagtest.Source
	flags  *service.FeatureFlagService

	mu   sync.Mutex
	sent []exchange
}

func newHost(t *testing.T, definition ruleset.Definition, configure func(*middleware.Config), routes func(*gin.Engine)) *host {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	h := &host{t: t, source: flagtest.NewSource()}
	h.source.Publish(definition)
	h.flags = flagtest.Service(t, h.source)
	config := middleware.Config{
		Flags:    h.flags,
		Sessions: middleware.NewCookieStore(sampleKey),
		Logger:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	configure(&config)
	r := gin.New()
	r.Use(middleware.New(config))
	routes(r)
	h.Server = httptest.NewServer(remembering(r, h.remember))
	t.Cleanup(h.Close)
	return h
}

func (h *host) remember(e exchange) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent = append(h.sent, e)
}

// exchanges are those with a path so far, oldest first.
func (h *host) exchanges(path string) []exchange {
	h.mu.Lock()
	defer h.mu.Unlock()
	return with(h.sent, path)
}

// turns publishes, and the host has polled.
func (h *host) turns(to ruleset.Definition) {
	h.t.Helper()
	h.source.Publish(to)
	if err := h.flags.Refresh(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// sends answers with a page.
func sends(page string) gin.HandlerFunc {
	return func(c *gin.Context) { c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(page)) }
}

// renders answers with a template, which has the request's flags.
func renders(page string) gin.HandlerFunc {
	parsed := template.Must(template.New("page").Parse(page))
	return func(c *gin.Context) {
		c.Header("Content-Type", "text/html; charset=utf-8")
		if err := parsed.Execute(c.Writer, struct{ Flags middleware.Flags }{middleware.From(c)}); err != nil {
			io.WriteString(c.Writer, err.Error())
		}
	}
}
