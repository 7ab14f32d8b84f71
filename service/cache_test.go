package service_test

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
	"pgregory.net/rapid"
)

// attributes are those that the rules of these tests read.
var attributes = []string{"a", "b", "c"}

// anySubject draws subjects from few and similar texts, so that keys that run together would meet.
func anySubject() *rapid.Generator[ruleset.Subject] {
	text := rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00", "\x01", "\x01a", "\x02ab", "\x00\x00", "1", "0", "true"})
	var attribute *rapid.Generator[any]
	attribute = rapid.OneOf(
		text.AsAny(),
		rapid.SampledFrom([]any{1, 0, 1.5, -1, true, false, nil}),
		rapid.SampledFrom([]any{time.Unix(0, 0), time.Unix(0, 1), time.Unix(1, 0)}),
		rapid.SliceOfN(text, 0, 3).AsAny(),
		rapid.SliceOfN(rapid.OneOf(text.AsAny(), rapid.SampledFrom([]any{1, true})), 0, 2).AsAny(),
	)
	return rapid.Custom(func(t *rapid.T) ruleset.Subject {
		return ruleset.Subject{
			User: text.Draw(t, "user"), Visitor: text.Draw(t, "visitor"), Tenant: text.Draw(t, "tenant"), Plan: text.Draw(t, "plan"),
			AddOns:     rapid.SliceOfN(text, 0, 3).Draw(t, "add-ons"),
			Attributes: rapid.MapOfN(rapid.SampledFrom(attributes), attribute, 0, 3).Draw(t, "attributes"),
		}
	})
}

// same reports whether no rule can tell two subjects apart.
func same(a, b ruleset.Subject) bool {
	normal := func(s ruleset.Subject) []any {
		out := []any{s.User, s.Visitor, s.Tenant, s.Plan, fmt.Sprintf("%q", s.AddOns)}
		for _, name := range attributes {
			out = append(out, normalValue(s.Attributes[name]))
		}
		return out
	}
	return reflect.DeepEqual(normal(a), normal(b))
}

// normalValue writes attributes that rules cannot tell apart in the same way.
func normalValue(v any) string {
	switch v := v.(type) {
	case int:
		return fmt.Sprintf("number %v", float64(v))
	case float64:
		return fmt.Sprintf("number %v", v)
	case time.Time:
		return fmt.Sprintf("time %d", v.UnixNano())
	case []string:
		out := "list"
		for _, e := range v {
			out += " " + normalValue(e)
		}
		return out
	case []any:
		out := "list"
		for _, e := range v {
			out += " " + normalValue(e)
		}
		return out
	}
	return fmt.Sprintf("%T %q", v, fmt.Sprint(v))
}

// reading is a flag that reads every attribute, and the time if it is timed.
func reading(timed bool) ruleset.Flag {
	f := boolean("reading")
	for _, name := range attributes {
		f.Rules = append(f.Rules, ruleset.Rule{Serve: "on", When: &ruleset.Condition{Attribute: name, Operator: ruleset.In, Values: []string{"x"}}})
	}
	if timed {
		start, end := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
		f.Rules = append(f.Rules, ruleset.Rule{Percent: &ruleset.Percent{Serve: "on", From: 0, To: ruleset.Everyone, Start: &start, End: &end}})
	}
	return f
}

func TestNoTwoDifferentQuestionsShareAKey(t *testing.T) {
	a := start(t, newSource())
	ids := []ruleset.ID{{Environment: "test"}}
	var views []service.View
	for i := range 6 {
		ids = append(ids, a.publish(t, reading(i%2 == 0), on(fmt.Sprint("flag-", i))))
		for _, id := range ids { // every pinned revision under every newest one
			views = append(views, a.pinned(t, id))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		question := func(name string) (view service.View, s ruleset.Subject, at time.Time) {
			view = rapid.SampledFrom(views).Draw(t, "view "+name)
			return view, anySubject().Draw(t, "subject "+name), a.Now().Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "seconds "+name)) * time.Second)
		}
		v1, s1, at1 := question("1")
		v2, s2, at2 := v1, s1, at1
		if rapid.Bool().Draw(t, "another view") {
			v2, _, _ = question("2")
		}
		if rapid.Bool().Draw(t, "another subject") {
			_, s2, _ = question("3")
		}
		if rapid.Bool().Draw(t, "another time") {
			_, _, at2 = question("4")
		}
		one, other := service.CacheKey(v1, s1, at1), service.CacheKey(v2, s2, at2)
		differ := v1.Revision() != v2.Revision() || v1.Newest() != v2.Newest() || !sameWithin(v1, s1, s2)
		if one == other && differ {
			t.Fatalf("%+v and %+v share the key %q", s1, s2, one)
		}
		if one == other && !reflect.DeepEqual(decided(v1.Values(s1, at1)), decided(v2.Values(s2, at2))) {
			t.Fatalf("%+v at %s and %+v at %s share the key %q and have other values", s1, at1, s2, at2, one)
		}
		if !differ && at1.Truncate(service.Grain).Equal(at2.Truncate(service.Grain)) && one != other {
			t.Fatalf("the same question has two keys: %q, %q", one, other)
		}
	})
}

// sameWithin is same, where the empty revision reads no attributes.
func sameWithin(v service.View, a, b ruleset.Subject) bool {
	if v.Revision().Number == 0 {
		a.Attributes, b.Attributes = nil, nil
	}
	return same(a, b)
}

// decided gives all values with their reasons.
func decided(values ruleset.Values) map[string]ruleset.Detail {
	out := map[string]ruleset.Detail{}
	for d := range values.All() {
		out[d.Key] = d
	}
	return out
}

func TestCachedValuesAreThoseThatAreNotCached(t *testing.T) {
	a := start(t, newSource())
	pinned := a.publish(t, reading(true), on("home"), gated(on("gated")))
	subjects := anySubject()
	rapid.Check(t, func(t *rapid.T) {
		if rapid.IntRange(0, 9).Draw(t, "publish") == 0 {
			a.source.Publish(define(reading(rapid.Bool().Draw(t, "timed")), killed(on("home"))))
			if err := a.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		view := a.Newest()
		if v, ok := a.Pinned(pinned); ok && rapid.Bool().Draw(t, "pinned") {
			view = v
		}
		s := subjects.Draw(t, "subject")
		at := a.Now().Add(time.Duration(rapid.IntRange(0, 1<<20).Draw(t, "at")) * time.Second)
		want := decided(view.Values(s, at))
		for range 2 {
			if got := decided(view.CachedValues(s, at)); !reflect.DeepEqual(got, want) {
				t.Fatalf("cached %v, not cached %v", got, want)
			}
		}
	})
}

func TestValuesFollowTheTimeByTenSecondsCachedOrNot(t *testing.T) {
	a := start(t, newSource())
	change := a.Now().Add(5 * time.Second)
	a.publish(t, boolean("later", ruleset.Rule{Serve: "on", When: &ruleset.Condition{Attribute: ruleset.AttributeNow, Operator: ruleset.After, Values: []string{change.Format(time.RFC3339)}}}))
	for second := range 30 {
		at := a.Now().Add(time.Duration(second) * time.Second)
		cached, not := a.Newest().CachedValues(ann, at).On("later"), a.Newest().Values(ann, at).On("later")
		if want := second >= 10; cached != want || not != want {
			t.Errorf("after %d s: cached %v, not cached %v, want %v", second, cached, not, want)
		}
	}
	if n := a.Status().Cached; n != 3 {
		t.Errorf("30 seconds take %d places, want 3", n)
	}
}

func TestTheCacheIsBoundedAndAPublishEmptiesIt(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, on("home"), when("for-one", "user", "u-25000"))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	ask := func(i int) {
		s := ruleset.Subject{User: fmt.Sprint("u-", i), Tenant: "acme"}
		if v := a.Newest().CachedValues(s, a.Now()); !v.On("home") || v.On("for-one") != (i == 25_000) {
			t.Fatalf("the values of %s are wrong", s.User)
		}
	}
	for i := range 20_000 {
		ask(i)
	}
	full := heap()
	for i := range 200_000 {
		ask(i)
	}
	if n := a.Status().Cached; n != 20_000 {
		t.Errorf("%d subjects are kept", n)
	}
	if grown := int64(heap()) - int64(full); grown > 1<<20 {
		t.Errorf("another 180,000 subjects take %d kB", grown>>10)
	}
	a.publish(t, on("home"), when("for-one", "user", "u-25000"), on("more"))
	if n := a.Status().Cached; n != 0 {
		t.Errorf("%d subjects of rules that nobody asks for are kept", n)
	}
}

func TestValuesAreKeptForAMinuteAndSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, newSource())
		a.publish(t, on("home"))
		a.Newest().CachedValues(ann, a.Now())
		if lives := service.CacheLives(a.FeatureFlagService); len(lives) != 1 || lives[0] != time.Minute {
			t.Errorf("they live %v", lives)
		}
		end := a.run(t)
		defer end()
		time.Sleep(2*time.Minute + time.Second)
		if n := a.Status().Cached; n != 0 {
			t.Errorf("%d subjects are still kept", n)
		}
	})
}

func TestNoCacheAndVeryLargeKeys(t *testing.T) {
	none := start(t, newSource(), func(c *service.Config) { c.CacheSize = -1 })
	none.publish(t, on("home"))
	if !none.Newest().CachedValues(ann, none.Now()).On("home") || none.Status().Cached != 0 {
		t.Error("something is kept without a cache")
	}
	a := start(t, newSource())
	a.publish(t, reading(false), on("home"))
	large := ann
	large.Attributes = map[string]any{"a": string(make([]byte, 5000))}
	if !a.Newest().CachedValues(large, a.Now()).On("home") || a.Status().Cached != 0 {
		t.Error("a subject with very much data is kept")
	}
}

func TestNobodyIsServedStaleValuesWhileRulesChange(t *testing.T) {
	a := start(t, newSource())
	a.publish(t, on("home"))
	stop := make(chan struct{})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				view := a.Newest()
				values := view.CachedValues(ruleset.Subject{User: fmt.Sprint(i, n%50)}, a.Now())
				if odd := view.Revision().Number%2 == 1; values.On("home") != odd || values.Revision() != view.Revision() {
					t.Errorf("revision %d serves %v", view.Revision().Number, values.On("home"))
					return
				}
				if pinned, ok := a.Pinned(view.Revision()); ok && pinned.CachedValues(ann, a.Now()).On("home") != (view.Revision().Number%2 == 1) {
					t.Error("a pinned revision serves other values")
					return
				}
			}
		})
	}
	for i := range 200 {
		flag := on("home")
		if i%2 == 0 {
			flag = off("home")
		}
		a.publish(t, flag)
		if want := i%2 == 1; a.Newest().CachedValues(ann, a.Now()).On("home") != want {
			t.Fatal("stale after a publish")
		}
	}
	close(stop)
	all.Wait()
}
