package words_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

func share(name string, share ruleset.Share, when *ruleset.Condition) ruleset.Rule {
	return ruleset.Rule{Name: name, When: when, Percent: &ruleset.Percent{Share: share, Serve: "on"}}
}

func split(weights map[string]ruleset.Weight) ruleset.Rule {
	return ruleset.Rule{Name: "test", Split: &ruleset.Split{Unit: "visitor", Weights: weights}}
}

func rulesOf(rules ...ruleset.Rule) ruleset.Flag { return ruleset.Flag{Key: "home", Rules: rules} }

func only(c ruleset.Condition) ruleset.Flag {
	return rulesOf(ruleset.Rule{Name: "Germany", When: &c, Serve: "on"})
}

func values(name string, texts ...string) ruleset.Variant {
	raw, _ := json.Marshal(texts)
	return ruleset.Variant{Name: name, Value: raw}
}

func TestADifferenceIsSaidInPlainWords(t *testing.T) {
	start := time.Date(2027, 1, 1, 8, 0, 0, 0, time.UTC)
	end, later := start.AddDate(0, 0, 7), start.AddDate(0, 0, 9)
	de, fr := country("DE"), country("FR")
	segment := ruleset.Condition{Segment: "germany"}
	plan := ruleset.Condition{Attribute: "plan", Operator: ruleset.In, Values: ruleset.Texts{"pro"}}
	moving := func(end time.Time) ruleset.Flag {
		return rulesOf(ruleset.Rule{Name: "grow", Percent: &ruleset.Percent{From: 10_000, To: 50_000, Start: &start, End: &end, Serve: "on"}})
	}
	a, b, c := share("a", 1_000, nil), share("b", 2_000, &de), share("c", 3_000, &fr)
	for name, test := range map[string]struct {
		was, is ruleset.Flag
		want    []string
	}{
		"nothing":                    {rulesOf(a, b), rulesOf(a, b), nil},
		"a share":                    {rulesOf(share("a quarter of Germany", 25_000, &de)), rulesOf(share("a quarter of Germany", 50_000, &de)), []string{"rollout of rule “a quarter of Germany” from 25 % to 50 %"}},
		"a share without a name":     {rulesOf(share("", 25_000, &de)), rulesOf(share("", 500, &de)), []string{"rollout of rule 1 from 25 % to 0.5 %"}},
		"a move to the front":        {rulesOf(a, b, c), rulesOf(c, a, b), []string{"rule “c” moved from 3rd to 1st place"}},
		"a move to the end":          {rulesOf(a, b, c), rulesOf(b, c, a), []string{"rule “a” moved from 1st to 3rd place"}},
		"what is new moves nothing":  {rulesOf(a, b), rulesOf(c, a, b), []string{"rule “c” added in 1st place: 3 % of users where country is FR get on"}},
		"what is gone moves nothing": {rulesOf(c, a, b), rulesOf(a, b), []string{"rule “c” removed: 3 % of users where country is FR get on"}},
		"a rule without a name is removed": {rulesOf(share("", 1_000, nil), ruleset.Rule{When: &segment, Serve: "on"}), rulesOf(share("", 1_000, nil)),
			[]string{"rule 2 removed: everybody in segment germany gets on"}},
		"a rule is renamed":     {rulesOf(share("x", 1_000, &de)), rulesOf(share("y", 1_000, &de)), []string{"rule “x” is now called “y”"}},
		"a rule gets a name":    {rulesOf(share("", 1_000, &de)), rulesOf(share("y", 1_000, &de)), []string{"rule 1 is now called “y”"}},
		"a rule loses its name": {rulesOf(share("y", 1_000, &de)), rulesOf(share("", 1_000, &de)), []string{"rule “y” has no name any more"}},
		"likeness beats the place": {rulesOf(share("", 1_000, &de), share("", 2_000, &fr)), rulesOf(share("", 7_000, &fr)),
			[]string{"rollout of rule 2 from 2 % to 7 %", "rule 1 removed: 1 % of users where country is DE get on"}},
		"a value is added":       {only(country("DE", "FR")), only(country("DE", "FR", "AT")), []string{"condition of rule “Germany”, country is one of: AT added"}},
		"a value is removed":     {only(country("DE", "FR", "AT")), only(country("DE", "AT")), []string{"condition of rule “Germany”, country is one of: FR removed"}},
		"a value is another":     {only(de), only(fr), []string{"condition of rule “Germany”: country is FR, was is DE"}},
		"values are reordered":   {only(country("DE", "FR")), only(country("FR", "DE")), []string{"condition of rule “Germany”, country is one of: the same in another order"}},
		"one more is asked":      {only(de), only(ruleset.Condition{All: []ruleset.Condition{de, plan}}), []string{"condition of rule “Germany” asks in addition: plan is pro"}},
		"one less is asked":      {only(ruleset.Condition{All: []ruleset.Condition{de, plan}}), only(plan), []string{"condition of rule “Germany” asks no more: country is DE"}},
		"one more is enough":     {only(ruleset.Condition{Any: []ruleset.Condition{de, plan}}), only(ruleset.Condition{Any: []ruleset.Condition{de, plan, segment}}), []string{"condition of rule “Germany” enough is now also: they are in segment germany"}},
		"and becomes or":         {only(ruleset.Condition{All: []ruleset.Condition{de, plan}}), only(ruleset.Condition{Any: []ruleset.Condition{de, plan}}), []string{"condition of rule “Germany”: country is DE or plan is pro, was: country is DE and plan is pro"}},
		"within a not":           {only(ruleset.Condition{Not: &de}), only(ruleset.Condition{Not: &fr}), []string{"condition of rule “Germany”, within “not”: country is FR, was is DE"}},
		"a segment":              {only(segment), only(ruleset.Condition{Segment: "france"}), []string{"condition of rule “Germany”: they are in segment france, was: they are in segment germany"}},
		"the same, otherwise":    {only(de), only(ruleset.Condition{All: []ruleset.Condition{de}}), []string{"condition of rule “Germany” is written in another way"}},
		"a limit":                {rulesOf(share("x", 1_000, nil)), rulesOf(share("x", 1_000, &segment)), []string{"rule “x” now only in segment germany, was for everybody"}},
		"no limit":               {rulesOf(share("x", 1_000, &de)), rulesOf(share("x", 1_000, nil)), []string{"rule “x” now for everybody, was only where country is DE"}},
		"a share of everybody":   {rulesOf(ruleset.Rule{Name: "x", Serve: "on"}), rulesOf(share("x", 1_000, nil)), []string{"rule “x”: 1 % of users get on, was: everybody gets on"}},
		"another variant":        {rulesOf(ruleset.Rule{Name: "x", Serve: "on"}), rulesOf(ruleset.Rule{Name: "x", Serve: "off"}), []string{"rule “x” serves “off”, was “on”"}},
		"another draw":           {rulesOf(ruleset.Rule{Name: "x", Serve: "on"}), rulesOf(ruleset.Rule{Name: "x", Serve: "on", Seed: "b"}), []string{`rule “x” draws anew: seed "b", was nothing`}},
		"another unit":           {rulesOf(share("x", 1_000, nil)), rulesOf(ruleset.Rule{Name: "x", Percent: &ruleset.Percent{Unit: "tenant", Share: 1_000, Serve: "on"}}), []string{"rule “x” is a share of tenants, was of users (by default)"}},
		"a share begins to move": {rulesOf(share("grow", 10_000, nil)), moving(end), []string{"rollout of rule “grow” growing from 10 % at 1 Jan 2027, 08:00 UTC to 50 % at 8 Jan 2027, 08:00 UTC, was 10 %"}},
		"a share moves longer":   {moving(end), moving(later), []string{"rollout of rule “grow” growing from 10 % at 1 Jan 2027, 08:00 UTC to 50 % at 10 Jan 2027, 08:00 UTC, was growing from 10 % at 1 Jan 2027, 08:00 UTC to 50 % at 8 Jan 2027, 08:00 UTC"}},
		"a split": {rulesOf(split(map[string]ruleset.Weight{"a": 1000, "b": 1000})), rulesOf(split(map[string]ruleset.Weight{"a": 3000, "c": 1000})),
			[]string{"rule “test” gives “a” 75 %, was 50 %", "rule “test” gives “c” 25 %, was nothing", "rule “test” gives “b” nothing any more, was 50 %"}},
		"a split in the same ratio": {rulesOf(split(map[string]ruleset.Weight{"a": 1000, "b": 1000})), rulesOf(split(map[string]ruleset.Weight{"a": 2000, "b": 2000})),
			[]string{"rule “test” gives “a” a weight of 2, was 1", "rule “test” gives “b” a weight of 2, was 1"}},
		"switches": {ruleset.Flag{Enabled: true}, ruleset.Flag{Killed: true, Archived: true, ClientVisible: true}, []string{"enabled no, was yes", "killed yes, was no", "archived yes, was no", "client-visible yes, was no"}},
		"variants served": {ruleset.Flag{Off: "a", TierRequired: "pro"}, ruleset.Flag{Otherwise: "b", Default: "c"},
			[]string{`tier required nothing, was "pro"`, `off nothing, was "a"`, `otherwise "b", was nothing`, `default "c", was nothing`}},
		"variants": {ruleset.Flag{Variants: []ruleset.Variant{values("a", "x"), values("b", "y")}}, ruleset.Flag{Variants: []ruleset.Variant{values("a", "z"), values("c", "y")}},
			[]string{`variant “a” ["z"], was ["x"]`, `variant “c” added, ["y"]`, `variant “b” removed, was ["y"]`}},
		"the order of variants": {ruleset.Flag{Variants: []ruleset.Variant{values("a"), values("b")}}, ruleset.Flag{Variants: []ruleset.Variant{values("b"), values("a")}}, []string{"order of variants b, a, was a, b"}},
		"prerequisites": {ruleset.Flag{Prerequisites: []ruleset.Prerequisite{{Flag: "base", Variant: "on"}, {Flag: "old", Variant: "on"}}}, ruleset.Flag{Prerequisites: []ruleset.Prerequisite{{Flag: "new", Variant: "on"}, {Flag: "base", Variant: "off"}}},
			[]string{"requires new to be “on”", "requires base to be “off”, was “on”", "requires old to be “on” no more"}},
		"what can be read again": {ruleset.Flag{Malformed: "stored rules cannot be read"}, ruleset.Flag{}, []string{"can be read again"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := words.FlagDiff(test.was, test.is, time.UTC); !reflect.DeepEqual(got, test.want) {
				t.Errorf("it says\n%q, want\n%q", got, test.want)
			}
		})
	}
}

func TestADifferenceOfOtherThingsIsSaidInPlainWords(t *testing.T) {
	expires := time.Date(2027, 1, 1, 8, 0, 0, 0, time.UTC)
	second := expires.Add(time.Second)
	for name, test := range map[string]struct{ got, want []string }{
		"a segment": {words.SegmentDiff(ruleset.Segment{Key: "s", Title: "A", When: country("DE", "AT")}, ruleset.Segment{Key: "s", Title: "B", When: country("DE", "CH")}, time.UTC),
			[]string{`title "B", was "A"`, "condition, country is one of: CH added", "condition, country is one of: AT removed"}},
		"a plan": {words.PlanDiff(ruleset.Plan{Key: "p", Title: "A", Rank: 1, Features: []string{"a", "b"}}, ruleset.Plan{Key: "p", Title: "B", Rank: 2, Features: []string{"b", "c"}}),
			[]string{`title "B", was "A"`, "rank 2, was 1", "features: c added", "features: a removed"}},
		"a plan's first features": {words.PlanDiff(ruleset.Plan{Key: "p"}, ruleset.Plan{Key: "p", Features: []string{"a"}}), []string{"features a, were none"}},
		"a plan's order":          {words.PlanDiff(ruleset.Plan{Features: []string{"a", "b"}}, ruleset.Plan{Features: []string{"b", "a"}}), []string{"features b, a, were a, b"}},
		"an override": {words.OverrideDiff(ruleset.Override{Flag: "f", User: "u", Variant: "on"}, ruleset.Override{Flag: "f", User: "u", Variant: "off", Reason: "pilot", Expires: &expires}, time.UTC),
			[]string{`variant "off", was "on"`, `reason "pilot", was nothing`, "expires 1 Jan 2027, 08:00 UTC, was never"}},
		"an override by a second": {words.OverrideDiff(ruleset.Override{Expires: &expires}, ruleset.Override{Expires: &second}, time.UTC), []string{"expires 1 Jan 2027, 08:00:01 UTC, was 1 Jan 2027, 08:00 UTC"}},
		"nothing":                 {words.OverrideDiff(ruleset.Override{Expires: &expires}, ruleset.Override{Expires: &expires}, time.UTC), nil},
	} {
		if !reflect.DeepEqual(test.got, test.want) {
			t.Errorf("of %s it says\n%q, want\n%q", name, test.got, test.want)
		}
	}
}

// drawn makes flags of few parts, so that two of them are often alike and sometimes the same.
type drawn struct{ *rapid.T }

func of[T any](r drawn, name string, from ...T) T { return rapid.SampledFrom(from).Draw(r.T, name) }

func (r drawn) condition(depth int) ruleset.Condition {
	kind := of(r, "condition", "is", "is", "segment", "all", "any", "not")
	if depth == 0 {
		kind = "is"
	}
	var c ruleset.Condition
	switch kind {
	case "is":
		c = ruleset.Condition{Attribute: of(r, "attribute", "country", "plan"), Operator: of(r, "operator", ruleset.In, ruleset.NotIn),
			Values: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3).Draw(r.T, "values")}
	case "segment":
		c.Segment = of(r, "segment", "s", "t")
	case "not":
		inner := r.condition(depth - 1)
		c.Not = &inner
	default:
		all := make([]ruleset.Condition, rapid.IntRange(1, 3).Draw(r.T, "parts"))
		for i := range all {
			all[i] = r.condition(depth - 1)
		}
		if kind == "all" {
			c.All = all
		} else {
			c.Any = all
		}
	}
	return c
}

func (r drawn) rule() (rule ruleset.Rule) {
	rule.Name, rule.Seed = of(r, "name", "", "", "x", "y"), of(r, "seed", "", "", "z")
	if rapid.Bool().Draw(r.T, "limited") {
		c := r.condition(2)
		rule.When = &c
	}
	start := time.Date(2027, 1, of(r, "day", 1, 2), 0, 0, 0, of(r, "nanosecond", 0, 1), time.UTC)
	switch of(r, "effect", "serve", "share", "moving", "split") {
	case "serve":
		rule.Serve = of(r, "serve", "", "on", "off")
	case "share":
		rule.Percent = &ruleset.Percent{Unit: of(r, "unit", "", "user", "tenant"), Share: of(r, "share", ruleset.Share(0), 1_000), Serve: "on"}
	case "moving":
		rule.Percent = &ruleset.Percent{From: of(r, "from", ruleset.Share(0), 1_000), To: 5_000, Start: &start, End: &start, Serve: of(r, "serve", "on", "off")}
	default:
		rule.Split = &ruleset.Split{Weights: map[string]ruleset.Weight{"a": of(r, "a", ruleset.Weight(1), 333_333), of(r, "other", "b", "c"): of(r, "b", ruleset.Weight(1), 2, 1_000_000_000)}}
	}
	return rule
}

func (r drawn) flag() ruleset.Flag {
	flag := ruleset.Flag{Key: "home", Enabled: rapid.Bool().Draw(r.T, "enabled"), Otherwise: of(r, "otherwise", "", "on")}
	for range rapid.IntRange(0, 3).Draw(r.T, "rules") {
		flag.Rules = append(flag.Rules, r.rule())
	}
	for range rapid.IntRange(0, 2).Draw(r.T, "variants") {
		flag.Variants = append(flag.Variants, values(of(r, "variant", "a", "b"), of(r, "value", "x", "y")))
	}
	for range rapid.IntRange(0, 2).Draw(r.T, "prerequisites") {
		flag.Prerequisites = append(flag.Prerequisites, ruleset.Prerequisite{Flag: of(r, "flag", "a", "b"), Variant: of(r, "is", "on", "off")})
	}
	return flag
}

// changed is the flag with one part of it drawn anew, which may give the same.
func (r drawn) changed(flag ruleset.Flag) ruleset.Flag {
	other := r.flag()
	switch of(r, "part", "all", "rule", "order", "variants", "prerequisites") {
	case "all":
		return other
	case "rule":
		if n := len(flag.Rules); n > 0 {
			rules := append([]ruleset.Rule(nil), flag.Rules...)
			rules[rapid.IntRange(0, n-1).Draw(r.T, "which")] = r.rule()
			flag.Rules = rules
		}
	case "order":
		flag.Rules = rapid.Permutation(flag.Rules).Draw(r.T, "order")
	case "variants":
		flag.Variants = other.Variants
	case "prerequisites":
		flag.Prerequisites = other.Prerequisites
	}
	return flag
}

func TestEqualFlagsHaveNoDifferenceAndOthersAtLeastOne(t *testing.T) {
	stored := func(flag ruleset.Flag) string {
		text, err := json.Marshal(flag)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	rapid.Check(t, func(rt *rapid.T) {
		r := drawn{rt}
		was := r.flag()
		is := r.changed(was)
		lines := words.FlagDiff(was, is, time.UTC)
		if same := stored(was) == stored(is); same != (len(lines) == 0) {
			rt.Fatalf("same: %v, but it says %q\nwas %s\nis  %s", same, lines, stored(was), stored(is))
		}
		if again := words.FlagDiff(was, was, time.UTC); again != nil {
			rt.Fatalf("of the same flag it says %q", again)
		}
	})
}
