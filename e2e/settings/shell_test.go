package settings

import (
	"net/http"
	"net/url"
	"testing"

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

func TestWhoIsNotSignedInIsSentToSignIn(t *testing.T) {
	site := settingstest.New(t)
	p := site.As("").Gets("/settings")
	if want := "/sign-in?next=" + url.QueryEscape("/settings"); p.Status != http.StatusSeeOther || p.Location != want {
		t.Errorf("%d to %q, want %q", p.Status, p.Location, want)
	}
	site.As("nobody").Gets("/settings").Is(http.StatusForbidden).Sees("not open to you")
}
