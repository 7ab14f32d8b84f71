package settings

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
)

// robot asks about maintenance in production with one token.
type robot struct {
	*testing.T
	site  *settingstest.Site
	token string
}

func (r robot) reads() map[string]any {
	r.Helper()
	status, answer := asks(r.T, r.site.URL, r.token, http.MethodGet, "/environments/production/maintenance", "")
	if status != http.StatusOK {
		r.Errorf("reading gives %d: %v", status, answer)
	}
	return answer
}

func (r robot) does(act, body string, want int) map[string]any {
	r.Helper()
	status, answer := asks(r.T, r.site.URL, r.token, http.MethodPost, "/environments/production/maintenance/"+act, body)
	if status != want {
		r.Errorf("%s %s gives %d, want %d: %v", act, body, status, want, answer)
	}
	return answer
}

func TestAProgramClosesTheSiteAndOpensIt(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		site.Protects("production", 1)
		abe := site.As("approver")
		r := robot{t, site, token(t, abe, "approver", "production")}
		if got := r.reads(); got["phase"] != "off" || len(got) != 2 {
			t.Errorf("before: %v", got)
		}
		r.does("start", `{"reason":"deploy 7","message":"New tyres","drain":"5m","tenants":["t-acme"],"paths":["/clients"]}`, http.StatusOK)
		if got := r.reads(); got["phase"] != "on" || got["message"] != "New tyres" || got["drain"] != "5m" || fmt.Sprint(got["tenants"], got["paths"]) != "[t-acme] [/clients]" || got["start"] == nil {
			t.Errorf("after the start: %v", got)
		}
		if !maintenanceIn(t, site, "production", "t-acme").On || maintenanceIn(t, site, "production", "t-globex").On {
			t.Error("it is not closed for that tenant alone")
		}
		r.does("schedule", `{"reason":"deploy 8","start":"2037-04-01T09:00:00Z","end":"2037-04-01T10:00:00Z","announce":"2037-03-31T09:00:00Z"}`, http.StatusOK)
		if got := r.reads(); got["phase"] != "scheduled" || got["end"] != "2037-04-01T10:00:00Z" || got["announce"] != "2037-03-31T09:00:00Z" || got["tenants"] != nil {
			t.Errorf("scheduled: %v", got)
		}
		if got := r.does("end", `{"reason":"not today"}`, http.StatusOK); got["published"] != true {
			t.Errorf("the end: %v", got)
		}
		if got := r.does("end", `{"reason":"not today"}`, http.StatusOK); got["published"] != false {
			t.Errorf("the second end: %v", got)
		}
		if got := r.reads(); got["phase"] != "off" {
			t.Errorf("afterwards: %v", got)
		}
		abe.Opens("/changes/production").Sees("deploy 7", "deploy 8", "not today", "Maintenance ended")
		abe.Opens("/requests").Sees("Emergencies to be looked at", "Maintenance set")
		site.As("admin").Opens("/audit").Sees("Maintenance set", "deploy 8")
	})
}

func TestWhatAProgramMayNotCloseIsSaid(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	r := robot{t, site, token(t, site.As("approver"), "approver", "production")}
	for body, field := range map[string]string{
		`{}`:                          "reason",
		`{"reason":"x","path":["/"]}`: "path",
		`{"reason":"x","start":"2037-04-01T09:00:00Z"}`: "start",
		`{"reason":"x","paths":["clients"]}`:            "path",
		`{"reason":"x","drain":"-5m"}`:                  "drain",
		`{"reason":"x","tenants":[""]}`:                 "tenant",
		`{"reason":"x","end":"2020-01-01T00:00:00Z"}`:   "end",
		`{"reason":"x","message":7}`:                    "message",
	} {
		if got := fmt.Sprint(r.does("start", body, http.StatusUnprocessableEntity)); !strings.Contains(strings.ToLower(got), field) {
			t.Errorf("%s is answered with %s", body, got)
		}
	}
	r.does("schedule", `{"reason":"x"}`, http.StatusUnprocessableEntity)
	r.does("schedule", `{"reason":"x","start":"2020-01-01T00:00:00Z"}`, http.StatusUnprocessableEntity)
	r.does("end", `{"reason":"x"}`, http.StatusNotFound) // there is no flag for it yet
	editor := robot{t, site, token(t, site.As("editor"), "editor", "production")}
	for _, act := range []string{"start", "schedule", "end"} {
		editor.does(act, `{"reason":"x","start":"2037-04-01T09:00:00Z"}`, http.StatusForbidden)
	}
	if got := editor.reads()["phase"]; got != "off" || headOf(t, site, "production") != 1 {
		t.Errorf("the phase is %v", got)
	}
}

func TestAProgramAsksForTheEndOfWhatWasApproved(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	r := robot{t, site, token(t, site.As("approver"), "approver", "production")}
	r.does("start", `{"reason":"deploy"}`, http.StatusOK)
	makesItOnesOwn(t, site)
	site.Protects("production", 1)
	if got := r.does("end", `{"reason":"it is done"}`, http.StatusAccepted); got["change_request"] == nil {
		t.Errorf("the answer is %v", got)
	}
	if !maintenanceIn(t, site, "production", "").On {
		t.Error("it was ended without an approval")
	}
	r.does("start", `{"reason":"all of it","message":"over it"}`, http.StatusOK)
	r.does("end", `{"reason":"that is over"}`, http.StatusOK)
	if m := maintenanceIn(t, site, "production", ""); !m.On || m.Message == "over it" {
		t.Errorf("what was approved is %+v", m)
	}
	abe := site.As("approver")
	abe.Submits(abe.Opens("/maintenance/production"), "/maintenance/production", "message", "over it").Is(http.StatusOK)
	abe.Submits(abe.Opens("/maintenance"), "/maintenance/production/end").Is(http.StatusOK).Sees("what was set before it holds again", "On since")
}
