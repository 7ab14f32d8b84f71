//go:build !race

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/toprent/flags/analytics"
	"github.com/toprent/flags/models"
	"github.com/toprent/flags/ruleset"
)

// splitFlags serve some people this and others that.
func splitFlags() (d ruleset.Definition, keys []string) {
	for i := range 10 {
		f := ruleset.Flag{Key: fmt.Sprintf("feature-%d", i), Kind: ruleset.Release, Type: ruleset.Boolean, Enabled: true,
			Rules: []ruleset.Rule{{Percent: &ruleset.Percent{Share: ruleset.Share(10_000 * i), Serve: "on"}}}}
		f.Salt = f.Key
		d.Flags, keys = append(d.Flags, f), append(keys, f.Key)
	}
	return d, keys
}

// tally is what the test itself counts of each flag: off and on.
type tally [10][2]int64

// TestTenMillionEvaluationsAndAHundredThousandExposuresAreExact asks in four goroutines, in two lives of the process one
// after the other, while everything is stored beside it.
func TestTenMillionEvaluationsAndAHundredThousandExposuresAreExact(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, store *models.Store) {
		definition, keys := splitFlags()
		r := newRecording(t, store, definition, analytics.Options{Every: 20 * time.Millisecond})
		var mu sync.Mutex
		var asked, shown tally
		begun := time.Now()
		for life := range 2 {
			ctx, end := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- r.Run(ctx) }()
			var all sync.WaitGroup
			for part := range 4 {
				all.Go(func() {
					mine, seen := r.asksMillions(part+4*life, keys)
					mu.Lock()
					defer mu.Unlock()
					for i := range asked {
						for v := range asked[i] {
							asked[i][v] += mine[i][v]
							shown[i][v] += seen[i][v]
						}
					}
				})
			}
			for range 3 { // meanwhile it becomes later
				r.source.Advance(time.Minute)
			}
			all.Wait()
			end()
			wantIs(t, <-ended, context.Canceled)
			if r.Dropped() != 0 {
				t.Errorf("%d are dropped", r.Dropped())
			}
			r = r.again(analytics.Options{Every: 20 * time.Millisecond})
		}
		t.Logf("in %s", time.Since(begun).Round(time.Millisecond))
		checks, people := int64(0), int64(0)
		for i, key := range keys {
			for v, variant := range []string{"off", "on"} {
				of := fmt.Sprintf(" WHERE flag = '%s' AND variant = '%s'", key, variant)
				r.has("SELECT coalesce(sum(checks), 0) FROM feature_flag_checks"+of, asked[i][v],
					"SELECT coalesce(sum(checks), 0) FROM feature_flag_check_days"+of, asked[i][v],
					"SELECT count(*) FROM feature_flag_events"+of, shown[i][v])
				checks, people = checks+asked[i][v], people+shown[i][v]
			}
		}
		r.has(checksByDay, 10_000_000, exposures, 100_000, storedEvents, 100_000, endedInstances, 2, droppedEvents, 0)
		if checks != 10_000_000 || people != 100_000 {
			t.Errorf("the test itself counts %d and %d", checks, people)
		}
	})
}

// asksMillions shows 1,250 people ten flags each, some of them on several pages, and asks until it has asked 1,250,000 times.
func (r *recording) asksMillions(part int, keys []string) (asked, shown tally) {
	const people, each = 1250, 1000
	for n := range people {
		who := userOf(part*people + n)
		var reads ruleset.Reads
		values := r.flags.Newest().Values(who, r.flags.Now()).Noting(&reads)
		for i, key := range keys {
			on := values.On(key)
			shown[i][sideOf(on)]++
			asked[i][sideOf(on)]++
		}
		r.Answered(&who, "/page", values, true)
		for i := len(keys); i < each; i++ {
			asked[i%10][sideOf(values.On(keys[i%10]))]++
		}
		for range n % 4 {
			r.Answered(&who, "/again", values, true)
		}
	}
	return asked, shown
}

func sideOf(on bool) int {
	if on {
		return 1
	}
	return 0
}
