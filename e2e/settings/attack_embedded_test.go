package settings

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
)

// The host of these tests runs the flags' middleware before the pages, as hosts do.
func TestEmbeddedThePagesKeepTheirHeadersAndTheirPolicy(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	for route := range site.Settings.Needs() {
		method, path, _ := strings.Cut(route, " ")
		if method != http.MethodGet || strings.Contains(path, "/assets/") {
			continue
		}
		path = strings.NewReplacer(":key", "new-home", ":env", "development", ":revision", "1", ":plan", "pro", ":segment", "germany", ":id", "x").Replace(path)
		for _, who := range []string{"admin", "nobody", ""} {
			b := site.As(who)
			b.Header.Set("Sec-Fetch-Dest", "document")
			p := b.Gets(path)
			if p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("X-Frame-Options") != "DENY" || !strings.Contains(p.Header.Get("Content-Security-Policy"), "default-src 'self';") {
				t.Errorf("%s for %q: %v", path, who, p.Header)
			}
		}
	}
}

// A network's caches follow headers of their own, which a host may set for all that it serves.
func TestEmbeddedNoNetworkKeepsAPage(t *testing.T) {
	pages, err := settings.New(settings.Config{Store: settingstest.SQLite(t), Person: func(*gin.Context) (settings.Person, error) { return settingstest.People["admin"], nil }})
	if err != nil {
		t.Fatal(err)
	}
	engine := gin.New()
	headers := []string{"CDN-Cache-Control", "Surrogate-Control", "Cloudflare-CDN-Cache-Control", "Vercel-CDN-Cache-Control", "Netlify-CDN-Cache-Control", "X-Accel-Expires"}
	engine.Use(func(c *gin.Context) {
		for _, name := range headers {
			c.Header(name, "600")
		}
	})
	if err := pages.Mount(engine.Group("/settings")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/settings/flags", "/settings/me", "/settings/changes.json", "/settings/api/me"} {
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		for _, name := range headers {
			if w.Header().Get(name) != "" || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s (%d) has %s: %s", path, w.Code, name, w.Header().Get(name))
			}
		}
	}
}

// A host that signs people in by a header of its own is not taken for a program with a token.
func TestAFeedIsOpenToWhoSignsInAtAProxyByPassword(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	b := site.As("viewer")
	b.Header.Set("Authorization", "Basic dmljOnNlY3JldA==")
	b.Gets("/settings/changes.json").Is(http.StatusOK)
	stranger := site.As("")
	stranger.Header.Set("Authorization", "Basic dmljOnNlY3JldA==")
	stranger.Gets("/settings/changes.json").Is(http.StatusSeeOther)
	stranger.Header.Set("Authorization", "Bearer tfl_made-up")
	stranger.Gets("/settings/changes.json").Is(http.StatusUnauthorized)
	b.Header.Set("Authorization", "bearer tfl_made-up") // a token that is none is not made good by a session
	b.Gets("/settings/changes.json").Is(http.StatusUnauthorized)
}
