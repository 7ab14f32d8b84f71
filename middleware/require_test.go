package middleware_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/assets"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

func say(text string) gin.HandlerFunc {
	return func(c *gin.Context) { sendPage(c, text) }
}

// pageSays compares a page, without the client, with what it is to say.
func pageSays(body, text string) bool {
	if text != "" && text != hidden.text {
		text = pageTop + text + pageEnd
	}
	return strings.ReplaceAll(body, assets.Client()+"</script>", "") == text
}

// doors are routes behind a flag, with every kind of denial.
func doors(s *site, key string) {
	denials := map[string][]middleware.Denial{
		"/bare":               nil,
		"/hidden":             {middleware.NotFound(say("nothing here"))},
		"/forbidden":          {middleware.Forbidden()},
		"/explained":          {middleware.Forbidden(say("not for you"))},
		"/sold":               {middleware.Upgrade(say("buy Pro"))},
		"/sold-or-forbidden":  {middleware.Upgrade(say("buy Pro")), middleware.Forbidden(say("not for you"))},
		"/forbidden-not-sold": {middleware.Forbidden(say("not for you")), middleware.Upgrade(say("buy Pro"))},
		"/payment": {middleware.Upgrade(func(c *gin.Context) {
			c.Status(http.StatusPaymentRequired)
			say("pay")(c)
		})},
	}
	for path, d := range denials {
		s.GET(path, middleware.Require(key, d...), say("inside"))
	}
}

type refusal struct {
	status int
	text   string
}

var (
	letOn        = refusal{200, "inside"}
	hidden       = refusal{404, "404 page not found"}
	upgradable   = map[string]refusal{"/bare": hidden, "/hidden": {404, "nothing here"}, "/forbidden": {403, ""}, "/explained": {403, "not for you"}, "/sold": {403, "buy Pro"}, "/sold-or-forbidden": {403, "buy Pro"}, "/forbidden-not-sold": {403, "not for you"}, "/payment": {402, "pay"}}
	unsellable   = map[string]refusal{"/bare": hidden, "/hidden": {404, "nothing here"}, "/forbidden": {403, ""}, "/explained": {403, "not for you"}, "/sold": hidden, "/sold-or-forbidden": {403, "not for you"}, "/forbidden-not-sold": {403, "not for you"}, "/payment": hidden}
	everywhereIn = map[string]refusal{"/bare": letOn, "/hidden": letOn, "/forbidden": letOn, "/explained": letOn, "/sold": letOn, "/sold-or-forbidden": letOn, "/forbidden-not-sold": letOn, "/payment": letOn}
)

func (v *visitor) finds(doors map[string]refusal) {
	v.Helper()
	for path, want := range doors {
		a := v.opens(path)
		if body := blockPattern.ReplaceAllString(a.body, ""); a.StatusCode != want.status || !pageSays(body, want.text) {
			v.Errorf("%s: %d %q, want %d %q", path, a.StatusCode, body, want.status, want.text)
		}
		if want.status != 200 && a.Header.Get("Cache-Control") != "private" {
			v.Errorf("%s: a cache may hand the refusal to others: %v", path, a.Header)
		}
	}
}

func TestWhoIsRefusedGetsWhatTheRouteChose(t *testing.T) {
	s := newSite(t, premium(t))
	doors(s, "reports")
	s.visit("Plan", "pro").finds(everywhereIn)
	s.visit("Plan", "free").finds(upgradable)
	s.visit().finds(unsellable) // of nobody's plan is known what an upgrade would be
	s.change("reports", turnOff)
	s.visit("Plan", "pro").finds(unsellable)
	s.visit("Plan", "free").finds(unsellable) // who upgraded would not get it either
	s.change("reports", func(f *ruleset.Flag) { f.Otherwise, f.Killed = "on", true })
	s.visit("Plan", "free").finds(unsellable)
}

// A network's caches keep files by what their names end in, unless they are told not to.
func TestWhatAGateLetsOnIsKeptFromOthers(t *testing.T) {
	s := newSite(t, premium(t))
	file := func(c *gin.Context) { c.Data(http.StatusOK, "text/csv", []byte("a,b")) }
	says := func(control string) gin.HandlerFunc {
		return func(c *gin.Context) { c.Header("Cache-Control", control) }
	}
	s.GET("/reports.csv", middleware.Require("reports"), file)
	s.GET("/strict.csv", middleware.Require("reports"), says("no-store"), file)
	s.GET("/public.csv", says("public, max-age=60"), middleware.Require("reports"), file)
	for path, want := range map[string][2]string{"/reports.csv": {"private", "Cookie"}, "/strict.csv": {"no-store", "Cookie"}, "/public.csv": {"public, max-age=60", ""}} {
		h := s.visit("Plan", "pro").fetches(path).is(http.StatusOK).Header
		if got := [2]string{h.Get("Cache-Control"), h.Get("Vary")}; got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestAnUnknownFlagLetsNobodyOn(t *testing.T) {
	s := newSite(t, flagtest.Definition(t))
	doors(s, "no-such-flag")
	s.visit("Plan", "pro").finds(unsellable)
}

func TestWithoutTheMiddlewareNobodyIsLetOn(t *testing.T) {
	s := newSite(t, premium(t))
	s.Engine = gin.New()
	doors(s, "reports")
	s.visit("Plan", "pro").finds(unsellable)
}
