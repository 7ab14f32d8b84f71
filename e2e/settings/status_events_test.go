package settings

import (
	"context"
	"errors"
	"log/slog"
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

// downSink takes nothing.
type downSink struct{}

func (downSink) Name() string { return "warehouse" }

func (downSink) Send(context.Context, []models.FeatureFlagEvent) error {
	return errors.New("dial 10.0.0.7: <refused>")
}

func TestTheHealthPageSaysThatASinkDoesNotTakeEvents(t *testing.T) {
	settingstest.OnBoth(t, func(t *testing.T, store *models.Store) {
		site := settingstest.On(t, store)
		site.Sample()
		recorder := analytics.New(store, site.Flags, analytics.Options{Host: "web-1", Every: 50 * time.Millisecond, Sinks: []analytics.Sink{downSink{}}, Logger: slog.New(slog.DiscardHandler)})
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = recorder.Run(ctx)
		}()
		if err := recorder.Track(&ruleset.Subject{User: "u-1"}, "/", "booked", 1); err != nil {
			t.Fatal(err)
		}
		failing := func() bool {
			rows, err := store.AnalyticsInstances(t.Context(), []string{site.Flags.Environment()}, time.Now().Add(-time.Hour), 10)
			return err == nil && len(rows) == 1 && strings.Contains(rows[0].Sinks, `"failing":true`)
		}
		for began := time.Now(); !failing(); time.Sleep(20 * time.Millisecond) {
			if time.Since(began) > patience {
				t.Fatal("it never told that the sink fails")
			}
		}
		for who, why := range map[string]bool{"viewer": false, "admin": true} {
			p := site.As(who).Opens("/health").Sees("A sink does not take events")
			got := row(p, "events", "web-1")
			if !strings.Contains(got, "warehouse: 0 sent, 1 waiting") || !strings.Contains(got, "Takes none now") || strings.Contains(got, "dial 10.0.0.7: <refused>") != why {
				t.Errorf("%s sees %q", who, got)
			}
		}
		end()
		<-ended
		site.As("viewer").Opens("/health").Lacks("A sink does not take events") // it ended
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
