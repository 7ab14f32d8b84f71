package e2e

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/ruleset"
)

// closes turns maintenance on.
func (s *sampleSite) closes(value ruleset.Maintenance) {
	s.t.Helper()
	s.maintained = true
	_, err := s.changes.Maintain(s.t.Context(), changes.Maintenance{Environment: prod, By: ann, Reason: "new tyres", Value: value, Base: s.flagVersion(ruleset.MaintenanceKey)})
	if err == nil {
		err = s.flags.Refresh(s.t.Context())
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

const isClosed = `document.querySelector("#maintenance h1") != null`

func told(phase string) string {
	return `document.querySelector("[data-maintenance=` + phase + `]") != null`
}

// What people see: the banner, what they were doing until the drain is over, and the page.
func TestMaintenanceIsAnnouncedDrainedAndShownInABrowser(t *testing.T) {
	source := axe(t)
	site := newSampleSite(t)
	ben := site.welcomes(chromium(t), "u-ben")
	begin := site.clock.Now().Add(10 * time.Minute)
	end, announce := begin.Add(time.Hour), site.clock.Now()
	site.closes(ruleset.Maintenance{Message: "New tyres for everybody.", Announce: &announce, Start: &begin, End: &end, Drain: ruleset.Span(5 * time.Minute)})
	ben.opens(site.URL + "/listings")
	ben.sees(told("announced") + ` && document.body.textContent.includes("New tyres for everybody.")`)
	ben.isForEverybody("the banner", source)

	site.clock.advance(10*time.Minute + time.Second)
	ben.opens(site.URL + "/clients")
	ben.sees(told("draining") + ` && !(` + isClosed + `)`)
	ben.isForEverybody("the banner for those at work", source)
	eve := chromium(t).window()
	eve.opens(site.URL + "/listings")
	eve.sees(isClosed)
	ben.runs(`flags.refresh()`) // which gives the session another pin
	site.clock.advance(4 * time.Minute)
	ben.opens(site.URL + "/listings")
	ben.sees(told("draining"))

	site.clock.advance(time.Minute)
	ben.opens(site.URL + "/listings")
	ben.sees(isClosed + ` && document.querySelector("#maintenance time") != null`)
	ben.isForEverybody("the page", source)

	site.clock.advance(time.Hour)
	ben.opens(site.URL + "/listings")
	ben.sees(`!(` + isClosed + `) && document.querySelector("[data-maintenance]") == null`)
}

// The page of ours, which a host without one of its own shows: to who reads, and to who has just sent a form.
func TestEverybodyCanReadThePlainMaintenancePage(t *testing.T) {
	source := axe(t)
	site := newSampleSite(t)
	r := gin.New()
	r.Use(middleware.New(middleware.Config{Flags: site.flags, Sessions: middleware.NewCookieStore(sampleKey),
		Subject: func(*gin.Context) (ruleset.Subject, error) { return ruleset.Subject{}, nil }}), middleware.Maintenance(middleware.MaintenanceOptions{}))
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	start, end := site.clock.Now().Add(-time.Minute), site.clock.Now().Add(time.Hour)
	site.closes(ruleset.Maintenance{Message: "New tyres for everybody.\n" + strings.Repeat("And-a-very-long-word", 10), Start: &start, End: &end})
	eve := chromium(t).window()
	eve.opens(server.URL + "/listings?page=2")
	eve.tells("main", "We will be back soon", "New tyres for everybody.", "It is planned to end at", "Try again")
	eve.isForEverybody("the page", source)
	eve.follows(`const form = document.createElement("form"); form.method = "post"; document.body.append(form); form.submit()`)
	eve.tells("main", "What you have just sent was not saved")
	eve.isForEverybody("the page after a form", source)
}
