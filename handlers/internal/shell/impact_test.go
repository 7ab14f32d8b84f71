package shell

import (
	"errors"
	"html/template"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/internal/impact"
	"github.com/toprent/flags/views"
)

// shown is the block that pages show of an impact.
func shown(t *testing.T, i *Impact) string {
	t.Helper()
	link := func(parts ...any) string { return (&App{Base: "/settings"}).Link(parts...) }
	pages, err := views.Settings(template.FuncMap{"asset": func(name string) string { return name }, "link": link})
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(recorder)
	if err := pages.Fragment(c, 200, "flag/switch", "impact", i); err != nil {
		t.Fatal(err)
	}
	return recorder.Body.String()
}

func TestAnImpactShowsHowFarItHasCome(t *testing.T) {
	const again = "/settings/flags/f/production/disable?a=1&amp;b=2"
	for name, c := range map[string]struct {
		answer         impact.Answer
		says, saysNone string
	}{
		"counting":         {impact.Answer{Done: 40_000, Total: 100_000}, `hx-trigger="every 1s"|hx-select="#impact"|max="100000" value="40000"|<a href="` + again + `">Look again</a>`, "Try again"},
		"waiting":          {impact.Answer{}, `waiting for its turn|max="1" value="0"|Look again`, "Try again"},
		"failed":           {impact.Answer{Err: errors.New("panic: secret.go:17")}, `It could not be counted|<a href="` + again + `">Look again</a>`, "secret.go|hx-trigger"},
		"counted":          {impact.Answer{Impact: &impact.Impact{State: impact.Counted, People: 7, Revision: 3}}, `Nobody who was seen gets anything else.|the 7 people|against revision 3`, "hx-trigger|Look again|<table"},
		"reading":          {impact.Answer{Impact: &impact.Impact{State: impact.StillReading}}, `still being read|<a href="` + again + `">Look again</a>`, "<table|Evaluated"},
		"nobody was seen":  {impact.Answer{Impact: &impact.Impact{State: impact.NobodySeen}}, `Nobody was seen in this environment yet`, "<table|Evaluated"},
		"time is a factor": {impact.Answer{Impact: &impact.Impact{State: impact.Counted, Timed: true}}, `Some of it changes with time by itself`, "hx-trigger"},
	} {
		html := shown(t, &Impact{Answer: c.answer, Environment: "production", In: "Production", Again: "/settings/flags/f/production/disable?a=1&b=2"})
		for _, want := range strings.Split(c.says, "|") {
			if !strings.Contains(html, want) {
				t.Errorf("%s: it does not say %q:\n%s", name, want, html)
			}
		}
		for _, none := range strings.Split(c.saysNone, "|") {
			if strings.Contains(html, none) {
				t.Errorf("%s: it says %q:\n%s", name, none, html)
			}
		}
	}
	if html := shown(t, nil); strings.TrimSpace(html) != "" {
		t.Errorf("without an impact: %s", html)
	}
}
