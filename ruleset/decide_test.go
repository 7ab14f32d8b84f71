package ruleset_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
)

// decision is one row of the table of cases: what makes it apply, and what it then gives.
type decision struct {
	reason  ruleset.Reason
	variant string
	apply   func(f *ruleset.Flag, d *ruleset.Definition, s *ruleset.Subject)
}

// decisions are all rows in the order in which they are tried.
var decisions = []decision{
	{ruleset.FlagNotFound, "", func(f *ruleset.Flag, _ *ruleset.Definition, _ *ruleset.Subject) { f.Archived = true }},
	{ruleset.Killed, "off", func(f *ruleset.Flag, _ *ruleset.Definition, _ *ruleset.Subject) { f.Killed = true }},
	{ruleset.PlanUnknown, "off", func(f *ruleset.Flag, _ *ruleset.Definition, s *ruleset.Subject) {
		f.TierRequired, s.Plan = "pro", "gone"
	}},
	{ruleset.PlanExcluded, "off", func(f *ruleset.Flag, _ *ruleset.Definition, s *ruleset.Subject) {
		f.TierRequired, s.Plan = "pro", "free"
	}},
	{ruleset.Error, "default", func(f *ruleset.Flag, _ *ruleset.Definition, _ *ruleset.Subject) {
		f.Rules = append(f.Rules, serve("no such variant"))
	}},
	{ruleset.Overridden, "override", func(f *ruleset.Flag, d *ruleset.Definition, s *ruleset.Subject) {
		d.Overrides = append(d.Overrides, ruleset.Override{Flag: f.Key, User: s.User, Variant: "override"})
	}},
	{ruleset.Disabled, "off", func(f *ruleset.Flag, _ *ruleset.Definition, _ *ruleset.Subject) { f.Enabled = false }},
	{ruleset.PrerequisiteFailed, "off", func(f *ruleset.Flag, d *ruleset.Definition, _ *ruleset.Subject) { *f = requiring(*f, "prerequisite") }},
	{ruleset.TargetingMatch, "rule", func(f *ruleset.Flag, _ *ruleset.Definition, s *ruleset.Subject) {
		f.Rules = append(f.Rules, serve("rule"))
	}},
	{ruleset.NothingMatched, "otherwise", func(*ruleset.Flag, *ruleset.Definition, *ruleset.Subject) {}},
}

// ask evaluates a flag for which several rows apply at once.
func ask(rows ...decision) ruleset.Detail {
	f := text("flag", []string{"off", "otherwise", "default", "override", "rule"})
	f.Off, f.Otherwise, f.Default = "off", "otherwise", "default"
	d := define(boolean("prerequisite"))
	s := ruleset.Subject{User: "u-1", Tenant: "acme", Plan: "free"}
	for _, row := range rows {
		row.apply(&f, &d, &s)
	}
	d.Flags = append(d.Flags, f)
	r, _ := ruleset.Compile(ruleset.ID{}, d, nil)
	return r.Evaluate(s, noon).Detail("flag")
}

func TestEachCaseGivesItsValueAndReason(t *testing.T) {
	for _, row := range decisions {
		if got := ask(row); got.Reason != row.reason || got.Variant != row.variant {
			t.Errorf("%s: got %q because of %s, want %q", row.reason, got.Variant, got.Reason, row.variant)
		}
	}
}

func TestOfTwoCasesTheEarlierDecides(t *testing.T) {
	for i, first := range decisions {
		for _, second := range decisions[i+1:] {
			if first.reason == ruleset.PlanUnknown && second.reason == ruleset.PlanExcluded {
				continue // a plan is either unknown or known
			}
			for _, got := range []ruleset.Detail{ask(first, second), ask(second, first)} {
				if got.Reason != first.reason || got.Variant != first.variant {
					t.Errorf("%s and %s: got %q because of %s", first.reason, second.reason, got.Variant, got.Reason)
				}
			}
		}
	}
}

func TestAMalformedFlagWithAPlanIsOff(t *testing.T) {
	f := tier(boolean("reports", serve("no such variant")), "pro")
	f.Default = "on"
	r, _ := flawed(t, define(f))
	expect(t, r.Evaluate(ruleset.Subject{Plan: "max"}, noon), "reports", "off", ruleset.Error)
}

func TestTheOverrideForTheUserBeatsTheOneForTheTenant(t *testing.T) {
	d := define(text("flag", []string{"none", "user", "tenant"}))
	d.Overrides = []ruleset.Override{
		{Flag: "flag", Tenant: "acme", Variant: "tenant"},
		{Flag: "flag", User: "u-1", Variant: "user"},
	}
	r := sound(t, d)
	for _, c := range []struct {
		subject ruleset.Subject
		variant string
		reason  ruleset.Reason
	}{
		{ruleset.Subject{User: "u-1", Tenant: "acme"}, "user", ruleset.Overridden},
		{ruleset.Subject{User: "u-2", Tenant: "acme"}, "tenant", ruleset.Overridden},
		{ruleset.Subject{User: "u-2", Tenant: "globex"}, "none", ruleset.NothingMatched},
		{ruleset.Subject{User: "acme", Tenant: "u-1"}, "none", ruleset.NothingMatched},
		{ruleset.Subject{Visitor: "u-1"}, "none", ruleset.NothingMatched},
		{ruleset.Subject{}, "none", ruleset.NothingMatched},
	} {
		expect(t, r.Evaluate(c.subject, noon), "flag", c.variant, c.reason)
	}
}

func TestAnOverrideEndsAtItsExpiry(t *testing.T) {
	expiry := noon
	d := define(boolean("flag"))
	d.Overrides = []ruleset.Override{
		{Flag: "flag", User: "u-1", Variant: "on", Expires: &expiry},
		{Flag: "flag", Tenant: "acme", Variant: "off"},
	}
	r := sound(t, d)
	s := ruleset.Subject{User: "u-1", Tenant: "acme"}
	expect(t, r.Evaluate(s, noon.Add(-time.Nanosecond)), "flag", "on", ruleset.Overridden)
	expect(t, r.Evaluate(s, noon), "flag", "off", ruleset.Overridden) // the tenant's takes its place
	if !r.Timed() {
		t.Error("a revision with an override that expires must be timed")
	}
}

func TestAnOverrideThatExpiredAtTheZeroTimeHasExpired(t *testing.T) {
	d := define(boolean("flag"))
	d.Overrides = []ruleset.Override{{Flag: "flag", User: "u-1", Variant: "on", Expires: &time.Time{}}}
	expectOn(t, sound(t, d), "flag", ruleset.Subject{User: "u-1"}, false)
}

func TestRulesAreTriedInOrderAndAMissedPercentageGoesOn(t *testing.T) {
	f := text("flag", []string{"none", "first", "missed", "second", "never"},
		ruleset.Rule{When: ptr(is("country", "DE")), Serve: "first"},
		percent(0, "missed"),
		percent(100, "second"),
		serve("never"))
	r := sound(t, define(f))
	german := ruleset.Subject{User: "u-1", Attributes: map[string]any{"country": "DE"}}
	expect(t, r.Evaluate(german, noon), "flag", "first", ruleset.TargetingMatch)
	expect(t, r.Evaluate(ruleset.Subject{User: "u-1"}, noon), "flag", "second", ruleset.TargetingMatch)
	if d := r.Evaluate(ruleset.Subject{User: "u-1"}, noon).Detail("flag"); d.RuleIndex != 2 {
		t.Errorf("the third rule matched, not %d", d.RuleIndex)
	}
}

func TestASplitIsFinalAndHasAReasonOfItsOwn(t *testing.T) {
	f := text("flag", []string{"none", "a", "b"}, splitBy("", map[string]ruleset.Weight{"a": 1000}), serve("b"))
	r := sound(t, define(f))
	expect(t, r.Evaluate(ruleset.Subject{User: "u-1"}, noon), "flag", "a", ruleset.SplitMatch)
	expect(t, r.Evaluate(ruleset.Subject{}, noon), "flag", "b", ruleset.TargetingMatch) // without a unit it does not match
}

func TestAPrerequisiteMustServeTheRequiredVariantToTheSameSubject(t *testing.T) {
	f := boolean("child", serve("on"))
	f.Prerequisites = []ruleset.Prerequisite{{Flag: "parent", Variant: "b"}, {Flag: "other", Variant: "off"}}
	parent := text("parent", []string{"a", "b"}, ruleset.Rule{When: ptr(is("user", "u-1")), Serve: "b"})
	r := sound(t, define(f, parent, boolean("other")))
	expect(t, r.Evaluate(ruleset.Subject{User: "u-1"}, noon), "child", "on", ruleset.TargetingMatch)
	expect(t, r.Evaluate(ruleset.Subject{User: "u-2"}, noon), "child", "off", ruleset.PrerequisiteFailed)
}

func TestAChainOfPrerequisitesFollowsItsLastLink(t *testing.T) {
	var flags []ruleset.Flag
	for _, key := range []string{"a", "b", "c", "d"} { // a requires b requires c requires d requires e
		flags = append(flags, requiring(boolean(key, serve("on")), string(key[0]+1)))
	}
	for _, killed := range []bool{false, true} {
		last := boolean("e", serve("on"))
		last.Killed = killed
		r := sound(t, define(append(flags, last)...))
		expectOn(t, r, "a", ruleset.Subject{}, !killed)
	}
}

func TestOnIsTrueOnlyForBooleanTrue(t *testing.T) {
	number := ruleset.Flag{Key: "number", Kind: ruleset.Release, Type: ruleset.Number, Salt: "s", Enabled: true,
		Variants: []ruleset.Variant{{Name: "one", Value: json.RawMessage("1")}}, Off: "one", Otherwise: "one", Default: "one"}
	object := ruleset.Flag{Key: "json", Kind: ruleset.Release, Type: ruleset.JSON, Salt: "s", Enabled: true,
		Variants: []ruleset.Variant{{Name: "no", Value: json.RawMessage("null")}, {Name: "yes", Value: json.RawMessage("true")}, {Name: "one", Value: json.RawMessage(`{"on":true}`)}},
		Off:      "no", Otherwise: "yes", Default: "no"}
	other := object
	other.Key, other.Otherwise = "object", "one"
	all := define(text("text", []string{"true"}), number, object, other, boolean("bool", serve("on")))
	for i := range all.Flags {
		all.Flags[i].ClientVisible = true
	}
	v := sound(t, all).Evaluate(ruleset.Subject{}, noon)
	for key, want := range map[string]bool{"text": false, "number": false, "json": true, "object": false, "bool": true, "none": false} {
		if v.On(key) != want || v.Bool(key, false) != want {
			t.Errorf("On(%q) is %v", key, !want)
		}
	}
	// A browser takes what is true in the JSON for on, and so does the server.
	var inBrowser map[string]any
	if err := json.Unmarshal(v.JSON(), &inBrowser); err != nil {
		t.Fatal(err)
	}
	var on []string
	for key, value := range inBrowser {
		if value == true {
			on = append(on, key)
		}
	}
	if slices.Sort(on); !slices.Equal(on, v.Enabled()) {
		t.Errorf("%v are on in browsers, and %v on the server", on, v.Enabled())
	}
	object.Off = "yes"
	if _, err := ruleset.Compile(ruleset.ID{}, define(object), nil); err == nil || !strings.Contains(err.Error(), `variant "yes" is true: name one that is false`) {
		t.Errorf("a plan that excludes a flag may turn it on: %v", err)
	}
}

func TestEachTypeIsReadAsItselfAndElseGivesTheFallback(t *testing.T) {
	flagOf := func(key string, typ ruleset.Type, value string) ruleset.Flag {
		return ruleset.Flag{Key: key, Kind: ruleset.Release, Type: typ, Salt: "s", Off: "v", Otherwise: "v", Default: "v",
			Variants: []ruleset.Variant{{Name: "v", Value: json.RawMessage(value)}}}
	}
	v := sound(t, define(boolean("bool", serve("on")), flagOf("text", ruleset.String, `"hello"`),
		flagOf("number", ruleset.Number, "2.5"), flagOf("json", ruleset.JSON, `{"a": [1, 2]}`))).Evaluate(ruleset.Subject{}, noon)
	if got := v.String("text", "no"); got != "hello" {
		t.Errorf("String gives %q", got)
	}
	if got := v.Number("number", 0); got != 2.5 {
		t.Errorf("Number gives %v", got)
	}
	var object struct{ A []int }
	if !v.Decode("json", &object) || len(object.A) != 2 || object.A[1] != 2 {
		t.Errorf("Decode gives %v", object)
	}
	for _, key := range []string{"bool", "number", "json", "none"} {
		if got := v.String(key, "fallback"); got != "fallback" {
			t.Errorf("String(%q) gives %q", key, got)
		}
	}
	for _, key := range []string{"bool", "text", "json", "none"} {
		if got := v.Number(key, 7); got != 7 {
			t.Errorf("Number(%q) gives %v", key, got)
		}
	}
	for _, key := range []string{"text", "number", "json", "none"} {
		if !v.Bool(key, true) || v.Bool(key, false) {
			t.Errorf("Bool(%q) does not give the fallback", key)
		}
	}
	object.A = []int{9}
	if v.Decode("none", &object) || object.A[0] != 9 {
		t.Error("Decode touches the target of an unknown flag")
	}
}

func TestTheZeroValuesGiveEveryFallback(t *testing.T) {
	var v ruleset.Values
	var target int
	switch {
	case v.On("a"), !v.Bool("a", true), v.Bool("a", false), v.String("a", "x") != "x", v.Number("a", 3) != 3,
		v.Decode("a", &target), v.Variant("a") != "", v.Reason("a") != ruleset.FlagNotFound, v.Upgradable("a"),
		v.Detail("a").Reason != ruleset.FlagNotFound, len(v.Enabled()) != 0, v.Enabled() == nil,
		string(v.JSON()) != "{}", string(v.AppendJSON([]byte("x"))) != "x{}", v.Revision() != ruleset.ID{}, !v.IsZero():
		t.Error("the zero Values do not give a fallback")
	}
	for d := range v.All() {
		t.Errorf("the zero Values have %v", d)
	}
}

func TestAllAndEnabledAreInTheOrderOfKeys(t *testing.T) {
	r := sound(t, define(boolean("c", serve("on")), boolean("a", serve("on")), boolean("b")))
	v := r.Evaluate(ruleset.Subject{}, noon)
	var keys string
	for d := range v.All() {
		keys += d.Key
	}
	if enabled := v.Enabled(); keys != "abc" || len(enabled) != 2 || enabled[0] != "a" || enabled[1] != "c" {
		t.Errorf("all: %s, enabled: %v", keys, enabled)
	}
}

// questions records what an Observer hears.
type questions struct{ unknown, failed []string }

func (q *questions) FlagNotFound(key string)                 { q.unknown = append(q.unknown, key) }
func (q *questions) FlagFailed(key, cause string)            { q.failed = append(q.failed, key+": "+cause) }
func (q *questions) Counter(string, string) *ruleset.Counter { return nil }

func TestAnObserverHearsOfUnknownAndMalformedFlags(t *testing.T) {
	r, _ := flawed(t, define(boolean("good"), boolean("bad", serve("no such variant"))))
	var q questions
	r.Observe(&q)
	v := r.Evaluate(ruleset.Subject{}, noon)
	v.On("good")
	v.On("bad")
	v.String("unknown", "")
	if len(q.unknown) != 1 || q.unknown[0] != "unknown" || len(q.failed) != 1 || !strings.HasPrefix(q.failed[0], "bad: ") || !strings.Contains(q.failed[0], "no such variant") {
		t.Errorf("heard of %+v", q)
	}
}

func TestDecisionsAreCountedWithThoseThatFailed(t *testing.T) {
	killed := boolean("killed", serve("no such variant"))
	killed.Killed = true
	premium := boolean("premium", serve("no such variant"))
	premium.Kind, premium.TierRequired = ruleset.Premium, "pro"
	r, _ := flawed(t, define(boolean("good"), boolean("bad", serve("no such variant")), killed, premium))
	for plan, want := range map[string]int{"free": 1, "pro": 2} { // what a plan excludes, or a kill decides, is no failure
		if flags, failed := r.Evaluate(ruleset.Subject{User: "ann", Plan: plan}, noon).Decided(); flags != 4 || failed != want {
			t.Errorf("%s: %d of %d failed, want %d of 4", plan, failed, flags, want)
		}
	}
	if flags, failed := (ruleset.Values{}).Decided(); flags != 0 || failed != 0 {
		t.Errorf("no rules decided %d flags, %d failed", flags, failed)
	}
}

func TestReadsAreTakenOnceAndOnlyOfFlagsThatWereRead(t *testing.T) {
	r := sound(t, define(boolean("a"), boolean("b"), boolean("c")))
	v := r.Evaluate(ruleset.Subject{}, noon)
	for range v.All() { // a listing reads nothing
	}
	v.JSON()
	v.On("b")
	if got := r.TakeReads(); len(got) != 1 || got[0] != "b" {
		t.Errorf("reads of %v, want of b", got)
	}
	if got := r.TakeReads(); len(got) != 0 {
		t.Errorf("the reads of %v are taken twice", got)
	}
}

func ptr[T any](v T) *T { return &v }
