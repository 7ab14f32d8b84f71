package ruleset_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
)

// noon is the time at which most tests evaluate.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// boolean is an enabled flag with the variants on and off.
func boolean(key string, rules ...ruleset.Rule) ruleset.Flag {
	return ruleset.Flag{Key: key, Kind: ruleset.Release, Type: ruleset.Boolean, Salt: "salt of " + key, Enabled: true, Rules: rules}
}

// text is an enabled flag whose variants are texts equal to their names, the first of which is served by default.
func text(key string, variants []string, rules ...ruleset.Rule) ruleset.Flag {
	f := ruleset.Flag{Key: key, Kind: ruleset.Release, Type: ruleset.String, Salt: "salt of " + key, Enabled: true, Rules: rules,
		Off: variants[0], Otherwise: variants[0], Default: variants[0]}
	for _, name := range variants {
		f.Variants = append(f.Variants, ruleset.Variant{Name: name, Value: json.RawMessage(fmt.Sprintf("%q", name))})
	}
	return f
}

func serve(variant string) ruleset.Rule { return ruleset.Rule{Serve: variant} }

func when(c ruleset.Condition) ruleset.Rule { return ruleset.Rule{When: &c, Serve: "on"} }

func is(attribute string, values ...string) ruleset.Condition {
	return compare(attribute, ruleset.In, values...)
}

func compare(attribute string, operator ruleset.Operator, values ...string) ruleset.Condition {
	return ruleset.Condition{Attribute: attribute, Operator: operator, Values: values}
}

func percent(share float64, variant string) ruleset.Rule {
	return ruleset.Rule{Percent: &ruleset.Percent{Share: ruleset.Share(share * 1000), Serve: variant}}
}

func splitBy(unit string, weights map[string]ruleset.Weight) ruleset.Rule {
	return ruleset.Rule{Split: &ruleset.Split{Unit: unit, Weights: weights}}
}

func requiring(f ruleset.Flag, prerequisites ...string) ruleset.Flag {
	for _, key := range prerequisites {
		f.Prerequisites = append(f.Prerequisites, ruleset.Prerequisite{Flag: key, Variant: "on"})
	}
	return f
}

func tier(f ruleset.Flag, plan string) ruleset.Flag {
	f.Kind, f.TierRequired = ruleset.Premium, plan
	return f
}

func of(kind ruleset.Kind, f ruleset.Flag) ruleset.Flag {
	f.Kind = kind
	return f
}

// threePlans are free, pro and max, in this order of ranks.
var threePlans = []ruleset.Plan{{Key: "free", Rank: 0}, {Key: "pro", Rank: 10}, {Key: "max", Rank: 20}}

// define is a definition of flags with the three plans.
func define(flags ...ruleset.Flag) ruleset.Definition {
	return ruleset.Definition{Plans: threePlans, Flags: flags}
}

// sound compiles a definition that must be without mistakes.
func sound(t testing.TB, d ruleset.Definition) *ruleset.Revision {
	t.Helper()
	r, err := ruleset.Compile(ruleset.ID{Environment: "test", Number: 1}, d, nil)
	if err != nil {
		t.Fatalf("a sound definition is refused:\n%v", err)
	}
	return r
}

// flawed compiles a definition that must have mistakes.
func flawed(t testing.TB, d ruleset.Definition) (*ruleset.Revision, ruleset.Problems) {
	t.Helper()
	r, err := ruleset.Compile(ruleset.ID{Environment: "test", Number: 1}, d, nil)
	if err == nil {
		t.Fatal("a definition with mistakes is accepted")
	}
	return r, err.(ruleset.Problems)
}

func on(r *ruleset.Revision, key string, s ruleset.Subject) bool { return r.Evaluate(s, noon).On(key) }

func expect(t *testing.T, v ruleset.Values, key, variant string, reason ruleset.Reason) {
	t.Helper()
	if d := v.Detail(key); d.Variant != variant || d.Reason != reason {
		t.Errorf("%s: %q because of %s, want %q because of %s", key, d.Variant, d.Reason, variant, reason)
	}
}

func expectOn(t *testing.T, r *ruleset.Revision, key string, s ruleset.Subject, want bool) {
	t.Helper()
	if got := on(r, key, s); got != want {
		t.Errorf("%s is on: %v for %+v, want %v", key, got, s, want)
	}
}
