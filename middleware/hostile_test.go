package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
)

// A pin is the same for everybody, so it can be kept without the visitor's cookie: each page is then another visitor.
func TestAPinWithoutItsVisitorFillsNoCache(t *testing.T) {
	flags := flagtest.With(t, "home", true)
	app := gin.New()
	app.Use(middleware.New(middleware.Config{Flags: flags, Sessions: middleware.NewCookieStore(testKey)}))
	app.GET("/", func(c *gin.Context) { c.Data(http.StatusOK, "text/html", []byte("<!doctype html><title>x</title>")) })
	open := func(cookies ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Sec-Fetch-Dest", "document")
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		return w
	}
	var pin, visitor string
	for _, c := range open().Result().Cookies() {
		switch {
		case strings.HasSuffix(c.Name, "-pin"):
			pin = c.Name + "=" + c.Value
		case strings.HasSuffix(c.Name, "-visitor"):
			visitor = c.Name + "=" + c.Value
		}
	}
	for range 50 {
		open(pin)
	}
	if n := flags.Status().Cached; n != 0 {
		t.Errorf("%d visitors who will not come again are kept", n)
	}
	open(pin, visitor)
	if n := flags.Status().Cached; n != 1 {
		t.Errorf("%d returning visitors are kept, want 1", n)
	}
}

func TestANetworksOwnCachesGetNobodysValues(t *testing.T) {
	for header, injected := range map[string]bool{
		"CDN-Cache-Control: max-age=600":                 false,
		"Surrogate-Control: max-age=600":                 false,
		"Cloudflare-CDN-Cache-Control: max-age=600":      false,
		"Vercel-CDN-Cache-Control: max-age=600":          false,
		"Netlify-CDN-Cache-Control: public, max-age=600": false,
		"X-Accel-Expires: 600":                           false,
		"CDN-Cache-Control: no-store":                    true,
		"CDN-Cache-Control: private":                     true,
		"X-Accel-Expires: 0":                             true,
		"Surrogate-Control: max-age=0":                   true,
	} {
		name, value, _ := strings.Cut(header, ": ")
		app := gin.New()
		app.Use(flagtest.Middleware(t, "home", true))
		app.GET("/", func(c *gin.Context) {
			c.Header(name, value)
			c.Data(http.StatusOK, "text/html", []byte("<!doctype html><title>x</title>"))
		})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Sec-Fetch-Dest", "document")
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		block, cookies := strings.Contains(w.Body.String(), "feature-values"), len(w.Result().Cookies()) > 0
		if block != injected || cookies != injected {
			t.Errorf("%s: values %t, cookies %t, want %t", header, block, cookies, injected)
		}
	}
}

// A network's own caches follow their own headers, whatever Cache-Control says: what is one person's must have none that a
// host has set for all of its responses.
func TestWhatIsOnePersonsIsKeptFromANetworksCaches(t *testing.T) {
	s := newSite(t, premium(t))
	shares := func(c *gin.Context) {
		for _, name := range []string{"CDN-Cache-Control", "Surrogate-Control", "Cloudflare-CDN-Cache-Control", "Vercel-CDN-Cache-Control", "Netlify-CDN-Cache-Control"} {
			c.Header(name, "max-age=600")
		}
		c.Header("X-Accel-Expires", "600")
		c.Header("Cache-Control", "public, max-age=600")
	}
	s.Engine = gin.New()
	s.GET("/late", s.with(), func(c *gin.Context) {
		head := middleware.From(c).Head()
		shares(c)
		sendPage(c, string(head))
	})
	s.Use(shares, s.with())
	doors(s, "reports")
	ann := s.visit("Plan", "free")
	for what, a := range map[string]*answer{
		"a refresh":                         ann.fetches(values).is(http.StatusOK),
		"a refusal":                         ann.opens("/bare").is(http.StatusNotFound),
		"a refusal with a page":             ann.opens("/sold").is(http.StatusForbidden),
		"a page whose values stand already": ann.opens("/late").is(http.StatusOK),
	} {
		for name := range a.Header {
			if name == "X-Accel-Expires" || strings.HasSuffix(name, "Cdn-Cache-Control") || name == "Surrogate-Control" {
				t.Errorf("%s has %s: %s", what, name, a.Header.Get(name))
			}
		}
		if control := a.Header.Get("Cache-Control"); strings.Contains(control, "public") || !strings.Contains(control, "private") {
			t.Errorf("%s has Cache-Control: %s", what, control)
		}
	}
}
