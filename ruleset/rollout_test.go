package ruleset_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/ruleset"
)

// inside are the people for whom a boolean flag is on.
func inside(t testing.TB, f ruleset.Flag, at time.Time) map[string]bool {
	t.Helper()
	r := sound(t, define(f))
	in := map[string]bool{}
	for i := range 500 {
		s := ruleset.Subject{User: fmt.Sprint("u-", i), Attributes: map[string]any{"even": i%2 == 0, "third": i % 3}}
		if r.Evaluate(s, at).On(f.Key) {
			in[s.User] = true
		}
	}
	return in
}

func anyShare() *rapid.Generator[ruleset.Share] {
	return rapid.OneOf(rapid.Just(ruleset.Share(0)), rapid.Just(ruleset.Everyone),
		rapid.Map(rapid.Uint32Range(0, uint32(ruleset.Everyone)), func(n uint32) ruleset.Share { return ruleset.Share(n) }))
}

func rolledOut(salt string, shares ...ruleset.Share) ruleset.Flag {
	f := boolean("flag")
	f.Salt = salt
	for _, share := range shares {
		f.Rules = append(f.Rules, ruleset.Rule{Percent: &ruleset.Percent{Share: share, Serve: "on"}})
	}
	return f
}

func TestRaisingAShareOnlyAddsPeopleAndLoweringOnlyRemoves(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		salt := rapid.StringN(1, 10, -1).Draw(rt, "salt")
		a, b := anyShare().Draw(rt, "a"), anyShare().Draw(rt, "b")
		lower, higher := inside(t, rolledOut(salt, min(a, b)), noon), inside(t, rolledOut(salt, max(a, b)), noon)
		for id := range lower {
			if !higher[id] {
				rt.Fatalf("%s is in at %s%% and out at %s%%", id, min(a, b), max(a, b))
			}
		}
	})
}

func TestReorderingRulesMovesNobody(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rules := []ruleset.Rule{
			{When: ptr(is("even", "true")), Percent: &ruleset.Percent{Share: anyShare().Draw(rt, "of even"), Serve: "on"}},
			{When: ptr(is("third", "0", "1")), Percent: &ruleset.Percent{Share: anyShare().Draw(rt, "of thirds"), Serve: "on"}},
			{Percent: &ruleset.Percent{Share: anyShare().Draw(rt, "of all"), Serve: "on"}},
		}
		before := inside(t, boolean("flag", rules...), noon)
		after := inside(t, boolean("flag", rapid.Permutation(rules).Draw(rt, "reordered")...), noon)
		if fmt.Sprint(before) != fmt.Sprint(after) {
			rt.Fatalf("%d were in, %d are now", len(before), len(after))
		}
	})
}

func TestTwoPercentagesOfOneFlagReachTheLargerShare(t *testing.T) {
	if both, one := inside(t, rolledOut("s", 20_000, 30_000), noon), inside(t, rolledOut("s", 30_000), noon); fmt.Sprint(both) != fmt.Sprint(one) {
		t.Errorf("20%% and then 30%% reach %d people, 30%% alone %d", len(both), len(one))
	}
	seeded := rolledOut("s", 20_000, 30_000)
	seeded.Rules[0].Seed = "apart"
	if both, one := inside(t, seeded, noon), inside(t, rolledOut("s", 30_000), noon); len(both) <= len(one) {
		t.Errorf("a rule that draws apart reaches nobody more: %d and %d", len(both), len(one))
	}
}

func TestEverybodyAndNobody(t *testing.T) {
	if n := len(inside(t, rolledOut("s", ruleset.Everyone), noon)); n != 500 {
		t.Errorf("100%% reach %d of 500", n)
	}
	if n := len(inside(t, rolledOut("s", 0), noon)); n != 0 {
		t.Errorf("0%% reach %d of 500", n)
	}
}

func TestAMissingUnitIsOutEvenOfEverybody(t *testing.T) {
	withUnit := func(unit string) ruleset.Flag {
		f := rolledOut("s", ruleset.Everyone)
		f.Rules[0].Percent.Unit = unit
		return f
	}
	split := text("flag", []string{"none", "a"}, splitBy("account", map[string]ruleset.Weight{"a": 1}))
	for name, c := range map[string]struct {
		flag    ruleset.Flag
		subject ruleset.Subject
		in      bool
	}{
		"user":                {withUnit("user"), ruleset.Subject{User: "u-1"}, true},
		"user, by default":    {withUnit(""), ruleset.Subject{User: "u-1"}, true},
		"visitor for a user":  {withUnit("user"), ruleset.Subject{Visitor: "v-1"}, true},
		"no user":             {withUnit("user"), ruleset.Subject{Tenant: "acme"}, false},
		"no visitor":          {withUnit("visitor"), ruleset.Subject{User: "u-1"}, false},
		"tenant":              {withUnit("tenant"), ruleset.Subject{Tenant: "acme"}, true},
		"no tenant":           {withUnit("tenant"), ruleset.Subject{User: "u-1", Visitor: "v-1"}, false},
		"attribute":           {withUnit("account"), ruleset.Subject{Attributes: map[string]any{"account": "a-1"}}, true},
		"number":              {withUnit("account"), ruleset.Subject{Attributes: map[string]any{"account": 17}}, true},
		"empty":               {withUnit("account"), ruleset.Subject{Attributes: map[string]any{"account": ""}}, false},
		"boolean":             {withUnit("account"), ruleset.Subject{Attributes: map[string]any{"account": true}}, false},
		"list":                {withUnit("account"), ruleset.Subject{Attributes: map[string]any{"account": []string{"a-1"}}}, false},
		"time":                {withUnit("account"), ruleset.Subject{Attributes: map[string]any{"account": noon}}, false},
		"not UTF-8":           {withUnit("account"), ruleset.Subject{Attributes: map[string]any{"account": "\xff"}}, false},
		"no attribute":        {withUnit("account"), ruleset.Subject{User: "u-1"}, false},
		"no unit for a split": {split, ruleset.Subject{User: "u-1"}, false},
		"a unit for a split":  {split, ruleset.Subject{Attributes: map[string]any{"account": "a-1"}}, true},
	} {
		if got := sound(t, define(c.flag)).Evaluate(c.subject, noon).Reason("flag") != ruleset.NothingMatched; got != c.in {
			t.Errorf("%s: in is %v", name, got)
		}
	}
}

func TestUnitsBeforeAndAfterSignIn(t *testing.T) {
	variants := map[string]ruleset.Weight{}
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprint("v", i))
		variants[names[i]] = 1000
	}
	unit := func(key, unit string) ruleset.Flag {
		f := text(key, names, splitBy(unit, variants))
		f.Salt = "the same"
		return f
	}
	r := sound(t, define(unit("by-user", "user"), unit("by-visitor", "visitor"), unit("by-account", "account")))
	moved := 0
	for i := range 50 {
		visitor, user := fmt.Sprint("visitor-", i), fmt.Sprint("user-", i)
		before := r.Evaluate(ruleset.Subject{Visitor: visitor}, noon)
		after := r.Evaluate(ruleset.Subject{Visitor: visitor, User: user}, noon)
		elsewhere := r.Evaluate(ruleset.Subject{Visitor: "another", User: user}, noon)
		if before.Variant("by-visitor") != after.Variant("by-visitor") {
			t.Errorf("signing in moves %s", visitor)
		}
		if before.Variant("by-user") != before.Variant("by-visitor") {
			t.Errorf("before sign-in the user %s is another unit than the visitor", visitor)
		}
		if after.Variant("by-user") != elsewhere.Variant("by-user") {
			t.Errorf("in another browser %s is another unit", user)
		}
		if before.Variant("by-user") != after.Variant("by-user") {
			moved++
		}
		number := r.Evaluate(ruleset.Subject{Attributes: map[string]any{"account": 1000 + i}}, noon)
		asText := r.Evaluate(ruleset.Subject{Attributes: map[string]any{"account": fmt.Sprint(1000 + i)}}, noon)
		if number.Variant("by-account") != asText.Variant("by-account") {
			t.Errorf("the number %d and its text are different units", 1000+i)
		}
	}
	if moved == 0 {
		t.Error("the unit user does not look at the user")
	}
}

func moving(from, to ruleset.Share, start, end time.Time) ruleset.Flag {
	return boolean("flag", ruleset.Rule{Percent: &ruleset.Percent{From: from, To: to, Start: &start, End: &end, Serve: "on"}})
}

func TestAMovingShareIsLinearAndMonotonic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		from, to := anyShare().Draw(rt, "from"), anyShare().Draw(rt, "to")
		whole := time.Duration(rapid.Int64Range(int64(time.Second), int64(10_000*time.Hour)).Draw(rt, "length"))
		end := noon.Add(whole)
		r := sound(t, define(moving(from, to, noon, end)))
		if !r.Timed() {
			rt.Fatal("the revision must be timed")
		}
		shareAt := func(elapsed time.Duration) float64 {
			share, err := ruleset.ParseShare(r.Explain("flag", ruleset.Subject{User: "u"}, noon.Add(elapsed)).Steps[2].Draw.Share)
			if err != nil {
				rt.Fatal(err)
			}
			return float64(share)
		}
		last := float64(from)
		for _, part := range []float64{-0.5, 0, 0.1, 0.25, 0.5, 0.75, 0.999, 1, 1.5} {
			elapsed := time.Duration(float64(whole) * part)
			want := float64(from) + (float64(to)-float64(from))*min(max(part, 0), 1)
			got := shareAt(elapsed)
			if tolerance := 2 + math.Abs(float64(to)-float64(from))*float64(time.Millisecond)/float64(whole); math.Abs(got-want) > tolerance {
				rt.Fatalf("after %v of %v the share is %v, want %v", elapsed, whole, got, want)
			}
			if from <= to && got < last || from >= to && got > last {
				rt.Fatalf("after %v of %v the share turns from %v to %v", elapsed, whole, last, got)
			}
			last = got
		}
		if shareAt(0) != float64(from) || shareAt(whole) != float64(to) {
			rt.Fatal("the ends are not met")
		}
	})
}

func TestAMovingShareOnlyAddsPeople(t *testing.T) {
	f := moving(0, ruleset.Everyone, noon, noon.Add(10*time.Hour))
	before := map[string]bool{}
	for hour := range 11 {
		now := inside(t, f, noon.Add(time.Duration(hour)*time.Hour))
		for id := range before {
			if !now[id] {
				t.Fatalf("%s falls out after %d hours", id, hour)
			}
		}
		if len(now) < 50*hour-45 || len(now) > 50*hour+45 {
			t.Errorf("after %d hours %d of 500 are in", hour, len(now))
		}
		before = now
	}
}

func TestAShareThatMovesFromTheZeroTimeMoves(t *testing.T) {
	f := moving(0, ruleset.Everyone, time.Time{}, time.Time{}.AddDate(100, 0, 0))
	if n := len(inside(t, f, noon)); n != 500 {
		t.Errorf("at its end %d of 500 are in", n)
	}
}

func TestSharesAndWeightsAreReadExactly(t *testing.T) {
	for text, want := range map[string]ruleset.Share{"0": 0, "0.001": 1, "0.1": 100, "33.333": 33_333, "66.667": 66_667, "99.999": 99_999, "100": 100_000, "1e1": 10_000} {
		if got, err := ruleset.ParseShare(text); err != nil || got != want {
			t.Errorf("%s%% is read as %d (%v)", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "100.001", "0.0001", "99.99995", "50.00004", "NaN", "inf", "many", "1e300"} {
		if got, err := ruleset.ParseShare(text); err == nil {
			t.Errorf("share %q is accepted as %d", text, got)
		}
	}
	for _, text := range []string{"0", "-1", "0.0001", "600.1234", "1000001", "NaN"} {
		if got, err := ruleset.ParseWeight(text); err == nil {
			t.Errorf("weight %q is accepted as %d", text, got)
		}
	}
	for n := ruleset.Share(0); n <= ruleset.Everyone; n += 7 {
		if got, err := ruleset.ParseShare(n.String()); got != n || err != nil {
			t.Fatalf("%d is written as %s and read as %d", n, n, got)
		}
	}
}
