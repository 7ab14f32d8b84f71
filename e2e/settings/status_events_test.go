package settings

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/handlers/settings"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

func TestTheHealthPageSaysWhatEachInstanceToldOfEvents(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		site.As("viewer").Opens("/health").Sees("No instance has told of events")
		recorder := analytics.New(store, site.Flags, analytics.Options{Host: "web-1", MaxWaiting: 2})
		for n := range 5 {
			err := recorder.Track(&ruleset.Subject{User: "u-1"}, "/", "booked", float64(n))
			if (err == nil) != (n < 2) {
				t.Errorf("event %d: %v", n, err)
			}
		}
		for range 3 {
			recorder.Refused("too large")
		}
		recorder.Refused("from <another> site")
		if err := recorder.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		p := site.As("viewer").Opens("/health").Lacks("without telling")
		if got := row(p, "events", "web-1"); !strings.Contains(got, "this one") || !strings.Contains(got, "Tells") || !strings.Contains(got, " 2 0 3 3 too large1 from <another> site") {
			t.Errorf("%q", got)
		}

		// One that is killed says nothing more.
		executes(t, store, "UPDATE analytics_instances SET every = 10000, flushed_at = '"+time.Now().UTC().Add(-5*time.Minute).Format("2006-01-02 15:04:05+00:00")+"'")
		p = site.As("viewer").Opens("/health").Sees("An instance ended without telling its last events")
		if got := row(p, "events", "web-1"); !strings.Contains(got, "Silent") || !strings.Contains(got, "It ended without telling: up to 10 seconds of what happened before ") {
			t.Errorf("%q", got)
		}
		// After a day it is no news any more, and who told everything lost nothing.
		executes(t, store, "UPDATE analytics_instances SET ended_at = flushed_at")
		p = site.As("viewer").Opens("/health").Lacks("without telling")
		if got := row(p, "events", "web-1"); !strings.Contains(got, "Ended") {
			t.Errorf("%q", got)
		}
		executes(t, store, "UPDATE analytics_instances SET ended_at = NULL, flushed_at = '"+time.Now().UTC().Add(-25*time.Hour).Format("2006-01-02 15:04:05+00:00")+"'")
		site.As("viewer").Opens("/health").Lacks("web-1").Sees("No instance has told of events")
	})
}

func TestMetricsThatAreRefusedAreCounted(t *testing.T) {
	var recorder *analytics.Recorder
	site := settingstest.New(t, func(c *settings.Config) {
		recorder = analytics.New(c.Store, c.Flags, analytics.Options{Host: "web-1"})
		c.Recorder = recorder
	})
	site.Sample()
	editor := token(t, site.As("editor"), "editor", "development")
	for _, body := range []string{`{"user":"u-1","name":"booked","value":-1}`, `[{"user":"u-1","name":"booked","value":1},{"name":"booked"}]`, `{"user":"u-1","name":"booked","value":1}`} {
		asks(t, site.URL, editor, http.MethodPost, "/environments/development/metrics", body)
	}
	if err := recorder.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := row(site.As("viewer").Opens("/health"), "events", "web-1"); !strings.Contains(got, "2 of something that cannot be tracked") {
		t.Errorf("%q", got)
	}
}
