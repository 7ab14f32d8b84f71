package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/changes"
	"github.com/toprent/flags/internal/pseudonym"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// tables are all tables of the database.
func (s *storage) tables() (names []string) {
	s.t.Helper()
	query := "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
	if s.store.Dialect() == "sqlite" {
		query = "SELECT name FROM sqlite_master WHERE type = 'table'"
	}
	return rowsOf(s.t, sqlOf(s.t, s.store), query)
}

// isNowhere fails if any column of any table holds a text.
func (s *storage) isNowhere(texts ...string) {
	s.t.Helper()
	for _, table := range s.tables() {
		for _, text := range texts {
			if n := s.holds(table, text); n > 0 {
				s.t.Errorf("%d rows of %s hold %q", n, table, text)
			}
		}
	}
}

// totals are sums over events that do not depend on who somebody is.
func (s *storage) totals() (lines []string) {
	s.t.Helper()
	for _, query := range []string{
		"SELECT CAST(day AS TEXT), flag, variant, kind, count(*), count(DISTINCT CASE WHEN user_id <> '' THEN 'user ' || user_id ELSE 'visitor ' || visitor_id END), sum(coalesce(value, 0)) FROM feature_flag_events GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
		"SELECT count(*), count(DISTINCT id), count(DISTINCT user_id), count(DISTINCT visitor_id), count(DISTINCT tenant), count(DISTINCT CASE WHEN user_id = '' THEN visitor_id ELSE '' END) FROM feature_flag_events",
		"SELECT count(*) FROM analytics_tenants",
	} {
		lines = append(lines, rowsOf(s.t, sqlOf(s.t, s.store), query)...)
	}
	return lines
}

// forgetEventCases forget people of whom there are events.
var forgetEventCases = map[string]func(*testing.T, *storage){
	"who is forgotten is nowhere, and the totals are what they were": func(t *testing.T, s *storage) {
		key := []byte("a key of the servers")
		s.changes = changes.New(s.store, changes.Options{EventKeys: [][]byte{key}})
		s.publishes(newFlag("a"))
		address := "dora@toprent.example"
		hidden := pseudonym.Of(key, address)
		price := 12.5
		paid := exposure("u-dora", "v-one", "", eventNoon)
		paid.Kind, paid.Name, paid.Value, paid.ID = models.EventMetric, "booked", &price, "0198e0a1-5b3c-7d20-a1f2-8f3c5d6e7f80"
		own := exposure("u-ben", "v-ben", "b", eventNoon)
		own.Tenant = "u-dora" // of one person, and called like her
		b := batchOf("i", 1, paid, own, exposure("", "v-one", "a", eventNoon.AddDate(0, 0, -1)), exposure("u-dora", "v-one", "a", eventNoon), exposure("u-dora", "v-two", "a", eventNoon.AddDate(0, 0, 1)),
			exposure(hidden, "v-three", "c", eventNoon), exposure("u-ben", "v-two", "a", eventNoon), exposure("", "v-ben", "a", eventNoon), exposure("u-dora2", "v-four", "a", eventNoon))
		b.Plans = []models.PlanSeen{{AnalyticsTenant: models.AnalyticsTenant{Environment: prod, Tenant: "u-dora", Plan: "free", Since: models.At(eventNoon)}, Change: exposure("u-dora", "v-one", "", eventNoon)}}
		s.records(b)
		before, bens := s.totals(), rowsOf(t, sqlOf(t, s.store), "SELECT CAST(id AS TEXT) FROM feature_flag_events WHERE user_id LIKE 'u-ben%' OR user_id = 'u-dora2' ORDER BY 1")
		guesses := rowsOf(t, sqlOf(t, s.store), "SELECT CAST(id AS TEXT) FROM feature_flag_events WHERE user_id IN ('u-dora', '"+hidden+"') OR user_id = '' AND visitor_id = 'v-one'")
		if err := s.store.Write(t.Context(), func(tx *models.Tx) error {
			return tx.SetFlagRecording(t.Context(), models.FeatureFlagRecording{Environment: prod, Flag: "a", Share: 1000, ChangedBy: address, ChangedAt: models.At(eventNoon)})
		}); err != nil {
			t.Fatal(err)
		}

		f, err := s.changes.Forget(t.Context(), []string{"u-dora", address}, "dpo")
		if err != nil {
			t.Fatal(err)
		}
		if f.Events.Events != 5 || f.Events.Visitors != 3 || f.Events.Tenants != 2 || len(f.Held) > 0 {
			t.Errorf("%+v", f)
		}
		s.isNowhere(address, hidden, "v-one", "v-two", "v-three")
		s.isNowhere(guesses...)
		for _, table := range s.tables() { // the name is the beginning of another's, who was not forgotten
			if n := s.holds(table, "u-dora"); n != map[bool]int{true: 1}[table == "feature_flag_events" || table == "feature_flag_events_others"] {
				t.Errorf("%d rows of %s hold the name", n, table)
			}
		}
		after := s.totals()
		wantEqual(t, "what others told", rowsOf(t, sqlOf(t, s.store), "SELECT CAST(id AS TEXT) FROM feature_flag_events WHERE user_id LIKE 'u-ben%' OR user_id = 'u-dora2' ORDER BY 1"), bens)
		// Two names were one person's: nobody else is fewer.
		wantEqual(t, "the totals by day", after[:len(after)-2], before[:len(before)-2])
		wantEqual(t, "all totals", [2]string{before[len(before)-2], after[len(after)-2]}, [2]string{"9|9|5|5|2|3", "9|9|4|5|2|3"})
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE user_id = '"+f.As+"'", 4)
		s.wantNumber("SELECT count(*) FROM analytics_tenants WHERE tenant = '"+f.As+"'", 1)
		if held, err := s.changes.Forget(t.Context(), []string{"u-dora"}, "dpo"); err != nil || held.Events.Events != 0 {
			t.Errorf("%+v, %v", held, err)
		}
	},
	"what an instance still has in memory of somebody is stored under the other name": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		now, err := s.store.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before := now.Add(-time.Second)
		s.records(batchOf("i", 1, exposure("u-dora", "v-one", "a", before), exposure("", "v-new", "b", before)))
		f, err := s.changes.Forget(t.Context(), []string{"u-dora"}, "dpo")
		if err != nil {
			t.Fatal(err)
		}
		waits := batchOf("j", 1, exposure("u-dora", "v-one", "a", before), // told by the other instance already
			exposure("u-dora", "v-new", "c", before),                 // a browser of which it was not known that it was hers
			exposure("", "v-one", "d", now.Add(models.ClocksDiffer)), // by a clock that is ahead
			exposure("u-ben", "v-ben", "a", before))
		waits.Plans = []models.PlanSeen{{AnalyticsTenant: models.AnalyticsTenant{Environment: prod, Tenant: "u-dora", Plan: "free", Since: models.At(before)}, Change: exposure("u-dora", "v-one", "", before)}}
		s.records(waits)
		s.isNowhere("u-dora", "v-one", "v-new")
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 5)
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE user_id = '"+f.As+"'", 2)
		s.wantNumber("SELECT count(DISTINCT visitor_id) FROM feature_flag_events WHERE flag IN ('a', 'd') AND visitor_id <> 'v-ben'", 1)
		s.wantNumber("SELECT count(DISTINCT visitor_id) FROM feature_flag_events WHERE flag IN ('b', 'c')", 1)
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE user_id = 'u-ben' AND visitor_id = 'v-ben'", 1)

		// Who comes back is somebody new, and is not taken for who was forgotten.
		after, err := s.store.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.records(batchOf("j", 2, exposure("u-dora", "v-again", "a", after.Add(models.ClocksDiffer+time.Second))))
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE user_id = 'u-dora'", 1)
		// After a day nothing says any more who was forgotten.
		if s.number("SELECT count(*) FROM analytics_forgotten") == 0 {
			t.Error("nothing marked who was forgotten")
		}
		s.writes("UPDATE analytics_forgotten SET at = ?", models.At(now.Add(-models.ForgottenFor)))
		s.records(batchOf("j", 3))
		s.wantNumber("SELECT count(*) FROM analytics_forgotten", 0)
	},
	"who is forgotten while events are stored is nowhere": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		now, err := s.store.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		won, lost := atOnce(4, func(n int) error {
			if n == 0 {
				_, err := s.changes.Forget(t.Context(), []string{"u-dora"}, "dpo")
				return err
			}
			for number := range 20 {
				b := batchOf(key(n), int64(number)+1, exposure("u-dora", "v-one", key(n*100+number), now), exposure("u-ben", "v-ben", key(n*100+number), now))
				if _, err := s.store.RecordBatch(t.Context(), b); err != nil {
					return err
				}
			}
			return nil
		})
		if won != 4 {
			t.Fatal(lost)
		}
		s.isNowhere("u-dora")
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 120)
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE user_id LIKE 'forgotten-%'", 60)
		s.wantNumber("SELECT count(DISTINCT user_id) FROM feature_flag_events", 2)
	},
	"what a program tells of somebody who was forgotten is stored under the other name": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		now, err := s.store.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		paid := metricOf(t, "u-dora", "order-7", now.Add(-time.Hour))
		tells := func(events ...models.FeatureFlagEvent) []models.FeatureFlagEvent {
			t.Helper()
			kept, _, err := s.store.RecordEvents(t.Context(), events)
			if err != nil {
				t.Fatal(err)
			}
			return kept
		}
		tells(paid)
		f, err := s.changes.Forget(t.Context(), []string{"u-dora"}, "dpo")
		if err != nil {
			t.Fatal(err)
		}
		// The program has not had the answer, and sends it again, with another.
		kept := tells(paid, metricOf(t, "u-dora", "order-8", now.Add(-time.Minute)))
		s.isNowhere("u-dora")
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE user_id = '"+f.As+"'", 2)
		if len(kept) != 1 || kept[0].UserID != f.As {
			t.Errorf("sinks would get %+v", kept)
		}
	},
	"who is forgotten while programs tell of them is nowhere": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		now, err := s.store.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e := metricOf(t, "u-dora", "order-7", now.Add(-time.Hour))
		stored := make(chan error, 1)
		err = s.store.Write(t.Context(), func(tx *models.Tx) error {
			_, err := tx.ForgetEvents(t.Context(), []string{"u-dora"}, "forgotten-dora")
			go func() { // events were looked through, and are not again
				_, _, err := s.store.RecordEvents(t.Context(), []models.FeatureFlagEvent{e})
				stored <- err
			}()
			if s.store.Dialect() == "postgres" { // SQLite has one writer
				waitFor(t, "the program to wait, or not", func() bool {
					return len(stored) > 0 || s.number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0
				})
			}
			return err
		})
		if err := errors.Join(err, <-stored); err != nil {
			t.Fatal(err)
		}
		s.isNowhere("u-dora")
	},
	"nobody can check a guess by the id of what only a tenant was shown": func(t *testing.T, s *storage) {
		s.publishes(newFlag("a"))
		e := exposure("", "", "a", eventNoon)
		e.Tenant = "u-dora" // of one person, and called like her
		s.records(batchOf("i", 1, e))
		if _, err := s.changes.Forget(t.Context(), []string{"u-dora"}, "dpo"); err != nil {
			t.Fatal(err)
		}
		s.isNowhere("u-dora", e.ID)
		e.At = models.At(eventNoon.Add(-time.Second)) // another instance had it in memory
		s.records(batchOf("j", 1, e))
		s.isNowhere("u-dora", e.ID)
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 1)
	},
}

// metricOf is something that was measured elsewhere.
func metricOf(t *testing.T, user, id string, at time.Time) models.FeatureFlagEvent {
	t.Helper()
	e, err := analytics.Metric{ID: id, At: at, Who: ruleset.Subject{User: user}, Name: "paid", Value: 7.5}.Event(prod, "api", at.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return e
}
