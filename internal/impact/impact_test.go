package impact_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/toprent/flags/directory"
	"github.com/toprent/flags/internal/impact"
	"github.com/toprent/flags/ruleset"
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// tenants are seen; people are counted in e2e, where a directory has stored them.
func tenants(ids ...string) *directory.Snapshot {
	s := &directory.Snapshot{Environment: "test"}
	for _, id := range ids {
		s.Tenants = append(s.Tenants, &directory.Seen{ID: id, Plan: "pro"})
	}
	return s
}

func boolean(key string, enabled bool) ruleset.Flag {
	return ruleset.Flag{Key: key, Salt: key, Kind: ruleset.Release, Type: ruleset.Boolean, Enabled: enabled, Otherwise: "on"}
}

func text(key string, values ...string) ruleset.Flag {
	f := ruleset.Flag{Key: key, Salt: key, Kind: ruleset.Release, Type: ruleset.String, Enabled: true, Off: "v0", Otherwise: "v0", Default: "v0"}
	for i, value := range values {
		f.Variants = append(f.Variants, ruleset.Variant{Name: fmt.Sprint("v", i), Value: json.RawMessage(value)})
	}
	return f
}

func revision(flags ...ruleset.Flag) *ruleset.Revision {
	r, _ := ruleset.Compile(ruleset.ID{Environment: "test", Number: 3}, ruleset.Definition{Flags: flags}, nil)
	return r
}

func count(t *testing.T, before, after *ruleset.Revision, seen *directory.Snapshot) *impact.Impact {
	t.Helper()
	i, err := impact.Count(t.Context(), before, after, seen, noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestItSaysWhenThereIsNobodyToCount(t *testing.T) {
	before, after := revision(boolean("f", false)), revision(boolean("f", true))
	for want, seen := range map[impact.State]*directory.Snapshot{impact.StillReading: {Counting: true}, impact.NobodySeen: {}, impact.Counted: tenants("t-1")} {
		if got := count(t, before, after, seen); got.State != want || len(got.Sentences()) != 1 {
			t.Errorf("%s, want %s: %q", got.State, want, got.Sentences())
		}
	}
	if got := count(t, before, after, nil); got.State != impact.NobodySeen {
		t.Errorf("without a directory: %s", got.State)
	}
}

func TestAnotherValueOfTheSameVariantIsAChange(t *testing.T) {
	before, after := revision(text("f", `"a"`)), revision(text("f", `"b"`))
	got := count(t, before, after, tenants("t-1", "t-2"))
	if got.Changed.Tenants != 2 || !strings.Contains(got.Sentences()[0], "another value") {
		t.Errorf("%+v: %q", got.Changed, got.Sentences())
	}
	same := count(t, before, revision(text("f", ` "\u0061" `)), tenants("t-1"))
	if same.Compared != 1 || !same.Changed.None() {
		t.Errorf("the same value written otherwise counts: %+v", same)
	}
}

func TestABooleanFlagThatIsNotThereIsOff(t *testing.T) {
	on, off := revision(boolean("f", true)), revision(boolean("f", false))
	seen := tenants("t-1")
	if got := count(t, revision(), off, seen); !got.Changed.None() {
		t.Errorf("a new flag that is off changes something: %+v", got.Flags)
	}
	if got := count(t, revision(), on, seen); len(got.Flags) != 1 || got.Flags[0].On.Tenants != 1 {
		t.Errorf("a new flag that is on: %+v", got.Flags)
	}
	if got := count(t, on, revision(), seen); len(got.Flags) != 1 || got.Flags[0].Off.Tenants != 1 {
		t.Errorf("a flag that goes: %+v", got.Flags)
	}
	if got := count(t, revision(text("f", `"a"`)), revision(), seen); got.Changed.Tenants != 1 {
		t.Errorf("a text that goes: %+v", got.Flags)
	}
}

func TestFlagsThatBecomeMalformedAreNamed(t *testing.T) {
	broken := boolean("broken", true)
	broken.Otherwise = strings.Repeat("é", 1000)
	stays := boolean("stays", true)
	stays.Otherwise = "none"
	got := count(t, revision(boolean("broken", true), stays), revision(broken, stays), tenants("t-1"))
	if len(got.Malformed) != 1 || got.Malformed[0].Key != "broken" || len([]rune(got.Malformed[0].Why)) > 201 {
		t.Errorf("%+v", got.Malformed)
	}
	if all := strings.Join(got.Sentences(), " "); !strings.Contains(all, "“broken” could no longer be evaluated") {
		t.Error(all)
	}
	var many, manyBroken []ruleset.Flag
	for n := range 30 {
		f := boolean(fmt.Sprint("f", n), true)
		many = append(many, f)
		f.Otherwise = "none"
		manyBroken = append(manyBroken, f)
	}
	if got := count(t, revision(many...), revision(manyBroken...), tenants("t-1")); len(got.Malformed) != 20 || got.MoreMalformed != 10 {
		t.Errorf("%d are named, and %d more", len(got.Malformed), got.MoreMalformed)
	}
}

// Who was seen is known without their browsers, so a share of browsers reaches nobody who is counted.
func TestItSaysWhatDependsOnTheBrowser(t *testing.T) {
	share := func(key, unit string, of ruleset.Share) ruleset.Flag {
		f := boolean(key, true)
		f.Otherwise = "off"
		f.Rules = []ruleset.Rule{{Percent: &ruleset.Percent{Unit: unit, Serve: "on", Share: of}}}
		return f
	}
	behind := func(of ruleset.Share) []ruleset.Flag {
		f := boolean("behind", true)
		f.Prerequisites = []ruleset.Prerequisite{{Flag: "browsers", Variant: "on"}}
		return []ruleset.Flag{share("browsers", "visitor", of), share("tenants", "tenant", of), f, boolean("other", true)}
	}
	half, all := ruleset.Everyone/2, ruleset.Everyone
	got := count(t, revision(behind(half)...), revision(behind(all)...), tenants("t-1", "t-2", "t-3"))
	if !slices.Equal(slices.Sorted(slices.Values(got.ByVisitor)), []string{"behind", "browsers"}) || got.MoreByVisitor != 0 {
		t.Errorf("%q and %d more depend on the browser", got.ByVisitor, got.MoreByVisitor)
	}
	if told := strings.Join(got.Sentences(), " "); !strings.Contains(told, "can depend on the browser") {
		t.Error(told)
	}
	got = count(t, revision(share("tenants", "tenant", half)), revision(share("tenants", "tenant", all)), tenants("t-1", "t-2", "t-3"))
	if told := strings.Join(got.Sentences(), " "); len(got.ByVisitor) != 0 || strings.Contains(told, "browser") {
		t.Errorf("%q: %s", got.ByVisitor, told)
	}
	var before, after []ruleset.Flag
	for n := range 70 { // more than are decided together
		before, after = append(before, share(fmt.Sprint("f", n), "visitor", half)), append(after, share(fmt.Sprint("f", n), "visitor", all))
	}
	if got := count(t, revision(before...), revision(after...), tenants("t-1")); len(got.ByVisitor) != 3 || got.MoreByVisitor != 67 {
		t.Errorf("%q and %d more depend on the browser", got.ByVisitor, got.MoreByVisitor)
	}
}

func TestItsJSONKeepsItsNamesAndIsReadBack(t *testing.T) {
	got := count(t, revision(boolean("f", false)), revision(boolean("f", true)), tenants("t-1"))
	const want = `{"state":"counted","environment":"test","revision":3,"at":"2026-11-01T12:00:00Z","people":0,"tenants":1,"compared":1,"timed":false,` +
		`"changed":{"people":0,"in_tenants":0,"tenants":1},"flags":[{"key":"f","boolean":true,"timed":false,"changed":{"people":0,"in_tenants":0,"tenants":1},` +
		`"on":{"people":0,"in_tenants":0,"tenants":1},"off":{"people":0,"in_tenants":0,"tenants":0},"moves":[{"from":{"variant":"off"},"to":{"variant":"on","on":true},` +
		`"people":0,"in_tenants":0,"tenants":1,"sample":[{"id":"t-1","plan":"pro","alone":true}]}],"rest":{"count":0,"changes":0}}],"rest":{"count":0,"changes":0}}`
	encoded, err := json.Marshal(got)
	if err != nil || string(encoded) != want {
		t.Errorf("%v\n got %s\nwant %s", err, encoded, want)
	}
	var back impact.Impact
	if err := json.Unmarshal(encoded, &back); err != nil || !slices.Equal(back.Sentences(), got.Sentences()) {
		t.Errorf("%v: %q", err, back.Sentences())
	}
}

// However long ids, keys and names are, and however many flags and moves there are.
func TestItsJSONIsNeverLargerThanPromised(t *testing.T) {
	long := strings.Repeat("<", 250) // six bytes each, in JSON
	var ids []string
	for n := range 200 {
		ids = append(ids, fmt.Sprint(long, n))
	}
	for name, c := range map[string]struct{ flags, variants int }{"many flags": {300, 2}, "many moves": {3, 60}, "one flag": {1, 2}, "many of both": {100, 40}} {
		var before, after []ruleset.Flag
		for n := range c.flags {
			var values []string
			weights := map[string]ruleset.Weight{}
			f := text(fmt.Sprintf("%0128d", n))
			for v := range c.variants {
				values = append(values, fmt.Sprint(v))
				f.Variants = append(f.Variants, ruleset.Variant{Name: fmt.Sprintf("%0128d", v), Value: json.RawMessage(fmt.Sprintf("%q", values[v]))})
				weights[f.Variants[v].Name] = 1000
			}
			f.Off, f.Otherwise, f.Default = f.Variants[0].Name, f.Variants[0].Name, f.Variants[0].Name
			before = append(before, f)
			f.Rules = []ruleset.Rule{{Split: &ruleset.Split{Unit: "tenant", Weights: weights}}}
			after = append(after, f)
		}
		got := count(t, revision(before...), revision(after...), tenants(ids...))
		encoded, err := json.Marshal(got)
		if err != nil || len(encoded) > 64_000 || len(got.Flags) == 0 {
			t.Errorf("%s: %d bytes, %d flags: %v", name, len(encoded), len(got.Flags), err)
		}
		if len(got.Flags)+got.Rest.Count != c.flags || len(got.Flags) > 50 {
			t.Errorf("%s: %d flags and %d more of %d", name, len(got.Flags), got.Rest.Count, c.flags)
		}
		for _, f := range got.Flags {
			if moves := len(f.Moves) + f.Rest.Count; len(f.Moves) > 12 || moves != min(moves, c.variants-1) || moves == 0 {
				t.Errorf("%s: %d moves and %d more", name, len(f.Moves), f.Rest.Count)
			}
		}
		for _, sentence := range got.Sentences() {
			if len(sentence) > 5000 {
				t.Errorf("%s: a sentence of %d bytes", name, len(sentence))
			}
		}
	}
}

func TestACountEndsWithItsContext(t *testing.T) {
	var ids []string
	for n := range 20_000 {
		ids = append(ids, fmt.Sprintf("t-%05d", n))
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := 0
	_, err := impact.Count(ctx, revision(boolean("f", false)), revision(boolean("f", true)), tenants(ids...), noon, func(done, total int) {
		if told++; done > total || total != 20_000 {
			t.Errorf("%d of %d", done, total)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || told > 2*runtime.GOMAXPROCS(0) {
		t.Errorf("it went on for %d steps: %v", told, err)
	}
}

func TestAPanicWhileCountingIsAnError(t *testing.T) {
	_, err := impact.Count(t.Context(), revision(boolean("f", false)), revision(boolean("f", true)), tenants("t-1"), noon, func(int, int) { panic("at the disco") })
	if err == nil || !strings.Contains(err.Error(), "at the disco") {
		t.Errorf("%v", err)
	}
}

func TestProgressEndsWithAll(t *testing.T) {
	var last int
	if _, err := impact.Count(t.Context(), revision(boolean("f", false)), revision(boolean("f", true)), tenants("t-1", "t-2"), noon, func(done, total int) { last = total - done }); err != nil || last != 0 {
		t.Errorf("%d are left: %v", last, err)
	}
}
