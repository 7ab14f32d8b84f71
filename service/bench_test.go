package service_test

import (
	"fmt"
	"testing"

	"github.com/toprent/flags/ruleset"
)

// manyFlags are as many flags as named: of ten, four plain ones, three percentages and three that read an attribute.
func manyFlags(n int) []ruleset.Flag {
	var flags []ruleset.Flag
	for i := range n {
		key := fmt.Sprintf("flag-%04d", i)
		switch i % 10 {
		case 0, 1, 2, 3:
			flags = append(flags, on(key))
		case 4, 5, 6:
			flags = append(flags, boolean(key, ruleset.Rule{Percent: &ruleset.Percent{Serve: "on", Share: 25_000}}))
		default:
			flags = append(flags, when(key, []string{"country", "beta", "seats"}[i%3], "DE"))
		}
	}
	return flags
}

var benchSubject = ruleset.Subject{User: "3f0c2f0e-6d0b-4f0e-9a53-2f1f6f9f4a10", Visitor: "b2a1c9d4-1f7b-4f3e-8f59-0c1c7e1b7a11", Tenant: "acme", Plan: "pro",
	Attributes: map[string]any{"country": "DE", "beta": true, "seats": 12}}

func benchApp(b *testing.B, flags int) *app {
	a := start(b, newSource())
	a.publish(b, manyFlags(flags)...)
	return a
}

func BenchmarkCachedValuesHit(b *testing.B) {
	a := benchApp(b, 100)
	view, now := a.Newest(), a.Now()
	view.CachedValues(benchSubject, now)
	b.ReportAllocs()
	for b.Loop() {
		if !view.CachedValues(benchSubject, now).On("flag-0000") {
			b.Fatal("off")
		}
	}
	if a.Status().Cached != 1 {
		b.Fatal("not cached")
	}
}

func BenchmarkValuesNotCached(b *testing.B) {
	a := benchApp(b, 100)
	view, now := a.Newest(), a.Now()
	b.ReportAllocs()
	for b.Loop() {
		if !view.Values(benchSubject, now).On("flag-0000") {
			b.Fatal("off")
		}
	}
}

func BenchmarkIsFeatureEnabled(b *testing.B) {
	a := benchApp(b, 100)
	b.ReportAllocs()
	for b.Loop() {
		if !a.IsFeatureEnabled(b.Context(), "ann", "flag-0000") {
			b.Fatal("off")
		}
	}
}

func BenchmarkOverlayOfAThousandFlags(b *testing.B) {
	compile := func(number int64, flags []ruleset.Flag, previous *ruleset.Revision) *ruleset.Revision {
		r, err := ruleset.Compile(ruleset.ID{Environment: "test", Number: number}, define(flags...), previous)
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	flags := manyFlags(1000)
	pinned := compile(1, flags, nil)
	newest := compile(2, append([]ruleset.Flag{killed(flags[0])}, flags[1:]...), pinned)
	b.ReportAllocs()
	for b.Loop() {
		if ruleset.Overlay(pinned, newest).Len() != 1000 {
			b.Fatal("flags are missing")
		}
	}
}

func BenchmarkRefreshAfterOneOfAThousandFlagsChanged(b *testing.B) {
	a := benchApp(b, 1000)
	flags := manyFlags(1000)
	b.ReportAllocs()
	for b.Loop() {
		flags[0].Killed = !flags[0].Killed
		a.publish(b, append([]ruleset.Flag(nil), flags...)...)
		a.source.Advance(time36)
	}
}

// time36 is so long that nothing but the newest two revisions is kept.
const time36 = 37 * 60 * 1e9
