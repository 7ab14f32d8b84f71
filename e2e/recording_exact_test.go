package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/flagtest"
	"github.com/toprent/flags/internal/pgtest"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

func TestAnInstanceThatEndsHasToldEverything(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, store *models.Store) {
		r := newRecording(t, store, flagtest.Definition(t, "a", true), analytics.Options{})
		r.shows(userOf(0), "a")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if r.Flush(gone) == nil { // what it was about to store waits, apart from all that comes later
			t.Error("a flush goes well in no time")
		}
		const people = 12_000 // more than go into two batches
		for n := range people {
			r.shows(userOf(n), "a")
		}
		r.ends()
		r.has(exposures, people, storedEvents, people, checksByMinute, people+1, checksByDay, people+1, endedInstances, 1)
		if waiting, _ := r.Queue(); waiting != 0 || r.Flushed() != people || r.Dropped() != 0 {
			t.Errorf("%d wait, %d stored, %d dropped", waiting, r.Flushed(), r.Dropped())
		}
	})
}

func TestANewInstanceGoesOnWhereAnotherEnded(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, store *models.Store) {
		r := newRecording(t, store, flagtest.Definition(t, "a", true, "b", false), analytics.Options{})
		for life := range 3 {
			for n := range 100 {
				r.shows(userOf(n+50*life), "a", "b", "a")
			}
			r.ends()
			r = r.again(analytics.Options{})
		}
		r.has(exposures, 2*200, storedEvents, 2*200, checksByMinute, 900, checksByDay, 900, endedInstances, 3,
			"SELECT sum(checks) FROM feature_flag_check_days WHERE flag = 'a' AND variant = 'on'", 600,
			"SELECT sum(checks) FROM feature_flag_check_days WHERE flag = 'b' AND variant = 'off'", 300)
	})
}

// A person counts once a day for each value, whichever instances show it and however often; tomorrow once more.
func TestAPersonCountsOnceADayOnAllInstances(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, store *models.Store) {
		one := newRecording(t, store, flagtest.Definition(t, "a", true, "b", false), analytics.Options{})
		other := one.again(analytics.Options{})
		ann := ruleset.Subject{User: "ann", Visitor: "v1"}
		elsewhere := ruleset.Subject{User: "ann", Visitor: "v2"} // another browser of hers
		guest := ruleset.Subject{Visitor: "v1"}                  // before she signed in
		for _, r := range []*recording{one, other} {
			for range 3 {
				r.shows(ann, "a")
				r.shows(elsewhere, "a")
				r.shows(guest, "a")
				r.shows(ann, "a", "b")
			}
		}
		one.flushes()
		other.flushes()
		one.has(exposures, 3, storedEvents, 3, checksByDay, 30,
			"SELECT count(*) FROM feature_flag_events WHERE user_id = 'ann' AND flag = 'a'", 1,
			"SELECT count(*) FROM feature_flag_events WHERE user_id = '' AND visitor_id = 'v1'", 1)

		one.source.Publish(flagtest.Definition(t, "a", false, "b", false)) // another value is shown anew
		if err := other.flags.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		other.shows(ann, "a")
		other.flushes()
		one.has(exposures, 4)

		one.source.Advance(12*time.Hour - time.Second)
		one.shows(ann, "b")
		one.flushes()
		one.has(exposures, 4)
		one.source.Advance(2 * time.Second) // it is the next day
		one.shows(ann, "b")
		one.shows(ann, "b")
		one.flushes()
		one.has(exposures, 5, "SELECT count(DISTINCT day) FROM feature_flag_events", 2)
	})
}

func TestWhoIsNobodyInParticularIsNoPerson(t *testing.T) {
	r := newRecording(t, openSQLite(t), flagtest.Definition(t, "a", true), analytics.Options{})
	for _, who := range []ruleset.Subject{{}, {Plan: "pro"}, {Tenant: "acme"}, {Tenant: "globex"}, {Tenant: "acme", Plan: "pro"}} {
		r.shows(who, "a")
	}
	r.flushes()
	r.has(exposures, 2, "SELECT count(DISTINCT tenant) FROM feature_flag_events WHERE kind = 'exposure'", 2)
}

// Instances that tell of the same people and flags in different orders wait for each other, but never in a circle.
func TestInstancesThatStoreTheSameAtOnceDoNotFail(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, store *models.Store) {
		first := newRecording(t, store, flagtest.Definition(t, "a", true, "b", true, "c", false), analytics.Options{})
		instances := []*recording{first, first.again(analytics.Options{}), first.again(analytics.Options{})}
		const rounds, people = 8, 200
		for round := range rounds {
			for i, r := range instances {
				if i == round%3 { // so that their minutes and days come in different orders
					first.source.Advance(time.Minute)
				}
				for _, n := range rand.Perm(people) {
					r.shows(userOf(n+round*people), []string{"a", "b", "c"}[(n+i)%3], []string{"c", "a", "b"}[(n+i)%3])
				}
			}
			var all sync.WaitGroup
			for _, r := range instances {
				all.Go(func() {
					if err := r.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		for range 3 { // events alone, before which no count lets the others wait
			first.source.Advance(24 * time.Hour) // when they are all new again
			for _, r := range instances {
				values := r.flags.Newest().Values(ruleset.Subject{}, r.flags.Now())
				shown, _ := values.Peek("a")
				for _, n := range rand.Perm(2000) {
					who := userOf(1_000_000 + n)
					r.Exposed(&who, "job", values, shown)
				}
			}
			var all sync.WaitGroup
			for _, r := range instances {
				all.Go(func() {
					if err := r.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		}
		if _, err := sqlOf(t, store).ExecContext(t.Context(), "DELETE FROM feature_flag_events WHERE place = 'job'"); err != nil {
			t.Fatal(err)
		}
		first.has(checksByMinute, 2*3*rounds*people, checksByDay, 2*3*rounds*people, exposures, 3*rounds*people)
	})
}

func TestEachMinuteCountsByItselfAlsoWhileTheDatabaseIsDown(t *testing.T) {
	for name, open := range outages {
		t.Run(name, func(t *testing.T) {
			store, down, up := open(t)
			r := newRecording(t, store, flagtest.Definition(t, "a", true), analytics.Options{})
			r.flushes()
			down()
			for minute := range 5 {
				for n := range minute + 1 {
					r.shows(userOf(10*minute+n), "a")
				}
				r.source.Advance(time.Minute)
				r.failsToFlush()
			}
			if waiting, _ := r.Queue(); waiting+int(r.FlushErrors()) == 0 {
				t.Error("nothing waits")
			}
			up()
			waitFor(t, "the database to be back", func() bool { return r.Flush(t.Context()) == nil })
			r.flushes()
			r.has(exposures, 15, storedEvents, 15, checksByDay, 15, "SELECT count(*) FROM feature_flag_checks", 5,
				"SELECT max(checks) FROM feature_flag_checks", 5, droppedEvents, 0)
			r.ends()
			r.has(endedInstances, 1, exposures, 15, checksByMinute, 15)
		})
	}
}

func TestWhatFindsNoRoomIsCountedToTheLastOne(t *testing.T) {
	for name, open := range outages {
		t.Run(name, func(t *testing.T) {
			store, down, up := open(t)
			r := newRecording(t, store, flagtest.Definition(t, "a", true), analytics.Options{MaxWaiting: 100})
			down()
			for n := range 250 {
				r.shows(userOf(n), "a")
			}
			if err := r.Track(&ruleset.Subject{User: "ann"}, "job", "booked", 1); err != analytics.ErrFull {
				t.Errorf("a metric that finds no room: %v", err)
			}
			if waiting, most := r.Queue(); waiting != 100 || most != 100 || r.Dropped() != 151 {
				t.Errorf("%d of %d wait, %d are dropped", waiting, most, r.Dropped())
			}
			up()
			waitFor(t, "the database to be back", func() bool { return r.Flush(t.Context()) == nil })
			r.has(exposures, 100, storedEvents, 100, droppedEvents, 151, checksByDay, 250)
			for n := range 200 { // those who come again are told of after all
				r.shows(userOf(n), "a")
			}
			r.flushes()
			r.has(exposures, 200, droppedEvents, 151, checksByDay, 450)
		})
	}
}

func TestARecorderGoesOnInADatabaseThatWasSetBack(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, store *models.Store) {
		for name, statement := range map[string]string{
			"before its last batches": "UPDATE analytics_instances SET batch = 1",
			"before its start":        "DELETE FROM analytics_instances",
		} {
			r := newRecording(t, store, flagtest.Definition(t, "a", true), analytics.Options{})
			for n := range 3 {
				r.shows(userOf(n), "a")
				r.flushes()
			}
			before := r.asks(checksByDay)
			if _, err := sqlOf(t, store).ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
			r.shows(userOf(3), "a")
			if err := r.Flush(t.Context()); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			r.flushes()
			r.has(checksByDay, before+1)
		}
	})
}

// What sinks and the database are told of a batch is told once, even by a caller who does not know and tries again.
func TestABatchIsStoredOnceHoweverOftenItIsTried(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, store *models.Store) {
		at := models.At(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC))
		batch := func(number int64) models.Batch {
			return models.Batch{
				Instance: models.AnalyticsInstance{Instance: "one", Environment: "test", Batch: number, StartedAt: at, FlushedAt: at, Every: 1000, Refused: "{}"},
				Checks:   []models.FeatureFlagCheck{{Day: "2026-06-01", Minute: at, Environment: "test", Flag: "a", Variant: "on", Checks: 7}},
				Events: []models.FeatureFlagEvent{{Day: "2026-06-01", ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", number), At: at, Kind: models.EventMetric,
					Environment: "test", Name: "booked", UserID: "ann", Share: 100_000}},
			}
		}
		for number := int64(1); number <= 2; number++ {
			for range 3 {
				if _, err := store.RecordBatch(t.Context(), batch(number)); err != nil {
					t.Fatal(err)
				}
			}
		}
		r := &recording{t: t, store: store}
		r.has(checksByMinute, 14, checksByDay, 14, "SELECT count(*) FROM feature_flag_events", 2, storedEvents, 2)
		if _, err := store.RecordBatch(t.Context(), batch(1)); err == nil {
			t.Error("a batch from before the last one is taken")
		}
	})
}

func TestAPlanThatComesAndGoesWithinADayIsToldEachTime(t *testing.T) {
	r := newRecording(t, openSQLite(t), flagtest.Definition(t, "a", true), analytics.Options{})
	for _, plan := range []string{"free", "pro", "pro", "free", "pro"} {
		r.source.Advance(time.Minute)
		r.shows(ruleset.Subject{User: "ann", Tenant: "acme", Plan: plan}, "a")
		r.flushes()
	}
	r.has("SELECT count(*) FROM feature_flag_events WHERE kind = 'plan'", 3, exposures, 1)
}

func TestWhatWasCommittedWithoutAnAnswerIsStoredOnce(t *testing.T) {
	cutter, url := newCommitCutter(t, pgtest.URL(t))
	r := newRecording(t, openURL(t, url), flagtest.Definition(t, "a", true), analytics.Options{})
	for round := range 3 {
		for n := range 50 {
			r.shows(userOf(50*round+n), "a")
		}
		if err := r.Track(&ruleset.Subject{User: "ann"}, "job", "booked", 1); err != nil {
			t.Fatal(err)
		}
		cutter.armed.Store(true)
		if err := r.Flush(t.Context()); err == nil {
			t.Error("a flush goes well whose connection was cut")
		}
		r.has(exposures, 50*(round+1)) // it is stored all the same, but the recorder does not know
		r.shows(userOf(50*round), "a")
		r.flushes()
	}
	r.flushes()
	r.has(exposures, 150, "SELECT count(*) FROM feature_flag_events", 153, storedEvents, 153, checksByMinute, 153, checksByDay, 153)
	if cut := cutter.cuts.Load(); cut != 3 || r.Flushed() != 153 {
		t.Errorf("%d connections were cut; %d events are said to be stored", cut, r.Flushed())
	}
}
