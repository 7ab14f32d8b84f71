package ruleset_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/toprent/flags/ruleset"
)

// crowd are people who were seen, from one number on.
func crowd(from, n int) []*ruleset.Subject {
	people := make([]*ruleset.Subject, n)
	for i := range people {
		id := from + i
		people[i] = &ruleset.Subject{User: fmt.Sprint("u-", id), Tenant: fmt.Sprint("t-", id/7),
			Attributes: map[string]any{"country": []string{"DE", "FR", "IT"}[id%3], "account": id / 3}}
	}
	return people
}

// each are the people in three parts.
func each(people []*ruleset.Subject) (all ruleset.Crowd) {
	for part := range slices.Chunk(people, len(people)/3+1) {
		all = append(all, func([]string) iter.Seq[*ruleset.Subject] { return slices.Values(part) })
	}
	return all
}

// calibrated is a flag of one percentage that was calibrated for the people.
func calibrated(t testing.TB, rule ruleset.Rule, before *ruleset.Percent, people []*ruleset.Subject) ruleset.Flag {
	t.Helper()
	rule.Percent = ptr(*rule.Percent)
	rule.Percent.Calibrated = nil
	k, ok := sound(t, define(boolean("flag", rule))).Calibrate("flag", 0, before, each(people), noon)
	if !ok {
		t.Fatal("the rule cannot be calibrated")
	}
	rule.Percent.Calibrated = &k
	return boolean("flag", rule)
}

// whoIsIn tells for each of the people whether they have the flag, and counts the distinct units among them.
func whoIsIn(t testing.TB, f ruleset.Flag, people []*ruleset.Subject, unit func(*ruleset.Subject) string) (in map[string]bool, units int) {
	t.Helper()
	r := sound(t, define(f))
	decider, all := r.Decider(f.Key), map[string]bool{}
	in = map[string]bool{}
	for _, s := range people {
		all[unit(s)] = true
		if decider.Decide(s, noon).Variant == "on" {
			in[unit(s)] = true
		}
	}
	return in, len(all)
}

func byUser(s *ruleset.Subject) string   { return s.User }
func byTenant(s *ruleset.Subject) string { return s.Tenant }

func exactly(in, known int, share ruleset.Share) bool {
	return math.Abs(float64(in)-float64(known)*float64(share)/float64(ruleset.Everyone)) <= 0.5
}

func TestTenPercentOfAThousandKnownPeopleIsAHundred(t *testing.T) {
	people := crowd(0, 1000)
	f := calibrated(t, percent(10, "on"), nil, people)
	in, _ := whoIsIn(t, f, people, byUser)
	if k := f.Rules[0].Percent.Calibrated; len(in) != 100 || k.In != 100 || k.Known != 1000 || k.Of != "user" || k.Share != 10_000 {
		t.Errorf("%d are in, told %+v", len(in), k)
	}
}

func TestCalibratedSharesAreExactToOnePerson(t *testing.T) {
	for _, n := range []int{100, 101, 997, 1000, 10_000, 100_000} {
		people := crowd(n, n)
		for share := 1; share <= 100; share++ {
			if underRace && n > 10_000 && share%25 != 0 { // it is arithmetic, and slow to watch
				continue
			}
			f := calibrated(t, percent(float64(share), "on"), nil, people)
			k := f.Rules[0].Percent.Calibrated
			if !exactly(k.In, n, ruleset.Share(share*1000)) || k.Known != n {
				t.Fatalf("%d %% of %d: %d of %d", share, n, k.In, k.Known)
			}
			if n <= 1000 || share%25 == 0 {
				if in, _ := whoIsIn(t, f, people, byUser); len(in) != k.In {
					t.Fatalf("%d %% of %d: counted %d, served to %d", share, n, k.In, len(in))
				}
			}
		}
	}
}

func TestSharesOfTenantsAttributesAndThoseWhoMatchAreExact(t *testing.T) {
	people := crowd(0, 7000)
	german := is("country", "DE")
	for name, c := range map[string]struct {
		unit  string
		when  *ruleset.Condition
		of    func(*ruleset.Subject) string
		known int
	}{
		"tenants":         {"tenant", nil, byTenant, 1000},
		"accounts":        {"account", nil, func(s *ruleset.Subject) string { return fmt.Sprint(s.Attributes["account"]) }, 2334},
		"Germans":         {"", &german, byUser, 2334},
		"German accounts": {"account", &german, func(s *ruleset.Subject) string { return fmt.Sprint(s.Attributes["account"]) }, 2334},
	} {
		for _, share := range []float64{0.5, 1, 25, 33.333, 50, 99, 99.9} {
			rule := percent(share, "on")
			rule.Percent.Unit, rule.When = c.unit, c.when
			f := calibrated(t, rule, nil, people)
			k := f.Rules[0].Percent.Calibrated
			in, _ := whoIsIn(t, f, people, c.of)
			if k.Known != c.known || k.In != len(in) || !exactly(len(in), c.known, rule.Percent.Share) {
				t.Errorf("%v %% of %s: %d of %d, served to %d", share, name, k.In, k.Known, len(in))
			}
			reached, known := sound(t, define(f)).Reach("flag", 0, each(people), noon)
			if reached != k.In || known != k.Known {
				t.Errorf("%s: reaches %d of %d, calibrated %d of %d", name, reached, known, k.In, k.Known)
			}
		}
	}
}

func TestRaisingAnExactShareRemovesNobodyAndLoweringAddsNobody(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		people := crowd(rapid.IntRange(0, 1_000_000).Draw(rt, "first"), rapid.IntRange(100, 2000).Draw(rt, "people"))
		rule := percent(0, "on")
		rule.Percent.Unit = rapid.SampledFrom([]string{"", "tenant"}).Draw(rt, "unit")
		unit := map[string]func(*ruleset.Subject) string{"": byUser, "tenant": byTenant}[rule.Percent.Unit]
		before := boolean("flag", rule)
		for range rapid.IntRange(2, 8).Draw(rt, "publishes") {
			if rapid.Bool().Draw(rt, "grows") {
				people = append(people, crowd(rapid.IntRange(2_000_000, 9_000_000).Draw(rt, "new"), rapid.IntRange(1, 500).Draw(rt, "more"))...)
			}
			if gone := len(people) / 4; gone > 100 && rapid.Bool().Draw(rt, "shrinks") {
				people = people[gone:]
			}
			was := before.Rules[0].Percent
			rule.Percent = ptr(*was)
			rule.Percent.Share = ruleset.Share(rapid.IntRange(0, 100).Draw(rt, "share") * 1000)
			after := boolean("flag", rule)
			if exact := rapid.IntRange(0, 3).Draw(rt, "exact") > 0; exact || was.Calibrated != nil {
				after = calibrated(t, rule, was, people) // what was exact stays exact: the share's own threshold may lie on the other side
			}
			wasIn, _ := whoIsIn(t, before, people, unit)
			isIn, known := whoIsIn(t, after, people, unit)
			share := after.Rules[0].Percent.Share
			switch k := after.Rules[0].Percent.Calibrated; {
			case k != nil && (k.In != len(isIn) || k.Known != known):
				rt.Fatalf("told %d of %d, served to %d of %d", k.In, k.Known, len(isIn), known)
			case share == 0 && len(isIn) > 0, share == ruleset.Everyone && len(isIn) < known:
				rt.Fatalf("%s %%: %d of %d", share, len(isIn), known)
			case k != nil && share == was.Share && !exactly(len(isIn), known, share):
				rt.Fatalf("calibrated again, %s %% is %d of %d", share, len(isIn), known)
			}
			for id := range wasIn {
				if share > was.Share && !isIn[id] {
					rt.Fatalf("raising from %s to %s %% took it from %s", was.Share, share, id)
				}
			}
			for id := range isIn {
				if share < was.Share && !wasIn[id] {
					rt.Fatalf("lowering from %s to %s %% gave it to %s", was.Share, share, id)
				}
			}
			before = after
		}
	})
}

func TestAmongTheSamePeopleEveryStepIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		people := crowd(rapid.IntRange(0, 1_000_000).Draw(rt, "first"), rapid.IntRange(100, 3000).Draw(rt, "people"))
		f := calibrated(t, percent(1, "on"), nil, people)
		for range 6 {
			rule := percent(float64(rapid.IntRange(1, 100).Draw(rt, "share")), "on")
			f = calibrated(t, rule, f.Rules[0].Percent, people)
			if k := f.Rules[0].Percent.Calibrated; !exactly(k.In, len(people), k.Share) {
				rt.Fatalf("%s %% of %d is %d", k.Share, len(people), k.In)
			}
		}
	})
}

// The threshold stays where the share itself would have it, as far as those known allow it.
func TestNewcomersComeAtTheRateThatWasAskedFor(t *testing.T) {
	const newcomers = 100_000
	later := crowd(5_000_000, newcomers)
	for _, share := range []float64{10, 50, 90} {
		f := calibrated(t, percent(share, "on"), nil, crowd(0, 10_000))
		in, _ := sound(t, define(f)).Reach("flag", 0, each(later), noon)
		// The threshold itself is off by what 10,000 draws are: four standard deviations of both together.
		p := share / 100
		if off := math.Abs(float64(in)/newcomers-p) / math.Sqrt(p*(1-p)*(1.0/10_000+1.0/newcomers)); off > 4 {
			t.Errorf("%v %%: %d of %d newcomers are in", share, in, newcomers)
		}
	}
}

func TestWithNobodyKnownTheThresholdIsTheSharesOwn(t *testing.T) {
	f := calibrated(t, percent(25, "on"), nil, nil)
	if k := f.Rules[0].Percent.Calibrated; k.Threshold != "4000000000000000" || k.Known != 0 || k.In != 0 || k.Percent() != 25 {
		t.Errorf("%+v", k)
	}
}

func TestEverybodyIsEverybodyAndNobodyIsNobody(t *testing.T) {
	strangers := crowd(7_000_000, 5000)
	for share, want := range map[float64]int{0: 0, 100: len(strangers)} {
		f := calibrated(t, percent(share, "on"), percent(50, "on").Percent, crowd(0, 10))
		if in, _ := whoIsIn(t, f, strangers, byUser); len(in) != want {
			t.Errorf("%v %%: %d strangers are in, want %d", share, len(in), want)
		}
	}
}

// The threshold is a text, because a reader whose numbers are floating point would move people.
func TestAThresholdSurvivesReadersWithoutWholeNumbers(t *testing.T) {
	f := calibrated(t, percent(33.333, "on"), nil, crowd(0, 777))
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var loose map[string]any
	if err := json.Unmarshal(data, &loose); err != nil {
		t.Fatal(err)
	}
	if data, err = json.Marshal(loose); err != nil {
		t.Fatal(err)
	}
	var back ruleset.Flag
	if err := json.Unmarshal(data, &back); err != nil || *back.Rules[0].Percent.Calibrated != *f.Rules[0].Percent.Calibrated {
		t.Errorf("%v: %+v is no longer %+v", err, back.Rules[0].Percent.Calibrated, f.Rules[0].Percent.Calibrated)
	}
}

func TestCalibrationsWithMistakesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(p *ruleset.Percent)
		says  string
	}{
		"asked for only":           {func(p *ruleset.Percent) { p.Calibrated = &ruleset.Calibration{} }, "nobody has been counted yet"},
		"a moving share":           {func(p *ruleset.Percent) { p.Share, p.Start, p.End = 0, ptr(noon), ptr(noon.Add(time.Hour)) }, "only a fixed share can be exact"},
		"visitors":                 {func(p *ruleset.Percent) { p.Unit = "visitor" }, "visitors are not counted one by one"},
		"another share":            {func(p *ruleset.Percent) { p.Share = 26_000 }, "was calibrated for 25 %, but the share is 26 %"},
		"another unit":             {func(p *ruleset.Percent) { p.Unit = "tenant" }, `was calibrated for "user", but "tenant" is counted`},
		"large letters":            {func(p *ruleset.Percent) { p.Calibrated.Threshold = "4000000000000ABC" }, "is no threshold"},
		"too few digits":           {func(p *ruleset.Percent) { p.Calibrated.Threshold = "4" }, "is no threshold"},
		"a sign":                   {func(p *ruleset.Percent) { p.Calibrated.Threshold = "+400000000000000" }, "is no threshold"},
		"more in than known":       {func(p *ruleset.Percent) { p.Calibrated.In = 1001 }, "from 0 to how many were known, 1000"},
		"fewer than nobody":        {func(p *ruleset.Percent) { p.Calibrated.Known = -1 }, "must be from 0 to"},
		"more than there are":      {func(p *ruleset.Percent) { p.Calibrated.Known = ruleset.MaxKnown + 1 }, "must be from 0 to"},
		"without a time":           {func(p *ruleset.Percent) { p.Calibrated.At = time.Time{} }, "when were they counted"},
		"calibrated and asked for": {func(p *ruleset.Percent) { p.Calibrated.Again = true }, "leave again out"},
		"some at 0 %":              {func(p *ruleset.Percent) { p.Share, p.Calibrated.Share = 0, 0 }, "0 % is nobody"},
		"not all at 100 %":         {func(p *ruleset.Percent) { p.Share, p.Calibrated.Share = ruleset.Everyone, ruleset.Everyone }, "100 % is everybody"},
	} {
		f := calibrated(t, percent(25, "on"), nil, crowd(0, 1000))
		c.spoil(f.Rules[0].Percent)
		r, problems := flawed(t, define(f))
		if !strings.Contains(problems.Error(), c.says) {
			t.Errorf("%s: %v", name, problems)
		}
		if d := r.Decide("flag", ruleset.Subject{User: "u-1"}, noon); d.Reason != ruleset.Error {
			t.Errorf("%s: served because of %s", name, d.Reason)
		}
	}
}

func TestAnExplanationTellsTheFrozenThreshold(t *testing.T) {
	people := crowd(0, 1000)
	f := calibrated(t, percent(25, "on"), nil, people)
	r := sound(t, define(f))
	for _, s := range people[:50] {
		x := r.Explain("flag", *s, noon)
		draw := x.Steps[len(x.Steps)-1].Draw
		if draw == nil {
			draw = x.Steps[len(x.Steps)-2].Draw
		}
		if draw.Below != f.Rules[0].Percent.Calibrated.Percent() || draw.In != (draw.Percent < draw.Below) {
			t.Fatalf("%s: %+v", s.User, draw)
		}
	}
	if x := sound(t, define(boolean("flag", percent(25, "on")))).Explain("flag", *people[0], noon); x.Steps[2].Draw.Below != 0 {
		t.Errorf("a share that is not exact has a threshold of its own: %+v", x.Steps[2].Draw)
	}
}

func TestOnlyFixedSharesOfFlagsThatWorkAreCalibrated(t *testing.T) {
	moving := percent(0, "on")
	moving.Percent.Start, moving.Percent.End = ptr(noon), ptr(noon.Add(time.Hour))
	r := sound(t, define(boolean("flag", serve("on"), moving, splitBy("", map[string]ruleset.Weight{"on": 1000}))))
	for place := -1; place < 4; place++ {
		if k, ok := r.Calibrate("flag", place, nil, each(nil), noon); ok {
			t.Errorf("rule %d: %+v", place, k)
		}
	}
	if _, ok := r.Calibrate("no-flag", 0, nil, each(nil), noon); ok {
		t.Error("what is no flag is calibrated")
	}
	torn, _ := flawed(t, define(boolean("flag", percent(5, "no such variant"))))
	if _, ok := torn.Calibrate("flag", 0, nil, each(nil), noon); ok {
		t.Error("a malformed flag is calibrated")
	}
	if in, known := r.Reach("flag", 0, each(crowd(0, 10)), noon); in != 0 || known != 0 {
		t.Errorf("a rule without a share reaches %d of %d", in, known)
	}
}

func TestDrawingAllocatesNothingForASubject(t *testing.T) {
	rule := percent(25, "on")
	rule.When = ptr(is("country", "DE"))
	d := sound(t, define(boolean("flag", rule))).Drawer("flag", 0)
	people := crowd(0, 100)
	if n := testing.AllocsPerRun(1000, func() { // so many that what else the process allocates meanwhile does not count
		for _, s := range people {
			d.Draw(s, noon)
		}
	}); n > 0 {
		t.Errorf("%.0f allocations for %d subjects", n, len(people))
	}
}

func TestADrawerSaysWhereTheDrawsFall(t *testing.T) {
	f := boolean("flag", percent(25, "on"))
	d := sound(t, define(f)).Drawer("flag", 0)
	for range 1000 {
		id := fmt.Sprint("u-", rand.IntN(1_000_000))
		if got, ok := d.Draw(&ruleset.Subject{User: id}, noon); !ok || got != ruleset.Draw(f.Salt, "percent", "", id) {
			t.Fatalf("%s draws %016x, %v", id, got, ok)
		}
	}
	if _, ok := d.Draw(&ruleset.Subject{}, noon); ok {
		t.Error("somebody without an id draws")
	}
}

func BenchmarkCalibrating100000People(b *testing.B) {
	rule := percent(25, "on")
	rule.When = ptr(is("country", "DE", "FR"))
	r, people := sound(b, define(boolean("flag", rule))), crowd(0, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		r.Calibrate("flag", 0, nil, each(people), noon)
	}
}
