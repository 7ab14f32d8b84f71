package e2e

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/pseudonym"
	"github.com/toprent/flags/middleware"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
)

// serves follows production.
func (s *storage) serves() *service.FeatureFlagService {
	s.t.Helper()
	flags, err := service.New(s.t.Context(), service.Config{Source: s.store, Environment: prod, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	return flags
}

// meets has a recorder record all that can be told of somebody.
func meets(t *testing.T, flags *service.FeatureFlagService, r *analytics.Recorder, who ruleset.Subject, place string) {
	t.Helper()
	values := flags.Values(t.Context(), who)
	detail, ok := values.Peek("a")
	if !ok {
		t.Fatal("there is no flag")
	}
	r.Exposed(&who, place, values, detail)
	r.Gated(&who, place, values, detail, middleware.Offered)
	r.Upgrading(&who, place, values, detail)
	if err := r.Track(&who, place, "booked", 12); err != nil {
		t.Fatal(err)
	}
	if err := r.TrackAt(&who, place, "order-7 of "+who.User, flags.Now().Add(-time.Hour), "paid", 3); err != nil {
		t.Fatal(err)
	}
}

const annsAddress = "ann@toprent.example"

// privacyCases record people whose ids say who they are.
var privacyCases = map[string]func(*testing.T, *storage){
	"ids that look like addresses are stored under one pseudonym each, by all instances": func(t *testing.T, s *storage) {
		wholeDay(t)
		s.publishes(newFlag("a"))
		key := []byte("of all instances")
		ann := ruleset.Subject{User: annsAddress, Visitor: "browser of " + annsAddress, Tenant: "ann%40toprent.example", Plan: "gold for " + annsAddress}
		for range 2 {
			flags := s.serves()
			r := analytics.New(s.store, flags, analytics.Options{Key: key})
			meets(t, flags, r, ann, "/bookings/:id?mail="+annsAddress+"#x")
			meets(t, flags, r, ruleset.Subject{User: "Ann@TopRent.example"}, annsAddress)
			flags.PlanChanged(t.Context(), annsAddress, "free", "pro for "+annsAddress)
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		s.isNowhere(annsAddress, "ann%40", "Ann@", "toprent.example", "?mail", "order-7")
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE user_id <> '"+pseudonym.Of(key, annsAddress)+"' AND kind <> 'plan'", 0)
		s.wantNumber("SELECT count(DISTINCT user_id) FROM feature_flag_events WHERE kind <> 'plan'", 1)
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE kind = 'exposure'", 1)
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE name = 'booked'", 4)
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE place = '/bookings/:id' AND kind = 'denied'", 2)

		// By the address the person is found, and forgotten.
		forgets := changes.New(s.store, changes.Options{EventKeys: [][]byte{[]byte("an older one"), key}})
		f, err := forgets.Forget(t.Context(), []string{annsAddress}, "dpo")
		if err != nil || f.Events.Events == 0 || len(f.Held) > 0 {
			t.Errorf("%+v, %v", f, err)
		}
		s.isNowhere(pseudonym.Of(key, annsAddress))
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE user_id = '"+f.As+"' AND name = 'booked'", 4)
	},
	"a host may say that addresses are stored": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		flags := s.serves()
		r := analytics.New(s.store, flags, analytics.Options{Emails: true})
		meets(t, flags, r, ruleset.Subject{User: annsAddress}, "/")
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.wantNumber("SELECT count(DISTINCT user_id) FROM feature_flag_events WHERE user_id = '"+annsAddress+"'", 1)
		if _, err := s.changes.Forget(t.Context(), []string{annsAddress}, "dpo"); err != nil {
			t.Fatal(err)
		}
		s.isNowhere(annsAddress)
	},
	"without a key nobody can tell whose events these are, and whoever forgets is told": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		flags := s.serves()
		r := analytics.New(s.store, flags, analytics.Options{})
		meets(t, flags, r, ruleset.Subject{User: annsAddress}, "/")
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.wantNumber("SELECT count(DISTINCT user_id) FROM feature_flag_events WHERE user_id <> ''", 1)
		s.isNowhere(annsAddress, pseudonym.Of(nil, annsAddress))
		f, err := s.changes.Forget(t.Context(), []string{annsAddress}, "dpo")
		if err != nil || len(f.Held) != 1 || !strings.Contains(f.Held[0].Where, "without the key of the servers") {
			t.Errorf("%+v, %v", f, err)
		}
	},
	"who is forgotten goes from what waits in memory, for the database and for sinks": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		flags := s.serves()
		down := &stubbornSink{}
		r := analytics.New(s.store, flags, analytics.Options{Every: 10 * time.Millisecond, Sinks: []analytics.Sink{down}, Logger: slog.New(slog.DiscardHandler)})
		meets(t, flags, r, ruleset.Subject{User: "u-dora", Visitor: "v-dora"}, "/")
		meets(t, flags, r, ruleset.Subject{User: "u-ben", Visitor: "v-ben"}, "/")
		if _, err := s.changes.Forget(t.Context(), []string{"u-dora"}, "dpo"); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		waitFor(t, "what happened to be stored", func() bool { return s.number("SELECT count(*) FROM feature_flag_events") == 12 })
		waitFor(t, "a second flush", func() bool { return s.number("SELECT batch FROM analytics_instances") > 2 })
		down.up()
		stop()
		<-ended
		s.isNowhere("u-dora", "v-dora", "order-7")
		s.wantNumber("SELECT count(*) FROM analytics_instances WHERE ended_at IS NOT NULL", 1)
		got := down.got()
		if len(got) != 12 {
			t.Errorf("the sink got %d events", len(got))
		}
		people := map[string]int{}
		for _, e := range got {
			people[e.UserID]++
			if e.UserID == "u-dora" || e.VisitorID == "v-dora" {
				t.Errorf("the sink got %+v", e)
			}
		}
		if len(people) != 2 || people["u-ben"] != 6 {
			t.Errorf("the sink got events of %v", people)
		}
	},
	"who was forgotten while an instance could not look is not told to sinks by it": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		flags := s.serves()
		down := &stubbornSink{}
		r := analytics.New(s.store, flags, analytics.Options{Every: 10 * time.Millisecond, Sinks: []analytics.Sink{down}, Logger: slog.New(slog.DiscardHandler)})
		if err := r.TrackAt(&ruleset.Subject{User: "u-dora"}, "job", "", flags.Now().Add(-3*time.Hour), "paid", 3); err != nil {
			t.Fatal(err)
		}
		if _, err := s.changes.Forget(t.Context(), []string{"u-dora"}, "dpo"); err != nil {
			t.Fatal(err)
		}
		s.writes("UPDATE analytics_forgotten SET at = ?", models.At(flags.Now().Add(-2*time.Hour))) // it was long ago, when the database is back
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		waitFor(t, "a second flush", func() bool { return s.number("SELECT coalesce(max(batch), 0) FROM analytics_instances") > 2 })
		down.up()
		stop()
		<-ended
		if got := down.got(); len(got) != 1 || !strings.HasPrefix(got[0].UserID, "forgotten-") {
			t.Errorf("the sink got %+v", got)
		}
	},
	"tables of the next days are made when a recorder begins, and what is too old goes": func(t *testing.T, s *storage) {
		wholeDay(t)
		now, err := s.store.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.records(batchOf("before", 1, exposure("ann", "", "a", now), exposure("ann", "", "a", now.AddDate(0, 0, -3)), exposure("ann", "", "a", now.AddDate(0, 0, -8))))
		r := analytics.New(s.store, s.serves(), analytics.Options{KeepEvents: 1, Logger: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.Run(ctx) }()
		onDays := s.store.Dialect() == "postgres"
		waitFor(t, "the next days to come and what is too old to go", func() bool {
			// Of all days: who counts in the moment in which one moves to its own table may miss it.
			return s.number("SELECT count(*) FROM feature_flag_events") == 2 && (!onDays || s.number(countDays) == 1+1+1+2) // one for all others, three days ago, today, and the two that come
		})
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if onDays {
			s.wantNumber("SELECT count(*) FROM feature_flag_events_others", 0)
		}
	},
}

// stubbornSink takes nothing until it is up.
type stubbornSink struct {
	mu     sync.Mutex
	takes  bool
	events []models.FeatureFlagEvent
}

func (*stubbornSink) Name() string { return "stubborn" }

func (s *stubbornSink) Send(_ context.Context, events []models.FeatureFlagEvent) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.takes {
		return errors.New("down")
	}
	s.events = append(s.events, events...)
	return nil
}

func (s *stubbornSink) up() {
	s.mu.Lock()
	s.takes = true
	s.mu.Unlock()
}

func (s *stubbornSink) got() []models.FeatureFlagEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events
}
