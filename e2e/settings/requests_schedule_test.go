package settings

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAFlagIsPlannedStepByStep(t *testing.T) {
	site := protectedSite(t, 1)
	eve, abe := site.As("editor"), site.As("approver")
	plan := eve.Opens("/flags/new-home/production/schedule").Sees("Step by step", "Again and again", "up to a day late")
	made := eve.Submits(plan, "/schedule", "at1", "2037-04-01T09:00", "do1", "enable", "at2", "2037-05-01T09:00", "do2", "disable", "reason", "a month in spring").Is(http.StatusOK)
	made.Sees("In review", "1 Apr 2037, 09:00 UTC", "enabled yes, was no", "1 May 2037, 09:00 UTC", "enabled no, was yes")
	path := strings.TrimPrefix(made.URL, "/settings")
	abe.Submits(abe.Opens(path), "/approve").Is(http.StatusOK).Sees("Scheduled")
	abe.Opens("/flags/new-home/production").Sees("Upcoming", "1 Apr 2037", "2 steps")
	abe.Opens("/environments").Sees("Upcoming", "a month in spring")
	abe.Opens("/requests?show=scheduled").Sees("1 Apr 2037")
	abe.Opens("/flags/new-home/production/schedule").Sees("Planned already")
	edited := eve.Submits(eve.Opens(path+"/edit"), "/edit", "new_at", "2037-06-01T09:00", "new_do", "enable", "do", "send").Is(http.StatusOK)
	edited.Sees("1 Jun 2037", "In review", "0 of 1")
	eve.Submits(eve.Opens(path+"/edit"), "/edit", "remove1", "on", "remove2", "on", "do", "draft").Is(http.StatusOK).Sees("Draft", "1 Jun 2037").Lacks("1 Apr 2037, 09:00")
}

func TestTheShareOfARuleIsRaisedInSteps(t *testing.T) {
	site := protectedSite(t, 0)
	site.Imports(`
version: 1
flags:
  - key: spread
    title: Spread
    purpose: To be spread
    owner: web-team
    category: home
    kind: release
    type: boolean
    planned_removal: 2037-03-01
    environments:
      production: {enabled: true, rules: [{percent: {unit: user, share: 10, serve: on}}]}
`)
	eve := site.As("editor")
	plan := eve.Opens("/flags/spread/production/schedule").Sees("Nobody else looks at changes here", "New share")
	made := eve.Submits(plan, "/schedule", "at1", "2037-04-01T09:00", "do1", "share", "share1", "50", "at2", "2037-05-01T09:00", "do2", "share", "share2", "100 %", "reason", "slowly").Is(http.StatusOK)
	made.Sees("Scheduled", "50 %", "Nobody else looks at changes here")
	bad := eve.Submits(plan, "/schedule", "at1", "2037-04-01T09:00", "do1", "share", "share1", "150", "reason", "slowly").Is(http.StatusUnprocessableEntity)
	bad.Sees("Write a share from 0 to 100")
	if value, _ := bad.Find("#share1").Attr("value"); value != "150" {
		t.Errorf("what was typed is lost: %q", value)
	}
	eve.Submits(plan, "/schedule", "reason", "slowly").Is(http.StatusUnprocessableEntity).Sees("Say when something is done")
}

func TestRecurringWindowsAreToldAheadWithTheClocks(t *testing.T) {
	site := protectedSite(t, 1)
	eve := site.As("editor")
	page := eve.Opens("/flags/new-home/production/schedule")
	if n := page.Find(`[role="status"] .lines-list li`).Length(); n != 5 {
		t.Errorf("%d windows are told ahead", n)
	}
	year := time.Now().Year() + 1
	day := time.Date(year, 3, 31, 0, 0, 0, 0, time.UTC)
	for day.Weekday() != time.Sunday {
		day = day.AddDate(0, 0, -1)
	}
	in := []string{"day_sun", "on", "opens", "02:30", "closes", "05:00", "zone", "Europe/Berlin", "from", day.Format(time.DateOnly), "reason", "at night"}
	eve.Posts("/flags/new-home/production/schedule", append(in, "do", "look")...).Is(http.StatusOK).Sees("the clocks skip 02:30 on that day, so it is at 03:00", "it is enabled")
	autumn := time.Date(year, 10, 31, 0, 0, 0, 0, time.UTC)
	for autumn.Weekday() != time.Sunday {
		autumn = autumn.AddDate(0, 0, -1)
	}
	in[9] = autumn.Format(time.DateOnly)
	eve.Posts("/flags/new-home/production/schedule", append(in, "do", "look")...).Is(http.StatusOK).Sees("02:30 comes twice on that day: it is the first")
	eve.Posts("/flags/new-home/production/schedule", append(in, "do", "windows")...).Is(http.StatusOK).Sees("In review", "enables new-home",
		"On Sunday from 02:30 to 05:00 (Europe/Berlin), from "+autumn.Format("2 Jan 2006")+" on, without end, it enables new-home; when a window is over, it disables it.", "new-home then: ")
	in[7] = "Mars/Olympus"
	eve.Posts("/flags/new-home/production/schedule", append(in, "do", "windows")...).Is(http.StatusUnprocessableEntity).Sees("is no time zone")
	site.As("viewer").Gets("/settings/flags/new-home/production/schedule").Is(http.StatusForbidden)
}
