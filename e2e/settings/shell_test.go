package settings

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
)

func TestEveryRouteSaysWhoMayUseIt(t *testing.T) {
	site := settingstest.New(t)
	needs := site.Settings.Needs()
	routes := 0
	for _, route := range site.Engine.Routes() {
		if len(route.Path) < len("/settings") || route.Path[:len("/settings")] != "/settings" {
			continue
		}
		routes++
		if need := needs[route.Method+" "+route.Path]; need == "" || need == "nobody" {
			t.Errorf("%s %s does not say who may use it", route.Method, route.Path)
		}
	}
	if routes < 2 {
		t.Errorf("only %d routes are mounted", routes)
	}
}

func TestThePagesAreMountedUnderAnyGroup(t *testing.T) {
	store := settingstest.SQLite(t)
	ada := func(*gin.Context) (settings.Person, error) {
		return settings.Person{ID: "ada", Roles: map[string]settings.Role{settings.Everywhere: settings.Admin}}, nil
	}
	mounted := func(group string) (*gin.Engine, error) {
		pages, err := settings.New(settings.Config{Store: store, Home: "https://www.toprent.example/", Person: ada})
		if err != nil {
			t.Fatal(err)
		}
		engine := gin.New()
		return engine, pages.Mount(engine.Group(group))
	}
	link := regexp.MustCompile(`(?:href|src|action)="(/[^"#]*)`)
	for _, group := range []string{"/", "/admin/flags"} {
		engine, err := mounted(group)
		if err != nil {
			t.Fatal(err)
		}
		asks := func(path string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			return w
		}
		base := strings.TrimSuffix(group, "/")
		if to := asks(group).Header().Get("Location"); to != base+"/flags" {
			t.Errorf("%s leads to %q", group, to)
		}
		links := link.FindAllStringSubmatch(asks(base+"/flags").Body.String(), -1)
		if len(links) < 15 {
			t.Errorf("under %s there are %d links", group, len(links))
		}
		for _, found := range links {
			path := html.UnescapeString(found[1])
			if w := asks(path); !strings.HasPrefix(path, base+"/") || w.Code != http.StatusOK && w.Code != http.StatusSeeOther {
				t.Errorf("under %s a link leads to %s, which answers %d", group, path, w.Code)
			}
		}
	}
	for _, group := range []string{"/t/:tenant/settings", "/t/*rest"} {
		if _, err := mounted(group); err == nil || !strings.Contains(err.Error(), group) {
			t.Errorf("%s: %v", group, err)
		}
	}
}

func TestWhoIsNotSignedInIsSentToSignIn(t *testing.T) {
	site := settingstest.New(t)
	p := site.As("").Gets("/settings")
	if want := "/sign-in?next=" + url.QueryEscape("/settings"); p.Status != http.StatusSeeOther || p.Location != want {
		t.Errorf("%d to %q, want %q", p.Status, p.Location, want)
	}
	site.As("nobody").Gets("/settings").Is(http.StatusForbidden).Sees("not open to you")
}
