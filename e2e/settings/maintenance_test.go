package settings

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// maintenanceIn is the value that a tenant gets in an environment, and whether it is on.
func maintenanceIn(t *testing.T, site *settingstest.Site, environment, tenant string) ruleset.Maintenance {
	t.Helper()
	row, err := site.Store.Environment(t.Context(), environment)
	if err != nil {
		t.Fatal(err)
	}
	def, err := site.Store.Load(t.Context(), row.ID())
	if err != nil {
		t.Fatal(err)
	}
	revision, err := ruleset.Compile(row.ID(), def, nil)
	if err != nil {
		t.Fatal(err)
	}
	var raw json.RawMessage
	if !revision.Evaluate(ruleset.Subject{Tenant: tenant}, time.Now()).Decode(ruleset.MaintenanceKey, &raw) {
		return ruleset.Maintenance{}
	}
	m, err := ruleset.ParseMaintenance(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMaintenanceTakesTwoClicksToTurnOnAndOneToEnd(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		site.Protects("production", 1)
		abe := site.As("approver")
		overview := abe.Opens("/maintenance").Sees("Everything is open", "Always let through", "/healthz")
		first, ok := overview.Find(`a[href="/settings/maintenance/production"]`).Attr("href")
		if !ok {
			t.Fatal("there is no way to turn it on")
		}
		asked := abe.Opens(strings.TrimPrefix(first, "/settings")).Sees("needs no approval there")
		on := abe.Submits(asked, "/maintenance/production").Is(http.StatusOK)
		on.Sees("The maintenance is on, on every instance", "On since", "everybody", "the whole site", "will be back soon", "Draining")
		m := maintenanceIn(t, site, "production", "t-acme")
		if !m.On || m.Start == nil || m.Drain != ruleset.Span(5*time.Minute) || maintenanceIn(t, site, "staging", "t-acme").On {
			t.Errorf("%+v", m)
		}
		abe.Opens("/requests").Sees("Emergencies to be looked at", "maintenance", "Maintenance set")
		abe.Opens("/changes/production").Sees("Maintenance set", "Maintenance: We are working on the site")
		abe.Submits(abe.Opens("/maintenance"), "/maintenance/production/end").Is(http.StatusOK).Sees("The maintenance is ended").Lacks("On since")
		if maintenanceIn(t, site, "production", "t-acme").On {
			t.Error("it is not ended")
		}
		abe.Posts("/maintenance/production/end").Is(http.StatusOK).Sees("there was no maintenance to end")
	})
}

func TestMaintenanceIsScheduledForTenantsAndPaths(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	abe.Posts("/maintenance/production", "base", "0", "message", "New tyres", "start", "2037-04-01T09:00", "end", "2037-04-01T10:30", "announce", "2037-03-31T09:00",
		"drain", "15m", "tenants", "t-acme\n\n t-globex \nt-acme", "paths", "/clients\n/reports", "reason", "winter").Is(http.StatusOK).
		Sees("The maintenance is scheduled", "Begins", "1 Apr 2037", "09:00", "10:30", "31 Mar 2037", "the tenants t-acme, t-globex", "/clients and below, /reports and below", "until 1 Apr 2037, 09:15", "New tyres")
	m := maintenanceIn(t, site, "production", "t-globex")
	if !m.On || !m.Start.Equal(time.Date(2037, 4, 1, 9, 0, 0, 0, time.UTC)) || len(m.Paths) != 2 || maintenanceIn(t, site, "production", "t-initech").On {
		t.Errorf("%+v", m)
	}
	abe.Opens("/maintenance/production").Sees("Save")
	shown := abe.Opens("/maintenance/production")
	for field, want := range map[string]string{"start": "2037-04-01T09:00", "end": "2037-04-01T10:30", "announce": "2037-03-31T09:00"} {
		if got, _ := shown.Find("#" + field).Attr("value"); got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	abe.Submits(shown, "/maintenance/production").Is(http.StatusOK).Sees("Nothing was different")
	abe.Opens("/changes/production").Sees("/clients and /reports are closed from 1 Apr 2037, 09:00 UTC")
}

func TestChangingTheMessageKeepsTheMomentOfTheStart(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	abe.Submits(abe.Opens("/maintenance/production"), "/maintenance/production").Is(http.StatusOK)
	start := *maintenanceIn(t, site, "production", "").Start
	abe.Submits(abe.Opens("/maintenance/production"), "/maintenance/production", "message", "It takes longer").Is(http.StatusOK)
	if m := maintenanceIn(t, site, "production", ""); m.Message != "It takes longer" || !m.Start.Equal(start) {
		t.Errorf("%+v, began %s", m, start)
	}
}

func TestAMaintenanceFormIsRefusedBesideItsFieldsAndLosesNothing(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	for field, typed := range map[string][]string{
		"end": {"start", "2037-04-01T09:00", "end", "2037-04-01T09:00"}, "announce": {"announce", "2037-04-01T09:00"}, "paths": {"paths", "clients"},
		"drain": {"drain", "soon"}, "start": {"start", "tomorrow"}, "message": {"message", strings.Repeat("x", 1001)}, "tenants": {"tenants", strings.Repeat("x", 257)},
	} {
		p := abe.Posts("/maintenance/production", append([]string{"base", "0", "reason", "kept words"}, typed...)...).Is(http.StatusUnprocessableEntity)
		if p.Find("#"+field+"-error").Length() != 1 {
			t.Errorf("nothing stands beside %s:\n%s", field, p.Text())
		}
		if kept, _ := p.Find("#reason").Attr("value"); kept != "kept words" {
			t.Errorf("what was typed is lost: %q", kept)
		}
	}
	if headOf(t, site, "production") != 1 {
		t.Error("something was published")
	}
}

func TestTwoWhoTurnMaintenanceOnSeeEachOther(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe, ada := site.As("approver"), site.As("admin")
	stale := abe.Opens("/maintenance/production")
	ada.Submits(ada.Opens("/maintenance/production"), "/maintenance/production", "message", "hers").Is(http.StatusOK)
	again := abe.Submits(stale, "/maintenance/production", "message", "his").Is(http.StatusConflict).Sees("Somebody else has changed the maintenance")
	if got := maintenanceIn(t, site, "production", "").Message; got != "hers" {
		t.Errorf("the message is %q", got)
	}
	abe.Submits(again, "/maintenance/production").Is(http.StatusOK)
	if got := maintenanceIn(t, site, "production", "").Message; got != "his" {
		t.Errorf("the message is %q", got)
	}
}

func TestMaintenanceIsForApprovers(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	eve := site.As("editor")
	eve.Opens("/maintenance").Sees("Everything is open").Lacks("Turn on")
	eve.Gets("/settings/maintenance/production").Is(http.StatusForbidden)
	eve.Posts("/maintenance/production", "base", "0").Is(http.StatusForbidden)
	eve.Posts("/maintenance/production/end").Is(http.StatusForbidden)
	site.As("approver").Gets("/settings/maintenance/nowhere").Is(http.StatusNotFound)
	if headOf(t, site, "production") != 1 {
		t.Error("something was published")
	}
}

// makesItOnesOwn changes the maintenance flag of production as any other, so that what closes the site counts as approved.
func makesItOnesOwn(t *testing.T, site *settingstest.Site) {
	t.Helper()
	row, err := site.Store.Environment(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	def, err := site.Store.Load(t.Context(), row.ID())
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range def.Flags {
		if flag.Key == ruleset.MaintenanceKey {
			flag.ClientVisible = true
			if _, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "production", Author: "bob", Reason: "more", Edits: []changes.Edit{changes.PutFlag{Flag: &flag, Base: 2}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWhatWasApprovedIsEndedByARequest(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	abe.Submits(abe.Opens("/maintenance/production"), "/maintenance/production").Is(http.StatusOK)
	if _, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "production", Author: "bob", Reason: "more", Edits: []changes.Edit{changes.PutOverride{
		Override: ruleset.Override{Flag: ruleset.MaintenanceKey, User: "u-ann", Variant: "off"}}}}); err != nil {
		t.Fatal(err)
	}
	abe.Opens("/maintenance").Sees("by override user u-ann")
	makesItOnesOwn(t, site)
	site.Protects("production", 1)
	abe.Submits(abe.Opens("/maintenance"), "/maintenance/production/end").Is(http.StatusOK).Sees("is sent for review")
	if !maintenanceIn(t, site, "production", "").On {
		t.Error("it was ended without an approval")
	}
}

func TestThePageSaysWhyAFlagClosesNothing(t *testing.T) {
	site := settingstest.New(t)
	site.Sample()
	abe := site.As("approver")
	abe.Submits(abe.Opens("/maintenance/production"), "/maintenance/production").Is(http.StatusOK)
	if _, err := site.Changes.Kill(t.Context(), "production", ruleset.MaintenanceKey, "bob", "open at once"); err != nil {
		t.Fatal(err)
	}
	abe.Opens("/maintenance").Sees("Closes nothing", "It is killed here")
	abe.Submits(abe.Opens("/maintenance/production"), "/maintenance/production", "message", "again").Is(http.StatusUnprocessableEntity).Sees("lift the kill first")
	flag := ruleset.Flag{Key: ruleset.MaintenanceKey, Enabled: true, Off: "off", Otherwise: "on", Default: "off",
		Variants: []ruleset.Variant{{Name: "off", Value: []byte(`{}`)}, {Name: "on", Value: []byte(`{"on":true}`)}}}
	if _, err := site.Changes.Publish(t.Context(), changes.Change{Environment: "staging", Author: "bob", Reason: "by hand", Edits: []changes.Edit{changes.PutFlag{Flag: &flag}}}); err != nil {
		t.Fatal(err)
	}
	abe.Opens("/maintenance").Sees("By rules of its own")
}
