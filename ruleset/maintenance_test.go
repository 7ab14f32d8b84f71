package ruleset_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
)

func TestAMaintenanceIsReadAsItWasWritten(t *testing.T) {
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	end, announce := start.Add(time.Hour), start.Add(-time.Hour)
	for _, m := range []ruleset.Maintenance{
		{On: true},
		{On: true, Message: "New tyres", Start: &start, End: &end, Announce: &announce, Drain: ruleset.Span(90 * time.Minute), Paths: []string{"/clients"}, RetryAfter: 30},
	} {
		written, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if read, err := ruleset.ParseMaintenance(written); err != nil || !reflect.DeepEqual(read, m) {
			t.Errorf("%s is read as %+v, %v", written, read, err)
		}
	}
}

func TestSpansAreWrittenShortly(t *testing.T) {
	for d, want := range map[time.Duration]string{5 * time.Minute: "5m", 90 * time.Minute: "1h30m", time.Hour: "1h", 90 * time.Second: "1m30s", 10 * time.Second: "10s", 0: "0s", 20 * time.Hour: "20h"} {
		if got, err := ruleset.Span(d).MarshalText(); err != nil || string(got) != want {
			t.Errorf("%s is written %q, %v", d, got, err)
		}
	}
}

func TestAMaintenanceSaysEveryMistakeByItsField(t *testing.T) {
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	m := ruleset.Maintenance{On: true, Start: &at, End: &at, Announce: &at, Drain: -1, RetryAfter: -1, Paths: []string{"clients", "/a?b", "/a#b", "/\n"}}
	err := m.Check()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 8 {
		t.Fatalf("%v", err)
	}
	var problem *ruleset.MaintenanceProblem
	if !errors.As(joined.Unwrap()[0], &problem) || problem.Field != "end" {
		t.Errorf("the first is %v", joined.Unwrap()[0])
	}
}

func TestBelowKeepsToTheBordersOfSegments(t *testing.T) {
	for _, c := range []struct {
		top, path string
		below     bool
	}{
		{"/clients", "/clients", true}, {"/clients", "/clients/7", true}, {"/clients/", "/clients", true}, {"/clients", "/clients-old", false},
		{"/clients", "/", false}, {"/", "/clients", true}, {"/clients", "//clients", true}, {"/clients", "/a/../clients/7", true}, {"/healthz", "/healthz/../clients", false},
		{"/clients", "/clients/./7", true}, {"/.well-known", "/.well-known/a", true},
	} {
		if got := ruleset.Below(c.top, c.path); got != c.below {
			t.Errorf("%s below %s: %t", c.path, c.top, got)
		}
	}
}

func FuzzParseMaintenanceGivesOnlyWhatChecks(f *testing.F) {
	f.Add([]byte(`{"on":true,"start":"2026-06-01T12:00:00Z","drain":"5m","paths":["/clients"]}`))
	f.Add([]byte(`true`))
	f.Fuzz(func(t *testing.T, value []byte) {
		m, err := ruleset.ParseMaintenance(value)
		if err != nil && !reflect.DeepEqual(m, ruleset.Maintenance{}) {
			t.Errorf("%q is refused and read as %+v", value, m)
		}
		if m.On && m.Check() != nil {
			t.Errorf("%q is read as %+v: %v", value, m, m.Check())
		}
	})
}

// Whatever anybody is served is among what is said to be reachable.
func TestEverythingThatIsServedIsReachable(t *testing.T) {
	on, off := json.RawMessage(`{"on":true}`), json.RawMessage(`{}`)
	base := func(change func(*ruleset.Flag)) ruleset.Definition {
		f := ruleset.Flag{Key: "m", Kind: ruleset.Operational, Type: ruleset.JSON, Salt: "m", Enabled: true, Off: "off", Otherwise: "off", Default: "off",
			Variants: []ruleset.Variant{{Name: "off", Value: off}, {Name: "on", Value: on}, {Name: "else", Value: on}}}
		change(&f)
		return ruleset.Definition{Flags: []ruleset.Flag{f}}
	}
	acme := &ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts{"acme"}}
	for name, c := range map[string]struct {
		change func(*ruleset.Flag)
		want   []string
	}{
		"off":       {func(*ruleset.Flag) {}, []string{"off"}},
		"otherwise": {func(f *ruleset.Flag) { f.Otherwise = "on" }, []string{"on"}},
		"disabled":  {func(f *ruleset.Flag) { f.Otherwise, f.Enabled = "on", false }, []string{"off"}},
		"killed":    {func(f *ruleset.Flag) { f.Otherwise, f.Killed = "on", true }, []string{"off"}},
		"a rule":    {func(f *ruleset.Flag) { f.Rules = []ruleset.Rule{{When: acme, Serve: "on"}} }, []string{"off", "on"}},
		"a percent": {func(f *ruleset.Flag) {
			f.Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Share: 1000, Serve: "else"}}}
		}, []string{"off", "else"}},
		"a split": {func(f *ruleset.Flag) {
			f.Rules = []ruleset.Rule{{Split: &ruleset.Split{Weights: map[string]ruleset.Weight{"on": 50_000, "else": 50_000}}}}
		}, []string{"on", "else"}},
		"everybody": {func(f *ruleset.Flag) { f.Rules = []ruleset.Rule{{Serve: "else"}, {When: acme, Serve: "on"}} }, []string{"else"}},
	} {
		r, err := ruleset.Compile(ruleset.ID{}, base(c.change), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, variants, ok := r.Reachable("m")
		var got []string
		for _, v := range variants {
			got = append(got, v.Name)
		}
		if !ok || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if _, _, ok := (&ruleset.Revision{}).Reachable("m"); ok {
		t.Error("a flag that there is not is reachable")
	}
}
