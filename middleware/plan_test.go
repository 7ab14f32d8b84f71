package middleware_test

import (
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

// excluded has a feature that everything turns on, but for the plan.
func excluded(t testing.TB) ruleset.Definition {
	d := premium(t)
	d.Flags[0].Rules = []ruleset.Rule{{Serve: "on"}}
	d.Overrides = []ruleset.Override{{Flag: "reports", User: "ann", Variant: "on"}, {Flag: "reports", Tenant: "acme", Variant: "on"}}
	return d
}

// Nothing that a browser can send turns on a feature that the plan excludes: who somebody is, and what they pay, is the
// app's to say.
func FuzzNothingSentBeatsThePlan(f *testing.F) {
	s := newSite(f, excluded(f), func(c *middleware.Config) {
		c.Subject = func(*gin.Context) (ruleset.Subject, error) {
			return ruleset.Subject{User: "ann", Tenant: "acme", Plan: "free"}, nil
		}
	})
	s.Any("/gated", middleware.Require("reports"), say("inside"))
	s.Any("/asked", func(c *gin.Context) {
		flags := middleware.From(c)
		if flags.On("reports") || flags.Bool("reports", true) || middleware.On(c, "reports") || flags.Subject().Plan != "free" {
			c.Status(http.StatusTeapot)
		}
		page(c)
	})
	honest, paying := s.visit(), s.again().visit("Plan", "pro")
	honest.opens("/")
	paying.opens("/").sees("reports", true)
	stolen := "flags-pin=" + paying.cookies["flags-pin"] + "; flags-visitor=" + paying.cookies["flags-visitor"]
	token := paying.takesForm()
	f.Add("reports=true", "Plan", "pro", "plan=pro&reports=on&flag=reports", "plan=pro&reports=on")
	f.Add(stolen, "X-Plan", "pro", "tenant=acme&user=ann", url.Values{pinField: {token}}.Encode())
	f.Add("flags-pin=1.1.0000000000000000.1.test", "Flags", `{"reports":true}`, "feature-values=reports", pinField+"=1.1.0000000000000000.1.test")
	f.Add("__Host-flags-pin=x", "If-None-Match", "*", "", "")
	f.Add(stolen, "Content-Type", "multipart/form-data; boundary=b", "_flags_pin="+token, "--b\r\nContent-Disposition: form-data; name=\"_flags_pin\"\r\n\r\n"+token+"\r\n--b--")
	f.Add(stolen, "X-HTTP-Method-Override", "PUT", "reports", "reports")
	signedIn := honest.cookies
	f.Fuzz(func(t *testing.T, cookies, header, value, query, body string) {
		s.TB, honest.cookies = t, maps.Clone(signedIn)
		for _, target := range []string{"/", "/asked", "/gated", values, "/api"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				r := honest.request(method, target, reader(body), navigation...)
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header[textproto.CanonicalMIMEHeaderKey(header)] = []string{value}
				r.Header["Cookie"] = append(r.Header["Cookie"], cookies)
				r.URL.RawQuery = query
				a := honest.answers(r)
				if strings.Contains(a.body, `"reports":true`) || a.StatusCode == http.StatusTeapot || target == "/gated" && a.StatusCode != http.StatusNotFound {
					t.Fatalf("%s %s: %d %s", method, target, a.StatusCode, a.body)
				}
			}
		}
	})
}

func TestAPinCarriesNobodysPlan(t *testing.T) {
	s := newSite(t, excluded(t))
	paying, free := s.visit("Plan", "pro"), s.visit("Plan", "free", "User", "ann")
	paying.opens("/").sees("reports", true)
	free.cookies = paying.cookies
	free.opens("/").sets().sees("reports", false)
	s.publish(flagtest.Definition(t, "other", true))
	free.opens("/").sets().sees("reports", false)
}
