package ruleset_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
)

// mistakes is a definition with a mistake of every kind.
func mistakes() ruleset.Definition {
	named := func(name string, r ruleset.Rule) ruleset.Rule { r.Name = name; return r }
	c := func(attribute string, operator ruleset.Operator, values ...string) ruleset.Rule {
		return when(compare(attribute, operator, values...))
	}
	later := noon.Add(time.Hour)
	odd := ruleset.Flag{Key: "Bad Key", Kind: "toy", Type: "colour", TierRequired: "gold"}
	variants := text("variants", []string{"a", "b"})
	variants.Variants = append(variants.Variants, ruleset.Variant{Name: "a", Value: json.RawMessage(`"again"`)}, ruleset.Variant{Name: "b!", Value: json.RawMessage(`"x"`)},
		ruleset.Variant{Name: "number", Value: json.RawMessage(`1`)}, ruleset.Variant{Name: "torn", Value: json.RawMessage(`{`)})
	variants.Off, variants.Otherwise, variants.Default = "", "none", "b"
	trueOff := boolean("true-off")
	trueOff.Off = "on"
	d := define(odd, variants, trueOff, text("empty", []string{"x"}),
		boolean("actions", ruleset.Rule{Name: "none"}, ruleset.Rule{Name: "two", Serve: "on", Split: &ruleset.Split{Weights: map[string]ruleset.Weight{"on": 1000}}}, named("unknown", serve("maybe"))),
		boolean("shares", named("over", percent(100.001, "on")), named("variant", percent(1, "maybe")),
			named("unit", ruleset.Rule{Percent: &ruleset.Percent{Unit: "plan", Share: 1, Serve: "on"}}),
			named("half", ruleset.Rule{Percent: &ruleset.Percent{From: 1, Start: &noon, Serve: "on"}}),
			named("still", ruleset.Rule{Percent: &ruleset.Percent{From: 1, To: 2, Serve: "on"}}),
			named("both", ruleset.Rule{Percent: &ruleset.Percent{Share: 1, To: 2, Start: &noon, End: &later, Serve: "on"}}),
			named("back", ruleset.Rule{Percent: &ruleset.Percent{To: 200_000, Start: &later, End: &noon, Serve: "on"}})),
		boolean("splits", named("zero", splitBy("", map[string]ruleset.Weight{"on": 0})), named("empty", splitBy("", nil)),
			named("heavy", splitBy("now", map[string]ruleset.Weight{"on": 2_000_000_000, "maybe": 1000}))),
		boolean("conditions", named("regex", c("a", ruleset.Matches, "(", "ok")), named("huge regex", c("a", ruleset.Matches, "(abcdefghij){1000}")),
			named("long regex", c("a", ruleset.Matches, strings.Repeat("x", ruleset.MaxRegex+1))),
			named("operator", c("a", "like", "x")), named("attribute", c("", ruleset.In, "x")), named("no values", c("a", ruleset.In)),
			named("exists", c("a", ruleset.Exists, "x")), named("two values", c("a", ruleset.Greater, "1", "2")), named("number", c("a", ruleset.Greater, "many")),
			named("time", c("now", ruleset.Before, "tomorrow")), named("version", c("a", ruleset.SemverLess, "new")), named("network", c("a", ruleset.InCIDR, "10.0.0.0/99")),
			named("empty text", c("a", ruleset.Contains, "")), named("two forms", when(ruleset.Condition{Segment: "fine", Attribute: "a"})),
			named("no form", when(ruleset.Condition{})), named("empty all", when(ruleset.Condition{All: []ruleset.Condition{}})),
			named("nested", when(ruleset.Condition{Any: []ruleset.Condition{is("a", "x"), {Not: ptr(compare("a", ruleset.Less, "y"))}}})),
			named("segment", when(ruleset.Condition{Segment: "none"})), named("broken segment", when(ruleset.Condition{Segment: "circle-a"}))),
		requiring(boolean("requires"), "none", "archived"), archived(boolean("archived")), boolean("requires"),
		requiring(boolean("ring-a"), "ring-b"), requiring(boolean("ring-b"), "ring-c"), requiring(boolean("ring-c"), "ring-a"), requiring(boolean("self"), "self"),
		ruleset.Flag{Key: "torn", Kind: ruleset.Release, Type: ruleset.Boolean, Salt: "s", Malformed: "rules: unexpected end of JSON input"})
	d.Flags[3].Variants = nil
	d.Flags = append(d.Flags, ruleset.Flag{Key: "wrong-variant", Kind: ruleset.Release, Type: ruleset.Boolean, Salt: "s", Prerequisites: []ruleset.Prerequisite{{Flag: "other", Variant: "maybe"}}}, boolean("other"))
	d.Plans = append(d.Plans, ruleset.Plan{Key: "free"}, ruleset.Plan{Key: "Gold!"}, ruleset.Plan{Key: "list", Features: []string{"other", "other", "No Flag"}})
	d.Segments = []ruleset.Segment{{Key: "fine", When: is("a", "x")}, {Key: "fine", When: is("a", "y")}, {Key: "Bad Segment", When: is("a", "x")},
		{Key: "circle-a", When: ruleset.Condition{Segment: "circle-b"}}, {Key: "circle-b", When: ruleset.Condition{Segment: "circle-a"}}}
	d.Overrides = []ruleset.Override{{Flag: "none", User: "u", Variant: "on"}, {Flag: "other", Variant: "on"}, {Flag: "other", User: "u", Tenant: "t", Variant: "on"},
		{Flag: "other", User: "u", Variant: "maybe"}, {Flag: "other", User: "v", Variant: "on"}, {Flag: "other", User: "v", Variant: "off"},
		{Flag: "other", Tenant: strings.Repeat("x", ruleset.MaxID+1), Variant: "on"}}
	return d
}

func TestEveryMistakeIsReportedAtOnceWithItsPlace(t *testing.T) {
	r, problems := flawed(t, mistakes())
	golden(t, "problems.golden", problems.Error()+"\n")
	for _, p := range problems {
		if !errors.As(error(problems), new(ruleset.Problem)) || p.Message == "" || p.Flag == "" && p.Segment == "" && p.Plan == "" && p.Override == 0 {
			t.Errorf("a problem without a place or a message: %+v", p)
		}
	}
	if !on(r, "other", ruleset.Subject{User: "v", Plan: "list"}) || r.Malformed()["other"] != "" {
		t.Error("a flag whose overrides have mistakes is set aside; only those overrides should be")
	}
}

func TestTheSameMistakesAreReportedAgain(t *testing.T) {
	first, problems := flawed(t, mistakes())
	_, err := ruleset.Compile(ruleset.ID{Number: 2}, mistakes(), first)
	if err == nil || err.Error() != problems.Error() {
		t.Errorf("reported again: %v", err)
	}
}

// A malformed flag is set aside alone, whatever the mistake.
func TestAMalformedFlagChangesNoOther(t *testing.T) {
	broken := func(change func(f *ruleset.Flag)) ruleset.Flag {
		f := boolean("m-broken", serve("on"))
		change(&f)
		return f
	}
	good := define(boolean("a", percent(50, "on")), requiring(boolean("z", serve("on")), "a"), tier(boolean("gated", serve("on")), "pro"))
	for name, f := range map[string]ruleset.Flag{
		"type":    broken(func(f *ruleset.Flag) { f.Type = "colour" }),
		"salt":    broken(func(f *ruleset.Flag) { f.Salt = "" }),
		"rule":    broken(func(f *ruleset.Flag) { f.Rules[0].Serve = "maybe" }),
		"stored":  broken(func(f *ruleset.Flag) { f.Malformed = "torn" }),
		"self":    requiring(boolean("m-broken"), "m-broken"),
		"key":     broken(func(f *ruleset.Flag) { f.Key, f.ClientVisible = "\x01\"</script>\xff", true }),
		"share":   broken(func(f *ruleset.Flag) { f.Rules[0] = percent(4e6, "on") }),
		"weights": broken(func(f *ruleset.Flag) { f.Rules[0] = splitBy("", nil) }),
	} {
		d := good
		d.Flags = append(slices.Clone(good.Flags), f)
		r, _ := flawed(t, d)
		if r.Malformed()[f.Key] == "" || len(r.Malformed()) != 1 {
			t.Errorf("%s: set aside are %v", name, r.Malformed())
		}
		for i := range 50 {
			s := ruleset.Subject{User: fmt.Sprint(i), Plan: "pro"}
			v, want := r.Evaluate(s, noon), sound(t, good).Evaluate(s, noon)
			for _, key := range []string{"a", "z", "gated"} {
				if v.Detail(key) != want.Detail(key) {
					t.Errorf("%s: %s is %v, without it %v", name, key, v.Detail(key), want.Detail(key))
				}
			}
			if !json.Valid(v.JSON()) || strings.ContainsAny(string(v.JSON()), "<>&") {
				t.Errorf("%s: unsafe JSON %s", name, v.JSON())
			}
		}
	}
}

func TestLimits(t *testing.T) {
	nest := func(levels int) ruleset.Condition {
		c := is("a", "x")
		for range levels - 1 {
			c = ruleset.Condition{Not: ptr(c)}
		}
		return c
	}
	wide := func(n int) ruleset.Condition {
		return ruleset.Condition{All: slices.Repeat([]ruleset.Condition{is("a", "x")}, n-1)}
	}
	withRule := func(c ruleset.Condition) ruleset.Definition { return define(boolean("flag", when(c))) }
	rules := func(n int) ruleset.Definition {
		return define(boolean("flag", slices.Repeat([]ruleset.Rule{serve("on")}, n)...))
	}
	variants := func(n int) ruleset.Definition {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprint(i))
		}
		return define(text("flag", names))
	}
	// Each segment uses the one before twice: 2^n conditions in n segments.
	doubling := func(n int) ruleset.Definition {
		d := withRule(ruleset.Condition{Segment: fmt.Sprint("s", n)})
		d.Segments = append(d.Segments, ruleset.Segment{Key: "s0", When: is("a", "x")})
		for i := range n {
			s := ruleset.Condition{Segment: fmt.Sprint("s", i)}
			d.Segments = append(d.Segments, ruleset.Segment{Key: fmt.Sprint("s", i+1), When: ruleset.Condition{All: []ruleset.Condition{s, s}}})
		}
		return d
	}
	chain := func(n int) ruleset.Definition {
		d := define(boolean("f00", serve("on")))
		for i := 1; i < n; i++ {
			d.Flags = append(d.Flags, requiring(boolean(fmt.Sprintf("f%02d", i), serve("on")), fmt.Sprintf("f%02d", i-1)))
		}
		return d
	}
	prerequisites := func(n int) ruleset.Definition {
		d := define(boolean("flag"))
		for i := range n {
			d.Flags = append(d.Flags, boolean(fmt.Sprint("p", i)))
			d.Flags[0] = requiring(d.Flags[0], fmt.Sprint("p", i))
		}
		return d
	}
	values := func(n int) ruleset.Definition {
		return withRule(compare("a", ruleset.In, slices.Repeat([]string{"x"}, n)...))
	}
	regexes := func(n int) ruleset.Definition {
		return withRule(compare("a", ruleset.Matches, slices.Repeat([]string{"x"}, n)...))
	}
	value := func(n int) ruleset.Definition {
		f := text("flag", []string{"a"})
		f.Variants[0].Value = json.RawMessage(`"` + strings.Repeat("x", n-2) + `"`)
		return define(f)
	}
	for name, c := range map[string]struct {
		of   func(int) ruleset.Definition
		most int
	}{
		"nesting":              {func(n int) ruleset.Definition { return withRule(nest(n)) }, ruleset.MaxDepth},
		"conditions":           {func(n int) ruleset.Definition { return withRule(wide(n)) }, ruleset.MaxConditions},
		"segments in segments": {doubling, 5}, // 12 levels would hold 6, but a list and a segment are two
		"rules":                {rules, ruleset.MaxRules},
		"variants":             {variants, ruleset.MaxVariants},
		"chain":                {chain, ruleset.MaxPrerequisiteChain},
		"prerequisites":        {prerequisites, ruleset.MaxPrerequisites},
		"values":               {values, ruleset.MaxConditionValues},
		"regular expressions":  {regexes, ruleset.MaxConditions},
		"a variant's value":    {value, ruleset.MaxVariantValue},
	} {
		if _, err := ruleset.Compile(ruleset.ID{}, c.of(c.most), nil); err != nil {
			t.Errorf("%s: %d are refused: %v", name, c.most, err)
		}
		if _, problems := flawed(t, c.of(c.most+1)); len(problems) == 0 {
			t.Errorf("%s: %d are accepted", name, c.most+1)
		}
	}
	// Far beyond the limits it must end soon, too.
	for _, d := range []ruleset.Definition{doubling(200), withRule(nest(5000)), chain(3000), regexes(10_000)} {
		start := time.Now()
		if flawed(t, d); time.Since(start) > 20*time.Second {
			t.Errorf("refusing takes %v", time.Since(start))
		}
	}
}

// A long chain of segments is too deep at its end only: those near the ground stay usable.
func TestOnlyTheSegmentsThatAreTooDeepAreRefused(t *testing.T) {
	d := define(boolean("low", when(ruleset.Condition{Segment: "s15"})), boolean("high", when(ruleset.Condition{Segment: "s00"})))
	for i := range 20 {
		s := ruleset.Segment{Key: fmt.Sprintf("s%02d", i), When: ruleset.Condition{Segment: fmt.Sprintf("s%02d", i+1)}}
		if i == 19 {
			s.When = is("a", "x")
		}
		d.Segments = append(d.Segments, s)
	}
	r, problems := flawed(t, d)
	if strings.Contains(problems.Error(), "uses itself") {
		t.Error("a chain is taken for a circle")
	}
	if m := r.Malformed(); m["low"] != "" || m["high"] == "" {
		t.Errorf("set aside are %v", m)
	}
}

func TestUnchangedFlagsAreShared(t *testing.T) {
	base := func() ruleset.Definition {
		d := define(boolean("plain", serve("on")), boolean("segmented", when(ruleset.Condition{Segment: "outer"})), boolean("overridden"),
			boolean("parent", serve("on")), requiring(boolean("child", serve("on")), "parent"), tier(boolean("gated", serve("on")), "pro"))
		d.Segments = []ruleset.Segment{{Key: "outer", When: ruleset.Condition{Segment: "inner"}}, {Key: "inner", When: is("a", "x")}}
		d.Overrides = []ruleset.Override{{Flag: "overridden", User: "u-1", Variant: "on", Expires: ptr(noon.Add(time.Hour))}}
		return d
	}
	all := []string{"plain", "segmented", "overridden", "parent", "child", "gated"}
	for name, c := range map[string]struct {
		change  func(d *ruleset.Definition)
		changed []string
	}{
		"nothing":            {func(*ruleset.Definition) {}, nil},
		"the order of flags": {func(d *ruleset.Definition) { slices.Reverse(d.Flags) }, nil},
		"a kill":             {func(d *ruleset.Definition) { d.Flags[0].Killed = true }, nil},
		"a rule":             {func(d *ruleset.Definition) { d.Flags[0].Rules = nil }, []string{"plain"}},
		"a nested segment":   {func(d *ruleset.Definition) { d.Segments[1].When = is("a", "y") }, []string{"segmented"}},
		"an unused segment": {func(d *ruleset.Definition) {
			d.Segments = append(d.Segments, ruleset.Segment{Key: "new", When: is("b", "x")})
		}, nil},
		"an override's reason": {func(d *ruleset.Definition) { d.Overrides[0].Reason = "other" }, []string{"overridden"}},
		"an override's expiry": {func(d *ruleset.Definition) { d.Overrides[0].Expires = ptr(noon) }, []string{"overridden"}},
		"the same expiry": {func(d *ruleset.Definition) {
			d.Overrides[0].Expires = ptr(noon.Add(time.Hour).In(time.FixedZone("x", 3600)))
		}, nil},
		"an override less":  {func(d *ruleset.Definition) { d.Overrides = nil }, []string{"overridden"}},
		"the parent":        {func(d *ruleset.Definition) { d.Flags[3].Enabled = false }, []string{"parent"}},
		"the prerequisites": {func(d *ruleset.Definition) { d.Flags[4].Prerequisites = nil }, []string{"child"}},
		"the plans": {func(d *ruleset.Definition) {
			d.Plans = append(slices.Clone(d.Plans), ruleset.Plan{Key: "new", Rank: 99})
		}, all},
		"the browser's view":     {func(d *ruleset.Definition) { d.Flags[0].ClientVisible = true }, []string{"plain"}},
		"a flag that is removed": {func(d *ruleset.Definition) { d.Flags = d.Flags[1:] }, []string{"plain"}},
	} {
		before := sound(t, base())
		d := base()
		c.change(&d)
		after, err := ruleset.Compile(ruleset.ID{Number: 2}, d, before)
		if err != nil {
			t.Fatal(name, err)
		}
		for _, key := range all {
			if got, want := ruleset.Shares(before, after, key), !slices.Contains(c.changed, key); got != want {
				t.Errorf("%s changed: %s is shared: %v", name, key, got)
			}
		}
	}
}

func TestAttributesKeepTheirPlaces(t *testing.T) {
	reading := func(names ...string) ruleset.Definition {
		var d ruleset.Definition
		for _, name := range names {
			d.Flags = append(d.Flags, boolean("reads-"+name, when(is(name, "1"))))
		}
		return d
	}
	first := sound(t, reading("b", "a"))
	second, _ := ruleset.Compile(ruleset.ID{}, reading("c", "a"), first)
	third, _ := ruleset.Compile(ruleset.ID{}, reading("b", "d"), second)
	sibling, _ := ruleset.Compile(ruleset.ID{}, reading("e", "a"), first)
	for r, want := range map[*ruleset.Revision]string{first: "b a", second: "b a c", third: "b a c d", sibling: "b a e"} {
		if got := strings.Join(r.Reads(), " "); got != want {
			t.Errorf("reads %s, want %s", got, want)
		}
	}
	if s := (ruleset.Subject{Attributes: map[string]any{"a": 1}}); !on(second, "reads-a", s) || on(second, "reads-c", s) {
		t.Error("a shared flag reads another attribute")
	}
}

func TestADefinitionSurvivesJSON(t *testing.T) {
	d := hundredFlags()
	d.Overrides = []ruleset.Override{{Flag: "feature-000", User: "u", Variant: "on", Expires: &noon}}
	encoded, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var decoded ruleset.Definition
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	after, err := ruleset.Compile(ruleset.ID{}, decoded, sound(t, d))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Flags {
		if !ruleset.Shares(sound(t, d), after, f.Key) && !ruleset.Shares(after, after, f.Key) {
			t.Errorf("%s differs", f.Key)
		}
	}
	again, _ := json.Marshal(decoded)
	if string(again) != string(encoded) {
		t.Error("written again it differs")
	}
}

func TestDigestsAreReadBackAndOnlyDigestsAre(t *testing.T) {
	d := ruleset.Digest{1, 2, 3, 0xff}
	var back ruleset.Digest
	if err := back.UnmarshalText([]byte(d.String())); err != nil || back != d {
		t.Errorf("%v is read as %v (%v)", d, back, err)
	}
	for _, wrong := range []string{"", "01", "010203ff0000000", "010203ff0000000000", "zz0203ff00000000", strings.Repeat("00", 1000)} {
		if err := back.UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
}
