package words_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/internal/words"
	"github.com/toprent/flags/ruleset"
)

func TestWhatIsNewSaysWhatItDoes(t *testing.T) {
	june := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	july := june.AddDate(0, 1, 0)
	german := country("DE")
	rule := func(p ruleset.Percent) ruleset.Flag {
		p.Unit, p.Serve = "user", "on"
		return ruleset.Flag{Key: "a", Type: ruleset.Boolean, Enabled: true, Otherwise: "off", Off: "off", Rules: []ruleset.Rule{{When: &german, Percent: &p}}}
	}
	for name, c := range map[string]struct{ got, want []string }{
		"a share": {words.NewFlag(rule(ruleset.Percent{Share: 25 * ruleset.Everyone / 100}), time.UTC),
			[]string{`new, on for 25 % of users where country is DE, otherwise off`}},
		"a share that moves": {words.NewFlag(rule(ruleset.Percent{From: 0, To: ruleset.Everyone / 2, Start: &june, End: &july}), time.UTC),
			[]string{`new, on for 0 % of users where country is DE (to 50 % from 1 Jun 2026, 12:00 UTC on), otherwise off`,
				`rule 1: 0 % of users where country is DE, growing steadily from 1 Jun 2026, 12:00 UTC to 50 % at 1 Jul 2026, 12:00 UTC, get on`}},
		"texts": {words.NewFlag(ruleset.Flag{Key: "a", Type: ruleset.String, Enabled: true, Otherwise: "b", Off: "c", Default: "c"}, time.UTC),
			[]string{"new, “b” for everybody"}},
		"a disabled one": {words.NewFlag(ruleset.Flag{Key: "a", Type: ruleset.Boolean}, time.UTC),
			[]string{"new, disabled: off for everybody but those with an override"}},
		"a segment":                 {words.NewSegment(ruleset.Segment{Key: "german", When: german}, time.UTC), []string{"new, everybody where country is DE"}},
		"a plan":                    {words.NewPlan(ruleset.Plan{Key: "pro", Rank: 20, Features: []string{"a", "b"}}), []string{"new, rank 20", "features: a, b"}},
		"an override":               {words.NewOverride(ruleset.Override{Variant: "on"}, time.UTC), []string{"new, on"}},
		"an override that ends":     {words.NewOverride(ruleset.Override{Variant: "on", Expires: &june}, time.UTC), []string{"new, on, expires 1 Jun 2026, 12:00 UTC"}},
		"an override with a reason": {words.NewOverride(ruleset.Override{Variant: "on", Reason: "a trial"}, time.UTC), []string{`new, on, reason "a trial"`}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
}

func TestWhatIsNewHidesNothingBehindASwitch(t *testing.T) {
	german := country("DE")
	rules := []ruleset.Rule{{When: &german, Serve: "on"}}
	flag := func(change func(*ruleset.Flag)) []string {
		f := ruleset.Flag{Key: "a", Type: ruleset.Boolean, Enabled: true, Otherwise: "off", Off: "off", Rules: rules}
		change(&f)
		return words.NewFlag(f, time.UTC)
	}
	text := func(f *ruleset.Flag) {
		f.Type, f.Rules, f.Otherwise, f.Off, f.Default = ruleset.String, nil, "b", "c", "c"
		f.Variants = []ruleset.Variant{{Name: "b", Value: json.RawMessage(`"https://b.example"`)}, {Name: "c", Value: json.RawMessage(`""`)}}
	}
	closing := func(f *ruleset.Flag) {
		f.Key, f.Type, f.Otherwise, f.Off, f.Default = ruleset.MaintenanceKey, ruleset.JSON, "off", "off", "off"
		f.Variants = []ruleset.Variant{{Name: "off", Value: json.RawMessage(`{}`)}, {Name: "on", Value: json.RawMessage(`{"on":true}`)}}
	}
	const onceOn = "once it is switched on: on for everybody where country is DE, otherwise off"
	for name, c := range map[string]struct{ got, want []string }{
		"the rules of a disabled one": {flag(func(f *ruleset.Flag) { f.Enabled = false }), []string{"new, disabled: off for everybody but those with an override", onceOn}},
		"the rules of a killed one":   {flag(func(f *ruleset.Flag) { f.Killed = true }), []string{"new, killed: off for everybody, without exception, until the kill is lifted", onceOn}},
		"what it serves otherwise": {flag(func(f *ruleset.Flag) { f.Enabled, f.Rules, f.Otherwise = false, nil, "on" }),
			[]string{"new, disabled: off for everybody but those with an override", "once it is switched on: on for everybody"}},
		"values": {flag(text), []string{"new, “b” for everybody", `variant “b”: "https://b.example"`, `variant “c”: ""`, "off is “c”, default is “c”"}},
		"that browsers are told": {flag(func(f *ruleset.Flag) { f.ClientVisible = true }),
			[]string{"new, on for everybody where country is DE, otherwise off", "client-visible"}},
		"maintenance that closes": {flag(func(f *ruleset.Flag) { closing(f); f.Rules = []ruleset.Rule{{Serve: "on"}} }),
			[]string{"new", "the whole site is closed until it is ended, for everybody"}},
		"maintenance that closes in another way too": {flag(func(f *ruleset.Flag) {
			closing(f)
			f.Rules = []ruleset.Rule{{When: &german, Serve: "off"}, {Serve: "on"}}
		}), []string{"new, “off” for everybody where country is DE; “on” for everybody else", "variant “off”: nothing is closed",
			"variant “on”: the whole site is closed until it is ended", "off is “off”, default is “off”"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
	many := make([]ruleset.Rule, 12)
	for i := range many {
		where := country(fmt.Sprintf("C%d", i))
		many[i] = ruleset.Rule{When: &where, Serve: "on"}
	}
	said := strings.Join(flag(func(f *ruleset.Flag) { f.Rules = many }), "\n")
	for i := range many {
		if want := fmt.Sprintf("rule %d: everybody where country is C%d gets on", i+1, i); !strings.Contains(said, want) {
			t.Errorf("%q is not told:\n%s", want, said)
		}
	}
}

func TestWhatDiffersFarBackInAValueIsTold(t *testing.T) {
	value := func(end string) ruleset.Flag {
		text, _ := json.Marshal(strings.Repeat("x", 400) + end)
		return ruleset.Flag{Key: "a", Type: ruleset.String, Variants: []ruleset.Variant{{Name: "v", Value: text}}}
	}
	lines := words.FlagDiff(value("the old site"), value("the new site"), time.UTC)
	if len(lines) != 1 || !strings.Contains(lines[0], "the old site") || !strings.Contains(lines[0], "the new site") || len(lines[0]) > 300 {
		t.Errorf("%q", lines)
	}
}

func TestAReviewNamesEverybodyOfALongList(t *testing.T) {
	ids := make([]string, 40)
	for i := range ids {
		ids[i] = fmt.Sprintf("tenant-%d-", i)
	}
	long := ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts(ids)}
	short := ruleset.Condition{Attribute: "tenant", Operator: ruleset.In, Values: ruleset.Texts(ids[:1])}
	germany := country("DE")
	either := ruleset.Condition{Any: []ruleset.Condition{germany, {Not: &long}}}
	parts := ruleset.Condition{}
	for _, id := range ids {
		parts.Any = append(parts.Any, ruleset.Condition{Attribute: "tenant", Operator: ruleset.StartsWith, Values: ruleset.Texts([]string{id})})
	}
	segment := func(c ruleset.Condition) ruleset.Segment { return ruleset.Segment{Key: "s", When: c} }
	flag := func(rules ...ruleset.Rule) ruleset.Flag {
		return ruleset.Flag{Key: "a", Type: ruleset.Boolean, Enabled: true, Rules: rules}
	}
	rule := func(c *ruleset.Condition) ruleset.Rule { return ruleset.Rule{Name: "r", When: c, Serve: "on"} }
	for name, lines := range map[string][]string{
		"a new segment":            words.NewSegment(segment(long), time.UTC),
		"a new segment of two":     words.NewSegment(segment(either), time.UTC),
		"a new segment of many":    words.NewSegment(segment(parts), time.UTC),
		"a new flag":               words.NewFlag(flag(rule(&long)), time.UTC),
		"a new plan":               words.NewPlan(ruleset.Plan{Key: "p", Features: ids}),
		"a plan with more":         words.PlanDiff(ruleset.Plan{Key: "p", Features: []string{"x"}}, ruleset.Plan{Key: "p", Features: append([]string{"x"}, ids...)}),
		"a segment with more":      words.SegmentDiff(segment(short), segment(long), time.UTC),
		"a segment with less":      words.SegmentDiff(segment(long), segment(short), time.UTC),
		"a segment otherwise":      words.SegmentDiff(segment(germany), segment(long), time.UTC),
		"a rule that is added":     words.FlagDiff(flag(), flag(rule(&long)), time.UTC),
		"a rule that is limited":   words.FlagDiff(flag(rule(nil)), flag(rule(&long)), time.UTC),
		"a condition that is more": words.FlagDiff(flag(rule(&germany)), flag(rule(&ruleset.Condition{All: []ruleset.Condition{germany, long}})), time.UTC),
	} {
		all := strings.Join(lines, "\n")
		for _, id := range ids[1:] {
			if !strings.Contains(all, id) {
				t.Errorf("%s: %s is not told:\n%s", name, id, all)
				break
			}
		}
	}
}
