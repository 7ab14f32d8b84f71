package adoption

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
)

func TestWhatCountsAsHavingAFlag(t *testing.T) {
	boolean := &ruleset.Flag{Type: ruleset.Boolean}
	words := &ruleset.Flag{Type: ruleset.String, Off: "plain"}
	moving := &ruleset.Flag{Kind: ruleset.Migration, Type: ruleset.String}
	for _, c := range []struct {
		flag *ruleset.Flag
		gets ruleset.Detail
		want bool
	}{
		{boolean, ruleset.Detail{Variant: "on", Value: true}, true},
		{boolean, ruleset.Detail{Variant: "off", Value: false}, false},
		{boolean, ruleset.Detail{}, false},
		{words, ruleset.Detail{Variant: "plain", Value: "a"}, false},
		{words, ruleset.Detail{Variant: "short", Value: "b"}, true},
		{words, ruleset.Detail{}, false},
		{moving, ruleset.Detail{Variant: "off"}, false},
		{moving, ruleset.Detail{Variant: "shadow"}, true},
	} {
		if got := On(c.flag, c.gets); got != c.want {
			t.Errorf("%+v of a %s flag counts as on: %v", c.gets, c.flag.Type, got)
		}
	}
}

func TestAllAndNoneAreSaidOnlyOfAllAndNone(t *testing.T) {
	for want, tally := range map[string]Tally{
		"–": {}, "0 %": {0, 7}, "100 %": {7, 7}, "0.1 %": {1, 100_000}, "99.9 %": {99_999, 100_000}, "33.3 %": {1, 3}, "50.0 %": {1, 2},
	} {
		if got := tally.Percent(); got != want {
			t.Errorf("%+v is %q, want %q", tally, got, want)
		}
	}
}

func TestADayIsCountedOnceAllInstancesHaveToldOfIt(t *testing.T) {
	midnight := time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]string{0: "2026-03-01", 14 * time.Minute: "2026-03-01", 16 * time.Minute: "2026-03-02", 23 * time.Hour: "2026-03-02"} {
		if got := Uncounted(midnight.Add(after)); got != want {
			t.Errorf("after a count %v after midnight, the first day that is not counted is %s, want %s", after, got, want)
		}
	}
	if got := Uncounted(time.Time{}); got != "" {
		t.Errorf("without a count: %q", got)
	}
}

func TestWorkRestsTwiceAsLongAsItTook(t *testing.T) {
	p := newPace()
	if err := p.rest(t.Context()); err != nil {
		t.Fatal(err)
	}
	for time.Since(p.since) < stint {
	}
	worked := time.Since(p.since)
	began := time.Now()
	if err := p.rest(t.Context()); err != nil || time.Since(began) < 2*stint {
		t.Errorf("after %v of work it rests for %v: %v", worked, time.Since(began), err)
	}
	for time.Since(p.since) < stint {
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.rest(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a server that ends waits for it: %v", err)
	}
}
