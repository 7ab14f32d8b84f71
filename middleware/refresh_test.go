package middleware_test

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

const values = "/feature-values"

func (a *answer) refreshIn() time.Duration {
	a.Helper()
	seconds, err := strconv.ParseFloat(a.Header.Get("Refresh-In"), 64)
	if err != nil {
		a.Errorf("Refresh-In: %v", err)
	}
	return time.Duration(seconds * float64(time.Second))
}

func TestARefreshAgreesWithThePage(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := newSite(t, hundredFlags(), jar)
		ann := s.visit("User", "ann")
		page := ann.opens("/").block()
		if page.URL != values || page.RefreshIn != middleware.PinLife.Seconds() {
			t.Errorf("the page says: ask %s in %v s", page.URL, page.RefreshIn)
		}
		s.publish(flagtest.Definition(t))
		s.later(time.Minute)
		a := ann.fetches(values).is(http.StatusOK).sets()
		if a.Header.Get("ETag") != page.ETag || !reflect.DeepEqual(a.values(), page.Values) {
			t.Errorf("the page has %s %v\nthe refresh %s %v", page.ETag, page.Values, a.Header.Get("ETag"), a.values())
		}
		if a.refreshIn() != middleware.PinLife-time.Minute {
			t.Errorf("of the pin %v are said to be left", a.refreshIn())
		}
		if a.Header.Get("Content-Type") != "application/json; charset=utf-8" || a.Header.Get("Cache-Control") != "private, no-store" || a.Header.Get("Vary") != "Cookie" {
			t.Errorf("headers %v", a.Header)
		}
	})
}

func TestARefreshOfTheSameValuesHasNoBody(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	ann := s.visit()
	etag := ann.opens("/").block().ETag
	s.change("a", func(f *ruleset.Flag) { f.Rules = []ruleset.Rule{{Serve: "on"}} }) // changes no value
	s.later(middleware.PinLife)
	for _, tags := range []string{etag, `"x", W/` + etag, "*"} {
		a := ann.fetches(values, "If-None-Match", tags).is(http.StatusNotModified)
		if a.body != "" || a.Header.Get("ETag") != etag || a.refreshIn() != middleware.PinLife {
			t.Errorf("%s: %v %q", tags, a.Header, a.body)
		}
	}
	if ann.cookies["flags-pin"] == s.visit().opens("/").set["flags-pin"].Value {
		ann.fetches(values).sets() // the first 304 has pinned anew
	} else {
		t.Error("a 304 does not pin anew")
	}
	s.change("a", func(f *ruleset.Flag) { f.Rules, f.Otherwise = nil, "off" })
	s.later(middleware.PinLife)
	ann.fetches(values, "If-None-Match", etag).is(http.StatusOK).sets("pin").sees("a", false)
}

func TestARefreshMayAskForTheHeadOnly(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	a := s.visit().asks(http.MethodHead, values, nil, "Sec-Fetch-Dest", "empty").is(http.StatusOK).sets("pin")
	if a.Header.Get("ETag") == "" || a.refreshIn() != middleware.PinLife {
		t.Errorf("headers %v", a.Header)
	}
	s.visit().asks(http.MethodPost, values, reader("x"), "Sec-Fetch-Dest", "document").is(http.StatusNotFound).sets()
}

func TestARefreshIsNoPageEvenIfSomebodyOpensIt(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	s.GET("/own", middleware.Refresh)
	for _, path := range []string{values, "/own"} {
		ann := s.visit()
		ann.opens(path).is(http.StatusOK).sets("pin", "visitor").sees("a", true)
		ann.opens(path).sets()
	}
}

func TestWithoutAnyRevisionARefreshAsksForPatience(t *testing.T) {
	source := flagtest.NewSource()
	source.Down()
	s := &site{TB: t, source: source, log: &logged{}, flags: flagtest.Service(t, source), Engine: gin.New()}
	s.Use(s.with())
	s.routes(&s.RouterGroup)
	ann := s.visit()
	a := ann.fetches(values).is(http.StatusServiceUnavailable).sets()
	if a.Header.Get("Retry-After") != "15" || a.Header.Get("Cache-Control") != "private, no-store" || a.body != "" {
		t.Errorf("headers %v, body %q", a.Header, a.body)
	}
	if b := ann.opens("/").is(http.StatusOK).sets("visitor").block(); b == nil || len(b.Values) != 0 || b.RefreshIn != 15 {
		t.Errorf("the page's block is %+v", b)
	}
	source.Up()
	s.publish(flagtest.Definition(t, "a", true))
	ann.fetches(values).is(http.StatusOK).sets("pin").sees("a", true)
}

func TestTheBrowserGetsOnlyWhatIsForIt(t *testing.T) {
	d := flagtest.Definition(t, "shown", true, "secret-plan", "the merger")
	d.Flags[1].ClientVisible = false
	s := newSite(t, d)
	ann := s.visit()
	for _, a := range []*answer{ann.opens("/"), ann.fetches(values)} {
		if a.sees("shown", true); strings.Contains(a.body, "secret") || strings.Contains(a.body, "merger") {
			t.Errorf("the secret is out: %s", a.body)
		}
	}
}

// Two tenants on one origin share the cookies, and each page refreshes as its own.
func TestTheTabsOfTwoTenantsKeepTheirOwnValues(t *testing.T) {
	d := flagtest.Definition(t, "red", false)
	d.Overrides = []ruleset.Override{{Flag: "red", Tenant: "acme", Variant: "on"}}
	s := newSite(t, d)
	s.Engine = gin.New()
	tenants := s.Group("/t/:tenant", s.with(func(c *middleware.Config) {
		c.RefreshURL = func(c *gin.Context) string { return "/t/" + c.Param("tenant") + values }
	}))
	s.routes(tenants)
	tenants.GET(values, middleware.Refresh)

	ann := s.visit()
	want := map[string]bool{"acme": true, "globex": false}
	urls := map[string]string{}
	for tenant, red := range want {
		urls[tenant] = ann.opens("/t/"+tenant+"/").sees("red", red).block().URL
	}
	for range 3 {
		for tenant, red := range want {
			ann.fetches(urls[tenant]).is(http.StatusOK).sets().sees("red", red)
		}
		s.later(middleware.PinLife)
		ann.fetches(urls["acme"]).sets("pin").sees("red", true)
		ann.fetches(urls["globex"]).sets().sees("red", false)
	}
}

// Sign-in may come after this middleware: values are decided when somebody asks. A host whose sign-in does registers
// the endpoint, so that it is asked as late.
func TestARegisteredRefreshComesAfterSignIn(t *testing.T) {
	s := newSite(t, premium(t))
	s.Engine = gin.New()
	s.Use(s.with(), func(c *gin.Context) { c.Request.Header.Set("Plan", "pro") })
	s.routes(&s.RouterGroup)
	s.GET(values, middleware.Refresh)
	ann := s.visit()
	ann.opens("/").sees("reports", true)
	ann.fetches(values).is(http.StatusOK).sees("reports", true)
}

func TestARefreshAnswersBeforeARouteThatTakesEveryPath(t *testing.T) {
	s := newSite(t, flagtest.Definition(t, "a", true))
	s.GET("/:listing", page)
	s.visit().fetches(values).is(http.StatusOK).sets("pin").sees("a", true)
}

func TestRefreshWithoutTheMiddlewareIsNotFound(t *testing.T) {
	s := newSite(t, flagtest.Definition(t))
	s.Engine = gin.New()
	s.GET("/own", middleware.Refresh)
	s.visit().fetches("/own").is(http.StatusNotFound)
}
