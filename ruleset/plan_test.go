package ruleset_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/toprent/flags/ruleset"
)

func TestAPlanIncludesWhatItsRankReachesOrWhatItLists(t *testing.T) {
	d := define(tier(boolean("by-tier", serve("on")), "pro"), boolean("by-list", serve("on")), tier(boolean("by-add-on", serve("on")), ""))
	d.Plans = []ruleset.Plan{{Key: "free", Rank: 0}, {Key: "pro", Rank: 10, Features: []string{"by-list"}}, {Key: "max", Rank: 20},
		{Key: "odd", Rank: 5, Features: []string{"by-tier"}}}
	r := sound(t, d)
	for _, c := range []struct {
		plan     string
		addOns   []string
		included string
		excluded ruleset.Reason
	}{
		{"free", nil, "", ruleset.PlanExcluded},
		{"pro", nil, "by-tier by-list", ruleset.PlanExcluded},
		{"max", nil, "by-tier", ruleset.PlanExcluded},
		{"odd", nil, "by-tier", ruleset.PlanExcluded},
		{"free", []string{"other", "by-list"}, "by-list", ruleset.PlanExcluded},
		{"free", []string{"by-add-on", "by-tier"}, "by-add-on by-tier", ruleset.PlanExcluded},
		{"", nil, "", ruleset.PlanUnknown},
		{"gone", nil, "", ruleset.PlanUnknown},
		{"gone", []string{"by-add-on"}, "", ruleset.PlanUnknown}, // an unknown plan is asked about first
	} {
		v := r.Evaluate(ruleset.Subject{Plan: c.plan, AddOns: c.addOns}, noon)
		for _, key := range []string{"by-tier", "by-list", "by-add-on"} {
			if slices.Contains(strings.Fields(c.included), key) {
				expect(t, v, key, "on", ruleset.TargetingMatch)
			} else {
				expect(t, v, key, "off", c.excluded)
			}
		}
	}
}

func TestAPlanThatIncludesAFlagCanStillBeSwitchedOff(t *testing.T) {
	f := tier(boolean("reports", serve("on")), "pro")
	f.Enabled = false
	expect(t, sound(t, define(f)).Evaluate(ruleset.Subject{Plan: "pro"}, noon), "reports", "off", ruleset.Disabled)
}

func TestAFallbackNeverBeatsAPlan(t *testing.T) {
	archived := tier(boolean("archived", serve("on")), "pro")
	archived.Archived = true
	plain := boolean("plain-archived", serve("on"))
	plain.Archived = true
	texts := tier(text("texts", []string{"a", "b"}), "pro")
	d := define(archived, plain, texts)
	d.Plans = []ruleset.Plan{{Key: "free", Rank: 0}, {Key: "pro", Rank: 10, Features: []string{"only-listed"}}}
	r := sound(t, d)
	for _, c := range []struct {
		key, plan string
		want      bool
	}{
		{"archived", "free", false}, {"archived", "", false}, {"archived", "gone", false}, {"archived", "pro", true},
		{"only-listed", "free", false}, {"only-listed", "", false}, {"only-listed", "pro", true},
		{"texts", "free", false},
		{"plain-archived", "free", true}, {"unknown", "", true},
	} {
		v := r.Evaluate(ruleset.Subject{Plan: c.plan}, noon)
		if got := v.Bool(c.key, true); got != c.want {
			t.Errorf("on plan %q the fallback true of %s gives %v", c.plan, c.key, got)
		}
		if v.Bool(c.key, false) {
			t.Errorf("on plan %q the fallback false of %s gives true", c.plan, c.key)
		}
	}
	if v := r.Evaluate(ruleset.Subject{Plan: "free", AddOns: []string{"archived"}}, noon); !v.Bool("archived", true) {
		t.Error("the add-on includes it, so the fallback holds")
	}
}

func TestAFallbackNeverBeatsAKill(t *testing.T) {
	f := boolean("flag", serve("on"))
	f.Killed, f.Off = true, "on" // a mistake, so that no variant is left to serve
	r, _ := flawed(t, define(f))
	v := r.Evaluate(ruleset.Subject{}, noon)
	if v.Bool("flag", true) || v.Reason("flag") != ruleset.Killed {
		t.Errorf("a killed flag is on because of %s", v.Reason("flag"))
	}
}

func TestAPlanWithAMistakeIncludesNothing(t *testing.T) {
	d := define(boolean("listed", serve("on")), tier(boolean("tiered", serve("on")), "pro"))
	d.Plans = []ruleset.Plan{{Key: "", Rank: 99, Features: []string{"listed"}}, {Key: "free"}, {Key: "pro", Rank: 10},
		{Key: "free", Rank: 99, Features: []string{"listed"}}}
	r, _ := flawed(t, d)
	for _, plan := range []string{"", "free"} {
		for _, key := range []string{"listed", "tiered"} {
			expectOn(t, r, key, ruleset.Subject{Plan: plan}, false)
		}
	}
}

func TestUpgradableIsWhatAnUpgradeWouldTurnOn(t *testing.T) {
	off := func(change func(*ruleset.Flag)) ruleset.Flag {
		f := tier(boolean("flag", serve("on")), "pro")
		change(&f)
		return f
	}
	override := func(variant string) []ruleset.Override {
		return []ruleset.Override{{Flag: "flag", Tenant: "acme", Variant: variant}}
	}
	onPlan := func(plan string) ruleset.Flag { return tier(boolean("flag", when(is("plan", plan))), "pro") }
	for name, c := range map[string]struct {
		flags     []ruleset.Flag
		overrides []ruleset.Override
		want      bool
	}{
		"it is on for everybody":               {[]ruleset.Flag{off(func(f *ruleset.Flag) {})}, nil, true},
		"no rule turns it on":                  {[]ruleset.Flag{off(func(f *ruleset.Flag) { f.Rules = nil })}, nil, false},
		"its percentage reaches nobody":        {[]ruleset.Flag{off(func(f *ruleset.Flag) { f.Rules[0] = percent(0, "on") })}, nil, false},
		"it is disabled":                       {[]ruleset.Flag{off(func(f *ruleset.Flag) { f.Enabled = false })}, nil, false},
		"it is killed":                         {[]ruleset.Flag{off(func(f *ruleset.Flag) { f.Killed = true })}, nil, false},
		"it is malformed":                      {[]ruleset.Flag{off(func(f *ruleset.Flag) { f.Malformed = "torn" })}, nil, false},
		"an override turns it on":              {[]ruleset.Flag{off(func(f *ruleset.Flag) { f.Rules = nil })}, override("on"), true},
		"an override turns it off":             {[]ruleset.Flag{off(func(f *ruleset.Flag) {})}, override("off"), false},
		"a text would change":                  {[]ruleset.Flag{tier(text("flag", []string{"a", "b"}, serve("b")), "pro")}, nil, true},
		"a text would stay":                    {[]ruleset.Flag{tier(text("flag", []string{"a", "b"}, serve("a")), "pro")}, nil, false},
		"its rule wants the plan to be sold":   {[]ruleset.Flag{onPlan("pro")}, nil, true},
		"its rule wants the plan that is left": {[]ruleset.Flag{onPlan("free")}, nil, false},
		"its rule wants a rank":                {[]ruleset.Flag{tier(boolean("flag", when(compare("plan.rank", ruleset.GreaterEqual, "10"))), "pro")}, nil, true},
		"no plan includes it: an add-on does":  {[]ruleset.Flag{tier(boolean("flag", serve("on")), "")}, nil, true},
		"its prerequisite comes with the plan": {[]ruleset.Flag{requiring(off(func(f *ruleset.Flag) {}), "other"), tier(boolean("other", serve("on")), "pro")}, nil, true},
		"its prerequisite needs a higher plan": {[]ruleset.Flag{requiring(off(func(f *ruleset.Flag) {}), "other"), tier(boolean("other", serve("on")), "max")}, nil, false},
		"its prerequisite is off":              {[]ruleset.Flag{requiring(off(func(f *ruleset.Flag) {}), "other"), boolean("other")}, nil, false},
		"its prerequisite's prerequisite comes with the plan": {[]ruleset.Flag{requiring(off(func(f *ruleset.Flag) {}), "other"),
			requiring(boolean("other", serve("on")), "deep"), tier(boolean("deep", serve("on")), "pro")}, nil, true},
		"its prerequisite leaves with the old plan": {[]ruleset.Flag{requiring(off(func(f *ruleset.Flag) {}), "other"),
			boolean("other", when(is("plan", "free")))}, nil, false},
	} {
		d := define(c.flags...)
		d.Overrides = c.overrides
		r, _ := ruleset.Compile(ruleset.ID{}, d, nil)
		v := r.Evaluate(ruleset.Subject{User: "u-1", Tenant: "acme", Plan: "free"}, noon)
		if got := v.Upgradable("flag"); got != c.want {
			t.Errorf("%s: upgradable is %v (%s)", name, got, v.Reason("flag"))
		}
		if v.On("flag") {
			t.Errorf("%s: the plan is beaten", name)
		}
	}
}

func TestOnlyAnExcludedFlagIsUpgradable(t *testing.T) {
	r := sound(t, define(tier(boolean("flag", serve("on")), "pro")))
	for plan, want := range map[string]bool{"free": true, "pro": false, "gone": false, "": false} {
		if got := r.Evaluate(ruleset.Subject{Plan: plan}, noon).Upgradable("flag"); got != want {
			t.Errorf("on plan %q upgradable is %v", plan, got)
		}
	}
}

// What an upgrade would give is asked in the midst of an evaluation: it must leave no trace in the flags after it.
func TestAskingForAnUpgradeChangesNoOtherFlag(t *testing.T) {
	r := sound(t, define(
		requiring(tier(boolean("a-gated", serve("on")), "pro"), "b-parent"), tier(boolean("b-parent", serve("on")), "pro"),
		boolean("c-plan", when(is("plan", "free"))), boolean("d-rank", when(compare("plan.rank", ruleset.Less, "5"))),
		requiring(boolean("e-child", serve("on")), "b-parent")))
	v := r.Evaluate(ruleset.Subject{Plan: "free"}, noon)
	for key, want := range map[string]bool{"a-gated": false, "b-parent": false, "c-plan": true, "d-rank": true, "e-child": false} {
		if v.On(key) != want {
			t.Errorf("%s is %v", key, !want)
		}
	}
}
