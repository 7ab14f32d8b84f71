package ruleset_test

import (
	"pgregory.net/rapid"

	"github.com/toprent/flags/ruleset"
)

// steady is what rules of migration flags may ask for that a tenant always is; changing is what may change.
func steady() []ruleset.Condition {
	return []ruleset.Condition{is("tenant", "t0"), is("tenant", "t0", "t1"), compare("tenant", ruleset.NotIn, "t1"), {Segment: "named"}}
}

func changing() []ruleset.Condition {
	return []ruleset.Condition{is("plan", "pro"), compare("plan.rank", ruleset.GreaterEqual, "10"), is("tenant.region", "eu", "5"), {Segment: "paying"}}
}

// tenantSegments are those that migration flags may name.
func tenantSegments() []ruleset.Segment {
	return []ruleset.Segment{
		{Key: "named", When: ruleset.Condition{Any: []ruleset.Condition{is("tenant", "t1"), compare("tenant", ruleset.StartsWith, "x")}}},
		{Key: "paying", When: ruleset.Condition{All: []ruleset.Condition{compare("plan.rank", ruleset.Greater, "0"), {Not: ptr(ruleset.Condition{Segment: "named"})}}}},
	}
}

func stageNames() (names []string) {
	for _, stage := range ruleset.Stages {
		names = append(names, stage.String())
	}
	return names
}

// served are the variants that a migration flag serves.
func served(f ruleset.Flag) []string {
	variants := []string{f.Otherwise}
	for _, r := range f.Rules {
		if r.Percent != nil {
			r.Serve = r.Percent.Serve
		}
		variants = append(variants, r.Serve)
	}
	return variants
}

// someMigration makes a migration flag without mistakes of a flag.
func someMigration(f ruleset.Flag) *rapid.Generator[ruleset.Flag] {
	return rapid.Custom(func(t *rapid.T) ruleset.Flag {
		f.TierRequired = ""
		if f.Type != ruleset.Boolean {
			f.Type = ruleset.String
		}
		variants, comparisons := names(f), steady()
		if rapid.Bool().Draw(t, "asks for what may change") {
			comparisons = changing()
			if f.Staged() {
				at := rapid.IntRange(0, len(variants)-2).Draw(t, "stage")
				variants = variants[at : at+2]
			}
		}
		variant := rapid.SampledFrom(variants)
		f.Otherwise = variant.Draw(t, "otherwise")
		f.Off, f.Default = rapid.SampledFrom([]string{"", "off"}).Draw(t, "off"), rapid.SampledFrom(names(f)).Draw(t, "default")
		for range rapid.IntRange(0, 3).Draw(t, "rules") {
			var r ruleset.Rule
			if rapid.IntRange(0, 3).Draw(t, "conditional") > 0 {
				r.When = &ruleset.Condition{All: []ruleset.Condition{rapid.SampledFrom(comparisons).Draw(t, "when")}}
			}
			if r.Serve = variant.Draw(t, "serve"); rapid.Bool().Draw(t, "share") {
				r.Percent = &ruleset.Percent{Unit: "tenant", Serve: r.Serve, Share: anyShare().Draw(t, "share")}
				r.Serve = ""
			}
			f.Rules = append(f.Rules, r)
		}
		return f
	})
}
