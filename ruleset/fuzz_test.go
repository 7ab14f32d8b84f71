package ruleset_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/toprent/flags/ruleset"
)

// included says by itself, from the definitions, whether a subject's plan includes a key. needed is whether it needs a
// plan at all.
func included(d ruleset.Definition, key string, s ruleset.Subject) (needed, yes bool) {
	plans := map[string]ruleset.Plan{}
	lists := map[string]bool{}
	for _, p := range d.Plans {
		plans[p.Key] = p
		for _, f := range p.Features {
			if f == key {
				needed, lists[p.Key] = true, true
			}
		}
	}
	plan, known := plans[s.Plan]
	yes = known && lists[s.Plan]
	for _, f := range d.Flags {
		if f.Key == key {
			needed = needed || f.TierRequired != "" || f.Kind == ruleset.Premium
			yes = yes || known && f.TierRequired != "" && plan.Rank >= plans[f.TierRequired].Rank
		}
	}
	for _, addOn := range s.AddOns {
		yes = yes || known && addOn == key
	}
	return needed, yes
}

// planFirst is BR-001: nothing turns on what the subject's plan excludes.
func planFirst(rt *rapid.T) {
	d, s := someDefinition().Draw(rt, "definition"), someone().Draw(rt, "subject")
	for _, f := range d.Flags { // what could be of help: overrides to on
		if f.Type == ruleset.Boolean && rapid.Bool().Draw(rt, "helped") {
			d.Overrides = append(d.Overrides, ruleset.Override{Flag: f.Key, User: "u2", Variant: "on"})
		}
	}
	if rapid.Bool().Draw(rt, "torn") {
		i := rapid.IntRange(0, len(d.Flags)-1).Draw(rt, "which")
		d.Flags[i].Malformed, d.Flags[i].Off, d.Flags[i].Default = "torn", "on", "on"
	}
	r, _ := ruleset.Compile(ruleset.ID{}, d, nil)
	values := r.Evaluate(s, noon)
	other, _ := ruleset.Compile(ruleset.ID{Number: 2}, someDefinition().Draw(rt, "newest"), r)
	overlaid := ruleset.Overlay(r, other).Evaluate(s, noon)
	for i := range 11 {
		key := "hidden"
		if i < 10 {
			key = "f" + string(rune('0'+i))
		}
		if needed, yes := included(d, key, s); needed && !yes {
			if values.On(key) || values.Bool(key, true) {
				rt.Fatalf("%s is on because of %s", key, values.Reason(key))
			}
			if otherNeeded, otherYes := included(other.Definition(), key, s); otherNeeded && !otherYes && overlaid.Bool(key, true) {
				rt.Fatalf("%s is on in an overlay because of %s", key, overlaid.Reason(key))
			}
		}
	}
}

func TestPlanFirst(t *testing.T) { rapid.Check(t, planFirst) }

func FuzzPlanFirst(f *testing.F) { f.Fuzz(rapid.MakeFuzz(planFirst)) }

func FuzzCompile(f *testing.F) {
	for _, d := range []ruleset.Definition{define(boolean("a", percent(50, "on")), text("b", []string{"x", "y"}, splitBy("tenant", map[string]ruleset.Weight{"x": 1, "y": 2}))),
		define(boolean("a", when(ruleset.Condition{Any: comparisons[:4]}))), define(requiring(boolean("a"), "b"), requiring(boolean("b"), "a"))} {
		encoded, _ := json.Marshal(d)
		f.Add(encoded)
	}
	for _, flag := range []ruleset.Flag{staged("clients", ruleset.StageShadow, ruleset.Rule{When: ptr(is("tenant", "t-1")), Serve: "live"}), of(ruleset.Migration, boolean("clients"))} {
		f.Add(encoded(f, define(killed(flag))))
		for _, d := range unsafeMigrations(flag) {
			f.Add(encoded(f, d))
		}
	}
	f.Add([]byte(`{"flags":[{"key":"a","kind":"release","type":"json","salt":"s","client_visible":true,"variants":[{"name":"x","value":null}],"off":"x","otherwise":"x","default":"x"}]}`))
	f.Add([]byte(`{"flags":[{"key":"a\u0001","kind":"","type":"number","client_visible":true,"enabled":true,"variants":[{"name":"x","value":1e999},{"name":"x"}],"rules":[{"split":{"weights":{"x":1}}},{}]}],"plans":[{"key":"","features":[""]}],"overrides":[{}]}`))
	subjects := []ruleset.Subject{{}, {User: "u-1", Visitor: "v-1", Tenant: "t-1", Plan: "pro", AddOns: []string{"a"}, Attributes: map[string]any{"a": "x", "b": 1}}}
	var previous *ruleset.Revision
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var d ruleset.Definition
		if json.Unmarshal(encoded, &d) != nil {
			return
		}
		r, err := ruleset.Compile(ruleset.ID{}, d, nil)
		if problems, ok := err.(ruleset.Problems); err != nil && (!ok || len(problems) == 0) {
			t.Fatalf("the error is %T", err)
		}
		again, againErr := ruleset.Compile(ruleset.ID{}, d, r)
		if (err == nil) != (againErr == nil) || err != nil && err.Error() != againErr.Error() {
			t.Fatalf("compiled again: %v, at first: %v", againErr, err)
		}
		overlaid := r
		if previous != nil {
			overlaid = ruleset.Overlay(previous, r)
		}
		previous = r
		for _, revision := range []*ruleset.Revision{r, again, overlaid} {
			for _, s := range subjects {
				v := revision.Evaluate(s, noon)
				if !json.Valid(v.JSON()) {
					t.Fatalf("no JSON: %s", v.JSON())
				}
				for d := range v.All() {
					if x := revision.Explain(d.Key, s, noon); x.Variant != d.Variant || x.Reason != d.Reason || len(x.Steps) == 0 {
						t.Fatalf("explains %v, serves %v", x, d)
					}
					v.Bool(d.Key, true)
					stages, _ := revision.Stages(d.Key)
					stage, ok := revision.StageDecider(d.Key).Decide(s.Tenant, s.Plan, s.Attributes)
					if ok == stages.Reachable.Empty() || ok && !stages.Reachable.Has(stage) {
						t.Fatalf("%s is in %s (%v) of %+v", d.Key, stage, ok, stages)
					}
				}
				revision.AppendKey(nil, &s)
			}
		}
	})
}
