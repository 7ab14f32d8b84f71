package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// at is a time of the test's day; the source's clock begins at noon.
func at(clock string) string { return "2026-06-01T" + clock + ":00Z" }

// maintained is a definition whose maintenance flag has that value for everybody, or for one tenant.
func maintained(value string, tenants ...string) ruleset.Definition {
	flag := ruleset.Flag{Key: "maintenance", Kind: ruleset.Operational, Type: ruleset.JSON, Salt: "m", Enabled: true,
		Variants: []ruleset.Variant{{Name: "off", Value: json.RawMessage(`{}`)}, {Name: "on", Value: json.RawMessage(value)}},
		Off:      "off", Otherwise: "on", Default: "off"}
	if len(tenants) > 0 {
		flag.Otherwise = "off"
		flag.Rules = []ruleset.Rule{{When: &ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts(tenants)}, Serve: "on"}}
	}
	return ruleset.Definition{Flags: []ruleset.Flag{flag}}
}

// open is the value of a site that nobody maintains.
const open = `{}`

// newMaintainedSite is a site whose pages say "at work", under maintenance with those options.
func newMaintainedSite(t testing.TB, options middleware.MaintenanceOptions, changes ...func(*middleware.Config)) *site {
	t.Helper()
	s := newSite(t, maintained(open), changes...)
	s.Engine = gin.New()
	s.maintain(options, changes...)
	return s
}

func (s *site) maintain(options middleware.MaintenanceOptions, changes ...func(*middleware.Config)) {
	s.Use(s.with(changes...), middleware.Maintenance(options))
	for _, path := range []string{"/", "/clients", "/clients/:id", "/clients-old", "/t/:tenant/", "/healthz", "/healthz/deep", "/readyz", "/settings/flags", "/assets/site.css", "/healthz-not"} {
		s.Match([]string{"GET", "HEAD", "POST"}, path, working)
	}
}

// working is a page that says what it knows of maintenance.
func working(c *gin.Context) {
	text := "at work"
	switch m := middleware.MaintenanceOf(c); {
	case m.Announced:
		text = "at work, announced from " + m.From.Format("15:04") + ": " + m.Message
	case m.Draining:
		text = "at work, draining until " + m.DrainUntil.Format("15:04")
	case m.Passing:
		text = "at work, passing"
	case m.On:
		text = "at work, on"
	}
	sendPage(c, text)
}

// says checks what the page shows.
func (a *answer) says(text string) *answer {
	a.Helper()
	_, shown, _ := strings.Cut(a.body, "<pre>")
	shown, _, _ = strings.Cut(shown, "</pre>")
	if shown != text {
		a.Errorf("the page says %q (%d), want %q", shown, a.StatusCode, text)
	}
	return a
}

// closed checks that the site is closed, and how long one should wait.
func (a *answer) closed(retryAfter string) *answer {
	a.Helper()
	a.is(http.StatusServiceUnavailable)
	if got := a.Header.Get("Retry-After"); got != retryAfter {
		a.Errorf("Retry-After: %q, want %q", got, retryAfter)
	}
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		a.Errorf("Cache-Control: %q", got)
	}
	return a
}

func TestMaintenanceClosesTheSiteForEverybodyAtOnce(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	ann := s.visit("User", "ann")
	ann.opens("/").is(200).says("at work")
	s.publish(maintained(`{"on":true,"message":"New tyres & <brakes>"}`))
	page := ann.opens("/clients?q=1").closed("120")
	for _, want := range []string{"New tyres &amp; &lt;brakes&gt;", `<html lang="en">`, "<h1>We will be back soon</h1>", `<a href="/clients?q=1">Try again</a>`, "prefers-color-scheme:dark", "width=device-width"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %q:\n%s", want, page.body)
		}
	}
	s.visit().opens("/nowhere").closed("120") // what is closed is closed where there is nothing, too
	s.publish(maintained(open))
	ann.opens("/").is(200).says("at work")
}

func TestAKillOrADisabledFlagEndsMaintenance(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	s.publish(maintained(`{"on":true}`))
	s.visit().opens("/").closed("120")
	s.change("maintenance", kill)
	s.visit().opens("/").is(200)
	s.change("maintenance", func(f *ruleset.Flag) { f.Killed, f.Enabled = false, false })
	s.visit().opens("/").is(200)
}

func TestEveryMethodIsStopped(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	s.publish(maintained(`{"on":true}`))
	ann := s.visit()
	ann.asks(http.MethodHead, "/", nil, navigation...).closed("120")
	posted := ann.sends("/", "application/x-www-form-urlencoded", reader("a=b")).closed("120")
	if !strings.Contains(posted.body, "was not saved") || strings.Contains(posted.body, "Try again") {
		t.Errorf("who has sent a form is told %s", posted.body)
	}
	ann.asks(http.MethodDelete, "/clients/7", nil, "Accept", "application/json").closed("120")
}

func TestProgramsGetJSON(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{Page: say("our own page")})
	s.publish(maintained(`{"on":true,"message":"New tyres","start":"` + at("11:00") + `","end":"` + at("12:30") + `"}`))
	for accept, program := range map[string]bool{
		"application/json": true, "*/*": true, "": true, "application/problem+json": true, "application/json, text/html;q=0.5": true, "image/png,*/*": true,
		"text/html": false, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8": false, "application/json;q=0.4, text/html": false, "text/html;q=0": true,
	} {
		a := s.visit().asks(http.MethodGet, "/clients", nil, "Accept", accept).closed("1800")
		if !program {
			a.says("our own page")
			continue
		}
		var p struct {
			Type, Title, Detail string
			Status, RetryAfter  int
			Until               time.Time
		}
		body := strings.ReplaceAll(a.body, "retry_after", "RetryAfter")
		if err := json.Unmarshal([]byte(body), &p); err != nil || p.Status != 503 || p.Detail != "New tyres" || p.RetryAfter != 1800 || p.Until.Format("15:04") != "12:30" {
			t.Errorf("Accept %q gives %v %+v: %s", accept, err, p, a.body)
		}
		if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("Accept %q gives %s", accept, got)
		}
	}
	s.visit().opens("/", "Accept", "application/json").closed("1800").says("our own page") // a browser that goes there
}

func TestRetryAfterComesFromTheEndElseFromTheValue(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	for value, want := range map[string]string{
		`{"on":true}`:                                             "120",
		`{"on":true,"retry_after":30}`:                            "30",
		`{"on":true,"end":"` + at("12:10") + `"}`:                 "600",
		`{"on":true,"end":"2026-06-01T12:00:00.2Z"}`:              "1",
		`{"on":true,"end":"2026-06-01T12:00:10.2Z"}`:              "11",
		`{"on":true,"retry_after":9,"end":"` + at("13:00") + `"}`: "3600",
	} {
		s.publish(maintained(value))
		s.visit().opens("/").closed(want)
	}
}

func TestHealthSettingsAndExceptedPathsPass(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	s.publish(maintained(`{"on":true}`))
	for _, path := range []string{"/healthz", "/healthz/deep", "/readyz", "/settings/flags"} {
		s.visit().fetches(path).is(200)
	}
	for _, path := range []string{"/assets/site.css", "/healthz-not", "/healthz/../clients", "/settings/../clients", "//clients"} {
		s.visit().fetches(path).closed("120")
	}
	own := &site{TB: t, source: s.source, flags: s.flags, log: s.log, Engine: gin.New()}
	own.maintain(middleware.MaintenanceOptions{Except: []string{"/assets/"}})
	own.visit().fetches("/assets/site.css").is(200)
	own.visit().fetches("/healthz").is(200)
	own.visit().fetches("/settings/flags").closed("120")
	own.visit().fetches("/feature-values").is(200) // open pages go on asking for values, and learn of the end
}

func TestAPathIsClosedWithAllBelowItOnly(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	s.publish(maintained(`{"on":true,"paths":["/clients/"]}`))
	for _, path := range []string{"/clients", "/clients/7", "//clients", "/x/../clients"} {
		s.visit().opens(path).closed("120")
	}
	for _, path := range []string{"/", "/clients-old"} {
		s.visit().opens(path).is(200).says("at work")
	}
	s.publish(maintained(`{"on":true,"paths":["/"]}`))
	s.visit().opens("/clients-old").closed("120")
}

func TestATenantIsClosedAlone(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	s.publish(maintained(`{"on":true}`, "acme"))
	s.visit().opens("/t/acme/").closed("120")
	s.visit().opens("/t/globex/").is(200).says("at work")
	s.visit().opens("/").is(200)
}

func TestAdminsPassAndAreTold(t *testing.T) {
	asked := 0
	s := newMaintainedSite(t, middleware.MaintenanceOptions{Pass: func(c *gin.Context) bool { asked++; return c.GetHeader("User") == "admin" }})
	s.visit("User", "admin").opens("/").is(200).says("at work")
	if asked != 0 {
		t.Error("who passes is asked for while there is no maintenance")
	}
	s.publish(maintained(`{"on":true}`))
	s.visit("User", "admin").opens("/").is(200).says("at work, passing")
	s.visit("User", "ann").opens("/").closed("120")
}

func TestMaintenanceBeginsAndEndsByTheClock(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	s.publish(maintained(`{"on":true,"message":"New tyres","announce":"` + at("12:10") + `","start":"` + at("12:20") + `","end":"` + at("12:30") + `"}`))
	ann := s.visit()
	for _, step := range []struct {
		after  time.Duration
		expect func()
	}{
		{0, func() { ann.opens("/").is(200).says("at work") }},
		{10*time.Minute - 1, func() { ann.opens("/").is(200).says("at work") }},
		{1, func() { ann.opens("/").is(200).says("at work, announced from 12:20: New tyres") }},
		{10*time.Minute - 1, func() { ann.opens("/clients").is(200).says("at work, announced from 12:20: New tyres") }},
		{1, func() { ann.opens("/").closed("600") }},
		{10*time.Minute - 1, func() { ann.opens("/").closed("1") }},
		{1, func() { ann.opens("/").is(200).says("at work") }},
	} {
		s.later(step.after)
		step.expect()
	}
}

func TestSessionsAtWorkGoOnWhileNewOnesAreTurnedAway(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := newMaintainedSite(t, middleware.MaintenanceOptions{}, jar)
		ann, idle := s.visit(), s.visit()
		idle.opens("/")
		s.later(40 * time.Minute) // 12:40
		ann.opens("/").is(200)
		s.later(10 * time.Minute) // 12:50
		s.publish(maintained(`{"on":true,"start":"` + at("12:50") + `","drain":"10m"}`))
		s.later(time.Second)
		bob := s.visit()
		bob.opens("/").closed("120")
		bob.opens("/").closed("120").sets() // he has got no pin by the first one
		idle.opens("/").closed("120")
		for range 9 { // with new pins on the way, some of them by the browser's own refresh
			ann.opens("/").is(200).says("at work, draining until 13:00")
			ann.asks(http.MethodPost, "/clients", reader("a=b"), "Accept", "application/json").is(200)
			s.later(time.Minute)
			ann.fetches("/feature-values").is(200)
		}
		s.later(58 * time.Second)
		ann.opens("/").is(200).says("at work, draining until 13:00")
		s.later(time.Second)
		ann.opens("/").closed("120")
	})
}

func TestWithoutAStartOrADrainNobodyGoesOn(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	ann := s.visit()
	for _, value := range []string{`{"on":true,"drain":"10m"}`, `{"on":true,"start":"` + at("12:00") + `"}`} {
		ann.opens("/").is(200)
		s.publish(maintained(value))
		s.later(time.Second)
		ann.opens("/").closed("120")
		s.publish(maintained(open))
	}
}

func TestNobodyCanClaimToHaveBeenAtWork(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	ann := s.visit()
	ann.opens("/")
	s.later(time.Minute)
	s.publish(maintained(`{"on":true,"start":"` + at("12:01") + `","drain":"30m"}`))
	s.later(5 * time.Minute)
	ann.opens("/").is(200).sets("pin", "worked").says("at work, draining until 12:31")
	name := slices.Collect(func(yield func(string) bool) {
		for name := range ann.cookies {
			if strings.HasSuffix(name, "-worked") && !yield(name) {
				return
			}
		}
	})[0]
	for _, forged := range []string{"", "q", ann.cookies[name] + "x", ann.cookies["flags-pin"], ann.cookies["flags-visitor"], strings.ToUpper(ann.cookies[name])} {
		mallory := s.visit()
		mallory.cookies[name] = forged
		mallory.opens("/").closed("120")
		mallory = s.visit()
		mallory.cookies["flags-pin"] = forged
		mallory.opens("/").closed("120")
	}
	// What was proved for one maintenance proves nothing for a later one.
	s.later(time.Hour)
	s.publish(maintained(`{"on":true,"start":"` + at("13:06") + `","drain":"30m"}`))
	late := s.visit()
	late.cookies[name] = ann.cookies[name]
	late.opens("/").closed("120")
}

// The cookie of somebody who goes on is signed, and says so of one window of one environment alone.
func TestHavingBeenAtWorkCountsForOneMaintenanceOfOneEnvironment(t *testing.T) {
	eachJar(t, func(t *testing.T, jar func(*middleware.Config)) {
		s := newMaintainedSite(t, middleware.MaintenanceOptions{}, jar)
		ann := s.visit()
		ann.opens("/")
		s.later(time.Minute)
		s.publish(maintained(`{"on":true,"start":"` + at("12:01") + `","drain":"30m"}`))
		s.later(5 * time.Minute)
		ann.opens("/").is(200).sets("pin", "worked")
		kept := ann.cookies["flags-worked"]
		again := s.visit()
		again.cookies["flags-worked"] = kept
		again.opens("/").is(200).says("at work, draining until 12:31")

		// Another window, though it began when the session was at work, too.
		s.publish(maintained(`{"on":true,"start":"` + at("12:02") + `","drain":"30m"}`))
		again.opens("/").closed("120")
		s.publish(maintained(`{"on":true,"start":"` + at("12:01") + `","drain":"20m"}`))
		again.opens("/").is(200).says("at work, draining until 12:21")

		// Another environment that signs with the same key.
		flags, err := service.New(t.Context(), service.Config{Source: staging{s.source}, Environment: "staging", Clock: s.source.Now})
		if err != nil {
			t.Fatal(err)
		}
		elsewhere := newMaintainedSite(t, middleware.MaintenanceOptions{}, jar, func(c *middleware.Config) { c.Flags = flags })
		guest := elsewhere.visit()
		guest.cookies["flags-worked"] = kept
		guest.opens("/").closed("120")
	})
}

func TestAValueThatCannotBeReadClosesNothingAndIsLoggedOnce(t *testing.T) {
	for _, value := range []string{
		`"on"`, `[]`, `7`, `{"on":"yes"}`, `{"on":true,"start":"tomorrow"}`, `{"on":true,"drain":"soon"}`, `{"on":true,"drain":-5}`, `{"on":true,"drain":"-5m"}`,
		`{"on":true,"path":"/clients"}`, `{"on":true,"paths":["clients"]}`, `{"on":true,"paths":"/clients"}`, `{"on":true,"retry_after":-1}`,
		`{"on":true,"start":"` + at("12:00") + `","end":"` + at("12:00") + `"}`, `{"on":true,"announce":"` + at("11:00") + `"}`,
	} {
		s := newMaintainedSite(t, middleware.MaintenanceOptions{})
		s.publish(maintained(value))
		for range 3 {
			s.visit().opens("/").is(200).says("at work")
		}
		if got := strings.Count(s.log.String(), "the maintenance flag cannot be followed"); got != 1 {
			t.Errorf("%s is logged %d times:\n%s", value, got, s.log)
		}
	}
}

func TestAFlagOfAnotherKindClosesNothing(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	s.publish(flagtest.Definition(t, "maintenance", true))
	s.visit().opens("/").is(200)
	if !strings.Contains(s.log.String(), "operational") {
		t.Errorf("the log does not say why:\n%s", s.log)
	}
	s.change("maintenance", func(f *ruleset.Flag) { f.Kind = ruleset.Operational })
	s.visit().opens("/").closed("120") // true is the shortest value
}

func TestWithoutFlagsThereIsNoMaintenance(t *testing.T) {
	r := gin.New()
	r.Use(middleware.Maintenance(middleware.MaintenanceOptions{}))
	r.GET("/", working)
	s := &site{TB: t, Engine: r, log: &logged{}}
	s.visit().opens("/").is(200).says("at work")

	source := flagtest.NewSource()
	source.Down()
	flags, err := service.New(t.Context(), service.Config{Source: source, Environment: flagtest.Environment, Clock: source.Now})
	if err != nil {
		t.Fatal(err)
	}
	down := newMaintainedSite(t, middleware.MaintenanceOptions{}, func(c *middleware.Config) { c.Flags = flags })
	down.visit().opens("/").is(200).says("at work")
}

func TestAHostsFlagMayHaveAnotherKey(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{}, func(c *middleware.Config) { c.MaintenanceFlag = "closed" })
	s.publish(maintained(`{"on":true}`))
	s.visit().opens("/").is(200)
	d := maintained(`{"on":true}`)
	d.Flags[0].Key = "closed"
	s.publish(d)
	s.visit().opens("/").closed("120")
}

func TestNobodyIsAskedForWhileThereIsNoMaintenance(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	s.GET("/plain", func(c *gin.Context) { c.String(200, "plain") })
	later := `{"on":true,"start":"` + at("12:30") + `","end":"` + at("12:40") + `"}`
	for _, value := range []string{open, later, later} {
		s.publish(maintained(value))
		before := s.asked.Load()
		s.visit().fetches("/plain").is(200)
		if got := s.asked.Load(); got != before {
			t.Errorf("with %s the host is asked who is there", value)
		}
		s.later(25 * time.Minute)
	}
	ending, end := context.WithCancel(t.Context())
	end()
	if err := s.flags.Run(ending); !errors.Is(err, context.Canceled) { // it records what was read as it ends
		t.Fatal(err)
	}
	if s.source.LastRead("maintenance").IsZero() {
		t.Error("the flag counts as one that nobody reads")
	}
}

func TestThePageOfOursIsAllowedByItsPolicyAlone(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{})
	s.publish(maintained(`{"on":true}`))
	a := s.visit().opens("/")
	policy := a.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || !strings.Contains(policy, middleware.ClientCSPHash) || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	a.sets("visitor") // but no pin: that proves later who was at work
	if a.block() == nil {
		t.Error("its client has no values to begin with")
	}
}

func TestMaintenanceCanBePreviewedInOneBrowser(t *testing.T) {
	s := newMaintainedSite(t, middleware.MaintenanceOptions{Pass: func(*gin.Context) bool { return true }}, withPreview(middleware.Preview{}))
	d := maintained(`{"on":true,"message":"How does this look?","start":"` + at("11:59") + `","drain":"1h"}`)
	d.Flags[0].Otherwise = "off"
	s.publish(d)
	ann := s.visit()
	ann.opens("/").is(200)
	ann.starts(s.link("maintenance", "on"))
	shown := ann.opens("/").is(503).banner("maintenance")
	if !strings.Contains(shown.body, "How does this look?") {
		t.Errorf("the preview shows:\n%s", shown.body)
	}
	s.visit().opens("/").is(200).says("at work")
	ann.ends()
	ann.opens("/").is(200).says("at work")
}
