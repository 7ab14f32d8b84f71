package e2e

import (
	"reflect"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

func TestTwoTabsOfTwoTenantsKeepTheirOwnValues(t *testing.T) {
	const page = `<!doctype html><title>{{ .Flags.Subject.Tenant }}</title><p id="new" data-flag="new">new</p>`
	host := newHost(t, forTenants("acme"), func(c *middleware.Config) {
		c.Subject = func(c *gin.Context) (ruleset.Subject, error) {
			return ruleset.Subject{User: "ann", Tenant: c.Param("tenant")}, nil
		}
		c.RefreshURL = func(c *gin.Context) string { return "/t/" + c.Param("tenant") + "/feature-values" }
	}, func(r *gin.Engine) {
		r.GET("/t/:tenant", renders(page))
		r.GET("/t/:tenant/feature-values", middleware.Refresh)
	})
	chrome := chromium(t)
	acme, globex := chrome.window(), chrome.window()
	acme.watches()
	globex.watches()
	acme.opens(host.URL + "/t/acme")
	globex.opens(host.URL + "/t/globex")
	mine := func(tab tab, newIsOn, oldIsOn bool) {
		t.Helper()
		tab.runs(`flags.refresh()`)
		want := map[string]any{"new": newIsOn, "old": oldIsOn}
		if got := evaluated[map[string]any](tab, `flags.all()`); !reflect.DeepEqual(got, want) {
			t.Errorf("%s reads %v, want %v", evaluated[string](tab, `document.title`), got, want)
		}
		if shown := evaluated[bool](tab, displayed("new")); shown != newIsOn {
			t.Errorf("%s shows what is new: %t", evaluated[string](tab, `document.title`), shown)
		}
	}
	for range 2 {
		mine(acme, true, false)
		mine(globex, false, true)
	}

	// One turns, the other follows, each to its own values.
	host.turns(forTenants("globex"))
	host.source.Advance(middleware.PinLife)
	acme.runs(`flags.refresh()`)
	globex.comesToSee(`flags.isEnabled("new")`)
	for range 2 {
		mine(acme, false, true)
		mine(globex, true, false)
	}
	if asked := len(host.exchanges("/feature-values")); asked != 0 {
		t.Errorf("a tab asked %d times at an address that is no tenant's", asked)
	}
}

// forTenants makes a flag that is new to one tenant, and one that is old to all others.
func forTenants(pilot string) ruleset.Definition {
	is := ruleset.Condition{Attribute: "tenant", Operator: "in", Values: ruleset.Texts{pilot}}
	flag := func(key string, when ruleset.Condition) ruleset.Flag {
		return ruleset.Flag{Key: key, Kind: ruleset.Release, Type: ruleset.Boolean, Salt: key, Enabled: true, ClientVisible: true,
			Rules: []ruleset.Rule{{When: &when, Serve: "on"}}}
	}
	return ruleset.Definition{Flags: []ruleset.Flag{flag("new", is), flag("old", ruleset.Condition{Not: &is})}}
}

func TestStrictPoliciesGetTheClientAsTheyAllowIt(t *testing.T) {
	const body = `<title>x</title><p id="on" data-flag="on">on</p><p id="off" data-flag="off">off</p>`
	for name, test := range map[string]struct {
		header, meta string
		file         bool // Config.ClientFile
		inline       bool // how the client is to come
	}{
		"without the hash": {header: "default-src 'self'"},
		"with the hash":    {header: "default-src 'self'; script-src " + middleware.ClientCSPHash, inline: true},
		"by nonces alone":  {header: "default-src 'none'; connect-src 'self'; script-src 'nonce-Yl9r' 'strict-dynamic'; base-uri 'none'", inline: true},
		"in a meta":        {meta: "default-src 'self'", file: true},
		"trusted types":    {header: "default-src 'none'; connect-src 'self'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"},
	} {
		t.Run(name, func(t *testing.T) {
			host := newHost(t, flagtest.Definition(t, "on", true, "off", false), func(c *middleware.Config) { c.ClientFile = test.file }, func(r *gin.Engine) {
				r.GET("/", func(c *gin.Context) {
					meta := ""
					if test.meta != "" {
						meta = `<meta http-equiv="Content-Security-Policy" content="` + test.meta + `">`
					} else {
						c.Header("Content-Security-Policy", test.header)
					}
					sends(`<!doctype html><head><meta charset="utf-8">` + meta + body)(c)
				})
			})
			ann := chromium(t).window(`violations = []; addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective + " " + e.blockedURI))`)
			ann.opens(host.URL)
			ann.sees(`flags.isEnabled("on") && ` + displayed("on") + ` && !` + displayed("off"))
			if inline := evaluated[bool](ann, `document.querySelectorAll("script[src]").length == 0`); inline != test.inline {
				t.Errorf("the client stands in the page: %t", inline)
			}
			host.turns(flagtest.Definition(t, "on", false, "off", true))
			host.source.Advance(middleware.PinLife)
			ann.runs(`flags.refresh()`)
			ann.sees(`flags.isEnabled("off") && !` + displayed("on") + ` && ` + displayed("off"))
			if broken := evaluated[[]string](ann, `violations`); len(broken) > 0 {
				t.Errorf("the page breaks its policy: %v", broken)
			}
		})
	}
}
