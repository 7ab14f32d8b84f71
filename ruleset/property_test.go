package ruleset_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/ruleset"
)

func details(v ruleset.Values) map[string]ruleset.Detail {
	all := map[string]ruleset.Detail{}
	for d := range v.All() {
		all[d.Key] = d
	}
	return all
}

// The reasons of an explanation's last step.
var told = map[string][]ruleset.Reason{
	"kill": {ruleset.Killed}, "plan": {ruleset.PlanUnknown, ruleset.PlanExcluded}, "error": {ruleset.Error}, "override": {ruleset.Overridden}, "enabled": {ruleset.Disabled},
	"prerequisite": {ruleset.PrerequisiteFailed}, "rule": {ruleset.TargetingMatch, ruleset.SplitMatch}, "otherwise": {ruleset.NothingMatched}, "not_found": {ruleset.FlagNotFound},
}

func TestAnExplanationTellsWhatWasServed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d, s := someDefinition().Draw(rt, "definition"), someone().Draw(rt, "subject")
		r := sound(t, d)
		v := r.Evaluate(s, noon)
		for _, f := range d.Flags {
			x := r.Explain(f.Key, s, noon)
			if !reflect.DeepEqual(x.Detail, v.Detail(f.Key)) {
				rt.Fatalf("explains %+v, serves %+v", x.Detail, v.Detail(f.Key))
			}
			for i, step := range x.Steps {
				if step.Decides != (i == len(x.Steps)-1) {
					rt.Fatalf("step %d of %s decides: %v", i, f.Key, step.Decides)
				}
			}
			last := x.Steps[len(x.Steps)-1]
			if !slices.Contains(told[last.Case], x.Reason) {
				rt.Fatalf("the last step of %s is %s, its reason %s", f.Key, last.Case, x.Reason)
			}
			if last.Case == "rule" && (!strings.HasPrefix(last.Text, fmt.Sprintf("rule %d", x.RuleIndex+1)) || !strings.Contains(last.Text, x.Variant)) {
				rt.Fatalf("%q tells of another rule than %d, serving %s", last.Text, x.RuleIndex, x.Variant)
			}
		}
	})
}

// Simple flags are decided in tables, and all in topological order. A flag that also has an override for a stranger
// is not simple: it must be served the same.
func TestTheTablesSayWhatTheRulesSay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d, s := someDefinition().Draw(rt, "definition"), someone().Draw(rt, "subject")
		slow := d
		slow.Overrides = slices.Clone(d.Overrides)
		for _, f := range d.Flags {
			stranger := ruleset.Override{Flag: f.Key, User: "a stranger", Variant: names(f)[0]}
			if f.Kind == ruleset.Migration {
				stranger = ruleset.Override{Flag: f.Key, Tenant: "a stranger", Variant: f.Otherwise}
			}
			slow.Overrides = append(slow.Overrides, stranger)
		}
		if got, want := details(sound(t, d).Evaluate(s, noon)), details(sound(t, slow).Evaluate(s, noon)); !reflect.DeepEqual(got, want) {
			rt.Fatalf("served %v, by the rules alone %v", got, want)
		}
	})
}

func TestCompilingAfterAnotherRevisionChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		before, d := sound(t, someDefinition().Draw(rt, "before")), someDefinition().Draw(rt, "definition")
		s := someone().Draw(rt, "subject")
		alone := sound(t, d)
		after, err := ruleset.Compile(alone.ID(), d, before)
		if err != nil {
			rt.Fatal(err)
		}
		a, b := alone.Evaluate(s, noon), after.Evaluate(s, noon)
		if !reflect.DeepEqual(details(a), details(b)) || !bytes.Equal(a.JSON(), b.JSON()) || alone.Timed() != after.Timed() || a.Bool("hidden", true) != b.Bool("hidden", true) {
			rt.Fatalf("alone %v, after another %v", details(a), details(b))
		}
	})
}

func TestEvaluationsLeaveNothingBehind(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := sound(t, someDefinition().Draw(rt, "definition"))
		first, second := someone().Draw(rt, "first"), someone().Draw(rt, "second")
		want := details(r.Evaluate(first, noon))
		r.Evaluate(second, noon.Add(time.Hour))
		if got := details(r.Evaluate(first, noon)); !reflect.DeepEqual(got, want) {
			rt.Fatalf("first %v, later %v", want, got)
		}
	})
}

func TestARevisionThatIsNotTimedIgnoresTheTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, s := sound(t, someDefinition().Draw(rt, "definition")), someone().Draw(rt, "subject")
		later := noon.Add(time.Duration(rapid.IntRange(-100, 100).Draw(rt, "minutes")) * time.Minute)
		if !r.Timed() && !reflect.DeepEqual(details(r.Evaluate(s, noon)), details(r.Evaluate(s, later))) {
			rt.Fatal("the values depend on the time")
		}
	})
}

func TestTheBrowserSeesTheVisibleValuesAndNothingElse(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d, s := someDefinition().Draw(rt, "definition"), someone().Draw(rt, "subject")
		v := sound(t, d).Evaluate(s, noon)
		want := map[string]any{}
		for _, f := range d.Flags {
			if f.ClientVisible && !f.Archived {
				want[f.Key] = v.Detail(f.Key).Value
			}
		}
		got := map[string]any{}
		if err := json.Unmarshal(v.JSON(), &got); err != nil {
			rt.Fatalf("%v: %s", err, v.JSON())
		}
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("the browser sees %v, the server %v", got, want)
		}
		if bytes.ContainsAny(v.JSON(), "<>&\u2028\u2029") {
			rt.Fatalf("unsafe within a script: %s", v.JSON())
		}
		if appended := v.AppendJSON([]byte("x")); string(appended) != "x"+string(v.JSON()) {
			rt.Fatalf("appended %s", appended)
		}
	})
}

// readable is all of a subject that rules of the random definitions can read, in the form in which they read it.
func readable(r *ruleset.Revision, s ruleset.Subject) string {
	out := fmt.Sprintf("%q %q %q %q %q", s.User, s.Visitor, s.Tenant, s.Plan, s.AddOns)
	for _, name := range r.Reads() {
		switch a := s.Attributes[name].(type) {
		case int:
			out += fmt.Sprintf(" number %v", float64(a))
		case int64:
			out += fmt.Sprintf(" number %v", float64(a))
		case float64:
			out += fmt.Sprintf(" number %v", a)
		case []string:
			out += fmt.Sprintf(" list %q", a)
		case []any:
			out += fmt.Sprintf(" list %#v", a)
		default:
			out += fmt.Sprintf(" %T %q", a, fmt.Sprint(a))
		}
	}
	return out
}

func TestNoTwoDifferentSubjectsShareAKey(t *testing.T) {
	r := sound(t, define(boolean("flag", when(ruleset.Condition{Any: comparisons}))))
	odd := rapid.OneOf(rapid.Map(rapid.StringN(0, 3, -1), func(s string) any { return s }), rapid.Map(rapid.IntRange(-2, 2), func(i int) any { return i }),
		rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "ab", "b", "\x00", "\x01a"}), 0, 3), func(l []string) any { return l }), rapid.SampledFrom([]any{nil, true, false}))
	bytewise := rapid.Custom(func(t *rapid.T) ruleset.Subject {
		part := rapid.SampledFrom([]string{"", "a", "ab", "b", "\x01", "\x01a", "a\x01", "\x00"})
		return ruleset.Subject{User: part.Draw(t, "user"), Visitor: part.Draw(t, "visitor"), Tenant: part.Draw(t, "tenant"), Plan: part.Draw(t, "plan"),
			AddOns: rapid.SliceOfN(part, 0, 3).Draw(t, "add-ons"), Attributes: map[string]any{"country": odd.Draw(t, "country"), "tags": odd.Draw(t, "tags")}}
	})
	subjects := rapid.SliceOfN(rapid.OneOf(someone(), bytewise), 2, 40)
	rapid.Check(t, func(rt *rapid.T) {
		seen := map[string]ruleset.Subject{}
		for _, s := range subjects.Draw(rt, "subjects") {
			key := string(r.AppendKey([]byte("prefix"), &s))
			other, known := seen[key]
			if known && readable(r, other) != readable(r, s) {
				rt.Fatalf("%s and %s share a key", readable(r, other), readable(r, s))
			}
			if !known {
				for otherKey, other := range seen {
					if readable(r, other) == readable(r, s) {
						rt.Fatalf("the same data have two keys, %x and %x", otherKey, key)
					}
				}
			}
			seen[key] = s
		}
	})
}

func TestSubjectsWithTheSameKeyHaveTheSameValues(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, a := sound(t, someDefinition().Draw(rt, "definition")), someone().Draw(rt, "subject")
		b := someone().Draw(rt, "other") // differs from the first only in what no rule may read
		b.User, b.Visitor, b.Tenant, b.Plan, b.AddOns = a.User, a.Visitor, a.Tenant, a.Plan, a.AddOns
		for _, name := range r.Reads() {
			b.Attributes[name] = a.Attributes[name]
		}
		if !bytes.Equal(r.AppendKey(nil, &a), r.AppendKey(nil, &b)) {
			rt.Fatal("what no rule reads changes the key")
		}
		if !reflect.DeepEqual(details(r.Evaluate(a, noon)), details(r.Evaluate(b, noon))) {
			rt.Fatal("one key, two sets of values")
		}
	})
}

// Each flag is served by the revision that its kind and a kill call for. Prerequisites reach across, so they are left
// out here.
func TestAnOverlayServesEachFlagByItsRevision(t *testing.T) {
	without := func(d ruleset.Definition) ruleset.Definition {
		for i := range d.Flags {
			d.Flags[i].Prerequisites = nil
		}
		return d
	}
	rapid.Check(t, func(rt *rapid.T) {
		pd, nd := without(someDefinition().Draw(rt, "pinned")), without(someDefinition().Draw(rt, "newest"))
		for i := range min(len(pd.Flags), len(nd.Flags)) { // a kind never changes
			if is, was := &nd.Flags[i], &pd.Flags[i]; is.Kind != was.Kind && was.Kind == ruleset.Migration {
				*was = was.Filled()
				was.Kind = is.Kind
			} else if is.Kind != was.Kind {
				*is = is.Filled()
				is.Kind = was.Kind
			}
		}
		pinned, newest, s := sound(t, pd), sound(t, nd), someone().Draw(rt, "subject")
		got := ruleset.Overlay(pinned, newest).Evaluate(s, noon)
		unkilled := pd
		unkilled.Flags = slices.Clone(pd.Flags)
		for i := range unkilled.Flags {
			unkilled.Flags[i].Killed = false
		}
		p, n := sound(t, unkilled).Evaluate(s, noon), newest.Evaluate(s, noon)
		for i := range 10 {
			key := fmt.Sprint("f", i)
			find := func(d ruleset.Definition) *ruleset.Flag {
				if i < len(d.Flags) {
					return &d.Flags[i]
				}
				return nil
			}
			was, is := find(pd), find(nd)
			want := p
			switch {
			case is != nil && !is.Archived && is.Killed:
				want = n
			case was != nil && was.Kind.Newest() || is != nil && is.Kind.Newest():
				want = n
			case was != nil && !was.Archived && (is == nil || is.Archived) && (was.Killed || is != nil && is.Killed):
				if got.Reason(key) != ruleset.Killed {
					rt.Fatalf("archiving ends the kill of %s", key)
				}
				continue
			}
			if !reflect.DeepEqual(got.Detail(key), want.Detail(key)) {
				rt.Fatalf("%s: %+v, want %+v", key, got.Detail(key), want.Detail(key))
			}
		}
	})
}

func TestRevisionsAndValuesAreSafeForConcurrentUse(t *testing.T) {
	r := sound(t, hundredFlags())
	subjects := thousandSubjects()[:50]
	var want []string
	for _, s := range subjects {
		want = append(want, string(r.Evaluate(s, noon).JSON()))
	}
	shared := r.Evaluate(subjects[0], noon)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i, s := range subjects {
				v := r.Evaluate(s, noon)
				if got := string(v.JSON()); got != want[i] {
					t.Errorf("%s, alone %s", got, want[i])
				}
				v.On("feature-001")
				if string(shared.JSON()) != want[0] {
					t.Error("shared values have changed")
				}
				r.TakeReads()
				r.Explain("feature-050", s, noon)
				ruleset.Overlay(r, r).AppendKey(nil, &s)
			}
		})
	}
	wg.Wait()
}
