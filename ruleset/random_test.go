package ruleset_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/ruleset"
)

// The random definitions and subjects of the properties are drawn from few names, so that they meet often.

var comparisons = []ruleset.Condition{
	is("country", "DE", "FR"), compare("country", ruleset.NotIn, "IT"), compare("email", ruleset.EndsWith, "@toprent.app"), compare("email", ruleset.Matches, "^u"),
	compare("age", ruleset.Greater, "30"), compare("age", ruleset.LessEqual, "40"), is("tags", "b", "c"), compare("version", ruleset.SemverAtLeast, "1.2"),
	compare("ip", ruleset.InCIDR, "10.0.0.0/8"), compare("country", ruleset.Exists), compare("now", ruleset.Before, "2026-06-01T12:30:00Z"),
	is("plan", "pro"), compare("plan.rank", ruleset.GreaterEqual, "10"), is("tenant", "t0"), is("user", "u0", "u1"), is("visitor", "v1"),
}

func someone() *rapid.Generator[ruleset.Subject] {
	return rapid.Custom(func(t *rapid.T) ruleset.Subject {
		s := ruleset.Subject{
			User:    rapid.SampledFrom([]string{"", "u0", "u1", "u2", "u3"}).Draw(t, "user"),
			Visitor: rapid.SampledFrom([]string{"", "v0", "v1"}).Draw(t, "visitor"),
			Tenant:  rapid.SampledFrom([]string{"", "t0", "t1"}).Draw(t, "tenant"),
			Plan:    rapid.SampledFrom([]string{"", "free", "pro", "max", "gone"}).Draw(t, "plan"),
			AddOns:  rapid.SliceOfN(rapid.SampledFrom([]string{"f0", "f1", "f2", "hidden"}), 0, 2).Draw(t, "add-ons"),
		}
		values := map[string][]any{
			"country": {"DE", "IT", "", 5, []string{"DE", "IT"}, nil}, "email": {"u0@toprent.app", "x@example.com", true}, "age": {20, 35.5, "50", "old", int64(40)},
			"tags": {[]string{"a", "b"}, []any{"c", 1, true, nil}, []string{}, "b"}, "version": {"1.2.3", "1.1", "x", 2}, "ip": {"10.1.1.1", "::1", "x"},
			"plan": {"pro"}, "unused": {1}, "account": {"a-1", 17, true}, "tenant.region": {"eu", "us", 5, nil},
		}
		s.Attributes = map[string]any{}
		for _, name := range []string{"country", "email", "age", "tags", "version", "ip", "plan", "unused", "account", "tenant.region"} {
			if rapid.Bool().Draw(t, "has "+name) {
				s.Attributes[name] = rapid.SampledFrom(values[name]).Draw(t, name)
			}
		}
		return s
	})
}

func someCondition(segments []string, depth int) *rapid.Generator[ruleset.Condition] {
	return rapid.Custom(func(t *rapid.T) ruleset.Condition {
		form := rapid.IntRange(0, 6).Draw(t, "form")
		if depth == 0 {
			form += 3
		}
		list := func() []ruleset.Condition {
			return rapid.SliceOfN(someCondition(segments, depth-1), 1, 3).Draw(t, "list")
		}
		switch {
		case form == 0:
			return ruleset.Condition{All: list()}
		case form == 1:
			return ruleset.Condition{Any: list()}
		case form == 2:
			return ruleset.Condition{Not: ptr(someCondition(segments, depth-1).Draw(t, "not"))}
		case form == 3 && len(segments) > 0:
			return ruleset.Condition{Segment: rapid.SampledFrom(segments).Draw(t, "segment")}
		}
		return rapid.SampledFrom(comparisons).Draw(t, "comparison")
	})
}

// someDefinition is a definition without mistakes.
func someDefinition() *rapid.Generator[ruleset.Definition] {
	return rapid.Custom(func(t *rapid.T) ruleset.Definition {
		d := ruleset.Definition{Plans: []ruleset.Plan{{Key: "free", Rank: 0}, {Key: "pro", Rank: 10}, {Key: "max", Rank: 20}}}
		for i := range d.Plans {
			d.Plans[i].Features = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"f0", "f1", "f2", "f3", "hidden"}), 0, 2, rapid.ID).Draw(t, "features")
		}
		var segments []string
		for i := range rapid.IntRange(0, 3).Draw(t, "segments") {
			key := fmt.Sprint("s", i)
			d.Segments = append(d.Segments, ruleset.Segment{Key: key, When: someCondition(segments, 1).Draw(t, key)})
			segments = append(segments, key)
		}
		d.Segments = append(d.Segments, tenantSegments()...)
		var live []ruleset.Flag
		for i := range rapid.IntRange(1, 10).Draw(t, "flags") {
			f := someFlag(fmt.Sprint("f", i), segments, live).Draw(t, "flag")
			d.Flags = append(d.Flags, f)
			if !f.Archived {
				live = append(live, f)
			}
			if rapid.IntRange(0, 3).Draw(t, "overridden") == 0 {
				d.Overrides = append(d.Overrides, someOverride(f).Draw(t, "override"))
			}
		}
		for i := range d.Plans { // which list no migration
			d.Plans[i].Features = slices.DeleteFunc(d.Plans[i].Features, func(key string) bool {
				return slices.ContainsFunc(d.Flags, func(f ruleset.Flag) bool { return f.Key == key && f.Kind == ruleset.Migration })
			})
		}
		return d
	})
}

func names(f ruleset.Flag) []string {
	if f.Type == ruleset.Boolean {
		return []string{"on", "off"}
	}
	if f.Staged() {
		return stageNames()
	}
	return []string{"a", "b", "c"}
}

func someOverride(f ruleset.Flag) *rapid.Generator[ruleset.Override] {
	return rapid.Custom(func(t *rapid.T) ruleset.Override {
		o := ruleset.Override{Flag: f.Key, Variant: rapid.SampledFrom(names(f)).Draw(t, "variant")}
		if f.Kind == ruleset.Migration {
			o.Tenant = rapid.SampledFrom([]string{"t0", "t1"}).Draw(t, "tenant")
			if f.Staged() { // whose rules may ask for plans
				o.Variant = rapid.SampledFrom(served(f)).Draw(t, "stage")
			}
			return o
		}
		if rapid.Bool().Draw(t, "for a user") {
			o.User = rapid.SampledFrom([]string{"u0", "u1"}).Draw(t, "user")
		} else {
			o.Tenant = rapid.SampledFrom([]string{"t0", "t1"}).Draw(t, "tenant")
		}
		if rapid.Bool().Draw(t, "expires") {
			o.Expires = ptr(noon.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "hours")) * time.Hour))
		}
		return o
	})
}

func someFlag(key string, segments []string, before []ruleset.Flag) *rapid.Generator[ruleset.Flag] {
	return rapid.Custom(func(t *rapid.T) ruleset.Flag {
		often := func(label string) bool { return rapid.IntRange(0, 5).Draw(t, label) > 0 }
		f := ruleset.Flag{Key: key, Salt: key, Kind: rapid.SampledFrom(ruleset.Kinds).Draw(t, "kind"), Type: rapid.SampledFrom(ruleset.Types).Draw(t, "type"),
			Enabled: often("enabled"), Killed: !often("killed"), Archived: !often("archived"), ClientVisible: often("visible"),
			TierRequired: rapid.SampledFrom([]string{"", "", "", "free", "pro", "max"}).Draw(t, "tier")}
		if f.Kind == ruleset.Migration {
			return someMigration(f).Draw(t, "migration")
		}
		variants := names(f)
		if f.Type != ruleset.Boolean {
			for i, name := range variants {
				value := map[ruleset.Type]any{ruleset.String: "</script><!--\u2028&" + name, ruleset.Number: i, ruleset.JSON: map[string]any{"<": i}}[f.Type]
				encoded, _ := json.Marshal(value)
				f.Variants = append(f.Variants, ruleset.Variant{Name: name, Value: encoded})
			}
			f.Off = rapid.SampledFrom(variants).Draw(t, "off")
		}
		variant := rapid.SampledFrom(variants)
		f.Otherwise, f.Default = variant.Draw(t, "otherwise"), variant.Draw(t, "default")
		if len(before) > 0 && !often("no prerequisite") {
			required := rapid.SampledFrom(before).Draw(t, "prerequisite")
			f.Prerequisites = []ruleset.Prerequisite{{Flag: required.Key, Variant: rapid.SampledFrom(names(required)).Draw(t, "required")}}
		}
		for range rapid.IntRange(0, 3).Draw(t, "rules") {
			f.Rules = append(f.Rules, someRule(variants, segments).Draw(t, "rule"))
		}
		return f
	})
}

func someRule(variants, segments []string) *rapid.Generator[ruleset.Rule] {
	return rapid.Custom(func(t *rapid.T) ruleset.Rule {
		var r ruleset.Rule
		if rapid.Bool().Draw(t, "conditional") {
			r.When = ptr(someCondition(segments, 2).Draw(t, "when"))
		}
		unit := rapid.SampledFrom([]string{"", "user", "visitor", "tenant", "account"}).Draw(t, "unit")
		serve := rapid.SampledFrom(variants).Draw(t, "serve")
		switch rapid.IntRange(0, 3).Draw(t, "action") {
		case 0:
			r.Serve = serve
		case 1:
			r.Percent = &ruleset.Percent{Unit: unit, Serve: serve, Share: anyShare().Draw(t, "share")}
			if p := r.Percent; unit != "visitor" && p.Share > 0 && p.Share < ruleset.Everyone && rapid.Bool().Draw(t, "calibrated") {
				p.Calibrated = &ruleset.Calibration{Threshold: fmt.Sprintf("%016x", rapid.Uint64().Draw(t, "threshold")), Of: p.CountedBy(), Share: p.Share, At: noon}
			}
		case 2:
			r.Percent = &ruleset.Percent{Unit: unit, Serve: serve, From: anyShare().Draw(t, "from"), To: anyShare().Draw(t, "to"),
				Start: ptr(noon.Add(-time.Hour)), End: ptr(noon.Add(time.Hour))}
		case 3:
			r.Split = &ruleset.Split{Unit: unit, Weights: map[string]ruleset.Weight{variants[0]: 1000, serve: 2000}}
		}
		return r
	})
}
