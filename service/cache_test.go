package service_test

import (
	"context"
	"fmt"
	"path/filepath"
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

// anySubject draws subjects of few and similar parts, so that keys that run together meet.
func anySubject() *rapid.Generator[ruleset.Subject] {
	text := rapid.SampledFrom([]string{"", "a", "aa", "\x00", "\x01", "\x01a"})
	attribute := rapid.OneOf(
		text.AsAny(),
		rapid.SampledFrom([]any{1, 0, 1.5, true, false, nil, time.Unix(0, 0), time.Unix(0, 1), time.Unix(1, 0)}),
		rapid.SampledFrom([]any{[]string{}, []string{""}, []string{"a"}, []string{"a", ""}, []any{}, []any{"a"}, []any{1, true}}),
	)
	return rapid.Custom(func(t *rapid.T) (s ruleset.Subject) {
		if rapid.Bool().Draw(t, "with ids") {
			s = ruleset.Subject{User: text.Draw(t, "user"), Visitor: text.Draw(t, "visitor"), Tenant: text.Draw(t, "tenant"), Plan: text.Draw(t, "plan")}
		}
		if rapid.Bool().Draw(t, "with add-ons") {
			s.AddOns = rapid.SliceOfN(text, 0, 2).Draw(t, "add-ons")
		}
		switch rapid.IntRange(0, 2).Draw(t, "attributes") {
		case 0:
			s.Attributes = rapid.MapOfN(rapid.SampledFrom(attributes), attribute, 0, 3).Draw(t, "any")
		case 1:
			list := rapid.SampledFrom([]any{"a", []string{}, []string{"a"}})
			s.Attributes = map[string]any{"a": list.Draw(t, "a"), "b": list.Draw(t, "b"), "c": list.Draw(t, "c")}
		}
		return s
	})
}

// readable writes what rules can read of a subject: the same for two whom no rule can tell apart.
func readable(s ruleset.Subject) string {
	out := fmt.Sprintf("%q %q %q %q %q", s.User, s.Visitor, s.Tenant, s.Plan, s.AddOns)
	for _, name := range attributes {
		out += "; " + normalValue(s.Attributes[name])
	}
	return out
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
		out := "list ["
		for _, e := range v {
			out += normalValue(e) + ", "
		}
		return out + "]"
	case []any:
		out := "list ["
		for _, e := range v {
			out += normalValue(e) + ", "
		}
		return out + "]"
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
		pair := []service.View{rapid.SampledFrom(views).Draw(t, "view"), rapid.SampledFrom(views).Draw(t, "other view")}
		subjects := anySubject()
		asked, keys := map[string]string{}, map[string]string{} // question by key, key by question
		for range 150 {
			view, s := pair[rapid.IntRange(0, 1).Draw(t, "which")], subjects.Draw(t, "subject")
			if view.Revision().Number == 0 {
				s.Attributes = nil // it reads none
			}
			at := a.Now().Add(time.Duration(rapid.IntRange(0, 19).Draw(t, "seconds")) * time.Second)
			question := fmt.Sprint(view.Revision(), view.Newest(), " ", readable(s))
			if view.Values(s, at).Revision().Number%2 == 1 { // a timed one
				question += fmt.Sprint(" ", at.Truncate(service.Grain))
			}
			key := service.CacheKey(view, s, at)
			if other, met := asked[key]; met && other != question {
				t.Fatalf("%s\nand %s\nshare the key %q", question, other, key)
			}
			if other, met := keys[question]; met && other != key {
				t.Fatalf("%s has two keys: %q and %q", question, key, other)
			}
			asked[key], keys[question] = question, key
		}
	})
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
	for i := range 60_000 {
		ask(i)
	}
	if n := a.Status().Cached; n != 20_000 {
		t.Errorf("%d subjects are kept", n)
	}
	if grown := int64(heap()) - int64(full); grown > 1<<20 {
		t.Errorf("another 40,000 subjects take %d kB", grown>>10)
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
	for i := range 100 {
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

// For the race detector, mostly.
func TestEverythingAtOnce(t *testing.T) {
	h := &host{answer: func(_ context.Context, userID string) (ruleset.Subject, error) {
		return ruleset.Subject{Tenant: "acme", Plan: "pro"}, nil
	}}
	a := start(t, newSource(), func(c *service.Config) {
		c.Subjects, c.Poll, c.CacheSize, c.LastGood = h, time.Millisecond, 50, filepath.Join(t.TempDir(), "flags.json")
	})
	first := a.publish(t, on("home"), reading(true))
	end := a.run(t)
	stop := make(chan struct{})
	var all sync.WaitGroup
	forever := func(f func(i int)) {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					f(i)
				}
			}
		})
	}
	ctx := t.Context()
	forever(func(i int) {
		if view, ok := a.Pinned(first); ok && !view.CachedValues(ruleset.Subject{User: fmt.Sprint(i % 100)}, a.Now()).On("home") {
			t.Error("a pinned value moved")
		}
	})
	forever(func(i int) {
		if !a.IsFeatureEnabled(ctx, fmt.Sprint(i%10), "home") || len(a.EnabledFeatures(ctx, "ann")) == 0 {
			t.Error("a flag that is on in every revision is off")
		}
	})
	forever(func(int) { a.PlanChanged(ctx, "acme", "free", "pro") })
	forever(func(int) {
		if a.Status().Cached > 50 {
			t.Error("the cache is larger than it may be")
		}
	})
	forever(func(i int) { a.Hint(); a.Await(ctx, ruleset.ID{Environment: "test", Number: int64(i)}) })
	for i := range 30 {
		if i%10 == 5 {
			a.source.Down()
			_ = a.Refresh(ctx)
			a.source.Up()
		}
		a.publish(t, on("home"), reading(i%2 == 0), on(fmt.Sprint("flag-", i)))
	}
	close(stop)
	all.Wait()
	end()
}
