package ruleset_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/ruleset"
)

// A flag that is not named has the same value for everybody, however two revisions came about.
func TestAFlagThatIsNotAffectedNeverDiffers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := someDefinition().Draw(rt, "before")
		before := sound(t, d)
		next := someEdit(d).Draw(rt, "after")
		var previous *ruleset.Revision
		if rapid.Bool().Draw(rt, "sharing") {
			previous = before
		}
		after, _ := ruleset.Compile(ruleset.ID{Environment: "test", Number: 2}, next, previous) // edits may make mistakes
		affected := ruleset.Affected(before, after)
		if back := ruleset.Affected(after, before); !slices.Equal(affected, back) {
			rt.Fatalf("one way %q, the other %q", affected, back)
		}
		for _, s := range rapid.SliceOfN(someone(), 1, 20).Draw(rt, "subjects") {
			for _, at := range []time.Time{noon.Add(-2 * time.Hour), noon, noon.Add(30 * time.Minute), noon.Add(2 * time.Hour)} {
				was, is := before.Evaluate(s, at), after.Evaluate(s, at)
				for _, f := range slices.Concat(d.Flags, next.Flags) {
					if slices.Contains(affected, f.Key) {
						continue
					}
					a, b := was.Detail(f.Key), is.Detail(f.Key)
					if a.Variant != b.Variant || !reflect.DeepEqual(a.Value, b.Value) {
						rt.Fatalf("%s is not affected, but was %+v and is %+v for %+v", f.Key, a, b, s)
					}
				}
			}
		}
	})
}

// someEdit changes a definition somewhere, or a few times, or is another one altogether.
func someEdit(d ruleset.Definition) *rapid.Generator[ruleset.Definition] {
	return rapid.Custom(func(t *rapid.T) ruleset.Definition {
		if rapid.IntRange(0, 9).Draw(t, "another") == 0 {
			return someDefinition().Draw(t, "definition")
		}
		next := ruleset.Definition{Plans: slices.Clone(d.Plans), Segments: slices.Clone(d.Segments), Flags: slices.Clone(d.Flags), Overrides: slices.Clone(d.Overrides)}
		var segments []string
		for _, s := range d.Segments {
			segments = append(segments, s.Key)
		}
		for range rapid.IntRange(0, 3).Draw(t, "edits") {
			edit(t, &next, segments)
		}
		return next
	})
}

func edit(t *rapid.T, d *ruleset.Definition, segments []string) {
	i := rapid.IntRange(0, len(d.Flags)-1).Draw(t, "flag")
	f := &d.Flags[i]
	switch rapid.IntRange(0, 13).Draw(t, "edit") {
	case 0:
		f.Killed = !f.Killed
	case 1:
		f.Enabled = !f.Enabled
	case 2:
		f.Archived = !f.Archived
	case 3:
		f.ClientVisible = !f.ClientVisible
	case 4:
		f.TierRequired = rapid.SampledFrom([]string{"", "free", "pro", "max"}).Draw(t, "tier")
	case 5:
		f.Rules = append([]ruleset.Rule{someRule(names(*f), segments).Draw(t, "rule")}, f.Rules...)
	case 6:
		f.Prerequisites = nil
	case 7:
		d.Overrides = append(d.Overrides, someOverride(*f).Draw(t, "override"))
	case 8:
		d.Overrides = nil
	case 9:
		if len(d.Segments) > 0 {
			d.Segments[0].When = someCondition(nil, 1).Draw(t, "when")
		}
	case 10:
		d.Plans[0].Rank = rapid.IntRange(-5, 25).Draw(t, "rank")
	case 11:
		d.Plans[1].Features = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"f0", "f1", "f2", "f3", "hidden"}), 0, 2, rapid.ID).Draw(t, "features")
	case 12:
		d.Plans = slices.Delete(d.Plans, 2, 3)
		d.Plans = append(d.Plans, ruleset.Plan{Key: "gone", Rank: 7})
	case 13:
		d.Flags = slices.Delete(d.Flags, i, i+1)
		if len(d.Flags) == 0 {
			d.Flags = append(d.Flags, someFlag("f9", segments, nil).Draw(t, "new"))
		}
	}
}

func TestASimpleEditAffectsOnlyWhatItCanChange(t *testing.T) {
	base := func() ruleset.Definition {
		ranked := when(ruleset.Condition{Segment: "ranked"})
		d := define(boolean("plain", serve("on")), boolean("segmented", when(ruleset.Condition{Segment: "outer"})), boolean("overridden"),
			boolean("parent", serve("on")), requiring(boolean("child", serve("on")), "parent"), requiring(boolean("grandchild", serve("on")), "child"),
			tier(boolean("gated", serve("on")), "pro"), boolean("ranked", ranked))
		d.Segments = []ruleset.Segment{{Key: "outer", When: ruleset.Condition{Segment: "inner"}}, {Key: "inner", When: is("a", "x")},
			{Key: "ranked", When: compare("plan.rank", ruleset.GreaterEqual, "10")}}
		d.Overrides = []ruleset.Override{{Flag: "overridden", User: "u-1", Variant: "on", Expires: ptr(noon.Add(time.Hour))}}
		d.Plans = slices.Clone(d.Plans)
		return d
	}
	for name, c := range map[string]struct {
		change func(d *ruleset.Definition)
		want   []string
	}{
		"nothing":                    {func(*ruleset.Definition) {}, nil},
		"the order of flags":         {func(d *ruleset.Definition) { slices.Reverse(d.Flags) }, nil},
		"a kill":                     {func(d *ruleset.Definition) { d.Flags[0].Killed = true }, []string{"plain"}},
		"a rule":                     {func(d *ruleset.Definition) { d.Flags[0].Rules = nil }, []string{"plain"}},
		"a rule's name":              {func(d *ruleset.Definition) { d.Flags[0].Rules = []ruleset.Rule{{Name: "all", Serve: "on"}} }, nil},
		"who sees it in the browser": {func(d *ruleset.Definition) { d.Flags[0].ClientVisible = true }, nil},
		"a nested segment":           {func(d *ruleset.Definition) { d.Segments[1].When = is("a", "y") }, []string{"segmented"}},
		"a segment's title":          {func(d *ruleset.Definition) { d.Segments[1].Title = "Inner" }, nil},
		"an unused segment": {func(d *ruleset.Definition) {
			d.Segments = append(d.Segments, ruleset.Segment{Key: "new", When: is("b", "x")})
		}, nil},
		"an override's reason":         {func(d *ruleset.Definition) { d.Overrides[0].Reason = "other" }, nil},
		"an override's expiry":         {func(d *ruleset.Definition) { d.Overrides[0].Expires = ptr(noon) }, []string{"overridden"}},
		"an override less":             {func(d *ruleset.Definition) { d.Overrides = nil }, []string{"overridden"}},
		"what others require":          {func(d *ruleset.Definition) { d.Flags[3].Enabled = false }, []string{"child", "grandchild", "parent"}},
		"prerequisites":                {func(d *ruleset.Definition) { d.Flags[4].Prerequisites = nil }, []string{"child", "grandchild"}},
		"the tier":                     {func(d *ruleset.Definition) { d.Flags[6].TierRequired = "max" }, []string{"gated"}},
		"a plan's title":               {func(d *ruleset.Definition) { d.Plans[0].Title = "Free" }, nil},
		"a feature more":               {func(d *ruleset.Definition) { d.Plans[0].Features = []string{"gated"} }, []string{"gated"}},
		"a feature that was for all":   {func(d *ruleset.Definition) { d.Plans[0].Features = []string{"plain"} }, []string{"plain"}},
		"a feature that it had anyway": {func(d *ruleset.Definition) { d.Plans[2].Features = []string{"gated"} }, nil},
		"a rank":                       {func(d *ruleset.Definition) { d.Plans[0].Rank = 1 }, []string{"ranked"}},
		"a rank above another":         {func(d *ruleset.Definition) { d.Plans[0].Rank = 15 }, []string{"gated", "ranked"}},
		"a plan more":                  {func(d *ruleset.Definition) { d.Plans = append(d.Plans, ruleset.Plan{Key: "new", Rank: 5}) }, []string{"gated", "ranked"}},
		"archiving":                    {func(d *ruleset.Definition) { d.Flags[0].Archived = true }, []string{"plain"}},
		"a flag less":                  {func(d *ruleset.Definition) { d.Flags = d.Flags[1:] }, []string{"plain"}},
		"a new flag":                   {func(d *ruleset.Definition) { d.Flags = append(d.Flags, boolean("new")) }, []string{"new"}},
		"the archiving of what is required": {func(d *ruleset.Definition) { d.Flags[3].Archived = true },
			[]string{"child", "grandchild", "parent"}},
	} {
		before := sound(t, base())
		d := base()
		c.change(&d)
		for _, previous := range []*ruleset.Revision{before, nil} {
			after, _ := ruleset.Compile(ruleset.ID{Number: 2}, d, previous)
			if got := ruleset.Affected(before, after); !slices.Equal(got, c.want) {
				t.Errorf("%s (sharing: %v) affects %q, want %q", name, previous != nil, got, c.want)
			}
		}
	}
}

func TestADeciderSaysWhetherTimeMatters(t *testing.T) {
	moving := ruleset.Rule{Percent: &ruleset.Percent{Serve: "on", To: ruleset.Everyone, Start: ptr(noon), End: ptr(noon.Add(time.Hour))}}
	r := sound(t, define(boolean("moving", moving), boolean("still", serve("on")), requiring(boolean("behind", serve("on")), "moving")))
	for key, want := range map[string]bool{"moving": true, "still": false, "behind": true, "no such flag": false} {
		if got := r.Decider(key).Timed(); got != want {
			t.Errorf("%s changes with time: %v", key, got)
		}
	}
}

func BenchmarkAffectedOfAThousandFlags(b *testing.B) {
	var d ruleset.Definition
	for i := range 10 {
		for _, f := range hundredFlags().Flags {
			f.Key += string(rune('a' + i))
			d.Flags = append(d.Flags, f)
		}
	}
	d.Plans, d.Segments = hundredFlags().Plans, hundredFlags().Segments
	before := sound(b, d)
	d.Flags = slices.Clone(d.Flags)
	d.Flags[0].Enabled = !d.Flags[0].Enabled
	after, _ := ruleset.Compile(ruleset.ID{}, d, before)
	b.ReportAllocs()
	for b.Loop() {
		sink.on = len(ruleset.Affected(before, after)) == 1
	}
}
