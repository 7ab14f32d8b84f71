//go:build !race

package middleware_test

import (
	"math"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
)

// A page with a hundred flags may cost this many times what it costs without: 10 kB from html/template.
var budgets = map[string]struct {
	bare string
	most float64
}{
	"returning":   {"bare", 1.10},
	"first visit": {"bare first", 1.30},
}

func TestAPageWithFlagsStaysWithinItsBudget(t *testing.T) {
	all := rivals(t, pages["template"](), inProcess)
	for kind, budget := range budgets {
		ratio := math.Inf(1)
		for try := 0; try < 4 && ratio > budget.most; try++ { // a busy machine can spoil one measurement
			ratio = min(ratio, compare(41, all[kind], all[budget.bare]))
		}
		if ratio > budget.most {
			t.Errorf("%s: %.2f times the bare page, at most %.2f are allowed", kind, ratio, budget.most)
		}
		t.Logf("%s: %.3f times the bare page", kind, ratio)
	}
}

// An app that has previews costs those who are in none what it costs without: no allocation, and hardly any time.
func TestARequestWithoutAPreviewStaysWithinItsBudget(t *testing.T) {
	with, without := askerOf(t, &middleware.Preview{Key: testKey}), askerOf(t, nil)
	for range 100 { // what is pooled is there
		with()
		without()
	}
	if a, b := testing.AllocsPerRun(200, with), testing.AllocsPerRun(200, without); a > b {
		t.Errorf("%.0f allocations with previews, %.0f without", a, b)
	}
	ratio := math.Inf(1)
	for try := 0; try < 4 && ratio > 1.05; try++ {
		ratio = min(ratio, compare(41, with, without))
	}
	if ratio > 1.05 {
		t.Errorf("with previews a page costs %.2f times what it costs without", ratio)
	}
	t.Logf("%.3f times the page of an app without previews", ratio)
}

// askerOf asks for a page of 10 kB as a visitor who has been there before.
func askerOf(t *testing.T, preview *middleware.Preview) rival {
	gin.SetMode(gin.TestMode)
	source := flagtest.NewSource()
	source.Publish(hundredFlags())
	e := gin.New()
	e.Use(middleware.New(middleware.Config{Flags: flagtest.Service(t, source), Sessions: middleware.NewCookieStore(testKey), Subject: subjectOf, Preview: preview}))
	e.GET("/", pages["template"]())
	s := &site{TB: t, Engine: e}
	ann := s.visit("User", "ann")
	ann.opens("/")
	headers, ask := ann.request(http.MethodGet, "/", nil, navigation...).Header, inProcess(e)
	return func() {
		ask(&http.Request{Method: http.MethodGet, URL: urlOf("/"), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: headers, Host: "example.com"})
	}
}
