package service_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/toprent/flags/ruleset"
	"github.com/toprent/flags/service"
	"pgregory.net/rapid"
)

// anyFlag draws a flag of a key; its kind and type follow from the key, since they never change.
func anyFlag(key string, kind ruleset.Kind) *rapid.Generator[ruleset.Flag] {
	return rapid.Custom(func(t *rapid.T) ruleset.Flag {
		f := boolean(key)
		f.Kind = kind
		f.Enabled = rapid.IntRange(0, 4).Draw(t, "enabled") > 0
		f.Killed = rapid.IntRange(0, 4).Draw(t, "killed") == 0
		f.Archived = rapid.IntRange(0, 9).Draw(t, "archived") == 0
		if kind == ruleset.Premium {
			f.TierRequired = rapid.SampledFrom([]string{"free", "pro"}).Draw(t, "tier")
		}
		switch rapid.IntRange(0, 3).Draw(t, "rules") {
		case 0:
			f.Rules = []ruleset.Rule{{Serve: "on"}}
		case 1:
			f.Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Serve: "on", Share: ruleset.Share(rapid.IntRange(0, 100_000).Draw(t, "share"))}}}
			if kind == ruleset.Migration {
				f.Rules[0].Percent.Unit = ruleset.AttributeTenant
			}
		case 2:
			f.Rules = when(key, "country", rapid.SampledFrom([]string{"DE", "FR"}).Draw(t, "country")).Rules
			if kind == ruleset.Migration { // which asks for nothing that differs within a tenant
				f.Rules = when(key, "plan", rapid.SampledFrom([]string{"free", "pro"}).Draw(t, "plan")).Rules
			}
		}
		return f
	})
}

// anyDefinition draws a revision of eight flags, some of which it may lack.
func anyDefinition() *rapid.Generator[ruleset.Definition] {
	return rapid.Custom(func(t *rapid.T) ruleset.Definition {
		def := define()
		for i := range 8 {
			if kind := ruleset.Kinds[i%len(ruleset.Kinds)]; rapid.IntRange(0, 9).Draw(t, "there") > 0 {
				def.Flags = append(def.Flags, anyFlag(fmt.Sprint("flag-", i), kind).Draw(t, "flag"))
			}
		}
		return def
	})
}

// find gives a flag of a definition; nil if it is not live there.
func find(def ruleset.Definition, key string) *ruleset.Flag {
	for i := range def.Flags {
		if f := &def.Flags[i]; f.Key == key && !f.Archived {
			return f
		}
	}
	return nil
}

// A session keeps its revision while others are published: only kills, lifts and flags of the kinds that follow the
// newest revision may move, and every kill reaches it.
func TestAPinnedSessionsValuesStayWhateverIsPublished(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := start(t, newSource())
		publish := func() ruleset.Definition {
			def := anyDefinition().Draw(rt, "definition")
			a.source.Publish(def)
			a.source.Advance(time.Duration(rapid.IntRange(0, 60).Draw(rt, "seconds")) * time.Second)
			a.refresh(t)
			return def
		}
		pinnedDef := publish()
		pin, at := a.Newest().Revision(), a.Now()
		subject := ruleset.Subject{User: rapid.StringMatching("u-[0-9]{1,3}").Draw(rt, "user"), Plan: rapid.SampledFrom([]string{"free", "pro"}).Draw(rt, "plan"),
			Attributes: map[string]any{"country": rapid.SampledFrom([]string{"DE", "FR"}).Draw(rt, "country")}}
		atPin := func(def ruleset.Definition) map[string]ruleset.Detail { // what the pinned rules say but for kills
			def.Flags = append([]ruleset.Flag(nil), def.Flags...)
			for i := range def.Flags {
				def.Flags[i].Killed = false
			}
			revision, err := ruleset.Compile(pin, def, nil)
			if err != nil {
				rt.Fatal(err)
			}
			return decided(revision.Evaluate(subject, at))
		}
		unkilled := atPin(pinnedDef)
		for range rapid.IntRange(1, 6).Draw(rt, "publishes") {
			newestDef := publish()
			view := a.pinned(t, pin)
			if view.Newest() != a.Newest().Revision() || view.Revision() != pin {
				rt.Fatal("the view is of other revisions")
			}
			got, newest := decided(view.CachedValues(subject, at)), decided(a.Newest().Values(subject, at))
			for key, want := range unkilled {
				pinnedFlag, newestFlag := find(pinnedDef, key), find(newestDef, key)
				switch {
				case pinnedFlag.Kind.Newest():
					if !reflect.DeepEqual(got[key], newest[key]) {
						rt.Fatalf("%s (%s) is %+v, in the newest revision %+v", key, pinnedFlag.Kind, got[key], newest[key])
					}
				case newestFlag != nil && newestFlag.Killed:
					if got[key].Reason != ruleset.Killed {
						rt.Fatalf("%s was killed and is %+v", key, got[key])
					}
				case newestFlag == nil && got[key].Reason == ruleset.Killed: // a kill outlives its flag
				default:
					if !reflect.DeepEqual(got[key], want) {
						rt.Fatalf("%s is %+v, under the pin %+v", key, got[key], want)
					}
				}
			}
		}
	})
}

func TestAPinEndsWithItsTimeInMemory(t *testing.T) {
	a := start(t, newSource())
	pin := a.publish(t, on("home"))
	for range 500 {
		a.publish(t, off("home"), on("more"))
		if !a.pinned(t, pin).CachedValues(ann, a.Now()).On("home") {
			t.Fatal("it flips within the pin")
		}
	}
	for range 80 {
		a.source.Advance(30 * time.Second)
		a.publish(t, off("home"))
	}
	if _, ok := a.Pinned(pin); ok {
		t.Errorf("the pin still holds after 40 minutes; at most %s are promised", service.Keep)
	}
}
