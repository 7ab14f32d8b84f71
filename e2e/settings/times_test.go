package settings

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// timedForm is a form of the settings pages that has a time.
type timedForm struct {
	name, path, action, field string

	fill    []string // what else is typed
	mistake []string // what is refused in place of it, so that the form comes back
	stored  func(*testing.T, *settingstest.Site) *time.Time
}

// request is the change request that withRequest makes.
const request = "/requests/production/1"

// withRequest is a site on which flag new-home is planned to be enabled at a time, which is typed in UTC.
func withRequest(t *testing.T, at time.Time) *settingstest.Site {
	t.Helper()
	site := protectedSite(t, 0)
	eve := site.As("editor")
	made := eve.Submits(eve.Opens("/flags/new-home/production/schedule"), "/schedule", "at1", at.Format("2006-01-02T15:04:05"), "do1", "enable", "reason", "soon")
	if made.Is(http.StatusOK); made.URL != "/settings"+request {
		t.Fatalf("the request is at %s", made.URL)
	}
	return site
}

// timedForms are all of them.
func timedForms() []timedForm {
	planned := func(id int64, step int) func(*testing.T, *settingstest.Site) *time.Time {
		return func(t *testing.T, site *settingstest.Site) *time.Time {
			r, err := site.Changes.ReadRequest(t.Context(), id)
			if err != nil || len(r.Waiting()) <= step {
				t.Fatalf("request %d: %v, %d steps wait", id, err, len(r.Waiting()))
			}
			return r.Waiting()[step].At.Optional()
		}
	}
	maintained := func(of func(ruleset.Maintenance) *time.Time) func(*testing.T, *settingstest.Site) *time.Time {
		return func(t *testing.T, site *settingstest.Site) *time.Time {
			return of(maintenanceIn(t, site, "development", ""))
		}
	}
	const one, paste = "/flags/checkout/development/overrides/one", "/flags/checkout/development/overrides/paste"
	const schedule, recording = "/flags/winter-look/production/schedule", "/flags/new-home/production/recording"
	end := time.Now().UTC().Add(240 * time.Hour).Format("2006-01-02T15:04")
	moving := []string{"rules.0.action", "moving", "rules.0.from", "0", "rules.0.to", "100", "rules.0.end", end}
	return []timedForm{
		{"the start of maintenance", "/maintenance/development", "/maintenance/development", "start", []string{"end", ""}, []string{"end", "soon"},
			maintained(func(m ruleset.Maintenance) *time.Time { return m.Start })},
		{"the end of maintenance", "/maintenance/development", "/maintenance/development", "end", []string{"start", ""}, []string{"start", "soon"},
			maintained(func(m ruleset.Maintenance) *time.Time { return m.End })},
		{"the announcement of maintenance", "/maintenance/development", "/maintenance/development", "announce", []string{"start", end}, []string{"start", "soon"},
			maintained(func(m ruleset.Maintenance) *time.Time { return m.Announce })},
		{"an override", one, "/overrides/one", "expires", []string{"id", "u-timed", "variant", "short", "reason", "why not"}, []string{"reason", ""}, expiryOf},
		{"a list of overrides", paste, "/overrides/paste", "expires", []string{"ids", "u-timed", "variant", "short", "reason", "why not"}, []string{"reason", ""}, expiryOf},
		{"recording", recording, "/recording", "raw_until", []string{"share", "50"}, []string{"share", "101"}, func(t *testing.T, site *settingstest.Site) *time.Time {
			row, err := site.Store.FlagRecording(t.Context(), "production", "new-home")
			if err != nil {
				t.Fatal(err)
			}
			return row.RawUntil.Optional()
		}},
		{"a plan", schedule, "/schedule", "at1", []string{"do1", "disable", "reason", "spring"}, []string{"reason", ""}, planned(2, 0)},
		{"a step of a request", request + "/edit", "/edit", "at1", []string{"reason", "sooner"}, []string{"reason", ""}, planned(1, 0)},
		{"a new step of a request", request + "/edit", "/edit", "new_at", []string{"new_do", "disable", "reason", "and back"}, []string{"reason", ""}, planned(1, 1)},
		{"a rule", devRules, "/rules", "rules.0.start", moving, []string{"rules.0.to", "many"}, func(t *testing.T, site *settingstest.Site) *time.Time {
			return flagOf(t, site, "development", "new-home").Rules[0].Percent.Start
		}},
	}
}

func expiryOf(t *testing.T, site *settingstest.Site) *time.Time {
	t.Helper()
	records, err := site.Store.Overrides(t.Context(), "development")
	i := slices.IndexFunc(records, func(o models.OverrideRecord) bool { return o.User == "u-timed" })
	if err != nil || i < 0 {
		t.Fatalf("the override is not among %d: %v", len(records), err)
	}
	return records[i].Expires
}

// typing is the form's fields with what is typed: of what is there twice, the last.
func (f timedForm) typing(more ...string) (all []string) {
	typed := map[string]string{}
	for _, pairs := range [][]string{f.fill, more} {
		for i := 0; i < len(pairs); i += 2 {
			typed[pairs[i]] = pairs[i+1]
		}
	}
	for name, value := range typed {
		all = append(all, name, value)
	}
	return all
}

// inZone is a browser that is known to be in a zone from now on, as after the first page that it opened.
func inZone(b *settingstest.Browser, person, zone string) {
	b.Header.Set("Cookie", "person="+person+"; flags-zone="+url.QueryEscape(zone))
}

// inTwoDays is a time that all forms accept.
func inTwoDays() time.Time { return time.Now().UTC().Add(48 * time.Hour).Truncate(time.Minute) }

func TestTimesAreReadInTheZoneInWhichTheirFormShowedThem(t *testing.T) {
	for _, form := range timedForms() {
		t.Run(form.name, func(t *testing.T) {
			site, typed := withRequest(t, time.Now().Add(24*time.Hour)), inTwoDays()
			ada := site.As("admin")
			shown := ada.Opens(form.path).Sees("(UTC)") // no zone is known yet
			inZone(ada, "admin", "Asia/Tokyo")
			mistaken := form.typing(append([]string{form.field, typed.Format("2006-01-02T15:04")}, form.mistake...)...)
			refused := ada.Submits(shown, form.action, mistaken...).Is(http.StatusUnprocessableEntity).Sees("(UTC)").Lacks("(Asia/Tokyo)")
			ada.Submits(refused, form.action, form.fill...).Is(http.StatusOK)
			if got := form.stored(t, site); got == nil || !got.Equal(typed) {
				t.Errorf("typed as %s, it is %s", typed, got)
			}
		})
	}
}

func TestAZoneOfAFormThatDoesNotExistIsNotTrusted(t *testing.T) {
	for _, form := range timedForms() {
		t.Run(form.name, func(t *testing.T) {
			site, typed := withRequest(t, time.Now().Add(24*time.Hour)), inTwoDays()
			ada := site.As("admin")
			inZone(ada, "admin", "Asia/Tokyo")
			shown := ada.Opens(form.path).Sees("(Asia/Tokyo)")
			typing := []string{"zone", "../../etc/Mars", form.field, typed.Format("2006-01-02T15:04")}
			refused := ada.Submits(shown, form.action, form.typing(append(slices.Clone(typing), form.mistake...)...)...).Is(http.StatusUnprocessableEntity)
			if zone, _ := refused.Find(`[name="` + form.field + `"]`).Closest("form").Find(`[name="zone"]`).Attr("value"); zone != "Asia/Tokyo" {
				t.Errorf("the form comes back with zone %q", zone)
			}
			ada.Submits(shown, form.action, form.typing(typing...)...).Is(http.StatusOK)
			if got := form.stored(t, site); got == nil || !got.Equal(typed.Add(-9*time.Hour)) {
				t.Errorf("typed as %s in Tokyo, it is %s", typed, got)
			}
		})
	}
}

func TestAChangeIsScheduledInTheZoneThatItsReviewShowed(t *testing.T) {
	for _, form := range []struct {
		name, path, action string
		typing             []string
		known              bool // the zone is, before the review is shown
		zone               string
	}{
		{"a form with times, before its review", devRules, "/rules", []string{"rules.0.share", "30"}, true, "UTC"}, // as the form, whose times it shows
		{"a form with times, after its review", devRules, "/rules", []string{"rules.0.share", "30"}, false, "UTC"},
		{"a form without times, before its review", "/flags/checkout/development/settings", "/settings", []string{"tier_required", "enterprise"}, true, "Asia/Tokyo"},
		{"a form without times, after its review", "/flags/checkout/development/settings", "/settings", []string{"tier_required", "enterprise"}, false, "UTC"},
	} {
		t.Run(form.name, func(t *testing.T) {
			site, typed := protectedSite(t, 0), inTwoDays()
			ada := site.As("admin")
			shown := ada.Opens(form.path)
			if form.known {
				inZone(ada, "admin", "Asia/Tokyo")
			}
			review := ada.Tries(shown, form.action, form.typing...).Is(http.StatusOK).Sees("Your time (" + form.zone + ")")
			inZone(ada, "admin", "Asia/Tokyo")
			made := ada.Submits(review, form.action, "confirm", "at", "at", typed.Format("2006-01-02T15:04"), "reason", "later").Is(http.StatusOK)
			if made.URL != "/settings/requests/development/1" {
				t.Fatalf("it leads to %s", made.URL)
			}
			want := typed
			if form.zone != "UTC" {
				want = typed.Add(-9 * time.Hour)
			}
			r, err := site.Changes.ReadRequest(t.Context(), 1)
			if err != nil || len(r.Steps) != 1 || r.Steps[0].At == nil || !r.Steps[0].At.Equal(want) {
				t.Errorf("typed as %s in %s, it is %+v: %v", typed, form.zone, r.Steps, err)
			}
		})
	}
}

func TestTheZoneOfAFormOutlastsADatabaseThatIsDown(t *testing.T) {
	site, server := sampleOnServer(t)
	ada, typed := site.As("admin"), inTwoDays()
	forms := slices.DeleteFunc(timedForms(), func(f timedForm) bool {
		return strings.Contains(f.path, "/production/") || f.name == "a list of overrides" || f.field == "end" || f.field == "announce"
	})
	pages := map[string]*settingstest.Page{}
	for _, form := range forms {
		pages[form.name] = ada.Opens(form.path)
	}
	server.Stop()
	inZone(ada, "admin", "Asia/Tokyo")
	for _, form := range forms {
		pages[form.name] = ada.Submits(pages[form.name], form.action, form.typing(form.field, typed.Format("2006-01-02T15:04"))...).Is(http.StatusServiceUnavailable)
	}
	server.Start()
	for _, form := range forms {
		ada.Submits(pages[form.name], form.action).Is(http.StatusOK)
		if got := form.stored(t, site); got == nil || !got.Equal(typed) {
			t.Errorf("%s: typed as %s, it is %s", form.name, typed, got)
		}
	}
	if len(forms) != 3 {
		t.Errorf("these were tried: %v", forms)
	}
}

func TestTheInspectorReadsTimesInTheZoneThatItsFormShowed(t *testing.T) {
	site := sampleSite(t)
	vic := site.As("viewer")
	zone, _ := vic.Opens("/inspect").Find(`form [name="zone"]`).Attr("value")
	inZone(vic, "viewer", "Asia/Tokyo")
	sent := vic.Gets("/settings/inspect?user=u-ann&in=development&at=2026-11-01T09%3A30%3A00&zone=" + url.QueryEscape(zone))
	if want := "/settings/inspect?at=2026-11-01T09%3A30%3A00Z&in=development&user=u-ann"; sent.Location != want {
		t.Errorf("it leads to %q, want %q", sent.Location, want)
	}
}

// twice is the first of the two times that are half past two at night when Europe's clocks go back, to the second.
func twice() time.Time {
	day := time.Date(time.Now().Year()+1, 10, 31, 0, 30, 45, 0, time.UTC)
	return day.AddDate(0, 0, -int(day.Weekday()))
}

func TestATimeThatNobodyTouchesStaysExactlyAsItWas(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range timedForms() {
		at := twice()
		switch form.field {
		case "raw_until": // a week ahead at most
			at = inTwoDays().Add(45 * time.Second)
		case "new_at": // never there before
			continue
		}
		t.Run(form.name, func(t *testing.T) {
			site := withRequest(t, at)
			ada := site.As("admin")
			later := at.Add(24 * time.Hour).Format("2006-01-02T15:04")
			typing := []string{form.field, at.Format("2006-01-02T15:04:05")}
			switch form.name {
			case "the announcement of maintenance":
				typing = append(typing, "start", later)
			case "a rule":
				typing = append(typing, "rules.0.end", later)
			}
			ada.Submits(ada.Opens(form.path), form.action, form.typing(typing...)...).Is(http.StatusOK)
			if got := form.stored(t, site); got == nil || !got.Equal(at) {
				t.Fatalf("stored is %s, want %s", got, at)
			}
			inZone(ada, "admin", "Europe/Berlin")
			path, action := form.path, form.action
			switch form.name {
			case "a plan":
				path, action = "/requests/production/2/edit", "/edit"
			case "an override", "a list of overrides":
				path, action = "/flags/checkout/development/overrides/one?user=u-timed", "/overrides/one"
			}
			shown := ada.Opens(path).Sees("(Europe/Berlin)")
			if value, _ := shown.Find(`[name="` + form.field + `"]`).Attr("value"); value != at.In(berlin).Format("2006-01-02T15:04:05") {
				t.Errorf("the field says %q", value)
			}
			ada.Submits(shown, action, "reason", "in other words").Is(http.StatusOK)
			if got := form.stored(t, site); got == nil || !got.Equal(at) {
				t.Errorf("it was %s, and is %s", at, got)
			}
		})
	}
}
