package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/toprent/flags/models"
)

// batchOf is a batch of an instance.
func batchOf(instance string, number int64, events ...models.FeatureFlagEvent) models.Batch {
	then := models.At(time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC))
	return models.Batch{Events: events, Instance: models.AnalyticsInstance{Instance: instance, Environment: prod, Host: "a", Batch: number, StartedAt: then, FlushedAt: then, Every: 10_000, Refused: "{}", Sinks: "[]"}}
}

// exposure is that a user, or without one a visitor, was shown a flag.
func exposure(user, visitor, flag string, at time.Time) models.FeatureFlagEvent {
	return models.FeatureFlagEvent{Day: models.Day(at), ID: uuid.NewSHA1(uuid.NameSpaceOID, []byte(models.Day(at)+user+visitor+flag)).String(), At: models.At(at), Kind: models.EventExposure,
		Environment: prod, Flag: flag, Variant: "on", Revision: 1, Reason: "DEFAULT", Place: "/", UserID: user, VisitorID: visitor, Share: 100_000}
}

// checksOf is that a flag was asked for so often in a minute.
func checksOf(flag string, at time.Time, n int64) models.FeatureFlagCheck {
	at = at.UTC().Truncate(time.Minute)
	return models.FeatureFlagCheck{Day: models.Day(at), Minute: models.At(at), Environment: prod, Flag: flag, Variant: "on", Checks: n}
}

// records stores a batch, which must succeed.
func (s *storage) records(b models.Batch) []models.FeatureFlagEvent {
	s.t.Helper()
	changed, err := s.store.RecordBatch(s.t.Context(), b)
	if err != nil {
		s.t.Fatal(err)
	}
	return changed
}

// number is what a query gives.
func (s *storage) number(query string) (n int64) {
	s.t.Helper()
	if err := sqlOf(s.t, s.store).QueryRowContext(s.t.Context(), query).Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (s *storage) wantNumber(query string, want int64) {
	s.t.Helper()
	if got := s.number(query); got != want {
		s.t.Errorf("%s: %d, want %d", query, got, want)
	}
}

// wholeDay lets a day that is about to end be over first, so that a test that goes by the clock sees one day alone.
func wholeDay(t *testing.T) {
	t.Helper()
	waitFor(t, "the day to be over", func() bool { now := time.Now().UTC(); return now.Add(30*time.Second).Day() == now.Day() })
}

var eventNoon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// eventCases tell what happened.
var eventCases = map[string]func(*testing.T, *storage){
	"a batch that is told twice is stored once": func(t *testing.T, s *storage) {
		b := batchOf("i", 1, exposure("ann", "", "a", eventNoon))
		b.Checks = []models.FeatureFlagCheck{checksOf("a", eventNoon, 5), checksOf("a", eventNoon.Add(time.Minute), 2)}
		s.records(b)
		s.records(b)
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 1)
		s.wantNumber("SELECT sum(checks) FROM feature_flag_checks", 7)
		s.wantNumber("SELECT sum(checks) FROM feature_flag_check_days", 7)
		s.wantNumber("SELECT stored FROM analytics_instances", 1)
		// The same event of another instance counts once, its checks do.
		b.Instance.Instance = "j"
		s.records(b)
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 1)
		s.wantNumber("SELECT sum(checks) FROM feature_flag_checks", 14)
		s.wantNumber("SELECT sum(stored) FROM analytics_instances", 1)
	},
	"a batch with a number that was used is refused whole": func(t *testing.T, s *storage) {
		s.records(batchOf("i", 7))
		for _, number := range []int64{-1, 0, 3, 6} {
			b := batchOf("i", number, exposure("ann", "", "a", eventNoon))
			b.Checks = []models.FeatureFlagCheck{checksOf("a", eventNoon, 5)}
			if _, err := s.store.RecordBatch(t.Context(), b); err == nil || !strings.Contains(err.Error(), "two recorders use one name") {
				t.Errorf("batch %d after 7: %v", number, err)
			}
		}
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 0)
		s.wantNumber("SELECT count(*) FROM feature_flag_checks", 0)
		s.wantNumber("SELECT batch FROM analytics_instances", 7)
		s.records(batchOf("i", 9)) // one was lost with a database that was set back
	},
	"eight instances count the same minutes at once and none is lost": func(t *testing.T, s *storage) {
		const writers, batches, minutes, flags = 8, 6, 3, 4
		won, lost := atOnce(writers, func(n int) error {
			for number := range batches {
				b := batchOf(fmt.Sprintf("i%d", n), int64(number)+1, exposure("ann", "", "a", eventNoon), exposure(fmt.Sprintf("u%d", n), "", key(number), eventNoon))
				for minute := range minutes {
					for flag := range flags {
						b.Checks = append(b.Checks, checksOf(key(flag), eventNoon.Add(time.Duration(minute)*time.Minute), int64(n)+1))
					}
				}
				if _, err := s.store.RecordBatch(t.Context(), b); err != nil {
					return err
				}
			}
			return nil
		})
		if won != writers {
			t.Fatal(errors.Join(lost...))
		}
		want := int64(writers*(writers+1)/2) * batches * minutes * flags
		s.wantNumber("SELECT sum(checks) FROM feature_flag_checks", want)
		s.wantNumber("SELECT sum(checks) FROM feature_flag_check_days", want)
		s.wantNumber("SELECT count(*) FROM feature_flag_checks", minutes*flags)
		s.wantNumber("SELECT count(*) FROM feature_flag_events", writers*batches+1)
		s.wantNumber("SELECT sum(stored) FROM analytics_instances", writers*batches+1)
	},
	"a plan that two instances see at once changes once": func(t *testing.T, s *storage) {
		sees := func(instance string, number int64, plan string, at time.Time) models.Batch {
			b := batchOf(instance, number)
			e := models.FeatureFlagEvent{Day: models.Day(at), ID: uuid.NewString(), At: models.At(at), Kind: models.EventPlan, Environment: prod, Tenant: "acme", Plan: plan, Share: 100_000}
			b.Plans = []models.PlanSeen{{AnalyticsTenant: models.AnalyticsTenant{Environment: prod, Tenant: "acme", Plan: plan, Since: models.At(at)}, Change: e}}
			return b
		}
		if changed := s.records(sees("i0", 1, "free", eventNoon)); len(changed) > 0 {
			t.Errorf("the first plan that is seen is told as a change: %+v", changed)
		}
		won, lost := atOnce(6, func(n int) error {
			number := int64(1)
			if n == 0 {
				number = 2
			}
			_, err := s.store.RecordBatch(t.Context(), sees(fmt.Sprintf("i%d", n), number, "pro", eventNoon.Add(time.Minute)))
			return err
		})
		if won != 6 {
			t.Fatal(errors.Join(lost...))
		}
		s.wantNumber("SELECT count(*) FROM feature_flag_events WHERE kind = 'plan' AND name = 'free' AND plan = 'pro' AND tenant = 'acme'", 1)
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 1)
		// What was seen earlier and is told late changes nothing.
		if changed := s.records(sees("late", 1, "free", eventNoon)); len(changed) > 0 {
			t.Errorf("%+v", changed)
		}
		s.wantNumber("SELECT count(*) FROM analytics_tenants WHERE plan = 'pro'", 1)
	},
	"a day is UTC's, whatever the clock's zone": func(t *testing.T, s *storage) {
		midnight := time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC)
		auckland, honolulu := time.FixedZone("Auckland", 12*3600), time.FixedZone("Honolulu", -10*3600)
		b := batchOf("i", 1, exposure("ann", "", "a", midnight.Add(-time.Microsecond).In(auckland)), exposure("ann", "", "a", midnight.In(honolulu)))
		b.Checks = []models.FeatureFlagCheck{checksOf("a", midnight.Add(-time.Microsecond).In(auckland), 1), checksOf("a", midnight.In(honolulu), 2), checksOf("a", midnight.Add(time.Minute).In(auckland), 4)}
		s.records(b)
		later := batchOf("i", 2)
		later.Checks = []models.FeatureFlagCheck{checksOf("a", midnight.Add(-time.Hour), 8)}
		s.records(later)
		var events []models.FeatureFlagEvent
		var days []models.FeatureFlagCheckDay
		db := sqlOf(t, s.store)
		for table, read := range map[string]func(day string, at time.Time){
			"SELECT CAST(day AS TEXT), at FROM feature_flag_events ORDER BY at": func(day string, at time.Time) {
				events = append(events, models.FeatureFlagEvent{Day: day[:10], At: models.At(at)})
			},
			"SELECT CAST(day AS TEXT), first_at FROM feature_flag_check_days ORDER BY day": func(day string, at time.Time) {
				days = append(days, models.FeatureFlagCheckDay{Day: day[:10], FirstAt: models.At(at)})
			},
		} {
			rows, err := db.QueryContext(t.Context(), table)
			if err != nil {
				t.Fatal(err)
			}
			for rows.Next() {
				var day string
				var at models.Time
				if err := rows.Scan(&day, &at); err != nil {
					t.Fatal(err)
				}
				read(day, at.Time)
			}
			if err := rows.Close(); err != nil {
				t.Fatal(err)
			}
		}
		wantEqual(t, "the events", events, []models.FeatureFlagEvent{{Day: "2026-05-04", At: models.At(midnight.Add(-time.Microsecond))}, {Day: "2026-05-05", At: models.At(midnight)}})
		wantEqual(t, "the days", days, []models.FeatureFlagCheckDay{{Day: "2026-05-04", FirstAt: models.At(midnight.Add(-time.Hour))}, {Day: "2026-05-05", FirstAt: models.At(midnight)}})
		s.wantNumber("SELECT checks FROM feature_flag_check_days WHERE day = '2026-05-04'", 9)
		s.wantNumber("SELECT checks FROM feature_flag_check_days WHERE day = '2026-05-05'", 6)
	},
	"texts have bounds, and a batch beyond one is refused whole": func(t *testing.T, s *storage) {
		longest := strings.Repeat("é", 128)
		fields := map[string]func(*models.FeatureFlagEvent, string){
			"user":    func(e *models.FeatureFlagEvent, text string) { e.UserID = text },
			"visitor": func(e *models.FeatureFlagEvent, text string) { e.VisitorID = text },
			"tenant":  func(e *models.FeatureFlagEvent, text string) { e.Tenant = text },
			"plan":    func(e *models.FeatureFlagEvent, text string) { e.Plan = text },
			"name":    func(e *models.FeatureFlagEvent, text string) { e.Name = text },
			"place":   func(e *models.FeatureFlagEvent, text string) { e.Place = text },
		}
		number := int64(0)
		for field, set := range fields {
			e := exposure("ann", "", field, eventNoon)
			set(&e, longest)
			number++
			s.records(batchOf("i", number, e))
			e.ID = uuid.NewString()
			set(&e, longest+"x")
			b := batchOf("i", number+1, exposure("ben", "", field, eventNoon), e)
			b.Checks = []models.FeatureFlagCheck{checksOf("a", eventNoon, 1)}
			if _, err := s.store.RecordBatch(t.Context(), b); err == nil {
				t.Errorf("a %s of %d bytes is taken", field, len(longest)+1)
			}
		}
		s.wantNumber("SELECT count(*) FROM feature_flag_events", int64(len(fields)))
		s.wantNumber("SELECT count(*) FROM feature_flag_checks", 0)
		s.wantNumber("SELECT batch FROM analytics_instances", number)
		for _, kind := range []models.EventKind{"", "rumour"} {
			e := exposure("eve", "", "a", eventNoon)
			e.Kind = kind
			if _, err := s.store.RecordBatch(t.Context(), batchOf("i", number+1, e)); err == nil {
				t.Errorf("an event of the kind %q is taken", kind)
			}
		}
	},
	"old days go and the others stay": func(t *testing.T, s *storage) {
		wholeDay(t)
		now, err := s.store.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
		b := batchOf("i", 1)
		for _, days := range []int{0, 6, 7, 8, 30, 31, 400} {
			b.Checks = append(b.Checks, checksOf("a", ago(days), 1))
			for n := range 3 {
				b.Events = append(b.Events, exposure(fmt.Sprintf("u%d", n), "", "a", ago(days)))
			}
		}
		s.records(b)
		// Tables are made of days that nothing came of yet, and of those of which something came before them; again, too.
		for range 2 {
			if err := s.store.MakeEventDays(t.Context(), ago(31), now.AddDate(0, 0, 2)); err != nil {
				t.Fatal(err)
			}
		}
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 21)
		s.records(batchOf("i", 2, exposure("late", "", "a", ago(7)), exposure("late", "", "a", now), exposure("soon", "", "a", now.AddDate(0, 0, 1))))
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 24)
		for _, keep := range [][2]int{{0, 30}, {-1, 30}, {6, 30}, {30, 0}, {30, 99999}} {
			if err := s.store.DropEventDays(t.Context(), keep[0], keep[1]); err == nil {
				t.Errorf("%v days are kept", keep)
			}
		}
		for range 2 {
			if err := s.store.DropEventDays(t.Context(), 30, 7); err != nil {
				t.Fatal(err)
			}
		}
		s.wantNumber("SELECT count(*) FROM feature_flag_events", 18)
		s.wantNumber("SELECT count(DISTINCT day) FROM feature_flag_events", 6)
		s.wantNumber("SELECT count(*) FROM feature_flag_checks", 3)
		s.wantNumber("SELECT count(*) FROM feature_flag_check_days", 7)
	},
	"instances that are gone are forgotten, but the last": func(t *testing.T, s *storage) {
		now, err := s.store.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for n := range 510 {
			b := batchOf(fmt.Sprintf("gone%d", n), 1)
			b.Instance.FlushedAt = models.At(now.AddDate(0, 0, -8).Add(time.Duration(n) * time.Second))
			s.records(b)
		}
		for n := range 5 {
			b := batchOf(fmt.Sprintf("runs%d", n), 1)
			b.Instance.FlushedAt = models.At(now)
			s.records(b)
		}
		if err := s.store.DropAnalyticsInstances(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.wantNumber("SELECT count(*) FROM analytics_instances", 500)
		s.wantNumber("SELECT count(*) FROM analytics_instances WHERE instance LIKE 'runs%'", 5)
		s.wantNumber("SELECT count(*) FROM analytics_instances WHERE instance IN ('gone0', 'gone14')", 0)
	},
	"two programs that send the same metrics in other orders never wait for each other in a circle": func(t *testing.T, s *storage) {
		const rounds, size = 6, 1200
		for round := range rounds {
			var events []models.FeatureFlagEvent
			for n := range size {
				events = append(events, metricOf(t, "ann", fmt.Sprintf("%d-%d", round, n), eventNoon))
			}
			won, lost := atOnce(4, func(n int) error {
				mine := slices.Clone(events)
				if n%2 == 0 {
					slices.Reverse(mine)
				}
				_, _, err := s.store.RecordEvents(t.Context(), mine)
				return err
			})
			if won != 4 {
				t.Fatal(errors.Join(lost...))
			}
		}
		s.wantNumber("SELECT count(*) FROM feature_flag_events", rounds*size)
	},
}
