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
		"CDN-Cache-Control: max-age=600":            false,
		"Surrogate-Control: max-age=600":            false,
		"Cloudflare-CDN-Cache-Control: max-age=600": false,
		"X-Accel-Expires: 600":                      false,
		"CDN-Cache-Control: no-store":               true,
		"CDN-Cache-Control: private":                true,
		"X-Accel-Expires: 0":                        true,
		"Surrogate-Control: max-age=0":              true,
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
