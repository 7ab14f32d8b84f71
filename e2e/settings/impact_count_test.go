package settings

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/impact"
	"github.com/toprent/flags/internal/settingstest"
	"github.com/toprent/flags/ruleset"
)

// village is who was seen in a small place: 3,000 people, so that more than one worker counts them, of 40 tenants or none.
func village(t *testing.T) *directory.Snapshot {
	t.Helper()
	d := newDirectory(settingstest.SQLite(t))
	random := rand.New(rand.NewPCG(3, 4))
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	for n := range 3000 {
		s := ruleset.Subject{User: fmt.Sprintf("u-%04d", n), Plan: one("free", "pro", "max", ""), Attributes: map[string]any{"country": one("DE", "FR", "IT"), "seats": random.IntN(100)}}
		if random.IntN(10) > 0 {
			s.Tenant = fmt.Sprint("t-", random.IntN(40))
		}
		if random.IntN(10) == 0 {
			s.AddOns = []string{"f1"}
		}
		d.Saw("development", s)
	}
	flush(t, d)
	return picture(t, d, "development")
}

// rumour is a definition of a few flags that could be anything.
func rumour() *rapid.Generator[ruleset.Definition] {
	return rapid.Custom(func(t *rapid.T) ruleset.Definition {
		d := ruleset.Definition{Plans: []ruleset.Plan{{Key: "free"}, {Key: "pro", Rank: 10}, {Key: "max", Rank: 20}}}
		d.Plans[1].Features = rapid.SampledFrom([][]string{nil, {"f1"}, {"f1", "f2"}}).Draw(t, "features")
		d.Segments = []ruleset.Segment{{Key: "some", When: rapid.SampledFrom([]ruleset.Condition{
			{Attribute: "country", Operator: ruleset.In, Values: ruleset.Texts{"DE"}},
			{Attribute: "seats", Operator: ruleset.Greater, Values: ruleset.Texts{"50"}}}).Draw(t, "segment")}}
		for n := range rapid.IntRange(1, 4).Draw(t, "flags") {
			d.Flags = append(d.Flags, rumoured(n).Draw(t, "flag"))
			variant := rapid.SampledFrom([]string{"on", "off"}).Draw(t, "variant")
			if d.Flags[n].Type == ruleset.String {
				variant = "a"
			}
			for i := range rapid.IntRange(0, 2).Draw(t, "overrides") {
				o := ruleset.Override{Flag: d.Flags[n].Key, Variant: variant, User: fmt.Sprintf("u-%04d", i*7)}
				if rapid.Bool().Draw(t, "tenant") {
					o.User, o.Tenant = "", fmt.Sprint("t-", i*7)
				}
				d.Overrides = append(d.Overrides, o)
			}
		}
		return d
	})
}

var rumourTime = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func rumoured(n int) *rapid.Generator[ruleset.Flag] {
	return rapid.Custom(func(t *rapid.T) ruleset.Flag {
		sometimes := func(label string) bool { return rapid.IntRange(0, 4).Draw(t, label) == 0 }
		f := ruleset.Flag{Key: fmt.Sprint("f", n), Salt: fmt.Sprint("f", n), Kind: ruleset.Release, Type: ruleset.Boolean, Enabled: !sometimes("off"),
			Killed: sometimes("killed"), Archived: sometimes("archived")}
		variants := []string{"on", "off"}
		if n%2 == 1 {
			f.Type, variants = ruleset.String, []string{"a", "b"}
			f.Off, f.Default = "a", "a"
			for _, name := range variants {
				value, _ := json.Marshal(rapid.SampledFrom([]string{name, "same"}).Draw(t, "value"))
				f.Variants = append(f.Variants, ruleset.Variant{Name: name, Value: value})
			}
		}
		variant := rapid.SampledFrom(variants)
		f.Otherwise = variant.Draw(t, "otherwise")
		if sometimes("gated") {
			f.Kind, f.TierRequired = ruleset.Premium, "pro"
		}
		if n > 0 && sometimes("requiring") {
			f.Prerequisites = []ruleset.Prerequisite{{Flag: "f0", Variant: "on"}}
		}
		later := rumourTime.Add(time.Hour)
		for range rapid.IntRange(0, 2).Draw(t, "rules") {
			serve, share := variant.Draw(t, "serve"), ruleset.Share(rapid.IntRange(0, 100_000).Draw(t, "share"))
			f.Rules = append(f.Rules, rapid.SampledFrom([]ruleset.Rule{
				{When: &ruleset.Condition{Segment: "some"}, Serve: serve},
				{Percent: &ruleset.Percent{Serve: serve, Share: share}},
				{Percent: &ruleset.Percent{Unit: "tenant", Serve: serve, Share: share}},
				{Percent: &ruleset.Percent{Serve: serve, From: share, To: ruleset.Everyone, Start: &rumourTime, End: &later}},
				{Split: &ruleset.Split{Weights: map[string]ruleset.Weight{variants[0]: 1000, serve: 3000}}},
			}).Draw(t, "rule"))
		}
		return f
	})
}

// naive counts an impact by evaluating everything for everybody, and asking nothing of how that is stored.
type naive struct {
	people, inTenants, tenants map[string]int // by flag, from and to
	who                        map[string][]string
	changed                    impact.Reach
}

func naively(before, after *ruleset.Revision, keys []string, boolean map[string]bool, seen *directory.Snapshot, at time.Time) naive {
	n := naive{map[string]int{}, map[string]int{}, map[string]int{}, map[string][]string{}, impact.Reach{}}
	anyTenant, moveTenant := map[string]bool{}, map[string]bool{}
	for _, s := range slices.Concat(seen.People, seen.Tenants) {
		was, is := before.Evaluate(s.Subject(), at), after.Evaluate(s.Subject(), at)
		changes := false
		for _, key := range keys {
			a, b := was.Detail(key), is.Detail(key)
			if a.Variant == b.Variant && reflect.DeepEqual(a.Value, b.Value) || boolean[key] && (a.Variant == "" || b.Variant == "") && was.On(key) == is.On(key) {
				continue
			}
			changes = true
			for _, move := range []string{key + ": " + a.Variant + " -> " + b.Variant, key} {
				switch {
				case !s.Person():
					n.tenants[move]++
					continue
				case s.Tenant != "" && !moveTenant[move+s.Tenant]:
					moveTenant[move+s.Tenant] = true
					n.inTenants[move]++
				}
				n.people[move]++
				n.who[move] = append(n.who[move], s.ID)
			}
		}
		switch {
		case changes && !s.Person():
			n.changed.Tenants++
		case changes:
			n.changed.People++
			if s.Tenant != "" && !anyTenant[s.Tenant] {
				anyTenant[s.Tenant] = true
				n.changed.InTenants++
			}
		}
	}
	return n
}

func (n naive) of(move string) impact.Reach {
	return impact.Reach{People: n.people[move], InTenants: n.inTenants[move], Tenants: n.tenants[move]}
}

func TestTheImpactIsWhatEvaluatingEverythingForEverybodyGives(t *testing.T) {
	seen := village(t)
	moves, turns := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		was, is := rumour().Draw(rt, "before"), rumour().Draw(rt, "after")
		before, _ := ruleset.Compile(ruleset.ID{Environment: "development", Number: 7}, was, nil)
		after, _ := ruleset.Compile(ruleset.ID{}, is, before)
		boolean, keys := map[string]bool{}, []string{"f0", "f1", "f2", "f3"}
		for i, key := range keys {
			boolean[key] = i%2 == 0
		}
		at := rumourTime.Add(time.Duration(rapid.IntRange(-10, 70).Draw(rt, "minutes")) * time.Minute)
		want := naively(before, after, keys, boolean, seen, at)
		got, err := impact.Count(t.Context(), before, after, seen, at, nil)
		if err != nil {
			rt.Fatal(err)
		}
		if got.State != impact.Counted || got.People != len(seen.People) || got.Tenants != len(seen.Tenants) || got.Environment != "development" || got.Revision != 7 || !got.At.Equal(at) {
			rt.Fatalf("it is about something else: %+v", got)
		}
		if got.Changed != want.changed {
			rt.Fatalf("in all %+v, want %+v", got.Changed, want.changed)
		}
		told := map[string]bool{}
		for _, f := range got.Flags {
			if f.Changed != want.of(f.Key) {
				rt.Fatalf("%s changes for %+v, want %+v", f.Key, f.Changed, want.of(f.Key))
			}
			on, off := 0, 0
			for _, m := range f.Moves {
				move := f.Key + ": " + m.From.Variant + " -> " + m.To.Variant
				told[move], told[f.Key] = true, true
				if m.Reach != want.of(move) {
					rt.Fatalf("%s: %+v, want %+v", move, m.Reach, want.of(move))
				}
				sample(rt, m, want.who[move], seen)
				switch m.Turns() {
				case "on":
					on += m.People
				case "off":
					off += m.People
				}
			}
			if f.Boolean && (f.On.People != on || f.Off.People != off) {
				rt.Fatalf("%s turns on for %+v and off for %+v, want %d and %d", f.Key, f.On, f.Off, on, off)
			}
			turns += on + off
		}
		moves += len(told)
		for _, all := range []map[string]int{want.people, want.tenants} {
			for move := range all {
				if !told[move] {
					rt.Fatalf("%s is not told of", move)
				}
			}
		}
	})
	if moves < 100 || turns == 0 {
		t.Errorf("only %d moves, and %d people for whom something turns, which proves little", moves, turns)
	}
}

// sample expects that the first ten by id are named, as the directory has them.
func sample(t *rapid.T, m impact.Move, who []string, seen *directory.Snapshot) {
	if len(who) == 0 { // then tenants are
		for _, s := range m.Sample {
			if _, known := seen.Tenant(s.ID); !known || !s.Alone {
				t.Fatalf("%+v is no tenant", s)
			}
		}
		return
	}
	if len(m.Sample) != min(10, len(who)) {
		t.Fatalf("%d of %d are named", len(m.Sample), len(who))
	}
	for i, s := range m.Sample {
		person, known := seen.Person(s.ID)
		if s.ID != who[i] || !known || s.Tenant != person.Tenant || s.Plan != person.Plan || s.Alone {
			t.Fatalf("named is %+v, want %s", s, who[i])
		}
	}
}
