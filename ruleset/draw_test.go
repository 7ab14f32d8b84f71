package ruleset_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/toprent/flags/ruleset"
)

// families are the kinds of ids that hosts have.
var families = []struct {
	name string
	id   func(i int) string
}{
	{"sequential", func(i int) string { return fmt.Sprint(i + 1) }},
	{"UUID", func(i int) string {
		a, b := xxhash.Sum64String(fmt.Sprint("a", i)), xxhash.Sum64String(fmt.Sprint("b", i))
		return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
	}},
	{"e-mail", func(i int) string { return fmt.Sprintf("tenant%d.agent%d@example.com", i/7, i%7) }},
}

func ids(n int, id func(int) string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = id(i)
	}
	return out
}

// Changing a single one of these vectors would move real people.
func TestDrawsNeverChange(t *testing.T) {
	var b strings.Builder
	for _, salt := range []string{"", "a", "ab", "5c1f2f0e-salt", "Grüße"} {
		for _, purpose := range []string{"percent", "split"} {
			for _, seed := range []string{"", "1", "autumn"} {
				for _, unit := range []string{"u-1", "u-2", "1", "2", "10000", "9d1b7f1e-4f1c-4e8e-9a31-0f6f6f1d2c3b", "ann@example.com", "日本"} {
					fmt.Fprintf(&b, "%q %s %q %q %016x\n", salt, purpose, seed, unit, ruleset.Draw(salt, purpose, seed, unit))
				}
			}
		}
	}
	for _, share := range []ruleset.Share{0, 1, 10, 100, 333, 1000, 12_345, 25_000, 33_333, 50_000, 66_667, 75_000, 99_900, 99_999} {
		fmt.Fprintf(&b, "share %s%% %016x\n", share, ruleset.Threshold(share))
	}
	golden(t, "draws.golden", b.String())
}

// A golden file says that draws do not change; this says that evaluations use them.
func TestEvaluationsUseTheDraws(t *testing.T) {
	f := text("flag", []string{"none", "on"}, percent(30, "on"))
	seeded := text("seeded", []string{"none", "on"}, percent(30, "on"))
	seeded.Rules[0].Seed = "autumn"
	split := text("split", []string{"a", "b", "c"}, splitBy("", map[string]ruleset.Weight{"c": 20_000, "a": 50_000, "b": 30_000}))
	split.Rules[0].Seed = "autumn"
	r := sound(t, define(f, seeded, split))
	for i := range 2000 {
		id := fmt.Sprint("u-", i)
		v := r.Evaluate(ruleset.Subject{User: id}, noon)
		for key, in := range map[string]bool{
			"flag":   ruleset.Draw(f.Salt, "percent", "", id) < ruleset.Threshold(30_000),
			"seeded": ruleset.Draw(seeded.Salt, "percent", "autumn", id) < ruleset.Threshold(30_000),
		} {
			if (v.Variant(key) == "on") != in {
				t.Fatalf("%s of %s is %s, but its draw says in: %v", key, id, v.Variant(key), in)
			}
		}
		// Ranges follow the stored order of variants: a, b, c.
		d, want := ruleset.Draw(split.Salt, "split", "autumn", id), "c"
		if d < ruleset.Threshold(50_000) {
			want = "a"
		} else if d < ruleset.Threshold(80_000) {
			want = "b"
		}
		if v.Variant("split") != want {
			t.Fatalf("split of %s is %s, but its draw says %s", id, v.Variant("split"), want)
		}
	}
}

func TestDrawsOfDifferentPartsDiffer(t *testing.T) {
	seen := map[uint64]string{}
	for _, parts := range [][4]string{{"ab", "c", "", "u"}, {"a", "bc", "", "u"}, {"a", "b", "c", "u"}, {"ab", "", "c", "u"}, {"abc", "", "", "u"},
		{"a", "b", "", "cu"}, {"a", "b", "u", "c"}, {"u", "b", "", "a"}, {"a", "percent", "", "u"}, {"a", "split", "", "u"}} {
		d := ruleset.Draw(parts[0], parts[1], parts[2], parts[3])
		if other, twice := seen[d]; twice {
			t.Errorf("%q and %s draw the same", parts, other)
		}
		seen[d] = fmt.Sprint(parts)
	}
}

func TestEveryShareOfEveryFamilyIsMet(t *testing.T) {
	const people = 100_000
	for _, family := range families {
		units := ids(people, family.id)
		for _, salt := range []string{"salt-1", "6e9c1b5a"} {
			draws := make([]uint64, people)
			for i, unit := range units {
				draws[i] = ruleset.Draw(salt, "percent", "", unit)
			}
			slices.Sort(draws)
			for share := ruleset.Share(100); share <= 99_900; share += 100 {
				in, _ := slices.BinarySearch(draws, ruleset.Threshold(share))
				p := float64(share) / float64(ruleset.Everyone)
				if z := (float64(in) - people*p) / math.Sqrt(people*p*(1-p)); math.Abs(z) > 4 {
					t.Errorf("%s ids, salt %s: %s%% are %d of %d: %.1f standard deviations off", family.name, salt, share, in, people, z)
				}
			}
		}
	}
}

// independence is the p-value of Pearson's chi-squared test (1900) on the contingency table of two lists of bins.
func independence(a, b []uint8, bins int) float64 {
	table := make([]int, bins*bins)
	rows, columns := make([]float64, bins), make([]float64, bins)
	for i := range a {
		table[int(a[i])*bins+int(b[i])]++
	}
	for i, n := range table {
		rows[i/bins] += float64(n)
		columns[i%bins] += float64(n)
	}
	var chi2 float64
	for i, n := range table {
		want := rows[i/bins] * columns[i%bins] / float64(len(a))
		chi2 += (float64(n) - want) * (float64(n) - want) / want
	}
	return distuv.ChiSquared{K: float64((bins - 1) * (bins - 1))}.Survival(chi2)
}

// uniformity is the p-value of the Kolmogorov-Smirnov test that values are uniform in 0..1, by the asymptotic series
// of Kolmogorov (1933).
func uniformity(values []float64) float64 {
	slices.Sort(values)
	n, d := float64(len(values)), 0.0
	for i, v := range values {
		d = max(d, float64(i+1)/n-v, v-float64(i)/n)
	}
	p, lambda := 0.0, d*math.Sqrt(n)
	for j, sign := 1.0, 2.0; j <= 100; j, sign = j+1, -sign {
		p += sign * math.Exp(-2*j*j*lambda*lambda)
	}
	return min(max(p, 0), 1)
}

// binned are the draws of units in equal bins.
func binned(units []string, bins int, draw func(unit string) uint64) []uint8 {
	out := make([]uint8, len(units))
	for i, unit := range units {
		out[i] = uint8(draw(unit) / (math.MaxUint64/uint64(bins) + 1))
	}
	return out
}

func TestDrawsOfDifferentFlagsAreIndependent(t *testing.T) {
	const flags, bins = 100, 4
	people := 100_000
	if underRace { // 1.5 thousand million comparisons
		people = 10_000
	}
	for _, family := range families {
		units := ids(people, family.id)
		var draws [flags][]uint8
		for f := range draws {
			salt := fmt.Sprint("flag-", f)
			draws[f] = binned(units, bins, func(unit string) uint64 { return ruleset.Draw(salt, "percent", "", unit) })
		}
		var ps []float64
		for a := range draws {
			for b := range a {
				ps = append(ps, independence(draws[a], draws[b], bins))
			}
		}
		smallest, uniform := slices.Min(ps), uniformity(ps)
		t.Logf("%s ids: %d pairs, smallest p %.2g, uniformity p %.2g", family.name, len(ps), smallest, uniform)
		if len(ps) != 4950 || smallest < 1e-6 || uniform < 1e-3 {
			t.Errorf("%s ids: %d pairs, smallest p %.2g, uniformity p %.2g", family.name, len(ps), smallest, uniform)
		}
	}
}

// The tests of independence must be able to fail.
func TestTheTestOfIndependenceSeesDependence(t *testing.T) {
	units := ids(10_000, families[0].id)
	a := binned(units, 4, func(unit string) uint64 { return ruleset.Draw("a", "percent", "", unit) })
	weak := binned(units, 4, func(unit string) uint64 {
		if xxhash.Sum64String(unit)%10 == 0 { // a tenth of the people draw alike
			return ruleset.Draw("a", "percent", "", unit)
		}
		return ruleset.Draw("b", "percent", "", unit)
	})
	if p := independence(a, weak, 4); p > 1e-6 {
		t.Errorf("a tenth of dependent people passes with p = %v", p)
	}
	skewed := make([]float64, 4950)
	for i := range skewed {
		skewed[i] = math.Pow((float64(i)+0.5)/4950, 1.1)
	}
	if p := uniformity(skewed); p > 1e-3 {
		t.Errorf("skewed p-values pass with p = %v", p)
	}
}

func TestSplitsAndSeedsDrawApartFromThePercentage(t *testing.T) {
	var ps []float64
	for _, family := range families {
		units := ids(50_000, family.id)
		for i := range 10 {
			salt := fmt.Sprint("salt-", i)
			shared := binned(units, 10, func(unit string) uint64 { return ruleset.Draw(salt, "percent", "", unit) })
			split := binned(units, 10, func(unit string) uint64 { return ruleset.Draw(salt, "split", "", unit) })
			seeded := binned(units, 10, func(unit string) uint64 { return ruleset.Draw(salt, "percent", "seed", unit) })
			ps = append(ps, independence(shared, split, 10), independence(shared, seeded, 10), independence(split, seeded, 10))
		}
	}
	if smallest, uniform := slices.Min(ps), uniformity(ps); smallest < 1e-6 || uniform < 1e-3 {
		t.Errorf("%d pairs, smallest p %.2g, uniformity p %.2g", len(ps), smallest, uniform)
	}
}

// AC-006: a quarter of a thousand people.
func TestAQuarterOfAThousandPeopleIsAboutTwoHundredAndFifty(t *testing.T) {
	const flags, people = 1000, 1000
	var d ruleset.Definition
	for i := range flags {
		f := boolean(fmt.Sprintf("flag-%04d", i), percent(25, "on"))
		f.Salt = fmt.Sprint("salt-", i)
		d.Flags = append(d.Flags, f)
	}
	r := sound(t, d)
	in := map[string]int{}
	total := 0
	for i := range people {
		for _, key := range r.Evaluate(ruleset.Subject{User: fmt.Sprint("user-", i)}, noon).Enabled() {
			in[key]++
			total++
		}
	}
	for i := range 100 {
		if n := in[d.Flags[i].Key]; n < 200 || n > 300 {
			t.Errorf("%s is on for %d of %d", d.Flags[i].Key, n, people)
		}
	}
	if mean := float64(total) / flags; math.Abs(mean-250) > 1.5 {
		t.Errorf("flags are on for %.2f of %d people on average", mean, people)
	}
}

func TestASplitMeetsItsWeights(t *testing.T) {
	const people = 100_000
	weights := map[string]ruleset.Weight{"a": 33_300, "b": 1_000, "c": 50_000, "d": 15_700}
	r := sound(t, define(text("flag", []string{"d", "b", "a", "none", "c"}, splitBy("", weights))))
	for _, family := range families {
		got := map[string]int{}
		for _, id := range ids(people, family.id) {
			got[r.Evaluate(ruleset.Subject{User: id}, noon).Variant("flag")]++
		}
		for variant, weight := range weights {
			p := float64(weight) / 100_000
			if z := (float64(got[variant]) - people*p) / math.Sqrt(people*p*(1-p)); math.Abs(z) > 4 {
				t.Errorf("%s ids: %s is served to %d of %d: %.1f standard deviations off", family.name, variant, got[variant], people, z)
			}
		}
		if got["none"] != 0 {
			t.Errorf("%s ids: %d get a variant without a weight", family.name, got["none"])
		}
	}
}
